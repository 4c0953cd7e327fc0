"""A session with a PostgreSQL server: at most two connections, each question with a deadline."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aishell_core.clock import Clock
from aishell_core.engines.certificate import ShownCertificate, end_of
from aishell_core.engines.postgres_acting import Acting
from aishell_core.engines.postgres_explaining import Explaining
from aishell_core.engines.postgres_facts import ServerFacts
from aishell_core.engines.postgres_lane import Line
from aishell_core.engines.postgres_place import find_place
from aishell_core.engines.postgres_route import Route
from aishell_core.engines.postgres_running import run_command
from aishell_core.targets import Target
from aishell_core.values import CommandResult, Cost, Limits, PlanNode, Session, Value

Row = Mapping[str, Any]
"""Values by column name; a text is always proper Unicode."""

__all__ = ["Answer", "Lane", "PostgresSession", "Row", "ServerFacts"]


class Lane(StrEnum):
    """Which of the two connections a question takes: what is asked each second, or what may take long."""

    QUICK = "quick"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of one question and what it cost: statements sent, seconds until the answer was here, bytes received."""

    rows: tuple[Row, ...]
    cost: Cost


class PostgresSession:
    """Asks one server; every error that leaves it is a TargetError (a `PostgresError` with the server's SQLSTATE).

    A connection that breaks or does not answer in time is dropped and made anew by the next question. Nothing is
    connected before the first one.
    """

    def __init__(self, target: Target, clock: Clock, environ: Mapping[str, str] = os.environ) -> None:
        self._clock = clock
        route = Route()
        self._lines = {lane: Line(target, environ, route, f"{target.name} {lane}") for lane in Lane}
        self._target, self._environ = target, environ
        self._looked_at: tuple[object, float] | None = None
        self._explaining = Explaining(self._lines[Lane.SLOW])
        self._acting = Acting(self._lines[Lane.QUICK])

    def load(self) -> None:
        """Load the driver, so that no deadline of a question has to pay for that."""
        import aishell_core.engines.postgres_connection  # noqa: F401 - for its sake alone

    async def facts(self, lane: Lane = Lane.QUICK, deadline_seconds: float = 5.0) -> ServerFacts:
        """What the server says of itself, asked once per connection; connects when needed. Raises TargetError."""
        line = self._lines[lane]
        async with line.turn(deadline_seconds) as until:
            reached = await line.connected(until)
            return line.facts_now(reached)

    async def query(self, sql: str, parameters: tuple[Any, ...] = (), *, lane: Lane, deadline_seconds: float) -> Answer:
        """The rows of one read-only statement; raises TargetError, also when the deadline passes first."""
        line = self._lines[lane]
        async with line.turn(deadline_seconds) as until:
            connection = (await line.connected(until)).connection
            received, queries, began = connection.bytes_received, line.queries, self._clock.steady()
            rows = await line.fetch(sql, parameters, until)
            seconds = self._clock.steady() - began
            return Answer(rows, Cost(line.queries - queries, seconds, max(0, connection.bytes_received - received)))

    async def certificate(self, deadline_seconds: float) -> ShownCertificate | None:
        """What the slow connection was shown; None without TLS and where it cannot be read. Connects when needed; raises TargetError."""
        line = self._lines[Lane.SLOW]
        async with line.turn(deadline_seconds) as until:
            connection = (await line.connected(until)).connection
        now = self._clock.steady()
        if self._looked_at is None or self._looked_at[0] is not connection:
            self._looked_at = connection, now
        end = end_of(connection.certificate)
        return None if end is None else ShownCertificate(end, now - self._looked_at[1])

    async def connect_anew(self, lane: Lane, deadline_seconds: float) -> None:
        """Take leave on one connection and then make it again, so that there are never more than two; raises TargetError."""
        line = self._lines[lane]
        async with line.turn(deadline_seconds) as until:
            await line.leave()
            await line.connected(until)

    async def explain(self, sql: str, database: str, deadline_seconds: float, *, consent: bool = False) -> tuple[PlanNode, ...]:
        """The plan of a statement as seen in a database ("" for the target's own), without running it.

        Raises TargetError that says in words why a statement has none, and ConsentError where planning it may already run
        functions that do something; `consent` lets them, and the connection with all that they leave in it is dropped.
        """
        return await self._explaining.explain(sql, database, deadline_seconds, consent=consent)

    async def check_measuring(self, sql: str, database: str, deadline_seconds: float) -> None:
        """Raise the TargetError with which `explain_analyze` would not run a statement, because it writes or may; nothing is run."""
        await self._explaining.check_measuring(sql, database, deadline_seconds)

    async def explain_analyze(self, sql: str, database: str, deadline_seconds: float) -> tuple[PlanNode, ...]:
        """The plan with what its steps took: the statement is run in a read-only transaction, which is rolled back.

        Raises TargetError where it writes, lacks values or passes the deadline.
        """
        return await self._explaining.explain_analyze(sql, database, deadline_seconds)

    def database_of(self, _command: str, database: str) -> str:
        """The database that is connected to, also where the environment or a file says it; raises PostgresError."""
        return database or find_place(self._target, self._environ).database

    async def cancel(self, session: Session, deadline_seconds: float) -> None:
        """Cancel the running statement of exactly this session (process and start); raises TargetError."""
        await self._acting.cancel(session, deadline_seconds)

    async def terminate(self, session: Session, deadline_seconds: float) -> None:
        """End exactly this session (process and start), and see it go; raises TargetError."""
        await self._acting.terminate(session, deadline_seconds)

    async def run(
        self, command: str, parameters: tuple[Value, ...], limits: Limits, *, database: str = "", read_only: bool = True
    ) -> CommandResult:
        """What one statement of a person brings, on a connection of its own; raises TargetError."""
        return await run_command(self._target, self._environ, command, parameters, limits, database=database, read_only=read_only)

    async def close(self) -> None:
        """Let go of both connections; may be called twice and raises nothing."""
        for line in self._lines.values():
            await line.close()
