"""A cache of JSON values with a time to live, computed once however many ask, and sessions that end by themselves."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aishell_core.clock import Clock, SystemClock
from aishell_core.engines.redis_errors import RedisError
from aishell_core.engines.redis_store import RedisStore
from aishell_core.values import FailureCode, Limits

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""What a cache can keep."""

_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"
"""Let go of a lock, but never of one that another has taken since."""

_LOOK_SECONDS = (0.01, 0.02, 0.05, 0.1)


@dataclass(frozen=True, slots=True)
class Cached:
    """A value from the cache, which may be null itself."""

    value: Json


class JsonCache:
    """Values by name under a common prefix; raises RedisError.

    Names are kept as they are given behind the prefix, so that two caches with different prefixes never meet.
    """

    def __init__(self, store: RedisStore, prefix: str = "cache:", clock: Clock | None = None) -> None:
        self._store = store
        self._prefix = prefix
        self._clock = clock or SystemClock()
        self._computing: dict[str, asyncio.Lock] = {}

    async def get(self, name: str) -> Cached | None:
        """What is kept under a name; None where nothing is, or what is there is no JSON."""
        found = await self._store.ask("GET", self._prefix + name, reads=True)
        if found is None:
            return None
        try:
            return Cached(json.loads(_within(found, self._store.limits)))
        except ValueError:
            return None

    async def set(self, name: str, value: Json, seconds: float) -> None:
        """Keep a value for so many seconds; raises RedisError for what is no JSON, larger than the limit or lives no time."""
        text = _written(value, self._store.limits)
        await self._store.ask("SET", self._prefix + name, text, "PX", _milliseconds(seconds))

    async def delete(self, *names: str) -> int:
        """Forget values; how many there were."""
        return int(await self._store.ask("UNLINK", *(self._prefix + name for name in names))) if names else 0

    async def get_or_compute(
        self, name: str, compute: Callable[[], Awaitable[Json]], seconds: float, *, compute_seconds: float = 30.0, spread: float = 0.1
    ) -> Json:
        """The value that is kept, or else the one that `compute` gives, which is then kept for so many seconds.

        Of all who ask at once, in this process and in others, one computes: it holds a lock on the server that ends by
        itself after `compute_seconds`, and the others look again until the value is there. When that time is over, or
        the one failed, the next one computes. The time to live is shortened by up to `spread` of it at random, so that
        values that were computed together do not end together. What `compute` raises is raised, and nothing is kept.
        """
        lock = self._computing.setdefault(name, asyncio.Lock())
        try:
            async with lock:
                until = self._clock.steady() + compute_seconds
                looks = 0
                while True:
                    kept = await self.get(name)
                    if kept is not None:
                        return kept.value
                    token = secrets.token_hex(16)
                    if await self._locked(name, token, compute_seconds):
                        return await self._compute(name, token, compute, seconds * (1 - spread * random.random()))  # noqa: S311 - no secret
                    if self._clock.steady() >= until:
                        return await compute()  # whoever holds the lock is late: better twice than never
                    await self._clock.sleep(_LOOK_SECONDS[min(looks, len(_LOOK_SECONDS) - 1)])
                    looks += 1
        finally:
            if not lock.locked():
                self._computing.pop(name, None)

    async def _locked(self, name: str, token: str, seconds: float) -> bool:
        return await self._store.ask("SET", self._lock_key(name), token, "NX", "PX", _milliseconds(seconds)) is not None

    async def _compute(self, name: str, token: str, compute: Callable[[], Awaitable[Json]], seconds: float) -> Json:
        """Whoever had the lock before may have written the value since it was looked for."""
        try:
            kept = await self.get(name)
            if kept is not None:
                return kept.value
            value = await compute()
            await self.set(name, value, seconds)
            return value
        finally:
            await self._store.ask("EVAL", _RELEASE, 1, self._lock_key(name), token)

    def _lock_key(self, name: str) -> str:
        return f"lock:{self._prefix}{name}"


class SessionStore:
    """Sessions of users: a few fields under an id that nobody can guess, which end when nobody used them for a while."""

    def __init__(self, store: RedisStore, seconds: float, prefix: str = "session:") -> None:
        """`seconds` is how long a session lives after it was last begun, read or changed."""
        self._store = store
        self._milliseconds = _milliseconds(seconds)
        self._prefix = prefix

    async def begin(self, fields: Mapping[str, Json]) -> str:
        """A new session; its id."""
        while True:
            identifier = secrets.token_urlsafe(24)
            if await self._store.ask(
                "SET", self._prefix + identifier, _written(dict(fields), self._store.limits), "NX", "PX", self._milliseconds
            ):
                return identifier

    async def read(self, identifier: str) -> dict[str, Json] | None:
        """The fields of a session, which lives on from now; None where it has ended or never was."""
        found = await self._store.ask("GET", self._prefix + identifier, reads=True)
        if found is None or not await self._store.ask("PEXPIRE", self._prefix + identifier, self._milliseconds):
            return None
        fields = json.loads(_within(found, self._store.limits))
        return fields if isinstance(fields, dict) else None

    async def write(self, identifier: str, fields: Mapping[str, Json]) -> bool:
        """Change all fields of a session, which lives on from now; False where it has ended, and nothing is written."""
        written = await self._store.ask(
            "SET", self._prefix + identifier, _written(dict(fields), self._store.limits), "XX", "PX", self._milliseconds
        )
        return written is not None

    async def end(self, identifier: str) -> bool:
        """End a session; False where it had ended."""
        return bool(await self._store.ask("UNLINK", self._prefix + identifier))


def _within(found: bytes, limits: Limits) -> bytes:
    """What was found: a part of it would be no JSON, so that too much of it is an error."""
    if len(found) > limits.bytes:
        raise RedisError(FailureCode.UNSUPPORTED, "the value is larger than the limit of bytes", "keep less, or raise the limit")
    return found


def _written(value: Any, limits: Limits) -> bytes:  # noqa: ANN401 - what callers give is checked here
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError) as error:
        raise RedisError(
            FailureCode.UNSUPPORTED, f"the value is no JSON: {error}", "keep texts, numbers, lists and maps of these"
        ) from error
    return _within(text, limits)


def _milliseconds(seconds: float) -> int:
    milliseconds = round(seconds * 1000)
    if milliseconds < 1:
        raise RedisError(FailureCode.UNSUPPORTED, f"{seconds} is no time to live", "give seconds above zero")
    return milliseconds
