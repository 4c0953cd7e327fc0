"""Real database files in every state that a database file can be in."""

from __future__ import annotations

import os
import random
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from aishell_core.clock import SystemClock
from aishell_core.targets import Location, Target
from aishell_core.values import TargetId, Tier
from collectors.sqlite.collector import SqliteCollector, collector_of
from collectors.sqlite.place import place_of
from tests.servers.sqlite_client import SqliteClient, client

JOURNAL_MODES = ("wal", "delete", "truncate", "persist")


def target_of(path: Path, name: str = "app", *options: tuple[str, str]) -> Target:
    return Target(TargetId(name), Location("sqlite", path=path, options=options))


def patient_collector(target: Target) -> SqliteCollector:
    """A collector with a minute for each reading, for tests that are not about deadlines: the machine may be busy with much else."""
    return collector_of(place_of(target), target, SystemClock(), deadline_seconds=dict.fromkeys(Tier, 60.0))


def make_database(path: Path, journal: str = "delete", rows: int = 500) -> Path:
    """A small shop, closed by everybody."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, mail TEXT)")
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER, status TEXT, total REAL)")
        connection.execute("CREATE INDEX orders_by_user ON orders (user_id)")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO users VALUES (?, ?, ?)", ((n, f"user {n}", f"{n}@example.org") for n in range(rows)))
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", ((n, n % 50, "open", n / 7) for n in range(rows * 4)))
        connection.execute("COMMIT")
    return path


def make_empty(path: Path) -> Path:
    path.touch()
    return path


def make_random(path: Path) -> Path:
    """What an encrypted database looks like from outside."""
    path.write_bytes(random.Random(7).randbytes(64 * 1024))
    return path


def make_text(path: Path) -> Path:
    path.write_text("id,name\n" + "1,somebody\n" * 300)
    return path


def make_truncated(path: Path) -> Path:
    make_database(path)
    os.truncate(path, path.stat().st_size // 2)
    return path


def make_newer_format(path: Path) -> Path:
    make_database(path)
    _overwrite(path, 18, bytes([3, 3]))
    return path


def make_newer_schema(path: Path) -> Path:
    make_database(path)
    _overwrite(path, 44, (9).to_bytes(4, "big"))
    return path


def make_directory(path: Path) -> Path:
    path.mkdir()
    return path


def make_fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


def make_socket(path: Path) -> Path:
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(os.path.relpath(path))
    return path


def make_loop(path: Path) -> Path:
    """A symbolic link to itself."""
    path.symlink_to(path.name)
    return path


def make_stub(path: Path) -> Path:
    """A database of which less than the header is left."""
    make_database(path)
    os.truncate(path, 60)
    return path


def make_bad_page_size(path: Path) -> Path:
    make_database(path)
    _overwrite(path, 16, bytes([0, 3]))
    return path


def make_bad_schema(path: Path) -> Path:
    """A table whose definition is no SQL."""
    make_database(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = 'CREATE TABLE users (((' WHERE name = 'users'")
    return path


def make_damaged(path: Path) -> Path:
    """A database of which the second half was overwritten with something else."""
    make_database(path)
    half = path.stat().st_size // 8192 * 4096
    _overwrite(path, half, b"\x55" * half)
    return path


def make_hot_journal(path: Path) -> Path:
    """A database whose writer was killed in the middle of a transaction that had already reached the file."""
    make_database(path)
    with client(path) as writer:
        writer.run("PRAGMA cache_size = 5")
        writer.run("BEGIN IMMEDIATE")
        writer.run("UPDATE orders SET status = 'billed'")
        writer.kill()
    assert path.with_name(path.name + "-journal").stat().st_size > 0
    return path


def make_crashed_log(path: Path) -> Path:
    """A database with a write-ahead log whose only user was killed."""
    make_database(path, "wal")
    with client(path) as writer:
        writer.run("INSERT INTO users (name) VALUES ('late')")
        writer.kill()
    assert path.with_name(path.name + "-wal").stat().st_size > 0
    return path


def make_orphaned_log(path: Path) -> Path:
    """The same, copied without the log's index."""
    make_crashed_log(path)
    path.with_name(path.name + "-shm").unlink()
    return path


def make_pages_of_64_kib(path: Path) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA page_size = 65536")
        connection.execute("CREATE TABLE t (x)")
    return path


def make_utf16(path: Path) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA encoding = 'UTF-16le'")
        connection.execute("CREATE TABLE größe (名 TEXT)")
        connection.execute("INSERT INTO größe VALUES ('ok')")
    return path


def _overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def files_beside(path: Path) -> dict[str, tuple[int, int, int]]:
    """The files of a database with what would show that somebody touched them: inode, size, time of the last write."""
    found = {file.name: file.stat() for file in path.parent.iterdir() if file.name.startswith(path.name)}
    return {name: (stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in sorted(found.items())}


def logged_calls(log: Path) -> float:
    """The calls that a statement log has counted, as far as they are written; 0 while there is none."""
    if not log.exists():
        return 0.0
    with closing(sqlite3.connect(f"file:{log}?mode=ro", uri=True)) as connection, suppress(sqlite3.OperationalError):
        for (calls,) in connection.execute("SELECT calls FROM totals"):
            return float(calls)
    return 0.0


Builder = Callable[[Path], Path]
__all__ = ["Builder", "SqliteClient", "client"]
