"""Sources, sinks and storages that tests of streams are made of."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.models import Part
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Keys, PlainSource, Reader, Recipe, Stop, Stride, Writer
from aishell_ops.backups.streams.fetch import fetch
from aishell_ops.backups.streams.store import part_name, store

NEVER = threading.Event()


class Given:
    """A source that gives what it was given, in pieces; `fault` is raised after the last one, `late` at the block's end."""

    def __init__(
        self, content: bytes, *, piece_bytes: int = 65_536, fault: BaseException | None = None, late: BaseException | None = None
    ) -> None:
        self.name = "data.dump"
        self.expected_bytes = len(content)
        self._content = content
        self._piece_bytes = piece_bytes
        self._fault = fault
        self._late = late

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Reader]:
        yield _Pieces(self._content, self._piece_bytes, self._fault)
        if self._late is not None:
            raise self._late


class _Pieces:
    def __init__(self, content: bytes, piece_bytes: int, fault: BaseException | None) -> None:
        self._content = memoryview(content)
        self._piece_bytes = piece_bytes
        self._fault = fault

    def read(self, size: int) -> bytes:
        size = min(size, self._piece_bytes)
        piece, self._content = self._content[:size], self._content[size:]
        if not piece and self._fault is not None:
            raise self._fault
        return bytes(piece)


class Taken:
    """A sink that keeps what it takes; `whole` is True when its block ended well."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.whole = False

    @property
    def content(self) -> bytes:
        return b"".join(self.pieces)

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Writer]:
        yield self
        self.whole = True

    def write(self, data: bytes | memoryview) -> None:
        self.pieces.append(bytes(data))


class Bench:
    """A folder with a part in it, or not."""

    def __init__(self, root: Path) -> None:
        self.storage = FolderStorage(root)
        self.strides: list[Stride] = []

    def save(self, source: PlainSource, recipe: Recipe, stop: Stop = NEVER) -> Part:
        return store(source, self.storage, part_name(source.name, recipe), recipe, self.strides.append, stop)

    def load(self, part: Part, recipe: Recipe, keys: Keys | None = None) -> Taken:
        """What comes back; raises what reading raises, and then the sink was not whole."""
        taken = Taken()
        try:
            fetch(part, self.storage, part.name, taken, self.strides.append, NEVER, compression=recipe.compression, keys=keys)
        except BackupError:
            assert not taken.whole
            raise
        return taken

    def path(self, part: Part) -> Path:
        return self.storage.root / part.name

    def names(self) -> list[str]:
        return [path.name for path in self.storage.root.iterdir()] if self.storage.root.exists() else []
