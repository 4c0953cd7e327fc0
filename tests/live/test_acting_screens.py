"""Cancelling and ending sessions by keys, on a real PostgreSQL: the question, the act, its record, and who is not even offered it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from pg8000.exceptions import DatabaseError, InterfaceError
from textual.pilot import Pilot

from aishell_core.clock import SystemClock
from aishell_core.safety.decision import Place
from aishell_core.safety.roles import Actor, Grant, Policy, Role
from aishell_core.targets import Environment, Target
from aishell_core.values import TargetId
from aishell_tui.app import AishellApp
from aishell_tui.authority import Authority
from aishell_tui.options import DashboardOptions
from aishell_tui.runtime import Runtime
from aishell_tui.screens.confirm import ConfirmScreen
from aishell_tui.screens.sessions import SessionsScreen
from collectors.registry import open_collector
from collectors.schedule import Schedule
from tests.live.test_sessions_screens_postgres import text_of, until
from tests.safety import segments, write_days
from tests.servers.mysql import MARIADB, MysqlServer, mysql
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_clients import Client, clients

TARGET = TargetId("orders")
LONG = "SELECT pg_sleep(600)"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres("15") as running:
        running.execute(
            "CREATE TABLE stock (id int PRIMARY KEY, amount int)", "INSERT INTO stock SELECT n, 0 FROM generate_series(1, 99) n"
        )
        yield running


@asynccontextmanager
async def dashboard(
    server: PostgresServer | MysqlServer,
    state: Path,
    role: Role | None = Role.OPERATOR,
    *,
    environment: Environment = Environment.DEVELOPMENT,
    read_only: bool = False,
    size: tuple[int, int] = (120, 40),
) -> AsyncIterator[tuple[AishellApp, Pilot[int]]]:
    target: Target = replace(server.target(TARGET), environment=environment)
    runtime = Runtime(
        (target,),
        clock=SystemClock(),
        open_collector=open_collector,
        schedule=Schedule(hot_seconds=0.25),
        thresholds={},
        state_folder=None,
        jitter=lambda: 0.0,
    )
    policy = Policy((Grant(role, users=("ann",)),) if role is not None else (), configured=role is not None)
    authority = Authority(Actor("ann", 1000), policy, state, {TARGET: Place(TARGET, environment, read_only)})
    app = AishellApp(runtime, DashboardOptions(targets=(target,), read_only=read_only, authorise=lambda: authority))
    async with app.run_test(size=size) as pilot:
        await pilot.press("4")
        yield app, pilot
        app.monitor.cancel()
        await runtime.stopped.wait()
        await pilot.pause()


def records(state: Path) -> list[dict[str, object]]:
    return [json.loads(line) for file in sorted((state / "audit").glob("*.jsonl")) for line in file.read_text().splitlines()]


def has_ended(client: Client) -> bool:
    try:
        client.run("SELECT 1")
    except (DatabaseError, InterfaceError):
        return True
    return False


async def choose(app: AishellApp, pilot: Pilot[int], client: Client) -> None:
    """Put the cursor on a session."""
    await until(pilot, lambda: isinstance(app.screen, SessionsScreen) and client.id in text_of(app))
    assert isinstance(app.screen, SessionsScreen)
    table = app.screen.table
    assert table is not None
    table.select(next(each for each in table.shown_ids if each.partition("@")[0] == client.id))
    await until(pilot, lambda: [session.id for session in screen_of(app).chosen_sessions()] == [client.id])


def screen_of(app: AishellApp) -> SessionsScreen:
    assert isinstance(app.screen, SessionsScreen)
    return app.screen


def footer(app: AishellApp) -> str:
    return text_of(app).splitlines()[-1]


async def asked(app: AishellApp, pilot: Pilot[int]) -> str:
    await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
    await pilot.pause()
    return text_of(app)


async def test_a_damaged_log_is_told_once_and_the_act_is_done(server: PostgresServer, tmp_path: Path) -> None:
    write_days(tmp_path, 1)
    (file,) = segments(tmp_path)
    file.write_bytes(file.read_bytes().replace(b'"role":"developer"', b'"role":"dev3loper"', 1))
    before = len(records(tmp_path))

    def ended() -> int:
        return sum(record["event"] == "result" for record in records(tmp_path)[before:])

    with clients(server, 2) as (one, two):
        async with dashboard(server, tmp_path) as (app, pilot):
            await pilot.press("i")
            await choose(app, pilot, one)
            await pilot.press("K")
            await asked(app, pilot)
            await pilot.press("y")
            await until(pilot, lambda: "THE AUDIT LOG IS DAMAGED" in text_of(app))
            await until(pilot, lambda: ended() == 1)
            await pilot.press("escape")
            await choose(app, pilot, two)
            await pilot.press("K")
            await asked(app, pilot)
            await pilot.press("y")
            await until(pilot, lambda: ended() == 2)
            assert isinstance(app.screen, SessionsScreen)
        assert has_ended(one)
        assert has_ended(two)


async def test_x_cancels_the_statement_after_a_yes(server: PostgresServer, tmp_path: Path) -> None:
    with clients(server, 1) as (one,):
        running = one.send(LONG)
        async with dashboard(server, tmp_path) as (app, pilot):
            await choose(app, pilot, one)
            await pilot.press("x")
            question = await asked(app, pilot)
            assert f"Cancel the statement of session {one.id} on orders (development)" in question
            assert LONG in question
            assert "its statement ends with an error" in question
            await pilot.press("y")
            await until(pilot, lambda: f"cancelled {one.id}" in text_of(app))
            await pilot.press("8")
            await until(pilot, lambda: f"ann cancelled the statement of session {one.id}" in text_of(app))
        with pytest.raises(DatabaseError, match="57014"):
            running.result(60)
        assert not has_ended(one)
    assert [record["event"] for record in records(tmp_path)] == ["attempt", "result"]


async def test_anything_but_a_yes_leaves_it_alone_and_is_recorded(server: PostgresServer, tmp_path: Path) -> None:
    with clients(server, 1) as (one,):
        one.run("BEGIN", "SELECT 1")
        async with dashboard(server, tmp_path) as (app, pilot):
            await choose(app, pilot, one)
            await pilot.press("K")
            assert "its open transaction is rolled back" in await asked(app, pilot)
            await pilot.press("enter")
            await until(pilot, lambda: "left alone" in text_of(app))
        assert not has_ended(one)
    assert [record["decision"] for record in records(tmp_path)] == ["declined"]


async def test_the_head_blocker_is_ended_although_a_filter_hides_it(server: PostgresServer, tmp_path: Path) -> None:
    with clients(server, 2) as (head, waiter):
        head.run("BEGIN", "UPDATE stock SET amount = 1 WHERE id = 1")
        behind = waiter.wait_for("UPDATE stock SET amount = 2 WHERE id = 1")
        async with dashboard(server, tmp_path) as (app, pilot):
            await until(pilot, lambda: isinstance(app.screen, SessionsScreen) and waiter.id in text_of(app) and head.id in text_of(app))
            await pilot.press("slash", *waiter.id, "enter")
            await until(pilot, lambda: head.id not in {each.partition("@")[0] for each in screen_of(app).table.shown_ids})  # type: ignore[union-attr]
            await pilot.press("B")
            question = await asked(app, pilot)
            assert f"Terminate session {head.id} on orders (development)" in question
            assert "1 waits behind it" in question
            await pilot.press("y")
            await until(pilot, lambda: f"ended {head.id}" in text_of(app))
        behind.result(60)
        assert has_ended(head)
        assert not has_ended(waiter)


async def test_a_head_blocker_that_is_only_inferred_is_not_offered(tmp_path: Path) -> None:
    """Without the plugin MariaDB does not tell who holds a metadata lock: an innocent session may be the one that is named."""
    with mysql(MARIADB) as maria:
        maria.execute("CREATE DATABASE shop", "CREATE TABLE shop.stock (id int)")
        holder, changer = maria.connect("shop"), maria.connect("shop")
        holder.run("LOCK TABLES stock WRITE")
        change = Thread(target=changer.run, args=("ALTER TABLE stock COMMENT = 'changed'",))
        change.start()
        try:
            async with dashboard(maria, tmp_path) as (app, pilot):
                await until(pilot, lambda: isinstance(app.screen, SessionsScreen) and "blocks 1" in text_of(app))
                await pilot.press("B")
                await until(pilot, lambda: f"that {holder.id} holds the lock is only inferred" in text_of(app))
        finally:
            holder.run("UNLOCK TABLES")
            change.join()
    assert not (tmp_path / "audit").exists()


async def test_several_sessions_and_production_want_the_name_typed(server: PostgresServer, tmp_path: Path) -> None:
    with clients(server, 2) as (one, two):
        for each in (one, two):
            each.run("BEGIN", "SELECT 1")
        async with dashboard(server, tmp_path, environment=Environment.PRODUCTION) as (app, pilot):
            await choose(app, pilot, one)
            await pilot.press("space")
            await choose_marked(app, pilot, two)
            await pilot.press("K")
            question = await asked(app, pilot)
            assert "Terminate 2 sessions on orders (production)" in question
            assert all(each.id in question for each in (one, two))
            await pilot.press("y", "enter")
            await until(pilot, lambda: "'y' is not the name" in text_of(app))
            assert not has_ended(one)
            await pilot.press(*"orders", "enter")
            await until(pilot, lambda: "ended 2 sessions" in text_of(app))
        assert has_ended(one)
        assert has_ended(two)


async def choose_marked(app: AishellApp, pilot: Pilot[int], client: Client) -> None:
    """Mark a further session."""
    table = screen_of(app).table
    assert table is not None
    table.select(next(each for each in table.shown_ids if each.partition("@")[0] == client.id))
    await pilot.press("space")
    await until(pilot, lambda: len(screen_of(app).chosen_sessions()) == 2)


@pytest.mark.parametrize("role", [None, Role.ANALYST])
async def test_who_may_not_is_told_the_lines_that_would_allow_it(server: PostgresServer, tmp_path: Path, role: Role | None) -> None:
    with clients(server, 1) as (one,):
        one.run("BEGIN", "SELECT 1")
        async with dashboard(server, tmp_path, role) as (app, pilot):
            await choose(app, pilot, one)
            await pilot.press("K")
            refusal = await asked(app, pilot)
            assert "not allowed" in refusal
            assert "- role: operator" in refusal
            await pilot.press("y")
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, SessionsScreen))
        assert not has_ended(one)
    assert [record["decision"] for record in records(tmp_path)] == ["refused"]


async def test_a_read_only_session_does_not_show_the_actions(server: PostgresServer, tmp_path: Path) -> None:
    acts = ("x cancel", "K end", "B end blocker")
    with clients(server, 1) as (one,):
        one.run("BEGIN", "SELECT 1")
        async with dashboard(server, tmp_path, size=(80, 24)) as (app, pilot):
            await choose(app, pilot, one)
            assert all(act in footer(app) for act in acts)
        async with dashboard(server, tmp_path, read_only=True, size=(160, 45)) as (app, pilot):
            await choose(app, pilot, one)
            assert not any(act in footer(app) for act in acts)
            assert "[RO]" in text_of(app)
            await pilot.press("K", "x", "B")
            assert isinstance(app.screen, SessionsScreen)
            await pilot.press("question_mark")
            await until(pilot, lambda: "keys: sessions" in text_of(app))
            assert "after a question" not in text_of(app)
        assert not has_ended(one)
    assert records(tmp_path) == []


async def test_a_session_that_has_ended_meanwhile_is_told_and_nothing_else_is_hit(server: PostgresServer, tmp_path: Path) -> None:
    with clients(server, 2) as (one, other):
        one.run("BEGIN", "SELECT 1")
        async with dashboard(server, tmp_path) as (app, pilot):
            await choose(app, pilot, one)
            await pilot.press("K")
            await asked(app, pilot)
            server.execute(f"SELECT pg_terminate_backend({one.id})")
            await until(pilot, lambda: not server.execute(f"SELECT 1 FROM pg_stat_activity WHERE pid = {one.id}"))
            await pilot.press("y")
            await until(pilot, lambda: f"session {one.id} has ended by itself" in text_of(app))
        assert not has_ended(other)
    assert records(tmp_path)[-1]["code"] == "gone"
