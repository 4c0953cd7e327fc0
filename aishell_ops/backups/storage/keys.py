"""Keys of objects: what may stand in them, and how any name becomes a part of one; pure."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from aishell_ops.backups.errors import StorageError, StorageFault

_PART = re.compile(r"[A-Za-z0-9_%=~+@-][A-Za-z0-9_.%=~+@-]{0,199}")
_SAFE = "_-=~+@"
_MOST = 900
"""Characters of a key; S3 allows 1024 bytes with the prefix."""


def checked(key: str) -> str:
    """The key, when it is one; raises StorageError otherwise, so that no key leaves its storage."""
    if len(key) > _MOST or not all(_PART.fullmatch(part) for part in key.split("/")):
        raise StorageError(
            StorageFault.REFUSED, f"{key[:200]!r} cannot name an object of a storage", "this is a fault of aishell: please report it"
        )
    return key


def as_part(name: str) -> str:
    """Any name, such as that of a database, as one part of a key; `from_part` gives it back. Raises StorageError when it is too long."""
    part = quote(name, safe=_SAFE, errors="surrogatepass").replace(".", "%2E") if name else "%"
    if not _PART.fullmatch(part):
        raise StorageError(
            StorageFault.REFUSED, f"the name {name[:60]!r}... is too long to be kept in a storage", "give the target a shorter name"
        )
    return part


def from_part(part: str) -> str:
    """The name that `as_part` was given."""
    return "" if part == "%" else unquote(part, errors="surrogatepass")
