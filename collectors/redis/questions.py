"""Asking a server for parts of a reading: what it refuses is remembered, so that it is not asked for at every tick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aishell_core.clock import Clock
from aishell_core.engines.redis import Answers, Lane, RedisError, RedisSession, command_name
from aishell_core.values import Cost, Failure, FailureCode

AGAIN_SECONDS = 60.0
"""So long a refused command rests: a right that was granted meanwhile shows within a minute."""

_LASTING = {FailureCode.PRIVILEGE, FailureCode.MISSING, FailureCode.UNSUPPORTED}

Question = tuple[str | bytes | int, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The answers by the name that the asker gave; a question without one is among the refused ones."""

    values: Mapping[str, Any]
    refused: Mapping[str, RedisError] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)

    def failures(self, parts: Mapping[str, str], at: float) -> tuple[Failure, ...]:
        """The refusals as values: `parts` says which part each question stands for."""
        return tuple(self.refused[name].failure(part, at) for name, part in parts.items() if name in self.refused)


class Questions:
    """A session that does not ask again at once for what was refused."""

    def __init__(self, session: RedisSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._resting: dict[str, tuple[float, RedisError]] = {}

    async def ask(self, questions: Mapping[str, Question], lane: Lane, deadline_seconds: float) -> Found:
        """The answers to questions that are sent together; raises RedisError where the server cannot be asked at all."""
        now = self._clock.steady()
        names = {name: command_name(question) for name, question in questions.items()}
        refused = {name: rest[1] for name in questions if (rest := self._resting.get(names[name])) is not None and now < rest[0]}
        asked = {name: question for name, question in questions.items() if name not in refused}
        answers = await self._session.ask(*asked.values(), lane=lane, deadline_seconds=deadline_seconds) if asked else Answers((), Cost())
        values: dict[str, Any] = {}
        for name, value in zip(asked, answers.values, strict=True):
            if isinstance(value, RedisError):
                refused[name] = value
            else:
                values[name] = value
        # A command of which some were answered is allowed: what was refused are single keys.
        answered = {names[name] for name in values}
        for name in asked:
            if name in refused and names[name] not in answered and refused[name].reason in _LASTING:
                self._resting[names[name]] = (now + AGAIN_SECONDS, refused[name])
        return Found(values, refused, answers.cost)
