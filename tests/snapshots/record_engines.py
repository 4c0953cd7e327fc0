"""Record readings of real servers for the pictures: `python -m tests.snapshots.record_engines [NAME]...`.

Each server has a chain of locks, statements, tables and a replica where it knows of such; its readings go to tests/data/readings.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

from aishell_core.clock import SystemClock
from aishell_core.targets import Target, parse_location
from aishell_core.values import Reading, Setting, TargetId, Tier
from collectors.contract import EVERYTHING, Collector
from collectors.registry import open_collector
from tests.reading_files import Recording, encode, shifted
from tests.scripted_server import NOW
from tests.servers.mongodb_ferretdb import ferretdb
from tests.servers.mongodb_wire import wire_server
from tests.servers.mysql_clients import waiters
from tests.servers.mysql_replication import replica_of, source
from tests.servers.pgbouncer import pgbouncer
from tests.servers.postgres import PostgresServer, postgres, standby_of
from tests.servers.postgres_clients import clients
from tests.servers.redis_groups import with_replicas
from tests.servers.sqlite_client import client, eventually

FOLDER = Path(__file__).parents[1] / "data" / "readings"
_READINGS = 20
_BETWEEN_SECONDS = 3
_NAMES = {"customers": 1000, "orders": 5000}
_PLACES = re.compile(r"/tmp/[\w-]+(/tmp[\w-]+)?|/var/[\w/-]*tmp/[\w-]+")
_LINES = (
    "CREATE TABLE customers (id int PRIMARY KEY, name varchar(80) NOT NULL)",
    "CREATE TABLE orders (id int PRIMARY KEY, customer_id int, status varchar(20), total_cents int)",
    "CREATE INDEX orders_by_customer ON orders (customer_id)",
    "CREATE INDEX orders_by_status ON orders (status)",
)
_CHAIN = (
    "UPDATE orders SET status = 'billed' WHERE id = 4711",
    "UPDATE orders SET status = 'sent' WHERE id = 12",
    "UPDATE orders SET status = 'paid' WHERE id = 4711",
    "UPDATE orders SET status = 'packed' WHERE id = 12",
)
_SELECT = (
    "SELECT o.id, o.status, c.name FROM orders o JOIN customers c ON c.id = o.customer_id"
    " WHERE o.customer_id = {} ORDER BY o.id DESC LIMIT 1"
)
_SUM = "SELECT status, count(*), sum(total_cents) FROM orders WHERE customer_id > {} GROUP BY status"


@contextmanager
def _postgres() -> Iterator[str]:
    rows = (
        "INSERT INTO customers SELECT n, 'customer ' || n FROM generate_series(1, 1000) n",
        "INSERT INTO orders SELECT n, 1 + n % 1000, 'paid', n FROM generate_series(1, 5000) n",
        "UPDATE orders SET total_cents = total_cents + 1 WHERE id % 3 = 0",
    )
    with postgres("15") as server, standby_of(server, slot="replica_1"):
        server.execute(*_LINES, *rows)
        for number in range(1, 60):
            server.execute(_SELECT.format(number), *([_SUM.format(number)] if number % 6 == 0 else []))
        with clients(server, 4, application="shop-web") as (head, second, third, fourth):
            head.run("BEGIN", _CHAIN[0])
            second.run("BEGIN", _CHAIN[1])
            second.wait_for(_CHAIN[2])
            third.wait_for(_CHAIN[3])
            running = fourth.send("SELECT pg_sleep(120), count(*) FROM orders WHERE status = 'new'")
            yield server.url()
            server.execute(f"SELECT pg_cancel_backend({fourth.id})")
            running.exception()


@contextmanager
def _mysql(version: str) -> Iterator[str]:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})"
    rows = (
        f"INSERT INTO customers {numbers.format(1000)} SELECT i, concat('customer ', i) FROM n",
        f"INSERT INTO orders {numbers.format(5000)} SELECT i, 1 + i % 1000, 'paid', i FROM n",
    )
    with source(version) as server, replica_of(server):
        deep = "max_recursive_iterations" if server.mariadb else "cte_max_recursion_depth"
        server.execute("CREATE DATABASE shop", "USE shop", f"SET SESSION {deep} = 10000", *_LINES, *rows)
        for number in range(1, 60):
            server.execute(_SELECT.format(number), *([_SUM.format(number)] if number % 6 == 0 else []), database="shop")
        with waiters(server, 4, database="shop", application="shop-web") as (head, second, third, fourth):
            head.run("BEGIN", _CHAIN[0])
            second.run("BEGIN", _CHAIN[1])
            second.wait_for(_CHAIN[2])
            third.wait_for(_CHAIN[3])
            fourth.send("SELECT SLEEP(120), count(*) FROM orders WHERE status = 'new'")
            yield server.url("shop")


@contextmanager
def _redis() -> Iterator[str]:
    with with_replicas(count=1) as (server, _replica):
        for number in range(500):
            server.execute("HSET", f"session:{number}", "user", number)
        server.execute("LPUSH", "jobs", *range(200))
        one, two = server.connect(client_name="shop-web"), server.connect(client_name="worker", socket_timeout=None)
        one.execute_command("HGETALL", "session:7")
        # Sent alone: what it waits for never comes.
        two.connection.send_command("BLPOP", "orders:new", 0)
        eventually(lambda: "cmd=blpop" in str(server.execute("CLIENT", "LIST")))
        yield server.url()


@contextmanager
def _ferretdb() -> Iterator[str]:
    with ferretdb() as server:
        for name, count in _NAMES.items():
            server.ask(
                {"insert": name, "documents": [{"_id": number, "name": f"{name} {number}"} for number in range(count // 10)]}, "shop"
            )
        server.ask({"createIndexes": "orders", "indexes": [{"key": {"name": 1}, "name": "by_name"}]}, "shop")
        server.ask({"find": "orders", "filter": {"_id": 7}}, "shop")
        yield server.url("shop")


@contextmanager
def _mongodb() -> Iterator[str]:
    with wire_server("7") as server:
        yield server.url("shop")


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shop.db"
        with client(path, logged=True) as writer, client(path, logged=True) as reader:
            writer.run("PRAGMA journal_mode=WAL")
            for line in _LINES:
                writer.run(line)
            for name, count in _NAMES.items():
                values = "i, 'x' || i" if name == "customers" else "i, 1 + i % 1000, 'paid', i"
                source_rows = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
                writer.run(f"INSERT INTO {name} {source_rows} SELECT {values} FROM n")
            for number in range(1, 60):
                reader.run(_SELECT.format(number))
            reader.run(_SUM.format(1))
            reader.flush()
            writer.run("BEGIN IMMEDIATE")
            writer.run(_CHAIN[0])
            writer.flush()
            yield f"sqlite://{path}"


@contextmanager
def _pgbouncer() -> Iterator[str]:
    def running(server: PostgresServer) -> bool:
        return bool(server.execute("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(120)%' AND state = 'active'"))

    with postgres("15") as server, pgbouncer(server, pool_mode="transaction", settings={"default_pool_size": "1"}) as pooler:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(2) as pool:
            one, two = pooler.connect(), pooler.connect()
            pool.submit(one.run, "SELECT pg_sleep(120)")
            eventually(lambda: running(server))
            pool.submit(two.run, "SELECT 1")
            yield pooler.console_url()
            server.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(120)%'")


SERVERS: dict[str, tuple[str, Callable[[], AbstractContextManager[str]]]] = {
    "postgres": ("postgres://web@db1:5432/postgres", _postgres),
    "mariadb": ("mysql://web@db2:3306/shop", partial(_mysql, "mariadb-10.11")),
    "mysql": ("mysql://web@db3:3306/shop", partial(_mysql, "mysql-8.0")),
    "redis": ("redis://cache1:6379/0", _redis),
    "ferretdb": ("mongodb://papers1:27017/shop", _ferretdb),
    "mongodb": ("mongodb://mongo1:27017/shop", _mongodb),
    "sqlite": ("sqlite:///srv/shop/shop.db", _sqlite),
    "pgbouncer": ("pgbouncer://stats@pool1:6432/pgbouncer", _pgbouncer),
}
"""The URL that stands in the recording, and what starts the server."""


async def _read(name: str, url: str) -> tuple[Collector, list[Reading], list[Reading]]:
    clock = SystemClock()
    collector = open_collector(Target(TargetId(name), parse_location(url)), clock)
    try:
        await collector.collect(Tier.HOT, EVERYTHING)
        slow = []
        for tier in (Tier.COLD, Tier.WARM, Tier.WARM, Tier.WARM):
            # What costs the server more is read by turns, and not at once after the start.
            await asyncio.sleep(_BETWEEN_SECONDS)
            async with asyncio.timeout(60):
                slow.append(await collector.collect(tier, EVERYTHING))
        hot = []
        for _ in range(_READINGS):
            hot.append(await collector.collect(Tier.HOT, EVERYTHING))
            await asyncio.sleep(1)
        return collector, hot, slow
    finally:
        await collector.close()


def _some(settings: tuple[Setting, ...] | None) -> tuple[Setting, ...] | None:
    """The settings that a picture can show: those that wait for a restart, and whether the log is archived."""
    return settings and tuple(each for each in settings if each.pending_restart or each.name.startswith("archive"))


def _whole(readings: list[Reading]) -> Reading:
    """The last reading, with the parts of those before it that it has not: not every part is read each second."""
    last = readings[-1]
    for reading in reversed(readings):
        parts = {each.name: getattr(reading, each.name) for each in fields(Reading) if getattr(last, each.name) is None}
        last = replace(last, **parts)
    return last


def record(name: str) -> None:
    """Record one server."""
    url, starts = SERVERS[name]
    with ExitStack() as stack:
        real = stack.enter_context(starts())
        collector, hot, slow = asyncio.run(_read(name, real))
    kept = tuple(replace(each, settings=_some(each.settings)) for each in slow)
    found = shifted(Recording(url, collector.abilities, (*hot[:-1], _whole(hot)), kept), NOW - hot[-1].at)
    text = json.dumps(encode(found), ensure_ascii=False, separators=(",", ":"))
    text = _PLACES.sub("/srv/db", text).replace(sys.executable, "/usr/bin/python3")
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(name, len(text))


if __name__ == "__main__":
    for chosen in sys.argv[1:] or SERVERS:
        record(chosen)
