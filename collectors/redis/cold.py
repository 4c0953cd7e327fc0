"""The cold tier: the settings."""

from __future__ import annotations

from aishell_core.clock import Clock
from aishell_core.engines.redis import Lane
from aishell_core.targets import Target
from aishell_core.values import Part, Reading, Tier
from collectors.redis.questions import Questions
from collectors.redis.settings_rows import settings_of

DEADLINE_SECONDS = 4.0


class ColdTier:
    """Reads the settings of one server; a server that keeps them to itself is a Failure."""

    def __init__(self, questions: Questions, target: Target, clock: Clock) -> None:
        self._questions = questions
        self._target = target
        self._clock = clock

    async def read(self) -> Reading:
        """One reading; raises RedisError when the server cannot be read."""
        found = await self._questions.ask({"settings": ("CONFIG", "GET", "*")}, Lane.SLOW, DEADLINE_SECONDS)
        at = self._clock.now()
        return Reading(
            self._target.name,
            Tier.COLD,
            at,
            settings=settings_of(found.values["settings"]) if "settings" in found.values else None,
            failures=found.failures({"settings": Part.SETTINGS}, at),
            cost=found.cost,
        )
