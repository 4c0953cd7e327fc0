"""A way to a server that breaks once: connections through it are passed on, and one of them ends at a given message."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class CutWire:
    """Passes connections on to a port of this machine; `port` is its own. `count` are the pieces that clients have sent so far."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._cut_at: int | None = None
        self.port: int = self._listener.getsockname()[1]
        self.count = 0
        self.is_cut = False

    def arm(self, number: int | None) -> None:
        """Count anew; the connection that brings piece `number` ends instead of passing it on."""
        with self._lock:
            self._cut_at, self.count, self.is_cut = number, 0, False

    @contextmanager
    def running(self) -> Iterator[CutWire]:
        """Pass connections on for as long as the block lasts."""
        threading.Thread(target=self._accept, daemon=True).start()
        try:
            yield self
        finally:
            self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    client.close()
                    continue
                threading.Thread(target=self._serve, args=(client, server), daemon=True).start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        with client, server:
            back = threading.Thread(target=self._pass, args=(server, client, False), daemon=True)
            back.start()
            self._pass(client, server, True)
            back.join()

    def _pass(self, one: socket.socket, other: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while piece := one.recv(1 << 16):
                if counted and self._ends():
                    break
                other.sendall(piece)
        for each in (one, other):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _ends(self) -> bool:
        with self._lock:
            number, self.count = self.count, self.count + 1
            self.is_cut = self.is_cut or number == self._cut_at
            return number == self._cut_at
