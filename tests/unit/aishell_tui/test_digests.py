"""Statement digests in their three modes."""

import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines.histogram import bucket_of, cumulative, quantile
from aishell_core.series.store import SeriesStore
from aishell_core.targets import Location, Target
from aishell_core.values import Failure, FailureCode, Part, Reading, Statement, TargetId, Tier
from aishell_tui.digest_book import DigestBook
from aishell_tui.digests import DigestHistory, DigestMode, difference, digest_rows, digest_table, ranking
from aishell_tui.digests_anew import began_anew
from aishell_tui.frame import TargetView, absorb


def statement(digest: str, calls: float, total: float, rows: float | None = None, errors: float | None = None) -> Statement:
    return Statement(digest, f"SELECT {digest}", calls, total, rows=rows, errors=errors)


def test_shares_are_of_all_time_and_the_heaviest_comes_first() -> None:
    rows = digest_rows((statement("a", 10, 100), statement("b", 1, 300)), 10)
    assert [(row.statement.digest, row.time_share) for row in rows] == [("b", 0.75), ("a", 0.25)]
    assert rows[1].calls_per_second == 1.0
    assert rows[1].mean_milliseconds == 10.0


def test_live_counts_what_was_added_and_leaves_out_what_did_not_run() -> None:
    history = DigestHistory()
    history.add(100, (statement("a", 10, 100, rows=50), statement("idle", 5, 5)))
    history.add(110, (statement("a", 30, 160, rows=90), statement("idle", 5, 5)))
    (row,) = history.rows(DigestMode.LIVE)
    assert (row.calls, row.calls_per_second, row.mean_milliseconds, row.rows_per_call) == (20, 2.0, 3.0, 2.0)


def test_live_forgets_what_is_older_than_its_span() -> None:
    history = DigestHistory()
    for second in range(60):
        history.add(1000 + second, (statement("a", second, second * 2.0),))
    assert history.span_seconds(DigestMode.LIVE) == pytest.approx(15, abs=1)


def test_since_reset_counts_from_the_reset() -> None:
    history = DigestHistory()
    history.add(100, (statement("a", 10, 100),))
    history.add(110, (statement("a", 20, 200),))
    history.reset()
    assert history.rows(DigestMode.RESET) == ()
    history.add(120, (statement("a", 25, 210),))
    (row,) = history.rows(DigestMode.RESET)
    assert (row.calls, row.mean_milliseconds) == (5, 2.0)


def test_total_has_no_rate_because_nobody_knows_since_when() -> None:
    history = DigestHistory()
    history.add(100, (statement("a", 10, 100),))
    (row,) = history.rows(DigestMode.TOTAL)
    assert row.calls_per_second is None


def test_unknown_rows_stay_unknown() -> None:
    (row,) = digest_rows((statement("a", 10, 100),), 10)
    assert row.rows_per_call is None
    assert row.errors is None


