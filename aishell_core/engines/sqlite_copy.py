"""Whole copies of SQLite database files, what is in them, and whether they are sound; blocks, so it is called in a thread."""

from __future__ import annotations

import hashlib
import math
import sqlite3
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from aishell_core.engines.sqlite_reading import mapped
from aishell_core.engines.sqlite_states import shown
from aishell_core.errors import TargetError
from aishell_core.values import FailureCode

_BATCH_ROWS = 2000
_LOOK_STEPS = 100_000
"""How many steps of the engine's machine lie between two looks whether somebody wants it to end."""
_TRY_SECONDS = 0.2
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_MODULUS = 1 << 128

IsWanted = Callable[[], bool]
"""Whether the work is still wanted."""


@dataclass(frozen=True, slots=True)
class TableContent:
    """What is in a table: its rows, and a hash that does not depend on their order (None where it was not wanted)."""

    name: str
    rows: int
    content_hash: str | None
    definition_hash: str


class _NotWantedError(Exception):
    """Ends a copy that nobody wants any more."""


def copy_whole(source: Path, target: Path, patience_seconds: float, wanted: IsWanted) -> bool:
    """Copy a database as it is at one moment into a file that is made anew; False when it was not wanted any more.

    In one step: a copy in several begins again whenever another process has written, and beside a busy one never ends. With a
    write-ahead log nobody waits for it; with a rollback journal writers wait until it is done. Raises TargetError.
    """
    until = time.monotonic() + patience_seconds

    def look(status: int, _remaining: int, _total: int) -> None:
        # The driver tries for ever where the file is locked, and asks here after every try.
        if status in _LOCKED and not wanted():
            raise _NotWantedError
        if status in _LOCKED and time.monotonic() > until:
            raise TargetError(FailureCode.LOCKED, f"{shown(source)} is locked by a writer", "end what it does, or save it later")

    try:
        with closing(_opened(source, "mode=ro", _TRY_SECONDS)) as original, closing(sqlite3.connect(target)) as copy:
            # Nobody else knows the copy, and one that a crash has cut is thrown away.
            copy.execute("PRAGMA journal_mode = OFF")
            copy.execute("PRAGMA synchronous = OFF")
            original.backup(copy, pages=-1, progress=look)
    except _NotWantedError:
        return False
    except sqlite3.Error as error:
        raise mapped(error, source, math.inf) from error
    return True


def faults_of(copy: Path, wanted: IsWanted, *, thorough: bool) -> tuple[str, ...]:
    """What is damaged in a copy that nobody else uses, in the engine's own words; empty when it is sound. Raises TargetError.

    When thorough every index is compared with its table too, which takes about ten times as long; `REINDEX` mends that.
    """
    pragma = "integrity_check" if thorough else "quick_check"
    return tuple(words for words in _ask(copy, f"PRAGMA {pragma}(20)", wanted) if words != "ok")


def contents_of(copy: Path, wanted: IsWanted, *, hashed: bool) -> tuple[TableContent, ...]:
    """What is in every table of a copy that nobody else uses; virtual tables are left out, what they are made of is not.

    Raises TargetError.
    """
    try:
        with closing(_unshared(copy, wanted)) as connection:
            tables = [str(name) for (name,) in connection.execute(_TABLES)]
            return tuple(_content(connection, name, hashed=hashed) for name in tables)
    except sqlite3.Error as error:
        raise mapped(error, copy, math.inf) from error


def settle(path: Path, patience_seconds: float) -> None:
    """Bring all of a database's log into its file, so that the file alone is the database; raises TargetError when it is in use."""
    try:
        with closing(_opened(path, "mode=rw", patience_seconds)) as connection:
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise mapped(error, path, math.inf) from error
    if busy:
        raise TargetError(FailureCode.LOCKED, f"{path} is in use: its log cannot be brought into it", "end the programs that use it")


_TABLES = r"""
SELECT name FROM pragma_table_list
WHERE schema = 'main' AND type IN ('table', 'shadow') AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
ORDER BY name
"""


def _content(connection: sqlite3.Connection, name: str, *, hashed: bool) -> TableContent:
    table = '"' + name.replace('"', '""') + '"'
    definition = hashlib.sha256()
    for (text,) in connection.execute(
        "SELECT sql FROM main.sqlite_schema WHERE tbl_name = ? AND sql IS NOT NULL ORDER BY type, name", (name,)
    ):
        definition.update(str(text).encode("utf-8", "surrogateescape") + b"\0")
    if not hashed:
        ((rows,),) = connection.execute(f"SELECT count(*) FROM main.{table}")  # noqa: S608 - a quoted name of the database's own
        return TableContent(name, int(rows), None, definition.hexdigest())
    count = total = 0
    for row in _rows(connection, f"SELECT * FROM main.{table}"):  # noqa: S608 - as above
        count += 1
        total = (total + int.from_bytes(hashlib.blake2b(_bytes_of(row), digest_size=16).digest(), "big")) % _MODULUS
    return TableContent(name, count, f"{total:032x}", definition.hexdigest())


def _rows(connection: sqlite3.Connection, sql: str) -> Iterator[tuple[object, ...]]:
    cursor = connection.execute(sql)
    while batch := cursor.fetchmany(_BATCH_ROWS):
        yield from batch


def _bytes_of(row: tuple[object, ...]) -> bytes:
    """A row without doubt about where a value ends or of which kind it is."""
    pieces = []
    for value in row:
        match value:
            case None:
                pieces.append(b"n")
            case int():
                pieces.append(b"i%d;" % value)
            case float():
                pieces.append(b"f" + struct.pack(">d", value))
            case str():
                text = value.encode("utf-8", "surrogateescape")
                pieces.append(b"t%d:" % len(text) + text)
            case bytes():
                pieces.append(b"b%d:" % len(value) + value)
    return b"".join(pieces)


def _ask(copy: Path, sql: str, wanted: IsWanted) -> list[str]:
    try:
        with closing(_unshared(copy, wanted)) as connection:
            return [str(row[0]) for row in connection.execute(sql)]
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return [str(error)]
        raise mapped(error, copy, math.inf) from error


def _unshared(copy: Path, wanted: IsWanted) -> sqlite3.Connection:
    """A connection that makes no file beside the copy and can be ended."""
    connection = _opened(copy, "mode=ro&immutable=1", 0.0)
    connection.set_progress_handler(lambda: 0 if wanted() else 1, _LOOK_STEPS)
    return connection


def _opened(path: Path, options: str, patience_seconds: float) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(bytes(path))}?{options}", uri=True, timeout=patience_seconds, isolation_level=None)
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    return connection
