"""Ending what a client waits for, and clients, on real servers: only exactly the one that was meant."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import redis

from aishell_core.clock import SystemClock
from aishell_core.engines.base import Cancellable, Runnable
from aishell_core.engines.redis import RedisError, RedisSession
from aishell_core.errors import TargetError
from aishell_core.values import FailureCode, Limits, Part, Session, Tier
from collectors.redis.collector import open_redis
from tests.servers.redis import VERSIONS, RedisServer, redis_server
from tests.servers.sqlite_client import eventually

_SECONDS = 20.0


@pytest.fixture(params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with redis_server(request.param) as running:
        yield running


@contextmanager
def waiting(server: RedisServer) -> Iterator[list[Any]]:
    """A client that waits in BLPOP; the list gets what ended it."""
    client, ended = server.connect(client_name="waiter", socket_timeout=None), list[Any]()

    def wait() -> None:
        try:
            ended.append(client.execute_command("BLPOP", "queue", 0))
        except redis.RedisError as error:
            ended.append(error)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    eventually(lambda: server.connect().info("clients")["blocked_clients"] == 1)
    try:
        yield ended
    finally:
        with contextlib.suppress(redis.RedisError):
            server.execute("RPUSH", "queue", "end")
        thread.join(30)


async def named(collector: Any, name: str) -> Session:
    sessions = (await collector.collect(Tier.HOT, frozenset({Part.SESSIONS}))).sessions
    (found,) = [each for each in sessions if each.application == name]
    assert isinstance(found, Session)
    return found


async def reason_of(action: Any) -> FailureCode:
    with pytest.raises(TargetError) as caught:
        await action
    assert caught.value.message
    return caught.value.reason


async def test_a_client_that_waits_is_cancelled_and_stays_connected(server: RedisServer) -> None:
    collector = open_redis(server.target(), SystemClock())
    assert isinstance(collector, Cancellable)
    with waiting(server) as ended:
        session = await named(collector, "waiter")
        assert session.state == "blocked"
        assert session.wait == "BLPOP"
        assert session.if_cancelled == "its BLPOP waits no longer and ends with the error UNBLOCKED"
        await collector.cancel(session, _SECONDS)
        eventually(lambda: bool(ended))
        assert "UNBLOCKED" in str(ended[0])
        again = await named(collector, "waiter")
        assert again.id == session.id
        assert again.started_at == session.started_at
        assert again.if_cancelled.startswith("nothing: it waits for nothing")
        assert await reason_of(collector.cancel(again, _SECONDS)) is FailureCode.UNSUPPORTED
    await collector.close()


async def test_a_client_is_ended_and_then_it_is_gone(server: RedisServer) -> None:
    collector = open_redis(server.target(), SystemClock())
    assert isinstance(collector, Cancellable)
    idle = server.connect(client_name="idle")
    idle.ping()
    session = await named(collector, "idle")
    await collector.terminate(session, _SECONDS)
    assert not [each for each in server.connect().client_list() if each["name"] == "idle"]
    for action in (collector.terminate, collector.cancel):
        assert await reason_of(action(session, _SECONDS)) is FailureCode.GONE
    await collector.close()


async def test_a_number_that_belongs_to_another_client_now_is_left_alone(server: RedisServer) -> None:
    collector = open_redis(server.target(), SystemClock())
    assert isinstance(collector, Cancellable)
    server.connect(client_name="bystander").ping()
    session = await named(collector, "bystander")
    assert session.started_at is not None
    for other in (
        replace(session, started_at=session.started_at - 60),
        replace(session, client="127.0.0.1:1"),
        replace(session, id="999999"),
        replace(session, id="no number"),
    ):
        for action in (collector.terminate, collector.cancel):
            assert await reason_of(action(other, _SECONDS)) is FailureCode.GONE
    assert (await named(collector, "bystander")).id == session.id
    await collector.close()


async def test_a_client_of_an_earlier_life_of_the_server_is_not_the_one_of_this_life(server: RedisServer) -> None:
    collector = open_redis(server.target(), SystemClock())
    assert isinstance(collector, Cancellable)
    server.connect(client_name="first").ping()
    session = await named(collector, "first")
    server.restart()
    clients = [server.connect(client_name="later") for _ in range(int(session.id) + 5)]
    for client in clients:
        client.ping()
    assert await reason_of(collector.terminate(session, _SECONDS)) is FailureCode.GONE
    assert sum(1 for each in server.connect().client_list() if each["name"] == "later") == len(clients)
    await collector.close()


async def test_without_the_right_the_statement_that_gives_it_is_told(server: RedisServer) -> None:
    server.execute("ACL", "SETUSER", "watcher", "on", ">pw", "-@all", "+info", "+client|list", "+client|id", "+client|setname")
    collector = open_redis(server.target(user="watcher", password="pw"), SystemClock())
    assert isinstance(collector, Cancellable)
    with waiting(server):
        session = await named(collector, "waiter")
        for action, command in ((collector.cancel, "client|unblock"), (collector.terminate, "client|kill")):
            with pytest.raises(RedisError) as caught:
                await action(session, _SECONDS)
            assert caught.value.reason is FailureCode.PRIVILEGE
            assert caught.value.hint == f"ACL SETUSER watcher +{command}"
    await collector.close()


async def test_a_script_that_runs_long_is_ended_for_a_session_that_runs_scripts_and_for_no_other() -> None:
    with redis_server(busy_reply_threshold="50") as server:
        session = RedisSession(server.target(), SystemClock(), {})
        caller, ended = server.connect(client_name="caller", socket_timeout=None), list[str]()
        caller.execute_command("EVAL", "return 1", 0)
        collector = open_redis(server.target(), SystemClock())
        seen = await named(collector, "caller")
        other = replace(seen, text="GET")

        def loop() -> None:
            try:
                caller.execute_command("EVAL", "while true do end", 0)
            except redis.RedisError as error:
                ended.append(str(error))

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        eventually(lambda: busy(server))
        assert await reason_of(session.cancel(other, _SECONDS)) is FailureCode.UNSUPPORTED
        assert await reason_of(session.terminate(seen, _SECONDS)) is FailureCode.LOCKED
        assert not ended
        await session.cancel(seen, _SECONDS)
        thread.join(30)
        assert "killed" in ended[0].lower()
        await collector.close()
        await session.close()


def busy(server: RedisServer) -> bool:
    try:
        server.execute("DBSIZE")
    except redis.RedisError as error:
        return "BUSY" in str(error)
    return False


async def test_a_frozen_server_costs_an_action_no_more_than_its_deadline(server: RedisServer) -> None:
    collector = open_redis(server.target(), SystemClock())
    assert isinstance(collector, Cancellable)
    server.connect(client_name="idle").ping()
    session = await named(collector, "idle")
    with server.frozen():
        assert await reason_of(collector.terminate(session, 0.3)) is FailureCode.TIMEOUT
    await collector.close()


async def run(server: RedisServer, command: str, *parameters: Any, limits: Limits | None = None, **options: Any) -> Any:
    collector = open_redis(server.target(), SystemClock())
    assert isinstance(collector, Runnable)
    try:
        return await collector.run(command, parameters, limits or Limits(seconds=_SECONDS), **options)
    finally:
        await collector.close()


async def test_commands_bring_tables(server: RedisServer) -> None:
    server.connect().hset("h", mapping={"a": "1", "b": b"\xff"})
    server.execute("RPUSH", "l", *range(50))
    assert (await run(server, "GET none")).rows == ((None,),)
    assert (await run(server, "HGETALL h")).rows == (("a", "1"), ("b", b"\xff"))
    assert (await run(server, "CONFIG GET maxmemory")).rows == (("maxmemory", "0"),)
    page = await run(server, "LRANGE l 0 -1", limits=Limits(rows=3, seconds=_SECONDS))
    assert page.rows == (("0",), ("1",), ("2",))
    assert page.cut == "rows"
    assert (await run(server, "LRANGE l 0 -1", limits=Limits(bytes=5, seconds=_SECONDS))).cut == "bytes"
    info = await run(server, "INFO server")
    assert info.columns == ("field", "value")
    assert "redis_version" in dict(info.rows)
    clients = await run(server, "CLIENT LIST")
    assert "addr" in clients.columns
    assert (await run(server, "SET k", "two words\n", read_only=False)).rows == (("OK",),)
    assert (await run(server, 'GET "k"')).rows == (("two words\n",),)
    assert (await run(server, "DEL k", read_only=False)).affected == 1
    assert (await run(server, "SET k db3", read_only=False, database="3")).rows
    assert server.execute("EXISTS", "k") == 0
    assert server.connect(db=3).get("k") == b"db3"


@pytest.mark.parametrize(
    "command",
    [
        *("SET k v", "FLUSHALL", "CONFIG SET maxmemory 1", "KEYS *", "EVAL \"return redis.call('set','k','v')\" 0", "SORT l STORE m"),
        *("SHUTDOWN", "DEBUG SLEEP 0", "ACL SETUSER x on", "BLPOP l 0", "SAVE", "GETDEL k", "PUBLISH a b"),
    ],
)
async def test_where_only_reading_is_allowed_the_rest_is_refused(server: RedisServer, command: str) -> None:
    """What ends clients writes nothing; who may do that is decided by roles before it comes here."""
    server.execute("SET", "kept", "1")
    assert await reason_of(run(server, command)) in {FailureCode.PRIVILEGE, FailureCode.MISSING}
    assert server.execute("KEYS", "*") == [b"kept"]


async def test_a_command_that_is_none_that_never_ends_or_is_too_much_is_refused_in_words(server: RedisServer) -> None:
    assert await reason_of(run(server, "")) is FailureCode.UNSUPPORTED
    assert await reason_of(run(server, "GET 'x")) is FailureCode.UNSUPPORTED
    assert await reason_of(run(server, "MONITOR", read_only=False)) is FailureCode.UNSUPPORTED
    assert await reason_of(run(server, "CLIENT REPLY OFF", read_only=False)) is FailureCode.UNSUPPORTED
    assert await reason_of(run(server, "LPOP", read_only=False)) is FailureCode.UNSUPPORTED
    with pytest.raises(RedisError, match="did you mean GET") as caught:
        await run(server, "GTE k")
    assert caught.value.reason is FailureCode.MISSING
    server.execute("SET", "large", "x" * 6_000_000)
    with pytest.raises(RedisError, match="larger than"):
        await run(server, "GET large", limits=Limits(bytes=1_000_000, seconds=_SECONDS))


async def test_a_blocking_command_ends_with_its_limit_and_leaves_nobody_behind(server: RedisServer) -> None:
    done = await run(server, "BLPOP none 0", limits=Limits(seconds=3.0), read_only=False)
    assert (done.rows, "nothing came within 3s" in done.note) == ((), True)
    watcher = server.connect()
    await asyncio.to_thread(eventually, lambda: watcher.info("clients")["blocked_clients"] == 0)


async def test_channels_are_heard_for_so_long(server: RedisServer) -> None:
    heard = await run(server, "SUBSCRIBE news", limits=Limits(seconds=0.5))
    assert heard.columns == ("channel", "message")
    assert heard.rows == ()
    assert heard.note
