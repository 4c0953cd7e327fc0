"""Who waits for whom on real MySQL and MariaDB servers: chains, diamonds, queues, metadata locks, and how long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import pytest

from aishell_core import catalogue
from aishell_core.values import FailureCode, Part, Reading
from aishell_ops.sessions.plan import head_blockers
from aishell_tui.lock_tree import LockTree, lock_tree
from collectors.contract import NOTHING
from collectors.mysql.collector import MysqlCollector
from tests.servers.mysql import MARIADB, MysqlServer, mysql
from tests.servers.mysql_clients import edges, figure, look, until, waiters, watching

TABLE = (
    "CREATE DATABASE shop",
    "CREATE TABLE shop.stock (id int PRIMARY KEY, amount int)",
    "INSERT INTO shop.stock VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5)",
)


@pytest.fixture(scope="module", params=[MARIADB, "mariadb-11.4", "mysql-8.0"])
def server(request: pytest.FixtureRequest) -> Iterator[MysqlServer]:
    with mysql(request.param) as running:
        running.execute(*TABLE)
        yield running


def _update(number: int) -> str:
    return f"UPDATE stock SET amount = amount + 1 WHERE id = {number}"


async def _tree(collector: MysqlCollector, waiting: int) -> tuple[LockTree, Reading]:
    """The lock tree once so many wait in it."""

    async def read() -> tuple[LockTree, Reading] | None:
        reading = await look(collector)
        tree = lock_tree(reading.sessions or (), reading.lock_waits or ())
        return (tree, reading) if tree.waiting == waiting else None

    return await until(read)


async def test_a_chain_of_four_is_as_deep_as_it_is_with_its_head_first_and_the_times_of_waiting(server: MysqlServer) -> None:
    with waiters(server, 4, database="shop") as chain:
        for number, client in enumerate(chain, start=1):
            client.run("BEGIN", _update(number))
        began = []
        for number, client in enumerate(chain[1:], start=1):
            began.append(time.monotonic())
            client.wait_for(_update(number))
        async with watching(server.target()) as collector:
            tree, reading = await _tree(collector, 3)
            read = time.monotonic()
    assert [row.id for row in tree.rows] == [client.id for client in chain]
    assert [row.depth for row in tree.rows] == [0, 1, 2, 3]
    assert tree.heads == 1
    for row, since in zip(tree.rows[1:], began, strict=True):
        assert row.wait is not None
        assert row.wait.held_mode
        assert "shop.stock" in row.wait.object
        assert row.wait_seconds is not None
        # The server tells the beginning of a wait in whole seconds, and no wait is longer than its statement.
        assert 0 <= row.wait_seconds <= read - since + 1.0
    assert figure(reading, catalogue.LOCKS_WAITING) == 3
    head = next(session for session in reading.sessions or () if session.id == chain[0].id)
    assert head.state == "idle in transaction"
    assert head.transaction_seconds is not None
    # The process list of a server without performance_schema forgets a statement that has ended, and that is said.
    if server.mariadb:
        assert (head.text, "performance_schema = ON" in dict(head.details)["last statement"]) == ("", True)
    else:
        assert head.text == _update(1)


async def test_a_wait_is_told_to_last_as_long_as_it_does(server: MysqlServer) -> None:
    with waiters(server, 2, database="shop") as (holder, waiter):
        holder.run("BEGIN", _update(1))
        began = time.monotonic()
        waiter.wait_for(_update(1))
        async with watching(server.target()) as collector:

            async def long_enough() -> float | None:
                waits = (await look(collector)).lock_waits or ()
                seconds = waits[0].wait_seconds if waits else None
                return seconds if seconds is not None and seconds >= 3.0 else None

            seconds = await until(long_enough)
            # At most the second by which the server's own figures are rounded.
            assert seconds <= time.monotonic() - began + 1.0
            assert time.monotonic() - began >= 2.0


async def test_of_a_diamond_each_stands_under_one_and_its_other_holder_is_named(server: MysqlServer) -> None:
    with waiters(server, 4, database="shop") as (head, left, right, last):
        head.run("BEGIN", _update(1), _update(2))
        left.run("BEGIN", "SELECT * FROM stock WHERE id = 3 LOCK IN SHARE MODE")
        right.run("BEGIN", "SELECT * FROM stock WHERE id = 3 LOCK IN SHARE MODE")
        last.run("BEGIN")
        left.wait_for(_update(1))
        right.wait_for(_update(2))
        last.wait_for(_update(3))
        async with watching(server.target()) as collector:
            found = await edges(collector, 4)
            tree, _ = await _tree(collector, 3)
    assert set(found) == {(left.id, head.id), (right.id, head.id), (last.id, left.id), (last.id, right.id)}
    assert tree.rows[0].id == head.id
    assert {row.id: row.depth for row in tree.rows} == {head.id: 0, left.id: 1, right.id: 1, last.id: 2}
    bottom = next(row for row in tree.rows if row.id == last.id)
    assert bottom.wait is not None
    assert {bottom.wait.holder, *bottom.also} == {left.id, right.id}


async def test_who_only_waits_ahead_in_a_queue_is_no_holder(server: MysqlServer) -> None:
    with waiters(server, 3, database="shop") as (holder, first, second):
        holder.run("BEGIN", _update(1))
        first.wait_for(_update(1))
        second.wait_for(_update(1))
        async with watching(server.target()) as collector:
            tree, _ = await _tree(collector, 2)
    assert tree.rows[0].id == holder.id
    assert {row.depth for row in tree.rows[1:]} == {1}


async def test_nobody_looks_at_locks_while_nobody_waits(server: MysqlServer) -> None:
    async with watching(server.target()) as collector:
        quiet = await look(collector)
        assert quiet.lock_waits == ()
        with waiters(server, 2, database="shop") as (holder, waiter):
            holder.run("BEGIN", _update(1))
            waiter.wait_for(_update(1))
            assert len(await edges(collector, 1)) == 1
            unwatched = await look(collector, NOTHING)
            assert unwatched.lock_waits is None
            assert figure(unwatched, catalogue.LOCKS_WAITING) == 1
            assert figure(unwatched, catalogue.LOCKS_WAIT) is not None


async def test_statements_behind_a_change_of_the_table_stand_behind_it_and_all_behind_the_open_transaction(server: MysqlServer) -> None:
    """MySQL tells who holds what; a MariaDB without performance_schema and plugin does not, so it is inferred and said."""
    tree, ids, reading = await _behind_a_change(server)
    assert {row.id: row.depth for row in tree.rows} == dict(zip(ids, (0, 1, 2, 2), strict=True))
    assert tree.rows[0].id == ids[0]
    failures = [failure for failure in reading.failures if failure.part == Part.LOCKS]
    if server.mariadb:
        assert all(row.wait is None or "inferred" in row.wait.object for row in tree.rows)
        assert [(failure.code, failure.hint) for failure in failures] == [(FailureCode.MISSING, "INSTALL SONAME 'metadata_lock_info';")]
    else:
        assert _change(tree, ids) == ("EXCLUSIVE", "SHARED_READ", "metadata of shop.stock")
        assert not failures


def _change(tree: LockTree, ids: list[str]) -> tuple[str, str, str]:
    """What the change of the table waits for: its mode, the holder's, and on what."""
    wait = next(row.wait for row in tree.rows if row.id == ids[1])
    assert wait is not None
    return wait.mode, wait.held_mode, wait.object


