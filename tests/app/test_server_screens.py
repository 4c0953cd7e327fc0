"""Health, Queries, Tables, Replication and Maintenance of a server, driven by keys over scripted values."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from textual.pilot import Pilot

from aishell_core.clock import SystemClock
from aishell_core.errors import ConsentError, TargetError
from aishell_core.safety.decision import Place
from aishell_core.safety.roles import Actor, Grant, Policy, Role
from aishell_core.targets import Environment, Target
from aishell_core.values import Ability, Failure, FailureCode, Part, Relation, Severity, Statement
from aishell_tui.app import AishellApp
from aishell_tui.authority import Authority, authority_over
from aishell_tui.charts import chart_specs
from aishell_tui.options import DashboardOptions
from aishell_tui.runtime import Runtime
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.chart_grid import ChartGrid
from aishell_tui.screens.confirm import ConfirmScreen
from aishell_tui.screens.query import short_digest
from collectors.schedule import Schedule
from tests.app.test_screens import choose, table, text_of, until
from tests.scripted_server import (
    NAME,
    NO_EXTENSION,
    RELATIONS,
    RUNNERS,
    STATEMENTS,
    VACUUM_COUNT,
    ServerScript,
    scripted_servers,
    server_target,
)

SMALL, LARGE = (80, 24), (160, 45)


@asynccontextmanager
async def server(
    script: ServerScript, *, size: tuple[int, int] = SMALL, target: Target | None = None, **changes: object
) -> AsyncIterator[tuple[AishellApp, Pilot[int]]]:
    """The whole application over one scripted server, with its first readings on screen."""
    targets = (target or server_target(),)
    runtime = Runtime(
        targets,
        clock=SystemClock(),
        open_collector=scripted_servers({NAME: script}),
        schedule=Schedule(hot_seconds=0.2, warm_seconds=1, deadline_seconds=0.5),
        thresholds={},
        state_folder=None,
        jitter=lambda: 0.0,
    )
    with TemporaryDirectory() as state:
        options = DashboardOptions(targets=targets, authorise=lambda: authority_over(targets, Path(state)))
        app = AishellApp(runtime, replace(options, **changes))  # type: ignore[arg-type]
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: bool(app.frame.targets) and bool(app.frame.targets[0].last_ok_at))
            yield app, pilot


def front(app: AishellApp) -> DashboardScreen:
    """The dashboard screen that is seen."""
    assert app.front is not None
    return app.front


async def detail_of(app: AishellApp, pilot: Pilot[int], digest: str, words: str) -> None:
    """Open the detail of a statement and wait for words on it."""
    await pilot.press("3")
    await until(pilot, lambda: any(row.startswith(digest) for row in table(app).shown_ids))
    table(app).select(next(row for row in table(app).shown_ids if row.startswith(digest)))
    await pilot.press("enter")
    await until(pilot, lambda: words in text_of(app))


# Health


async def test_health_at_80_columns_holds_what_matters_first() -> None:
    async with server(ServerScript()) as (app, pilot):
        await until(pilot, lambda: "tps" in text_of(app) and "wal" in text_of(app))
        text = text_of(app)
        for label in ("active", "waiting", "tps", "latency", "conn", "longest", "oldest tx", "idle in tx", "hit", "lag", "temp"):
            assert f" {label} " in text, label
        assert "198/400" in text


async def test_the_reasons_name_number_limit_and_the_key_that_leads_on() -> None:
    async with server(ServerScript(), size=LARGE) as (app, pilot):
        await until(pilot, lambda: "aishell costs this target" in text_of(app))
        reasons = {reason.metric: reason for reason in app.frame.targets[0].assessment.reasons}
        assert reasons["transaction.idle"].leads_to == "sessions"
        assert reasons["replication.lag"].text == "replica_1: replication lags by 41s, limit 10s"
        assert reasons["replication.slot.retained"].text == "orders_sub: 9 GiB of log are kept for this slot, limit 1 GiB"
        await until(pilot, lambda: "limit 10s   r ▸" in text_of(app))


async def test_the_footer_of_health_says_what_reading_costs() -> None:
    async with server(ServerScript(), size=LARGE) as (app, pilot):
        await until(pilot, lambda: "queries/s" in text_of(app) and "ms/s" in text_of(app))
        line = next(line for line in text_of(app).splitlines() if "aishell costs this target" in line)
        assert "KiB/s" in line


async def test_a_hint_can_be_read_in_full_and_copied_at_80_columns() -> None:
    hint = 'GRANT pg_monitor, pg_read_all_settings TO "a_role_with_a_long_name"'
    hidden = Failure(Part.STATEMENTS, FailureCode.PRIVILEGE, "statements of other roles are hidden", hint)
    async with server(ServerScript(failures=(hidden,), statements=None)) as (app, pilot):
        await until(pilot, lambda: "1 part n/a: m ▸" in text_of(app))
        assert hint in front(app).copy_text().splitlines()
        await pilot.press("m")
        await until(pilot, lambda: any(line.strip() == hint for line in text_of(app).splitlines()))
        assert front(app).mending_text() == hint
        await pilot.press("3")
        await until(pilot, lambda: any(line.strip() == hint for line in text_of(app).splitlines()))
        assert (front(app).copy_text(), front(app).mending_text()) == ("", hint)


async def test_sessions_by_state_and_the_log_have_charts() -> None:
    async with server(ServerScript(), size=(160, 200)) as (app, pilot):
        await until(pilot, lambda: "█ active 41   ▓ idle in tx 9" in text_of(app))
        text = text_of(app)
        for title in (
            "transactions/s",
            "mean latency of a transaction",
            "write-ahead log written",
            "temporary files written",
            "log not applied by replicas",
        ):
            assert title in text


@pytest.mark.parametrize("size", [(80, 24), (80, 23), (80, 21), (60, 16)])
async def test_a_statements_detail_fits_a_low_terminal(size: tuple[int, int]) -> None:
    async with server(ServerScript(), size=size) as (app, pilot):
        await detail_of(app, pilot, "8f21c4", "Seq Scan" if size[1] > 16 else "plan")
        front(app).say("a line is taken by a message")
        await until(pilot, lambda: "a line is taken" in text_of(app) and "who runs it" in text_of(app))
        body = app.screen.query_one("#body").region
        await until(pilot, lambda: app.screen.query_one("#runners").region.bottom <= body.bottom)


async def test_all_who_run_a_statement_are_seen_on_a_small_terminal() -> None:
    """Three of them, and how many they are; as many as a quarter of the screen holds."""
    one = RUNNERS[0]
    script = ServerScript(sessions=tuple(replace(one, id=f"{4188 + number}") for number in range(3)))
    async with server(script) as (app, pilot):
        await detail_of(app, pilot, "8f21c4", "Seq Scan")
        await until(pilot, lambda: "who runs it  3" in text_of(app))
        await until(pilot, lambda: all(f" {4188 + number}  web@" in text_of(app) for number in range(3)))
        script.sessions = tuple(replace(one, id=f"{4188 + number}") for number in range(90))
        await until(pilot, lambda: "who runs it  90" in text_of(app))
        pane = app.screen.query_one("#runners")
        await until(pilot, lambda: pane.region.height == app.screen.size.height // 4)


def test_an_engines_own_number_is_shown_whole() -> None:
    assert short_digest("-1905984123456789012") == "-1905984123456789012"
    assert short_digest("8f21c4d00d1e8f21c4d00d1e") == "8f21c4d0"


async def test_sessions_by_state_are_one_chart_with_letters_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with server(ServerScript()) as (app, pilot):
        titles = [spec.title for spec, _ in chart_specs(app.frame.targets[0], app.frame.host)]
        grid = app.screen.query_one(ChartGrid)
        grid.scroll_charts(titles.index("sessions by state"))
        front(app).show(app.frame, app.look)
        await until(pilot, lambda: "A active 41   T idle in tx 9   I idle 148" in text_of(app))
        assert "now 198" in text_of(app)
        await until(pilot, lambda: any(line.rstrip().endswith(("I", "A")) for line in text_of(app).splitlines()))
        await pilot.press("tab", "z")
        await until(pilot, lambda: "sessions by state  orders-eu" in text_of(app))
        pane = front(app).pane_data()
        assert pane is not None
        assert pane.columns == ("time", "active", "idle in tx", "idle")
        assert pane.rows[-1][1:] == (41.0, 9.0, 148.0)


async def test_the_fleet_row_of_a_server_says_why_and_where_to_go() -> None:
    async with server(ServerScript()) as (app, pilot):
        await pilot.press("1")
        await until(pilot, lambda: "2 ▸" in text_of(app) or "4 ▸" in text_of(app))
        assert "198/400" in text_of(app)
        assert app.frame.targets[0].assessment.severity is Severity.WARNING


# Queries


async def test_queries_of_a_server_show_hits_databases_and_users_where_there_is_room() -> None:
    async with server(ServerScript(), size=LARGE) as (app, pilot):
        await pilot.press("3", "t", "t")
        await until(pilot, lambda: "SELECT o.id" in text_of(app))
        text = text_of(app)
        for title in ("HIT%", "TEMP", "WAL", "DATABASE", "USER"):
            assert title in text
        assert "P95" not in text, "PostgreSQL tells no percentile"
        assert re.search(r"71(\.0)?%", text)


async def test_a_statement_that_runs_no_more_has_no_figures_while_the_order_is_held() -> None:
    script = ServerScript()
    async with server(script, size=LARGE) as (app, pilot):
        await pilot.press("3", "t", "t")
        await until(pilot, lambda: VACUUM_COUNT in text_of(app))
        await pilot.press("j")
        await until(pilot, lambda: "order held" in text_of(app))
        script.statements = tuple(each for each in script.statements or () if each.digest != "c0ffee")
        await until(pilot, lambda: "† " in text_of(app))
        gone = next(line for line in text_of(app).splitlines() if line.startswith("† "))
        assert VACUUM_COUNT in gone
        assert not any(character.isdigit() for character in gone.partition(VACUUM_COUNT)[0])


async def test_queries_at_80_columns_keep_the_statement() -> None:
    async with server(ServerScript()) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "SELECT o.id, o.total, c.name" in text_of(app))
        assert "HIT%" in text_of(app)


async def test_live_figures_move_within_five_seconds() -> None:
    async with server(ServerScript()) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: bool(table(app).shown_ids))
        spent = []
        for _ in range(6):  # the best of several, because the machine may be busy with much else
            began, before = time.monotonic(), app.digests.history(NAME).rows(app.screen._mode)[0].calls  # type: ignore[attr-defined]
            await until(pilot, lambda before=before: app.digests.history(NAME).rows(app.screen._mode)[0].calls != before)  # type: ignore[attr-defined,misc]
            spent.append(time.monotonic() - began)
        assert min(spent) < 5


async def test_estimates_are_marked_and_the_statement_that_installs_the_extension_is_told() -> None:
    estimates = tuple(replace(each, sampled=True) for each in STATEMENTS)
    async with server(ServerScript(statements=estimates, failures=(NO_EXTENSION,))) as (app, pilot):
        await pilot.press("3", "t", "t")
        await until(pilot, lambda: "CREATE EXTENSION pg_stat_statements" in text_of(app))
        text = text_of(app)
        assert "sampled" in text
        assert "~" in text
        assert "SELECT o.id" in text, "the rows are there all the same"


async def test_of_a_sampled_statement_no_mean_latency_is_drawn() -> None:
    estimates = tuple(replace(each, sampled=True) for each in STATEMENTS)
    async with server(ServerScript(statements=estimates, failures=(NO_EXTENSION,)), size=LARGE) as (app, pilot):
        await detail_of(app, pilot, "8f21c4", "mean latency of this statement: n/a, not all calls are seen")
        assert "now n/a" in text_of(app)


async def test_without_any_statement_the_hint_stands_in_the_pane() -> None:
    async with server(ServerScript(statements=None, failures=(NO_EXTENSION,))) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "n/a: pg_stat_statements is not there" in text_of(app))


async def test_of_five_thousand_digests_the_heaviest_are_listed_and_all_are_searched() -> None:
    many = tuple(Statement(f"{index:05}", f"SELECT {index} FROM lonely_{index}", 10, 5_000.0 - index) for index in range(5_000))
    async with server(ServerScript(statements=many), size=(120, 24)) as (app, pilot):
        await pilot.press("3", "t", "t")
        await until(pilot, lambda: "the first 1,000 of 5,000 by time" in text_of(app))
        assert len(table(app).shown_ids) == 1_000
        await pilot.press("slash", *"lonely_4321", "enter")
        await until(pilot, lambda: table(app).shown_ids == ("04321",))
        await pilot.press("escape")
        await until(pilot, lambda: len(table(app).shown_ids) == 1_000)


# A statement


async def test_a_plan_has_cost_rows_and_shares_and_says_which_step_to_look_at() -> None:
    script = ServerScript()
    async with server(script, size=LARGE) as (app, pilot):
        await detail_of(app, pilot, "8f21c4", "most of the cost")
        text = text_of(app)
        assert script.explained[0][1] == "shop", "the plan is that of the statement's own database"
        assert "1 costly step marked: Seq Scan on orders 62%" in text
        assert "share" in text


async def test_who_runs_a_statement_is_known_by_the_servers_digest() -> None:
    async with server(ServerScript(), size=LARGE) as (app, pilot):
        await detail_of(app, pilot, "8f21c4", "4188")
        assert "waits for relation" in text_of(app)
        assert "4190" not in text_of(app)


async def test_measuring_asks_first_and_no_is_the_default() -> None:
    script = ServerScript()
    async with server(script, size=LARGE) as (app, pilot):
        await detail_of(app, pilot, "c0ffee", "plan")
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        text = text_of(app)
        assert "orders-eu (development)" in text
        assert VACUUM_COUNT in text
        assert "read-only transaction for at most 30s" in text
        assert "rolled back" in text
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, DashboardScreen))
        assert script.analyzed == []


async def test_after_a_yes_the_measured_plan_is_shown_and_keys_never_wait() -> None:
    script = ServerScript(answers=asyncio.Event())
    async with server(script, size=LARGE) as (app, pilot):
        await detail_of(app, pilot, "c0ffee", "plan")
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: "measuring, at most 30s" in text_of(app))
        assert script.analyzed == [(VACUUM_COUNT, "shop", 30.0)]
        await pilot.press("question_mark")
        await until(pilot, lambda: "keys: query" in text_of(app))
        await pilot.press("escape")
        assert script.answers is not None
        script.answers.set()
        await until(pilot, lambda: "measured plan, 812ms" in text_of(app))
        text = text_of(app)
        assert "41k rows came where 12 were expected" in text
        assert "801ms" in text


ACTS = ConsentError(FailureCode.UNSUPPORTED, "planning this statement may already run what does something: public.tenant()", "hint")
ANN = Actor("ann", 1000)


def records(state: Path) -> list[dict[str, object]]:
    """All that the audit log has."""
    return [json.loads(line) for file in sorted((state / "audit").glob("*.jsonl")) for line in file.read_text().splitlines()]


def authority_of_ann(state: Path, role: Role | None, **place: object) -> Authority:
    """The authority of somebody with a role, or where none is configured."""
    policy = Policy((Grant(role, users=("ann",)),) if role is not None else (), configured=role is not None)
    return Authority(ANN, policy, state, {NAME: Place(NAME, **place)})  # type: ignore[arg-type]


async def test_what_planning_may_do_is_asked_first_and_planned_after_its_name_was_typed(tmp_path: Path) -> None:
    script = ServerScript(plan=ACTS)
    authority = authority_of_ann(tmp_path, Role.DEVELOPER)
    async with server(script, size=LARGE, authorise=lambda: authority) as (app, pilot):
        await detail_of(app, pilot, "c0ffee", "e asks whether the server is to plan it all the same")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "public.tenant()" in text_of(app)
        assert "as developer" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: "left alone" in text_of(app))
        assert script.consented == []
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press(*NAME, "enter")
        await until(pilot, lambda: "1 costly step marked" in text_of(app))
        assert script.consented == [(VACUUM_COUNT, "shop")]
        await until(pilot, lambda: len(records(tmp_path)) == 3)
    declined, allowed, result = records(tmp_path)
    assert (declined["decision"], allowed["decision"], result["result"]) == ("declined", "allowed", "done")
    assert (allowed["role"], allowed["actions"], allowed["risk"]) == ("developer", ["read", "write"], "high")


@pytest.mark.parametrize(
    ("role", "words"),
    [(None, "nobody has a role yet, so ann may only read"), (Role.ANALYST, "ann is analyst on orders-eu (development) and may not write")],
)
@pytest.mark.parametrize("screen", ["query", "session"])
async def test_a_plan_that_may_act_is_refused_to_who_may_not_write_and_recorded(
    tmp_path: Path, role: Role | None, words: str, screen: str
) -> None:
    script = ServerScript(plan=ACTS)
    authority = authority_of_ann(tmp_path, role)
    async with server(script, size=LARGE, authorise=lambda: authority) as (app, pilot):
        if screen == "query":
            await detail_of(app, pilot, "c0ffee", "e asks whether")
        else:
            await plan_of_a_session(app, pilot, "e asks whether")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        text = text_of(app)
        assert "not allowed" in text
        assert words in " ".join(text.split())
        assert "role: developer" in text
        await pilot.press("y")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DashboardScreen))
        assert script.consented == []
    (attempt,) = records(tmp_path)
    assert (attempt["decision"], attempt["role"]) == ("refused", role or "")
    assert (attempt["actions"], attempt["risk"]) == (["read", "write"], "high")


@pytest.mark.parametrize("screen", ["query", "session"])
async def test_a_read_only_session_neither_offers_nor_asks_about_a_plan_that_may_act(tmp_path: Path, screen: str) -> None:
    script = ServerScript(plan=ACTS)
    authority = authority_of_ann(tmp_path, Role.ADMIN, read_only=True)
    async with server(script, size=LARGE, authorise=lambda: authority, read_only=True) as (app, pilot):
        if screen == "query":
            await detail_of(app, pilot, "c0ffee", "nothing but reads is done here, so it is not planned")
        else:
            await plan_of_a_session(app, pilot, "nothing but reads is done here, so it is not planned")
        assert "e asks whether" not in text_of(app)
        asked = len(script.explained)
        await pilot.press("e")
        await until(pilot, lambda: screen == "query" or len(script.explained) > asked)
        assert isinstance(app.screen, DashboardScreen)
        assert script.consented == []
    assert records(tmp_path) == []


async def plan_of_a_session(app: AishellApp, pilot: Pilot[int], words: str) -> None:
    """Open a session with the plan of its statement, and wait for words on it."""
    await pilot.press("4")
    await until(pilot, lambda: bool(table(app).shown_ids))
    await pilot.press("down", "e")
    await until(pilot, lambda: words in text_of(app))


async def test_nobody_is_asked_about_a_plan_that_is_there() -> None:
    async with server(ServerScript(), size=LARGE) as (app, pilot):
        await detail_of(app, pilot, "c0ffee", "costly step marked")
        await pilot.press("e")
        await pilot.pause()
        assert isinstance(app.screen, DashboardScreen)
        assert "explain all the same" not in text_of(app)


async def test_in_production_the_targets_name_has_to_be_typed() -> None:
    script = ServerScript()
    async with server(script, size=SMALL, target=server_target(environment=Environment.PRODUCTION)) as (app, pilot):
        await detail_of(app, pilot, "c0ffee", "plan")
        await pilot.press("a")
        await until(pilot, lambda: "Type orders-eu to go on" in text_of(app))
        await pilot.press("y", "enter")
        await until(pilot, lambda: "'y' is not the name" in text_of(app))
        assert script.analyzed == []
        await pilot.press(*"orders-eu", "enter")
        await until(pilot, lambda: bool(script.analyzed))


async def test_a_failed_measurement_says_why_in_full() -> None:
    error = TargetError(
        FailureCode.UNSUPPORTED, "cannot execute INSERT in a read-only transaction", "a statement that writes is not measured"
    )
    async with server(ServerScript(measured=error)) as (app, pilot):
        await detail_of(app, pilot, "c0ffee", "plan")
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: "cannot execute INSERT in a read-only transaction" in text_of(app))
        assert "a statement that writes is not measured" in text_of(app)


@pytest.mark.parametrize("size", [LARGE, SMALL])
async def test_what_would_be_refused_is_not_asked_about_and_the_plan_stays(size: tuple[int, int]) -> None:
    error = TargetError(
        FailureCode.UNSUPPORTED, "the statement writes, so it was not run and nothing has changed", "its estimated plan can be shown"
    )
    script = ServerScript(unmeasurable=error)
    async with server(script, size=size, target=server_target(environment=Environment.PRODUCTION)) as (app, pilot):
        await detail_of(app, pilot, "c0ffee", "plan")
        await pilot.press("a")
        await until(pilot, lambda: "not measured: the statement writes" in text_of(app))
        assert "costly step marked" in text_of(app)
        assert not isinstance(app.screen, ConfirmScreen)
        assert (script.checked, script.analyzed) == ([(VACUUM_COUNT, "shop")], [])


async def test_why_a_text_without_values_is_not_run_is_said_in_full_on_a_small_screen() -> None:
    async with server(ServerScript(sessions=()), size=SMALL) as (app, pilot):
        await detail_of(app, pilot, "8f21c4", "plan")
        await pilot.press("a")
        await until(pilot, lambda: "the plan shown is the one without values" in " ".join(text_of(app).split()))


async def test_a_text_without_values_is_not_run_unless_somebody_runs_it_with_values_now() -> None:
    script = ServerScript(sessions=())
    async with server(script, size=LARGE) as (app, pilot):
        await detail_of(app, pilot, "8f21c4", "plan")
        await pilot.press("a")
        await until(pilot, lambda: "its values are missing" in text_of(app))
        assert not isinstance(app.screen, ConfirmScreen)
        script.sessions = ServerScript().sessions
        await until(pilot, lambda: "4188" in text_of(app))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) and "o.status = 'new'" in text_of(app))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, DashboardScreen))
        assert script.analyzed == []


@pytest.mark.parametrize("missing", ["read-only", "no ability"])
async def test_where_it_may_not_be_measured_the_key_is_not_offered(missing: str) -> None:
    script = ServerScript()
    if missing == "no ability":
        script.abilities = Ability(script.abilities & ~Ability.ANALYZE)
    async with server(script, size=LARGE, read_only=missing == "read-only") as (app, pilot):
        await detail_of(app, pilot, "c0ffee", "plan")
        assert "run and measure" not in text_of(app)
        await pilot.press("a")
        await pilot.pause()
        assert not isinstance(app.screen, ConfirmScreen)


# Tables


async def test_tables_say_how_much_is_dead_and_what_is_wrong() -> None:
    async with server(ServerScript()) as (app, pilot):
        await pilot.press("b")
        await until(pilot, lambda: "crm.customers" in text_of(app))
        text = text_of(app)
        assert "23%" in text
        assert "23% of its row versions are dead; a rewrite would give back about 1.9 GiB" in text
        assert "orders_at_idx" not in text


async def test_indexes_and_findings_are_one_key_away() -> None:
    async with server(ServerScript(), size=LARGE) as (app, pilot):
        await pilot.press("b")
        await until(pilot, lambda: "crm.customers" in text_of(app))
        await pilot.press("t")
        await until(pilot, lambda: "orders_pkey" in text_of(app) and "crm.customers" not in text_of(app))
        await pilot.press("t")
        await until(pilot, lambda: "unused since 2023-11-01" in text_of(app) and "orders_pkey" not in text_of(app))
        await pilot.press("t")
        await until(pilot, lambda: "crm.customers" in text_of(app))


async def test_of_twenty_thousand_tables_the_largest_are_listed_and_all_are_searched() -> None:
    many = tuple(Relation(f"part_{index:05}", "table", size_bytes=1e6 - index, rows=5, schema="archive") for index in range(20_000))
    async with server(ServerScript(relations=many), size=(120, 24)) as (app, pilot):
        await pilot.press("b")
        await until(pilot, lambda: "the largest 1,000 of 20,000" in text_of(app))
        await pilot.press("slash", *"part_19999", "enter")
        await until(pilot, lambda: len(table(app).shown_ids) == 1)


async def test_what_was_left_out_of_the_tables_is_said_beside_those_that_are_there() -> None:
    failure = Failure("bloat", FailureCode.PRIVILEGE, "no bloat is estimated", "GRANT pg_read_all_data TO monitor", 0.0)
    async with server(ServerScript(relations=RELATIONS, failures=(failure,)), size=LARGE) as (app, pilot):
        await pilot.press("b")
        await until(pilot, lambda: "GRANT pg_read_all_data TO monitor" in text_of(app))


# Replication


async def test_replication_lists_the_standby_with_its_slot_under_it_and_what_is_wrong() -> None:
    async with server(ServerScript()) as (app, pilot):
        await pilot.press("r")
        await until(pilot, lambda: "└ replica_1_slot" in text_of(app))
        text = text_of(app)
        assert text.index("replica_1 ") < text.index("└ replica_1_slot") < text.index("orders_sub")
        assert "nobody uses it, and log is kept for it; lost after 1 GiB more" in text
        assert "41s" in text
        assert "9 GiB" in text
        assert "archiver" in text
        await pilot.press("escape")
        await until(pilot, lambda: "aishell costs this target" in text_of(app))


async def test_every_stage_of_the_lag_is_there_on_a_wide_screen() -> None:
    async with server(ServerScript(), size=LARGE) as (app, pilot):
        await pilot.press("r")
        await until(pilot, lambda: "UNSENT" in text_of(app))
        for title in ("WRITE", "FLUSH", "LAG", "BEHIND", "LOG KEPT", "THERE IN"):
            assert title in text_of(app)


async def test_no_replication_and_no_privilege_are_told_apart() -> None:
    hidden = Failure(Part.REPLICATION, FailureCode.PRIVILEGE, "the state of replication is hidden", 'GRANT pg_monitor TO "app"', 0.0)
    script = ServerScript(replication=())
    async with server(script) as (app, pilot):
        await pilot.press("r")
        await until(pilot, lambda: "nothing replicates" in text_of(app))
        script.replication, script.failures = None, (hidden,)
    async with server(ServerScript(replication=None, failures=(hidden,))) as (app, pilot):
        await pilot.press("r")
        await until(pilot, lambda: 'GRANT pg_monitor TO "app"' in text_of(app))


# Maintenance


async def test_maintenance_shows_how_far_a_vacuum_is_and_when_it_ends() -> None:
    async with server(ServerScript(), size=LARGE) as (app, pilot):
        await pilot.press("v")
        await until(pilot, lambda: "phase ends in" in text_of(app))
        text = text_of(app)
        assert "vacuum public.orders" in text
        assert "of 3.1M blocks" in text
        assert "k/s" in text


async def test_maintenance_names_who_keeps_dead_rows_and_what_is_left_of_the_ids() -> None:
    async with server(ServerScript(), size=LARGE) as (app, pilot):
        await pilot.press("v")
        await until(pilot, lambda: "what keeps old row versions from being removed" in text_of(app) and "4121" in text_of(app))
        text = text_of(app)
        assert "1.2M transactions, 12m04s   shop" in text
        assert "11% of the ids used   1.9G transactions are left" in text
        assert "1.2k by time, 31 forced (3%)" in text
        assert "waiting 14 files" in text
        assert "1 waits for a restart: shared_buffers" in text


async def test_maintenance_without_privilege_says_what_to_grant() -> None:
    failures = tuple(Failure(part, FailureCode.PRIVILEGE, "hidden", 'GRANT pg_monitor TO "app"') for part in (Part.PROGRESS, Part.HORIZON))
    async with server(ServerScript(progress=None, horizon=None, failures=failures)) as (app, pilot):
        await pilot.press("v")
        await until(pilot, lambda: text_of(app).count('GRANT pg_monitor TO "app"') == 2)


async def test_the_palette_leads_to_replication_from_any_screen() -> None:
    async with server(ServerScript()) as (app, pilot):
        await pilot.press("3")
        await choose(pilot, "Replication")
        await until(pilot, lambda: "replica_1_slot" in text_of(app))
