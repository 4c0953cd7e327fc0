"""Private folders that are held by their maker: the system ends that with the process, so that what a killed one has left is known."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path


def sweep_dead(parent: Path, prefix: str) -> None:
    """Remove this user's folders whose names begin so and that nobody holds; raises OSError.

    A prefix must name no folder that is made in any other way than by `make_held`.
    """
    for path in [path for path in parent.iterdir() if path.name.startswith(prefix)]:
        # What is held, gone by now, or cannot be removed stays.
        with suppress(OSError):
            if path.lstat().st_uid == os.geteuid():
                remove_held(path, _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB))


def make_held(parent: Path, prefix: str) -> tuple[Path, int]:
    """A new folder with mode 0700 whose name begins so, and the descriptor by which it is held; raises OSError."""
    while True:
        folder = parent / f"{prefix}{secrets.token_hex(4)}"
        folder.mkdir(0o700)
        # Somebody may sweep between the two.
        with suppress(FileNotFoundError):
            descriptor = _locked(folder, fcntl.LOCK_EX)
            if folder.exists():
                return folder, descriptor
            os.close(descriptor)


def remove_held(folder: Path, descriptor: int) -> None:
    """Remove a folder with all that is in it, as far as that can be done, and let go of it."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def _locked(folder: Path, how: int) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, how)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
