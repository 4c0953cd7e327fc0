"""The versions of the state database's schema: numbered steps, each in one transaction, after a copy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from aishell_core.errors import StateError
from aishell_core.state.faults import damaged

Steps = tuple[str, ...]
"""SQL scripts; the n-th brings version n-1 to n."""

_TABLES = {"layout", "rollup", "event"}


def shipped_steps() -> Steps:
    """The steps that come with this program, from `schema/0001.sql` on."""
    folder = files("aishell_core.state") / "schema"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple((folder / name).read_text(encoding="utf-8") for name in names)


def checked_version(connection: sqlite3.Connection, path: Path, steps: Steps) -> int:
    """The version of a database, 0 for a new one; raises StateError when it is newer than the program, or another's."""
    with _one_moment(connection):
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if version > len(steps):
        raise StateError(
            f"{path} has schema version {version}, and this aishell knows versions up to {len(steps)}",
            "update aishell, or set AISHELL_HOME to another folder; the file was not touched",
        )
    if tables and (version == 0 or not tables >= _TABLES):
        raise damaged(path, "it is a database, but not one of aishell")
    return version


@contextmanager
def _one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """What is read within is of one state of the file: another process may be making its tables meanwhile."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.rollback()


def upgrade(connection: sqlite3.Connection, path: Path, steps: Steps, now: float) -> None:
    """Bring a database to the newest version; an existing one is copied first, to a file named in the same folder."""
    version = checked_version(connection, path, steps)
    copy = copy_path(path, version, now) if 0 < version < len(steps) else None
    if copy is not None:
        copy_database(connection, copy)
    try:
        for number, script in enumerate(steps[version:], start=version + 1):
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
    except BaseException:
        if copy is not None and checked_version(connection, path, steps) == version:
            # Nothing was changed, and the next try makes a copy again: they must not pile up.
            copy.unlink(missing_ok=True)
        raise


def copy_path(path: Path, version: int, now: float) -> Path:
    """Where the copy before an upgrade goes: state.db.v1-20260131T140231Z."""
    return path.with_name(f"{path.name}.v{version}-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}")


def copy_database(connection: sqlite3.Connection, copy: Path) -> None:
    """A consistent copy of an open database, readable by its owner only; nothing is left of one that fails."""
    try:
        copy.touch(mode=0o600, exist_ok=True)
        with closing(sqlite3.connect(copy)) as target:
            connection.backup(target)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