async def _behind_a_change(server: MysqlServer) -> tuple[LockTree, list[str], Reading]:
    """An open transaction, a change of its table behind that, and a reader and a writer behind the change."""
    with waiters(server, 4, database="shop") as clients:
        holder, changer, reader, writer = clients
        holder.run("BEGIN", "SELECT * FROM stock")
        changer.wait_for("ALTER TABLE stock COMMENT = 'changed'")
        reader.wait_for("SELECT * FROM stock")
        writer.wait_for("INSERT IGNORE INTO stock (id) VALUES (99)")
        async with watching(server.target()) as collector:
            tree, reading = await _tree(collector, 3)
    assert figure(reading, catalogue.MYSQL_METADATA_WAITING) == 3
    return tree, [client.id for client in clients], reading


@pytest.mark.parametrize("told_by", ["plugin", "performance_schema"])
async def test_a_mariadb_that_is_told_to_names_the_holders_of_metadata_locks(told_by: str) -> None:
    plugin = {"plugin-maturity": "unknown", "plugin-dir": "/usr/lib/mysql/plugin", "plugin-load-add": "metadata_lock_info"}
    with mysql(MARIADB, performance_schema=told_by != "plugin", settings=plugin if told_by == "plugin" else {}) as server:
        server.execute(*TABLE)
        tree, ids, reading = await _behind_a_change(server)
    assert {row.id: row.depth for row in tree.rows} == dict(zip(ids, (0, 1, 2, 2), strict=True))
    # The plugin tells what is held; what is asked for is taken from the statements, and that is said.
    remark = " (from its statement)" if told_by == "plugin" else ""
    assert _change(tree, ids) == ("EXCLUSIVE", "SHARED_READ", f"metadata of shop.stock{remark}")
    assert not [failure for failure in reading.failures if failure.part == Part.LOCKS]


