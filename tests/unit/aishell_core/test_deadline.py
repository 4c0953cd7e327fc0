"""What is told of a deadline that passed: the whole of it, also where the last question had only its rest."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest

from aishell_core.clock import SystemClock
from aishell_core.deadline import Left, whole
from aishell_core.engines.base import Closeable
from aishell_core.engines.mongodb import Lane as MongoLane
from aishell_core.engines.mongodb import MongoSession
from aishell_core.engines.mysql import Lane as MysqlLane
from aishell_core.engines.mysql import MysqlSession
from aishell_core.engines.postgres import Lane as PostgresLane
from aishell_core.engines.postgres import PostgresSession
from aishell_core.engines.redis import Lane as RedisLane
from aishell_core.engines.redis import RedisSession
from aishell_core.errors import TargetError
from aishell_core.targets import Target, parse_location
from aishell_core.values import FailureCode, TargetId
from collectors.budget import Budget
from tests.fake_clock import FakeClock

NOWHERE = {"HOME": "/nonexistent"}
REST = Left(0.2, 1.7)
S = TypeVar("S", bound=Closeable)
Ask = Callable[[Target], Awaitable[object]]


@asynccontextmanager
async def closing(session: S) -> AsyncIterator[S]:
    """The session, closed at the end."""
    try:
        yield session
    finally:
        await session.close()


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that lets everybody in and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


async def _mysql(target: Target) -> object:
    async with closing(MysqlSession(target, SystemClock(), NOWHERE)) as session:
        return await session.facts(MysqlLane.QUICK, REST)


async def _postgres(target: Target) -> object:
    async with closing(PostgresSession(target, SystemClock(), NOWHERE)) as session:
        return await session.facts(PostgresLane.QUICK, REST)


async def _redis(target: Target) -> object:
    async with closing(RedisSession(target, SystemClock(), NOWHERE)) as session:
        return await session.ask(("PING",), lane=RedisLane.QUICK, deadline_seconds=REST)


async def _mongodb(target: Target) -> object:
    async with closing(MongoSession(target, SystemClock())) as session:
        return await session.command({"ping": 1}, lane=MongoLane.QUICK, deadline_seconds=REST)


@pytest.mark.parametrize(
    ("url", "ask"),
    [
        ("mysql://root@127.0.0.1:{}/?ssl-mode=disabled", _mysql),
        ("postgres://me@127.0.0.1:{}/app?sslmode=disable", _postgres),
        ("redis://127.0.0.1:{}/0", _redis),
        ("mongodb://127.0.0.1:{}/app?directConnection=true", _mongodb),
    ],
)
async def test_a_server_that_is_silent_is_told_with_the_whole_deadline(url: str, ask: Ask, silent: int) -> None:
    with pytest.raises(TargetError) as caught:
        await ask(Target(TargetId("silent"), parse_location(url.format(silent))))
    assert caught.value.reason is FailureCode.TIMEOUT
    assert "within 1.7s" in caught.value.message


async def test_a_budget_keeps_what_it_was() -> None:
    clock = FakeClock()
    budget = Budget.lasting(clock, 1.7)
    await clock.advance(1.6)
    assert budget.left == pytest.approx(0.1)
    assert whole(budget.left) == whole(min(5.0, budget.left)) == whole(budget.at_least(0.5)) == 1.7
    assert whole(min(0.05, budget.left)) == 0.05
    assert budget.at_least(0.5) == 0.5
