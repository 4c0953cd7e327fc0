"""Dumps of a PostgreSQL database: of one moment, as one stream, a script, or a folder that is written side by side."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from shlex import quote
from typing import Any

from aishell_core.engines.postgres_errors import PostgresError
from aishell_core.engines.postgres_held import HeldConnection
from aishell_core.errors import UsageError
from aishell_core.targets import Target
from aishell_ops.backups.engines import postgres_databases as databases
from aishell_ops.backups.engines import postgres_programs as programs
from aishell_ops.backups.engines.contract import SavePlan, SaveRequest
from aishell_ops.backups.engines.postgres_proofs import TABLES, proofs_of, qualified
from aishell_ops.backups.engines.postgres_properties import creation, dressing, properties_of
from aishell_ops.backups.engines.postgres_tools import Client
from aishell_ops.backups.kept_folder import Keeper, kept_folder
from aishell_ops.backups.models import Format, ObjectProof, Position, ProofLevel
from aishell_ops.backups.streams.contract import PlainSource, Stop
from aishell_ops.backups.streams.process import ProgramSource
from aishell_ops.backups.streams.tarred import FilledFolder

METHOD, DIRECTORY = "pg_dump", "pg_dump-directory"
NAMES: Mapping[str, str] = {"logical": METHOD, METHOD: METHOD, "directory": DIRECTORY, DIRECTORY: DIRECTORY}
"""What people may call the methods."""
_SCRATCH_BYTES = 16 << 20
_FINISHED = re.compile(r"finished item (\d+) TABLE DATA ")
_MOMENT = "BEGIN /* aishell */ ISOLATION LEVEL REPEATABLE READ READ ONLY; SET /* aishell */ LOCAL row_security = off"
_HELD = """
SELECT /* aishell */ pg_export_snapshot() AS snapshot, extract(epoch FROM clock_timestamp())::float8 AS now,
  CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text AS lsn
