"""What a server counts: status variables to samples, and what follows from two looks. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from aishell_core import catalogue
from aishell_core.engines.mysql import Row
from aishell_core.values import Metric, Sample
from collectors.mysql.redo_rows import checkpoint_figures

Counters = Mapping[str, float]
"""Status variables by name, those that are numbers."""

_BY_NAME: tuple[tuple[Metric, str], ...] = (
    (catalogue.CONNECTIONS_USED, "Threads_connected"),
    (catalogue.QUERIES_RATE, "Queries"),
    (catalogue.ROLLBACKS_RATE, "Com_rollback"),
    (catalogue.BLOCKS_READ, "Innodb_buffer_pool_reads"),
    (catalogue.ROWS_SCANNED, "Handler_read_rnd_next"),
    (catalogue.TEMP_FILES, "Created_tmp_disk_tables"),
    (catalogue.UPTIME, "Uptime"),
    (catalogue.MYSQL_THREADS_RUNNING, "Threads_running"),
    (catalogue.MYSQL_THREADS_CREATED, "Threads_created"),
    (catalogue.MYSQL_ABORTED_CLIENTS, "Aborted_clients"),
    (catalogue.MYSQL_ABORTED_CONNECTS, "Aborted_connects"),
    (catalogue.MYSQL_REFUSED_CONNECTS, "Connection_errors_max_connections"),
    (catalogue.MYSQL_SLOW_QUERIES, "Slow_queries"),
    (catalogue.MYSQL_FULL_JOINS, "Select_full_join"),
    (catalogue.MYSQL_SORT_MERGES, "Sort_merge_passes"),
    (catalogue.MYSQL_TEMP_TABLES, "Created_tmp_tables"),
    (catalogue.MYSQL_TABLE_CACHE_MISSES, "Table_open_cache_misses"),
    (catalogue.MYSQL_TABLE_CACHE_OVERFLOWS, "Table_open_cache_overflows"),
    (catalogue.MYSQL_TABLES_OPEN, "Open_tables"),
    (catalogue.MYSQL_PREPARED, "Prepared_stmt_count"),
    (catalogue.MYSQL_FILES_OPEN, "Open_files"),
    (catalogue.MYSQL_TABLE_LOCKS, "Table_locks_immediate"),
    (catalogue.MYSQL_TABLE_LOCK_WAITS, "Table_locks_waited"),
    (catalogue.MYSQL_BYTES_RECEIVED, "Bytes_received"),
    (catalogue.MYSQL_BYTES_SENT, "Bytes_sent"),
    (catalogue.MYSQL_POOL_WAITS, "Innodb_buffer_pool_wait_free"),
    (catalogue.MYSQL_LOG_WAITS, "Innodb_log_waits"),
    (catalogue.MYSQL_ROW_LOCK_WAITS, "Innodb_row_lock_waits"),
    (catalogue.MYSQL_ROW_LOCK_TIME, "Innodb_row_lock_time"),
    (catalogue.MYSQL_DATA_READ, "Innodb_data_read"),
    (catalogue.MYSQL_DATA_WRITTEN, "Innodb_data_written"),
    (catalogue.MYSQL_FSYNCS, "Innodb_data_fsyncs"),
)
_GROWING = ("Queries", "Connections", "Bytes_sent", "Innodb_buffer_pool_read_requests")


def counters_of(rows: Iterable[Row]) -> Counters:
    """The status variables of rows of SHOW GLOBAL STATUS; what is no number is left out."""
    found: dict[str, float] = {}
    for row in rows:
        name, value = row.values()
        try:
            number = float(value)
        except (TypeError, ValueError):
            continue
        if math.isfinite(number):
            found[str(name)] = number
    return found


def counter_samples(
    now: Counters,
    before: Counters | None,
    *,
    metrics: Mapping[str, float],
    totals: Row | None,
    totals_before: Row | None,
    limit: float | None,
) -> tuple[Sample, ...]:
    """The counters of one look, and the ratios over the time since the look `before` (None without one).

    `metrics` are rows of `metrics`, `totals` is the row of `totals`; both are empty where the server has or tells none.
    """
    found = [Sample(metric, now[name]) for metric, name in _BY_NAME if name in now]
    used, running = now.get("Threads_connected"), now.get("Threads_running")
    derived: tuple[tuple[Metric, float | None], ...] = (
        (catalogue.CONNECTIONS_MAX, limit),
        (catalogue.POOL_USAGE, share(used, limit)),
        (catalogue.MYSQL_THREADS_USAGE, share(running, limit)),
        (catalogue.CACHE_HIT_RATIO, None if was_reset(now, before) else hit_ratio(now, before)),
        (catalogue.DEADLOCKS_RATE, deadlocks(now, metrics, totals)),
        (catalogue.MYSQL_HISTORY, now.get("Innodb_history_list_length", metrics.get("trx_rseg_history_len"))),
        (catalogue.WAL_BYTES, _first(now, "Innodb_lsn_current", "Innodb_redo_log_current_lsn", "Innodb_os_log_written")),
        (catalogue.MYSQL_POOL_DIRTY, share(now.get("Innodb_buffer_pool_pages_dirty"), now.get("Innodb_buffer_pool_pages_total"))),
        (catalogue.MYSQL_POOL_USED, share(now.get("Innodb_buffer_pool_pages_data"), now.get("Innodb_buffer_pool_pages_total"))),
        *checkpoint_figures(now),
        *_rows(now, totals),
        (catalogue.TRANSACTIONS_RATE, transactions(now, totals)),
        (catalogue.ERRORS_RATE, _number(totals, "errors")),
        (catalogue.QUERY_LATENCY, latency_milliseconds(totals, totals_before)),
    )
    found += (Sample(metric, float(value)) for metric, value in derived if value is not None)
    return tuple(found)


def was_reset(now: Counters, before: Counters | None) -> bool:
    """Whether a server has begun to count anew since a look."""
    return before is not None and any(now.get(name, 0.0) < before.get(name, 0.0) for name in _GROWING)


def hit_ratio(now: Counters, before: Counters | None) -> float | None:
    """The share of page requests since `before` that the buffer pool answered; None where there were none."""
    if before is None:
        return None
    asked = now.get("Innodb_buffer_pool_read_requests", 0.0) - before.get("Innodb_buffer_pool_read_requests", 0.0)
    missed = now.get("Innodb_buffer_pool_reads", 0.0) - before.get("Innodb_buffer_pool_reads", 0.0)
    return max(0.0, min(1.0, 1.0 - missed / asked)) if asked > 0 and missed >= 0 else None


def deadlocks(now: Counters, metrics: Mapping[str, float], totals: Row | None) -> float | None:
    """Deadlocks since the server's start; None where it does not tell.

    MySQL 8.0 before 18 does not count them in INNODB_METRICS, but the errors that they end with.
    """
    known = (now.get("Innodb_deadlocks"), metrics.get("lock_deadlocks"), _number(totals, "deadlocks"))
    return max((each for each in known if each is not None), default=None)


def transactions(now: Counters, totals: Row | None) -> float | None:
    """Transactions that committed where performance_schema counts them, else on MariaDB those that wrote; None elsewhere.

    InnoDB gives a transaction that writes two numbers of one row, when it begins to and when it ends. Com_commit counts the
    statements COMMIT alone and so nothing of what autocommit ends, Handler_commit each statement of a transaction too.
    """
    ended = _number(totals, "transactions")
    if ended:
        return max(0.0, ended - now.get("Com_rollback", 0.0))
    numbers = now.get("Innodb_max_trx_id")
    return None if numbers is None else numbers / 2


def latency_milliseconds(totals: Row | None, before: Row | None) -> float | None:
    """The mean time of the statements since `before`; None where none ended or it is not counted."""
    ended, spent = _gained(totals, before, "statements"), _gained(totals, before, "milliseconds")
    return spent / ended if ended and spent is not None and ended > 0 and spent >= 0 else None


def share(part: float | None, whole: float | None) -> float | None:
    """One figure as a share of another, at most 1; None where either is unknown or the whole is nothing."""
    return min(1.0, max(0.0, part / whole)) if part is not None and whole else None


def _rows(now: Counters, totals: Row | None) -> tuple[tuple[Metric, float | None], ...]:
    """Rows by what was done with them: InnoDB's own counters where it has them, else the handler's."""
    inserted = _first(now, "Innodb_rows_inserted", "Handler_write")
    updated = _first(now, "Innodb_rows_updated", "Handler_update")
    deleted = _first(now, "Innodb_rows_deleted", "Handler_delete")
    sent, changed = _number(totals, "rows_sent"), _number(totals, "rows_affected")
    if sent is None:
        parts = (now.get("Rows_sent"), inserted, updated, deleted)
        sent, changed = (None, None) if None in parts else (sum(part for part in parts if part is not None), 0.0)
    return (
        (catalogue.ROWS_INSERTED, inserted),
        (catalogue.ROWS_UPDATED, updated),
        (catalogue.ROWS_DELETED, deleted),
        (catalogue.ROWS_RATE, None if sent is None else sent + (changed or 0.0)),
    )


def _first(now: Counters, *names: str) -> float | None:
    return next((now[name] for name in names if name in now), None)


def _number(row: Row | None, name: str) -> float | None:
    value = row.get(name) if row is not None else None
    return float(value) if value is not None else None


def _gained(row: Row | None, before: Row | None, name: str) -> float | None:
    now, then = _number(row, name), _number(before, name)
    return None if now is None or then is None else now - then