@given(st.integers(0, 1000), st.integers(0, 1000), st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_reset_on_the_server_never_gives_negative_figures(calls: int, before: int, total: float, total_before: float) -> None:
    for each in difference((statement("a", calls, total),), (statement("a", before, total_before),)):
        assert each.calls > 0
        assert each.total_milliseconds >= 0


def timed(*durations: float) -> Statement:
    histogram = cumulative(Counter(bucket_of(duration) for duration in durations))
    p95 = quantile(histogram, 0.95, max(durations))
    return Statement("a", "SELECT a", len(durations), sum(durations), max(durations), p95, histogram=histogram)


def test_p95_and_the_longest_call_of_a_span_are_not_those_of_all_time() -> None:
    slow_once = (900.0, *[800.0] * 9)
    (delta,) = difference((timed(*slow_once, *[2.0] * 40),), (timed(*slow_once),))
    assert delta.p95_milliseconds == pytest.approx(2.0, rel=0.19)
    assert delta.max_milliseconds is None, "none of the calls in the span was longer than those before"


def test_a_call_longer_than_all_before_is_the_longest_of_the_span() -> None:
    (delta,) = difference((timed(1.0, 3.0, 77.0),), (timed(1.0, 3.0),))
    assert (delta.max_milliseconds, delta.p95_milliseconds) == (77.0, 77.0)


def test_without_counts_by_duration_the_p95_of_a_span_is_unknown() -> None:
    now, before = Statement("a", "A", 9, 90.0, 50.0, 40.0), Statement("a", "A", 5, 50.0, 50.0, 40.0)
    (delta,) = difference((now,), (before,))
    assert (delta.p95_milliseconds, delta.max_milliseconds) == (None, None)
    (alone,) = difference((now,), ())
    assert (alone.p95_milliseconds, alone.max_milliseconds) == (40.0, 50.0), "all of its calls came in the span"


FIGURES = ("rows", "errors", "temp_bytes", "blocks_hit", "blocks_read", "wal_bytes", "io_milliseconds")
figures = st.one_of(st.none(), st.floats(0, 1e12))
readings = st.builds(
    lambda calls, total, *values: Statement("a", "SELECT a", calls, total, **dict(zip(FIGURES, values, strict=True))),
    st.integers(0, 1000),
    st.floats(0, 1e6),
    *[figures] * len(FIGURES),
)


@given(readings, readings)
def test_no_figure_of_a_span_is_ever_negative_and_unknown_stays_unknown(now: Statement, before: Statement) -> None:
    for each in difference((now,), (before,)):
        for name in FIGURES:
            added = getattr(each, name)
            assert added is None or added >= 0
            assert added is None or getattr(now, name) is not None
        assert each.hit_ratio is None or 0 <= each.hit_ratio <= 1


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 50), st.floats(0, 500)), unique_by=lambda each: each[0]), min_size=1
    )
)
def test_digests_that_come_go_and_start_anew_never_give_negative_rows(looks: list[list[tuple[str, int, float]]]) -> None:
    history = DigestHistory()
    for second, look in enumerate(looks):
        history.add(1000.0 + second, tuple(statement(name, calls, total) for name, calls, total in look))
        for mode in DigestMode:
            rows = history.rows(mode)
            assert all(row.calls > 0 and row.time_share >= 0 and row.mean_milliseconds >= 0 for row in rows)
            assert sum(row.time_share for row in rows) == pytest.approx(1) or not any(row.time_share for row in rows)


def test_the_cache_hits_of_a_span_are_those_of_the_span() -> None:
    before = replace(statement("a", 10, 100), blocks_hit=0.0, blocks_read=1000.0)
    (delta,) = difference((replace(statement("a", 20, 200), blocks_hit=90.0, blocks_read=1010.0),), (before,))
    assert delta.hit_ratio == 0.9


def test_one_digest_is_told_apart_by_database_and_user() -> None:
    before = tuple(replace(statement("a", 10, 100), database=name) for name in ("shop", "billing"))
    now = (replace(statement("a", 10, 100), database="shop"), replace(statement("a", 12, 130), database="billing"))
    (delta,) = difference(now, before)
    assert (delta.database, delta.calls) == ("billing", 2)


def test_only_the_heaviest_are_worked_out_but_shares_are_of_all() -> None:
    now = tuple(statement(f"{index:04}", 1, float(index)) for index in range(1, 101))
    ranked = ranking(now, (), None)
    table = digest_table(ranked, 3)
    assert [row.statement.digest for row in table.rows] == ["0100", "0099", "0098"]
    assert table.total == 100
    assert table.rows[0].time_share == pytest.approx(100 / 5050)
    found = digest_table(ranked, 3, lambda digests: tuple(each for each in digests if each.statement.digest.startswith("000")))
    assert [row.statement.digest for row in found.rows] == ["0009", "0008", "0007"]


