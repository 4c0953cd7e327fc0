"""Backups in a storage: begun, committed, found, recorded about, removed. Called from threads; raises BackupError and its kin."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from aishell_ops.backups.errors import BackupError, DamagedError, StorageError, StorageFault
from aishell_ops.backups.holder import lives
from aishell_ops.backups.layout import Line, Spot, is_manifest, is_record, record_named, spot_of
from aishell_ops.backups.lease import SILENT_SECONDS, Lives
from aishell_ops.backups.manifest import decode, encode, seal_of
from aishell_ops.backups.models import Backup, Holder, Manifest, Record
from aishell_ops.backups.state import backup_of
from aishell_ops.backups.storage.contract import Storage, StoredObject

ARRIVAL_SECONDS = 86_400.0
"""After how long nobody on another machine is still bringing a backup here: who copies gives no signs of life on the way."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A backup without a manifest: what lies there of it, and who began it as far as that can be read."""

    spot: Spot
    objects: tuple[StoredObject, ...]
    holder: Holder | None

    @property
    def stored_bytes(self) -> int:
        """How much lies there."""
        return sum(one.size_bytes for one in self.objects)


@dataclass(frozen=True, slots=True)
class Inventory:
    """All that was found in a storage. `damaged` says of backups whose manifest or records cannot be believed what is wrong."""

    backups: tuple[Backup, ...] = ()
    damaged: tuple[tuple[Spot, DamagedError], ...] = ()
    unfinished: tuple[Unfinished, ...] = ()
    foreign: tuple[StoredObject, ...] = field(default=(), compare=False)


