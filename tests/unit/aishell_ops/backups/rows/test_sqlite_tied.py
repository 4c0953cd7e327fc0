"""What a table of SQLite has besides its rows is told by name, each of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from aishell_core.engines.sqlite_rows import SqliteRows
from aishell_ops.backups.rows.engines.sqlite_tied import tied

COLUMNS = (
    "id INTEGER PRIMARY KEY, a TEXT DEFAULT 'CHECK (no)' UNIQUE, b INT CHECK (b > (1 + 2) AND a <> ')'),"
    ' c INT GENERATED ALWAYS AS (b + 1), d INT CONSTRAINT "odd name" CHECK (d IN (1, 2)), -- CHECK (a comment)\n'
    " e INT REFERENCES parent, f INT, UNIQUE (e, f), FOREIGN KEY (e, f) REFERENCES other (x, y)"
)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("id INTEGER PRIMARY KEY, a TEXT", ()),
        (
            COLUMNS,
            (
                "computed column c",
                "foreign key (e) to parent",
                "foreign key (e, f) to other",
                "check (b > (1 + 2) AND a <> ')')",
                "check odd name",
                "default of a",
                "unique constraint (a)",
                "unique constraint (e, f)",
                "index by b",
                "index partly",
            ),
        ),
    ],
    ids=["nothing", "everything"],
)
def test_all_of_it_is_told_by_name(tmp_path: Path, columns: str, expected: tuple[str, ...]) -> None:
    path = tmp_path / "f.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE t ({columns})")
        if expected:
            connection.execute('CREATE INDEX "by b" ON t (b)')
            connection.execute("CREATE UNIQUE INDEX partly ON t (f + 1) WHERE f > 0")
        (table,) = SqliteRows(path, connection).tables()
    assert tied(table) == expected