async def test_of_two_open_transactions_neither_is_accused_where_nobody_can_tell(server: MysqlServer) -> None:
    server.execute("CREATE TABLE IF NOT EXISTS shop.other (id int)")
    with waiters(server, 3, database="shop") as (holder, bystander, changer):
        holder.run("BEGIN", "SELECT * FROM stock")
        bystander.run("BEGIN", "SELECT * FROM other")
        changer.wait_for("ALTER TABLE stock COMMENT = 'changed'")
        async with watching(server.target()) as collector:
            found = await edges(collector, 1)
    assert set(found) == {(changer.id, "" if server.mariadb else holder.id)}


async def test_beside_idle_sessions_the_open_transaction_is_told_as_the_likeliest_holder_of_several(server: MysqlServer) -> None:
    """A pool's idle session could have the table by LOCK TABLES … WRITE, for all that a MariaDB without performance_schema tells."""
    with waiters(server, 3, database="shop") as (idle, holder, changer):
        idle.run("SELECT 1")
        holder.run("BEGIN", "SELECT * FROM stock")
        changer.wait_for("ALTER TABLE stock COMMENT = 'changed'")
        async with watching(server.target()) as collector:
            (wait,) = (await edges(collector, 1)).values()
    assert (wait.holder, wait.candidates[:2]) == (("", (holder.id, idle.id)) if server.mariadb else (holder.id, ()))


@pytest.mark.parametrize(
    "change",
    ["ALTER TABLE stock FORCE", "ALTER TABLE stock ADD COLUMN added int", "CREATE INDEX added ON stock (amount)", "TRUNCATE TABLE stock"],
)
async def test_an_open_transaction_alone_is_the_one_before_a_change_of_its_table(server: MysqlServer, change: str) -> None:
    """A change that waits has the table in use itself, as far as a MariaDB without performance_schema tells; a TRUNCATE has not."""
    server.execute("DROP TABLE IF EXISTS shop.stock", *TABLE[1:])
    with waiters(server, 2, database="shop") as (holder, changer):
        holder.run("BEGIN", "SELECT * FROM stock LIMIT 1")
        changer.wait_for(change)
        async with watching(server.target()) as collector:
            heads = partial(_heads, collector)
            # A connection that is just being closed is idle outside of a transaction, too, so long as the server lists it.
            assert await until(heads) == [holder.id]
    server.execute("DROP TABLE shop.stock", *TABLE[1:])


async def _heads(collector: MysqlCollector) -> list[str]:
    reading = await look(collector)
    return [session.id for session in head_blockers(reading.sessions or (), reading.lock_waits or ())]


@pytest.mark.parametrize("idle", [0, 1])
async def test_who_has_locked_the_table_holds_up_a_change_of_it_and_no_open_transaction_does(server: MysqlServer, idle: int) -> None:
    """Where nothing tells who holds the lock and a second idle session may be the one, nobody is named, the transaction least of all."""
    server.execute("CREATE TABLE IF NOT EXISTS shop.other (id int)")
    with waiters(server, 3 + idle, database="shop") as (bystander, holder, changer, *_):
        bystander.run("BEGIN", "SELECT * FROM other")
        holder.run("LOCK TABLES stock READ")
        changer.wait_for("ALTER TABLE stock COMMENT = 'changed'")
        wanted = {(changer.id, "" if server.mariadb and idle else holder.id)}
        async with watching(server.target()) as collector:

            async def told() -> Reading | None:
                # A connection that is just being closed is idle as the holder is, so long as the server lists it.
                reading = await look(collector)
                return reading if {(wait.waiter, wait.holder) for wait in reading.lock_waits or ()} == wanted else None

            reading = await until(told)
    assert all(wait.inferred for wait in reading.lock_waits or ()) is server.mariadb


