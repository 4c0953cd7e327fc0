"""The state of a backup in the light of its records."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_ops.backups.models import Backup, BackupId, BackupKind, BackupState, Record, RecordKind
from aishell_ops.backups.state import backup_of, is_held, is_pinned, orphans, state_of
from tests.unit.aishell_ops.backups.situation import NOW, manifest_of, spot

V, T, D, X = RecordKind.VERIFIED, RecordKind.TESTED, RecordKind.DAMAGED, RecordKind.TRASHED


def _records(*kinds: RecordKind) -> tuple[Record, ...]:
    return tuple(Record(kind, NOW + number) for number, kind in enumerate(kinds))


@pytest.mark.parametrize(
    ("kinds", "state"),
    [
        ((), BackupState.COMMITTED),
        ((V,), BackupState.VERIFIED),
        ((V, T), BackupState.TESTED),
        ((T, V), BackupState.TESTED),
        ((T, D), BackupState.CORRUPT),
        ((T, D, V), BackupState.VERIFIED),
        ((D, T, V), BackupState.TESTED),
        ((V, X), BackupState.TRASHED),
        ((RecordKind.PINNED,), BackupState.COMMITTED),
    ],
)
def test_the_latest_judgement_counts(kinds: tuple[RecordKind, ...], state: BackupState) -> None:
    assert state_of(_records(*kinds), NOW + 100) is state


@given(st.permutations(_records(V, T, D, V, RecordKind.PINNED)))
def test_the_order_in_which_records_are_read_does_not_matter(records: list[Record]) -> None:
    assert state_of(records, NOW + 100) is BackupState.VERIFIED


@pytest.mark.parametrize(
    ("found", "later", "state"),
    [
        ("fast", "fast", BackupState.VERIFIED),
        ("fast", "deep", BackupState.VERIFIED),
        ("stored", "fast", BackupState.CORRUPT),
        ("deep", "fast", BackupState.CORRUPT),
        ("deep", "stored", BackupState.CORRUPT),
        ("deep", "deep", BackupState.VERIFIED),
        ("restore", "deep", BackupState.CORRUPT),
        ("", "fast", BackupState.CORRUPT),
        ("", "deep", BackupState.VERIFIED),
    ],
)
def test_damage_is_taken_back_by_a_look_alone_that_went_as_far(found: str, later: str, state: BackupState) -> None:
    damaged, verified = Record(D, NOW, level=found), Record(V, NOW + 1, level=later)
    assert state_of((damaged, verified), NOW + 100) is state
    assert state_of((damaged, Record(D, NOW + 0.5, level="fast"), verified), NOW + 100) is state
    assert state_of((damaged, verified, Record(T, NOW + 2, level="restore")), NOW + 100) is BackupState.TESTED


def _backup(*records: Record) -> Backup:
    return backup_of(manifest_of(spot()), "", "", records, NOW)


def test_a_pin_ends_when_it_was_to_or_is_taken_out() -> None:
    pin = Record(RecordKind.PINNED, NOW, until=NOW + 10)
    assert is_pinned(_backup(pin), NOW + 5)
    assert not is_pinned(_backup(pin), NOW + 10)
    assert not is_pinned(_backup(pin, Record(RecordKind.UNPINNED, NOW + 1)), NOW + 5)
    assert not is_held(_backup(pin), NOW + 5)
    assert is_held(_backup(Record(RecordKind.HELD, NOW)), NOW + 1e9)


def _chain(*states: BackupState) -> dict[BackupId, Backup]:
    found: dict[BackupId, Backup] = {}
    for number, state in enumerate(states):
        kind = BackupKind.INCREMENTAL if number else BackupKind.FULL
        manifest = manifest_of(spot(number), kind=kind, parent=spot(number - 1) if number else None)
        found[manifest.id] = Backup(manifest, "", "", state)
    return found


def test_what_needs_a_missing_or_damaged_backup_is_an_orphan() -> None:
    good, bad = BackupState.COMMITTED, BackupState.CORRUPT
    assert orphans(_chain(good, good, good)) == set()
    assert orphans(_chain(bad, good, good)) == {spot(1).id, spot(2).id}
    assert orphans(_chain(good, bad, good)) == {spot(2).id}
    chain = _chain(good, good, good)
    del chain[spot(1).id]
    assert orphans(chain) == {spot(2).id}


def test_a_circle_of_parents_ends() -> None:
    chain = _chain(BackupState.COMMITTED, BackupState.COMMITTED)
    first = chain[spot(0).id]
    chain[spot(0).id] = replace(first, manifest=replace(first.manifest, kind=BackupKind.INCREMENTAL, parent_id=spot(1).id))
    assert orphans(chain) == {spot(0).id, spot(1).id}
