"""Removing what need not be kept: planned from what lies in the storage, carried out with the manifest of each going first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo

from aishell_core.units import format_bytes
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.lease import held_line
from aishell_ops.backups.models import Backup, BackupId
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.retention import Policy, RetentionPlan, plan_retention

_SMALLEST_RATIO = 0.5
"""A backup of less than this share of the one before it is suspicious: it may have saved an empty database."""


@dataclass(frozen=True, slots=True)
class Retained:
    """What retention did: its plan, what was removed and how much room that made."""

    plan: RetentionPlan
    removed: tuple[BackupId, ...] = ()
    freed_bytes: int = 0


def of_job(backups: Sequence[Backup], job: str) -> tuple[Backup, ...]:
    """The backups that one job, or nobody's job, has made: each keeps by its own rules and knows nothing of the others'."""
    return tuple(backup for backup in backups if backup.manifest.job == job)


def anomaly_of(backups: Sequence[Backup]) -> str:
    """What is suspicious about the newest backup beside the one before it; "" for nothing. Pure."""
    ordered = sorted(backups, key=lambda backup: (backup.manifest.started_at, backup.id))
    if len(ordered) < 2:
        return ""
    before, newest = (backup.manifest.plain_bytes for backup in ordered[-2:])
    if newest >= before * _SMALLEST_RATIO:
        return ""
    sizes = f"the newest backup has {format_bytes(newest)} and the one before it {format_bytes(before)}"
    return f"{sizes}: nothing is removed before somebody has looked"


def retention_of(repository: Repository, line: Line, job: str, policy: Policy, now: float, zone: tzinfo = UTC) -> RetentionPlan:
    """What retention would remove of one database's backups. Blocking; raises StorageError."""
    found = of_job(repository.scan(line).backups, job)
    return plan_retention(found, policy, now, zone, anomaly_of(found))


def retain(repository: Repository, line: Line, job: str, policy: Policy, now: float, zone: tzinfo = UTC) -> Retained:
    """Remove what need not be kept, under the lease of the database, so that two never plan at once. Blocking.

    Raises BusyError when somebody else works on it, StorageError; what was removed by then is removed.
    """
    repository.sweep_line(line)
    with held_line(repository.storage, line, f"removing old backups of {line.database or line.target}") as lease:
        plan = retention_of(repository, line, job, policy, now, zone)
        freed = 0
        for id_ in plan.removed:
            freed += repository.remove(Spot(line, id_))
            lease.beat()
        return Retained(plan, plan.removed, freed)
