"""What is the matter with a database file, in words: from the look at it, or from the error that the look ended with."""

from __future__ import annotations

import errno
import os
import pwd
import sqlite3
from difflib import get_close_matches
from pathlib import Path

from aishell_core.engines.descriptors import NotRegularFileError
from aishell_core.engines.sqlite_file import HEADER_BYTES, JOURNAL_MAGIC, MAGIC, FileLook, beside, entropy_ratio
from aishell_core.engines.sqlite_locks import WRITING, HeldLock, Lock, holders, is_held
from aishell_core.errors import TargetError
from aishell_core.values import Failure, FailureCode

_ENCRYPTED_ENTROPY = 0.93
_LONGEST_PATH = 4096
_SAMPLE_TOO_SMALL = 256
_READABLE_VERSION = 2
_READABLE_SCHEMA_FORMAT = 4


def shown(path: Path) -> str:
    """A path as text for people: bytes that are no UTF-8 and control characters are written as escapes."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    text = "".join(character if character.isprintable() else character.encode("unicode_escape").decode("ascii") for character in text)
    # No real path is longer; one that is was made by mistake, and its whole length helps nobody.
    return text if len(text) <= _LONGEST_PATH else f"{text[:60]}…{text[-30:]}"


def unreachable(path: Path, error: OSError) -> TargetError:
    """Why a file cannot be looked at."""
    name = shown(path)
    if isinstance(error, NotRegularFileError):
        return TargetError(FailureCode.NOT_A_DATABASE, f"{name} is a {error.kind}, not a database file", "name the database file itself")
    match error.errno:
        case errno.ELOOP:
            message = f"{name} cannot be reached: its symbolic links lead round in circles"
            return TargetError(FailureCode.MISSING, message, "let the link point to the database file, or name that file itself")
        case errno.ENAMETOOLONG:
            return TargetError(FailureCode.MISSING, f"{name} cannot be opened: the name is too long for any file there", "check the path")
        case errno.EILSEQ:
            return TargetError(FailureCode.UNSUPPORTED, f"{name} can be the name of no file: {error.strerror}", "check the path")
        case errno.ENOENT | errno.ENOTDIR:
            return TargetError(FailureCode.MISSING, f"there is no file {name}", _nearby(path))
        case errno.EACCES | errno.EPERM:
            return TargetError(FailureCode.PRIVILEGE, f"{name} may not be read by {_me()}", _who_may(path))
        case errno.EMFILE | errno.ENFILE:
            return TargetError(FailureCode.INTERNAL, f"{name} cannot be opened: too many open files", "raise the limit: ulimit -n 4096")
        case errno.ESTALE | errno.EIO | errno.ENODEV | errno.ENXIO:
            reason = os.strerror(error.errno).lower()
            return TargetError(FailureCode.MISSING, f"the file system of {name} does not answer: {reason}", "mount it again")
    return TargetError(FailureCode.MISSING, f"{name} cannot be opened: {error.strerror or error}", "check the path")


def _nearby(path: Path) -> str:
    """What exists instead of a missing file: the nearest name in its folder, or how far the path goes."""
    if os.path.islink(path):  # noqa: PTH114 - never raises
        return f"it is a symbolic link to {shown(Path(os.path.realpath(path)))}, which does not exist"
    folder = path.parent
    if not _is_folder(folder):
        existing = next((parent for parent in folder.parents if _is_folder(parent)), Path("/"))
        return f"the folder {shown(folder)} does not exist; the path is right up to {shown(existing)}"
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if _is_file(entry)]
    except OSError:
        return f"the folder {shown(folder)} cannot be listed"
    near = get_close_matches(path.name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {shown(folder / near[0])}?"
    databases = sorted(name for name in names if name.endswith((".db", ".sqlite", ".sqlite3", ".db3")))[:3]
    return f"in {shown(folder)} there is {', '.join(databases)}" if databases else f"{shown(folder)} holds no database file"


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads round in circles or to where we may not look: the other names are worth listing
        return False


def _me() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"user {os.geteuid()}"


def _who_may(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return f"let {_me()} enter the folder {shown(_closed_folder(path))}"
    return f"its mode is {found.st_mode & 0o777:03o}, its owner {_owner(found.st_uid)}; give {_me()} the right to read"


def _closed_folder(path: Path) -> Path:
    """The first folder on the way to a file, links followed, that we may not enter."""
    folders = Path(os.path.realpath(path)).parents
    return next((folder for folder in reversed(folders) if not os.access(folder, os.X_OK)), folders[0] if folders else path)


def _owner(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def fatal(look: FileLook, locks: frozenset[HeldLock]) -> TargetError | None:
    """Why nothing can be said about this file; None when it is a database, and for an empty file, which is one without tables."""
    name = shown(look.path)
    if look.header is None:
        return _no_header(look, name) if look.begin else None
    if look.header.read_version > _READABLE_VERSION or look.header.schema_format > _READABLE_SCHEMA_FORMAT:
        return TargetError(
            FailureCode.UNSUPPORTED,
            f"{name} has a newer file format than SQLite {sqlite3.sqlite_version} can read",
            "run aishell with a newer SQLite library",
        )
    return _truncated(look, locks, name)


def _no_header(look: FileLook, name: str) -> TargetError:
    if look.begin.startswith(MAGIC):
        return _broken_header(look, name)
    if len(look.begin) >= _SAMPLE_TOO_SMALL and entropy_ratio(look.begin) > _ENCRYPTED_ENTROPY:
        return TargetError(
            FailureCode.ENCRYPTED,
            f"{name} looks encrypted or is no SQLite database: it begins with random bytes",
            "aishell cannot read encrypted databases (SQLCipher, SEE); check the path if it should be a plain one",
        )
    begin = look.begin[:16].decode("ascii", "backslashreplace")
    begin = "".join(character if character.isprintable() else "." for character in begin)
    return TargetError(FailureCode.NOT_A_DATABASE, f"{name} is no SQLite database: it begins with {begin!r}", "check the path")


def _broken_header(look: FileLook, name: str) -> TargetError:
    size = look.file.size_bytes
    if size < HEADER_BYTES:
        message = f"{name} is truncated: {size} bytes are there, less than the {HEADER_BYTES} of the header"
        return TargetError(FailureCode.TRUNCATED, message, "restore it from a backup")
    message = f"{name} is damaged: its header names an impossible page size"
    return TargetError(FailureCode.DAMAGED, message, "restore it from a backup; .recover of the sqlite3 shell saves what is left")


def _truncated(look: FileLook, locks: frozenset[HeldLock], name: str) -> TargetError | None:
    header = look.header
    if header is None or not header.page_count_known:
        return None
    # Pages may still be in the log, be on their way, or be waiting to be put back: only a file at rest can be too short.
    if (look.wal is not None and look.wal.size_bytes) or look.journal is not None or is_held(locks, *WRITING):
        return None
    expected = header.page_count * header.page_bytes
    if look.file.size_bytes >= expected:
        return None
    return TargetError(
        FailureCode.TRUNCATED,
        f"{name} is truncated: {look.file.size_bytes} of {expected} bytes are there",
        "restore it from a backup; .recover of the sqlite3 shell saves what is left",
    )


def notable(look: FileLook, obstacle: TargetError | None, at: float) -> tuple[Failure, ...]:
    """What keeps the content of a database from being read, though the file itself is one."""
    if obstacle is not None:
        return (obstacle.failure("schema", at),)
    if look.header is None:
        message = f"{shown(look.path)} holds no tables yet: an empty file is a valid database without tables"
        return (Failure("schema", FailureCode.EMPTY, message, "nothing to do yet", at),)
    return ()


def emptied(look: FileLook, at: float) -> Failure:
    """What is said of a file that is empty now and was seen with content before."""
    message = f"{shown(look.path)} was emptied: it held a database before and has no bytes any more"
    return Failure("schema", FailureCode.TRUNCATED, message, "restore it from a backup unless the application made it anew", at)


def obstacle_to_reading(look: FileLook, locks: frozenset[HeldLock]) -> TargetError | None:
    """Why no statement can be answered at this moment; None when it can."""
    if is_held(locks, Lock.EXCLUSIVE):
        pids = holders(locks, Lock.EXCLUSIVE)
        who = f"by pid {min(pids)}" if pids else "by a process that cannot be seen from here"
        return TargetError(
            FailureCode.LOCKED,
            f"the database is locked exclusively {who}",
            "it ends with the transaction, or with the connection under PRAGMA locking_mode = EXCLUSIVE",
        )
    if hot_journal(look, locks):
        return TargetError(
            FailureCode.LOCKED,
            f"a writer died in the middle of a transaction: {shown(beside(look.path, '-journal'))} waits to be rolled back",
            "open the database once for writing, with the application or sqlite3: the committed data is whole",
        )
    if _orphaned_log(look):
        return TargetError(
            FailureCode.LOCKED,
            f"{shown(beside(look.path, '-wal'))} holds transactions, but its index (-shm) is gone",
            "open the database once with the application or sqlite3; aishell creates no files beside it, nor a copy of it",
        )
    return None


def hot_journal(look: FileLook, locks: frozenset[HeldLock]) -> bool:
    """Whether a rollback journal with content lies there and no living writer owns it."""
    if look.journal is None or look.journal.size_bytes == 0 or is_held(locks, *WRITING):
        return False
    try:
        # SQLite never locks the journal, so opening and closing it here breaks nothing.
        with beside(look.path, "-journal").open("rb") as journal:
            return journal.read(len(JOURNAL_MAGIC)) == JOURNAL_MAGIC
    except OSError:  # the transaction ended in the meantime
        return False


def _orphaned_log(look: FileLook) -> bool:
    wal = look.header is not None and look.header.wal
    return wal and look.wal is not None and look.wal.size_bytes > 0 and not os.path.exists(beside(look.path, "-shm"))  # noqa: PTH110 - never raises
