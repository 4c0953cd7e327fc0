"""Which failures a report for people tells: those of what it is about, and those that are about everything."""

from __future__ import annotations

from aishell_core.values import Failure, FailureCode, Part
from aishell_tui.cli.reports.looked import failures_about


def failure(part: str) -> Failure:
    return Failure(part, FailureCode.MISSING, f"no {part}", "make it")


def test_a_report_tells_what_is_missing_of_its_own_part_and_of_the_whole_target() -> None:
    failures = [failure(part) for part in ("target", Part.SESSIONS, Part.STATEMENTS, Part.LOCKS, "server status")]
    assert [each.part for each in failures_about(failures, Part.SESSIONS, Part.LOCKS)] == ["target", "sessions", "locks", "server status"]
    assert [each.part for each in failures_about(failures, Part.STATEMENTS)] == ["target", "statements", "server status"]
