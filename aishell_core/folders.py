"""Folders that only their owner may enter."""

from __future__ import annotations

from pathlib import Path

PRIVATE = 0o700


def make_private_folders(folder: Path) -> None:
    """Make a folder with mode 0700 where it is missing, and those above it alike; raises OSError.

    `Path.mkdir` would give the mode to the last folder alone and leave those above it open to others.
    """
    missing = [place for place in folder.parents if not place.exists()]
    for place in (*reversed(missing), folder):
        place.mkdir(mode=PRIVATE, exist_ok=True)
