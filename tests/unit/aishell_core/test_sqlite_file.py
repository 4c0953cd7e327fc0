"""What the bytes of a database say is what SQLite says."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines.birth import born_at
from aishell_core.engines.descriptors import DESCRIPTORS
from aishell_core.engines.sqlite_cache import resident_ratio
from aishell_core.engines.sqlite_file import MAGIC, entropy_ratio, look_at, parse_header, parse_wal_index
from tests.servers import sqlite as build
from tests.servers.sqlite_client import client


@given(
    page_size=st.sampled_from([512, 1024, 4096, 32768]),
    user_version=st.integers(-(2**31), 2**31 - 1),
    application_id=st.integers(0, 2**31 - 1),
)
def test_the_header_says_what_sqlite_says(page_size: int, user_version: int, application_id: int) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {page_size}")
        connection.execute("CREATE TABLE t (x)")
        connection.execute(f"PRAGMA user_version = {user_version}")
        connection.execute(f"PRAGMA application_id = {application_id}")
        data = connection.serialize()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    header = parse_header(data[:100])
    assert header is not None
    assert (header.page_bytes, header.user_version, header.application_id) == (page_size, user_version, application_id)
    assert header.page_count * header.page_bytes == len(data)
    assert header.page_count == pages


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda rest: MAGIC + rest))
def test_any_bytes_are_a_header_or_none(data: bytes) -> None:
    header = parse_header(data)
    assert header is None or header.page_bytes in {2**n for n in range(9, 17)}


@given(st.binary(max_size=200))
def test_any_bytes_are_an_index_or_none(data: bytes) -> None:
    index = parse_wal_index(data)
    assert index is None or index.pending_frames >= 0


@given(st.binary(max_size=2000))
def test_randomness_is_a_share(data: bytes) -> None:
    assert 0.0 <= entropy_ratio(data) <= 1.0 + 1e-9


def test_random_bytes_look_random_and_text_does_not() -> None:
    assert entropy_ratio(os.urandom(4096)) > 0.97
    assert entropy_ratio(b"SELECT id, name FROM users WHERE mail LIKE '%@example.org'\n" * 60) < 0.7


def test_the_index_counts_commits_frames_and_what_a_checkpoint_copied(tmp_path: Path) -> None:
    path = build.make_database(tmp_path / "app.db", "wal")
    with client(path) as writer:
        writer.run("INSERT INTO users (name) VALUES ('x')", times=7)
        index = look_at(path).index
        assert index is not None
        assert index.commits == 7
        assert index.pending_frames == index.frames > 0
        writer.run("PRAGMA wal_checkpoint(PASSIVE)")
        index = look_at(path).index
        assert index is not None
        assert (index.pending_frames, index.commits) == (0, 7)
        writer.run("BEGIN")
        writer.run("INSERT INTO users (name) VALUES ('x')")
        writer.run("ROLLBACK")
        index = look_at(path).index
        assert index is not None
        assert index.commits == 7


def test_a_rollback_database_counts_commits_in_its_header(tmp_path: Path) -> None:
    path = build.make_database(tmp_path / "app.db", "persist")
    before = look_at(path).header
    with client(path) as writer:
        writer.run("INSERT INTO users (name) VALUES ('x')", times=5)
    after = look_at(path).header
    assert before is not None
    assert after is not None
    assert after.change_counter - before.change_counter == 5
    assert after.version == sqlite3.sqlite_version


def test_the_disk_figure_is_all_files_together(tmp_path: Path) -> None:
    path = build.make_database(tmp_path / "app.db", "wal")
    with client(path) as writer:
        writer.run("INSERT INTO users (name) VALUES ('x')")
        look = look_at(path)
        sizes = [file.stat().st_size for file in tmp_path.iterdir()]
        assert len(sizes) == 3
        assert look.disk_bytes == sum(sizes)


def _lies_in_memory(path: Path) -> bool:
    mounts = [mount for mount in psutil.disk_partitions(all=True) if path.is_relative_to(mount.mountpoint)]
    return max(mounts, key=lambda mount: len(mount.mountpoint)).fstype in {"tmpfs", "ramfs"}


def test_a_file_just_written_is_in_memory_and_an_evicted_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    path.write_bytes(b"x" * 400_000)
    with path.open("rb") as file:
        os.fsync(file.fileno())
        assert resident_ratio(DESCRIPTORS.open(path)) == 1.0
        if _lies_in_memory(tmp_path):
            pytest.skip("nothing can be evicted from a file system that lies in memory")
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    assert resident_ratio(DESCRIPTORS.open(path)) < 1.0


def test_an_empty_file_holds_no_memory(tmp_path: Path) -> None:
    assert resident_ratio(DESCRIPTORS.open(build.make_empty(tmp_path / "app.db"))) == 0.0


def test_a_file_knows_when_it_was_made(tmp_path: Path) -> None:
    path = build.make_database(tmp_path / "app.db")
    born = born_at(DESCRIPTORS.open(path).descriptor)
    if born is None:
        pytest.skip("this file system does not keep when a file was made")
    os.utime(path, (5, 5))
    assert born_at(DESCRIPTORS.open(path).descriptor) == born
    assert abs(born - path.stat().st_ctime) < 60
