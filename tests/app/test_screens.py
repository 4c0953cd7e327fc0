"""The screens, driven by keys in a headless terminal over scripted collectors."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.command import CommandList, CommandPalette
from textual.pilot import Pilot

from aishell_core.clock import Clock, SystemClock
from aishell_core.errors import TargetError
from aishell_core.targets import Location, Target
from aishell_core.values import Event, EventKind, FailureCode, Severity, TargetId
from aishell_tui.app import AishellApp
from aishell_tui.options import DashboardOptions
from aishell_tui.runtime import Runtime
from aishell_tui.screens.base import DashboardScreen
from collectors.schedule import Schedule
from tests.scripted import Script, scripted
from widgets.table import LineTable

SIZE = (80, 24)


def target(name: str) -> Target:
    return Target(TargetId(name), Location("sqlite", path=Path(f"/srv/{name}")))


@asynccontextmanager
async def dashboard(
    scripts: dict[str, Script], *, size: tuple[int, int] = SIZE, state: Path | None = None, clock: Clock | None = None, **changes: object
) -> AsyncIterator[tuple[AishellApp, Pilot[int]]]:
    """The whole application over scripts, with its first readings on screen."""
    targets = tuple(target(name) for name in scripts)
    options = replace(DashboardOptions(targets=targets), **changes)  # type: ignore[arg-type]
    runtime = Runtime(
        targets,
        clock=clock or SystemClock(),
        open_collector=scripted(scripts),
        schedule=Schedule(hot_seconds=0.2, warm_seconds=1, deadline_seconds=0.3),
        thresholds={},
        state_folder=state,
        jitter=lambda: 0.0,
    )
    app = AishellApp(runtime, options)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: bool(app.frame.targets) and all(view.last_ok_at or view.failures for view in app.frame.targets))
        yield app, pilot


async def until(pilot: Pilot[int], condition: Callable[[], bool]) -> None:
    """Let the program run until a condition holds."""
    app = pilot.app
    assert isinstance(app, AishellApp)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if condition():
            return
        app.tick()
        await pilot.pause(0.02)
    raise AssertionError(f"never came true; the screen shows:\n{text_of(app)}")


def text_of(app: AishellApp) -> str:
    """What the screen shows, as text."""
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)


def table(app: AishellApp) -> LineTable:
    return app.screen.query_one(LineTable)


async def test_the_fleet_shows_the_worst_target_first_with_its_reason() -> None:
    scripts = {"calm.db": Script(), "slow.db": Script(longest_milliseconds=400_000)}
    async with dashboard(scripts) as (app, pilot):
        await until(pilot, lambda: app.frame.targets[1].assessment.severity is Severity.CRITICAL)
        app.tick()
        text = text_of(app)
        assert text.index("slow.db") < text.index("calm.db")
        assert "the longest statement has run 6m40s, limit 5m00s" in text


async def test_enter_opens_the_health_of_the_selected_target_and_escape_leads_back() -> None:
    async with dashboard({"a.db": Script(), "b.db": Script()}) as (app, pilot):
        await pilot.press("j", "j", "enter")
        await until(pilot, lambda: app.current_mode == "health")
        await until(pilot, lambda: "b.db" in text_of(app) and "transactions/s" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.current_mode == "fleet")


async def test_one_target_opens_on_its_health() -> None:
    async with dashboard({"a.db": Script()}) as (app, pilot):
        await until(pilot, lambda: app.current_mode == "health" and "transactions/s" in text_of(app))
        await until(pilot, lambda: "aishell costs this target" in text_of(app))


async def test_queries_show_their_text_at_80_columns_and_do_no_harm() -> None:
    async with dashboard({"a.db": Script()}) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "SELECT * FROM orders WHERE not" in text_of(app))
        assert "INSERT INTO [/] values ('[bold" in text_of(app)
        assert "\x1b" not in text_of(app)


async def test_the_modes_of_queries_and_their_reset() -> None:
    async with dashboard({"a.db": Script()}) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "live, last" in text_of(app))
        await pilot.press("t", "t")
        await until(pilot, lambda: "total" in text_of(app))
        await pilot.press("r")
        await until(pilot, lambda: "since reset, last" in text_of(app))


async def test_the_detail_of_a_query_shows_text_plan_and_who_runs_it() -> None:
    async with dashboard({"a.db": Script()}, size=(100, 40)) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: bool(table(app).shown_ids))
        table(app).select("d1")
        await pilot.press("enter")
        await until(pilot, lambda: "SCAN orders" in text_of(app))
        text = text_of(app)
        assert "FROM orders" in text
        assert "reads all of orders" in text
        assert "1 costly step marked" in text
        assert "nobody runs it at this moment" in text


async def test_a_filter_narrows_the_rows_and_stays_in_sight() -> None:
    async with dashboard({"alpha.db": Script(), "beta.db": Script()}) as (app, pilot):
        await pilot.press("slash", *"!alp", "enter")
        await until(pilot, lambda: table(app).shown_ids == ("beta.db",))
        await pilot.press("escape")
        await until(pilot, lambda: len(table(app).shown_ids) == 2)


async def test_pause_freezes_the_numbers_and_says_so() -> None:
    async with dashboard({"a.db": Script(), "b.db": Script()}) as (app, pilot):
        await pilot.press("p")
        frozen = app.frame
        await pilot.pause(0.3)
        app.tick()
        assert app.frame is frozen
        assert "PAUSED" in text_of(app)
        await pilot.press("p")
        await until(pilot, lambda: app.frame is not frozen)


async def test_going_back_in_time_is_announced_and_escape_returns() -> None:
    async with dashboard({"a.db": Script()}) as (app, pilot):
        await until(pilot, lambda: app.current_mode == "health")
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: app.look.until is not None)
        await pilot.press("escape")
        await until(pilot, lambda: app.look.until is None)


async def test_a_selected_event_is_told_in_full_and_can_be_copied() -> None:
    long = "a reason that is told in so many words that no column of a narrow terminal could ever hold all of them: " + "word " * 12
    scripts = {"a.db": Script()}
    async with dashboard(scripts) as (app, pilot):
        await until(pilot, lambda: app.current_mode == "health")
        event = Event(app.frame.at, TargetId("a.db"), EventKind.SETTING, Severity.WARNING, long)
        app.look = replace(app.look, paused=True)
        app.frame = replace(app.frame, events=(event,))
        await pilot.press("8", "j")
        await until(pilot, lambda: text_of(app).count("word") > 12)
        assert "could ever hold all of them" in " ".join(text_of(app).split())
        await pilot.press("escape")
        await until(pilot, lambda: text_of(app).count("word") < 12)


async def test_before_its_history_a_target_says_since_when_there_is_any() -> None:
    async with dashboard({"a.db": Script()}) as (app, pilot):
        await until(pilot, lambda: app.current_mode == "health")
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "history of a.db begins at" in text_of(app))
        assert "the sentences below are of now" in text_of(app)
        await pilot.press("z")
        await until(pilot, lambda: "history of a.db begins at" in text_of(app) and "sentences" not in text_of(app))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.look.until is None and "history of" not in text_of(app))


@pytest.mark.parametrize("digit", ["1", "3", "4", "8"])
async def test_a_screen_without_a_past_says_that_it_shows_the_present(digit: str) -> None:
    async with dashboard({"a.db": Script()}) as (app, pilot):
        await until(pilot, lambda: app.current_mode == "health")
        await pilot.press("left_square_bracket", digit)
        await until(pilot, lambda: "this is the present: of " in text_of(app))
        await pilot.press("2", "escape", digit)
        await until(pilot, lambda: "this is the present" not in text_of(app))


async def test_a_target_that_hangs_is_stale_with_its_reason_and_recovers_by_itself() -> None:
    scripts = {"good.db": Script(), "hangs.db": Script()}
    async with dashboard(scripts) as (app, pilot):
        scripts["hangs.db"].hang = True
        await until(pilot, lambda: "no answer within" in text_of(app))
        before = app.frame.view(TargetId("good.db"))
        await until(pilot, lambda: (app.frame.view(TargetId("good.db")) or before) is not before)
        good = app.frame.view(TargetId("good.db"))
        assert good is not None
        assert good.assessment.severity is Severity.OK
        scripts["hangs.db"].hang = False
        await until(pilot, lambda: all(view.assessment.severity is Severity.OK for view in app.frame.targets))
        assert any("ok again" in event.text for event in app.frame.events)


async def test_an_error_full_of_markup_does_no_harm() -> None:
    error = TargetError(FailureCode.REFUSED, "[/bold] \x1b]0;owned\x07 [red]no[/]", "[link=x]try[/]")
    async with dashboard({"bad.db": Script(error=error)}) as (app, pilot):
        for key in ("1", "2", "3", "8"):
            await pilot.press(key)
            await pilot.pause()
            app.tick()
            assert "\x1b" not in text_of(app)
        await pilot.press("1")
        await until(pilot, lambda: "[red]no[/]" in text_of(app))


async def test_an_event_opens_its_moment_on_the_health_screen() -> None:
    scripts = {"a.db": Script(), "b.db": Script()}
    async with dashboard(scripts) as (app, pilot):
        scripts["b.db"].started_at = 2_000.0
        await until(pilot, lambda: any("restarted" in event.text for event in app.frame.events))
        await pilot.press("8")
        await until(pilot, lambda: app.current_mode == "events" and bool(table(app).shown_ids))
        await pilot.press("j", "enter")
        await until(pilot, lambda: app.current_mode == "health" and app.look.target == "b.db")


async def test_help_lists_the_keys_of_the_screen() -> None:
    async with dashboard({"a.db": Script(), "b.db": Script()}) as (app, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: "Filter the rows by a regular expression" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DashboardScreen))


@pytest.mark.parametrize("suffix", ["csv", "json", "svg"])
async def test_a_pane_is_exported_to_a_file(suffix: str, tmp_path: Path) -> None:
    async with dashboard({"a.db": Script(), "b.db": Script()}, size=(120, 30)) as (app, pilot):
        await pilot.press("E")
        await pilot.pause()
        await pilot.press(*["j"] * ["csv", "json", "svg"].index(suffix), "enter")
        await until(pilot, lambda: f".{suffix}" in text_of(app) and "written to" in text_of(app))


@pytest.mark.parametrize("moves", [(), ("j",), ("j", "j", "k")])
async def test_a_list_of_choices_is_left_by_the_first_esc(moves: tuple[str, ...]) -> None:
    async with dashboard({"a.db": Script(), "b.db": Script()}, size=(120, 30)) as (app, pilot):
        await pilot.press("E")
        await until(pilot, lambda: "esc leaves" in text_of(app))
        await pilot.press(*moves, "escape")
        await until(pilot, lambda: isinstance(app.screen, DashboardScreen))
        await pilot.press("2")
        await until(pilot, lambda: app.current_mode == "health")


async def test_a_tiny_terminal_is_told_which_size_it_needs() -> None:
    async with dashboard({"a.db": Script(), "b.db": Script()}, size=(50, 12)) as (app, pilot):
        await until(pilot, lambda: "60x16" in text_of(app))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "a.db" in text_of(app))


async def test_metrics_and_tables_are_one_key_away_from_health() -> None:
    async with dashboard({"a.db": Script()}, size=(120, 40)) as (app, pilot):
        await until(pilot, lambda: app.current_mode == "health")
        await pilot.press("m")
        await until(pilot, lambda: "Client connections that are open" in text_of(app))
        await pilot.press("escape", "b")
        await until(pilot, lambda: "orders_by_user" in text_of(app))


async def test_a_chart_is_maximised_and_brought_back() -> None:
    async with dashboard({"a.db": Script()}, size=(120, 40)) as (app, pilot):
        await until(pilot, lambda: app.current_mode == "health" and "transactions/s" in text_of(app))
        await pilot.press("z")
        await until(pilot, lambda: "last 15 m" in text_of(app))
        await pilot.press("z")
        await until(pilot, lambda: "aishell costs this target" in text_of(app))


async def test_the_wall_shows_the_worst_target_large() -> None:
    async with dashboard({"a.db": Script(longest_milliseconds=400_000)}, wall=True, size=(120, 40)) as (app, pilot):
        await until(pilot, lambda: app.current_mode == "wall" and "the longest statement has run 6m40s" in text_of(app))


async def choose(pilot: Pilot[int], words: str) -> None:
    """Open the palette, type and take the first command that it finds."""
    await pilot.press("colon")
    await until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))
    await pilot.press(*words)
    await until(pilot, lambda: all(word in found(pilot) for word in words.split()))
    await pilot.press("enter")


def found(pilot: Pilot[int]) -> str:
    """The command that the palette lists first, "" while it searches."""
    commands = pilot.app.screen.query_one(CommandList)
    return str(commands.get_option_at_index(0).prompt) if commands.option_count and commands.highlighted == 0 else ""


async def test_the_palette_finds_a_screen_by_name() -> None:
    async with dashboard({"a.db": Script(), "b.db": Script()}) as (app, pilot):
        await choose(pilot, "Screen Events")
        await until(pilot, lambda: app.current_mode == "events")


@pytest.mark.parametrize("theme", ["night", "day", "high-contrast", "deuteranopia", "mono"])
async def test_every_theme_dresses_every_screen(theme: str) -> None:
    async with dashboard({"a.db": Script(), "b.db": Script()}, theme=theme) as (app, pilot):
        for key in ("1", "2", "3", "8"):
            await pilot.press(key)
            await pilot.pause()
        assert app.palette.name == theme


async def test_a_state_folder_that_cannot_be_written_is_said_and_nothing_else_stops(tmp_path: Path) -> None:
    blocked = tmp_path / "state"
    blocked.write_text("a file stands where the folder should be")
    async with dashboard({"a.db": Script()}, state=blocked) as (app, pilot):
        await until(pilot, lambda: any("no history is kept" in note for note in app.frame.notes))
        await until(pilot, lambda: "no history is kept" in text_of(app))


class EarlierClock(SystemClock):
    """The machine's clock, some hours ago."""

    def __init__(self, hours: float) -> None:
        self._seconds = hours * 3600

    def now(self) -> float:
        return super().now() - self._seconds


async def test_a_restarted_dashboard_shows_the_charts_and_events_of_hours_ago(tmp_path: Path) -> None:
    scripts = {"a.db": Script()}
    async with dashboard(scripts, state=tmp_path, clock=EarlierClock(3), span_seconds=60) as (app, pilot):
        scripts["a.db"].started_at = 2_000.0
        await until(pilot, lambda: any("restarted" in event.text for event in app.frame.events))
        await pilot.press("q")
        await until(pilot, app.runtime.stopped.is_set)
    async with dashboard({"a.db": Script()}, state=tmp_path, size=(120, 40)) as (app, pilot):
        await until(pilot, lambda: any("restarted" in event.text for event in app.frame.events))
        await until(pilot, lambda: "transactions/s" in text_of(app))
        await pilot.press("right_curly_bracket", "right_curly_bracket")
        then_and_now = re.compile("[\u2801-\u28ff] {20,}[\u2801-\u28ff]")
        await until(pilot, lambda: "6 h" in text_of(app) and then_and_now.search(text_of(app)) is not None)
