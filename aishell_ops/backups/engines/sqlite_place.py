"""The file that a restore goes into: the database's own, one beside it that is named, or one elsewhere by its whole path."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from aishell_core.engines.sqlite_file import look_at
from aishell_core.errors import UsageError

_HOW = "name a file beside the database, such as new.db, or a whole path, such as /srv/data/new.db"


def wanted_file(database: Path, name: str) -> Path:
    """The file that `name` means, "" the database's own; links are followed. Raises UsageError for a name that no file can have."""
    wanted = Path(name).expanduser() if name else database
    if not wanted.is_absolute():
        if wanted.name != name or name in (os.curdir, os.pardir):
            raise UsageError(f"{name} is neither the name of a file nor a whole path", _HOW)
        wanted = database.with_name(name)
    try:
        final = Path(os.path.realpath(wanted))
        mode = final.stat().st_mode
    except FileNotFoundError:
        return final
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(f"there can be no file {shortened(str(wanted))}: {said.lower()}", _HOW) from error
    if not stat.S_ISREG(mode):
        raise UsageError(f"{final} is {'a folder' if stat.S_ISDIR(mode) else 'no usual file'}, and is never replaced", _HOW)
    return final


def foreign_obstacle(final: Path) -> tuple[str, ...]:
    """What forbids to replace a file: that it is no database, whatever may be lost."""
    try:
        look = look_at(final)
    except OSError as error:
        return (f"{final} cannot be read: {(error.strerror or str(error)).lower()}",)
    if look.header is None and look.disk_bytes:
        return (f"{final} is no SQLite database, and is never replaced",)
    return ()


def shortened(text: str) -> str:
    """A text that may be of any length, for a message."""
    return text if len(text) <= 200 else f"{text[:200]}..."
