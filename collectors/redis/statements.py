"""Reading what the server counts for each command, and its slow log, while somebody looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aishell_core.clock import Clock
from aishell_core.engines.redis import Lane
from aishell_core.engines.redis_commands import Traits, traits_of
from aishell_core.engines.redis_text import Fields
from aishell_core.values import Cost, Failure, Part, Statement
from collectors.redis.questions import Questions
from collectors.redis.statements_rows import (
    SlowShape,
    command_statements,
    first_words,
    histograms_of,
    merged,
    shaped,
    slow_entries,
    with_slow,
)

_BESIDE_SECONDS = 5.0
"""Histograms and the slow log are asked for no sooner: their answers have many parts, which cost us more than the server."""

_MOST_ENTRIES = 128
_MOST_SHAPES = 500
_OWN_NAME = "aishell"


@dataclass(frozen=True, slots=True)
class StatementsLook:
    """The statements of one look, what could not be read, and what it cost."""

    statements: tuple[Statement, ...]
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)


class StatementsReader:
    """Remembers what was in the slow log, whose entries the server throws away."""

    def __init__(self, questions: Questions, clock: Clock) -> None:
        self._questions = questions
        self._clock = clock
        self._again_at = 0.0
        self._histograms: Mapping[str, Mapping[int, float]] = {}
        self._traits: dict[str, Traits | None] = {}
        self._shapes: dict[str, SlowShape] = {}
        self._last = -1
        self._life = ""
        self._total = 0.0
        self._failures: tuple[Failure, ...] = ()

    async def read(self, info: Fields, deadline_seconds: float, *, histograms: bool) -> StatementsLook:
        """The statements of a look at INFO; raises RedisError where the server cannot be asked at all."""
        self._notice_reset(info)
        cost = Cost()
        if self._clock.steady() >= self._again_at:
            cost = await self._read_beside(deadline_seconds, histograms)
            self._again_at = self._clock.steady() + _BESIDE_SECONDS
        counted = command_statements(info, self._histograms)
        return StatementsLook(with_slow(counted, self._shapes.values()), self._failures, cost)

    def _notice_reset(self, info: Fields) -> None:
        """Forget the shapes when the server counts anew: after a restart, or CONFIG RESETSTAT."""
        life, total = info.get("run_id", ""), sum(each.calls for each in command_statements(info, {}))
        if life != self._life or total < self._total:
            self._shapes, self._histograms, self._again_at = {}, {}, 0.0
            self._last = -1 if life != self._life else self._last
        self._life, self._total = life, total

    async def _read_beside(self, deadline_seconds: float, histograms: bool) -> Cost:
        """Histograms and new entries of the slow log."""
        asked: dict[str, tuple[str | int, ...]] = {"slow": ("SLOWLOG", "GET", 1 if self._last >= 0 else _MOST_ENTRIES)}
        if histograms:
            asked["histogram"] = ("LATENCY", "HISTOGRAM")
        found = await self._questions.ask(asked, Lane.QUICK, deadline_seconds)
        cost = found.cost
        parts = {"slow": Part.STATEMENTS, "histogram": Part.STATEMENTS}
        self._failures = found.failures(parts, self._clock.now())
        if "histogram" in found.values:
            self._histograms = histograms_of(found.values["histogram"])
        entries = slow_entries(found.values.get("slow"))
        newest = max((entry.number for entry in entries), default=self._last)
        if self._last >= 0 and newest > self._last + 1:
            more = await self._questions.ask(
                {"slow": ("SLOWLOG", "GET", min(_MOST_ENTRIES, newest - self._last))}, Lane.QUICK, deadline_seconds
            )
            entries, cost = slow_entries(more.values.get("slow")), cost + more.cost
        new = [entry for entry in entries if entry.number > self._last]
        self._last = max((entry.number for entry in new), default=self._last)
        wanted = [entry for entry in new if entry.client != _OWN_NAME and entry.words]
        cost += await self._learn(first_words(wanted) - self._traits.keys(), deadline_seconds)
        self._shapes = merged(self._shapes, (shaped(entry, self._traits) for entry in wanted))
        if len(self._shapes) > _MOST_SHAPES:
            heaviest = sorted(self._shapes.values(), key=lambda one: -one.microseconds)[:_MOST_SHAPES]
            self._shapes = {one.text: one for one in heaviest}
        return cost

    async def _learn(self, names: frozenset[str], deadline_seconds: float) -> Cost:
        """Where the keys of some commands stand; without the right to ask, no part of a key is shown."""
        if not names:
            return Cost()
        ordered = sorted(names)
        found = await self._questions.ask({"info": ("COMMAND", "INFO", *ordered)}, Lane.QUICK, deadline_seconds)
        replies = found.values.get("info")
        if isinstance(replies, list | tuple):
            self._traits.update((name, traits_of(reply)) for name, reply in zip(ordered, replies, strict=False))
        return found.cost
