"""Statement figures where the server counts none: estimates from what is seen running, one look after another."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from aishell_core.values import Session, Statement
from collectors.postgres.activity_backends import Backend
from collectors.postgres.statements_digests import TextDigests
from collectors.postgres.statements_rows import is_own

MOST_DIGESTS = 5000
_VALUE = re.compile(r'"[^"]*"|\?')
_ENDED = frozenset({"idle", "idle in transaction", "idle in transaction (aborted)"})


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
    """A call that was seen: when it began by the server's clock, what it runs, and how much of its time is counted."""

    began: float
    figures: _Figures | None
    counted: float = 0.0


class SampledStatements:
    """Estimates calls and time of statements.

    A call is counted when a session shows a new start of a statement; several between two looks count as the one that
    is seen. Its time grows while it runs. One that has ended shows when its session's state changed, so that the time
    of a short call is right although nobody saw it run.
    """

    def __init__(self, digests: TextDigests, most: int = MOST_DIGESTS) -> None:
        self._digests = digests
        self._most = most
        self._figures: OrderedDict[str, _Figures] = OrderedDict()
        self._calls: dict[tuple[int, float | None], _Call] = {}
        self._begun = False

    def add(self, looked: Iterable[tuple[Backend, Session]]) -> None:
        """Take note of all sessions of one moment."""
        before, self._calls = self._calls, {}
        for backend, session in looked:
            if backend.statement_at is None or backend.state is None or session.kind not in {"", "parallel worker"} or session.leader:
                continue
            key = (backend.pid, backend.started_at)
            call = before.get(key)
            if call is None or call.began != backend.statement_at:
                # What ended before the first look was not seen by anybody.
                missed = not self._begun and backend.state in _ENDED
                call = _Call(backend.statement_at, None if missed else self._begin(session))
            self._calls[key] = call
            self._count(call, backend)
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

    def _begin(self, session: Session) -> _Figures | None:
        if not session.text or is_own(session.text) or not session.digest:
            return None
        figures = self._figures.get(session.digest)
        if figures is None:
            shape = numbered(self._digests.of(session.text)[1])
            figures = self._figures[session.digest] = _Figures(shape or session.text, session.database, session.user)
            if len(self._figures) > self._most:
                self._figures.popitem(last=False)
        self._figures.move_to_end(session.digest)
        figures.calls += 1
        return figures

    def _count(self, call: _Call, backend: Backend) -> None:
        if call.figures is None:
            return
        since, age = backend.state_seconds, backend.statement_seconds
        if age is None:
            return
        ran = (age - since if since is not None else 0.0) if backend.state in _ENDED else age
        gained = max(0.0, ran * 1000 - call.counted)
        call.counted += gained
        call.figures.milliseconds += gained
        call.figures.longest = max(call.figures.longest, call.counted)


def numbered(shape: str) -> str:
    """A statement's shape with its values as numbered parameters, as the server's own module shows them and can plan them."""
    numbers = count(1)
    return _VALUE.sub(lambda found: found[0] if found[0] != "?" else f"${next(numbers)}", shape)
