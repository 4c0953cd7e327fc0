"""Which file a collector watches, and where the statement log of its application lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aishell_core.engines.sqlite_states import shown
from aishell_core.engines.statement_log import default_log
from aishell_core.errors import TargetError
from aishell_core.targets import Target
from aishell_core.values import FailureCode, TargetId

LOG_OPTIONS = ("statement_log", "log")
"""URL options that name the statement log; a relative path is beside the database. The first is also what configuration writes."""


@dataclass(frozen=True, slots=True)
class Place:
    """A database file and its statement log, both known by name only: neither need exist."""

    target: TargetId
    path: Path
    log: Path


def place_of(target: Target) -> Place:
    """Where a target is; raises TargetError when it names no file."""
    path = target.location.path
    if path is None:
        raise TargetError(FailureCode.MISSING, "the target names no file", "write sqlite:///path/to/app.db")
    if "\0" in str(path):
        raise TargetError(FailureCode.UNSUPPORTED, f"{shown(path)} can be the name of no file: it holds a NUL character", "check the path")
    log = next((value for option in LOG_OPTIONS if (value := target.location.option(option))), None)
    return Place(target.name, path, _named_log(path, log) if log else default_log(path))


def _named_log(path: Path, log: str) -> Path:
    try:
        return (path.parent / Path(log).expanduser()).absolute()
    except RuntimeError:  # ~ of somebody who has no home: a folder of that very name is meant, or nothing
        return (path.parent / log).absolute()