class Repository:
    """The backups in one storage."""

    def __init__(self, storage: Storage, now: Callable[[], float]) -> None:
        self.storage = storage
        self._now = now

    def begin(self, spot: Spot, holder: Holder) -> None:
        """Say who begins a backup, before anything else of it is written."""
        self.storage.put_new(spot.started_key, encode(holder))

    def commit(self, spot: Spot, manifest: Manifest) -> Backup:
        """Write the manifest, read it back and compare: from here on it is a backup.

        Before that, every part must lie there with the size that it was written with. Raises BackupError, and then it is none.
        """
        self._expect_parts(spot, manifest)
        content = encode(manifest)
        self.storage.put_new(spot.manifest_key, content)
        if self.storage.get(spot.manifest_key)[0] != content:
            self.storage.delete(spot.manifest_key)
            raise DamagedError(
                f"{spot.manifest_key} in {self.storage.address} does not read back as it was written", "look at the storage itself"
            )
        return self._backup(spot, manifest, content, ())

    def _expect_parts(self, spot: Spot, manifest: Manifest) -> None:
        for part in manifest.parts:
            found = self.storage.head(spot.part_key(part.name))
            if found is None or found.size_bytes != part.stored_bytes:
                there = "is not there" if found is None else f"has {found.size_bytes} bytes"
                raise BackupError(
                    f"{part.name} was written with {part.stored_bytes} bytes, and now {there}", "somebody else may be removing backups"
                )

    def record(self, spot: Spot, record: Record) -> None:
        """Note what became known of a backup; never changes what was noted before."""
        self.storage.put_new(spot.record_key(record), encode(record))

    def read(self, spot: Spot) -> Backup:
        """One backup; raises StorageError (missing) when there is none, DamagedError when it cannot be believed."""
        return self._read(spot, self._record_keys(spot))

    def records(self, spot: Spot) -> tuple[Record, ...]:
        """What became known of a backup, also of one whose manifest cannot be believed."""
        return self._records(self._record_keys(spot))[0]

    def _record_keys(self, spot: Spot) -> list[str]:
        return [one.key for one in self.storage.list(spot.prefix) if is_record(one.key)]

    def scan(self, line: Line | None = None) -> Inventory:
        """All that lies in the storage, or what is of one database, the oldest first."""
        return self._scan(line.prefix if line is not None else "")

    def look(self, spot: Spot) -> Inventory:
        """What lies at one spot."""
        return self._scan(spot.prefix)

    def _scan(self, prefix: str) -> Inventory:
        found, foreign = self._objects(prefix)
        backups, damaged, unfinished = [], [], []
        for spot, objects in sorted(found.items(), key=lambda item: (item[0].line, item[0].id)):
            if not any(is_manifest(one.key) for one in objects):
                unfinished.append(Unfinished(spot, tuple(objects), self.holder(spot)))
                continue
            try:
                backups.append(self._read(spot, [one.key for one in objects if is_record(one.key)]))
            except DamagedError as error:
                damaged.append((spot, error))
        return Inventory(tuple(backups), tuple(damaged), tuple(unfinished), tuple(foreign))

    def _objects(self, prefix: str) -> tuple[Mapping[Spot, Sequence[StoredObject]], Sequence[StoredObject]]:
        """The objects of each backup, and those of none."""
        found: dict[Spot, list[StoredObject]] = defaultdict(list)
        foreign = []
        for one in self.storage.list(prefix):
            spot = spot_of(one.key)
            if spot is None:
                foreign.append(one)
            else:
                found[spot].append(one)
        return found, foreign

    def unfinished(self, line: Line) -> tuple[Unfinished, ...]:
        """What of one database was begun and is no backup; those that are one are not read."""
        spots, _ = self._objects(line.prefix)
        return tuple(
            Unfinished(spot, tuple(objects), self.holder(spot))
            for spot, objects in spots.items()
            if not any(is_manifest(one.key) for one in objects)
        )

    def holder(self, spot: Spot) -> Holder | None:
        """Who has begun a backup; None where nothing says so that can be believed. Raises StorageError."""
        try:
            return decode(Holder, self.storage.get(spot.started_key)[0], spot.started_key)
        except DamagedError:
            return None
        except StorageError as error:
            if error.fault is StorageFault.MISSING:
                return None
            raise

    def remove(self, spot: Spot) -> int:
        """Remove a backup; its manifest first, so that half of one is none. How many bytes that freed."""
        objects = sorted(self.storage.list(spot.prefix), key=lambda one: not is_manifest(one.key))
        for one in objects:
            self.storage.delete(one.key)
        return sum(one.size_bytes for one in objects)

    def sweep_line(self, line: Line) -> int:
        """Remove what dead ones have left of one database; how many bytes that freed. It needs no lease: a living holder's stays."""
        swept = self.sweep(self.unfinished(line), silent_seconds=ARRIVAL_SECONDS)
        return sum(one.stored_bytes for one in swept)

    def sweep(
        self, unfinished: Iterable[Unfinished], alive: Lives = lives, *, silent_seconds: float = SILENT_SECONDS
    ) -> tuple[Unfinished, ...]:
        """Remove unfinished backups whose holder is dead, and what dead writers have left; which they were.

        One without a readable holder, or with one on another machine, goes when nothing of it has been written for ten minutes, or
        as long as is said, by the storage's clock.
        """
        self.storage.sweep()
        swept = []
        for one in unfinished:
            living = None if one.holder is None else alive(one.holder)
            if living is False or (living is None and self.is_silent(one, silent_seconds)):
                self.remove(one.spot)
                swept.append(one)
        return tuple(swept)

    def is_silent(self, unfinished: Unfinished, seconds: float = SILENT_SECONDS) -> bool:
        """Whether neither an object of it nor the lease of its line has changed for so long, by the storage's clock."""
        lease = self.storage.head(unfinished.spot.line.lease_key)
        signs = [one.changed_at for one in unfinished.objects] + ([lease.changed_at] if lease is not None else [])
        return self._now() - max(signs) >= seconds

    def _read(self, spot: Spot, record_keys: Iterable[str]) -> Backup:
        content, _ = self.storage.get(spot.manifest_key)
        manifest = decode(Manifest, content, f"{self.storage.address}/{spot.manifest_key}")
        if (manifest.id, manifest.source.target, manifest.source.database) != (spot.id, spot.line.target, spot.line.database):
            raise DamagedError(
                f"{spot.manifest_key} is the manifest of another backup ({manifest.id})", "somebody has moved or copied it there"
            )
        records, unread = self._records(record_keys)
        return replace(self._backup(spot, manifest, content, records), unread=unread)

    def _records(self, keys: Iterable[str]) -> tuple[tuple[Record, ...], tuple[str, ...]]:
        """The records that can be read, with what the names of others tell, and the keys of those."""
        records, unread = [], []
        for key in keys:
            content, _ = self.storage.get(key)
            try:
                records.append(decode(Record, content, f"{self.storage.address}/{key}"))
            except BackupError:
                # What became known since must not take along what was saved, neither damaged nor by a newer version.
                unread.append(key)
                records += [named] if (named := record_named(key)) is not None else []
        return tuple(records), tuple(unread)

    def _backup(self, spot: Spot, manifest: Manifest, content: bytes, records: Iterable[Record]) -> Backup:
        return backup_of(manifest, seal_of(content), f"{self.storage.address}/{spot.prefix.rstrip('/')}", tuple(records), self._now())
