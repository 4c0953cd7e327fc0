"""What the demo's clients do to the shop's database, one function per deed; standard library only."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress

from aishell_tui.demo.seed import EVENT_KINDS, EVENTS, ORDERS, PRODUCTS, USERS

# How much of the shop is kept, so that a demo that runs for days stays small.
KEPT_EVENTS = EVENTS * 3 // 2
KEPT_ORDERS = ORDERS * 3 // 2
EXPORT_ROWS = 200

ORDERS_OF_USER = """\
SELECT o.id, o.placed_at, o.status, o.total_cents, p.name
FROM orders o JOIN products p ON p.id = o.product_id
WHERE o.user_id = ?
ORDER BY o.placed_at DESC LIMIT 20"""
PRODUCT = "SELECT id, name, price_cents, stock FROM products WHERE id = ?"
OPEN_ORDERS = "SELECT status, count(*), sum(total_cents) FROM orders WHERE status IN ('new', 'paid') GROUP BY status"
SEARCH = "SELECT id, user_id, detail FROM events WHERE detail LIKE '%' || ? || '%' ORDER BY at DESC LIMIT 50"
REPORT = """\
SELECT u.id, u.name, u.country,
       (SELECT count(*) FROM events e WHERE e.user_id = u.id AND e.kind = 'refund') AS refunds,
       (SELECT sum(o.total_cents) FROM orders o WHERE o.user_id = u.id) AS spent_cents
FROM (SELECT id, name, country FROM users ORDER BY created_at DESC LIMIT ?) u
ORDER BY refunds DESC, spent_cents DESC
LIMIT 20"""
EXPORT = "SELECT id, user_id, kind, detail, at FROM events ORDER BY user_id, at"
PLACE_ORDER = "INSERT INTO orders (user_id, product_id, quantity, total_cents, placed_at) VALUES (?, ?, ?, ?, ?)"
TAKE_STOCK = "UPDATE products SET stock = stock - ? WHERE id = ?"
NOTE_EVENT = "INSERT INTO events (user_id, kind, detail, at) VALUES (?, ?, ?, ?)"
PAY_ORDERS = "UPDATE orders SET status = 'paid' WHERE id IN (SELECT id FROM orders WHERE status = 'new' ORDER BY placed_at LIMIT ?)"
BILL_ORDERS = "UPDATE orders SET status = 'billed' WHERE id IN (SELECT id FROM orders WHERE status = 'paid' ORDER BY placed_at LIMIT ?)"
SIGN_UP = "INSERT INTO users (email, name, country, created_at) VALUES (?, ?, ?, ?)"
FORGET_EVENTS = "DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?"
FORGET_ORDERS = "DELETE FROM orders WHERE id <= (SELECT max(id) FROM orders) - ?"

Pause = Callable[[float], None]


def browse(connection: sqlite3.Connection, chance: random.Random) -> None:
    """One page of the web shop: usually a product or somebody's orders, sometimes a search over all events."""
    dice = chance.random()
    if dice < 0.55:
        connection.execute(PRODUCT, (chance.randrange(1, PRODUCTS + 1),)).fetchall()
    elif dice < 0.92:
        connection.execute(ORDERS_OF_USER, (chance.randrange(1, USERS + 1),)).fetchall()
    elif dice < 0.97:
        connection.execute(OPEN_ORDERS).fetchall()
    else:
        connection.execute(SEARCH, (chance.choice(("lamp", "tent", "radio", "kettle")),)).fetchall()


def place_order(connection: sqlite3.Connection, chance: random.Random) -> None:
    """One order with its stock and its events, in one transaction."""
    user, product, quantity = chance.randrange(1, USERS + 1), chance.randrange(1, PRODUCTS + 1), chance.randrange(1, 5)
    now = time.time()
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(PLACE_ORDER, (user, product, quantity, quantity * 1_990, now))
        connection.execute(TAKE_STOCK, (quantity, product))
        for _ in range(chance.randrange(1, 4)):
            connection.execute(NOTE_EVENT, (user, chance.choice(EVENT_KINDS), f"page /product/{product}", now))
        if chance.random() < 0.2:
            connection.execute(PAY_ORDERS, (10,))
        connection.execute("COMMIT")
    except sqlite3.Error:
        give_up(connection)
        raise


def sign_up(connection: sqlite3.Connection, chance: random.Random) -> None:
    """Somebody registers; who is registered already is refused by the UNIQUE constraint."""
    number = chance.randrange(USERS - 200, USERS + 10_000)
    connection.execute(SIGN_UP, (f"user{number}@example.com", "New User", "DE", time.time()))


def bill(connection: sqlite3.Connection, pause: Pause, seconds: float) -> None:
    """A billing run that keeps the write lock while it talks to its bank: the other writer has to wait."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            connection.execute(BILL_ORDERS, (5,))
            pause(0.25)
        connection.execute("COMMIT")
    except sqlite3.Error:
        give_up(connection)
        raise


def report(connection: sqlite3.Connection, users: int) -> float:
    """The report that scans all events once per user, for so many users; returns its seconds."""
    started = time.monotonic()
    connection.execute(REPORT, (users,)).fetchall()
    return time.monotonic() - started


def export(connection: sqlite3.Connection, pause: Pause, seconds: float) -> None:
    """Read all events slowly in one statement: meanwhile no checkpoint can reset the write-ahead log."""
    rows = connection.execute(EXPORT)
    step = seconds * EXPORT_ROWS / KEPT_EVENTS
    while rows.fetchmany(EXPORT_ROWS):
        pause(step)


def tidy(connection: sqlite3.Connection) -> None:
    """Forget what is old and put the write-ahead log back into the file."""
    connection.execute(FORGET_EVENTS, (KEPT_EVENTS,))
    connection.execute(FORGET_ORDERS, (KEPT_ORDERS,))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def give_up(connection: sqlite3.Connection) -> None:
    """Roll back what a failed transaction left; without one there is nothing to do."""
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")
