"""A stream on its way to the storage and back."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aishell_core.targets import Secret
from aishell_ops.backups.errors import BackupError, DamagedError, StorageError, StorageFault
from aishell_ops.backups.models import Compression, Encryption
from aishell_ops.backups.storage.contract import Writer
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Keys, Recipe, Stop
from aishell_ops.backups.streams.encryption import key_behind, open_key
from aishell_ops.backups.streams.fetch import check_stored
from aishell_ops.backups.streams.store import store
from tests.servers.required import require_server
from tests.unit.aishell_ops.backups.streams.situation import NEVER, Bench, Given

SECRET = "AGE-SECRET-KEY-1RY2CKE9NDN8S8LZ3FVYUUKUKTYLNCF4XKQP0Y98CJ9SLNRVL5YRQKS223E"
PUBLIC = "age1uwfvwtatkp5nqyfdacza97wqeq7rft7afet0eenplsfsfk9e7c2szf9tgx"
OTHER = "AGE-SECRET-KEY-1L3DWUASRPVS6NJNZEUYXME8CPCX292N8ZJ58VC4ADZVT2Z9XVSPSVJFRYD"
KEYS = Keys((Secret(SECRET),))
ENCRYPTED = Recipe(encryption=Encryption(recipients=(PUBLIC,)))

CONTENT = random.Random(7).randbytes(300_000) + b"the same again and again " * 40_000
PROGRAMS = {Compression.ZSTD: "zstd", Compression.GZIP: "gzip", Compression.BZIP2: "bzip2", Compression.NONE: "cat"}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "backups")


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("keys", [None, KEYS], ids=["plain", "encrypted"])
def test_what_is_stored_comes_back(bench: Bench, compression: Compression, keys: Keys | None) -> None:
    recipe = Recipe(compression, encryption=ENCRYPTED.encryption if keys else None)
    part = bench.save(Given(CONTENT), recipe)
    assert bench.load(part, recipe, keys).content == CONTENT
    stored = bench.path(part).read_bytes()
    assert (part.plain_bytes, part.stored_bytes) == (len(CONTENT), len(stored))
    assert part.plain_sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert part.stored_sha256 == hashlib.sha256(stored).hexdigest()
    if keys is not None:
        assert b"again" not in stored


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(content=st.binary(max_size=5000), piece_bytes=st.integers(1, 700), compression=st.sampled_from(Compression), encrypted=st.booleans())
def test_any_bytes_in_any_pieces_come_back(
    tmp_path: Path, content: bytes, piece_bytes: int, compression: Compression, encrypted: bool
) -> None:
    recipe = Recipe(compression, encryption=ENCRYPTED.encryption if encrypted else None)
    bench = Bench(tmp_path / "backups")
    part = bench.save(Given(content, piece_bytes=piece_bytes), recipe)
    assert bench.load(part, recipe, KEYS if encrypted else None).content == content


@pytest.mark.parametrize("compression", Compression)
def test_the_usual_program_opens_it(bench: Bench, compression: Compression) -> None:
    program = require_server("the program that opens it", PROGRAMS[compression])
    part = bench.save(Given(CONTENT), Recipe(compression))
    arguments = [] if compression is Compression.NONE else ["-dc"]
    assert subprocess.run([program, *arguments, bench.path(part)], capture_output=True, check=True).stdout == CONTENT


def test_the_program_age_opens_it(bench: Bench, tmp_path: Path) -> None:
    age, zstd = require_server("age", "age"), require_server("zstd", "zstd")
    part = bench.save(Given(CONTENT), ENCRYPTED)
    (tmp_path / "key").write_text(SECRET)
    opened = subprocess.run([age, "-d", "-i", tmp_path / "key", bench.path(part)], capture_output=True, check=True).stdout
    assert subprocess.run([zstd, "-dc"], input=opened, capture_output=True, check=True).stdout == CONTENT


def test_several_keys_open_it_each_by_itself(bench: Bench) -> None:
    encryption, _ = key_behind(Secret("phrase"))
    recipe = Recipe(encryption=Encryption(recipients=(PUBLIC, *encryption.recipients)))
    assert bench.load(bench.save(Given(CONTENT), recipe), recipe, KEYS).content == CONTENT


def test_a_passphrase_opens_the_key_that_opens_it(bench: Bench) -> None:
    encryption, shut = key_behind(Secret("correct horse"))
    recipe = Recipe(encryption=encryption)
    part = bench.save(Given(CONTENT), recipe)
    assert bench.load(part, recipe, Keys((open_key(shut, Secret("correct horse")),))).content == CONTENT
    with pytest.raises(BackupError, match="passphrase does not open"):
        open_key(shut, Secret("wrong horse"))


def test_the_wrong_key_is_told_apart_from_damage(bench: Bench) -> None:
    part = bench.save(Given(CONTENT), ENCRYPTED)
    with pytest.raises(BackupError, match="other keys") as caught:
        bench.load(part, ENCRYPTED, Keys((Secret(OTHER),)))
    assert not isinstance(caught.value, DamagedError)
    assert OTHER not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("keys", [None, KEYS], ids=["plain", "encrypted"])
def test_a_flipped_bit_anywhere_is_found(bench: Bench, compression: Compression, keys: Keys | None) -> None:
    recipe = Recipe(compression, encryption=ENCRYPTED.encryption if keys else None)
    part = bench.save(Given(CONTENT[-40_000:]), recipe)
    whole = bench.path(part).read_bytes()
    for place in random.Random(3).sample(range(len(whole) * 8), 25):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        bench.path(part).write_bytes(damaged)
        with pytest.raises(BackupError, match=part.name):
            bench.load(part, recipe, keys)
        with pytest.raises(DamagedError, match=part.name):
            check_stored(part, bench.storage, part.name, bench.strides.append, NEVER)


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_cut_part_is_found(bench: Bench, compression: Compression, kept: int) -> None:
    part = bench.save(Given(CONTENT), Recipe(compression))
    bench.path(part).write_bytes(bench.path(part).read_bytes()[:kept])
    with pytest.raises(DamagedError, match=part.name):
        bench.load(part, Recipe(compression))


def test_a_swapped_part_is_found(bench: Bench) -> None:
    one = bench.save(Given(CONTENT), Recipe())
    stored = bench.path(one).read_bytes()
    bench.save(Given(CONTENT[::-1]), Recipe())
    assert bench.path(one).read_bytes() != stored
    with pytest.raises(DamagedError, match=one.name):
        bench.load(one, Recipe())


@pytest.mark.parametrize("encryption", [None, ENCRYPTED.encryption], ids=["plain", "encrypted"])
@pytest.mark.parametrize(
    "source",
    [Given(CONTENT, fault=BackupError("the program died")), Given(CONTENT, late=BackupError("the program died"))],
    ids=["in the middle", "at its end"],
)
def test_nothing_is_there_when_the_source_failed(bench: Bench, source: Given, encryption: Encryption | None) -> None:
    with pytest.raises(BackupError, match="the program died"):
        bench.save(source, Recipe(encryption=encryption))
    assert bench.names() == []


class _Full(FolderStorage):
    """A disk that is full after so many bytes."""

    room_bytes = 100_000

    @contextmanager
    def writing(self, key: str) -> Iterator[Writer]:
        with super().writing(key) as writer:
            yield _Narrow(writer, self.room_bytes)


class _Narrow:
    def __init__(self, writer: Writer, room_bytes: int) -> None:
        self._writer = writer
        self._room_bytes = room_bytes

    def write(self, data: bytes | memoryview) -> None:
        self._room_bytes -= len(data)
        if self._room_bytes < 0:
            raise StorageError(StorageFault.FULL, "no space left on device")
        self._writer.write(data)


class _Endless:
    """A source that gives bytes until it is told to stop; `told` is True then."""

    name = "data.dump"
    expected_bytes = None

    def __init__(self) -> None:
        self.told = False

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[_Endless]:
        self._stop = stop
        yield self

    def read(self, size: int) -> bytes:
        self.told = self._stop.is_set()
        return b"" if self.told else os.urandom(min(size, 100_000))


def test_a_full_storage_ends_the_source_and_is_what_is_told(bench: Bench, tmp_path: Path) -> None:
    full = _Full(tmp_path / "full")
    with pytest.raises(StorageError, match="no space left"):
        store(_Endless(), full, "data", Recipe(), bench.strides.append, NEVER)
    assert list(full.root.iterdir()) == []


def test_a_stop_ends_it_and_leaves_nothing(bench: Bench) -> None:
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    source = _Endless()
    with pytest.raises(BackupError, match="stopped"):
        bench.save(source, Recipe(), stop)
    assert source.told
    assert bench.names() == []


def test_progress_is_told_in_strides(bench: Bench) -> None:
    part = bench.save(Given(bytes(20 << 20), piece_bytes=1 << 20), Recipe())
    assert [stride.plain_bytes >> 20 for stride in bench.strides] == [4, 8, 12, 16, 20, 20]
    assert bench.strides[-1].stored_bytes == part.stored_bytes


def test_a_bomb_is_unpacked_in_bounded_pieces(bench: Bench) -> None:
    """Zeros come back in pieces of a megabyte, whatever little they were made from."""
    recipe = Recipe(level=19)
    part = bench.save(Given(bytes(64 << 20), piece_bytes=1 << 20), recipe)
    assert part.stored_bytes < 100_000
    assert max(map(len, bench.load(part, recipe).pieces)) <= 1 << 20
