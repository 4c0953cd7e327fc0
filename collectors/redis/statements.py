"""Reading what the server counts for each command, and its slow log, while somebody looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aishell_core.clock import Clock
from aishell_core.engines.redis import Lane
from aishell_core.engines.redis_commands import Traits, traits_of
from aishell_core.engines.redis_text import Fields
from aishell_core.values import Cost, Failure, Part, Statement
from collectors.redis.questions import Question, Questions
from collectors.redis.statements_rows import (
    SlowEntry,
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
"""Histograms are asked for no sooner: their answers have many parts, which cost us more than the server."""

_FEW_ENTRIES, _MOST_ENTRIES = 16, 128
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
        self._most = _MOST_ENTRIES
        self._life = ""
        self._total = 0.0
        self._failures: tuple[Failure, ...] = ()

    def question(self) -> Question:
        """What to ask of the slow log right before INFO, so that both are of one moment."""
        return ("SLOWLOG", "GET", self._most)

    async def read(self, info: Fields, slow: object, deadline_seconds: float, *, histograms: bool) -> StatementsLook:
        """The statements of a look at INFO and the slow log (None where it was refused).

        Raises RedisError where the server cannot be asked for more.
        """
        self._notice_reset(info)
        cost = await self._take(slow_entries(slow), deadline_seconds)
        if histograms and self._clock.steady() >= self._again_at:
            cost += await self._read_histograms(deadline_seconds)
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

    async def _take(self, entries: Sequence[SlowEntry], deadline_seconds: float) -> Cost:
        """Count the entries that are new; more are asked for next time where all of them were."""
        new = [entry for entry in entries if entry.number > self._last]
        self._most = min(_MOST_ENTRIES, 2 * self._most) if new and len(new) == len(entries) else _FEW_ENTRIES
        self._last = max((entry.number for entry in new), default=self._last)
        wanted = [entry for entry in new if entry.client != _OWN_NAME and entry.words]
        cost = await self._learn(first_words(wanted) - self._traits.keys(), deadline_seconds)
        self._shapes = merged(self._shapes, (shaped(entry, self._traits) for entry in wanted))
        if len(self._shapes) > _MOST_SHAPES:
            heaviest = sorted(self._shapes.values(), key=lambda one: -one.microseconds)[:_MOST_SHAPES]
            self._shapes = {one.text: one for one in heaviest}
        return cost

    async def _read_histograms(self, deadline_seconds: float) -> Cost:
        found = await self._questions.ask({"histogram": ("LATENCY", "HISTOGRAM")}, Lane.QUICK, deadline_seconds)
        self._failures = found.failures({"histogram": Part.STATEMENTS}, self._clock.now())
        if "histogram" in found.values:
            self._histograms = histograms_of(found.values["histogram"])
        return found.cost

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
