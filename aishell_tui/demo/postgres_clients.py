"""Who comes to the shop of the PostgreSQL demo, and when."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from aishell_tui.demo import postgres_shop as shop
from aishell_tui.demo.postgres_client import Address, Connection, ServerError
from aishell_tui.demo.rhythm import next_arrival_seconds

DATABASE = "shop"
REPORT_SECONDS = 1.2
_FIRST_REPORT_CUSTOMERS = 100
_CONNECT_AGAIN_SECONDS = 1.0

Result = TypeVar("Result")
Life = Coroutine[None, None, None]


@dataclass(slots=True)
class Client:
    """A program with one session, which it opens anew when it was thrown out."""

    address: Address
    user: str
    application: str
    session: Connection | None = None

    async def attempt(self, deed: Callable[[Connection], Awaitable[Result]]) -> Result | None:
        """Do a deed and return what it returns, None where the server refused it: that is a part of the workload."""
        try:
            if self.session is None:
                self.session = await Connection.open(self.address, self.user, DATABASE, self.application)
            return await deed(self.session)
        except ServerError:
            await self._give_up()
        except OSError:
            self._forget()
            await asyncio.sleep(_CONNECT_AGAIN_SECONDS)
        return None

    async def run(self, sql: str, *parameters: object) -> None:
        """One statement as a deed."""
        await self.attempt(lambda session: session.run(sql, *parameters))

    async def _give_up(self) -> None:
        try:
            if self.session is not None and self.session.in_transaction:
                await self.session.run("ROLLBACK")
        except (OSError, ServerError):
            self._forget()

    def _forget(self) -> None:
        if self.session is not None:
            self.session.abandon()
        self.session = None


async def serve_pages(client: Client, chance: random.Random, mean_per_second: float) -> None:
    """A web server's session: short transactions with the rhythm of the day."""
    while True:
        await asyncio.sleep(next_arrival_seconds(chance, mean_per_second))
        await client.attempt(partial(shop.browse, chance=chance))


async def take_orders(client: Client, chance: random.Random) -> None:
    """A checkout: orders, and now and then a registration; it does not wait for ever for a row."""
    await client.run("SET lock_timeout = '18s'")
    while True:
        await asyncio.sleep(next_arrival_seconds(chance, 0.8))
        await client.attempt(partial(shop.sign_up if chance.random() < 0.05 else shop.place_order, chance=chance))


async def count_stock(client: Client, chance: random.Random) -> None:
    """The warehouses' reports: many rows are changed over and over."""
    while True:
        await client.attempt(partial(shop.count_stock, chance=chance))
        await asyncio.sleep(chance.uniform(0.7, 1.3))


async def make_reports(client: Client, chance: random.Random) -> None:
    """Back office: a report without a fitting index, kept near its length, then one that sorts in temporary files."""
    customers = _FIRST_REPORT_CUSTOMERS
    while True:
        seconds = await client.attempt(partial(shop.report, customers=customers))
        if seconds is not None:
            customers = max(10, min(2_000, round(customers * REPORT_SECONDS / max(seconds, 0.01))))
        await asyncio.sleep(chance.uniform(8, 12))
        await client.run(shop.FUNNEL)
        await asyncio.sleep(chance.uniform(12, 20))


async def make_mistakes(client: Client, chance: random.Random) -> None:
    """Somebody at a prompt: looks, mistypes, and once in a while goes away in the middle of a transaction."""
    for turn in range(sys.maxsize):
        await client.run(shop.TYPING_ERRORS[turn % len(shop.TYPING_ERRORS)])
        await asyncio.sleep(chance.uniform(5, 15))
        if turn % 4 == 3:
            await client.run("BEGIN")
            await client.run("SELECT country, count(*) FROM customers GROUP BY country ORDER BY 2 DESC")
            await asyncio.sleep(chance.uniform(15, 40))
            await client.run("COMMIT")


async def tidy_up(client: Client, chance: random.Random) -> None:
    """Housekeeping: what is old goes, and its dead rows with it."""
    while True:
        await asyncio.sleep(chance.uniform(20, 40))
        await client.attempt(shop.tidy)


async def read_long(client: Client, chance: random.Random) -> None:
    """A long look at one state of things on the replica, where the primary's vacuum may end it."""
    while True:
        await asyncio.sleep(chance.uniform(20, 30))
        await client.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for _ in range(5):
            await client.run("SELECT warehouse, sum(quantity) FROM stock_levels GROUP BY warehouse ORDER BY warehouse")
            await asyncio.sleep(4)
        await client.run("COMMIT")


def lives_on_primary(address: Address, chance: random.Random) -> tuple[Life, ...]:
    """Everybody who lives on the primary on their own; those who queue for locks are in `postgres_queues`."""

    def client(user: str, application: str) -> Client:
        return Client(address, user, application)

    return (
        *(serve_pages(client("shop", "shop-web"), chance, 2.5) for _ in range(5)),
        *(serve_pages(client("shop", "shop-api"), chance, 1.2) for _ in range(2)),
        *(take_orders(client("shop", "checkout"), chance) for _ in range(4)),
        count_stock(client("inventory", "warehouse-sync"), chance),
        make_reports(client("reports", "reporting"), chance),
        make_mistakes(client("ana", "psql"), chance),
        tidy_up(client("billing", "housekeeping"), chance),
    )


def lives_on_replica(address: Address, chance: random.Random) -> tuple[Life, ...]:
    """Everybody who reads from the replica."""
    return (
        *(serve_pages(Client(address, "shop", "shop-web-ro"), chance, 1.0) for _ in range(2)),
        read_long(Client(address, "reports", "nightly-export"), chance),
    )
