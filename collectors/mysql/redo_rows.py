"""How far the checkpoint lies behind, as a server tells it in one of its ways: no reading here."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aishell_core import catalogue
from aishell_core.values import Metric, Sample

_WRITTEN = re.compile(r"^Log sequence number\s+(\d+)", re.MULTILINE)
_CHECKPOINT = re.compile(r"^Last checkpoint at\s+(\d+)", re.MULTILINE)
_SHARE = 7 / 8
"""So much of the log's capacity InnoDB uses before writes have to wait."""


def checkpoint_figures(counters: Mapping[str, float]) -> tuple[tuple[Metric, float | None], ...]:
    """The age of the last checkpoint in bytes of redo, and the share of what is allowed, from status variables.

    MariaDB tells both; MySQL since 8.0.30 tells the positions and the log's capacity.
    """
    age, most = counters.get("Innodb_checkpoint_age"), counters.get("Innodb_checkpoint_max_age")
    if age is None and "Innodb_redo_log_current_lsn" in counters and "Innodb_redo_log_checkpoint_lsn" in counters:
        age = max(0.0, counters["Innodb_redo_log_current_lsn"] - counters["Innodb_redo_log_checkpoint_lsn"])
        most = counters.get("Innodb_redo_log_capacity_resized", 0.0) * _SHARE
    return (catalogue.MYSQL_CHECKPOINT_AGE, age), (catalogue.MYSQL_CHECKPOINT_USAGE, _share(age, most))


def checkpoint_samples(report: str, capacity_bytes: float | None) -> tuple[Sample, ...]:
    """The same from the report of SHOW ENGINE INNODB STATUS; nothing where it does not tell the positions."""
    written, checkpoint = _WRITTEN.search(report), _CHECKPOINT.search(report)
    if written is None or checkpoint is None:
        return ()
    age = max(0.0, float(written[1]) - float(checkpoint[1]))
    usage = _share(age, None if capacity_bytes is None else capacity_bytes * _SHARE)
    found = ((catalogue.MYSQL_CHECKPOINT_AGE, age), (catalogue.MYSQL_CHECKPOINT_USAGE, usage))
    return tuple(Sample(metric, value) for metric, value in found if value is not None)


def _share(age: float | None, most: float | None) -> float | None:
    return min(1.0, max(0.0, age / most)) if age is not None and most else None
