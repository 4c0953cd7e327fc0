"""When alerts are evaluated: on the readings that bring a breach, once a second, and by the clock where nothing is read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.values import TargetId
from alerts.models import Alert, Evidence, Phase
from alerts.pace import INTERVAL_SECONDS, LATE_SECONDS, Pace
from alerts.ports import AlertsView
from tests.alert_service import Station, usage, usage_rule
from tests.fake_clock import FakeClock, settle

_PATIENCE_SECONDS = 60.0
_SOON_SECONDS = 0.1
"""Readings that come together, and an evaluation of them, take less than this."""
_STEP_SECONDS = 0.05
_HANDS = 4
"""So often an evaluation hands work to the thread of the disk, at most."""


def evaluations(readings: list[tuple[float, str]], until: float, took: float = 0.0) -> list[float]:
    """When is evaluated, from 0 on, with these readings, each a moment and a target, in order of time."""
    pace, found, waiting = Pace(0.0), [], list(readings)
    while pace.due <= until:
        if waiting and waiting[0][0] <= pace.due:
            at, target = waiting.pop(0)
            pace.heard(TargetId(target), at)
        else:
            begun = pace.due
            found.append(begun)
            pace.began(begun)
            while waiting and waiting[0][0] <= begun + took:
                at, target = waiting.pop(0)
                pace.heard(TargetId(target), at)
            pace.ended(begun + took)
    return found


def lags(readings: list[tuple[float, str]], begun: list[float], target: str, after: float = 5.0) -> list[float]:
    """How long each reading of a target waited for its evaluation, after the first seconds."""
    own = [at for at, name in readings if name == target and at >= after]
    return [min(moment for moment in begun if moment >= at) - at for at in own if at <= begun[-1]]


def each_second(target: str, phase: float, seconds: int) -> list[tuple[float, str]]:
    return [(second + phase, target) for second in range(seconds)]


@pytest.mark.parametrize("phase", [0.0, 0.2, 0.5, 0.77, 0.99])
def test_a_target_is_judged_right_after_its_reading(phase: float) -> None:
    readings = each_second("orders", phase, 60)
    assert max(lags(readings, evaluations(readings, 59.0), "orders")) < _SOON_SECONDS


def test_of_targets_that_are_read_close_together_all_are_judged_after_the_last() -> None:
    readings = sorted([*each_second("host", 0.1, 60), *each_second("orders", 0.12, 60), *each_second("pay", 0.45, 60)])
    begun = evaluations(readings, 59.0)
    assert max(lags(readings, begun, "pay")) < _SOON_SECONDS
    assert max(lags(readings, begun, "host")) < 0.35 + _SOON_SECONDS


def test_without_readings_the_clock_decides() -> None:
    assert evaluations([], 5.5) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_when_readings_end_evaluations_go_on() -> None:
    begun = evaluations(each_second("orders", 0.4, 20), 60.0)
    assert all(later - at <= INTERVAL_SECONDS + LATE_SECONDS for at, later in pairwise(begun))
    late = [at for at in begun if at > 30.0]
    assert {round(later - at, 6) for at, later in pairwise(late)} == {INTERVAL_SECONDS}


def test_a_target_that_is_read_twice_a_second_is_not_judged_more_often_for_that() -> None:
    begun = evaluations([(number / 2, "orders") for number in range(200)], 99.0)
    assert 95 <= len(begun) <= 101


@pytest.mark.parametrize(("took", "apart"), [(0.4, 1.0), (0.8, 1.6), (3.0, 4.0)])
def test_evaluations_that_take_long_leave_time_for_others(took: float, apart: float) -> None:
    begun = evaluations(each_second("orders", 0.3, 60), 59.0, took)
    assert min(later - at for at, later in pairwise(begun)) >= min(apart, 0.75) - 1e-6
    assert len(begun) <= 59.0 / apart + 3


@given(
    st.lists(st.tuples(st.floats(0, 30), st.sampled_from(["orders", "pay", "host"])), max_size=200),
    st.floats(0, 0.999),
)
def test_whatever_is_read_there_is_one_evaluation_a_second_on_average_and_none_is_missing(
    others: list[tuple[float, str]], phase: float
) -> None:
    readings = sorted([*others, *each_second("shop", phase, 30)])
    begun = evaluations(readings, 60.0)
    assert all(later - at <= INTERVAL_SECONDS + LATE_SECONDS + 1e-6 for at, later in pairwise(begun))
    for place, at in enumerate(begun):
        assert len(begun) - place <= (begun[-1] - at) / INTERVAL_SECONDS + 2.0


async def until(condition: Callable[[], object]) -> None:
    """Wait for the thread of the disk, while the clock in hand stands still."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.005)


