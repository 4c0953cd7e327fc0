"""A session with an SQLite database file: asked on demand, every question opens, reads and closes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from aishell_core.engines.base import Cell
from aishell_core.engines.sqlite_explain import Explainable, TableFacts, explainable, named_tables, plan_of
from aishell_core.engines.sqlite_file import FileLook
from aishell_core.engines.sqlite_reading import Queries, Row, SqliteReader
from aishell_core.engines.sqlite_running import run_command
from aishell_core.engines.sqlite_states import shown
from aishell_core.engines.worker import DatabaseThread
from aishell_core.errors import TargetError
from aishell_core.values import CommandResult, Facts, Failure, FailureCode, Limits, PlanNode, Value

_LEADING_COLUMNS = """
SELECT column.name FROM pragma_index_list(?) AS list, pragma_index_info(list.name) AS column
WHERE column.seqno = 0 AND column.name IS NOT NULL
UNION SELECT name FROM pragma_table_info(?) WHERE pk = 1
"""


class SqliteSession:
    """Pingable, Queryable, Explainable, Runnable and Closeable; also checks integrity."""

    def __init__(self, path: Path) -> None:
        self._reader = SqliteReader(path)
        self._thread = DatabaseThread(f"sqlite {path.name}")

    @property
    def reader(self) -> SqliteReader:
        """What reads the file, for callers that have a thread of their own."""
        return self._reader

    async def ping(self, deadline_seconds: float) -> Facts:
        """What the file says of itself; raises TargetError."""
        look = await self._thread.run(self._reader.look, deadline_seconds)
        return facts_of(look.file, None)

    async def query(self, sql: str, parameters: tuple[Cell, ...], deadline_seconds: float) -> tuple[Row, ...]:
        """The rows of a read-only statement; raises TargetError."""
        work = partial(self._reader.read, lambda queries: queries.rows(sql, parameters), deadline_seconds)
        return tuple(await self._thread.run(work, deadline_seconds + 0.5))

    async def explain(self, sql: str, deadline_seconds: float) -> tuple[PlanNode, ...]:
        """The plan of one statement, which is not run; raises TargetError where the text has none."""
        statement = explainable(sql)
        work = partial(self._reader.read, partial(_explain, statement), deadline_seconds)
        return await self._thread.run(work, deadline_seconds + 0.5)

    async def check_integrity(self, deadline_seconds: float, *, thorough: bool = False) -> tuple[Failure, ...]:
        """What `PRAGMA quick_check` finds, or `integrity_check` when thorough; empty when all is well. Raises TargetError."""
        pragma = "PRAGMA integrity_check" if thorough else "PRAGMA quick_check"
        work = partial(self._reader.read, partial(_check, pragma), deadline_seconds)
        try:
            findings = await self._thread.run(work, deadline_seconds + 0.5)
        except TargetError as error:
            if error.reason is not FailureCode.DAMAGED:
                raise
            findings = (error.message,)  # so damaged that not even the check could be made
        hint = "restore a backup; .recover of the sqlite3 shell saves what is left"
        return tuple(Failure("integrity", FailureCode.DAMAGED, finding, hint) for finding in findings)

    async def run(
        self, command: str, parameters: tuple[Value, ...], limits: Limits, *, database: str = "", read_only: bool = True
    ) -> CommandResult:
        """What one statement of a person brings; there is one database in a file, so `database` chooses none. Raises TargetError."""
        work = partial(run_command, self._reader, command, parameters, limits, read_only=read_only)
        return await self._thread.run(work, limits.seconds + 1.0)

    async def close(self) -> None:
        """Let the thread end; may be called twice."""
        self._thread.close()


def _explain(statement: Explainable, queries: Queries) -> tuple[PlanNode, ...]:
    # Placeholders are bound to NULL: the plan depends on them being there, not on what they are.
    rows = queries.rows("EXPLAIN QUERY PLAN " + statement.sql, (None,) * statement.placeholders)
    tables = [str(name) for (name,) in queries.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    names = named_tables(statement.sql, tables)
    estimates = row_estimates(queries.rows("SELECT tbl, stat FROM sqlite_stat1")) if "sqlite_stat1" in tables else {}
    facts = {table: _facts_of_table(queries, table, estimates.get(table)) for table in set(names.values())}
    steps = ((int(str(step)), int(str(parent)), str(detail)) for step, parent, _, detail in rows)
    return plan_of(steps, statement.sql, names, facts)


def _facts_of_table(queries: Queries, table: str, rows: float | None) -> TableFacts:
    columns = frozenset(str(name).lower() for (name,) in queries.rows("SELECT name FROM pragma_table_xinfo(?)", (table,)))
    leading = frozenset(str(name).lower() for (name,) in queries.rows(_LEADING_COLUMNS, (table, table)))
    return TableFacts(table, columns, leading, rows)


def row_estimates(rows: Iterable[Row]) -> dict[str, float]:
    """Rows per table as ANALYZE found them: the first number of each line of sqlite_stat1."""
    found: dict[str, float] = {}
    for table, statistic in rows:
        first = str(statistic).split(" ", 1)[0]
        if first.isdigit():
            found[str(table)] = max(found.get(str(table), 0.0), float(first))
    return found


def _check(pragma: str, queries: Queries) -> tuple[str, ...]:
    rows = queries.rows(pragma)
    lines = (line for row in rows for line in str(row[0]).splitlines())
    return tuple(line for line in lines if line not in {"ok", "*** in database main ***"})


def facts_of(look: FileLook, started_at: float | None) -> Facts:
    """What a database file says of itself."""
    header = look.header
    details: list[tuple[str, str]] = [("path", shown(look.path)), ("journal mode", journal_mode(look))]
    if header is not None:
        details += [
            ("page size", str(header.page_bytes)),
            # With a log, what the file says of itself may be older than the log: these three wait for a checkpoint.
            *((("encoding", header.encoding),) if header.encoding else ()),
            *((("user version", str(header.user_version)),) if header.user_version else ()),
            *((("application id", f"0x{header.application_id:08x}"),) if header.application_id else ()),
        ]
    return Facts("sqlite", header.version if header is not None else "", "file", started_at, tuple(details))


def journal_mode(look: FileLook) -> str:
    """The journal mode as far as the files show it: which rollback journal is used is a choice of each connection."""
    if look.in_wal_mode:
        return "wal"
    if look.journal is None:
        return "delete"
    return "truncate" if look.journal.size_bytes == 0 else "persist"
