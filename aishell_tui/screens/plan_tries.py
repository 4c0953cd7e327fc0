"""When a plan that could not be had is asked for again by itself. Pure."""

from __future__ import annotations

from aishell_core.errors import AishellError, ConsentError, TargetError
from aishell_core.values import FailureCode

FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 60.0
_PASSING = frozenset({FailureCode.TIMEOUT, FailureCode.REFUSED, FailureCode.LOCKED})
"""Reasons that go by themselves: for all others the same question would get the same answer."""


class PlanTries:
    """The tries of one pane; each pause is twice as long as the one before, up to the longest."""

    def __init__(self) -> None:
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self._due_at: float | None = None

    def is_due(self, now: float) -> bool:
        """Whether it is time (epoch seconds) for another try."""
        return self._due_at is not None and now >= self._due_at

    def left(self) -> None:
        """Nothing is due: somebody asks, or something else is shown."""
        self._due_at = None

    def failed(self, error: AishellError, now: float) -> None:
        """There was no plan; another try follows where the reason may pass."""
        passes = isinstance(error, TargetError) and not isinstance(error, ConsentError) and error.reason in _PASSING
        self._due_at = now + self._pause_seconds if passes else None
        self._pause_seconds = min(LONGEST_PAUSE_SECONDS, 2 * self._pause_seconds)

    def succeeded(self) -> None:
        """There was one: the next failure is the first again."""
        self._due_at = None
        self._pause_seconds = FIRST_PAUSE_SECONDS
