"""How long the last checkpoint took, of what the server adds up."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from collectors.postgres.checkpoint_times import CheckpointTimes


def row(write: float, sync: float, timed: float = 0, requested: float = 0, done: float | None = None) -> Mapping[str, float | None]:
    return {"write_milliseconds": write, "sync_milliseconds": sync, "timed": timed, "requested": requested, "done": done}


def told(times: CheckpointTimes, *rows: Mapping[str, float | None] | None) -> list[list[float]]:
    return [[sample.value for sample in times.samples(each)] for each in rows]


def test_the_time_of_a_whole_checkpoint_stays_until_the_next_one_ends() -> None:
    """One of 270 s that ends between two readings of 15 s wrote for 270 s, and not 18,000 ms in each second."""
    rows = (row(1e6, 500, timed=7), row(1e6, 500, timed=8), row(1.27e6, 520, timed=8), row(1.27e6, 520, timed=9), None)
    assert told(CheckpointTimes(), *rows) == [[], [], [270.0, 0.02], [270.0, 0.02], [270.0, 0.02]]


def test_of_several_that_ended_between_two_readings_the_mean_is_told() -> None:
    assert told(CheckpointTimes(), row(0, 0), row(9000, 300, requested=3)) == [[], [3.0, 0.1]]


def test_a_server_that_counts_those_that_ended_knows_from_the_first_reading_on() -> None:
    """Those that had nothing to do are counted among those that were due, and not among those that ended."""
    rows = (row(20_000, 100, timed=9, done=2), row(20_000, 100, timed=10, done=2), row(25_000, 100, timed=11, done=3))
    assert told(CheckpointTimes(), *rows) == [[10.0, 0.05], [10.0, 0.05], [5.0, 0.0]]


@pytest.mark.parametrize("done", [None, 0.0])
def test_statistics_that_were_reset_leave_nothing_that_is_known(done: float | None) -> None:
    before = None if done is None else 1.0
    assert told(CheckpointTimes(), row(0, 0, done=done), row(2000, 0, timed=1, done=before), row(0, 0, done=done))[1:] == [[2.0, 0.0], []]
