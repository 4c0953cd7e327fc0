"""A server that shows nothing any more of what it is judged by: never well, on any engine, in any command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from aishell_core.clock import SystemClock
from aishell_core.targets import Target
from aishell_core.values import Severity, Tier
from aishell_tui.frame import TargetView
from aishell_tui.oneshot import LookPlan, look_at
from collectors.registry import open_collector
from tests.command_line import Ran, run_process
from tests.servers.mongodb_wire import WireServer, wire_server
from tests.servers.mysql import mysql
from tests.servers.postgres import postgres

_DENIED = [13, "Unauthorized", "not authorized on admin to execute command { x: 1 }"]
_TRIES = 10


@dataclass(frozen=True, slots=True)
class _Rights:
    """One server as somebody with all rights reads it, and as somebody without."""

    whole: Target
    bare: Target
    grant: str


@contextmanager
def _postgres() -> Iterator[_Rights]:
    with postgres("16") as server:
        server.execute("CREATE ROLE bare LOGIN")
        client = server.connect()
        try:
            yield _Rights(server.target(), server.target(user="bare"), "GRANT pg_monitor")
        finally:
            client.close()


@contextmanager
def _mysql() -> Iterator[_Rights]:
    with mysql() as server:
        server.execute("CREATE USER bare@'%' IDENTIFIED BY 'x'")
        yield _Rights(server.target(), server.target(user="bare", password="x"), "GRANT PROCESS")


async def _looked(target: Target) -> TargetView:
    """What one look finds; once more where a busy machine let the server not answer in time."""
    for _ in range(_TRIES):
        (view,) = await look_at([target], LookPlan((Tier.WARM,), window_seconds=0.2), open_collector, SystemClock())
        if view.target_failure is None and not any("no answer" in each.message or "no time" in each.message for each in view.failures):
            return view
    raise AssertionError(view.failures)


@pytest.mark.parametrize("server", [_postgres, _mysql])
async def test_who_may_not_see_what_a_server_is_judged_by_is_not_told_that_it_is_well(server: object) -> None:
    assert callable(server)
    with server() as rights:
        whole, bare = await _looked(rights.whole), await _looked(rights.bare)
    assert not [reason for reason in whole.assessment.reasons if reason.severity is Severity.UNKNOWN]
    unknown = [reason for reason in bare.assessment.reasons if reason.severity is Severity.UNKNOWN]
    assert any("hidden" in reason.text for reason in unknown), bare.failures
    assert bare.assessment.severity is not Severity.OK
    assert any(rights.grant in failure.hint for failure in bare.failures if failure.essential)


def _command(server: WireServer, home: Path, *arguments: str) -> Ran:
    for _ in range(_TRIES):
        ran = run_process(*arguments, "--window", "200ms", "-t", server.url(), environment={"AISHELL_HOME": str(home)})
        if "no answer" not in ran.out:
            break
    return ran


@pytest.mark.parametrize("command", ["status", "health-check"])
def test_a_mongodb_that_lost_its_rights_is_unknown_with_its_reason(tmp_path: Path, command: str) -> None:
    with wire_server("8") as server:
        server.change(refuse=dict.fromkeys(("serverStatus", "inprog", "top", "replSetGetStatus", "indexStats"), _DENIED))
        ran = _command(server, tmp_path, command)
    assert ran.code == 3, ran.out
    assert "unknown" in ran.out
    for part in ("server status", "sessions", "replication"):
        assert f"{part}: " in ran.out, ran.out


async def test_rights_that_are_lost_while_it_is_watched_leave_no_old_verdict() -> None:
    with wire_server("8") as server:
        before = await _looked(server.target())
        assert before.assessment.severity in {Severity.WARNING, Severity.CRITICAL}
        server.change(refuse={"serverStatus": _DENIED})
        after = await _looked(server.target())
        server.change(allow=["serverStatus"])
        again = await _looked(server.target())
    assert any("server status" in reason.text for reason in after.assessment.reasons)
    assert after.assessment.severity is not Severity.OK
    assert not [reason for reason in again.assessment.reasons if reason.severity is Severity.UNKNOWN]


@pytest.mark.parametrize("command", ["status", "health-check"])
def test_a_postgresql_whose_views_are_closed_is_unknown_with_its_reason(tmp_path: Path, command: str) -> None:
    closed = "pg_stat_activity, pg_locks, pg_settings, pg_stat_database"
    with postgres("15", statements=False) as server:
        server.execute("CREATE ROLE bare LOGIN", f"REVOKE SELECT ON {closed} FROM PUBLIC")
        for _ in range(_TRIES):
            url = server.url(user="bare")
            ran = run_process(command, "--window", "200ms", "-t", url, environment={"AISHELL_HOME": str(tmp_path)})
            if "no answer" not in ran.out:
                break
    assert ran.code == 3, ran.out
    assert "unknown" in ran.out
    assert "pg_stat_activity" in ran.out, ran.out
