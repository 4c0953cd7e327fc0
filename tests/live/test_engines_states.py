"""The commands that say how targets are know of all that a dashboard judges, on real servers in trouble."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.command_line import Ran, run_process
from tests.servers.mysql import VERSIONS, MysqlServer, mysql
from tests.servers.mysql_replication import pair
from tests.servers.redis import redis_server
from tests.servers.redis_groups import cluster, sentinel
from tests.servers.sqlite_client import eventually

_TRIES = 40
_REPORTS = (("status",), ("connections", "--health"), ("health-check",))


def told(server: str, arguments: tuple[str, ...], wanted: str) -> tuple[Ran, dict[str, Any]]:
    """A report once it tells of what is wanted; a server or a busy machine may take a moment to notice."""
    window = () if arguments[0] == "connections" else ("--window", "200ms")
    for _ in range(_TRIES):
        ran = run_process(*arguments, "-t", server, *window, "--json")
        rows: Any = ran.json()["connections" if arguments[0] == "connections" else "targets"]
        (row,) = rows
        if any(wanted in reason for reason in row["reasons"]):
            return ran, row
    raise AssertionError(f"{arguments} never told of {wanted!r}: {row}")


@pytest.fixture(scope="module", params=VERSIONS)
def broken(request: pytest.FixtureRequest) -> Iterator[MysqlServer]:
    """A replica whose applying has failed: the row that it is sent is there already."""
    with pair(request.param) as (above, below):
        above.execute("CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY)")
        eventually(lambda: bool(below.execute("SHOW TABLES FROM shop LIKE 't'")) if _has(below) else False)
        below.execute("SET SESSION sql_log_bin = 0", "INSERT INTO shop.t VALUES (1)")
        above.execute("INSERT INTO shop.t VALUES (1)")
        yield below


def _has(server: MysqlServer) -> bool:
    return bool(server.execute("SHOW DATABASES LIKE 'shop'"))


@pytest.mark.parametrize("arguments", _REPORTS)
def test_a_replica_that_applies_nothing_is_critical_in_every_report(broken: MysqlServer, arguments: tuple[str, ...]) -> None:
    ran, row = told(broken.url(), arguments, "threads of replication that do not run: 1")
    assert (ran.code, row["state"]) == (2, "critical")


def test_a_replica_that_applies_nothing_is_a_replica_still(broken: MysqlServer) -> None:
    def role() -> str:
        ran = run_process("connect", broken.url(), "--test", "--json")
        rows: Any = ran.json()["abilities"]
        return str(next(row["detail"] for row in rows if row["ability"] == "connect"))

    told(broken.url(), ("status",), "threads of replication that do not run: 1")
    eventually(lambda: role().endswith(" replica"))


def test_status_shows_sizes_that_only_the_slowest_tier_brings(broken: MysqlServer) -> None:
    def size() -> str:
        lines = run_process("status", "-t", broken.url(), "--window", "200ms").out.splitlines()
        assert lines[0].endswith("SIZE")
        return lines[1].split()[-1]

    eventually(lambda: size() in {"KiB", "MiB", "GiB"})


@pytest.mark.parametrize("arguments", _REPORTS)
def test_slots_without_a_node_are_critical_in_every_report(arguments: tuple[str, ...]) -> None:
    with cluster() as nodes:
        nodes[2].kill()
        ran, row = told(nodes[0].url(), arguments, "slots of the cluster that no node serves")
    assert (ran.code, row["state"]) == (2, "critical")


@pytest.mark.parametrize("arguments", _REPORTS)
def test_numbers_that_run_out_are_in_every_report(arguments: tuple[str, ...]) -> None:
    with mysql() as server:
        server.execute("CREATE DATABASE shop", "CREATE TABLE shop.t (id TINYINT AUTO_INCREMENT PRIMARY KEY)")
        server.execute("INSERT INTO shop.t VALUES (119)")
        ran, row = told(server.url(), arguments, "shop.t")
    assert (ran.code, row["state"]) == (1, "warning")
    if arguments == ("health-check",):
        assert any(check["metric"].startswith("mysql.auto_increment") and check["state"] == "warning" for check in row["checks"])


@pytest.mark.parametrize("version", ["mariadb-10.11", "mysql-8.0"])
def test_who_may_see_nothing_is_not_told_that_nobody_is_there(version: str) -> None:
    with mysql(version, performance_schema=True) as server:
        server.execute("CREATE USER nobody@'%' IDENTIFIED BY 'x'")
        url = server.url(user="nobody", password="x")
        hidden = "who waits for a lock is hidden from nobody@%"

        def shown(*arguments: str) -> str:
            for _ in range(_TRIES):
                ran = run_process(*arguments)
                if hidden in ran.out:
                    return ran.out
            raise AssertionError(f"{arguments} never said it: {ran.out}")

        for text in (shown("sessions", "-t", url), shown("sessions", "--waiting", "-t", url)):
            assert "nobody waits for a lock" not in text
            assert "no session" not in text
            assert "GRANT PROCESS ON *.* TO 'nobody'@'%';" in text
        test = shown("connect", url, "--test")
        assert not [line for line in test.splitlines() if "✓ locks" in line or "✓ sessions" in line]


def test_a_healthy_sentinel_is_well_connected() -> None:
    with redis_server() as primary, sentinel(primary) as watcher:

        def test() -> Ran:
            return run_process("connect", watcher.url(), "--test")

        eventually(lambda: test().code == 0)
        lines = test().out.splitlines()
    assert any("Redis Sentinel does not offer it" in line for line in lines)
    assert not [line for line in lines if "rename-command" in line]
