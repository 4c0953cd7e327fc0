"""Looking whether a backup is whole, and bringing it back: what was there before is there until all is proven."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from aishell_core.clock import SystemClock
from aishell_core.errors import RefusedError
from aishell_core.targets import Secret
from aishell_ops.backups.comparison import Comparison, compare
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.errors import BackupError, DamagedError, StorageError
from aishell_ops.backups.layout import Spot
from aishell_ops.backups.models import Backup, BackupState, Compression, ObjectProof, ProofLevel, RecordKind
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import Restored, RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.contract import Storage
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Keys, Recipe
from aishell_ops.backups.streams.encryption import key_behind
from aishell_ops.backups.take import Order, take
from aishell_ops.backups.verify import Depth, unlock, verify
from tests.unit.aishell_ops.backups.engine import TABLES, TARGET, Tables, ToyEngine, ToyLoads, failing
from tests.unit.aishell_ops.backups.situation import LINE, FaultyStorage
from tests.unit.aishell_ops.backups.streams.test_store_and_fetch import ENCRYPTED, KEYS, OTHER

CLOCK = SystemClock()
BEFORE: Tables = {"orders": ["what was there before"]}


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")


def _repository(storage: Storage) -> Repository:
    return Repository(storage, time.time)


async def _backup(storage: Storage, recipe: Recipe | None = None, *, locked: bytes | None = None) -> tuple[Backup, Spot]:
    order = Order(TARGET, recipe=recipe or Recipe(), proof=ProofLevel.FULL, locked_key=locked)
    backup = await take(ToyEngine(), _repository(storage), order, CLOCK)
    return backup, Spot(LINE, backup.id)


async def _restore(storage: Storage, engine: ToyLoads, backup: Backup, request: LoadRequest, keys: Keys | None = None) -> Restored:
    order = RestoreOrder(TARGET, request, keys)
    plan = await plan_restore(engine, backup, order)
    return await restore(engine, _repository(storage), Spot(LINE, backup.id), backup, order, plan, CLOCK)


@pytest.mark.parametrize("depth", Depth)
async def test_a_whole_backup_is_found_whole_and_that_is_recorded(storage: FolderStorage, depth: Depth) -> None:
    _, place = await _backup(storage)
    found = await verify(_repository(storage), place, depth, CLOCK, by="ops")
    assert found.is_whole
    assert found.backup.state is BackupState.VERIFIED
    record = found.backup.newest(RecordKind.VERIFIED)
    assert record is not None
    assert (record.by, record.level) == ("ops", depth.value)


@pytest.mark.parametrize("depth", [Depth.STORED, Depth.DEEP])
async def test_a_flipped_bit_is_found_named_and_recorded(storage: FolderStorage, depth: Depth) -> None:
    backup, place = await _backup(storage)
    path = storage.root / place.part_key(backup.manifest.parts[1].name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    found = await verify(_repository(storage), place, depth, CLOCK)
    assert "data.dump.zst" in found.faults[0]
    assert found.backup.state is BackupState.CORRUPT
    assert len(found.faults) == 1


async def test_a_look_at_sizes_does_not_take_back_what_one_at_the_bytes_has_found(storage: FolderStorage) -> None:
    backup, place = await _backup(storage)
    path = storage.root / place.part_key(backup.manifest.parts[1].name)
    good = path.read_bytes()
    path.write_bytes(bytes([good[0] ^ 4]) + good[1:])
    repository = _repository(storage)
    first = await verify(repository, place, Depth.DEEP, CLOCK)
    for _ in range(2):
        again = await verify(repository, place, Depth.FAST, CLOCK)
        assert (again.is_whole, again.backup.state) == (False, BackupState.CORRUPT)
        assert again.faults == (f"known from a deeper look: {first.faults[0]} (aishell backup verify --deep looks as deep)",)
        assert again.backup.newest(RecordKind.VERIFIED) is None
    path.write_bytes(good)
    assert (await verify(repository, place, Depth.DEEP, CLOCK)).is_whole
    fast = await verify(repository, place, Depth.FAST, CLOCK)
    assert (fast.faults, fast.backup.state) == ((), BackupState.VERIFIED)


@pytest.mark.parametrize("depth", Depth)
async def test_a_missing_part_and_a_cut_one_are_both_named(storage: FolderStorage, depth: Depth) -> None:
    backup, place = await _backup(storage)
    one, other = (storage.root / place.part_key(part.name) for part in backup.manifest.parts)
    one.unlink()
    other.write_bytes(other.read_bytes()[:-1])
    found = await verify(_repository(storage), place, depth, CLOCK)
    assert ["missing" in found.faults[0], "bytes" in found.faults[1]] == [True, True]


async def test_swapped_parts_are_found(storage: FolderStorage) -> None:
    backup, place = await _backup(storage, Recipe(Compression.NONE))
    one, other = (storage.root / place.part_key(part.name) for part in backup.manifest.parts)
    swapped = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(swapped)
    assert len((await verify(_repository(storage), place, Depth.FAST, CLOCK)).faults) == 2


async def test_a_storage_that_does_not_answer_is_no_damage(storage: FolderStorage) -> None:
    _, place = await _backup(storage)
    for number in range(5):
        with pytest.raises(StorageError):
            await verify(_repository(FaultyStorage(storage, number)), place, Depth.DEEP, CLOCK)
    assert _repository(storage).read(place).state is BackupState.COMMITTED


async def test_a_recovery_sheet_that_was_changed_or_is_gone_is_told_and_harms_nothing_else(storage: FolderStorage) -> None:
    _, place = await _backup(storage)
    assert (await verify(_repository(storage), place, Depth.FAST, CLOCK)).remarks == ()
    sheet = storage.root / place.recovery_key
    sheet.write_bytes(sheet.read_bytes().replace(b"restore", b"rEstore", 1))
    changed = await verify(_repository(storage), place, Depth.DEEP, CLOCK)
    assert (changed.is_whole, changed.depth, "is not what was written" in changed.remarks[0]) == (True, Depth.DEEP, True)
    sheet.unlink()
    (remark,) = (await verify(_repository(storage), place, Depth.FAST, CLOCK)).remarks
    assert f"{place.recovery_key} is missing" in remark


async def test_a_record_that_cannot_be_read_is_told_and_the_backup_restores(storage: FolderStorage) -> None:
    backup, place = await _backup(storage)
    await verify(_repository(storage), place, Depth.DEEP, CLOCK)
    (record,) = (storage.root / place.prefix / "records").iterdir()
    record.write_bytes(record.read_bytes().replace(b"deep", b"dEep"))
    (remark,) = (await verify(_repository(storage), place, Depth.FAST, CLOCK)).remarks
    assert record.name in remark
    engine = ToyLoads({})
    assert (await _restore(storage, engine, backup, LoadRequest())).comparison.is_proof


async def test_without_its_key_an_encrypted_backup_is_looked_at_from_outside(storage: FolderStorage) -> None:
    _, place = await _backup(storage, ENCRYPTED)
    closed = await verify(_repository(storage), place, Depth.DEEP, CLOCK)
    assert (closed.is_whole, closed.depth, closed.backup.records[-1].level) == (True, Depth.STORED, "stored")
    assert "no secret key is at hand" in closed.remarks[0]
    opened = await verify(_repository(storage), place, Depth.DEEP, CLOCK, keys=KEYS)
    assert (opened.is_whole, opened.remarks) == (True, ())


async def test_what_was_saved_comes_back_and_is_proven(storage: FolderStorage) -> None:
    backup, _ = await _backup(storage)
    engine = ToyLoads({})
    restored = await _restore(storage, engine, backup, LoadRequest())
    assert engine.databases == {"orders": TABLES}
    assert restored.comparison == Comparison(counted=2, hashed=2)
    assert restored.comparison.is_proof


async def test_encrypted_ones_come_back_by_key_and_by_passphrase(storage: FolderStorage) -> None:
    encryption, shut = key_behind(Secret("correct horse"))
    for recipe, locked, keys in ((ENCRYPTED, None, KEYS), (Recipe(encryption=encryption), shut, Keys(passphrase=Secret("correct horse")))):
        backup, _ = await _backup(storage, recipe, locked=locked)
        engine = ToyLoads({})
        await _restore(storage, engine, backup, LoadRequest(), keys)
        assert engine.databases == {"orders": TABLES}


@pytest.mark.parametrize("keys", [None, Keys((Secret(OTHER),)), Keys(passphrase=Secret("wrong"))], ids=["none", "other", "phrase"])
async def test_the_wrong_key_changes_nothing(storage: FolderStorage, keys: Keys | None) -> None:
    backup, _ = await _backup(storage, ENCRYPTED)
    engine = ToyLoads({"orders": BEFORE})
    with pytest.raises(BackupError, match="key"):
        await _restore(storage, engine, backup, LoadRequest(replace=True), keys)
    assert engine.databases == {"orders": BEFORE}


async def test_the_passphrase_is_asked_for_by_name(storage: FolderStorage) -> None:
    encryption, shut = key_behind(Secret("correct horse"))
    backup, place = await _backup(storage, Recipe(encryption=encryption), locked=shut)
    with pytest.raises(BackupError, match="opens with a passphrase"):
        unlock(_repository(storage), place, backup, None)
    with pytest.raises(BackupError, match="passphrase does not open"):
        unlock(_repository(storage), place, backup, Keys(passphrase=Secret("battery staple")))


async def test_a_database_that_is_there_is_replaced_only_by_who_says_so(storage: FolderStorage) -> None:
    backup, _ = await _backup(storage)
    engine = ToyLoads({"orders": BEFORE})
    with pytest.raises(RefusedError, match="orders is there and not empty"):
        await _restore(storage, engine, backup, LoadRequest())
    assert engine.databases == {"orders": BEFORE}
    await _restore(storage, engine, backup, LoadRequest(replace=True))
    assert engine.databases == {"orders": TABLES}


async def test_a_damaged_backup_is_refused_before_anything_is_touched(storage: FolderStorage) -> None:
    backup, _ = await _backup(storage)
    with pytest.raises(RefusedError, match="the backup is corrupt"):
        await _restore(storage, ToyLoads({}), replace(backup, state=BackupState.CORRUPT), LoadRequest())


async def test_damage_that_is_met_on_the_way_leaves_what_was_there(storage: FolderStorage) -> None:
    backup, place = await _backup(storage)
    path = storage.root / place.part_key(backup.manifest.parts[1].name)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    engine = ToyLoads({"orders": BEFORE})
    with pytest.raises(DamagedError, match=r"data\.dump\.zst"):
        await _restore(storage, engine, backup, LoadRequest(replace=True))
    assert (engine.databases, engine.staged) == ({"orders": BEFORE}, [])


async def test_a_fault_of_the_engine_leaves_what_was_there(storage: FolderStorage) -> None:
    backup, _ = await _backup(storage)
    engine = ToyLoads({"orders": BEFORE}, load_fault=failing("no room"))
    with pytest.raises(BackupError, match="no room"):
        await _restore(storage, engine, backup, LoadRequest(replace=True))
    assert (engine.databases, engine.staged) == ({"orders": BEFORE}, [])


async def test_a_lost_row_is_noticed_before_it_is_put_in_place(storage: FolderStorage) -> None:
    backup, _ = await _backup(storage)
    engine = ToyLoads({"orders": BEFORE}, loses=True)
    with pytest.raises(BackupError, match="orders has 1 rows, and 2 were saved"):
        await _restore(storage, engine, backup, LoadRequest(replace=True))
    assert engine.databases == {"orders": BEFORE}
    restored = await _restore(storage, engine, backup, LoadRequest(replace=True, go_on=True))
    assert [str(one) for one in restored.comparison.differences] == ["orders has 1 rows, and 2 were saved"]
    assert engine.databases["orders"]["orders"] == ["two"]


async def test_every_single_fault_of_the_storage_leaves_what_was_there_or_all_of_the_new(storage: FolderStorage) -> None:
    backup, _ = await _backup(storage)
    count = FaultyStorage(storage)
    await _restore(count, ToyLoads({}), backup, LoadRequest())
    for number in range(count.calls):
        engine = ToyLoads({"orders": BEFORE})
        with pytest.raises(StorageError, match=f"call {number}"):
            await _restore(FaultyStorage(storage, number), engine, backup, LoadRequest(replace=True))
        assert (engine.databases, engine.staged) == ({"orders": BEFORE}, [])


@pytest.mark.parametrize(
    ("saved", "found", "words"),
    [
        (ObjectProof("t", 2, "aa"), ObjectProof("t", 2, "ab"), "t has as many rows as were saved, and not the same content"),
        (ObjectProof("t", 2, "aa"), ObjectProof("t", 2), "t has as many rows as were saved, and not the same content"),
        (ObjectProof("t", 2), ObjectProof("t"), "t has an unknown number of rows, and 2 were saved"),
        (ObjectProof("t", 2), ObjectProof("u", 2), "t is missing"),
        (
            ObjectProof("t", 2, definition_hash="a"),
            ObjectProof("t", 2, definition_hash="b"),
            "t has the content that was saved, and another definition",
        ),
    ],
)
def test_differences_are_told_in_words(saved: ObjectProof, found: ObjectProof, words: str) -> None:
    assert str(compare([saved], [found]).differences[0]) == words


def test_of_a_part_only_its_own_tables_are_compared() -> None:
    saved = [ObjectProof("a", 1), ObjectProof("b", 1)]
    assert compare(saved, [ObjectProof("a", 1)], ("a",)).is_proof
    assert [str(one) for one in compare(saved, [ObjectProof("a", 1), ObjectProof("b", 1), ObjectProof("c", 1)]).differences] == [
        "c was not in the backup"
    ]


def test_nothing_compared_is_no_proof() -> None:
    assert not compare([], []).is_proof
