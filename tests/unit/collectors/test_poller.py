"""How the poller keeps its cadence, whatever a target does."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from aishell_core.catalogue import CONNECTIONS_USED
from aishell_core.clock import Clock, SystemClock
from aishell_core.errors import TargetError
from aishell_core.targets import Location, Target
from aishell_core.values import Ability, Cost, Failure, FailureCode, Part, PlanNode, Reading, ReplicationPeer, Sample, TargetId, Tier
from collectors.contract import EVERYTHING, Collector, Demand
from collectors.poller import Poller, PollStatus, Schedule
from collectors.sqlite.collector import open_sqlite
from tests.fake_clock import FakeClock, settle
from tests.servers.sqlite import make_database, target_of
from tests.servers.sqlite_client import client

EPOCH = 1_800_000_000.0
SCHEDULE = Schedule(hot_seconds=1, warm_seconds=10, cold_seconds=60, deadline_seconds=2, backoff_cap_seconds=8)


class ScriptedCollector:
    """Answers at once, unless the test has put something else into `script` for a tier."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.script: dict[Tier, Callable[[], asyncio.Future[None] | Exception | float]] = {}
        self.asked: list[tuple[Tier, float]] = []
        self.demands: list[Demand] = []
        self.part_failure: dict[Tier, FailureCode] = {}
        self.links: tuple[ReplicationPeer, ...] | None = None
        self.stubborn = False
        self.forgot = 0
        self.closed = 0

    def forget_refusals(self) -> None:
        self.forgot += 1

    @property
    def abilities(self) -> Ability:
        return Ability.NONE

    async def collect(self, tier: Tier, demand: Demand) -> Reading:
        self.asked.append((tier, self.clock.now() - EPOCH))
        self.demands.append(demand)
        act = self.script[tier]() if tier in self.script else None
        if isinstance(act, Exception):
            raise act
        if isinstance(act, float):
            await self.clock.sleep(act)
        elif act is not None:
            await self._hang(act)
        code = self.part_failure.get(tier)
        failures = (Failure("schema", code, "it is in the way"),) if code is not None else ()
        samples, links = (Sample(CONNECTIONS_USED, 1.0),), self.links if tier is Tier.HOT else None
        return Reading(TargetId("db"), tier, self.clock.now(), samples, failures=failures, cost=Cost(2, 0.25, 100), replication=links)

    async def _hang(self, until: asyncio.Future[None]) -> None:
        while not until.done():
            try:
                await asyncio.shield(until)
            except asyncio.CancelledError:
                if not self.stubborn:
                    raise
        until.result()

    async def explain(self, sql: str, database: str = "") -> tuple[PlanNode, ...]:
        return ()

    async def close(self) -> None:
        self.closed += 1

    def times(self, tier: Tier) -> list[float]:
        return [at for asked, at in self.asked if asked is tier]


class Watch:
    """A poller under test with everything that it published."""

    def __init__(
        self,
        clock: Clock,
        name: str = "db",
        schedule: Schedule = SCHEDULE,
        jitter: float = 0.0,
        opening: Callable[[], Collector] | None = None,
        demand: Demand = frozenset(),
    ) -> None:
        self.clock = clock
        self.demand = demand
        self.collector = ScriptedCollector(clock)
        self.published: list[tuple[Reading, float]] = []
        self.news = asyncio.Event()
        self.poller = Poller(
            Target(TargetId(name), Location("host")),
            opening or (lambda: self.collector),
            self._publish,
            schedule=schedule,
            clock=clock,
            demand=lambda: self.demand,
            jitter=lambda: jitter,
        )

    def _publish(self, reading: Reading, interval_seconds: float) -> None:
        self.published.append((reading, interval_seconds))
        self.news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for news until the condition holds; for tests with the machine's own clock."""
        while not condition():
            self.news.clear()
            await self.news.wait()

    def readings(self, tier: Tier = Tier.HOT) -> list[Reading]:
        return [reading for reading, _ in self.published if reading.tier is tier]

    def has(self, count: int) -> bool:
        return len(self.readings()) >= count

    def good_times(self, tier: Tier = Tier.HOT) -> list[float]:
        return [reading.at - EPOCH for reading in self.readings(tier) if not reading.failures]

    def failures(self, tier: Tier = Tier.HOT) -> list[Failure]:
        return [failure for reading in self.readings(tier) for failure in reading.failures]

    @property
    def status(self) -> PollStatus:
        return self.poller.status


