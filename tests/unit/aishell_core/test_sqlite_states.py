"""Every state of a file has a name, a reason and a way out."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from aishell_core.engines.descriptors import Descriptors
from aishell_core.engines.kernel_files import kernel_file_system
from aishell_core.engines.sqlite_reading import SqliteReader, Way, way_to_read
from aishell_core.engines.sqlite_states import notable, shown, unreachable
from aishell_core.errors import TargetError
from aishell_core.values import FailureCode
from tests.servers import sqlite as build
from tests.servers.sqlite_client import client

UNREADABLE = [
    (build.make_random, FailureCode.ENCRYPTED, "looks encrypted or is no SQLite database"),
    (build.make_text, FailureCode.NOT_A_DATABASE, "is no SQLite database: it begins with 'id,name.1,somebo'"),
    (build.make_truncated, FailureCode.TRUNCATED, "is truncated"),
    (build.make_newer_format, FailureCode.UNSUPPORTED, "newer file format"),
    (build.make_newer_schema, FailureCode.UNSUPPORTED, "newer file format"),
    (build.make_directory, FailureCode.NOT_A_DATABASE, "is a directory"),
    (build.make_fifo, FailureCode.NOT_A_DATABASE, "is a named pipe"),
    (build.make_socket, FailureCode.NOT_A_DATABASE, "is a socket"),
    (build.make_loop, FailureCode.MISSING, "symbolic links lead round in circles"),
    (build.make_stub, FailureCode.TRUNCATED, "is truncated: 60 bytes are there, less than the 100 of the header"),
    (build.make_bad_page_size, FailureCode.DAMAGED, "is damaged: its header names an impossible page size"),
]


def _why(path: Path) -> TargetError:
    with pytest.raises(TargetError) as caught:
        SqliteReader(path).look()
    return caught.value


@pytest.mark.parametrize(("make", "code", "message"), UNREADABLE, ids=[make.__name__ for make, _, _ in UNREADABLE])
def test_a_file_that_is_no_readable_database_says_what_it_is(
    make: build.Builder, code: FailureCode, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket may not be long
    error = _why(make(tmp_path / "app.db"))
    assert error.reason is code
    assert message in error.message
    assert error.hint


def test_a_missing_file_names_the_one_that_was_meant(tmp_path: Path) -> None:
    build.make_database(tmp_path / "orders.db")
    error = _why(tmp_path / "order.db")
    assert error.reason is FailureCode.MISSING
    assert f"did you mean {tmp_path / 'orders.db'}?" in error.hint


def test_a_missing_file_in_a_folder_without_a_similar_name_lists_the_databases_there(tmp_path: Path) -> None:
    build.make_database(tmp_path / "zebra.sqlite3")
    assert "zebra.sqlite3" in _why(tmp_path / "app.db").hint


def test_a_missing_folder_says_how_far_the_path_is_right(tmp_path: Path) -> None:
    error = _why(tmp_path / "nowhere" / "deep" / "app.db")
    assert error.reason is FailureCode.MISSING
    assert f"right up to {tmp_path}" in error.hint


def test_a_path_that_goes_through_a_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert _why(tmp_path / "file" / "app.db").reason is FailureCode.MISSING


def test_a_device_is_never_opened() -> None:
    assert "character device" in _why(Path("/dev/zero")).message


def test_a_link_that_leads_round_in_circles_is_an_answer(tmp_path: Path) -> None:
    (tmp_path / "app.db").symlink_to("app.db")
    assert _why(tmp_path / "app.db").reason is FailureCode.MISSING


def test_a_link_to_nothing_says_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "app.db").symlink_to("gone.db")
    assert f"a symbolic link to {tmp_path / 'gone.db'}, which does not exist" in _why(tmp_path / "app.db").hint


@pytest.mark.parametrize("size", [16, 50, 99])
def test_a_file_that_ends_within_its_header_is_truncated(size: int, tmp_path: Path) -> None:
    path = build.make_database(tmp_path / "app.db")
    os.truncate(path, size)
    error = _why(path)
    assert (error.reason, f"{size} bytes are there" in error.message) == (FailureCode.TRUNCATED, True)


def test_a_folder_with_a_link_that_leads_round_in_circles_is_listed_all_the_same(tmp_path: Path) -> None:
    build.make_loop(tmp_path / "loop.db")
    build.make_database(tmp_path / "orders.db")
    assert f"did you mean {tmp_path / 'orders.db'}?" in _why(tmp_path / "order.db").hint


def test_names_that_no_file_can_have_are_answers(tmp_path: Path) -> None:
    long, nul = _why(tmp_path / ("x" * 300 + ".db")), _why(tmp_path / "a\0b.db")
    assert (long.reason, "the name is too long" in long.message) == (FailureCode.MISSING, True)
    assert (nul.reason, nul.message) == (
        FailureCode.UNSUPPORTED,
        f"{tmp_path}/a\\x00b.db can be the name of no file: it holds a NUL character",
    )
    assert len(_why(Path("/" + "x" * 9000)).message) < 300


def test_a_name_that_is_just_short_enough_is_read_though_no_log_can_lie_beside_it(tmp_path: Path) -> None:
    path = build.make_database(tmp_path / "app.db").rename(tmp_path / ("x" * 255))
    look = SqliteReader(path).look().file
    assert (look.wal, look.journal) == (None, None)
    assert look.header is not None


@pytest.mark.parametrize("path", ["/proc/version", "/proc/self/status", "/sys/kernel/uevent_seqnum"])
def test_a_file_that_the_kernel_makes_up_is_never_opened(path: str) -> None:
    """They look regular; some wait for ever when they are read, and some change what they say by it."""
    if not Path(path).is_file():
        pytest.skip(f"there is no {path} on this machine")
    descriptors = Descriptors()
    with pytest.raises(TargetError, match="is a file of the kernel") as caught:
        SqliteReader(Path(path), descriptors).look()
    assert caught.value.reason is FailureCode.NOT_A_DATABASE
    assert descriptors.count() == 0


def test_without_a_list_of_mounts_the_usual_places_tell_what_the_kernel_makes_up(tmp_path: Path) -> None:
    nowhere = tmp_path / "mountinfo"
    (tmp_path / "link").symlink_to("/proc/self/status")
    assert kernel_file_system(tmp_path / "link", nowhere) == "proc"
    assert kernel_file_system(build.make_empty(tmp_path / "app.db"), nowhere) == ""
    assert kernel_file_system(tmp_path / "app.db") == ""


def test_the_journal_of_a_killed_writer_counts_more_than_an_empty_file(tmp_path: Path) -> None:
    path = build.make_hot_journal(tmp_path / "app.db")
    os.truncate(path, 0)
    look = SqliteReader(path).look()
    assert [failure.code for failure in notable(look.file, look.obstacle, 5.0)] == [FailureCode.LOCKED]


def test_a_link_to_a_database_reads_the_database_and_the_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    path = build.make_database(tmp_path / "real" / "app.db", "wal")
    (tmp_path / "link.db").symlink_to(path)
    with client(path) as writer:
        writer.run("INSERT INTO users (name) VALUES ('late')")
        look = SqliteReader(tmp_path / "link.db").look().file
    assert look.wal is not None
    assert look.wal.size_bytes > 0
    assert look.index is not None


def test_an_empty_file_is_a_database_without_tables(tmp_path: Path) -> None:
    reader = SqliteReader(build.make_empty(tmp_path / "app.db"))
    look = reader.look()
    (failure,) = notable(look.file, look.obstacle, 5.0)
    assert failure.code is FailureCode.EMPTY
    assert "without tables" in failure.message
    assert failure.at == 5.0


def test_the_journal_of_a_killed_writer_is_named_and_left_alone(tmp_path: Path) -> None:
    path = build.make_hot_journal(tmp_path / "app.db")
    before = build.files_beside(path)
    with pytest.raises(TargetError, match="waits to be rolled back") as caught:
        SqliteReader(path).read(lambda queries: queries.rows("SELECT 1"), 1.0)
    assert caught.value.reason is FailureCode.LOCKED
    assert build.files_beside(path) == before


def test_a_log_left_by_a_crash_is_read_without_touching_it(tmp_path: Path) -> None:
    path = build.make_crashed_log(tmp_path / "app.db")
    before = build.files_beside(path)
    reader = SqliteReader(path)
    assert way_to_read(reader.look()) is Way.LEFT_BEHIND
    assert reader.read(lambda queries: queries.rows("SELECT count(*) FROM users WHERE name = 'late'"), 1.0) == [(1,)]
    assert build.files_beside(path) == before


def test_a_log_without_its_index_is_named_and_left_alone(tmp_path: Path) -> None:
    path = build.make_orphaned_log(tmp_path / "app.db")
    before = build.files_beside(path)
    with pytest.raises(TargetError, match=r"index \(-shm\) is gone"):
        SqliteReader(path).read(lambda queries: queries.rows("SELECT 1"), 1.0)
    assert build.files_beside(path) == before


def test_a_closed_database_with_a_log_is_read_without_making_files(tmp_path: Path) -> None:
    path = build.make_database(tmp_path / "app.db", "wal")
    before = build.files_beside(path)
    assert list(before) == ["app.db"]
    assert SqliteReader(path).read(lambda queries: queries.rows("SELECT count(*) FROM users"), 1.0) == [(500,)]
    assert build.files_beside(path) == before


@pytest.mark.parametrize("make", [build.make_bad_schema, build.make_damaged])
def test_a_damaged_database_says_so_when_it_is_asked(make: build.Builder, tmp_path: Path) -> None:
    reader = SqliteReader(make(tmp_path / "app.db"))
    reader.look()
    with pytest.raises(TargetError) as caught:
        reader.read(lambda queries: queries.rows("SELECT count(*), sum(length(status)) FROM orders NOT INDEXED"), 1.0)
    assert caught.value.reason is FailureCode.DAMAGED


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_database_under_exclusive_locking_names_who_holds_it(journal: str, tmp_path: Path) -> None:
    path = build.make_database(tmp_path / "app.db", journal)
    with client(path) as owner:
        owner.run("PRAGMA locking_mode = EXCLUSIVE")
        owner.run("INSERT INTO users (name) VALUES ('mine')")
        reader = SqliteReader(path)
        reader.look()
        with pytest.raises(TargetError, match=f"locked exclusively by pid {owner.pid}") as caught:
            reader.read(lambda queries: queries.rows("SELECT 1"), 1.0)
    assert caught.value.reason is FailureCode.LOCKED


@pytest.mark.parametrize("make", [build.make_pages_of_64_kib, build.make_utf16])
def test_unusual_but_valid_files_are_read(make: build.Builder, tmp_path: Path) -> None:
    path = make(tmp_path / "app.db")
    reader = SqliteReader(path)
    header = reader.look().file.header
    with closing(sqlite3.connect(path)) as connection:
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        (encoding,) = connection.execute("PRAGMA encoding").fetchone()
    assert header is not None
    assert (header.page_bytes, header.encoding) == (page_bytes, encoding)
    assert reader.read(lambda queries: queries.rows("SELECT count(*) FROM sqlite_schema"), 1.0) == [(1,)]


def test_a_path_of_odd_bytes_is_shown_harmlessly_and_read(tmp_path: Path) -> None:
    path = build.make_database(tmp_path / os.fsdecode(b"a\xff\x1b[31m\n?#%20.db"))
    assert shown(path).endswith("a\\xff\\x1b[31m\\n?#%20.db")
    assert SqliteReader(path).read(lambda queries: queries.rows("SELECT count(*) FROM users"), 1.0) == [(500,)]


def test_a_file_that_grows_while_its_header_is_old_is_not_called_truncated(tmp_path: Path) -> None:
    """In the middle of a commit the header may promise pages that are still on their way; the writer's lock tells."""
    path = build.make_database(tmp_path / "app.db")
    with client(path) as writer:
        writer.run("BEGIN EXCLUSIVE")
        os.truncate(path, path.stat().st_size - 4096)
        SqliteReader(path).look()
        writer.kill()
    assert _why(path).reason is FailureCode.TRUNCATED


