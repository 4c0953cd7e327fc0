"""The commands that look, over a real server of each engine at once: PostgreSQL, MariaDB, FerretDB, Redis and SQLite."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.command_line import Ran
from tests.servers.engines import ENGINES, NAMES, Desk, Engines, engines
from tests.servers.mysql_clients import waiters
from tests.servers.postgres_clients import clients
from tests.servers.redis import redis_server
from tests.servers.sqlite_client import eventually

_EXIT_CODES = {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}
_WITH_WINDOW = {"status", "health-check", "metrics"}
_TRIES = 20
Targets = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with engines(tmp_path_factory.mktemp("engines")) as running:
        yield running


@pytest.fixture
def desk(servers: Engines, tmp_path: Path) -> Desk:
    found = servers.desk(tmp_path)
    found.configure()
    return found


def targets_of(ran: Ran, part: str = "targets") -> Targets:
    rows = ran.json()[part]
    assert isinstance(rows, list)
    return {str(row["name"]): row for row in rows if isinstance(row, dict)}


def looked(desk: Desk, *arguments: str, until: Callable[[Targets], bool], part: str = "targets") -> tuple[Ran, Targets]:
    """A report that shows what it must; one of a machine that was too busy to answer in time is asked for again."""
    for _ in range(_TRIES):
        window = ("--window", "200ms") if arguments[0] in _WITH_WINDOW else ()
        ran = desk.run(*arguments, *window, "--json")
        assert ran.code in _EXIT_CODES.values(), ran.err
        found = targets_of(ran, part)
        if until(found):
            return ran, found
    raise AssertionError(f"{arguments} never showed it: {found}")


def all_read(found: Targets) -> bool:
    """Whether each target was read, and how it is is known where it tells that at all."""
    return all(row["state"] != "unknown" or _is_blind(row) for row in found.values()) and not any(
        "no answer" in str(each) for row in found.values() for each in row.get("reasons", ())
    )


def _is_blind(row: dict[str, Any]) -> bool:
    return any("FerretDB does not tell of" in str(each) for key in ("reasons", "failures") for each in row.get(key) or ())


@contextmanager
def blocked(servers: Engines, client: Any) -> Iterator[None]:
    """A client of Redis that waits in BLPOP."""

    def wait() -> None:
        with suppress(redis.RedisError, OSError):
            client.execute_command("BLPOP", "queue", 0)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    try:
        yield
    finally:
        with suppress(redis.RedisError):
            servers.redis.execute("RPUSH", "queue", "end")
        thread.join(30)


def test_status_shows_five_engines_in_one_shape(desk: Desk) -> None:
    ran, found = looked(desk, "status", until=all_read)
    assert tuple(sorted(found)) == tuple(sorted(NAMES))
    assert tuple(found[name]["engine"] for name in NAMES) == ENGINES
    for row in found.values():
        assert list(row) == ["name", "engine", "version", "environment", "state", "reasons", "metrics", "server"]
        assert row["environment"] == "development"
        assert bool(row["reasons"]) is (row["state"] != "ok"), row
        assert row["metrics"]
        for value in row["metrics"].values():
            assert list(value) == ["value", "unit", "age_seconds"]
            assert isinstance(value["value"], float | int)
    assert ran.code == max(_EXIT_CODES[row["state"]] for row in found.values())
    assert found["papers"]["state"] == "unknown", "it answers, and tells nothing of how it is"


def test_the_versions_are_those_that_the_servers_tell(desk: Desk) -> None:
    servers = desk.engines
    _, found = looked(desk, "status", until=all_read)
    told = {name: row["version"] for name, row in found.items()}
    assert servers.postgres.execute("SELECT current_setting('server_version')")[0][0].startswith(told["orders"])
    assert servers.mariadb.execute("SELECT VERSION()")[0][0].startswith(told["shop"])
    assert servers.ferretdb.ask({"buildInfo": 1})["version"] == told["papers"]
    assert servers.redis.connect().info("server")["redis_version"] == told["cache"]
    assert sqlite3.sqlite_version == told["shelf"]


def test_what_cannot_be_read_has_a_reason_and_a_way_out(desk: Desk) -> None:
    """FerretDB tells less than MongoDB, and SQLite keeps no statistics: each gap says why, and nothing is made up for it."""
    _, found = looked(desk, "metrics", until=all_read)
    failures = [(name, failure) for name, row in found.items() for failure in row["failures"]]
    for _name, failure in failures:
        assert list(failure) == ["part", "code", "message", "hint"]
        assert all(failure.values()), failure
    parts = {(name, failure["part"]) for name, failure in failures}
    assert {("papers", "sessions"), ("papers", "statements"), ("shelf", "statements")} <= parts
    assert not [name for name, _ in failures if name in {"orders", "cache"}]
    assert "connections.used" not in found["papers"]["metrics"]


@pytest.mark.parametrize(
    ("metric", "names"),
    [
        ("connections.used", ("orders", "shop", "cache", "shelf")),
        ("pool.usage", ("orders", "shop", "cache")),
        ("queries.rate", ("shop", "papers", "cache")),
        ("transactions.rate", ("orders", "shop", "shelf")),
        ("disk.used", ("orders", "shop", "papers", "shelf")),
        ("uptime", ("orders", "shop", "papers", "cache")),
        ("locks.waiting", ("orders", "shop")),
    ],
)
def test_one_name_of_a_figure_holds_for_all_engines_that_know_it(desk: Desk, metric: str, names: tuple[str, ...]) -> None:
    looked(desk, "metrics", until=lambda found: all(metric in found[name]["metrics"] for name in names))


def test_sessions_of_all_engines_stand_in_one_list(desk: Desk) -> None:
    servers = desk.engines
    client = servers.redis.connect(client_name="web", socket_timeout=None)
    with (
        clients(servers.postgres, 1, application="web") as (one,),
        waiters(servers.mariadb, 1, database="shop", application="web") as (two,),
        blocked(servers, client),
    ):
        one.run("BEGIN", "SELECT 1")
        two.run("BEGIN", "UPDATE orders SET note = 'x' WHERE id = 7")
        eventually(lambda: "cmd=blpop" in str(servers.redis.execute("CLIENT", "LIST")))

        def ids(found: Targets) -> dict[str, set[str]]:
            return {name: {each["id"] for each in row["sessions"] or ()} for name, row in found.items()}

        _, found = looked(
            desk, "sessions", until=lambda it: one.id in ids(it)["orders"] and two.id in ids(it)["shop"] and len(ids(it)["cache"]) > 0
        )
        states = {name: {each["state"] for each in row["sessions"]} for name, row in found.items() if row["sessions"]}
        assert "idle in transaction" in states["orders"]
        assert "idle in transaction" in states["shop"]
        assert "blocked" in states["cache"]
        keys = {tuple(each) for row in found.values() for each in row["sessions"] or ()}
        assert len(keys) == 1, "one shape for all engines"
        assert found["papers"]["sessions"] is None
        text = desk.run("sessions").out
        assert {line.split()[0] for line in text.splitlines() if line and line[0] != " "} == set(NAMES)
        assert "sessions: FerretDB lists neither operations nor connections" in text


def test_lock_chains_of_two_engines_are_told_as_trees(desk: Desk) -> None:
    servers = desk.engines
    with clients(servers.postgres, 3) as ours, waiters(servers.mariadb, 3, database="shop") as theirs:
        for chain in (ours, theirs):
            head, middle, last = chain
            head.run("BEGIN", "UPDATE orders SET note = 'head' WHERE id = 1")
            middle.run("BEGIN", "UPDATE orders SET note = 'middle' WHERE id = 2")
            middle.wait_for("UPDATE orders SET note = 'middle' WHERE id = 1")
            last.wait_for("UPDATE orders SET note = 'last' WHERE id = 2")
        expected = {name: {(chain[1].id, chain[0].id), (chain[2].id, chain[1].id)} for name, chain in (("orders", ours), ("shop", theirs))}

        def edges(found: Targets, name: str) -> set[tuple[str, str]]:
            return {(each["waiter"], each["holder"]) for each in found[name]["lock_waits"] or ()}

        _, found = looked(desk, "sessions", "--waiting", until=lambda it: all(edges(it, name) == expected[name] for name in expected))
        assert {each["id"] for each in found["shop"]["sessions"]} == {each.id for each in theirs}
        assert {each["id"] for each in found["orders"]["sessions"]} == {each.id for each in ours}
        for name, chain in (("orders", ours), ("shop", theirs)):
            lines = desk.run("sessions", "--waiting", "-d", name).out.splitlines()
            assert lines[1].startswith("  1 head, 2 waiting")
            heads, middles, lasts = (next(line for line in lines[3:] if f" {each.id} " in line) for each in chain)
            assert heads.index(chain[0].id) < middles.index(chain[1].id) < lasts.index(chain[2].id)
            assert "holds" in heads


def test_statements_of_all_engines_stand_in_one_list(desk: Desk) -> None:
    ran, found = looked(desk, "slow-queries", until=lambda it: all(it[name]["statements"] for name in ("orders", "shop", "cache")))
    for name in ("orders", "shop", "cache"):
        shares = [each["share"] for each in found[name]["statements"]]
        assert all(isinstance(each, float) for each in shares)
        assert shares == sorted(shares, reverse=True)
    for name in ("papers", "shelf"):
        assert not found[name]["statements"]
        assert [each["hint"] for each in found[name]["failures"] if each["part"] == "statements"]
    assert ran.code == max(_EXIT_CODES[row["state"]] for row in found.values())


def test_the_health_of_all_connections(desk: Desk) -> None:
    _, found = looked(desk, "connections", "--health", part="connections", until=all_read)
    assert set(found) == set(NAMES)
    assert all(row["version"] and "password" not in row["url"] for row in found.values())


def test_the_checks_of_all_engines(desk: Desk) -> None:
    _, found = looked(desk, "health-check", until=all_read)
    assert set(found) == set(NAMES)
    for row in found.values():
        for check in row["checks"]:
            assert list(check) == ["metric", "state", "value", "unit", "warning", "critical", "falling", "sustained_seconds", "passed_now"]
    with_pool = {name for name, row in found.items() if any(check["metric"] == "pool.usage" for check in row["checks"])}
    assert with_pool == {"orders", "shop", "cache"}


def test_a_dead_and_a_frozen_server_are_told_and_leave_the_others_as_they_are(desk: Desk) -> None:
    with redis_server() as dead:
        desk.configure(more={"gone": dead.url()})
    with desk.engines.ferretdb.frozen():

        def as_it_is(found: Targets) -> bool:
            others = {name: row for name, row in found.items() if name in NAMES and name != "papers"}
            return all_read(others) and all(row["metrics"] for row in others.values())

        ran, found = looked(desk, "status", until=as_it_is)
    assert ran.code == 2
    assert (found["gone"]["state"], found["papers"]["state"]) == ("critical", "unknown")
    for name in ("papers", "gone"):
        assert found[name]["reasons"]
        assert found[name]["metrics"] == {}


@pytest.mark.parametrize("name", ["papers", "cache"])
def test_a_server_that_lacks_something_is_well_connected(desk: Desk, name: str) -> None:
    """FerretDB has neither sessions nor statistics of statements, Redis neither relations nor plans: listed, and no failure."""
    url = desk.engines.urls()[name]
    for _ in range(_TRIES):
        ran = desk.run("connect", url, "--test")
        if "no answer within" not in ran.out:
            break
    assert ran.code == 0, ran.out
    last = ran.out.splitlines()[-1]
    assert last.startswith("n/a here, which is no fault of the connection: ")
    assert {"papers": "sessions", "cache": "integrity"}[name] in last
    assert {"papers": "FerretDB does not offer it", "cache": "Redis does not offer it"}[name] in ran.out
    # One line for each ability: none is said to work in one and to fail in another.
    abilities = [line[4:17].strip() for line in ran.out.splitlines()[1:-1] if not line.startswith("     ")]
    assert len(abilities) == len(set(abilities))
