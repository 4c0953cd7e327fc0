"""Files as sources and sinks of streams."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.streams.contract import Reader, Stop, Writer
from aishell_ops.backups.streams.stopping import expect_wanted

_PRIVATE = 0o600


class FileSource:
    """A file that nobody changes, as a stream."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path

    @property
    def expected_bytes(self) -> int | None:
        """The file's size."""
        return self._path.stat().st_size if self._path.exists() else None

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Reader]:
        """Read it; raises BackupError when it is empty or cannot be read."""
        try:
            with self._path.open("rb", buffering=0) as file:
                if not os.fstat(file.fileno()).st_size:
                    raise BackupError(f"{self.name} is empty", "there is nothing to be saved")
                yield _Part(file.fileno(), stop)
        except OSError as error:
            raise BackupError(f"{self.name} cannot be read: {(error.strerror or str(error)).lower()}", "look at the disk") from error


class FileSink:
    """A new file that only its owner may read, written from a stream and, while it is `durable`, brought to the disk."""

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self._path = path
        self._durable = durable

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Writer]:
        """Write it; raises BackupError when that cannot be done, or somebody wants it to end."""
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _PRIVATE)
            try:
                yield _Part(descriptor, stop)
                if self._durable:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise BackupError(
                f"{self._path} cannot be written: {(error.strerror or str(error)).lower()}", "look at the disk and at its room"
            ) from error


class _Part:
    """Reads from or writes to a descriptor, until somebody wants it to end."""

    def __init__(self, descriptor: int, stop: Stop) -> None:
        self._descriptor = descriptor
        self._stop = stop

    def read(self, size: int) -> bytes:
        """Up to `size` bytes of it."""
        expect_wanted(self._stop)
        return os.read(self._descriptor, size)

    def write(self, data: bytes | memoryview) -> None:
        """All of it."""
        expect_wanted(self._stop)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
