"""Sessions, the lock tree, one session and the wait profile, driven by keys over scripted collectors."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from aishell_core.clock import SystemClock
from aishell_core.errors import TargetError
from aishell_core.values import FailureCode, Part, Reading, TargetId, Tier, WaitCount
from aishell_tui.app import AishellApp
from aishell_tui.options import DashboardOptions
from aishell_tui.runtime import Runtime
from aishell_tui.screens.session import SessionScreen
from aishell_tui.screens.sessions import LockTreeTable, SessionsScreen
from aishell_tui.screens.waits import WaitsScreen
from aishell_tui.session_list import identity
from collectors.schedule import Schedule
from tests.app.test_screens import choose
from tests.scripted import scripted
from tests.scripted_sessions import CHAIN_SESSIONS, HEAD, WAITS, SessionScript, edge, scripted_sessions, server, session
from widgets.stacked_chart import StackedChart
from widgets.table import LineTable
from widgets.table_layout import place_columns

SMALL, LARGE = (80, 24), (160, 45)


@asynccontextmanager
async def dashboard(
    script: SessionScript, *others: SessionScript, size: tuple[int, int] = SMALL, theme: str = "night"
) -> AsyncIterator[tuple[AishellApp, Pilot[int]]]:
    """The whole application over one server or more, with the first readings on screen."""
    scripts = {f"pg{number}": each for number, each in enumerate((script, *others))}
    targets = tuple(server(name) for name in scripts)
    runtime = Runtime(
        targets,
        clock=SystemClock(),
        open_collector=scripted_sessions(scripts),
        schedule=Schedule(hot_seconds=0.2, warm_seconds=1, deadline_seconds=0.5),
        thresholds={},
        state_folder=None,
        jitter=lambda: 0.0,
    )
    app = AishellApp(runtime, DashboardOptions(targets=targets, theme=theme))
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
    """The table that is seen."""
    assert isinstance(app.screen, SessionsScreen | WaitsScreen)
    found = app.screen.table
    assert found is not None
    return found


def ids(app: AishellApp) -> list[str]:
    return [row_id.split("@")[0] for row_id in table(app).shown_ids]


def written(folder: Path, pattern: str) -> str:
    """The only file of a name."""
    (path,) = folder.rglob(pattern)
    return path.read_text()


async def keeps_its_moments(app: AishellApp, pilot: Pilot[int]) -> None:
    """The times of day at which what has ended began are the same some readings later."""

    def moments() -> list[str]:
        return re.findall(r"since +(\d\d:\d\d:\d\d)", text_of(app))

    before, since = moments(), app.frame.targets[0].part_at[Part.SESSIONS]
    assert before
    await until(pilot, lambda: app.frame.targets[0].part_at[Part.SESSIONS] > since + 1.5)
    assert moments() == before


async def sessions(app: AishellApp, pilot: Pilot[int]) -> None:
    """Go to the sessions and wait for rows."""
    await pilot.press("4")
    await until(pilot, lambda: isinstance(app.screen, SessionsScreen) and bool(table(app).shown_ids))


async def test_at_80_columns_the_head_of_the_queue_comes_first_and_statements_have_thirty_cells() -> None:
    async with dashboard(SessionScript()) as (app, pilot):
        await sessions(app, pilot)
        lines = text_of(app).splitlines()
        assert "sessions  9: 6 active, 1 in tx, 5 waiting, 2 hidden" in lines[2]
        assert lines[4].split()[:6] == ["▲", "4121", "12m00s", "idle", "in", "tx"]
        assert "blocks 2" in lines[4]
        assert "UPDATE orders SET status = 'b" in lines[4]
        placed = place_columns(table(app).columns, 80 - 3).columns
        assert placed[-1].column.key == "sql"
        assert placed[-1].width >= 30


async def test_sessions_that_were_read_before_somebody_looked_away_are_not_shown_as_if_they_were_there() -> None:
    async with dashboard(SessionScript()) as (app, pilot):
        await sessions(app, pilot)
        app.change_look(replace(app.look, paused=True))
        view = app.frame.targets[0]
        assert view.last_ok_at is not None
        before = {Part.SESSIONS: view.last_ok_at - 240.0, Part.LOCKS: view.last_ok_at - 240.0}
        app.frame = replace(app.frame, targets=(replace(view, part_at=before),))
        assert isinstance(app.screen, SessionsScreen)
        app.screen.show(app.frame, app.look)
        await pilot.pause()
        assert (list(table(app).shown_ids), app.screen.chosen_sessions()) == ([], ())
        assert "reading …" in text_of(app)
        assert "live" not in text_of(app).splitlines()[2]
        app.change_look(replace(app.look, paused=False))
        await until(pilot, lambda: bool(table(app).shown_ids))


async def test_a_wide_terminal_shows_who_where_from_and_what_the_processes_use() -> None:
    async with dashboard(SessionScript(), size=LARGE) as (app, pilot):
        await sessions(app, pilot)
        text = text_of(app)
        assert all(word in text for word in ("DATABASE", "APP", "CLIENT", "CPU%", "MEM", "10.0.3.7", "32 MiB", "Lock:transactionid"))


async def test_idle_and_background_sessions_come_and_go_with_a_key() -> None:
    async with dashboard(SessionScript(), size=LARGE) as (app, pilot):
        await sessions(app, pilot)
        assert not {"4301", "90"} & set(ids(app))
        assert "2 hidden (idle and background, key i)" in text_of(app)
        await pilot.press("i")
        await until(pilot, lambda: ids(app)[-2:] == ["4301", "90"])
        assert "hidden" not in text_of(app).splitlines()[2]
        await pilot.press("i")
        await until(pilot, lambda: "90" not in ids(app))


async def test_an_idle_session_that_is_waited_for_is_shown() -> None:
    idle = session(7, state="idle", statement_seconds=None, transaction_seconds=None)
    script = SessionScript(sessions=(idle, session(8)), lock_waits=(edge(8, 7, 3.0),))
    async with dashboard(script) as (app, pilot):
        await sessions(app, pilot)
        assert ids(app) == ["7", "8"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [("migrate", ["4190"]), ("alembic", ["4190"]), ("!shop-web", ["4121", "4190"]), ("idle in", ["4121"]), ("from orders o", ["4300"])],
)
async def test_a_filter_looks_at_user_application_state_and_statement(typed: str, found: list[str]) -> None:
    async with dashboard(SessionScript()) as (app, pilot):
        await sessions(app, pilot)
        await pilot.press("slash", *("space" if key == " " else "exclamation_mark" if key == "!" else key for key in typed), "enter")
        await until(pilot, lambda: ids(app) == found)
        assert f"/{typed}" in text_of(app)


async def test_any_column_sorts_with_figures_from_the_largest() -> None:
    async with dashboard(SessionScript()) as (app, pilot):
        await sessions(app, pilot)
        await pilot.press("s")
        await until(pilot, lambda: ids(app)[0] == "4300")
        await pilot.press("l", "s")
        await until(pilot, lambda: ids(app)[0] == "4121" and ids(app)[-1] == "4300")


async def test_the_selection_follows_the_session_and_not_its_number() -> None:
    script = SessionScript()
    async with dashboard(script) as (app, pilot):
        await sessions(app, pilot)
        await pilot.press("j")
        await until(pilot, lambda: "Ending it frees 5 sessions; its own work since" in text_of(app))
        again = replace(HEAD, started_at=(HEAD.started_at or 0.0) + 500, user="another", state="active", text="SELECT 'another'")
        script.sessions = (*CHAIN_SESSIONS[:-1], again)
        await until(pilot, lambda: "4121 has ended" in text_of(app))
        assert table(app).selected_id == identity(HEAD)
        assert "order held" in text_of(app)
        await keeps_its_moments(app, pilot)
        await pilot.press("escape")
        await until(pilot, lambda: table(app).selected_id is None and "has ended" not in text_of(app))


async def test_the_lock_tree_stands_head_first_and_keeps_the_selected_session() -> None:
    async with dashboard(SessionScript()) as (app, pilot):
        await sessions(app, pilot)
        await pilot.press("j", "j")
        await pilot.press("t")
        await until(pilot, lambda: "lock tree  heads 1   waiting 5   longest wait 11m52s" in text_of(app))
        lines = text_of(app).splitlines()
        assert [line[2:11].rstrip() for line in lines[4:10]] == ["4121", "├ 4188", "│ ├ 4201", "│ └ 4230", "└ 4190", "  └ 4195"]
        assert "holds orders" in lines[4]
        assert lines[5].startswith("▸ ├ 4188")
        assert "waits 11m52s for orders Share, behind 4121 (billing, idle in transaction)" in text_of(app)
        await pilot.press("s")
        await until(pilot, lambda: "the tree has an order of its own" in text_of(app))
        await pilot.press("t")
        await until(pilot, lambda: "sessions  9:" in text_of(app))
        assert table(app).selected_id is not None


async def test_a_new_waiter_stands_in_its_place_also_while_a_row_is_selected() -> None:
    script = SessionScript()
    async with dashboard(script) as (app, pilot):
        await sessions(app, pilot)
        await pilot.press("t", "j")
        assert script.lock_waits is not None
        script.sessions = (*script.sessions, session(4191))
        script.lock_waits = (*script.lock_waits, edge(4191, 4188, 900.0))
        await until(pilot, lambda: ids(app) == ["4121", "4188", "4191", "4201", "4230", "4190", "4195"])
        assert table(app).selected_id == identity(HEAD)


async def test_without_waits_the_tree_lists_who_has_a_transaction_open_longest() -> None:
    script = SessionScript(lock_waits=())
    async with dashboard(script) as (app, pilot):
        await sessions(app, pilot)
        await pilot.press("t")
        await until(pilot, lambda: "nobody waits for a lock; transactions open longest:" in text_of(app))
        assert ids(app)[:2] == ["4121", "4188"]
        assert "12m04s" in text_of(app)


async def test_a_server_that_tells_of_no_locks_has_no_tree_to_be_caught_in() -> None:
    without = SessionScript(lock_waits=None, tells_locks=False)
    async with dashboard(SessionScript(), without) as (app, pilot):
        app.open_target(TargetId("pg0"))
        await pilot.pause()
        await sessions(app, pilot)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(table(app), LockTreeTable))
        app.change_look(replace(app.look, target=TargetId("pg1")))
        assert isinstance(app.screen, SessionsScreen)
        app.screen.on_screen_resume()
        await until(pilot, lambda: not isinstance(table(app), LockTreeTable) and bool(table(app).shown_ids))
        await pilot.press("t")
        await until(pilot, lambda: "pg1 tells of no locks" in text_of(app))
        assert not isinstance(table(app), LockTreeTable)
        assert table(app).shown_ids


async def test_a_prepared_transaction_at_the_head_is_said_in_words() -> None:
    script = SessionScript(lock_waits=(edge(4188, 0, 5.0), edge(4190, 999, 3.0)))
    async with dashboard(script, size=LARGE) as (app, pilot):
        await sessions(app, pilot)
        await pilot.press("t")
        await until(pilot, lambda: "a prepared transaction, which no session owns" in text_of(app))
        assert "no longer among the sessions" in text_of(app)
        await pilot.press("j")
        await until(pilot, lambda: "nothing more is known of it" in text_of(app))
        await pilot.press("enter")
        assert isinstance(app.screen, SessionsScreen)


async def test_a_deadlock_in_the_making_is_marked() -> None:
    script = SessionScript(lock_waits=(edge(4188, 4190, 5.0), edge(4190, 4188, 3.0)))
    async with dashboard(script) as (app, pilot):
        await sessions(app, pilot)
        await pilot.press("t")
        await until(pilot, lambda: "1 deadlock in the making" in text_of(app))
        assert text_of(app).count("circle orders") == 2


async def test_enter_shows_one_session_in_full_with_its_plan_on_demand() -> None:
    async with dashboard(SessionScript()) as (app, pilot):
        await sessions(app, pilot)
        await pilot.press("j", "j", "enter")
        await until(pilot, lambda: isinstance(app.screen, SessionScreen) and "pg0 ▸ sessions ▸ 4188" in text_of(app))
        text = text_of(app)
        assert "4121 (billing, idle in transaction)  11m52s  orders Share, held Excl" in text
        assert "4201 (shop, active)" in text
        assert "Ending it frees 2 sessions" in text
        assert "SET status = 'billed'," in text
        await pilot.press("e")
        await until(pilot, lambda: "SCAN orders" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen))


async def test_a_session_that_ends_while_it_is_looked_at_stays_as_it_was() -> None:
    script = SessionScript()
    async with dashboard(script) as (app, pilot):
        await sessions(app, pilot)
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(app.screen, SessionScreen))
        script.sessions = CHAIN_SESSIONS[:1]
        script.lock_waits = ()
        await until(pilot, lambda: "has ended; this is what was last known of it" in text_of(app))
        assert "SET status = 'billed'" in text_of(app)
        await keeps_its_moments(app, pilot)


async def test_e_opens_a_session_with_its_plan_at_once() -> None:
    async with dashboard(SessionScript()) as (app, pilot):
        await sessions(app, pilot)
        await pilot.press("j", "e")
        await until(pilot, lambda: isinstance(app.screen, SessionScreen) and "SCAN orders" in text_of(app))


async def test_the_statement_is_copied(aishell_home: Path) -> None:
    async with dashboard(SessionScript()) as (app, pilot):
        await sessions(app, pilot)
        await pilot.press("j", "y")
        await until(pilot, lambda: "sent to the clipboard" in text_of(app))
        assert written(aishell_home, "copied.txt") == HEAD.text


async def test_the_table_is_exported_with_numbers(aishell_home: Path) -> None:
    async with dashboard(SessionScript(), size=LARGE) as (app, pilot):
        await sessions(app, pilot)
        await pilot.press("E")
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: ".csv" in text_of(app) and "written to" in text_of(app))
        head = written(aishell_home, "sessions-*.csv").splitlines()[1].split(",")
        assert head[0] == "4121.0"
        assert head[1] == "720.0"


async def test_where_nobody_is_known_to_act_no_act_is_offered() -> None:
    async with dashboard(SessionScript(sessions=CHAIN_SESSIONS), size=LARGE) as (app, pilot):
        await sessions(app, pilot)
        await pilot.press("j", "x", "K", "B")
        assert isinstance(app.screen, SessionsScreen)
        assert "end blocker" not in text_of(app)


async def test_why_there_are_no_sessions_is_said_with_what_to_do() -> None:
    script = SessionScript(error=TargetError(FailureCode.PRIVILEGE, "permission denied", 'GRANT pg_monitor TO "app"'))
    async with dashboard(script) as (app, pilot):
        await pilot.press("4")
        await until(pilot, lambda: "n/a: permission denied." in text_of(app))
        assert '   GRANT pg_monitor TO "app"' in {line.rstrip() for line in text_of(app).splitlines()}


async def test_words_of_a_database_do_no_harm() -> None:
    odd = "[bold red]x[/] \x1b]0;owned\x07 \u202e"
    script = SessionScript(sessions=(session(1, user=odd, application=odd, database=odd, client=odd, wait=odd, state=odd, text=odd),))
    script.lock_waits = (edge(1, 2, 3.0, odd, odd, odd),)
    script.waits = (WaitCount(odd, odd, 1, odd, odd, odd, odd, odd),)
    async with dashboard(script, size=LARGE) as (app, pilot):
        await sessions(app, pilot)
        for key in ("j", "t", "enter", "escape", "w", "t", "t", "t", "t"):
            await pilot.press(key)
            await pilot.pause()
            app.tick()
            assert "\x1b" not in text_of(app)
            assert "\u202e" not in text_of(app)
        await until(pilot, lambda: "[bold red]x[/]" in text_of(app))


async def test_an_engine_without_locks_and_waits_has_its_sessions_all_the_same() -> None:
    targets = (server("plain"),)
    runtime = Runtime(
        targets,
        clock=SystemClock(),
        open_collector=scripted({}),
        schedule=Schedule(hot_seconds=0.2, deadline_seconds=0.5),
        thresholds={},
        state_folder=None,
        jitter=lambda: 0.0,
    )
    app = AishellApp(runtime, DashboardOptions(targets=targets))
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "p41" in text_of(app) and "SELECT 1" in text_of(app))
        await pilot.press("w")
        await until(pilot, lambda: "n/a: this engine does not tell what its sessions wait for" in text_of(app))


async def test_the_digit_of_a_screen_leads_back_from_what_was_opened_over_it() -> None:
    async with dashboard(SessionScript()) as (app, pilot):
        await sessions(app, pilot)
        await pilot.press("w")
        await until(pilot, lambda: "top waits" in text_of(app))
        await pilot.press("4")
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen))
        await pilot.press("4")
        assert isinstance(app.screen, SessionsScreen)


async def test_the_wait_profile_has_a_chart_by_class_and_a_table_in_five_dimensions() -> None:
    async with dashboard(SessionScript()) as (app, pilot):
        await sessions(app, pilot)
        await pilot.press("w")
        await until(pilot, lambda: "█ CPU 2   ▒ IO 1   ▓ Lock 3" in text_of(app))
        text = text_of(app)
        assert "short waits are seen by chance" in text
        assert "6 active on average" in text
        for words in ("3.00    50%", "top statements", "top users", "top applications", "top databases", "top waits"):
            await until(pilot, lambda words=words: words in text_of(app))  # type: ignore[misc]
            await pilot.press("t")


async def test_a_row_narrows_the_profile_and_escape_widens_it() -> None:
    async with dashboard(SessionScript(), size=LARGE) as (app, pilot):
        await sessions(app, pilot)
        await pilot.press("w")
        await until(pilot, lambda: "▓ Lock 3" in text_of(app))
        await pilot.press("j", "enter")
        await until(pilot, lambda: "only Lock:transactionid" in text_of(app) and "top statements" in text_of(app))
        assert "CPU" not in text_of(app)
        assert "100%" in text_of(app)
        await pilot.press("j", "enter")
        await until(pilot, lambda: "only UPDATE orders SET status" in text_of(app) and "top waits" in text_of(app))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: "only" not in text_of(app) and "█ CPU 2" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen))


async def test_the_profile_goes_back_in_time_and_changes_its_span() -> None:
    async with dashboard(SessionScript()) as (app, pilot):
        await until(pilot, lambda: app.current_mode == "health")
        await pilot.press("w")
        await until(pilot, lambda: "waits  15 m" in text_of(app))
        await pilot.press("left_curly_bracket")
        await until(pilot, lambda: "waits  5 m" in text_of(app))
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "waits  5 m to " in text_of(app) and "nothing was read in this window" in text_of(app))
        await pilot.press("right_square_bracket", "right_square_bracket")
        await until(pilot, lambda: app.look.until is None and "█ CPU 2" in text_of(app))


async def test_readings_are_kept_while_the_screen_is_frozen_or_another_one_is_seen() -> None:
    async with dashboard(SessionScript()) as (app, pilot):
        await pilot.press("p")
        history = app.runtime.waits(TargetId("pg0"))
        before = history.version
        await until(pilot, lambda: history.version >= before + 5)


@pytest.mark.parametrize(("theme", "signs"), [("mono", "C CPU 2   I IO 1   L Lock 3"), ("night", "█ CPU 2   ▒ IO 1   ▓ Lock 3")])
async def test_without_colours_the_chart_is_made_of_letters(theme: str, signs: str) -> None:
    async with dashboard(SessionScript(), theme=theme) as (app, pilot):
        await sessions(app, pilot)
        await pilot.press("w")
        await until(pilot, lambda: signs in text_of(app))
        column = [line.rstrip()[-1] for line in text_of(app).splitlines()[4:10] if line.rstrip()]
        assert ("L" in column and "C" in column) == (theme == "mono")


async def test_a_frozen_profile_is_not_drawn_again_though_readings_come() -> None:
    async with dashboard(SessionScript()) as (app, pilot):
        await sessions(app, pilot)
        await pilot.press("w", "p")
        await until(pilot, lambda: "▓ Lock" in text_of(app))
        chart = app.screen.query_one(StackedChart)
        before, version = chart._lines, app.runtime.waits(TargetId("pg0")).version
        await until(pilot, lambda: app.runtime.waits(TargetId("pg0")).version > version + 2)
        assert chart._lines is before


async def test_the_palette_leads_to_the_wait_profile_from_everywhere() -> None:
    async with dashboard(SessionScript(), SessionScript()) as (app, pilot):
        await choose(pilot, "Screen Waits")
        await until(pilot, lambda: isinstance(app.screen, WaitsScreen))


async def test_the_next_target_s_sessions_are_one_key_away() -> None:
    other = SessionScript(sessions=(session(1, user="elsewhere"),), lock_waits=())
    async with dashboard(SessionScript(), other) as (app, pilot):
        await sessions(app, pilot)
        await pilot.press("j")
        shown = app.look.target
        await pilot.press("right_parenthesis")
        await until(pilot, lambda: app.look.target != shown and table(app).selected_id is None and bool(ids(app)))
        assert ids(app) == (["1"] if app.look.target == "pg1" else ["4121", "4188", "4190", "4201", "4230", "4195", "4300"])


def crowd(count: int, active: int, turn: int) -> tuple[object, ...]:
    """So many sessions, some of them at work, their figures those of a turn."""
    idle = {"state": "idle", "statement_seconds": None, "transaction_seconds": None, "wait_class": "Client", "wait": "ClientRead"}
    busy = tuple(session(10_000 + number, statement_seconds=number / 7 + turn, cpu_ratio=0.01 * turn) for number in range(active))
    return busy + tuple(session(10_000 + number, state_seconds=float(number + turn), **idle) for number in range(active, count))


@pytest.mark.parametrize("keys", [("4",), ("4", "i"), ("4", "i", "j")])
async def test_two_thousand_sessions_cost_little_per_second(keys: tuple[str, ...], record_property: Callable[[str, object], None]) -> None:
    """The bound is ten times what was measured on a quiet machine (12 to 25 ms) and for the best, so that only a real change breaks it."""
    script = SessionScript(sessions=crowd(2000, 200, 0), lock_waits=())  # type: ignore[arg-type]
    async with dashboard(script, size=LARGE) as (app, pilot):
        for key in keys:
            await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen) and len(table(app).shown_ids) >= 200)
        watch = app.runtime._watches[TargetId("pg0")]
        watch.poller.reschedule(Schedule(hot_seconds=3600))
        spent = []
        for turn in range(1, 8):
            watch._publish(Reading(TargetId("pg0"), Tier.HOT, time.time(), sessions=crowd(2000, 200, turn), waits=WAITS), 1.0)  # type: ignore[arg-type]
            begin = time.process_time()
            app.tick()
            await pilot.pause(0)
            spent.append(time.process_time() - begin)
        record_property("milliseconds", min(spent) * 1000)
        assert min(spent) < 0.25
