"""The ring of waits against a list that forgets nothing, and its bounds."""

from __future__ import annotations

import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.values import WaitCount
from aishell_tui.wait_history import FINE_SECONDS, KEPT_SECONDS, WaitHistory
from tests.scripted_sessions import WAITS

START = 1_700_000_000.0


def named(history: WaitHistory, since: float, until: float) -> tuple[int, dict[str, int]]:
    """The sums by class and wait."""
    readings, sums = history.sums(since, until)
    return readings, {":".join(filter(None, history.sort(number)[:2])): count for number, count in sums.items()}


def test_counts_of_a_stretch_are_summed_by_sort() -> None:
    history = WaitHistory()
    for second in range(5):
        history.add(START + second, WAITS)
    assert named(history, START + 1, START + 4) == (3, {"CPU": 6, "Lock:transactionid": 9, "IO:DataFileRead": 3})
    assert history.text("d3") == "SELECT count(*) FROM events"


def test_a_reading_without_waits_is_a_reading_and_none_is_a_gap() -> None:
    history = WaitHistory()
    history.add(START, ())
    history.add(START + 100, WAITS)
    assert named(history, START, START + 1) == (1, {})
    assert history.sums(START + 50, START + 60) == (0, {})


def test_between_two_readings_the_last_one_stands_for_the_time_up_to_the_next() -> None:
    history = WaitHistory()
    history.add(START, WAITS, 5.0)
    assert named(history, START + 2, START + 3)[1]["CPU"] == 2
    assert history.sums(START + 13, START + 14) == (0, {})


def test_a_reading_that_is_not_newer_is_left_out() -> None:
    history = WaitHistory()
    history.add(START, WAITS)
    history.add(START, WAITS)
    history.add(START - 5, WAITS)
    assert (history.version, history.sums(START - 60, START + 60)[0]) == (1, 1)


def test_after_an_hour_ten_seconds_are_one_sum_and_after_hours_nothing() -> None:
    history = WaitHistory()
    seconds = int(KEPT_SECONDS + 600)
    for second in range(seconds):
        history.add(START + second, WAITS[:1])
    now = START + seconds - 1
    assert history.first_at is not None
    assert now - KEPT_SECONDS - 60 <= history.first_at <= now - KEPT_SECONDS + 60
    old = now - 2 * FINE_SECONDS
    assert named(history, old, old + 600) == (600, {"CPU": 1200})
    assert history.pairs < FINE_SECONDS + 60 + KEPT_SECONDS / 10


def test_sorts_that_no_reading_names_any_more_are_forgotten() -> None:
    history = WaitHistory()
    for second in range(int(KEPT_SECONDS) + 3600):
        history.add(
            START + second * 10, (WaitCount("CPU", "", 1, application=f"job-{second}", digest=f"d{second}", text="SELECT 1"),), 10.0
        )
        if second > 4000:
            break
    assert history.sorts <= KEPT_SECONDS / 10 + 100
    assert history.text("d1") == ""


def test_the_budget_holds_however_many_sorts_there_are() -> None:
    history = WaitHistory(pairs=5_000)
    for second in range(600):
        history.add(START + second, tuple(WaitCount("IO", "x", 1, user=f"u{number}") for number in range(100)))
        assert history.pairs <= 5_000 + 100 * 60
    assert history.last_at == START + 599
    assert named(history, START + 598, START + 600)[0] == 2


readings = st.lists(
    st.tuples(
        st.floats(0.1, 400.0),
        st.lists(st.builds(WaitCount, st.sampled_from("abc"), st.just(""), st.integers(1, 9), st.sampled_from("uv")), max_size=4),
    ),
    max_size=60,
)


@given(readings, st.floats(-100, 9000), st.floats(0, 9000))
def test_the_sums_are_those_of_a_list_that_forgets_nothing(steps: list[tuple[float, list[WaitCount]]], since: float, length: float) -> None:
    history, kept, at = WaitHistory(), [], START
    for step, waits in steps:
        at += step
        history.add(at, waits)
        kept.append((at, waits))
    begin, end = START + since, START + since + length
    # Before the last hour the edges of a stretch may fall within a sum of ten seconds.
    begin, end = max(begin, at - FINE_SECONDS + 120), max(end, at - FINE_SECONDS + 120)
    inside = [waits for moment, waits in kept if begin <= moment < end]
    wanted: dict[tuple[str, str], int] = {}
    for waits in inside:
        for wait in waits:
            wanted[wait.wait_class, wait.user] = wanted.get((wait.wait_class, wait.user), 0) + wait.count
    count, sums = history.sums(begin, end)
    if inside:
        assert count == len(inside)
        assert {(history.sort(number)[0], history.sort(number)[2]): value for number, value in sums.items()} == wanted
    else:
        assert count in {0, 1}


def busy(chance: random.Random, active: int) -> tuple[WaitCount, ...]:
    """One reading of a server on which so many sessions are active."""
    waits = [("CPU", ""), ("Lock", "transactionid"), ("IO", "DataFileRead"), ("LWLock", "WALWrite"), ("Client", "ClientRead")]
    counted: dict[tuple[str, str, str], int] = {}
    for _ in range(active):
        key = (*waits[min(chance.randrange(9), 4)], f"digest-{chance.randrange(40)}")
        counted[key] = counted.get(key, 0) + 1
    return tuple(WaitCount(*key[:2], count, "shop", "web", "orders", key[2], f"SELECT {key[2]}") for key, count in counted.items())


@pytest.mark.parametrize("active", [40, 400])
def test_a_full_ring_takes_few_megabytes(active: int) -> None:
    """40 active ones of 200 sessions, 400 of 2,000; what is summed up later comes as sums at once, to the same end."""
    chance, history, now = random.Random(4), WaitHistory(), START + KEPT_SECONDS
    sums, seconds = [busy(chance, active * 10) for _ in range(20)], [busy(chance, active) for _ in range(60)]
    tracemalloc.start()
    try:
        for second in range(0, int(KEPT_SECONDS - FINE_SECONDS), 10):
            history.add(START + second, sums[second // 10 % 20], 10.0)
        for second in range(int(FINE_SECONDS)):
            history.add(now - FINE_SECONDS + second, seconds[second % 60])
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert history.first_at is not None
    assert now - history.first_at > 3600
    assert used / 2**20 < 4.0, f"{used / 2**20:.2f} MiB for {history.pairs} pairs"
