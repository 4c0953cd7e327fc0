"""Every way of saving beside the usual dumps, to each cloud and back, plain and encrypted: saved, damaged, restored, compared."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from aishell_core.clock import SystemClock
from aishell_core.targets import Location, Target
from aishell_core.values import TargetId
from aishell_ops.backups.engines.contract import LoadRequest, SaveRequest
from aishell_ops.backups.engines.mysql import MysqlBackups
from aishell_ops.backups.engines.postgres import PostgresBackups
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.models import Backup, Format, ProofLevel
from aishell_ops.backups.registry import loader_of, saver_of
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.contract import Storage
from aishell_ops.backups.storage.opening import open_storage
from aishell_ops.backups.streams.contract import Keys, Recipe
from aishell_ops.backups.take import Order, take
from aishell_ops.backups.verify import Depth, verify
from tests.live.backup_mongodb_kit import engine as mongodb_engine
from tests.servers.clouds import azure, google, s3
from tests.servers.mongodb_ferretdb import ferretdb
from tests.servers.mysql import MARIADB, mysql
from tests.servers.ports import free_port
from tests.servers.postgres import own_folder, postgres
from tests.servers.postgres_backups import moved
from tests.servers.postgres_binaries import server_user
from tests.servers.required import require_server
from tests.unit.aishell_ops.backups.streams.test_store_and_fetch import ENCRYPTED, KEYS

CLOCK = SystemClock()
ROWS = 500


@dataclass(frozen=True)
class Way:
    """One way to save something: `fill` makes it, `damage` spoils it, `look` says what a person would look at.

    With `elsewhere` a restore goes into a folder, and that looks at what is there.
    """

    target: Target
    request: SaveRequest
    fill: Callable[[], object]
    damage: Callable[[], object]
    look: Callable[[], object]
    engine: Any = None
    proof: ProofLevel = ProofLevel.FULL
    elsewhere: Callable[[Path], object] | None = None

    async def save(self, storage: Storage, recipe: Recipe) -> Backup:
        order = Order(self.target, self.request, recipe=recipe, proof=self.proof)
        saver = self.engine or saver_of(self.target, self.request.format)
        return await take(saver, Repository(storage, time.time), order, CLOCK)

    async def restored(self, storage: Storage, backup: Backup, keys: Keys | None, folder: Path) -> object:
        """Restore it; what is there then."""
        repository = Repository(storage, time.time)
        spot = Spot(Line(str(self.target.name), backup.manifest.source.database), backup.id)
        found = await verify(repository, spot, Depth.DEEP, CLOCK, keys=keys)
        assert (found.faults, found.remarks) == ((), ())
        request = LoadRequest(replace=True) if self.elsewhere is None else LoadRequest(database=str(folder))
        engine = self.engine or loader_of(self.target, backup.manifest)
        order = RestoreOrder(self.target, request, keys)
        plan = await plan_restore(engine, backup, order)
        done = await restore(engine, repository, spot, backup, order, plan, CLOCK)
        assert done.comparison.is_proof or self.proof is ProofLevel.NONE
        return self.look() if self.elsewhere is None else await asyncio.to_thread(self.elsewhere, folder)


@contextmanager
def postgres_ways() -> Iterator[dict[str, Way]]:
    """Its files, its tables by several jobs, and its rows."""
    with postgres("18") as server:
        server.execute("CREATE DATABASE shop")

        def fill() -> None:
            made = f"CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS note FROM generate_series(1, {ROWS}) AS i"
            server.execute("DROP TABLE IF EXISTS orders", made, "ALTER TABLE orders ADD PRIMARY KEY (id)", "CHECKPOINT", database="shop")

        def damage() -> None:
            server.execute("UPDATE orders SET note = 'damaged' WHERE id % 2 = 0", database="shop")

        def look(other: Any = server) -> object:
            return other.execute("SELECT count(*), sum(hashtext(note)::bigint) FROM orders", database="shop")

        def on(folder: Path) -> object:
            run = folder.with_name(f"{folder.name}-run")
            run.mkdir()
            if (user := server_user()) is not None:
                shutil.chown(run, user)
            (run / "data").symlink_to(folder)
            other = moved(server, run, free_port())
            try:
                other.start()
                return look(other)
            finally:
                other.stop()

        environ = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        engine = PostgresBackups(environ, (server.binaries.folder,))
        whole, shop = server.target("pg"), server.target("pg", database="shop")
        files = SaveRequest(method="physical")
        yield {
            "files of PostgreSQL": Way(whole, files, fill, damage, look, engine, ProofLevel.NONE, on),
            "tables of PostgreSQL": Way(shop, SaveRequest(method="directory", jobs=2), fill, damage, look, engine),
            "rows of PostgreSQL": Way(shop, SaveRequest(format=Format.JSON), fill, damage, look),
        }


@contextmanager
def mariadb_ways() -> Iterator[dict[str, Way]]:
    """Its files."""
    require_server("mariadb-backup", "mariadb-backup")
    with mysql(MARIADB, settings={"innodb_log_file_size": "4M"}) as server:
        server.execute("CREATE DATABASE shop")

        def fill() -> None:
            rows = f"INSERT INTO orders SELECT seq, MD5(seq) FROM seq_1_to_{ROWS}"
            server.execute("DROP TABLE IF EXISTS orders", "CREATE TABLE orders (id int PRIMARY KEY, note text)", rows, database="shop")

        def damage() -> None:
            server.execute("UPDATE shop.orders SET note = 'damaged'")

        def look(other: Any = server) -> object:
            return other.execute("SELECT COUNT(*), SUM(CRC32(note)) FROM shop.orders")

        def on(folder: Path) -> object:
            run = folder.with_name(f"{folder.name}-run")
            run.mkdir()
            (run / "data").symlink_to(folder)
            other = replace(server, folder=run, port=free_port(), process=None, _clients=[])
            other.start()
            try:
                return look(other)
            finally:
                other.discard()

        environ = {name: value for name, value in os.environ.items() if not name.startswith("MYSQL")}
        files = SaveRequest(method="physical")
        yield {"files of MariaDB": Way(server.target("my"), files, fill, damage, look, MysqlBackups(environ), ProofLevel.NONE, on)}


@contextmanager
def mongodb_ways() -> Iterator[dict[str, Way]]:
    """Its documents, in lines for machines and for people."""
    with ferretdb() as server:

        def fill() -> None:
            server.ask({"dropDatabase": 1}, "shop")
            server.ask({"insert": "orders", "documents": [{"_id": i, "note": "x" * i, "n": i / 7} for i in range(100)]}, "shop")

        def damage() -> None:
            server.ask({"delete": "orders", "deletes": [{"q": {"_id": 7}, "limit": 1}]}, "shop")

        def look() -> object:
            return server.ask({"find": "orders", "batchSize": ROWS, "sort": {"_id": 1}}, "shop")["cursor"]["firstBatch"]

        shop = server.target("docs", database="shop")
        yield {
            "export of MongoDB": Way(shop, SaveRequest(method="export"), fill, damage, look, mongodb_engine()),
            "JSON of MongoDB": Way(shop, SaveRequest(format=Format.JSON), fill, damage, look, mongodb_engine()),
        }


@contextmanager
def file_ways(path: Path) -> Iterator[dict[str, Way]]:
    """The rows of a file, in the other forms."""

    def change(*statements: str) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def fill() -> None:
        change(
            "DROP TABLE IF EXISTS orders", "CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT)", "INSERT INTO orders VALUES (1, 'x')"
        )

    def look() -> object:
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute("SELECT * FROM orders").fetchall()

    target = Target(TargetId("file"), Location("sqlite", path=path))
    forms = {f"{form} of SQLite": SaveRequest(format=form) for form in (Format.CSV, Format.SQL)}
    yield {name: Way(target, request, fill, lambda: change("DELETE FROM orders"), look) for name, request in forms.items()}


PLAIN: tuple[Recipe, Keys | None] = (Recipe(), None)
LOCKED: tuple[Recipe, Keys | None] = (ENCRYPTED, KEYS)
WAYS: dict[str, dict[Any, tuple[tuple[Recipe, Keys | None], ...]]] = {
    # A server's files are some tens of megabytes, and a server is started on them: one of both to each cloud.
    "files of PostgreSQL": {s3: (PLAIN,), azure: (LOCKED,), google: (PLAIN,)},
    "files of MariaDB": {s3: (LOCKED,), azure: (PLAIN,), google: (LOCKED,)},
    **dict.fromkeys(
        ("tables of PostgreSQL", "rows of PostgreSQL", "export of MongoDB", "JSON of MongoDB", "csv of SQLite", "sql of SQLite"),
        dict.fromkeys((s3, azure, google), (PLAIN, LOCKED)),
    ),
}
"""Which ways are tried in which clouds with which recipes."""


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Way]]:
    path = tmp_path_factory.mktemp("ways") / "shop.db"
    with ExitStack() as stack:
        made = (postgres_ways(), mariadb_ways(), mongodb_ways(), file_ways(path))
        yield {name: way for one in made for name, way in stack.enter_context(one).items()}


@pytest.fixture(scope="module", params=[s3, azure, google], ids=["s3", "azure", "gcs"])
def cloud(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Storage]]:
    """Which cloud it is, and an empty bucket there."""
    with request.param() as address, closing(open_storage(address)) as storage:
        yield request.param, storage


@pytest.fixture
def home() -> Iterator[Path]:
    """Where a server's user may have data folders."""
    folder = own_folder("cloud-")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("name", WAYS)
async def test_backup_damage_restore_compare(ways: dict[str, Way], cloud: tuple[Any, Storage], home: Path, name: str) -> None:
    way, (kind, storage) = ways[name], cloud
    way.fill()
    before = way.look()
    for number, (recipe, keys) in enumerate(WAYS[name][kind]):
        backup = await way.save(storage, recipe)
        way.damage()
        assert way.look() != before
        assert await way.restored(storage, backup, keys, home / f"new{number}") == before
        assert (backup.manifest.encryption is None) is (keys is None)
        way.fill()
