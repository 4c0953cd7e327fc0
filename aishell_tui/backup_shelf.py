"""All backups of all storages that are known, each with the storage that it lies in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from aishell_core.errors import AishellError, UsageError
from aishell_ops.backups.attempts import Attempt, settled
from aishell_ops.backups.catalogue import expect_present, refresh
from aishell_ops.backups.copies import missing_copies, wanted_in
from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.holder import lives
from aishell_ops.backups.ids import LATEST, begun_at, find_id
from aishell_ops.backups.layout import Spot
from aishell_ops.backups.models import Backup, Lack, LackingCopy
from aishell_ops.backups.repository import Inventory, Repository, Unfinished
from aishell_ops.backups.shrinking import Drop, drops_by_job
from aishell_ops.backups.state import with_orphans
from aishell_ops.backups.storage.address import StorageAddress
from aishell_ops.backups.unmade import LISTED_SECONDS, Beginning, Unmade, unmade_of
from aishell_tui.backup_aftercare import spot_of_backup
from aishell_tui.backup_chronicle import kept_attempts, kept_attempts_at
from aishell_tui.backup_desk import BackupDesk
from aishell_tui.backup_text import unread_text

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
class Copies:
    """One backup, in every storage that has it, the usual one first; `lacking` are the storages that have no copy to count on."""

    lies: tuple[Shelved, ...]
    lacking: tuple[LackingCopy, ...] = ()

    @property
    def backup(self) -> Backup:
        """As it is in the first storage."""
        return self.lies[0].backup

    @property
    def best(self) -> Shelved:
        """The copy to restore from: the first one that can be restored, else the first."""
        return next((one for one in self.lies if one.backup.state.restorable), self.lies[0])

    @property
    def others(self) -> tuple[Shelved, ...]:
        """The copies that are not restored from."""
        return tuple(one for one in self.lies if one is not self.best)


@dataclass(frozen=True, slots=True)
class Shelf:
    """What was found: backups, the oldest first, those that cannot be believed, and what could not be read.

    `unmade` are those that run, failed or were abandoned, the newest first. `bare` are the storages that hold nothing of any backup.
    `lacking` are the copies, by the id of their backup, that were to be made and are not there, or cannot be believed.
    """

    backups: tuple[Shelved, ...] = ()
    damaged: tuple[tuple[Spot, DamagedError], ...] = ()
    unmade: tuple[Unmade, ...] = ()
    faults: tuple[AishellError, ...] = ()
    bare: tuple[StorageAddress, ...] = ()
    lacking: Mapping[str, tuple[LackingCopy, ...]] = field(default_factory=dict)

    @property
    def told_faults(self) -> tuple[str, ...]:
        """What is wrong, in words."""
        return (
            *(fault.message for fault in self.faults),
            *(f"{spot.id}: {error.message}" for spot, error in self.damaged),
            *(f"{one.backup.id}: {unread_text(key)}" for one in self.backups for key in one.backup.unread),
        )

    @property
    def drops(self) -> tuple[Drop, ...]:
        """Backups that have lost more than half and that nobody has accepted, for which retention removes nothing; copies count once."""
        by_address: dict[StorageAddress, list[Backup]] = {}
        for one in self.backups:
            by_address.setdefault(one.address, []).append(one.backup)
        return tuple({drop.after.id: drop for found in by_address.values() for drop in drops_by_job(found)}.values())

    @property
    def copies(self) -> tuple[Copies, ...]:
        """The backups, the newest first, each once with all its copies."""
        found: dict[str, list[Shelved]] = {}
        for one in reversed(self.backups):
            found.setdefault(one.backup.id, []).insert(0, one)
        return tuple(Copies(tuple(lies), self.lacking.get(id_, ())) for id_, lies in found.items())

    def named(self, text: str) -> Copies:
        """The backup that somebody means, in all storages that have it; raises UsageError, and what kept it from being seen."""
        if text == LATEST and self.backups:
            # Not by the ids: of two that were begun in one second they do not tell which was the later.
            return self.copies[0]
        try:
            id_ = find_id(text, {one.backup.id for one in self.backups})
        except AishellError:
            for spot, error in self.damaged:
                if text and str(spot.id).startswith(text):
                    raise error from None
            if self.faults:
                raise self.faults[0] from None
            raise
        return Copies(tuple(one for one in self.backups if one.backup.id == id_), self.lacking.get(id_, ()))

    def damage_of(self, copies: Copies) -> tuple[DamagedError, ...]:
        """What is wrong with copies of a backup whose own description cannot be believed."""
        return tuple(error for spot, error in self.damaged if spot == copies.lies[0].spot)

    def passed_over(self, text: str, copies: Copies) -> tuple[str, ...]:
        """What might be meant rather than what was found: of `latest` anything newer that is damaged or was not seen; and bad copies."""
        words = [f"the copy in {one.address} is {one.backup.state}" for one in copies.others if not one.backup.state.restorable]
        words += [f"a copy is damaged: {error.message}" for error in self.damage_of(copies)]
        if text == LATEST:
            since = copies.backup.manifest.started_at
            newer = [
                (spot, error) for spot, error in self.damaged if begun_at(spot.id) >= float(int(since)) and spot != copies.lies[0].spot
            ]
            words += [f"{spot.id} of {spot.line.target} is not older and is damaged: {error.message}" for spot, error in newer]
            words += [f"a newer one may be where nobody could look: {fault.message}" for fault in self.faults]
        return tuple(words)

    def has(self, text: str) -> bool:
        """Whether a text names a backup here."""
        try:
            return bool(find_id(text, {one.backup.id for one in self.backups}))
        except UsageError:
            return False

    def named_damaged(self, text: str) -> tuple[Spot, DamagedError] | None:
        """What somebody means that cannot be believed."""
        found = {spot: error for spot, error in self.damaged if text and str(spot.id).startswith(text)}
        return next(iter(found.items())) if len(found) == 1 else None

    def named_unmade(self, text: str) -> Unmade | None:
        """What somebody means that is no backup, or not yet."""
        try:
            id_ = find_id(text, {one.id for one in self.unmade}) if text != LATEST else None
        except UsageError:
            return None
        return next((one for one in self.unmade if one.id == id_), None)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one storage has."""

    address: StorageAddress
    backups: tuple[Shelved, ...] = ()
    damaged: tuple[tuple[Spot, DamagedError], ...] = ()
    beginnings: tuple[Beginning, ...] = ()
    faults: tuple[AishellError, ...] = ()


