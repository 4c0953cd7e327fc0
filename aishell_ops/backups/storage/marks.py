"""What changes with a backup: a short text for each that is the same as long as nothing was written beside its manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

from aishell_ops.backups.layout import is_manifest, is_record
from aishell_ops.backups.storage.contract import StoredObject


@runtime_checkable
class Marks(Protocol):
    """A storage that tells the marks of all backups without listing their objects."""

    def marks(self) -> Iterator[tuple[str, str]]:
        """The prefix of each backup with its mark, "" for one without a manifest; raises StorageError."""


def mark_of(prefix: str, objects: Iterable[StoredObject]) -> str:
    """The mark of a backup by its objects: its manifest and its records; "" without a manifest. Pure."""
    telling = sorted((one for one in objects if is_manifest(one.key) or is_record(one.key)), key=lambda one: one.key)
    if not any(is_manifest(one.key) for one in telling):
        return ""
    digest = hashlib.sha256()
    for one in telling:
        digest.update(f"{one.key.removeprefix(prefix)}\0{one.size_bytes}\0{one.changed_at}\0{one.tag}\0".encode())
    return digest.hexdigest()[:32]
