"""The names that clients give themselves, which a server is asked for once for each connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aishell_core.clock import Clock
from aishell_core.engines.mysql import ServerFacts
from aishell_core.values import Cost, Failure, Part
from collectors.budget import Budget
from collectors.mysql.hot_questions import HotQuestions

_EVERY_SECONDS = 5.0


class Applications:
    """The `program_name` of each connection, from performance_schema.session_connect_attrs."""

    def __init__(self, questions: HotQuestions, clock: Clock) -> None:
        self._questions = questions
        self._clock = clock
        self._names: dict[int, str] = {}
        self._newest = 0
        self._due = 0.0

    async def read(self, server: ServerFacts, budget: Budget, ids: Iterable[int]) -> tuple[Mapping[int, str], Cost]:
        """The names of the sessions with these ids, as far as they are known; raises TargetError."""
        wanted = set(ids)
        newest, now = max(wanted, default=0), self._clock.steady()
        if newest < self._newest:
            self._names, self._newest, self._due = {}, 0, 0.0
        if newest <= self._newest or now < self._due:
            return self._names, Cost()
        self._due = now + _EVERY_SECONDS
        answer = await self._questions.ask_or_note(server, "applications", Part.SESSIONS, budget, (int(not self._newest), self._newest))
        if isinstance(answer, Failure):
            return {}, Cost()
        self._newest = newest
        known = {**self._names, **{int(row["id"]): row["name"] or "" for row in answer.rows}}
        self._names = {number: known.get(number, "") for number in wanted}
        return self._names, answer.cost
