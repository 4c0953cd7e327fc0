"""Limits that count only when they have been passed for some time, for every such figure and every cadence of its readings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aishell_core.catalogue import CATALOGUE, PG_SLOTS_INACTIVE
from aishell_core.series.keys import SeriesKey
from aishell_core.series.store import SeriesStore
from aishell_core.targets import Location, Target
from aishell_core.values import Metric, Reading, Sample, Severity, TargetId, Thresholds, Tier
from aishell_tui.assess import assess, judged_metrics, sustained
from aishell_tui.changes import view_events
from aishell_tui.frame import TargetView, absorb
from collectors.schedule import Schedule

NOW = 1_800_000_000.0
SHOP = Target(TargetId("shop"), Location("postgres", host="db"))
LASTING = [
    (engine, metric, limits)
    for metric in CATALOGUE.values()
    for engine in metric.engines
    if (limits := metric.limits_of(engine)).sustained_seconds
]
CADENCES = tuple((tier, Schedule().interval(tier)) for tier in Tier)
OWN_CADENCES = tuple((Tier.HOT, seconds) for seconds in (2.0, 5.0, 10.0, 30.0, 60.0, 120.0))
_JITTER = 0.3


def beyond(limits: Thresholds) -> float:
    """A value that is worse than every limit."""
    worst = limits.critical if limits.critical is not None else limits.warning
    assert worst is not None
    return worst * 0.5 if limits.falling else worst * 2 + 1


def within(limits: Thresholds) -> float:
    mildest = limits.warning if limits.warning is not None else limits.critical
    assert mildest is not None
    return mildest * 2 + 1 if limits.falling else mildest * 0.5


class Course:
    """A figure that is read again and again, with what is told of it between the readings."""

    def __init__(self, engine: str, metric: Metric, limits: Thresholds, tier: Tier, interval: float) -> None:
        self.limits = limits
        self._target = Target(TargetId("t"), Location(engine, host="db", path=Path("/srv/app.db")))
        self._metric, self._tier, self._interval = metric, tier, interval
        self._key = SeriesKey(metric)
        self._store = SeriesStore()
        self._view = TargetView(self._target, self._store.snapshot(self._target.name))

    def read(self, at: float, value: float) -> None:
        self._store.add(Reading(self._target.name, self._tier, NOW + at, (Sample(self._metric, value),)), self._interval)
        self._view = replace(self._view, snapshot=self._store.snapshot(self._target.name))

    def told(self, at: float) -> Severity:
        value = self._view.snapshot.value(self._key)
        assert value is not None
        return sustained(self._view, self._key, value, self.limits, NOW + at)


def check(rule: tuple[str, Metric, Thresholds], tier: Tier, interval: float, late: list[float], looks: list[float]) -> None:
    """Play a figure that stays beyond its limit, and say what is told wrongly; `late` and `looks` are shares of the interval."""
    engine, metric, limits = rule
    course = Course(engine, metric, limits, tier, interval)
    for number in range(-3, 0):
        course.read(number * interval, within(limits))
    readings = int(1.5 * limits.sustained_seconds / interval) + 4
    times = [(number + late[number % len(late)]) * interval for number in range(readings)]
    told_since = None
    for at, after in zip(times, [*times[1:], times[-1] + interval], strict=True):
        course.read(at, beyond(limits))
        for share in (0.0, *sorted(looks)):
            look = at + share * (after - at)
            if course.told(look) is Severity.OK:
                assert told_since is None, f"{metric.name} was told at {told_since}, and at {look} no more"
                continue
            told_since = look if told_since is None else told_since
            assert look >= 0.9 * limits.sustained_seconds or limits.sustained_seconds <= 10, f"{metric.name}: a short peak is none"
    assert told_since is not None, metric.name
    assert told_since <= limits.sustained_seconds + (1 + 2 * _JITTER) * interval, metric.name
    course.read(times[-1] + 2 * interval, within(limits))
    assert course.told(times[-1] + 2 * interval) is Severity.OK


@pytest.mark.parametrize(("tier", "interval"), [*CADENCES, *OWN_CADENCES])
def test_every_limit_that_takes_time_is_told_without_a_pause_at_every_cadence(tier: Tier, interval: float) -> None:
    for rule in LASTING:
        check(rule, tier, interval, [0.0, 0.1, 0.0, 0.25], [0.3, 0.7])


@settings(max_examples=60)
@given(
    rule=st.sampled_from(LASTING),
    interval=st.floats(1.0, 700.0),
    tier=st.sampled_from(list(Tier)),
    late=st.lists(st.floats(0.0, _JITTER), min_size=8, max_size=8),
    looks=st.lists(st.floats(0.0, 0.99), min_size=1, max_size=3),
)
def test_what_stays_beyond_its_limit_is_told_in_time_and_without_a_pause(
    rule: tuple[str, Metric, Thresholds], interval: float, tier: Tier, late: list[float], looks: list[float]
) -> None:
    check(rule, tier, interval, late, looks)


def test_readings_that_are_missed_break_nothing_off() -> None:
    course = Course("postgres", PG_SLOTS_INACTIVE, PG_SLOTS_INACTIVE.thresholds, Tier.WARM, 15.0)
    for at in (0.0, 15.0, 30.0, 45.0, 60.0):
        course.read(at, 2)
    assert course.told(60.0) is Severity.WARNING
    course.read(115.0, 2)
    assert course.told(115.0) is Severity.WARNING


def test_what_nobody_saw_for_longer_than_the_span_is_measured_anew() -> None:
    course = Course("postgres", PG_SLOTS_INACTIVE, PG_SLOTS_INACTIVE.thresholds, Tier.WARM, 15.0)
    for at in (0.0, 15.0, 30.0, 45.0, 60.0):
        course.read(at, 2)
    course.read(300.0, 2)
    assert course.told(300.0) is Severity.OK
    for at in (315.0, 330.0, 345.0, 360.0):
        course.read(at, 2)
    assert course.told(360.0) is Severity.WARNING


def test_slots_that_nobody_uses_make_one_event_and_not_one_each_quarter_of_a_minute() -> None:
    """A dashboard's course: counters each second, slots each fifteen."""
    store, judged = SeriesStore(), judged_metrics("postgres", {})
    view = TargetView(SHOP, store.snapshot(SHOP.name))
    told: list[str] = []
    for second in range(300):
        for tier, seconds in ((Tier.HOT, 1.0), (Tier.WARM, 15.0)):
            if second % seconds == 0:
                samples = (Sample(PG_SLOTS_INACTIVE, 2),) if tier is Tier.WARM else ()
                reading = Reading(SHOP.name, tier, NOW + second, samples)
                store.add(reading, seconds)
                view = absorb(view, reading, store.snapshot(SHOP.name), seconds)
        before, view = view, replace(view, assessment=assess(view, NOW + second + 0.5, judged))
        told += [event.text for event in view_events(before, view, NOW + second)]
    assert [text for text in told if "unknown" not in text] == ["replication slots that nobody uses and that keep log: 2, limit 1"]
