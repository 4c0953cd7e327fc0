"""PostgreSQL: single tables out of a backup of all of it, put back among the others."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pg8000.exceptions import DatabaseError

from aishell_core.errors import UsageError
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.models import Compression, Format, ProofLevel
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Recipe
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_backups import Bench
from tests.servers.sqlite_client import eventually

ODD = '"od d"."T ""x $aishell$ \'\\"'
KEPT = ("postgres", "template0", "template1", "shop")
TABLES = ("public.customers", "public.orders", "public.lines", "public.log", ODD)


@pytest.fixture(scope="module", params=["15", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param) as found:
        yield found


@pytest.fixture
def bench(server: PostgresServer, tmp_path: Path) -> Bench:
    """Tables that refer to each other, with triggers that write, a view, a type of their own and odd names."""
    server.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)", "CREATE DATABASE shop")
    server.execute(
        'CREATE SCHEMA "od d"',
        "CREATE TYPE mood AS ENUM ('sad', 'glad')",
        "CREATE TABLE customers (id int PRIMARY KEY, name text)",
        "CREATE TABLE orders (id bigserial PRIMARY KEY, customer int NOT NULL, mood mood, note text,"
        " twice int GENERATED ALWAYS AS (7) STORED,"
        " CONSTRAINT buyer FOREIGN KEY (customer) REFERENCES customers ON DELETE CASCADE DEFERRABLE)",
        "COMMENT ON CONSTRAINT buyer ON orders IS 'who''s it'",
        "CREATE TABLE lines (id int PRIMARY KEY, of bigint REFERENCES orders ON DELETE CASCADE)",
        "CREATE TABLE log (what text)",
        "CREATE TABLE bare ()",
        "INSERT INTO bare SELECT FROM generate_series(1, 7)",
        "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.log VALUES (TG_OP); RETURN NULL; END'",
        "CREATE TRIGGER noted AFTER INSERT OR DELETE OR TRUNCATE ON orders FOR EACH STATEMENT EXECUTE FUNCTION noted()",
        "CREATE TRIGGER off AFTER INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION noted()",
        "ALTER TABLE orders DISABLE TRIGGER off, ENABLE ALWAYS TRIGGER noted",
        "CREATE VIEW glad AS SELECT * FROM orders WHERE mood = 'glad'",
        f"CREATE TABLE {ODD} (t text)",
        f"INSERT INTO {ODD} VALUES (E'a\\tb\\n\\\\.\\n'), (NULL), ('')",
        "INSERT INTO customers SELECT i, 'c' || i FROM generate_series(1, 50) AS i",
        "INSERT INTO orders (customer, mood, note) SELECT 1 + i % 50, 'glad', repeat('x', i) FROM generate_series(1, 500) AS i",
        "INSERT INTO lines SELECT i, 1 + i % 500 FROM generate_series(1, 900) AS i",
        database="shop",
    )
    return Bench(server, FolderStorage(tmp_path / "backups"))


def _rows(server: PostgresServer) -> dict[str, object]:
    return {
        name: server.execute(f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {name} AS t", database="shop")
        for name in TABLES
    }


def _shape(server: PostgresServer) -> object:
    """All that stands around the rows."""
    return server.execute(
        "SELECT (SELECT array_agg(conrelid::regclass || ' ' || conname || ' '"
        " || pg_get_constraintdef(oid) || coalesce(obj_description(oid), '')"
        " ORDER BY conrelid::regclass::text, conname) FROM pg_constraint WHERE conrelid <> 0 AND connamespace <> 11),"
        " (SELECT array_agg(tgname || tgenabled::text ORDER BY tgname) FROM pg_trigger WHERE NOT tgisinternal),"
        " (SELECT array_agg(indexrelid::regclass::text ORDER BY indexrelid::regclass::text) FROM pg_index "
        " WHERE indrelid >= 16384 AND indrelid::regclass::text NOT LIKE 'pg_toast%'),"
        " (SELECT array_agg(relname || relkind::text ORDER BY relname) FROM pg_class WHERE relnamespace >= 16384 OR relnamespace = 2200)",
        database="shop",
    )


@pytest.mark.parametrize("form", [Format.NATIVE, Format.SQL])
async def test_a_table_that_is_there_gets_its_rows_back_and_nothing_else_is_touched(bench: Bench, form: Format) -> None:
    backup = await bench.take(format=form)
    before, shape = _rows(bench.server), _shape(bench.server)
    bench.server.execute(
        "UPDATE orders SET note = 'lost'", "SELECT setval('orders_id_seq', 9000)", "INSERT INTO log VALUES ('kept')", database="shop"
    )
    log = _rows(bench.server)["public.log"]
    restored = await bench.restore(backup, tables=("orders", "od d.T \"x $aishell$ '\\"), replace=True)
    assert restored.comparison.is_proof
    assert restored.comparison.hashed == 2
    assert _rows(bench.server) == {**before, "public.log": log}
    assert _shape(bench.server) == shape
    assert bench.server.execute("SELECT last_value FROM orders_id_seq", database="shop") == [[500]]
    assert bench.databases() == {*KEPT}


async def test_tables_that_are_gone_are_made_anew(bench: Bench) -> None:
    backup = await bench.take()
    before, shape = _rows(bench.server), _shape(bench.server)
    bench.server.execute("DROP TABLE lines", f"DROP TABLE {ODD}", 'DROP SCHEMA "od d"', "DELETE FROM orders", database="shop")
    log = _rows_of_log(bench)
    await bench.restore(backup, tables=("public.lines", ODD, "orders"), replace=True)
    assert {**_rows(bench.server), "public.log": log} == {**before, "public.log": log}
    assert _rows_of_log(bench) == log
    assert _shape(bench.server) == shape


async def test_a_table_without_columns_gets_its_rows_back(bench: Bench) -> None:
    backup = await bench.take()
    bench.server.execute("DELETE FROM bare", database="shop")
    for damage in ("DELETE FROM bare", "DROP TABLE bare"):
        bench.server.execute(damage, database="shop")
        assert (await bench.restore(backup, tables=("bare",), replace=True)).comparison.is_proof
        assert bench.server.execute("SELECT count(*) FROM bare", database="shop") == [[7]]


def _rows_of_log(bench: Bench) -> object:
    return bench.server.execute("SELECT count(*) FROM log", database="shop")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            "ALTER TABLE orders DROP COLUMN note CASCADE; ALTER TABLE orders ADD COLUMN more int",
            "note text is in the backup alone; more integer is in",
        ),
        (
            "INSERT INTO orders (id, customer) VALUES (9000, 1); INSERT INTO lines VALUES (9000, 9000)",
            'violates foreign key constraint "lines_of_fkey"',
        ),
        (
            " CREATE FUNCTION dull() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not today''; END';"
            " CREATE EVENT TRIGGER dull ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION dull()",
            "not today",
        ),
    ],
    ids=["columns", "keys", "refused"],
)
async def test_what_has_no_place_any_more_changes_nothing(bench: Bench, damage: str, words: str) -> None:
    backup = await bench.take()
    bench.server.execute("DELETE FROM orders WHERE id > 400 AND id <= 500", damage, database="shop")
    before, shape = _rows(bench.server), _shape(bench.server)
    with pytest.raises(BackupError) as caught:
        await bench.restore(backup, tables=("orders",), replace=True)
    assert words in caught.value.message
    assert (_rows(bench.server), _shape(bench.server)) == (before, shape)
    assert bench.databases() == {*KEPT}


async def test_what_cannot_be_is_said_before_anything_is_done(bench: Bench) -> None:
    backup, unproven = await bench.take(), await bench.take(proof=ProofLevel.NONE)
    with pytest.raises(UsageError) as caught:
        await bench.plan(backup, tables=("order",))
    assert "did you mean orders?" in caught.value.hint
    _, plan = await bench.plan(backup, tables=("orders", "lines", "public.orders"))
    assert plan.request.tables == ('"public"."orders"', '"public"."lines"')
    assert plan.obstacles == ('the tables "public"."orders", "public"."lines" are there; --drop-existing replaces their rows',)
    assert [loss.partition(",")[0] for loss in plan.losses] == [
        'the rows of the table "public"."orders"',
        'the rows of the table "public"."lines"',
    ]
    assert plan.writes[0] == 'the table "public"."orders" in the database shop'
    _, plan = await bench.plan(backup, tables=("orders",), database="nowhere")
    assert plan.obstacles == ("the database nowhere is not there: make it first, or leave --tables out",)
    _, plan = await bench.plan(unproven, tables=("orders",), replace=True)
    assert plan.obstacles == ("the backup has no proofs that name its tables; restore under another name with --target",)


@pytest.mark.parametrize("how", [{}, {"format": Format.SQL}, {"jobs": 2}], ids=["native", "sql", "jobs"])
async def test_a_backup_of_some_tables_goes_back_among_the_others_and_never_instead_of_them(bench: Bench, how: dict[str, Any]) -> None:
    """Their type, their triggers' function and what they refer to are not of their own."""
    backup = await bench.take(tables=("orders", "public.lines"), **how)
    before, shape = _rows(bench.server), _shape(bench.server)
    bench.server.execute("DROP TABLE lines", "ALTER TABLE orders DISABLE TRIGGER USER", "DELETE FROM orders", database="shop")
    bench.server.execute("ALTER TABLE orders ENABLE ALWAYS TRIGGER noted", database="shop")
    _, plan = await bench.plan(backup)
    assert plan.obstacles == ('the tables "public"."orders" are there; --drop-existing replaces their rows',)
    restored = await bench.restore(backup, replace=True)
    assert restored.comparison.hashed == 2
    assert (_rows(bench.server), _shape(bench.server)) == (before, shape)
    assert bench.databases() == {*KEPT}


