"""What runs, failed or was abandoned: its state from its holder, from what lies there and from what was noted of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from aishell_core.state.store import Store
from aishell_ops.backups import attempts
from aishell_ops.backups.attempts import Attempt, AttemptOutcome, What, settled
from aishell_ops.backups.lease import SILENT_SECONDS
from aishell_ops.backups.models import Backup, BackupKind, BackupState, Holder
from aishell_ops.backups.progress import Stage, Step
from aishell_ops.backups.state import with_orphans
from aishell_ops.backups.unmade import Beginning, state_of_beginning, unmade_of
from tests.unit.aishell_ops.backups.situation import LINE, NOW, holder, manifest_of, spot

ALIVE, DEAD, FAR = holder(1), holder(2), holder(3, "elsewhere")
NOTHING: tuple[Attempt, ...] = ()
STEP = Step(Stage.SAVING, "data.dump", 5000, 900, 20_000)


def lives(one: Holder) -> bool | None:
    return {ALIVE: True, DEAD: False}.get(one)


def attempt(number: int, who: Holder | None, outcome: AttemptOutcome = AttemptOutcome.RUNNING, what: What = What.SAVE) -> Attempt:
    return Attempt(what, LINE.target, "postgres", LINE.database, "nightly", "/srv", spot(number).id, NOW + number, who, outcome=outcome)


def beginning(number: int, who: Holder | None, *, is_silent: bool = False) -> Beginning:
    return Beginning(spot(number), "/srv", 700, who, is_silent)


@pytest.mark.parametrize(
    ("alive", "is_silent", "state"),
    [
        (True, True, BackupState.RUNNING),
        (False, False, BackupState.ABANDONED),
        (None, False, BackupState.RUNNING),
        (None, True, BackupState.ABANDONED),
    ],
)
def test_a_holder_that_can_be_looked_up_decides_and_else_its_signs_of_life(alive: bool | None, is_silent: bool, state: BackupState) -> None:
    assert state_of_beginning(alive, is_silent=is_silent) is state


def test_each_is_told_once_the_newest_first_and_what_has_become_a_backup_is_none() -> None:
    found = unmade_of(
        [beginning(1, ALIVE), beginning(2, DEAD), beginning(3, FAR, is_silent=True), beginning(4, None)],
        [attempt(1, ALIVE), attempt(5, DEAD, AttemptOutcome.FAILED), attempt(6, None, AttemptOutcome.DONE), attempt(7, ALIVE)],
        {spot(7).id},
        lives,
    )
    assert {one.id: one.state for one in found} == {
        spot(1).id: BackupState.RUNNING,
        spot(2).id: BackupState.ABANDONED,
        spot(3).id: BackupState.ABANDONED,
        spot(4).id: BackupState.RUNNING,
        spot(5).id: BackupState.FAILED,
    }
    assert list(found) == sorted(found, key=lambda one: one.begun_at, reverse=True)
    assert next(one for one in found if one.id == spot(1).id).stored_bytes == 700


@pytest.mark.parametrize("outcome", [AttemptOutcome.DONE, AttemptOutcome.CANCELLED])
def test_what_ended_well_or_was_cancelled_is_no_backup_that_is_missing(outcome: AttemptOutcome) -> None:
    assert unmade_of([], [attempt(1, ALIVE, outcome), attempt(2, ALIVE, AttemptOutcome.FAILED, What.TEST)], set(), lives) == ()


def test_an_attempt_whose_holder_is_gone_was_abandoned() -> None:
    tries = [attempt(1, ALIVE), attempt(2, DEAD), attempt(3, FAR), attempt(4, DEAD, AttemptOutcome.FAILED)]
    now = NOW + 10 + SILENT_SECONDS
    outcomes = [one.outcome for one in settled(tries, lives, NOW + 10)]
    assert outcomes == [AttemptOutcome.RUNNING, AttemptOutcome.ABANDONED, AttemptOutcome.RUNNING, AttemptOutcome.FAILED]
    assert settled(tries, lives, now)[2].outcome is AttemptOutcome.ABANDONED
    assert settled([replace(tries[2], stepped_at=now - 1)], lives, now)[0].outcome is AttemptOutcome.RUNNING


def test_what_lacks_what_it_needs_is_an_orphan_and_what_is_damaged_stays_so() -> None:
    def made(number: int, parent: int | None, state: BackupState = BackupState.VERIFIED) -> Backup:
        kind = BackupKind.FULL if parent is None else BackupKind.INCREMENTAL
        return Backup(manifest_of(spot(number), kind=kind, parent=None if parent is None else spot(parent)), "", "", state)

    found = with_orphans(
        [made(1, None), made(2, 1), made(3, None, BackupState.CORRUPT), made(4, 3), made(5, 99), made(6, 99, BackupState.CORRUPT)]
    )
    assert [one.state.value for one in found] == ["verified", "verified", "corrupt", "orphan", "orphan", "corrupt"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store.open(tmp_path)) as opened:
        yield opened


def known(connection: sqlite3.Connection) -> tuple[Attempt, ...]:
    return attempts.attempts_since(connection, 0.0)


def test_an_attempt_is_kept_with_its_holder_and_how_far_it_has_come(store: Store) -> None:
    begun = attempt(1, ALIVE)
    number = store.transact(lambda connection: attempts.begin_attempt(connection, begun))
    assert store.read(known, NOTHING) == (begun,)
    store.transact(lambda connection: attempts.note_step(connection, number, STEP, NOW + 9))
    store.transact(lambda connection: attempts.end_attempt(connection, number, AttemptOutcome.FAILED, "no room", NOW + 20))
    ended = replace(begun, outcome=AttemptOutcome.FAILED, message="no room", ended_at=NOW + 20, step=STEP, stepped_at=NOW + 9)
    assert store.read(known, NOTHING) == (ended,)
    assert store.read(lambda connection: attempts.attempts_since(connection, begun.begun_at + 1), NOTHING) == ()


def test_what_was_tried_more_than_a_year_ago_is_forgotten_and_what_cannot_be_read_is_passed_over(store: Store) -> None:
    for each in (attempt(1, None), replace(attempt(2, None), begun_at=NOW + attempts.KEPT_SECONDS + 100)):
        store.transact(lambda connection, each=each: attempts.begin_attempt(connection, each))  # type: ignore[misc]
    (left,) = store.read(known, NOTHING)
    assert left.backup == spot(2).id
    store.transact(lambda connection: connection.execute("UPDATE backup_attempt SET what = 'dance'"))
    assert store.read(known, NOTHING) == ()
