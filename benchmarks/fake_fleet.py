"""A fleet that needs no servers: collectors that answer with the timing and the size of real ones."""

from __future__ import annotations

import asyncio
import random

from aishell_core.catalogue import CATALOGUE, STATEMENT_CALLS, STATEMENT_TIME
from aishell_core.clock import Clock
from aishell_core.targets import Environment, Location, Target
from aishell_core.values import (
    Ability,
    Cost,
    Facts,
    Kind,
    Labels,
    Metric,
    PlanNode,
    Reading,
    Sample,
    Session,
    TargetId,
    Tier,
    Unit,
)
from collectors.contract import Collector, Demand

ENGINE = "postgres"
SAMPLES_PER_READING = 40
SESSIONS_PER_READING = 20
ANSWER_SECONDS = (0.005, 0.050)
_OWN = "aishell."
_STATES = ("active", "idle", "idle in transaction", "active")
_STATEMENTS = (
    "SELECT o.id, o.total, c.name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.status = $1 ORDER BY o.at DESC LIMIT 20",
    "UPDATE orders SET status = $1, changed_at = now() WHERE id = $2",
    "INSERT INTO events (at, kind, body) VALUES ($1, $2, $3)",
    "COMMIT",
)


def fake_targets(count: int) -> tuple[Target, ...]:
    """Targets by the names of db000, db001 and so on."""
    return tuple(
        Target(
            TargetId(f"db{number:03d}"),
            Location(ENGINE, host=f"db{number:03d}.example", port=5432, database="app"),
            environment=Environment.STAGING,
        )
        for number in range(count)
    )


class FakeFleet:
    """Opens the collectors of fake targets, and lets single ones hang."""

    def __init__(self, seed: int = 1) -> None:
        self.answers = 0
        self._hanging: dict[TargetId, asyncio.Event] = {}
        self._seed = seed

    def open(self, target: Target, clock: Clock) -> Collector:
        """What an entry point's factory does for a real engine."""
        return self.make(target, clock)

    def make(self, target: Target, clock: Clock) -> FakeCollector:
        """The same by its own type."""
        return FakeCollector(target, clock, self, random.Random(f"{self._seed} {target.name}"))

    def hang(self, name: TargetId) -> None:
        """Let a target answer nothing from now on."""
        self._hanging.setdefault(name, asyncio.Event())

    def release(self, name: TargetId) -> None:
        """Let a target answer again, also what it was asked meanwhile."""
        event = self._hanging.pop(name, None)
        if event is not None:
            event.set()

    async def answered(self, name: TargetId) -> None:
        """Return when the target is not hanging."""
        if name in self._hanging:
            await self._hanging[name].wait()
        self.answers += 1


class FakeCollector:
    """Answers after 5 to 50 ms with 40 samples and 20 sessions."""

    def __init__(self, target: Target, clock: Clock, fleet: FakeFleet, chance: random.Random) -> None:
        self._name = target.name
        self._clock = clock
        self._fleet = fleet
        self._chance = chance
        self._series = _series()
        self._values = [_first_value(metric, chance) for metric, _ in self._series]
        self._born = clock.now() - chance.uniform(3600, 864_000)
        self._facts = Facts(ENGINE, "16.4", "primary", self._born)

    @property
    def abilities(self) -> Ability:
        """What the fakes bring."""
        return Ability.SESSIONS

    async def collect(self, tier: Tier, demand: Demand) -> Reading:
        """One reading, late as a server's answer is; none at all while the target hangs."""
        seconds = self._chance.uniform(*ANSWER_SECONDS)
        await asyncio.sleep(seconds)
        await self._fleet.answered(self._name)
        return self.reading(tier, seconds)

    def reading(self, tier: Tier, seconds: float) -> Reading:
        """What a server that took so long has answered."""
        at = self._clock.now()
        if tier is not Tier.HOT:
            return Reading(self._name, tier, at, facts=self._facts, cost=Cost(2, seconds, 500))
        return Reading(self._name, tier, at, self._samples(), self._facts, self._sessions(at), cost=Cost(3, seconds, 4000))

    async def explain(self, sql: str, database: str = "") -> tuple[PlanNode, ...]:
        """The statement itself, as a plan of one step."""
        return (PlanNode(sql),)

    async def close(self) -> None:
        """Nothing is held."""

    def _samples(self) -> tuple[Sample, ...]:
        for index, (metric, _) in enumerate(self._series):
            self._values[index] = _next_value(metric, self._values[index], self._chance)
        return tuple(Sample(metric, value, labels) for (metric, labels), value in zip(self._series, self._values, strict=True))

    def _sessions(self, at: float) -> tuple[Session, ...]:
        return tuple(
            Session(
                id=str(4000 + number),
                user="shop",
                client=f"10.0.3.{number}",
                application="web",
                database="app",
                state=_STATES[(number + int(at)) % len(_STATES)],
                started_at=self._born + number,
                statement_seconds=0.01 * number,
                text=_STATEMENTS[number % len(_STATEMENTS)],
            )
            for number in range(SESSIONS_PER_READING)
        )


def _series() -> tuple[tuple[Metric, Labels], ...]:
    plain = [(metric, ()) for metric in CATALOGUE.values() if ENGINE in metric.engines and _has_no_label(metric)]
    digests = [(metric, (("digest", f"{number:06x}"),)) for number in range(40) for metric in (STATEMENT_CALLS, STATEMENT_TIME)]
    return tuple([*plain, *digests][:SAMPLES_PER_READING])


def _has_no_label(metric: Metric) -> bool:
    return "label" not in metric.help and not metric.name.startswith(_OWN)


def _first_value(metric: Metric, chance: random.Random) -> float:
    return 0.98 if metric.unit is Unit.RATIO else float(chance.randint(1, 1000))


def _next_value(metric: Metric, value: float, chance: random.Random) -> float:
    if metric.kind is Kind.COUNTER:
        return value + chance.randint(0, 500)
    if metric.unit is Unit.RATIO:
        return min(max(value + chance.uniform(-0.001, 0.001), 0.0), 1.0)
    return max(value + chance.randint(-3, 3), 0.0)