def test_a_digest_is_worked_out_once_for_all_searches_of_one_reading() -> None:
    history = DigestHistory()
    history.add(100, tuple(statement(f"{index:04}", 1, float(index)) for index in range(1, 101)))
    (before, *_) = history.table(DigestMode.TOTAL, 3).rows
    found = history.table(DigestMode.TOTAL, 3, "0100", lambda digests: tuple(each for each in digests if each.key[0] == "0100"))
    assert found.total == 1
    assert found.rows[0] is before
    assert history.table(DigestMode.TOTAL, 3).total == 100


def test_nothing_is_worked_out_again_before_something_new_was_read() -> None:
    history = DigestHistory()
    for second in range(3):
        history.add(100.0 + second, (statement("a", 10 + second, 100 + second),))
    for mode in DigestMode:
        assert history.table(mode, 1000) is history.table(mode, 1000)
    before = history.table(DigestMode.LIVE, 1000)
    history.add(110, (statement("a", 30, 160),))
    assert history.table(DigestMode.LIVE, 1000) is not before
    reset = history.table(DigestMode.RESET, 1000)
    history.reset()
    assert history.table(DigestMode.RESET, 1000) is not reset


def test_a_text_that_was_fetched_later_is_shown_though_nothing_ran() -> None:
    history = DigestHistory()
    history.add(100, (replace(statement("a", 10, 100), text=""),))
    history.add(110, (statement("a", 10, 100),))
    (row,) = history.rows(DigestMode.TOTAL)
    assert row.statement.text == "SELECT a"


def test_a_hundred_looks_are_not_all_kept() -> None:
    history = DigestHistory()
    for tenth in range(1000):
        history.add(1000 + tenth / 10, (statement("a", tenth, tenth * 2.0),))
    assert history.span_seconds(DigestMode.LIVE) == pytest.approx(15, abs=2)
    assert len(history._looks) < 12


def test_what_was_hidden_and_is_counted_now_has_not_run_since_the_last_reading() -> None:
    """The first figures after a GRANT, or after estimates, are where counting begins."""
    view = TargetView(Target(TargetId("pg"), Location("postgres", host="db")), SeriesStore().snapshot(TargetId("pg")))
    hidden = (Failure(Part.STATEMENTS, FailureCode.PRIVILEGE, "statements of other roles are hidden"),)
    book = DigestBook()

    def read(at: float, statements: tuple[Statement, ...], failures: tuple[Failure, ...]) -> None:
        book.read((absorb(view, Reading(view.name, Tier.HOT, at, statements=statements, failures=failures), view.snapshot, 1.0),))

    read(1.0, (statement("own", 5, 50),), hidden)
    read(6.0, (statement("own", 6, 60), statement("other", 9_000, 90_000)), ())
    assert book.history(view.name).rows(DigestMode.LIVE) == ()
    read(11.0, (statement("own", 6, 60), statement("other", 9_003, 90_030)), ())
    assert [(row.statement.digest, row.calls) for row in book.history(view.name).rows(DigestMode.LIVE)] == [("other", 3)]


def test_a_reset_in_the_server_begins_a_new_span_and_says_since_when() -> None:
    history = DigestHistory()
    for second in range(0, 30, 5):
        history.add(100.0 + second, (statement("a", 10.0 * second, second), statement("once", 1, 9)))
    history.reset()
    assert history.add(130, (statement("a", 20, 2),))
    assert [history.span_seconds(mode) for mode in (DigestMode.LIVE, DigestMode.RESET)] == [0, 0]
    assert history.rows(DigestMode.LIVE) == ()
    assert not history.add(135, (statement("a", 70, 7),))
    for mode in (DigestMode.LIVE, DigestMode.RESET):
        (row,) = history.rows(mode)
        assert (row.calls, row.calls_per_second, history.span_seconds(mode)) == (50, 10, 5)
        assert history.anew(mode) == (130, False)
    assert history.anew(DigestMode.TOTAL) == (130, False)
    history.reset()
    assert history.anew(DigestMode.RESET) is None
    for second in range(140, 160, 5):
        history.add(second, (statement("a", second, second),))
    assert history.anew(DigestMode.LIVE) is None
    assert history.anew(DigestMode.TOTAL) == (130, False), "the total is of all since then"


