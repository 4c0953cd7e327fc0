"""Rows of SQLite files: read from a copy that shows one moment, taken into a file of its own, put in place in one transaction."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from aishell_core.engines.sqlite_copy import copy_whole
from aishell_core.engines.sqlite_file import FileLook, look_at
from aishell_core.engines.sqlite_rows import (
    SqliteRows,
    StoredColumn,
    StoredTable,
    copy_of_rows,
    exchange_tables,
    names_in,
    new_file,
    quoted,
)
from aishell_core.engines.sqlite_states import unreachable
from aishell_core.errors import UsageError
from aishell_core.targets import Location, Target
from aishell_core.values import TargetId
from aishell_ops.backups.engines.sqlite_place import wanted_file
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.hidden_folder import hidden_beside, hidden_folder
from aishell_ops.backups.models import Format, Manifest, Position, Source
from aishell_ops.backups.rows.by_hand import recovery_by_hand
from aishell_ops.backups.rows.contract import Look, Place, Placed, PlacedColumn
from aishell_ops.backups.rows.engines.sqlite_tied import tied
from aishell_ops.backups.rows.engines.sqlite_types import foreign_shape, kind_of, own_shape
from aishell_ops.backups.rows.fidelity import Shape
from aishell_ops.backups.rows.finding import table_named
from aishell_ops.backups.rows.model import Column, Raw, Row, Table
from aishell_ops.backups.rows.names import NameRules
from aishell_ops.backups.scratch_folder import scratch_folder
from aishell_ops.backups.streams.stopping import in_thread

FAMILY = "sqlite"
_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 15.0


class SqliteTables:
    """Gives and takes rows of database files."""

    forms = frozenset({Format.JSON, Format.CSV, Format.SQL})
    rules = NameRules(10_000, folds=True, reserved="sqlite_")

    async def look(self, target: Target, database: str, tables: Sequence[str]) -> Look:
        """What is in the file, by its schema; what its columns hold is seen in the moment. Raises UsageError and TargetError."""
        return await asyncio.to_thread(_look, target, tables)

    @asynccontextmanager
    async def moment(self, target: Target, look: Look, *, secret: bool) -> AsyncIterator[_Moment]:
        """Copy the file in one step and read the copy, in memory where no plaintext may touch a disk."""
        with ExitStack() as stack:
            folder = stack.enter_context(scratch_folder(look.expected_bytes or 0, in_memory=secret))
            copy, stop = folder / "database.sqlite", threading.Event()
            await in_thread(stop, partial(copy_whole, _path(target), copy, _PATIENCE_SECONDS, lambda: not stop.is_set()))
            rows = stack.enter_context(copy_of_rows(copy))
            wanted = {table.name for table in look.tables}
            tables = await asyncio.to_thread(lambda: tuple(_known(rows, each) for each in rows.tables() if each.name in wanted))
            yield _Moment(rows, tables)

    def shape(self, table: Table, column: Column, *, same: bool) -> Shape:
        """How a column is kept."""
        return own_shape(column) if same else foreign_shape(column)

    def keeps_key(self, columns: Sequence[PlacedColumn]) -> str:
        """Every column may be in a key."""
        return ""

    def place_of(self, tables: Sequence[Table]) -> tuple[tuple[str, str], ...]:
        """There are no schemas: those of others but the usual one are put before the name."""
        return tuple(("", table.name if table.schema in ("", "public") else f"{table.schema}_{table.name}") for table in tables)

    async def survey(self, target: Target, database: str, tables: Sequence[tuple[str, str]]) -> Place:
        """What is in the file where they would go."""
        return await asyncio.to_thread(_survey, target, database, [name for _, name in tables])

    @asynccontextmanager
    async def staging(self, target: Target, place: Place, tables: Sequence[Placed]) -> AsyncIterator[_Staging]:
        """A file in a hidden folder beside the one that takes them in the end."""
        final = Path(place.database)
        async with hidden_folder(hidden_beside(final)) as folder:
            path = folder / "database.sqlite"
            with new_file(path) as rows:
                await asyncio.to_thread(rows.make, [_made(placed)[0] for placed in tables])
                yield _Staging(rows, path, final)

    @asynccontextmanager
    async def scratch(self, target: Target, manifest: Manifest) -> AsyncIterator[Target]:
        """A file that is not there yet, in a folder that goes with the block."""
        with scratch_folder(2 * manifest.plain_bytes, in_memory=manifest.encryption is not None) as folder:
            yield Target(TargetId(f"test of {target.name}"), Location("sqlite", path=folder / "restored.db"))

    def recovery(self, form: Format, tables: Sequence[Table]) -> tuple[str, ...]:
        """How the shell of SQLite reads them."""
        if form is Format.SQL:
            return ("cat *.sql | sqlite3 new.db",)
        return recovery_by_hand("sqlite", "sqlite3 -bail new.db")


class _Moment:
    """A copy of the file."""

    start: Position = ()
    server_time: float | None = None

    def __init__(self, rows: SqliteRows, tables: tuple[Table, ...]) -> None:
        self.tables = tables
        self._rows = rows

    async def rows(self, table: Table) -> AsyncIterator[Sequence[Row]]:
        """All rows of a table."""
        shapes = [own_shape(column) for column in table.columns]
        async for piece in _read(self._rows.rows(table.name, [column.name for column in table.columns]), shapes):
            yield piece

    async def count(self, table: Table) -> int:
        """How many rows the table has."""
        return await asyncio.to_thread(self._rows.count, table.name)


class _Staging:
    """A file of its own."""

    def __init__(self, rows: SqliteRows, path: Path, final: Path) -> None:
        self._rows = rows
        self._path = path
        self._final = final

    async def load(self, placed: Placed, rows: Sequence[Sequence[Raw]]) -> None:
        """Take rows."""
        await asyncio.to_thread(self._rows.add, placed.name, [column.name for column in placed.columns], rows)

    async def finish(self, placed: Placed) -> None:
        """Build the indexes."""
        await asyncio.to_thread(self._rows.make, _made(placed)[1:])

    async def rows(self, placed: Placed) -> AsyncIterator[Sequence[Row]]:
        """All rows of a table as its source would have them."""
        shapes = [column.shape for column in placed.columns]
        async for piece in _read(self._rows.rows(placed.name, [column.name for column in placed.columns]), shapes):
            yield piece

    async def publish(self, placed: Sequence[Placed]) -> None:
        """Let the file be the database where there is none yet, else put its tables into that in one transaction."""
        await asyncio.to_thread(_publish, self._path, self._final, placed)


async def _read(pieces: Iterator[list[tuple[Raw, ...]]], shapes: Sequence[Shape]) -> AsyncIterator[Sequence[Row]]:
    reads = [shape.read for shape in shapes]
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield [tuple([None if value is None else read(value) for read, value in zip(reads, row, strict=True)]) for row in piece]


def _path(target: Target) -> Path:
    if target.location.path is None:
        raise UsageError(f"{target.name} is no database file", "SQLite's backups are of files")
    return target.location.path


def _file(target: Target) -> FileLook:
    path = _path(target)
    try:
        found = look_at(path)
    except OSError as error:
        raise unreachable(path, error) from error
    if found.header is None:
        raise UsageError(f"{found.path} is empty or no SQLite database", "there is nothing to be saved")
    return found


def _look(target: Target, wanted: Sequence[str]) -> Look:
    file = _file(target)
    version = file.header.version if file.header is not None else ""
    source = Source(target.name, "sqlite", file.path.name, target.location.redacted(), version, environment=target.environment)
    there = names_in(file.path, _LOOK_SECONDS)
    names = tuple(Table(name, ()) for kind, name in there if kind == "table")
    tables = tuple(dict.fromkeys(table_named(name, names) for name in wanted)) if wanted else names
    skipped = tuple((f"{_KINDS[kind]} {name}", "rows alone are saved") for kind, name in there if kind != "table" and not wanted)
    return Look(source, FAMILY, tables, skipped, expected_bytes=file.disk_bytes)


_KINDS = {"view": "view", "virtual": "virtual table"}


def _known(rows: SqliteRows, stored: StoredTable) -> Table:
    """A table with what its columns hold."""
    kept = [column for column in stored.columns if not column.computed]
    classes = rows.classes(stored.name, [column.name for column in kept]) if kept else ()
    columns = tuple(_column(rows, stored.name, column, each) for column, each in zip(kept, classes, strict=True))
    places = sorted((column.key_place, column.name) for column in kept if column.key_place)
    missing = tuple((f"trigger {name}", "rows alone are saved") for name in stored.triggers)
    return Table(stored.name, columns, "", tuple(name for _, name in places), stored.statements, tied(stored), missing)


def _column(rows: SqliteRows, table: str, column: StoredColumn, classes: dict[str, int]) -> Column:
    kind = kind_of(column.declared, classes, partial(rows.are_all, table, column.name))
    return Column(column.name, kind, column.declared, not (column.required or column.key_place))


def _made(placed: Placed) -> tuple[str, ...]:
    """The statements that make a table in its place: its own where it has them."""
    if placed.definition:
        return placed.definition
    lines = [f"{quoted(column.name)} {column.shape.type}{' NOT NULL' if column.required else ''}" for column in placed.columns]
    if placed.key:
        lines.append(f"PRIMARY KEY ({', '.join(map(quoted, placed.key))})")
    return (f"CREATE TABLE {quoted(placed.name)} ({', '.join(lines)})",)


def _survey(target: Target, database: str, names: Sequence[str]) -> Place:
    final = wanted_file(_path(target), database)
    if not final.parent.is_dir():
        return Place(str(final), False, FAMILY, obstacles=(f"the folder {final.parent} is missing",))
    free = shutil.disk_usage(final.parent).free
    if not final.exists() or not final.stat().st_size:
        return Place(str(final), False, FAMILY, free_bytes=free)
    there = names_in(final, _LOOK_SECONDS)
    folded = {name.casefold() for name in names}
    existing = tuple((name, f"the table {name} of {final.name}") for kind, name in there if kind == "table" and name.casefold() in folded)
    others = tuple(f"{name} is a {_KINDS[kind]} of {final.name}" for kind, name in there if kind != "table" and name.casefold() in folded)
    return Place(str(final), True, FAMILY, existing, others, free_bytes=free)


def _publish(path: Path, final: Path, placed: Sequence[Placed]) -> None:
    if final.exists() and final.stat().st_size:
        exchange_tables(final, path, [(each.name, [column.name for column in each.columns], _made(each)) for each in placed])
        return
    try:
        with path.open("rb") as file:
            os.fsync(file.fileno())
        if final.exists():
            path.replace(final)  # an empty file is as good as none
        else:
            os.link(path, final)  # fails where somebody has made one in the meantime
        descriptor = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise BackupError(f"{final} cannot be made: {(error.strerror or str(error)).lower()}", "look at its folder") from error
