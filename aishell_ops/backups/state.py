"""The state of a backup in the light of all that is known of it; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from aishell_ops.backups.models import Backup, BackupId, BackupKind, BackupState, Manifest, Record, RecordKind

_JUDGING = {
    RecordKind.VERIFIED: BackupState.VERIFIED,
    RecordKind.TESTED: BackupState.TESTED,
    RecordKind.DAMAGED: BackupState.CORRUPT,
}
_REACH = {"fast": 0, "stored": 1, "deep": 2, "restore": 3}
"""How far a look at the bytes went, by the `level` of its record; one that does not say it is taken for a deep one."""
_PINNING = {RecordKind.PINNED: True, RecordKind.UNPINNED: False}
_HOLDING = {RecordKind.HELD: True, RecordKind.RELEASED: False}


def is_judgement(record: Record) -> bool:
    """Whether a record says of the bytes in one storage that they are whole or not: of those of a copy it says nothing."""
    return record.kind in _JUDGING


def state_of(records: Sequence[Record], now: float) -> BackupState:
    """The state by the records alone: damage that was found later than it was proven counts, and the other way round.

    Damage is taken back by a later look alone that went as far as the one that found it: who compares sizes says nothing of bytes.
    A backup that was tested and later merely verified stays tested: both say that it is whole, and one says more.
    """
    trashed = max((record for record in records if record.kind is RecordKind.TRASHED), key=_moment, default=None)
    if trashed is not None and (trashed.until is None or now < trashed.until):
        return BackupState.TRASHED
    judged = sorted((record for record in records if record.kind in _JUDGING), key=_moment)
    if not judged:
        return BackupState.COMMITTED
    if standing_damage(judged):
        return BackupState.CORRUPT
    since = max((number for number, record in enumerate(judged) if record.kind is RecordKind.DAMAGED), default=-1)
    tested = any(record.kind is RecordKind.TESTED for record in judged[since + 1 :])
    return BackupState.TESTED if tested else BackupState.VERIFIED


def standing_damage(records: Iterable[Record]) -> tuple[Record, ...]:
    """The findings of damage that no later look has taken back which went as far, the oldest first."""
    standing: list[Record] = []
    for record in sorted((record for record in records if record.kind in _JUDGING), key=_moment):
        if record.kind is RecordKind.DAMAGED:
            standing.append(record)
        else:
            standing = [found for found in standing if goes_beyond(found, record.level)]
    return tuple(standing)


def goes_beyond(record: Record, level: str) -> bool:
    """Whether a look went farther than another one of that level."""
    return _REACH.get(record.level, _REACH["deep"]) > _REACH.get(level, _REACH["deep"])


def backup_of(manifest: Manifest, sha256: str, location: str, records: Sequence[Record], now: float) -> Backup:
    """A backup as it is found, without regard to others."""
    return Backup(manifest, sha256, location, state_of(records, now), tuple(sorted(records, key=_moment)))


def orphans(backups: Mapping[BackupId, Backup]) -> frozenset[BackupId]:
    """Backups that need another one which is missing or cannot be restored from."""
    return frozenset(id_ for id_, backup in backups.items() if _lacks_parent(backup, backups))


def with_orphans(backups: Sequence[Backup]) -> tuple[Backup, ...]:
    """The backups of one storage in the light of each other: what could be restored but for what it needs is an orphan."""
    lost = orphans({backup.id: backup for backup in backups})
    return tuple(replace(one, state=BackupState.ORPHAN) if one.id in lost and one.state.restorable else one for one in backups)


def _lacks_parent(backup: Backup, backups: Mapping[BackupId, Backup]) -> bool:
    seen = {backup.id}
    while backup.manifest.kind is not BackupKind.FULL:
        parent = backups.get(backup.manifest.parent_id) if backup.manifest.parent_id is not None else None
        if parent is None or parent.id in seen or not parent.state.restorable:
            return True
        seen.add(parent.id)
        backup = parent
    return False


def is_pinned(backup: Backup, now: float) -> bool:
    """Whether somebody wants it kept, whatever the rules of retention say."""
    return _is_on(backup.records, _PINNING, now)


def is_held(backup: Backup, now: float) -> bool:
    """Whether it may not be removed at all, by anybody, until it is released."""
    return records_hold(backup.records, now)


def records_hold(records: Iterable[Record], now: float) -> bool:
    """The same by the records alone, for a backup whose manifest cannot be believed."""
    return _is_on(records, _HOLDING, now)


def _is_on(records: Iterable[Record], switch: Mapping[RecordKind, bool], now: float) -> bool:
    last = max((record for record in records if record.kind in switch), key=_moment, default=None)
    return last is not None and switch[last.kind] and (last.until is None or now < last.until)


def _moment(record: Record) -> float:
    return record.at
