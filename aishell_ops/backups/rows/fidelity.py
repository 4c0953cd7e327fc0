"""How true a column is to its source in another engine, by its type and then by its values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from aishell_ops.backups.rows.model import Cell, Raw


class Fidelity(StrEnum):
    """What becomes of a column, each less true than the one before.

    exact: the same type. widened: a type that holds more. represented: another form, from which every value can be told again.
    cannot: some values, or what belongs to the table, have no place there.
    """

    EXACT = "exact"
    WIDENED = "widened"
    REPRESENTED = "represented otherwise"
    CANNOT = "cannot"

    def or_less(self, other: Fidelity) -> Fidelity:
        """The one of two that is less true."""
        return max(self, other, key=tuple(Fidelity).index)


def same(value: Raw) -> Raw:
    """Nothing has to be done."""
    return value


def gone(_value: Cell) -> Cell:
    """NULL: nothing that is there would be true."""
    return None


@dataclass(frozen=True, slots=True)
class OrGone:
    """What comes nearest to a value, but NULL where `hopeless` has words for it."""

    hopeless: Callable[[Cell], str]
    nearest: Callable[[Cell], Cell]

    def __call__(self, value: Cell) -> Cell:
        """What takes its place."""
        return None if self.hopeless(value) else self.nearest(value)


@dataclass(frozen=True, slots=True)
class Shape:
    """How a column is kept in an engine: `type` as SQL writes it, and what becomes of its values.

    `doubt` says in words why a value has no place there, "" where it has one; None where every value has. `mend` makes what
    takes the place of such a value when loss is accepted. `settle` is how a value comes back that is kept by what it says and not by
    its spelling. `write` makes what the engine takes, `read` what it gives back, as the
    source had it; `select` is the expression that is asked for, with {} for the column.
    """

    type: str
    fidelity: Fidelity = Fidelity.EXACT
    words: str = ""
    doubt: Callable[[Cell], str] | None = None
    mend: Callable[[Cell], Cell] = gone
    write: Callable[[Raw], Raw] = same
    read: Callable[[Raw], Raw] = same
    select: str = "{}"
    settle: Callable[[Cell], Cell] | None = None

    @property
    def may_be_gone(self) -> bool:
        """Whether NULL may take the place of a value."""
        return self.doubt is not None and (self.mend is gone or isinstance(self.mend, OrGone))


@dataclass(frozen=True, slots=True)
class ColumnFidelity:
    """What becomes of a column of a table, or of something else that belongs to it (`column` names that then).

    `values` counts those that have no place, after a restore; `example` is the reason for the first.
    """

    table: str
    column: str
    source_type: str
    target_type: str
    fidelity: Fidelity
    words: str = ""
    values: int = 0
    example: str = ""

    def __str__(self) -> str:
        arrow = f"{self.source_type} -> {self.target_type}" if self.target_type else self.source_type
        counted = f": {self.values} value{'s' if self.values != 1 else ''}, {self.example}" if self.values else ""
        words = f" ({self.words})" if self.words else ""
        whole = f"{self.table}.{self.column} {arrow}" if arrow != self.column else f"{self.table}, {self.column}"
        return f"{whole}: {self.fidelity.value}{words}{counted}"


@dataclass(slots=True)
class Losses:
    """Counts values of a table that have no place, by the number of their column."""

    counts: dict[int, int] = field(default_factory=dict)
    examples: dict[int, str] = field(default_factory=dict)

    def note(self, column: int, why: str) -> None:
        """One more."""
        self.counts[column] = self.counts.get(column, 0) + 1
        self.examples.setdefault(column, why)


def lost(found: Sequence[ColumnFidelity]) -> tuple[ColumnFidelity, ...]:
    """Those of whose values some have no place."""
    return tuple(each for each in found if each.values)


def in_short(found: Sequence[ColumnFidelity]) -> tuple[str, ...]:
    """What has become of columns, for a record: how many of which fidelity, and each that has lost values."""
    if not found:
        return ()
    counts = [(each.value, sum(one.fidelity is each for one in found)) for each in Fidelity]
    return (", ".join(f"{count} {words}" for words, count in counts if count), *map(str, lost(found)))