@asynccontextmanager
async def running(*watches: Watch) -> AsyncIterator[None]:
    """The pollers at work; afterwards none of their tasks may be left, and asyncio must have nothing to complain of."""
    before, complaints = asyncio.all_tasks(), list[str]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(str(context["message"])))
    tasks = [asyncio.create_task(watch.poller.run()) for watch in watches]
    try:
        await settle()
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await settle()
        assert asyncio.all_tasks() == before
        assert all(task.cancelled() for task in tasks)
        gc.collect()
        assert complaints == [], "asyncio complains of lost tasks and of exceptions that nobody looked at"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(EPOCH)


async def test_the_first_hot_success_brings_the_other_tiers_and_each_keeps_its_own_cadence(clock: FakeClock) -> None:
    watch = Watch(clock)
    async with running(watch):
        await clock.advance(30)
    assert watch.collector.times(Tier.HOT) == [float(second) for second in range(31)]
    assert watch.collector.times(Tier.WARM) == [0.0, 10.0, 20.0, 30.0]
    assert watch.collector.times(Tier.COLD) == [0.0]
    assert watch.collector.closed == 1


async def test_the_time_that_readings_take_does_not_move_the_cadence(clock: FakeClock) -> None:
    watch = Watch(clock)
    watch.collector.script[Tier.HOT] = lambda: 0.3
    async with running(watch):
        await clock.advance(5)
    assert watch.collector.times(Tier.HOT) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


async def test_a_reading_that_takes_longer_than_the_cadence_skips_what_it_missed(clock: FakeClock) -> None:
    watch = Watch(clock)
    watch.collector.script[Tier.HOT] = lambda: 1.4
    async with running(watch):
        await clock.advance(6)
    assert watch.collector.times(Tier.HOT) == [0.0, 2.0, 4.0, 6.0]


async def test_a_slow_warm_reading_does_not_delay_the_hot_ones(clock: FakeClock) -> None:
    watch = Watch(clock)
    watch.collector.script[Tier.WARM] = lambda: 4.5
    async with running(watch):
        await clock.advance(6)
    assert watch.good_times() == [float(second) for second in range(7)]
    assert watch.good_times(Tier.WARM) == [4.5]


async def test_the_start_is_spread_and_the_grid_lies_at_the_targets_own_phase(clock: FakeClock) -> None:
    watch = Watch(clock, schedule=Schedule(hot_seconds=5), jitter=0.6)
    async with running(watch):
        await clock.advance(20)
    assert watch.collector.times(Tier.HOT) == pytest.approx([0.6, 3.0, 8.0, 13.0, 18.0])


async def test_what_is_published_carries_the_cadence_and_the_demand_goes_to_the_collector(clock: FakeClock) -> None:
    watch = Watch(clock, demand=frozenset({Part.SESSIONS}))
    async with running(watch):
        await clock.advance(0)
    assert [(reading.tier, interval) for reading, interval in watch.published] == [(Tier.HOT, 1), (Tier.WARM, 10), (Tier.COLD, 60)]
    assert watch.collector.demands == [frozenset({Part.SESSIONS})] * 3


async def test_each_reading_says_what_reading_costs(clock: FakeClock) -> None:
    watch = Watch(clock)
    watch.collector.script[Tier.HOT] = lambda: 0.25
    async with running(watch):
        await clock.advance(1.25)
    first, second = ({(s.metric.name, s.labels): s.value for s in reading.samples} for reading in watch.readings())
    assert first[("aishell.poll.duration", (("tier", "hot"),))] == pytest.approx(250)
    assert first[("aishell.poll.queries.rate", ())] == 2
    assert second[("aishell.poll.queries.rate", ())] == 8, "the warm and the cold reading in between cost something too"
    assert second[("aishell.poll.time.rate", ())] == pytest.approx(1000)
    assert second[("aishell.poll.bytes.rate", ())] == 400
    assert second[("aishell.poll.failures.rate", ())] == 0
    (warm,) = watch.readings(Tier.WARM)
    assert [sample.labels for sample in warm.samples][1:] == [(("tier", "warm"),)]


