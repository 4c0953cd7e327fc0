"""What the demo's clients do is real: real rows, real locks, a real write-ahead log that grows."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_tui.demo import shop
from aishell_tui.demo.clients import open_client
from aishell_tui.demo.rhythm import DAY_SECONDS, busyness
from aishell_tui.demo.seed import create_database

PATIENCE_SECONDS = 0.05


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The seeded database, made once."""
    path = tmp_path_factory.mktemp("seeded") / "shop.db"
    create_database(path, time.time())
    return path


@pytest.fixture
def database(seeded: Path, tmp_path: Path) -> Path:
    """A copy of the seeded database for one test."""
    path = tmp_path / "shop.db"
    path.write_bytes(seeded.read_bytes())
    return path


@pytest.fixture
def connection(database: Path) -> Iterator[sqlite3.Connection]:
    """A client's connection."""
    with closing(open_client(database, PATIENCE_SECONDS)) as opened:
        yield opened


def test_the_seed_is_one_whole_file_in_wal_mode(seeded: Path) -> None:
    with closing(sqlite3.connect(seeded)) as opened:
        assert opened.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert opened.execute("PRAGMA foreign_key_check").fetchall() == []
    assert not seeded.with_name("shop.db.new").exists()


def test_an_order_takes_its_stock_and_notes_its_events(connection: sqlite3.Connection) -> None:
    stock, events = (connection.execute(sql).fetchone()[0] for sql in ("SELECT sum(stock) FROM products", "SELECT count(*) FROM events"))
    shop.place_order(connection, random.Random(1))
    quantity = connection.execute("SELECT quantity FROM orders ORDER BY id DESC LIMIT 1").fetchone()[0]
    assert connection.execute("SELECT sum(stock) FROM products").fetchone()[0] == stock - quantity
    assert connection.execute("SELECT count(*) FROM events").fetchone()[0] > events
    assert not connection.in_transaction


def test_browsing_runs_each_of_its_statements(connection: sqlite3.Connection) -> None:
    seen: set[str] = set()
    connection.set_trace_callback(lambda sql: seen.add(sql.split("FROM")[1].split()[0]))
    chance = random.Random(2)
    for _ in range(200):
        shop.browse(connection, chance)
    assert seen == {"products", "orders", "events"}


def test_a_registration_that_exists_is_refused(connection: sqlite3.Connection) -> None:
    class Same(random.Random):
        """Always the user that is there already."""

        def randrange(self, *bounds: int) -> int:  # type: ignore[override]
            return bounds[0]

    with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE constraint failed: users\.email"):
        shop.sign_up(connection, Same())


def test_a_billing_run_locks_the_other_writer_out(database: Path, connection: sqlite3.Connection) -> None:
    """While billing pauses inside its transaction an order meets a locked database, and leaves no transaction open."""
    refused: list[str] = []

    def order_meanwhile(_seconds: float) -> None:
        with closing(open_client(database, PATIENCE_SECONDS)) as other:
            try:
                shop.place_order(other, random.Random(3))
            except sqlite3.OperationalError as error:
                refused.append(str(error))
                assert not other.in_transaction

    shop.bill(connection, order_meanwhile, 0.01)
    assert refused[0] == "database is locked"
    shop.place_order(connection, random.Random(3))


def test_the_write_ahead_log_grows_during_an_export_and_is_put_back_by_the_tidying(database: Path, connection: sqlite3.Connection) -> None:
    log = database.with_name("shop.db-wal")
    connection.execute("PRAGMA wal_autocheckpoint = 10")
    sizes: list[int] = []

    def orders_meanwhile(_seconds: float) -> None:
        for number in range(3):
            shop.place_order(connection, random.Random(number))
        sizes.append(log.stat().st_size)

    with closing(open_client(database, PATIENCE_SECONDS)) as other:
        shop.export(other, orders_meanwhile, 0.0)
    assert sizes == sorted(sizes)
    assert sizes[-1] > 20 * sizes[0]
    shop.tidy(connection)
    assert log.stat().st_size == 0


def test_the_shop_stays_small(connection: sqlite3.Connection) -> None:
    connection.executemany(shop.NOTE_EVENT, ((1, "view", "page", 0.0) for _ in range(20_000)))
    shop.tidy(connection)
    assert connection.execute("SELECT count(*) FROM events").fetchone()[0] == shop.KEPT_EVENTS


def test_the_report_scans_all_events_for_each_user(connection: sqlite3.Connection) -> None:
    plan = " ".join(str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {shop.REPORT}", (10,)))
    assert "SCAN e" in plan
    assert shop.report(connection, 10) > 0


@given(st.floats(0, 4e9))
def test_the_shop_is_never_dead_and_never_overrun(at: float) -> None:
    assert 0.29 <= busyness(at) <= 1.71


def test_a_day_has_a_quiet_and_a_busy_half() -> None:
    assert busyness(DAY_SECONDS * 0.25) > 1.2 > 0.8 > busyness(DAY_SECONDS * 0.75)