async def test_before_a_change_that_may_use_the_table_itself_neither_is_accused(server: MysqlServer) -> None:
    """Behind LOCK TABLES … WRITE an ALTER waits before it opens the table, behind a transaction with it open: one use of it either way."""
    server.execute("CREATE TABLE IF NOT EXISTS shop.other (id int)")
    with waiters(server, 3, database="shop") as (bystander, holder, changer):
        bystander.run("BEGIN", "SELECT * FROM other")
        holder.run("LOCK TABLES stock WRITE")
        changer.wait_for("ALTER TABLE stock COMMENT = 'changed'")
        async with watching(server.target()) as collector:
            found = await edges(collector, 1)
    assert set(found) == {(changer.id, "" if server.mariadb else holder.id)}


async def test_an_open_transaction_elsewhere_is_not_accused_of_holding_up_a_reader(server: MysqlServer) -> None:
    """Who has locked the table is idle and has no transaction: without a server that tells of it, it is inferred as the only one."""
    server.execute("CREATE TABLE IF NOT EXISTS shop.other (id int)")
    with waiters(server, 3, database="shop") as (bystander, holder, reader):
        bystander.run("BEGIN", _update(3))
        holder.run("LOCK TABLES other WRITE")
        reader.wait_for("SELECT * FROM other")
        async with watching(server.target()) as collector:

            async def named() -> Reading | None:
                # A connection that is just being closed is idle as the holder is, so long as the server lists it.
                reading = await look(collector)
                return reading if {(wait.waiter, wait.holder) for wait in reading.lock_waits or ()} == {(reader.id, holder.id)} else None

            reading = await until(named)
    heads = head_blockers(reading.sessions or (), reading.lock_waits or ())
    assert bystander.id not in {session.id for session in heads}


async def test_who_holds_a_lock_by_get_lock_stands_above_who_waits_for_it(server: MysqlServer) -> None:
    """A MariaDB without performance_schema tells of the wait alone."""
    with waiters(server, 2, database="shop") as (holder, waiter):
        holder.run("SELECT GET_LOCK('job', 0)")
        waiter.wait_for("SELECT GET_LOCK('job', 600)")
        async with watching(server.target()) as collector:
            if server.mariadb:
                reading = await until(partial(_user_lock, collector, waiter.id))
                assert reading.lock_waits == ()
            else:
                found = await edges(collector, 1)
                assert {name: wait.object for name, wait in found.items()} == {(waiter.id, holder.id): "user lock job"}
                assert figure(await look(collector), catalogue.LOCKS_WAITING) == 1


async def _user_lock(collector: MysqlCollector, waiter: str) -> Reading | None:
    """A reading in which this session waits for a lock by GET_LOCK."""
    reading = await look(collector)
    return reading if any((each.id, each.wait) == (waiter, "user lock") for each in reading.sessions or ()) else None


async def test_the_last_deadlock_is_kept_with_both_statements_and_who_was_rolled_back(server: MysqlServer) -> None:
    short: list[str] = []
    async with watching(server.target()) as collector:
        before = figure(await look(collector, NOTHING), catalogue.DEADLOCKS_RATE)
        with waiters(server, 2, database="shop") as (first, second):
            first.run("BEGIN", _update(1))
            second.run("BEGIN", _update(2))
            running = [first.wait_for(_update(2)), second.begin("UPDATE stock SET amount = 12345 WHERE id = 1")]
            ends = [each.exception(60) for each in running]

            async def told() -> str:
                reading = await look(collector, NOTHING)
                counted = figure(reading, catalogue.DEADLOCKS_RATE)
                facts = dict(reading.facts.details) if reading.facts is not None else {}
                short.append(facts.get("deadlock", ""))
                return facts.get("last deadlock", "") if counted == (before or 0.0) + 1 else ""

            text = await until(told)
    assert "root" in short[-1]
    assert "about shop.stock" in short[-1]
    assert "UPDATE" not in short[-1]
    # Which of the two is rolled back differs between versions; that of MariaDB 11.4 names the wrong one in its own words.
    (victim,) = [client.id for client, end in zip((first, second), ends, strict=True) if end is not None]
    assert text.count("was rolled back") == 1
    if server.binaries.version != "mariadb-11.4":
        assert f"session {victim} waited for shop.stock, was rolled back" in text
    assert {f"session {client.id} waited for shop.stock" in text for client in (first, second)} == {True}
    assert "12345" not in text