@pytest.mark.parametrize(("since", "anew"), [((117, 117), (117, True)), ((125, 118), (118, True)), ((90, 90), (130, False))])
def test_a_reset_that_the_server_dates_is_told_with_its_moment(since: tuple[float, float], anew: tuple[float, bool]) -> None:
    """Also where nobody has looked at statements for a while; not where its clock is another than ours."""
    history = DigestHistory()
    history.add(100, (counted("a", 1000, 7), counted("b", 1000, 7)))
    assert history.anew(DigestMode.TOTAL) is None
    history.add(130, (counted("a", 20, since[0]), counted("b", 20, since[1])))
    assert [history.anew(mode) for mode in DigestMode] == [anew] * 3


def counted(digest: str, calls: float, since: float | None) -> Statement:
    """Each call took 2 ms."""
    return replace(statement(digest, calls, 2 * calls), counted_since=since)


def _watched(*looks: tuple[float, float | None, float | None], other_since: float | None = None) -> DigestHistory:
    """Looks with the moment, the calls of `a` (None: not there) and since when they are counted; `b` is called 20 times a second."""
    history = DigestHistory()
    for at, calls, since in looks:
        one = () if calls is None else (counted("a", calls, since),)
        rest = (counted("b", 5000 + 20 * (at - 100), other_since), statement("c", 1, 1), statement("d", 1, 1))
        assert not history.add(at, (*one, *rest))
        if at == 102:
            history.reset()
    return history


@pytest.mark.parametrize("last_calls", [60, 1060])
def test_a_digest_that_was_reset_by_itself_has_its_rate_and_share_since_then(last_calls: float) -> None:
    history = _watched((100, 1000, 7), (102, 1040, 7), (104, 1080, 7), (106, 20, 105), (108, last_calls, 105), other_since=7)
    by_name = {row.statement.digest: row for row in history.rows(DigestMode.RESET)}
    assert history.span_seconds(DigestMode.RESET) == 6
    row, steady = by_name["a"], by_name["b"]
    assert (row.calls, row.calls_per_second, row.anew_at) == (last_calls, last_calls / 3, 105)
    assert (steady.calls, steady.calls_per_second, steady.anew_at) == (120, 20, None)
    assert row.time_share is not None
    assert steady.time_share is not None
    assert row.time_share / steady.time_share == pytest.approx(last_calls / 3 / 20)
    assert row.mean_milliseconds == 2


def test_without_the_servers_word_a_fall_of_the_calls_begins_the_span_of_a_digest() -> None:
    looks = ((100, 1000, None), (102, 1040, None), (104, 1080, None), (106, 20, None))
    assert [row.statement.digest for row in _watched(*looks).rows(DigestMode.RESET)] == ["b"], "when its calls ran nobody knows"
    (row,) = (each for each in _watched(*looks, (108, 60, None)).rows(DigestMode.RESET) if each.statement.digest == "a")
    assert (row.calls, row.calls_per_second, row.anew_at) == (40, 20, 106)
    assert row.time_share == pytest.approx(0.5)


def test_a_digest_that_was_dropped_and_came_back_is_counted_since_it_was_not_there() -> None:
    looks = ((100, 1000, None), (102, 1040, None), (104, None, None), (106, None, None), (108, 60, None))
    (row,) = (each for each in _watched(*looks).rows(DigestMode.RESET) if each.statement.digest == "a")
    assert (row.calls, row.calls_per_second, row.anew_at) == (60, 30, 106)


