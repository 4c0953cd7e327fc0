"""What the board makes of readings: which value stands, for how long, and what windows know of the past."""

from __future__ import annotations

import math
from array import array
from pathlib import Path

import pytest

from aishell_core.catalogue import CATALOGUE
from aishell_core.series.keys import SeriesKey
from aishell_core.series.rollup import RollupBatch, RollupRow
from aishell_core.state.database import StateDatabase
from aishell_core.values import TargetId, Tier
from alerts.board.past import PastRequest
from alerts.language.plan import Figure, Stream
from alerts.models import Health
from tests.board_values import BEGIN, Bench, key_of, rule_of, sample, traits_of

ORDERS = TargetId("orders")


def test_a_value_stands_for_two_and_a_half_intervals_but_five_seconds_at_least() -> None:
    for interval, stands in ((1.0, 5.0), (10.0, 25.0)):
        bench = Bench(rule_of("pool.usage > 90%"), interval_seconds=interval)
        bench.read(0, sample("pool.usage", 0.95))
        assert bench.one(stands).level
        late = bench.one(stands + 0.1)
        assert (late.level, late.health, late.is_clear) == (None, Health.NO_DATA, False)
        assert late.reason == "there is no value of pool.usage"
        bench.read(stands + 1, sample("pool.usage", 0.95))
        assert bench.one(stands + 1).level, "a value that comes back counts again"


def test_an_instance_that_readings_leave_out_grows_stale_although_its_target_is_read() -> None:
    bench = Bench(rule_of("replication.lag.bytes > 1KiB"))
    one, other = (("peer", "a"),), (("peer", "b"),)
    bench.read(0, sample("replication.lag.bytes", 5000, one), sample("replication.lag.bytes", 5000, other))
    for at in range(1, 8):
        bench.read(at, sample("replication.lag.bytes", 5000, one))
    assert {judgement.key for judgement in bench.judge(4.5)} == {key_of("orders", one), key_of("orders", other)}
    assert {judgement.key for judgement in bench.judge(7)} == {key_of("orders", one)}
    assert bench.one(7, key_of("orders", other)).health is Health.NO_DATA


def test_of_two_tiers_the_more_frequent_one_counts_while_it_is_there() -> None:
    bench = Bench(rule_of("count(pool.usage, 30s) > 0", "pool.usage > 1%"))
    for at in range(20):
        bench.read(at, sample("pool.usage", 0.5))
        if at % 5 == 0:
            bench.read(at + 0.5, sample("pool.usage", 0.1), tier=Tier.WARM, interval=5.0)
    assert bench.one(19.6).value == 20.0
    newest = Bench(rule_of("pool.usage > 1%"))
    newest.read(0, sample("pool.usage", 0.5))
    newest.read(1, sample("pool.usage", 0.1), tier=Tier.WARM, interval=5.0)
    assert newest.one(2).value == 0.5
    newest.read(6, sample("pool.usage", 0.1), tier=Tier.WARM, interval=5.0)
    assert newest.one(6).value == 0.1, "the frequent one brings it no more"


def test_a_counter_that_falls_has_no_rate_but_rose_from_nothing() -> None:
    bench = Bench(rule_of("deadlocks.rate >= 0.1", "increase(deadlocks, 1m) >= 0.1"))
    for at, value in enumerate((10, 12, 3)):
        bench.read(at, sample("deadlocks.rate", value))
    rates, total = Bench(rule_of("deadlocks.rate > 0.1")), Bench(rule_of("increase(deadlocks, 1m) > 0.1"))
    for at, value in enumerate((10, 12, 3)):
        for each in (rates, total):
            each.read(at, sample("deadlocks.rate", value))
    assert rates.one(2).health is Health.NO_DATA
    assert total.one(2).value == 5.0


def test_nothing_is_counted_across_a_restart_or_a_time_in_which_nobody_looked() -> None:
    bench = Bench(rule_of("increase(deadlocks, 5m) > 0.1"))
    bench.read(0, sample("deadlocks.rate", 0))
    bench.read(1, sample("deadlocks.rate", 1))
    bench.board.gap(ORDERS)
    bench.read(2, sample("deadlocks.rate", 100))
    bench.read(3, sample("deadlocks.rate", 102))
    bench.read(60, sample("deadlocks.rate", 900))
    bench.read(61, sample("deadlocks.rate", 904))
    assert bench.one(61).value == 1 + 2 + 4


