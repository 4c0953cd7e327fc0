"""Every kind of storage keeps the one contract: a folder, and the three clouds as far as they can be had here."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from aishell_core.targets import Secret
from aishell_ops.backups.errors import BackupError, StorageError, StorageFault
from aishell_ops.backups.storage.address import StorageAddress, StorageKind
from aishell_ops.backups.storage.cloud import CloudStorage
from aishell_ops.backups.storage.contract import Storage, Tag
from aishell_ops.backups.storage.opening import open_storage
from tests.servers.clouds import azure, google, s3
from tests.servers.ports import free_port

CLOUDS: dict[str, Callable[[], AbstractContextManager[StorageAddress]]] = {"s3": s3, "azure": azure, "google": google}
LARGE = random.Random(5).randbytes(37 << 20)
"""More than two parts of an upload, and no multiple of one."""


@pytest.fixture(scope="module", params=["folder", *CLOUDS])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageAddress]:
    if request.param == "folder":
        yield StorageAddress(StorageKind.FOLDER, path=tmp_path_factory.mktemp("storage") / "backups")
        return
    with CLOUDS[request.param]() as found:
        yield found


@pytest.fixture
def storage(address: StorageAddress) -> Iterator[Storage]:
    """A storage in which nothing lies."""
    found = open_storage(address)
    for one in list(found.list()):
        found.delete(one.key)
    yield found
    found.close()


def _write(storage: Storage, key: str, content: bytes, piece_bytes: int = 1 << 20) -> None:
    with storage.writing(key) as writer:
        for place in range(0, len(content), piece_bytes):
            writer.write(content[place : place + piece_bytes])


def _read(storage: Storage, key: str, offset: int = 0) -> bytes:
    with storage.reading(key, offset) as reader:
        return b"".join(iter(lambda: reader.read(1 << 18), b""))


def _fault(call: Callable[[], object]) -> StorageFault:
    with pytest.raises(StorageError) as caught:
        call()
    return caught.value.fault


@pytest.mark.parametrize("content", [b"", b"x", LARGE], ids=["nothing", "little", "much"])
def test_what_is_written_can_be_read(storage: Storage, content: bytes) -> None:
    _write(storage, "orders/db/part", content)
    assert _read(storage, "orders/db/part") == content
    found = storage.head("orders/db/part")
    assert found is not None
    assert found.size_bytes == len(content)


def test_it_can_be_read_from_the_middle(storage: Storage) -> None:
    _write(storage, "part", LARGE)
    assert _read(storage, "part", len(LARGE) - 1_000_003) == LARGE[-1_000_003:]


def test_a_piece_is_never_larger_than_what_is_asked_for(storage: Storage) -> None:
    _write(storage, "part", LARGE[: 3 << 20])
    with storage.reading("part") as reader:
        pieces = list(iter(lambda: reader.read(1000), b""))
    assert max(map(len, pieces)) <= 1000
    assert b"".join(pieces) == LARGE[: 3 << 20]


def _give_up(storage: Storage, key: str, content: bytes) -> None:
    with storage.writing(key) as writer:
        writer.write(content)
        raise InterruptedError


@pytest.mark.parametrize("content", [b"half", LARGE], ids=["little", "much"])
def test_what_is_given_up_is_not_there(storage: Storage, content: bytes) -> None:
    with pytest.raises(InterruptedError):
        _give_up(storage, "part", content)
    assert storage.head("part") is None
    assert list(storage.list()) == []


def test_what_is_given_up_leaves_what_was_there(storage: Storage) -> None:
    _write(storage, "part", b"the old one")
    with pytest.raises(InterruptedError):
        _give_up(storage, "part", LARGE)
    assert _read(storage, "part") == b"the old one"


def test_a_new_key_is_given_once(storage: Storage) -> None:
    storage.put_new("lease", b"first")
    assert _fault(lambda: storage.put_new("lease", b"second")) is StorageFault.EXISTS
    assert storage.get("lease")[0] == b"first"


def test_of_many_who_want_a_new_key_one_gets_it(storage: Storage) -> None:
    won: list[int] = []
    start = threading.Barrier(6)

    def want(number: int) -> None:
        start.wait()
        try:
            storage.put_new("lease", b"%d" % number)
        except StorageError as error:
            assert error.fault is StorageFault.EXISTS  # noqa: PT017 - in a thread
        else:
            won.append(number)

    threads = [threading.Thread(target=want, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert storage.get("lease")[0] == b"%d" % won[0]


def test_only_who_knows_the_content_replaces_it(storage: Storage) -> None:
    first = storage.put_new("lease", b"first")
    second = storage.replace("lease", b"other", first)
    assert storage.get("lease") == (b"other", second)
    assert _fault(lambda: storage.replace("lease", b"third", first)) is StorageFault.CHANGED
    assert storage.get("lease")[0] == b"other"


def test_what_is_gone_cannot_be_replaced(storage: Storage) -> None:
    tag = storage.put_new("lease", b"first")
    storage.delete("lease")
    assert _fault(lambda: storage.replace("lease", b"other", tag)) is StorageFault.CHANGED
    assert storage.head("lease") is None


def test_the_tag_of_every_look_is_the_one_that_replaces(storage: Storage) -> None:
    storage.put_new("lease", b"first")
    tags: set[Tag] = {storage.get("lease")[1]}
    found = storage.head("lease")
    assert found is not None
    assert storage.replace("lease", b"second", found.tag) not in tags


def test_the_list_is_sorted_and_ends_where_its_prefix_ends(storage: Storage) -> None:
    keys = ["a/b/c", "a/b-c", "a/b0", "ab/c", "b", "a%2Fx/%25"]
    for key in keys:
        storage.put_new(key, b"x")
    assert [one.key for one in storage.list()] == sorted(keys)
    assert [one.key for one in storage.list("a/b")] == ["a/b-c", "a/b/c", "a/b0"]
    assert [one.key for one in storage.list("a/b/")] == ["a/b/c"]
    assert list(storage.list("nothing/here/")) == []


def test_what_is_missing_is_told_as_missing(storage: Storage) -> None:
    assert storage.head("no/such") is None
    assert _fault(lambda: storage.get("no/such")) is StorageFault.MISSING
    assert _fault(lambda: _read(storage, "no/such")) is StorageFault.MISSING
    storage.delete("no/such")


def test_no_key_leaves_it(storage: Storage) -> None:
    for key in ("../outside", "/etc/passwd", "a//b", ""):
        assert _fault(lambda key=key: storage.get(key)) is StorageFault.REFUSED  # type: ignore[misc]


def test_its_address_shows_no_secret(address: StorageAddress) -> None:
    for _, secret in address.secrets:
        assert secret.reveal() not in repr(address) + str(address) + open_storage(address).address


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_bucket_that_is_not_there_is_named(cloud: str) -> None:
    with CLOUDS[cloud]() as address:
        missing = open_storage(replace(address, bucket="no-such-bucket"))
        with pytest.raises(BackupError, match="there is no bucket no-such-bucket"):
            missing.put_new("x", b"")


def test_a_cloud_that_does_not_answer_is_told_without_its_secret() -> None:
    address = StorageAddress(
        StorageKind.S3,
        bucket="backups",
        options=(("endpoint", f"http://127.0.0.1:{free_port()}"), ("region", "us-east-1")),
        secrets=(("access_key_id", Secret("access")), ("secret_access_key", Secret("hunter2hunter2"))),
    )
    dead = CloudStorage(address, retries=1, patience_seconds=5.0)
    with pytest.raises(StorageError) as caught:
        dead.get("x")
    assert caught.value.fault is StorageFault.UNAVAILABLE
    assert "hunter2" not in caught.value.message + caught.value.hint
    assert caught.value.message == "x in s3://backups: connection refused"
