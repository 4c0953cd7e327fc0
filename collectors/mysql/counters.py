"""Reading what a server counts, and the last deadlock when one was added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aishell_core.engines.mysql import Row, ServerFacts
from aishell_core.values import Cost, Failure, Sample
from collectors.budget import Budget
from collectors.mysql.counters_rows import Counters, counter_samples, counters_of, deadlocks
from collectors.mysql.deadlock import Deadlock, last_deadlock
from collectors.mysql.hot_questions import HotQuestions

COUNTERS = "counters"


@dataclass(frozen=True, slots=True)
class CountersLook:
    """The counters of one moment; `metrics` and `totals` are empty where the server has none or does not tell."""

    counters: Counters
    metrics: Mapping[str, float] = field(default_factory=dict)
    totals: Row | None = None
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)

    @property
    def row_locks(self) -> bool:
        """Whether somebody waits for a row lock now."""
        return self.counters.get("Innodb_row_lock_current_waits", 0.0) > 0

    @property
    def deadlocks(self) -> float | None:
        """Deadlocks since the server's start."""
        return deadlocks(self.counters, self.metrics, self.totals)


class CountersReader:
    """Reads counters, and remembers those of the look before."""

    def __init__(self, questions: HotQuestions) -> None:
        self._questions = questions
        self._before: tuple[float | None, CountersLook] | None = None
        self._deadlock: Deadlock | None = None
        self._deadlocks = 0.0

    async def read(self, server: ServerFacts, budget: Budget) -> CountersLook:
        """The counters; raises TargetError."""
        answer = await self._questions.ask(server, COUNTERS, budget)
        cost, failures = answer.cost, []
        metrics: Mapping[str, float] = {}
        if not server.mariadb:
            found = await self._questions.ask_or_note(server, "metrics", COUNTERS, budget)
            if isinstance(found, Failure):
                failures.append(found)
            else:
                metrics = {row["name"]: float(row["value"]) for row in found.rows}
                cost += found.cost
        totals: Row | None = None
        if server.performance_schema:
            found = await self._questions.ask_or_note(server, "totals", COUNTERS, budget)
            if isinstance(found, Failure):
                failures.append(found)
            else:
                totals, cost = found.rows[0], cost + found.cost
        return CountersLook(counters_of(answer.rows), metrics, totals, tuple(failures), cost)

    def samples(self, look: CountersLook, server: ServerFacts) -> tuple[Sample, ...]:
        """The samples of a look, with ratios over the time since the look before."""
        before, self._before = self._before, (server.started_at, look)
        old = before[1] if before is not None and before[0] == server.started_at else None
        return counter_samples(
            look.counters,
            old.counters if old is not None else None,
            metrics=look.metrics,
            totals=look.totals,
            totals_before=old.totals if old is not None else None,
            limit=server.max_connections,
        )

    async def deadlock(self, server: ServerFacts, look: CountersLook, budget: Budget) -> tuple[Deadlock | None, Cost]:
        """The last deadlock, for which the server is asked only when its counter has changed; None without one."""
        count = look.deadlocks or 0.0
        if count == self._deadlocks:
            return self._deadlock, Cost()
        self._deadlocks = count
        if not count:
            self._deadlock = None
            return None, Cost()
        answer = await self._questions.ask_or_note(server, "deadlock", "deadlock", budget)
        if isinstance(answer, Failure):
            return None, Cost()
        text = str(answer.rows[0].get("Status", "")) if answer.rows else ""
        self._deadlock = last_deadlock(text)
        return self._deadlock, answer.cost
