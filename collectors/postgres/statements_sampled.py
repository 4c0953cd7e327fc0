"""Statement figures where the server counts none: estimates from what the sessions are seen running."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import count

from aishell_core.values import Session, Statement
from collectors.postgres.activity_backends import Backend
from collectors.postgres.statements_rows import is_own
from collectors.statements_sampled import MOST_DIGESTS, SeenCall
from collectors.statements_sampled import SampledStatements as Estimates
from collectors.text_digests import TextDigests

_VALUE = re.compile(r'"[^"]*"|\?')
_ENDED = frozenset({"idle", "idle in transaction", "idle in transaction (aborted)"})


class SampledStatements:
    """Estimates calls and time of statements from all sessions of a moment.

    One that has ended shows when its session's state changed, so that its time is right although nobody saw it run.
    """

    def __init__(self, digests: TextDigests, most: int = MOST_DIGESTS) -> None:
        self._estimates = Estimates(lambda text: numbered(digests.of(text)[1]), most)

    def add(self, looked: Iterable[tuple[Backend, Session]]) -> None:
        """Take note of all sessions of one moment."""
        self._estimates.add(_seen(backend, session) for backend, session in looked if _counts(backend, session))

    def statements(self) -> tuple[Statement, ...]:
        """The estimates since the first look."""
        return self._estimates.statements()


def _counts(backend: Backend, session: Session) -> bool:
    known = backend.statement_at is not None and backend.state is not None
    return known and session.kind in {"", "parallel worker"} and not session.leader


def _seen(backend: Backend, session: Session) -> SeenCall:
    ended, since, age = backend.state in _ENDED, backend.state_seconds, backend.statement_seconds
    if age is None:
        ran = None
    elif ended:
        ran = age - since if since is not None else 0.0
    else:
        ran = age
    digest = session.digest if session.text and not is_own(session.text) else ""
    began, text = backend.statement_at, session.text
    return SeenCall((backend.pid, backend.started_at), began, ran, ended, digest, text, session.database, session.user)


def numbered(shape: str) -> str:
    """A statement's shape with its values as numbered parameters, as the server's own module shows them and can plan them."""
    numbers = count(1)
    return _VALUE.sub(lambda found: found[0] if found[0] != "?" else f"${next(numbers)}", shape)
