"""Names and statements in any encoding arrive as proper Unicode from real databases of several encodings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from aishell_core.engines.postgres import Lane
from tests.servers.pgbouncer import pgbouncer
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_session import asking, value

_DATABASES = {"utf": "UTF8", "latin": "LATIN1", "japanese": "EUC_JP", "plain": "SQL_ASCII"}
_QUERIES = "SELECT query FROM pg_stat_activity WHERE application_name = 'writer' ORDER BY query"


@pytest.fixture(scope="module", params=["15", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param, statements=False, encoding="SQL_ASCII") as found:
        for name, encoding in _DATABASES.items():
            found.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'")
        yield found


@contextlib.contextmanager
def _running(server: PostgresServer, database: str, statement: bytes) -> Iterator[None]:
    """A session whose last statement has these bytes, sent as they are."""
    session = server.connect(database, application="writer")
    try:
        encoding = {"utf": "UTF8", "latin": "LATIN1", "japanese": "EUC_JP", "plain": "SQL_ASCII"}[database]
        session.run(f"SET client_encoding = '{encoding}'")
        session._client_encoding = "latin-1"  # so that the client sends the bytes untouched
        session.run(statement.decode("latin-1"))
        yield
    finally:
        session.close()


@pytest.mark.parametrize("database", _DATABASES)
async def test_statements_of_databases_in_other_encodings_are_read_everywhere(server: PostgresServer, database: str) -> None:
    with (
        _running(server, "latin", "SELECT 'für latin'".encode("latin-1")),
        _running(server, "utf", "SELECT 'für €'".encode()),
        _running(server, "japanese", "SELECT '日本'".encode("euc_jp")),
        _running(server, "plain", b"SELECT '\xff\xfe odd'"),
    ):
        async with asking(server.target(database=database)) as session:
            for lane in Lane:
                answer = await session.query(_QUERIES, lane=lane, deadline_seconds=20.0)
                texts = [row["query"] for row in answer.rows]
                assert len(texts) == 4
                for text in texts:
                    assert text.startswith("SELECT '")
                    assert text.encode("utf-8")  # no lone surrogates
                assert any("odd" in text for text in texts)
            if database in {"utf", "plain"}:
                assert "SELECT 'für €'" in texts
                assert "SELECT 'f\ufffdr latin'" in texts
            if database == "japanese":
                assert "SELECT '日本'" in texts
            if database == "latin":
                assert "SELECT 'für latin'" in texts


async def test_names_that_are_no_utf8_have_replacement_characters(server: PostgresServer) -> None:
    server.execute(
        "DROP TABLE IF EXISTS odd",
        'CREATE TABLE odd (name text, names text[], one "char", label varchar(10))',
        "INSERT INTO odd VALUES (E'a\\xfcb', ARRAY[E'\\xff', NULL, 'x'], E'\\xfc', E'\\xe4')",
        database="plain",
    )
    async with asking(server.target(database="plain")) as session:
        answer = await session.query(
            "SELECT name, names, one, label, name::name AS identifier, ARRAY[name::name] AS identifiers FROM public.odd",
            lane=Lane.QUICK,
            deadline_seconds=20.0,
        )
    assert dict(answer.rows[0]) == {
        "name": "a\ufffdb",
        "names": ["\ufffd", None, "x"],
        "one": "\ufffd",
        "label": "\ufffd",
        "identifier": "a\ufffdb",
        "identifiers": ["a\ufffdb"],
    }


@pytest.mark.parametrize("database", _DATABASES)
async def test_texts_are_given_as_parameters(server: PostgresServer, database: str) -> None:
    async with asking(server.target(database=database)) as session:
        assert await value(session, "SELECT $1::text", "plain") == "plain"
        assert await value(session, "SELECT $1::text[]", ["a", None, "b"]) == ["a", None, "b"]
        assert await value(session, "SELECT $1::name[]", []) == []
        assert await value(session, "SELECT count(*) FROM pg_class WHERE relname = ANY($1)", ["pg_class", "pg_type"]) == 2
        if database == "utf":
            assert await value(session, "SELECT $1::text", "日本 €") == "日本 €"
            assert await value(session, "SELECT $1::text", "half \ud800") == "half ?"


async def test_a_plan_with_odd_names_is_shown(server: PostgresServer) -> None:
    server.execute("DROP TABLE IF EXISTS plans", "CREATE TABLE plans (a text)", database="plain")
    server.execute("DO $$ BEGIN EXECUTE E'ALTER TABLE plans RENAME COLUMN a TO \"\\xfc\"'; END $$", database="plain")
    async with asking(server.target(database="plain")) as session:
        (plan,) = await session.explain("SELECT * FROM plans p WHERE p::text = 'x'", "", 20.0)
        assert plan.text == "Seq Scan on plans p"
        server.execute("CREATE INDEX ON plans ((1))", database="plain")
        (plan,) = await session.explain("SELECT * FROM plans ORDER BY 1", "", 20.0)
        assert "\ufffd" in plan.note
        assert (await session.facts(Lane.SLOW)).encoding == "SQL_ASCII"


async def test_a_plan_of_a_statement_with_foreign_letters_is_shown_in_each_encoding(server: PostgresServer) -> None:
    for database, word in (("utf", "für €"), ("latin", "für"), ("japanese", "日本"), ("plain", "für")):
        server.execute("DROP TABLE IF EXISTS words", "CREATE TABLE words (w text)", database=database)
        async with asking(server.target(database=database)) as session:
            (plan,) = await session.explain(f"SELECT * FROM words WHERE w = '{word}'", "", 20.0)
            assert word in plan.note


@pytest.mark.parametrize("database", _DATABASES)
async def test_odd_bytes_come_through_a_pooler_too(server: PostgresServer, database: str) -> None:
    with pgbouncer(server, pool_mode="transaction") as pooler, _running(server, "plain", b"SELECT '\xff\xfe odd'"):
        async with asking(pooler.target(database=database)) as session:
            for _ in range(2):
                answer = await session.query(_QUERIES, lane=Lane.QUICK, deadline_seconds=20.0)
                (row,) = answer.rows
                assert row["query"].startswith("SELECT '")
                assert row["query"].endswith(" odd'")