async def test_that_a_target_is_up_is_told_by_each_answer_and_by_nothing_else(clock: FakeClock) -> None:
    watch = Watch(clock)
    async with running(watch):
        await clock.advance(1.25)
        watch.collector.script[Tier.HOT] = lambda: TargetError(FailureCode.REFUSED, "refused", "start it")
        await clock.advance(5)

    def told(tier: Tier) -> list[tuple[bool, list[float]]]:
        readings = [reading for reading, _ in watch.published if reading.tier is tier]
        return [(bool(reading.failures), [s.value for s in reading.samples if s.metric.name == "up"]) for reading in readings]

    assert told(Tier.HOT)[:3] == [(False, [1.0]), (False, [1.0]), (True, [])]
    assert [up for failed, up in told(Tier.HOT) if failed or up != [1.0]] == [[]] * (len(told(Tier.HOT)) - 2)
    assert [up for _, up in (*told(Tier.WARM), *told(Tier.COLD))] == [[], []]


async def test_tries_of_a_failing_target_back_off_to_the_cap_while_the_other_tiers_pause(clock: FakeClock) -> None:
    watch = Watch(clock)
    watch.collector.script[Tier.HOT] = lambda: TargetError(FailureCode.AUTHENTICATION, "wrong password", "give it")
    async with running(watch):
        await clock.advance(31)
        assert watch.collector.times(Tier.HOT) == [0.0, 1.0, 3.0, 7.0, 15.0, 23.0, 31.0]
        assert watch.collector.times(Tier.WARM) == []
        assert watch.status == PollStatus(
            last_attempt_at=EPOCH + 31,
            failure=Failure("target", FailureCode.AUTHENTICATION, "wrong password", "give it", EPOCH + 31),
            failures_in_row=7,
            next_try_at=EPOCH + 39,
        )
        del watch.collector.script[Tier.HOT]
        await clock.advance(10)
    assert watch.good_times() == [39.0, 40.0, 41.0]
    assert watch.collector.times(Tier.WARM) == watch.collector.times(Tier.COLD) == [39.0]
    assert (watch.status.failure, watch.status.failures_in_row, watch.status.last_ok_at) == (None, 0, EPOCH + 41)
    failures = {s.value for s in watch.readings()[-1].samples if s.metric.name == "aishell.poll.failures.rate"}
    assert failures == {7.0}


@pytest.mark.parametrize("code", [FailureCode.TIMEOUT, FailureCode.REFUSED])
async def test_a_target_that_may_come_back_by_itself_is_seen_soon_and_tried_more_seldom_the_longer_it_is_away(
    clock: FakeClock, code: FailureCode
) -> None:
    watch = Watch(clock, schedule=Schedule())
    watch.collector.script[Tier.HOT] = lambda: TargetError(code, "it is away")
    async with running(watch):
        await clock.advance(3600)
        tries = watch.collector.times(Tier.HOT)
        soon = [then - before for before, then in pairwise(tries) if then < 40]
        late = [then - before for before, then in pairwise(tries) if before > 1300]
        assert max(soon) == 2.0
        assert set(late) == {60.0}
        assert len(tries) < 160


async def test_a_target_that_fails_later_pauses_the_other_tiers_until_it_is_back(clock: FakeClock) -> None:
    watch = Watch(clock)
    async with running(watch):
        await clock.advance(5.5)
        watch.collector.script[Tier.HOT] = lambda: TargetError(FailureCode.REFUSED, "gone")
        await clock.advance(10)
        assert watch.collector.times(Tier.WARM) == [0.0]
        del watch.collector.script[Tier.HOT]
        watch.poller.poke()
        await clock.advance(0)
    assert watch.collector.times(Tier.HOT)[-1] == 15.5
    assert watch.collector.times(Tier.WARM) == [0.0, 15.5]
    assert watch.collector.times(Tier.COLD) == [0.0, 15.5]


