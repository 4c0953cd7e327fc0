"""PostgreSQL databases of every encoding: what is in them is saved as it is, whether UTF-8 has a place for it or not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aishell_core.errors import UsageError
from aishell_ops.backups.models import Format, ProofLevel
from aishell_ops.backups.storage.folder import FolderStorage
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_backups import Bench

_LATIN = "convert_from('\\x636166e9', 'SQL_ASCII')"
"""A word of bytes that are no UTF-8, as the server of a database without an encoding makes it."""


@pytest.fixture(scope="module", params=["15", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param) as found:
        yield found


@pytest.fixture
def bench(server: PostgresServer, tmp_path: Path) -> Bench:
    return Bench(server, FolderStorage(tmp_path / "backups"))


def _make(server: PostgresServer, encoding: str, *statements: str) -> None:
    server.execute(
        "DROP DATABASE IF EXISTS shop WITH (FORCE)",
        "DROP DATABASE IF EXISTS other WITH (FORCE)",
        f"CREATE DATABASE shop TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'",
    )
    _asked(server, "shop", *statements)


def _asked(server: PostgresServer, database: str, *statements: str) -> list[Any]:
    """Ask in UTF-8 whatever the database's encoding: its bytes are sent as they are."""
    session = server.connect(database)
    with closing(session):
        session.run("SET client_encoding = 'UTF8'")
        session._client_encoding = "utf-8"
        return [session.run(statement) for statement in statements]


def _unencoded(server: PostgresServer) -> None:
    """A database of bytes, as clusters have it that were made without a locale."""
    _make(
        server,
        "SQL_ASCII",
        'CREATE TABLE "caf\u00e9" (id int PRIMARY KEY, word text)',
        f"INSERT INTO \"caf\u00e9\" VALUES (1, {_LATIN}), (2, 'th\u00e9')",
        'CREATE TABLE lines (id int, of int REFERENCES "caf\u00e9")',
        "INSERT INTO lines VALUES (1, 1)",
        f"DO $$ BEGIN EXECUTE format('COMMENT ON TABLE lines IS %L', {_LATIN}); END $$",
    )


def _contents(server: PostgresServer, database: str) -> list[Any]:
    questions = (
        'SELECT id, md5(word), octet_length(word) FROM "caf\u00e9" ORDER BY 1',
        "SELECT count(*) FROM lines",
        "SELECT md5(obj_description('lines'::regclass))",
        "SELECT conname::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1",
        "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()",
    )
    return _asked(server, database, *questions)


@pytest.mark.parametrize("request_", [{}, {"format": Format.SQL}, {"jobs": 2}], ids=["dump", "script", "jobs"])
async def test_bytes_of_no_encoding_come_back_as_they_were(bench: Bench, request_: dict[str, Any]) -> None:
    _unencoded(bench.server)
    before = _contents(bench.server, "shop")
    backup = await bench.take(**request_)
    assert (await bench.test(backup)).proves
    _asked(bench.server, "shop", "DELETE FROM lines", 'DELETE FROM "caf\u00e9"')
    restored = await bench.restore(backup, replace=True)
    assert restored.comparison.is_proof
    assert restored.comparison.hashed == 2
    assert _contents(bench.server, "shop") == before


@pytest.mark.parametrize("form", [Format.NATIVE, Format.SQL])
async def test_tables_with_such_bytes_are_put_back_alone(bench: Bench, form: Format) -> None:
    _unencoded(bench.server)
    before = _contents(bench.server, "shop")
    whole, part = await bench.take(format=form), await bench.take(format=form, tables=("caf\u00e9",))
    for backup in (whole, part):
        _asked(bench.server, "shop", 'UPDATE "caf\u00e9" SET word = NULL')
        restored = await bench.restore(backup, tables=("caf\u00e9",), replace=True)
        assert restored.comparison.is_proof
        assert _contents(bench.server, "shop") == before


async def test_the_recovery_sheet_brings_such_bytes_back(bench: Bench) -> None:
    _unencoded(bench.server)
    before = _contents(bench.server, "shop")
    backup = await bench.take()
    bench.server.execute("DROP DATABASE shop")
    commands = [command for command in bench.commands(backup) if "globals.sql    #" not in command and not command.endswith("globals.sql")]
    await asyncio.to_thread(bench.run_all, commands, backup.location)
    assert _contents(bench.server, "shop") == before


async def test_a_table_whose_name_is_no_utf8_is_saved_uncounted_or_not_at_all(bench: Bench) -> None:
    _make(bench.server, "SQL_ASCII", f"DO $$ BEGIN EXECUTE format('CREATE TABLE %I AS SELECT 1 AS one', {_LATIN}); END $$")
    with pytest.raises(UsageError, match="is no UTF-8, so that its rows cannot be counted") as caught:
        await bench.take()
    assert "--proof none" in caught.value.hint
    backup = await bench.take(proof=ProofLevel.NONE)
    await bench.restore(backup, database="other")
    assert bench.server.execute("SELECT relname::bytea FROM pg_class WHERE relnamespace = 'public'::regnamespace", database="other") == [
        [b"caf\xe9"]
    ]


@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_JP", "WIN1252"])
async def test_a_database_of_another_encoding_keeps_it(bench: Bench, encoding: str) -> None:
    odd = "chr(129)" if encoding == "WIN1252" else "'x'"  # a byte that no letter of this encoding has
    word = "\u8336" if encoding == "EUC_JP" else "th\u00e9"
    _make(bench.server, encoding, f"CREATE TABLE \"{word}\" AS SELECT '{word}'::text AS word, {odd} AS odd")
    question = f"SELECT encode(convert_to(word || odd, '{encoding}'), 'hex') FROM \"{word}\""
    before = bench.server.execute(question, database="shop")
    for form in (Format.NATIVE, Format.SQL):
        backup = await bench.take(format=form)
        restored = await bench.restore(backup, database="other")
        assert restored.comparison.is_proof
        assert bench.server.execute(question, database="other") == before
        bench.server.execute("DROP DATABASE other")
    part = await bench.take(tables=(word,)) if encoding != "WIN1252" else await bench.take()
    assert word in part.manifest.objects[0].name
