"""A folder as a storage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aishell_ops.backups.errors import StorageError, StorageFault
from aishell_ops.backups.storage.contract import Tag
from aishell_ops.backups.storage.folder import FolderStorage


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")


def _write(storage: FolderStorage, key: str, *pieces: bytes | memoryview) -> None:
    with storage.writing(key) as writer:
        for piece in pieces:
            writer.write(piece)


def _content(storage: FolderStorage, key: str, offset: int = 0) -> bytes:
    with storage.reading(key, offset) as reader:
        return b"".join(iter(lambda: reader.read(3), b""))


def test_what_is_written_can_be_read_listed_and_removed(storage: FolderStorage) -> None:
    _write(storage, "orders/a/data", b"one", memoryview(b"two"))
    assert _content(storage, "orders/a/data") == b"onetwo"
    assert _content(storage, "orders/a/data", 4) == b"wo"
    assert [one.key for one in storage.list("orders/")] == ["orders/a/data"]
    storage.delete("orders/a/data")
    storage.delete("orders/a/data")
    assert list(storage.list()) == []
    assert not (storage.root / "orders").exists()


def test_nobody_else_may_enter_the_folder_or_read_a_file(storage: FolderStorage) -> None:
    _write(storage, "orders/a/data", b"x")
    assert oct(storage.root.stat().st_mode)[-3:] == "700"
    assert oct((storage.root / "orders").stat().st_mode)[-3:] == "700"
    assert oct((storage.root / "orders/a/data").stat().st_mode)[-3:] == "600"


def _fail_half_way(storage: FolderStorage, key: str) -> None:
    """Begin to write an object and fail; what the storage showed while it was being written."""
    with storage.writing(key) as writer:
        writer.write(b"half")
        seen = [one.key for one in storage.list() if one.size_bytes == len(b"half")]
        raise InterruptedError(*seen)


def test_an_object_is_not_there_before_its_writer_has_ended_well(storage: FolderStorage) -> None:
    with pytest.raises(InterruptedError) as caught:
        _fail_half_way(storage, "data")
    assert caught.value.args == ()
    assert storage.head("data") is None
    assert list(storage.root.iterdir()) == []


def test_a_failed_writer_leaves_the_old_object_as_it_was(storage: FolderStorage) -> None:
    _write(storage, "data", b"the old one")
    with pytest.raises(InterruptedError):
        _fail_half_way(storage, "data")
    assert _content(storage, "data") == b"the old one"


def test_what_a_killed_writer_has_left_is_swept_and_a_living_one_keeps_its_own(storage: FolderStorage) -> None:
    program = (
        "import sys; from pathlib import Path; from aishell_ops.backups.storage.folder import FolderStorage\n"
        "with FolderStorage(Path(sys.argv[1])).writing('orders/data') as writer:\n"
        "    writer.write(b'half'); print('ready', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(storage.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[5])},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert storage.sweep() == 0
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert list(storage.list()) == []
        assert storage.sweep() == 1
    assert list((storage.root / "orders").iterdir()) == []


def test_of_two_who_want_a_new_key_one_gets_it(storage: FolderStorage) -> None:
    storage.put_new("lease", b"first")
    with pytest.raises(StorageError) as caught:
        storage.put_new("lease", b"second")
    assert caught.value.fault is StorageFault.EXISTS
    assert storage.get("lease")[0] == b"first"


def test_only_who_knows_the_content_may_replace_it(storage: FolderStorage) -> None:
    first = storage.put_new("lease", b"first")
    second = storage.replace("lease", b"other", first)
    assert storage.get("lease") == (b"other", second)
    for key, tag in (("lease", first), ("lease", Tag("")), ("none", first)):
        with pytest.raises(StorageError) as caught:
            storage.replace(key, b"third", tag)
        assert caught.value.fault is StorageFault.CHANGED
    assert storage.get("lease")[0] == b"other"


def test_the_tag_of_every_look_is_the_same(storage: FolderStorage) -> None:
    tag = storage.put_new("a/lease", b"x")
    found = storage.head("a/lease")
    assert found is not None
    assert {found.tag, *(one.tag for one in storage.list())} == {tag}


def test_the_list_is_sorted_and_ends_where_its_prefix_ends(storage: FolderStorage) -> None:
    keys = ["a/b/c", "a/b-c", "a/b0", "ab/c", "b"]
    for key in keys:
        _write(storage, key, b"")
    assert [one.key for one in storage.list()] == sorted(keys)
    assert [one.key for one in storage.list("a/b")] == ["a/b-c", "a/b/c", "a/b0"]
    assert [one.key for one in storage.list("nothing/here")] == []


@pytest.mark.parametrize("key", ["", "/etc/passwd", "a/../../b", "a//b", ".hidden", "a/.b", "a\0b", "a/" + "x" * 300, "x/" * 600 + "x"])
def test_no_key_leaves_the_storage(storage: FolderStorage, key: str) -> None:
    for call in (storage.get, storage.head, storage.delete):
        with pytest.raises(StorageError):
            call(key)


def test_links_out_of_the_folder_are_not_listed(storage: FolderStorage, tmp_path: Path) -> None:
    _write(storage, "data", b"x")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").touch()
    (storage.root / "way").symlink_to(tmp_path / "outside")
    (storage.root / "link").symlink_to(tmp_path / "outside/file")
    assert [one.key for one in storage.list()] == ["data"]


def test_what_is_missing_is_told_as_missing(storage: FolderStorage) -> None:
    assert storage.head("data") is None
    assert list(storage.list()) == []
    assert storage.sweep() == 0
    with pytest.raises(StorageError) as caught:
        storage.get("orders/data")
    assert caught.value.fault is StorageFault.MISSING
    assert "orders/data" in caught.value.message


def test_a_file_in_the_place_of_the_folder_is_a_fault_with_words(tmp_path: Path) -> None:
    (tmp_path / "backups").write_text("not a folder")
    with pytest.raises(StorageError) as caught:
        FolderStorage(tmp_path / "backups").put_new("lease", b"x")
    assert caught.value.fault is StorageFault.UNAVAILABLE
    assert "backups" in caught.value.message


def test_the_room_is_that_of_the_disk_before_the_folder_is_there(storage: FolderStorage) -> None:
    free = storage.free_bytes()
    assert free is not None
    assert free > 0
    assert not storage.root.exists()


def test_what_was_not_written_to_its_end_leaves_no_folder(storage: FolderStorage) -> None:
    storage.put_new("shop/lease", b"x")
    writing = storage.writing("shop/id/parts/data")
    writing.__enter__().write(b"begun")
    assert not writing.__exit__(ValueError, ValueError("no more"), None)
    assert [path.name for path in (storage.root / "shop").iterdir()] == ["lease"]
