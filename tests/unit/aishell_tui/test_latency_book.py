"""The latency of statements over the last minutes, whichever is opened later."""

from __future__ import annotations

import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.values import Statement
from aishell_tui.latency_book import KEPT_SECONDS, MOST_STATEMENTS, STEP_SECONDS, LatencyBook

_BEGAN = 1_000_000.0


def _statement(calls: float, milliseconds: float, digest: str = "a", user: str = "") -> Statement:
    return Statement(digest, f"SELECT {digest}", calls, milliseconds, user=user)


def _filled(book: LatencyBook, statement: Statement, buckets: int, until: float) -> list[float]:
    return list(book.fill(statement, [math.nan] * buckets, until - buckets * STEP_SECONDS, STEP_SECONDS))


def test_what_was_read_before_a_statement_was_opened_is_in_its_history() -> None:
    book = LatencyBook()
    for step in range(7):
        book.add(_BEGAN + step * STEP_SECONDS, (_statement(10.0 * step, 10.0 * step * 4.0),))
    known = [each for each in _filled(book, _statement(60.0, 240.0), 8, _BEGAN + 61.0) if not math.isnan(each)]
    assert known == [4.0] * len(known)
    assert len(known) >= 6


def test_users_of_one_digest_are_told_apart() -> None:
    book = LatencyBook()
    for step in range(3):
        ada, bob = _statement(step, step * 2.0, user="ada"), _statement(step, step * 50.0, user="bob")
        book.add(_BEGAN + step * STEP_SECONDS, (ada, bob))
    assert [each for each in _filled(book, ada, 4, _BEGAN + 21.0) if not math.isnan(each)][-1] == 2.0
    assert [each for each in _filled(book, bob, 4, _BEGAN + 21.0) if not math.isnan(each)][-1] == 50.0


def test_figures_that_went_back_and_a_long_time_without_a_reading_make_no_point() -> None:
    book = LatencyBook()
    book.add(_BEGAN, (_statement(100, 1000.0),))
    book.add(_BEGAN + 10, (_statement(3, 5.0),))
    book.add(_BEGAN + 500, (_statement(9, 20.0),))
    assert all(math.isnan(each) for each in _filled(book, _statement(9, 20.0), 60, _BEGAN + 501))


def test_what_is_known_better_stays() -> None:
    book = LatencyBook()
    for step in range(3):
        book.add(_BEGAN + step * STEP_SECONDS, (_statement(step, step * 7.0),))
    filled = book.fill(_statement(2, 14.0), [math.nan, 1.5, math.nan], _BEGAN - 10, STEP_SECONDS)
    assert filled[1] == 1.5
    assert filled[2] == 7.0


@given(st.floats(0.1, 100.0), st.integers(1, 400), st.floats(-2000.0, 2000.0))
def test_any_window_is_filled_with_means_that_were_seen(step: float, buckets: int, offset: float) -> None:
    book = LatencyBook()
    for turn in range(20):
        book.add(_BEGAN + turn * STEP_SECONDS, (_statement(turn, turn * 3.0),))
    filled = book.fill(_statement(19, 57.0), [math.nan] * buckets, _BEGAN + offset, step)
    assert len(filled) == buckets
    assert all(math.isnan(each) or each == pytest.approx(3.0) for each in filled)


def test_memory_is_bounded_by_the_heaviest_of_the_last_minutes() -> None:
    book = LatencyBook()
    for turn in range(int(2 * KEPT_SECONDS / STEP_SECONDS)):
        called = turn + 1.0
        book.add(_BEGAN + turn * STEP_SECONDS, tuple(_statement(called, called * place, str(place)) for place in range(600)))
    assert len(book._points) == MOST_STATEMENTS
    assert sum(sys.getsizeof(points) for points in book._points.values()) < 600_000
    assert "599" in book._points
    book.add(_BEGAN + 4 * KEPT_SECONDS, ())
    assert not book._points