@asynccontextmanager
async def running(station: Station) -> AsyncIterator[AlertsView]:
    """The service at its own pace, by the clock in hand, once it has evaluated."""
    task = asyncio.create_task(station.service.run())
    try:
        while not station.service.view().evaluation.is_alive:
            await pass_by(station, 0.25)
        yield station.service.view()
    finally:
        task.cancel()
        await asyncio.wait([task])


async def pass_by(station: Station, seconds: float) -> None:
    """Let time pass in small steps, and let the thread of the disk end in each what was begun: it takes no time by the clock in hand."""
    for _ in range(round(seconds / _STEP_SECONDS)):
        await station.clock.advance(_STEP_SECONDS)
        for _ in range(_HANDS):
            await station.service.history(0.0, 0.0)
            await settle()


async def in_step(station: Station) -> None:
    """Bring calm readings, one a second, until they are followed: one was judged within its own moment."""
    for _ in range(100):
        await second(station, 0.5)
        if station.service.view().at >= station.clock.now() - _SOON_SECONDS:
            return
    raise AssertionError("no reading is followed")


async def second(station: Station, value: float) -> None:
    """A second passes, and a reading comes near its end; then the clock stands still."""
    await pass_by(station, 1.0 - _SOON_SECONDS)
    station.service.observe(usage(value, station.clock.now()), 1.0)
    await pass_by(station, _SOON_SECONDS)


def phases(station: Station) -> list[Phase]:
    return [alert.phase for alert in station.service.view().alerts]


async def test_a_breach_is_judged_and_told_on_the_reading_that_brought_it(tmp_path: Path) -> None:
    clock = FakeClock()
    station = Station(tmp_path, usage_rule(), clock=clock)
    async with running(station):
        await in_step(station)
        assert station.inbox.messages == []
        await second(station, 0.95)
        # The clock stands still: nothing but the reading can have brought the evaluation, and that the message.
        await until(lambda: phases(station) == [Phase.FIRING])
        await until(lambda: station.told == ["firing warning"])


async def test_a_target_that_falls_silent_is_judged_still(tmp_path: Path) -> None:
    clock = FakeClock()
    station = Station(tmp_path, usage_rule("gone", "absent(pool.usage, 5s)"), clock=clock)
    async with running(station):
        station.service.observe(usage(0.5, clock.now()), 1.0)
        for _ in range(8):
            before = station.service.view().at
            await pass_by(station, INTERVAL_SECONDS + LATE_SECONDS)
            assert station.service.view().at > before
        await until(lambda: phases(station) == [Phase.FIRING])


async def test_a_message_that_waits_for_its_causes_is_told_when_they_are_there(tmp_path: Path) -> None:
    clock = FakeClock()
    begun: list[Evidence] = []

    def saw(alert: Alert) -> Evidence:
        begun.append(Evidence(alert.fingerprint, alert.evidence_at or 0.0, is_whole=False))
        return begun[-1]

    station = Station(tmp_path, usage_rule(), clock=clock, evidence=saw)
    async with running(station):
        await in_step(station)
        await second(station, 0.95)
        await until(lambda: phases(station) == [Phase.FIRING])
        at = station.service.view().at
        await pass_by(station, _SOON_SECONDS)
        whole = Evidence(begun[0].fingerprint, begun[0].at, causes=("40 sessions idle in transaction",))
        await station.service.keep_evidence([whole])
        await until(lambda: station.told == ["firing warning"])
        assert station.service.view().at == at, "there was no other evaluation"
        assert "40 sessions idle in transaction" in station.inbox.messages[0].body


async def test_a_message_whose_causes_do_not_come_is_told_after_a_second_and_not_at_an_evaluation(tmp_path: Path) -> None:
    clock = FakeClock()

    def saw(alert: Alert) -> Evidence:
        return Evidence(alert.fingerprint, alert.evidence_at or 0.0, is_whole=False)

    station = Station(tmp_path, usage_rule(), clock=clock, evidence=saw)
    async with running(station):
        await in_step(station)
        await second(station, 0.95)
        await until(lambda: phases(station) == [Phase.FIRING])
        at = station.service.view().at
        # The next reading is late, and with it the evaluation.
        await pass_by(station, INTERVAL_SECONDS + LATE_SECONDS / 4)
        await until(lambda: station.told == ["firing warning"])
        assert station.service.view().at == at, "there was no other evaluation"
