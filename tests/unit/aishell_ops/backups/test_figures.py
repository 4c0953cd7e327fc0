"""The figures of backups: ages, lateness by schedules, failures, how the newest compares, what takes room where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC

import pytest

from aishell_ops.backups.attempts import Attempt, AttemptOutcome, What
from aishell_ops.backups.figures import USUAL_SECONDS, BackupFigures, Expectation, Stored, figures_of
from aishell_ops.backups.models import Backup, BackupId, BackupState, Part, Record, RecordKind
from tests.unit.aishell_ops.backups.situation import NOW, manifest_of, spot

HOUR, DAY, MIB = 3600.0, 86_400.0, 1 << 20
DISK, CLOUD = "/srv/backups", "s3://db-backups"
MIDNIGHT = NOW - NOW % DAY
NIGHTLY = Expectation("0 2 * * *", UTC)


def backup(
    begun_at: float,
    state: BackupState = BackupState.VERIFIED,
    *,
    size: int = 100 * MIB,
    took: float = 60.0,
    number: int = 0,
    records: tuple[Record, ...] = (),
    **fields: object,
) -> Backup:
    manifest = replace(
        manifest_of(spot(number)),
        started_at=begun_at,
        finished_at=begun_at + took,
        parts=(Part("data", size, size // 10, "", ""),),
        **fields,  # type: ignore[arg-type]
    )
    return Backup(manifest, "", "", state, records)


def attempt(begun_at: float, outcome: AttemptOutcome, what: What = What.SAVE) -> Attempt:
    id_ = BackupId("20261121-000000-aaaa")
    return Attempt(what, "orders-eu", "postgres", "orders", "", DISK, id_, begun_at, None, begun_at + 5, outcome)


def one(*backups: Backup, attempts: Sequence[Attempt] = (), expected: Sequence[Expectation] = (), free: int | None = None) -> BackupFigures:
    """The figures where there is one database."""
    stored: list[Stored] = [(DISK, each) for each in backups]
    (found,) = figures_of("orders", stored, attempts, expected, {DISK: free})
    return found


def told(figures: BackupFigures, now: float) -> dict[str, float]:
    return {sample.metric.name: sample.value for sample in figures.samples(now)}


def test_nothing_is_told_where_nothing_was_saved_tried_or_planned() -> None:
    assert figures_of("orders", [], [], [], {}) == ()


def test_the_age_is_that_of_the_newest_one_that_can_be_restored_as_a_whole() -> None:
    good, part, corrupt = backup(NOW - 5 * HOUR), backup(NOW - HOUR, tables=("a",), number=1), backup(NOW, BackupState.CORRUPT, number=2)
    figures = one(good, part, corrupt)
    assert told(figures, NOW)["backup.age"] == 5 * HOUR
    assert "backup.age" not in told(one(corrupt), NOW)


def test_without_a_schedule_the_next_one_is_late_after_a_day_and_two_hours() -> None:
    figures = one(backup(NOW))
    assert told(figures, NOW + USUAL_SECONDS)["backup.overdue"] == 0
    assert told(figures, NOW + USUAL_SECONDS + 60)["backup.overdue"] == 60


def test_a_nightly_one_is_late_two_hours_after_its_time() -> None:
    figures = one(backup(MIDNIGHT + 2 * HOUR + 4), expected=(NIGHTLY,))
    assert figures.due_at == MIDNIGHT + DAY + 4 * HOUR


@pytest.mark.parametrize("begun", [1 * HOUR, 30 * HOUR])
def test_one_made_by_hand_does_not_excuse_the_next_one_of_the_schedule(begun: float) -> None:
    figures = one(backup(MIDNIGHT + begun), expected=(NIGHTLY,))
    next_night = MIDNIGHT + (DAY if begun > 2 * HOUR else 0) + (DAY if begun > 26 * HOUR else 0) + 2 * HOUR
    assert figures.due_at == next_night + 2 * HOUR


def test_an_hourly_one_is_late_after_half_an_hour_and_its_jitter_and_the_first_of_several_schedules_counts() -> None:
    hourly = Expectation("0 * * * *", UTC, jitter_seconds=60)
    assert one(backup(MIDNIGHT + 4), expected=(NIGHTLY, hourly)).due_at == MIDNIGHT + 1.5 * HOUR + 60


def test_a_weekday_schedule_waits_over_the_weekend() -> None:
    friday = 1795140000.0 - 1795140000.0 % DAY  # 2026-11-20
    figures = one(backup(friday + 2 * HOUR + 1), expected=(Expectation("0 2 * * 1-5", UTC),))
    assert figures.due_at == friday + 3 * DAY + 4 * HOUR


def test_a_schedule_counts_from_when_it_is_known() -> None:
    new = replace(NIGHTLY, since=MIDNIGHT + 5 * DAY + HOUR)
    assert one(backup(MIDNIGHT), expected=(new,)).due_at == MIDNIGHT + 5 * DAY + 4 * HOUR
    (never_made,) = figures_of("orders", [], [], [new], {})
    assert never_made == BackupFigures("orders", due_at=MIDNIGHT + 5 * DAY + 4 * HOUR, failures=0)


def test_failures_count_since_the_last_good_one_and_one_that_was_left_counts() -> None:
    tries = (
        attempt(NOW - 9 * HOUR, AttemptOutcome.FAILED),
        attempt(NOW - 3 * HOUR, AttemptOutcome.FAILED),
        attempt(NOW - 2 * HOUR, AttemptOutcome.ABANDONED),
        attempt(NOW - HOUR, AttemptOutcome.CANCELLED),
        attempt(NOW, AttemptOutcome.RUNNING),
        attempt(NOW, AttemptOutcome.FAILED, What.TEST),
    )
    assert one(backup(NOW - 5 * HOUR), attempts=tries).failures == 2
    assert one(backup(NOW - 5 * HOUR), backup(NOW, number=1), attempts=tries).failures == 0
    (never_made,) = figures_of("orders", [], tries, [], {})
    assert (never_made.failures, never_made.good_at, never_made.due_at) == (3, None, NOW - 9 * HOUR + USUAL_SECONDS)


def test_a_test_restore_counts_also_when_its_backup_is_gone() -> None:
    tested = Record(RecordKind.TESTED, NOW - 2 * DAY)
    assert one(backup(NOW - 9 * DAY), backup(NOW, number=1)).untested_since == NOW - 9 * DAY
    assert one(backup(NOW - 9 * DAY, records=(tested,)), backup(NOW, number=1)).untested_since == NOW - 2 * DAY
    before = attempt(NOW - 20 * DAY, AttemptOutcome.DONE, What.TEST)
    failed = attempt(NOW - DAY, AttemptOutcome.FAILED, What.TEST)
    assert one(backup(NOW), attempts=(before, failed)).untested_since == NOW - 20 * DAY + 5


def test_the_first_backup_is_remembered_by_the_attempt_at_it() -> None:
    assert one(backup(NOW), attempts=(attempt(NOW - 90 * DAY, AttemptOutcome.DONE),)).untested_since == NOW - 90 * DAY


@pytest.mark.parametrize(("before", "newest", "drop"), [(100, 40, 0.6), (100, 100, 0.0), (40, 100, 0.0), (100, 0, 1.0)])
def test_a_drop_is_the_share_that_is_missing(before: int, newest: int, drop: float) -> None:
    figures = one(backup(NOW - DAY, size=before), backup(NOW, size=newest, number=1))
    assert figures.drop_ratio == pytest.approx(drop)


def test_the_newest_is_compared_with_those_of_its_own_job() -> None:
    figures = one(
        backup(NOW - DAY, size=10, took=60), backup(NOW - HOUR, size=999, took=9, job="hourly", number=1), backup(NOW, size=10, number=2)
    )
    assert (figures.drop_ratio, figures.growth) == (0.0, 1.0)


def test_growth_is_measured_against_the_middle_of_those_before() -> None:
    before = [backup(NOW - number * DAY, took=took, number=number) for number, took in ((5, 60.0), (4, 50.0), (3, 4000.0))]
    assert one(*before, backup(NOW, took=180.0, number=9)).growth == 3.0
    assert one(backup(NOW)).growth is None


def test_room_is_told_in_backups_like_the_newest_and_copies_of_one_count_once() -> None:
    newest = backup(NOW, size=100 * MIB)
    stored: list[Stored] = [(DISK, newest), (CLOUD, newest), (DISK, backup(NOW - DAY, size=200 * MIB, number=1))]
    (figures,) = figures_of("orders", stored, [], [], {DISK: 25 * MIB})
    samples = {(sample.metric.name, dict(sample.labels).get("storage")): sample.value for sample in figures.samples(NOW)}
    assert samples["backup.stored", DISK] == 30 * MIB
    assert samples["backup.stored", CLOUD] == 10 * MIB
    assert samples["backup.storage.free", DISK] == 25 * MIB
    assert samples["backup.storage.room", DISK] == 2.5
    assert ("backup.storage.free", CLOUD) not in samples
    assert figures.drop_ratio == 0.5


def test_only_the_database_that_was_saved_last_can_be_late() -> None:
    old = backup(NOW - 90 * DAY)
    earlier = Backup(replace(old.manifest, source=replace(old.manifest.source, database="before")), "", "", BackupState.VERIFIED)
    before, now = figures_of("orders", [(DISK, earlier), (DISK, backup(NOW, number=1))], [], [], {})
    assert (before.database, before.due_at, before.failures, before.good_at) == ("before", None, None, NOW - 90 * DAY)
    assert now.due_at == NOW + USUAL_SECONDS


def test_what_lies_in_a_storage_that_is_gone_is_no_good_backup() -> None:
    newest, older = backup(NOW, number=1), backup(NOW - 3 * DAY)
    (alone,) = figures_of("orders", [(DISK, older), (DISK, newest)], [], [], {DISK: 5}, gone={DISK})
    assert (alone.good_at, alone.due_at, alone.lost, alone.places) == (None, NOW, (DISK,), ())
    assert told(alone, NOW + 60)["backup.overdue"] == 60
    (copied,) = figures_of("orders", [(DISK, newest), (CLOUD, newest)], [], [], {}, gone={DISK})
    assert (copied.good_at, copied.due_at, copied.lost) == (NOW, NOW + USUAL_SECONDS, ())
    (earlier,) = figures_of("orders", [(DISK, newest), (CLOUD, older)], [], [], {}, gone={DISK})
    assert (earlier.good_at, earlier.due_at, earlier.lost) == (NOW - 3 * DAY, NOW, (DISK,))
