"""Reading and writing the data of a Redis server: strings, hashes, lists, sets, sorted sets, expiry, channels.

Every call keeps the limits of its store on rows, bytes and time, and raises `RedisError`. Texts come back as `str`
where their bytes are UTF-8, else as `bytes`. Whether somebody may write is decided above, before a call is made.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Mapping, Sequence

from aishell_core.engines.redis_errors import RedisError
from aishell_core.engines.redis_rows import value_of
from aishell_core.engines.redis_store import Page, RedisStore, Taken, Word
from aishell_core.targets import Target
from aishell_core.values import FailureCode, Limits, Value

_LOOK_SECONDS = 0.1


class RedisData:
    """All kinds of data over one connection, which `close` lets go of."""

    def __init__(self, target: Target, limits: Limits | None = None, environ: Mapping[str, str] = os.environ, database: str = "") -> None:
        self.store = RedisStore(target, limits, environ, database)
        self.keys = Keys(self.store)
        self.strings = Strings(self.store)
        self.hashes = Hashes(self.store)
        self.lists = Lists(self.store)
        self.sets = Sets(self.store)
        self.sorted_sets = SortedSets(self.store)
        self.channels = Channels(self.store)

    async def close(self) -> None:
        """Let go of the connection; may be called twice and raises nothing."""
        await self.store.close()


class Keys:
    """What holds for keys of every kind: finding, deleting, expiry."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store

    async def find(self, pattern: str = "*", kind: str = "") -> Page:
        """The keys that match a pattern, of one kind ("string", "hash" ...) or of all, by SCAN: the server goes on serving others."""
        options: tuple[Word, ...] = ("MATCH", pattern, *(("TYPE", kind) if kind else ()))
        return await self._store.scan("SCAN", None, *options)

    async def kind(self, key: Word) -> str:
        """What a key holds: "string", "list", "set", "zset", "hash", "stream", and "none" where there is no such key."""
        return str(value_of(await self._store.ask("TYPE", key, reads=True)))

    async def exist(self, *keys: Word) -> int:
        """How many of these keys there are."""
        return int(await self._store.ask("EXISTS", *keys, reads=True))

    async def delete(self, *keys: Word) -> int:
        """Delete keys; how many there were. Large values are freed in the background."""
        return int(await self._store.ask("UNLINK", *keys))

    async def expire(self, key: Word, seconds: float) -> bool:
        """Let a key live so many seconds from now; False where there is no such key."""
        return bool(await self._store.ask("PEXPIRE", key, _milliseconds(seconds)))

    async def keep(self, key: Word) -> bool:
        """Let a key live for ever; False where it did already or is not there."""
        return bool(await self._store.ask("PERSIST", key))

    async def seconds_left(self, key: Word) -> float | None:
        """How long a key lives; None for ever. Raises RedisError with `FailureCode.MISSING` where there is no such key."""
        left = await self._store.ask("PTTL", key, reads=True)
        if left == -2:
            raise RedisError(FailureCode.MISSING, "there is no such key", "")
        return None if left == -1 else left / 1000


