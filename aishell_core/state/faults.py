"""What the driver and the system say of the state, as one sentence with something to do."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from aishell_core.errors import StateError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_CLOSED = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_PRIMARY_CODE = 0xFF
_SMALLEST_FREE_BYTES = 64 * 1024
_AGAIN = "it is tried again by itself"
_WRITABLE = "make the folder writable for you, or set AISHELL_HOME to one that is"


@contextmanager
def told(path: Path, doing: str) -> Iterator[None]:
    """Turn what goes wrong while `doing` something with a file into a StateError that names it."""
    try:
        yield
    except sqlite3.Error as error:
        raise _of_driver(error, path, doing) from error
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _FULL:
            raise _full(path, doing) from error
        raise StateError(f"cannot {doing} {path}: {reason}", _WRITABLE) from error


def damaged(path: Path, reason: str) -> StateError:
    """A file that is no state database; it is not touched, because nobody knows what else is in it.

    The hint moves the files beside it too: a write-ahead log that is left behind would damage the next database.
    """
    folder = quote(f"{path}.damaged")
    command = f"mkdir {folder} && mv {quote(str(path))} {quote(str(path))}-* {folder}"
    return StateError(f"{path} is damaged: {reason}", f"move it away, then a new one is made: {command}")


def _full(path: Path, doing: str) -> StateError:
    return StateError(f"cannot {doing} {path}: the disk is full", f"make room on the disk of {path.parent}; {_AGAIN}")


def _of_driver(error: sqlite3.Error, path: Path, doing: str) -> StateError:
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    if code in _DAMAGED:
        return damaged(path, str(error))
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _has_no_room(path)):
        return _full(path, doing)
    if code in _CLOSED:
        return StateError(f"cannot {doing} {path}: {error}", _WRITABLE)
    if code in _BUSY:
        return StateError(f"cannot {doing} {path}: another program holds it locked", _AGAIN)
    return StateError(f"cannot {doing} {path}: {error}", _AGAIN)


def _has_no_room(path: Path) -> bool:
    """The driver tells some writes to a full disk as faults of the disk."""
    try:
        room = os.statvfs(path.parent)
    except OSError:
        return False
    return room.f_bavail * room.f_frsize < _SMALLEST_FREE_BYTES
