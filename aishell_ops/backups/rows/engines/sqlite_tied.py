"""What belongs to a table of SQLite besides its rows, each by its name or its words; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aishell_core.engines.sqlite_rows import StoredTable

_PIECE = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?(?:\*/|$))|(?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])"""
    r"""|(?P<check>\bCHECK\s*\()|(?P<open>\()|(?P<close>\))""",
    re.DOTALL | re.IGNORECASE,
)
_NAMED = re.compile(r"""CONSTRAINT\s+(?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|\w+)\s*$""", re.IGNORECASE)


def tied(stored: StoredTable) -> tuple[str, ...]:
    """What only another file of SQLite gets with the table."""
    found = [f"computed column {column.name}" for column in stored.columns if column.computed]
    found += [f"foreign key {words}" for words in stored.references]
    found += [f"check {words}" for words in _checks(stored.statements[0])]
    found += [f"default of {column.name}" for column in stored.columns if column.preset is not None]
    found += [f"unique constraint ({', '.join(columns)})" for columns in stored.uniques]
    return (*found, *(f"index {name}" for name in stored.indexes))


def _checks(statement: str) -> Iterator[str]:
    """The checks of a table by their names, and by their conditions where they have none."""
    depth, begun, inside, named = 0, 0, 0, ""
    for piece in _PIECE.finditer(statement):
        if piece["check"] is not None and not inside:
            depth += 1
            begun, inside = piece.end(), depth
            name = _NAMED.search(statement, 0, piece.start())
            named = name["name"].strip('"`[]') if name is not None else ""
        elif piece["check"] is not None or piece["open"] is not None:
            depth += 1
        elif piece["close"] is not None:
            if inside == depth:
                yield named or f"({' '.join(statement[begun : piece.start()].split())})"
                inside = 0
            depth -= 1
