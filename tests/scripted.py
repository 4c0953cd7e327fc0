"""A collector that says what a test tells it to: the seam between an engine and the rest, without an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from aishell_core.catalogue import CONNECTIONS_USED, LOCKS_WAITING, QUERIES_RATE, QUERY_DURATION, TRANSACTIONS_RATE
from aishell_core.clock import Clock
from aishell_core.errors import TargetError
from aishell_core.targets import Target
from aishell_core.values import (
    Ability,
    Cost,
    Facts,
    LockWait,
    PlanNode,
    Reading,
    Relation,
    Sample,
    Session,
    Statement,
    Tier,
)
from collectors.contract import Demand

STATEMENTS = (
    Statement("d1", "SELECT * FROM orders WHERE note LIKE ?", 40, 52_000, 4_100, 3_900, 400, 0),
    Statement("d2", "UPDATE orders SET status = ? WHERE id = ?", 9_000, 8_000, 90, 4, 9_000, 2),
    Statement("d3", "INSERT INTO [/] values ('[bold red]boo[/]', '\x1b[31m\x07')", 12, 30, 9, 8, 12, 0),
)
PLAN = (PlanNode("SCAN orders", costly=True, note="reads all of orders", children=(PlanNode("USE TEMP B-TREE FOR ORDER BY"),)),)
RELATIONS = (Relation("orders", "table", "orders", 4_194_304, 9000, 1024), Relation("orders_by_user", "index", "orders", 524_288))


@dataclass
class Script:
    """What the next readings say; a test changes it while the program runs."""

    hang: bool = False
    error: TargetError | None = None
    waiting: float = 0.0
    longest_milliseconds: float = 0.0
    started_at: float = 1_000.0
    statements: tuple[Statement, ...] = STATEMENTS
    sessions: tuple[Session, ...] | None = (Session("p41", "app", "local", "shop", state="active", text="SELECT 1", statement_seconds=1.5),)
    calls: int = 0
    closed: int = 0
    extra: tuple[Sample, ...] = field(default_factory=tuple)
    lock_waits: tuple[LockWait, ...] | None = None
    demanded: list[Demand] = field(default_factory=list)


class ScriptedCollector:
    """Plays a script."""

    def __init__(self, target: Target, clock: Clock, script: Script) -> None:
        self._target, self._clock, self._script = target, clock, script

    @property
    def abilities(self) -> Ability:
        found = Ability.SESSIONS | Ability.STATEMENTS | Ability.RELATIONS | Ability.EXPLAIN
        return found if self._script.lock_waits is None else found | Ability.LOCKS

    async def collect(self, tier: Tier, demand: Demand) -> Reading:
        script = self._script
        script.calls += 1
        if not script.demanded or script.demanded[-1] != demand:
            script.demanded.append(demand)
        if script.hang:
            await asyncio.Event().wait()
        if script.error is not None:
            raise script.error
        at = self._clock.now()
        reading = Reading(self._target.name, tier, at, cost=Cost(2, 0.001, 900), facts=Facts("sqlite", "3.45.0", "file", script.started_at))
        if tier is Tier.COLD:
            return replace(reading, relations=RELATIONS)
        if tier is Tier.WARM:
            return reading
        count = script.calls * 10.0
        samples = (
            Sample(CONNECTIONS_USED, 3),
            Sample(TRANSACTIONS_RATE, count),
            Sample(QUERIES_RATE, count * 3),
            Sample(QUERY_DURATION, script.longest_milliseconds),
            Sample(LOCKS_WAITING, script.waiting),
            *script.extra,
        )
        grown = tuple(
            replace(each, calls=each.calls + script.calls, total_milliseconds=each.total_milliseconds + script.calls * 5)
            for each in script.statements
        )
        return replace(
            reading, samples=samples, statements=grown, sessions=script.sessions, lock_waits=script.lock_waits, relations=RELATIONS
        )

    async def explain(self, sql: str, database: str = "") -> tuple[PlanNode, ...]:
        return PLAN

    async def close(self) -> None:
        self._script.closed += 1


def scripted(scripts: dict[str, Script]) -> Callable[[Target, Clock], ScriptedCollector]:
    """A collector factory that gives each target its script, and one of its own to any other (the host)."""

    def open_collector(target: Target, clock: Clock) -> ScriptedCollector:
        return ScriptedCollector(target, clock, scripts.setdefault(target.name, Script(extra=())))

    return open_collector
