"""Fetching tables and indexes with their sizes, in short readings that no writer feels."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

from aishell_core.engines.sqlite import row_estimates
from aishell_core.engines.sqlite_reading import Queries, Row, SqliteReader
from aishell_core.errors import TargetError
from aishell_core.values import Failure, FailureCode, Relation
from collectors.sqlite.queries import query
from collectors.sqlite.rows import Sizes, relations_of

_BATCH_SECONDS = 0.05
"""A connection of ours stays open no longer than this while sizes are read, so that the application's own last close
finds us there as seldom as possible and a file without a log has a chance to stay the same meanwhile."""

_OBJECT_SHARE = 0.25
"""The share of the whole deadline that one table may take."""


@dataclass(frozen=True, slots=True)
class RelationsFound:
    """Tables and indexes, what is missing of them, and how long it took to find out."""

    relations: tuple[Relation, ...]
    failures: tuple[Failure, ...]
    seconds: float


def read_relations(reader: SqliteReader, deadline_seconds: float, at: float) -> RelationsFound:
    """All tables and indexes; a size that cannot be had within the deadline is unknown. Raises TargetError."""
    begun = time.monotonic()
    until = begun + deadline_seconds
    schema, estimates = reader.read(_schema, deadline_seconds)
    names = [str(name) for _, name, _, rootpage, _ in schema if rootpage]
    sizes, failures = _sizes(reader, names, until, deadline_seconds * _OBJECT_SHARE, at)
    return RelationsFound(relations_of(schema, sizes, estimates), failures, time.monotonic() - begun)


def _schema(queries: Queries) -> tuple[list[Row], dict[str, float]]:
    schema = queries.rows(query("relations"))
    analysed = any(name == "sqlite_stat1" for _, name, *_ in schema)
    return schema, row_estimates(queries.rows(query("statistics"))) if analysed else {}


def _sizes(reader: SqliteReader, names: list[str], until: float, object_seconds: float, at: float) -> tuple[Sizes, tuple[Failure, ...]]:
    sizes: Sizes = {}
    waiting = names
    while waiting and time.monotonic() < until:
        try:
            found = reader.read(partial(_batch, waiting=tuple(waiting), object_seconds=object_seconds), until - time.monotonic())
        except TargetError as error:
            if error.reason is FailureCode.UNSUPPORTED:
                return {}, (_no_dbstat(at),)
            return sizes, (error.failure("relations", at),)
        sizes.update(found)
        waiting = [name for name in waiting if name not in found]
    unknown = [name for name in names if sizes.get(name, (None, None))[0] is None]
    if not unknown:
        return sizes, ()
    message = f"the sizes of {len(unknown)} of {len(names)} tables and indexes could not be read in time"
    return sizes, (Failure("relations", FailureCode.TIMEOUT, message, "they are large; the others are known", at),)


def _batch(queries: Queries, waiting: tuple[str, ...], object_seconds: float) -> Sizes:
    """The sizes of as many objects as the time of one batch allows, at least of one."""
    until = time.monotonic() + _BATCH_SECONDS
    found: Sizes = {}
    for name in waiting:
        rows = queries.rows_if_quick(query("relation_pages"), (name,), object_seconds)
        found[name] = _size(rows[0]) if rows else (None, None)
        if time.monotonic() > until:
            break
    return found


def _size(row: Row) -> tuple[float | None, float | None]:
    used, free = row[0], row[1]
    return (float(used) if isinstance(used, int) else None, float(free) if isinstance(free, int) else None)


def _no_dbstat(at: float) -> Failure:
    return Failure(
        "relations",
        FailureCode.UNSUPPORTED,
        "the sizes of tables are not known: the SQLite library of this Python was built without dbstat",
        "use a Python whose SQLite has ENABLE_DBSTAT_VTAB, as that of Debian, Ubuntu and Fedora",
        at,
    )