def test_a_digest_that_was_never_seen_before_has_run_in_the_whole_span() -> None:
    (row,) = (each for each in _watched((102, None, None), (106, 60, 105)).rows(DigestMode.RESET) if each.statement.digest == "a")
    assert (row.calls, row.calls_per_second, row.anew_at) == (60, 15, None)


def test_a_server_whose_clock_differs_has_begun_after_the_reading_before() -> None:
    (row,) = (
        each for each in _watched((102, 1000, 7), (104, 1040, 7), (106, 20, 9_999)).rows(DigestMode.RESET) if each.statement.digest == "a"
    )
    assert (row.calls, row.calls_per_second, row.anew_at) == (20, 10, 104)


def test_after_the_next_reset_here_a_digest_counts_as_all_others() -> None:
    history = _watched((100, 1000, 7), (102, 1040, 7), (104, 20, 103))
    assert [row.anew_at for row in history.rows(DigestMode.RESET) if row.statement.digest == "a"] == [103]
    history.reset()
    history.add(106, (counted("a", 60, 103), counted("b", 5120, 7), statement("c", 1, 1), statement("d", 1, 1)))
    assert {row.statement.digest: (row.calls_per_second, row.anew_at) for row in history.rows(DigestMode.RESET)} == {
        "a": (20, None),
        "b": (20, None),
    }
    assert {row.anew_at for row in history.rows(DigestMode.TOTAL)} == {None}


BUSY = (statement("busy", 1000, 10), statement("calm", 10, 1), *(statement(f"rare{index}", 1, 1) for index in range(8)))


@pytest.mark.parametrize(
    ("now", "anew"),
    [
        ((), True),
        ((statement("busy", 900, 9),), True),
        ((statement("busy", 1500, 15),), True),
        ((statement("busy", 1500, 15), *BUSY[1:]), False),
        # For want of room the rarest are dropped, and as many others stand in their place.
        ((*BUSY[:2], *(statement(f"new{index}", 1, 1) for index in range(8))), False),
        ((BUSY[0], statement("calm", 2, 0.5), *BUSY[2:]), False),
        (tuple(replace(each, sampled=True) for each in BUSY[5:]), False),
        (BUSY, False),
    ],
)
def test_what_is_dropped_for_want_of_room_is_no_reset(now: tuple[Statement, ...], anew: bool) -> None:
    assert began_anew(BUSY, now) is anew
    assert not began_anew((), now)


def test_a_reading_that_failed_once_loses_no_span() -> None:
    view = TargetView(Target(TargetId("pg"), Location("postgres", host="db")), SeriesStore().snapshot(TargetId("pg")))
    book = DigestBook()
    late = (Failure(Part.STATEMENTS, FailureCode.TIMEOUT, "took too long"),)
    for at, failures in ((1.0, ()), (6.0, late), (11.0, ())):
        read = Reading(view.name, Tier.HOT, at, statements=(statement("a", at, at),), failures=failures)
        book.read((absorb(view, read, view.snapshot, 1.0),))
    assert book.history(view.name).span_seconds(DigestMode.LIVE) == 10


def test_after_a_reset_in_the_server_no_latency_is_told_across_it() -> None:
    view = TargetView(Target(TargetId("pg"), Location("postgres", host="db")), SeriesStore().snapshot(TargetId("pg")))
    book = DigestBook()
    others = tuple(statement(f"other{index}", 500, 500) for index in range(4))
    for at, statements in (
        (0.0, (statement("a", 10, 10), *others)),
        (10.0, (statement("a", 12, 500),)),
        (20.0, (statement("a", 22, 520),)),
    ):
        book.read((absorb(view, Reading(view.name, Tier.HOT, at, statements=statements), view.snapshot, 1.0),))
    filled = book.latencies(view.name).fill(statement("a", 22, 520), [math.nan] * 2, 5.0, 10.0)
    assert math.isnan(filled[0])
    assert filled[1] == 2.0
