"""Alerts on the screens, driven by keys, over scripted collectors and the real service of alerts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from aishell_core.clock import SystemClock
from aishell_core.documents.problems import Problem
from aishell_core.safety.roles import Actor, Policy
from aishell_core.values import EventKind, LockWait, Part, Session
from aishell_tui.alert_feed import OpenAlerts
from aishell_tui.alerting import Witness
from aishell_tui.app import AishellApp
from aishell_tui.authority import Authority
from aishell_tui.options import DashboardOptions
from aishell_tui.runtime import Runtime
from alerts.language.parser import parse_condition
from alerts.models import Alert, Level, Phase
from alerts.rule import Trigger
from alerts.rules.book import BrokenRule
from alerts.service import AlertService
from collectors.schedule import Schedule
from tests.alert_dashboard import Room, waiting_rule
from tests.alert_service import book_of
from tests.app.test_screens import table, target, text_of, until
from tests.scripted import Script, scripted

BLOCKED = (
    Session(
        "p41",
        "billing",
        "local",
        "billing-worker",
        state="idle in transaction",
        text="UPDATE t SET a = 'secret'",
        transaction_seconds=700.0,
    ),
    Session("p42", "shop", "local", "web", state="active", text="DELETE FROM t WHERE id = 4711", statement_seconds=600.0),
)


@asynccontextmanager
async def dashboard(
    scripts: dict[str, Script], folder: Path, *, room: Room | None = None, size: tuple[int, int] = (80, 24), **changes: object
) -> AsyncIterator[tuple[AishellApp, Pilot[int], Room]]:
    clock = SystemClock()
    room = room or Room(folder, clock, waiting_rule())
    targets = tuple(target(name) for name in scripts)
    authority = Authority(Actor("ada", 1000), Policy(), folder)
    options = replace(DashboardOptions(targets=targets, authorise=lambda: authority), **changes)  # type: ignore[arg-type]
    runtime = Runtime(
        targets,
        clock=clock,
        open_collector=scripted(scripts),
        schedule=Schedule(hot_seconds=0.2, warm_seconds=1, deadline_seconds=5),
        thresholds={},
        state_folder=None,
        jitter=lambda: 0.0,
        open_alerts=room.open,
    )
    app = AishellApp(runtime, options)
    async with app.run_test(size=size) as pilot:
        yield app, pilot, room


def alerts(app: AishellApp) -> tuple[Alert, ...]:
    view = app.frame.alerts
    return view.alerts if view is not None else ()


def fires(app: AishellApp) -> bool:
    return any(alert.phase is Phase.FIRING for alert in alerts(app))


async def test_an_alert_is_counted_in_the_title_and_the_fleet_and_told_in_the_timeline(tmp_path: Path) -> None:
    scripts = {"a.db": Script(), "b.db": Script(waiting=17)}
    async with dashboard(scripts, tmp_path) as (app, pilot, room):
        await until(pilot, lambda: fires(app))
        await until(pilot, lambda: "alerts 1 crit" in text_of(app).splitlines()[0])
        row = next(row for row in table(app).shown_rows if row.id == "b.db")
        assert row.cell("alerts").plain() == "1 crit"
        await until(pilot, lambda: [message.kind for message in room.inbox.messages] == ["firing"])
        await pilot.press("8")
        await until(pilot, lambda: "waiters fires: 17 sessions of b.db wait" in text_of(app))
        scripts["b.db"].waiting = 0
        await until(pilot, lambda: "waiters is over" in text_of(app))
        await until(pilot, lambda: "alerts 1 crit" not in text_of(app).splitlines()[0])


async def test_the_screen_shows_value_limit_and_who_was_told_and_takes_an_alert_on(tmp_path: Path) -> None:
    async with dashboard({"b.db": Script(waiting=17)}, tmp_path) as (app, pilot, _room):
        await until(pilot, lambda: fires(app))
        await pilot.press("7")
        await until(pilot, lambda: "17 sessions of b.db wait" in text_of(app))
        assert "evaluated here" in text_of(app)
        await pilot.press("j")
        await until(pilot, lambda: "Work stands still behind a lock." in text_of(app))
        await until(pilot, lambda: table(app).shown_rows[0].cell("told").plain() == "hook")
        assert [table(app).shown_rows[0].cell(key).plain() for key in ("level", "state", "value", "limit")] == ["crit", "firing", "17", "5"]
        await pilot.press("a")
        await until(pilot, lambda: "A note for the others" in text_of(app))
        await pilot.press(*"mine", "enter")
        await until(pilot, lambda: table(app).shown_rows[0].cell("owner").plain() == "ada")
        await until(pilot, lambda: ": mine" in text_of(app))
        await pilot.press("A")
        await until(pilot, lambda: table(app).shown_rows[0].cell("owner").plain() == "–")


async def test_a_silence_is_chosen_and_ended_with_the_same_key(tmp_path: Path) -> None:
    async with dashboard({"b.db": Script(waiting=17)}, tmp_path) as (app, pilot, _room):
        await until(pilot, lambda: fires(app))
        await pilot.press("7", "j", "s")
        await until(pilot, lambda: "until tomorrow 08:00" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: "Why?" in text_of(app))
        await pilot.press(*"deploy", "enter")
        await until(pilot, lambda: table(app).shown_rows[0].cell("state").plain() == "silenced")
        await until(pilot, lambda: "silenced by ada: deploy" in text_of(app))
        assert "1 muted" in text_of(app)
        await pilot.press("s")
        await until(pilot, lambda: "end the silence of ada: deploy" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: table(app).shown_rows[0].cell("state").plain() == "firing")


async def test_an_own_time_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    async with dashboard({"b.db": Script(waiting=17)}, tmp_path) as (app, pilot, _room):
        await until(pilot, lambda: fires(app))
        await pilot.press("7", "j", "s", "G", "enter")
        await until(pilot, lambda: "what time of day" in text_of(app))
        await pilot.press(*"soon", "enter")
        await until(pilot, lambda: "'soon' is no time" in text_of(app))


async def test_enter_shows_the_evidence_which_was_read_when_it_fired_and_holds_no_literal(tmp_path: Path) -> None:
    script = Script(waiting=17, sessions=BLOCKED, lock_waits=(LockWait("p42", "p41", "table t", "exclusive", 590.0),))
    async with dashboard({"a.db": Script(), "b.db": script}, tmp_path, size=(120, 60)) as (app, pilot, _room):
        await until(pilot, lambda: fires(app))
        await pilot.press("7", "j", "enter")
        await until(pilot, lambda: "1 session waits behind session p41 (billing, billing-worker)" in text_of(app))
        await until(pilot, lambda: "session p42 (shop, web) waits for 9m50s for exclusive on table t" in text_of(app))
        await until(pilot, lambda: "DELETE FROM t WHERE id = ?" in text_of(app))
        assert "secret" not in text_of(app)
        assert "4711" not in text_of(app)
        assert "no backups are known" in text_of(app)
        assert "1. Who blocks?" in text_of(app)
        assert " aishell sessions -d b.db " in text_of(app)
        await pilot.press("R")
        await until(pilot, lambda: "runbook (copied): https://runbooks.example/locks" in text_of(app))
        await pilot.press("v")
        await until(pilot, lambda: app.current_mode == "health")
        if app.look.until is not None:
            await pilot.press("escape")
            await until(pilot, lambda: app.look.until is None)
        await pilot.press("escape")
        await until(pilot, lambda: app.current_mode == "alerts")
        await pilot.press("1", "escape")
        await until(pilot, lambda: app.current_mode == "fleet")


async def test_a_broken_rule_is_listed_with_its_errors_and_the_others_run(tmp_path: Path) -> None:
    problem = Problem(
        "alerts.yaml",
        "unknown metric 'pool.usge'",
        "did you mean pool.usage?",
        7,
        16,
        "    condition: pool.usge > 1\n               ^^^^^^^^^",
    )
    broken = BrokenRule("typo", (problem,))
    room = Room(tmp_path, SystemClock(), book=book_of(waiting_rule(), broken=(broken,)))
    async with dashboard({"b.db": Script(waiting=17)}, tmp_path, room=room) as (app, pilot, _room):
        await until(pilot, lambda: fires(app))
        await pilot.press("7", "j", "j")
        await until(pilot, lambda: "alerts.yaml:7:16" in text_of(app) and "^^^^^^^^^" in text_of(app))
        assert "did you mean pool.usage?" in text_of(app)
        assert "1 rule, 1 broken" in text_of(app)


async def test_a_read_only_session_only_looks(tmp_path: Path) -> None:
    async with dashboard({"b.db": Script(waiting=17)}, tmp_path, read_only=True) as (app, pilot, _room):
        await until(pilot, lambda: fires(app))
        await pilot.press("7", "j")
        await until(pilot, lambda: "17 sessions of b.db wait" in text_of(app))
        assert "silence" not in text_of(app).splitlines()[-1]
        await pilot.press("s", "a")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert "runbook" in text_of(app).splitlines()[-1]


async def test_without_rules_the_screen_says_so(tmp_path: Path) -> None:
    room = Room(tmp_path, SystemClock())
    async with dashboard({"b.db": Script()}, tmp_path, room=room) as (app, pilot, _room):
        await pilot.press("7")
        await until(pilot, lambda: "there are no rules" in text_of(app))


async def test_sessions_are_read_for_the_evidence_although_nobody_looks_at_them_and_then_no_more(tmp_path: Path) -> None:
    script = Script(sessions=None)
    async with dashboard({"a.db": Script(), "b.db": script}, tmp_path) as (app, pilot, _room):
        await until(pilot, lambda: app.frame.alerts is not None and app.frame.alerts.is_evaluator)
        assert not any(Part.SESSIONS in demand for demand in script.demanded)
        script.waiting = 17
        await until(pilot, lambda: fires(app))
        await until(pilot, lambda: any(Part.SESSIONS in demand for demand in script.demanded))
        await until(pilot, lambda: not script.demanded[-1])


async def test_a_part_that_a_rule_needs_is_read_all_the_time(tmp_path: Path) -> None:
    script = Script()
    rule = replace(waiting_rule(), triggers=(Trigger(Level.WARNING, parse_condition("statement.time.rate > 1e9")),))
    async with dashboard({"b.db": script, "a.db": Script()}, tmp_path, room=Room(tmp_path, SystemClock(), rule)) as (_app, pilot, _room):
        await until(pilot, lambda: bool(script.demanded) and script.demanded[-1] == {Part.STATEMENTS})


@pytest.mark.parametrize("has_bell", [False, True])
async def test_the_bell_rings_when_an_alert_begins_to_fire_where_it_is_asked_for(tmp_path: Path, has_bell: bool) -> None:
    book = book_of(waiting_rule())
    room = Room(tmp_path, SystemClock(), book=replace(book, settings=replace(book.settings, has_bell=has_bell)))
    async with dashboard({"b.db": Script(waiting=17)}, tmp_path, room=room) as (app, pilot, _room):
        await until(pilot, lambda: any(event.kind is EventKind.ALERT for event in app.frame.events))
        await until(pilot, lambda: app.frame.bells == int(has_bell))


async def test_a_fault_of_the_alerts_is_said_and_ends_nothing_else(tmp_path: Path) -> None:
    class Faulty(Room):
        @property
        def open(self) -> OpenAlerts:
            def opened(_traits: object, _saw: object) -> tuple[AlertService, Witness]:
                raise RuntimeError("no such luck")

            return opened

    async with dashboard({"b.db": Script()}, tmp_path, room=Faulty(tmp_path, SystemClock())) as (app, pilot, _room):
        await until(pilot, lambda: "alerts are not evaluated: RuntimeError: no such luck" in text_of(app))
        reads = app.frame.targets[0].last_ok_at
        await until(pilot, lambda: app.frame.targets[0].last_ok_at != reads)


async def test_an_act_on_an_alert_is_recorded(tmp_path: Path) -> None:
    async with dashboard({"b.db": Script(waiting=17)}, tmp_path) as (app, pilot, _room):
        await until(pilot, lambda: fires(app))
        await pilot.press("7", "j", "a")
        await until(pilot, lambda: "A note for the others" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: alerts(app)[0].acknowledgement is not None)
        assert any("acknowledge alert" in path.read_text() for path in (tmp_path / "audit").rglob("*") if path.is_file())


async def test_who_has_no_role_may_not_quiet_an_alert(tmp_path: Path) -> None:
    policy = Policy((), configured=True, file="config.yaml")
    authority = Authority(Actor("eve", 1001), policy, tmp_path)
    async with dashboard({"b.db": Script(waiting=17)}, tmp_path, authorise=lambda: authority) as (app, pilot, _room):
        await until(pilot, lambda: fires(app))
        await pilot.press("7", "j", "a")
        await until(pilot, lambda: "A note for the others" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: "eve has no role" in text_of(app))
        assert alerts(app)[0].acknowledgement is None


async def test_on_a_fresh_screen_what_is_done_is_done_to_the_first_alert_which_is_shown(tmp_path: Path) -> None:
    async with dashboard({"b.db": Script(waiting=17)}, tmp_path) as (app, pilot, _room):
        await until(pilot, lambda: fires(app))
        await pilot.press("7")
        await until(pilot, lambda: "17 sessions of b.db wait" in text_of(app))
        await pilot.press("a")
        await until(pilot, lambda: "A note for the others" in text_of(app))
        assert "waiters on b.db" in text_of(app)
        await pilot.press(*"mine", "enter")
        await until(pilot, lambda: table(app).shown_rows[0].cell("owner").plain() == "ada")
        assert table(app).selected_id == table(app).shown_ids[0]
