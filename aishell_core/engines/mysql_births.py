"""When sessions began, which a MySQL or MariaDB server does not tell: from when each was first seen, and kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

TOLERANCE_SECONDS = 2.0
"""Servers tell ages in whole seconds, so that two estimates of one start differ by so much at most."""


class Seen(NamedTuple):
    """A session at one moment: its connection id, who it is, and the latest moment at which it can have begun."""

    id: int
    user: str
    client: str
    began_by: float


class Births:
    """The start of each session: the latest moment at which it can have begun when it was first seen.

    A server gives each new connection the next id, and begins again at 1 when it restarts. An id with another user or
    client is another session; one that could be the same is told apart by the server's own start.
    """

    def __init__(self) -> None:
        self._known: dict[int, Seen] = {}

    def note(self, seen: Iterable[Seen], *, complete: bool) -> dict[int, float]:
        """The starts of the sessions of one moment by id; where these are all, the others are forgotten."""
        now = {one.id: self._first(one) for one in seen}
        self._known = now if complete else {**self._known, **now}
        return {number: one.began_by for number, one in now.items()}

    def start_of(self, number: int) -> float | None:
        """The start of a session that was seen; None for one that was not."""
        known = self._known.get(number)
        return known.began_by if known is not None else None

    def _first(self, one: Seen) -> Seen:
        known = self._known.get(one.id)
        if known is None or known.user != one.user or known.client != one.client or known.began_by > one.began_by + TOLERANCE_SECONDS:
            return one
        return known
