"""Reading what decides how a server is read, at most once in a while however many ask."""

from __future__ import annotations

from dataclasses import dataclass, field

from aishell_core.clock import Clock
from aishell_core.engines.mysql import ServerFacts
from aishell_core.values import Cost, Failure, FailureCode
from collectors.budget import Budget
from collectors.mysql.galera_rows import Status, status_of
from collectors.mysql.slow_questions import SlowQuestions
from collectors.mysql.warm_rows import ServerState, state_of

KEPT_SECONDS = 60.0
"""For how long what was read may stand for what is so now, where it is asked for every other second."""


@dataclass(frozen=True, slots=True)
class StateLook:
    """The state with the variables it was made of, and what reading it brought besides."""

    state: ServerState
    variables: Status
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)


class StateReader:
    """Reads the state; one reader serves all tiers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: StateLook | None = None
        self._until = 0.0

    async def read(self, questions: SlowQuestions, server: ServerFacts, budget: Budget, *, anew: bool = False) -> StateLook:
        """The state, read `anew` or as it was a short while ago; raises TargetError."""
        known = self._known
        if known is not None and not anew and self._clock.steady() < self._until:
            return StateLook(known.state, known.variables)
        rights = await questions.ask(server, "rights", "rights", budget)
        found = await questions.ask(server, "upkeep", "upkeep", budget)
        variables = status_of(found.rows) if found.rows is not None else None
        # Only that the privilege is missing is expected here, and every part that needs it says so itself.
        failures = (*(each for each in rights.failures if each.code is not FailureCode.PRIVILEGE), *found.failures)
        # Whether it was refused is known only where the server has answered.
        refused = any(each.code is FailureCode.PRIVILEGE for each in rights.failures)
        look = StateLook(state_of(variables, sees_all=not refused), variables or {}, failures, rights.cost + found.cost)
        if not failures:
            self._known, self._until = look, self._clock.steady() + KEPT_SECONDS
        return look
