"""Whatever a target does and in whatever order, the poller keeps its promises."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from aishell_core.errors import TargetError
from aishell_core.targets import Location, Target
from aishell_core.values import Ability, FailureCode, PlanNode, Reading, TargetId, Tier
from collectors.contract import NOTHING, Demand
from collectors.poller import Poller, Schedule
from tests.fake_clock import FakeClock, settle

SCHEDULE = Schedule(
    hot_seconds=1,
    warm_seconds=7,
    cold_seconds=30,
    deadline_seconds=2,
    warm_deadline_seconds=3,
    cold_deadline_seconds=4,
    backoff_cap_seconds=8,
)
LONGEST_RECOVERY_SECONDS = SCHEDULE.deadline_seconds + SCHEDULE.backoff_cap_seconds + SCHEDULE.hot_seconds


@dataclass(frozen=True, slots=True)
class Weather:
    """How a target behaves for a while: it takes so long, then fails or not; a deaf one does not heed a cancellation."""

    lasts_seconds: float
    takes_seconds: float
    error: Exception | None
    deaf: bool
    poked: bool


WEATHER = st.builds(
    Weather,
    st.floats(0.1, 25),
    st.sampled_from([0.0, 0.3, 1.5, 2.5, 12.0]),
    st.sampled_from([None, None, TargetError(FailureCode.REFUSED, "refused"), ValueError("odd row")]),
    st.booleans(),
    st.booleans(),
)
FAIR = Weather(0.0, 0.0, None, False, False)


class Sky:
    """A collector under changing weather that notes what must never happen."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.weather = FAIR
        self.inside: set[Tier] = set()
        self.doubled = False
        self.closed = 0

    @property
    def abilities(self) -> Ability:
        return Ability.NONE

    async def collect(self, tier: Tier, demand: Demand) -> Reading:
        self.doubled = self.doubled or tier in self.inside
        self.inside.add(tier)
        weather = self.weather
        try:
            await self._take(weather)
        finally:
            self.inside.discard(tier)
        if weather.error is not None:
            raise weather.error
        return Reading(TargetId("db"), tier, self.clock.now())

    async def _take(self, weather: Weather) -> None:
        end = self.clock.steady() + weather.takes_seconds
        while (left := end - self.clock.steady()) > 0:
            try:
                await self.clock.sleep(left)
            except asyncio.CancelledError:
                if not weather.deaf:
                    raise

    async def explain(self, sql: str, database: str = "") -> tuple[PlanNode, ...]:
        return ()

    async def close(self) -> None:
        self.closed += 1


async def storm(weathers: list[Weather], jitter: float) -> None:
    clock = FakeClock()
    sky, published = Sky(clock), list[tuple[Reading, float]]()
    poller = Poller(
        Target(TargetId("db"), Location("host")),
        lambda: sky,
        lambda reading, _: published.append((reading, clock.steady())),
        schedule=SCHEDULE,
        clock=clock,
        demand=lambda: NOTHING,
        jitter=lambda: jitter,
    )
    before = asyncio.all_tasks()
    task = asyncio.create_task(poller.run())
    for weather in weathers:
        sky.weather = weather
        if weather.poked:
            poller.poke()
        await clock.advance(weather.lasts_seconds)
    sky.weather = FAIR
    await clock.advance(12.0)
    await clock.advance(LONGEST_RECOVERY_SECONDS)
    published.clear()
    await clock.advance(60)
    check_fair(sky, poller, published)
    task.cancel()
    await asyncio.wait([task])
    await settle()
    assert asyncio.all_tasks() == before
    assert sky.closed == 1


def check_fair(sky: Sky, poller: Poller, published: list[tuple[Reading, float]]) -> None:
    hot = [at for reading, at in published if reading.tier is Tier.HOT]
    assert not sky.doubled
    assert poller.status.failure is None
    assert not any(reading.failures for reading, _ in published)
    assert len(hot) in {60, 61}
    assert all(abs(later - earlier - 1) < 1e-6 for earlier, later in pairwise(hot))
    assert sum(reading.tier is Tier.WARM for reading, _ in published) in {8, 9}
    assert sum(reading.tier is Tier.COLD for reading, _ in published) in {2, 3}


@given(st.lists(WEATHER, max_size=8), st.sampled_from([0.0, 0.37, 1.0]))
@settings(max_examples=60)
def test_after_any_storm_the_cadence_is_exact_again_and_nothing_is_left(weathers: list[Weather], jitter: float) -> None:
    asyncio.run(storm(weathers, jitter))