def test_a_clock_that_goes_back_takes_back_what_is_later() -> None:
    bench = Bench(rule_of("max(pool.usage, 1m) > 1%"))
    for at in range(10):
        bench.read(at, sample("pool.usage", 0.9 if at > 5 else 0.2))
    assert bench.one(9).value == 0.9
    bench.read(4, sample("pool.usage", 0.3))
    assert bench.one(4).value == 0.3
    bench.read(5, sample("pool.usage", 0.4))
    assert bench.one(5).value == 0.4


def test_a_clock_that_goes_far_forward_empties_windows_and_does_no_harm() -> None:
    bench = Bench(rule_of("avg(pool.usage, 10s) > 1%"))
    for at in range(10):
        bench.read(at, sample("pool.usage", 0.9))
    assert bench.one(86_400).health is Health.NO_DATA
    for at in range(5):
        bench.read(86_400 + at, sample("pool.usage", 0.1))
    assert bench.one(86_409).value == pytest.approx(0.1)


def test_a_window_says_nothing_of_the_whole_before_nine_tenths_of_it_were_seen() -> None:
    """A start on a busy machine is no ten busy minutes, and neither are the first seconds of a server that is back."""
    bench = Bench(rule_of("avg(pool.usage, 10m) > 90%"))
    for begin in (0, 7200):
        for at in range(begin, begin + 540, 10):
            bench.read(at, sample("pool.usage", 0.95))
            assert bench.judge(at, key_of())[0].health is Health.NO_DATA
        bench.read(begin + 540, sample("pool.usage", 0.95))
        assert bench.one(begin + 540).level


