"""Databases of realistic rows for the measurements of backups, and the native programs that they are compared with."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.servers.mysql import MysqlServer
from tests.servers.postgres import PostgresServer
from tests.terminal import AISHELL, surroundings

MIB = 1 << 20
_WORDS = 4_000
_ROWS_AT_ONCE = 250_000
_ROW_BYTES = 260
"""What a row takes in PostgreSQL, about."""
_MEASURED = """
import os, resource, sys
child = os.fork()
if not child:
    os.execv(sys.argv[2], sys.argv[2:])
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
with open(sys.argv[1], "w") as told:
    told.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024))
sys.exit(status)
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """A program that has ended: wall seconds, and CPU seconds of it and its children."""

    seconds: float
    cpu_seconds: float


def run(command: Sequence[str | Path] | str, environment: Mapping[str, str], cwd: Path | None = None) -> Ran:
    """Run a program, or a line of bash in which every program of a pipe has to end well; raises RuntimeError when it fails."""
    words: Sequence[str | Path] = ["bash", "-o", "pipefail", "-c", command] if isinstance(command, str) else command
    begun = time.monotonic()
    process = subprocess.Popen(words, env={**os.environ, **environment}, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    told = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}: {told.decode(errors='replace')[-2000:]}")
    return Ran(time.monotonic() - begun, used.ru_utime + used.ru_stime)


def peak_bytes_of_aishell(home: Path, *arguments: str) -> tuple[int, Ran]:
    """The most resident memory of one command or of a program that it ran, whichever held more, and its times.

    What the system tells of a child is not less than what its parent held when it was started: so a small one starts it.
    """
    told = home / "peak"
    words: list[str | Path] = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        _MEASURED,
        told,
        AISHELL,
        *arguments,
        "--config",
        str(home / "config.yaml"),
    ]
    ran = run(words, surroundings(home, PYTHONDONTWRITEBYTECODE=""))
    return int(told.read_text()), ran


def aishell(home: Path, *arguments: str) -> Ran:
    """One command of aishell with the configuration in a folder; its modules are compiled once, as they are where it is installed."""
    return run([AISHELL, *arguments, "--config", str(home / "config.yaml")], surroundings(home, PYTHONDONTWRITEBYTECODE=""))


def configure(home: Path, url: str) -> None:
    """A target called app, whose backups this user may make."""
    home.mkdir(parents=True, exist_ok=True)
    user = os.environ.get("USER") or "root"
    place = home / "config.yaml"
    place.write_text(f"targets:\n  - {{name: app, url: '{url}'}}\nroles:\n  - {{role: admin, users: [{user}, root]}}\n")
    place.chmod(0o600)


def _words() -> list[str]:
    chance = random.Random(1)
    return ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(3, 10))) for _ in range(_WORDS)]


def fill_postgres(server: PostgresServer, size_bytes: int, folder: Path) -> None:
    """Orders with names, amounts, times and a remark of some words, as large as that, loaded from a file."""
    server.execute("CREATE DATABASE shop")
    server.execute(
        "CREATE TABLE orders (id bigint PRIMARY KEY, customer text, amount numeric(10,2), placed timestamp, token text, remark text)",
        database="shop",
    )
    rows = folder / "rows.tsv"
    for first in range(0, size_bytes // _ROW_BYTES, _ROWS_AT_ONCE):
        rows.write_text("".join("\t".join(map(str, row)) + "\n" for row in _orders(first, _ROWS_AT_ONCE)))
        run([server.binaries.folder / "psql", "-q", "-d", server.url("shop"), "-c", f"\\copy orders FROM '{rows}'"], {})
    rows.unlink()
    server.execute("CREATE INDEX ON orders (customer)", "CREATE INDEX ON orders (placed)", "ANALYZE", "CHECKPOINT", database="shop")


def multiply_postgres(server: PostgresServer, times: int) -> None:
    """As many times the orders that are there, under numbers of their own; no compressor sees so far back that it would notice."""
    more = (
        f"INSERT INTO orders SELECT id + turn * (SELECT count(*) FROM orders), customer, amount, placed, token, remark "
        f"FROM orders CROSS JOIN generate_series(1, {times - 1}) AS turn"
    )
    words = [argument for statement in (more, "VACUUM ANALYZE orders", "CHECKPOINT") for argument in ("-c", statement)]
    run([server.binaries.folder / "psql", "-q", "-d", server.url("shop"), *words], {})


def _orders(first: int, count: int) -> list[tuple[int, str, float, str, str, str]]:
    chance, words = random.Random(first), _words()
    return [
        (
            number,
            f"{chance.choice(words)}@{words[number % _WORDS]}.example",
            chance.randint(0, 10**6) / 100,
            f"2026-{1 + number % 12:02}-{1 + number % 28:02} {number % 24:02}:{number % 60:02}:00",
            f"{chance.getrandbits(128):032x}",
            " ".join(chance.choices(words, k=14)),
        )
        for number in range(first, first + count)
    ]


def fill_mysql(server: MysqlServer, size_bytes: int, folder: Path) -> None:
    """The same orders in MariaDB, loaded from a file."""
    server.execute("CREATE DATABASE shop")
    server.execute(
        "CREATE TABLE shop.orders (id bigint PRIMARY KEY, customer varchar(60), amount decimal(10,2), placed datetime, token char(32), "
        "remark text)"
    )
    rows = folder / "rows.tsv"
    for first in range(0, size_bytes // _ROW_BYTES, _ROWS_AT_ONCE):
        rows.write_text("".join("\t".join(map(str, row)) + "\n" for row in _orders(first, _ROWS_AT_ONCE)))
        rows.chmod(0o644)
        load = f"LOAD DATA LOCAL INFILE '{rows}' INTO TABLE shop.orders"
        run(["mariadb", "--no-defaults", "--local-infile=1", f"--socket={server.socket}", "--user=root", "-e", load], {})
    rows.unlink()


def fill_sqlite(path: Path, size_bytes: int) -> None:
    """The same orders in a file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, amount NUMERIC, placed TEXT, token TEXT, remark TEXT)"
        )
        for first in range(0, size_bytes // _ROW_BYTES, _ROWS_AT_ONCE):
            database.execute("BEGIN")
            database.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", _orders(first, _ROWS_AT_ONCE))
            database.execute("COMMIT")
        database.execute("CREATE INDEX by_customer ON orders (customer)")


def fill_incompressible(path: Path, size_bytes: int) -> None:
    """A database file of bytes that nothing makes smaller, so that as much is stored as is read."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, content BLOB)")
        database.execute("BEGIN")
        for number in range(size_bytes // MIB):
            database.execute("INSERT INTO things VALUES (?, ?)", (number, os.urandom(MIB)))
        database.execute("COMMIT")
