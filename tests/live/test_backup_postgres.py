"""PostgreSQL: backup, damage, restore, compare on real servers, beside writers, with rights, through faults."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pg8000.exceptions
import pytest

from aishell_core.clock import SystemClock
from aishell_core.engines.postgres_errors import PostgresError
from aishell_core.engines.postgres_held import held_connection
from aishell_core.errors import RefusedError, TargetError, UsageError
from aishell_ops.backups.engines.contract import LoadRequest, SaveRequest
from aishell_ops.backups.engines.postgres import PostgresBackups
from aishell_ops.backups.engines.postgres_tools import find_client
from aishell_ops.backups.errors import BackupError, ToolError
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.models import Backup, Format, ProofLevel
from aishell_ops.backups.progress import Stage, Step
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import Restored, RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Keys, Recipe
from aishell_ops.backups.take import Order, take
from aishell_ops.backups.verify import Depth, verify
from tests.servers.postgres import PostgresServer, postgres
from tests.unit.aishell_ops.backups.streams.test_store_and_fetch import ENCRYPTED, KEYS

CLOCK = SystemClock()
ODD = '"od d"."T ""x"""'
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("PG")}


@pytest.fixture(scope="module", params=["15", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param) as found:
        yield found


@pytest.fixture
def shop(server: PostgresServer) -> PostgresServer:
    """A server with a database in which there is something of every kind."""
    server.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)", "DROP DATABASE IF EXISTS other WITH (FORCE)", "DROP ROLE IF EXISTS seller")
    server.execute("CREATE ROLE seller", "CREATE DATABASE shop TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
    server.execute("ALTER DATABASE shop SET work_mem = '7MB'", "GRANT CREATE ON DATABASE shop TO seller")
    server.execute(
        'CREATE SCHEMA "od d"',
        "CREATE TYPE mood AS ENUM ('sad', 'glad')",
        "CREATE TABLE orders (id bigserial PRIMARY KEY, note text, price numeric(10,3), at timestamptz,"
        " mood mood, photo bytea, tags text[])",
        "INSERT INTO orders (note, price, at, mood, photo, tags) SELECT 'note ' || i || E'\\n\\t\\\\ é', i / 7.0,"
        " '2026-03-29 02:30:00+01'::timestamptz + i * interval '1 hour', CASE WHEN i % 2 = 0 THEN 'sad' ELSE 'glad' END::mood,"
        " decode(md5(i::text), 'hex'), ARRAY['a', NULL, i::text] FROM generate_series(1, 3000) AS i",
        f"CREATE TABLE {ODD} (t text, f float8)",
        f"INSERT INTO {ODD} VALUES (NULL, 'NaN'), ('x', 0.1 + 0.2), ('', '-Infinity')",
        "CREATE TABLE parted (k int, v text) PARTITION BY RANGE (k)",
        "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100)",
        "CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (100) TO (200)",
        "INSERT INTO parted SELECT i, 'v' || i FROM generate_series(0, 199) AS i",
        "CREATE VIEW dear AS SELECT * FROM orders WHERE price > 10",
        "CREATE MATERIALIZED VIEW sums AS SELECT mood, sum(price) FROM orders GROUP BY mood",
        "CREATE FUNCTION twice(i int) RETURNS int LANGUAGE sql AS 'SELECT 2 * i'",
        "ALTER TABLE parted OWNER TO seller",
        "SELECT lo_from_bytea(0, 'a large object')",
        database="shop",
    )
    return server


def _engine(server: PostgresServer) -> PostgresBackups:
    return PostgresBackups(ENVIRON, (server.binaries.folder,))


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")


def _repository(storage: FolderStorage) -> Repository:
    return Repository(storage, time.time)


async def _take(server: PostgresServer, storage: FolderStorage, recipe: Recipe | None = None, **request: object) -> Backup:
    wanted = SaveRequest(**request)  # type: ignore[arg-type]
    order = Order(server.target("pg", database="shop"), wanted, recipe=recipe or Recipe(), proof=ProofLevel.FULL)
    return await take(_engine(server), _repository(storage), order, CLOCK)


async def _restore(server: PostgresServer, storage: FolderStorage, backup: Backup, keys: Keys | None = None, **request: object) -> Restored:
    engine = _engine(server)
    order = RestoreOrder(server.target("pg", database="shop"), LoadRequest(**request), keys)  # type: ignore[arg-type]
    plan = await plan_restore(engine, backup, order)
    return await restore(engine, _repository(storage), Spot(Line("pg", "shop"), backup.id), backup, order, plan, CLOCK)


def _contents(server: PostgresServer, database: str) -> dict[str, object]:
    """What a person would look at: rows of every table, definitions, settings and grants."""
    questions = {
        "orders": "SELECT md5(string_agg(o::text, '|' ORDER BY id)) FROM orders AS o",
        "odd": f"SELECT string_agg(t::text, '|' ORDER BY f) FROM {ODD} AS t",
        "parted": "SELECT count(*), sum(k) FROM parted",
        "sums": "SELECT string_agg(s::text, '|' ORDER BY mood) FROM sums AS s",
        "objects": "SELECT string_agg(relname || relkind::text || pg_get_userbyid(relowner), ',' ORDER BY oid::regclass::text)"
        " FROM pg_class WHERE relnamespace IN ('public'::regnamespace, '\"od d\"'::regnamespace)",
        "function": "SELECT twice(21)",
        "large": "SELECT convert_from(lo_get(oid), 'UTF8') FROM pg_largeobject_metadata",
        "next": "SELECT last_value, is_called FROM orders_id_seq",
        "database": "SELECT (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) AS a),"
        " pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate"
        " FROM pg_database WHERE datname = current_database()",
        "settings": "SELECT setconfig::text FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase"
        " WHERE datname = current_database()",
    }
    return {name: server.execute(sql, database=database) for name, sql in questions.items()}


def _databases(server: PostgresServer) -> set[str]:
    return {row[0] for row in server.execute("SELECT datname FROM pg_database")}


@pytest.mark.parametrize("form", [Format.NATIVE, Format.SQL])
@pytest.mark.parametrize("keys", [None, KEYS], ids=["plain", "encrypted"])
async def test_backup_damage_restore_compare(shop: PostgresServer, storage: FolderStorage, form: Format, keys: Keys | None) -> None:
    before = _contents(shop, "shop")
    backup = await _take(shop, storage, ENCRYPTED if keys else None, format=form)
    found = await verify(_repository(storage), Spot(Line("pg", "shop"), backup.id), Depth.DEEP, CLOCK, keys=keys)
    assert (found.faults, found.remarks) == ((), ())
    shop.execute("DELETE FROM orders WHERE id % 2 = 0", "DROP TABLE parted", "UPDATE orders SET price = 0", database="shop")
    restored = await _restore(shop, storage, backup, keys, replace=True)
    assert restored.comparison.is_proof
    assert restored.comparison.hashed == 5
    assert _contents(shop, "shop") == before
    assert _databases(shop) == {"postgres", "template0", "template1", "shop"}


async def test_the_manifest_tells_what_a_restore_has_to_prove(shop: PostgresServer, storage: FolderStorage) -> None:
    manifest = (await _take(shop, storage)).manifest
    assert {proof.name: proof.rows for proof in manifest.objects} == {
        ODD: 3,
        '"public"."orders"': 3000,
        '"public"."parted_1"': 100,
        '"public"."parted_2"': 100,
        "large objects": 1,
    }
    assert [part.name for part in manifest.parts] == ["globals.sql.zst", "database.dump.zst"]
    assert manifest.source.identity
    assert manifest.source.server_version.startswith(str(shop.binaries.major))
    assert dict(manifest.start)["lsn"]
    assert manifest.tools[0].name == "pg_dump"


def _run_all(commands: list[str], folder: str, around: dict[str, str]) -> None:
    for command in commands:
        subprocess.run(command, shell=True, cwd=folder, env=around, check=True, capture_output=True)


async def test_the_recovery_sheet_restores_it_without_us(shop: PostgresServer, storage: FolderStorage, tmp_path: Path) -> None:
    backup = await _take(shop, storage)
    sheet = (Path(backup.location) / "RECOVERY.txt").read_text()
    lines = [line.strip().split("    #")[0] for line in sheet.splitlines() if line.startswith("     ")]
    commands = [line.replace("shop", "other") for line in lines if "globals.sql" not in line or line.startswith("zstd")]
    around = {**ENVIRON, "PGHOST": "127.0.0.1", "PGPORT": str(shop.port), "PGUSER": "postgres"}
    around["PATH"] = f"{shop.binaries.folder}:{around['PATH']}"
    await asyncio.to_thread(_run_all, commands, backup.location, around)
    assert _contents(shop, "other")["orders"] == _contents(shop, "shop")["orders"]


async def test_the_whole_backup_shows_one_moment(shop: PostgresServer, storage: FolderStorage) -> None:
    """While money moves between two tables, the sum in every backup is the same."""
    shop.execute("CREATE TABLE a AS SELECT 100000 AS money", "CREATE TABLE b AS SELECT 0 AS money", database="shop")
    ended, moved = threading.Event(), []

    def move() -> None:
        connection = shop.connect("shop")
        while not ended.is_set():
            connection.run("BEGIN")
            connection.run("UPDATE a SET money = money - 1")
            connection.run("UPDATE b SET money = money + 1")
            connection.run("COMMIT")
            moved.append(1)
        connection.close()

    thread = threading.Thread(target=move)
    thread.start()
    try:
        backup = await _take(shop, storage)
    finally:
        ended.set()
        thread.join()
    restored = await _restore(shop, storage, backup, database="other")
    assert restored.comparison.is_proof
    assert shop.execute("SELECT (SELECT money FROM a) + (SELECT money FROM b)", database="other") == [[100000]]
    assert len(moved) > 1


async def test_sessions_of_others_are_ended_and_the_name_is_never_without_a_database(shop: PostgresServer, storage: FolderStorage) -> None:
    backup = await _take(shop, storage)
    other = shop.connect("shop")
    plan = await plan_restore(_engine(shop), backup, RestoreOrder(shop.target("pg", database="shop"), LoadRequest(replace=True)))
    assert plan.losses[1] == "1 session on shop is ended"
    await _restore(shop, storage, backup, replace=True)
    with pytest.raises((pg8000.exceptions.DatabaseError, pg8000.exceptions.InterfaceError)):
        other.run("SELECT 1")
    with suppress(pg8000.exceptions.InterfaceError):
        other.close()


async def test_what_is_there_is_replaced_only_by_who_says_so(shop: PostgresServer, storage: FolderStorage) -> None:
    backup = await _take(shop, storage)
    with pytest.raises(RefusedError, match="the database shop is there; --drop-existing replaces it"):
        await _restore(shop, storage, backup)


async def test_a_fault_in_the_middle_leaves_the_old_database_and_no_other(shop: PostgresServer, storage: FolderStorage) -> None:
    backup = await _take(shop, storage, format=Format.SQL)
    before = _contents(shop, "shop")
    part = backup.manifest.parts[1]
    path = Path(backup.location) / "parts" / part.name
    content = path.read_bytes()
    path.write_bytes(content[:-50] + b"x" * 50)
    with pytest.raises(BackupError, match=r"database\.sql\.zst"):
        await _restore(shop, storage, backup, replace=True)
    assert _contents(shop, "shop") == before
    assert _databases(shop) == {"postgres", "template0", "template1", "shop"}


async def test_a_role_that_may_not_read_a_table_gets_the_programs_words_and_no_backup(shop: PostgresServer, storage: FolderStorage) -> None:
    shop.execute("CREATE ROLE reader LOGIN", "GRANT CONNECT ON DATABASE shop TO reader")
    try:
        target = shop.target("pg", database="shop", user="reader")
        order = Order(target, SaveRequest(), proof=ProofLevel.NONE)
        with pytest.raises(BackupError, match=r"pg_dump failed.*permission denied for"):
            await take(_engine(shop), _repository(storage), order, CLOCK)
        assert list(storage.list()) == []
    finally:
        shop.execute("REVOKE ALL ON DATABASE shop FROM reader", "DROP ROLE reader")


async def test_a_right_that_is_missing_is_told_as_the_statement_that_gives_it(shop: PostgresServer, storage: FolderStorage) -> None:
    """Whoever follows the hints, one after the other, can save the database."""
    shop.execute("CREATE ROLE low LOGIN")
    shop.execute("ALTER TABLE orders ENABLE ROW LEVEL SECURITY", 'REVOKE ALL ON SCHEMA "od d" FROM PUBLIC', database="shop")
    target, hints = shop.target("pg", database="shop", user="low"), []
    try:
        async with held_connection(target, ENVIRON) as connection:
            await connection.execute("BEGIN; SET LOCAL row_security = off")
            for table in (ODD, "orders"):
                with pytest.raises(PostgresError) as caught:
                    await connection.fetch(f"SELECT count(*) FROM {table if table == ODD else 'public.orders'}")
                hints.append(caught.value.hint)
                shop.execute(caught.value.hint)
                await connection.execute("ROLLBACK; BEGIN; SET LOCAL row_security = off")
            assert hints == ['GRANT pg_read_all_data TO "low";', 'ALTER ROLE "low" BYPASSRLS;']
            assert await connection.fetch("SELECT count(*) AS count FROM public.orders")
    finally:
        shop.execute("DROP ROLE low")


async def test_a_part_of_it_can_be_saved(shop: PostgresServer, storage: FolderStorage) -> None:
    backup = await _take(shop, storage, tables=("orders", "od d.T x"))
    assert [proof.name for proof in backup.manifest.objects] == [ODD, '"public"."orders"']
    assert [part.name for part in backup.manifest.parts] == ["definitions.dump.zst", "database.dump.zst"]
    with pytest.raises(UsageError) as caught:
        await _take(shop, storage, tables=("order",))
    assert "did you mean orders?" in caught.value.hint


async def test_missing_roles_are_told_and_everything_belongs_to_who_restores(shop: PostgresServer, storage: FolderStorage) -> None:
    backup = await _take(shop, storage)
    shop.execute("DROP DATABASE shop", "DROP ROLE seller")
    order = RestoreOrder(shop.target("pg", database="shop"), LoadRequest())
    plan = await plan_restore(_engine(shop), backup, order)
    assert "the roles seller are missing" in plan.warnings[0]
    restored = await restore(_engine(shop), _repository(storage), Spot(Line("pg", "shop"), backup.id), backup, order, plan, CLOCK)
    assert restored.comparison.is_proof
    assert shop.execute("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'parted'", database="shop") == [["postgres"]]


async def test_a_test_restore_leaves_no_database(shop: PostgresServer, storage: FolderStorage) -> None:
    backup, engine = await _take(shop, storage), _engine(shop)
    async with engine.scratch(shop.target("pg", database="shop"), backup.manifest) as place:
        order = RestoreOrder(place, LoadRequest(database=place.location.database))
        plan = await plan_restore(engine, backup, order)
        restored = await restore(engine, _repository(storage), Spot(Line("pg", "shop"), backup.id), backup, order, plan, CLOCK)
        assert restored.comparison.is_proof
        assert place.location.database in _databases(shop)
    assert _databases(shop) == {"postgres", "template0", "template1", "shop"}


async def test_a_lock_that_is_not_given_ends_it_and_nothing_is_kept(shop: PostgresServer, storage: FolderStorage) -> None:
    holder = shop.connect("shop")
    holder.run("BEGIN")
    holder.run("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
    try:
        with pytest.raises((BackupError, TargetError), match="lock"):
            await _take(shop, storage)
    finally:
        holder.run("ROLLBACK")
        holder.close()
    assert list(storage.list()) == []
    assert shop.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'aishell' AND state LIKE 'idle in%'") == [[0]]


async def test_a_server_that_dies_in_the_middle_is_told_and_leaves_nothing(storage: FolderStorage) -> None:
    with postgres("15") as server:
        server.execute("CREATE DATABASE shop")
        server.execute("CREATE TABLE big AS SELECT i, repeat(md5(i::text), 30) AS t FROM generate_series(1, 60000) AS i", database="shop")
        killed = threading.Event()

        def tell(step: Step) -> None:
            if step.stage is Stage.SAVING and step.plain_bytes > 8 << 20 and not killed.is_set():
                killed.set()
                server.kill()

        order = Order(server.target("pg", database="shop"), proof=ProofLevel.NONE)
        with pytest.raises((BackupError, TargetError)):
            await take(_engine(server), _repository(storage), order, CLOCK, tell=tell)
        assert killed.is_set()
        assert list(storage.list()) == []


async def test_the_password_is_in_no_process_list_and_in_no_object(storage: FolderStorage) -> None:
    with postgres("15", settings={"password_encryption": "scram-sha-256"}) as server:
        server.execute("CREATE ROLE keeper LOGIN SUPERUSER PASSWORD 'hunter2hunter2'", "CREATE DATABASE shop")
        server.execute("CREATE TABLE t AS SELECT i, repeat('x', 200) AS x FROM generate_series(1, 100000) AS i", database="shop")
        seen: list[str] = []

        def tell(step: Step) -> None:
            seen.extend(path.read_bytes().decode(errors="replace") for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())

        order = Order(server.target("pg", database="shop", user="keeper", password="hunter2hunter2"))
        await take(_engine(server), _repository(storage), order, CLOCK, tell=tell)
        assert any("pg_dump" in line for line in seen)
        assert "hunter2" not in "".join(seen)
        assert "hunter2" not in repr(order)
        for one in storage.list():
            if "/parts/" not in one.key:
                assert b"hunter2" not in storage.get(one.key)[0], one.key


def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(ToolError, match=r"pg_dump of PostgreSQL 99 or newer is needed") as caught:
        find_client("pg_dump", 99, ENVIRON)
    assert "postgresql-client-99" in caught.value.hint
