"""A backup that has lost more than half stops retention until somebody has looked, whatever is made, removed or read afterwards."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_ops.backups.models import Backup, BackupState, Format, Part, Record, RecordKind
from aishell_ops.backups.retain import anomaly_of
from aishell_ops.backups.retention import Policy, plan_retention
from aishell_ops.backups.shrinking import drops_by_job, standing_drops
from aishell_ops.backups.summary import backup_from, summary_of
from tests.unit.aishell_ops.backups.situation import NOW, manifest_of, spot

DAY = 86_400.0
GOOD, UNPROVEN, BAD = BackupState.VERIFIED, BackupState.COMMITTED, BackupState.CORRUPT


def _backup(number: int, size: int, state: BackupState = GOOD, **changes: object) -> Backup:
    """One backup a day, greater numbers are later."""
    manifest = manifest_of(spot(number))
    part = Part("data.dump", size, size, "a" * 64, "b" * 64)
    return Backup(replace(manifest, started_at=NOW + (number - 500) * DAY, parts=(part,), **changes), "", "", state)  # type: ignore[arg-type]


def _line(*sizes: int) -> list[Backup]:
    return [_backup(number, size) for number, size in enumerate(sizes)]


def _accepted(backup: Backup) -> Backup:
    return replace(backup, records=(Record(RecordKind.ACCEPTED, NOW, "ada"),))


@pytest.mark.parametrize("later", [(), (3,), (3, 3, 3), (3, 100, 100)])
def test_whatever_is_made_later_the_loss_stands_and_nothing_goes(later: tuple[int, ...]) -> None:
    backups = _line(100, 100, 3, *later)
    why = anomaly_of(backups)
    assert f"aishell backup accept {spot(2).id}" in why
    assert plan_retention(backups, Policy(last=1), NOW, anomaly=why).removed == ()


@pytest.mark.parametrize("state", [UNPROVEN, GOOD, BackupState.TESTED])
def test_one_that_nobody_has_verified_neither_begins_less_nor_ends_it(state: BackupState) -> None:
    assert len(standing_drops([*_line(100, 3), _backup(2, 3, state)])) == 1
    assert len(standing_drops([*_line(100), _backup(1, 3, state)])) == 1


def test_accepting_a_later_one_settles_all_before_it_and_nothing_after_it() -> None:
    backups = _line(100, 30, 30, 3, 1)
    assert len(standing_drops(backups)) == 3
    backups[3] = _accepted(backups[3])
    assert [drop.after.id for drop in standing_drops(backups)] == [spot(4).id]


def test_without_the_small_ones_there_is_no_loss() -> None:
    assert standing_drops(_line(100, 100)) == ()
    assert standing_drops([*_line(100), _backup(1, 3, BAD), _backup(2, 90)]) == ()


def test_what_was_made_otherwise_is_not_compared() -> None:
    others = [_backup(1, 3, format=Format.JSON), _backup(2, 3, tables=("users",)), _backup(3, 3, job="hourly")]
    assert drops_by_job([*_line(100), *others]) == ()
    assert len(drops_by_job([*_line(100), *others, _backup(4, 3), _backup(5, 1, job="hourly")])) == 2


def test_the_catalogue_keeps_what_was_accepted() -> None:
    kept = [backup_from(summary_of(backup), NOW) for backup in (*_line(100), _accepted(_backup(1, 3)))]
    assert standing_drops([backup for backup in kept if backup is not None]) == ()


def test_what_shrank_little_by_little_is_no_loss_after_retention() -> None:
    backups = _line(100, 80, 60, 45, 35, 25, 20)
    backups[0] = replace(backups[0], records=(Record(RecordKind.PINNED, NOW),))
    plan = plan_retention(backups, Policy(last=1), NOW)
    left = [backup for backup in backups if backup.id not in plan.removed]
    assert [backup.manifest.plain_bytes for backup in left] == [100, 60, 35, 20]
    assert anomaly_of(left) == ""
    assert ("without it a later one would look like a loss",) in [kept.reasons for kept in plan.kept]


_policies = st.builds(
    Policy,
    within_seconds=st.none() | st.integers(0, 10).map(lambda days: days * DAY),
    last=st.integers(1, 4),
    daily=st.integers(0, 3),
    weekly=st.integers(0, 3),
    monthly=st.integers(0, 2),
    at_most=st.none() | st.integers(0, 6),
)
_steps = st.lists(
    st.tuples(st.integers(1, 200), st.sampled_from([GOOD, GOOD, GOOD, UNPROVEN, BAD]), st.sampled_from(["", "", "", "pin", "accept"])),
    max_size=30,
)


@given(_steps, _policies)
def test_from_the_loss_to_the_acceptance_nothing_goes_and_nothing_else_stops_it(
    steps: list[tuple[int, BackupState, str]], policy: Policy
) -> None:
    """The oracle remembers each loss as it happened; retention sees only what it has left itself."""
    left: list[Backup] = []
    before, stopped = 0, False
    for number, (size, state, act) in enumerate(steps):
        made = _backup(number, size, state)
        if state is not BAD:
            stopped, before = stopped or size < before / 2, size
        if act == "accept":
            made, stopped = _accepted(made), False
        elif act == "pin":
            made = replace(made, records=(Record(RecordKind.PINNED, NOW),))
        left.append(made)
        why = anomaly_of(left)
        assert bool(why) == stopped
        plan = plan_retention(left, policy, NOW, anomaly=why)
        assert not (stopped and plan.removed)
        left = [backup for backup in left if backup.id not in plan.removed]
        assert bool(anomaly_of(left)) == stopped
