"""What is told of a backup or restore while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """What is being done now."""

    PLANNING = "planning"
    SAVING = "saving"
    PROVING = "proving"
    COMMITTING = "committing"
    COPYING = "copying"
    CHECKING = "checking"
    LOADING = "loading"
    FINISHING = "finishing"
    PUBLISHING = "publishing"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Step:
    """How far it has come: bytes of all parts until now. `expected_bytes` is a guess at the plain bytes of the whole."""

    stage: Stage
    part: str = ""
    plain_bytes: int = 0
    stored_bytes: int = 0
    expected_bytes: int | None = None


Tell = Callable[[Step], None]
"""Is told of every step, from any thread; must not wait."""


def nobody(step: Step) -> None:
    """Tells nobody."""
