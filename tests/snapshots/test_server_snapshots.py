"""Pictures of a server's screens at 80x24 and 160x45; look at the report before updating them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from aishell_core.clock import SystemClock
from aishell_core.values import Severity
from aishell_tui.app import AishellApp
from aishell_tui.authority import authority_over
from aishell_tui.options import DashboardOptions
from collectors.schedule import Schedule
from tests.app.test_screens import text_of, until
from tests.scripted_server import NAME, NO_EXTENSION, STATEMENTS, ServerScript, StillRuntime, scripted_servers, server_target, server_view

SnapCompare = Callable[..., bool]
SIZES = pytest.mark.parametrize("size", [(80, 24), (160, 45)], ids=["80x24", "160x45"])


def still_app(script: ServerScript) -> AishellApp:
    """The whole application over one server that stands still at the end of a minute."""
    targets = (server_target(),)
    runtime = StillRuntime(
        targets,
        clock=SystemClock(),
        open_collector=scripted_servers({NAME: script}),
        schedule=Schedule(),
        thresholds={},
        state_folder=None,
    )
    runtime.play(server_view(script, last=50), server_view(script))
    return AishellApp(runtime, DashboardOptions(targets=targets, authorise=lambda: authority_over(targets, Path("/nowhere"))))


def after(words: str, *keys: str) -> Callable[[Pilot[int]], object]:
    """Press keys and wait until words are on the screen."""

    async def run(pilot: Pilot[int]) -> None:
        app = pilot.app
        assert isinstance(app, AishellApp)
        await until(pilot, lambda: bool(app.frame.targets) and app.frame.targets[0].assessment.severity is not Severity.UNKNOWN)
        app.tick()
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await until(pilot, lambda: words in text_of(app))
        app.tick()
        await pilot.pause()

    return run


@SIZES
def test_health(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    """You should see figures with the bad ones coloured, charts of the last minute, and reasons with the key that leads on."""
    assert snap_compare(still_app(ServerScript()), terminal_size=size, run_before=after("aishell costs this target"))


@SIZES
def test_queries(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    """You should see three statements, the slow one first, with their hit ratios; more columns where there is room."""
    assert snap_compare(still_app(ServerScript()), terminal_size=size, run_before=after("SELECT o.id", "3"))


@SIZES
def test_queries_that_are_estimates(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    """You should see a ~ before each estimated figure, `sampled` in the title, and the statement that installs the extension."""
    script = ServerScript(statements=tuple(replace(each, sampled=True) for each in STATEMENTS), failures=(NO_EXTENSION,))
    assert snap_compare(still_app(script), terminal_size=size, run_before=after("CREATE EXTENSION", "3"))


@SIZES
def test_a_statement(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    """You should see the statement, its plan with the scan marked as most of the cost, and session 4188 that runs it."""
    assert snap_compare(still_app(ServerScript()), terminal_size=size, run_before=after("most of the cost", "3", "j", "enter"))


@SIZES
def test_the_question_before_a_statement_is_run(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    """You should see what is run, where, what it does, and that anything but y is a no."""
    run = after("y yes", "3", "j", "enter", "a")
    assert snap_compare(still_app(ServerScript()), terminal_size=size, run_before=run)


@SIZES
def test_tables(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    """You should see orders with its dead rows and bloat in words under it, and customers."""
    assert snap_compare(still_app(ServerScript()), terminal_size=size, run_before=after("crm.customers", "b"))


@SIZES
def test_findings(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    """You should see only what there is something to say against: orders and the unused index."""
    assert snap_compare(still_app(ServerScript()), terminal_size=size, run_before=after("unused since", "b", "t", "t"))


@SIZES
def test_replication(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    """You should see the standby with its slot under it, that it catches up and when, and the slot that nobody uses."""
    assert snap_compare(still_app(ServerScript()), terminal_size=size, run_before=after("catches up", "r"))


@SIZES
def test_maintenance(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    """You should see the vacuum with bar and end, who holds the horizon, ids, checkpoints, archiver, and the settings that wait."""
    assert snap_compare(still_app(ServerScript()), terminal_size=size, run_before=after("ends in", "v"))
