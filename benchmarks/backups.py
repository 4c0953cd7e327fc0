"""What backups cost beside the native programs: `python -m benchmarks.backups [NAME...]` for some of the tables."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.backups_restoring import restoring_section
from benchmarks.backups_shelf import shelf_section
from benchmarks.backups_streams import memory_section, streams_section, verify_section
from benchmarks.backups_subject import MIB, Ran, aishell, configure, fill_mysql, fill_postgres, fill_sqlite, multiply_postgres, run
from benchmarks.backups_turns import NOTE, Cost, in_turns, speed, told
from benchmarks.report import Figure, Section, machine, render
from tests.servers.mysql import mysql
from tests.servers.postgres import postgres

_FASTER_RATIO = 2.0
_POSTGRES_BYTES = 1000 * MIB
_LARGE_BYTES = 4000 * MIB
_OTHER_BYTES = 3000 * MIB
_ZSTD = "zstd -q -3 -T0 -f"


@contextmanager
def _workplace() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="aishell-backups-") as folder:
        yield Path(folder)


def _own(home: Path, *options: str) -> Callable[[], Ran]:
    """One backup with a new place each time, so that no retention and no catalogue is in the way."""

    def once() -> Ran:
        place = tempfile.mkdtemp(prefix="own-", dir=home)
        ran = aishell(home, "backup", "create", "app", "--output", place, "--no-verify", *options)
        shutil.rmtree(place)
        return ran

    return once


def _peer(made: Path, line: str) -> Callable[[], Ran]:
    """A native line of programs that writes one file, which is removed as ours is: outside of its time."""

    def once() -> Ran:
        ran = run(f"{line} && sync '{made}'", {})
        made.unlink()
        return ran

    return once


def _both_levels(home: Path) -> tuple[Callable[[], Ran], Callable[[], Ran]]:
    """One backup with the proofs that are taken by default, counts, and one without any."""
    return (_own(home), _own(home, "--proof", "none"))


def _compared(what: str, against: str, peer: Cost, counts: Cost, none: Cost) -> tuple[Figure, ...]:
    """The native program proves nothing: its speed is asked of a backup without proofs, and of one with those of the default too."""
    return (
        speed(f"{what}: without proofs, against {against}", none, peer),
        speed("the same with the default proofs, counts of one moment", counts, peer),
    )


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and "parts" in file.parts)


def postgres_rows() -> tuple[Figure, ...]:
    """One gigabyte of orders in PostgreSQL 15, then four: what a start costs is a part of the first that can be seen."""
    with _workplace() as home, postgres("15") as server:
        fill_postgres(server, _POSTGRES_BYTES, home)
        configure(home, server.url("shop"))
        dump = server.binaries.folder / "pg_dump"
        squeezed, dumped = home / "peer.zst", home / "peer.dump"
        piped = _peer(squeezed, f"'{dump}' -Fc -Z0 -d '{server.url('shop')}' | {_ZSTD} -o '{squeezed}'")
        alone = f"'{dump}' -Fc -d '{server.url('shop')}' -f '{dumped}'"
        small = (*_both_levels(home), _own(home, "--proof", "full"), piped, _peer(dumped, alone))
        counts, none, full, peer, gzip = in_turns(*small, server_pid=server.pid)
        aishell(home, "backup", "create", "app", "--output", str(home / "size"), "--no-verify")
        run(alone, {})
        stored, peer_bytes = _size(home / "size"), dumped.stat().st_size
        multiply_postgres(server, _LARGE_BYTES // _POSTGRES_BYTES)
        *large, large_peer = in_turns(*_both_levels(home), piped, server_pid=server.pid)
    faster = gzip.wall_seconds / counts.wall_seconds
    against = "pg_dump -Fc -Z0 into zstd -3 -T0"
    return (
        *_compared("PostgreSQL, 4 GB", against, large_peer, *large),
        *_compared("PostgreSQL, 1 GB", against, peer, counts, none),
        Figure("the same with full proofs, in which every row is hashed", told(full)),
        Figure(
            "PostgreSQL, 1 GB, default settings against pg_dump -Fc",
            f"{counts.wall_seconds:.2f} s, {faster:.1f} times as fast",
            f"≥ {_FASTER_RATIO:g} times",
            faster >= _FASTER_RATIO,
            told(gzip),
        ),
        Figure(
            "what is stored then",
            f"{stored / MIB:.0f} MiB",
            f"≤ {peer_bytes / MIB:.0f} MiB",
            stored <= peer_bytes,
            f"{peer_bytes / MIB:.0f} MiB",
        ),
    )


def mysql_rows() -> tuple[Figure, ...]:
    """Three gigabytes of orders in MariaDB."""
    with _workplace() as home, mysql("mariadb-10.11") as server:
        home.chmod(0o755)
        fill_mysql(server, _OTHER_BYTES, home)
        configure(home, server.url("shop"))
        flags = "--no-defaults --single-transaction --quick --routines --triggers --events --hex-blob"
        dump = f"mariadb-dump {flags} --host=127.0.0.1 --port={server.port} --user=root shop"
        squeezed = home / "peer.zst"
        *own, peer = in_turns(*_both_levels(home), _peer(squeezed, f"{dump} | {_ZSTD} -o '{squeezed}'"), server_pid=server.pid)
    return _compared("MariaDB 10.11, 3 GB", "mariadb-dump into zstd -3 -T0", peer, *own)


def sqlite_rows() -> tuple[Figure, ...]:
    """Three gigabytes of orders in a file."""
    with _workplace() as home:
        path, copy = home / "shop.db", home / "copy.db"
        fill_sqlite(path, _OTHER_BYTES)
        configure(home, f"sqlite://{path}")
        squeezed = home / "peer.zst"
        piped = f"sqlite3 '{path}' '.backup {copy}' && {_ZSTD} -o '{squeezed}' '{copy}' && rm '{copy}'"
        *own, peer = in_turns(*_both_levels(home), _peer(squeezed, piped))
    return _compared("SQLite, 3 GB", "sqlite3 .backup and zstd -3 -T0", peer, *own)


def taking_section() -> Section:
    """Full backups of three engines beside the native program and the same compressor at the same level."""
    return Section(
        "Taking a full backup",
        "python -m benchmarks.backups taking",
        (*postgres_rows(), *mysql_rows(), *sqlite_rows()),
        (NOTE,),
        "native",
    )


SECTIONS: dict[str, Callable[[], Section]] = {
    "taking": taking_section,
    "restoring": restoring_section,
    "streams": streams_section,
    "memory": memory_section,
    "verify": verify_section,
    "shelf": shelf_section,
}


def measure_all() -> tuple[Section, ...]:
    """All tables of backups."""
    return tuple(section() for section in SECTIONS.values())


if __name__ == "__main__":
    wanted = sys.argv[1:] or list(SECTIONS)
    sys.stdout.write(render(tuple(SECTIONS[name]() for name in wanted), machine(), datetime.now(UTC).date().isoformat()))