@pytest.mark.parametrize(("interval", "minutes"), [(1.0, 1), (10.0, 1), (30.0, 1), (60.0, 2), (60.0, 10), (600.0, 10), (300.0, 60)])
@pytest.mark.parametrize("function", ["avg", "min", "p95", "stddev", "rate"])
def test_however_rare_readings_are_a_window_is_seen_by_its_own_length_and_then_for_good(
    interval: float, minutes: int, function: str
) -> None:
    """One reading after a start, however long it stands, is no window full of them; later each reading leads over to the next."""
    figure = "deadlocks.rate" if function == "rate" else "sessions.active"
    bench = Bench(rule_of(f"{function}({figure.removesuffix('.rate')}, {minutes}m) > 1"), interval_seconds=interval)
    seconds = 60.0 * minutes
    for second in range(0, int(4 * seconds + 2 * interval), max(1, int(interval // 10))):
        if second % interval == 0:
            bench.read(second, sample(figure, float(second)))
        (judged,) = bench.judge(second, key_of())
        if second < 0.9 * seconds:
            assert judged.health is Health.NO_DATA, second
        if second >= seconds + interval:
            assert judged.health is Health.OK, second


def test_readings_that_come_late_leave_out_no_more_than_what_is_unknown() -> None:
    """Each six seconds instead of each: a second of them is unknown, not six."""
    bench = Bench(rule_of("avg(pool.usage, 30s) > 90%"))
    for second in range(120):
        if second % 6 == 0:
            bench.read(second, sample("pool.usage", 0.95))
        (judged,) = bench.judge(second, key_of())
        if second > 40 and second % 6 < 5:  # in the sixth second the target does not answer
            assert judged.value == pytest.approx(0.95), second


@pytest.mark.parametrize(("first", "then"), [(60, 1), (1, 60)])
def test_a_window_stays_seen_when_its_target_is_read_more_or_less_often(first: int, then: int) -> None:
    bench = Bench(rule_of("avg(pool.usage, 2m) > 90%"))
    for second in range(1200):
        interval = first if second < 600 else then
        if second % interval == 0:
            bench.read(second, sample("pool.usage", 0.95), interval=interval)
        if second >= 180:
            assert bench.one(second).level, second


def test_what_happened_in_a_window_is_told_however_little_of_it_was_seen() -> None:
    bench = Bench(rule_of("max(pool.usage, 10m) > 90%"))
    bench.read(0, sample("pool.usage", 0.95))
    assert bench.one(0).level


def test_values_that_are_no_numbers_are_left_out() -> None:
    bench = Bench(rule_of("avg(disk.used, 10s) > 1B"))
    for at, value in enumerate((5.0, math.nan, math.inf, -math.inf, 7.0)):
        bench.read(at, sample("disk.used", value))
    assert bench.one(4).health is Health.NO_DATA
    bench.read(9, sample("disk.used", 9.0))
    assert bench.one(9).value == 7.0


def test_a_target_that_is_forgotten_ends_what_was_watched_of_it() -> None:
    bench = Bench(rule_of("pool.usage > 90%"))
    bench.read(0, sample("pool.usage", 0.95))
    bench.board.forget(ORDERS)
    gone = bench.one(0)
    assert (gone.level, gone.is_clear, gone.health) == (None, True, Health.OK)
    assert gone.reason == "the target is not watched any more"
    bench.read(1, sample("pool.usage", 0.95))
    assert bench.one(1).level


def test_a_target_that_has_never_been_read_ends_nothing() -> None:
    judged = Bench(rule_of("pool.usage > 90%")).one(0)
    assert (judged.is_clear, judged.health) == (False, Health.NO_DATA)


def test_a_selector_by_role_follows_the_role() -> None:
    bench = Bench(rule_of('pool.usage{role="primary"} > 90%', 'max(pool.usage{role!="primary"}, 1m) > 90%'))
    primary, replica = traits_of(role="primary"), traits_of(role="replica")
    bench.read(0, sample("pool.usage", 0.95), traits=primary)
    assert [str(judgement.level) for judgement in bench.judge(0)] == ["critical"]
    bench.read(1, sample("pool.usage", 0.95), traits=replica)
    assert [str(judgement.level) for judgement in bench.judge(1)] == ["warning"]
    bench.read(2, sample("pool.usage", 0.95), traits=primary)
    assert [str(judgement.level) for judgement in bench.judge(2)] == ["critical"]


def test_rules_that_are_reloaded_keep_their_windows() -> None:
    first, second = rule_of("avg(pool.usage, 1m) > 90%"), rule_of("pool.usage > 99%", name="second")
    bench = Bench(first)
    for at in range(60):
        bench.read(at, sample("pool.usage", 0.5))
    bench.reload(second, rule_of("avg(pool.usage, 1m) > 10%"))
    bench.read(60, sample("pool.usage", 0.5))
    (judgement,) = bench.judge(60)
    assert judgement.value == 0.5
    bench.reload(rule_of("count(pool.usage, 1m) > 1"))
    bench.read(61, sample("pool.usage", 0.5))
    assert bench.one(61).value == 60, "a new window begins with what others have kept"


def test_a_new_rule_is_judged_by_the_newest_readings_at_once() -> None:
    bench = Bench()
    bench.read(0, sample("uptime", 5.0), sample("pool.usage", 0.95))
    bench.read(0, sample("disk.used", 50.0), tier=Tier.COLD, interval=600.0)
    bench.read(300, sample("uptime", 305.0))
    bench.reload(rule_of("disk.used > 10B", "pool.usage > 90%", "uptime > 300s"))
    (judged,) = bench.judge(300)
    assert (judged.value, judged.unit) == (50.0, "bytes")
    bench.reload(rule_of("pool.usage > 90%", "uptime > 300s"))
    (judged,) = bench.judge(300)
    assert judged.unit == "s", "that of the pool is five minutes old"


def test_rules_that_are_reloaded_while_a_target_is_away_let_its_values_grow_stale() -> None:
    bench = Bench(rule_of("pool.usage > 90%"))
    bench.read(0, sample("pool.usage", 0.95))
    bench.reload(rule_of("pool.usage > 90%"), rule_of("max(uptime, 1m) > 1s", name="second"))
    assert bench.judge(4)
    assert bench.judge(6) == []


def test_an_instance_that_ends_as_rules_are_reloaded_grows_stale() -> None:
    peer = (("peer", "a"),)
    bench = Bench(rule_of("replication.lag.bytes > 1KiB"))
    bench.read(0, sample("replication.lag.bytes", 5000, peer), sample("uptime", 1.0))
    bench.reload(rule_of("replication.lag.bytes > 2KiB"))
    for at in range(1, 7):
        bench.read(at, sample("uptime", 1.0))
    assert bench.judge(4)
    assert bench.judge(6) == []


def test_labels_that_come_and_go_are_let_go_after_some_minutes() -> None:
    bench = Bench(rule_of("process.memory.used > 1KiB"))
    for at in range(0, 1200, 2):
        bench.read(at, sample("process.memory.used", 2000, (("pid", str(at)),)))
        bench.judge(at)
    assert len(bench.board.column(Figure("process.memory.used", Stream.VALUE)).index.keys) < 250


def test_what_no_collector_read_is_absent_after_its_time() -> None:
    bench = Bench(rule_of("absent(uptime, 10s)"))
    bench.board.know(traits_of(), BEGIN)
    bench.board.know(traits_of("file", "sqlite"), BEGIN)
    assert bench.judge(9.9) == []
    assert [judgement.key for judgement in bench.judge(10)] == [key_of()], "a file has no time since its start"
    bench.read(11, sample("uptime", 1.0))
    assert bench.judge(11) == []
    assert bench.judge(20.9) == []
    assert bench.judge(21)


def history(path: Path, name: str, means: list[tuple[float, float]], step: float) -> StateDatabase:
    """A state database with windows of one series: low 1 below the mean, high 1 above."""
    database = StateDatabase.open(path)
    key = SeriesKey(CATALOGUE[name])
    rows = tuple(RollupRow(at, array("f", (mean - 1, mean + 1, mean, mean))) for at, mean in means)
    database.write_rollups([RollupBatch(ORDERS, Tier.HOT, step, (key,), rows)])
    return database


def test_long_windows_begin_with_what_the_state_database_keeps(tmp_path: Path) -> None:
    bench = Bench(rule_of("avg(connections.used, 20m) > 0", "max(connections.used, 20m) > 0"))
    database = history(tmp_path / "state.db", "connections.used", [(BEGIN - 600 + 10 * at, 40.0) for at in range(60)], 10.0)
    for at in range(601):
        bench.read(at, sample("connections.used", 20.0))
    assert bench.one(600).value == 20.0
    (request,) = bench.board.lacking()
    assert request == PastRequest(ORDERS, ("connections.used",), BEGIN - 600, BEGIN + 600)
    assert bench.board.lacking() == (), "each is said once"
    bench.board.remember(request, database.history(request.target, request.since, request.until))
    assert bench.one(600).value == pytest.approx(30.0)
    database.close()


def test_a_baseline_of_last_week_is_known_from_the_start(tmp_path: Path) -> None:
    day = 86_400.0
    bench = Bench(rule_of("connections.used > 2 * avg(connections.used, 1h offset 7d)"))
    bench.read(0, sample("connections.used", 50.0))
    assert bench.one(0).health is Health.NO_DATA
    weekly = [(BEGIN - 7 * day - 3600 + 300 * at, 20.0) for at in range(12)]
    database = history(tmp_path / "state.db", "connections.used", weekly, 300.0)
    for request in bench.board.lacking():
        bench.board.remember(request, database.history(request.target, request.since, request.until))
    judged = bench.one(0)
    assert (judged.value, judged.threshold) == (50.0, 40.0)
    assert judged.level
    database.close()


def test_a_counter_of_the_history_goes_on_where_it_is(tmp_path: Path) -> None:
    bench = Bench(rule_of("increase(deadlocks, 20m) > 0.1"))
    rates = [(BEGIN - 600 + 10 * at, 1.5) for at in range(60)]
    database = history(tmp_path / "state.db", "deadlocks.rate", rates, 10.0)
    for at in range(612):
        bench.read(at, sample("deadlocks.rate", at))
    for request in bench.board.lacking():
        bench.board.remember(request, database.history(request.target, request.since, request.until))
    # 589 s at 1.5 per second from the history, then one per second; steps are whole ones.
    assert bench.one(611).value == pytest.approx(589 * 1.5 + 611, abs=20)
    database.close()
