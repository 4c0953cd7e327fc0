"""Backups that are much smaller than the one before them, and stay suspicious until somebody has said that this is right; pure.

Compared are the restorable full backups of one job that were made in the same way of the same tables.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from aishell_core.units import format_bytes
from aishell_ops.backups.models import Backup, BackupId, BackupKind, RecordKind

_SMALLEST_RATIO = 0.5
"""A backup of less than this share of the one before it is suspicious: it may have saved an empty database."""

_Moment = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Drop:
    """A backup of less than half the size of the one that was made before it."""

    before: Backup
    after: Backup

    @property
    def ratio(self) -> float:
        """The share that is missing."""
        return 1.0 - self.after.manifest.plain_bytes / self.before.manifest.plain_bytes

    def __str__(self) -> str:
        sizes = (
            f"has {format_bytes(self.after.manifest.plain_bytes)} and the one before it {format_bytes(self.before.manifest.plain_bytes)}"
        )
        look = f"nothing is removed before somebody has looked: aishell backup accept {self.after.id} says that it is right"
        return f"{self.after.id} {sizes}: {look}"


def standing_drops(backups: Iterable[Backup]) -> tuple[Drop, ...]:
    """The drops among the backups of one job that nobody has accepted, the oldest first.

    Whoever accepts a backup as it is has looked at all that came before it.
    """
    found = tuple(backups)
    settled = _settled(found)
    drops = [drop for line in _alike(found) for drop in _drops(line) if _moment(drop.after) > settled]
    return tuple(sorted(drops, key=lambda drop: _moment(drop.after)))


def drops_by_job(backups: Iterable[Backup]) -> tuple[Drop, ...]:
    """The newest drop that stands among the backups of one storage, of each database and job by itself."""
    return tuple(drop for group in _grouped(backups, _job) for drop in standing_drops(group)[-1:])


def bridges(backups: Sequence[Backup], kept: Collection[BackupId]) -> tuple[BackupId, ...]:
    """What must stay of one job beside the kept ones, so that what has shrunk little by little, or was accepted, is no drop afterwards."""
    staying = set(kept)
    newest = max((one for one in backups if one.newest(RecordKind.ACCEPTED) is not None), key=_moment, default=None)
    settled = _settled(backups)
    if newest is not None and newest.id not in staying:
        left = [one for one in backups if one.id in staying]
        if any(_moment(drop.after) <= settled for line in _alike(left) for drop in _drops(line)):
            staying.add(newest.id)
    for line in _alike(backups):
        staying.update(_steps(line, staying, settled))
    return tuple(one.id for one in backups if one.id in staying and one.id not in kept)


def _steps(line: Sequence[Backup], staying: Collection[BackupId], settled: _Moment) -> Iterator[BackupId]:
    """The fewest of those between two that stay by which no step is a drop."""
    last: Backup | None = None
    between: list[Backup] = []
    for one in line:
        if one.id not in staying:
            between.append(one)
            continue
        while last is not None and _is_drop(last, one) and _moment(one) > settled:
            after = last
            fit = [place for place, each in enumerate(between) if _moment(each) <= settled or not _is_drop(after, each)]
            if not fit:
                break
            last, between = between[fit[-1]], between[fit[-1] + 1 :]
            yield last.id
        last, between = one, []


def _drops(line: Sequence[Backup]) -> Iterator[Drop]:
    return (Drop(before, after) for before, after in pairwise(line) if _is_drop(before, after))


def _is_drop(before: Backup, after: Backup) -> bool:
    return after.manifest.plain_bytes < before.manifest.plain_bytes * _SMALLEST_RATIO


def _settled(backups: Iterable[Backup]) -> _Moment:
    """The newest backup that somebody has accepted."""
    return max((_moment(one) for one in backups if one.newest(RecordKind.ACCEPTED) is not None), default=(float("-inf"), ""))


def _alike(backups: Iterable[Backup]) -> list[list[Backup]]:
    """Those that can be compared, each kind by itself, the oldest first."""
    whole = [one for one in backups if one.state.restorable and one.manifest.kind is BackupKind.FULL]
    return _grouped(sorted(whole, key=_moment), _form)


def _grouped(backups: Iterable[Backup], key: Callable[[Backup], tuple[object, ...]]) -> list[list[Backup]]:
    found: dict[tuple[object, ...], list[Backup]] = {}
    for one in backups:
        found.setdefault(key(one), []).append(one)
    return list(found.values())


def _form(backup: Backup) -> tuple[object, ...]:
    return backup.manifest.tables, backup.manifest.method, backup.manifest.format


def _job(backup: Backup) -> tuple[object, ...]:
    return backup.manifest.source.target, backup.manifest.source.database, backup.manifest.job


def _moment(backup: Backup) -> _Moment:
    return backup.manifest.started_at, str(backup.id)
