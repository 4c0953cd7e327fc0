"""What has happened, in order of time, however late each thing was told."""

from __future__ import annotations

from bisect import insort_right
from collections.abc import Iterable
from operator import attrgetter

from aishell_core.values import Event

_at = attrgetter("at")


class Timeline:
    """The newest events, so many at most; of two at one moment the one that was told later counts as later."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._events: list[Event] = []
        self._newest_first: tuple[Event, ...] | None = ()

    def add(self, event: Event) -> None:
        """Put an event in its place."""
        insort_right(self._events, event, key=_at)
        self._cut()

    def recall(self, events: Iterable[Event]) -> None:
        """Put in what was kept before, the newest first; what is known already is not doubled."""
        known = set(self._events)
        kept = [event for event in events if event not in known]
        self._events = sorted((*reversed(kept), *self._events), key=_at)
        self._cut()

    def newest_first(self) -> tuple[Event, ...]:
        """All of them; the same object until something happens."""
        if self._newest_first is None:
            self._newest_first = tuple(reversed(self._events))
        return self._newest_first

    def _cut(self) -> None:
        del self._events[: max(0, len(self._events) - self._most)]
        self._newest_first = None
