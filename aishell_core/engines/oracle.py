"""A session with an Oracle server: at most two connections, each question with a deadline."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from aishell_core.clock import Clock
from aishell_core.engines.oracle_acting import Acting
from aishell_core.engines.oracle_errors import no_driver
from aishell_core.engines.oracle_explaining import Explaining
from aishell_core.engines.oracle_facts import ServerFacts
from aishell_core.engines.oracle_guard import GuardedLoop
from aishell_core.engines.oracle_lane import Line
from aishell_core.engines.oracle_loop import LoopThread
from aishell_core.engines.oracle_place import Place, find_place
from aishell_core.engines.oracle_running import run_command
from aishell_core.engines.oracle_wire import Binds, Connect, Row, Wire
from aishell_core.targets import Target
from aishell_core.values import CommandResult, Cost, Limits, PlanNode, Session, Value

__all__ = ["Answer", "Lane", "OracleSession", "Row", "ServerFacts"]

_CELL_BYTES = 8
"""What a cell that is no text counts for: the driver does not tell how many bytes came."""


class Lane(StrEnum):
    """Which of the two connections a question takes: what is asked each second, or what may take long."""

    QUICK = "quick"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of one question and what it cost; the bytes are those of the texts and eight for each other cell."""

    rows: tuple[Row, ...]
    cost: Cost


async def connect_by_driver(place: Place, action: str) -> Wire:
    """A connection by python-oracledb, which is loaded by now at the latest; raises OracleError where it is not installed."""
    try:
        from aishell_core.engines.oracle_connection import OracleConnection
    except ImportError as error:
        raise no_driver() from error
    return await OracleConnection.open(place, action)


class OracleSession:
    """Asks one server; every error that leaves it is a TargetError (an `OracleError` with the server's error number).

    A connection that breaks or does not answer in time is dropped and made anew by the next question. Nothing is
    connected before the first one. `connect` makes a connection; tests give one that stands in for the driver's.
    """

    def __init__(self, target: Target, clock: Clock, environ: Mapping[str, str] = os.environ, connect: Connect = connect_by_driver) -> None:
        self._target = target
        self._clock = clock
        self._environ = environ
        self._connect = connect
        self._thread = LoopThread(f"oracle {target.name}", GuardedLoop)
        self._lines = {lane: Line(target, environ, connect, self._thread, lane.value) for lane in Lane}
        self._acting = Acting(self._lines[Lane.QUICK])
        self._explaining = Explaining(self._lines[Lane.SLOW])

    def load(self) -> None:
        """Load the driver, so that no deadline of a question has to pay for that; one that is missing is told when it is needed."""
        if self._connect is connect_by_driver:
            with suppress(ImportError):
                import aishell_core.engines.oracle_connection  # noqa: F401 - for its sake alone

    async def facts(self, lane: Lane = Lane.QUICK, deadline_seconds: float = 5.0) -> ServerFacts:
        """What the server says of itself, asked once per connection; connects when needed. Raises TargetError."""
        line = self._lines[lane]
        async with line.turn(deadline_seconds) as until:
            return (await line.connected(until)).facts

    async def query(self, sql: str, binds: Binds, *, lane: Lane, deadline_seconds: float) -> Answer:
        """The rows of one query; raises TargetError, also when the deadline passes first."""
        line = self._lines[lane]
        async with line.turn(deadline_seconds) as until:
            await line.connected(until)
            queries, began = line.queries, self._clock.steady()
            rows = await line.fetch(sql, binds, until)
            seconds = self._clock.steady() - began
            return Answer(rows, Cost(line.queries - queries, seconds, sum(_bytes(row) for row in rows)))

    async def explain(self, sql: str, database: str, deadline_seconds: float) -> tuple[PlanNode, ...]:
        """The plan of a statement, without running it; raises TargetError that says in words why it has none."""
        return await self._explaining.explain(sql, database, deadline_seconds)

    def database_of(self, _command: str, database: str) -> str:
        """The schema that names without one belong to: that of the URL, or the user's own, where none is given; raises OracleError."""
        place = find_place(self._target, self._environ)
        return database or place.schema or place.where.user

    async def cancel(self, session: Session, deadline_seconds: float) -> None:
        """Cancel the running statement of exactly this session; raises TargetError."""
        await self._acting.cancel(session, deadline_seconds)

    async def terminate(self, session: Session, deadline_seconds: float) -> None:
        """End exactly this session; raises TargetError."""
        await self._acting.terminate(session, deadline_seconds)

    async def run(
        self, command: str, parameters: tuple[Value, ...], limits: Limits, *, database: str = "", read_only: bool = True
    ) -> CommandResult:
        """What one statement of a person brings, on a connection of its own; raises TargetError.

        `database` is the schema that names without one are looked for in.
        """
        line = Line(self._target, self._environ, self._connect, self._thread, "run")
        return await run_command(line, command, parameters, limits, schema=database, read_only=read_only)

    @property
    def own_sids(self) -> frozenset[int]:
        """The numbers of our own sessions at the server."""
        return frozenset(sid for line in self._lines.values() if (sid := line.sid) is not None)

    async def close(self) -> None:
        """Let go of both connections; may be called twice and raises nothing."""
        for line in self._lines.values():
            await line.close()
        self._thread.close()


def _bytes(row: Row) -> int:
    return sum(len(cell) if isinstance(cell, str | bytes) else _CELL_BYTES for cell in row.values())
