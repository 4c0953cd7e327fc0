"""The kept history of one target, read in the background when the window needs it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from aishell_core.state.history import History
from aishell_core.values import TargetId
from aishell_tui.look import Look

_FRESH_SECONDS = 30.0

ReadHistory = Callable[[TargetId, float, float], Coroutine[None, None, History | None]]


class KeptHistory:
    """Remembers what was read and says what has to be read anew."""

    def __init__(self) -> None:
        self._history: History | None = None
        self._read: TargetId | None = None
        self._asked: tuple[TargetId, float, float] | None = None

    def of(self, target: TargetId, look: Look, now: float) -> History | None:
        """The history for a window; None when memory is enough, or before it was read."""
        if not look.needs_history(now) or self._history is None or self._history.target != target:
            return None
        return self._history

    def begins_at(self, target: TargetId, look: Look) -> float | None:
        """The epoch second of the oldest figures of a target, kept ones and those in memory; None before that was read."""
        if self._read != target:
            return None
        # Without a state database there is no more than what memory holds.
        kept = self._history.begins_at if self._history is not None else None
        return look.memory_since if kept is None else min(kept, look.memory_since)

    def missing(self, target: TargetId, look: Look, now: float) -> tuple[TargetId, float, float] | None:
        """What to read: target, since, until; None when what was asked for covers the window.

        A span more than the window is read, so that a step back in time is answered at once.
        """
        if not look.needs_history(now):
            return None
        since, until = look.window(now)
        asked = self._asked
        if asked is not None and asked[0] == target and asked[1] <= since and until - asked[2] <= _FRESH_SECONDS:
            return None
        self._asked = (target, since - look.span_seconds, until)
        return self._asked

    async def read(self, wanted: tuple[TargetId, float, float], read: ReadHistory) -> None:
        """Read and remember."""
        self._history = await read(*wanted)
        self._read = wanted[0]