async def test_a_failing_warm_tier_keeps_its_cadence_and_is_not_the_whole_target(clock: FakeClock) -> None:
    watch = Watch(clock)
    watch.collector.script[Tier.WARM] = lambda: TargetError(FailureCode.PRIVILEGE, "may not read statements")
    async with running(watch):
        await clock.advance(20)
    assert [failure.part for failure in watch.failures(Tier.WARM)] == ["warm"] * 3
    assert watch.failures() == []
    assert watch.status.failure is None


async def test_a_fault_of_the_collector_is_a_failure_and_not_the_end(clock: FakeClock) -> None:
    watch = Watch(clock)
    watch.collector.script[Tier.HOT] = lambda: KeyError("n_live_tup")
    async with running(watch):
        await clock.advance(0)
        (failure,) = watch.failures()
        assert (failure.part, failure.code) == ("target", FailureCode.INTERNAL)
        assert "KeyError" in failure.message
        assert "n_live_tup" in failure.message
        assert "Traceback" not in failure.message
        del watch.collector.script[Tier.HOT]
        await clock.advance(1)
    assert watch.good_times() == [1.0]


async def test_a_collector_that_cancels_itself_is_a_failure_and_not_the_end(clock: FakeClock) -> None:
    watch = Watch(clock)

    def cancelled() -> asyncio.Future[None]:
        asyncio.get_running_loop().call_soon(watch_call_cancel)
        return asyncio.get_running_loop().create_future()

    def watch_call_cancel() -> None:
        for task in asyncio.all_tasks():
            if task.get_name() == "collect hot db":
                task.cancel()

    watch.collector.script[Tier.HOT] = cancelled
    async with running(watch):
        await clock.advance(0)
        assert [failure.code for failure in watch.failures()] == [FailureCode.INTERNAL]
        del watch.collector.script[Tier.HOT]
        await clock.advance(1)
    assert watch.good_times() == [1.0]


async def test_opening_is_tried_again_like_any_reading(clock: FakeClock) -> None:
    tries: list[float] = []

    def open_late() -> Collector:
        tries.append(clock.now() - EPOCH)
        if len(tries) < 3:
            raise TargetError(FailureCode.MISSING, "no such file")
        return watch.collector

    watch = Watch(clock, opening=open_late)
    async with running(watch):
        await clock.advance(4)
    assert tries == [0.0, 1.0, 3.0]
    assert watch.good_times() == [3.0, 4.0]


async def test_a_target_that_was_never_opened_has_nothing_to_close(clock: FakeClock) -> None:
    def open_never() -> Collector:
        raise ImportError("no driver")

    watch = Watch(clock, opening=open_never)
    async with running(watch):
        await clock.advance(1)
    assert [failure.message for failure in watch.failures()] == ["ImportError: no driver"] * 2
    assert watch.collector.closed == 0


async def test_one_of_ten_hangs_for_thirty_seconds_and_the_others_notice_nothing(clock: FakeClock) -> None:
    healthy = [Watch(clock, f"db{number}") for number in range(9)]
    hanging = Watch(clock)
    async with running(hanging, *healthy):
        await clock.advance(2.5)
        until: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        hanging.collector.script[Tier.HOT] = lambda: until
        await clock.advance(30)
        assert all(watch.good_times() == [float(second) for second in range(33)] for watch in healthy)
        assert hanging.good_times() == [0.0, 1.0, 2.0]
        assert {failure.code for failure in hanging.failures()} == {FailureCode.TIMEOUT}
        assert hanging.failures()[0].message == "no answer within 2s"
        assert hanging.collector.times(Tier.HOT)[3:7] == [3.0, 6.0, 10.0, 14.0]
        until.set_result(None)
        await clock.advance(12)
        assert hanging.status.failure is None
    assert hanging.good_times() == [0.0, 1.0, 2.0, *(float(second) for second in range(34, 45))]


