"""HTTP servers that stand for Slack, a webhook's receiver or somebody hostile: they keep what they get and answer as they are told."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.servers.certificates import Certificate


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody posted."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """How to answer: a status with headers and a body; or not at all, by silence, a reset, or one byte after the other."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b"ok"
    is_silent: bool = False
    is_reset: bool = False
    is_dripping: bool = False


SILENCE = Reply(is_silent=True)
RESET = Reply(is_reset=True)
DRIP = Reply(is_dripping=True)


@dataclass
class Receiver:
    """A server that runs; `reply` decides each answer, and may be set at any time."""

    port: int
    requests: list[Request] = field(default_factory=list)
    reply: Callable[[Request], Reply] = lambda _request: Reply()
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def answer(self, reply: Reply) -> None:
        """Answer everything so from now on."""
        self.reply = lambda _request: reply


@contextmanager
def http_receiver(certificate: Certificate | None = None) -> Iterator[Receiver]:
    """A receiver on a free port of this machine for as long as the block lasts; it speaks TLS where it has a certificate."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        # The handshake is left to the thread of each connection: one that fails must not end the server's loop.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    receiver = Receiver(server.server_address[1])
    server.RequestHandlerClass = _handler(receiver)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.ended.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            request = Request(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            receiver.requests.append(request)
            reply = receiver.reply(request)
            with suppress(OSError):
                if reply.is_silent:
                    receiver.ended.wait(60)
                elif reply.is_reset:
                    _reset(self.connection)
                elif reply.is_dripping:
                    self._drip()
                else:
                    self._answer(reply)
            self.close_connection = True

        def _answer(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def _drip(self) -> None:
            """An answer without end, in bytes that come often enough for the socket's own limit."""
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
            while not receiver.ended.wait(0.05):
                self.wfile.write(b"x")

        def handle(self) -> None:
            # A client that does not trust the certificate breaks the connection off.
            with suppress(OSError):
                super().handle()

        def log_message(self, *_words: Any) -> None:
            """Nothing on the terminal."""

    return Handler


def _reset(connection: socket.socket) -> None:
    """Close a connection by a reset: what is unsent is thrown away, and the other side is told so."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