def look_at_shelf(desk: BackupDesk, addresses: Iterable[StorageAddress], *, in_short: bool = False, everywhere: bool = False) -> Shelf:
    """Look into storages at the same time; one that cannot be read is among the faults. Blocking.

    `in_short` gives what the catalogue keeps of each backup, without its parts and objects, which is enough for a list and
    takes no longer for ten thousand; `opened` gives the whole of one. Attempts that were made elsewhere than in these storages are
    among what is told only with `everywhere`.
    """
    known = tuple(addresses)
    look = _glance if in_short else _look
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        seen = tuple(pool.map(lambda address: look(desk, address), known))
    now = desk.clock.now()
    tried = settled(kept_attempts(desk.authority.state_folder, now - LISTED_SECONDS), lives, now)
    places = {str(address) for address in known}
    made = {one.backup.id for each in seen for one in each.backups} | {spot.id for each in seen for spot, _ in each.damaged}
    return Shelf(
        tuple(sorted((one for each in seen for one in each.backups), key=lambda one: (one.backup.manifest.started_at, one.backup.id))),
        tuple(one for each in seen for one in each.damaged),
        unmade_of(
            [one for each in seen for one in each.beginnings], [one for one in tried if everywhere or one.storage in places], made, lives
        ),
        tuple(fault for each in seen for fault in each.faults),
        tuple(each.address for each in seen if not (each.backups or each.damaged or each.beginnings or each.faults)),
        _lacking(desk, seen),
    )


def _lacking(desk: BackupDesk, seen: Sequence[_Seen]) -> dict[str, tuple[LackingCopy, ...]]:
    """The copies that are not there or cannot be believed; the state is asked only where one is not found that was wanted."""
    asked = {str(each.address) for each in seen}
    unseen = {str(each.address) for each in seen if each.faults}
    damaged = {(spot.id, str(each.address)): error for each in seen for spot, error in each.damaged}
    there: dict[str, set[str]] = {}
    wanted: dict[str, tuple[str, ...]] = {}
    for one in (one for each in seen for one in each.backups):
        there.setdefault(one.backup.id, set()).add(str(one.address))
        wanted[one.backup.id] = tuple(each for each in wanted_in(one.backup.manifest) if each in asked)
    found: dict[str, tuple[LackingCopy, ...]] = {}
    for (id_, address), error in damaged.items():
        if id_ in there:
            there[id_].add(address)
            found[id_] = (*found.get(id_, ()), LackingCopy(address, Lack.DAMAGED, error.message))
    tried: dict[str, list[Attempt]] = {}
    wanting = {id_ for id_, places in wanted.items() if not there[id_].issuperset(places)}
    known = kept_attempts_at(desk.authority.state_folder, wanting) if wanting else ()
    for attempt in settled(known, lives, desk.clock.now()):
        tried.setdefault(attempt.backup, []).append(attempt)
    for name, mine in tried.items():
        found[name] = (*found.get(name, ()), *missing_copies(wanted[name], there[name], mine, unseen))
    return {name: lacking for name, lacking in found.items() if lacking}


def opened(desk: BackupDesk, found: Shelved) -> Shelved:
    """A backup with all that is known of it, read from its storage. Blocking; raises StorageError, DamagedError."""
    with desk.repository(found.address) as repository:
        return Shelved(repository.read(found.spot), found.address)


def _glance(desk: BackupDesk, address: StorageAddress) -> _Seen:
    """What the catalogue keeps, as far as it still holds; what was read anew is kept for the next time."""
    state, now = desk.authority.state_folder, desk.clock.now()
    return _seen(desk, address, lambda repository: refresh(repository, state, str(address), now))


def _look(desk: BackupDesk, address: StorageAddress) -> _Seen:
    return _seen(desk, address, lambda repository: repository.scan())


def _seen(desk: BackupDesk, address: StorageAddress, look: Callable[[Repository], Inventory]) -> _Seen:
    try:
        expect_present(desk.authority.state_folder, str(address))
        with desk.repository(address) as repository:
            found = look(repository)
            beginnings = tuple(_beginning(repository, one, str(address)) for one in found.unfinished)
    except AishellError as error:
        return _Seen(address, faults=(error,))
    return _Seen(address, tuple(Shelved(backup, address) for backup in with_orphans(found.backups)), found.damaged, beginnings)


def _beginning(repository: Repository, found: Unfinished, storage: str) -> Beginning:
    """What was begun; only of one whose holder cannot be looked up is asked when it was written last."""
    unknown = found.holder is None or lives(found.holder) is None
    return Beginning(found.spot, storage, found.stored_bytes, found.holder, unknown and repository.is_silent(found))
