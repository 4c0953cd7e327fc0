"""Errors of backups, below the one tree.

BackupError           exit 70, a backup or restore failed
├── StorageError      exit 74, the storage cannot be read or written; carries a StorageFault
├── DamagedError      exit 65, what was read is not what was written
├── LockedError         exit 78, it is encrypted, and what would open it is not at hand
├── BusyError         exit 75, somebody else works on it; trying again later may do
├── UnreadableError     exit 69, the database cannot be reached or read, so that nothing was made of it or of a backup
├── ProgramError      exit 69, a program that took part did not go well; carries what it ended with
└── ToolError         exit 69, a program that is needed is missing or of the wrong version
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from aishell_core.errors import AishellError, ExitCode


class BackupError(AishellError):
    """A backup, a restore or what belongs to them could not be done."""

    code = "backup"


class StorageFault(StrEnum):
    """Why a storage does not do what it is asked for."""

    MISSING = "missing"
    EXISTS = "exists"
    CHANGED = "changed"
    REFUSED = "refused"
    FULL = "full"
    UNAVAILABLE = "unavailable"


class StorageError(BackupError):
    """A storage cannot be read or written."""

    code = "storage"
    exit_code: ClassVar[ExitCode] = ExitCode.STATE

    def __init__(self, fault: StorageFault, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.fault = fault


class DamagedError(BackupError):
    """What was read from a storage is not what was written there."""

    code = "damaged"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA


class LockedError(BackupError):
    """A backup is encrypted, and the key or passphrase that opens it is not at hand."""

    code = "locked"
    exit_code: ClassVar[ExitCode] = ExitCode.CONFIG


class BusyError(BackupError):
    """Somebody else works on the same thing now."""

    code = "busy"
    exit_code: ClassVar[ExitCode] = ExitCode.BUSY


class UnreadableError(BackupError):
    """The database cannot be reached or read, so that no backup was made, restored or tested."""

    code = "unreadable"
    exit_code: ClassVar[ExitCode] = ExitCode.UNAVAILABLE


class ProgramError(BackupError):
    """A program that took part did not go well, or the server that it spoke to.

    `returned` is its exit code, or the signal that ended it below zero.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.UNAVAILABLE

    def __init__(self, returned: int, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.returned = returned


class ToolError(BackupError):
    """A program that is needed is missing, or too old or too new for the server."""

    code = "tool"
    exit_code: ClassVar[ExitCode] = ExitCode.UNAVAILABLE
