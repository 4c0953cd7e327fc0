"""The screen of pools, driven by keys, over a scripted pooler."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from textual.pilot import Pilot

from aishell_core.catalogue import CONNECTIONS_USED
from aishell_core.clock import Clock, SystemClock
from aishell_core.errors import TargetError
from aishell_core.targets import Location, Target
from aishell_core.values import Ability, Facts, Failure, FailureCode, Part, PlanNode, Pool, Reading, Sample, Severity, TargetId, Tier
from aishell_tui.app import AishellApp
from aishell_tui.options import DashboardOptions
from aishell_tui.runtime import Runtime
from collectors.contract import Demand
from collectors.schedule import Schedule
from tests.app.test_screens import table, text_of, until

IDLE = Pool("calm", "app", "session", 4, 0, 1, 2, max_wait_seconds=0.0)
BUSY = Pool(
    "shop", "[red]web[/]", "transaction", 9, 3, 5, 0, 1, 12.5, (("server", "10.0.0.5:5432/shop"), ("pool size", "5"), ("reserve", "2"))
)
HELD = Pool("old\x1b[31m", "app", "transaction", 1, 0, 0, 0, details=(("state", "paused"),))
STUCK = Failure("pools shop/web", FailureCode.REFUSED, "shop/web gets no server connection: 3 clients wait", "see whether the server runs")


@dataclass
class Pooler:
    """What the next readings say."""

    abilities: Ability = Ability.SESSIONS | Ability.POOLS | Ability.SETTINGS
    pools: tuple[Pool, ...] = (IDLE, BUSY, HELD)
    failures: tuple[Failure, ...] = ()
    error: TargetError | None = None
    asked_last: bool = False


class ScriptedPooler:
    """Plays it."""

    def __init__(self, target: Target, clock: Clock, script: Pooler) -> None:
        self._target, self._clock, self._script = target, clock, script

    @property
    def abilities(self) -> Ability:
        return self._script.abilities

    async def collect(self, tier: Tier, demand: Demand) -> Reading:
        if self._script.error is not None:
            raise self._script.error
        facts, samples = Facts("pgbouncer", "1.25.0", "pooler"), (Sample(CONNECTIONS_USED, 3),)
        reading = Reading(self._target.name, tier, self._clock.now(), facts=facts)
        if tier is not Tier.HOT:
            return reading
        wanted = Part.POOLS in demand
        self._script.asked_last = wanted
        return replace(reading, samples=samples, pools=self._script.pools if wanted else None, failures=self._script.failures)

    async def explain(self, sql: str, database: str = "") -> tuple[PlanNode, ...]:
        return ()

    async def close(self) -> None:
        return


@asynccontextmanager
async def health(script: Pooler, size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[AishellApp, Pilot[int]]]:
    """The application on the Health screen of one pooler."""
    targets = (Target(TargetId("pooler"), Location("pgbouncer", "db1", 6432, "pgbouncer", "stats")),)
    runtime = Runtime(
        targets,
        clock=SystemClock(),
        open_collector=lambda target, clock: ScriptedPooler(target, clock, script),
        schedule=Schedule(hot_seconds=0.2, warm_seconds=1, deadline_seconds=0.3),
        thresholds={},
        state_folder=None,
        jitter=lambda: 0.0,
    )
    app = AishellApp(runtime, DashboardOptions(targets=targets))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: bool(app.frame.targets) and bool(app.frame.targets[0].last_ok_at or app.frame.targets[0].failures))
        yield app, pilot


async def test_the_pools_are_shown_the_longest_queue_first_and_read_only_while_they_are() -> None:
    script = Pooler()
    async with health(script) as (app, pilot):
        assert not script.asked_last
        await pilot.press("o")
        await until(pilot, lambda: len(table(app).shown_ids) == 3)
        assert table(app).shown_ids == ("shop/[red]web[/]", "old\x1b[31m/app", "calm/app")
        shown = text_of(app)
        assert "3 pools, 17 clients, 3 waiting, 9 server connections" in shown
        assert "[red]web[/]" in shown
        assert "\x1b" not in shown
        assert "12.5s" in shown
        assert "paused" in shown
        await pilot.press("escape")
        await until(pilot, lambda: not script.asked_last)


async def test_a_selected_pool_tells_its_details_and_loses_them_with_the_selection() -> None:
    async with health(Pooler(), (160, 45)) as (app, pilot):
        await pilot.press("o")
        await until(pilot, lambda: len(table(app).shown_ids) == 3)
        assert "pool size" not in text_of(app)
        await pilot.press("j")
        await until(pilot, lambda: "pool size" in text_of(app))
        assert "10.0.0.5:5432/shop" in text_of(app)
        await pilot.press("escape")
        await until(pilot, lambda: "pool size" not in text_of(app))


async def test_pools_are_filtered_and_sorted() -> None:
    async with health(Pooler()) as (app, pilot):
        await pilot.press("o")
        await until(pilot, lambda: len(table(app).shown_ids) == 3)
        await pilot.press("slash", *"calm", "enter")
        await until(pilot, lambda: table(app).shown_ids == ("calm/app",))
        await pilot.press("escape", "s")
        await until(pilot, lambda: table(app).shown_ids[0] == "calm/app")


async def test_what_keeps_clients_waiting_is_told_here_and_on_health() -> None:
    async with health(Pooler(failures=(STUCK,))) as (app, pilot):
        await until(pilot, lambda: app.frame.targets[0].assessment.severity is Severity.CRITICAL)
        await until(pilot, lambda: "gets no server connection" in text_of(app))
        assert "o ▸" in text_of(app)
        await pilot.press("o")
        await until(pilot, lambda: "see whether the server runs" in text_of(app))


async def test_an_empty_pooler_and_one_that_cannot_be_read_say_so() -> None:
    script = Pooler(pools=())
    async with health(script) as (app, pilot):
        await pilot.press("o")
        await until(pilot, lambda: "no client has asked for a database yet" in text_of(app))
    refused = TargetError(FailureCode.PRIVILEGE, "watcher may not use the console of pgbouncer", "stats_users = watcher")
    async with health(Pooler(error=refused)) as (app, pilot):
        await pilot.press("o")
        await until(pilot, lambda: "stats_users = watcher" in text_of(app))


async def test_a_target_without_pools_says_that_it_has_none() -> None:
    async with health(Pooler(abilities=Ability.SESSIONS)) as (app, pilot):
        await pilot.press("o")
        await until(pilot, lambda: "pooler has no pools: it is no connection pooler" in text_of(app))
        assert len(app.screen_stack) == 1
