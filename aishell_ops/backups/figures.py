"""The figures of a target's backups, from what is kept of them and of what was tried; pure.

What is told of a moment are ages, so that a reading is made of kept moments without looking anywhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from statistics import median

from aishell_core.catalogue.backups import (
    BACKUP_AGE,
    BACKUP_DROP,
    BACKUP_DURATION,
    BACKUP_FAILURES,
    BACKUP_GROWTH,
    BACKUP_OVERDUE,
    BACKUP_SIZE,
    BACKUP_STORAGE_FREE,
    BACKUP_STORAGE_ROOM,
    BACKUP_STORED,
    BACKUP_UNTESTED,
)
from aishell_core.values import Labels, Sample
from aishell_ops.backups.attempts import Attempt, AttemptOutcome, What
from aishell_ops.backups.models import Backup, BackupState, RecordKind
from aishell_ops.backups.schedule import next_after
from aishell_ops.backups.shrinking import standing_drops

USUAL_SECONDS = 26 * 3600.0
"""How old the last good backup may be where no schedule says when the next one is due: a day, and two hours for it to be made."""
_LONGEST_GRACE_SECONDS = 2 * 3600.0
_COMPARED = 10
_ACCEPTED_RATIO = 0.5
"""What has lost more and does not stand as a drop was accepted, or made in another way."""
_BAD = frozenset({AttemptOutcome.FAILED, AttemptOutcome.ABANDONED})

Stored = tuple[str, Backup]
"""A backup, and the address of the storage that it lies in."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """A schedule that makes the backups of a target, and since when it is known; None where nobody has looked at it yet."""

    expression: str
    zone: tzinfo
    jitter_seconds: float = 0.0
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """What the backups of one database take in a storage, and what is free there; None where nobody knows."""

    storage: str
    stored_bytes: int
    free_bytes: int | None = None
    room: float | None = None


@dataclass(frozen=True, slots=True)
class BackupFigures:
    """What is known of the backups of one database; `_at` are epoch seconds, what is None is not known or does not apply.

    `due_at` is the moment from which the next good backup is late, `untested_since` the one since which none was restored.
    """

    database: str
    good_at: float | None = None
    due_at: float | None = None
    untested_since: float | None = None
    failures: int | None = None
    size_bytes: int | None = None
    drop_ratio: float | None = None
    duration_seconds: float | None = None
    growth: float | None = None
    places: tuple[Place, ...] = ()
    lost: tuple[str, ...] = ()
    """The storages that are gone, where the last good backup lies in none that is there: how old it is, is not known then."""

    @property
    def course(self) -> tuple[str, float | None, float | None, float | None, int | None]:
        """What changes when something is done, and not by itself as free room does."""
        return self.database, self.good_at, self.due_at, self.untested_since, self.failures

    def samples(self, now: float) -> Iterator[Sample]:
        """The figures as of a moment."""
        labels: Labels = (("database", self.database),)
        ages = ((BACKUP_AGE, self.good_at), (BACKUP_OVERDUE, self.due_at), (BACKUP_UNTESTED, self.untested_since))
        for metric, since in ages:
            if since is not None:
                yield Sample(metric, max(0.0, now - since), labels)
        values = (
            (BACKUP_FAILURES, self.failures),
            (BACKUP_SIZE, self.size_bytes),
            (BACKUP_DROP, self.drop_ratio),
            (BACKUP_DURATION, self.duration_seconds),
            (BACKUP_GROWTH, self.growth),
        )
        for metric, value in values:
            if value is not None:
                yield Sample(metric, float(value), labels)
        for place in self.places:
            where: Labels = (*labels, ("storage", place.storage))
            yield Sample(BACKUP_STORED, float(place.stored_bytes), where)
            if place.free_bytes is not None:
                yield Sample(BACKUP_STORAGE_FREE, float(place.free_bytes), where)
            if place.room is not None:
                yield Sample(BACKUP_STORAGE_ROOM, place.room, where)


def figures_of(
    database: str,
    stored: Iterable[Stored],
    attempts: Sequence[Attempt],
    expected: Sequence[Expectation],
    free: Mapping[str, int | None],
    gone: Collection[str] = (),
) -> tuple[BackupFigures, ...]:
    """The figures of one target, a set for each of its databases; nothing where nothing was saved, tried or planned.

    `database` is what the target is taken to save while there is no backup. Whether a backup is late, failed or untested is told
    of the database that was saved last: an earlier one of the same target is not saved any more. What lies in storages that are
    `gone` is no good backup: where there is no other, the next one is late from when the last of them was made.
    """
    by_database: dict[str, list[Stored]] = {}
    for one in stored:
        by_database.setdefault(one[1].manifest.source.database, []).append(one)
    if not by_database:
        if not attempts and not expected:
            return ()
        return (_with_course(BackupFigures(database), (), attempts, expected),)
    current = max(by_database, key=lambda name: max(backup.manifest.started_at for _, backup in by_database[name]))
    found = []
    for name, mine in sorted(by_database.items()):
        backups = _each_once(mine)
        figures = _compared(name, backups, _places(((at, one) for at, one in mine if at not in gone), backups[-1], free))
        figures = _with_course(figures, backups, attempts, expected) if name == current else figures
        found.append(_without_lost(figures, mine, gone) if gone else figures)
    return tuple(found)


def _each_once(stored: Iterable[Stored]) -> tuple[Backup, ...]:
    """Backups without their copies, the oldest first; of copies the one that is proven."""
    found: dict[str, Backup] = {}
    for _, backup in stored:
        known = found.get(backup.id)
        if known is None or (backup.state.proven and not known.state.proven):
            found[backup.id] = backup
    return tuple(sorted(found.values(), key=lambda backup: (backup.manifest.started_at, backup.id)))


def is_good(backup: Backup) -> bool:
    """Whether all of a database can be restored from it, as far as anybody knows."""
    return backup.state.restorable and not backup.manifest.tables


def _compared(database: str, backups: Sequence[Backup], places: tuple[Place, ...]) -> BackupFigures:
    """How the newest backup compares with those before it of the same job and the same tables."""
    good = [backup for backup in backups if is_good(backup)]
    whole = [backup for backup in backups if not backup.manifest.tables and backup.state is not BackupState.TRASHED] or list(backups)
    newest = whole[-1]
    alike = [backup for backup in whole[:-1] if backup.manifest.job == newest.manifest.job]
    before = [backup.manifest.duration_seconds for backup in alike[-_COMPARED:]]
    usual = median(before) if before else 0.0
    return BackupFigures(
        database,
        good_at=good[-1].manifest.started_at if good else None,
        size_bytes=newest.manifest.plain_bytes,
        drop_ratio=_drop([*alike, newest]) if alike else None,
        duration_seconds=newest.manifest.duration_seconds,
        growth=newest.manifest.duration_seconds / usual if usual > 0 else None,
        places=places,
    )


def _drop(alike: Sequence[Backup]) -> float | None:
    """The share that is missing: of a loss that nobody has accepted yet, else against the one before; one that was accepted is none."""
    standing = standing_drops(alike)
    if standing:
        return max(drop.ratio for drop in standing)
    before, newest = (backup.manifest.plain_bytes for backup in alike[-2:])
    if not before:
        return None
    missing = max(0.0, 1.0 - newest / before)
    return missing if missing <= _ACCEPTED_RATIO else 0.0


def _with_course(
    figures: BackupFigures, backups: Sequence[Backup], attempts: Sequence[Attempt], expected: Sequence[Expectation]
) -> BackupFigures:
    """The same with what depends on schedules and on what was tried."""
    good_at = figures.good_at
    saves = [attempt for attempt in attempts if attempt.what is What.SAVE]
    failed = [one for one in saves if one.outcome in _BAD and (good_at is None or one.begun_at > good_at)]
    first = min([*(backup.manifest.started_at for backup in backups), *(one.begun_at for one in saves)], default=None)
    return replace(
        figures,
        due_at=_due_at(good_at, first, expected),
        untested_since=_untested_since(backups, attempts),
        failures=len(failed),
    )


def _without_lost(figures: BackupFigures, stored: Iterable[Stored], gone: Collection[str]) -> BackupFigures:
    """The same where only those backups are at hand that lie in storages that are there."""
    good = [(address, backup.manifest.started_at) for address, backup in stored if is_good(backup)]
    lost = tuple(dict.fromkeys(address for address, _ in good if address in gone))
    at_hand = max((at for address, at in good if address not in gone), default=None)
    if not lost or at_hand == figures.good_at:
        return figures
    due_at = figures.due_at and figures.good_at
    return replace(figures, good_at=at_hand, due_at=due_at, lost=lost)


def _due_at(good_at: float | None, first: float | None, expected: Sequence[Expectation]) -> float | None:
    """When the next good backup is late: of several schedules the one that is first; counted from the last good backup."""
    found = [
        due_after(one, begin)
        for one in expected
        if (begin := good_at if good_at is not None else first if first is not None else one.since) is not None
    ]
    if found:
        return min(found)
    begin = good_at if good_at is not None else first
    return None if begin is None else begin + USUAL_SECONDS


def due_after(expected: Expectation, moment: float) -> float:
    """When the backup that a schedule makes next after a moment is late: half an interval after its time, two hours at most.

    A backup that was begun when the schedule was not known yet is no reason for one that should have been made before that.
    """
    begin = moment if expected.since is None else max(moment, expected.since)
    due = next_after(expected.expression, expected.zone, begin)
    following = next_after(expected.expression, expected.zone, due)
    return due + expected.jitter_seconds + min(_LONGEST_GRACE_SECONDS, (following - due) / 2)


def _untested_since(backups: Sequence[Backup], attempts: Sequence[Attempt]) -> float | None:
    """When one was restored last, also one that is gone by now; when the first was made where none ever was."""
    tested = [record.at for backup in backups for record in backup.records if record.kind is RecordKind.TESTED]
    tested += [one.ended_at or one.begun_at for one in attempts if one.what is What.TEST and one.outcome is AttemptOutcome.DONE]
    if tested:
        return max(tested)
    made = [backup.manifest.started_at for backup in backups]
    made += [one.begun_at for one in attempts if one.what is What.SAVE and one.outcome is AttemptOutcome.DONE]
    return min(made, default=None)


def _places(stored: Iterable[Stored], newest: Backup, free: Mapping[str, int | None]) -> tuple[Place, ...]:
    found: dict[str, int] = {}
    for address, backup in stored:
        found[address] = found.get(address, 0) + backup.manifest.stored_bytes
    size = newest.manifest.stored_bytes
    places = []
    for address, used in found.items():
        left = free.get(address)
        places.append(Place(address, used, left, left / size if left is not None and size > 0 else None))
    return tuple(places)
