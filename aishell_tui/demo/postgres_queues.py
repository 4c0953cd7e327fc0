"""Those who wait for each other in the shop of the PostgreSQL demo."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aishell_tui.demo.postgres_client import Address, Connection
from aishell_tui.demo.postgres_clients import Client

BILL_ORDER = "UPDATE orders SET status = 'billed' WHERE id = $1"
SEND_ORDER = "UPDATE orders SET status = 'sent' WHERE id = $1"
SOME_ORDERS = "SELECT id FROM orders ORDER BY id DESC LIMIT 3 OFFSET $1"
RECENT_ORDERS = 2_000
# Changes nothing that matters; it needs the whole table for itself, as every change of a table does.
CHANGE_TABLE = "ALTER TABLE products ALTER COLUMN stock SET DEFAULT 0"
STEP_SECONDS = 1.2

Deed = Callable[[Connection], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Queue:
    """The clients that take part, each with a session of its own."""

    run: Client
    workers: tuple[Client, Client]
    support: Client
    reader: Client
    deploy: Client

    @classmethod
    def at(cls, address: Address) -> Queue:
        """The clients of a server."""
        return cls(
            run=Client(address, "billing", "billing-run"),
            workers=(Client(address, "billing", "billing-worker"), Client(address, "billing", "billing-worker")),
            support=Client(address, "shop", "support-desk"),
            reader=Client(address, "reports", "spreadsheet"),
            deploy=Client(address, "deploy", "migrate"),
        )


async def queue_up(address: Address, chance: random.Random) -> None:
    """One queue after the other with pauses between: mostly rows, now and then a whole table, seldom a deadlock."""
    queue = Queue.at(address)
    await asyncio.sleep(1.0)
    for turn in range(sys.maxsize):
        if turn % 3 == 2:
            await wait_for_table(queue, chance.uniform(12, 18))
        else:
            await wait_for_rows(queue, chance, chance.uniform(20, 40))
        if turn % 4 == 1:
            await embrace(queue, chance)
        await asyncio.sleep(chance.uniform(12, 25))


async def wait_for_rows(queue: Queue, chance: random.Random, seconds: float) -> None:
    """A billing run holds a row and does nothing; the others take a row each and then want that of the one before them."""
    rows = await _orders(queue, chance)
    if rows is None:
        return
    first, second, third = rows
    one, other = queue.workers
    await asyncio.gather(
        queue.run.attempt(_holds(first, seconds)),
        _after(1 * STEP_SECONDS, one, _takes(second, first)),
        _after(2 * STEP_SECONDS, queue.support, _takes(third, second)),
        _after(3 * STEP_SECONDS, other, _takes(third)),
    )


async def wait_for_table(queue: Queue, seconds: float) -> None:
    """A reader has not ended its transaction, a change of the table waits for it, and everybody else waits for the change."""

    async def read(session: Connection) -> None:
        await session.run("BEGIN")
        await session.run("SELECT count(*), sum(stock) FROM products")
        await asyncio.sleep(seconds)
        await session.run("COMMIT")

    async def change(session: Connection) -> None:
        await session.run("SET lock_timeout = '30s'")
        await session.run(CHANGE_TABLE)

    await asyncio.gather(queue.reader.attempt(read), _after(STEP_SECONDS, queue.deploy, change))


async def embrace(queue: Queue, chance: random.Random) -> None:
    """Two take a row each and then want the other's: the server notices and refuses one of them."""
    rows = await _orders(queue, chance)
    if rows is None:
        return
    one, other = queue.workers
    await asyncio.gather(one.attempt(_takes(rows[0], rows[1], pause=0.3)), other.attempt(_takes(rows[1], rows[0], pause=0.3)))


async def _orders(queue: Queue, chance: random.Random) -> tuple[int, int, int] | None:
    rows = await queue.run.attempt(lambda session: session.run(SOME_ORDERS, chance.randrange(RECENT_ORDERS)))
    if rows is None or len(rows) < 3:
        return None
    first, second, third = (int(row[0] or 0) for row in rows)
    return first, second, third


async def _after(seconds: float, client: Client, deed: Deed) -> None:
    await asyncio.sleep(seconds)
    await client.attempt(deed)


def _holds(row: int, seconds: float) -> Deed:
    async def deed(session: Connection) -> None:
        await session.run("BEGIN")
        await session.run(BILL_ORDER, row)
        await asyncio.sleep(seconds)
        await session.run("COMMIT")

    return deed


def _takes(*rows: int, pause: float = 0.0) -> Deed:
    async def deed(session: Connection) -> None:
        await session.run("BEGIN")
        for row in rows:
            await session.run(SEND_ORDER, row)
            await asyncio.sleep(pause)
        await session.run("COMMIT")

    return deed
