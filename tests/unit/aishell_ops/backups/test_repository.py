"""Backups in a storage: what is one, what is not, and that no fault makes one out of the other."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from aishell_ops.backups.errors import BackupError, StorageError, StorageFault
from aishell_ops.backups.layout import Line, Spot, spot_of
from aishell_ops.backups.lease import SILENT_SECONDS
from aishell_ops.backups.models import BackupState, Holder, Record, RecordKind
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.state import is_held, is_pinned
from aishell_ops.backups.storage.contract import Storage
from aishell_ops.backups.storage.folder import FolderStorage
from tests.unit.aishell_ops.backups.situation import LINE, NOW, FaultyStorage, holder, manifest_of, spot, write_parts


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path)


def _repository(storage: Storage) -> Repository:
    return Repository(storage, time.time)


def _make(storage: Storage, place: Spot) -> None:
    repository = _repository(storage)
    repository.begin(place, holder())
    write_parts(storage, place)
    repository.commit(place, manifest_of(place))


def _dead(_: Holder) -> bool | None:
    return False


def _alive(_: Holder) -> bool | None:
    return True


def _unknown(_: Holder) -> bool | None:
    return None


def test_a_committed_backup_is_found(storage: FolderStorage) -> None:
    _make(storage, spot())
    (backup,) = _repository(storage).scan().backups
    assert backup.manifest == manifest_of(spot())
    assert backup.state is BackupState.COMMITTED
    assert backup.location == f"{storage.root}/orders-eu/orders/{spot().id}"
    assert _repository(storage).read(spot()) == backup


def test_without_its_manifest_it_is_none(storage: FolderStorage) -> None:
    _repository(storage).begin(spot(), holder())
    write_parts(storage, spot())
    inventory = _repository(storage).scan()
    assert inventory.backups == ()
    assert [one.holder for one in inventory.unfinished] == [holder()]
    with pytest.raises(StorageError) as caught:
        _repository(storage).read(spot())
    assert caught.value.fault is StorageFault.MISSING


def test_a_part_that_is_gone_or_shorter_keeps_it_from_being_committed(storage: FolderStorage) -> None:
    repository = _repository(storage)
    repository.begin(spot(), holder())
    with pytest.raises(BackupError, match=r"data\.dump was written with 14 bytes, and now is not there"):
        repository.commit(spot(), manifest_of(spot()))
    with storage.writing(spot().part_key("data.dump")) as writer:
        writer.write(b"short")
    with pytest.raises(BackupError, match="now has 5 bytes"):
        repository.commit(spot(), manifest_of(spot()))
    assert repository.scan().backups == ()


def test_every_single_fault_leaves_either_a_whole_backup_or_none_and_the_next_try_comes_right(tmp_path: Path) -> None:
    count = FaultyStorage(FolderStorage(tmp_path / "count"))
    _make(count, spot())
    assert count.calls > 6
    for late in (False, True):
        for number in range(count.calls):
            storage = FolderStorage(tmp_path / f"{number}{late}")
            with pytest.raises(StorageError, match=f"call {number}"):
                _make(FaultyStorage(storage, number, late=late), spot())
            found = _repository(storage).scan()
            assert all(backup.manifest == manifest_of(spot()) for backup in found.backups)
            _repository(storage).sweep(found.unfinished, _dead)
            _make(storage, spot(1))
            assert spot(1).id in [backup.id for backup in _repository(storage).scan().backups]
            assert _repository(storage).scan().unfinished == ()


def test_every_single_fault_while_one_is_removed_leaves_a_whole_backup_or_none(tmp_path: Path) -> None:
    count = FolderStorage(tmp_path / "count")
    _make(count, spot())
    counting = FaultyStorage(count)
    assert _repository(counting).remove(spot()) > 0
    for late in (False, True):
        for number in range(counting.calls):
            storage = FolderStorage(tmp_path / f"{number}{late}")
            _make(storage, spot())
            with pytest.raises(StorageError, match=f"call {number}"):
                _repository(FaultyStorage(storage, number, late=late)).remove(spot())
            found = _repository(storage).scan()
            for backup in found.backups:
                assert storage.head(spot().part_key(backup.manifest.parts[0].name)) is not None
            _repository(storage).remove(spot())
            assert list(storage.list()) == []


def test_what_became_known_later_stands_beside_it(storage: FolderStorage) -> None:
    _make(storage, spot())
    repository = _repository(storage)
    repository.record(spot(), Record(RecordKind.VERIFIED, NOW + 100, "ops", level="deep"))
    assert repository.read(spot()).state is BackupState.VERIFIED
    repository.record(spot(), Record(RecordKind.DAMAGED, NOW + 200, detail="data.dump: hash"))
    backup = repository.read(spot())
    assert backup.state is BackupState.CORRUPT
    assert [record.kind for record in backup.records] == [RecordKind.VERIFIED, RecordKind.DAMAGED]


def test_two_notes_of_one_moment_do_not_overwrite_each_other(storage: FolderStorage) -> None:
    _make(storage, spot())
    _repository(storage).record(spot(), Record(RecordKind.VERIFIED, NOW, "one"))
    with pytest.raises(StorageError):
        _repository(storage).record(spot(), Record(RecordKind.VERIFIED, NOW, "other"))
    _repository(storage).record(spot(), Record(RecordKind.VERIFIED, NOW + 1e-6, "other"))
    assert [record.by for record in _repository(storage).read(spot()).records] == ["one", "other"]


def test_a_damaged_manifest_is_named_and_hides_no_other_backup(storage: FolderStorage) -> None:
    _make(storage, spot())
    _make(storage, spot(1))
    path = storage.root / spot().manifest_key
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"daily"', b'"daiLy"'))
    inventory = _repository(storage).scan()
    assert [backup.id for backup in inventory.backups] == [spot(1).id]
    ((place, error),) = inventory.damaged
    assert place == spot()
    assert spot().manifest_key in error.message
    assert "changed or damaged" in error.message


@pytest.mark.parametrize("kind", RecordKind)
def test_a_damaged_record_is_named_and_counts_by_its_name_where_it_keeps_the_backup_or_is_against_it(
    storage: FolderStorage, kind: RecordKind
) -> None:
    _make(storage, spot())
    _repository(storage).record(spot(), Record(kind, NOW))
    (key,) = [one.key for one in storage.list(f"{spot().prefix}records/")]
    (storage.root / key).write_bytes(b"")
    (backup,) = _repository(storage).scan().backups
    assert backup.unread == (key,)
    assert backup.state is (BackupState.CORRUPT if kind is RecordKind.DAMAGED else BackupState.COMMITTED)
    assert (is_pinned(backup, NOW + 1), is_held(backup, NOW + 1)) == (kind is RecordKind.PINNED, kind is RecordKind.HELD)


def test_a_manifest_in_the_place_of_another_is_not_believed(storage: FolderStorage) -> None:
    _make(storage, spot())
    _make(storage, spot(1))
    (storage.root / spot().manifest_key).write_bytes((storage.root / spot(1).manifest_key).read_bytes())
    ((place, error),) = _repository(storage).scan().damaged
    assert place == spot()
    assert "another backup" in error.message


def test_what_a_dead_one_has_left_is_swept_and_what_a_living_one_writes_stays(storage: FolderStorage) -> None:
    repository = _repository(storage)
    repository.begin(spot(), holder())
    write_parts(storage, spot())
    unfinished = repository.scan().unfinished
    assert repository.sweep(unfinished, _alive) == ()
    assert repository.sweep(unfinished, _unknown) == ()
    assert repository.sweep(unfinished, _dead) == unfinished
    assert list(storage.list()) == []


def test_what_somebody_elsewhere_has_left_is_swept_after_long_silence(storage: FolderStorage) -> None:
    repository = _repository(storage)
    repository.begin(spot(), holder())
    os.utime(storage.root / spot().started_key, (time.time() - SILENT_SECONDS - 5,) * 2)
    storage.put_new(LINE.lease_key, b"alive")
    assert repository.sweep(repository.scan().unfinished, _unknown) == ()
    storage.delete(LINE.lease_key)
    assert len(repository.sweep(repository.scan().unfinished, _unknown)) == 1


def test_files_of_others_are_left_alone(storage: FolderStorage) -> None:
    (storage.root / "notes.txt").write_text("mine")
    _make(storage, spot())
    repository = _repository(storage)
    assert [one.key for one in repository.scan().foreign] == ["notes.txt"]
    repository.remove(spot())
    assert (storage.root / "notes.txt").read_text() == "mine"


def test_a_scan_of_one_database_sees_no_other(storage: FolderStorage) -> None:
    other = Spot(Line("orders-eu", "orders2"), spot().id)
    _make(storage, spot())
    _make(storage, other)
    assert [backup.manifest.source.database for backup in _repository(storage).scan(LINE).backups] == ["orders"]


def test_any_name_of_a_database_is_found_again() -> None:
    for name in ("", ".", "..", "a/b", "Größe", "x y", "%", "a.b", "'; DROP"):
        place = Spot(Line(name, name), spot().id)
        assert spot_of(place.manifest_key) == place