def test_a_file_that_is_gone_is_let_go_and_one_that_stays_is_kept(tmp_path: Path) -> None:
    """A closed descriptor drops the process's locks on the file, so only those of files without a name are closed."""
    descriptors = Descriptors()
    kept, gone = build.make_database(tmp_path / "kept.db"), build.make_database(tmp_path / "gone.db")
    for _ in range(3):
        descriptors.open(kept)
        descriptors.open(gone)
    assert descriptors.count() == 2
    gone.unlink()
    descriptors.sweep()
    assert descriptors.count() == 1
    descriptors.open(kept)


def test_looking_at_a_file_keeps_the_locks_of_this_process(tmp_path: Path) -> None:
    """The trap of POSIX locks: closing any descriptor of a file drops the locks of every connection in the process."""
    path = build.make_database(tmp_path / "app.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as own, client(path) as other:
        own.execute("BEGIN IMMEDIATE")
        reader = SqliteReader(path)
        for _ in range(3):
            reader.look()
            reader.read(lambda queries: queries.rows("SELECT count(*) FROM users"), 1.0)
        with pytest.raises(Exception, match="SQLITE_BUSY"):
            other.run("BEGIN IMMEDIATE")


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (errno.ESTALE, FailureCode.MISSING, "the file system of /srv/app.db does not answer"),
        (errno.EIO, FailureCode.MISSING, "does not answer"),
        (errno.EMFILE, FailureCode.INTERNAL, "too many open files"),
        (errno.EACCES, FailureCode.PRIVILEGE, "may not be read by"),
        (errno.ENAMETOOLONG, FailureCode.MISSING, "cannot be opened"),
    ],
)
def test_what_the_system_says_becomes_a_state(number: int, code: FailureCode, words: str) -> None:
    error = unreachable(Path("/srv/app.db"), OSError(number, os.strerror(number)))
    assert error.reason is code
    assert words in error.message
    assert error.hint