async def test_a_call_that_cannot_be_cancelled_is_left_behind_and_never_doubled(clock: FakeClock) -> None:
    watch = Watch(clock)
    watch.collector.stubborn = True
    until: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    async with running(watch):
        await clock.advance(0.5)
        watch.collector.script[Tier.HOT] = lambda: until
        await clock.advance(20)
        assert watch.collector.times(Tier.HOT) == [0.0, 1.0], "no second call while the first one runs"
        assert watch.failures()[-1].message == "no answer within 2s; the call that began 19s ago has not ended yet"
        assert watch.status.running_since == EPOCH + 1
        assert watch.status.abandoned == 1
        del watch.collector.script[Tier.HOT]
        until.set_result(None)
        await clock.advance(0)
        assert watch.good_times() == [0.0, 20.5], "it is read again as soon as the old call has ended"
        await clock.advance(1.5)
    assert watch.good_times() == [0.0, 20.5, 21.0, 22.0]


async def test_a_call_that_fails_long_after_it_was_given_up_is_nobodys_concern(clock: FakeClock) -> None:
    watch = Watch(clock)
    watch.collector.stubborn = True
    until: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    watch.collector.script[Tier.HOT] = lambda: until
    async with running(watch):
        await clock.advance(2.5)
        del watch.collector.script[Tier.HOT]
        until.set_exception(OSError("connection reset"))
        await clock.advance(1)
    assert watch.good_times() == [3.0]
    assert [failure.code for failure in watch.failures()] == [FailureCode.TIMEOUT]


async def test_a_warm_reading_that_ends_while_the_target_fails_is_not_followed_by_another(clock: FakeClock) -> None:
    watch = Watch(clock, schedule=Schedule(warm_seconds=1.6))
    watch.collector.script[Tier.WARM] = lambda: 1.5
    async with running(watch):
        await clock.advance(0.5)
        watch.collector.script[Tier.HOT] = lambda: TargetError(FailureCode.REFUSED, "gone")
        await clock.advance(20)
    assert watch.good_times(Tier.WARM) == [1.5]
    assert watch.collector.times(Tier.WARM) == [0.0]


async def test_the_status_tells_a_reading_under_way_from_the_next_one(clock: FakeClock) -> None:
    watch = Watch(clock)
    watch.collector.script[Tier.HOT] = lambda: 0.4
    async with running(watch):
        await clock.advance(0.2)
        assert (watch.status.running_since, watch.status.next_try_at) == (EPOCH, None)
        await clock.advance(0.4)
        assert (watch.status.running_since, watch.status.next_try_at) == (None, EPOCH + 1)


async def test_a_stuck_warm_call_leaves_the_hot_tier_alone(clock: FakeClock) -> None:
    watch = Watch(clock)
    watch.collector.stubborn = True
    until: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    watch.collector.script[Tier.WARM] = lambda: until
    async with running(watch):
        await clock.advance(25)
        assert watch.good_times() == [float(second) for second in range(26)]
        assert watch.collector.times(Tier.WARM) == [0.0]
        assert [failure.code for failure in watch.failures(Tier.WARM)] == [FailureCode.TIMEOUT] * 3
        until.set_result(None)


async def test_cancelling_during_a_hang_ends_promptly_and_closes(clock: FakeClock) -> None:
    watch = Watch(clock)
    watch.collector.script[Tier.HOT] = lambda: asyncio.get_running_loop().create_future()
    async with asyncio.timeout(60), running(watch):
        await clock.advance(1)
    assert watch.collector.closed == 1


async def test_a_close_that_fails_or_hangs_does_not_hold_up_the_end(clock: FakeClock) -> None:
    class BadClose(ScriptedCollector):
        async def close(self) -> None:
            raise OSError("already gone")

    class NoClose(ScriptedCollector):
        async def close(self) -> None:
            await asyncio.get_running_loop().create_future()

    watches = [Watch(clock, opening=lambda: BadClose(clock)), Watch(clock, opening=lambda: NoClose(clock))]
    async with asyncio.timeout(60), running(*watches):
        await clock.advance(1)
    assert [len(watch.readings()) for watch in watches] == [2, 2]


async def test_a_jump_of_the_wall_clock_changes_nothing_about_the_cadence(clock: FakeClock) -> None:
    watch = Watch(clock)
    async with running(watch):
        await clock.advance(2)
        clock.jump(-86_400)
        await clock.advance(2)
        clock.jump(172_800)
        await clock.advance(2)
        assert len(watch.readings()) == 7
        assert watch.status.next_try_at == clock.now() + 1


