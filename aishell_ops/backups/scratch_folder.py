"""A folder for what a backup needs for a while: on the disk, or in memory where no plaintext may touch a disk."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aishell_core.units import format_bytes
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.held_folder import make_held, remove_held, sweep_dead

_MEMORY = Path("/dev/shm")  # noqa: S108 - the system's file system in memory, in which a private folder is made
_PREFIX = "aishell-scratch-"
_SPARE_RATIO = 1.1
"""How much more than what is needed must be free, so that a guess that is a little low does not fill it."""


def lack_of_room(needed_bytes: int, *, in_memory: bool) -> tuple[str, str] | None:
    """Why there can be no scratch folder with so much room, and what to do about it; None where there can."""
    place = _place(in_memory=in_memory)
    if in_memory and not place.is_dir():
        return (
            f"{place} is missing: a plaintext copy would have to lie on a disk",
            "save it without encryption, or on a system that has it",
        )
    free = shutil.disk_usage(place).free
    if free >= needed_bytes * _SPARE_RATIO:
        return None
    words = f"{place} has {format_bytes(free)} of room, and a copy takes {format_bytes(needed_bytes)}"
    return words, "an encrypted backup keeps its copy in memory" if in_memory else "TMPDIR names another folder"


def _place(*, in_memory: bool) -> Path:
    return _MEMORY if in_memory else Path(tempfile.gettempdir())


@contextmanager
def scratch_folder(needed_bytes: int, *, in_memory: bool) -> Iterator[Path]:
    """A private folder with so much room, gone when the block ends; raises BackupError where there is none.

    Those that somebody has left who was killed are removed first: in memory they would take room until the machine is started anew.
    `in_memory` asks for a file system that has no disk behind it.
    """
    place = _place(in_memory=in_memory)
    with suppress(OSError):
        sweep_dead(place, _PREFIX)
    if (lack := lack_of_room(needed_bytes, in_memory=in_memory)) is not None:
        raise BackupError(*lack)
    try:
        folder, descriptor = make_held(place, _PREFIX)
    except OSError as error:
        raise BackupError(
            f"no folder can be made in {place}: {(error.strerror or str(error)).lower()}", "TMPDIR names another place"
        ) from error
    try:
        yield folder
    finally:
        remove_held(folder, descriptor)
