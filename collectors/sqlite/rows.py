"""What was read of a file as values: no reading here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aishell_core import catalogue
from aishell_core.engines.base import Cell
from aishell_core.engines.histogram import cumulative, quantile
from aishell_core.engines.sqlite import journal_mode
from aishell_core.engines.sqlite_file import FileLook
from aishell_core.engines.sqlite_reading import Look, Row
from aishell_core.values import Metric, Relation, Sample, Setting, Statement
from collectors.sqlite.clients import Running
from collectors.sqlite.counters import readers

LARGEST_TABLES = 10
HEAVIEST_STATEMENTS = 20
_IN_FILE = "file"
_IN_LIBRARY = "default of a new connection"
_SETTINGS_IN_FILE = frozenset({"page_size", "encoding", "auto_vacuum", "user_version", "application_id"})
_SETTING_UNITS = {"page_size": "bytes", "mmap_size": "bytes", "wal_autocheckpoint": "pages", "journal_size_limit": "bytes"}
_ON_OFF = {0: "off", 1: "on"}
_WORDS: dict[str, dict[int, str]] = {
    "synchronous": {0: "off", 1: "normal", 2: "full", 3: "extra"},
    "auto_vacuum": {0: "none", 1: "full", 2: "incremental"},
    "temp_store": {0: "default", 1: "file", 2: "memory"},
    "secure_delete": {0: "off", 1: "on", 2: "fast"},
    "foreign_keys": _ON_OFF,
}
_NOTABLE_OPTIONS = ("ENABLE_DBSTAT_VTAB", "THREADSAFE", "ENABLE_STAT4", "DEFAULT_WAL_SYNCHRONOUS", "DEFAULT_CACHE_SIZE", "MAX_MMAP_SIZE")


@dataclass(frozen=True, slots=True)
class Totals:
    """What all statements of a log come to since it began."""

    calls: float = 0.0
    errors: float = 0.0
    busy: float = 0.0
    rows: float = 0.0
    total_milliseconds: float = 0.0


def samples_of(values: Iterable[tuple[Metric, float | None]]) -> tuple[Sample, ...]:
    """Samples of what is known; an unknown value is left out."""
    return tuple(Sample(metric, float(value)) for metric, value in values if value is not None)


def look_samples(look: Look, commits: int | None, write_lock_seconds: float, *, locks_seen: bool) -> tuple[Sample, ...]:
    """The figures of a file that need no query."""
    file, header = look.file, look.file.header
    wal = file.in_wal_mode
    index = file.index
    if wal and file.index_file is None and (file.wal is None or file.wal.size_bytes == 0):
        frames: tuple[float | None, float | None] = (0.0, 0.0)
    else:
        frames = (index.frames, index.pending_frames) if index is not None else (None, None)
    return samples_of(
        (
            (catalogue.DISK_USED, file.disk_bytes),
            (catalogue.SQLITE_FILE_SIZE, file.file.size_bytes),
            (catalogue.SQLITE_PAGE_SIZE, header.page_bytes if header is not None else None),
            (catalogue.SQLITE_WAL_SIZE, (file.wal.size_bytes if file.wal is not None else 0) if wal else None),
            (catalogue.SQLITE_WAL_FRAMES, frames[0] if wal else None),
            (catalogue.SQLITE_WAL_PENDING, frames[1] if wal else None),
            (catalogue.TRANSACTIONS_RATE, commits),
            (catalogue.SQLITE_READERS, readers(look.locks, wal) if locks_seen else None),
            (catalogue.SQLITE_WRITE_LOCK, write_lock_seconds if locks_seen else None),
        )
    )


def page_samples(rows: list[Row]) -> tuple[Sample, ...]:
    """Figures of the row of `pragmas.sql`."""
    pages, free, page_bytes = (number(cell) for cell in rows[0][:3])
    cache = rows[0][3] if isinstance(rows[0][3], int) else None
    if page_bytes is None:
        return ()
    return samples_of(
        (
            (catalogue.SQLITE_FREELIST_SIZE, free * page_bytes if free is not None else None),
            (catalogue.SQLITE_FREE_RATIO, free / pages if free is not None and pages else None),
            (catalogue.SQLITE_CACHE_SIZE, None if cache is None else -cache * 1024 if cache < 0 else cache * page_bytes),
        )
    )


def number(cell: Cell) -> float | None:
    """A number that can be one of these figures: not negative and finite; a log is a file that anybody may write to."""
    return float(cell) if isinstance(cell, int | float) and 0 <= cell < math.inf else None


Sizes = dict[str, tuple[float | None, float | None]]
"""Bytes and unused bytes by the name of a table or an index; absent is unknown."""


def relations_of(schema: Iterable[Row], sizes: Sizes, estimates: dict[str, float]) -> tuple[Relation, ...]:
    """Tables and indexes, the largest first."""
    found = []
    for kind, name, table, rootpage, sql in schema:
        size, free = sizes.get(str(name), (None, None))
        found.append(
            Relation(
                name=str(name),
                kind="virtual table" if kind == "table" and not rootpage else str(kind),
                table=str(table),
                size_bytes=size,
                rows=estimates.get(str(name)) if kind == "table" else None,
                free_bytes=free,
                details=(("sql", str(sql)),) if sql is not None else (),
            )
        )
    return tuple(sorted(found, key=lambda relation: (-(relation.size_bytes or 0.0), relation.name)))


def table_samples(relations: Iterable[Relation]) -> tuple[Sample, ...]:
    """Sizes of the largest tables with their indexes; a table of which a part is unknown is left out."""
    parts: dict[str, list[float | None]] = {}
    for relation in relations:
        if relation.kind != "virtual table":
            parts.setdefault(relation.table, []).append(relation.size_bytes)
    known = {table: sum(size for size in sizes if size is not None) for table, sizes in parts.items() if None not in sizes}
    largest = sorted(known.items(), key=lambda item: (-item[1], item[0]))[:LARGEST_TABLES]
    return tuple(Sample(catalogue.SQLITE_TABLE_SIZE, size, (("table", name),)) for name, size in largest)


def settings_of(look: FileLook, pragmas: Iterable[tuple[str, Cell]], options: Iterable[str]) -> tuple[Setting, ...]:
    """Settings in force: those of the file for everybody, the others as a new connection of this machine's library gets them."""
    found = [Setting("journal_mode", journal_mode(look), "", _IN_FILE)]
    for name, value in pragmas:
        words = _WORDS.get(name, {})
        text = words.get(value, str(value)) if isinstance(value, int) else str(value)
        unit = ("KiB" if isinstance(value, int) and value < 0 else "pages") if name == "cache_size" else _SETTING_UNITS.get(name, "")
        source = _IN_FILE if name in _SETTINGS_IN_FILE else _IN_LIBRARY
        found.append(Setting(name, text.lstrip("-") if unit == "KiB" else text, unit, source))
    return (*found, *_options(options))


