"""Sessions of aishell with a real PostgreSQL, and what tests ask of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from aishell_core.clock import SystemClock
from aishell_core.engines.postgres import Answer, Lane, PostgresSession, ServerFacts
from aishell_core.engines.postgres_errors import PostgresError
from aishell_core.targets import Target, TlsPolicy, parse_location
from aishell_core.values import TargetId
from tests.servers.postgres import PostgresServer

PATIENT_SECONDS = 60.0
"""What a question may take that is not about time: the machine may be busy with much else."""


class PatientSession(PostgresSession):
    """A session that gives every question a minute at least, for tests that are not about deadlines."""

    async def facts(self, lane: Lane = Lane.QUICK, deadline_seconds: float = PATIENT_SECONDS) -> ServerFacts:
        return await super().facts(lane, max(deadline_seconds, PATIENT_SECONDS))

    async def query(self, sql: str, parameters: tuple[Any, ...] = (), *, lane: Lane, deadline_seconds: float) -> Answer:
        return await super().query(sql, parameters, lane=lane, deadline_seconds=max(deadline_seconds, PATIENT_SECONDS))


def at(url: str, *, tls: TlsPolicy = TlsPolicy.PREFER) -> Target:
    """A target for a URL."""
    return Target(TargetId("pg"), parse_location(url), tls=tls)


@asynccontextmanager
async def asking(target: Target, environ: Mapping[str, str] | None = None) -> AsyncIterator[PostgresSession]:
    """A session that is closed at the end; its environment is empty unless given, so that the machine's own changes nothing."""
    session = PostgresSession(target, SystemClock(), {"HOME": "/nonexistent", **(environ or {})})
    try:
        yield session
    finally:
        await session.close()


async def value(session: PostgresSession, sql: str, *parameters: Any, lane: Lane = Lane.QUICK, seconds: float = PATIENT_SECONDS) -> Any:
    """The first value of the first row."""
    answer = await session.query(sql, parameters, lane=lane, deadline_seconds=seconds)
    return next(iter(answer.rows[0].values()))


async def refusal(work: Awaitable[object]) -> PostgresError:
    """The error that a question ends with."""
    with pytest.raises(PostgresError) as caught:
        await work
    return caught.value


def own_backends(server: PostgresServer) -> int:
    """How many connections of aishell the server has."""
    rows = server.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'aishell'")
    return int(rows[0][0])
