"""Sessions on a PostgreSQL: `python -m benchmarks.postgres_load SOCKET_FOLDER PORT ACTIVE IDLE`; ends with its standard input.

An active session runs one statement after the other, each of which lasts for a moment without using a processor, so that
what is measured beside them is the tools and not the load. An idle one says something short now and then.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

from aishell_tui.demo.postgres_client import Address, Connection

READY = "ready"
DATABASE, USER = "postgres", "postgres"
SCHEMA = """
CREATE TABLE customers (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer NOT NULL, status text NOT NULL, total_cents integer NOT NULL);
INSERT INTO customers SELECT n, 'customer ' || n FROM generate_series(1, 1000) AS n;
INSERT INTO orders SELECT n, 1 + n % 1000, 'paid', n FROM generate_series(1, 5000) AS n;
CREATE INDEX ON orders (customer_id);
ANALYZE"""
_MEAN_SECONDS, _SHORTEST_SECONDS = 2.0, 0.2
_IDLE_SECONDS = (10.0, 60.0)
_STATEMENTS = (
    "SELECT o.id, o.status, c.name, pg_sleep({pause}) FROM orders o JOIN customers c ON c.id = o.customer_id"
    " WHERE o.customer_id = {number} ORDER BY o.id DESC LIMIT 1",
    "SELECT status, count(*), sum(total_cents), pg_sleep({pause}) FROM orders WHERE customer_id = {number} GROUP BY status",
    "UPDATE orders SET status = 'sent' WHERE id = {number} AND pg_sleep({pause}) IS NOT NULL",
    "INSERT INTO customers SELECT {number}, 'again' FROM pg_sleep({pause}) ON CONFLICT DO NOTHING",
    "SELECT c.name, (SELECT max(total_cents) FROM orders o WHERE o.customer_id = c.id), pg_sleep({pause})"
    " FROM customers c WHERE c.id = {number}",
)
_APPLICATIONS = ("web", "web", "web", "api", "worker", "billing")
# A server does not take a thousand newcomers at once.
_AT_ONCE = 20


async def load(address: Address, active: int, idle: int) -> None:
    """Open all sessions, say so, and keep them busy until standard input closes."""
    chance = random.Random(1)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def opened() -> Connection:
        async with gate:
            return await Connection.open(address, USER, DATABASE, chance.choice(_APPLICATIONS))

    sessions = await asyncio.gather(*(opened() for _ in range(active + idle)))
    lives = [asyncio.create_task(_work(session, chance)) for session in sessions[:active]]
    lives += [asyncio.create_task(_rest(session, chance)) for session in sessions[active:]]
    print(READY, flush=True)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(0, lambda: None if os.read(0, 64) else ended.set())
    await ended.wait()
    for life in lives:
        life.cancel()


async def _work(session: Connection, chance: random.Random) -> None:
    while True:
        pause = _SHORTEST_SECONDS + chance.expovariate(1 / (_MEAN_SECONDS - _SHORTEST_SECONDS))
        await session.run(chance.choice(_STATEMENTS).format(pause=f"{pause:.3f}", number=chance.randrange(1, 1000)))


async def _rest(session: Connection, chance: random.Random) -> None:
    while True:
        await session.run(f"SELECT name FROM customers WHERE id = {chance.randrange(1, 1000)}")
        await asyncio.sleep(chance.uniform(*_IDLE_SECONDS))


if __name__ == "__main__":
    asyncio.run(load(Address(Path(sys.argv[1]), int(sys.argv[2])), int(sys.argv[3]), int(sys.argv[4])))
