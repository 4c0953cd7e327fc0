"""Test restores: a backup is restored into a place of its own, compared with what was saved, and the time is kept."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from aishell_core.clock import Clock
from aishell_core.targets import Target
from aishell_ops.backups.comparison import Comparison
from aishell_ops.backups.engines.contract import HasScratch, LoadRequest, Loads
from aishell_ops.backups.errors import BackupError, DamagedError, LockedError, StorageError
from aishell_ops.backups.layout import Spot
from aishell_ops.backups.models import Backup, BackupState, ProofLevel, Record, RecordKind
from aishell_ops.backups.progress import Tell, nobody
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import RestoreOrder, plan_restore, restore
from aishell_ops.backups.streams.contract import Keys
from aishell_ops.backups.verify import shut_words


class Drillable(Loads, HasScratch, Protocol):
    """An engine that can restore into a place of its own."""


@dataclass(frozen=True, slots=True)
class Drill:
    """What a test restore has shown. `seconds` are those of the restore alone, as a real one would take."""

    backup: Backup
    place: str
    comparison: Comparison
    seconds: float

    @property
    def proves(self) -> bool:
        """Whether what was restored was compared with what was saved, and not only restored without an error."""
        return self.comparison.is_proof


async def drill(
    engine: Drillable,
    repository: Repository,
    spot: Spot,
    target: Target,
    clock: Clock,
    *,
    keys: Keys | None = None,
    by: str = "",
    tell: Tell = nobody,
) -> Drill:
    """Restore a backup into a scratch place and record the result beside it; the place is gone afterwards.

    Raises DamagedError when it is not what was saved, LockedError when what would open it is not at hand, BackupError and its kin
    when it could not be restored, TargetError. The first makes the backup corrupt, the second says nothing about it, the others are
    written down beside it and leave it as it is.
    """
    backup = await asyncio.to_thread(repository.read, spot)
    if shut := await asyncio.to_thread(shut_words, backup, keys):
        raise LockedError(f"backup {backup.id} is not tested: {shut}")
    try:
        async with engine.scratch(target, backup.manifest) as place:
            order = RestoreOrder(place, LoadRequest(), keys)
            plan = await plan_restore(engine, _as_if_good(backup), order)
            done = await restore(engine, repository, spot, backup, order, plan, clock, tell=tell)
            where = place.location.redacted()
    except LockedError:
        raise
    except BackupError as error:
        # A program that is missing or a full disk says nothing about the backup: only what was read says that.
        kind = RecordKind.DAMAGED if isinstance(error, DamagedError) else RecordKind.TEST_FAILED
        with suppress(StorageError):
            await asyncio.to_thread(
                repository.record, spot, Record(kind, clock.now(), by, f"a test restore failed: {error.message}", "restore")
            )
        raise
    detail = _detail(done.comparison, backup.manifest.proof)
    record = Record(RecordKind.TESTED, clock.now(), by, detail, "restore", done.seconds)
    await asyncio.to_thread(repository.record, spot, record)
    return Drill(await asyncio.to_thread(repository.read, spot), where, done.comparison, done.seconds)


def _as_if_good(backup: Backup) -> Backup:
    """A test says anew what the backup is, whatever an earlier look has found."""
    return replace(backup, state=BackupState.COMMITTED)


def _detail(comparison: Comparison, proof: ProofLevel) -> str:
    if proof is ProofLevel.NONE or not comparison.counted:
        return "restored without an error; nothing was counted when it was saved"
    hashed = f", {comparison.hashed} by their content" if comparison.hashed else ""
    return f"{comparison.counted} compared{hashed}: the same"
