"""Reading what the shared pool has counted of its statements, beside the readings of the moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aishell_core.clock import Clock
from aishell_core.errors import TargetError
from aishell_core.values import Cost, Failure, Part, Statement
from collectors.beside import Beside
from collectors.budget import Budget
from collectors.oracle.questions import Questions
from collectors.oracle.statements_rows import statement_of

_EVERY_SECONDS = 4.8
"""How often the shared pool is walked at most; a walk that takes long comes more seldom (`collectors.beside`)."""


@dataclass(frozen=True, slots=True)
class StatementsLook:
    """The statements of one moment, None where they cannot be read; a reading that has not `ended` yet brings none."""

    statements: tuple[Statement, ...] | None
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)
    ended: bool = True


class StatementsReader:
    """Reads v$sqlstats on the slow connection, its texts only when one is not known yet."""

    def __init__(self, questions: Questions, clock: Clock, containers: Callable[[], Mapping[int, str]]) -> None:
        self._questions = questions
        self._clock = clock
        self._containers = containers
        self._texts: dict[str, str] = {}
        self._beside = Beside(clock, self._read, "statements", _EVERY_SECONDS)
        self._failures: tuple[Failure, ...] = ()
        self.counts = True

    async def _read(self, budget: Budget) -> StatementsLook:
        server = await self._questions.facts(budget)
        found = await self._questions.ask(server, "statements", Part.STATEMENTS, budget, {"texts": int(not self._texts)}, seconds=4.0)
        cost = found.cost
        strange = found.rows is not None and any(row["sql_id"] not in self._texts and row["sql_text"] is None for row in found.rows)
        if strange:
            found = await self._questions.ask(server, "statements", Part.STATEMENTS, budget, {"texts": 1}, seconds=4.0)
            cost += found.cost
        self.counts = found.rows is not None
        if found.rows is None:
            return StatementsLook(None, found.failures, cost)
        texts = {str(row["sql_id"]): str(row["sql_text"] or "") or self._texts.get(str(row["sql_id"]), "") for row in found.rows}
        self._texts = texts
        containers = self._containers()
        return StatementsLook(tuple(statement_of(row, texts[str(row["sql_id"])], containers) for row in found.rows), (), cost)

    def begin(self) -> None:
        """Start a reading if one is due and none is under way."""
        self._beside.begin()

    async def take(self, seconds_left: float) -> StatementsLook:
        """What has ended since the last call, waited for a moment."""
        try:
            look = await self._beside.take(seconds_left)
        except TargetError as error:
            self._failures = (error.failure(Part.STATEMENTS, self._clock.now()),)
            return StatementsLook(None, self._failures, Cost(1), ended=False)
        if look is None:
            return StatementsLook(None, self._failures, ended=False)
        self._failures = look.failures
        return look

    def leave(self) -> None:
        """Nobody waits for statements any more."""
        self._beside.leave()

    def close(self) -> None:
        """Give up what is under way."""
        self._beside.close()
