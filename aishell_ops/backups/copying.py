"""Bringing a backup to another storage as it is: the same id, the same bytes, its manifest last there too.

What is recorded of it goes along, in two steps: pins and the like with the backup, and what says that its bytes are whole, or that
they restore, when the bytes of the copy were found to be the same.
"""

from __future__ import annotations

import threading

from aishell_ops.backups.arriving import arriving
from aishell_ops.backups.errors import BackupError, DamagedError
from aishell_ops.backups.layout import Spot
from aishell_ops.backups.models import Backup, BackupState, Part
from aishell_ops.backups.progress import Stage, Step, Tell, nobody
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.state import is_judgement
from aishell_ops.backups.streams.contract import Stop
from aishell_ops.backups.streams.digest import Digest
from aishell_ops.backups.streams.stopping import expect_wanted

_PIECE_BYTES = 1 << 20


def copy_backup(origin: Repository, goal: Repository, spot: Spot, *, tell: Tell = nobody, stop: Stop | None = None) -> Backup:
    """Copy a backup, hashing what is read; what is there already as a whole is left as it is. Blocking.

    The copy is an unverified one until somebody verifies it. Raises DamagedError when the backup is known to be damaged or a part is
    not what was written, StorageError; then nothing that looks like a backup is there.
    """
    stop = stop or threading.Event()
    backup = origin.read(spot)
    if backup.state is BackupState.CORRUPT:
        raise DamagedError(
            f"backup {backup.id} in {origin.storage.address} is damaged, and is not copied to {goal.storage.address}",
            "make another backup",
        )
    if goal.storage.head(spot.manifest_key) is not None:
        return _same(goal, spot, backup)
    with arriving(goal, spot, f"copying {spot.id}"):
        done = 0
        for part in backup.manifest.parts:
            _copy_part(origin, goal, spot.part_key(part.name), part, stop)
            done += part.stored_bytes
            tell(Step(Stage.COPYING, part.name, done, done, backup.manifest.stored_bytes))
        for key in (spot.recovery_key, spot.key_key):
            if origin.storage.head(key) is not None:
                goal.storage.put_new(key, origin.storage.get(key)[0])
        _copy_records(backup, goal, spot, judging=False)
        return goal.commit(spot, backup.manifest)


def copy_judgements(origin: Repository, goal: Repository, spot: Spot) -> Backup:
    """Bring to a copy what was found out about the backup's bytes, such as a test restore; the copy in its light. Blocking.

    To be called when the copy's bytes were found to be the same, and not before. Raises DamagedError, StorageError.
    """
    backup = origin.read(spot)
    if backup.state is not BackupState.CORRUPT:
        _copy_records(backup, goal, spot, judging=True)
    return goal.read(spot)


def _copy_records(backup: Backup, goal: Repository, spot: Spot, *, judging: bool) -> None:
    """Bring the records of one sort to a copy; those that it has stay."""
    there = {one.key for one in goal.storage.list(spot.prefix)}
    for record in backup.records:
        if is_judgement(record) is judging and spot.record_key(record) not in there:
            goal.record(spot, record)


def _copy_part(origin: Repository, goal: Repository, key: str, part: Part, stop: Stop) -> None:
    digest = Digest()
    with goal.storage.writing(key) as writer, origin.storage.reading(key) as reader:
        while piece := reader.read(_PIECE_BYTES):
            expect_wanted(stop)
            digest.add(piece)
            writer.write(piece)
        # Within the block: what is not right is not committed.
        if (digest.size_bytes, digest.sha256()) != (part.stored_bytes, part.stored_sha256):
            raise DamagedError(
                f"{key} in {origin.storage.address} has been changed or damaged", "restore from another copy or another backup"
            )


def _same(goal: Repository, spot: Spot, backup: Backup) -> Backup:
    there = goal.read(spot)
    if there.sha256 != backup.sha256:
        raise BackupError(
            f"{goal.storage.address} has another backup {spot.id}", "their manifests differ; look at both before one is removed"
        )
    return there
