"""Sessions on a MariaDB: run by dolphie's own interpreter, which has the driver: `mariadb_load.py PORT ACTIVE IDLE`.

They do what those of `postgres_load` do, as far as the engine lets them. It ends with its standard input.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from typing import Any

import pymysql  # type: ignore[import-untyped, import-not-found, unused-ignore]

_SCHEMA = (
    "CREATE DATABASE shop",
    "USE shop",
    "CREATE TABLE shop.customers (id integer PRIMARY KEY, name varchar(80) NOT NULL)",
    "CREATE TABLE shop.orders (id integer PRIMARY KEY, customer_id integer, status varchar(20), total_cents integer, INDEX (customer_id))",
    "INSERT INTO shop.customers SELECT seq, concat('customer ', seq) FROM seq_1_to_1000",
    "INSERT INTO shop.orders SELECT seq, 1 + seq % 1000, 'paid', seq FROM seq_1_to_5000",
)
_STATEMENTS = (
    "SELECT o.id, o.status, c.name, SLEEP({pause}) FROM orders o JOIN customers c ON c.id = o.customer_id"
    " WHERE o.customer_id = {number} ORDER BY o.id DESC LIMIT 1",
    "SELECT status, count(*), sum(total_cents), SLEEP({pause}) FROM orders WHERE customer_id = {number} GROUP BY status",
    "UPDATE orders SET status = 'sent' WHERE id = {number} AND SLEEP({pause}) = 0",
    "SELECT c.name, (SELECT max(total_cents) FROM orders o WHERE o.customer_id = c.id), SLEEP({pause})"
    " FROM customers c WHERE c.id = {number}",
)
_MEAN_SECONDS, _SHORTEST_SECONDS = 2.0, 0.2
_IDLE_SECONDS = (10.0, 60.0)


def _connect(port: int, database: str | None) -> Any:  # noqa: ANN401  (a driver without types)
    return pymysql.connect(host="127.0.0.1", port=port, user="root", database=database, autocommit=True)


def _run(connection: Any, sql: str) -> None:  # noqa: ANN401
    with connection.cursor() as cursor:
        cursor.execute(sql)


def _work(connection: Any) -> None:  # noqa: ANN401
    chance = random.Random()
    while True:
        pause = _SHORTEST_SECONDS + chance.expovariate(1 / (_MEAN_SECONDS - _SHORTEST_SECONDS))
        _run(connection, chance.choice(_STATEMENTS).format(pause=f"{pause:.3f}", number=chance.randrange(1, 1000)))


def _rest(connection: Any) -> None:  # noqa: ANN401
    chance = random.Random()
    while True:
        _run(connection, f"SELECT name FROM customers WHERE id = {chance.randrange(1, 1000)}")
        time.sleep(chance.uniform(*_IDLE_SECONDS))


def main(port: int, active: int, idle: int) -> None:
    first = _connect(port, None)
    for statement in _SCHEMA:
        _run(first, statement)
    for life, count in ((_work, active), (_rest, idle)):
        for _ in range(count):
            threading.Thread(target=life, args=(_connect(port, "shop"),), daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
