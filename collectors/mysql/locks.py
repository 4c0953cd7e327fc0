"""Reading who waits for whom, and only while somebody waits."""

from __future__ import annotations

from dataclasses import dataclass, field

from aishell_core.clock import Clock
from aishell_core.engines.mysql import ServerFacts
from aishell_core.values import Cost, Failure, FailureCode, LockWait, Part
from collectors.budget import Budget
from collectors.mysql.activity import ActivityLook
from collectors.mysql.activity_rows import lock_seconds
from collectors.mysql.activity_waits import METADATA, ROW_LOCK
from collectors.mysql.hints import metadata_hint
from collectors.mysql.hot_questions import HotQuestions
from collectors.mysql.locks_rows import lock_waits_of
from collectors.mysql.metadata_locks_rows import MetadataLock, held_of, in_use_of, inferred_waits, locks_of, requests_of
from collectors.mysql.metadata_locks_rows import lock_waits_of as metadata_waits_of

_FROM_STATEMENTS = " (from its statement)"


@dataclass(frozen=True, slots=True)
class LocksLook:
    """The edges of the lock graph; None where there are none among those that could be read, and others could not."""

    waits: tuple[LockWait, ...] | None
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)

    def __add__(self, other: LocksLook) -> LocksLook:
        known = None if self.waits is None or other.waits is None else ()
        return LocksLook((*(self.waits or ()), *(other.waits or ())) or known, (*self.failures, *other.failures), self.cost + other.cost)


class LocksReader:
    """Reads row locks and metadata locks that somebody waits for."""

    def __init__(self, questions: HotQuestions, clock: Clock) -> None:
        self._questions = questions
        self._clock = clock

    async def read(self, server: ServerFacts, budget: Budget, activity: ActivityLook) -> LocksLook:
        """The edges among the sessions of a moment; raises TargetError."""
        waited = {
            thread.id: seconds for thread, transaction, _ in activity.looked if (seconds := lock_seconds(thread, transaction)) is not None
        }
        kinds = {session.wait for _, _, session in activity.looked if session.wait}
        look = LocksLook(())
        if ROW_LOCK in kinds:
            look += await self._row_locks(server, budget, activity, waited)
        if any(kind.endswith((METADATA, "lock", "flush")) and kind != ROW_LOCK for kind in kinds):
            look += await self._metadata_locks(server, budget, activity, waited)
        return look

    async def _row_locks(self, server: ServerFacts, budget: Budget, activity: ActivityLook, waited: dict[int, float]) -> LocksLook:
        waits = await self._questions.ask_or_note(server, "row_lock_waits", Part.LOCKS, budget)
        if isinstance(waits, Failure):
            return LocksLook(None, (waits,))
        locks = await self._questions.ask_or_note(server, "row_locks", Part.LOCKS, budget)
        if isinstance(locks, Failure):
            return LocksLook(lock_waits_of(waits.rows, (), activity.transactions, waited), (locks,), waits.cost)
        found = lock_waits_of(waits.rows, locks.rows, activity.transactions, waited)
        return LocksLook(found, (), waits.cost + locks.cost)

    async def _metadata_locks(self, server: ServerFacts, budget: Budget, activity: ActivityLook, waited: dict[int, float]) -> LocksLook:
        """From performance_schema where that counts them, else from MariaDB's plugin, else inferred."""
        cost = Cost()
        if server.performance_schema:
            answer = await self._questions.ask_or_note(server, "metadata_locks", Part.LOCKS, budget)
            if not isinstance(answer, Failure):
                cost = answer.cost
                locks = locks_of(answer.rows, activity.threads)
                if any(not lock.granted for lock in locks):
                    return LocksLook(metadata_waits_of(locks, waited), (), cost)
        if not any(session.wait.endswith(METADATA) for session in activity.sessions):
            return LocksLook((), (), cost)
        if server.mariadb:
            answer = await self._questions.ask_or_note(server, "metadata_holders", Part.LOCKS, budget)
            if not isinstance(answer, Failure):
                return LocksLook(self._by_statements(held_of(answer.rows), activity, waited), (), cost + answer.cost)
        message = "the server does not tell who holds metadata locks; holders are inferred from open transactions and tables in use"
        failure = Failure(Part.LOCKS, FailureCode.MISSING, message, metadata_hint(server), self._clock.now())
        answer = await self._questions.ask_or_note(server, "tables_in_use", Part.LOCKS, budget)
        if isinstance(answer, Failure):
            return LocksLook(inferred_waits(activity.looked, waited), (failure,), cost)
        return LocksLook(inferred_waits(activity.looked, waited, in_use_of(answer.rows)), (failure,), cost + answer.cost)

    @staticmethod
    def _by_statements(held: tuple[MetadataLock, ...], activity: ActivityLook, waited: dict[int, float]) -> tuple[LockWait, ...]:
        """The plugin tells what is held, and the statements of those that wait tell what they want."""
        return metadata_waits_of((*held, *requests_of(activity.looked, held)), waited, remark=_FROM_STATEMENTS)
