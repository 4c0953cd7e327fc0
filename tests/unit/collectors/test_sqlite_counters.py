"""Commits are one growing count whatever happens to the files, and lock ages are of one holder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines.descriptors import OpenFile
from aishell_core.engines.file_holders import Holder
from aishell_core.engines.sqlite_file import FileLook, Header, WalIndex
from aishell_core.engines.sqlite_locks import HeldLock, Lock
from collectors.sqlite.clients import Running, lock_waits_of, sessions_of, waits
from collectors.sqlite.counters import CommitCounter, WriteLockClock
from collectors.sqlite.rows import relations_of, statements_of, table_samples

_HEADER = Header(4096, 2, 2, 5, 10, 0, 1, 4, "UTF-8", 0, 0, 5, 3040001, False, False)
_FILE = OpenFile(3, 1, 100, 40960, 0, 0)
_INDEX_FILE = OpenFile(4, 1, 200, 32768, 0, 0)


def _wal(commits: int, index: int = 200, file: int = 100) -> FileLook:
    return FileLook(
        Path("app.db"),
        replace(_FILE, inode=file),
        _HEADER,
        index_file=replace(_INDEX_FILE, inode=index),
        index=WalIndex(commits, 0, 10, 0),
    )


def _rollback(counter: int) -> FileLook:
    return FileLook(Path("app.db"), _FILE, replace(_HEADER, write_version=1, read_version=1, change_counter=counter))


def _closed(modified: int = 0) -> FileLook:
    return FileLook(Path("app.db"), replace(_FILE, modified_nanoseconds=modified), _HEADER)


@given(st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=5), min_size=1, max_size=6))
def test_commits_of_all_lives_of_an_index_add_up(lives: list[list[int]]) -> None:
    """Each life is looked at at least once at its end; then nothing is lost but what came before the first look."""
    counter = CommitCounter()
    first = counter.advance(_wal(0, index=0))
    total = first
    for number, steps in enumerate(lives):
        commits = 0
        for step in steps:
            commits += step
            total = counter.advance(_wal(commits, index=number))
    assert first == 0
    assert total == sum(step for steps in lives for step in steps)


@given(
    st.lists(st.one_of(st.builds(_wal, st.integers(0, 9), st.integers(1, 3)), st.builds(_rollback, st.integers(0, 9)), st.builds(_closed)))
)
def test_the_count_of_one_file_never_falls(looks: list[FileLook]) -> None:
    counter = CommitCounter()
    counts = [count for count in map(counter.advance, looks) if count is not None]
    assert counts == sorted(counts)


def test_a_database_that_nobody_has_open_keeps_its_count() -> None:
    counter = CommitCounter()
    assert counter.advance(_closed()) is None
    assert counter.advance(_wal(7)) == 7
    assert counter.advance(_closed()) == 7


def test_commits_that_came_and_went_between_two_looks_are_unknown_not_none() -> None:
    counter = CommitCounter()
    counter.advance(_wal(7))
    assert counter.advance(_closed(modified=5)) is None
    assert counter.advance(_closed(modified=5)) == 7
    assert counter.advance(_wal(2, index=8)) == 9


def test_another_file_begins_another_count() -> None:
    counter = CommitCounter()
    counter.advance(_wal(70))
    assert counter.advance(_wal(2, index=9, file=101)) == 2


def test_a_lock_s_age_begins_anew_with_another_holder_and_after_a_commit() -> None:
    clock = WriteLockClock()
    ours, theirs = frozenset({HeldLock(Lock.WRITE, 1)}), frozenset({HeldLock(Lock.WRITE, 2)})
    assert [
        clock.advance(ours, 5, 10.0),
        clock.advance(ours, 5, 13.0),
        clock.advance(theirs, 5, 14.0),
        clock.advance(theirs, 5, 15.0),
        clock.advance(theirs, 6, 16.0),
        clock.advance(frozenset(), 6, 17.0),
        clock.advance(theirs, 6, 18.0),
    ] == [0, 3, 0, 1, 0, 0, 0]


def _running(pid: int, connection: int = 1, *, writes: bool = True, holds: bool = False, state: str = "running") -> Running:
    return Running(pid, connection, 100.0, state, "UPDATE t SET a = ?", writes, holds)


def test_a_writing_statement_waits_for_another_process_that_has_the_lock() -> None:
    locks = frozenset({HeldLock(Lock.WRITE, 7)})
    assert waits([_running(8)], locks) == ((_running(8), 7),)
    assert waits([_running(8, writes=False)], locks) == ()
    assert waits([_running(7)], locks) == ()
    assert waits([_running(8)], frozenset()) == ()


def test_two_connections_of_one_process_wait_for_each_other_only_where_the_log_shows_which_holds_the_lock() -> None:
    locks = frozenset({HeldLock(Lock.RESERVED, 7)})
    idle = _running(7, 1, holds=True, state="in transaction")
    assert waits([_running(7, 2)], locks) == ()
    assert waits([idle, _running(7, 2)], locks) == ((_running(7, 2), 7),)


def test_a_held_lock_without_waiters_is_an_edge_with_an_empty_waiter() -> None:
    (edge,) = lock_waits_of((), frozenset({HeldLock(Lock.WRITE, 7)}), 4.0, 100.0)
    assert (edge.waiter, edge.holder, edge.wait_seconds) == ("", "7", 4.0)
    assert lock_waits_of((), frozenset(), 0.0, 100.0) == ()


def test_a_checkpoint_is_a_state_of_its_own() -> None:
    locks = frozenset({HeldLock(Lock.CHECKPOINT, 7), HeldLock(Lock.OPEN, 7)})
    (session,) = sessions_of([Holder(7, 1.0, "app", "shop", "shop --fast")], locks, (), wal=True, write_lock_seconds=0.0, now=5.0)
    assert session.state == "checkpointing"


def test_a_table_of_which_a_part_is_unknown_has_no_total() -> None:
    relations = relations_of(
        [("table", "a", "a", 2, None), ("index", "a_i", "a", 3, None), ("table", "b", "b", 4, None)],
        {"a": (10.0, 1.0), "b": (5.0, 0.0)},
        {},
    )
    assert [(sample.labels, sample.value) for sample in table_samples(relations)] == [((("table", "b"),), 5.0)]


@given(st.lists(st.tuples(*[st.one_of(st.none(), st.integers(-5, 5), st.text(max_size=3), st.binary(max_size=2))] * 8)))
def test_whatever_lies_in_a_log_makes_statements(rows: list[tuple[str | int | bytes | None, ...]]) -> None:
    """A log is a file that anybody may write to."""
    assert len(statements_of(rows, [row[:3] for row in rows])) == len(rows)
