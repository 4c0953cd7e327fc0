"""All backups of all storages that are known, each with the storage that it lies in."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aishell_core.errors import AishellError
from aishell_ops.backups.catalogue import refresh
from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.ids import find_id
from aishell_ops.backups.layout import Spot
from aishell_ops.backups.models import Backup
from aishell_ops.backups.repository import Inventory, Unfinished
from aishell_ops.backups.storage.address import StorageAddress
from aishell_tui.backup_desk import BackupDesk, spot_of_backup

_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Shelved:
    """A backup and the storage that it lies in."""

    backup: Backup
    address: StorageAddress

    @property
    def spot(self) -> Spot:
        """Where in the storage."""
        return spot_of_backup(self.backup)


@dataclass(frozen=True, slots=True)
class Shelf:
    """What was found: backups, the oldest first, those that cannot be believed, those that were never committed, unread storages."""

    backups: tuple[Shelved, ...] = ()
    damaged: tuple[tuple[Spot, DamagedError], ...] = ()
    unfinished: tuple[tuple[Unfinished, StorageAddress], ...] = ()
    faults: tuple[AishellError, ...] = ()

    @property
    def told_faults(self) -> tuple[str, ...]:
        """What is wrong, in words."""
        return (*(fault.message for fault in self.faults), *(f"{spot.id}: {error.message}" for spot, error in self.damaged))

    def named(self, text: str) -> Shelved:
        """The backup that somebody means, of several copies the first storage's; raises UsageError, and what kept it from being seen."""
        try:
            id_ = find_id(text, {one.backup.id for one in self.backups})
        except AishellError:
            for spot, error in self.damaged:
                if text and str(spot.id).startswith(text):
                    raise error from None
            if self.faults:
                raise self.faults[0] from None
            raise
        return next(one for one in self.backups if one.backup.id == id_)


def look_at_shelf(desk: BackupDesk, addresses: Iterable[StorageAddress], *, in_short: bool = False) -> Shelf:
    """Look into storages at the same time; one that cannot be read is among the faults. Blocking.

    `in_short` gives what the catalogue keeps of each backup, without its parts and objects, which is enough for a list and
    takes no longer for ten thousand; `opened` gives the whole of one.
    """
    known = tuple(addresses)
    look = _glance if in_short else _look
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        shelves = tuple(pool.map(lambda address: look(desk, address), known))
    return Shelf(
        tuple(sorted((one for shelf in shelves for one in shelf.backups), key=lambda one: (one.backup.manifest.started_at, one.backup.id))),
        tuple(one for shelf in shelves for one in shelf.damaged),
        tuple(one for shelf in shelves for one in shelf.unfinished),
        tuple(fault for shelf in shelves for fault in shelf.faults),
    )


def opened(desk: BackupDesk, found: Shelved) -> Shelved:
    """A backup with all that is known of it, read from its storage. Blocking; raises StorageError, DamagedError."""
    with desk.repository(found.address) as repository:
        return Shelved(repository.read(found.spot), found.address)


def _glance(desk: BackupDesk, address: StorageAddress) -> Shelf:
    """What the catalogue keeps, as far as it still holds; what was read anew is kept for the next time."""
    try:
        with desk.repository(address) as repository:
            found = refresh(repository, desk.authority.state_folder, str(address), desk.clock.now())
    except AishellError as error:
        return Shelf(faults=(error,))
    return _shelf(found, address)


def _look(desk: BackupDesk, address: StorageAddress) -> Shelf:
    try:
        with desk.repository(address) as repository:
            found = repository.scan()
    except AishellError as error:
        return Shelf(faults=(error,))
    return _shelf(found, address)


def _shelf(found: Inventory, address: StorageAddress) -> Shelf:
    return Shelf(
        tuple(Shelved(backup, address) for backup in found.backups), found.damaged, tuple((one, address) for one in found.unfinished)
    )
