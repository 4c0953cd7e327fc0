"""What the processes of a server on this machine use, session by session."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aishell_core.clock import Clock
from aishell_core.engines.process_files import ProcessTimes, ProcessTraffic, private_bytes, process_times, process_traffic
from collectors.postgres.activity_backends import Backend

_PROGRAMS = ("postgres", "postmaster")
_SAME_START_SECONDS = 5.0
"""A server tells when it began to serve a session, a moment after its process started; by the same clock."""

_SHORTEST_SECONDS = 0.2
"""CPU time is counted in hundredths of a second: over a shorter time it says little, and what was told last stays."""


@dataclass(frozen=True, slots=True)
class ProcessReader:
    """How processes are looked at: each function takes a process id and gives None for one that is gone."""

    times: Callable[[int], ProcessTimes | None] = process_times
    private_bytes: Callable[[int], int | None] = private_bytes
    traffic: Callable[[int], ProcessTraffic | None] = process_traffic


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process used: CPU as a share of one core, its own memory, disk traffic; None is unknown."""

    cpu_ratio: float | None = None
    memory_bytes: float | None = None
    read_bytes_per_second: float | None = None
    write_bytes_per_second: float | None = None


@dataclass(slots=True)
class _Known:
    """The last look at a process: `at` in steady seconds. `resting` is what it uses while it does nothing, `shown` what was told."""

    at: float
    times: ProcessTimes
    traffic: ProcessTraffic | None
    memory_bytes: int | None
    resting: Usage
    shown: Usage


UNKNOWN = Usage()


class SessionProcesses:
    """Tells what the processes of sessions use, where these can be seen.

    A process counts only if it is of a server and started when the session did: the address of a server that is
    reached through a tunnel is one of this machine too. The process of a session that rests is not looked at.
    """

    def __init__(self, clock: Clock, reader: ProcessReader | None = None) -> None:
        self._clock = clock
        self._reader = reader or ProcessReader()
        self._known: dict[tuple[int, float | None], _Known] = {}
        self._traffic_told = True

    def usage(self, backends: Iterable[Backend]) -> dict[int, Usage]:
        """By process id, what was used since its last look; a process that is seen first has its memory alone."""
        now = self._clock.steady()
        return {one.pid: self._usage(one, one.started_at, now) for one in backends if one.started_at is not None}

    def forget_others(self, backends: Iterable[Backend]) -> None:
        """Keep nothing of processes that are not among these."""
        known = self._known
        self._known = {key: known[key] for one in backends if (key := (one.pid, one.started_at)) in known}

    def _usage(self, backend: Backend, started_at: float, now: float) -> Usage:
        key = (backend.pid, started_at)
        known = self._known.get(key)
        if known is not None and backend.state == "idle" and _rests(backend, now - known.at):
            known.at = now
            return known.resting
        if known is not None and now - known.at < _SHORTEST_SECONDS:
            return known.shown
        looked = self._look(backend.pid, started_at, now)
        if looked is None:
            self._known.pop(key, None)
            return UNKNOWN
        looked.shown = _compared(looked, known)
        self._known[key] = looked
        return looked.shown

    def _look(self, pid: int, started_at: float, now: float) -> _Known | None:
        times = self._reader.times(pid)
        if times is None or times.name not in _PROGRAMS or abs(times.started_at - started_at) > _SAME_START_SECONDS:
            return None
        traffic, memory_bytes = self._traffic(pid), self._reader.private_bytes(pid)
        silent = None if traffic is None else 0.0
        return _Known(now, times, traffic, memory_bytes, Usage(0.0, memory_bytes, silent, silent), UNKNOWN)

    def _traffic(self, pid: int) -> ProcessTraffic | None:
        if not self._traffic_told:
            return None
        try:
            return self._reader.traffic(pid)
        except PermissionError:
            # All processes of a server have one owner.
            self._traffic_told = False
            return None


def _rests(backend: Backend, seconds: float) -> bool:
    """Whether an idle session has been so all the time since a moment so many seconds ago."""
    return backend.state_seconds is not None and backend.state_seconds > seconds


def _compared(now: _Known, before: _Known | None) -> Usage:
    if before is None:
        return Usage(memory_bytes=now.memory_bytes)
    seconds = now.at - before.at
    read = write = None
    if now.traffic is not None and before.traffic is not None:
        read = max(0, now.traffic.read_bytes - before.traffic.read_bytes) / seconds
        write = max(0, now.traffic.write_bytes - before.traffic.write_bytes) / seconds
    used = max(0.0, now.times.cpu_seconds - before.times.cpu_seconds) / seconds
    return Usage(used, now.memory_bytes, read, write)
