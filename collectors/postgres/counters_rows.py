"""What a server counts: a row of `counters` to samples, and what follows from two of them. Pure."""

from __future__ import annotations

from aishell_core import catalogue
from aishell_core.engines.postgres import Row
from aishell_core.values import Metric, Sample
from collectors.postgres.figures import samples_of
from collectors.postgres.replication_lag import StandbyLag

_COLUMNS: tuple[tuple[Metric, str], ...] = (
    (catalogue.TRANSACTIONS_RATE, "commits"),
    (catalogue.ROLLBACKS_RATE, "rollbacks"),
    (catalogue.BLOCKS_READ, "blocks_read"),
    (catalogue.ROWS_SCANNED, "rows_returned"),
    (catalogue.ROWS_INSERTED, "rows_inserted"),
    (catalogue.ROWS_UPDATED, "rows_updated"),
    (catalogue.ROWS_DELETED, "rows_deleted"),
    (catalogue.TEMP_FILES, "temp_files"),
    (catalogue.TEMP_BYTES, "temp_bytes"),
    (catalogue.DEADLOCKS_RATE, "deadlocks"),
    (catalogue.PG_CONFLICTS, "conflicts"),
    (catalogue.PG_CHECKSUM_FAILURES, "checksum_failures"),
    (catalogue.WAL_BYTES, "wal_position"),
)
_ROWS = ("rows_fetched", "rows_inserted", "rows_updated", "rows_deleted")
_GROWING = ("commits", "rollbacks", "blocks_hit", "blocks_read")


def counter_samples(row: Row, before: Row | None, lag_seconds: float | None = None) -> tuple[Sample, ...]:
    """The counters of one look, and the ratios over the time since the look `before` (None without one)."""
    found = samples_of({column: row.get(column) for _, column in _COLUMNS}, _COLUMNS)
    derived: tuple[tuple[Metric, float | None], ...] = (
        (catalogue.ROWS_RATE, _sum(row, _ROWS)),
        (catalogue.UPTIME, _uptime(row)),
        (catalogue.REPLICATION_LAG, lag_seconds),
        (catalogue.CACHE_HIT_RATIO, hit_ratio(row, before)),
        (catalogue.TRANSACTION_LATENCY, transaction_milliseconds(row, before)),
    )
    return (*found, *(Sample(metric, value) for metric, value in derived if value is not None))


def standby_lag(row: Row, lag: StandbyLag) -> float | None:
    """How many seconds the server is behind at this look; None where it is no standby or that is not known."""
    if not row.get("in_recovery"):
        lag.forget()
        return None
    return lag.at(row.get("now"), row.get("lag_seconds"))


def hit_ratio(row: Row, before: Row | None) -> float | None:
    """The share of block look-ups since `before` that the cache answered; None where there were none or counting began anew."""
    hits, reads = _added(row, before, "blocks_hit"), _added(row, before, "blocks_read")
    if hits is None or reads is None or hits + reads <= 0:
        return None
    return hits / (hits + reads)


def transaction_milliseconds(row: Row, before: Row | None) -> float | None:
    """The mean time that a transaction since `before` spent in statements; None without transactions or where it is not counted.

    `active_time` of pg_stat_database by commits and rollbacks; a server adds both when a transaction ends.
    """
    spent, ended = _added(row, before, "active_milliseconds"), _added(row, before, "commits")
    rolled_back = _added(row, before, "rollbacks")
    if spent is None or ended is None or rolled_back is None or ended + rolled_back <= 0:
        return None
    return spent / (ended + rolled_back)


def _added(row: Row, before: Row | None, column: str) -> float | None:
    """What a counter gained; None when any of the counters went back, because then they were reset."""
    if before is None or row.get(column) is None or before.get(column) is None or _went_back(row, before):
        return None
    gained: float = row[column] - before[column]
    return gained if gained >= 0 else None


def _went_back(row: Row, before: Row) -> bool:
    return any((row.get(column) or 0.0) < (before.get(column) or 0.0) for column in _GROWING)


def _sum(row: Row, columns: tuple[str, ...]) -> float | None:
    values = [row.get(column) for column in columns]
    return None if any(value is None for value in values) else float(sum(value for value in values if value is not None))


def _uptime(row: Row) -> float | None:
    if row.get("now") is None or row.get("started_at") is None:
        return None
    return max(0.0, float(row["now"] - row["started_at"]))
