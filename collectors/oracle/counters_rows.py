"""What an instance has counted: rows of `counters` and `limits` to samples. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from aishell_core import catalogue
from aishell_core.engines.oracle import Row
from aishell_core.values import Metric, Sample

Counters = Mapping[tuple[str, str], float]
"""Values by their kind (statistic, time, wait) and name."""

_STATISTICS: tuple[tuple[Metric, tuple[str, ...]], ...] = (
    (catalogue.QUERIES_RATE, ("execute count",)),
    (catalogue.TRANSACTIONS_RATE, ("user commits",)),
    (catalogue.ROLLBACKS_RATE, ("user rollbacks",)),
    (catalogue.DEADLOCKS_RATE, ("enqueue deadlocks",)),
    (catalogue.ROWS_SCANNED, ("table scan rows gotten",)),
    (catalogue.BLOCKS_READ, ("physical reads",)),
    (catalogue.WAL_BYTES, ("redo size",)),
    (catalogue.ORACLE_USER_CALLS, ("user calls",)),
    (catalogue.ORACLE_HARD_PARSES, ("parse count (hard)",)),
    (catalogue.ORACLE_PARSE_FAILURES, ("parse count (failures)",)),
    (catalogue.ORACLE_LOGONS, ("logons cumulative",)),
    (catalogue.ORACLE_LOGICAL_READS, ("session logical reads",)),
    (catalogue.ORACLE_READ_BYTES, ("physical read total bytes",)),
    (catalogue.ORACLE_WRITE_BYTES, ("physical write total bytes",)),
    (catalogue.ORACLE_RECEIVED, ("bytes received via SQL*Net from client",)),
    (catalogue.ORACLE_SENT, ("bytes sent via SQL*Net to client",)),
    (catalogue.ORACLE_REDO_WAITS, ("redo log space requests",)),
    (catalogue.ORACLE_ENQUEUE_WAITS, ("enqueue waits",)),
    (catalogue.ORACLE_SPILLS, ("workarea executions - onepass", "workarea executions - multipass")),
    (catalogue.ORACLE_CURSORS, ("opened cursors current",)),
)
_TIMES: tuple[tuple[Metric, str], ...] = ((catalogue.ORACLE_DB_TIME, "DB time"), (catalogue.ORACLE_CPU_TIME, "DB CPU"))


def counters_of(rows: Iterable[Row]) -> Counters:
    """The rows by kind and name."""
    return {(str(row["kind"]), str(row["name"])): float(row["value"]) for row in rows if row["value"] is not None}


def counter_samples(counters: Counters, before: Counters | None) -> tuple[Sample, ...]:
    """Raw counters, and what only the difference to the reading `before` tells: hit ratio and mean times."""
    found = [
        Sample(metric, sum(counters[("statistic", name)] for name in names))
        for metric, names in _STATISTICS
        if all(("statistic", name) in counters for name in names)
    ]
    found += [Sample(metric, counters[("time", name)]) for metric, name in _TIMES if ("time", name) in counters]
    found += [Sample(catalogue.ORACLE_WAIT_TIME, value, (("class", name),)) for (kind, name), value in counters.items() if kind == "wait"]
    if before is not None:
        found += _compared(counters, before)
    return tuple(found)


def _compared(counters: Counters, before: Counters) -> list[Sample]:
    reads = _grown(counters, before, "statistic", "physical reads cache")
    looks = _grown(counters, before, "statistic", "consistent gets from cache", "db block gets from cache")
    spent = _grown(counters, before, "time", "sql execute elapsed time")
    calls = _grown(counters, before, "statistic", "execute count")
    ended = _grown(counters, before, "statistic", "user commits", "user rollbacks")
    found = []
    # Database Performance Tuning Guide, Tuning the Database Buffer Cache: 1 - (physical reads cache / (gets from cache)).
    if reads is not None and looks:
        found.append(Sample(catalogue.CACHE_HIT_RATIO, min(1.0, max(0.0, 1 - reads / looks))))
    if spent is not None and calls:
        found.append(Sample(catalogue.QUERY_LATENCY, spent / calls))
    if spent is not None and ended:
        found.append(Sample(catalogue.TRANSACTION_LATENCY, spent / ended))
    return found


def _grown(counters: Counters, before: Counters, kind: str, *names: str) -> float | None:
    """By how much the sum of counters has grown; None where one is missing, or has begun anew."""
    keys = [(kind, name) for name in names]
    if not all(key in counters and key in before for key in keys):
        return None
    grown = [counters[key] - before[key] for key in keys]
    return sum(grown) if all(each >= 0 for each in grown) else None


def temp_sample(counters: Counters, block_bytes: float | None) -> tuple[Sample, ...]:
    """Bytes written to temporary files; blocks of them are counted."""
    blocks = counters.get(("statistic", "physical writes direct temporary tablespace"))
    return () if blocks is None or not block_bytes else (Sample(catalogue.TEMP_BYTES, blocks * block_bytes),)


def limit_samples(rows: Iterable[Row]) -> tuple[Sample, ...]:
    """How much of its limits the instance uses; the limit of sessions is that of connections."""
    found = []
    for row in rows:
        most, used = _limit(row["most"]), float(row["used"] or 0.0)
        if most is None:
            continue
        usage = min(1.0, used / most)
        found.append(Sample(catalogue.ORACLE_RESOURCE_USAGE, usage, (("resource", str(row["name"])),)))
        if row["name"] == "sessions":
            found += [Sample(catalogue.CONNECTIONS_MAX, most), Sample(catalogue.POOL_USAGE, usage)]
    return tuple(found)


def _limit(text: object) -> float | None:
    """A limit, which the view tells as a text; None where there is none."""
    try:
        number = float(str(text).strip())
    except ValueError:  # UNLIMITED, or nothing at all
        return None
    return number if math.isfinite(number) and number > 0 else None
