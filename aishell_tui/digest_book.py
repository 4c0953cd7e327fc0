"""The statement figures of all targets, kept whether or not anybody looks, so that the live mode is always of the last seconds."""

from __future__ import annotations

from collections.abc import Iterable

from aishell_core.values import Part, TargetId
from aishell_tui.digests import DigestHistory, counting_limits
from aishell_tui.frame import TargetView
from aishell_tui.latency_book import LatencyBook


class DigestBook:
    """One history of readings per target, and what the latency of its statements was."""

    def __init__(self) -> None:
        self._histories: dict[TargetId, DigestHistory] = {}
        self._latencies: dict[TargetId, LatencyBook] = {}
        self._counted: dict[TargetId, str] = {}

    def read(self, views: Iterable[TargetView]) -> None:
        """Take note of statements that were read since the last call."""
        for view in views:
            read_at = view.part_at.get(Part.STATEMENTS)
            if view.statements is None or read_at is None:
                continue
            # What was hidden, or only estimated, and is counted now has not all run since the last reading.
            counted = counting_limits(view.failure_of(Part.STATEMENTS))
            if self._counted.setdefault(view.name, counted) != counted:
                self._counted[view.name] = counted
                self._histories.pop(view.name, None)
                self._latencies.pop(view.name, None)
            if self.history(view.name).add(read_at, view.statements):
                self.latencies(view.name).begin_anew()
            self.latencies(view.name).add(read_at, view.statements)

    def latencies(self, target: TargetId) -> LatencyBook:
        """The latency of one target's statements over time; empty when nothing was read yet."""
        return self._latencies.setdefault(target, LatencyBook())

    def history(self, target: TargetId) -> DigestHistory:
        """The readings of one target; empty when there is none yet."""
        return self._histories.setdefault(target, DigestHistory())
