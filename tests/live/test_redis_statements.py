"""Commands, the slow log and the keys of real servers: right figures, no values, and no more work than agreed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
import redis

from aishell_core.clock import SystemClock
from aishell_core.values import Part, Reading, Relation, Statement, Tier
from collectors.contract import Collector
from collectors.redis.collector import open_redis
from collectors.redis.keys import MOST_KEYS
from tests.servers.redis import VERSIONS, RedisServer, redis_server

_STATEMENTS = frozenset({Part.STATEMENTS})
_RELATIONS = frozenset({Part.RELATIONS})
_SECRET = "t0p-secret"


@pytest.fixture(params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with redis_server(request.param, slowlog_log_slower_than="0", slowlog_max_len="1000") as running:
        yield running


async def statements(collector: Collector) -> dict[str, Statement]:
    found = (await collector.collect(Tier.HOT, _STATEMENTS)).statements
    assert found is not None
    return {each.text: each for each in found}


def value(reading: Reading, name: str) -> float | None:
    return next((each.value for each in reading.samples if each.metric.name == name), None)


async def test_calls_times_and_errors_of_commands_are_those_that_the_server_counts(server: RedisServer) -> None:
    server.connect().config_set("slowlog-log-slower-than", -1)
    server.execute("SLOWLOG", "RESET")
    client = server.connect()
    for number in range(50):
        client.set(f"key:{number}", number)
    for _ in range(3):
        with contextlib.suppress(redis.ResponseError):
            client.lpush("key:1", "x")
    collector = open_redis(server.target(), SystemClock())
    found = await statements(collector)
    await collector.close()
    assert found["SET"].calls == 50
    assert found["SET"].total_milliseconds > 0
    assert found["LPUSH"].errors == 3
    if "LATENCY" not in found or found["SET"].histogram:
        assert not found["SET"].histogram or found["SET"].histogram[-1] == 50


async def test_slow_commands_are_told_by_their_shape_and_taken_off_what_is_counted(server: RedisServer) -> None:
    client = server.connect()
    for number in range(20):
        client.set(f"user:{number}", _SECRET)
    collector = open_redis(server.target(), SystemClock())
    found = await statements(collector)
    await collector.close()
    slow = found["SET user:? ? (slow log)"]
    assert slow.calls == 20
    assert slow.max_milliseconds is not None
    assert slow.calls + found["SET"].calls == 20
    assert found["SET"].total_milliseconds >= 0


async def test_no_value_and_no_secret_is_ever_shown(server: RedisServer) -> None:
    client = server.connect()
    client.execute_command("ACL", "SETUSER", "bob", "on", f">{_SECRET}", "+@all", "~*")
    client.execute_command("CONFIG", "SET", "masterauth", _SECRET)
    client.set(_SECRET, _SECRET)
    client.execute_command("EVAL", f"return '{_SECRET}'", 1, f"session:{_SECRET}", _SECRET)
    client.hset("h:1", mapping={_SECRET: _SECRET})
    with contextlib.suppress(redis.RedisError):
        server.connect().execute_command("AUTH", "bob", _SECRET)
    with contextlib.suppress(redis.RedisError):
        server.connect().execute_command("HELLO", "3", "AUTH", "bob", _SECRET)
    with contextlib.suppress(redis.RedisError):
        server.connect().execute_command(_SECRET, _SECRET)
    with contextlib.suppress(redis.RedisError):
        server.connect().execute_command("MIGRATE", "127.0.0.1", 1, "h:1", 0, 10, "AUTH", _SECRET)
    collector = open_redis(server.target(), SystemClock())
    readings = [await collector.collect(tier, frozenset(Part)) for tier in Tier]
    await collector.close()
    shown = str([(each.statements, each.sessions, each.settings, each.failures, each.facts) for each in readings])
    assert "slow log" in shown
    assert _SECRET not in shown


async def test_no_figure_of_a_command_goes_back_while_slow_ones_come(server: RedisServer) -> None:
    collector, client = open_redis(server.target(), SystemClock()), server.connect()
    before = await statements(collector)
    for turn in range(10):
        for number in range(40):
            client.rpush(f"list:{number}", turn)
            client.lrange(f"list:{number}", 0, -1)
        now = await statements(collector)
        for text, old in before.items():
            assert now[text].calls >= old.calls, text
            assert now[text].total_milliseconds >= old.total_milliseconds - 1e-6, text
        before = now
    await collector.close()


async def test_counting_anew_is_noticed(server: RedisServer) -> None:
    collector, client = open_redis(server.target(), SystemClock()), server.connect()
    for _ in range(100):
        client.get("k")
    assert (await statements(collector))["GET k (slow log)"].calls == 100
    client.config_resetstat()
    client.get("k")
    found = await statements(collector)
    assert found["GET k (slow log)"].calls + found["GET"].calls == 1
    server.restart()
    assert "GET" not in await statements(collector)
    await collector.close()


async def relations(collector: Collector) -> tuple[Relation, ...]:
    found = (await collector.collect(Tier.WARM, _RELATIONS)).relations
    assert found is not None
    return found


async def test_the_keys_are_sampled_by_sort_and_the_largest_are_named(server: RedisServer) -> None:
    client = server.connect()
    for number in range(200):
        client.set(f"user:{number}", "x" * 10, ex=1000)
    client.rpush("queue:jobs", *range(2000))
    client.hset("settings", "a", "b")
    collector = open_redis(server.target(), SystemClock())
    found = {(each.kind, each.name): each for each in await relations(collector)}
    await collector.close()
    assert found["database", "database 0"].rows == 202
    assert "all keys" in dict(found["database", "database 0"].details)["looked at"]
    assert found["keys", "user:?"].rows == 200
    assert (found["keys", "user:?"].size_bytes or 0) > 200 * 10
    largest = found["list", "queue:jobs"]
    assert largest.rows == 2000
    assert dict(largest.details)["lives"] == "for ever"
    assert all("keys" not in each for each in server.connect().info("commandstats"))


async def test_a_look_at_many_keys_ends_and_the_next_one_goes_on(server: RedisServer) -> None:
    pipeline = server.connect().pipeline(transaction=False)
    for number in range(3 * MOST_KEYS):
        pipeline.set(f"user:{number}", "x" * 50)
    pipeline.execute()
    collector = open_redis(server.target(), SystemClock())
    looked = list[int]()
    for _ in range(400):
        found = {(each.kind, each.name): each for each in await relations(collector)}
        asked = server.connect().info("commandstats")[
            "cmdstat_memory|usage" if "cmdstat_memory|usage" in _stats(server) else "cmdstat_memory"
        ]["calls"]
        looked.append(int(asked) - sum(looked))
        assert looked[-1] <= MOST_KEYS + 1000
        # What is seen of a part is scaled to all.
        assert 2.5 * MOST_KEYS <= (found["keys", "user:?"].rows or 0) <= 3.5 * MOST_KEYS
        if "all keys" in dict(found["database", "database 0"].details)["looked at"]:
            break
    else:
        pytest.fail("the walk does not end")
    assert len(looked) >= 3
    await collector.close()


def _stats(server: RedisServer) -> dict[str, object]:
    found: dict[str, object] = server.connect().info("commandstats")
    return found


async def test_the_count_of_slow_commands_grows_with_them(server: RedisServer) -> None:
    collector = open_redis(server.target(), SystemClock())
    before = value(await collector.collect(Tier.WARM, frozenset()), "redis.slowlog.rate")
    for number in range(10):
        server.execute("SET", f"k{number}", 1)
    after = value(await collector.collect(Tier.WARM, frozenset()), "redis.slowlog.rate")
    await collector.close()
    assert before is not None
    assert after is not None
    assert after >= before + 10
