"""Cancelling and ending sessions of an Oracle server, only those that are still the same as when they were seen."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from aishell_core.engines.oracle_errors import OracleError, is_barred
from aishell_core.engines.oracle_facts import ServerFacts
from aishell_core.engines.oracle_lane import Line
from aishell_core.engines.oracle_wire import Binds, Row
from aishell_core.values import FailureCode, Session

_COLUMNS = (
    "s.status AS status, s.type AS type, s.sql_id AS sql_id, s.username AS username, "
    "ROUND((s.logon_time - DATE '1970-01-01') * 86400) AS logon_local"
)
_SEEN = (
    f"SELECT /* aishell */ {_COLUMNS} FROM gv$session s "  # noqa: S608 - columns of our own
    "WHERE s.inst_id = :inst AND s.sid = :sid AND s.serial# = :serial"
)
_SEEN_HERE = f"SELECT /* aishell */ {_COLUMNS} FROM v$session s WHERE s.sid = :sid AND s.serial# = :serial"  # noqa: S608
_MANAGED = (
    "SELECT /* aishell */ procedure_name FROM all_procedures "
    "WHERE owner = 'RDSADMIN' AND object_name = 'RDSADMIN_UTIL' AND procedure_name = :routine"
)
_MANAGED_KILL = "BEGIN /* aishell */ rdsadmin.rdsadmin_util.kill(sid => :sid, serial => :serial, method => 'IMMEDIATE'); END;"
_MANAGED_CANCEL = "BEGIN /* aishell */ rdsadmin.rdsadmin_util.cancel(sid => :sid, serial => :serial, sql_id => :sql_id); END;"
_ID = re.compile(r"(\d+),(\d+)(?:,@(\d+))?")
_SQL_ID = re.compile(r"[0-9a-z]{13}")
_GONE_HINT = "look at the sessions again: nothing was done"
_AGAIN_SECONDS = 0.1
_MARKED, _NO_SESSION = 31, frozenset({26, 30})
"""ORA errors: marked for kill; no such session."""

_TOLERANCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Identity:
    sid: int
    serial: int
    instance: int

    def literal(self, *, spaced: bool) -> str:
        """As it stands in ALTER SYSTEM, which takes no placeholders: numbers alone."""
        return f"{self.sid}, {self.serial}, @{self.instance}" if spaced else f"{self.sid},{self.serial},@{self.instance}"


class Acting:
    """Acts over a session's quick connection, which is there even when the server has none left to give.

    The order names the session and its serial number, and the server refuses it when that has another one by then, so
    that no later session is met. The start is compared too, within a second: the server tells it in whole ones. A
    cancelled statement is named by its SQL_ID, so that the session's next one is left alone.
    """

    def __init__(self, line: Line) -> None:
        self._line = line

    async def cancel(self, session: Session, seconds: float) -> None:
        """Cancel what exactly this session runs; raises OracleError, with GONE when it runs nothing or is another one."""
        async with self._line.turn(seconds) as until:
            facts = (await self._line.connected(until)).facts
            identity = _identity(session, facts)
            row = await self._same(session, identity, facts, until)
            sql_id = str(row["sql_id"] or "")
            if row["status"] != "ACTIVE" or _SQL_ID.fullmatch(sql_id) is None:
                raise OracleError(FailureCode.GONE, f"session {session.id} runs nothing now", _GONE_HINT)
            order = f"ALTER SYSTEM /* aishell */ CANCEL SQL '{identity.literal(spaced=True)}, {sql_id}'"
            binds = {"sid": identity.sid, "serial": identity.serial, "sql_id": sql_id}
            await self._order(order, ("CANCEL", _MANAGED_CANCEL, binds), session, until)

    async def terminate(self, session: Session, seconds: float) -> None:
        """End exactly this session and see it go; raises OracleError, with TIMEOUT when it is still there in the end."""
        async with self._line.turn(seconds) as until:
            facts = (await self._line.connected(until)).facts
            identity = _identity(session, facts)
            await self._same(session, identity, facts, until)
            order = f"ALTER SYSTEM /* aishell */ KILL SESSION '{identity.literal(spaced=False)}' IMMEDIATE"
            binds: dict[str, object] = {"sid": identity.sid, "serial": identity.serial}
            await self._order(order, ("KILL", _MANAGED_KILL, binds), session, until)
            while await self._row(identity, facts, until) is not None:
                if asyncio.get_running_loop().time() + 3 * _AGAIN_SECONDS > until:
                    raise OracleError(
                        FailureCode.TIMEOUT,
                        f"session {session.id} was told to end and has not yet",
                        "it ends when its changes are rolled back, which can take as long as they took",
                    )
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _row(self, identity: _Identity, facts: ServerFacts, until: float) -> Row | None:
        """The session as the server shows it now; of another instance only where all of them may be seen."""
        place = {"sid": identity.sid, "serial": identity.serial}
        try:
            rows = await self._line.fetch(_SEEN, {**place, "inst": identity.instance}, until)
        except OracleError as error:
            if not is_barred(error) or identity.instance != facts.instance:
                raise _unseen(error, facts, self._line) from error
            try:
                rows = await self._line.fetch(_SEEN_HERE, place, until)
            except OracleError as again:
                raise _unseen(again, facts, self._line) from again
        return rows[0] if rows else None

    async def _same(self, session: Session, identity: _Identity, facts: ServerFacts, until: float) -> Row:
        if identity.sid == facts.sid and identity.instance == facts.instance:
            raise OracleError(FailureCode.UNSUPPORTED, f"session {session.id} is aishell's own", "quit aishell to end it")
        row = await self._row(identity, facts, until)
        if row is None:
            raise OracleError(FailureCode.GONE, f"session {session.id} has ended by itself", _GONE_HINT)
        started_at = facts.epoch(row["logon_local"])
        known = session.started_at is not None and started_at is not None
        if known and abs((started_at or 0.0) - (session.started_at or 0.0)) > _TOLERANCE_SECONDS:
            raise OracleError(FailureCode.GONE, f"number {session.id} belongs to another session now", _GONE_HINT)
        if row["type"] == "BACKGROUND":
            raise OracleError(
                FailureCode.UNSUPPORTED, f"session {session.id} is a process of the server itself", "ending it could stop the server"
            )
        return row

    async def _order(self, order: str, managed: tuple[str, str, Binds], session: Session, until: float) -> None:
        """Give the order, by the procedure of a managed server where the plain one is denied."""
        try:
            await self._line.execute(order, {}, until)
        except OracleError as error:
            if error.number == _MARKED:
                return  # it ends as soon as it can; the driver takes this for the end of our own connection
            if error.number in _NO_SESSION:
                raise OracleError(FailureCode.GONE, f"session {session.id} has just ended by itself", _GONE_HINT, error.number) from error
            if not is_barred(error):
                raise
            routine, block, binds = managed
            if not await self._line.fetch(_MANAGED, {"routine": routine}, until):
                hint = f"GRANT ALTER SYSTEM TO {self._line.where().grantee};"
                raise OracleError(
                    FailureCode.PRIVILEGE, f"user {self._line.where().user} may not act on session {session.id}", hint, error.number
                ) from error
            await self._line.execute(block, binds, until)


def _unseen(error: OracleError, facts: ServerFacts, line: Line) -> OracleError:
    """The error that a session cannot be looked at, with the grant; others as they are."""
    if not is_barred(error):
        return error
    hint = f"GRANT SELECT ON SYS.GV_$SESSION TO {line.where().grantee};"
    return OracleError(
        FailureCode.PRIVILEGE, f"user {facts.user} may not see sessions, so none can be told from a later one", hint, error.number
    )


def _identity(session: Session, facts: ServerFacts) -> _Identity:
    found = _ID.fullmatch(session.id)
    if found is None:
        raise OracleError(FailureCode.UNSUPPORTED, f"{session.id!r} is no session of an Oracle server", "write its sid,serial#")
    return _Identity(int(found[1]), int(found[2]), int(found[3] or facts.instance))
