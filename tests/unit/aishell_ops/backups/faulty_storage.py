"""Storages of which exactly one call does not work, whichever of them it is, or works and its answer is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

from aishell_ops.backups.errors import StorageError, StorageFault
from aishell_ops.backups.storage.contract import Reader, Storage, StoredObject, Tag, Writer
from aishell_ops.backups.storage.folder import FolderStorage

T = TypeVar("T")

CHANGING = ("put_new ", "replace ", "begin to write ", "write ", "commit ", "delete ", "sweep")
"""How the words of calls begin that change something."""


class Fault:
    """Counts the calls of all storages that share it; call `number` fails, after its effect where it is `late`.

    `calls` are the words of all that were made, and `words` are those of the one that failed, "" before that. `has_changed` says
    whether anything was changed until then.
    """

    def __init__(self, number: int | None = None, *, late: bool = False, kind: StorageFault = StorageFault.UNAVAILABLE) -> None:
        self._number, self._late, self._kind = number, late, kind
        self._lock = threading.Lock()
        self.calls: list[str] = []
        self.words = ""
        self.has_changed = False

    def call(self, what: str, work: Callable[[], T]) -> T:
        """Do it, unless it is the one that fails; raises StorageError."""
        number = self.begin(what)
        answer = work()
        self.end(number)
        return answer

    def begin(self, what: str) -> int:
        """Count a call; raises StorageError when it fails before its effect."""
        with self._lock:
            number = len(self.calls)
            self.calls.append(what)
        if number == self._number and not self._late:
            self._fail(number, f"call {number} ({what}) fails")
        self.has_changed = self.has_changed or (not self.words and what.startswith(CHANGING))
        return number

    def end(self, number: int) -> None:
        """Raise StorageError when the answer of this call is lost."""
        if number == self._number:
            self._fail(number, f"the answer of call {number} ({self.calls[number]}) is lost")

    def _fail(self, number: int, message: str) -> None:
        self.words = self.calls[number]
        raise StorageError(self._kind, message)


class FaultyStorage:
    """A storage with a fault. Beginning to write, each piece, the commit, beginning to read and each piece count as calls."""

    def __init__(self, storage: Storage, fault: Fault) -> None:
        self._storage, self._fault = storage, fault

    @property
    def address(self) -> str:
        return self._storage.address

    def writing(self, key: str) -> AbstractContextManager[Writer]:
        return self._writing(key)

    @contextmanager
    def _writing(self, key: str) -> Iterator[Writer]:
        self._fault.call(f"begin to write {key}", lambda: None)
        with self._storage.writing(key) as writer:
            yield _FaultyWriter(self._fault, writer, key)
            number = self._fault.begin(f"commit {key}")
        self._fault.end(number)

    def reading(self, key: str, offset: int = 0) -> AbstractContextManager[Reader]:
        return self._reading(key, offset)

    @contextmanager
    def _reading(self, key: str, offset: int) -> Iterator[Reader]:
        self._fault.call(f"begin to read {key}", lambda: None)
        with self._storage.reading(key, offset) as reader:
            yield _FaultyReader(self._fault, reader, key)

    def put_new(self, key: str, content: bytes) -> Tag:
        return self._fault.call(f"put_new {key}", lambda: self._storage.put_new(key, content))

    def replace(self, key: str, content: bytes, tag: Tag) -> Tag:
        return self._fault.call(f"replace {key}", lambda: self._storage.replace(key, content, tag))

    def get(self, key: str) -> tuple[bytes, Tag]:
        return self._fault.call(f"get {key}", lambda: self._storage.get(key))

    def head(self, key: str) -> StoredObject | None:
        return self._fault.call(f"head {key}", lambda: self._storage.head(key))

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        # As with a cloud's pages, a list may break off in its middle.
        found = self._fault.call(f"list {prefix}", lambda: list(self._storage.list(prefix)))
        for place, one in enumerate(found):
            if place == 1:
                self._fault.call(f"go on to list {prefix}", lambda: None)
            yield one

    def delete(self, key: str) -> None:
        self._fault.call(f"delete {key}", lambda: self._storage.delete(key))

    def sweep(self) -> int:
        return self._fault.call("sweep", self._storage.sweep)

    def free_bytes(self) -> int | None:
        return self._fault.call("free_bytes", self._storage.free_bytes)

    def close(self) -> None:
        self._storage.close()


class FaultyFolder(FaultyStorage):
    """A folder with a fault, which can tell the marks of its backups too."""

    def __init__(self, storage: FolderStorage, fault: Fault) -> None:
        super().__init__(storage, fault)
        self._folder = storage

    def marks(self) -> Iterator[tuple[str, str]]:
        return iter(self._fault.call("marks", lambda: list(self._folder.marks())))


class _FaultyWriter:
    def __init__(self, fault: Fault, writer: Writer, key: str) -> None:
        self._fault, self._writer, self._key = fault, writer, key

    def write(self, data: bytes | memoryview) -> None:
        self._fault.call(f"write {self._key}", lambda: self._writer.write(data))


class _FaultyReader:
    def __init__(self, fault: Fault, reader: Reader, key: str) -> None:
        self._fault, self._reader, self._key = fault, reader, key

    def read(self, size: int) -> bytes:
        return self._fault.call(f"read {self._key}", lambda: self._reader.read(size))
