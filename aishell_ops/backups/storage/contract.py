"""What a storage can do; calls are made from threads, never from the event loop.

Keys are relative paths of plain letters with `/` between their parts. An object is there whole or not at all: what is being
written is not to be seen by `read`, `head` or `list` before it is committed. Every method raises StorageError, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NewType, Protocol

Tag = NewType("Tag", str)
"""Names one content of a small object, so that it is replaced only when nobody else has replaced it meanwhile."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object that lies in a storage; `changed_at` is in epoch seconds, by the storage's clock."""

    key: str
    size_bytes: int
    changed_at: float
    tag: Tag = Tag("")


class Writer(Protocol):
    """Takes the bytes of one object, in order."""

    def write(self, data: bytes | memoryview) -> None:
        """Take more of it; may wait until the storage has taken what came before."""


class Reader(Protocol):
    """Gives the bytes of one object, in order."""

    def read(self, size: int) -> bytes:
        """Up to `size` bytes of it; empty at its end alone."""


class Writes(Protocol):
    """Takes objects of any size."""

    def writing(self, key: str) -> AbstractContextManager[Writer]:
        """Write an object, which is there when the block ends well, and not otherwise."""


class Storage(Protocol):
    """A folder or a bucket in which backups lie."""

    @property
    def address(self) -> str:
        """Where it is, without any secret, as it is written in the configuration."""

    def writing(self, key: str) -> AbstractContextManager[Writer]:
        """Write an object of any size, which is there when the block ends well, safely on its disk, and not otherwise.

        What lay under the key before is replaced at that moment.
        """

    def reading(self, key: str, offset: int = 0) -> AbstractContextManager[Reader]:
        """Read an object from an offset to its end."""

    def put_new(self, key: str, content: bytes) -> Tag:
        """Write a small object whose key must be free; StorageFault.EXISTS when it is not, whoever was first."""

    def replace(self, key: str, content: bytes, tag: Tag) -> Tag:
        """Write a small object in the place of the one that `tag` names; StorageFault.CHANGED when it is not that one any more."""

    def get(self, key: str) -> tuple[bytes, Tag]:
        """A small object whole, with its tag."""

    def head(self, key: str) -> StoredObject | None:
        """What is known of an object; None where there is none."""

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """All objects whose key begins with a prefix, sorted by their key."""

    def delete(self, key: str) -> None:
        """Remove an object; that it is not there is no error."""

    def sweep(self) -> int:
        """Remove what writers have left that ended before their commit; how many there were. Living writers keep theirs."""

    def free_bytes(self) -> int | None:
        """How much room there is; None where nobody knows."""

    def close(self) -> None:
        """Let go of it; never raises and may be called twice."""
