"""Texts that are no UTF-8, in rows: they come back as the bytes they were wherever there is a place for them, and are told elsewhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aishell_core.errors import RefusedError
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.models import Format
from aishell_ops.backups.rows.engines.mongodb import MongodbCollections
from aishell_ops.backups.storage.folder import FolderStorage
from tests.live.backup_rows_kit import fresh, pg_side, sqlite_side
from tests.row_world import Side
from tests.servers.mongodb_ferretdb import ferretdb
from tests.servers.postgres import PostgresServer, postgres

FORMS = pytest.mark.parametrize("form", [Format.JSON, Format.CSV])
RAW = b"caf\xe9 \xff\xfe"
_LATIN = f"convert_from('\\x{RAW.hex()}', 'SQL_ASCII')"
_DIGESTS = "SELECT id, md5(word), md5(array_to_string(words, ',')) FROM notes ORDER BY id"


@pytest.fixture(scope="module")
def pg() -> Iterator[PostgresServer]:
    with postgres("15") as found:
        yield found


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, word TEXT, anything)")
        connection.execute("INSERT INTO notes VALUES (1, CAST(? AS TEXT), CAST(? AS TEXT)), (2, 'thé', ?)", (RAW, RAW, RAW))
    return path


def _unencoded(server: PostgresServer) -> None:
    server.execute(
        "DROP DATABASE IF EXISTS shop WITH (FORCE)",
        "CREATE DATABASE shop TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'",
    )
    server.execute(
        "CREATE TABLE notes (id int PRIMARY KEY, word text, words text[])",
        f"INSERT INTO notes VALUES (1, {_LATIN}, ARRAY[{_LATIN}, 'x']), (2, 'plain', '{{}}')",
        database="shop",
    )


def _held(path: Path) -> list[tuple[object, ...]]:
    """The values with their classes."""
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        return connection.execute("SELECT id, word, typeof(word), anything, typeof(anything) FROM notes ORDER BY id").fetchall()


@FORMS
async def test_a_database_without_an_encoding_gets_them_back(storage: FolderStorage, pg: PostgresServer, form: Format) -> None:
    _unencoded(pg)
    before = pg.execute(_DIGESTS, database="shop")
    backup = await pg_side(pg).save(storage, form)
    pg.execute("UPDATE notes SET word = NULL, words = NULL", database="shop")
    done = await pg_side(pg).load(storage, backup, LoadRequest(replace=True))
    assert (done.comparison.hashed, done.comparison.differences) == (1, ())
    assert pg.execute(_DIGESTS, database="shop") == before
    fresh(pg)
    with pytest.raises(RefusedError, match="a text has bytes that are no UTF-8"):
        await pg_side(pg).load(storage, backup)


@FORMS
async def test_a_file_gets_them_back(storage: FolderStorage, file: Path, form: Format) -> None:
    backup = await sqlite_side(file).save(storage, form)
    again = file.with_name("again.db")
    assert (await sqlite_side(again).load(storage, backup)).comparison.is_proof
    assert _held(again) == _held(file)


@FORMS
async def test_they_go_into_mongodb_as_bytes_of_their_own_and_are_told_from_others(
    storage: FolderStorage, file: Path, form: Format
) -> None:
    backup = await sqlite_side(file).save(storage, form)
    with ferretdb() as server:
        done = await Side(MongodbCollections(), server.target(database="shop")).load(storage, backup)
        assert (done.comparison.hashed, done.comparison.differences) == (1, ())
        first, second = server.ask({"find": "notes", "sort": {"_id": 1}}, "shop")["cursor"]["firstBatch"]
    assert (bytes(first["word"]), first["word"].subtype) == (RAW, 0x80)
    assert (bytes(first["anything"]), first["anything"].subtype) == (RAW, 0x80)
    assert (second["word"], second["anything"]) == ("thé", RAW)
