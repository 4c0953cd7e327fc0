"""Plans for which a real PostgreSQL runs something: the audit log knows of them before they begin, and how they ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

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


def trap(server: PostgresServer, proof: Path) -> Statement:
    """A statement that reads by its text, and whose planning alone makes the server write a file."""
    server.execute(
        "DROP VIEW IF EXISTS quiet; DROP FUNCTION IF EXISTS trap(), springs()",
        "CREATE FUNCTION springs() RETURNS int LANGUAGE plpgsql VOLATILE AS "
        f"$$BEGIN COPY (SELECT 1) TO PROGRAM 'cat > {proof}'; RETURN 1; END$$",
        "CREATE FUNCTION trap() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN springs(); END'",
        "CREATE VIEW quiet AS SELECT * FROM stock WHERE id = trap()",
    )
    return Statement(digest="2", text="SELECT * FROM quiet", calls=1.0, total_milliseconds=1.0, database="postgres")


def sprung(proof: Path) -> bool:
    """Whether the trap has run."""
    return proof.exists()


@pytest.fixture
def proof() -> Iterator[Path]:
    """A file that is not there, in a folder that the server's user may write to."""
    folder = Path(mkdtemp())
    folder.chmod(0o777)
    yield folder / "sprung"
    rmtree(folder)


async def test_a_plan_that_may_act_is_made_after_its_name_was_typed_and_recorded_with_the_role(
    server: PostgresServer, tmp_path: Path, proof: Path
) -> None:
    statement = trap(server, proof)
    async with dashboard(server, tmp_path, Role.DEVELOPER) as (app, pilot):
        await until(pilot, lambda: any(Ability.ANALYZE in view.abilities for view in app.frame.targets))
        app.push_screen(QueryScreen(TARGET, statement))
        await until(pilot, lambda: "trap()" in text_of(app) and "e asks whether" in text_of(app))
        assert records(tmp_path) == []
        await pilot.press("e")
        await asked(app, pilot)
        assert not sprung(proof)
        await pilot.press(*TARGET, "enter")
        await until(pilot, lambda: "Index Scan using stock_pkey" in text_of(app))
    assert sprung(proof)
    attempt, result = records(tmp_path)
    assert (attempt["subject"], attempt["decision"]) == ("plan a statement whose functions may act", "allowed")
    assert (attempt["role"], attempt["actions"], attempt["statement"]) == ("developer", ["read", "write"], "EXPLAIN SELECT * FROM quiet")
    assert result["result"] == "done"


@pytest.mark.parametrize("role", [None, Role.ANALYST])
async def test_who_may_not_write_has_no_plan_that_may_act_and_nothing_runs(
    server: PostgresServer, tmp_path: Path, proof: Path, role: Role | None
) -> None:
    statement = trap(server, proof)
    async with dashboard(server, tmp_path, role) as (app, pilot):
        await until(pilot, lambda: any(Ability.ANALYZE in view.abilities for view in app.frame.targets))
        app.push_screen(QueryScreen(TARGET, statement))
        await until(pilot, lambda: "e asks whether" in text_of(app))
        await pilot.press("e")
        assert "not allowed" in await asked(app, pilot)
        await pilot.press("y", "enter")
        await until(pilot, lambda: isinstance(app.screen, QueryScreen))
    (attempt,) = records(tmp_path)
    assert (attempt["decision"], attempt["role"]) == ("refused", role.value if role else "")
    assert not sprung(proof)