async def test_a_refresh_by_hand_reads_all_tiers_now_and_keeps_the_grid(clock: FakeClock) -> None:
    watch = Watch(clock, schedule=Schedule(hot_seconds=4, warm_seconds=20))
    async with running(watch):
        await clock.advance(5)
        watch.poller.poke()
        await clock.advance(10)
    assert watch.collector.times(Tier.HOT) == [0.0, 4.0, 5.0, 8.0, 12.0]
    assert watch.collector.times(Tier.WARM) == watch.collector.times(Tier.COLD) == [0.0, 5.0]


async def test_only_the_tiers_are_read_that_bring_what_is_wanted(clock: FakeClock) -> None:
    """The slow ones cost a server much, and sessions that are wanted for a moment do not come with them."""
    watch = Watch(clock, schedule=Schedule(hot_seconds=4, warm_seconds=20))
    async with running(watch):
        await clock.advance(5)
        watch.demand = frozenset({Part.SESSIONS})
        watch.poller.poke(watch.demand)
        await clock.advance(1)
        watch.demand = frozenset({Part.SETTINGS})
        watch.poller.poke(watch.demand)
        await clock.advance(1)
    assert watch.collector.times(Tier.HOT) == [0.0, 4.0, 5.0]
    assert watch.collector.times(Tier.WARM) == [0.0, 6.0]
    assert watch.collector.times(Tier.COLD) == [0.0]


async def test_the_warm_tier_follows_a_closer_look_that_finds_a_link_in_another_state(clock: FakeClock) -> None:
    """It has the figures by which a target is judged, and these must not contradict the pane for a quarter of a minute."""
    watch = Watch(clock, schedule=Schedule(hot_seconds=1, warm_seconds=15))
    async with running(watch):
        await clock.advance(3)
        watch.collector.links = (ReplicationPeer("db1", "upstream", "running", lag_seconds=1.0),)
        await clock.advance(2)
        watch.collector.links = (ReplicationPeer("db1", "upstream", "running", lag_seconds=9.0),)
        await clock.advance(2)
        for state in ("broken", "running", "broken"):
            watch.collector.links = (ReplicationPeer("db1", "upstream", state),)
            await clock.advance(1)
        watch.collector.links = None
        await clock.advance(4)
    assert watch.collector.times(Tier.WARM) == [0.0, 4.0, 8.0, 10.0]


async def test_the_slower_tiers_follow_one_that_is_refused_more_or_less_than_before(clock: FakeClock) -> None:
    """What they told may not be seen any more, and must not stand for minutes as if it could be."""
    watch = Watch(clock, schedule=Schedule(hot_seconds=1, warm_seconds=15, cold_seconds=600))
    async with running(watch):
        await clock.advance(4)
        watch.collector.part_failure[Tier.HOT] = FailureCode.PRIVILEGE
        await clock.advance(3)
        assert watch.collector.times(Tier.WARM) == watch.collector.times(Tier.COLD) == [0.0, 5.0]
        assert watch.collector.forgot == 1
        del watch.collector.part_failure[Tier.HOT]
        await clock.advance(3)
        assert watch.collector.times(Tier.WARM) == watch.collector.times(Tier.COLD) == [0.0, 5.0, 8.0]
        watch.collector.part_failure[Tier.HOT] = FailureCode.PRIVILEGE
        watch.demand = frozenset({Part.STATEMENTS})
        await clock.advance(2)
        assert watch.collector.times(Tier.COLD) == [0.0, 5.0, 8.0], "what is newly asked for may be newly refused"
        await clock.advance(4)
        watch.collector.part_failure[Tier.WARM] = FailureCode.PRIVILEGE
        await clock.advance(15)
    assert watch.collector.times(Tier.WARM) == [0.0, 5.0, 8.0, 15.0, 30.0]
    assert watch.collector.times(Tier.COLD) == [0.0, 5.0, 8.0, 30.0]


