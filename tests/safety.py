"""What tests of the safety room are made of: somebody, somewhere, an attempt, and logs that hold some."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from aishell_core.safety.audit import AuditLog
from aishell_core.safety.audit_entry import Attempt, Outcome, Result
from aishell_core.safety.audit_writer import AuditLimits
from aishell_core.safety.decision import Decision, Place
from aishell_core.safety.languages import judge
from aishell_core.safety.roles import Actor
from tests.fake_clock import FakeClock

ANN = Actor("ann", 1000, ("staff", "dba"), sudo_user="", host="console", tty="/dev/pts/3", ssh_client="192.0.2.7 50000 22")
DAY_SECONDS = 86_400.0


def attempt(command: str = "DELETE FROM customers WHERE email = 'ada@example.org'", decision: Decision | None = None) -> Attempt:
    """An attempt to change something on PostgreSQL, which was allowed and needs no answer."""
    return Attempt(ANN, Place("shop"), "postgres", command, judge("postgres", command), decision or Decision(True, role="developer"))


def numbered(number: int) -> Attempt:
    """One of several attempts that differ."""
    return replace(attempt(f"UPDATE customers SET visits = {number} WHERE id = {number}"), subject=f"attempt {number}")


def write_days(state: Path, days: int, *, a_day: int = 2, limits: AuditLimits | None = None) -> FakeClock:
    """A log of some attempts with their results on each of several days, and so with several files."""
    clock = FakeClock()
    log = AuditLog(state, clock, limits)
    for number in range(days * a_day):
        log.record_result(log.record_attempt(numbered(number)), Outcome(Result.DONE, 0.25, affected=1))
        if number % a_day == a_day - 1:
            let_time_pass(state, clock)
    return clock


def let_time_pass(state: Path, clock: FakeClock, seconds: float = DAY_SECONDS) -> None:
    """Set a clock forward or back, and with it that of the disk: the files of the log are as much older or younger."""
    clock.jump(seconds)
    for path in (state / "audit").glob("*"):
        then = path.stat().st_mtime - seconds
        os.utime(path, (then, then))


def segments(state: Path) -> list[Path]:
    """The files of the log in their order."""
    return sorted((state / "audit").iterdir())
