"""A user without some rights gets all that he may see, and for the rest the very statement that would show it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aishell_core.clock import SystemClock
from aishell_core.errors import TargetError
from aishell_core.values import FailureCode, Part, Tier
from collectors.contract import EVERYTHING
from collectors.redis.collector import open_redis
from tests.servers.redis import VERSIONS, RedisServer, redis_server

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs" / "redis.md"
_LEAST = ("-@all", "+info", "+client|list", "+client|id", "+client|setname", "+ping", "+select")


@pytest.fixture(params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with redis_server(request.param) as running:
        running.execute("SET", "user:1", "x")
        running.execute("GET", "user:1")
        yield running


def allow(server: RedisServer, *rules: str) -> None:
    server.execute("ACL", "SETUSER", "watcher", "on", ">pw", *rules)


@pytest.mark.parametrize(
    ("tier", "part", "missing"),
    [
        (Tier.HOT, Part.SESSIONS, "client|list"),
        (Tier.HOT, Part.STATEMENTS, "slowlog|get"),
        (Tier.WARM, "latency", "latency|latest"),
        (Tier.WARM, Part.RELATIONS, "scan"),
        (Tier.COLD, Part.SETTINGS, "config|get"),
    ],
)
async def test_what_is_refused_is_named_with_the_statement_that_allows_it(server: RedisServer, tier: Tier, part: str, missing: str) -> None:
    allow(server, *(rule for rule in _LEAST if rule != f"+{missing}"))
    collector = open_redis(server.target(user="watcher", password="pw"), SystemClock())
    failures = [each for each in (await collector.collect(tier, EVERYTHING)).failures if each.part == part]
    await collector.close()
    assert failures
    assert all(each.code is FailureCode.PRIVILEGE for each in failures)
    statements = [each.hint for each in failures]
    assert all(each.startswith("ACL SETUSER watcher +") for each in statements)
    assert any(f"+{missing}" in each.split(" ") for each in statements), "no more than what is missing"
    for statement in statements:
        server.execute(*statement.split(" "))
    collector = open_redis(server.target(user="watcher", password="pw"), SystemClock())
    left = {each.hint for each in (await collector.collect(tier, EVERYTHING)).failures if each.part == part}
    assert not left & set(statements)
    await collector.close()


async def test_without_info_nothing_can_be_read_and_it_says_which_right_is_missing(server: RedisServer) -> None:
    allow(server, "-@all", "+ping")
    collector = open_redis(server.target(user="watcher", password="pw"), SystemClock())
    for tier in (Tier.HOT, Tier.WARM):
        with pytest.raises(TargetError) as caught:
            await collector.collect(tier, EVERYTHING)
        assert caught.value.reason is FailureCode.PRIVILEGE
        assert caught.value.hint == "ACL SETUSER watcher +info"
    await collector.close()


async def test_a_refused_question_is_not_asked_at_every_tick(server: RedisServer) -> None:
    allow(server, *(rule for rule in _LEAST if rule != "+client|list"))
    collector = open_redis(server.target(user="watcher", password="pw"), SystemClock())
    for _ in range(5):
        reading = await collector.collect(Tier.HOT, EVERYTHING)
        assert any(each.part == Part.SESSIONS for each in reading.failures)
        assert reading.sessions is None
        assert reading.samples
    await collector.close()
    denied = [entry for entry in server.connect().acl_log() if entry["object"].startswith("client")]
    assert sum(int(entry["count"]) for entry in denied) == 1


async def test_keys_that_a_user_may_not_touch_are_counted_without_their_sizes(server: RedisServer) -> None:
    allow(server, "+@all", "~public:*")
    server.execute("SET", "public:1", "x" * 1000)
    collector = open_redis(server.target(user="watcher", password="pw"), SystemClock())
    reading = await collector.collect(Tier.WARM, EVERYTHING)
    await collector.close()
    assert reading.relations is not None
    sizes = {each.name: each.size_bytes for each in reading.relations if each.kind == "keys"}
    assert (sizes["public:?"] or 0) > 1000
    assert "user:?" in sizes
    hints = {each.hint for each in reading.failures if each.code is FailureCode.PRIVILEGE}
    for hint in hints:
        server.execute(*hint.split(" "))
    collector = open_redis(server.target(user="watcher", password="pw"), SystemClock())
    again = await collector.collect(Tier.WARM, EVERYTHING)
    await collector.close()
    assert not [each for each in again.failures if each.code is FailureCode.PRIVILEGE]
    if hints:
        assert all(each.size_bytes for each in again.relations or () if each.kind == "keys")


async def test_a_command_that_was_renamed_away_is_missed_and_all_else_is_there() -> None:
    with redis_server(rename_command="CONFIG ") as server:
        collector = open_redis(server.target(), SystemClock())
        cold = await collector.collect(Tier.COLD, EVERYTHING)
        hot = await collector.collect(Tier.HOT, EVERYTHING)
        assert cold.settings is None
        assert [each.code for each in cold.failures] == [FailureCode.MISSING]
        assert hot.sessions is not None
        assert not hot.failures
        await collector.close()


async def test_the_user_that_the_guide_makes_sees_all(server: RedisServer) -> None:
    (rule,) = re.findall(r"^ACL SETUSER .*$", _PAGE.read_text(), re.MULTILINE)
    server.execute(*rule.split(" "))
    collector = open_redis(server.target(user="aishell", password="a-password"), SystemClock())
    readings = [await collector.collect(tier, EVERYTHING) for tier in Tier]
    await collector.close()
    assert [each for reading in readings for each in reading.failures] == []
    assert all(any(getattr(reading, part) for reading in readings) for part in ("statements", "relations", "settings"))


def test_the_example_of_the_guide_runs_against_a_server(server: RedisServer) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```$", _PAGE.read_text(), re.MULTILINE | re.DOTALL)
    server.execute("FLUSHALL")
    done = subprocess.run([sys.executable, "-c", example, server.url()], capture_output=True, text=True, cwd=_ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["('user:1',) ('Ada',)", "[1, 2, 3]"]
    assert server.connect().get("cache:numbers") == b"[1,2,3]"
