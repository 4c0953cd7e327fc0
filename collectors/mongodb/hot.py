"""The hot tier: one serverStatus and one look at the operations each second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aishell_core.clock import Clock
from aishell_core.engines.mongodb import Lane, MongoSession
from aishell_core.engines.mongodb_documents import Document
from aishell_core.engines.mongodb_errors import monitor_grant
from aishell_core.targets import Target
from aishell_core.values import Ability, Cost, Failure, FailureCode, Part, Reading, Sample, Session, Statement, Tier, essential
from collectors.budget import Budget
from collectors.contract import Demand
from collectors.mongodb.commands import KnownCommands
from collectors.mongodb.locks_rows import lock_waits_of
from collectors.mongodb.operations_rows import (
    ACTIVE,
    LEFT_OUT,
    Operation,
    activity_samples,
    operations_of,
    progress_of,
    session_of,
    wait_counts,
)
from collectors.mongodb.profile import ProfileLook, ProfileReader
from collectors.mongodb.questions import Questions
from collectors.mongodb.server import Life, abilities_of, facts_of, is_ferretdb, life_of
from collectors.mongodb.status_rows import COMMAND, lacking, status_samples
from collectors.statements_sampled import SampledStatements, SeenCall

DEADLINE_SECONDS = 1.7
"""Less than the poller gives, so that a server that hangs is named as the reason."""

_STATUS = "server status"
_NEEDS_MONGODB = "MongoDB itself has it"
_MOST_OPERATIONS = 10_000


@dataclass(frozen=True, slots=True)
class _Looked:
    """The operations of one moment, None where they cannot be read; `partly` when those of others are hidden."""

    operations: tuple[Operation, ...] | None
    partly: bool = False
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)


class HotTier:
    """Reads one server each second, and remembers what the next reading needs to compare."""

    def __init__(self, session: MongoSession, target: Target, clock: Clock) -> None:
        self._session = session
        self._target = target
        self._clock = clock
        self._questions = Questions(session, clock, Lane.QUICK)
        self._commands = KnownCommands()
        self._sampled = SampledStatements()
        self._profile = ProfileReader(self._questions, clock)
        self._life: Life | None = None
        self._before: Document | None = None
        self._status: Document = {}
        self._told: dict[tuple[str, str, str], Session] = {}

    @property
    def abilities(self) -> Ability:
        """What the server can be asked, as far as is known by now."""
        return abilities_of(self._status)

    async def read(self, demand: Demand) -> Reading:
        """One reading; raises MongoError when the server cannot be read."""
        at, budget = self._clock.now(), self._questions.budget(DEADLINE_SECONDS)
        status = await self._questions.command(_STATUS, COMMAND, budget, seconds=DEADLINE_SECONDS)
        hello: Document = {}
        cost, failures = status.cost, status.failures
        if status.documents is None:
            greeting = await self._questions.command("target", {"hello": 1}, budget)
            build = await self._questions.command("target", {"buildInfo": 1}, budget)
            hello = {**greeting.document, "version": build.document.get("version"), **_ferret(build.document)}
            cost += greeting.cost + build.cost
        self._status = status.document or hello
        samples = self._counted(status.document)
        looked = await self._look(demand, budget)
        profile = await self._profile.read(budget) if self._may(Ability.STATEMENTS, demand, Part.STATEMENTS) else ProfileLook(None)
        facts = facts_of(self._status, hello, self._life.started_at if self._life is not None else None)
        operations = looked.operations
        if operations is not None and not looked.partly:
            samples += activity_samples(operations, idle_known=Part.SESSIONS in demand)
        return Reading(
            self._target.name,
            Tier.HOT,
            at,
            samples,
            facts,
            sessions=self._sessions(operations, demand),
            lock_waits=lock_waits_of(operations) if operations is not None and Part.LOCKS in demand else None,
            statements=self._statements(profile, demand),
            progress=progress_of(operations) if operations is not None else None,
            waits=wait_counts(operations) if operations is not None else None,
            failures=(*essential(failures), *self._missing(at), *essential(looked.failures), *profile.failures),
            cost=cost + looked.cost + profile.cost,
        )

    def _may(self, ability: Ability, demand: Demand, part: Part) -> bool:
        return part in demand and ability in self.abilities

    def _counted(self, status: Document) -> tuple[Sample, ...]:
        """The figures, compared with those before where both are of the same life."""
        life = life_of(status)
        if life is None:
            return ()
        if self._life is None or not self._life.goes_on(life):
            if self._life is not None:
                self._questions.forget()
            self._before, self._told = None, {}
            self._life = life
        else:
            self._life = Life(life.pid, life.uptime_seconds, self._life.started_at)
        before, self._before = self._before, status
        return status_samples(status, before)

    async def _look(self, demand: Demand, budget: Budget) -> _Looked:
        """What runs: of all users, else of our own; with idle connections while sessions are looked at."""
        if Ability.SESSIONS not in self.abilities:
            return _Looked(None)
        idle = Part.SESSIONS in demand
        everybody = await self._operations(budget, all_users=True, idle=idle)
        if everybody.operations is not None or not everybody.failures or everybody.failures[0].code is not FailureCode.PRIVILEGE:
            return everybody
        own = await self._operations(budget, all_users=False, idle=idle)
        message = "what other users do is hidden: " + everybody.failures[0].message
        where = self._session.where
        hidden = Failure(Part.SESSIONS, FailureCode.PRIVILEGE, message, monitor_grant(where.user, where.source), self._clock.now())
        return _Looked(own.operations, partly=True, failures=(hidden, *own.failures), cost=everybody.cost + own.cost)

    async def _operations(self, budget: Budget, *, all_users: bool, idle: bool) -> _Looked:
        stage = {"$currentOp": {"allUsers": all_users, "idleConnections": idle, "idleSessions": True}}
        command = {"aggregate": 1, "pipeline": [stage, {"$project": dict.fromkeys(LEFT_OUT, 0)}], "cursor": {}}
        name = f"operations {all_users}"
        answer = await self._questions.documents(Part.SESSIONS, command, budget, name=name, seconds=DEADLINE_SECONDS, most=_MOST_OPERATIONS)
        if answer.documents is None:
            return _Looked(None, failures=answer.failures, cost=answer.cost)
        operations = operations_of(answer.documents, self._commands)
        self._sampled.add(_seen(one) for one in operations if not one.own and not one.kind and one.state == ACTIVE)
        return _Looked(operations, cost=answer.cost)

    def _sessions(self, operations: tuple[Operation, ...] | None, demand: Demand) -> tuple[Session, ...] | None:
        if operations is None or Part.SESSIONS not in demand:
            return None
        others = [one for one in operations if not one.own]
        # The start of an operation follows from two clocks and wanders by milliseconds: the first that was told stays.
        before, self._told = self._told, {}
        for one in others:
            known = before.get(one.key)
            if known is None or not one.rests:
                known = session_of(one, known.started_at if known is not None else one.started_at)
            self._told[one.key] = known
        return tuple(self._told.values())

    def _statements(self, profile: ProfileLook, demand: Demand) -> tuple[Statement, ...] | None:
        """What the profiler counted, and estimates of what it did not."""
        if profile.statements is None:
            return None
        counted = {one.digest for one in profile.statements}
        return (*profile.statements, *(one for one in self._sampled.statements() if one.digest not in counted))

    def _missing(self, at: float) -> tuple[Failure, ...]:
        """What this kind of server does not tell, in a sentence for each part.

        Nothing is left that it could be judged by: that it answers does not say that it is well.
        """
        if not is_ferretdb(self._status):
            return ()
        figures = f"FerretDB does not tell of {', '.join(lacking(self._status))}"
        operations = "FerretDB lists neither operations nor connections"
        statements = "FerretDB lists no operations and has no profiler, so its statements cannot be told apart"
        told = ((_STATUS, figures), (Part.SESSIONS, operations), (Part.STATEMENTS, statements))
        return tuple(
            Failure(part, FailureCode.UNSUPPORTED, message, _NEEDS_MONGODB, at, essential=part == _STATUS) for part, message in told
        )


def _ferret(build: Document) -> Mapping[str, object]:
    return {"ferretdbVersion": build["ferretdbVersion"]} if is_ferretdb(build) else {}


def _seen(one: Operation) -> SeenCall:
    database = one.namespace.partition(".")[0]
    return SeenCall(one.id, one.id, one.statement_seconds, False, one.said.digest, one.said.shape, database, one.user)
