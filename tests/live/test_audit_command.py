"""aishell audit show and verify as a person runs them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aishell_core.clock import SystemClock
from aishell_core.safety.audit import AuditLog
from aishell_core.safety.audit_entry import Outcome, Result
from aishell_core.safety.audit_verify import verify
from aishell_core.safety.audit_writer import AuditLimits
from aishell_core.safety.decision import Decision
from tests.command_line import run_here, run_process
from tests.fake_clock import FakeClock
from tests.safety import DAY_SECONDS, attempt, let_time_pass, segments


@pytest.fixture
def state(aishell_home: Path) -> Path:
    """A log with one attempt that was done and one that was refused."""
    log = AuditLog(aishell_home / "state", SystemClock())
    log.record_result(log.record_attempt(attempt()), Outcome(Result.DONE, 0.25, affected=1))
    log.record_attempt(attempt("DROP TABLE customers", Decision(False, role="operator", message="ann is operator and may not")))
    return aishell_home / "state"


@pytest.mark.usefixtures("state")
def test_show_says_who_did_what_where_and_how_it_ended(capsys: pytest.CaptureFixture[str]) -> None:
    ran = run_here(capsys, "audit", "show")
    assert ran.code == 0
    assert re.search(r"1 .* ann +developer +shop +write +medium +allowed +done +250ms", ran.out)
    assert re.search(r"3 .* ann +operator +shop +schema +critical +refused", ran.out)
    assert "may not" in ran.out
    assert "ada@example.org" not in ran.out


@pytest.mark.usefixtures("state")
def test_show_for_scripts_and_its_filters(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = run_here(capsys, "audit", "show", "--json").json()["attempts"]
    assert isinstance(attempts, list)
    done, refused = attempts
    assert isinstance(done, dict)
    assert isinstance(refused, dict)
    assert (done["statement"], done["result"], done["affected"], done["seconds"]) == (done["statement"], "done", 1, 0.25)
    assert re.fullmatch(r"DELETE FROM customers WHERE email = #[0-9a-f]{12}", str(done["statement"]))
    assert (refused["decision"], refused["actions"], refused["ssh_client"]) == ("refused", ["schema"], "192.0.2.7 50000 22")
    assert run_here(capsys, "audit", "show", "--target", "other", "--json").json()["attempts"] == []
    assert run_here(capsys, "audit", "show", "--since", "2999-01-01", "--json").json()["attempts"] == []
    narrow = str(run_here(capsys, "audit", "show", "--since", "2000-01-01", "--target", "shop").out).splitlines()
    assert len(narrow) == 6, "each statement stands below its row where there is little room"
    assert all("Z  ann" in line for line in narrow[1::5]), "times are never cut"
    monkeypatch.setenv("COLUMNS", "200")
    assert len(str(run_here(capsys, "audit", "show", "--since", "2000-01-01", "--target", "shop").out).splitlines()) == 4


@pytest.mark.usefixtures("state")
def test_a_time_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    ran = run_here(capsys, "audit", "show", "--since", "yesterday")
    assert ran.code == 64
    assert "neither a time nor a day" in ran.err


def test_verify_ends_with_nothing_one_or_two(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = run_here(capsys, "audit", "verify")
    assert (whole.code, "whole: 3 records in 1 file" in whole.out) == (0, True)
    with segments(state)[0].open("ab") as file:
        file.write(b'{"seq":')
    torn = run_here(capsys, "audit", "verify")
    assert (torn.code, "a crash cut off" in torn.out) == (1, True)
    segments(state)[0].write_bytes(segments(state)[0].read_bytes().replace(b"refused", b"allowed"))
    damaged = run_here(capsys, "audit", "verify", "--json")
    assert damaged.code == 2
    assert damaged.json()["ok"] is False


def test_an_act_that_a_crash_cut_off_is_something_to_look_at(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    AuditLog(state).record_attempt(attempt())
    found = run_here(capsys, "audit", "verify")
    assert (found.code, "no result is written down for attempt 4" in found.out) == (1, True)


def test_verify_names_what_has_expired_and_times_that_go_back(aishell_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = aishell_home / "state"
    clock = FakeClock(now=SystemClock().now() - 10 * DAY_SECONDS)
    for _ in range(8):
        let_time_pass(state, clock)
        AuditLog(state, clock, AuditLimits(keep_days=3)).record_attempt(attempt("DROP TABLE x", Decision(False)))
    found = run_here(capsys, "audit", "verify")
    expired = verify(state).expired
    assert (found.code, expired > 0, f"records 1 to {expired} have been taken away because of age" in found.out) == (0, True, True)
    assert run_here(capsys, "audit", "verify", "--json").json()["expired"] == expired
    clock.jump(-DAY_SECONDS)
    AuditLog(state, clock).record_attempt(attempt("DROP TABLE x", Decision(False)))
    found = run_here(capsys, "audit", "verify")
    assert (found.code, "record 9 was written at" in found.out) == (1, True)


def test_the_command_that_verify_prints_works(state: Path) -> None:
    printed = run_process("audit", "verify").out.splitlines()[-1]
    words = printed.partition("aishell ")[2].split()
    assert run_process(*words).code == 0
    for path in [*segments(state), state / "audit.head", state / "audit.key"]:
        path.unlink()
    AuditLog(state).record_attempt(attempt())
    assert run_process(*words).code == 2


def test_no_log_is_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(capsys, "audit", "show").out == "no attempt is recorded here\n"
    verified = run_here(capsys, "audit", "verify")
    assert (verified.code, verified.out) == (0, "remark: there is no audit log yet\n")