class Strings:
    """Values of one piece."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store

    async def get(self, key: Word) -> Page:
        """The value as the one row of a page, none where there is no such key; cut off at the limit of bytes."""
        most = self._store.limits.bytes
        value = await self._store.ask("GETRANGE", key, 0, most, reads=True)
        if value or await self._store.ask("EXISTS", key, reads=True):
            return Page((value_of(value[:most]),), "bytes" if len(value) > most else "")
        return Page()

    async def get_many(self, *keys: Word) -> Page:
        """The values of some keys in their order, None where there is none; for no more keys than the limit of rows.

        The page ends before the first value that goes beyond the limit of bytes.
        """
        if len(keys) > self._store.limits.rows:
            message = f"{len(keys)} keys are more than the limit of {self._store.limits.rows} rows"
            raise RedisError(FailureCode.UNSUPPORTED, message, "ask for fewer at once, or raise the limit")
        return _page(await self._store.ask("MGET", *keys, reads=True), self._store.limits)

    async def set(self, key: Word, value: Word, seconds: float | None = None, *, absent: bool = False, present: bool = False) -> bool:
        """Write a value, for so many seconds or for ever; only where the key is absent, or present, if told so.

        False when that condition did not hold and nothing was written.
        """
        words: list[Word] = ["SET", key, value]
        words += ["PX", _milliseconds(seconds)] if seconds is not None else []
        words += ["NX"] if absent else []
        words += ["XX"] if present else []
        return await self._store.ask(*words) is not None

    async def increase(self, key: Word, by: int = 1) -> int:
        """Add to a number, which is 0 where there is no such key; the new number."""
        return int(await self._store.ask("INCRBY", key, by))

    async def append(self, key: Word, value: Word) -> int:
        """Write on at the end; the length in bytes."""
        return int(await self._store.ask("APPEND", key, value))

    async def length_bytes(self, key: Word) -> int:
        """The length in bytes, 0 where there is no such key."""
        return int(await self._store.ask("STRLEN", key, reads=True))


class Hashes:
    """Fields with values."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store

    async def set(self, key: Word, fields: Mapping[str, Word]) -> int:
        """Write fields; how many are new."""
        return int(await self._store.ask("HSET", key, *(word for pair in fields.items() for word in pair)))

    async def get(self, key: Word, name: Word) -> Page:
        """One field's value as the one row of a page, none where there is no such field; cut off at the limit of bytes."""
        most = self._store.limits.bytes
        value = await self._store.ask("HGET", key, name, reads=True)
        return Page() if value is None else Page((value_of(value[:most]),), "bytes" if len(value) > most else "")

    async def all(self, key: Word) -> Page:
        """Pairs of field and value."""
        return await self._store.scan("HSCAN", key, width=2)

    async def delete(self, key: Word, *names: Word) -> int:
        """Delete fields; how many there were."""
        return int(await self._store.ask("HDEL", key, *names))

    async def increase(self, key: Word, name: Word, by: int = 1) -> int:
        """Add to a field's number; the new number."""
        return int(await self._store.ask("HINCRBY", key, name, by))

    async def length(self, key: Word) -> int:
        """How many fields there are."""
        return int(await self._store.ask("HLEN", key, reads=True))


class Lists:
    """Values in an order."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store

    async def push(self, key: Word, *values: Word, front: bool = False) -> int:
        """Add values at the end, or in front; the length."""
        return int(await self._store.ask("LPUSH" if front else "RPUSH", key, *values))

    async def pop(self, key: Word, *, end: bool = False) -> Value:
        """Take the first value, or the last; None where there is none.

        Raises RedisError for one beyond the limit of bytes, which stays where it is.
        """
        return value_of(await self._store.pop(key, end=end))

    async def pop_within(self, key: Word, seconds: float, *, end: bool = False) -> Value:
        """Take the first value, or the last, and wait for one so long at most; None where none came.

        The time is bounded by the limit of the store too. Raises RedisError for a value beyond the limit of bytes, which stays.
        """
        until = time.monotonic() + min(seconds, self._store.limits.seconds)
        side = "RIGHT" if end else "LEFT"
        while True:
            found = await self._store.pop(key, end=end)
            left = until - time.monotonic()
            if found is not None or left <= 0:
                return value_of(found)
            # Taking a value from a place and putting it there again changes nothing, and waits until there is one.
            wait = max(left, 0.001)
            try:
                await self._store.ask("BLMOVE", key, key, side, side, round(wait, 3), seconds=wait + self._store.limits.seconds)
            except RedisError as error:
                if error.reason is not FailureCode.MISSING:
                    raise
                # Before 6.2 there is no such command.
                await asyncio.sleep(min(wait, _LOOK_SECONDS))

    async def range(self, key: Word, first: int = 0, last: int = -1) -> Page:
        """The values from one place to another, both included; negative places count from the end."""
        length = await self.length(key)
        start = first if first >= 0 else max(0, length + first)
        end = last if last >= 0 else length + last
        if end < start:
            return Page()
        answer = await self._store.ask("LRANGE", key, start, min(end, start + self._store.limits.rows), reads=True)
        return _page(answer, self._store.limits)

    async def length(self, key: Word) -> int:
        """How many values there are."""
        return int(await self._store.ask("LLEN", key, reads=True))

    async def trim(self, key: Word, first: int, last: int) -> None:
        """Keep the values from one place to another and delete the others."""
        await self._store.ask("LTRIM", key, first, last)

    async def remove(self, key: Word, value: Word, count: int = 0) -> int:
        """Delete values that are equal to this one, so many from the front, or all; how many there were."""
        return int(await self._store.ask("LREM", key, count, value))


class Sets:
    """Members without an order."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store

    async def add(self, key: Word, *members: Word) -> int:
        """Add members; how many are new."""
        return int(await self._store.ask("SADD", key, *members))

    async def remove(self, key: Word, *members: Word) -> int:
        """Delete members; how many there were."""
        return int(await self._store.ask("SREM", key, *members))

    async def members(self, key: Word) -> Page:
        """The members."""
        return await self._store.scan("SSCAN", key)

    async def contains(self, key: Word, member: Word) -> bool:
        """Whether this is a member."""
        return bool(await self._store.ask("SISMEMBER", key, member, reads=True))

    async def length(self, key: Word) -> int:
        """How many members there are."""
        return int(await self._store.ask("SCARD", key, reads=True))

    async def union(self, *keys: Word) -> Page:
        """What is in any of some sets."""
        return _page(sorted(await self._store.ask("SUNION", *keys, reads=True)), self._store.limits)

    async def intersection(self, *keys: Word) -> Page:
        """What is in all of some sets."""
        return _page(sorted(await self._store.ask("SINTER", *keys, reads=True)), self._store.limits)

    async def difference(self, *keys: Word) -> Page:
        """What is in the first set and in none of the others."""
        return _page(sorted(await self._store.ask("SDIFF", *keys, reads=True)), self._store.limits)


