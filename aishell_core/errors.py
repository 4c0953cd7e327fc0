"""The one error tree: a message that says what happened and a hint that says what to do.

AishellError                  exit 70, an operation failed
├── UsageError                exit 64, the command line cannot be carried out
├── ConfigError               exit 78, the configuration is wrong (file, line, column)
├── TargetError               exit 3,  a database cannot be read; carries a FailureCode
│   └── ConsentError          the same, not done because it may do more than read; a person may want it all the same
├── StateError                exit 74, the state folder or database cannot be used
└── RefusedError              exit 77, a role, a protection or the person at the keyboard says no

Rooms have errors of their own below it: those of backups stand in `aishell_ops/backups/errors.py`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar

from aishell_core.values import Failure, FailureCode


class ExitCode(IntEnum):
    """What a command's exit code tells a script; 64 and up follow sysexits.h."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3
    USAGE = 64
    DATA = 65
    UNAVAILABLE = 69
    SOFTWARE = 70
    STATE = 74
    BUSY = 75
    REFUSED = 77
    CONFIG = 78


class AishellError(Exception):
    """Anything that aishell tells a person instead of a traceback."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[ExitCode] = ExitCode.SOFTWARE

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class UsageError(AishellError):
    """The command line asks for something that cannot be done."""

    code = "usage"
    exit_code = ExitCode.USAGE


class ConfigError(AishellError):
    """A configuration file or value is wrong; the message begins with file:line:column where they are known."""

    code = "config"
    exit_code = ExitCode.CONFIG


class StateError(AishellError):
    """The state folder or the state database cannot be used."""

    code = "state"
    exit_code = ExitCode.STATE


class RefusedError(AishellError):
    """An action that is not carried out: a role or a protection forbids it, or nobody confirmed it."""

    code = "refused"
    exit_code = ExitCode.REFUSED


class TargetError(AishellError):
    """A database cannot be reached or read; every driver error becomes one at the border."""

    code = "target"
    exit_code = ExitCode.UNKNOWN

    def __init__(self, reason: FailureCode, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.reason = reason

    def failure(self, part: str, at: float) -> Failure:
        """This error as a value to be shown, for the part that could not be read."""
        return Failure(part, self.reason, self.message, self.hint, at)


class ConsentError(TargetError):
    """What was asked for may do more than read, so nothing was done; it can be asked for again with a person's consent."""
