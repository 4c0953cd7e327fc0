"""Backups that come from elsewhere: one at a time, whole or not at all, and nobody else's work is taken for dead."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from aishell_ops.backups.arriving import arriving
from aishell_ops.backups.errors import BackupError, BusyError
from aishell_ops.backups.holder import holding, own_holder
from aishell_ops.backups.repository import ARRIVAL_SECONDS, Repository
from aishell_ops.backups.storage.folder import FolderStorage
from tests.unit.aishell_ops.backups.engine import failing
from tests.unit.aishell_ops.backups.situation import LINE, FaultyStorage, spot, write_parts


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path)


def _repository(storage: FolderStorage | FaultyStorage) -> Repository:
    return Repository(storage, time.time)


def _break_off(storage: FolderStorage) -> None:
    write_parts(storage, spot())
    raise failing("the line broke")


def test_what_fails_leaves_nothing(storage: FolderStorage) -> None:
    with pytest.raises(BackupError, match="the line broke"), arriving(_repository(storage), spot(), "copying it"):
        _break_off(storage)
    assert list(storage.list()) == []


def test_why_it_failed_is_told_also_when_nothing_can_be_removed(storage: FolderStorage) -> None:
    count = FaultyStorage(storage)
    with arriving(_repository(count), spot(), "copying it"):
        pass
    storage.delete(spot().started_key)
    faulty = FaultyStorage(storage, count.calls)
    with pytest.raises(BackupError, match="the line broke"), arriving(_repository(faulty), spot(), "copying it"):
        raise failing("the line broke")
    assert [one.key for one in storage.list()] == [spot().started_key]
    with arriving(_repository(storage), spot(1), "copying another"):
        assert [one.key for one in storage.list()] == [spot(1).started_key]


def test_a_second_one_waits_its_turn_and_another_backup_does_not(storage: FolderStorage) -> None:
    with arriving(_repository(storage), spot(), "copying it"):
        write_parts(storage, spot())
        with pytest.raises(BusyError, match="somebody else brings"), arriving(_repository(storage), spot(), "copying it too"):
            pass
        with arriving(_repository(storage), spot(1), "copying another"):
            pass
        assert storage.head(spot().part_key("data.dump")) is not None


def test_one_of_another_machine_is_left_alone_for_a_day(storage: FolderStorage) -> None:
    repository = _repository(storage)
    repository.begin(spot(), replace(own_holder("copying"), machine="elsewhere"))
    assert repository.sweep_line(LINE) == 0
    path = storage.root / spot().started_key
    os.utime(path, (time.time() - ARRIVAL_SECONDS - 5,) * 2)
    assert repository.sweep_line(LINE) > 0
    assert list(storage.list()) == []


def test_a_removal_that_ended_half_way_is_swept_and_a_living_save_is_not(storage: FolderStorage) -> None:
    repository = _repository(storage)
    with holding("saving orders") as over:
        repository.begin(spot(), over)
    write_parts(storage, spot())
    with holding("saving orders") as own:
        repository.begin(spot(1), own)
        repository.sweep_line(LINE)
        assert [one.key for one in storage.list()] == [spot(1).started_key]
