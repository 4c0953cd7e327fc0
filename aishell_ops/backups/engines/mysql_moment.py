"""One moment for our counts and for the dump, which opens its own transaction: for as long as both begin, nobody may commit.

Which lock does that is found by trying: the lightest that the server has and the account may take.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from aishell_core.engines.mysql_errors import MysqlError, quoted
from aishell_core.engines.mysql_held import HeldConnection, held_connection
from aishell_core.targets import Target
from aishell_core.values import FailureCode
from aishell_ops.backups.models import Position

_WAIT_SECONDS = 3
"""How long the lock may stand in a queue: whoever wants to write stands behind it for so long."""
_TRIES = 3
_PAUSE_SECONDS = 1.0
_NOT_KNOWN = frozenset({1064})
_MAY_NOT = frozenset({1044, 1142, 1227})
_BEGIN = "START /* aishell */ TRANSACTION WITH CONSISTENT SNAPSHOT"
_ISOLATION = "SET /* aishell */ SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"


@dataclass(frozen=True, slots=True)
class Stillness:
    """How it is kept still: by a lock on the `whole` server, on its tables alone, or not at all (`locked` false)."""

    locked: bool
    whole: bool


@asynccontextmanager
async def stillness(target: Target, environ: Mapping[str, str], tables: Sequence[str]) -> AsyncIterator[Stillness]:
    """Let nobody commit to the tables inside the block, as far as the account may; raises MysqlError when a lock is not given.

    `tables` are quoted names with their database.
    """
    async with held_connection(target, environ) as connection:
        await connection.execute(f"SET /* aishell */ SESSION lock_wait_timeout = {_WAIT_SECONDS}")
        statements, end, still = await _taken(connection, tables)
        try:
            yield still
        finally:
            if statements:
                with suppress(MysqlError):
                    await connection.execute(end)


_STAGES = ("BACKUP STAGE START", "BACKUP STAGE BLOCK_COMMIT")
_END_OF_STAGES = "BACKUP STAGE END"
_GLOBAL = ("FLUSH TABLES WITH READ LOCK",)
_UNLOCK = "UNLOCK TABLES"


async def _taken(connection: HeldConnection, tables: Sequence[str]) -> tuple[tuple[str, ...], str, Stillness]:
    """The first lock of the ladder that can be had."""
    ladder: list[tuple[tuple[str, ...], str, bool]] = [(_STAGES, _END_OF_STAGES, True)] if connection.facts.mariadb else []
    ladder.append((_GLOBAL, _UNLOCK, True))
    if tables:
        ladder.append(((_lock_statement(tables),), _UNLOCK, False))
    for statements, end, whole in ladder:
        try:
            await _lock(connection, statements, end)
        except MysqlError as error:
            if error.number not in _MAY_NOT | _NOT_KNOWN:
                raise
        else:
            return statements, end, Stillness(True, whole)
    return (), "", Stillness(False, False)


def _lock_statement(tables: Sequence[str]) -> str:
    return "LOCK /* aishell */ TABLES " + ", ".join(f"{table} READ" for table in tables)


async def _lock(connection: HeldConnection, statements: Sequence[str], end: str) -> None:
    """Take a lock, again and again with pauses in which whoever waits behind it goes on."""
    for number in range(_TRIES):
        try:
            for statement in statements:
                await connection.execute(statement)
        except MysqlError as error:
            with suppress(MysqlError):
                await connection.execute(end)
            if error.reason is not FailureCode.LOCKED:
                raise
            if number == _TRIES - 1:
                message = "no moment could be had in which nobody writes: somebody holds a lock or runs a long statement"
                raise MysqlError(FailureCode.LOCKED, message, "the Sessions screen shows who; try again later", error.number) from error
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            return


@asynccontextmanager
async def kept(target: Target, environ: Mapping[str, str], tables: Sequence[str]) -> AsyncIterator[bool]:
    """Let nobody write to tables that know no transactions until the block ends; gives whether the account may.

    `tables` are quoted names with their database. Raises MysqlError when a lock is not given.
    """
    async with AsyncExitStack() as stack:
        if tables:
            connection = await stack.enter_async_context(held_connection(target, environ))
            try:
                await connection.execute(_lock_statement(tables))
            except MysqlError as error:
                if error.number not in _MAY_NOT:
                    raise
                yield False
                return
        yield True


async def begin(connection: HeldConnection) -> None:
    """Open the transaction that shows the moment; raises MysqlError."""
    await connection.execute(_ISOLATION)
    await connection.execute(_BEGIN)


async def place_in_log(connection: HeldConnection) -> Position:
    """The place in the server's log that belongs to the open transaction, as far as the server tells; raises MysqlError."""
    found = await (_mariadb_place(connection) if connection.facts.mariadb else _mysql_place(connection))
    return tuple((name, value) for name, value in found if value)


async def _mariadb_place(connection: HeldConnection) -> Position:
    rows = await connection.fetch("SHOW /* aishell */ STATUS LIKE 'binlog_snapshot_%'")
    told = {str(row["Variable_name"]).lower(): str(row["Value"]) for row in rows}
    file, position = told.get("binlog_snapshot_file", ""), told.get("binlog_snapshot_position", "")
    if not file:
        return ()
    gtid = await _told(connection, "SELECT /* aishell */ BINLOG_GTID_POS(%s, %s) AS gtid", (file, int(position)))
    return (("file", file), ("position", position), ("gtid", gtid))


async def _mysql_place(connection: HeldConnection) -> Position:
    for statement in ("SHOW /* aishell */ MASTER STATUS", "SHOW /* aishell */ BINARY LOG STATUS"):
        try:
            rows = await connection.fetch(statement)
        except MysqlError as error:
            if error.number in _NOT_KNOWN:
                continue
            if error.number in _MAY_NOT:
                break
            raise
        for row in rows:
            return (("file", str(row["File"])), ("position", str(row["Position"])), ("gtid", str(row.get("Executed_Gtid_Set") or "")))
        return ()
    return (("gtid", await _told(connection, "SELECT /* aishell */ @@GLOBAL.gtid_executed AS gtid")),)


async def _told(connection: HeldConnection, sql: str, parameters: Sequence[object] = ()) -> str:
    """A value that the server may not have, or not tell this account."""
    try:
        return str(await connection.value(sql, parameters) or "").replace("\n", "")
    except MysqlError as error:
        if error.number in _MAY_NOT | {1193, 1305, 1370}:
            return ""
        raise


def quoted_tables(database: str, names: Sequence[str]) -> tuple[str, ...]:
    """Tables as they are written in a statement."""
    return tuple(f"{quoted(database)}.{quoted(name)}" for name in names)
