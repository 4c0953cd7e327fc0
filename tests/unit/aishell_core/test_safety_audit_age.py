"""Files of the audit log go when they are old, and no wrong clock makes them old: that of a process, or that of the machine."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aishell_core.safety.audit import AuditLog
from aishell_core.safety.audit_age import LONGEST_BREAK, borne_out_ages
from aishell_core.safety.audit_verify import Verification, verify
from aishell_core.safety.audit_writer import AuditLimits
from tests.fake_clock import FakeClock
from tests.safety import DAY_SECONDS, attempt, let_time_pass, write_days

DAYS = 3
MOST_JUMPS = 11
"""As many of 31 days each are less than the 365 days."""
CLOCKS = st.floats(-3000, 3000)
"""Days by which a clock is set, back or ahead."""
SLOW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(state: Path) -> FakeClock:
    """A log of three days and the clock that wrote it, which stands at the fourth."""
    shutil.rmtree(state, ignore_errors=True)
    return write_days(state, DAYS)


def after_jumps(state: Path, jumps: list[float], *, disk: bool) -> Verification:
    """The log after a run behind each jump of the clock, in days, whether or not the disk's clock makes the same jump."""
    clock = written(state)
    now = clock.now()
    for days in jumps:
        if disk:
            let_time_pass(state, clock, days * DAY_SECONDS)
        else:
            clock.jump(days * DAY_SECONDS)
        AuditLog(state, clock).record_attempt(attempt())
    return verify(state, now=now)


@SLOW
@given(jumps=st.lists(CLOCKS, max_size=20))
def test_no_clock_of_a_process_takes_a_young_file_away(tmp_path: Path, jumps: list[float]) -> None:
    """However often it is set: the disk knows when the files were written."""
    found = after_jumps(tmp_path / "log", jumps, disk=False)
    assert (found.expired, found.records, found.damage) == (0, DAYS * 4 + len(jumps), ())


@SLOW
@given(jumps=st.lists(CLOCKS, max_size=MOST_JUMPS))
def test_no_jumps_of_the_clock_of_the_machine_take_a_young_file_away(tmp_path: Path, jumps: list[float]) -> None:
    """A jump counts for 31 days at most."""
    found = after_jumps(tmp_path / "log", jumps, disk=True)
    assert (found.expired, found.records, found.damage) == (0, DAYS * 4 + len(jumps), ())


@pytest.mark.parametrize("disk", [False, True], ids=["process", "machine"])
@pytest.mark.parametrize("jumps", [(900, 400, 1, -1301), (900, 1, 1, 366, 1), (900, 0, 900), (3000, -3000) * 4], ids=str)
def test_runs_with_a_clock_far_ahead_take_nothing_away_and_show(tmp_path: Path, jumps: tuple[float, ...], disk: bool) -> None:
    found = after_jumps(tmp_path / "log", list(jumps), disk=disk)
    assert (found.expired, found.damage) == (0, ())
    assert "which has not come yet" in found.remarks[0]


@SLOW
@given(gaps=st.lists(st.integers(1, LONGEST_BREAK.days), min_size=2, max_size=25))
def test_files_go_when_they_are_old_by_the_record_before_and_no_sooner(tmp_path: Path, gaps: list[int]) -> None:
    state, keep = tmp_path / "log", 40
    shutil.rmtree(state, ignore_errors=True)
    clock, days = FakeClock(), [0]
    log = AuditLog(state, clock, AuditLimits(keep_days=keep))
    log.record_attempt(attempt())
    for gap in gaps:
        let_time_pass(state, clock, gap * DAY_SECONDS)
        log.record_attempt(attempt())
        days.append(days[-1] + gap)
    found = verify(state)
    old = [place for place, day in enumerate(days) if days[-2] - day > keep]
    assert (found.expired, found.damage) == (old[-1] if old else 0, ())


def test_a_log_that_is_hardly_used_is_kept_longer(tmp_path: Path) -> None:
    """Of each gap no more than 31 days are borne out."""
    clock = write_days(tmp_path, 1)
    log = AuditLog(tmp_path, clock)
    expired = []
    for _ in range(15):
        let_time_pass(tmp_path, clock, 100 * DAY_SECONDS)
        log.record_attempt(attempt())
        expired.append(verify(tmp_path).expired)
    assert expired[:12] == [0] * 12
    assert expired[-1] > 0


def test_what_records_bear_out() -> None:
    begin = datetime(2027, 1, 1, tzinfo=UTC)
    days = [0, 10, 900, 12, 100]
    times = [begin + timedelta(days=day) for day in days]
    ages = borne_out_ages(times, [begin + timedelta(days=101), begin + timedelta(days=9000)])
    assert [age.days for age in ages] == [1 + 31 + 0 + 2 + 10, 1 + 31 + 0 + 2, 1 + 31 + 0, 1 + 31, 1]
