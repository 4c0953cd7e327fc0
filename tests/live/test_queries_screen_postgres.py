"""The screen of statements over a real server whose statistics are reset while somebody looks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from aishell_core.values import Ability, Session, Statement
from aishell_tui.app import AishellApp
from aishell_tui.digests import DigestMode
from aishell_tui.screens.query import QueryScreen
from aishell_tui.screens.session import SessionScreen
from tests.live.test_sessions_screens_postgres import TARGET, dashboard, text_of, until
from tests.servers.postgres import PostgresServer, postgres

READ = "SELECT amount FROM stock WHERE id = 7"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres("15", statements=True) as running:
        running.execute("CREATE TABLE stock (id int PRIMARY KEY, amount int)")
        yield running


async def test_a_reset_of_the_statistics_in_the_server_begins_a_new_span_and_is_an_event(server: PostgresServer) -> None:
    # So often that these are most of all calls, however long the dashboard has been reading already.
    server.execute(*[READ] * 3000)
    async with dashboard(server) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "live, last" in text_of(app))
        await pilot.press("r")
        await until(pilot, lambda: "since reset" in text_of(app))
        assert "counted anew" not in text_of(app)
        server.execute("SELECT pg_stat_statements_reset()", *[READ] * 5)
        ((reset_at,),) = server.execute("SELECT extract(epoch FROM stats_reset)::float8 FROM pg_stat_statements_info")
        moment = f"{datetime.fromtimestamp(reset_at, UTC):%H:%M:%S}"
        said = f"counted anew by the server since {moment}"
        await until(pilot, lambda: "since reset" in text_of(app) and said in text_of(app))
        await pilot.press("t")
        await until(pilot, lambda: "total  " in text_of(app) and said in text_of(app))
        await pilot.press("8")
        await until(
            pilot, lambda: any(moment in line and "the statistics of statements were reset" in line for line in text_of(app).splitlines())
        )


def statement(text: str) -> Statement:
    return Statement(digest="1", text=text, calls=1.0, total_milliseconds=1.0, database="postgres")


def reads_plans(app: AishellApp) -> bool:
    return any(Ability.EXPLAIN in view.abilities for view in app.frame.targets)


@pytest.mark.parametrize("of_session", [False, True])
async def test_a_plan_that_a_frozen_server_did_not_give_comes_by_itself_after_the_thaw(server: PostgresServer, of_session: bool) -> None:
    seen = Session("1", database="postgres", text="SELECT * FROM stock WHERE amount > 7")
    async with dashboard(server) as (app, pilot):
        await until(pilot, lambda: reads_plans(app))
        with server.frozen():
            app.push_screen(SessionScreen(TARGET, seen, explain=True) if of_session else QueryScreen(TARGET, statement(seen.text)))
            await until(pilot, lambda: "n/a: 127.0.0.1" in text_of(app))
        await until(pilot, lambda: "Seq Scan on stock" in text_of(app))


async def test_reading_everything_now_asks_for_the_plan_again(server: PostgresServer) -> None:
    async with dashboard(server) as (app, pilot):
        await until(pilot, lambda: reads_plans(app))
        app.push_screen(QueryScreen(TARGET, statement("SELECT * FROM later")))
        await until(pilot, lambda: '"later" does not exist' in text_of(app))
        server.execute("CREATE TABLE later (id int)")
        await pilot.press("R")
        await until(pilot, lambda: "Seq Scan on later" in text_of(app))
        server.execute("ALTER TABLE later RENAME TO gone", "CREATE VIEW later AS SELECT id FROM gone")
        await pilot.press("f5")
        await until(pilot, lambda: "Seq Scan on gone" in text_of(app))
        server.execute("DROP VIEW later", "DROP TABLE gone")


async def test_what_health_calls_slow_is_in_the_list_that_it_leads_to(server: PostgresServer) -> None:
    async with dashboard(server) as (app, pilot):
        await until(pilot, lambda: reads_plans(app))
        await pilot.press("2")
        await until(pilot, lambda: app.digests.history(TARGET).span_seconds(DigestMode.LIVE) is not None)
        server.execute(*["SELECT pg_sleep(0.05)"] * 40)
        await until(pilot, lambda: any("pg_sleep" in line and "of all time, last" in line for line in text_of(app).splitlines()))
        await pilot.press("3")
        await until(pilot, lambda: "live, last" in text_of(app) and "pg_sleep" in text_of(app))
        await pilot.press("2")
        await until(pilot, lambda: "pg_sleep" not in text_of(app))