class SortedSets:
    """Members in the order of their scores."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store

    async def add(self, key: Word, scores: Mapping[str, float]) -> int:
        """Add members with their scores, or change them; how many are new."""
        return int(await self._store.ask("ZADD", key, *(word for member, score in scores.items() for word in (score, member))))

    async def remove(self, key: Word, *members: Word) -> int:
        """Delete members; how many there were."""
        return int(await self._store.ask("ZREM", key, *members))

    async def range(self, key: Word, first: int = 0, count: int | None = None, *, descending: bool = False) -> Page:
        """Pairs of member and score from a place on, the lowest score first or the highest."""
        wanted = min(self._store.limits.rows + 1, count if count is not None else self._store.limits.rows + 1)
        command = "ZREVRANGE" if descending else "ZRANGE"
        answer = await self._store.ask(command, key, first, first + wanted - 1, "WITHSCORES", reads=True) if wanted > 0 else []
        return _scored(answer, self._store.limits)

    async def by_score(self, key: Word, lowest: float, highest: float) -> Page:
        """Pairs of member and score whose score lies between two numbers, both included."""
        rows = self._store.limits.rows
        answer = await self._store.ask("ZRANGEBYSCORE", key, lowest, highest, "WITHSCORES", "LIMIT", 0, rows + 1, reads=True)
        return _scored(answer, self._store.limits)

    async def score(self, key: Word, member: Word) -> float | None:
        """A member's score, None where it is none."""
        found = await self._store.ask("ZSCORE", key, member, reads=True)
        return None if found is None else float(found)

    async def rank(self, key: Word, member: Word, *, descending: bool = False) -> int | None:
        """A member's place from 0, None where it is none."""
        found = await self._store.ask("ZREVRANK" if descending else "ZRANK", key, member, reads=True)
        return None if found is None else int(found)

    async def increase(self, key: Word, member: Word, by: float = 1.0) -> float:
        """Add to a member's score; the new one."""
        return float(await self._store.ask("ZINCRBY", key, by, member))

    async def length(self, key: Word) -> int:
        """How many members there are."""
        return int(await self._store.ask("ZCARD", key, reads=True))


class Channels:
    """What is said and heard by whoever is there at that moment; nothing of it is kept."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store

    async def publish(self, channel: Word, message: Word) -> int:
        """Say something on a channel; how many heard it on this server."""
        return int(await self._store.ask("PUBLISH", channel, message))

    async def listen(self, *channels: str, patterns: Sequence[str] = (), seconds: float = 5.0, messages: int = 100) -> Page:
        """Messages (`Message`) until the time is over or so many came, within the store's limits of seconds, rows and bytes."""
        return await self._store.listen(channels, tuple(patterns), seconds, messages)


def _milliseconds(seconds: float) -> int:
    """A time to live as the server wants it; raises RedisError for one that would delete at once."""
    milliseconds = round(seconds * 1000) if math.isfinite(seconds) else 0
    if milliseconds < 1:
        raise RedisError(FailureCode.UNSUPPORTED, f"{seconds} is no time to live", "give seconds above zero")
    return milliseconds


def _page(answer: Sequence[bytes | None], limits: Limits) -> Page:
    taken = Taken(limits)
    for value in answer:
        if not taken.take(value_of(value), len(value or b"")):
            break
    return taken.page()


def _scored(answer: Sequence[bytes], limits: Limits) -> Page:
    taken = Taken(limits)
    for member, score in zip(answer[::2], answer[1::2], strict=False):
        if not taken.take((value_of(member), float(score)), len(member) + 8):
            break
    return taken.page()
