"""A connection for long work on an Oracle server: rows that are saved or restored, or a lock that is kept meanwhile.

Unlike everything that watches, it has no deadline; nothing opens it by itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from aishell_core.engines.oracle_errors import OracleError, Whereabouts, no_driver
from aishell_core.engines.oracle_facts import ServerFacts
from aishell_core.engines.oracle_guard import GuardedLoop
from aishell_core.engines.oracle_lane import Line
from aishell_core.engines.oracle_loop import LoopThread
from aishell_core.engines.oracle_place import Place, find_place
from aishell_core.engines.oracle_wire import Binds, Bound, BulkWire, Row
from aishell_core.targets import Target

ConnectBulk = Callable[[Place, str], Awaitable[BulkWire]]
"""Connects to a place for long work; the text is what the connection is for, which the server shows as its action."""

_LONGEST_SECONDS = 14 * 86_400.0
_CONNECT_SECONDS = 15.0
_CLOSE_SECONDS = 2.0
_SETTINGS = (
    "ALTER SESSION /* aishell */ SET TIME_ZONE = '+00:00'",
    # What the text of a value depends on is the same for every reader, so that hashes of it can be compared.
    "ALTER SESSION /* aishell */ SET NLS_NUMERIC_CHARACTERS = '.,'",
    "ALTER SESSION /* aishell */ SET NLS_CALENDAR = 'GREGORIAN'",
)


async def bulk_by_driver(place: Place, action: str) -> BulkWire:
    """A connection by python-oracledb, which is loaded by now at the latest; raises OracleError where it is not installed."""
    try:
        from aishell_core.engines.oracle_connection import OracleConnection
    except ImportError as error:
        raise no_driver() from error
    return await OracleConnection.open(place, action)


class HeldConnection:
    """A connection that stays until its block ends, and is not made again when it breaks; its methods raise OracleError."""

    def __init__(self, line: Line, wire: BulkWire, facts: ServerFacts, until: float) -> None:
        self._line = line
        self._wire = wire
        self._until = until
        self.facts = facts

    @property
    def where(self) -> Whereabouts:
        """What messages name."""
        return self._line.where()

    async def fetch(self, sql: str, binds: Binds | None = None) -> tuple[Row, ...]:
        """The rows of one query, which are few."""
        return await self._line.asked(lambda: self._wire.fetch(sql, binds or {}, _CALL_MILLISECONDS), self._until)

    async def value(self, sql: str, binds: Binds | None = None) -> object:
        """The first value of the first row; None without rows."""
        rows = await self.fetch(sql, binds)
        return next(iter(rows[0].values())) if rows else None

    async def stream(self, sql: str, binds: Binds | None = None) -> AsyncIterator[list[tuple[Any, ...]]]:
        """The rows of a query as the server sends them, about a megabyte at a time."""
        opened = await self._line.asked(lambda: self._wire.open_rows(sql, binds or {}, _CALL_MILLISECONDS), self._until)
        while piece := await self._line.asked(opened.more, self._until):
            yield piece
        await self._line.asked(opened.close, self._until)

    async def insert(self, sql: str, kinds: Sequence[Bound], rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement for each row; nothing is committed."""
        await self._line.asked(lambda: self._wire.insert(sql, kinds, rows, _CALL_MILLISECONDS), self._until)

    async def execute(self, sql: str, binds: Binds | None = None) -> None:
        """Run a statement of our own; what defines something commits by itself."""
        await self._line.asked(lambda: self._wire.execute(sql, binds or {}, _CALL_MILLISECONDS), self._until)

    async def commit(self) -> None:
        """Keep what was done."""
        await self._line.asked(lambda: self._wire.end(_CALL_MILLISECONDS, keep=True), self._until)

    async def roll_back(self) -> None:
        """Undo what was done since the last commit."""
        await self._line.asked(lambda: self._wire.end(_CALL_MILLISECONDS, keep=False), self._until)


_CALL_MILLISECONDS = 12 * 3_600_000
"""For one call of the driver, such as the next rows, or counting those of a table."""


@asynccontextmanager
async def held_connection(
    target: Target, environ: Mapping[str, str], connect: ConnectBulk = bulk_by_driver, purpose: str = "backup"
) -> AsyncIterator[HeldConnection]:
    """A connection for as long as the block lasts; raises OracleError."""
    made: list[BulkWire] = []

    async def connecting(place: Place, action: str) -> BulkWire:
        made.append(await connect(place, action))
        return made[-1]

    thread = LoopThread(f"oracle {target.name} {purpose}", GuardedLoop)
    line = Line(target, environ, connecting, thread, purpose)
    try:
        async with line.turn(_LONGEST_SECONDS) as until:
            reached = await line.connected(until - _LONGEST_SECONDS + _CONNECT_SECONDS)
            connection = HeldConnection(line, made[-1], reached.facts, until)
            for setting in _SETTINGS:
                await connection.execute(setting)
            yield connection
    finally:
        try:
            # Whoever comes next finds nothing of it at the server, such as a lock.
            for wire in made:
                with suppress(TimeoutError):
                    await thread.run(wire.close, _CLOSE_SECONDS)
        finally:
            await line.close()
            thread.close()


def schema_of(target: Target, environ: Mapping[str, str]) -> str:
    """The schema that a target names in its URL; "" where it is the user's own. Raises OracleError."""
    return find_place(target, environ).schema


__all__ = ["ConnectBulk", "HeldConnection", "OracleError", "bulk_by_driver", "held_connection", "schema_of"]
