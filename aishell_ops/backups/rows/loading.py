"""Taking the rows of a stored part into a staging place, value for value, and what had no place there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from aishell_ops.backups.rows.bridge import asked
from aishell_ops.backups.rows.contract import Placed, Staging
from aishell_ops.backups.rows.fidelity import Losses
from aishell_ops.backups.rows.form import Attests, RowReader
from aishell_ops.backups.rows.hashing import RowHash
from aishell_ops.backups.rows.model import Cell, Raw, Row
from aishell_ops.backups.streams.contract import Stop, Writer

_BATCH_ROWS = 2000
_BATCH_BYTES = 1 << 20


class TableLoad:
    """The rows of one table on their way: `given` are those of the backup, `kept` those that are kept in their place.

    Without `mends` a row of which a value has no place is counted and left out, because all of it will be refused; so it is with
    a row whose key has no place (`keyless`). `changed` tells that what is kept has another hash than what was saved.
    """

    def __init__(self, placed: Placed, reader: RowReader, staging: Staging, loop: asyncio.AbstractEventLoop, *, mends: bool) -> None:
        self.placed = placed
        self.given = RowHash(placed.table.columns)
        self.kept = RowHash(placed.table.columns)
        self.losses = Losses()
        self.changed = isinstance(reader, Attests)
        self.keyless = False
        self._reader = reader
        self._staging = staging
        self._loop = loop
        self._mends = mends
        shapes = [column.shape for column in placed.columns]
        self._doubts = [(number, shape.doubt, shape.mend) for number, shape in enumerate(shapes) if shape.doubt is not None]
        self._settles = [(number, shape.settle) for number, shape in enumerate(shapes) if shape.settle is not None]
        self._writes = [shape.write for shape in shapes]
        self._required = {number for number, column in enumerate(placed.columns) if column.name in placed.key}

    @property
    def given_hash(self) -> str:
        """The hash of what came out of the backup, as the manifest has it."""
        return self._reader.content_hash if isinstance(self._reader, Attests) else self.given.content_hash

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Writer]:
        """Take the bytes of the part."""
        yield _Feed(lambda data: self._take(self._reader.feed(data), stop))
        self._take(self._reader.end(), stop)

    def _take(self, rows: Iterable[Row], stop: Stop) -> None:
        batch: list[Sequence[Raw]] = []
        size = 0
        for row in rows:
            self.given.add(row)
            fit = self._fitted(row)
            if fit is None:
                continue
            self.kept.add(fit)
            batch.append([None if cell is None else write(cell) for write, cell in zip(self._writes, fit, strict=True)])
            size += sum(len(cell) for cell in fit if isinstance(cell, str | bytes | list))
            if len(batch) >= _BATCH_ROWS or size > _BATCH_BYTES:
                asked(self._loop, self._staging.load(self.placed, batch), stop)
                batch, size = [], 0
        if batch:
            asked(self._loop, self._staging.load(self.placed, batch), stop)

    def _fitted(self, row: Row) -> Row | None:
        """The row as it is kept; None for one that cannot be."""
        mended: list[Cell] | None = None
        left_out = False
        for number, doubt, mend in self._doubts:
            cell = row[number]
            if cell is None or not (why := doubt(cell)):
                continue
            self.losses.note(number, why)
            mended = list(row) if mended is None else mended
            mended[number] = mend(cell)
            if mended[number] is None and number in self._required:
                self.keyless = left_out = True
        if mended is not None and (left_out or not self._mends):
            self.changed = True
            return None
        return self._settled(row if mended is None else tuple(mended), changed=mended is not None)

    def _settled(self, row: Row, *, changed: bool) -> Row:
        """The row with its values in the spelling in which they come back."""
        settled = list(row)
        for number, settle in self._settles:
            cell = row[number]
            if cell is not None and (kept := settle(cell)) != cell:
                settled[number], changed = kept, True
        self.changed |= changed
        return tuple(settled) if changed else row


class _Feed:
    """Hands on what is written."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    def write(self, data: bytes | memoryview) -> None:
        """All of it."""
        self._take(bytes(data))