async def test_reading_everything_asks_again_for_what_was_refused(clock: FakeClock) -> None:
    watch = Watch(clock)
    async with running(watch):
        await clock.advance(1)
        watch.poller.poke(frozenset({Part.SESSIONS}))
        await clock.advance(1)
        assert watch.collector.forgot == 0
        watch.poller.poke()
        await clock.advance(1)
    assert watch.collector.forgot == 1


async def test_what_is_wanted_of_a_target_that_fails_comes_with_its_first_good_reading(clock: FakeClock) -> None:
    watch = Watch(clock)
    watch.collector.script[Tier.HOT] = lambda: TargetError(FailureCode.REFUSED, "gone")
    async with running(watch):
        await clock.advance(3)
        watch.poller.poke(frozenset({Part.SETTINGS}))
        await clock.advance(1)
        assert watch.collector.times(Tier.WARM) == []
        del watch.collector.script[Tier.HOT]
        watch.poller.poke(frozenset({Part.SESSIONS}))
        await clock.advance(0)
    assert watch.collector.times(Tier.WARM) == [4.0]


async def test_a_refresh_by_hand_does_not_double_a_reading_under_way(clock: FakeClock) -> None:
    watch = Watch(clock)
    watch.collector.script[Tier.HOT] = lambda: 0.5
    async with running(watch):
        await clock.advance(0.2)
        watch.poller.poke()
        await clock.advance(0.7)
    assert watch.collector.times(Tier.HOT) == [0.0]


async def test_a_part_that_is_wanted_during_a_reading_comes_right_after_it(clock: FakeClock) -> None:
    """Else a pane that is opened while a cold reading runs would stay empty for ten minutes."""
    watch = Watch(clock)
    watch.collector.script[Tier.COLD] = lambda: 3.0
    async with running(watch):
        await clock.advance(0.5)
        watch.demand = frozenset({Part.RELATIONS})
        watch.poller.poke()
        watch.poller.poke()
        await clock.advance(30)
    assert watch.collector.times(Tier.COLD) == [0.0, 3.0]
    cold = [demand for (tier, _), demand in zip(watch.collector.asked, watch.collector.demands, strict=True) if tier is Tier.COLD]
    assert cold == [frozenset(), frozenset({Part.RELATIONS})]


async def test_a_part_that_is_wanted_without_a_refresh_comes_with_the_next_reading(clock: FakeClock) -> None:
    watch = Watch(clock)
    watch.collector.script[Tier.WARM] = lambda: 3.0
    async with running(watch):
        await clock.advance(0.5)
        watch.demand = frozenset({Part.STATEMENTS})
        await clock.advance(10)
    assert watch.collector.times(Tier.WARM) == [0.0, 10.0]


async def test_another_cadence_holds_at_once(clock: FakeClock) -> None:
    watch = Watch(clock, schedule=Schedule(hot_seconds=60))
    async with running(watch):
        await clock.advance(1)
        watch.poller.reschedule(Schedule(hot_seconds=2))
        await clock.advance(5)
    assert watch.collector.times(Tier.HOT) == [0.0, 2.0, 4.0, 6.0]
    assert watch.published[-1][1] == 2


async def test_another_cadence_does_not_cut_a_back_off_short(clock: FakeClock) -> None:
    watch = Watch(clock)
    watch.collector.script[Tier.HOT] = lambda: TargetError(FailureCode.AUTHENTICATION, "no")
    async with running(watch):
        await clock.advance(3.5)
        watch.poller.reschedule(Schedule(hot_seconds=0.5))
        await clock.advance(3)
        assert watch.collector.times(Tier.HOT) == [0.0, 1.0, 3.0]


