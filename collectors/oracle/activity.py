"""Reading what the sessions of a server do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aishell_core.clock import Clock
from aishell_core.engines.oracle import OracleSession, Row, ServerFacts
from aishell_core.values import Cost, Failure, Part, Session
from collectors.budget import Budget
from collectors.oracle.activity_rows import Looked, id_of, session_of
from collectors.oracle.questions import Found, Questions
from collectors.oracle.texts import Texts

_CONTAINERS_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class ActivityLook:
    """The sessions of a moment, None where they cannot be read.

    `counts` are those of all sessions where only the working ones were looked at. `names` are identifiers by instance
    and number.
    """

    looked: tuple[Looked, ...] | None
    names: Mapping[tuple[int, int], str] = field(default_factory=dict)
    counts: tuple[Row, ...] | None = None
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)

    @property
    def sessions(self) -> tuple[Session, ...] | None:
        """All sessions but ours."""
        return None if self.looked is None else tuple(one.session for one in self.looked if not one.own)


class ActivityReader:
    """Reads sessions of all instances, or of ours alone where the others are not granted."""

    def __init__(self, session: OracleSession, questions: Questions, clock: Clock, texts: Texts, containers: dict[int, str]) -> None:
        """`containers` is filled with their names by number."""
        self._session = session
        self._questions = questions
        self._clock = clock
        self._texts = texts
        self._containers = containers
        self._containers_until = 0.0

    async def read(self, server: ServerFacts, budget: Budget, *, complete: bool) -> ActivityLook:
        """The sessions, all of them or those that work; raises TargetError when the server cannot be read."""
        cost = await self._learn_containers(server, budget)
        found, failures = await self._rows(server, budget, {"everyone": int(complete)})
        cost += found.cost
        if found.rows is None:
            return ActivityLook(None, failures=failures, cost=cost)
        counts = None
        if not complete:
            counted = await self._questions.ask(server, "session_counts", Part.SESSIONS, budget)
            counts, cost, failures = counted.rows or (), cost + counted.cost, (*failures, *counted.failures)
        busy = sorted(found.rows, key=lambda row: row["status"] != "ACTIVE")
        cost += await self._texts.learn(server, (str(row["sql_id"] or row["prev_sql_id"] or "") for row in busy), budget)
        names = {(int(row["inst"]), int(row["sid"])): id_of(row, server) for row in found.rows}
        own = self._session.own_sids
        looked = tuple(
            Looked(row, self._shown(row, names, server), row["sid"] in own and row["inst"] == server.instance) for row in found.rows
        )
        return ActivityLook(looked, names, counts, failures, cost)

    def _shown(self, row: Row, names: Mapping[tuple[int, int], str], server: ServerFacts) -> Session:
        text = self._texts.known.get(str(row["sql_id"] or row["prev_sql_id"] or ""), "")
        return session_of(row, text, self._containers, names, server)

    async def _rows(self, server: ServerFacts, budget: Budget, binds: Mapping[str, object]) -> tuple[Found, tuple[Failure, ...]]:
        """The rows, and what to tell: what lies beyond our instance is missed only where ours can be read."""
        everywhere = await self._questions.ask(server, "sessions", Part.SESSIONS, budget, binds)
        if everywhere.rows is not None:
            return everywhere, ()
        here = await self._questions.ask(server, "sessions_here", Part.SESSIONS, budget, binds)
        cost = everywhere.cost + here.cost
        return Found(here.rows, (), cost), here.judged.failures if here.rows is None else ()

    async def _learn_containers(self, server: ServerFacts, budget: Budget) -> Cost:
        if self._clock.steady() < self._containers_until:
            return Cost()
        self._containers_until = self._clock.steady() + _CONTAINERS_SECONDS
        found = await self._questions.ask(server, "containers", "containers", budget)
        self._containers |= {0: server.container, server.container_id: server.container}
        self._containers |= {int(row["con_id"]): str(row["name"]) for row in found.rows or ()}
        return found.cost
