"""The commands of backups with rows: saved as JSON and CSV, told what becomes of them, taken into another engine."""

from __future__ import annotations

import getpass
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aishell_tui.cli.encode import Json
from tests.command_line import Ran, run_here
from tests.servers.postgres import PostgresServer, postgres

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def pg() -> Iterator[PostgresServer]:
    with postgres("15") as found:
        yield found


class World:
    """A file and a PostgreSQL database, both configured, and the commands on them."""

    def __init__(self, folder: Path, home: Path, pg: PostgresServer, capsys: Capture) -> None:
        self.pg, self.home, self._capsys = pg, home, capsys
        with closing(sqlite3.connect(folder / "shop.db")) as connection, connection:
            connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT, price DECIMAL(10,2), anything)")
            connection.execute("INSERT INTO orders VALUES (1, 'first', 5, 7), (2, '', 7.25, 'x'), (3, NULL, NULL, x'00ff')")
        pg.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)", "CREATE DATABASE shop TEMPLATE template0 ENCODING 'UTF8'")
        (home / "config.yaml").write_text(
            f"targets: [{{name: shop, url: '{folder / 'shop.db'}', environment: development}},"
            f" {{name: pg, url: '{pg.url('shop')}', environment: development}}]\n"
            f"roles: [{{role: admin, users: [{getpass.getuser()}]}}]\n"
        )

    def backup(self, *arguments: str) -> Ran:
        return run_here(self._capsys, "backup", *arguments)


@pytest.fixture
def world(tmp_path: Path, aishell_home: Path, pg: PostgresServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    return World(tmp_path, aishell_home, pg, capsys)


def _rows(value: Json) -> list[dict[str, Json]]:
    assert isinstance(value, list)
    return [each for each in value if isinstance(each, dict)]


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_file_is_saved_as_rows_planned_and_restored_into_postgres(world: World, form: str) -> None:
    made = world.backup("create", "shop", "--format", form, "--proof", "full")
    assert made.code == 0, made.err
    planned = world.backup("restore", "latest", "--database", "pg", "--dry-run", "--json")
    assert planned.code == 0, planned.err
    told = {str(row["column"]): row for row in _rows(planned.json()["fidelity"])}
    assert (told["price"]["target_type"], told["price"]["fidelity"]) == ("numeric", "exact")
    assert (told["anything"]["target_type"], told["anything"]["fidelity"]) == ("json", "represented otherwise")
    done = world.backup("restore", "latest", "--database", "pg", "--yes")
    assert done.code == 0, done.err
    assert "orders.anything any -> json: represented otherwise" in done.out
    assert "1 table compared with what was saved, 1 by their content: the same" in done.out
    rows = world.pg.execute("SELECT id, note, price::text, anything::text FROM orders ORDER BY id", database="shop")
    assert rows == [[1, "first", "5", "7"], [2, "", "7.25", '"x"'], [3, None, None, '{"$bytes":"AP8="}']]
    again = world.backup("restore", "latest", "--database", "pg", "--yes")
    assert (again.code, "--drop-existing" in again.err) == (77, True)
    info = world.backup("info", "latest", "--json").json()
    assert any("represented otherwise" in str(event["detail"]) for event in _rows(info["events"]))


def test_a_backup_of_rows_is_verified_and_tested_like_any_other(world: World) -> None:
    assert world.backup("create", "shop", "--format", "json").code == 0
    assert world.backup("verify", "latest", "--deep").code == 0
    tested = world.backup("test", "latest", "--validate-data")
    assert tested.code == 0, tested.err
    world.pg.execute("CREATE TABLE t (a int PRIMARY KEY)", "INSERT INTO t VALUES (1)", database="shop")
    assert world.backup("create", "pg", "--format", "csv", "--proof", "full").code == 0
    tested = world.backup("test", "latest")
    assert tested.code == 0, tested.err
    assert world.pg.execute("SELECT count(*) FROM pg_database WHERE datname LIKE 'aishell%'") == [[0]]


def test_what_has_no_place_is_refused_until_it_is_accepted(world: World) -> None:
    world.pg.execute("CREATE TABLE t (id int PRIMARY KEY, f float8)", "INSERT INTO t VALUES (1, 'NaN'), (2, 0.5)", database="shop")
    assert world.backup("create", "pg", "--format", "json", "--proof", "full").code == 0
    refused = world.backup("restore", "latest", "--database", "shop", "--tables", "t", "--yes")
    assert refused.code == 77
    assert "1 value has no place there" in refused.err
    assert "public.t.f double precision -> REAL: cannot" in refused.err
    assert "--accept-loss" in refused.err
    done = world.backup("restore", "latest", "--database", "shop", "--tables", "t", "--yes", "--accept-loss")
    assert done.code == 0, done.err
    assert "public.t.f double precision -> REAL: cannot" in done.out


def test_a_table_that_is_not_there_is_told_with_the_nearest_name(world: World) -> None:
    refused = world.backup("create", "shop", "--format", "json", "--tables", "order")
    assert refused.code >= 64
    assert "did you mean orders?" in refused.err


def test_a_native_backup_into_another_engine_is_refused_with_the_form_that_can(world: World) -> None:
    assert world.backup("create", "shop").code == 0
    refused = world.backup("restore", "latest", "--database", "pg", "--yes")
    assert refused.code == 77
    assert "--format json" in refused.err
