"""The demo's database as it stands before the workload begins; standard library only."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

USERS = 3_000
PRODUCTS = 200
ORDERS = 12_000
EVENTS = 20_000
EVENT_KINDS = ("view", "view", "view", "search", "cart", "pay", "refund")

_COUNTRIES = ("AT", "BR", "CA", "CH", "DE", "ES", "FR", "GB", "IN", "IT", "JP", "NL", "PL", "SE", "US")
_FIRST = ("Ada", "Bela", "Chen", "Dana", "Emil", "Fatma", "Goro", "Hana", "Ines", "Jan", "Kira", "Lars", "Mei", "Noor", "Olu", "Pia")
_LAST = ("Abe", "Bauer", "Costa", "Diaz", "Endo", "Fischer", "Garg", "Haas", "Ito", "Jansen", "Kaya", "Lopez", "Moreau", "Nagy", "Okoye")
_GOODS = ("lamp", "chair", "kettle", "notebook", "rucksack", "jacket", "keyboard", "bottle", "tent", "radio")
_FINISHES = ("red", "blue", "green", "black", "white", "small", "large", "light", "warm", "plain")


def create_database(path: Path, now: float) -> None:
    """Write the shop's database in one go; a reader sees either no file or the whole one."""
    unfinished = path.with_name(f"{path.name}.new")
    with closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
        # Nobody reads the file yet and a crash throws it away, so nothing has to reach the disk before the rename.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.executescript(Path(__file__).with_name("schema.sql").read_text())
        connection.execute("BEGIN")
        _fill(connection, random.Random(now), now)  # noqa: S311  (sample data, not secrets)
        connection.execute("COMMIT")
        connection.execute("ANALYZE")
        connection.execute("PRAGMA journal_mode = WAL")
    unfinished.rename(path)


def _fill(connection: sqlite3.Connection, chance: random.Random, now: float) -> None:
    def ago(days: float) -> float:
        return now - chance.random() * days * 86_400

    connection.executemany(
        "INSERT INTO users VALUES (?, ?, ?, ?, ?)",
        (
            (number, f"user{number}@example.com", f"{chance.choice(_FIRST)} {chance.choice(_LAST)}", chance.choice(_COUNTRIES), ago(700))
            for number in range(1, USERS + 1)
        ),
    )
    connection.executemany(
        "INSERT INTO products VALUES (?, ?, ?, ?)",
        (
            (number, f"{chance.choice(_FINISHES)} {chance.choice(_GOODS)} {number}", chance.randrange(300, 30_000), 100_000)
            for number in range(1, PRODUCTS + 1)
        ),
    )
    connection.executemany(
        "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (
                number,
                chance.randrange(1, USERS + 1),
                chance.randrange(1, PRODUCTS + 1),
                chance.randrange(1, 5),
                chance.randrange(300, 90_000),
                chance.choice(("paid", "sent", "sent", "billed")),
                ago(30),
            )
            for number in range(1, ORDERS + 1)
        ),
    )
    connection.executemany(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?)",
        (
            (number, chance.randrange(1, USERS + 1), chance.choice(EVENT_KINDS), f"page /{chance.choice(_GOODS)}/{number % 997}", ago(7))
            for number in range(1, EVENTS + 1)
        ),
    )
