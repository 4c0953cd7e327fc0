"""What a form owes in which rows are written: JSON lines, CSV, SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

from aishell_ops.backups.rows.model import Row


class RowWriter(Protocol):
    """Turns the rows of one table into bytes."""

    def head(self) -> bytes:
        """What stands before the rows."""

    def rows(self, rows: Iterable[Row]) -> bytes:
        """Rows."""

    def foot(self, rows: int, content_hash: str) -> bytes:
        """What stands behind them, so that a file that was cut is known."""


class RowReader(Protocol):
    """Reads what a writer of the same form has made; raises DamagedError for what no writer makes."""

    def feed(self, data: bytes) -> Iterator[Row]:
        """The rows that are whole with these bytes."""

    def end(self) -> Iterator[Row]:
        """The rest; raises DamagedError when there is no proper end."""


@runtime_checkable
class Attests(Protocol):
    """Reads rows from what has a hash of its own, by which the one who saved it knows it."""

    @property
    def content_hash(self) -> str:
        """The hash of what was read until now."""
