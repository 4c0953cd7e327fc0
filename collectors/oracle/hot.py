"""The hot tier: what happens now, by three statements while nobody looks closely and a few more while somebody does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from aishell_core import catalogue
from aishell_core.clock import Clock
from aishell_core.engines.oracle import Lane, OracleSession, Row, ServerFacts
from aishell_core.targets import Target
from aishell_core.values import Cost, Failure, LockWait, Part, Reading, Sample, Tier, WaitCount
from collectors.budget import Budget
from collectors.contract import Demand
from collectors.oracle.activity import ActivityLook, ActivityReader
from collectors.oracle.activity_rows import Activity, activity_of, activity_samples, sampled_waits
from collectors.oracle.counters_rows import Counters, counter_samples, counters_of, limit_samples, temp_sample
from collectors.oracle.facts_rows import facts_of
from collectors.oracle.locks import LocksLook, LocksReader
from collectors.oracle.questions import Found, Questions
from collectors.oracle.statements import StatementsLook, StatementsReader
from collectors.oracle.statements_rows import calls_seen, statement_samples
from collectors.oracle.texts import Texts
from collectors.statements_sampled import SampledStatements
from collectors.watched_beside import WatchedBeside

DEADLINE_SECONDS = 1.7
"""Less than the poller gives, so that a server that hangs is named as the reason."""

_INSTANCE_SECONDS = 60.0
_LIMITS_SECONDS = 10.0


@dataclass
class Known:
    """What one tier learns and another needs: bytes of a block, what the control file says, names of containers."""

    block_bytes: float | None = None
    containers: dict[int, str] = field(default_factory=dict)
    database: Row | None = None


@dataclass(frozen=True, slots=True)
class _Look:
    """All that was read at one moment."""

    activity: ActivityLook
    figures: Activity | None
    counters: Counters
    locks: LocksLook | None
    waits: tuple[WaitCount, ...] | None
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)


class HotTier:
    """Reads one server each second, and remembers what the next reading needs to compare."""

    def __init__(self, session: OracleSession, target: Target, clock: Clock, watched: WatchedBeside, known: Known) -> None:
        """`watched` reads what a visible pane demands of replication, progress and the horizon."""
        self._target = target
        self._clock = clock
        self._watched = watched
        self._known = known
        self._questions = Questions(session, clock, Lane.QUICK)
        self._texts = Texts(self._questions)
        self._activity = ActivityReader(session, self._questions, clock, self._texts, known.containers)
        self._locks = LocksReader(self._questions)
        self._statements = StatementsReader(Questions(session, clock, Lane.SLOW), clock, lambda: known.containers)
        self._sampled = SampledStatements()
        self._before: Counters | None = None
        self._server: ServerFacts | None = None
        self._instance: Found = Found(None)
        self._instance_until = 0.0
        self._limits: Found = Found(None)
        self._limits_until = 0.0

    async def read(self, demand: Demand) -> Reading:
        """One reading; raises TargetError when the server cannot be read."""
        at, budget = self._clock.now(), self._questions.budget(DEADLINE_SECONDS)
        server = await self._questions.facts(budget)
        if Part.STATEMENTS in demand:
            self._statements.begin()
        else:
            self._statements.leave()
        self._watched.begin(demand)
        cost = await self._refresh(server, budget)
        look = await self._look(server, budget, demand)
        now = await self._questions.facts(budget)
        if now is not server:  # the connection was lost meanwhile, as by a restart
            server, cost = now, cost + await self._refresh(now, budget)
        counted = await self._take_statements(look, demand, budget.left)
        watched = await self._watched.take(budget.left)
        reading = Reading(
            self._target.name,
            Tier.HOT,
            at,
            (*self._samples(look, server, at), *statement_samples(counted.statements or ())),
            facts_of(server, self._instance.row, self._known.database),
            sessions=look.activity.sessions if Part.SESSIONS in demand else None,
            lock_waits=self._lock_waits(look, demand),
            statements=counted.statements,
            waits=look.waits,
            failures=(*self._instance.failures, *self._limits.failures, *look.failures, *counted.failures, *watched.failures),
            cost=cost + look.cost + counted.cost + watched.cost,
        )
        return replace(reading, **watched.parts) if watched.parts else reading

    async def _refresh(self, server: ServerFacts, budget: Budget) -> Cost:
        """What changes seldom: asked again after a while, and on each new connection."""
        now, cost = self._clock.steady(), Cost()
        anew = server is not self._server
        self._server = server
        if anew or now >= self._instance_until:
            self._instance = await self._questions.ask(server, "instance", "instance", budget)
            self._instance_until, cost = now + _INSTANCE_SECONDS, self._instance.cost
        if anew or now >= self._limits_until:
            self._limits = (await self._questions.ask(server, "limits", "limits", budget)).judged
            self._limits_until, cost = now + _LIMITS_SECONDS, cost + self._limits.cost
        return cost

    async def _look(self, server: ServerFacts, budget: Budget, demand: Demand) -> _Look:
        counters = (await self._questions.ask(server, "counters", "counters", budget)).judged
        estimating = Part.STATEMENTS in demand and not self._statements.counts
        complete = bool(demand & {Part.SESSIONS, Part.LOCKS}) or estimating
        activity = await self._activity.read(server, budget, complete=complete)
        figures = None if activity.looked is None else activity_of(activity.looked, activity.counts)
        locks = None
        if Part.LOCKS in demand and activity.looked is not None:
            locks = await self._locks.read(server, budget, activity)
        waits = figures.waits if figures is not None else None
        history = await self._history(server, budget)
        if history.rows is not None:
            waits = sampled_waits(history.rows, self._known.containers, self._texts.known)
        failures = (*counters.failures, *activity.failures, *(locks.failures if locks else ()), *history.failures)
        cost = counters.cost + activity.cost + (locks.cost if locks else Cost()) + history.cost
        return _Look(activity, figures, counters_of(counters.rows or ()), locks, waits, failures, cost)

    async def _history(self, server: ServerFacts, budget: Budget) -> Found:
        """The newest sample of the server's own history, where the target says that the licence is there."""
        if not server.licensed:
            return Found(None)
        return await self._questions.ask(server, "waits", "waits", budget, licensed=True)

    async def _take_statements(self, look: _Look, demand: Demand, seconds_left: float) -> StatementsLook:
        if Part.STATEMENTS not in demand:
            return StatementsLook(None)
        counted = await self._statements.take(seconds_left)
        if self._statements.counts or look.activity.looked is None:
            return counted
        self._sampled.add(calls_seen(look.activity.looked))
        return replace(counted, statements=self._sampled.statements())

    def _samples(self, look: _Look, server: ServerFacts, at: float) -> tuple[Sample, ...]:
        before, self._before = self._before, look.counters or None
        row = self._instance.row
        started = server.epoch(row["startup_local"]) if row is not None else None
        found = [*counter_samples(look.counters, before), *temp_sample(look.counters, self._known.block_bytes)]
        if started is not None:
            found.append(Sample(catalogue.UPTIME, max(0.0, at - started)))
        if look.figures is not None:
            found += activity_samples(look.figures)
        return (*found, *limit_samples(self._limits.rows or ()))

    @staticmethod
    def _lock_waits(look: _Look, demand: Demand) -> tuple[LockWait, ...] | None:
        return look.locks.waits if Part.LOCKS in demand and look.locks is not None else None

    def close(self) -> None:
        """Give up what is under way."""
        self._statements.close()
        self._watched.close()
