"""Knowing all backups of a storage without reading each again: what was read once is kept until its mark changes. Blocking.

The catalogue is never the truth: what it lacks or cannot believe is read from the storage, and whoever acts reads the backup.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from aishell_core.errors import AishellError
from aishell_core.state.store import Store
from aishell_core.units import format_counted
from aishell_ops.backups.errors import DamagedError, StorageError, StorageFault
from aishell_ops.backups.layout import Spot, spot_of
from aishell_ops.backups.models import Backup
from aishell_ops.backups.repository import Inventory, Repository, Unfinished
from aishell_ops.backups.storage.contract import StoredObject
from aishell_ops.backups.storage.marks import Marks, mark_of
from aishell_ops.backups.summary import backup_from, summary_of

_MANIFEST = "manifest.json"


@dataclass
class Entries:
    """What is kept of one storage: by the prefix of a backup its mark and its summary."""

    address: str
    known: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    fresh: dict[str, tuple[str, str]] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)


def overview(repository: Repository, entries: Entries, now: float) -> Inventory:
    """All that lies in a storage, its backups in short; `entries` is told what was read anew and what is gone.

    Raises StorageError.
    """
    seen: set[str] = set()
    backups: list[Backup] = []
    damaged: list[tuple[Spot, DamagedError]] = []
    unfinished: list[Unfinished] = []
    for prefix, mark in _marks(repository):
        spot = spot_of(f"{prefix}{_MANIFEST}")
        if spot is None:
            continue
        seen.add(prefix)
        known = entries.known.get(prefix)
        backup = backup_from(known[1], now) if known is not None and mark and known[0] == mark else None
        if backup is not None:
            backups.append(backup)
            continue
        found = repository.look(spot)
        backups += found.backups
        damaged += found.damaged
        unfinished += found.unfinished
        for one in found.backups if mark else ():
            entries.fresh[prefix] = (mark, summary_of(one))
    entries.gone += [prefix for prefix in entries.known if prefix not in seen]
    backups.sort(key=lambda one: (one.manifest.source.target, one.manifest.source.database, one.id))
    return Inventory(tuple(backups), tuple(damaged), tuple(unfinished))


def _marks(repository: Repository) -> Iterable[tuple[str, str]]:
    """The prefix of every backup with its mark, "" for one that has no manifest."""
    storage = repository.storage
    if isinstance(storage, Marks):
        return storage.marks()
    found: dict[str, list[StoredObject]] = {}
    for one in storage.list():
        spot = spot_of(one.key)
        if spot is not None:
            found.setdefault(spot.prefix, []).append(one)
    return [(prefix, mark_of(prefix, objects)) for prefix, objects in found.items()]


def kept_entries(state_folder: Path, address: str) -> Entries:
    """What the state database keeps of a storage; nothing where it cannot be read, because everything can be read anew."""
    nothing: dict[str, tuple[str, str]] = {}
    try:
        with closing(Store.open_to_read(state_folder)) as store:
            return Entries(address, store.read(lambda connection: _read(connection, address), nothing))
    except AishellError:
        return Entries(address)


def keep_entries(state_folder: Path, entries: Entries) -> None:
    """Keep what was read anew and forget what is gone; raises StateError."""
    if not entries.fresh and not entries.gone:
        return
    with closing(Store.open(state_folder)) as store:
        store.transact(lambda connection: _write(connection, entries), is_durable=False)


def refresh(repository: Repository, state_folder: Path, address: str, now: float) -> Inventory:
    """All that lies in a storage, its backups in short, from what is kept as far as that still holds; what was new is kept.

    Raises StorageError. What cannot be kept is told all the same.
    """
    expect_present(state_folder, address)
    entries = kept_entries(state_folder, address)
    found = overview(repository, entries, now)
    with suppress(AishellError):
        keep_entries(state_folder, entries)
    return found


def is_vacant(address: str) -> bool:
    """Whether a storage is a folder that is not there, or has nothing at all in it: one that was written to has at least its lock."""
    if "://" in address:
        return False  # that a bucket is gone is told by its cloud
    try:
        return next(Path(address).iterdir(), None) is None
    except FileNotFoundError:
        return True
    except OSError:
        return False


def expect_present(state_folder: Path, address: str, command: str = "create") -> None:
    """Raise StorageError where backups were known in a folder that is gone or empty: an unmounted disk looks like that.

    That they are gone is not concluded from it, nor is anything written there, which would lie on the disk below. `command` is the one
    whose --new-storage begins it anew.
    """
    if not (known := known_but_gone(state_folder, address)):
        return
    what = f"the folder {address} is gone or empty, and {format_counted(known, 'backup')} {'was' if known == 1 else 'were'} known in it"
    raise StorageError(StorageFault.MISSING, what, f"mount or move it back; aishell backup {command} --new-storage begins it anew instead")


def known_but_gone(state_folder: Path, address: str) -> int:
    """How many backups were known in a folder that is gone or empty; 0 for any other storage."""
    return len(kept_entries(state_folder, address).known) if is_vacant(address) else 0


def kept_backups(connection: sqlite3.Connection, addresses: Iterable[str], now: float) -> tuple[tuple[str, Backup], ...]:
    """The backups that are kept of storages, each with the storage's address, without looking there."""
    found = ((address, backup_from(body, now)) for address in addresses for _, body in _read(connection, address).values())
    return tuple((address, backup) for address, backup in found if backup is not None)


def entries_version(connection: sqlite3.Connection) -> str:
    """A text that is another one after anything that is kept has changed."""
    digest = hashlib.sha256()
    for row in connection.execute("SELECT storage, spot, mark FROM backup_entry ORDER BY storage, spot"):
        digest.update("\0".join(map(str, row)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _read(connection: sqlite3.Connection, address: str) -> dict[str, tuple[str, str]]:
    """What is kept and is what was written: a row that was changed or damaged is as if it were not there."""
    rows = connection.execute("SELECT spot, mark, summary FROM backup_entry WHERE storage = ?", (address,))
    found = ((spot, mark, summary.partition(" ")) for spot, mark, summary in rows if isinstance(summary, str))
    return {spot: (mark, body) for spot, mark, (seal, _, body) in found if seal == _seal(address, spot, mark, body)}


def _seal(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _write(connection: sqlite3.Connection, entries: Entries) -> None:
    connection.executemany("DELETE FROM backup_entry WHERE storage = ? AND spot = ?", ((entries.address, spot) for spot in entries.gone))
    connection.executemany(
        "INSERT OR REPLACE INTO backup_entry (storage, spot, mark, summary) VALUES (?, ?, ?, ?)",
        (
            (entries.address, spot, mark, f"{_seal(entries.address, spot, mark, summary)} {summary}")
            for spot, (mark, summary) in entries.fresh.items()
        ),
    )
