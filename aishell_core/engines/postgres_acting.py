"""Cancelling and ending sessions of a PostgreSQL server, only those that are still the same as when they were seen."""

from __future__ import annotations

import asyncio
from typing import Any

from aishell_core.engines.postgres_errors import PostgresError, quoted
from aishell_core.engines.postgres_lane import Line
from aishell_core.values import FailureCode, Session

# The function is called for the row of that process and start alone, so that the check and the act are one statement.
_ACT = (
    "SELECT /* aishell */ {function}(pid) AS done FROM pg_catalog.pg_stat_activity "
    "WHERE pid = $1 AND date_part('epoch', backend_start) = $2 AND pid <> pg_catalog.pg_backend_pid(){further}"
)
_SEEN = (
    "SELECT /* aishell */ date_part('epoch', backend_start) AS started_at, state, usename AS role, "
    "pid = pg_catalog.pg_backend_pid() AS own FROM pg_catalog.pg_stat_activity WHERE pid = $1"
)
_AGAIN_SECONDS = 0.05
_GONE_HINT = "look at the sessions again: nothing was done"
_DENIED = "42501"


class Acting:
    """Acts over a session's quick connection, which is there even when the server has none left to give."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def cancel(self, session: Session, seconds: float) -> None:
        """Cancel what exactly this session runs; raises PostgresError, with GONE when it runs nothing or is another one."""
        async with self._line.turn(seconds) as until:
            if not await self._done("pg_cancel_backend", " AND state <> 'idle'", session, until):
                raise await self._why_not(session, until)

    async def terminate(self, session: Session, seconds: float) -> None:
        """End exactly this session and see it go; raises PostgresError, with TIMEOUT when it is still there in the end."""
        async with self._line.turn(seconds) as until:
            if not await self._done("pg_terminate_backend", "", session, until):
                raise await self._why_not(session, until)
            while await self._still_there(session, until):
                if asyncio.get_running_loop().time() + 4 * _AGAIN_SECONDS > until:
                    raise PostgresError(
                        FailureCode.TIMEOUT,
                        f"session {session.id} was told to end and has not yet",
                        "it ends when what it is in the middle of allows it; a process that waits for a disk can take long",
                    )
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _done(self, function: str, further: str, session: Session, until: float) -> bool:
        """Whether the server took the order; False when there is no such session any more."""
        sql = _ACT.format(function=f"pg_catalog.{function}", further=further)
        try:
            rows = await self._line.fetch(sql, self._identity(session), until)
        except PostgresError as error:
            if error.sqlstate == _DENIED:
                raise self._denied(error, session) from error
            raise
        return any(row["done"] for row in rows)

    async def _still_there(self, session: Session, until: float) -> bool:
        return _same(await self._line.fetch(_SEEN, (int(session.id),), until), session)

    async def _why_not(self, session: Session, until: float) -> PostgresError:
        rows = await self._line.fetch(_SEEN, (int(session.id),), until)
        if not rows:
            return PostgresError(FailureCode.GONE, f"session {session.id} has ended by itself", _GONE_HINT)
        if not _same(rows, session):
            return PostgresError(FailureCode.GONE, f"process id {session.id} belongs to another session now", _GONE_HINT)
        if rows[0]["own"]:
            return PostgresError(FailureCode.UNSUPPORTED, f"session {session.id} is aishell's own", "quit aishell to end it")
        return PostgresError(FailureCode.GONE, f"session {session.id} runs nothing now", _GONE_HINT)

    def _identity(self, session: Session) -> tuple[int, float]:
        """The process and its start; raises PostgresError when the start is hidden, because then nobody could tell it from another."""
        if not session.id.isdecimal():
            raise PostgresError(FailureCode.UNSUPPORTED, f"{session.id!r} is no process id of a server", "give the number of a session")
        if session.started_at is None:
            raise PostgresError(
                FailureCode.PRIVILEGE,
                f"when session {session.id} started is hidden from this role, so it cannot be told from a later one",
                f"GRANT pg_monitor TO {self._line.where().role};",
            )
        return int(session.id), session.started_at

    def _denied(self, error: PostgresError, session: Session) -> PostgresError:
        role = quoted(self._line.where().user)
        if "superuser" in error.message.lower():
            hint = "it is a superuser's session: connect as a superuser"
        else:
            hint = f"GRANT pg_signal_backend TO {role};"
        return PostgresError(FailureCode.PRIVILEGE, f"role {role} may not signal session {session.id}", hint, error.sqlstate)


def _same(rows: tuple[Any, ...], session: Session) -> bool:
    return bool(rows) and rows[0]["started_at"] == session.started_at
