"""What physical backups of every engine have in common."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from aishell_core.errors import UsageError
from aishell_core.units import format_bytes
from aishell_ops.backups.engines.contract import LoadRequest, one_job_obstacle
from aishell_ops.backups.models import ObjectProof, ProofLevel


@dataclass(frozen=True, slots=True)
class NewFolder:
    """Where files are to be restored to, and what forbids it. `path` is None where none is named, `free_bytes` where it is not known."""

    path: Path | None
    free_bytes: int | None
    obstacles: tuple[str, ...]


def folder_of(request: LoadRequest) -> Path | None:
    """The data folder that somebody names as the database of a physical backup; None where nothing is named."""
    return Path(request.database).expanduser() if request.database else None


def new_folder(request: LoadRequest, needed_bytes: int, beside: Iterable[Path] = ()) -> NewFolder:
    """The data folder that a restore would make, and folders `beside` it: none of them may hold anything."""
    final, free = folder_of(request), None
    obstacles = [*one_job_obstacle(request)]
    if final is None or not final.is_absolute():
        obstacles.append("a physical backup is restored into a new data folder: name its path by --target")
    elif not final.parent.is_dir():
        obstacles.append(f"the folder {final.parent} is missing")
    else:
        free = shutil.disk_usage(final.parent).free
        taken = [path for path in (final, *beside) if _is_taken(path)]
        obstacles += [f"{path} is there and not empty; a data folder is never replaced: name a new one" for path in taken]
        if free < needed_bytes:
            obstacles.append(f"{final.parent} has {format_bytes(free)} of room, and {format_bytes(needed_bytes)} are needed")
    if request.tables:
        obstacles.append("single tables cannot be restored from a physical backup")
    return NewFolder(final, free, tuple(obstacles))


def _is_taken(path: Path) -> bool:
    return path.exists() and (not path.is_dir() or any(path.iterdir()))


def uncounted(level: ProofLevel) -> tuple[ObjectProof, ...]:
    """Nothing can be counted at the moment that files show; raises UsageError when it is asked for."""
    if level is not ProofLevel.NONE:
        message = "rows cannot be counted in the moment that a physical backup shows: it is known only at its end"
        raise UsageError(message, "take --proof none; a dump is proven")
    return ()