"""
_LSN = "SELECT /* aishell */ CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text AS lsn"

_TIED = """
SELECT /* aishell */ t.name FROM unnest($1::text[]) AS t (name)
WHERE EXISTS (SELECT FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid <> 0 AND k.conrelid = to_regclass(t.name))
"""


_PARTED = """
SELECT /* aishell */ n.nspname AS schema, c.relname AS name,
  CASE WHEN c.relkind = 'p' THEN
    (SELECT coalesce(array_agg(json_build_array(ln.nspname, l.relname)::text ORDER BY ln.nspname, l.relname), '{}')
       FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid AND l.relkind = 'r'
       JOIN pg_namespace ln ON ln.oid = l.relnamespace) END AS leaves
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('p', 'r') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
"""


def method_of(request: SaveRequest) -> str:
    """How a dump is taken: several jobs need a folder to write into. Raises UsageError for what cannot be."""
    if request.format not in (Format.NATIVE, Format.SQL):
        raise UsageError(f"PostgreSQL databases cannot be saved as {request.format} yet", "take --format native or sql")
    if request.method not in ("", *NAMES):
        near = get_close_matches(request.method, [*NAMES, "physical"], 1)
        hint = f"did you mean {near[0]}?" if near else "take logical (one stream), directory (several jobs) or physical (pg_basebackup)"
        raise UsageError(f"there is no method {request.method}", hint)
    method = NAMES.get(request.method, DIRECTORY if request.jobs > 1 else METHOD)
    if method == METHOD and request.jobs > 1:
        raise UsageError("one stream is written by one job", "take --method directory for several")
    if method == DIRECTORY and request.format is Format.SQL:
        raise UsageError("a script is written by one job", "leave --jobs and --method out, or take --format native")
    return method


async def plan_save(connection: HeldConnection, target: Target, request: SaveRequest, dump: Client) -> SavePlan:
    """What would be saved; raises UsageError for what cannot be, PostgresError."""
    method = method_of(request)
    tables = await connection.fetch(TABLES)
    names = tuple(qualified(str(row["schema"]), str(row["name"])) for row in tables)
    asked = await with_partitions(connection, request.tables)
    wanted = tuple(dict.fromkeys(table_named(table, names) for table in asked))
    for row in await connection.fetch(_TIED, (list(wanted),)):
        raise UsageError(
            f"{row['name']} is a partition that has its foreign keys from its parent, and cannot be restored without what they refer to",
            "save all of the database",
        )
    size = sum(float(row["bytes"]) for row, name in zip(tables, names, strict=True) if not wanted or name in wanted)
    properties = await properties_of(connection)
    jobs = max(1, request.jobs) if method == DIRECTORY else 0
    how = f" by {jobs} jobs into a folder of ours, which is packed while they write" if jobs else ""
    return SavePlan(
        replace(request, tables=wanted, method=method),
        method,
        databases.source_of(target, connection, connection.database),
        (dump.tool(*programs.dump_arguments(request.format, wanted, jobs)),),
        expected_bytes=round(size),
        steps=(
            "hold one moment of the database",
            f"dump it with {dump.path}{how}",
            "dump the roles",
            "count its tables in the same moment",
        ),
        recovery=_recovery(request, method, connection, dict(properties)),
        properties=properties,
    )


def _recovery(request: SaveRequest, method: str, connection: HeldConnection, known: Mapping[str, str]) -> tuple[str, ...]:
    database, name = connection.database, quote(connection.database)
    roles = () if request.tables else (f"psql -X -d postgres -f {programs.GLOBALS}    # roles that are there already are told as errors",)
    made, restored = _by_hand(creation(database, known, connection.major)), f"pg_restore --exit-on-error -d {name}"
    script = f"psql -X -1 -v ON_ERROR_STOP=1 -d {name} -f"
    ahead: tuple[str, ...] = (*roles, made)
    # Settings of the database may be in the way of its restore.
    behind = tuple(_by_hand(statement) for statement in dressing(database, known))
    free = why = ""
    if request.tables:
        first = f"{script} {programs.DEFINING_SCRIPT}" if request.format is Format.SQL else f"{restored} {programs.DEFINITIONS}"
        ahead = (*ahead, first)
        # Rows come without those that they refer to.
        free, why = "PGOPTIONS='-c session_replication_role=replica' ", "    # as a superuser: the rows that these refer to may be missing"
    if method == DIRECTORY:
        jobs = f"--jobs={max(1, request.jobs)}"
        unpacked = ("mkdir dump", f"tar -xf {programs.FOLDER} -C dump")
        return (*ahead, *unpacked, f"{free}pg_restore --exit-on-error {jobs} -d {name} dump{why}", *behind)
    data = f"{restored} {programs.ARCHIVE}" if request.format is Format.NATIVE else f"{script} {programs.SCRIPT}"
    return (*ahead, f"{free}{data}{why}", *behind)


def _by_hand(statement: str) -> str:
    return f"psql -X -v ON_ERROR_STOP=1 -d postgres -c {quote(statement)}"


async def with_partitions(connection: HeldConnection, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The same names, with the partitions that hold its rows in the place of a partitioned table.

    Raises UsageError for a name that others have as well, PostgresError.
    """
    there = {qualified(str(row["schema"]), str(row["name"])): row["leaves"] for row in await connection.fetch(_PARTED)} if wanted else {}
    found: list[str] = []
    for text in wanted:
        meant = [name for name in there if _is_called(text, name)]
        leaves = [there[name] for name in meant if there[name] is not None]
        if leaves and len(meant) > 1:
            raise UsageError(f"{text} is the name of {len(meant)} tables", f"they are {', '.join(meant)}")
        found += [qualified(*json.loads(leaf)) for leaf in leaves[0]] if leaves else [text]
    return tuple(dict.fromkeys(found))


def _is_called(text: str, name: str) -> bool:
    plain, exact = name.replace('"', ""), name[1:-1].replace('"."', ".").replace('""', '"')
    return text in (name, *(form for words in (plain, exact) for form in (words, words.partition(".")[2])))


