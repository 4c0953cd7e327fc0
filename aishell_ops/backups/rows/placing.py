"""Where the tables of a backup go in a place, in which shape, and how true that is; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aishell_ops.backups.rows.contract import Placed, PlacedColumn, TakesRows
from aishell_ops.backups.rows.fidelity import ColumnFidelity, Fidelity, Losses
from aishell_ops.backups.rows.model import Column, Table
from aishell_ops.backups.rows.names import fitted


def placed_tables(engine: TakesRows, tables: Sequence[Table], *, same: bool) -> tuple[Placed, ...]:
    """Each table with its name, its columns and its key in the place; `same` tells that the place is of the family they come from."""
    wanted = engine.place_of(tables)
    names: dict[int, str] = {}
    for schema in dict.fromkeys(schema for schema, _ in wanted):
        numbers = [number for number, (each, _) in enumerate(wanted) if each == schema]
        names.update(zip(numbers, fitted([wanted[number][1] for number in numbers], engine.rules), strict=True))
    return tuple(
        _placed(engine, table, schema, names[number], same=same)
        for number, (table, (schema, _)) in enumerate(zip(tables, wanted, strict=True))
    )


def _placed(engine: TakesRows, table: Table, schema: str, name: str, *, same: bool) -> Placed:
    taken = (engine.rules.key_name,) if engine.rules.key_name and table.key != (engine.rules.key_name,) else ()
    names = fitted([column.name for column in table.columns], engine.rules, taken)
    columns = tuple(_placed_column(engine, table, column, name, same=same) for column, name in zip(table.columns, names, strict=True))
    key = [column for column in columns if column.column.name in table.key]
    keeps = bool(key) and len(key) == len(table.key) and not engine.keeps_key(key)
    by_name = {column.column.name: column.name for column in columns}
    own = table.definition if same and name == table.name else ()
    return Placed(table, schema, name, columns, tuple(by_name[each] for each in table.key) if keeps else (), own)


def _placed_column(engine: TakesRows, table: Table, column: Column, name: str, *, same: bool) -> PlacedColumn:
    shape = engine.shape(table, column, same=same)
    if column.told:
        words = "; ".join(filter(None, (column.told, shape.words)))
        shape = replace(shape, fidelity=shape.fidelity.or_less(Fidelity.REPRESENTED), words=words)
    # Where a value may have to give way to NULL, the column takes it.
    required = not column.nullable and (not shape.may_be_gone or column.name in table.key)
    return PlacedColumn(column, name, shape, required)


def fidelity_of(engine: TakesRows, placed: Sequence[Placed], losses: Mapping[int, Losses]) -> tuple[ColumnFidelity, ...]:
    """What becomes of every column, and what cannot be had; `losses` by the number of the table, once the values are known."""
    found: list[ColumnFidelity] = []
    for number, each in enumerate(placed):
        found += _columns(each, losses.get(number, Losses()))
        found += _others(engine, each)
    return tuple(found)


def _columns(placed: Placed, losses: Losses) -> list[ColumnFidelity]:
    label = placed.table.label
    found = []
    for number, column in enumerate(placed.columns):
        shape, count = column.shape, losses.counts.get(number, 0)
        words = [shape.words] if shape.words else []
        if column.name != column.column.name:
            words.append(f"named {column.name}")
        if not column.column.nullable and not column.required:
            words.append("takes NULL there")
        found.append(
            ColumnFidelity(
                label,
                column.column.name,
                column.column.declared or column.column.kind.value,
                shape.type or "no type",
                Fidelity.CANNOT if count else shape.fidelity,
                "; ".join(words),
                count,
                losses.examples.get(number, ""),
            )
        )
    return found


def _others(engine: TakesRows, placed: Placed) -> list[ColumnFidelity]:
    table, found = placed.table, []
    if table.key and not placed.key and not placed.definition:
        why = engine.keeps_key([column for column in placed.columns if column.column.name in table.key])
        found.append(ColumnFidelity(table.label, "primary key", ", ".join(table.key), "", Fidelity.CANNOT, why))
    if not placed.definition:
        found += [ColumnFidelity(table.label, each, each, "", Fidelity.CANNOT, "only its own engine takes it") for each in table.tied]
    found += [ColumnFidelity(table.label, what, what, "", Fidelity.CANNOT, why) for what, why in table.missing]
    return found
