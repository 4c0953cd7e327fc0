"""What an engine must be able to do to give its rows and to take those of others; callers ask for this, never for its name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from aishell_core.targets import Target
from aishell_ops.backups.models import Format, Manifest, Position, Source
from aishell_ops.backups.rows.fidelity import Shape
from aishell_ops.backups.rows.model import Column, Raw, Row, Table
from aishell_ops.backups.rows.names import NameRules


@dataclass(frozen=True, slots=True)
class Look:
    """What is in a database: its tables (those that were asked for), and what is not saved with rows, with the reason.

    `family` names engines between which declared types mean the same.
    """

    source: Source
    family: str
    tables: tuple[Table, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    expected_bytes: int | None = None


class Moment(Protocol):
    """One moment of a database; all that it gives shows that moment."""

    @property
    def tables(self) -> tuple[Table, ...]:
        """Its tables, as they are in the moment."""

    @property
    def start(self) -> Position:
        """The place in the server's log that belongs to it."""

    @property
    def server_time(self) -> float | None:
        """What the server's clock said, in epoch seconds."""

    def rows(self, table: Table) -> AsyncIterator[Sequence[Row]]:
        """All rows of a table, a few at a time: never more than about a megabyte, or one row."""

    async def count(self, table: Table) -> int:
        """How many rows the engine itself counts."""


@dataclass(frozen=True, slots=True)
class PlacedColumn:
    """A column of a table in the place where it goes: its name there and its shape; `required` forbids NULL."""

    column: Column
    name: str
    shape: Shape
    required: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """A table in the place where it goes; `key` are names of columns there. With `definition` it is made by its own statements."""

    table: Table
    schema: str
    name: str
    columns: tuple[PlacedColumn, ...]
    key: tuple[str, ...] = ()
    definition: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What people call it there."""
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows would go: the database, whether it is there, and what of the wanted tables is there already.

    `family` as in Look. `existing` are labels of tables that would be replaced, with words for what is lost. `free_bytes` is
    None where nobody knows. With `any_bytes` its texts need not be UTF-8.
    """

    database: str
    there: bool
    family: str
    existing: tuple[tuple[str, str], ...] = ()
    obstacles: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    free_bytes: int | None = None
    any_bytes: bool = False


class Staging(Protocol):
    """A staging place for tables, which nobody sees before it is published."""

    async def load(self, placed: Placed, rows: Sequence[Sequence[Raw]]) -> None:
        """Take rows, as the shapes of its columns have written them."""

    async def finish(self, placed: Placed) -> None:
        """Build what is built when all rows are there, such as the primary key."""

    def rows(self, placed: Placed) -> AsyncIterator[Sequence[Row]]:
        """All rows of a table as its source would have them."""

    async def publish(self, placed: Sequence[Placed]) -> None:
        """Put all tables in their places at once; those that were there are gone after this and not earlier."""


@runtime_checkable
class TakesRows(Protocol):
    """Takes the rows of any engine."""

    @property
    def rules(self) -> NameRules:
        """What names it allows."""

    def shape(self, table: Table, column: Column, *, same: bool) -> Shape:
        """How a column would be kept; `same` tells that it comes from an engine of the same family."""

    def keeps_key(self, columns: Sequence[PlacedColumn]) -> str:
        """Why these columns cannot be a primary key; "" where they can."""

    def place_of(self, tables: Sequence[Table]) -> tuple[tuple[str, str], ...]:
        """The schema and the wanted name of each table, in their order."""

    async def survey(self, target: Target, database: str, tables: Sequence[tuple[str, str]]) -> Place:
        """What a restore of tables (schema and name each) would find; raises TargetError."""

    def staging(self, target: Target, place: Place, tables: Sequence[Placed]) -> AbstractAsyncContextManager[Staging]:
        """Make a staging place; it is removed when the block ends before it was published."""

    def scratch(self, target: Target, manifest: Manifest) -> AbstractAsyncContextManager[Target]:
        """A place for a test restore, gone when the block ends."""


@runtime_checkable
class Adapts(Protocol):
    """Takes rows into servers that differ in what they hold."""

    def at(self, place: Place) -> TakesRows:
        """What takes them into a place."""


@runtime_checkable
class RowEngine(TakesRows, Protocol):
    """Gives rows too: an engine with tables. What others have is saved in their own way, with a description of it as rows."""

    @property
    def forms(self) -> frozenset[Format]:
        """The forms in which its rows are saved; the others are made by the engine's own programs, or not at all."""

    async def look(self, target: Target, database: str, tables: Sequence[str]) -> Look:
        """What is there; raises UsageError naming the nearest for a table that is not, TargetError."""

    def moment(self, target: Target, look: Look, *, secret: bool) -> AbstractAsyncContextManager[Moment]:
        """Hold a moment. With `secret` no plaintext may touch a disk."""

    def recovery(self, form: Format, tables: Sequence[Table]) -> tuple[str, ...]:
        """Shell commands that bring the opened parts back without aishell."""
