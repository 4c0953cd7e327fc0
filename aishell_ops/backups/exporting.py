"""Writing a backup into one file to be carried elsewhere; what is there whole is a whole backup, or nothing is. Blocking."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aishell_core.errors import UsageError
from aishell_ops.backups.errors import StorageError, StorageFault
from aishell_ops.backups.layout import Spot
from aishell_ops.backups.models import Compression
from aishell_ops.backups.parcel import ParcelSource, members_of
from aishell_ops.backups.progress import Stage, Step, Tell, nobody
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.storage.contract import Writer
from aishell_ops.backups.streams.compression import FORMATS
from aishell_ops.backups.streams.contract import Recipe, Stop, Stride
from aishell_ops.backups.streams.files import FileSink
from aishell_ops.backups.streams.store import store

_SUFFIX = ".new"


def default_name(spot: Spot, recipe: Recipe) -> str:
    """What an archive is called where only a folder was named."""
    locked = ".age" if recipe.encryption is not None else ""
    return f"{spot.id}.tar{FORMATS[recipe.compression].suffix}{locked}"


def export_backup(
    repository: Repository,
    spot: Spot,
    path: Path,
    *,
    with_records: bool = False,
    recipe: Recipe | None = None,
    tell: Tell = nobody,
    stop: Stop | None = None,
) -> Path:
    """Write a backup into a new file; the file's path, also where `path` is a folder.

    Raises UsageError where the file is there already, DamagedError for a part that is not what was written, StorageError.
    """
    recipe = recipe or Recipe(Compression.NONE)
    file = path / default_name(spot, recipe) if path.is_dir() else path
    if file.exists():
        raise UsageError(f"{file} is there already", "name another file")
    backup = repository.read(spot)
    members = members_of(repository, spot, backup, with_records=with_records)
    source = ParcelSource(file.name, str(spot.id), repository.storage, members)

    def stride(one: Stride) -> None:
        tell(Step(Stage.COPYING, file.name, one.plain_bytes, one.stored_bytes, source.expected_bytes))

    store(source, _OneFile(file), file.name, recipe, stride, stop or threading.Event())
    return file


class _OneFile:
    """A single file as something that takes an object: written beside its place, brought to the disk, and only then named."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def writing(self, key: str) -> Iterator[Writer]:
        """Write it; a name that was taken meanwhile stays as it is, and StorageError is raised."""
        del key
        beside = self._path.with_name(f".{self._path.name[:200]}.{secrets.token_hex(4)}{_SUFFIX}")
        try:
            with FileSink(beside).opened(threading.Event()) as writer:
                yield writer
            self._name(beside)
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)

    def _name(self, beside: Path) -> None:
        try:
            # Unlike a rename, a link takes nobody's place.
            os.link(beside, self._path)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise StorageError(
                StorageFault.UNAVAILABLE, f"{self._path} cannot be written: {(error.strerror or str(error)).lower()}"
            ) from error
