"""The hot tier: what happens now, by two or three statements while nobody looks closely and a few more while somebody does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from aishell_core.clock import Clock
from aishell_core.engines.mysql import MysqlSession, ServerFacts
from aishell_core.engines.statement_text import Dialect
from aishell_core.targets import Target
from aishell_core.values import Cost, Facts, Failure, FailureCode, LockWait, Part, Reading, Sample, Session, Tier
from collectors.budget import Budget
from collectors.contract import Demand
from collectors.mysql.activity import ActivityLook, ActivityReader
from collectors.mysql.activity_rows import Activity, activity_of, activity_samples
from collectors.mysql.activity_threads import Thread
from collectors.mysql.counters import CountersLook, CountersReader
from collectors.mysql.deadlock import Deadlock
from collectors.mysql.hints import process_hint
from collectors.mysql.hot_questions import HotQuestions
from collectors.mysql.locks import LocksLook, LocksReader
from collectors.mysql.replication_channel import channel_of
from collectors.mysql.replication_lag import ChannelTimes
from collectors.mysql.slow_questions import grant
from collectors.mysql.statements import StatementsBeside, StatementsLook, StatementsReader
from collectors.mysql.statements_digests import DigestNames
from collectors.mysql.statements_rows import calls_seen, statement_samples
from collectors.statements_sampled import SampledStatements
from collectors.text_digests import TextDigests
from collectors.watched_beside import WatchedBeside

DEADLINE_SECONDS = 1.7
"""Less than the poller gives, so that a server that hangs is named as the reason."""


@dataclass(frozen=True, slots=True)
class _Look:
    """All that was read at one moment."""

    counters: CountersLook
    activity: ActivityLook
    figures: Activity
    locks: LocksLook | None = None
    deadlock: Deadlock | None = None
    cost: Cost = field(default_factory=Cost)

    @property
    def failures(self) -> tuple[Failure, ...]:
        return (*self.counters.failures, *self.activity.failures, *(self.locks.failures if self.locks else ()))


class HotTier:
    """Reads one server each second, and remembers what the next reading needs to compare."""

    def __init__(self, session: MysqlSession, target: Target, clock: Clock, watched: WatchedBeside, times: ChannelTimes) -> None:
        """`watched` reads what a visible pane demands of replication, progress and the horizon; `times` knows the channels."""
        self._watched = watched
        self._times = times
        self._asked_channels = False
        self._target = target
        self._clock = clock
        self._questions = HotQuestions(session, clock)
        self._digests = TextDigests(Dialect.MYSQL)
        self._names = DigestNames(self._digests)
        self._statements = StatementsBeside(StatementsReader(session, clock, self._names), clock)
        self._sampled = SampledStatements(lambda text: self._digests.of(text)[1])
        self._sampling = False
        self._counters = CountersReader(self._questions)
        self._activity = ActivityReader(session, self._questions, clock, self._digest_of)
        self._locks = LocksReader(self._questions, clock)

    async def read(self, demand: Demand) -> Reading:
        """One reading; raises TargetError when the server cannot be read."""
        at, budget = self._clock.now(), self._questions.budget(DEADLINE_SECONDS)
        self._digests.begin()
        if Part.STATEMENTS in demand:
            self._statements.begin()
        else:
            self._statements.leave()
        self._watched.begin(demand)
        server = await self._questions.facts(budget)
        counters = await self._counters.read(server, budget)
        # A connection that was lost meanwhile may have been made anew, to a server that was restarted.
        server = await self._questions.facts(budget)
        estimating = Part.STATEMENTS in demand and not self._statements.reader.may_count
        complete = bool(demand & {Part.SESSIONS, Part.LOCKS}) or estimating
        activity = await self._activity.read(server, budget, complete=complete, row_locks=counters.row_locks)
        figures = activity_of(activity.looked, self._idle(counters, activity))
        locks = await self._locks.read(server, budget, activity) if Part.LOCKS in demand and figures.lock_waiters else None
        deadlock, more = await self._counters.deadlock(server, counters, budget)
        cost = counters.cost + activity.cost + (locks.cost if locks is not None else Cost()) + more
        look = _Look(counters, activity, figures, locks, deadlock, cost)
        replicates = await self._replicates(server, activity, budget)
        counted = await self._take_statements(look, demand, budget.left)
        watched = await self._watched.take(budget.left)
        reading = Reading(
            self._target.name,
            Tier.HOT,
            at,
            (*self._samples(look, server), *statement_samples(counted.statements or ())),
            facts_of(server, deadlock, replicates=replicates),
            sessions=self._sessions(look, demand),
            lock_waits=self._lock_waits(look, demand),
            statements=counted.statements,
            waits=figures.waits,
            failures=(*look.failures, *self._hidden(look, server, at), *counted.failures, *watched.failures),
            cost=look.cost + counted.cost + watched.cost,
        )
        return replace(reading, **watched.parts) if watched.parts else reading

    async def _replicates(self, server: ServerFacts, activity: ActivityLook, budget: Budget) -> bool:
        """Whether it follows another server: also one whose threads have stopped, as its channels tell.

        These are the slow connection's to read, because a server that stops a thread may let who asks for them wait. They are
        asked for here once, so that the first reading knows the role too.
        """
        if any(thread.kind.startswith("replication") for thread, _, _ in activity.looked):
            return True
        if self._times.names is None and not self._asked_channels:
            self._asked_channels = True
            answer = await self._questions.ask_or_note(server, "channels", Part.REPLICATION, budget)
            if not isinstance(answer, Failure):
                self._times.keep(channel.name for channel in map(channel_of, answer.rows) if channel.host)
        return bool(self._times.names)

    def _digest_of(self, thread: Thread, text: str) -> str:
        return self._names.seen(thread.digest, text, thread.db or "") if text else ""

    @staticmethod
    def _idle(counters: CountersLook, activity: ActivityLook) -> int | None:
        """How many sessions are idle where only the others were read: all connections but those and ours."""
        if activity.complete:
            return None
        clients = sum(not thread.kind for thread, _, _ in activity.looked)
        return max(0, int(counters.counters.get("Threads_connected", 0.0)) - clients - activity.own)

    async def _take_statements(self, look: _Look, demand: Demand, seconds_left: float) -> StatementsLook:
        """What was read beside, or what was estimated where the server counts no statements."""
        counts = self._statements.reader.may_count
        self._sampling = not counts and (self._sampling or Part.STATEMENTS in demand)
        if self._sampling:
            self._sampled.add(calls_seen(look.activity.looked))
        if Part.STATEMENTS not in demand:
            return StatementsLook(None)
        counted = await self._statements.take(seconds_left)
        if counted.ended and not self._statements.reader.may_count:
            return replace(counted, statements=self._sampled.statements())
        return counted

    def _samples(self, look: _Look, server: ServerFacts) -> tuple[Sample, ...]:
        counted = self._counters.samples(look.counters, server)
        activity = look.activity
        if not activity.sees_all:
            return counted
        return (*counted, *activity_samples(look.figures, sees_waits=activity.sees_waits, sees_transactions=activity.sees_transactions))

    @staticmethod
    def _sessions(look: _Look, demand: Demand) -> tuple[Session, ...] | None:
        """Those that may be seen; where the others are hidden that none is seen says nothing."""
        if Part.SESSIONS not in demand:
            return None
        return look.activity.sessions or (() if look.activity.sees_all else None)

    @staticmethod
    def _lock_waits(look: _Look, demand: Demand) -> tuple[LockWait, ...] | None:
        """The edges that are known; that there are none is said only where nothing is hidden."""
        if Part.LOCKS not in demand or not look.activity.sees_all:
            return None
        waits = look.locks.waits if look.locks is not None else ()
        return waits or (() if waits is not None and look.activity.sees_waits else None)

    @staticmethod
    def _hidden(look: _Look, server: ServerFacts, at: float) -> tuple[Failure, ...]:
        account, hint = server.account or server.user, process_hint(server)
        if look.activity.sees_all:
            if look.activity.sees_waits:
                return ()
            rows = f"who waits for a row{'' if look.activity.sees_transactions else ' or has a transaction open'} is hidden from {account}"
            return (Failure(Part.LOCKS, FailureCode.PRIVILEGE, rows, grant(server, "PROCESS"), at, essential=True),)
        message = f"what sessions of other accounts do is hidden from {account}"
        locks = f"who waits for a lock is hidden from {account}"
        return (
            Failure(Part.SESSIONS, FailureCode.PRIVILEGE, message, hint, at, essential=True),
            Failure(Part.LOCKS, FailureCode.PRIVILEGE, locks, hint, at),
        )

    def close(self) -> None:
        """Give up what is under way."""
        self._statements.close()
        self._watched.close()


def facts_of(server: ServerFacts, deadlock: Deadlock | None = None, *, replicates: bool = False) -> Facts:
    """What is shown of a server; it is a replica where it `replicates`, whether or not that works now, or lets nobody write."""
    details = (
        ("product", f"{server.product} ({server.comment})" if server.comment else server.product),
        ("address", server.address),
        ("account", server.account),
        ("database", server.database),
        ("host", server.host),
        ("performance schema", "on" if server.performance_schema else "off"),
        ("encrypted", "yes" if server.encrypted else ""),
        ("deadlock", deadlock.summary if deadlock is not None else ""),
        ("last deadlock", deadlock.text if deadlock is not None else ""),
    )
    role = "replica" if replicates or server.read_only else "primary"
    return Facts("mysql", server.version, role, server.started_at, tuple(each for each in details if each[1]))
