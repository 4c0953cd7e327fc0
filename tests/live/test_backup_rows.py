"""Rows between engines: SQLite, PostgreSQL, MySQL and MariaDB in all directions, with edge values of every type."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aishell_core.errors import RefusedError
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.models import Compression, Format
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Recipe
from tests.live.backup_rows_kit import (
    MY_EDGES,
    PG_EDGES,
    PG_ODD,
    contents,
    fresh,
    left_in,
    my_contents,
    my_side,
    pg_contents,
    pg_side,
    sqlite_shop,
    sqlite_side,
)
from tests.servers.mysql import VERSIONS, MysqlServer, mysql
from tests.servers.postgres import PostgresServer, postgres

FORMS = [Format.JSON, Format.CSV]


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")


@pytest.fixture(scope="module", params=["15", "18"])
def pg(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param) as found:
        yield found


@pytest.fixture(scope="module", params=VERSIONS)
def my(request: pytest.FixtureRequest) -> Iterator[MysqlServer]:
    with mysql(request.param) as found:
        yield found


@pytest.fixture(scope="module")
def other_pg() -> Iterator[PostgresServer]:
    """The newest PostgreSQL, for what goes between it and every MySQL and MariaDB."""
    with postgres("18") as found:
        yield found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return sqlite_shop(tmp_path / "shop.db")


@pytest.mark.parametrize("form", [*FORMS, Format.SQL])
async def test_a_file_comes_back_as_it_was(storage: FolderStorage, file: Path, form: Format) -> None:
    backup = await sqlite_side(file).save(storage, form)
    again = file.with_name("again.db")
    done = await sqlite_side(again).load(storage, backup)
    assert (done.comparison.hashed, done.comparison.differences) == (4, ())
    assert contents(again) == contents(file)
    with closing(sqlite3.connect(again)) as connection:
        made = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        assert connection.execute("SELECT twice FROM orders WHERE id = 2").fetchone() == (14.5,)
    assert "by_note" in made
    assert {what for what, _ in backup.manifest.skipped} == {"view dear", "virtual table words"}
    assert {each.column for each in done.fidelity if each.fidelity == "cannot"} == {"trigger t"}


@pytest.mark.parametrize("form", [*FORMS, Format.SQL])
async def test_a_file_goes_into_postgres_and_comes_back(storage: FolderStorage, file: Path, pg: PostgresServer, form: Format) -> None:
    pg.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)")
    backup = await sqlite_side(file).save(storage, form)
    done = await pg_side(pg).load(storage, backup)
    assert (done.comparison.hashed, done.comparison.differences) == (4, ())
    rows = pg.execute(
        "SELECT price::text, at::text, anything::text, n, uuid::text FROM orders WHERE id IN (2, 4) ORDER BY id", database="shop"
    )
    assert rows[0] == ["7.25", "1969-12-31 23:59:59.999999", '"5"', -(2**63), None]
    back = file.with_name("back.db")
    returned = await pg_side(pg).save(storage)
    done = await sqlite_side(back).load(storage, returned)
    assert done.comparison.differences == ()
    with closing(sqlite3.connect(file)) as one, closing(sqlite3.connect(back)) as other:
        for sql in ("SELECT id, name, since, active FROM customers ORDER BY id", "SELECT id, photo, note, n FROM orders ORDER BY id"):
            assert one.execute(sql).fetchall() == other.execute(sql).fetchall()


@pytest.mark.parametrize("form", FORMS)
async def test_postgres_comes_back_as_it_was(storage: FolderStorage, pg: PostgresServer, form: Format) -> None:
    fresh(pg, *PG_EDGES, *PG_ODD)
    before = pg_contents(pg, "shop", ("keyed", "many", "parted", "odd"))
    listed = "b, i2, i4, i8, n, n2, f4, f8, t, v, c, y, d, tm, ts, tz, iv, u, j, jb, ai, at, bi, vb, m, ip, money, r, tt"
    edges = f"SELECT ({listed})::text FROM edges"
    rows = pg.execute(f"{edges} ORDER BY id", database="shop")
    backup = await pg_side(pg).save(storage, form)
    skipped = dict(backup.manifest.skipped)
    assert {"view public.dear", "computed column twice of public.edges", "partitions of public.parted"} <= set(skipped)
    plan = await pg_side(pg).plan(backup, LoadRequest(replace=True))
    assert plan.obstacles == ("public.dear reads public.edges: drop that first",)
    pg.execute("DROP VIEW dear", "DELETE FROM many", "UPDATE edges SET t = 'changed'", database="shop")
    done = await pg_side(pg).load(storage, backup, LoadRequest(replace=True))
    assert done.comparison.differences == ()
    assert pg_contents(pg, "shop", ("keyed", "many", "parted", "odd")) == before
    assert pg.execute(f"{edges} ORDER BY id", database="shop") == rows
    assert pg.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'aishell%'", database="shop") == [[0]]


async def test_postgres_goes_into_a_file_and_comes_back(storage: FolderStorage, pg: PostgresServer, tmp_path: Path) -> None:
    fresh(pg, *PG_EDGES)
    before = pg_contents(pg, "shop", ("keyed", "many", "parted"))
    backup = await pg_side(pg).save(storage)
    file = sqlite_side(tmp_path / "shop.db")
    done = await file.load(storage, backup)
    assert (done.comparison.hashed, done.comparison.differences) == (5, ())
    told = {each.column: each.fidelity.value for each in done.fidelity if each.table == "public.edges"}
    assert (told["b"], told["i2"], told["n"], told["computed column twice"]) == (
        "represented otherwise",
        "widened",
        "represented otherwise",
        "cannot",
    )
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        assert connection.execute("SELECT n, i8, ai, ts FROM edges WHERE id = 2").fetchone() == (
            "-12345678901234567890.123456789",
            2**63 - 1,
            "[]",
            "9999-12-31 23:59:59.999999",
        )
        assert connection.execute('SELECT "a b" FROM "od d_T ""x"""').fetchone() == (1,)
    again = await pg_side(pg, "again").load(storage, await file.save(storage))
    assert again.comparison.differences == ()
    assert pg_contents(pg, "again", ("keyed", "many", "parted")) == before
    pg.execute("DROP DATABASE again")


