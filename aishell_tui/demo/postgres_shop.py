"""What the clients of the PostgreSQL demo do to the shop, one function per deed."""

from __future__ import annotations

import asyncio
import random

from aishell_tui.demo.postgres_client import Connection

CUSTOMERS, PRODUCTS, WAREHOUSES = 10_000, 400, 40
# How much of the shop is kept, so that a demo that runs for days stays small.
KEPT_ORDERS, KEPT_EVENTS = 45_000, 100_000

PRODUCT = "SELECT id, name, price_cents, stock FROM products WHERE id = $1"
CUSTOMER = "SELECT id, name, country FROM customers WHERE id = $1"
ORDERS_OF_CUSTOMER = """\
SELECT o.id, o.placed_at, o.status, o.total_cents, p.name
FROM orders o JOIN products p ON p.id = o.product_id
WHERE o.customer_id = $1
ORDER BY o.placed_at DESC LIMIT 20"""
OPEN_ORDERS = "SELECT status, count(*), sum(total_cents) FROM orders WHERE status IN ('new', 'paid') GROUP BY status"
STOCK = "SELECT warehouse, quantity FROM stock_levels WHERE product_id = $1 ORDER BY quantity DESC LIMIT 5"
SEARCH = "SELECT id, customer_id, detail FROM events WHERE detail LIKE '%' || $1 || '%' ORDER BY at DESC LIMIT 50"
PLACE_ORDER = "INSERT INTO orders (customer_id, product_id, quantity, total_cents) VALUES ($1, $2, $3, $4)"
TAKE_STOCK = "UPDATE products SET stock = stock - $1 WHERE id = $2"
NOTE_EVENT = "INSERT INTO events (customer_id, kind, detail) VALUES ($1, $2, $3)"
PAY_ORDERS = "UPDATE orders SET status = 'paid' WHERE id IN (SELECT id FROM orders WHERE status = 'new' LIMIT 10 FOR UPDATE SKIP LOCKED)"
SIGN_UP = "INSERT INTO customers (email, name, country) VALUES ($1, $2, $3)"
COUNT_STOCK = "UPDATE stock_levels SET quantity = quantity + $1, counted_at = clock_timestamp() WHERE warehouse = $2"
COUNT_ALL_STOCK = "UPDATE stock_levels SET counted_at = clock_timestamp()"
FORGET_ORDERS = "DELETE FROM orders WHERE id <= (SELECT max(id) FROM orders) - $1"
FORGET_EVENTS = "DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - $1"
# Without an index on events (customer_id) each customer costs a walk over all events.
REPORT = """\
SELECT c.id, c.name,
       (SELECT count(*) FROM events e WHERE e.customer_id = c.id AND e.kind = 'refund') AS refunds,
       (SELECT sum(o.total_cents) FROM orders o WHERE o.customer_id = c.id) AS spent_cents
FROM (SELECT id, name FROM customers ORDER BY created_at DESC LIMIT $1) c
ORDER BY refunds DESC, spent_cents DESC
LIMIT 20"""
# Sorts all events in the megabyte that its role may use, so most of them go to temporary files.
FUNNEL = """\
SELECT kind, avg(pause), max(pause), max(length(detail))
FROM (SELECT kind, detail, at - lag(at) OVER (PARTITION BY customer_id ORDER BY at) AS pause FROM events) AS visits
GROUP BY kind ORDER BY kind"""
TYPING_ERRORS = (
    "SELECT count(*) FROM ordrs WHERE status = 'new'",
    "SELECT sum(total) FROM orders",
    "SELECT 100 * count(*) / (SELECT count(*) FROM orders WHERE status = 'lost') FROM orders",
)


async def browse(session: Connection, chance: random.Random) -> None:
    """One page of the web shop in a short transaction, with a moment in which the application thinks."""
    await session.run("BEGIN")
    await session.run(CUSTOMER, chance.randrange(1, CUSTOMERS + 1))
    dice = chance.random()
    if dice < 0.5:
        await session.run(PRODUCT, chance.randrange(1, PRODUCTS + 1))
        await session.run(STOCK, chance.randrange(1, PRODUCTS + 1))
    elif dice < 0.94:
        await session.run(ORDERS_OF_CUSTOMER, chance.randrange(1, CUSTOMERS + 1))
    elif dice < 0.98:
        await session.run(OPEN_ORDERS)
    else:
        await session.run(SEARCH, f"visit={chance.randrange(16**4):04x}")
    await asyncio.sleep(chance.expovariate(1 / 0.02))
    await session.run("COMMIT")


async def place_order(session: Connection, chance: random.Random) -> None:
    """One order with its stock and its events in one transaction; a few products are wanted by everybody."""
    customer, quantity = chance.randrange(1, CUSTOMERS + 1), chance.randrange(1, 5)
    product = chance.choice((1, 2, 3)) if chance.random() < 0.2 else chance.randrange(1, PRODUCTS + 1)
    await session.run("BEGIN")
    await session.run(PLACE_ORDER, customer, product, quantity, quantity * 1_990)
    await session.run(TAKE_STOCK, quantity, product)
    for kind in ("cart", "pay"):
        await session.run(NOTE_EVENT, customer, kind, f"page /product/{product}")
    if chance.random() < 0.2:
        await session.run(PAY_ORDERS)
    await session.run("COMMIT")


async def sign_up(session: Connection, chance: random.Random) -> None:
    """Somebody registers; who is registered already is refused by the unique index."""
    number = chance.randrange(CUSTOMERS - 500, CUSTOMERS + 20_000)
    await session.run(SIGN_UP, f"user{number}@example.com", "New Customer", "DE")


async def count_stock(session: Connection, chance: random.Random) -> None:
    """One warehouse reports its stock: 400 rows are changed, now and then all of them in one heavy statement."""
    if chance.random() < 0.03:
        await session.run(COUNT_ALL_STOCK)
    else:
        await session.run(COUNT_STOCK, chance.randrange(-2, 3), chance.randrange(1, WAREHOUSES + 1))


async def report(session: Connection, customers: int) -> float:
    """The report that walks over all events once per customer; returns its seconds."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    await session.run(REPORT, customers)
    return loop.time() - started


async def tidy(session: Connection) -> None:
    """Forget what is old."""
    await session.run(FORGET_EVENTS, KEPT_EVENTS)
    await session.run(FORGET_ORDERS, KEPT_ORDERS)
