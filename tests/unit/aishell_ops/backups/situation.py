"""Manifests and storages that tests of backups are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

from aishell_ops.backups.errors import StorageError, StorageFault
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.models import (
    BackupId,
    BackupKind,
    Compression,
    Format,
    Holder,
    Manifest,
    Part,
    ProofLevel,
    Source,
)
from aishell_ops.backups.storage.contract import Reader, Storage, StoredObject, Tag, Writer

T = TypeVar("T")

LINE = Line("orders-eu", "orders")
NOW = 1795226400.0
CONTENT = b"what was saved"


def spot(number: int = 0) -> Spot:
    """The backup of a number; greater numbers are later."""
    return Spot(LINE, BackupId(f"20261121-02{number // 60:02d}{number % 60:02d}-k3f9"))


def manifest_of(place: Spot, *, kind: BackupKind = BackupKind.FULL, parent: Spot | None = None) -> Manifest:
    """A manifest of one part, `CONTENT`, which `write_parts` writes."""
    return Manifest(
        id=place.id,
        job="daily",
        source=Source(place.line.target, "postgres", place.line.database, "postgresql://db1/orders", "16.4"),
        kind=kind,
        method="pg_dump",
        format=Format.NATIVE,
        started_at=NOW,
        finished_at=NOW + 60,
        compression=Compression.NONE,
        parts=(Part("data.dump", len(CONTENT), len(CONTENT), "a" * 64, "b" * 64),),
        proof=ProofLevel.NONE,
        parent_id=None if parent is None else parent.id,
    )


def write_parts(storage: Storage, place: Spot) -> None:
    """Write what `manifest_of` tells of."""
    with storage.writing(place.part_key("data.dump")) as writer:
        writer.write(CONTENT)


def holder(pid: int = 17, machine: str = "here") -> Holder:
    """Somebody."""
    return Holder("db1", machine, pid, NOW, "ops")


class FaultyStorage:
    """A storage whose call number `fails` does not work, or works and does not say so when `late`; `calls` counts them."""

    def __init__(self, storage: Storage, fails: int | None = None, *, late: bool = False) -> None:
        self._storage = storage
        self._fails = fails
        self._late = late
        self.calls = 0

    @property
    def address(self) -> str:
        return self._storage.address

    def writing(self, key: str) -> AbstractContextManager[Writer]:
        return self._writing(key)

    @contextmanager
    def _writing(self, key: str) -> Iterator[Writer]:
        # Each of these counts as a call: beginning, each piece, and the commit at the end.
        self._call(lambda: None)
        with self._storage.writing(key) as writer:
            yield _FaultyWriter(self, writer)
            self._call(lambda: None)

    def reading(self, key: str, offset: int = 0) -> AbstractContextManager[Reader]:
        return self._call(lambda: self._storage.reading(key, offset))

    def put_new(self, key: str, content: bytes) -> Tag:
        return self._call(lambda: self._storage.put_new(key, content))

    def replace(self, key: str, content: bytes, tag: Tag) -> Tag:
        return self._call(lambda: self._storage.replace(key, content, tag))

    def get(self, key: str) -> tuple[bytes, Tag]:
        return self._call(lambda: self._storage.get(key))

    def head(self, key: str) -> StoredObject | None:
        return self._call(lambda: self._storage.head(key))

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        return iter(self._call(lambda: list(self._storage.list(prefix))))

    def delete(self, key: str) -> None:
        self._call(lambda: self._storage.delete(key))

    def sweep(self) -> int:
        return self._call(self._storage.sweep)

    def free_bytes(self) -> int | None:
        return self._call(self._storage.free_bytes)

    def close(self) -> None:
        self._storage.close()

    def _call(self, call: Callable[[], T]) -> T:
        number, self.calls = self.calls, self.calls + 1
        if number == self._fails and not self._late:
            raise StorageError(StorageFault.UNAVAILABLE, f"call {number} fails")
        answer = call()
        if number == self._fails:
            raise StorageError(StorageFault.UNAVAILABLE, f"the answer of call {number} is lost")
        return answer


class _FaultyWriter:
    def __init__(self, storage: FaultyStorage, writer: Writer) -> None:
        self._storage = storage
        self._writer = writer

    def write(self, data: bytes | memoryview) -> None:
        self._storage._call(lambda: self._writer.write(data))
