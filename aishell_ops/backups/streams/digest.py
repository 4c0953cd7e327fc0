"""How much has passed, and its hash."""

from __future__ import annotations

import hashlib


class Digest:
    """Counts and hashes bytes as they pass."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._hash = hashlib.sha256(usedforsecurity=True)

    def add(self, data: bytes | memoryview) -> None:
        """Take note of bytes that pass."""
        self.size_bytes += len(data)
        self._hash.update(data)

    def sha256(self) -> str:
        """The hash of all bytes until now, in hexadecimal."""
        return self._hash.hexdigest()
