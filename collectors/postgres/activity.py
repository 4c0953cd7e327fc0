"""Reading what the sessions of a server do."""

from __future__ import annotations

from dataclasses import dataclass, field

from aishell_core.engines.postgres import Row, ServerFacts
from aishell_core.values import Cost, Failure, Part, Session
from collectors.postgres.activity_rows import Seen, seen_of, session_of
from collectors.postgres.hot_questions import HotQuestions
from collectors.postgres.processes import UNKNOWN, SessionProcesses
from collectors.postgres.slow_questions import Budget
from collectors.postgres.statements_digests import TextDigests
from collectors.postgres.statements_rows import EntryNames

_OVERLAP_SECONDS = 1.0
"""A text is sent again for so long after its statement began: one may be published a moment after that."""

_ALL = 0.0
_HIDDEN_TEXT = "<insufficient privilege>"


@dataclass(frozen=True, slots=True)
class ActivityLook:
    """All processes of a server at one moment, none where they cannot be read; `looked` and `sessions` leave ours out."""

    rows: tuple[Row, ...]
    looked: tuple[tuple[Row, Session], ...]
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
                return ActivityLook((), (), (), (answer,))
        if self._take_texts(answer.rows) and answer.rows:
            self._since = answer.rows[0]["now"] - _OVERLAP_SECONDS
        usage = self._processes.usage(answer.rows) if in_detail and server.local else {}
        seen, looked = [], []
        for row in answer.rows:
            text = self._texts.get(_key(row), "")
            session = session_of(row, text, self._digest(row, text), usage.get(row["pid"], UNKNOWN))
            seen.append(seen_of(row, session))
            if not row["own"]:
                looked.append((row, session))
        return ActivityLook(answer.rows, tuple(looked), tuple(seen), failures, answer.cost)

    def _take_texts(self, rows: tuple[Row, ...]) -> bool:
        """Keep the texts of the statements that still are there; whether all of them are known now."""
        kept: dict[tuple[int, float | None, float | None], str] = {}
        whole = True
        for row in rows:
            key = _key(row)
            text = _text_of(row)
            if text is None:
                text = self._texts.get(key)
                whole = whole and text is not None
            if text is not None:
                kept[key] = text
        self._texts = kept
        return whole

    def _digest(self, row: Row, text: str) -> str:
        identifier = row.get("query_id")
        if identifier is not None:
            return self._names.seen(identifier, row["usename"] or "", row["datname"] or "")
        return self._digests.of(text)[0] if row["state"] is not None and text != _HIDDEN_TEXT else ""


def _key(row: Row) -> tuple[int, float | None, float | None]:
    return (row["pid"], row["started_at"], row["statement_at"])


def _text_of(row: Row) -> str | None:
    """The text that came with a row; None where it was sent before."""
    text: str | None = row["query"]
    if text is None and row.get("long_query") is not None:
        text = bytes(row["long_query"]).decode("utf-8", "ignore")
    return text
