"""Between the event loop, where engines are asked, and the threads in which streams flow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager
from typing import TypeVar

from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.rows.form import RowWriter
from aishell_ops.backups.rows.hashing import RowHash
from aishell_ops.backups.rows.model import Row, Table
from aishell_ops.backups.streams.contract import Reader, Stop
from aishell_ops.backups.streams.stopping import expect_wanted

T = TypeVar("T")
_LOOK_SECONDS = 0.2
"""How often it is looked whether somebody wants the work to end, while the loop is asked."""


def asked(loop: asyncio.AbstractEventLoop, work: Coroutine[object, object, T], stop: Stop) -> T:
    """The answer of the event loop, from a thread; raises BackupError when somebody wants the work to end."""
    future: Future[T] = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        while True:
            try:
                return future.result(_LOOK_SECONDS)
            except NotYet:
                if future.done():
                    raise
                expect_wanted(stop)
    finally:
        future.cancel()


async def _next(rows: AsyncIterator[Sequence[Row]]) -> Sequence[Row] | None:
    return await anext(rows, None)


class RowSource:
    """The rows of a table in a form, as a stream; `found` counts and hashes them as they pass."""

    def __init__(
        self, name: str, table: Table, rows: AsyncIterator[Sequence[Row]], writer: RowWriter, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.name = name
        self.expected_bytes: int | None = None
        self.found = RowHash(table.columns)
        self.done = asyncio.Event()
        self._rows = rows
        self._writer = writer
        self._loop = loop

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Reader]:
        """Give the bytes."""
        pieces = self._pieces(stop)
        yield _Pieces(pieces)
        if next(pieces, None) is not None:
            raise BackupError(f"{self.name} was not read to its end", "this is a fault of aishell: please report it")
        self._loop.call_soon_threadsafe(self.done.set)

    def _pieces(self, stop: Stop) -> Iterator[bytes]:
        yield self._writer.head()
        while True:
            expect_wanted(stop)
            rows = asked(self._loop, _next(self._rows), stop)
            if rows is None:
                break
            for row in rows:
                self.found.add(row)
            if rows:
                yield self._writer.rows(rows)
        if foot := self._writer.foot(self.found.rows, self.found.content_hash):
            yield foot


class _Pieces:
    """Pieces of bytes as a file has them."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, empty at the end alone."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        found, self._rest = self._rest[:size], self._rest[size:]
        return bytes(found)
