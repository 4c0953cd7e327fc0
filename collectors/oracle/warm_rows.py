"""Storage, memory, undo, backups and the server's own averages: rows to samples. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aishell_core import catalogue
from aishell_core.engines.oracle import Row
from aishell_core.values import Metric, Sample

_PER_CENT = 0.01
_FROM_CENTISECONDS = 10.0
_AVERAGES: Mapping[str, tuple[Metric, float]] = {
    "Average Active Sessions": (catalogue.ORACLE_ACTIVE_SESSIONS, 1.0),
    "Host CPU Utilization (%)": (catalogue.ORACLE_HOST_CPU, _PER_CENT),
    "SQL Service Response Time": (catalogue.ORACLE_RESPONSE_TIME, _FROM_CENTISECONDS),
    "Database Wait Time Ratio": (catalogue.ORACLE_WAIT_SHARE, _PER_CENT),
    "Library Cache Hit Ratio": (catalogue.ORACLE_LIBRARY_HITS, _PER_CENT),
    "Shared Pool Free %": (catalogue.ORACLE_SHARED_POOL_FREE, _PER_CENT),
    "User Rollbacks Percentage": (catalogue.ORACLE_ROLLBACK_SHARE, _PER_CENT),
    "Temp Space Used": (catalogue.ORACLE_TEMP_USED, 1.0),
}
"""The names of the server's averages with their metric and the factor to its unit (Reference, V$METRICNAME)."""

_CONTAINER_GROUP = 18
_KINDS = {
    "DB FULL": "full",
    "DB INCR": "incremental",
    "DATAFILE FULL": "data files",
    "DATAFILE INCR": "data files",
    "ARCHIVELOG": "archived log",
    "CONTROLFILE": "control file",
    "SPFILE": "server file",
    "RECVR AREA": "recovery area",
    "BACKUPSET": "backup set",
}


def average_samples(rows: Iterable[Row]) -> tuple[Sample, ...]:
    """The averages of the last minute; those of our container where the server tells both."""
    values: dict[str, tuple[int, float]] = {}
    for row in sorted(rows, key=lambda row: int(row["group_id"]) == _CONTAINER_GROUP):
        if row["value"] is not None:
            values[str(row["name"])] = (int(row["group_id"]), float(row["value"]))
    found = []
    for name, (_, value) in values.items():
        if name in _AVERAGES:
            metric, factor = _AVERAGES[name]
            share = min(1.0, max(0.0, value * factor)) if factor == _PER_CENT else max(0.0, value * factor)
            found.append(Sample(metric, share))
    return tuple(found)


def memory_samples(rows: Iterable[Row]) -> tuple[Sample, ...]:
    """Shared and private memory."""
    values = {str(row["name"]): float(row["value"]) for row in rows if row["value"] is not None}
    shared, private, limit = (values.get(name) for name in ("sga", "total PGA allocated", "pga_aggregate_limit"))
    found = [
        Sample(metric, value) for metric, value in ((catalogue.ORACLE_SGA, shared), (catalogue.ORACLE_PGA, private)) if value is not None
    ]
    if private is not None and limit:
        found.append(Sample(catalogue.ORACLE_PGA_USAGE, min(1.0, private / limit)))
    return tuple(found)


def tablespace_samples(rows: Iterable[Row]) -> tuple[Sample, ...]:
    """Used bytes and share of each tablespace."""
    found = []
    for row in rows:
        labels = (("tablespace", str(row["name"])),)
        if row["used_percent"] is not None:
            found.append(Sample(catalogue.ORACLE_TABLESPACE_USAGE, min(1.0, float(row["used_percent"]) / 100), labels))
        if row["used_bytes"] is not None:
            found.append(Sample(catalogue.ORACLE_TABLESPACE_USED, float(row["used_bytes"]), labels))
    return tuple(found)


def recovery_samples(row: Row | None) -> tuple[Sample, ...]:
    """The recovery area; what can be reclaimed is deleted by the server itself when it needs room."""
    if row is None or not row["most_bytes"]:
        return ()
    used, reclaimable = float(row["used_bytes"] or 0.0), float(row["reclaimable_bytes"] or 0.0)
    usage = min(1.0, max(0.0, used - reclaimable) / float(row["most_bytes"]))
    return (Sample(catalogue.ORACLE_RECOVERY_USAGE, usage), Sample(catalogue.ORACLE_RECOVERY_USED, used))


def undo_samples(row: Row | None) -> tuple[Sample, ...]:
    """Undo that is held, and what queries needed of it."""
    if row is None:
        return ()
    found = []
    if row["block_bytes"]:
        found.append(Sample(catalogue.ORACLE_UNDO_ACTIVE, float(row["active_blocks"] or 0.0) * float(row["block_bytes"])))
    for metric, column in ((catalogue.ORACLE_UNDO_LONGEST, "longest_seconds"), (catalogue.ORACLE_SNAPSHOT_ERRORS, "snapshot_errors")):
        if row[column] is not None:
            found.append(Sample(metric, float(row[column])))
    return tuple(found)


def backup_samples(rows: Iterable[Row]) -> tuple[Sample, ...]:
    """The age of the newest backup of each sort, and how many jobs failed; sorts of the same name count as one."""
    ages: dict[str, float] = {}
    failed = 0.0
    for row in rows:
        kind = _KINDS.get(str(row["input_type"]), str(row["input_type"]).lower())
        failed += float(row["failed"] or 0.0)
        if row["seconds"] is not None:
            ages[kind] = min(ages.get(kind, float("inf")), max(0.0, float(row["seconds"])))
    found = [Sample(catalogue.ORACLE_BACKUP_AGE, seconds, (("kind", kind),)) for kind, seconds in ages.items()]
    return (*found, Sample(catalogue.ORACLE_BACKUPS_FAILED, failed))
