"""Opening the state database's file: for reading, and for writing at the newest version of its schema."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aishell_core.errors import StateError
from aishell_core.state.upgrade import Steps, checked_version, upgrade

NAME = "state.db"
_BUSY_SECONDS = 1.0
_ALONE_SECONDS = 60.0
_LOOK_AGAIN_SECONDS = 0.05
_LARGEST_WAL_BYTES = 16 * 2**20


def connect(path: Path, mode: str, busy_seconds: float = _BUSY_SECONDS) -> sqlite3.Connection:
    """A connection without transactions of its own; `mode` is ro or rw, and the file must be there. Raises sqlite3.Error."""
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False)


def open_to_write(path: Path, steps: Steps, now: float, busy_seconds: float = _BUSY_SECONDS) -> sqlite3.Connection:
    """A connection to write with, made and upgraded as needed; raises StateError, sqlite3.Error and OSError.

    Several programs may write: whoever opens the file makes or upgrades it alone, and the others wait for that.
    """
    with _alone(path.parent):
        if path.exists():
            # Reading only, because the last one to close a writable connection changes the file, even a newer one's.
            reader = connect(path, "ro")
            try:
                checked_version(reader, path, steps)
            finally:
                reader.close()
        path.touch(mode=0o600, exist_ok=True)
        connection = connect(path, "rw", busy_seconds)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA journal_size_limit = {_LARGEST_WAL_BYTES}")
            upgrade(connection, path, steps, now)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the system takes back when the process dies; nothing has to be left in the folder for it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _wait_for_lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int, folder: Path) -> None:
    deadline = time.monotonic() + _ALONE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                hint = "wait for it to end; it copies the database before it upgrades it"
                raise StateError(f"another aishell has been opening {folder / NAME} for a minute", hint) from None
            time.sleep(_LOOK_AGAIN_SECONDS)
        except OSError:
            return  # some file systems lock no folders; then whoever comes second is told by the database
        else:
            return
