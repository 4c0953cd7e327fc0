"""The hot tier: what happens now, by one statement while nobody looks closely and by two or three while somebody does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from aishell_core.clock import Clock
from aishell_core.engines.postgres import PostgresSession, ServerFacts
from aishell_core.engines.statement_text import Dialect
from aishell_core.targets import Target
from aishell_core.values import Cost, Facts, Failure, FailureCode, LockWait, Part, Reading, Sample, Session, Tier
from collectors.contract import Demand
from collectors.postgres.activity import ActivityLook, ActivityReader
from collectors.postgres.activity_rows import Activity, Seen, activity_of, activity_samples, connection_samples
from collectors.postgres.counters import COUNTERS, CountersLook, read_counters, read_pulse
from collectors.postgres.counters_rows import counter_samples, standby_lag
from collectors.postgres.hints import monitor_grant
from collectors.postgres.hot_questions import HotQuestions
from collectors.postgres.locks import LocksLook, LocksReader
from collectors.postgres.processes import SessionProcesses
from collectors.postgres.replication_lag import LagMemory
from collectors.postgres.slow_questions import Budget
from collectors.postgres.statements import StatementsLook
from collectors.postgres.statements_beside import StatementsBeside
from collectors.postgres.statements_rows import statement_samples
from collectors.postgres.statements_sampled import SampledStatements
from collectors.postgres.watched import WatchedReader
from collectors.text_digests import TextDigests
from collectors.watched_beside import WatchedBeside

DEADLINE_SECONDS = 1.7
"""Less than the poller gives, so that a server that hangs is named as the reason."""


@dataclass(frozen=True, slots=True)
class _Look:
    """All that was read at one moment."""

    counters: CountersLook
    figures: Activity | None
    activity: ActivityLook | None = None
    locks: LocksLook | None = None
    failures: tuple[Failure, ...] = ()

    @property
    def cost(self) -> Cost:
        parts = (self.counters.cost, self.activity.cost if self.activity else Cost(), self.locks.cost if self.locks else Cost())
        return sum(parts, Cost())


class HotTier:
    """Reads one server each second, and remembers what the next reading needs to compare."""

    def __init__(self, session: PostgresSession, target: Target, clock: Clock, memory: LagMemory | None = None) -> None:
        """`memory` is shared with the warm tier, where both read how late anybody is."""
        self._target = target
        self._clock = clock
        self._questions = HotQuestions(session, clock)
        self._digests = TextDigests(Dialect.POSTGRES)
        self._statements = StatementsBeside(session, clock)
        self._sampled = SampledStatements(self._digests)
        self._memory = memory or LagMemory()
        self._watched_reader = WatchedReader(session, clock, self._memory)
        self._watched = WatchedBeside(clock, self._watched_reader.read)
        self._activity = ActivityReader(self._questions, self._digests, self._statements.reader.names, SessionProcesses(clock))
        self._locks = LocksReader(self._questions)
        self._before: Mapping[str, Any] | None = None
        self._timeline: tuple[object, str] | None = None

    async def read(self, demand: Demand) -> Reading:
        """One reading; raises TargetError when the server cannot be read."""
        at, budget = self._clock.now(), self._questions.budget(DEADLINE_SECONDS)
        self._digests.begin()
        server = await self._questions.facts(budget)
        if Part.STATEMENTS in demand:
            self._statements.begin()
        else:
            self._statements.leave()
        self._watched.begin(demand)
        look = await self._look(server, budget, demand)
        facts, more = await self._facts(server, look.counters.row, budget)
        counted = await self._take_statements(look, demand, budget)
        watched = await self._watched.take(budget.left)
        reading = Reading(
            self._target.name,
            Tier.HOT,
            at,
            (*self._samples(look), *statement_samples(counted.statements or ())),
            facts,
            sessions=self._sessions(look, demand),
            lock_waits=self._lock_waits(look, demand),
            statements=counted.statements,
            waits=look.figures.waits if look.figures is not None else None,
            failures=(*look.failures, *self._hidden(look, server, at), *counted.failures, *watched.failures),
            cost=look.cost + more + counted.cost + watched.cost,
        )
        return replace(reading, **watched.parts) if watched.parts else reading

    async def _look(self, server: ServerFacts, budget: Budget, demand: Demand) -> _Look:
        estimated = Part.STATEMENTS in demand and self._statements.sampled
        if not estimated and not demand & {Part.SESSIONS, Part.LOCKS}:
            pulse = await read_pulse(self._questions, server, budget)
            if not isinstance(pulse, Failure):
                return _Look(pulse, activity_of(self._named(pulse.groups or ())))
        counters = await read_counters(self._questions, server, budget)
        activity = await self._activity.read(server, budget, in_detail=Part.SESSIONS in demand)
        locks = None
        if _may_wait(activity.seen, demand):
            locks = await self._locks.read(server, budget, activity.backends)
        failures = (*counters.failures, *activity.failures, *(locks.failures if locks else ()))
        figures = activity_of(activity.seen) if activity.backends else None
        return _Look(counters, figures, activity, locks, failures)

    def _named(self, groups: tuple[Seen, ...]) -> tuple[Seen, ...]:
        """The groups with a digest of their texts where the server gives them no identifier."""
        names = self._statements.reader.names
        return tuple(
            one
            if not one.busy
            else one._replace(digest=names.seen(one.digest, one.user, one.database))
            if one.digest
            else one._replace(digest=self._digests.of(one.text)[0])
            for one in groups
        )

    async def _take_statements(self, look: _Look, demand: Demand, budget: Budget) -> StatementsLook:
        """What was read beside, or what was estimated where the server counts no statements."""
        known = self._statements.reader.place is not None
        if look.activity is not None and self._statements.sampled and (known or Part.STATEMENTS in demand):
            self._sampled.add(look.activity.looked)
        if Part.STATEMENTS not in demand:
            return StatementsLook(None)
        for wait in look.figures.waits if look.figures is not None else ():
            self._statements.reader.suggest(wait.digest, wait.text)
        counted = await self._statements.take(budget.left)
        if counted.ended and self._statements.sampled:
            return replace(counted, statements=self._sampled.statements())
        return counted

    def _samples(self, look: _Look) -> tuple[Sample, ...]:
        row = look.counters.row
        before, self._before = self._before, row
        if before is not None and before.get("started_at") != row.get("started_at"):
            before = None
            self._memory.own.forget()
        if look.locks is not None:
            waiters, longest = look.locks.waiting, look.locks.longest_seconds
        else:
            waiters, longest = row.get("lock_waiters"), row.get("lock_wait_seconds")
        counted = counter_samples(row, before, standby_lag(row, self._memory.own))
        limit = row.get("max_connections")
        if look.figures is None:
            return (*counted, *connection_samples(row.get("backends"), limit))
        return (*counted, *activity_samples(look.figures, limit, waiters, longest))

    def _sessions(self, look: _Look, demand: Demand) -> tuple[Session, ...] | None:
        return look.activity.sessions if look.activity is not None and look.activity.backends and Part.SESSIONS in demand else None

    def _lock_waits(self, look: _Look, demand: Demand) -> tuple[LockWait, ...] | None:
        if Part.LOCKS not in demand or look.activity is None or look.figures is None:
            return None
        return look.locks.waits if look.locks is not None else ()

    def _hidden(self, look: _Look, server: ServerFacts, at: float) -> tuple[Failure, ...]:
        if look.figures is None or not look.figures.hidden:
            return ()
        message = f"what sessions of other roles do is hidden from the role {server.user}"
        return (Failure(Part.SESSIONS, FailureCode.PRIVILEGE, message, monitor_grant(server.user), at, essential=True),)

    async def _facts(self, server: ServerFacts, row: Mapping[str, Any], budget: Budget) -> tuple[Facts, Cost]:
        in_recovery = bool(row.get("in_recovery", server.in_recovery))
        started_at = row.get("started_at", server.started_at)
        life, cost = (started_at, in_recovery), Cost()
        if self._timeline is None or self._timeline[0] != life:
            answer = await self._questions.ask_or_note(server, "timeline", COUNTERS, budget)
            known = "" if isinstance(answer, Failure) else str(answer.rows[0]["timeline"] or "")
            self._timeline, cost = (life, known), Cost() if isinstance(answer, Failure) else answer.cost
        reserved = row.get("reserved_connections")
        details = (
            ("address", server.address),
            ("database", server.database),
            ("user", server.user),
            ("encoding", server.encoding),
            ("timeline", self._timeline[1]),
            ("reserved connections", "" if reserved is None else f"{reserved:.0f}"),
            ("pooled", "yes" if server.pooled else ""),
        )
        role = "replica" if in_recovery else "primary"
        return Facts("postgres", server.version, role, started_at, tuple(each for each in details if each[1])), cost

    def forget_refusals(self) -> None:
        """Ask again what was refused."""
        self._questions.forget_refusals()
        self._watched_reader.forget_refusals()
        self._statements.reader.forget_refusals()

    def close(self) -> None:
        """Give up what is under way."""
        self._statements.close()
        self._watched.close()


def _may_wait(seen: tuple[Seen, ...], demand: Demand) -> bool:
    """Whether it is worth a look at the lock table: somebody waits, or what others do is hidden."""
    return any(one.wait_class == "Lock" or (Part.LOCKS in demand and not one.kind and one.client) for one in seen)
