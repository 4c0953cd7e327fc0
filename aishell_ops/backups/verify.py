"""Looking whether a backup is whole: fast by sizes, deep by every byte. What is found is recorded beside the backup."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from hashlib import sha256

from aishell_core.clock import Clock
from aishell_ops.backups.errors import DamagedError, LockedError, StorageError, StorageFault
from aishell_ops.backups.layout import Spot
from aishell_ops.backups.models import Backup, Part, Record, RecordKind
from aishell_ops.backups.progress import Stage, Step, Tell, nobody
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.sheet import SHEET_HASH
from aishell_ops.backups.state import goes_beyond, standing_damage
from aishell_ops.backups.streams.contract import Keys, Progress, Stop, Stride
from aishell_ops.backups.streams.fetch import check_stored, fetch
from aishell_ops.backups.streams.nowhere import Nowhere
from aishell_ops.backups.streams.stopping import in_thread

_NO_PHRASE = "opens with a passphrase, and none is at hand"


class Depth(StrEnum):
    """How deep a verification goes: what is there and how large; its hash; its content, decrypted and decompressed."""

    FAST = "fast"
    STORED = "stored"
    DEEP = "deep"


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification has found, and how deep it came. `remarks` say what could not be looked at, and are no fault of the backup.

    Among the `faults` is what an earlier look has found that went deeper, as long as none that went as deep takes it back.
    """

    backup: Backup
    depth: Depth
    faults: tuple[str, ...]
    remarks: tuple[str, ...]
    seconds: float

    @property
    def is_whole(self) -> bool:
        """Whether nothing wrong was found."""
        return not self.faults


async def verify(
    repository: Repository,
    spot: Spot,
    depth: Depth,
    clock: Clock,
    *,
    keys: Keys | None = None,
    by: str = "",
    tell: Tell = nobody,
    stop: threading.Event | None = None,
) -> Verification:
    """Verify a backup and record the result. Raises StorageError when the storage cannot be asked: that is no damage.

    When it is cancelled, its thread has ended, and nothing is recorded.

    A backup whose manifest itself cannot be believed raises DamagedError, because nothing can be recorded beside it.
    """
    begun, stop = clock.steady(), stop or threading.Event()
    backup = await asyncio.to_thread(repository.read, spot)
    faults, remarks = await in_thread(stop, partial(_look, repository, spot, backup, depth, keys, tell, stop))
    seconds, reached = clock.steady() - begun, Depth.STORED if depth is Depth.DEEP and not _opens(backup, keys) else depth
    deeper = [one for one in standing_damage(backup.records) if goes_beyond(one, reached.value)]
    if faults or not deeper:
        kind, detail = RecordKind.DAMAGED if faults else RecordKind.VERIFIED, "; ".join(faults)
        record = Record(kind, clock.now(), by, detail=detail, level=reached.value, seconds=seconds)
        await asyncio.to_thread(repository.record, spot, record)
    tell(Step(Stage.DONE))
    faults += tuple(dict.fromkeys(map(_known_words, deeper)))
    return Verification(await asyncio.to_thread(repository.read, spot), reached, faults, remarks, seconds)


def _known_words(found: Record) -> str:
    """What an earlier look has found, and what would take it back."""
    again = "aishell backup test" if found.level == "restore" else "aishell backup verify --deep"
    return f"known from a deeper look: {found.detail} ({again} looks as deep)"


