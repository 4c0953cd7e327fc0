"""Tables, columns and values as every engine with tables understands them; frozen, and nothing in them belongs to one engine.

A value (Cell) stands as its source wrote it, so that nothing is lost on the way back: decimals, moments and the like are text.
Which values are equal is said by `hashing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from aishell_ops.backups.errors import DamagedError

Cell: TypeAlias = "bool | int | float | str | bytes | list[Cell] | None"
"""A value: None is NULL. A text may hold lone surrogates U+DC80 to U+DCFF in place of bytes that are no UTF-8."""
Row: TypeAlias = "tuple[Cell, ...]"
Raw: TypeAlias = Any
"""A value as JSON or a driver has it."""


class Kind(StrEnum):
    """What the values of a column are, with the form that a Cell of it has.

    decimal: digits as text, or NaN, Infinity, -Infinity. float: of Python, whatever its size. date, time, timestamp: ISO 8601
    with a blank, of any number of digits behind the point; instant: the same with its distance from UTC, and in brackets the name
    of its zone where its source keeps that; years before our era end in BC. interval: as PostgreSQL writes it. duration: hours,
    minutes, seconds, more than a day or less than nothing.
    bits: 0 and 1 as text. array: a list, or text where its bounds are odd. other: text in the source's own words. any: each
    value is of its own kind.
    """

    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    TEXT = "text"
    BYTES = "bytes"
    DATE = "date"
    TIME = "time"
    ZONED_TIME = "time with zone"
    TIMESTAMP = "timestamp"
    INSTANT = "instant"
    INTERVAL = "interval"
    DURATION = "duration"
    UUID = "uuid"
    JSON = "json"
    BITS = "bits"
    ARRAY = "array"
    OTHER = "other"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its kind, and its type as its source declares it.

    `bits` are those of an integer or a float. `length` counts signs of a text, bytes or bits. `fixed` tells that every value has
    that length. `element` describes what is in an array. `told` says in words how the source's values are told by this kind,
    where they are not of it themselves.
    """

    name: str
    kind: Kind
    declared: str = ""
    nullable: bool = True
    bits: int = 64
    unsigned: bool = False
    precision: int | None = None
    scale: int | None = None
    length: int | None = None
    fixed: bool = False
    element: Column | None = None
    told: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose rows are saved. `schema` is "" where the engine has none; `key` are the columns of its primary key.

    `definition` are statements that make it anew in an engine of the same family, with all that is `tied` to it: what another
    engine does not get. `missing` names what belongs to it and is not saved at all, with the reason.
    """

    name: str
    columns: tuple[Column, ...]
    schema: str = ""
    key: tuple[str, ...] = ()
    definition: tuple[str, ...] = ()
    tied: tuple[str, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        """What people call it."""
        return f"{self.schema}.{self.name}" if self.schema else self.name


_LEFT_OUT = Column("", Kind.TEXT)
_OPTIONAL = ("nullable", "bits", "unsigned", "precision", "scale", "length", "fixed", "told")


def column_as_json(column: Column) -> dict[str, Any]:
    """A column as JSON; what is as usual is left out."""
    found: dict[str, Any] = {"name": column.name, "kind": column.kind.value, "declared": column.declared}
    for name in _OPTIONAL:
        if (value := getattr(column, name)) != getattr(_LEFT_OUT, name):
            found[name] = value
    if column.element is not None:
        found["element"] = column_as_json(column.element)
    return found


def table_as_json(table: Table) -> dict[str, Any]:
    """A table as JSON."""
    return {
        "name": table.name,
        "schema": table.schema,
        "key": list(table.key),
        "columns": [column_as_json(column) for column in table.columns],
        "definition": list(table.definition),
        "tied": list(table.tied),
        "missing": [list(pair) for pair in table.missing],
    }


def column_of_json(given: Mapping[str, Any]) -> Column:
    """A column that was written by `column_as_json`; raises DamagedError."""
    try:
        rest = {name: given[name] for name in _OPTIONAL if name in given}
        element = column_of_json(given["element"]) if given.get("element") else None
        return Column(str(given["name"]), Kind(given["kind"]), str(given["declared"]), element=element, **rest)
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"the description of a column cannot be read: {error}") from error


def table_of_json(given: Mapping[str, Any]) -> Table:
    """A table that was written by `table_as_json`; raises DamagedError."""
    try:
        return Table(
            str(given["name"]),
            tuple(column_of_json(column) for column in given["columns"]),
            str(given["schema"]),
            tuple(map(str, given["key"])),
            tuple(map(str, given["definition"])),
            tuple(map(str, given["tied"])),
            tuple((str(what), str(why)) for what, why in given["missing"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"the description of a table cannot be read: {error}") from error
