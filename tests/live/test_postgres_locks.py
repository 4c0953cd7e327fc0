"""Who waits for whom on real servers: chains, diamonds, queues, and what the locks are on."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from aishell_core import catalogue
from aishell_core.values import LockWait, Part, Reading
from aishell_tui.lock_tree import lock_tree
from collectors.contract import NOTHING
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_clients import clients, hot_tier, look
from tests.servers.postgres_tiers import figure, until

WATCHED = frozenset({Part.SESSIONS, Part.LOCKS})


@pytest.fixture(scope="module", params=["14", "15", "16", "17", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param, settings={"max_prepared_transactions": "5"}) as running:
        running.execute(
            "CREATE TABLE stock (id int PRIMARY KEY, amount int)",
            "INSERT INTO stock SELECT number, 0 FROM generate_series(1, 50) AS number",
            "CREATE TABLE other (id int)",
            "CREATE DATABASE elsewhere",
        )
        yield running


def _edges(reading: Reading) -> dict[tuple[str, str], LockWait]:
    assert reading.lock_waits is not None
    return {(wait.waiter, wait.holder): wait for wait in reading.lock_waits}


def _blocking(server: PostgresServer) -> set[tuple[str, str]]:
    """What the server itself says of who waits for whom."""
    rows = server.execute("SELECT pid, unnest(pg_blocking_pids(pid)) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    return {(str(waiter), str(holder)) for waiter, holder in rows}


async def test_four_sessions_in_a_chain_are_a_tree_of_four_levels_with_the_head_first_and_the_right_times(server: PostgresServer) -> None:
    with clients(server, 4) as members:
        began = [time.time()]
        for place, client in enumerate(members):
            client.run("BEGIN", f"UPDATE stock SET amount = 1 WHERE id = {place + 1}")
            if place:
                client.wait_for(f"UPDATE stock SET amount = 2 WHERE id = {place}")
                began.append(time.time())
        asked_at = time.time()
        reading = await look(server, WATCHED)
        read_at = time.time()
        assert set(_edges(reading)) == _blocking(server)
    tree = lock_tree(reading.sessions or (), reading.lock_waits or ())
    assert [(row.id, row.depth) for row in tree.rows] == [(client.id, depth) for depth, client in enumerate(members)]
    for row, since in zip(tree.rows[1:], began[1:], strict=True):
        # A wait began between the moment before its statement was sent and the moment at which it was seen to wait,
        # and was looked at between the moment before the reading and the one after it.
        assert row.wait_seconds is not None
        assert asked_at - since - 0.1 <= row.wait_seconds <= read_at - began[0] + 0.1
    assert figure(reading, catalogue.LOCKS_WAITING) == 3
    longest = figure(reading, catalogue.LOCKS_WAIT)
    assert longest is not None
    assert longest == pytest.approx(tree.longest_wait_seconds, abs=read_at - asked_at)


async def test_a_wait_grows_with_the_clock_and_begins_anew_with_the_next_one(server: PostgresServer) -> None:
    with clients(server, 2) as (holder, waiter):
        holder.run("BEGIN", "UPDATE stock SET amount = 1 WHERE id = 1")
        waiter.run("SET application_name = 'patient'")
        running = waiter.wait_for("UPDATE stock SET amount = 2 WHERE id = 1")
        async with hot_tier(server) as tier:

            async def waited() -> tuple[float, float, float]:
                """How long it has waited, with the moments before and after the reading that tells it."""
                before = time.monotonic()
                seconds = _edges(await tier.read(WATCHED))[waiter.id, holder.id].wait_seconds
                assert seconds is not None
                return seconds, before, time.monotonic()

            first, first_before, first_after = await waited()

            async def longer() -> tuple[float, float, float] | None:
                now = await waited()
                return now if now[0] >= first + 0.5 else None

            later, later_before, later_after = await until(longer)
            assert later_before - first_after - 0.1 <= later - first <= later_after - first_before + 0.1
            holder.run("COMMIT")
            running.result(60)
            assert not (await tier.read(WATCHED)).lock_waits
            holder.run("BEGIN", "UPDATE stock SET amount = 1 WHERE id = 1")
            waiter.wait_for("UPDATE stock SET amount = 2 WHERE id = 1")
            again = _edges(await tier.read(WATCHED))[waiter.id, holder.id].wait_seconds
            assert again is not None
            assert again < later


async def test_a_diamond_has_both_edges_of_the_one_who_waits_for_two(server: PostgresServer) -> None:
    with clients(server, 4) as (head, left, right, last):
        head.run("BEGIN", "UPDATE stock SET amount = 1 WHERE id = 1")
        for client in (left, right):
            client.run("BEGIN", "LOCK TABLE other IN ROW SHARE MODE")
        left.wait_for("UPDATE stock SET amount = 2 WHERE id = 1")
        right.wait_for("SELECT * FROM stock WHERE id = 1 FOR UPDATE")
        last.run("BEGIN")
        last.wait_for("LOCK TABLE other IN ACCESS EXCLUSIVE MODE")
        reading = await look(server, WATCHED)
        edges = _edges(reading)
        assert set(edges) == _blocking(server)
    assert {(last.id, left.id), (last.id, right.id)} <= set(edges)
    assert edges[last.id, left.id].object == "relation public.other"
    assert (edges[last.id, left.id].mode, edges[last.id, left.id].held_mode) == ("AccessExclusiveLock", "RowShareLock")
    tree = lock_tree(reading.sessions or (), reading.lock_waits or ())
    assert tree.rows[0].id == head.id
    assert tree.heads == 1
    # The right one waits behind the left one for the row's place, and so stands below it.
    assert {row.id: row.depth for row in tree.rows}[last.id] == tree.deepest
    assert tree.rows[0].behind == 3


async def test_a_diamond_of_table_locks_names_for_each_all_that_the_server_does(server: PostgresServer) -> None:
    """One that asks for a little is kept by the holder and by who asked for much before it."""
    with clients(server, 4) as (head, left, right, last):
        head.run("BEGIN", "LOCK TABLE stock")
        for client in (left, right):
            client.run("BEGIN", "LOCK TABLE other IN SHARE MODE")
        left.wait_for("LOCK TABLE stock")
        right.wait_for("LOCK TABLE stock IN ACCESS SHARE MODE")
        last.run("BEGIN")
        last.wait_for("LOCK TABLE other")
        reading = await look(server, WATCHED)
        blocking = _blocking(server)
    assert {(right.id, head.id), (right.id, left.id)} <= blocking
    path: list[str] = []
    for row in lock_tree(reading.sessions or (), reading.lock_waits or ()).rows:
        path[row.depth :] = [row.id]
        assert {holder for waiter, holder in blocking if waiter == row.id} <= {*path, *row.also, *row.ahead}


async def test_one_who_asks_for_little_waits_behind_one_who_asks_for_much(server: PostgresServer) -> None:
    with clients(server, 3) as (reader, changer, late):
        reader.run("BEGIN", "SELECT count(*) FROM other")
        changer.run("BEGIN")
        changer.wait_for("LOCK TABLE other IN ACCESS EXCLUSIVE MODE")
        late.wait_for("SELECT count(*) FROM other")
        edges = _edges(await look(server, WATCHED))
        assert set(edges) == _blocking(server) == {(changer.id, reader.id), (late.id, changer.id)}
    assert edges[changer.id, reader.id].held_mode == "AccessShareLock"
    assert edges[late.id, changer.id].held_mode == ""


async def test_a_row_is_named_by_its_table_also_where_the_wait_is_for_a_transaction(server: PostgresServer) -> None:
    with clients(server, 3) as (holder, first, second):
        holder.run("BEGIN", "UPDATE stock SET amount = 1 WHERE id = 1")
        first.wait_for("UPDATE stock SET amount = 2 WHERE id = 1")
        second.wait_for("UPDATE stock SET amount = 3 WHERE id = 1")
        edges = _edges(await look(server, WATCHED))
    assert edges[first.id, holder.id].object.startswith("transaction ")
    assert edges[first.id, holder.id].object.endswith(", a row of public.stock")
    assert edges[second.id, first.id].object.startswith("row (0,")
    assert edges[second.id, first.id].object.endswith(") of public.stock")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("42", "advisory lock 42"),
        ("-1", "advisory lock -1"),
        ("1099511627776", "advisory lock 1099511627776"),
        ("7, -3", "advisory lock (7, -3)"),
    ],
)
async def test_advisory_locks_are_named_by_the_keys_that_the_application_gave(server: PostgresServer, arguments: str, words: str) -> None:
    key = arguments if "," in arguments else f"({arguments})::bigint"
    with clients(server, 2) as (holder, waiter):
        holder.run(f"SELECT pg_advisory_lock({key})")
        waiter.wait_for(f"SELECT pg_advisory_lock({key})")
        edges = _edges(await look(server, WATCHED))
    assert edges[waiter.id, holder.id].object == f"{words} in postgres"


async def test_a_relation_of_another_database_is_named_by_its_number_and_that_database(server: PostgresServer) -> None:
    with clients(server, 2, database="elsewhere") as (holder, waiter):
        holder.run("DROP TABLE IF EXISTS things", "CREATE TABLE things (id int)", "BEGIN", "LOCK TABLE things")
        number = holder.run("SELECT 'things'::regclass::oid")[0][0]
        waiter.wait_for("SELECT * FROM things")
        edges = _edges(await look(server, WATCHED))
        here = _edges(await look(server, WATCHED, database="elsewhere"))
    assert edges[waiter.id, holder.id].object == f"relation {number} in elsewhere"
    assert here[waiter.id, holder.id].object == "relation public.things"


async def test_a_prepared_transaction_holds_a_lock_without_a_session(server: PostgresServer) -> None:
    with clients(server, 2) as (gone, waiter):
        gone.run("BEGIN", "UPDATE stock SET amount = 1 WHERE id = 9", "PREPARE TRANSACTION 'left'' behind'")
        try:
            waiter.wait_for("UPDATE stock SET amount = 2 WHERE id = 9")
            reading = await look(server, WATCHED)
            assert set(_edges(reading)) == _blocking(server) == {(waiter.id, "0")}
        finally:
            server.execute("ROLLBACK PREPARED 'left'' behind'")
    wait = _edges(reading)[waiter.id, "0"]
    assert wait.object.endswith(" of prepared transaction left' behind")
    assert wait.held_mode == "ExclusiveLock"
    assert lock_tree(reading.sessions or (), reading.lock_waits or ()).rows[0].id == "0"


async def test_parallel_workers_wait_in_the_name_of_their_leader(server: PostgresServer) -> None:
    server.execute(
        "CREATE OR REPLACE FUNCTION waits(int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE"
        " AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(5); RETURN $1; END'",
        "DROP TABLE IF EXISTS wide",
        "CREATE TABLE wide AS SELECT number FROM generate_series(1, 200000) AS number",
        "ANALYZE wide",
    )
    with clients(server, 2) as (holder, leader):
        holder.run("SELECT pg_advisory_lock(5)")
        for setting in (
            "parallel_setup_cost = 0",
            "parallel_tuple_cost = 0",
            "min_parallel_table_scan_size = 0",
            "parallel_leader_participation = off",
        ):
            leader.run(f"SET {setting}")
        leader.send("SELECT sum(waits(number)) FROM wide")
        workers = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'parallel worker' AND wait_event_type = 'Lock'"

        async def waiting() -> Reading | None:
            return await look(server, WATCHED) if len(server.execute(workers)) >= 2 else None

        reading = await until(waiting)
    assert {edge for edge in _edges(reading) if edge[0] != edge[1]} == {(leader.id, holder.id)}
    assert {session.leader for session in reading.sessions or () if session.kind == "parallel worker"} == {leader.id}


async def test_a_long_queue_is_told_by_few_edges(server: PostgresServer) -> None:
    with clients(server, 25) as members:
        members[0].run("BEGIN", "UPDATE stock SET amount = 1 WHERE id = 3")
        for client in members[1:]:
            client.wait_for("UPDATE stock SET amount = 2 WHERE id = 3")
        reading = await look(server, WATCHED)
        told = _blocking(server)
    edges = _edges(reading)
    assert set(edges) <= told
    assert {waiter for waiter, _ in edges} == {client.id for client in members[1:]}
    assert lock_tree(reading.sessions or (), reading.lock_waits or ()).rows[0].id == members[0].id


async def test_waiting_is_counted_and_timed_while_nobody_looks_closely(server: PostgresServer) -> None:
    with clients(server, 2) as (holder, waiter):
        holder.run("BEGIN", "UPDATE stock SET amount = 1 WHERE id = 1")
        waiter.wait_for("UPDATE stock SET amount = 2 WHERE id = 1")
        async with hot_tier(server) as tier:
            began = time.monotonic()
            close, far = await tier.read(WATCHED), await tier.read(NOTHING)
            took = time.monotonic() - began
    assert figure(far, catalogue.LOCKS_WAITING) == figure(close, catalogue.LOCKS_WAITING) == 1
    waited = figure(far, catalogue.LOCKS_WAIT)
    assert waited is not None
    assert waited == pytest.approx(figure(close, catalogue.LOCKS_WAIT), abs=took + 0.1)
    assert far.lock_waits is None
    assert [wait.wait_class for wait in far.waits or ()] == ["Lock"]


async def test_a_role_without_rights_sees_who_waits_for_whom_all_the_same(server: PostgresServer) -> None:
    server.execute("DROP ROLE IF EXISTS nothing", "CREATE ROLE nothing LOGIN")
    with clients(server, 2) as (holder, waiter):
        holder.run("BEGIN", "UPDATE stock SET amount = 1 WHERE id = 1")
        waiter.wait_for("UPDATE stock SET amount = 2 WHERE id = 1")
        reading = await look(server, WATCHED, user="nothing")
        far = await look(server, NOTHING, user="nothing")
    assert set(_edges(reading)) == {(waiter.id, holder.id)}
    assert figure(reading, catalogue.LOCKS_WAITING) == figure(far, catalogue.LOCKS_WAITING) == 1
