"""Telling when files have changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

_HASHED_BYTES = 4 << 20


class FileWatch:
    """Tells whether files have changed since it was last asked, by their content: a file that is only touched has not.

    A file is read only when its size, its times or its place on disk are others than before.
    """

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[tuple[int, ...], bytes]] = {}
        self._last: tuple[tuple[Path, bytes], ...] | None = None

    def changed(self, paths: Iterable[Path]) -> bool:
        """Whether these files have another content than at the last call, or are other files; True at the first call."""
        now = tuple((path, self._hash(path)) for path in paths)
        self._seen = {path: seen for path, seen in self._seen.items() if path in dict(now)}
        changed, self._last = now != self._last, now
        return changed

    def _hash(self, path: Path) -> bytes:
        """The hash of a file's content; empty for one that cannot be read."""
        try:
            status = path.stat()
            mark = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_dev)
            seen = self._seen.get(path)
            if seen is not None and seen[0] == mark:
                return seen[1]
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            with os.fdopen(handle, "rb") as file:
                digest = hashlib.blake2b(file.read(_HASHED_BYTES), digest_size=16).digest()
        except OSError:
            return b""
        self._seen[path] = mark, digest
        return digest
