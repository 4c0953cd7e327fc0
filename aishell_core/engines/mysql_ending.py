"""Cancelling and ending sessions of a MySQL or MariaDB server, only those that are still the same as when they were seen."""

from __future__ import annotations

import asyncio
from typing import Any

from aishell_core.clock import Clock
from aishell_core.engines.mysql_births import TOLERANCE_SECONDS, Births
from aishell_core.engines.mysql_errors import MysqlError
from aishell_core.engines.mysql_facts import ServerFacts
from aishell_core.engines.mysql_lane import Line
from aishell_core.values import FailureCode, Session

_BY_LIST = (
    "SELECT /* aishell */ ID AS id, USER AS user, HOST AS host, COMMAND AS command, {age} AS seconds, {statement} AS statement "
    "FROM information_schema.PROCESSLIST WHERE ID = %s"
)
_BY_SCHEMA = (
    "SELECT /* aishell */ PROCESSLIST_ID AS id, PROCESSLIST_USER AS user, PROCESSLIST_HOST AS host, PROCESSLIST_COMMAND AS command, "
    "PROCESSLIST_TIME AS seconds, NULL AS statement FROM performance_schema.threads WHERE PROCESSLIST_ID = %s"
)
_ROUTINES = (
    "SELECT /* aishell */ ROUTINE_NAME AS name FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'mysql' "
    "AND ROUTINE_NAME IN ('rds_kill', 'rds_kill_query', 'az_kill', 'az_kill_query')"
)
_AGAIN_SECONDS = 0.05
_GONE_HINT = "look at the sessions again: nothing was done"
_DENIED = frozenset({1095, 1227, 1979})
"""Of a connection, of anything, and on MariaDB of a statement (ER_KILL_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR,
ER_KILL_QUERY_DENIED_ERROR)."""
_NO_THREAD = frozenset({1094, 1957})
"""No such connection, or no such statement any more (ER_NO_SUCH_THREAD, ER_NO_SUCH_QUERY)."""


