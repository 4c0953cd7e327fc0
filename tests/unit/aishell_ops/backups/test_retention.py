"""Which backups may go, against a slow oracle that knows the rules one by one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_ops.backups.models import Backup, BackupId, BackupKind, BackupState, Record, RecordKind
from aishell_ops.backups.retention import Policy, RetentionPlan, plan_retention
from tests.unit.aishell_ops.backups.situation import NOW, manifest_of, spot

DAY = 86_400.0
GOOD, UNPROVEN, BAD = BackupState.VERIFIED, BackupState.COMMITTED, BackupState.CORRUPT


def _backup(
    number: int, days_ago: float, state: BackupState = GOOD, *, parent: int | None = None, records: tuple[Record, ...] = ()
) -> Backup:
    kind = BackupKind.FULL if parent is None else BackupKind.INCREMENTAL
    manifest = manifest_of(spot(number), kind=kind, parent=None if parent is None else spot(parent))
    return Backup(replace(manifest, started_at=NOW - days_ago * DAY), "", "", state, records)


def _removed(plan: RetentionPlan) -> list[int]:
    return [int(id_[11:13]) * 60 + int(id_[13:15]) for id_ in plan.removed]


def _daily(count: int) -> list[Backup]:
    """One good backup a day, number 0 the newest."""
    return [_backup(number, number) for number in range(count)]


def test_with_no_rule_everything_stays() -> None:
    plan = plan_retention(_daily(100), Policy(), NOW)
    assert plan.removed == ()
    assert plan.kept[50].reasons == ("no rule says that it may go",)


def test_what_is_too_old_goes_the_newest_of_it_first() -> None:
    assert _removed(plan_retention(_daily(6), Policy(within_seconds=3 * DAY), NOW)) == [3, 4, 5]


def test_a_number_keeps_the_newest() -> None:
    assert _removed(plan_retention(_daily(5), Policy(last=2), NOW)) == [2, 3, 4]


def test_a_most_removes_though_they_are_young() -> None:
    assert _removed(plan_retention(_daily(5), Policy(within_seconds=30 * DAY, at_most=3), NOW)) == [3, 4]


def test_days_weeks_months_and_years_keep_the_newest_of_each() -> None:
    plan = plan_retention(_daily(800), Policy(daily=7, weekly=4, monthly=12, yearly=3), NOW)
    assert len(plan.kept) <= 7 + 4 + 12 + 3
    years = {datetime.fromtimestamp(NOW - number * DAY, UTC).year for number in range(800) if number not in _removed(plan)}
    assert years == {2026, 2025, 2024}


def test_a_day_begins_where_the_people_are() -> None:
    midnight = datetime(2026, 11, 20, 0, 30, tzinfo=UTC).timestamp()
    backups = [_backup(0, (NOW - midnight) / DAY), _backup(1, (NOW - midnight + 3600) / DAY)]
    assert _removed(plan_retention(backups, Policy(daily=5), NOW)) == []
    assert _removed(plan_retention(backups, Policy(daily=5), NOW, timezone(timedelta(hours=-5)))) == [1]


def test_where_backups_have_stopped_nothing_grows_old() -> None:
    backups = [_backup(number, 400 + number) for number in range(3)]
    assert plan_retention(backups, Policy(within_seconds=30 * DAY), NOW).removed == ()


def test_the_last_good_one_stays_though_it_is_older_than_bad_ones() -> None:
    backups = [_backup(0, 0, BAD), _backup(1, 1, UNPROVEN), _backup(2, 50), _backup(3, 51)]
    plan = plan_retention(backups, Policy(last=1), NOW)
    assert _removed(plan) == [0, 3]
    assert [kept.reasons for kept in plan.kept] == [("newer than the last verified one",), ("the last good one", "one of the last 1")]


def test_an_unverified_one_takes_no_place_from_a_verified_one() -> None:
    backups = [_backup(0, 0), _backup(1, 1, UNPROVEN), _backup(2, 2)]
    assert _removed(plan_retention(backups, Policy(last=2), NOW)) == [1]


def test_a_kept_increment_keeps_all_that_it_needs() -> None:
    backups = [_backup(0, 0), _backup(3, 10, parent=2), _backup(2, 11, parent=1), _backup(1, 12), _backup(4, 13)]
    pinned = replace(backups[1], records=(Record(RecordKind.PINNED, NOW - 5 * DAY),))
    plan = plan_retention([backups[0], pinned, *backups[2:]], Policy(last=1), NOW)
    assert _removed(plan) == [4]
    assert {kept.id: kept.reasons for kept in plan.kept}[spot(1).id] == (f"needed by {spot(2).id}",)


def test_increments_go_before_what_they_need_whatever_the_clocks_said() -> None:
    backups = [_backup(0, 0), _backup(3, 12, parent=2), _backup(2, 11, parent=1), _backup(1, 10)]
    assert _removed(plan_retention(backups, Policy(last=1), NOW)) == [3, 2, 1]


@pytest.mark.parametrize(
    ("backups", "anomaly", "words"),
    [
        ([_backup(0, 0, UNPROVEN), _backup(1, 99, UNPROVEN)], "", "no backup has been verified"),
        ([_backup(0, -1), _backup(1, 99)], "", "the clock has gone back"),
        ([_backup(0, 0), _backup(1, 99)], "it is half as large as the one before", "half as large"),
    ],
)
def test_nothing_goes_while_something_is_wrong(backups: list[Backup], anomaly: str, words: str) -> None:
    plan = plan_retention(backups, Policy(last=1), NOW, anomaly=anomaly)
    assert words in plan.refused
    assert plan.removed == ()
    assert {kept.id for kept in plan.kept} == {backup.id for backup in backups}


_policies = st.builds(
    Policy,
    within_seconds=st.none() | st.integers(0, 40).map(lambda days: days * DAY),
    last=st.none() | st.integers(0, 6),
    daily=st.integers(0, 5),
    weekly=st.integers(0, 3),
    monthly=st.integers(0, 3),
    yearly=st.integers(0, 2),
    at_most=st.none() | st.integers(0, 8),
)


@st.composite
def _collections(draw: st.DrawFn) -> list[Backup]:
    backups: list[Backup] = []
    age = draw(st.floats(0, 30))
    for number in range(draw(st.integers(0, 14))):
        age += draw(st.floats(0.01, 25))
        state = draw(st.sampled_from([GOOD, GOOD, BackupState.TESTED, UNPROVEN, BAD]))
        kind = draw(st.sampled_from([None, None, RecordKind.PINNED, RecordKind.HELD]))
        backups.append(_backup(number, age, state, records=() if kind is None else (Record(kind, NOW - DAY),)))
    for place, backup in enumerate(backups[:-1]):
        if draw(st.booleans()):
            parent = draw(st.sampled_from(backups[place + 1 :])).id
            backups[place] = replace(backup, manifest=replace(backup.manifest, kind=BackupKind.INCREMENTAL, parent_id=parent))
    return backups


def _oracle(backups: list[Backup], policy: Policy) -> set[BackupId]:
    """What stays, said once more and slowly."""
    age = {backup.id: backup.manifest.started_at for backup in backups}
    parents = {backup.id: backup.manifest.parent_id for backup in backups}
    proven = sorted((backup.id for backup in backups if backup.state.proven), key=lambda id_: -age[id_])
    if not proven:
        return set(age)

    def with_parents(ids: set[BackupId]) -> set[BackupId]:
        bigger = ids | {parent for id_ in ids if (parent := parents[id_]) is not None}
        return ids if bigger == ids else with_parents(bigger)

    firm = {backup.id for backup in backups if backup.records} | {proven[0]}
    firm |= {backup.id for backup in backups if backup.state is not BAD and age[backup.id] > age[proven[0]]}
    firm = with_parents(firm)
    chosen = set(age) if policy.keeps_all else set(proven[: policy.last or 0])
    if policy.within_seconds is not None:
        chosen |= {id_ for id_ in age if age[proven[0]] - age[id_] < policy.within_seconds}
    for count, form in ((policy.daily, "%Y-%m-%d"), (policy.weekly, "%G-%V"), (policy.monthly, "%Y-%m"), (policy.yearly, "%Y")):
        name = {id_: datetime.fromtimestamp(age[id_], UTC).strftime(form) for id_ in proven}
        for id_ in proven:
            newer = {name[other] for other in proven if age[other] > age[id_]}
            if name[id_] not in newer and len(newer) < count:
                chosen.add(id_)
    if policy.at_most is not None:
        more = sorted(chosen - firm, key=lambda id_: -age[id_])
        chosen = set(more[: max(0, policy.at_most - len(firm))])
    return with_parents(firm | chosen)


@given(_collections(), _policies)
def test_what_stays_is_what_the_rules_say(backups: list[Backup], policy: Policy) -> None:
    plan = plan_retention(backups, policy, NOW)
    assert {kept.id for kept in plan.kept} == _oracle(backups, policy)
    assert {*plan.removed, *(kept.id for kept in plan.kept)} == {backup.id for backup in backups}
    assert all(kept.reasons for kept in plan.kept) or plan.refused


@given(_collections(), _policies)
def test_at_every_moment_of_the_removal_what_is_left_can_be_restored(backups: list[Backup], policy: Policy) -> None:
    plan = plan_retention(backups, policy, NOW)
    left = {backup.id: backup for backup in backups}
    for id_ in plan.removed:
        del left[id_]
        assert all(backup.manifest.parent_id in left for backup in left.values() if backup.manifest.parent_id is not None)
        assert any(backup.state.proven for backup in left.values())


@given(_collections(), _policies)
def test_who_asks_twice_removes_nothing_the_second_time(backups: list[Backup], policy: Policy) -> None:
    first = plan_retention(backups, policy, NOW)
    left = [backup for backup in backups if backup.id not in first.removed]
    assert plan_retention(left, policy, NOW).removed == ()
