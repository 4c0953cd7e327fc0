"""How a restored database takes the place of the old one, which can be brought back until the end, also by whoever comes next.

MySQL and MariaDB have no statement that renames a database. Tables move by one RENAME TABLE, all of them or none. What does not
move (triggers, views, routines, events, and tables that only join others) is made anew from its definitions. Those of the
old database are written into a journal beside its tables before anything is changed.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

from aishell_core.engines.mysql_errors import MysqlError, quoted
from aishell_core.engines.mysql_held import HeldConnection
from aishell_core.values import FailureCode
from aishell_ops.backups.engines.mysql_contents import Contents, contents_of
from aishell_ops.backups.errors import BackupError

JOURNAL = "aishell_journal"
_PIECE_BYTES = 256 << 10
_WAIT_SECONDS = 5
"""How long a change may stand in a queue for a lock; whoever comes later stands behind it."""
_UNDO_WAIT_SECONDS = 60

Definitions = Callable[[Contents, Sequence[str]], Awaitable[tuple[bytes, ...]]]
"""Scripts that make what does not move: all of a database, or the triggers of some tables."""
Run = Callable[[str, bytes], Awaitable[None]]
"""Runs a script in a database; raises BackupError."""


@dataclass(frozen=True, slots=True)
class Move:
    """What is to be moved where. `tables` limits it to these; `existed` tells whether there was a database of that name.

    `code` names what the old database has of all that does not move.
    """

    database: str
    staging: str
    aside: str
    existed: bool
    incoming: tuple[str, ...]
    outgoing: tuple[str, ...]
    code: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    charset: str = ""
    collation: str = ""


@dataclass(frozen=True, slots=True)
class Tools:
    """What the moving needs of programs."""

    definitions: Definitions
    run: Run


async def publish(
    connection: HeldConnection, tools: Tools, staging: str, aside: str, database: str, tables: Sequence[str], last: Sequence[bytes]
) -> None:
    """Put what is in the staging database in its place; `last` are scripts that run when all else is there.

    Raises MysqlError and BackupError; then the old database is as it was.
    """
    new = await _there(connection, staging)
    old = await contents_of(connection, database)
    scripts = (*await tools.definitions(new, tables), *last)
    olds = await tools.definitions(old, tables) if old is not None else ()
    move = _move(new, old, staging, aside, database, tables)
    await _write_journal(connection, move, olds)
    try:
        await _carry_out(connection, tools, move, new, scripts)
    except BaseException as fault:
        await _bring_back(connection, tools, move, olds, fault)
        raise
    await _note(connection, aside, "done", 0, "")
    await drop(connection, aside)
    await drop(connection, staging)


async def undo_interrupted(connection: HeldConnection, tools: Tools, aside: str) -> str:
    """Bring an old database back whose replacement was interrupted; the name of the database, "" where it was complete.

    Raises MysqlError and BackupError; what could not be done is tried again by the next call.
    """
    read = await _read_journal(connection, aside)
    if read is None:
        await drop(connection, aside)
        return ""
    move, olds = read
    await _undo(connection, tools, move, olds)
    return move.database


async def drop(connection: HeldConnection, database: str) -> None:
    """Drop a database of ours when it is there; raises MysqlError."""
    await connection.execute("SET /* aishell */ SESSION foreign_key_checks = 0")
    await connection.execute(f"DROP DATABASE /* aishell */ IF EXISTS {quoted(database)}")
    await connection.execute("SET /* aishell */ SESSION foreign_key_checks = 1")


async def create(connection: HeldConnection, database: str, charset: str, collation: str) -> None:
    """Make a database; raises MysqlError."""
    words = f" CHARACTER SET {charset} COLLATE {collation}" if charset and collation else ""
    await connection.execute(f"CREATE DATABASE /* aishell */ {quoted(database)}{words}")


def _move(new: Contents, old: Contents | None, staging: str, aside: str, database: str, tables: Sequence[str]) -> Move:
    incoming = tuple(name for name in _movable(new) if not tables or name in tables)
    outgoing = tuple(name for name in _movable(old) if not tables or name in tables) if old is not None else ()
    charset, collation = (new.charset, new.collation) if old is None or not tables else (old.charset, old.collation)
    return Move(database, staging, aside, old is not None, incoming, outgoing, _code(old) if old else (), tuple(tables), charset, collation)


def _code(contents: Contents) -> tuple[str, ...]:
    merged = [table.name for table in contents.tables if table.merged]
    routines = [f"{kind} {name}" for kind, name in contents.routines]
    return tuple(sorted([*merged, *(name for name, _ in contents.triggers), *contents.views, *contents.events, *routines]))


def _movable(contents: Contents) -> tuple[str, ...]:
    return (*(table.name for table in contents.tables if not table.merged), *contents.sequences)


async def _there(connection: HeldConnection, database: str) -> Contents:
    found = await contents_of(connection, database)
    if found is None:
        raise BackupError(f"the database {database} has gone while it was being restored", "look who drops databases there")
    return found


async def _carry_out(connection: HeldConnection, tools: Tools, move: Move, new: Contents, scripts: Sequence[bytes]) -> None:
    if not move.existed:
        await create(connection, move.database, move.charset, move.collation)
    await _expect_unlocked(connection, move)
    await _clear(connection, new, move.tables)
    if move.existed:
        await _clear(connection, await _there(connection, move.database), move.tables)
    pairs = [(move.database, move.aside, name) for name in move.outgoing] + [(move.staging, move.database, name) for name in move.incoming]
    await _rename(connection, pairs)
    if move.existed and not move.tables:
        await connection.execute(
            f"ALTER DATABASE /* aishell */ {quoted(move.database)} CHARACTER SET {move.charset} COLLATE {move.collation}"
        )
    for script in scripts:
        await tools.run(move.database, script)


async def _expect_unlocked(connection: HeldConnection, move: Move) -> None:
    """Raise MysqlError, before anything is changed, while somebody holds a lock on a table that is to be moved away."""
    if not move.outgoing:
        return
    await connection.execute(f"SET /* aishell */ SESSION lock_wait_timeout = {_WAIT_SECONDS}")
    tables = ", ".join(f"{quoted(move.database)}.{quoted(name)} WRITE" for name in move.outgoing)
    try:
        await connection.execute(f"LOCK /* aishell */ TABLES {tables}")
    except MysqlError as error:
        if error.reason is not FailureCode.PRIVILEGE:
            raise
    await connection.execute("UNLOCK /* aishell */ TABLES")


async def _bring_back(connection: HeldConnection, tools: Tools, move: Move, olds: Sequence[bytes], fault: BaseException) -> None:
    try:
        await _undo(connection, tools, move, olds)
    except (MysqlError, BackupError) as error:
        message = (
            f"the database {move.database} could not be brought back ({error.message}) after: {fault}; all of it is kept in {move.aside}"
        )
        raise BackupError(message, "restore again: the next restore brings it back first") from fault


async def _undo(connection: HeldConnection, tools: Tools, move: Move, olds: Sequence[bytes]) -> None:
    """From any step of a replacement back to the old database; may be done again."""
    now = await contents_of(connection, move.database)
    if not move.existed:
        await drop(connection, move.database)
    elif now is not None:
        away = await contents_of(connection, move.aside)
        there = set(_movable(now))
        back = [name for name in _movable(away) if name != JOURNAL] if away is not None else []
        moved = bool(back) or (not move.outgoing and bool(there & set(move.incoming)))
        whole = not moved and _code(now) == move.code
        if not whole:
            await connection.execute(f"SET /* aishell */ SESSION lock_wait_timeout = {_UNDO_WAIT_SECONDS}")
            await _clear(connection, now, move.tables)
        if moved:
            if await contents_of(connection, move.staging) is None:
                await create(connection, move.staging, "", "")
            new = [name for name in move.incoming if name in there]
            await _rename(
                connection,
                [(move.database, move.staging, name) for name in new] + [(move.aside, move.database, name) for name in back],
            )
        await _restore_charset(connection, move)
        for script in () if whole else olds:
            await tools.run(move.database, script)
    await drop(connection, move.aside)


async def _restore_charset(connection: HeldConnection, move: Move) -> None:
    away = await contents_of(connection, move.aside)
    if away is not None and not move.tables:
        await connection.execute(
            f"ALTER DATABASE /* aishell */ {quoted(move.database)} CHARACTER SET {away.charset} COLLATE {away.collation}"
        )


async def _clear(connection: HeldConnection, contents: Contents, tables: Sequence[str]) -> None:
    """Take away what does not move: of all, or of some tables."""
    place = quoted(contents.database)
    for name, table in contents.triggers:
        if not tables or table in tables:
            await connection.execute(f"DROP TRIGGER /* aishell */ IF EXISTS {place}.{quoted(name)}")
    for one in contents.tables:
        if one.merged and (not tables or one.name in tables):
            await connection.execute(f"DROP TABLE /* aishell */ {place}.{quoted(one.name)}")
    if tables:
        return
    for name in contents.views:
        await connection.execute(f"DROP VIEW /* aishell */ IF EXISTS {place}.{quoted(name)}")
    for name in contents.events:
        await connection.execute(f"DROP EVENT /* aishell */ IF EXISTS {place}.{quoted(name)}")
    for kind, name in sorted(contents.routines, key=lambda routine: routine[0] != "PACKAGE BODY"):
        await connection.execute(f"DROP {kind} /* aishell */ IF EXISTS {place}.{quoted(name)}")


async def _rename(connection: HeldConnection, pairs: Sequence[tuple[str, str, str]]) -> None:
    if not pairs:
        return
    steps = ", ".join(f"{quoted(source)}.{quoted(name)} TO {quoted(target)}.{quoted(name)}" for source, target, name in pairs)
    await connection.execute(f"RENAME /* aishell */ TABLE {steps}")


def _journal(aside: str) -> str:
    return f"{quoted(aside)}.{quoted(JOURNAL)}"


async def _write_journal(connection: HeldConnection, move: Move, olds: Sequence[bytes]) -> None:
    """Make the database that the old tables go to, with all that brings them back."""
    old = await contents_of(connection, move.database)
    await create(connection, move.aside, old.charset if old else "", old.collation if old else "")
    try:
        await connection.execute(
            f"CREATE TABLE /* aishell */ {_journal(move.aside)} (kind varchar(20) NOT NULL, piece int NOT NULL,"
            " content longblob NOT NULL, PRIMARY KEY (kind, piece)) ENGINE=InnoDB"
        )
        for number, script in enumerate(olds):
            for piece in range(0, len(script), _PIECE_BYTES):
                content = script[piece : piece + _PIECE_BYTES].hex()
                place = number * 1_000_000 + piece // _PIECE_BYTES
                await _note(connection, move.aside, "definitions", place, content)
        await _note(connection, move.aside, "move", 0, json.dumps(asdict(move)).encode().hex())
    except BaseException:
        with suppress(MysqlError):
            await asyncio.shield(drop(connection, move.aside))
        raise


async def _note(connection: HeldConnection, aside: str, kind: str, piece: int, content: str) -> None:
    await connection.execute(f"INSERT /* aishell */ INTO {_journal(aside)} (kind, piece, content) VALUES ('{kind}', {piece}, x'{content}')")  # noqa: S608 - our own words


async def _read_journal(connection: HeldConnection, aside: str) -> tuple[Move, tuple[bytes, ...]] | None:
    """What was begun and not ended; None where nothing was changed yet, or all was done."""
    try:
        rows = await connection.fetch(f"SELECT /* aishell */ kind, piece, content FROM {_journal(aside)} ORDER BY kind, piece")  # noqa: S608 - a quoted name
    except MysqlError as error:
        if error.number == _NO_TABLE:
            return None
        raise
    kinds = {str(row["kind"]) for row in rows}
    if "done" in kinds or "move" not in kinds:
        return None
    (move,) = [json.loads(bytes(row["content"])) for row in rows if str(row["kind"]) == "move"]
    scripts: dict[int, bytes] = {}
    for row in rows:
        if str(row["kind"]) == "definitions":
            number = int(row["piece"]) // 1_000_000
            scripts[number] = scripts.get(number, b"") + bytes(row["content"])
    lists = ("incoming", "outgoing", "tables", "code")
    return Move(**{**move, **{name: tuple(move[name]) for name in lists}}), tuple(scripts[number] for number in sorted(scripts))


_NO_TABLE = 1146


def token() -> str:
    """What makes a name of ours its own."""
    return secrets.token_hex(4)
