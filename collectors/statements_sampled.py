"""Statement figures where a server counts none: estimates from what is seen running, one look after another."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from aishell_core.values import Statement

MOST_DIGESTS = 5000


@dataclass(frozen=True, slots=True)
class SeenCall:
    """A session as it was seen at one moment, with the statement that it runs or ran last.

    `session` identifies it for good and `began` tells one of its calls from the next (the start of the statement by
    the server's clock, or an identifier of the operation). `ran_seconds` is how long the call has taken so far, all of
    it once `ended`; None is unknown. A call without a digest is not counted.
    """

    session: Hashable
    began: Hashable
    ran_seconds: float | None
    ended: bool
    digest: str
    text: str
    database: str = ""
    user: str = ""


@dataclass
class _Figures:
    text: str
    database: str
    user: str
    calls: int = 0
    milliseconds: float = 0.0
    longest: float = 0.0


@dataclass
class _Call:
    """A call that was seen, and how much of its time is counted."""

    began: Hashable
    figures: _Figures | None
    counted: float = 0.0


def _as_it_is(text: str) -> str:
    return text


class SampledStatements:
    """Estimates calls and time of statements.

    A call is counted when a session shows a new one; several between two looks count as the one that is seen. Its time
    grows while it runs. One that has ended brings all of its time, so that a short call's is right although nobody saw
    it run.
    """

    def __init__(self, shape_of: Callable[[str], str] = _as_it_is, most: int = MOST_DIGESTS) -> None:
        """`shape_of` makes what is shown of a text, once for each digest; the `most` digests seen last are kept."""
        self._shape_of = shape_of
        self._most = most
        self._figures: OrderedDict[str, _Figures] = OrderedDict()
        self._calls: dict[Hashable, _Call] = {}
        self._begun = False

    def add(self, seen: Iterable[SeenCall]) -> None:
        """Take note of all sessions of one moment."""
        before, self._calls = self._calls, {}
        for one in seen:
            call = before.get(one.session)
            if call is None or call.began != one.began:
                # What ended before the first look was not seen by anybody.
                missed = not self._begun and one.ended
                call = _Call(one.began, None if missed else self._begin(one))
            self._calls[one.session] = call
            _count(call, one)
        self._begun = True

    def statements(self) -> tuple[Statement, ...]:
        """The estimates since the first look."""
        return tuple(
            Statement(
                digest=digest,
                text=one.text,
                calls=float(one.calls),
                total_milliseconds=one.milliseconds,
                max_milliseconds=one.longest,
                database=one.database,
                user=one.user,
                sampled=True,
            )
            for digest, one in self._figures.items()
        )

    def _begin(self, seen: SeenCall) -> _Figures | None:
        if not seen.digest:
            return None
        figures = self._figures.get(seen.digest)
        if figures is None:
            figures = self._figures[seen.digest] = _Figures(self._shape_of(seen.text) or seen.text, seen.database, seen.user)
            if len(self._figures) > self._most:
                self._figures.popitem(last=False)
        self._figures.move_to_end(seen.digest)
        figures.calls += 1
        return figures


def _count(call: _Call, seen: SeenCall) -> None:
    if call.figures is None or seen.ran_seconds is None:
        return
    gained = max(0.0, seen.ran_seconds * 1000 - call.counted)
    call.counted += gained
    call.figures.milliseconds += gained
    call.figures.longest = max(call.figures.longest, call.counted)
