"""Rules over kept history: how often they would have fired, what was really there, and the threshold that halves it."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.catalogue import CATALOGUE
from aishell_core.series.keys import SeriesKey
from aishell_core.series.rollup import RollupBatch, RollupRow
from aishell_core.state.database import StateDatabase
from aishell_core.values import NO_LABELS, Labels, TargetId, Tier
from alerts.backtest import Backtest, RuleOutcome, backtest
from alerts.halving import Peaks, judged_by, rounded_to, stricter
from alerts.models import InstanceKey, Level, Traits
from alerts.playback import Playback
from alerts.rule import Rule, Selector
from tests.board_values import rule_of, traits_of

ORDERS = TargetId("orders")
HOUR, DAY = 3600.0, 86_400.0
NOW = 1_800_000_000.0 - 1_800_000_000.0 % HOUR
Figure = Callable[[float], float]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[StateDatabase]:
    with closing(StateDatabase.open(tmp_path / "state", now=lambda: NOW)) as opened:
        yield opened


def keep(
    database: StateDatabase,
    name: str,
    figure: Figure,
    begin: float,
    end: float,
    step: float = 300.0,
    target: TargetId = ORDERS,
    labels: Labels = NO_LABELS,
) -> None:
    """Windows of a figure, given by the hours before now; NaN is none."""
    count = round((end - begin) * HOUR / step)
    moments = [NOW + begin * HOUR + number * step for number in range(count)]
    rows = tuple(RollupRow(at, array("f", [figure((at - NOW) / HOUR)] * 4)) for at in moments)
    database.write_rollups([RollupBatch(target, Tier.HOT, step, (SeriesKey(CATALOGUE[name], labels),), rows)])


def run(database: StateDatabase, *rules: Rule, days: float = 4.0, targets: tuple[Traits, ...] = (traits_of(),)) -> Backtest:
    return backtest(rules, targets, database.history, NOW - days * DAY, NOW)


def only(found: Backtest) -> RuleOutcome:
    (outcome,) = found.outcomes
    return outcome


def bumps(hour: float) -> float:
    """In each sixth hour for half an hour higher by 2 %: 82 %, 84 % and so on up to 96 %."""
    number, inside = divmod(hour + 48.0, 6.0)
    return 0.82 + 0.02 * number if inside < 0.5 else 0.5


def test_it_says_how_often_for_how_long_and_where(database: StateDatabase) -> None:
    keep(database, "pool.usage", bumps, -48, 0)
    outcome = only(run(database, rule_of("pool.usage > 95%", "pool.usage > 80%", for_seconds=300.0)))
    (tally,) = outcome.tallies
    assert (tally.key, tally.fired, tally.worst) == (InstanceKey(ORDERS), 8, Level.CRITICAL)
    assert outcome.firing_seconds == pytest.approx(8 * 1500.0, abs=8 * 120.0)
    assert outcome.flips == 16
    assert tally.last_fired_at == pytest.approx(NOW - 6 * HOUR + 300.0, abs=120.0)
    assert outcome.has_figures


def test_the_threshold_that_halves_it_was_tried_itself(database: StateDatabase) -> None:
    keep(database, "pool.usage", bumps, -48, 0)
    rule = rule_of("pool.usage > 95%", "pool.usage > 80%")
    outcome = only(run(database, rule))
    assert outcome.judged is not None
    assert outcome.judged.threshold == 0.8
    assert outcome.halved is not None
    assert 0.86 < outcome.halved.threshold < 0.97
    assert outcome.halved.fired <= outcome.fired // 2
    again = rule_of("pool.usage > 97%", f"pool.usage > {outcome.halved.threshold}")
    assert only(run(database, again)).fired == outcome.halved.fired


def test_a_figure_that_must_not_be_low_is_halved_downwards(database: StateDatabase) -> None:
    keep(database, "cache.hit_ratio", lambda hour: 1.3 - bumps(hour) if bumps(hour) > 0.5 else 0.99, -48, 0)
    outcome = only(run(database, rule_of("cache.hit_ratio < 50%")))
    assert outcome.fired == 8
    assert outcome.halved is not None
    assert outcome.halved.threshold < 0.46


def test_a_rule_that_fires_once_is_told_where_it_would_not_have_and_one_without_a_plain_threshold_is_not(database: StateDatabase) -> None:
    keep(database, "pool.usage", bumps, -48, 0)
    once, several = rule_of("pool.usage > 95%", name="once"), rule_of("pool.usage > 80% and pool.usage < 99%", name="both")
    first, second = run(database, once, several).outcomes
    assert (first.fired, second.fired, second.halved) == (1, 8, None)
    assert first.halved is not None
    assert first.halved.fired == 0
    assert 0.95 < first.halved.threshold <= 0.97


def test_a_counter_is_its_mean_rate_and_does_not_jump_where_nobody_watched(database: StateDatabase) -> None:
    keep(database, "deadlocks.rate", lambda hour: 2.0 if -20 <= hour < -19 else 0.0, -30, -10)
    keep(database, "deadlocks.rate", lambda _hour: 0.0, -4, 0)
    found = run(database, rule_of("rate(deadlocks, 5m) > 1"))
    assert only(found).fired == 1
    assert only(found).firing_seconds == pytest.approx(HOUR, abs=700.0)
    assert found.covered.watched_seconds == pytest.approx(24 * HOUR, abs=300.0)


def test_a_time_in_which_nobody_watched_neither_fires_nor_ends_anything(database: StateDatabase) -> None:
    keep(database, "pool.usage", lambda _hour: 0.9, -30, -29.95)
    keep(database, "pool.usage", lambda _hour: 0.9, -20, -19.9)
    assert only(run(database, rule_of("pool.usage > 80%", for_seconds=1800.0))).fired == 0
    long = only(run(database, rule_of("pool.usage > 80%")))
    assert (long.fired, long.flips) == (1, 1)
    assert long.firing_seconds < 1500.0


def test_a_target_that_is_away_while_others_are_read_is_absent(database: StateDatabase) -> None:
    keep(database, "pool.usage", lambda hour: math.nan if -20 <= hour < -18 else 0.5, -30, 0)
    keep(database, "host.cpu.usage", lambda _hour: 0.1, -30, 0, target=TargetId("this host"))
    outcome = only(run(database, rule_of("absent(pool.usage, 10m)"), targets=(traits_of(), traits_of("this host", "host"))))
    assert (outcome.fired, [tally.key.target for tally in outcome.tallies]) == (1, [ORDERS])
    assert any("absent" in note for note in outcome.notes)


def test_what_was_really_there_is_said_with_its_resolution(database: StateDatabase) -> None:
    keep(database, "pool.usage", bumps, -60, -30)
    keep(database, "pool.usage", bumps, -5, 0, step=10.0)
    found = run(database, rule_of("pool.usage > 80%"), days=14.0).covered
    assert found.since == pytest.approx(NOW - 60 * HOUR, abs=120.0)
    assert found.until == pytest.approx(NOW, abs=60.0)
    assert found.watched_seconds == pytest.approx(35 * HOUR, abs=400.0)
    assert found.fine_seconds == pytest.approx(5 * HOUR, abs=100.0)


def test_without_history_nothing_is_made_up(database: StateDatabase) -> None:
    found = run(database, rule_of("pool.usage > 80%"))
    assert (found.covered.since, only(found).fired, only(found).has_figures) == (None, 0, False)


def test_a_rule_for_a_role_that_is_not_kept_is_not_tried_and_says_so(database: StateDatabase) -> None:
    """It would fire on primaries, which it is not for."""
    keep(database, "pool.usage", bumps, -48, 0)
    rule = rule_of("pool.usage > 80%", targets=Selector(roles=("replica",)))
    outcome = only(run(database, rule))
    assert (outcome.fired, outcome.is_tried) == (0, False)
    assert "it is for the role replica; which role a target had is not kept, so it was not tried" in outcome.notes
    asked = only(backtest([rule], [traits_of()], database.history, NOW - 4 * DAY, NOW, any_role=True))
    assert (asked.fired, asked.is_tried) == (8, True)
    assert any(note.endswith("tried on targets of any") for note in asked.notes)
    known = only(run(database, rule, targets=(traits_of(role="replica"),)))
    assert (known.fired, [note for note in known.notes if "role" in note]) == (8, [])
    assert only(run(database, rule_of("pool.usage > 80%", targets=Selector(engines=("mysql",))))).fired == 0


def test_each_instance_is_counted_apart(database: StateDatabase) -> None:
    for mount, figure in (("/a", bumps), ("/b", lambda _hour: 0.5)):
        keep(database, "host.disk.usage", figure, -48, 0, labels=(("mount", mount),))
    outcome = only(run(database, rule_of("disk.usage > 80%"), targets=(traits_of(engine="host"),)))
    assert [(tally.key.labels, tally.fired) for tally in outcome.tallies] == [((("mount", "/a"),), 8)]


def test_progress_rises_to_the_end(database: StateDatabase) -> None:
    keep(database, "pool.usage", bumps, -48, 0)
    shares: list[float] = []
    backtest([rule_of("pool.usage > 80%")], [traits_of()], database.history, NOW - 2 * DAY, NOW, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_only_some_hours_are_read_at_a_time(database: StateDatabase) -> None:
    keep(database, "pool.usage", bumps, -48, 0)
    spans: list[float] = []

    def source(target: TargetId, since: float, until: float) -> object:
        spans.append(until - since)
        return database.history(target, since, until)

    list(Playback(source, [ORDERS], {"pool.usage"}, NOW - 30 * DAY, NOW).moments())  # type: ignore[arg-type]
    assert max(spans) <= 7 * HOUR


@given(st.floats(1e-6, 1e12), st.booleans())
def test_a_rounded_threshold_has_three_digits_and_is_never_milder(value: float, is_up: bool) -> None:
    found = rounded_to(value, is_up=is_up)
    assert found == pytest.approx(value, rel=0.011)
    assert found >= value * (1 - 1e-7) if is_up else found <= value * (1 + 1e-7)


@given(st.lists(st.floats(0.81, 5.0), max_size=5000))
def test_peaks_stay_few_and_thresholds_are_beyond_the_rules_own(values: list[float]) -> None:
    peaks = Peaks()
    for value in values:
        peaks.add(value)
    assert len(peaks.values) <= 2_048
    found = [variant.threshold for variant in stricter(rule_of("pool.usage > 95%", "pool.usage > 80%"), peaks)]
    assert found == sorted(set(found))
    assert all(threshold > 0.8 for threshold in found)


def test_a_threshold_is_in_the_unit_of_its_figure() -> None:
    judged = judged_by(rule_of("query.duration > 30s"))
    assert judged is not None
    assert (judged.threshold, judged.unit) == (30_000.0, "ms")
