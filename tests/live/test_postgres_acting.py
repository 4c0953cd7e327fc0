"""Cancelling and ending sessions of a real PostgreSQL: exactly those that were seen, and only by who may."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest
from pg8000.exceptions import DatabaseError, InterfaceError

from aishell_core.clock import SystemClock
from aishell_core.engines.base import Cancellable
from aishell_core.errors import TargetError
from aishell_core.values import Ability, FailureCode, Session, Tier
from collectors.contract import EVERYTHING, Collector
from collectors.postgres.collector import open_postgres
from tests.servers.postgres import SUPERUSER, PostgresServer, postgres
from tests.servers.postgres_clients import clients

SECONDS = 30.0
LONG = "SELECT pg_sleep(600)"
LAST_PID = Path("/proc/sys/kernel/ns_last_pid")


class Acting(Collector, Cancellable, Protocol):
    """A collector that can act."""


@pytest.fixture(scope="module", params=["15", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param) as running:
        running.execute(
            *(f"CREATE ROLE {role} LOGIN" for role in ("app", "watcher", "operator", "nobody")),
            "GRANT pg_monitor TO watcher, operator",
            "GRANT pg_signal_backend TO operator",
        )
        yield running


@asynccontextmanager
async def acting(server: PostgresServer, user: str = "operator") -> AsyncIterator[Acting]:
    collector = open_postgres(server.target(user=user), SystemClock())
    assert isinstance(collector, Cancellable)
    assert Ability.CANCEL | Ability.TERMINATE in collector.abilities
    try:
        yield collector
    finally:
        await collector.close()


@contextmanager
def client(server: PostgresServer, user: str = "app") -> Iterator[Any]:
    session = server.connect(user=user, application="client")
    try:
        yield session
    finally:
        with contextlib.suppress(Exception):  # the test may have ended it
            session.close()


def pid_of(session: Any) -> str:
    return str(session.run("SELECT pg_backend_pid()")[0][0])


def choose_next_pid(pid: int) -> None:
    LAST_PID.write_text(str(pid - 1))


def take_all(server: PostgresServer, stack: contextlib.ExitStack) -> None:
    while True:
        stack.enter_context(client(server))


async def seen(collector: Collector, id: str) -> Session:
    reading = await collector.collect(Tier.HOT, EVERYTHING)
    return next(session for session in reading.sessions or () if session.id == id)


async def refusal(work: Any) -> TargetError:
    with pytest.raises(TargetError) as caught:
        await work
    return caught.value


def is_there(server: PostgresServer, id: str) -> bool:
    return bool(server.execute(f"SELECT 1 FROM pg_stat_activity WHERE pid = {id}"))


async def test_a_cancelled_statement_ends_and_its_session_stays(server: PostgresServer) -> None:
    async with acting(server, SUPERUSER) as collector:
        with clients(server, 1) as (one,):
            running = one.send(LONG)
            while (session := await seen(collector, one.id)).state != "active":
                pass
            await collector.cancel(session, SECONDS)
            with pytest.raises(DatabaseError, match="57014"):
                running.result(SECONDS)
            assert one.run("SELECT 1") == [[1]]


async def test_a_session_that_runs_nothing_is_not_cancelled_later(server: PostgresServer) -> None:
    async with acting(server) as collector:
        with client(server) as one:
            error = await refusal(collector.cancel(await seen(collector, pid_of(one)), SECONDS))
            assert (error.reason, "runs nothing now" in error.message) == (FailureCode.GONE, True)


async def test_an_ended_session_is_gone_when_the_call_returns(server: PostgresServer) -> None:
    async with acting(server) as collector:
        with client(server) as one:
            session = await seen(collector, pid_of(one))
            await collector.terminate(session, SECONDS)
            assert not is_there(server, session.id)
            with pytest.raises((DatabaseError, InterfaceError)):
                one.run("SELECT 1")
        error = await refusal(collector.terminate(session, SECONDS))
        assert (error.reason, "has ended by itself" in error.message) == (FailureCode.GONE, True)


@pytest.mark.skipif(not os.access(LAST_PID, os.W_OK), reason="the next process id cannot be chosen here")
async def test_the_next_owner_of_a_process_id_is_left_alone(server: PostgresServer) -> None:
    async with acting(server) as collector:
        with client(server) as one:
            old = await seen(collector, pid_of(one))
        with contextlib.ExitStack() as stack:
            # Another process may be quicker, so that it takes some tries to hit the number.
            for _ in range(200):
                while is_there(server, old.id):
                    pass
                choose_next_pid(int(old.id))
                new = stack.enter_context(client(server))
                if pid_of(new) == old.id:
                    break
                new.close()
            else:
                pytest.skip("other processes were always quicker to take the number")
            for act in (collector.terminate, collector.cancel):
                error = await refusal(act(old, SECONDS))
                assert (error.reason, "belongs to another session now" in error.message) == (FailureCode.GONE, True)
            assert new.run("SELECT 1") == [[1]]


async def test_a_start_that_differs_a_little_is_another_session(server: PostgresServer) -> None:
    async with acting(server) as collector:
        with client(server) as one:
            session = await seen(collector, pid_of(one))
            assert session.started_at is not None
            other = replace(session, started_at=session.started_at - 0.001)
            assert (await refusal(collector.terminate(other, SECONDS))).reason is FailureCode.GONE
            assert one.run("SELECT 1") == [[1]]


async def test_who_may_not_signal_is_told_the_grant(server: PostgresServer) -> None:
    async with acting(server, "watcher") as collector:
        with client(server) as one:
            session = await seen(collector, pid_of(one))
            error = await refusal(collector.terminate(session, SECONDS))
            assert (error.reason, error.hint) == (FailureCode.PRIVILEGE, 'GRANT pg_signal_backend TO "watcher";')
            assert one.run("SELECT 1") == [[1]]


async def test_a_superusers_session_is_not_for_an_operator(server: PostgresServer) -> None:
    async with acting(server) as collector:
        with client(server, SUPERUSER) as one:
            error = await refusal(collector.terminate(await seen(collector, pid_of(one)), SECONDS))
            assert (error.reason, error.hint) == (FailureCode.PRIVILEGE, "it is a superuser's session: connect as a superuser")


async def test_a_session_whose_start_is_hidden_is_never_touched(server: PostgresServer) -> None:
    async with acting(server, "nobody") as collector:
        with client(server) as one:
            session = replace(await seen(collector, pid_of(one)), started_at=None)
            error = await refusal(collector.terminate(session, SECONDS))
            assert (error.reason, "GRANT pg_monitor" in error.hint) == (FailureCode.PRIVILEGE, True)


async def test_our_own_session_is_not_ended_from_inside(server: PostgresServer) -> None:
    async with acting(server, SUPERUSER) as collector:
        await collector.collect(Tier.HOT, EVERYTHING)
        # The one that reads the sessions is made first.
        ours = "FROM pg_stat_activity WHERE application_name = 'aishell' ORDER BY backend_start LIMIT 1"
        ((own, began),) = server.execute(f"SELECT pid::text, date_part('epoch', backend_start) {ours}")
        error = await refusal(collector.terminate(Session(own, started_at=began), SECONDS))
        assert (error.reason, "aishell's own" in error.message) == (FailureCode.UNSUPPORTED, True)


async def test_a_head_blocker_can_be_ended_when_no_connection_is_left(server: PostgresServer) -> None:
    """The connection that reads the sessions is the one that acts, so that a full server can be helped."""
    async with acting(server, SUPERUSER) as collector:
        with client(server) as one, contextlib.ExitStack() as stack:
            session = await seen(collector, pid_of(one))
            with pytest.raises(DatabaseError, match="53300"):
                take_all(server, stack)
            await collector.terminate(session, SECONDS)
            fresh = stack.enter_context(client(server))
            assert fresh.run("SELECT 1") == [[1]]
