"""A session with a PostgreSQL server: at most two connections, each question with a deadline."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from aishell_core.clock import Clock
from aishell_core.engines.postgres_errors import PostgresError, Whereabouts, told
from aishell_core.engines.postgres_explain import plan_of
from aishell_core.targets import Target, TlsPolicy
from aishell_core.units import format_duration
from aishell_core.values import Cost, FailureCode, PlanNode

if TYPE_CHECKING:
    from aishell_core.engines.postgres_connection import PostgresConnection

Row = Mapping[str, Any]
"""Values by column name; a text is always proper Unicode."""

_CACHED_STATEMENTS = 100
_FACTS = """/* aishell */
SELECT current_setting('server_version_num')::int AS version_num, current_setting('server_version') AS version,
    current_user::text AS "user", current_database()::text AS database, current_setting('is_superuser') AS superuser,
    current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS in_recovery,
    extract(epoch FROM pg_postmaster_start_time())::float8 AS started_at, pg_backend_pid() AS pid
"""


class Lane(StrEnum):
    """Which of the two connections a question takes: what is asked each second, or what may take long."""

    QUICK = "quick"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of one question and what it cost."""

    rows: tuple[Row, ...]
    cost: Cost


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the server behind a connection says of itself; `started_at` is in epoch seconds, None where it is not told.

    `local` when it runs on this machine, `pooled` when a pooler stands between.
    """

    version_num: int
    version: str
    user: str
    database: str
    superuser: bool
    encoding: str
    local: bool
    pooled: bool
    address: str
    in_recovery: bool
    started_at: float | None = None
    system_identifier: str = ""


@dataclass
class _Line:
    """A lane's connection, its facts and its lock."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    connection: PostgresConnection | None = None
    facts: ServerFacts | None = None


class PostgresSession:
    """Asks one server; every error that leaves it is a TargetError. A broken connection is made anew by the next question."""

    def __init__(self, target: Target, clock: Clock, environ: Mapping[str, str] = os.environ) -> None:
        self._target = target
        self._clock = clock
        self._environ = environ
        self._lines = {lane: _Line() for lane in Lane}
        place = target.location
        self._where = Whereabouts(f"{place.host}:{place.port}", place.database or place.user, place.user)

    async def facts(self, lane: Lane = Lane.QUICK, deadline_seconds: float = 5.0) -> ServerFacts:
        """What the server says of itself, asked once per connection; connects when needed. Raises TargetError."""
        line = self._lines[lane]
        async with self._deadline(deadline_seconds), line.lock:
            await self._connected(lane)
            assert line.facts is not None
            return line.facts

    async def query(self, sql: str, parameters: tuple[Any, ...] = (), *, lane: Lane, deadline_seconds: float) -> Answer:
        """The rows of one statement; raises TargetError. A connection that does not answer in time is given up."""
        line = self._lines[lane]
        async with self._deadline(deadline_seconds), line.lock:
            connection = await self._connected(lane)
            received, began = connection.bytes_received, self._clock.steady()
            rows = await self._guarded(line, connection.fetch(sql, parameters))
            return Answer(rows, Cost(1, self._clock.steady() - began, connection.bytes_received - received))

    async def explain(self, sql: str, database: str, deadline_seconds: float) -> tuple[PlanNode, ...]:
        """The plan of a statement, which is not run; raises TargetError."""
        return await self._plan("EXPLAIN (FORMAT JSON) " + sql, deadline_seconds)

    async def explain_analyze(self, sql: str, database: str, deadline_seconds: float) -> tuple[PlanNode, ...]:
        """The plan with what its steps took; the transaction is read-only and rolled back. Raises TargetError."""
        return await self._plan("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + sql, deadline_seconds)

    async def close(self) -> None:
        """Let go of both connections; may be called twice."""
        for line in self._lines.values():
            if line.connection is not None:
                line.connection.abort()
                line.connection = None

    async def _plan(self, sql: str, deadline_seconds: float) -> tuple[PlanNode, ...]:
        line = self._lines[Lane.SLOW]
        async with self._deadline(deadline_seconds), line.lock:
            connection = await self._connected(Lane.SLOW)
            await self._guarded(line, connection.execute("BEGIN READ ONLY"))
            try:
                rows = await self._guarded(line, connection.fetch(sql))
            finally:
                if line.connection is not None:
                    await self._guarded(line, connection.execute("ROLLBACK"))
        plan = json.loads(next(iter(rows[0].values())))
        return tuple(plan_of(each["Plan"]) for each in plan)

    def _deadline(self, seconds: float) -> _Deadline:
        return _Deadline(seconds, self._where)

    async def _connected(self, lane: Lane) -> PostgresConnection:
        from aishell_core.engines.postgres_connection import PostgresConnection, ServerError, Wanted

        line = self._lines[lane]
        if line.connection is not None and not line.connection.closed:
            return line.connection
        place = self._target.location
        wanted = Wanted(
            place.host,
            place.port or 5432,
            place.user or self._environ.get("PGUSER", ""),
            place.database,
            place.password.reveal() if place.password is not None else None,
            "disable" if self._target.tls is TlsPolicy.OFF else str(self._target.tls),
            (
                ("application_name", "aishell"),
                ("statement_timeout", "20000"),
                ("lock_timeout", "500"),
                ("idle_in_transaction_session_timeout", "10000"),
                ("default_transaction_read_only", "on"),
            ),
            _CACHED_STATEMENTS,
        )
        try:
            line.connection = await PostgresConnection.open(wanted)
        except ServerError as error:
            raise told(error.sqlstate, error.message, self._where) from error
        except TimeoutError:
            raise
        except OSError as error:
            raise PostgresError(FailureCode.REFUSED, f"{self._where.address} cannot be reached: {error}") from error
        (row,) = await self._guarded(line, line.connection.fetch(_FACTS))
        known = dict(row)
        pid, superuser = known.pop("pid"), known.pop("superuser") == "on"
        local = place.host.startswith("/") or place.host in {"localhost", "127.0.0.1", "::1"}
        pooled = pid != line.connection.server_pid
        line.facts = ServerFacts(**known, superuser=superuser, local=local, pooled=pooled, address=self._where.address)
        return line.connection

    async def _guarded(self, line: _Line, work: Any) -> Any:
        """The result of a question to a connection, which is dropped when the question does not end well."""
        from aishell_core.engines.postgres_connection import ServerError

        whole = False
        try:
            result = await work
            whole = True
        except ServerError as error:
            whole = bool(error.sqlstate) and not error.sqlstate.startswith(("57P", "08"))
            raise told(error.sqlstate, error.message, self._where) from error
        except TimeoutError:
            raise
        except OSError as error:
            raise PostgresError(FailureCode.REFUSED, f"{self._where.address}: the connection broke: {error}") from error
        finally:
            if not whole and line.connection is not None:
                line.connection.abort()
                line.connection = None
        return result


class _Deadline:
    """A block that is given up after some seconds, with a TargetError that says so."""

    def __init__(self, seconds: float, where: Whereabouts) -> None:
        self._seconds = seconds
        self._where = where
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, *raised: Any) -> None:
        try:
            await self._timeout.__aexit__(*raised)
        except TimeoutError as error:
            message = f"{self._where.address} gave no answer within {format_duration(self._seconds)}"
            raise PostgresError(FailureCode.TIMEOUT, message, "the next try makes a new connection") from error
