"""Keeping and removing single backups as people decide it: what forbids a removal, what should be known before; pure but for `remove`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aishell_ops.backups.layout import Spot
from aishell_ops.backups.lease import held_line
from aishell_ops.backups.models import Backup
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.state import is_held, is_pinned


@dataclass(frozen=True, slots=True)
class Removal:
    """What stands against removing a backup: obstacles forbid it, warnings are to be known by whoever wants it all the same."""

    obstacles: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def removal_of(backup: Backup, line: Sequence[Backup], now: float) -> Removal:
    """What stands against removing a backup, in the light of all backups of the same database in the same storage."""
    obstacles = [f"{child.id} needs it" for child in line if child.manifest.parent_id == backup.id]
    if is_held(backup, now):
        obstacles.append("it is held: aishell backup release lets go of it")
    warnings = ["it is pinned"] if is_pinned(backup, now) else []
    good = [one for one in line if one.state.proven]
    if backup.state.restorable and all(one.id == backup.id for one in line if one.state.restorable):
        warnings.append("it is the only backup of this database that can be restored")
    elif backup.state.proven and [one.id for one in good] == [backup.id]:
        warnings.append("it is the only verified backup of this database")
    return Removal(tuple(obstacles), tuple(warnings))


def remove(repository: Repository, spot: Spot) -> int:
    """Remove a backup, its manifest first, under the lease of its database; how many bytes that freed. Blocking.

    Raises BusyError when somebody works on that database, StorageError.
    """
    # What an earlier removal has left, which ended half-way, is no backup and has no other end.
    repository.sweep_line(spot.line)
    with held_line(repository.storage, spot.line, f"removing {spot.id}"):
        return repository.remove(spot)
