"""Statement digests in their three modes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.values import Statement
from aishell_tui.digests import DigestHistory, DigestMode, difference, digest_rows


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
