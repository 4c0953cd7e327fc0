"""Reading what the sessions of a server do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from aishell_core.engines.postgres import ServerFacts
from aishell_core.values import Cost, Failure, Part, Session, essential
from collectors.postgres.activity_backends import Backend, backends_of
from collectors.postgres.activity_rows import Seen, seen_of, session_of
from collectors.postgres.hot_questions import HotQuestions
from collectors.postgres.processes import UNKNOWN, SessionProcesses, Usage
from collectors.postgres.slow_questions import Budget
from collectors.postgres.statements_rows import EntryNames
from collectors.text_digests import TextDigests

_OVERLAP_SECONDS = 1.0
"""A text is sent again for so long after its statement began: one may be published a moment after that."""

_AT_ONCE = 250
"""So many processes are looked at in one go: a key that is pressed meanwhile waits for no more of them."""

_ALL = 0.0
_HIDDEN_TEXT = "<insufficient privilege>"


@dataclass(frozen=True, slots=True)
class ActivityLook:
    """All processes of a server at one moment, none where they cannot be read; `looked` and `sessions` leave ours out."""

    backends: tuple[Backend, ...]
    looked: tuple[tuple[Backend, Session], ...]
    seen: tuple[Seen, ...]
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)

    @property
    def sessions(self) -> tuple[Session, ...]:
        """All sessions but ours."""
        return tuple(session for _, session in self.looked)


class ActivityReader:
    """Reads sessions, and keeps their texts, which the server sends once for each statement."""

    def __init__(self, questions: HotQuestions, digests: TextDigests, names: EntryNames, processes: SessionProcesses) -> None:
        self._questions = questions
        self._digests = digests
        self._names = names
        self._processes = processes
        self._texts: dict[tuple[int, float | None, float | None], str] = {}
        self._since = _ALL

    async def read(self, server: ServerFacts, budget: Budget, *, in_detail: bool) -> ActivityLook:
        """All sessions, `in_detail` with what their processes use; raises TargetError when the server cannot be read."""
        since, self._since = self._since, _ALL
        failures: tuple[Failure, ...] = ()
        answer = await self._questions.ask_or_note(server, "activity", Part.SESSIONS, budget, (since,))
        if isinstance(answer, Failure):
            failures = (answer,)
            answer = await self._questions.ask_or_note(server, "activity_plain", Part.SESSIONS, budget, (since,))
            if isinstance(answer, Failure):
                return ActivityLook((), (), (), essential((answer,)))
        backends = backends_of(answer.rows)
        if self._take_texts(backends) and backends:
            self._since = backends[0].now - _OVERLAP_SECONDS
        looked = await self._looked(backends, in_detail=in_detail and server.local)
        others = tuple(each for each in looked if not each[0].own)
        return ActivityLook(backends, others, tuple(seen_of(looked)), failures, answer.cost)

    async def _looked(self, backends: tuple[Backend, ...], *, in_detail: bool) -> tuple[tuple[Backend, Session], ...]:
        """Each process with what it is shown as, `in_detail` with what it uses; others have their turn in between."""
        looked: list[tuple[Backend, Session]] = []
        for first in range(0, len(backends), _AT_ONCE):
            piece = backends[first : first + _AT_ONCE]
            usage = self._processes.usage(piece) if in_detail else {}
            looked += [(one, self._session(one, usage.get(one.pid, UNKNOWN))) for one in piece]
            await asyncio.sleep(0)
        if in_detail:
            self._processes.forget_others(backends)
        return tuple(looked)

    def _session(self, backend: Backend, usage: Usage) -> Session:
        text = self._texts.get((backend.pid, backend.started_at, backend.statement_at), "")
        return session_of(backend, text, self._digest(backend, text), usage)

    def _take_texts(self, backends: tuple[Backend, ...]) -> bool:
        """Keep the texts of the statements that still are there; whether all of them are known now."""
        kept: dict[tuple[int, float | None, float | None], str] = {}
        whole = True
        for backend in backends:
            key = (backend.pid, backend.started_at, backend.statement_at)
            text = backend.text
            if text is None:
                text = self._texts.get(key)
                whole = whole and text is not None
            if text is not None:
                kept[key] = text
        self._texts = kept
        return whole

    def _digest(self, backend: Backend, text: str) -> str:
        if backend.query_id is not None:
            return self._names.seen(backend.query_id, backend.usename or "", backend.datname or "")
        return self._digests.of(text)[0] if backend.state is not None and text != _HIDDEN_TEXT else ""
