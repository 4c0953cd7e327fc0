"""How late a channel is, from more than the one figure that the server gives for it: pure arithmetic with a short memory."""

from __future__ import annotations

from collections.abc import Iterable

from collectors.log_times import LogTimes
from collectors.mysql.replication_channel import Channel
from collectors.mysql.replication_gtid import Missing


class ChannelTimes:
    """What was seen of each channel: how far it had received at what time, and when it was last connected.

    Seconds_Behind_Source is unknown while a thread is stopped, and 0 as soon as all that was received is applied, also when the
    connection is gone. What was received at a time and is not applied now is late by that time at least; so is all that
    a source without connection may have written since it was last heard of.
    """

    def __init__(self) -> None:
        self._received: dict[str, LogTimes] = {}
        self._connected: dict[str, float] = {}
        self._in_step: set[str] = set()
        self.names: frozenset[str] | None = None
        """The channels at the last look, whoever took it; None before one or where they cannot be read."""

    def keep(self, names: Iterable[str]) -> None:
        """Note which channels there are, and forget those that are gone."""
        known = self.names = frozenset(names)
        self._in_step &= known
        self._received = {name: times for name, times in self._received.items() if name in known}
        self._connected = {name: at for name, at in self._connected.items() if name in known}

    def lag_seconds(self, channel: Channel, gap: Missing | None, applying_seconds: float | None, at: float) -> float | None:
        """The lag at a moment without the delay that is wanted, in seconds; None where it is not known.

        `gap` is what was received and is not applied; `applying_seconds` the age of the oldest transaction that is being
        applied, which is better than the server's own figure where it is told. Notes what was seen.
        """
        times = self._received.setdefault(channel.name, LogTimes())
        times.note(at, channel.read_to.order)
        if channel.io_runs:
            self._connected[channel.name] = at
        waits = channel.read_to.order > channel.applied_to.order if gap is None else gap.transactions > 0
        if not waits:
            self._in_step.add(channel.name)
        if channel.io_runs and not waits:
            return 0.0
        told = applying_seconds if applying_seconds is not None and waits else channel.behind_seconds
        at_least = times.seconds_behind(at, channel.applied_to.order) if waits else 0.0
        if not channel.io_runs:
            at_least = max(at_least, at - self._connected.get(channel.name, at))
        if told is None and channel.name not in self._in_step:
            return None  # it was late before anybody looked
        known = max(0.0, max(told or 0.0, at_least) - channel.delay_seconds)
        return None if told is None and known <= 0 else known
