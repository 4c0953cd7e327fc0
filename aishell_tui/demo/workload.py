"""The demo's clients as real processes on a real database; standard library only, started by `launch.py`.

One keeper makes the database and forks the clients. It ends them, removes the folder and ends itself as soon as its
standard input closes, which the kernel does for a dashboard that ended in any way. A client ends when the keeper does.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aishell_core.engines.statement_log import default_log, flush_statements
from aishell_tui.demo import shop
from aishell_tui.demo.clients import open_client
from aishell_tui.demo.keeping import DATABASE_NAME, READY, name_process, remove, tell
from aishell_tui.demo.rhythm import next_arrival_seconds
from aishell_tui.demo.seed import create_database

BUSY_SECONDS = 5.0
REPORT_SECONDS = 1.4
_SEEDED_REPORT_USERS = 1_500

Client = Callable[[sqlite3.Connection, random.Random], None]


def serve_pages(connection: sqlite3.Connection, chance: random.Random) -> None:
    """A web server: reads with the rhythm of the day."""
    while True:
        time.sleep(next_arrival_seconds(chance, 9.0))
        _deed(connection, lambda: shop.browse(connection, chance))


def take_orders(connection: sqlite3.Connection, chance: random.Random) -> None:
    """The shop's writer: orders, now and then a registration, once a minute the tidying."""
    tidied_at = time.monotonic()
    while True:
        time.sleep(next_arrival_seconds(chance, 5.0))
        if chance.random() < 0.03:
            _deed(connection, lambda: shop.sign_up(connection, chance))
        elif time.monotonic() - tidied_at > 60:
            tidied_at = time.monotonic()
            _deed(connection, lambda: shop.tidy(connection))
        else:
            _deed(connection, lambda: shop.place_order(connection, chance))


def send_bills(connection: sqlite3.Connection, chance: random.Random) -> None:
    """Billing: keeps the write lock for a few seconds, every third time for longer than the shop's writer has patience."""
    time.sleep(1)
    for run in range(sys.maxsize):
        seconds = 9.0 if run % 3 == 1 else 3.0
        _deed(connection, partial(shop.bill, connection, time.sleep, seconds))
        time.sleep(chance.uniform(25, 40))


def make_reports(connection: sqlite3.Connection, chance: random.Random) -> None:
    """Back office: a slow report, then an export that holds the write-ahead log back; the report is kept near its length."""
    users = _SEEDED_REPORT_USERS
    time.sleep(0.5)
    while True:
        with suppress(sqlite3.Error):
            seconds = shop.report(connection, users)
            users = max(50, min(3_000, round(users * REPORT_SECONDS / max(seconds, 0.01))))
        time.sleep(chance.uniform(10, 15))
        _deed(connection, lambda: shop.export(connection, time.sleep, 25.0))
        time.sleep(chance.uniform(50, 70))


def _deed(connection: sqlite3.Connection, deed: Callable[[], None]) -> None:
    # A refused or locked statement is a part of the workload: it stands in the statement log, and the client goes on.
    try:
        deed()
    except sqlite3.Error:
        shop.give_up(connection)


def open_shop(database: Path, connection: sqlite3.Connection, chance: random.Random) -> None:
    """What happens once, before anybody comes: the first statements are made, so that the log of statements is there."""
    for _ in range(20):
        shop.browse(connection, chance)
    flush_statements(default_log(database))


CLIENTS: tuple[tuple[str, Client], ...] = (
    ("shop-web-1", serve_pages),
    ("shop-web-2", serve_pages),
    ("shop-orders", take_orders),
    ("shop-billing", send_bills),
    ("shop-reports", make_reports),
)


@dataclass(frozen=True, slots=True)
class Leash:
    """A pipe that only the keeper holds open: its clients read the end of it when the keeper is gone."""

    read_end: int
    write_end: int

    @classmethod
    def make(cls) -> Leash:
        """A new leash."""
        return cls(*os.pipe())

    def wear(self) -> None:
        """In a client: end with the keeper, whatever the client does at that moment."""
        os.close(self.write_end)
        threading.Thread(target=self._end_with_keeper, daemon=True).start()

    def _end_with_keeper(self) -> None:
        os.read(self.read_end, 1)
        os._exit(0)


def start_client(name: str, client: Client, database: Path, leash: Leash) -> int:
    """Fork a client and return its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        leash.wear()
        name_process(name)
        chance = random.Random(os.urandom(8))  # noqa: S311  (a workload, not secrets)
        client(open_client(database, BUSY_SECONDS), chance)
    finally:
        os._exit(1)


def _leave(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def keep(folder: Path) -> None:
    """Run the workload in the folder until standard input closes or a signal comes; then remove the folder."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _leave)
    pids: list[int] = []
    try:
        database = folder / DATABASE_NAME
        create_database(database, time.time())
        leash = Leash.make()
        os.waitpid(start_client("shop-opening", partial(open_shop, database), database, leash), 0)
        pids += (start_client(name, client, database, leash) for name, client in CLIENTS)
        tell(READY)
        name_process("shop-keeper")
        while os.read(0, 64):
            pass
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
        remove(folder)


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