async def test_a_backup_of_some_tables_is_tried_out_goes_elsewhere_and_is_restored_by_hand(bench: Bench, tmp_path: Path) -> None:
    backup = await bench.take(tables=("orders",), recipe=Recipe(compression=Compression.NONE))
    assert (await bench.test(backup)).comparison.is_proof
    await bench.restore(backup, database="elsewhere")
    rows = "SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM orders AS t"
    assert bench.server.execute(rows, database="elsewhere") == bench.server.execute(rows, database="shop")
    assert bench.server.execute("SELECT count(*) FROM customers", database="elsewhere") == [[0]]
    assert bench.server.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'aishell%'", database="elsewhere") == [[0]]
    bench.server.execute("ALTER DATABASE shop RENAME TO kept", "DROP DATABASE elsewhere")
    bench.run_all(bench.commands(backup), backup.location)
    assert bench.server.execute(rows, database="shop") == bench.server.execute(rows, database="kept")
    bench.server.execute("DROP DATABASE kept WITH (FORCE)")


_KILLED = """
import asyncio, os, signal, sys, time
from pathlib import Path
from aishell_core.clock import SystemClock
from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId
from aishell_ops.backups.engines import postgres_tables
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.engines.postgres import PostgresBackups
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.folder import FolderStorage
import threading

storage, url, folder, last = FolderStorage(Path(sys.argv[1])), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
engine, repository = PostgresBackups(folders=[folder]), Repository(storage, time.time)
backup = repository.scan().backups[0]
order = RestoreOrder(Target(TargetId("pg"), parse_location(url)), LoadRequest(tables=("orders", "lines"), replace=True))
calls = 0

def count(frame, event, argument):
    '''Ends this process without a word before one of the pieces that go to psql.'''
    global calls
    if event == "call" and frame.f_code.co_name == "write" and frame.f_back.f_code.co_name == "carry":
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)

threading.setprofile(count)

async def main():
    plan = await plan_restore(engine, backup, order)
    await restore(engine, repository, Spot(Line("pg", "shop"), backup.id), backup, order, plan, SystemClock())

asyncio.run(main())
print(calls)
"""


