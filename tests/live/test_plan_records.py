"""Plans for which a real PostgreSQL runs something: the audit log knows of them before they begin, and how they ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aishell_core.safety.roles import Role
from aishell_core.values import Ability, Statement
from aishell_tui.screens.query import QueryScreen
from tests.live.test_acting_screens import TARGET, asked, dashboard, records
from tests.live.test_sessions_screens_postgres import text_of, until
from tests.servers.postgres import PostgresServer, postgres


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres("15") as running:
        running.execute(
            "CREATE TABLE stock (id int PRIMARY KEY, label text)",
            "CREATE FUNCTION first_id() RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 1; END'",
        )
        yield running


@pytest.mark.parametrize("role", [None, Role.ANALYST])
async def test_a_measured_plan_is_recorded_without_its_values(server: PostgresServer, tmp_path: Path, role: Role | None) -> None:
    statement = Statement(
        digest="1", text="SELECT * FROM stock WHERE label = 'very private'", calls=1.0, total_milliseconds=1.0, database="postgres"
    )
    async with dashboard(server, tmp_path, role) as (app, pilot):
        await until(pilot, lambda: any(Ability.ANALYZE in view.abilities for view in app.frame.targets))
        app.push_screen(QueryScreen(TARGET, statement))
        await until(pilot, lambda: "Seq Scan on stock" in text_of(app))
        await pilot.press("a")
        await asked(app, pilot)
        assert records(tmp_path) == []
        await pilot.press("y")
        await until(pilot, lambda: "measured plan," in text_of(app))
    attempt, result = records(tmp_path)
    assert (attempt["event"], attempt["subject"], attempt["decision"]) == ("attempt", "run a statement to measure its plan", "allowed")
    assert (attempt["user"], attempt["target"], attempt["role"]) == ("ann", TARGET, role.value if role else "")
    assert str(attempt["statement"]).startswith("SELECT * FROM stock WHERE label = ")
    assert "very private" not in str(attempt)
    assert (result["event"], result["result"]) == ("result", "done")


async def test_a_plan_whose_functions_may_act_is_recorded(server: PostgresServer, tmp_path: Path) -> None:
    statement = Statement(
        digest="2", text="SELECT * FROM stock WHERE id = first_id()", calls=1.0, total_milliseconds=1.0, database="postgres"
    )
    async with dashboard(server, tmp_path) as (app, pilot):
        await until(pilot, lambda: any(Ability.ANALYZE in view.abilities for view in app.frame.targets))
        app.push_screen(QueryScreen(TARGET, statement))
        await until(pilot, lambda: "first_id()" in text_of(app) and "e asks whether" in text_of(app))
        assert records(tmp_path) == []
        await pilot.press("e")
        await asked(app, pilot)
        await pilot.press("y")
        await until(pilot, lambda: "Index Scan using stock_pkey" in text_of(app))
    attempt, result = records(tmp_path)
    assert (attempt["subject"], attempt["decision"]) == ("plan a statement whose functions may act", "allowed")
    assert result["result"] == "done"
