"""The catalogue: a list without reading each backup again, that never says anything else than the storage would."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from aishell_ops.backups.catalogue import keep_entries, kept_entries, overview
from aishell_ops.backups.models import Backup, BackupKind, BackupState, Encryption, Record, RecordKind
from aishell_ops.backups.repository import Inventory, Repository
from aishell_ops.backups.storage.contract import Storage, Tag
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.storage.marks import Marks
from aishell_ops.backups.summary import backup_from, summary_of
from tests.unit.aishell_ops.backups.situation import NOW, FaultyStorage, holder, manifest_of, spot, write_parts


class Counting(FolderStorage):
    """A folder that counts what is read from it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads = 0

    def get(self, key: str) -> tuple[bytes, Tag]:
        self.reads += 1
        return super().get(key)


class Plain(FaultyStorage):
    """The same folder without the ability to tell marks, as a cloud is."""


@pytest.fixture(params=["folder", "listed"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Repository, Counting]:
    folder = Counting(tmp_path / "backups")
    storage: Storage = folder if request.param == "folder" else Plain(folder)
    assert isinstance(storage, Marks) == (request.param == "folder")
    return Repository(storage, time.time), folder


def _commit(repository: Repository, number: int) -> None:
    place = spot(number)
    repository.begin(place, holder())
    write_parts(repository.storage, place)
    repository.commit(place, manifest_of(place))


def _look(repository: Repository, state: Path) -> Inventory:
    entries = kept_entries(state, repository.storage.address)
    found = overview(repository, entries, time.time())
    keep_entries(state, entries)
    return found


def test_a_second_look_reads_nothing(shelf: tuple[Repository, Counting], tmp_path: Path) -> None:
    repository, folder = shelf
    for number in range(5):
        _commit(repository, number)
    first = _look(repository, tmp_path / "state")
    folder.reads = 0
    assert _look(repository, tmp_path / "state").backups == tuple(_short(one) for one in first.backups)
    assert folder.reads == 0


def _short(backup: Backup) -> Backup:
    found = backup_from(summary_of(backup), time.time())
    assert found is not None
    return found


def test_what_is_noted_added_or_removed_is_seen_at_once(shelf: tuple[Repository, Counting], tmp_path: Path) -> None:
    repository, _ = shelf
    for number in range(3):
        _commit(repository, number)
    state = tmp_path / "state"
    _look(repository, state)
    repository.record(spot(0), Record(RecordKind.VERIFIED, NOW + 100))
    _commit(repository, 3)
    repository.remove(spot(1))
    found = {one.id: one.state for one in _look(repository, state).backups}
    assert found == {
        spot(0).id: BackupState.VERIFIED,
        spot(2).id: BackupState.COMMITTED,
        spot(3).id: BackupState.COMMITTED,
    }
    assert set(kept_entries(state, repository.storage.address).known) == {spot(number).prefix for number in (0, 2, 3)}


def test_what_is_unfinished_or_damaged_is_told_every_time(shelf: tuple[Repository, Counting], tmp_path: Path) -> None:
    repository, folder = shelf
    _commit(repository, 0)
    repository.begin(spot(1), holder())
    manifest = folder.root / spot(0).manifest_key
    manifest.chmod(0o600)
    manifest.write_bytes(manifest.read_bytes().replace(b"orders", b"0rders", 1))
    for _ in range(2):
        found = _look(repository, tmp_path / "state")
        assert [place for place, _ in found.damaged] == [spot(0)]
        assert [one.spot for one in found.unfinished] == [spot(1)]
        assert found.backups == ()


def test_a_row_that_was_changed_is_not_believed(shelf: tuple[Repository, Counting], tmp_path: Path) -> None:
    """Every byte of a row in turn: what is shown is what the storage has."""
    repository, _ = shelf
    _commit(repository, 0)
    state = tmp_path / "state"
    expected = tuple(_short(one) for one in _look(repository, state).backups)
    with closing(sqlite3.connect(state / "state.db")) as connection:
        ((summary,),) = connection.execute("SELECT summary FROM backup_entry").fetchall()
        for place in range(0, len(summary), 7):
            other = summary[:place] + chr(ord(summary[place]) ^ 1) + summary[place + 1 :]
            connection.execute("UPDATE backup_entry SET summary = ?", (other,))
            connection.commit()
            entries = kept_entries(state, repository.storage.address)
            assert tuple(map(_short, overview(repository, entries, time.time()).backups)) == expected


def test_a_state_database_that_cannot_be_used_hides_no_backup(shelf: tuple[Repository, Counting], tmp_path: Path) -> None:
    repository, _ = shelf
    _commit(repository, 0)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "state.db").write_bytes(b"no database" * 1000)
    entries = kept_entries(tmp_path / "state", repository.storage.address)
    assert len(overview(repository, entries, time.time()).backups) == 1


def test_a_summary_keeps_what_lists_and_retention_ask_for() -> None:
    manifest = replace(
        manifest_of(spot(1), kind=BackupKind.INCREMENTAL, parent=spot(0)),
        tables=("a", "b c"),
        encryption=Encryption(recipients=("age1x",), passphrase=True),
    )
    records = (Record(RecordKind.PINNED, NOW + 1, "ann", "why \ud800", until=NOW + 2), Record(RecordKind.TESTED, NOW + 3, seconds=1.5))
    backup = Backup(manifest, "seal", "/somewhere", BackupState.TESTED, records)
    short = backup_from(summary_of(backup), NOW + 10)
    assert short is not None
    assert (short.id, short.sha256, short.location, short.state) == (backup.id, "seal", "/somewhere", BackupState.TESTED)
    assert (short.manifest.plain_bytes, short.manifest.stored_bytes) == (manifest.plain_bytes, manifest.stored_bytes)
    assert (short.manifest.source, short.manifest.tables, short.manifest.encryption) == (
        manifest.source,
        manifest.tables,
        manifest.encryption,
    )
    assert (short.manifest.parent_id, short.manifest.kind, short.records[1]) == (manifest.parent_id, manifest.kind, records[1])


@pytest.mark.parametrize("text", ["", "x", "{}", "[]", "null", '{"id": 1}', summary_of.__name__])
def test_a_summary_that_cannot_be_read_is_none(text: str) -> None:
    assert backup_from(text, NOW) is None
