"""Finding a table by the name that somebody gives it; pure."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from aishell_core.errors import UsageError
from aishell_ops.backups.rows.model import Table


def table_named(name: str, tables: Sequence[Table]) -> Table:
    """The table that somebody means by its name, with or without its schema; raises UsageError naming the nearest."""
    found = [table for table in tables if name == table.label] or [table for table in tables if name == table.name]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{name} is the name of {len(found)} tables", f"they are {', '.join(table.label for table in found)}")
    near = get_close_matches(name, [*(table.label for table in tables), *(table.name for table in tables)], 1)
    there = ", ".join(table.label for table in tables[:10])
    raise UsageError(f"there is no table {name}", f"did you mean {near[0]}?" if near else f"there are {there or 'none'}")
