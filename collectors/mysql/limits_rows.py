"""Limits and switches of the server that rules compare with, from its variables. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from aishell_core import catalogue
from aishell_core.values import Metric, Sample
from collectors.mysql.replication_gtid import mysql_sets

_NUMBERS: tuple[tuple[Metric, str], ...] = (
    (catalogue.MYSQL_PREPARED_MAX, "max_prepared_stmt_count"),
    (catalogue.MYSQL_FILES_MAX, "open_files_limit"),
    (catalogue.MYSQL_FORCED_RECOVERY, "innodb_force_recovery"),
)
_LIMITS = (catalogue.MYSQL_PREPARED_MAX, catalogue.MYSQL_FILES_MAX)


def limit_samples(variables: Mapping[str, str]) -> tuple[Sample, ...]:
    """A sample for each variable that is known; a limit of 0 is none and is left out."""
    found = [(metric, _number(variables.get(name, ""))) for metric, name in _NUMBERS]
    found.append((catalogue.MYSQL_READ_ONLY, _switch(variables.get("read_only", ""))))
    found.append((catalogue.MYSQL_GTID_GAPS, gtid_gaps(variables.get("gtid_executed", ""))))
    return tuple(Sample(metric, value) for metric, value in found if value is not None and (value or metric not in _LIMITS))


def gtid_gaps(executed: str) -> float | None:
    """How many runs of transactions are missing within a set such as `uuid:1-5:7-9`; None without such identifiers.

    What is missing before a source's first number is none: it may have been restored or purged.
    """
    sets = mysql_sets(executed) if executed.strip() else {}
    return float(sum(max(len(runs) - 1, 0) for runs in sets.values())) if sets else None


def _switch(value: str) -> float | None:
    return {"ON": 1.0, "1": 1.0, "OFF": 0.0, "0": 0.0}.get(value.upper())


def _number(value: str) -> float | None:
    return float(value) if value.isdecimal() else None
