"""Bytes from one thread to another, of which never more than a few megabytes wait."""

from __future__ import annotations

import threading
from collections import deque

_CAPACITY_BYTES = 8 << 20


class AbandonedError(Exception):
    """The work that a thread belongs to has ended otherwise; the thread has only to end too."""


class Pipe:
    """A bounded queue of bytes with an end: `write` waits while it is full, `read` while it is empty."""

    def __init__(self, capacity_bytes: int = _CAPACITY_BYTES) -> None:
        self._capacity = capacity_bytes
        self._pieces: deque[bytes | memoryview] = deque()
        self._waiting_bytes = 0
        self._ended = False
        self._abandoned = False
        self._changed = threading.Condition()

    def write(self, data: bytes | memoryview) -> None:
        """Hand bytes on; raises AbandonedError when nobody will read them. What is given must not be changed afterwards."""
        if not (size := len(data)):
            return
        with self._changed:
            self._changed.wait_for(lambda: self._waiting_bytes < self._capacity or self._abandoned)
            if self._abandoned:
                raise AbandonedError
            self._pieces.append(data)
            self._waiting_bytes += size
            self._changed.notify_all()

    def read(self, size: int = 1 << 20) -> bytes:
        """Up to `size` bytes, empty at the end alone; raises AbandonedError when no end will come.

        A piece that is no larger is handed on as it came: to copy all that passes would cost more than to hash it does.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._pieces or self._ended or self._abandoned)
            if self._abandoned:
                raise AbandonedError
            if not self._pieces:
                return b""
            piece = self._pieces.popleft()
            if len(piece) > size:
                whole = memoryview(piece)
                self._pieces.appendleft(whole[size:])
                piece = whole[:size]
            self._waiting_bytes -= len(piece)
            self._changed.notify_all()
        return piece if isinstance(piece, bytes) else bytes(piece)

    def end(self) -> None:
        """Say that nothing more comes."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def abandon(self) -> None:
        """Wake up whoever waits, and let no byte pass any more."""
        with self._changed:
            self._abandoned = True
            self._pieces.clear()
            self._changed.notify_all()