def _look(
    repository: Repository, spot: Spot, backup: Backup, depth: Depth, keys: Keys | None, tell: Tell, stop: Stop
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is wrong with the parts, and what could not be looked at."""
    faults, done, opens = [], 0, _opens(backup, keys)
    remarks = [f"{key} cannot be read: what became known then is lost, as far as its name does not tell it" for key in backup.unread]
    remarks += _sheet_remarks(repository, spot, backup)
    if repository.holder(spot) is None:
        remarks.append(f"{spot.started_key} is damaged or gone: it says who began the backup, and no restore needs it")
    if depth is Depth.DEEP and not opens:
        remarks.append("its content was not looked at: it is encrypted, and no secret key is at hand")
    for part in backup.manifest.parts:

        def stride(one: Stride, before: int = done) -> None:
            tell(Step(Stage.CHECKING, one.part, one.plain_bytes, before + one.stored_bytes, backup.manifest.plain_bytes))

        try:
            _look_at(repository, spot, backup, part, Depth.STORED if depth is Depth.DEEP and not opens else depth, keys, stride, stop)
        except DamagedError as error:
            faults.append(error.message)
        done += part.stored_bytes
    return tuple(faults), tuple(remarks)


def _opens(backup: Backup, keys: Keys | None) -> bool:
    return backup.manifest.encryption is None or (keys is not None and bool(keys.identities))


def _sheet_remarks(repository: Repository, spot: Spot, backup: Backup) -> list[str]:
    """Whether the recovery sheet is as it was written; of older backups nobody knows. Raises StorageError."""
    written = dict(backup.manifest.annotations).get(SHEET_HASH)
    if written is None:
        return []
    try:
        content, _ = repository.storage.get(spot.recovery_key)
    except StorageError as error:
        if error.fault is not StorageFault.MISSING:
            raise
        return [f"{spot.recovery_key} is missing: nobody is told how to restore it without aishell"]
    if sha256(content).hexdigest() == written:
        return []
    return [f"{spot.recovery_key} is not what was written: do not follow what it says"]


def _look_at(
    repository: Repository, spot: Spot, backup: Backup, part: Part, depth: Depth, keys: Keys | None, stride: Progress, stop: Stop
) -> None:
    """Raise DamagedError when a part is not what was written."""
    key = spot.part_key(part.name)
    found = repository.storage.head(key)
    if found is None:
        raise DamagedError(f"{key} is missing")
    if found.size_bytes != part.stored_bytes:
        raise DamagedError(f"{key} has {found.size_bytes} bytes, and {part.stored_bytes} were written")
    if depth is Depth.STORED:
        check_stored(part, repository.storage, key, stride, stop)
    if depth is Depth.DEEP:
        opener = keys if backup.manifest.encryption is not None else None
        fetch(part, repository.storage, key, Nowhere(), stride, stop, compression=backup.manifest.compression, keys=opener)


def shut_words(backup: Backup, keys: Keys | None) -> str:
    """Why what is at hand does not open a backup, as far as that is known without trying; "" where nothing is known against it."""
    encryption = backup.manifest.encryption
    if encryption is None:
        return ""
    if encryption.passphrase:
        return f"it {_NO_PHRASE}" if keys is None or keys.passphrase is None else ""
    # Imported where it is used: most backups of a laptop are not encrypted.
    from aishell_ops.backups.streams.encryption import HOW_TO_OPEN, public_keys

    if keys is None or not keys.identities:
        return f"it is encrypted, and no secret key is at hand: {HOW_TO_OPEN}"
    mine = public_keys(keys.identities)
    if len(mine) < len(keys.identities) or set(mine) & set(encryption.recipients):
        return ""
    return f"it is encrypted to {', '.join(encryption.recipients)}, and to none of the keys at hand"


def unlock(repository: Repository, spot: Spot, backup: Backup, keys: Keys | None) -> Keys | None:
    """The keys that open a backup's parts: with a passphrase the one that lies beside it is opened first.

    None for a backup that is not encrypted. Raises LockedError when what is at hand does not open it.
    """
    encryption = backup.manifest.encryption
    if encryption is None:
        return None
    if not encryption.passphrase:
        return keys or Keys()
    if keys is None or keys.passphrase is None:
        raise LockedError(f"backup {backup.id} {_NO_PHRASE}", "give it by its secret reference in the configuration")
    # Imported where it is used: most backups of a laptop are not encrypted.
    from aishell_ops.backups.streams.encryption import open_key

    locked, _ = repository.storage.get(spot.key_key)
    return Keys((*keys.identities, open_key(locked, keys.passphrase)), keys.passphrase)
