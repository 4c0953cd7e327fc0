"""Walking over the keys while somebody looks at them: a bounded number at each look, going on where the last one ended."""

from __future__ import annotations

from dataclasses import replace

from aishell_core.clock import Clock
from aishell_core.engines.redis import Lane
from aishell_core.engines.redis_text import Fields, readable
from aishell_core.values import Cost, Failure, FailureCode, Part, Relation
from collectors.redis.keys_rows import Key, KeySample, relations_of
from collectors.redis.questions import Question, Questions

MOST_KEYS = 5000
"""So many keys are looked at in one look."""

LEAST_KEYS = 1000
MOST_SECONDS = 0.25
"""And after the first ones no further ones when it took so long: a small database is seen whole at the first look."""

_STEP = 100
_DETAILED = 20
"""Of so many of the largest keys, kind, length and time to live are asked; the server counts those look-ups as hits."""

_LENGTHS = {
    "string": "STRLEN",
    "list": "LLEN",
    "set": "SCARD",
    "zset": "ZCARD",
    "hash": "HLEN",
    "stream": "XLEN",
}


class KeysReader:
    """Samples the keys of the database that the target names: SCAN and MEMORY USAGE, never KEYS."""

    def __init__(self, questions: Questions, clock: Clock, database: str) -> None:
        self._questions = questions
        self._clock = clock
        self._database = database
        self._cursor = b"0"
        self._walk = KeySample()
        self._shown = KeySample()
        self._life = ""

    async def read(self, info: Fields, deadline_seconds: float) -> tuple[tuple[Relation, ...], tuple[Failure, ...], Cost]:
        """What is known of the keys now, why something is not, and what it cost; raises RedisError."""
        if info.get("run_id", "") != self._life:
            self._cursor, self._walk, self._shown, self._life = b"0", KeySample(), KeySample(), info.get("run_id", "")
        began, before = self._clock.steady(), self._walk.keys
        cost, failures = Cost(), tuple[Failure, ...]()
        while self._goes_on(self._walk.keys - before, self._clock.steady() - began, deadline_seconds):
            done, failures, spent = await self._step(deadline_seconds)
            cost += spent
            if done or failures:
                break
        self._walk = replace(self._walk, seconds=cost.seconds)
        if self._walk.whole or self._walk.keys >= self._shown.keys or not self._shown.whole:
            self._shown = self._walk
        if self._walk.whole:
            self._walk = KeySample()
        spent = await self._describe(deadline_seconds)
        return relations_of(self._shown, self._database, info), failures, cost + spent

    @staticmethod
    def _goes_on(keys: int, seconds: float, deadline_seconds: float) -> bool:
        """Whether a look that has seen so many keys in so long goes on."""
        most_seconds = MOST_SECONDS if keys >= LEAST_KEYS else deadline_seconds / 2
        return keys < MOST_KEYS and seconds < min(most_seconds, deadline_seconds)

    async def _step(self, deadline_seconds: float) -> tuple[bool, tuple[Failure, ...], Cost]:
        """One step of SCAN with the sizes of its keys; whether the walk is over."""
        found = await self._questions.ask({"scan": ("SCAN", self._cursor, "COUNT", _STEP)}, Lane.SLOW, deadline_seconds)
        at = self._clock.now()
        if "scan" not in found.values:
            return True, found.failures({"scan": Part.RELATIONS}, at), found.cost
        cursor, names = found.values["scan"]
        self._cursor = cursor if isinstance(cursor, bytes) else str(cursor).encode()
        failures, cost = tuple[Failure, ...](), found.cost
        if names:
            keys, failures, spent = await self._sizes([name for name in names if isinstance(name, bytes)], deadline_seconds)
            self._walk, cost = self._walk.with_keys(keys), cost + spent
        whole = self._cursor == b"0"
        if whole:
            self._walk = replace(self._walk, whole=True)
        return whole, failures, cost

    async def _sizes(self, names: list[bytes], deadline_seconds: float) -> tuple[list[Key], tuple[Failure, ...], Cost]:
        """The keys with the memory that they take; one that is gone meanwhile is left out, a refusal leaves sizes at 0."""
        asked: dict[str, Question] = {str(place): ("MEMORY", "USAGE", name) for place, name in enumerate(names)}
        found = await self._questions.ask(asked, Lane.SLOW, deadline_seconds)
        keys = [
            Key(name, float(size) if isinstance(size, int) else 0.0)
            for place, name in enumerate(names)
            if (size := found.values.get(str(place), 0)) is not None
        ]
        refused = next(iter(found.refused.values()), None)
        if refused is None or found.values:
            return keys, (), found.cost
        failure = refused.failure(Part.RELATIONS, self._clock.now())
        if failure.code is FailureCode.PRIVILEGE or failure.code is FailureCode.MISSING:
            failure = replace(failure, message=f"the sizes of keys are not told: {failure.message}")
        return keys, (failure,), found.cost

    async def _describe(self, deadline_seconds: float) -> Cost:
        """Kind, length and time to live of the largest keys of which they are not known yet."""
        wanted = [key for key in self._shown.largest[:_DETAILED] if not key.kind]
        if not wanted:
            return Cost()
        asked: dict[str, Question] = {}
        for place, key in enumerate(wanted):
            asked[f"kind {place}"] = ("TYPE", key.name)
            asked[f"left {place}"] = ("PTTL", key.name)
            asked[f"encoding {place}"] = ("OBJECT", "ENCODING", key.name)
        found = await self._questions.ask(asked, Lane.SLOW, deadline_seconds)
        kinds = {place: readable(found.values.get(f"kind {place}", b"")) for place in range(len(wanted))}
        lengths: dict[str, Question] = {
            str(place): (_LENGTHS[kind], wanted[place].name) for place, kind in kinds.items() if kind in _LENGTHS
        }
        counted = await self._questions.ask(lengths, Lane.SLOW, deadline_seconds)
        told = {}
        for place, key in enumerate(wanted):
            left, encoding = found.values.get(f"left {place}"), found.values.get(f"encoding {place}")
            elements = counted.values.get(str(place))
            told[key.name] = replace(
                key,
                kind=kinds[place] if kinds[place] != "none" else "",
                elements=float(elements) if isinstance(elements, int) else None,
                expires_seconds=left / 1000 if isinstance(left, int) and left >= 0 else -1.0 if left == -1 else None,
                encoding=readable(encoding) if isinstance(encoding, bytes) else "",
            )
        self._shown = replace(self._shown, largest=tuple(told.get(key.name, key) for key in self._shown.largest))
        if not self._shown.whole:
            self._walk = replace(self._walk, largest=self._shown.largest)
        return found.cost + counted.cost
