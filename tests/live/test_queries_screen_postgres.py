"""The screen of statements over a real server whose statistics are reset while somebody looks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.test_sessions_screens_postgres import dashboard, text_of, until
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
        await until(pilot, lambda: "since reset" in text_of(app) and "counted anew by the server since" in text_of(app))
        await pilot.press("8")
        await until(pilot, lambda: "the statistics of statements were reset" in text_of(app))