@pytest.mark.parametrize("call", [2, 3])
async def test_a_kill_between_two_pieces_commits_nothing_and_the_next_restore_tidies_up(bench: Bench, tmp_path: Path, call: int) -> None:
    """The input of psql ends with us: that must not be taken for the end of the work."""
    backup = await bench.take()
    saved, shape = _rows(bench.server), _shape(bench.server)
    bench.server.execute("UPDATE orders SET note = 'lost'", database="shop")
    before = _rows(bench.server)
    with bench.begun_elsewhere(_KILLED, tmp_path, str(call)) as killed:
        assert killed.wait(120) == -signal.SIGKILL
    busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop' AND application_name = 'aishell'"
    eventually(lambda: bench.server.execute(busy) == [[0]])
    assert (_rows(bench.server), _shape(bench.server)) == (before, shape)
    await bench.restore(backup, tables=("orders", "lines"), replace=True)
    assert (_rows(bench.server), _shape(bench.server)) == (saved, shape)
    assert bench.databases() == {*KEPT}


async def test_a_partition_that_shares_its_foreign_keys_is_put_back(bench: Bench) -> None:
    """Those that its parent has, and those that others have to the parent; they hold again afterwards, and are as they were."""
    bench.server.execute(
        "CREATE TABLE visits (id int, day int, customer int CONSTRAINT guest REFERENCES customers, PRIMARY KEY (id, day))"
        " PARTITION BY RANGE (day)",
        "COMMENT ON CONSTRAINT guest ON visits IS 'of all'",
        "CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE visits_2 PARTITION OF visits FOR VALUES FROM (10) TO (20)",
        "CREATE TABLE bills (visit int, day int, FOREIGN KEY (visit, day) REFERENCES visits)",
        "INSERT INTO visits SELECT i, i % 20, 1 + i % 50 FROM generate_series(1, 200) AS i",
        "INSERT INTO bills SELECT i, i % 20 FROM generate_series(1, 200, 7) AS i",
        database="shop",
    )
    backup, shape = await bench.take(), _shape(bench.server)
    saved = bench.server.execute("SELECT * FROM visits ORDER BY id", database="shop")
    bench.server.execute("UPDATE visits_1 SET customer = 50", "DELETE FROM bills WHERE visit = 8", database="shop")
    _, plan = await bench.plan(backup, tables=("visits_1",), replace=True)
    assert any(words.startswith('"public"."visits_1" shares foreign keys') for words in plan.warnings), plan
    await bench.restore(backup, tables=("visits_1",), replace=True)
    assert bench.server.execute("SELECT * FROM visits ORDER BY id", database="shop") == saved
    assert _shape(bench.server) == shape
    for refused in ("INSERT INTO visits VALUES (999, 3, 777)", "DELETE FROM visits_1", "INSERT INTO bills VALUES (999, 3)"):
        with pytest.raises(DatabaseError):
            bench.server.execute(refused, database="shop")
    with pytest.raises(UsageError, match=r"visits_1.* is a partition that has its foreign keys from its parent"):
        await bench.take(tables=("visits_1",))