@pytest.mark.parametrize("form", FORMS)
async def test_postgres_goes_into_mysql_and_comes_back(
    storage: FolderStorage, other_pg: PostgresServer, my: MysqlServer, form: Format
) -> None:
    fresh(other_pg, *PG_EDGES)
    my.execute("DROP DATABASE IF EXISTS shop")
    before = pg_contents(other_pg, "shop", ("keyed", "many", "parted"))
    backup = await pg_side(other_pg).save(storage, form)
    done = await my_side(my).load(storage, backup)
    assert (done.comparison.hashed, done.comparison.differences) == (5, ())
    assert my.execute("SELECT f8, i8, hex(y), ts FROM edges WHERE id = 2", database="shop")[0][:3] == (
        1.7976931348623157e308,
        2**63 - 1,
        "",
    )
    assert not [row for row in my.execute("SHOW DATABASES") if row[0].startswith("aishell")]
    other_pg.execute("DROP DATABASE IF EXISTS again")
    again = await pg_side(other_pg, "again").load(storage, await my_side(my).save(storage, form))
    assert again.comparison.differences == ()
    assert pg_contents(other_pg, "again", ("keyed", "many", "parted")) == before


@pytest.mark.parametrize("form", FORMS)
async def test_mysql_comes_back_as_it_was(storage: FolderStorage, my: MysqlServer, form: Format) -> None:
    my.execute("DROP DATABASE IF EXISTS shop", "CREATE DATABASE shop")
    my.execute(*MY_EDGES, database="shop")
    before = my_contents(my, "shop")
    backup = await my_side(my).save(storage, form)
    assert {"view dear", "computed column twice of edges", "auto_increment of id of edges"} <= set(dict(backup.manifest.skipped))
    my.execute("UPDATE edges SET n = 0", database="shop")
    done = await my_side(my).load(storage, backup, LoadRequest(replace=True))
    assert done.comparison.differences == ()
    assert my_contents(my, "shop") == before
    assert not [row for row in my.execute("SHOW DATABASES") if row[0].startswith("aishell")]


async def test_mysql_goes_into_a_file_and_into_postgres_and_comes_back(
    storage: FolderStorage, my: MysqlServer, other_pg: PostgresServer, tmp_path: Path
) -> None:
    """A time of more than a day is an interval, a number without a sign a wider one; everything can be told again."""
    my.execute("DROP DATABASE IF EXISTS shop", "CREATE DATABASE shop")
    my.execute(*MY_EDGES, "UPDATE edges SET d = 0.5 WHERE d = 0", database="shop")
    backup = await my_side(my).save(storage)
    done = await sqlite_side(tmp_path / "shop.db").load(storage, backup)
    assert (done.comparison.hashed, done.comparison.differences) == (3, ())
    other_pg.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)")
    done = await pg_side(other_pg).load(storage, backup, LoadRequest(accept_loss=True))
    assert done.comparison.differences == ()
    assert [(each.column, each.values, each.example) for each in done.fidelity if each.values] == [("t", 1, "a text has the sign U+0000")]
    rows = other_pg.execute("SELECT id::text, tm::text, n::text, f::text, b::text, ts::text FROM edges ORDER BY id", database="shop")
    assert rows[0][:2] == ["1", "-838:59:59"]
    file = await sqlite_side(tmp_path / "shop.db").save(storage)
    again = await my_side(my, "again").load(storage, file)
    assert again.comparison.differences == ()
    assert my.execute("SELECT COUNT(*) FROM edges", database="again") == [(3,)]
    my.execute("DROP DATABASE again")


async def test_a_file_goes_into_mysql_and_comes_back(storage: FolderStorage, file: Path, my: MysqlServer) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE orders SET weight = 1 WHERE weight = 9e999")
    my.execute("DROP DATABASE IF EXISTS shop")
    done = await my_side(my).load(storage, await sqlite_side(file).save(storage))
    assert (done.comparison.hashed, done.comparison.differences) == (4, ())
    done = await sqlite_side(file.with_name("back.db")).load(storage, await my_side(my).save(storage))
    assert done.comparison.differences == ()
    with closing(sqlite3.connect(file)) as one, closing(sqlite3.connect(file.with_name("back.db"))) as other:
        sql = "SELECT id, photo, note, n, weight FROM orders ORDER BY id"
        assert one.execute(sql).fetchall() == other.execute(sql).fetchall()


