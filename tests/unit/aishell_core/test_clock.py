"""The machine's clocks."""

from __future__ import annotations

import sys
import time

import pytest

from aishell_core.clock import SystemClock


def test_the_steady_clock_never_goes_back() -> None:
    clock = SystemClock()
    seen = [clock.steady() for _ in range(1000)]
    assert seen == sorted(seen)


@pytest.mark.skipif(sys.platform != "linux", reason="what the clock is held against is Linux's")
def test_the_steady_clock_counts_the_time_in_which_the_machine_slept() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    found = SystemClock().steady()
    assert before <= found <= time.clock_gettime(time.CLOCK_BOOTTIME)
