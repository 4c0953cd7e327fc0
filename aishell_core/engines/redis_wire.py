"""A connection to a Redis or Valkey server for long work in a thread: replication, and keys by the million.

Unlike what watches a server it blocks its thread, has no deadline for the whole, and gives up only when the server has
been silent for a while. Nothing opens it by itself. https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aishell_core.engines.redis_errors import RedisError, Whereabouts, broken, no_answer, told, unreachable
from aishell_core.engines.redis_lane import Line
from aishell_core.engines.redis_place import Encryption, Login, find_place
from aishell_core.targets import Target
from aishell_core.units import format_duration
from aishell_core.url_places import HostPort

Word = str | bytes | int
Answer = Any
"""None, int, bytes, a list of these, or `Refused`."""

_CONNECT_SECONDS = 15.0
_SILENCE_SECONDS = 60.0
"""The server's own patience with a replica (repl-timeout), in which it gives a sign of life every ten seconds."""
_LOOK_SECONDS = 0.2
_PIECE_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Access:
    """The very server that a target leads to now, and how one logs in there."""

    server: HostPort
    where: Whereabouts
    login: Login = field(default_factory=Login)
    encryption: Encryption | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """An error that the server answered, in its own words."""

    said: str


async def reach(target: Target, environ: Mapping[str, str]) -> Access:
    """Find the server of a target, by its sentinels or the first host that answers; raises RedisError."""
    line = Line(target, environ)
    try:
        async with line.turn(_CONNECT_SECONDS):
            await line.connected()
            server = line.server
            where = line.where()
        place = find_place(target, environ)
        return Access(server or place.servers[0], where, place.login, place.encryption)
    finally:
        await line.close()


class Wire:
    """A connection that has logged in; every error that leaves it is a RedisError, or what `expect_wanted` raises."""

    def __init__(self, connection: socket.socket, where: Whereabouts, silence_seconds: float = _SILENCE_SECONDS) -> None:
        self.where = where
        self.expect_wanted: Callable[[], None] = lambda: None
        self._connection = connection
        self._silence_seconds = silence_seconds
        self._waiting = bytearray()

    def ask(self, *words: Word) -> Answer:
        """The answer to one command; raises RedisError when the server refuses it."""
        self.send(packed(words))
        answer = self.answer()
        if isinstance(answer, Refused):
            raise told(answer.said, self.where, str(words[0]).lower())
        return answer

    def try_ask(self, *words: Word) -> Answer:
        """The answer to one command, which may be `Refused`."""
        self.send(packed(words))
        return self.answer()

    def send(self, *pieces: bytes | memoryview) -> None:
        """Send what is packed already."""
        for piece in pieces:
            rest, until = memoryview(piece), time.monotonic() + self._silence_seconds
            while rest:
                try:
                    rest = rest[self._connection.send(rest) :]
                    until = time.monotonic() + self._silence_seconds
                except (TimeoutError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    self._go_on(until)
                except OSError as error:
                    raise broken(self.where, greeted=True) from error

    def answer(self) -> Answer:
        """The next answer."""
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b"-":
            return Refused(rest.decode("utf-8", "backslashreplace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self.exactly(size + 2)[:-2]
        if kind == b"*":
            size = int(rest)
            return None if size < 0 else [self.answer() for _ in range(size)]
        raise broken(self.where, greeted=True)

    def line(self) -> bytes:
        """What comes up to the next end of a line, without it."""
        begin = 0
        while (end := self._waiting.find(b"\n", begin)) < 0:
            begin = len(self._waiting)
            self._waiting += self._received()
        found = bytes(self._waiting[:end]).rstrip(b"\r")
        del self._waiting[: end + 1]
        return found

    def exactly(self, size: int) -> bytes:
        """So many bytes."""
        while len(self._waiting) < size:
            self._waiting += self._received()
        found = bytes(self._waiting[:size])
        del self._waiting[:size]
        return found

    def some(self) -> bytes:
        """What has come, at least one byte."""
        if not self._waiting:
            return self._received()
        found = bytes(self._waiting)
        self._waiting.clear()
        return found

    def _received(self) -> bytes:
        until = time.monotonic() + self._silence_seconds
        while True:
            try:
                found = self._connection.recv(_PIECE_BYTES)
            except (TimeoutError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                self._go_on(until)
                continue
            except OSError as error:
                raise broken(self.where, greeted=True) from error
            if not found:
                raise broken(self.where, greeted=True)
            return found

    def _go_on(self, until: float) -> None:
        """Whether to wait for a silent server any longer."""
        self.expect_wanted()
        if time.monotonic() > until:
            raise no_answer(self.where, format_duration(self._silence_seconds), "asking")

    def close(self) -> None:
        """Let go at once; raises nothing."""
        with suppress(OSError):
            self._connection.close()


def packed(words: Iterable[Word]) -> bytes:
    """A command as it is sent."""
    found = [word if isinstance(word, bytes) else str(word).encode("utf-8", "surrogateescape") for word in words]
    return b"*%d\r\n" % len(found) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in found)


@contextmanager
def open_wire(access: Access, silence_seconds: float = _SILENCE_SECONDS) -> Iterator[Wire]:
    """Connect and log in, for as long as the block lasts; raises RedisError."""
    try:
        connection = _connected(access.server, access.encryption)
    except TimeoutError as error:
        raise no_answer(access.where, format_duration(_CONNECT_SECONDS), "connecting") from error
    except OSError as error:
        raise unreachable(error, access.where) from error
    wire = Wire(connection, access.where, silence_seconds)
    try:
        connection.settimeout(_LOOK_SECONDS)
        password = access.login.password
        if password is not None:
            wire.ask("AUTH", *((access.login.user,) if access.login.user else ()), password.reveal())
        yield wire
    finally:
        wire.close()


def _connected(server: HostPort, encryption: Encryption | None) -> socket.socket:
    host = server[0]
    if host.startswith("/"):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(_CONNECT_SECONDS)
            connection.connect(host)
        except BaseException:
            connection.close()
            raise
        return connection
    connection = socket.create_connection(server, timeout=_CONNECT_SECONDS)
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return connection if encryption is None else _context(encryption).wrap_socket(connection, server_hostname=host)
    except BaseException:
        connection.close()
        raise


def _context(encryption: Encryption) -> ssl.SSLContext:
    """TLS as the connections that watch the server have it."""
    context = ssl.create_default_context(cafile=encryption.authority or None)
    if not encryption.checks_name or not encryption.checks_issuer:
        context.check_hostname = False
    if not encryption.checks_issuer:
        context.verify_mode = ssl.CERT_NONE
    if encryption.certificate or encryption.key:
        context.load_cert_chain(encryption.certificate, encryption.key or None)
    return context


def expect_answer(answer: Answer, wire: Wire, command: str) -> Answer:
    """The same answer; raises RedisError where it is a refusal, whose hint is the grant of that command."""
    if isinstance(answer, Refused):
        raise told(answer.said, wire.where, command)
    return answer


__all__ = ["Access", "Answer", "RedisError", "Refused", "Wire", "expect_answer", "open_wire", "packed", "reach"]
