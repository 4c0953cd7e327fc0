"""Reading who waits for whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aishell_core.engines.postgres import ServerFacts
from aishell_core.values import Cost, Failure, LockWait, Part
from collectors.postgres.activity_backends import Backend
from collectors.postgres.hot_questions import HotQuestions
from collectors.postgres.locks_rows import lock_waits_of
from collectors.postgres.slow_questions import Budget


@dataclass(frozen=True, slots=True)
class LocksLook:
    """The edges of the lock graph and how many processes wait, None where that cannot be read."""

    waits: tuple[LockWait, ...] | None
    waiting: int | None = None
    longest_seconds: float | None = None
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)


class LocksReader:
    """Reads lock waits.

    For a moment after a process began to wait the server does not say since when: then it has waited for no time that
    counts, unless that was so at the last look too.
    """

    def __init__(self, questions: HotQuestions) -> None:
        self._questions = questions
        self._untold: frozenset[int] = frozenset()

    async def read(self, server: ServerFacts, budget: Budget, backends: Iterable[Backend]) -> LocksLook:
        """The edges; `backends` are all processes. Raises TargetError."""
        answer = await self._questions.ask_or_note(server, "locks", Part.LOCKS, budget)
        if isinstance(answer, Failure):
            return LocksLook(None, failures=(answer,))
        known = {backend.pid: backend for backend in backends}
        leaders = {pid: backend.leader_pid for pid, backend in known.items() if backend.leader_pid is not None}
        untold = frozenset(row["pid"] for row in answer.rows if not row["granted"] and row["wait_seconds"] is None)
        seconds = {pid: self._at_most(pid, known) for pid in untold}
        self._untold = untold
        waits = lock_waits_of(answer.rows, leaders, {pid: value for pid, value in seconds.items() if value is not None})
        waiting = [row for row in answer.rows if not row["granted"]]
        longest = max((row["wait_seconds"] or seconds.get(row["pid"]) or 0.0 for row in waiting), default=0.0)
        return LocksLook(waits, len({row["pid"] for row in waiting}), max(0.0, longest), (), answer.cost)

    def _at_most(self, pid: int, known: Mapping[int, Backend]) -> float | None:
        if pid not in self._untold:
            return 0.0
        backend = known.get(pid)
        return backend.statement_seconds if backend is not None else None
