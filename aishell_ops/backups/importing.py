"""Taking a backup that was carried here: an archive that export made, or a copied folder of a backup. Blocking.

Nothing of it is believed before it is compared: the manifest by its seal, each part by its hash while it is written.
"""

from __future__ import annotations

import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from aishell_core.errors import UsageError
from aishell_ops.backups.arriving import arriving
from aishell_ops.backups.errors import BackupError, DamagedError
from aishell_ops.backups.layout import LOCKED_KEY, MANIFEST, RECOVERY, Line, Spot, is_record
from aishell_ops.backups.manifest import decode
from aishell_ops.backups.models import Backup, Compression, Manifest, Record
from aishell_ops.backups.parcel import ReadableFile
from aishell_ops.backups.progress import Stage, Step, Tell, nobody
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.streams.contract import Keys, Reader, Stop
from aishell_ops.backups.streams.digest import Digest
from aishell_ops.backups.streams.stages import Stages
from aishell_ops.backups.streams.stopping import expect_wanted

_PIECE_BYTES = 1 << 20
_MOST_SMALL_BYTES = 64 << 20
_PARTS, _RECORDS = "parts/", "records/"
_AGE, _ZSTD, _GZIP = b"age-encryption.org/v1", b"\x28\xb5\x2f\xfd", b"\x1f\x8b"
IMPORTED = "imported_from"
_HOW = "aishell backup export makes such files"


class Entry(Protocol):
    """One file of what is imported."""

    name: str
    size_bytes: int

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty at its end."""


def import_backup(
    source: Path, goal: Repository, *, target: str = "", keys: Keys | None = None, tell: Tell = nobody, stop: Stop | None = None
) -> Backup:
    """Bring a backup into a storage, as one of `target` where that is given; it keeps its id.

    Raises UsageError for what is no backup, DamagedError for what is not what was written, BackupError where it is there already.
    """
    stop = stop or threading.Event()
    if not source.exists():
        raise UsageError(f"{source} is not there", "name a file that aishell backup export made, or a folder with a manifest.json")
    with _entries(source, keys, stop) as entries:
        return _import(source, entries, goal, target, tell, stop)


def _import(source: Path, entries: Iterator[Entry], goal: Repository, target: str, tell: Tell, stop: Stop) -> Backup:
    first = next(entries, None)
    if first is None or first.name != MANIFEST:
        raise UsageError(f"{source} is no backup: its manifest is missing", _HOW)
    manifest = _manifest(source, first, target)
    spot = Spot(Line(manifest.source.target, manifest.source.database), manifest.id)
    if goal.storage.head(spot.manifest_key) is not None:
        raise BackupError(
            f"backup {spot.id} of {manifest.source.target} is in {goal.storage.address} already", "aishell backup verify looks at it"
        )
    with arriving(goal, spot, f"importing {spot.id}"):
        # The records before the manifest, as all that belongs to it: a pin that came later than the backup could be lost on the way.
        records = _take(source, entries, goal, spot, manifest, tell, stop)
        for record in records:
            goal.record(spot, record)
        goal.commit(spot, manifest)
    return goal.read(spot)


def _manifest(source: Path, entry: Entry, target: str) -> Manifest:
    manifest = decode(Manifest, _small(entry), f"{source}/{MANIFEST}")
    origin = f"{manifest.source.target} ({manifest.source.address})"
    if not target or target == manifest.source.target:
        return manifest
    return replace(
        manifest,
        source=replace(manifest.source, target=target),
        annotations=(*manifest.annotations, (IMPORTED, origin)),
        previous_sha256="",
    )


def _take(source: Path, entries: Iterator[Entry], goal: Repository, spot: Spot, manifest: Manifest, tell: Tell, stop: Stop) -> list[Record]:
    """Everything behind the manifest; the parts are written, the records returned."""
    wanted = {part.name: part for part in manifest.parts}
    records: list[Record] = []
    done = 0
    for entry in entries:
        if entry.name == LOCKED_KEY:
            goal.storage.put_new(spot.key_key, _small(entry))
        elif entry.name == RECOVERY:
            goal.storage.put_new(spot.recovery_key, _small(entry))
        elif entry.name.startswith(_RECORDS):
            records += _record(source, entry, goal, spot)
        elif (part := wanted.pop(entry.name.removeprefix(_PARTS), None)) is not None and entry.name.startswith(_PARTS):
            digest = Digest()
            with goal.storage.writing(spot.part_key(part.name)) as writer:
                while piece := entry.read(_PIECE_BYTES):
                    expect_wanted(stop)
                    digest.add(piece)
                    writer.write(piece)
                    tell(Step(Stage.COPYING, part.name, done + digest.size_bytes, done + digest.size_bytes, manifest.stored_bytes))
                # Within the block: what is not right is not committed.
                if (digest.size_bytes, digest.sha256()) != (part.stored_bytes, part.stored_sha256):
                    raise DamagedError(f"{entry.name} in {source} has been changed or damaged", "carry it here again")
            done += part.stored_bytes
        else:
            raise UsageError(f"{source} holds {entry.name[:80]!r}, which is no part of this backup", _HOW)
    if wanted:
        raise DamagedError(f"{next(iter(wanted))} is missing in {source}", "carry it here again")
    return records


def _record(source: Path, entry: Entry, goal: Repository, spot: Spot) -> tuple[Record, ...]:
    """A record; one that cannot be read is taken in as it is, and told by whoever looks: it keeps no backup from being taken in."""
    content, key = _small(entry), f"{spot.prefix}{entry.name}"
    try:
        return (decode(Record, content, f"{source}/{entry.name}"),)
    except BackupError:
        if not is_record(key) or not key.endswith(".json"):
            raise
        goal.storage.put_new(key, content)
        return ()


def _small(entry: Entry) -> bytes:
    if entry.size_bytes > _MOST_SMALL_BYTES:
        raise UsageError(
            f"{entry.name} has {entry.size_bytes} bytes, which is too much for what it should be", "this is no backup of aishell"
        )
    pieces = []
    while piece := entry.read(_PIECE_BYTES):
        pieces.append(piece)
    return b"".join(pieces)


@contextmanager
def _entries(source: Path, keys: Keys | None, stop: Stop) -> Iterator[Iterator[Entry]]:
    """The files of a folder or an archive, the manifest first; reading faults become DamagedError."""
    if source.is_dir():
        yield _of_folder(source)
        return
    stages = Stages(stop)
    try:
        with source.open("rb") as file, stages.running():
            reader = _opened(file, stages, keys, str(source))
            with tarfile.open(fileobj=cast(BinaryIO, ReadableFile(reader)), mode="r|", bufsize=_PIECE_BYTES) as archive:
                yield _of_archive(archive)
            # What follows the archive is read too: stages that feed it end by themselves then.
            while reader.read(_PIECE_BYTES):
                pass
    except tarfile.TarError as error:
        raise DamagedError(f"{source} cannot be read as an archive: {error}", "carry it here again") from error
    except OSError as error:
        raise BackupError(f"{source} cannot be read: {(error.strerror or str(error)).lower()}", "look at its mode and the disk") from error


def _opened(file: BinaryIO, stages: Stages, keys: Keys | None, where: str) -> Reader:
    """What is in a file behind its encryption and compression, whichever of them it has."""
    reader: Reader = _Ahead(file)
    if cast(_Ahead, reader).peek().startswith(_AGE):
        reader = _Ahead(_decrypting(reader, stages, keys, where))
    head = cast(_Ahead, reader).peek()
    compression = Compression.ZSTD if head.startswith(_ZSTD) else Compression.GZIP if head.startswith(_GZIP) else Compression.NONE
    # Imported where it is used: what is not compressed needs none of it.
    from aishell_ops.backups.streams.compression import unsqueezed

    return unsqueezed(reader, compression, where)


def _decrypting(stored: Reader, stages: Stages, keys: Keys | None, where: str) -> Reader:
    from aishell_ops.backups.streams.encryption import decrypt

    plain = stages.pipe()

    def work() -> None:
        decrypt(keys or Keys(), stored, plain, where)
        plain.end()

    stages.stage("decrypt", work)
    return plain


class _Ahead:
    """A reader whose first bytes can be looked at."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._head = b""

    def peek(self) -> bytes:
        """Its first bytes, which are read again afterwards."""
        while len(self._head) < len(_AGE) and (piece := self._reader.read(_PIECE_BYTES)):
            self._head += piece
        return self._head

    def read(self, size: int) -> bytes:
        """Up to `size` bytes."""
        if self._head:
            piece, self._head = self._head[:size], self._head[size:]
            return piece
        return self._reader.read(size)


