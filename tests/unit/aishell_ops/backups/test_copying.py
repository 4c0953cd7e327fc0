"""A backup brought to another storage: whole, with what is recorded of it, and not called verified before its bytes were read."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from aishell_core.clock import SystemClock
from aishell_ops.backups.copying import copy_backup, copy_judgements
from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.layout import Spot
from aishell_ops.backups.models import Backup, BackupState, Record, RecordKind
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.state import is_pinned
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.take import Order, take
from aishell_ops.backups.verify import Depth, verify
from tests.unit.aishell_ops.backups.engine import TARGET, ToyEngine
from tests.unit.aishell_ops.backups.situation import LINE

CLOCK = SystemClock()


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    return Repository(FolderStorage(tmp_path / "near"), time.time)


@pytest.fixture
def goal(tmp_path: Path) -> Repository:
    return Repository(FolderStorage(tmp_path / "far"), time.time)


async def _saved(origin: Repository, *kinds: RecordKind) -> tuple[Spot, Backup]:
    backup = await take(ToyEngine(), origin, Order(TARGET), CLOCK)
    spot = Spot(LINE, backup.id)
    for number, kind in enumerate(kinds):
        origin.record(spot, Record(kind, backup.manifest.finished_at + number, "ops", kind.value))
    return spot, origin.read(spot)


def _spoil(repository: Repository, backup: Backup) -> None:
    path = next(Path(repository.storage.address).rglob(f"{backup.id}/parts/data.dump*"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


async def test_pins_go_along_at_once_and_judgements_when_the_copy_was_read(origin: Repository, goal: Repository) -> None:
    spot, backup = await _saved(origin, RecordKind.VERIFIED, RecordKind.TESTED, RecordKind.PINNED, RecordKind.HELD)
    copy_backup(origin, goal, spot)
    copy = goal.read(spot)
    assert (copy.state, is_pinned(copy, time.time())) == (BackupState.COMMITTED, True)
    assert {record.kind for record in copy.records} == {RecordKind.PINNED, RecordKind.HELD}

    await verify(goal, spot, Depth.STORED, CLOCK)
    judged = copy_judgements(origin, goal, spot)
    assert judged.state is backup.state is BackupState.TESTED
    assert set(backup.records) < set(judged.records)
    assert [record.level for record in set(judged.records) - set(backup.records)] == ["stored"]
    assert copy_judgements(origin, goal, spot) == judged


async def test_what_is_known_to_be_damaged_is_not_copied(origin: Repository, goal: Repository) -> None:
    spot, _ = await _saved(origin, RecordKind.VERIFIED, RecordKind.DAMAGED)
    with pytest.raises(DamagedError, match="is damaged, and is not copied"):
        copy_backup(origin, goal, spot)
    assert list(goal.storage.list()) == []


async def test_a_byte_that_changed_since_it_was_verified_is_found_while_it_is_copied(origin: Repository, goal: Repository) -> None:
    spot, backup = await _saved(origin, RecordKind.VERIFIED)
    _spoil(origin, backup)
    with pytest.raises(DamagedError, match="has been changed or damaged"):
        copy_backup(origin, goal, spot)
    assert list(goal.storage.list()) == []


async def test_a_copy_that_does_not_read_back_as_it_was_written_is_corrupt(origin: Repository, goal: Repository) -> None:
    spot, backup = await _saved(origin, RecordKind.VERIFIED)
    copy_backup(origin, goal, spot)
    _spoil(goal, backup)
    found = await verify(goal, spot, Depth.STORED, CLOCK)
    assert (found.is_whole, goal.read(spot).state) == (False, BackupState.CORRUPT)