class Ending:
    """Acts over a session's quick connection, which is there even when the server has none left to give.

    A server does not tell when a session began, and gives an id again only after a restart. A session is the same when it
    has the same id, user and client, when the server has not been restarted since it was seen, and when its start is the
    one that was noted for this id, within `TOLERANCE_SECONDS`. The check comes right before the act, in a statement of its own;
    MariaDB cancels the very statement that was seen by the check, by its number.
    """

    def __init__(self, line: Line, births: Births, clock: Clock) -> None:
        self._line = line
        self._births = births
        self._clock = clock

    async def cancel(self, session: Session, seconds: float) -> None:
        """Cancel what exactly this session runs; raises MysqlError, with GONE when it runs nothing or is another one."""
        number = _number(session)
        async with self._line.turn(seconds) as until:
            facts = (await self._line.connected(until)).facts
            row = await self._same(session, number, facts, until)
            if row["command"] in {"Sleep", "Killed"}:
                raise MysqlError(FailureCode.GONE, f"session {session.id} runs nothing now", _GONE_HINT)
            statement = row["statement"]
            await self._kill(f"KILL QUERY ID {int(statement)}" if statement else f"KILL QUERY {number}", "kill_query", number, facts, until)

    async def terminate(self, session: Session, seconds: float) -> None:
        """End exactly this session and see it go; raises MysqlError, with TIMEOUT when it is still there in the end."""
        number = _number(session)
        async with self._line.turn(seconds) as until:
            facts = (await self._line.connected(until)).facts
            await self._same(session, number, facts, until)
            await self._kill(f"KILL CONNECTION {number}", "kill", number, facts, until)
            while await self._row(number, facts, until) is not None:
                if asyncio.get_running_loop().time() + 4 * _AGAIN_SECONDS > until:
                    raise MysqlError(
                        FailureCode.TIMEOUT,
                        f"session {session.id} was told to end and has not yet",
                        "it ends when its changes are rolled back, which can take as long as they took",
                    )
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _row(self, number: int, facts: ServerFacts, until: float) -> dict[str, Any] | None:
        """The session with this id as the server shows it now; None where there is none, or one that has been told to end already."""
        age, statement = ("TIME_MS / 1000", "QUERY_ID") if facts.mariadb else ("TIME", "NULL")
        rows: tuple[Any, ...] = ()
        if facts.performance_schema and not facts.mariadb:
            try:
                rows = await self._line.fetch(_BY_SCHEMA, (number,), until)
            except MysqlError as error:
                if error.reason is not FailureCode.PRIVILEGE:
                    raise
                rows = await self._line.fetch(_BY_LIST.format(age=age, statement=statement), (number,), until)
        else:
            rows = await self._line.fetch(_BY_LIST.format(age=age, statement=statement), (number,), until)
        return dict(rows[0]) if rows else None

    async def _is_daemon(self, number: int, facts: ServerFacts, until: float) -> bool:
        """Whether this is one of the server's own threads, as the scheduler of events is; MySQL says of it that it is unknown.

        The performance schema gives it no user, and the process list its command.
        """
        row = await self._row(number, facts, until)
        return row is not None and (row["user"] is None or row["command"] == "Daemon")

    async def _same(self, session: Session, number: int, facts: ServerFacts, until: float) -> dict[str, Any]:
        """The session as it is now; raises MysqlError with GONE where it is not the one that was seen."""
        if number == facts.connection_id:
            raise MysqlError(FailureCode.UNSUPPORTED, f"session {session.id} is aishell's own", "quit aishell to end it")
        row = await self._row(number, facts, until)
        if row is None:
            raise MysqlError(FailureCode.GONE, f"session {session.id} has ended by itself", _GONE_HINT)
        difference = self._difference(session, row, facts)
        if difference:
            message = f"connection id {session.id} belongs to another session now: {difference}"
            raise MysqlError(FailureCode.GONE, message, _GONE_HINT)
        return row

    def _difference(self, session: Session, row: dict[str, Any], facts: ServerFacts) -> str:
        """What tells a session from the one that was seen, "" where nothing does."""
        if session.user and row["user"] != session.user:
            return "its user is another one"
        address = dict(session.details).get("address", "")
        if address and ":" in str(row["host"]) and row["host"] != address:
            return "its client is another one"
        if session.started_at is None:
            return ""
        if facts.started_at is not None and session.started_at < facts.started_at - TOLERANCE_SECONDS:
            return "the server has been restarted since"
        began_by = self._births.start_of(int(row["id"]))
        if began_by is not None and abs(began_by - session.started_at) > TOLERANCE_SECONDS:
            return "it began at another time"
        rested = float(row["seconds"] or 0.0)
        if session.started_at > self._clock.now() - rested + TOLERANCE_SECONDS:
            return "it was there before"
        return ""

    async def _kill(self, sql: str, routine: str, number: int, facts: ServerFacts, until: float) -> None:
        """Give the order, by the procedure of a managed server where the plain one is denied."""
        try:
            await self._line.fetch(f"{sql} /* aishell */", (), until)
        except MysqlError as error:
            if error.number in _NO_THREAD:
                if await self._is_daemon(number, facts, until):
                    message = f"session {number} is a thread of the server itself, which no KILL reaches"
                    raise MysqlError(FailureCode.UNSUPPORTED, message, "nothing was done", error.number) from error
                raise MysqlError(
                    FailureCode.GONE, f"session {number} has just ended what was to be ended", _GONE_HINT, error.number
                ) from error
            if error.number not in _DENIED:
                raise
            found = {row["name"] for row in await self._line.fetch(_ROUTINES, (), until)}
            managed = next((f"{cloud}_{routine}" for cloud in ("rds", "az") if f"{cloud}_{routine}" in found), None)
            if managed is None:
                raise self._denied(error, number, facts) from error
            await self._line.fetch(f"CALL /* aishell */ mysql.{managed}({number})", (), until)

    def _denied(self, error: MysqlError, number: int, facts: ServerFacts) -> MysqlError:
        right = "CONNECTION ADMIN" if facts.mariadb else "CONNECTION_ADMIN"
        hint = f"GRANT {right} ON *.* TO {self._line.where().grantee};"
        return MysqlError(FailureCode.PRIVILEGE, f"{facts.account or facts.user} may not end session {number}", hint, error.number)


def _number(session: Session) -> int:
    if not session.id.isdecimal() or session.id == "0":
        raise MysqlError(FailureCode.UNSUPPORTED, f"{session.id!r} is no connection id of a server", "give the number of a session")
    return int(session.id)
