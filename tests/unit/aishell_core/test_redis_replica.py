"""A snapshot as a server sends it: framed by its length or by a mark, between signs of life, whole or broken."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from aishell_core.engines.redis_errors import RedisError, Whereabouts
from aishell_core.engines.redis_replica import ReplicaStream, Snapshot, expect_replication
from aishell_core.engines.redis_wire import Wire
from aishell_core.values import FailureCode

MARK = b"0123456789" * 4
CONTENT = b"REDIS0011" + bytes(range(256)) * 40 + b"\xff12345678"
WHERE = Whereabouts("there:6379", "ann")


@contextmanager
def _talk(*said: bytes, hangs_up: bool = True) -> Iterator[Wire]:
    """A connection whose other side says something and then hangs up, or without `hangs_up` stays silent."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0.02)

    def speak() -> None:
        # Whoever has read enough may be gone before all is said.
        with suppress(BrokenPipeError, ConnectionResetError):
            for piece in said:
                theirs.sendall(piece)
            if hangs_up:
                theirs.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        yield Wire(ours, WHERE, silence_seconds=0.2)
    finally:
        ours.close()
        thread.join()
        theirs.close()


def _read(stream: ReplicaStream, size: int = 1000) -> bytes:
    found = []
    while piece := stream.read(size):
        found.append(piece)
    return b"".join(found)


def _pieces(text: bytes, size: int) -> list[bytes]:
    return [text[begin : begin + size] for begin in range(0, len(text), size)]


@pytest.mark.parametrize("piece_bytes", [1, 7, 39, 40, 41, 5000])
@pytest.mark.parametrize("marked", [True, False], ids=["by a mark", "by its length"])
def test_the_snapshot_is_exactly_what_lies_within_its_frame(piece_bytes: int, marked: bool) -> None:
    framed = b"$EOF:" + MARK + b"\r\n" + CONTENT + MARK if marked else b"$%d\r\n" % len(CONTENT) + CONTENT + b"*1\r\n$4\r\nPING\r\n"
    said = b"+OK\r\n+OK\r\n-ERR no such option\r\n\n\n+FULLRESYNC abc 42\r\n\n\n\n" + framed
    with _talk(*_pieces(said, piece_bytes)) as wire:
        stream = ReplicaStream(wire)
        assert stream.begin() == Snapshot("abc", 42, "REDIS0011")
        assert _read(stream) == CONTENT
        assert stream.read(10) == b""


@pytest.mark.parametrize("marked", [True, False], ids=["by a mark", "by its length"])
def test_a_connection_that_breaks_before_the_end_is_no_end(marked: bool) -> None:
    framed = b"$EOF:" + MARK + b"\r\n" + CONTENT + MARK[:-1] if marked else b"$%d\r\n" % len(CONTENT) + CONTENT[:-1]
    with _talk(b"+OK\r\n+OK\r\n+OK\r\n+FULLRESYNC abc 42\r\n" + framed) as wire:
        stream = ReplicaStream(wire)
        stream.begin()
        with pytest.raises(RedisError, match="broke before its snapshot was whole") as caught:
            _read(stream)
        assert "client-output-buffer-limit" in caught.value.hint


def test_a_silent_server_is_given_up() -> None:
    with _talk(b"+OK\r\n+OK\r\n+OK\r\n+FULLRESYNC abc 42\r\n$100\r\nREDIS0011", hangs_up=False) as wire:
        stream = ReplicaStream(wire)
        stream.begin()
        with pytest.raises(RedisError) as caught:
            _read(stream)
        assert caught.value.reason is FailureCode.TIMEOUT


class StoppedError(Exception):
    """Somebody wants it to end."""


def test_who_waits_for_a_silent_server_can_be_stopped() -> None:
    def stop() -> None:
        raise StoppedError

    with _talk(b"+OK\r\n+OK\r\n+OK\r\n", hangs_up=False) as wire:
        wire.expect_wanted = stop
        with pytest.raises(StoppedError):
            ReplicaStream(wire).begin()


@pytest.mark.parametrize(
    ("said", "reason", "words"),
    [
        (b"-NOPERM this user has no permissions to run the 'replconf' command", FailureCode.PRIVILEGE, "ann may not"),
        (b"-ERR unknown command 'REPLCONF', with args beginning with: 'capa'", FailureCode.UNSUPPORTED, "to no replica of ours"),
        (b"-NOMASTERLINK Can't SYNC while not connected with my master", FailureCode.LOCKED, "has lost its primary"),
        (b"-LOADING Redis is loading the dataset in memory", FailureCode.LOCKED, "is loading"),
    ],
)
def test_a_refusal_is_told_with_its_remedy(said: bytes, reason: FailureCode, words: str) -> None:
    for answers in (said + b"\r\n", b"+OK\r\n" + said + b"\r\n"):
        with _talk(answers) as wire, pytest.raises(RedisError, match=words) as caught:
            expect_replication(wire)
        assert caught.value.reason is reason
        assert caught.value.hint
    if reason is FailureCode.PRIVILEGE:
        assert caught.value.hint == "ACL SETUSER ann +psync +replconf"


def test_whoever_may_be_a_replica_is_told_so_without_beginning_anything() -> None:
    with _talk(b"+OK\r\n-ERR SYNC and PSYNC are invalid with pending output\r\n") as wire:
        expect_replication(wire)


@pytest.mark.parametrize(
    "said", [b"+CONTINUE abc", b"$5", b"+FULLRESYNC abc", b"+FULLRESYNC abc 1\r\n*3", b"+FULLRESYNC abc 1\r\n$50\r\nHTTP/1.1 400 x"]
)
def test_who_does_not_answer_as_a_primary_is_none(said: bytes) -> None:
    with _talk(b"+OK\r\n+OK\r\n+OK\r\n" + said + b"\r\n") as wire, pytest.raises(RedisError, match="does not answer as a primary does"):
        ReplicaStream(wire).begin()
