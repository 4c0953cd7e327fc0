"""A folder whose signs of life do not arrive, or whose answers do not."""

from __future__ import annotations

import threading
from enum import StrEnum
from pathlib import Path

from aishell_ops.backups.errors import StorageError, StorageFault
from aishell_ops.backups.storage.contract import Tag
from aishell_ops.backups.storage.folder import FolderStorage


class Mood(StrEnum):
    """What becomes of the next replacements."""

    FINE = "fine"
    REFUSED = "refused"
    LOST = "lost"
    REPEATED = "repeated"
    HUNG = "hung"


class UnsteadyStorage(FolderStorage):
    """A folder that replaces as its mood is.

    LOST has the effect and gives no answer; REPEATED asks a second time after that, as clouds' clients do, and finds its own;
    HUNG waits until `answers` is set.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.mood = Mood.FINE
        self.answers = threading.Event()
        self.tried = 0

    def replace(self, key: str, content: bytes, tag: Tag) -> Tag:
        """As of any storage."""
        self.tried += 1
        if self.mood is Mood.HUNG:
            self.answers.wait()
        if self.mood is Mood.REFUSED:
            raise StorageError(StorageFault.UNAVAILABLE, "nobody answers")
        done = super().replace(key, content, tag)
        if self.mood is Mood.LOST:
            raise StorageError(StorageFault.UNAVAILABLE, "the answer is lost")
        return super().replace(key, content, tag) if self.mood is Mood.REPEATED else done
