"""Scripts of people on real servers: they hold up everybody, so one that takes too long is ended, and only that one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import redis

from aishell_core.engines.redis_commands import traits_of, why_not_read_only, why_not_run
from aishell_core.engines.redis_errors import RedisError
from aishell_core.engines.redis_lane import Line
from aishell_core.engines.redis_run import run_command
from aishell_core.engines.redis_script import answer_of_script
from aishell_core.safety.language.lists import listed_words
from aishell_core.safety.language.redis import KNOWN
from aishell_core.safety.languages import judge
from aishell_core.values import FailureCode, Limits
from tests.servers.redis import VERSIONS, RedisServer, redis_server
from tests.servers.sqlite_client import eventually

ENDLESS = "EVAL 'while true do end' 0"
_SECONDS = 30.0


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with redis_server(request.param, lua_time_limit="1500") as running:
        yield running


async def run(server: RedisServer, command: str, seconds: float = _SECONDS, *, read_only: bool = False) -> Any:
    return await run_command(server.target(), {}, command, (), Limits(seconds=seconds), read_only=read_only)


async def refusal(server: RedisServer, command: str, seconds: float = _SECONDS, *, read_only: bool = False) -> RedisError:
    with pytest.raises(RedisError) as caught:
        await run(server, command, seconds, read_only=read_only)
    return caught.value


async def test_a_script_that_takes_too_long_is_ended_at_the_server(server: RedisServer) -> None:
    late = await refusal(server, ENDLESS, 0.3)
    assert (late.reason, "took longer than" in late.message, "was stopped" in late.message) == (FailureCode.TIMEOUT, True, True)
    await asyncio.to_thread(eventually, lambda: serves(server), _SECONDS)


async def test_a_script_within_its_time_answers_and_what_it_raises_is_told(server: RedisServer) -> None:
    assert (await run(server, "EVAL 'return {1, 2}' 0")).rows == ((1,), (2,))
    assert "nosuch" in (await refusal(server, "EVAL 'return nosuch()' 0")).message


async def test_a_script_that_has_written_goes_on_and_that_is_said(server: RedisServer) -> None:
    """It ends by itself: the server lets nobody end it without losing data."""
    until = "redis.call('TIME')[1] + 5 repeat until redis.call('TIME')[1] + 0 > until_second"
    slow = f"EVAL \"redis.call('SET', 'k', 'v') local until_second = {until}\" 0"
    late = await refusal(server, slow, 0.1)
    assert late.reason is FailureCode.TIMEOUT
    assert "has written" in late.message
    assert "SHUTDOWN NOSAVE" in late.hint
    await asyncio.to_thread(eventually, lambda: serves(server), _SECONDS)


def serves(server: RedisServer) -> bool:
    """Whether the server answers others."""
    with contextlib.suppress(redis.RedisError):
        return bool(server.execute("PING"))
    return False


class _Second(Line):
    """A line on which a command goes out only after another client's script has begun."""

    def __init__(self, *arguments: Any, first: RedisServer, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._busied = first

    async def ask(self, commands: Any, *, again: bool = True) -> Any:
        if commands[0][0] == b"EVAL":
            _begin(self._busied)
        return await super().ask(commands, again=again)


def _begin(server: RedisServer) -> None:
    """Have the server run another client's script; returns when it serves nobody."""
    threading.Thread(target=_other, args=(server,), daemon=True).start()
    watcher = socket.create_connection(("127.0.0.1", server.port))
    watcher.settimeout(0.3)
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        watcher.sendall(b"PING\r\n")
        try:
            watcher.recv(100)
        except TimeoutError:
            watcher.close()
            return
    pytest.fail("the script of the other client does not run")


def _other(server: RedisServer) -> None:
    with contextlib.suppress(redis.RedisError):
        server.execute("EVAL", "while true do end", 0)


async def test_the_script_of_another_client_is_not_ended(server: RedisServer) -> None:
    new_line = partial(_Second, server.target(), {}, first=server)
    with pytest.raises(RedisError) as caught:
        await answer_of_script((b"EVAL", b"return 1", b"0"), "eval", Limits(seconds=0.1), new_line)
    try:
        assert caught.value.reason is FailureCode.LOCKED
        assert not serves(server), "the other one's script still runs"
    finally:
        server.execute("SCRIPT", "KILL")


@pytest.mark.parametrize("command", ["EVAL_RO 'return 1' 0", "EVALSHA_RO x 0", "FCALL_RO f 0", "EVAL 'return 1' 0"])
async def test_where_only_reading_is_allowed_no_script_runs(server: RedisServer, command: str) -> None:
    refused = await refusal(server, command, read_only=True)
    assert refused.reason in {FailureCode.PRIVILEGE, FailureCode.MISSING}, "MISSING where the version has no such command"


@pytest.mark.parametrize(
    "command", ["BLPOP none 0", "BLMOVE none other LEFT RIGHT 0", "BZPOPMIN none 0", "XREAD BLOCK 0 STREAMS none $", "BLPOP none 0.01"]
)
async def test_a_command_that_waited_for_nothing_is_done_and_says_so(server: RedisServer, command: str) -> None:
    done = await run(server, command, 4.0)
    assert (done.rows, "nothing came within" in done.note) == ((), True)


async def test_what_is_judged_a_read_is_run_where_only_reading_is_allowed(server: RedisServer) -> None:
    """By the server's own word: what is judged and what is run never contradict each other."""
    client = server.connect()
    refused = []
    for name in sorted(listed_words(("redis_reading.txt", "redis_writing.txt")) | KNOWN.keys()):
        client.set_response_callback("COMMAND INFO", lambda said: said)
        traits = traits_of(client.execute_command("COMMAND INFO", name.partition("|")[0])[0])
        known = traits is not None and ("|" not in name or not traits.parts or name in traits.parts)
        words = name.split("|")
        if (
            known
            and not why_not_run(name)
            and traits is not None
            and judge("redis", " ".join(words)).is_read
            and (why := why_not_read_only(name, traits, words))
        ):
            refused.append(f"{name}: {why}")
    assert refused == []


@pytest.mark.parametrize("command", ["SORT numbers", "SORT numbers LIMIT 0 10 DESC", "GEORADIUS places 1 1 100 km", "WAIT 0 1"])
async def test_what_may_store_or_only_waits_is_a_read_where_it_stores_nothing(server: RedisServer, command: str) -> None:
    server.execute("RPUSH", "numbers", "3", "1", "2")
    server.execute("GEOADD", "places", "1", "1", "here")
    assert judge("redis", command).is_read
    assert (await run(server, command, read_only=True)).rows
    for storing in ("SORT numbers STORE other", "GEORADIUS places 1 1 100 km STORE other", "GEORADIUS places 1 1 100 km STOREDIST other"):
        assert not judge("redis", storing).is_read
        assert (await refusal(server, storing, read_only=True)).reason is FailureCode.PRIVILEGE
    assert server.execute("EXISTS", "other") == 0
