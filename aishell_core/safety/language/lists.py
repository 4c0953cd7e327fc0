"""The lists of words that stand beside the modules, as text that can be compared with a server's own."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent


@cache
def listed_words(files: tuple[str, ...]) -> frozenset[str]:
    """The words of some lists; lines that begin with # explain."""
    found: set[str] = set()
    for name in files:
        lines = (_HERE / name).read_text(encoding="ascii").splitlines()
        found.update(word for line in lines if not line.startswith("#") for word in line.split())
    return frozenset(found)
