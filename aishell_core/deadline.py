"""What is left of a deadline, together with the whole of it: whoever tells that it passed names what was given, not the rest."""

from __future__ import annotations

from typing import Self


class Left(float):
    """Seconds that are left of a deadline; `whole_seconds` is how long it was when it began."""

    __slots__ = ("whole_seconds",)

    whole_seconds: float

    def __new__(cls, seconds: float, whole_seconds: float) -> Self:
        """Seconds like any others."""
        made = super().__new__(cls, seconds)
        made.whole_seconds = whole_seconds
        return made


def whole(seconds: float) -> float:
    """How long a deadline was when it began; seconds that know of no other are the whole themselves."""
    return seconds.whole_seconds if isinstance(seconds, Left) else seconds
