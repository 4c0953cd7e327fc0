"""Who may save a database now."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from aishell_ops.backups.errors import BusyError, StorageError
from aishell_ops.backups.holder import holding, lives, own_holder
from aishell_ops.backups.lease import SILENT_SECONDS, held_line, take_lease
from aishell_ops.backups.models import Holder
from aishell_ops.backups.storage.folder import FolderStorage
from tests.servers.sqlite_client import eventually
from tests.unit.aishell_ops.backups.situation import LINE, holder
from tests.unit.aishell_ops.backups.unsteady_storage import Mood, UnsteadyStorage


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path)


def _alive(_: Holder) -> bool | None:
    return True


def _dead(_: Holder) -> bool | None:
    return False


def _unknown(_: Holder) -> bool | None:
    return None


class Steady:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def _silent_for(storage: FolderStorage, seconds: float) -> None:
    path = storage.root / LINE.lease_key
    os.utime(path, (time.time() - seconds,) * 2)


def test_the_second_is_told_who_the_first_is(storage: FolderStorage) -> None:
    take_lease(storage, LINE, holder())
    with pytest.raises(BusyError, match="orders of orders-eu is being saved by ops@db1, process 17 already") as caught:
        take_lease(storage, LINE, holder(18), _alive)
    assert "elsewhere" not in caught.value.hint


def test_a_released_one_can_be_taken(storage: FolderStorage) -> None:
    take_lease(storage, LINE, holder()).release()
    take_lease(storage, LINE, holder(18), _alive)


def test_that_of_a_dead_process_is_taken_over_at_once_and_its_holder_notices(storage: FolderStorage) -> None:
    first = take_lease(storage, LINE, holder())
    second = take_lease(storage, LINE, holder(18), _dead)
    with pytest.raises(BusyError, match="taken this backup for abandoned"):
        first.beat()
    first.release()
    second.beat()


def test_that_of_another_machine_is_taken_over_when_it_was_silent_for_long(storage: FolderStorage) -> None:
    take_lease(storage, LINE, holder())
    _silent_for(storage, SILENT_SECONDS / 2)
    with pytest.raises(BusyError, match="already") as caught:
        take_lease(storage, LINE, holder(18), _unknown)
    assert "runs elsewhere" in caught.value.hint
    _silent_for(storage, SILENT_SECONDS + 5)
    take_lease(storage, LINE, holder(18), _unknown)
    assert [one.key for one in storage.list()] == [LINE.lease_key]


def test_a_sign_of_life_keeps_it(storage: FolderStorage) -> None:
    lease = take_lease(storage, LINE, holder())
    lease.beat()
    before = storage.get(LINE.lease_key)
    _silent_for(storage, SILENT_SECONDS + 5)
    assert storage.get(LINE.lease_key)[0] == before[0]
    take_lease(storage, LINE, holder(), _dead).beat()
    with pytest.raises(BusyError):
        take_lease(storage, LINE, holder(18), _unknown)


def test_a_damaged_note_counts_as_that_of_somebody_elsewhere(storage: FolderStorage) -> None:
    storage.put_new(LINE.lease_key, b"{")
    with pytest.raises(BusyError, match="cannot be read"):
        take_lease(storage, LINE, holder(), _dead)
    _silent_for(storage, SILENT_SECONDS + 5)
    take_lease(storage, LINE, holder(), _dead)


def test_this_process_lives_and_one_that_came_after_it_with_its_pid_is_another() -> None:
    own = own_holder("saving orders")
    assert lives(own) is True
    assert own.what == "saving orders"
    assert lives(replace(own, process_started_at=own.process_started_at - 100)) is False


def test_an_ended_process_is_dead_though_nobody_has_waited_for_it() -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as process:
        found = psutil.Process(process.pid)
        other = replace(own_holder(), pid=process.pid, process_started_at=found.create_time())
        assert lives(other) is True
        process.kill()
        eventually(lambda: found.status() == psutil.STATUS_ZOMBIE)
        assert lives(other) is False
    assert lives(other) is False


def test_nobody_knows_of_a_process_on_another_machine() -> None:
    assert lives(replace(own_holder(), machine="elsewhere")) is None


def test_a_work_of_this_process_is_dead_when_it_is_over_though_the_process_goes_on() -> None:
    with holding("saving orders") as own:
        assert lives(own) is True
    assert lives(own) is False
    assert lives(replace(own, machine="elsewhere")) is None


def test_what_could_not_be_released_keeps_nobody_out(storage: FolderStorage) -> None:
    with holding("saving orders") as own:
        take_lease(storage, LINE, own)
        with pytest.raises(BusyError, match="being saved"), held_line(storage, LINE, "removing it"):
            pass
    with held_line(storage, LINE, "removing it") as lease:
        lease.beat()
    assert list(storage.list()) == []


def test_signs_of_life_that_do_not_arrive_are_let_pass_and_never_so_long_that_another_may_take_it(tmp_path: Path) -> None:
    storage, steady = UnsteadyStorage(tmp_path), Steady()
    lease = take_lease(storage, LINE, holder(), steady=steady)
    storage.mood = Mood.REFUSED
    while lease.left_seconds > 0:
        lease.beat()
        steady.at += 30
    assert 8 * 60 <= steady.at < SILENT_SECONDS
    with pytest.raises(StorageError, match="another aishell may take this for abandoned: nobody answers"):
        lease.beat()
    storage.mood = Mood.FINE
    lease.beat()
    assert lease.left_seconds > 8 * 60


@pytest.mark.parametrize("mood", [Mood.LOST, Mood.REPEATED])
def test_ones_own_sign_of_life_whose_answer_was_lost_is_nobody_elses(tmp_path: Path, mood: Mood) -> None:
    storage, steady = UnsteadyStorage(tmp_path), Steady()
    lease = take_lease(storage, LINE, holder(), steady=steady)
    for _ in range(40):
        storage.mood = mood
        lease.beat()
        steady.at += 30
        storage.mood = Mood.FINE
        lease.beat()
        steady.at += 30
    lease.release()
    assert list(storage.list()) == []


def test_a_lost_answer_is_no_sign_of_life_until_it_is_known(tmp_path: Path) -> None:
    """What was written is not known to be, so that the time runs from the last one that is."""
    storage, steady = UnsteadyStorage(tmp_path), Steady()
    lease = take_lease(storage, LINE, holder(), steady=steady)
    storage.mood = Mood.LOST
    while lease.left_seconds > 0:
        lease.beat()
        steady.at += 30
    with pytest.raises(StorageError, match="abandoned"):
        lease.beat()


def test_who_was_silent_and_has_lost_it_is_told_so_after_a_lost_answer_too(tmp_path: Path) -> None:
    storage = UnsteadyStorage(tmp_path)
    lease = take_lease(storage, LINE, holder())
    storage.mood = Mood.LOST
    lease.beat()
    storage.mood = Mood.FINE
    other = take_lease(storage, LINE, holder(18), _dead)
    with pytest.raises(BusyError, match="taken this backup for abandoned"):
        lease.beat()
    lease.release()
    other.beat()
    other.release()
    with pytest.raises(BusyError, match="taken this backup for abandoned"):
        other.beat()


def test_a_lease_that_was_released_after_a_lost_answer_is_gone(tmp_path: Path) -> None:
    storage = UnsteadyStorage(tmp_path)
    lease = take_lease(storage, LINE, holder())
    storage.mood = Mood.LOST
    lease.beat()
    lease.release()
    assert list(storage.list()) == []


def test_who_takes_that_of_a_dead_one_knows_its_own_note_again(tmp_path: Path) -> None:
    storage = UnsteadyStorage(tmp_path)
    take_lease(storage, LINE, holder())
    storage.mood = Mood.REPEATED
    with holding("saving orders") as own:
        lease = take_lease(storage, LINE, own, _dead)
        lease.beat()
        lease.release()
    assert list(storage.list()) == []