async def test_a_blocked_thread_delays_no_other_target_and_ends_with_the_test() -> None:
    """The same with the machine's own clock: a driver call that blocks in a thread and cannot be interrupted."""
    clock = SystemClock()
    release, threads = threading.Event(), threading.active_count()

    class BlockedCollector(ScriptedCollector):
        async def collect(self, tier: Tier, demand: Demand) -> Reading:
            await asyncio.to_thread(release.wait, 30)
            return await super().collect(tier, demand)

    schedule = Schedule(hot_seconds=0.02, warm_seconds=5, cold_seconds=5, deadline_seconds=0.05)
    blocked = Watch(clock, schedule=schedule, opening=lambda: BlockedCollector(clock))
    healthy = [Watch(clock, f"db{number}", schedule) for number in range(9)]
    async with asyncio.timeout(60), running(blocked, *healthy):
        await blocked.until(lambda: bool(blocked.failures()))
        for watch in healthy:
            await watch.until(partial(watch.has, len(watch.readings()) + 5))
        assert blocked.failures()[0].code is FailureCode.TIMEOUT
        assert not any(watch.failures() for watch in healthy)
        release.set()
        await blocked.until(lambda: bool(blocked.good_times()))
    await asyncio.get_running_loop().shutdown_default_executor()
    assert threading.active_count() == threads


async def test_a_failure_that_may_pass_is_soon_looked_at_again_and_the_cadence_comes_back_with_the_end_of_it(clock: FakeClock) -> None:
    watch = Watch(clock)
    watch.collector.part_failure[Tier.COLD] = FailureCode.LOCKED
    async with running(watch):
        await clock.advance(12)
        watch.collector.part_failure.clear()
        await clock.advance(110)
    assert watch.collector.times(Tier.COLD) == [0.0, 5.0, 10.0, 15.0, 60.0, 120.0]
    assert watch.collector.times(Tier.WARM)[:3] == [0.0, 10.0, 20.0]


async def test_a_failure_that_stays_by_itself_does_not_hurry_its_tier(clock: FakeClock) -> None:
    watch = Watch(clock)
    watch.collector.part_failure[Tier.COLD] = FailureCode.UNSUPPORTED
    async with running(watch):
        await clock.advance(59)
    assert watch.collector.times(Tier.COLD) == [0.0]


async def test_a_part_that_fails_in_the_hot_tier_does_not_change_its_cadence(clock: FakeClock) -> None:
    watch = Watch(clock, schedule=Schedule(hot_seconds=10))
    watch.collector.part_failure[Tier.HOT] = FailureCode.LOCKED
    async with running(watch):
        await clock.advance(30)
    assert watch.collector.times(Tier.HOT) == [0.0, 10.0, 20.0, 30.0]


async def test_a_slow_tier_that_timed_out_is_tried_again_with_a_rest_of_four_times_as_long(clock: FakeClock) -> None:
    watch = Watch(clock, schedule=Schedule(cold_seconds=600, cold_deadline_seconds=20))
    watch.collector.script[Tier.COLD] = lambda: 25.0
    async with running(watch):
        await clock.advance(150)
    assert watch.collector.times(Tier.COLD) == [0.0, 100.0]


async def test_a_locker_that_was_killed_and_the_next_one_are_told_in_every_tier(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", "delete")
    target, clock, published = target_of(path), SystemClock(), list[Reading]()
    schedule = Schedule(hot_seconds=0.2, warm_seconds=500, cold_seconds=600, retry_seconds=0.2)
    poller = Poller(
        target,
        lambda: open_sqlite(target, clock),
        lambda reading, _: published.append(reading),
        schedule=schedule,
        demand=lambda: EVERYTHING,
    )

    async def until_all_tell(words: str) -> None:
        async with asyncio.timeout(60):
            while True:
                newest = {reading.tier: reading for reading in published}
                told = {tier: next((f.message for f in reading.failures if f.part == "schema"), "") for tier, reading in newest.items()}
                if len(told) == len(Tier) and all((words in message) if words else not message for message in told.values()):
                    return
                await asyncio.sleep(0.02)

    task = asyncio.create_task(poller.run())
    try:
        with client(path) as first:
            first.run("PRAGMA cache_size = 2")
            first.run("BEGIN EXCLUSIVE")
            first.run("UPDATE orders SET status = 'changed'")
            await until_all_tell(f"by pid {first.pid}")
            first.kill()
            await until_all_tell("a writer died in the middle")
        with client(path) as second:
            second.run("BEGIN EXCLUSIVE")
            await until_all_tell(f"by pid {second.pid}")
            second.run("COMMIT")
            await until_all_tell("")
    finally:
        task.cancel()
        await asyncio.wait((task,))
