"""What streams of backups cost: hashing and encryption on top of compression, memory of a long stream, deep verification."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pyrage

from aishell_ops.backups.models import Compression, Encryption, Part
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.compression import squeezer
from aishell_ops.backups.streams.contract import Recipe, Stride
from aishell_ops.backups.streams.fetch import check_stored, fetch
from aishell_ops.backups.streams.files import FileSource
from aishell_ops.backups.streams.nowhere import Nowhere
from aishell_ops.backups.streams.store import store
from benchmarks.backups_subject import MIB, Ran, configure, fill_incompressible, fill_sqlite, peak_bytes_of_aishell
from benchmarks.backups_turns import in_turns, told
from benchmarks.report import Figure, Section, bounded

_STREAM_BYTES = 1000 * MIB
_LONG_BYTES = 5000 * MIB
_ROUNDS = 5
_MOST_MEMORY_MIB = 200.0
_MOST_SURCHARGE_PERCENT = 10.0
_LEAST_RATE = 300.0
_PIECE_BYTES = 1 << 20
_DECOMPRESSOR_RATIO = 0.8
_KEY = "app/app/20261121-020000-k3f9/parts/stream"


def _quiet(stride: Stride) -> None:
    """Nobody looks."""


def _squeezed_alone(source: Path, place: Path) -> None:
    """The compressor alone: a file read, compressed, written and brought to the disk."""
    way = squeezer(Compression.ZSTD)
    with source.open("rb", buffering=0) as plain, place.open("wb", buffering=0) as stored:
        while piece := plain.read(_PIECE_BYTES):
            for small in way.compress(piece):
                stored.write(small)
        for small in way.finish():
            stored.write(small)
        os.fsync(stored.fileno())


def _hashed_alone(source: Path) -> None:
    """One SHA-256 of the plain bytes, which no way of keeping a proven stream can do without."""
    with source.open("rb", buffering=0) as plain:
        hashlib.file_digest(plain, "sha256")


def _stored(source: Path, storage: FolderStorage, recipe: Recipe) -> Part:
    return store(FileSource("stream", source), storage, _KEY, recipe, _quiet, threading.Event())


def _measured(way: Callable[[], object]) -> Callable[[], Ran]:
    """Work of this process as if it were a program of its own."""

    def once() -> Ran:
        cpu, wall = time.process_time(), time.monotonic()
        way()
        return Ran(time.monotonic() - wall, time.process_time() - cpu)

    return once


def streams_section() -> Section:
    """A stream of realistic rows through the compressor alone, and through all of the pipeline."""
    with tempfile.TemporaryDirectory(prefix="aishell-streams-") as name:
        folder = Path(name)
        source, storage = folder / "source", FolderStorage(folder / "storage")
        fill_sqlite(source, _STREAM_BYTES)
        sealed = Recipe(encryption=Encryption(recipients=(str(pyrage.x25519.Identity.generate().to_public()),)))
        alone, digest, hashed, encrypted = in_turns(
            _measured(lambda: _squeezed_alone(source, folder / "alone")),
            _measured(lambda: _hashed_alone(source)),
            _measured(lambda: _stored(source, storage, Recipe())),
            _measured(lambda: _stored(source, storage, sealed)),
            count=_ROUNDS,
        )
    return Section(
        "A stream of 1,000 MiB of rows",
        "python -m benchmarks.backups streams",
        (
            Figure("zstd -3 alone, on all cores", told(alone)),
            Figure("one SHA-256 of the plain bytes alone", told(digest)),
            Figure("its share of the compressor's CPU", f"{100 * digest.cpu_seconds / alone.cpu_seconds:.1f} %"),
            Figure("with both hashes", told(hashed)),
            Figure("with both hashes and encryption", told(encrypted)),
            bounded(
                "hashing and encryption on top of compression",
                100 * (encrypted.wall_seconds / alone.wall_seconds - 1),
                _MOST_SURCHARGE_PERCENT,
                "%",
            ),
        ),
        (
            f"Medians of {_ROUNDS} rounds in which all take turns; the bar is of wall time; the file is in the page cache.",
            "Where the compressor has all cores, whatever is done besides takes its time from it.",
        ),
    )


def memory_section() -> Section:
    """One command over a stream of five gigabytes of which nothing can be made smaller."""
    with tempfile.TemporaryDirectory(prefix="aishell-memory-") as name:
        home = Path(name)
        fill_incompressible(home / "app.db", _LONG_BYTES)
        configure(home, f"sqlite://{home / 'app.db'}")
        peak_bytes, ran = peak_bytes_of_aishell(
            home, "backup", "create", "app", "--output", str(home / "own"), "--no-verify", "--proof", "none"
        )
    return Section(
        "Memory of a stream of 5,000 MiB",
        "python -m benchmarks.backups memory",
        (
            bounded("most resident memory of the whole command", peak_bytes / MIB, _MOST_MEMORY_MIB, "MiB"),
            Figure("its time", f"{ran.seconds:.0f} s"),
        ),
        ("SQLite, random content, zstd -3: as much is stored as is read.",),
    )


def _rate(part: Part, storage: FolderStorage, compression: Compression) -> tuple[float, float]:
    """Stored megabytes per CPU second, and plain megabytes per second of wall time, of a deep verification."""
    cpu, wall = time.process_time(), time.monotonic()
    fetch(part, storage, _KEY, Nowhere(), _quiet, threading.Event(), compression=compression, keys=None)
    spent, took = time.process_time() - cpu, time.monotonic() - wall
    return part.stored_bytes / 1e6 / spent, part.plain_bytes / 1e6 / took


def _hash_rate(part: Part, storage: FolderStorage) -> float:
    cpu = time.process_time()
    check_stored(part, storage, _KEY, _quiet, threading.Event())
    return part.stored_bytes / 1e6 / (time.process_time() - cpu)


def _decompressor_rate(stored: Path, plain_bytes: int) -> float:
    begun = time.monotonic()
    subprocess.run(["zstd", "-q", "-dc", str(stored)], check=True, stdout=subprocess.DEVNULL)
    return plain_bytes / 1e6 / (time.monotonic() - begun)


def verify_section() -> Section:
    """Reading every byte again, with and without a decompressor."""
    with tempfile.TemporaryDirectory(prefix="aishell-verify-") as name:
        folder = Path(name)
        source, storage = folder / "source", FolderStorage(folder / "storage")
        fill_sqlite(source, _STREAM_BYTES)
        part = _stored(source, storage, Recipe(compression=Compression.NONE))
        hashed = _hash_rate(part, storage)
        plain, _ = _rate(part, storage, Compression.NONE)
        part = _stored(source, storage, Recipe())
        _, unpacked = _rate(part, storage, Compression.ZSTD)
        peer = _decompressor_rate(folder / "storage" / _KEY, part.plain_bytes)
    return Section(
        "Deep verification of 1,000 MiB of rows",
        "python -m benchmarks.backups verify",
        (
            _least("stored bytes hashed, per CPU second", hashed),
            _least("verify --deep without decompression, stored bytes per CPU second", plain),
            Figure(
                "verify --deep of zstd, plain bytes per second",
                f"{unpacked:.0f} MB/s",
                f"≥ {100 * _DECOMPRESSOR_RATIO:.0f} % of zstd -dc",
                unpacked >= _DECOMPRESSOR_RATIO * peer,
                f"{peer:.0f} MB/s",
            ),
        ),
        ("The decompressor's own speed is the bound: hashing runs beside it.",),
        "zstd -dc",
    )


def _least(name: str, rate: float) -> Figure:
    return Figure(name, f"{rate:.0f} MB/s", f"≥ {_LEAST_RATE:.0f} MB/s", rate >= _LEAST_RATE)
