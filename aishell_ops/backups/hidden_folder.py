"""A hidden folder beside what a restore makes, so that it needs only be renamed; swept by the next restore when its maker was killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.held_folder import make_held, remove_held, sweep_dead

_NAME_CHARACTERS = 50
"""So much of a name is kept: what follows it must fit into the 255 bytes that a system allows too."""


def hidden_beside(final: Path) -> Path:
    """How the hidden folders begin that are made for a place."""
    return final.with_name(f".{final.name[:_NAME_CHARACTERS]}.restoring-")


@asynccontextmanager
async def hidden_folder(beginning: Path) -> AsyncIterator[Path]:
    """A new folder whose path begins as `hidden_beside` says; it goes with all that is in it when the block ends.

    Those that were made for the same place by somebody who was killed are removed first. Raises BackupError.
    """
    try:
        await asyncio.to_thread(sweep_dead, beginning.parent, beginning.name)
        folder, descriptor = await asyncio.to_thread(make_held, beginning.parent, beginning.name)
    except OSError as error:
        raise BackupError(
            f"no folder can be made in {beginning.parent}: {(error.strerror or str(error)).lower()}",
            "it must be writable by the user who runs aishell",
        ) from error
    try:
        yield folder
    finally:
        await asyncio.shield(asyncio.to_thread(remove_held, folder, descriptor))