def table_named(text: str, names: tuple[str, ...]) -> str:
    """The table that somebody means by `orders`, `shop.orders` or a quoted name; raises UsageError naming the nearest."""
    plain = {name: name.replace('"', "") for name in names}
    found = [name for name in names if _is_called(text, name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{text} is the name of {len(found)} tables", f"they are {', '.join(found)}")
    near = get_close_matches(text, [*plain.values(), *(words.partition(".")[2] for words in plain.values())], 1)
    raise UsageError(f"there is no table {text}", f"did you mean {near[0]}?" if near else "name it with its schema")


@asynccontextmanager
async def saving(connection: HeldConnection, plan: SavePlan, dump: Client, dump_all: Client) -> AsyncIterator[DumpSaving]:
    """Hold a moment of the database in an open transaction, which pg_dump shares by its exported snapshot."""
    with ExitStack() as stack:
        keeper = None
        if plan.method == DIRECTORY:
            keeper = stack.enter_context(kept_folder((plan.expected_bytes or 0) + _SCRATCH_BYTES, in_memory=plan.request.secret))
        await connection.execute(_MOMENT)
        (held,) = await connection.fetch(_HELD)
        yield DumpSaving(connection, plan, held, dump, dump_all, keeper)
        with suppress(PostgresError):
            await connection.execute("ROLLBACK /* aishell */")


class DumpSaving:
    """A held moment; a dump in directory format needs a kept folder to be written into."""

    def __init__(
        self,
        connection: HeldConnection,
        plan: SavePlan,
        held: Mapping[str, Any],
        dump: Client,
        dump_all: Client,
        keeper: Keeper | None = None,
    ) -> None:
        self._connection = connection
        self._plan = plan
        self._snapshot = str(held["snapshot"])
        self._dump, self._dump_all = dump, dump_all
        self._keeper = keeper
        self.start: Position = (("lsn", str(held["lsn"])),)
        self.server_time: float | None = float(held["now"])

    @property
    def streams(self) -> tuple[PlainSource, ...]:
        """The roles, then the database; of some tables all definitions, then their rows."""
        if self._plan.request.tables:
            return (self._definitions(), self._data())
        # The passwords' hashes lie in a catalog that superusers alone may read.
        hidden = () if self._connection.facts.superuser else ("--no-role-passwords",)
        database = programs.connection_text(self._connection.database)
        roles = ("--globals-only", *hidden, *self._encoding, "--no-password", "--dbname", database)
        program = programs.program(self._dump_all, roles, self._connection.environment)
        return (ProgramSource(programs.GLOBALS, program, trailer=programs.ends_well), self._data())

    @property
    def _place(self) -> tuple[str, ...]:
        return (f"--snapshot={self._snapshot}", *self._encoding, "--dbname", programs.connection_text(self._connection.database))

    @property
    def _encoding(self) -> tuple[str, ...]:
        """The database's own, because not all that it holds has a place in another one; names of tables are told in UTF-8."""
        own = self._connection.facts.encoding
        return (f"--encoding={own}",) if own and not self._plan.request.tables else ()

    def _definitions(self) -> PlainSource:
        form = self._plan.request.format
        arguments = (*programs.definition_arguments(form), *self._place)
        program = programs.program(self._dump, arguments, self._connection.environment)
        if form is Format.SQL:
            return ProgramSource(programs.DEFINING_SCRIPT, program, trailer=programs.ends_well)
        return ProgramSource(programs.DEFINITIONS, program)

    def _data(self) -> PlainSource:
        request, around, place = self._plan.request, self._connection.environment, self._place
        expected = self._plan.expected_bytes
        if self._keeper is not None:
            folder: Path = self._keeper.folder / "dump"
            arguments = (*programs.dump_arguments(request.format, request.tables, max(1, request.jobs)), f"--file={folder}", *place)
            program = programs.program(self._dump, arguments, around, plain_words=True)
            return FilledFolder(
                programs.FOLDER, program, folder, finished=_finished_file, expected_bytes=expected, watch=self._keeper.watch
            )
        program = programs.program(self._dump, (*programs.dump_arguments(request.format, request.tables), *place), around)
        if request.format is Format.SQL:
            return ProgramSource(programs.SCRIPT, program, trailer=programs.ends_well, expected_bytes=expected)
        return ProgramSource(programs.ARCHIVE, program, expected_bytes=expected)

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """Counts and hashes of its tables, made by the server in the same moment."""
        return await proofs_of(self._connection, level, self._plan.request.tables, stop)

    async def end(self) -> Position:
        """The place in the log now."""
        (row,) = await self._connection.fetch(_LSN)
        return (("lsn", str(row["lsn"])),)


def _finished_file(line: str) -> str | None:
    """The file of a table whose rows one of pg_dump's jobs has written."""
    found = _FINISHED.search(line)
    return f"{found[1]}.dat" if found is not None else None
