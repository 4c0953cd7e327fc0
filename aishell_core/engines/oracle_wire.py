"""What a session needs of a connection to an Oracle server: the seam to the driver, and to what stands in for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from aishell_core.values import Value

if TYPE_CHECKING:
    from aishell_core.engines.oracle_place import Place

Row = Mapping[str, Any]
"""Values by the column's name in small letters; a text is always proper Unicode."""

Binds = Mapping[str, object]
"""Values by the names of the placeholders, without the colon."""


class ServerError(Exception):
    """What the server or the driver said: the number of an ORA error (0 for the driver's own), its full code, and its words.

    `lost` tells that the connection is of no more use.
    """

    def __init__(self, number: int, code: str, message: str, *, lost: bool = False) -> None:
        super().__init__(message)
        self.number = number
        self.code = code
        self.message = message
        self.lost = lost


@dataclass(frozen=True, slots=True)
class Brought:
    """What a person's statement brought: `affected` is None where rows came; `cut` names the limit that was reached."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    affected: int | None
    cut: str = ""
    note: str = ""


class Wire(Protocol):
    """One connection; every error that leaves it is a ServerError or an OSError.

    A call is given `milliseconds`: after them the server is asked to stop, and has as long again to answer that, or the
    connection is dropped. So every call ends by itself, and nobody need cancel one.
    """

    @property
    def version(self) -> str:
        """The server's version in full, as 19.3.0.0.0."""

    @property
    def lost(self) -> bool:
        """Whether it can be used no more."""

    def names(self, sql: str) -> tuple[str, ...]:
        """The names of the placeholders of a statement, without asking the server."""

    async def fetch(self, sql: str, binds: Binds, milliseconds: int) -> tuple[Row, ...]:
        """The rows of one query."""

    async def execute(self, sql: str, binds: Binds, milliseconds: int) -> None:
        """Run one statement that brings no rows; nothing is committed."""

    async def run(self, sql: str, values: Sequence[Value], most: tuple[int, int], milliseconds: int) -> Brought:
        """What one statement of a person brings, up to so many rows and bytes; `values` are bound in their order."""

    async def end(self, milliseconds: int, *, keep: bool) -> None:
        """End the transaction: commit it to `keep` what it did, else roll it back."""

    async def close(self) -> None:
        """Let go within about a second; raises nothing."""


Connect = Callable[["Place", str], Awaitable[Wire]]
"""Connects to a place; the text is what the connection is for, which the server shows as its action."""


class Bound(StrEnum):
    """As what a value is sent to the server, so that nothing of it is lost on the way."""

    TEXT = "text"
    NATIONAL = "national text"
    NUMBER = "number"
    FLOAT = "float"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    BYTES = "bytes"
    LONG = "long"
    LONG_BYTES = "long bytes"
    CLOB = "clob"
    NATIONAL_CLOB = "national clob"
    BLOB = "blob"


class OpenRows(Protocol):
    """The rows of a query that is under way, to be taken piece by piece."""

    async def more(self) -> list[tuple[Any, ...]]:
        """The next rows, about a megabyte of them or one that is larger; empty at the end.

        A number is a Decimal, a large object its whole text or bytes; one that is empty is not None.
        """

    async def close(self) -> None:
        """Leave the rest; raises nothing."""


class BulkWire(Wire, Protocol):
    """A connection by which many rows go out and in."""

    async def open_rows(self, sql: str, binds: Binds, milliseconds: int) -> OpenRows:
        """Begin a query; `milliseconds` are for each call of it."""

    async def insert(self, sql: str, kinds: Sequence[Bound], rows: Sequence[Sequence[Any]], milliseconds: int) -> None:
        """Run a statement for each row, whose values are its placeholders :c0, :c1, ...; nothing is committed."""
