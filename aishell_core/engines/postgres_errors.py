"""What a PostgreSQL server's errors mean in plain words, and what to do about them."""

from __future__ import annotations

from dataclasses import dataclass

from aishell_core.errors import TargetError
from aishell_core.values import FailureCode


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What an error's message names: the server's address, the database and the role."""

    address: str
    database: str
    user: str


class PostgresError(TargetError):
    """An error of a PostgreSQL server; `sqlstate` is "" where no server has answered."""

    def __init__(self, reason: FailureCode, message: str, hint: str = "", sqlstate: str = "") -> None:
        super().__init__(reason, message, hint)
        self.sqlstate = sqlstate


_REASONS = {
    "42501": FailureCode.PRIVILEGE,
    "42P01": FailureCode.MISSING,
    "42883": FailureCode.MISSING,
    "42703": FailureCode.MISSING,
    "42704": FailureCode.MISSING,
    "3D000": FailureCode.MISSING,
    "57014": FailureCode.TIMEOUT,
    "55P03": FailureCode.LOCKED,
    "28P01": FailureCode.AUTHENTICATION,
    "28000": FailureCode.AUTHENTICATION,
    "0A000": FailureCode.UNSUPPORTED,
}


def told(sqlstate: str, message: str, where: Whereabouts) -> PostgresError:
    """The error for people."""
    reason = _REASONS.get(sqlstate, FailureCode.REFUSED)
    return PostgresError(reason, f"{where.address}: {message}", "", sqlstate)
