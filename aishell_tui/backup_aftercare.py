"""What follows a committed backup: it is verified, copied to other storages, and there verified too; then old ones are let go of.

Copies of earlier backups that had not come about are made up for last.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from aishell_core.errors import AishellError
from aishell_ops.backups.attempts import Attempt, settled
from aishell_ops.backups.copies import missing_copies, wanted_in
from aishell_ops.backups.copying import copy_backup, copy_judgements
from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.holder import lives
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.models import Backup
from aishell_ops.backups.progress import Tell
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.retain import Retained, retain
from aishell_ops.backups.storage.address import StorageAddress
from aishell_ops.backups.streams.stopping import in_thread
from aishell_ops.backups.verify import Depth, Verification, verify
from aishell_tui.backup_chronicle import kept_attempts_at
from aishell_tui.backup_settings import Settings

if TYPE_CHECKING:
    from aishell_tui.backup_desk import BackupDesk


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy of a backup, in its storage, and what retention did there."""

    address: StorageAddress
    backup: Backup
    retained: Retained | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a backup that was wanted.

    `copies` lie in the other storages, `made_up` are copies of earlier backups that had not come about. `doubts` say what went wrong
    after it was committed: the backup is there, but a copy, its verification or retention is not.
    """

    backup: Backup
    copies: tuple[Copied, ...] = ()
    made_up: tuple[Copied, ...] = ()
    verification: Verification | None = None
    retained: Retained | None = None
    doubts: tuple[AishellError, ...] = ()


async def look_after(
    desk: BackupDesk, repository: Repository, backup: Backup, settings: Settings, others: Sequence[StorageAddress], tell: Tell
) -> Saved:
    """Verify a backup, copy it, and let old ones go in each storage; each is tried whatever became of those before it, but two.

    What is known to be damaged is not copied, and nothing is removed anywhere unless all went well.
    """
    saved = Saved(backup)
    if settings.verify:
        try:
            saved = await _verified(desk, repository, saved, tell)
        except AishellError as error:
            saved = _doubting(saved, error)
    for address in others:
        try:
            copy = await bring_copy(desk, repository, backup, address, tell, check=settings.verify)
            saved = replace(saved, copies=(*saved.copies, copy))
        except AishellError as error:
            saved = _doubting(saved, error)
    if not saved.doubts and (saved.verification is None or saved.verification.is_whole):
        saved = await _retained(desk, repository, saved, settings)
    return await _making_up(desk, repository, saved, settings, tell)


async def _verified(desk: BackupDesk, repository: Repository, saved: Saved, tell: Tell) -> Saved:
    keys = await desk.opening_keys(repository, saved.backup)
    spot, who = spot_of_backup(saved.backup), desk.authority.actor.user
    found = await verify(repository, spot, Depth.DEEP, desk.clock, keys=keys, by=who, tell=tell)
    return replace(saved, backup=found.backup, verification=found)


async def bring_copy(
    desk: BackupDesk,
    repository: Repository,
    backup: Backup,
    address: StorageAddress,
    tell: Tell,
    *,
    check: bool = True,
    command: str = "create",
) -> Copied:
    """A copy whose bytes were read back, where that is wanted. Raises BackupError and its kin, ConfigError."""
    stop, spot = threading.Event(), spot_of_backup(backup)
    async with desk.copying(backup, address, tell) as told:
        with desk.repository(address) as goal:
            async with desk.noticed(goal, address, command):
                copy = await in_thread(stop, partial(copy_backup, repository, goal, spot, tell=told, stop=stop))
                if not check:
                    return Copied(address, copy)
                found = await verify(goal, spot, Depth.STORED, desk.clock, by=desk.authority.actor.user, tell=told)
                if not found.is_whole:
                    raise DamagedError(f"the copy in {address} is damaged: {'; '.join(found.faults)}", "look at the storage itself")
                return Copied(address, await asyncio.to_thread(copy_judgements, repository, goal, spot))


async def _making_up(desk: BackupDesk, repository: Repository, saved: Saved, settings: Settings, tell: Tell) -> Saved:
    """Bring earlier backups to the storages that this one was copied to, where their copies never came about, the newest first."""
    for copy in saved.copies:
        try:
            for backup in await asyncio.to_thread(_lacking_in, desk, repository, copy):
                made = await bring_copy(desk, repository, backup, copy.address, tell, check=settings.verify)
                saved = replace(saved, made_up=(*saved.made_up, made))
        except AishellError as error:
            saved = _doubting(saved, error)
    return saved


def _lacking_in(desk: BackupDesk, repository: Repository, copy: Copied) -> list[Backup]:
    """The good backups of a database whose copies in a storage never came about, the newest first. Blocking; raises StorageError."""
    where = str(copy.address)
    found = [one for one in repository.scan(spot_of_backup(copy.backup).line).backups if one.state.restorable]
    wanting = {one.id: one for one in found if where in wanted_in(one.manifest)}
    tried: dict[str, list[Attempt]] = {}
    for each in settled(kept_attempts_at(desk.authority.state_folder, wanting), lives, desk.clock.now()):
        tried.setdefault(each.backup, []).append(each)
    # Nobody is waited for here who is still at an earlier backup, and what was begun by this one is not looked at.
    lacking = [one for one in wanting.values() if one.id != copy.backup.id and missing_copies((where,), (), tried.get(one.id, ()))]
    with desk.repository(copy.address) as goal:
        lacking = [one for one in lacking if goal.storage.head(spot_of_backup(one).manifest_key) is None]
    return sorted(lacking, key=lambda one: one.manifest.started_at, reverse=True)


async def _retained(desk: BackupDesk, repository: Repository, saved: Saved, settings: Settings) -> Saved:
    """Let old ones go in the first storage and in those of the copies, by the same rules, each by what lies there."""
    line, now = spot_of_backup(saved.backup).line, desk.clock.now()
    try:
        kept = await asyncio.to_thread(retain, repository, line, settings.job, settings.policy, now)
        saved = replace(saved, retained=kept)
    except AishellError as error:
        saved = _doubting(saved, error)
    copies = []
    for copy in saved.copies:
        try:
            with desk.repository(copy.address) as goal:
                async with desk.noticed(goal, copy.address):
                    kept = await asyncio.to_thread(retain, goal, line, settings.job, settings.policy, now)
            copies.append(replace(copy, retained=kept))
        except AishellError as error:
            saved = _doubting(saved, error)
            copies.append(copy)
    return replace(saved, copies=tuple(copies))


def _doubting(saved: Saved, error: AishellError) -> Saved:
    return replace(saved, doubts=(*saved.doubts, error))


def spot_of_backup(backup: Backup) -> Spot:
    """Where a backup lies in its storage."""
    return Spot(Line(backup.manifest.source.target, backup.manifest.source.database), backup.id)