class _FolderEntry:
    def __init__(self, name: str, path: Path) -> None:
        self.name, self.size_bytes = name, path.stat().st_size
        self._file = path.open("rb", buffering=0)

    def read(self, size: int) -> bytes:
        return self._file.read(size) or b""

    def close(self) -> None:
        self._file.close()


def _of_folder(folder: Path) -> Iterator[Entry]:
    """The files of a backup's folder; whoever began it there does not matter here."""
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    for name in sorted(names, key=lambda name: (name != MANIFEST, name)):
        if name == "started.json" or name.startswith("."):
            continue
        entry = _FolderEntry(name, folder / name)
        try:
            yield entry
        finally:
            entry.close()


class _ArchiveEntry:
    def __init__(self, name: str, size_bytes: int, file: BinaryIO) -> None:
        self.name, self.size_bytes, self._file = name, size_bytes, file

    def read(self, size: int) -> bytes:
        return self._file.read(size)


def _of_archive(archive: tarfile.TarFile) -> Iterator[Entry]:
    """The plain files of an archive below its one folder; anything else in it is no part of a backup."""
    for member in archive:
        _, _, name = member.name.partition("/")
        file = archive.extractfile(member) if member.isreg() and name else None
        if file is None:
            raise UsageError(f"the archive holds {member.name[:80]!r}, which is no plain file", _HOW)
        yield _ArchiveEntry(name, member.size, cast(BinaryIO, file))
