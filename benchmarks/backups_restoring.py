"""What bringing a backup of PostgreSQL back costs beside pg_restore."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.backups_subject import MIB, Ran, aishell, configure, fill_postgres, run
from benchmarks.backups_turns import NOTE, Cost, in_turns, speed, told
from benchmarks.report import Figure, Section
from tests.servers.postgres import PostgresServer, postgres

_BYTES = 1000 * MIB
_JOBS = "2"


class _Stage:
    """A server with orders in it, its backup with and without proofs, and the native archives of the same rows."""

    def __init__(self, home: Path, server: PostgresServer) -> None:
        self._home, self._server = home, server
        fill_postgres(server, _BYTES, home)
        configure(home, server.url("shop"))
        for proof in ("counts", "none"):
            aishell(home, "backup", "create", "app", "--output", str(home / proof), "--no-verify", "--proof", proof)
        run(f"{self._program('pg_dump')} -Fc -d '{server.url('shop')}' -f '{home}/peer.dump'", {})
        run(f"{self._program('pg_dump')} -Fc -Z0 -d '{server.url('shop')}' | zstd -q -3 -T0 -o '{home}/peer.zst'", {})

    def own(self, proof: str) -> Ran:
        """Our backup into a database that is not there."""
        self._server.execute("DROP DATABASE IF EXISTS again", "CHECKPOINT")
        place = str(self._home / proof)
        return aishell(
            self._home, "backup", "restore", "latest", "--target", "again", "--jobs", _JOBS, "--storage", place, "--yes", "--confirm", "app"
        )

    def peer(self, *, first: str, archive: str) -> Ran:
        """A native archive into an empty database; making that is measured too, as it is of ours."""
        self._server.execute("DROP DATABASE IF EXISTS again", "CHECKPOINT")
        made = f"{self._program('createdb')} --maintenance-db='{self._server.url()}' -T template0 again"
        loaded = f"{self._program('pg_restore')} --exit-on-error -j {_JOBS} -d '{self._server.url('again')}' '{archive}'"
        return run(f"{first} {made} && {loaded}", {})

    def _program(self, name: str) -> str:
        return f"'{self._server.binaries.folder / name}'"


def _costs() -> tuple[Cost, ...]:
    with tempfile.TemporaryDirectory(prefix="aishell-restoring-") as name, postgres("15") as server:
        home = Path(name)
        stage = _Stage(home, server)
        unpacked = f"zstd -q -dc -f '{home}/peer.zst' > '{home}/copy.dump' &&"
        ways: tuple[Callable[[], Ran], ...] = (
            lambda: stage.own("counts"),
            lambda: stage.own("none"),
            lambda: stage.peer(first="", archive=f"{home}/peer.dump"),
            lambda: stage.peer(first=unpacked, archive=f"{home}/copy.dump"),
            lambda: stage.peer(first="", archive=f"{home}/copy.dump"),
        )
        return in_turns(*ways, server_pid=server.pid)


def restoring_section() -> Section:
    """A gigabyte of orders with two indexes and a primary key, by two jobs."""
    counted, uncounted, gzip, zstd, plain = _costs()
    return Section(
        "Restoring 1 GB into PostgreSQL 15 by two jobs",
        "python -m benchmarks.backups restoring",
        (
            speed("checked, counted and analysed, against pg_restore -j 2 of an archive of pg_dump -Fc", counted, gzip),
            speed("the same against zstd -dc, and pg_restore -j 2 of what it gives", counted, zstd),
            speed("checked and analysed without counts, against the latter", uncounted, zstd),
            Figure("pg_restore -j 2 of an archive that is not compressed, for comparison", "–", peer=told(plain)),
        ),
        (NOTE, "Ours compares the hashes of all that it reads, analyses the tables, and publishes the database under its name at the end."),
        "pg_restore",
    )
