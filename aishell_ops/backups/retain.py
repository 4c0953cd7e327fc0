"""Removing what need not be kept: planned from what lies in the storage, carried out with the manifest of each going first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo

from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.lease import held_line
from aishell_ops.backups.models import Backup, BackupId
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.retention import Policy, RetentionPlan, plan_retention
from aishell_ops.backups.shrinking import standing_drops


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
    """What is suspicious about the backups of one job, and what to do; "" for nothing. Pure.

    A backup that has lost more than half stays suspicious whatever is made after it.
    """
    drops = standing_drops(backups)
    return str(drops[-1]) if drops else ""


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