def _options(options: Iterable[str]) -> Iterator[Setting]:
    for option in options:
        name, _, value = option.partition("=")
        if name in _NOTABLE_OPTIONS:
            yield Setting(f"compiled {name}", value or "yes", "", "this machine's library")


def statements_of(rows: Iterable[Row], latency: Iterable[Row]) -> tuple[Statement, ...]:
    """Statements of the log, the heaviest first, with the 95th percentile from their histograms."""
    histograms: dict[str, dict[int, float]] = {}
    for digest, bucket, calls in latency:
        histograms.setdefault(str(digest), {})[int(number(bucket) or 0)] = number(calls) or 0.0
    known = {digest: cumulative(counts) for digest, counts in histograms.items()}
    return tuple(_statement(row, known.get(str(row[0]), ())) for row in rows)


def _statement(row: Row, histogram: tuple[int, ...]) -> Statement:
    digest, text, calls, total, longest, rows_count, errors, _busy = row
    return Statement(
        digest=str(digest),
        text=str(text),
        calls=number(calls) or 0.0,
        total_milliseconds=number(total) or 0.0,
        max_milliseconds=number(longest),
        p95_milliseconds=quantile(histogram, 0.95, number(longest)),
        rows=number(rows_count),
        errors=number(errors),
        histogram=histogram,
    )


def statement_samples(statements: Iterable[Statement]) -> tuple[Sample, ...]:
    """Calls and time of the heaviest statements, by digest."""
    heaviest = sorted(statements, key=lambda one: (-one.total_milliseconds, one.digest))[:HEAVIEST_STATEMENTS]
    return tuple(
        Sample(metric, value, (("digest", one.digest),))
        for one in heaviest
        for metric, value in ((catalogue.STATEMENT_CALLS, one.calls), (catalogue.STATEMENT_TIME, one.total_milliseconds))
    )


def log_samples(
    before: Totals | None, totals: Totals, running: Iterable[Running], waiting: tuple[tuple[Running, int], ...], now: float
) -> tuple[Sample, ...]:
    """The figures that an application's statement log gives."""
    calls = totals.calls - before.calls if before is not None else 0.0
    spent = totals.total_milliseconds - before.total_milliseconds if before is not None else 0.0
    longest = max((now - one.started_at for one in running if one.state == "running"), default=0.0)
    return samples_of(
        (
            (catalogue.QUERIES_RATE, totals.calls),
            (catalogue.ROWS_RATE, totals.rows),
            (catalogue.ERRORS_RATE, totals.errors),
            (catalogue.SQLITE_BUSY_RATE, totals.busy),
            (catalogue.QUERY_LATENCY, spent / calls if calls > 0 else None),
            (catalogue.QUERY_DURATION, max(0.0, longest) * 1000),
            (catalogue.LOCKS_WAITING, len(waiting)),
            (catalogue.LOCKS_WAIT, max((now - one.started_at for one, _ in waiting), default=0.0)),
        )
    )
