"""Cancelling and ending on a real server of each engine, with what the audit log keeps of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pymysql
import pytest
import redis
from pg8000.exceptions import DatabaseError, InterfaceError
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers.engines import Desk, Engines, engines
from tests.servers.mysql import mysql
from tests.servers.mysql_clients import waiters
from tests.servers.postgres_clients import clients
from tests.servers.sqlite_client import eventually

BROKEN = (pymysql.MySQLError, DatabaseError, InterfaceError, redis.RedisError, OSError)
SELECT = "SELECT id FROM orders WHERE id = 7"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with engines(tmp_path_factory.mktemp("engines")) as running:
        yield running


@pytest.fixture
def desk(servers: Engines, tmp_path: Path) -> Desk:
    found = servers.desk(tmp_path)
    found.configure("operator")
    return found


class Worker:
    """A client of Redis that waits in BLPOP until something ends it."""

    def __init__(self, servers: Engines) -> None:
        self._servers = servers
        # Without a second try: a client that is ended stays away.
        self.client: Any = servers.redis.connect(client_name="worker", socket_timeout=None, retry=Retry(NoBackoff(), 0))
        self.id = str(self.client.client_id())
        self.ended: list[str] = []
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()
        eventually(lambda: "cmd=blpop" in self._line())

    def _line(self) -> str:
        """What the server tells of this client, "" once it is gone."""
        answer = self._servers.redis.execute("CLIENT", "LIST")
        text = answer.decode() if isinstance(answer, bytes) else str(answer)
        return next((line for line in text.splitlines() if line.startswith(f"id={self.id} ")), "")

    def _wait(self) -> None:
        try:
            self.ended.append(str(self.client.execute_command("BLPOP", "queue", 0)))
        except (redis.RedisError, OSError) as error:
            self.ended.append(str(error))

    def is_known(self) -> bool:
        """Whether the server still has this client."""
        return bool(self._line())

    def end(self) -> None:
        with suppress(redis.RedisError):
            self._servers.redis.execute("CLIENT", "KILL", "ID", self.id)
        self._thread.join(30)


@contextmanager
def worker(servers: Engines) -> Iterator[Worker]:
    waiting = Worker(servers)
    try:
        yield waiting
    finally:
        waiting.end()


def ends(client: Any) -> bool:
    """Whether a client of PostgreSQL or MariaDB has lost its connection."""
    try:
        client.run("SELECT 1")
    except BROKEN:
        return True
    return False


def seen(desk: Desk, target: str, name: str) -> bool:
    return f'"id": "{name}"' in desk.run("sessions", "-d", target, "--json").out


def assert_recorded(desk: Desk, target: str, action: str, name: str) -> None:
    """The last two lines tell of the act and its end, no other line of the log is damaged, and people can read it."""
    attempt, result = desk.records()[-2:]
    assert (attempt["event"], attempt["target"], attempt["role"], attempt["decision"]) == ("attempt", target, "operator", "allowed")
    assert (attempt["actions"], attempt["count"]) == ([action], 1)
    assert str(attempt["subject"]).startswith(f"{action} session {name}")
    assert (result["event"], result["attempt"], result["result"]) == ("result", attempt["seq"], "done")
    verified = desk.run("audit", "verify")
    assert verified.code == 0, verified.err
    shown = desk.run("audit", "show", "--target", target).out
    assert f"{action} session {name}" in shown.replace("\n", " ")
    rows = desk.run("audit", "show", "--target", target, "--json").json()["attempts"]
    assert isinstance(rows, list)
    last = rows[-1]
    assert isinstance(last, dict)
    assert (last["target"], last["actions"], last["result"]) == (target, [action], "done")


def test_a_statement_of_postgres_is_cancelled_and_recorded(desk: Desk) -> None:
    with clients(desk.engines.postgres, 1) as (one,):
        running = one.send("SELECT pg_sleep(600)")
        eventually(lambda: seen(desk, "orders", one.id) and "pg_sleep" in desk.run("sessions", "-d", "orders").out)
        ran = desk.run("sessions", "cancel", one.id, "-d", "orders", "--yes")
        assert (ran.code, ran.out) == (0, f"{one.id}  cancelled\n"), ran.err
        with pytest.raises(DatabaseError, match="57014"):
            running.result(30)
        assert not ends(one)
    assert_recorded(desk, "orders", "cancel", one.id)


def test_a_statement_of_mariadb_is_cancelled_and_recorded(desk: Desk) -> None:
    with waiters(desk.engines.mariadb, 1, database="shop") as (one,):
        running = one.send("SELECT SLEEP(600)")
        ran = desk.run("sessions", "cancel", one.id, "-d", "shop", "--yes")
        assert (ran.code, ran.out) == (0, f"{one.id}  cancelled\n"), ran.err
        with suppress(pymysql.MySQLError):
            running.result(30)
        assert running.done()
        assert not ends(one)
    assert_recorded(desk, "shop", "cancel", one.id)


def test_a_head_that_is_only_inferred_is_ended_by_its_id_alone(desk: Desk) -> None:
    """A MariaDB as it is by default tells nobody who holds a metadata lock."""
    with mysql() as server, waiters(server, 2) as (holder, changer):
        desk.configure("operator", more={"plain": server.url()})
        holder.run("CREATE DATABASE shop", "CREATE TABLE shop.orders (id int)", "BEGIN", "SELECT * FROM shop.orders")
        changing = changer.wait_for("ALTER TABLE shop.orders COMMENT = 'changed'")
        for more in ("--yes", "--dry-run"):
            refused = desk.run("sessions", "terminate", "--head-blocker", "-d", "plain", more)
            assert refused.code == 64, refused.err
            assert f"that session {holder.id} is the head blocker is only inferred" in " ".join(refused.err.split())
            assert "metadata_lock_info" in refused.err
        named = desk.run("sessions", "terminate", holder.id, "-d", "plain", "--dry-run")
        assert "perhaps 1 waits behind it (inferred" in " ".join(named.err.split())
        ended = desk.run("sessions", "terminate", holder.id, "-d", "plain", "--yes")
        assert ended.code == 0, ended.err
        changing.result(30)


def test_the_head_of_a_queue_in_mariadb_is_ended_and_those_behind_it_go_on(desk: Desk) -> None:
    with waiters(desk.engines.mariadb, 3, database="shop") as (head, middle, last):
        head.run("BEGIN", "UPDATE orders SET note = 'head' WHERE id = 1")
        middle.run("BEGIN", "UPDATE orders SET note = 'middle' WHERE id = 2")
        behind = middle.wait_for("UPDATE orders SET note = 'middle' WHERE id = 1")
        last_one = last.wait_for("UPDATE orders SET note = 'last' WHERE id = 2")
        ran = desk.run("sessions", "terminate", "--head-blocker", "-d", "shop", "--yes")
        assert (ran.code, ran.out) == (0, f"{head.id}  ended\n"), ran.err
        assert "2 wait behind it" in ran.err
        assert ends(head)
        behind.result(60)
        middle.run("ROLLBACK")
        last_one.result(60)
    assert_recorded(desk, "shop", "terminate", head.id)


def test_a_client_of_redis_is_cancelled_then_ended_and_both_are_recorded(desk: Desk) -> None:
    with worker(desk.engines) as waiting:
        ran = desk.run("sessions", "cancel", waiting.id, "-d", "cache", "--yes")
        assert (ran.code, ran.out) == (0, f"{waiting.id}  cancelled\n"), ran.err
        eventually(lambda: bool(waiting.ended))
        assert "UNBLOCKED" in waiting.ended[0]
        assert waiting.is_known()
        assert_recorded(desk, "cache", "cancel", waiting.id)
        ran = desk.run("sessions", "terminate", waiting.id, "-d", "cache", "--yes")
        assert (ran.code, ran.out) == (0, f"{waiting.id}  ended\n"), ran.err
        assert not waiting.is_known()
    assert_recorded(desk, "cache", "terminate", waiting.id)


@pytest.mark.parametrize("verb", ["cancel", "terminate"])
def test_what_has_no_sessions_to_act_on_says_why(desk: Desk, verb: str) -> None:
    """FerretDB lists no operations and has no killOp; a file of SQLite has no server that could end anybody."""
    ferret = desk.run("sessions", verb, "1", "-d", "papers", "--yes")
    assert (ferret.code, "FerretDB lists neither operations nor connections" in ferret.err) == (3, True)
    assert "hint: MongoDB itself has it" in ferret.err
    file = desk.run("sessions", verb, "1", "-d", "shelf", "--yes")
    assert (file.code, f"shelf has no sessions that could be told to {verb}" in file.err) == (3, True)
    assert desk.records() == []


@pytest.mark.parametrize("target", ["orders", "shop", "cache"])
def test_who_has_no_role_ends_nobody_on_any_engine(desk: Desk, target: str) -> None:
    servers = desk.engines
    desk.configure("analyst")
    with clients(servers.postgres, 1) as (one,), waiters(servers.mariadb, 1) as (two,), worker(servers) as three:
        name = {"orders": one.id, "shop": two.id, "cache": three.id}[target]
        ran = desk.run("sessions", "terminate", name, "-d", target, "--yes")
        assert (ran.code, "role: operator" in ran.err) == (77, True), ran.err
        assert not ends(one)
        assert not ends(two)
        assert three.is_known()
    (record,) = desk.records()
    assert (record["target"], record["decision"], record["actions"]) == (target, "refused", ["terminate"])
    assert desk.run("audit", "verify").code == 0


@pytest.mark.parametrize("target", ["orders", "shop", "cache"])
def test_in_production_the_name_of_the_target_is_typed_on_every_engine(desk: Desk, target: str) -> None:
    servers = desk.engines
    desk.configure("operator", "production")
    with clients(servers.postgres, 1) as (one,), waiters(servers.mariadb, 1) as (two,), worker(servers) as three:
        name = {"orders": one.id, "shop": two.id, "cache": three.id}[target]
        declined = desk.run("sessions", "terminate", name, "-d", target, "--yes")
        assert declined.code == 77, declined.err
        ran = desk.run("sessions", "terminate", name, "-d", target, "--confirm", target)
        assert (ran.code, ran.out) == (0, f"{name}  ended\n"), ran.err
        assert (ends(one), ends(two), not three.is_known()) == (target == "orders", target == "shop", target == "cache")
    assert [record["decision"] for record in desk.records() if record["event"] == "attempt"] == ["declined", "allowed"]
