"""Bytes from one thread to another."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_ops.backups.streams.pipe import AbandonedError, Pipe


def test_a_piece_goes_through_without_being_copied() -> None:
    pipe, piece = Pipe(), bytes(1000)
    pipe.write(piece)
    assert pipe.read(1000) is piece


@given(pieces=st.lists(st.binary(max_size=50)), sizes=st.lists(st.integers(1, 70), min_size=1), views=st.booleans())
def test_all_bytes_come_in_order_and_never_more_than_asked_for(pieces: list[bytes], sizes: list[int], *, views: bool) -> None:
    pipe = Pipe()
    for piece in pieces:
        pipe.write(memoryview(piece) if views else piece)
    pipe.end()
    taken = b""
    for turn in range(10_000):
        size = sizes[turn % len(sizes)]
        piece = pipe.read(size)
        assert isinstance(piece, bytes)
        assert len(piece) <= size
        if not piece:
            break
        taken += piece
    assert taken == b"".join(pieces)
    assert pipe.read(1) == b""


def test_whoever_writes_waits_while_it_is_full_and_goes_on_when_it_is_read() -> None:
    pipe, written = Pipe(10), threading.Event()

    def write() -> None:
        pipe.write(bytes(10))
        pipe.write(b"later")
        written.set()

    thread = threading.Thread(target=write)
    thread.start()
    assert pipe.read(10) == bytes(10)
    assert pipe.read(10) == b"later"
    thread.join(30)
    assert written.is_set()


def test_an_abandoned_pipe_wakes_up_whoever_waits_on_either_side() -> None:
    full, empty, told = Pipe(1), Pipe(), []
    full.write(b"full")

    def expect_abandoned(pipe: Pipe, *, writes: bool) -> None:
        try:
            if writes:
                pipe.write(b"more")
            else:
                pipe.read(1)
        except AbandonedError:
            told.append(writes)

    threads = [
        threading.Thread(target=expect_abandoned, args=(pipe,), kwargs={"writes": writes})
        for pipe, writes in ((full, True), (empty, False))
    ]
    for thread in threads:
        thread.start()
    full.abandon()
    empty.abandon()
    for thread in threads:
        thread.join(30)
    assert sorted(told) == [False, True]
    with pytest.raises(AbandonedError):
        full.write(b"x")