async def test_the_name_of_a_partitioned_table_means_all_its_partitions(bench: Bench) -> None:
    bench.server.execute(
        "CREATE TABLE days (day int, what text) PARTITION BY RANGE (day)",
        "CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE days_2 PARTITION OF days FOR VALUES FROM (10) TO (20) PARTITION BY LIST (what)",
        'CREATE TABLE "days 2 a" PARTITION OF days_2 DEFAULT',
        "INSERT INTO days SELECT i % 20, 'd' || i FROM generate_series(1, 100) AS i",
        database="shop",
    )
    saved = bench.server.execute("SELECT * FROM days ORDER BY day, what", database="shop")
    whole, part = await bench.take(), await bench.take(tables=("days",))
    assert part.manifest.tables == ('"public"."days 2 a"', '"public"."days_1"')
    for backup in (whole, part):
        bench.server.execute("DELETE FROM days WHERE day > 5", database="shop")
        assert (await bench.restore(backup, tables=("public.days",), replace=True)).comparison.hashed == 2
        assert bench.server.execute("SELECT * FROM days ORDER BY day, what", database="shop") == saved
    bench.server.execute('CREATE TABLE "od d".days (i int)', database="shop")
    with pytest.raises(UsageError, match="days is the name of 2 tables"):
        await bench.take(tables=("days",))
