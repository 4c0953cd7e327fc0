"""Bringing a backup to another storage as it is: the same id, the same bytes, its manifest last there too."""

from __future__ import annotations

import threading

from aishell_ops.backups.arriving import arriving
from aishell_ops.backups.errors import BackupError, DamagedError
from aishell_ops.backups.layout import Spot, is_manifest, is_record
from aishell_ops.backups.models import Backup, Part
from aishell_ops.backups.progress import Stage, Step, Tell, nobody
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.storage.contract import StoredObject
from aishell_ops.backups.streams.contract import Stop
from aishell_ops.backups.streams.digest import Digest
from aishell_ops.backups.streams.stopping import expect_wanted

_PIECE_BYTES = 1 << 20


def copy_backup(origin: Repository, goal: Repository, spot: Spot, *, tell: Tell = nobody, stop: Stop | None = None) -> Backup:
    """Copy a backup, hashing what is read; what is there already as a whole is left as it is. Blocking.

    Raises DamagedError when a part is not what was written, StorageError; then nothing that looks like a backup is there.
    """
    stop = stop or threading.Event()
    backup = origin.read(spot)
    if goal.storage.head(spot.manifest_key) is not None:
        return _same(goal, spot, backup)
    with arriving(goal, spot, f"copying {spot.id}"):
        done = 0
        for part in backup.manifest.parts:
            _copy_part(origin, goal, spot.part_key(part.name), part, stop)
            done += part.stored_bytes
            tell(Step(Stage.COPYING, part.name, done, done, backup.manifest.stored_bytes))
        for one in origin.storage.list(spot.prefix):
            if _is_small(spot, one):
                goal.storage.put_new(one.key, origin.storage.get(one.key)[0])
        return goal.commit(spot, backup.manifest)


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


def _is_small(spot: Spot, one: StoredObject) -> bool:
    """Whether an object goes with the parts: the records, the recovery sheet and the key behind a passphrase do."""
    return one.key in {spot.recovery_key, spot.key_key} or (is_record(one.key) and not is_manifest(one.key))


def _same(goal: Repository, spot: Spot, backup: Backup) -> Backup:
    there = goal.read(spot)
    if there.sha256 != backup.sha256:
        raise BackupError(
            f"{goal.storage.address} has another backup {spot.id}", "their manifests differ; look at both before one is removed"
        )
    return there