async def test_what_has_no_place_is_told_and_refused_and_nothing_is_changed(
    storage: FolderStorage, other_pg: PostgresServer, my: MysqlServer, tmp_path: Path
) -> None:
    fresh(other_pg, *PG_ODD)
    backup = await pg_side(other_pg).save(storage)
    my.execute("DROP DATABASE IF EXISTS shop", "CREATE DATABASE shop", "CREATE TABLE shop.odd (x int)", "INSERT INTO shop.odd VALUES (7)")
    with pytest.raises(RefusedError) as refused:
        await my_side(my).load(storage, backup, LoadRequest(replace=True))
    assert "8 values have no place there" in refused.value.message
    assert "--accept-loss" in refused.value.hint
    assert my.execute("SELECT x FROM shop.odd") == [(7,)]
    assert not [row for row in my.execute("SHOW DATABASES") if row[0].startswith("aishell")]
    done = await my_side(my).load(storage, backup, LoadRequest(replace=True, accept_loss=True))
    assert done.comparison.differences == ()
    assert {each.column: each.values for each in done.fidelity if each.values} == {"n": 2, "f": 2, "d": 2, "ts": 2}
    assert my.execute("SELECT id, n, f, d, ts FROM shop.odd ORDER BY id")[:2] == [(1, None, None, None, None), (2, None, None, None, None)]
    with pytest.raises(RefusedError, match=r"1 value has no place there"):
        await sqlite_side(tmp_path / "odd.db").load(storage, backup)
    assert left_in(tmp_path) == ["backups"]


async def test_zero_dates_of_mysql_are_told_and_refused(storage: FolderStorage, other_pg: PostgresServer, my: MysqlServer) -> None:
    my.execute("DROP DATABASE IF EXISTS shop", "CREATE DATABASE shop")
    my.execute(
        "CREATE TABLE z (id int PRIMARY KEY, d date NOT NULL, t datetime)",
        "SET sql_mode = 'ALLOW_INVALID_DATES'",
        "INSERT INTO z VALUES (1, '0000-00-00', '2026-02-31 00:00:00'), (2, '2026-00-00', NULL), (3, '2026-01-01', '2026-01-01')",
        database="shop",
    )
    backup = await my_side(my).save(storage)
    other_pg.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)")
    with pytest.raises(RefusedError, match="3 values have no place there"):
        await pg_side(other_pg).load(storage, backup)
    assert other_pg.execute("SELECT count(*) FROM pg_database WHERE datname LIKE 'aishell%' OR datname = 'shop'") == [[0]]
    done = await pg_side(other_pg).load(storage, backup, LoadRequest(accept_loss=True))
    assert done.comparison.differences == ()
    assert other_pg.execute("SELECT d::text FROM z ORDER BY id", database="shop") == [[None], [None], ["2026-01-01"]]
    done = await my_side(my).load(storage, backup, LoadRequest(replace=True))
    assert done.comparison.differences == ()


async def test_a_script_is_read_by_the_shell_of_sqlite_alone(storage: FolderStorage, file: Path) -> None:
    shell = shutil.which("sqlite3")
    if shell is None:
        pytest.skip("sqlite3 is not installed")
    backup = await sqlite_side(file).save(storage, Format.SQL, recipe=Recipe(compression=Compression.NONE))
    scripts = sorted(path for path in (file.parent / "backups").rglob("parts/*.sql"))
    assert len(scripts) == len(backup.manifest.parts) == 4
    whole = b"".join(path.read_bytes() for path in scripts)
    again = file.with_name("again.db")
    done = await asyncio.to_thread(subprocess.run, [shell, "-bail", str(again)], input=whole, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert contents(again) == contents(file)


async def test_mariadb_goes_into_mysql_and_comes_back(storage: FolderStorage) -> None:
    """They are two families: types that only one has are represented otherwise."""
    with mysql("mariadb-11.4") as one, mysql("mysql-8.0") as other:
        one.execute("CREATE DATABASE shop")
        one.execute(*MY_EDGES, "CREATE TABLE u (u uuid, i inet6)", "INSERT INTO u VALUES (UUID(), '::1'), (NULL, NULL)", database="shop")
        before = [*my_contents(one, "shop"), *one.execute("SELECT * FROM u", database="shop")]
        done = await my_side(other).load(storage, await my_side(one).save(storage))
        assert (done.comparison.hashed, done.comparison.differences) == (4, ())
        assert {each.column for each in done.fidelity if each.fidelity == "represented otherwise"} == {"ts", "j", "u", "i"}
        done = await my_side(one, "again").load(storage, await my_side(other).save(storage))
        assert done.comparison.differences == ()
        again = [*my_contents(one, "again"), *one.execute("SELECT * FROM u", database="again")]
        assert sorted(map(repr, again)) == sorted(map(repr, before))
