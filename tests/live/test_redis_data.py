"""Reading and writing every kind of data of a real server, within limits, and the cache of JSON values."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Iterator

import pytest

from aishell_core.engines.redis_cache import Json, JsonCache, SessionStore
from aishell_core.engines.redis_data import RedisData
from aishell_core.engines.redis_errors import RedisError
from aishell_core.engines.redis_store import Message, Page, RedisStore
from aishell_core.values import FailureCode, Limits
from tests.servers.redis import VERSIONS, RedisServer, redis_server
from tests.servers.sqlite_client import eventually

_FEW = Limits(rows=10, bytes=1000, seconds=20.0)


@pytest.fixture(params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with redis_server(request.param) as running:
        yield running


@pytest.fixture
async def data(server: RedisServer) -> AsyncIterator[RedisData]:
    opened = RedisData(server.target(), _FEW, {})
    yield opened
    await opened.close()


@contextlib.asynccontextmanager
async def stored(server: RedisServer) -> AsyncIterator[RedisStore]:
    async with RedisStore(server.target(), Limits(seconds=20.0), {}) as store:
        yield store


async def say(data: RedisData, channel: str, text: str | bytes) -> None:
    """Say it until somebody has heard it: a server tells nobody when a subscriber has come."""
    for _ in range(2000):
        if await data.channels.publish(channel, text):
            return
        await asyncio.sleep(0.01)
    pytest.fail("nobody listens")


async def test_strings_are_written_read_counted_and_cut_off_at_the_limit(data: RedisData) -> None:
    assert await data.strings.get("a") == await data.strings.get("b")
    assert await data.strings.set("a", "é", absent=True)
    assert not await data.strings.set("a", "other", absent=True)
    assert not await data.strings.set("b", "x", present=True)
    assert (await data.strings.get("a")).rows == ("é",)
    assert await data.strings.append("a", b"\xff") == 3
    assert (await data.strings.get("a")).rows == (b"\xc3\xa9\xff",)
    assert await data.strings.increase("n", 5) == 5
    assert (await data.strings.get_many("n", "a", "none")).rows == ("5", b"\xc3\xa9\xff", None)
    await data.strings.set("long", "x" * 5000)
    page = await data.strings.get("long")
    assert page.rows == ("x" * 1000,)
    assert page.cut == "bytes"
    assert await data.strings.length_bytes("long") == 5000
    assert (await data.strings.get("none")).rows == ()
    await data.strings.set("empty", "")
    assert (await data.strings.get("empty")).rows == ("",)


async def test_keys_are_found_live_and_end(data: RedisData) -> None:
    for number in range(30):
        await data.strings.set(f"user:{number}", "x", seconds=1000)
    await data.hashes.set("hash:1", {"a": 1})
    page = await data.keys.find("user:*")
    assert len(page.rows) == 10
    assert page.cut == "rows"
    assert (await data.keys.find("*", "hash")).rows == ("hash:1",)
    assert await data.keys.kind("hash:1") == "hash"
    left = await data.keys.seconds_left("user:1")
    assert left is not None
    assert 0 < left <= 1000
    assert await data.keys.keep("user:1")
    assert await data.keys.seconds_left("user:1") is None
    assert await data.keys.expire("user:1", 0.001)
    assert await data.keys.exist("user:2", "user:3", "none") == 2
    assert await data.keys.delete("user:2", "none") == 1
    with pytest.raises(RedisError) as caught:
        await data.keys.seconds_left("none")
    assert caught.value.reason is FailureCode.MISSING
    with pytest.raises(RedisError, match="no time to live"):
        await data.keys.expire("user:3", 0)
    with pytest.raises(RedisError, match="no time to live"):
        await data.strings.set("user:3", "x", seconds=math.nan)


async def test_hashes_lists_sets_and_sorted_sets_keep_the_limits(data: RedisData) -> None:
    assert await data.hashes.set("h", {f"f{number}": number for number in range(30)}) == 30
    fields = await data.hashes.all("h")
    assert len(fields.rows) == 10
    assert fields.cut == "rows"
    assert (await data.hashes.get("h", "f3")).rows == ("3",)
    assert (await data.hashes.get("h", "none")).rows == ()
    assert await data.hashes.increase("h", "f3", 2) == 5
    assert await data.hashes.delete("h", "f1", "none") == 1
    assert await data.hashes.length("h") == 29

    assert await data.lists.push("l", *range(30)) == 30
    page = await data.lists.range("l")
    assert page.rows == tuple(map(str, range(10)))
    assert page.cut == "rows"
    assert (await data.lists.range("l", -3)).rows == ("27", "28", "29")
    assert (await data.lists.range("l", -30, -28)).rows == ("0", "1", "2")
    assert (await data.lists.range("l", 5, 3)).rows == ()
    assert await data.lists.pop("l") == "0"
    assert await data.lists.pop("l", end=True) == "29"
    assert await data.lists.pop_within("l", 5) == "1"
    assert await data.lists.pop_within("none", 0.01) is None
    await data.lists.trim("l", 0, 1)
    assert (await data.lists.range("l")).rows == ("2", "3")
    assert await data.lists.remove("l", "2") == 1

    assert await data.sets.add("s", *range(30)) == 30
    assert len((await data.sets.members("s")).rows) == 10
    await data.sets.add("t", 1, 2, 99)
    assert (await data.sets.intersection("s", "t")).rows == ("1", "2")
    assert (await data.sets.difference("t", "s")).rows == ("99",)
    assert (await data.sets.union("s", "t")).cut == "rows"
    assert await data.sets.contains("t", 99)
    assert await data.sets.remove("t", 99) == 1
    assert await data.sets.length("t") == 2

    assert await data.sorted_sets.add("z", {f"m{number}": number for number in range(30)}) == 30
    assert (await data.sorted_sets.range("z", count=2)).rows == (("m0", 0.0), ("m1", 1.0))
    assert (await data.sorted_sets.range("z", descending=True, count=1)).rows == (("m29", 29.0),)
    assert (await data.sorted_sets.range("z")).cut == "rows"
    assert (await data.sorted_sets.by_score("z", 3, 4)).rows == (("m3", 3.0), ("m4", 4.0))
    assert await data.sorted_sets.rank("z", "m5") == 5
    assert await data.sorted_sets.rank("z", "none") is None
    assert await data.sorted_sets.increase("z", "m5", 0.5) == 5.5
    assert await data.sorted_sets.score("z", "m5") == 5.5
    assert await data.sorted_sets.remove("z", "m5") == 1
    assert await data.sorted_sets.length("z") == 29


async def test_a_value_of_another_kind_is_told_so(data: RedisData) -> None:
    await data.strings.set("a", "x")
    with pytest.raises(RedisError, match="another kind of value"):
        await data.lists.push("a", 1)


async def test_an_answer_that_is_too_large_is_not_held(server: RedisServer) -> None:
    server.execute("SADD", "s", *("x" * 1000 + str(number) for number in range(3000)))
    data = RedisData(server.target(), _FEW, {})
    with pytest.raises(RedisError, match="larger than"):
        await data.sets.union("s")
    assert await data.sets.length("s") == 3000
    await data.close()


async def test_values_beyond_the_limit_of_bytes_are_cut_off_and_said_and_never_taken_away(server: RedisServer) -> None:
    large, small = "x" * 200_000, "y"
    server.execute("MSET", "a", small, "b", large, "c", small)
    server.execute("HSET", "h", "f", large)
    data = RedisData(server.target(), Limits(rows=3, bytes=1000, seconds=20.0), {})
    many = await data.strings.get_many("a", "b", "c")
    assert (many.rows, many.cut) == (("y",), "bytes")
    field = await data.hashes.get("h", "f")
    assert (field.rows, field.cut) == (("x" * 1000,), "bytes")
    server.execute("RPUSH", "l", large, small)
    for popping in (data.lists.pop("l"), data.lists.pop_within("l", 5)):
        with pytest.raises(RedisError, match="200000 bytes, more than the limit of 1000: it was left where it is"):
            await popping
    assert server.execute("LRANGE", "l", 0, -1) == [large.encode(), small.encode()]
    assert await data.lists.pop("l", end=True) == small
    assert await data.strings.get("a") == Page(("y",)), "the connection goes on"
    await data.close()


async def test_each_value_is_popped_once_by_all_who_pop_at_once(server: RedisServer) -> None:
    server.execute("RPUSH", "l", *range(60))
    workers = [RedisData(server.target(), Limits(seconds=60.0), {}) for _ in range(4)]

    async def drain(data: RedisData) -> list[str]:
        found: list[str] = []
        while (value := await data.lists.pop("l")) is not None:
            found.append(str(value))
        return found

    found = [value for each in await asyncio.gather(*map(drain, workers)) for value in each]
    assert sorted(map(int, found)) == list(range(60))
    for data in workers:
        await data.close()


@pytest.mark.parametrize("end", [False, True])
async def test_who_waits_for_a_value_gets_it_when_it_comes(server: RedisServer, end: bool) -> None:
    data = RedisData(server.target(), Limits(seconds=60.0), {})
    waiting = asyncio.create_task(data.lists.pop_within("l", 60, end=end))
    watcher = server.connect()
    await asyncio.to_thread(eventually, lambda: watcher.info("clients")["blocked_clients"] == 1)
    server.execute("RPUSH", "l", "x")
    assert await waiting == "x"
    assert server.execute("LLEN", "l") == 0
    await data.close()


async def test_a_channel_is_heard_until_so_many_messages_came_or_the_time_is_over(server: RedisServer) -> None:
    data = RedisData(server.target(), Limits(seconds=20.0), {})
    listening = asyncio.create_task(data.channels.listen("news", patterns=["sport:*"], seconds=20, messages=2))
    await say(data, "news", "first")
    await say(data, "sport:ball", b"\xff")
    assert set((await listening).rows) == {Message("news", "first"), Message("sport:ball", b"\xff")}
    assert (await data.channels.listen("silence", seconds=0.05)).cut == "time"
    await data.close()


async def test_a_frozen_server_costs_no_more_than_the_limit_and_a_restarted_one_is_used_again(server: RedisServer) -> None:
    data = RedisData(server.target(), Limits(seconds=20.0), {})
    await data.strings.set("a", 1)
    data.store.limits = Limits(seconds=0.3)
    with server.frozen(), pytest.raises(RedisError) as caught:
        await data.strings.get("a")
    assert caught.value.reason is FailureCode.TIMEOUT
    data.store.limits = Limits(seconds=20.0)
    server.restart()
    assert (await data.strings.get("a")).rows == ()
    await data.close()


async def test_a_value_is_computed_once_by_all_who_ask_at_once_in_two_processes(server: RedisServer) -> None:
    async with stored(server) as one, stored(server) as two:
        calls = 0

        async def compute() -> Json:
            nonlocal calls
            calls += 1
            await asyncio.sleep(0.2)
            return {"answer": [1, None, "é"]}

        asked = [JsonCache(store).get_or_compute("key", compute, 1000) for store in (one, two) for _ in range(10)]
        asked += [cache.get_or_compute("key", compute, 1000) for cache in [JsonCache(one)] for _ in range(10)]
        assert await asyncio.gather(*asked) == [{"answer": [1, None, "é"]}] * 30
        assert calls == 1
        left = server.execute("TTL", "cache:key")
        assert 0 < left <= 1000
        assert server.execute("EXISTS", "lock:cache:key") == 0


async def test_a_cache_keeps_null_forgets_and_refuses_what_is_no_json(server: RedisServer) -> None:
    async with stored(server) as store:
        cache = JsonCache(store, "c:")
        assert await cache.get("a") is None
        await cache.set("a", None, 100)
        kept = await cache.get("a")
        assert kept is not None
        assert kept.value is None
        assert await cache.delete("a", "b") == 1
        server.execute("SET", "c:broken", b"\xff{")
        assert await cache.get("broken") is None
        for wrong in (float("nan"), object()):
            with pytest.raises(RedisError, match="no JSON"):
                await cache.set("x", wrong, 10)  # type: ignore[arg-type]


async def test_what_computing_raises_is_raised_and_the_next_one_computes(server: RedisServer) -> None:
    async with stored(server) as store:
        cache = JsonCache(store)

        async def fail() -> Json:
            raise ArithmeticError

        async def succeed() -> Json:
            return 1

        with pytest.raises(ArithmeticError):
            await cache.get_or_compute("k", fail, 10)
        assert await cache.get_or_compute("k", succeed, 10) == 1


async def test_a_lock_whose_holder_died_ends_by_itself_and_is_not_let_go_by_another(server: RedisServer) -> None:
    async with stored(server) as store:
        server.execute("SET", "lock:cache:k", "of somebody who is dead", "PX", 200)

        async def compute() -> Json:
            return "new"

        assert await JsonCache(store).get_or_compute("k", compute, 10, compute_seconds=20) == "new"
        server.execute("SET", "lock:cache:other", "of somebody who lives", "PX", 100_000)
        assert await JsonCache(store).get_or_compute("other", compute, 10, compute_seconds=0.05) == "new"
        assert server.execute("GET", "lock:cache:other") == b"of somebody who lives"


async def test_a_session_lives_on_while_it_is_used_and_ends(server: RedisServer) -> None:
    async with stored(server) as store:
        sessions = SessionStore(store, 1000)
        one, two = await sessions.begin({"user": "é"}), await sessions.begin({})
        assert one != two
        assert len(one) >= 32
        server.execute("PEXPIRE", f"session:{one}", 5000)
        assert await sessions.read(one) == {"user": "é"}
        assert server.execute("PTTL", f"session:{one}") > 5000
        assert await sessions.write(one, {"user": "b"})
        assert await sessions.read(one) == {"user": "b"}
        assert await sessions.end(one)
        assert not await sessions.end(one)
        assert await sessions.read(one) is None
        assert not await sessions.write(one, {"user": "ghost"})
        assert server.execute("EXISTS", f"session:{one}") == 0


async def test_limits_hold_for_what_is_asked_by_name_and_for_listening(server: RedisServer) -> None:
    few = RedisData(server.target(), Limits(rows=5, seconds=1.0))
    try:
        with pytest.raises(RedisError, match="more than the limit of 5 rows"):
            await few.strings.get_many(*(f"k{number}" for number in range(6)))
        heard = await few.channels.listen("news", seconds=3600.0)
        assert (heard.rows, heard.cut) == ((), "time")
        for wrong in (math.nan, math.inf, 0.0, -1.0):
            with pytest.raises(RedisError, match="no time to listen"):
                await few.channels.listen("news", seconds=wrong)
    finally:
        await few.close()
