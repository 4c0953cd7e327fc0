"""Functions that a PostgreSQL statement hides from a reader: the server itself would run them for a plan, and is not let to unasked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aishell_core.engines.postgres_errors import PostgresConsentError, PostgresError
from tests.servers.pgbouncer import pgbouncer
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_session import asking, refusal

_RAN = "CANARY"


def _acts(declared: str, returns: str, value: str, volatility: str = "IMMUTABLE") -> str:
    """A function that leaves a line in the server's log whenever it runs, which no rollback takes back."""
    body = f"BEGIN RAISE LOG '{_RAN}'; RETURN {value}; END"
    return f"CREATE FUNCTION {declared} RETURNS {returns} LANGUAGE plpgsql {volatility} AS $${body}$$"


_ODD_NAMES = ("evil€", "evil😀", "x–y", "a\xa0b", "\u3000", "x\x85y", "évil", "e\u0301vil", "\u0663evil", "evil")
_COMPARING = "(LEFTARG = int, RIGHTARG = int, FUNCTION = {}, {})"
_MADE = (
    "CREATE TABLE t (a int, n text)",
    "INSERT INTO t SELECT g, g FROM generate_series(1, 1000) g",
    *(_acts(f'"{name}"(int)', "int", "1") for name in _ODD_NAMES),
    _acts("looks()", "int", "1", "VOLATILE"),
    'CREATE VIEW "v€" AS SELECT evil(1) AS one',
    'CREATE VIEW "v\xa0x" AS SELECT evil(1) AS one',
    # Commutators and negators of operators that are harmless themselves.
    _acts("less(int, int)", "bool", "$1 < $2"),
    _acts("at_most(int, int)", "bool", "$1 <= $2"),
    f"CREATE OPERATOR <<< {_COMPARING.format('less', 'COMMUTATOR = >>>, RESTRICT = scalarltsel')}",
    f"CREATE OPERATOR >>> {_COMPARING.format('int4gt', 'COMMUTATOR = <<<, RESTRICT = scalargtsel')}",
    f"CREATE OPERATOR <<<= {_COMPARING.format('at_most', 'NEGATOR = >>>>, RESTRICT = scalarlesel')}",
    f"CREATE OPERATOR >>>> {_COMPARING.format('int4gt', 'NEGATOR = <<<=, RESTRICT = scalargtsel')}",
    # Rules of types that the statement does not name.
    _acts("checks(text)", "bool", "true"),
    "CREATE DOMAIN checked AS text CHECK (checks(VALUE))",
    "CREATE TYPE holder AS (d checked)",
    "CREATE FUNCTION keeps(checked, int) RETURNS checked LANGUAGE internal IMMUTABLE AS 'textin'",
    "CREATE AGGREGATE begins_with_rule(int) (SFUNC = keeps, STYPE = checked, INITCOND = 'x')",
    "CREATE FUNCTION takes(holder) RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN 1; END'",
    "CREATE FUNCTION gives() RETURNS holder LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN NULL; END'",
    # Defaults of a function's arguments, and of a type.
    "CREATE FUNCTION filled(a int DEFAULT evil(1)) RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN a; END'",
    "CREATE VIEW fills AS SELECT filled() AS one",
    "CREATE DOMAIN given AS int DEFAULT evil(1)",
    "CREATE TABLE gets (g given, a int)",
    # An index of what a view only reads.
    "CREATE MATERIALIZED VIEW stored AS SELECT a FROM t",
    "CREATE INDEX ON stored ((a + evil(1)))",
    "CREATE VIEW reads_stored AS SELECT * FROM stored",
    # A partition's rule is its parent's expression.
    "CREATE TABLE parent (a int) PARTITION BY RANGE ((a + evil(1)))",
    "CREATE TABLE middle PARTITION OF parent FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (a)",
    "CREATE TABLE child PARTITION OF middle FOR VALUES FROM (0) TO (10)",
    "CREATE TYPE kind AS ENUM ('p')",
    _acts("number_of(kind)", "int", "1"),
    "CREATE CAST (kind AS int) WITH FUNCTION number_of(kind) AS IMPLICIT",
)
_HIDDEN = (
    "SELECT count(*) -- pooled one\r, evil(1)\r FROM t",
    "SELECT 1 -- it's\r, evil(1) --'",
    *(f"SELECT {name}(1)" for name in _ODD_NAMES),
    "SELECT * FROM v€",
    "SELECT * FROM v\xa0x",
    "SELECT E'a'\n'\\'', evil(1) --'",
    "SELECT E'a' -- a comment\n'\\'', evil(1) --'",
    "SELECT * FROM t WHERE 5 >>> a",
    "SELECT * FROM t WHERE NOT (a >>>> 5)",
    "SELECT begins_with_rule(a) FROM t",
    "SELECT takes('(x)')",
    "SELECT coalesce(gives(), '(x)')",
    "SELECT filled()",
    "SELECT * FROM fills",
    "INSERT INTO gets (a) VALUES (1)",
    "SELECT * FROM reads_stored WHERE a = 1",
    "SELECT 'p'::kind + 1",
)
_BEHIND_VIEWS = {
    "jsonb": """SELECT 1 AS o FROM jsonb_to_record('{"d": "x"}') AS x (d checked)""",
    "rows_from": """SELECT 1 AS o FROM ROWS FROM (jsonb_to_recordset('[{"d": "x"}]') AS (d checked), generate_series(1, 1)) z""",
    "xml": "SELECT 1 AS o FROM xmltable('/a' PASSING xml '<a>x</a>' COLUMNS x checked PATH '.')",
    "json_table": """SELECT 1 AS o FROM JSON_TABLE('["x"]', '$[*]' COLUMNS (d checked PATH '$'))""",
    "json_value": """SELECT 1 AS o FROM t WHERE JSON_VALUE('"x"', '$' RETURNING checked) = 'x'""",
    "json_query": """SELECT 1 AS o FROM t WHERE JSON_QUERY('"x"', '$' RETURNING checked OMIT QUOTES) = 'x'""",
    "on_empty": """SELECT 1 AS o FROM t WHERE JSON_VALUE('1', '$.a' RETURNING checked DEFAULT 'x' ON EMPTY) = 'x'""",
}


@pytest.fixture(scope="module", params=["14", "15", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param, statements=False, settings={"autovacuum": "off"}) as found:
        # So the server itself compares the names by its bytes, whatever its own locale says of them.
        for name, encoding in (("wide", "UTF8"), ("latin", "LATIN1")):
            found.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'")
        found.execute(*_MADE, "ANALYZE", database="wide")
        yield found


def _ran(server: PostgresServer) -> int:
    return server.log().count(_RAN)


def _plan(server: PostgresServer, sql: str, database: str = "wide") -> int:
    """How often something ran when the server was simply told to plan a statement."""
    before = _ran(server)
    server.execute(f"EXPLAIN {sql}", database=database)
    return _ran(server) - before


def _has_xml(server: PostgresServer) -> bool:
    return "libxml" in str(server.execute("SELECT setting FROM pg_config WHERE name = 'CONFIGURE'"))


async def test_what_a_statement_hides_from_a_reader_is_asked_about_before_it_is_planned(server: PostgresServer) -> None:
    async with asking(server.target(database="wide")) as session:
        for sql in _HIDDEN:
            assert _plan(server, sql), f"this shows nothing: {sql!r}"
            before = _ran(server)
            error = await refusal(session.explain(sql, "", 20.0))
            assert isinstance(error, PostgresConsentError), f"{sql!r}: {error}"
            assert _ran(server) == before, sql


async def test_what_a_view_hides_is_not_run(server: PostgresServer) -> None:
    async with asking(server.target(database="wide")) as session:
        for name, query in _BEHIND_VIEWS.items():
            if (server.binaries.major < 17 and "JSON_" in query) or (name == "xml" and not _has_xml(server)):
                continue
            server.execute(f"CREATE VIEW {name} AS {query}", database="wide")
            before = _ran(server)
            for sql in (f"SELECT * FROM {name}", query):
                with pytest.raises(PostgresError, match="so it was not run and nothing has changed"):
                    await session.explain_analyze(sql, "", 20.0)
                assert isinstance(await refusal(session.explain(sql, "", 20.0)), PostgresConsentError)
            assert _ran(server) == before, name


async def test_the_expression_of_a_partitions_parents_is_behind_it(server: PostgresServer) -> None:
    server.execute("CREATE DATABASE excluding TEMPLATE wide", "ALTER DATABASE excluding SET constraint_exclusion = on")
    sql = "SELECT * FROM child WHERE a = 3"
    assert _plan(server, sql, "excluding")
    before = _ran(server)
    async with asking(server.target(database="excluding")) as session:
        assert isinstance(await refusal(session.explain(sql, "", 20.0)), PostgresConsentError)
    assert _ran(server) == before


async def test_backslashes_are_read_as_the_statement_is_planned(server: PostgresServer) -> None:
    server.execute("CREATE DATABASE escaping TEMPLATE wide", "ALTER DATABASE escaping SET standard_conforming_strings = off")
    hidden, doubled = "SELECT '\\'', evil(1) --'", "SELECT 'it''s', n FROM t"
    assert _plan(server, hidden, "escaping")
    before = _ran(server)
    async with asking(server.target(database="escaping")) as session:
        for consent in (False, True):
            assert "standard_conforming_strings is off" in (await refusal(session.explain(hidden, "", 20.0, consent=consent))).message
        with pytest.raises(PostgresError):
            await session.explain_analyze(hidden, "", 20.0)
        assert await session.explain(doubled, "", 20.0)
    async with asking(server.target(database="wide")) as session:
        # Where they are signs like others there is nothing but a text, which would be a cut one elsewhere.
        assert await session.explain("SELECT '\\', n FROM t", "", 20.0)
        assert isinstance(await refusal(session.explain("SELECT '\\', evil(1), ''", "", 20.0)), PostgresConsentError)
    assert _ran(server) == before


async def test_names_beyond_ascii_in_another_encoding_are_asked_about(server: PostgresServer) -> None:
    name = "é" * 40
    server.execute(_acts(f'"{name}"(int)', "int", "1"), "CREATE TABLE t (a int)", database="latin")
    async with asking(server.target(database="latin")) as session:
        for sql in (f"SELECT {name}(1)", f'SELECT "{name}"(1)'):
            assert _plan(server, sql, "latin")
            before = _ran(server)
            assert isinstance(await refusal(session.explain(sql, "", 20.0)), PostgresConsentError)
            assert _ran(server) == before
        assert await session.explain("SELECT * FROM t WHERE a::text = 'é'", "", 20.0)


async def test_through_a_pooler_without_transactions_a_plan_is_made_read_only_and_only_of_what_can_be_judged(
    server: PostgresServer,
) -> None:
    with pgbouncer(server, pool_mode="statement") as pooler:
        async with asking(pooler.target(database="wide")) as session:
            before = _ran(server)
            for sql in (*_HIDDEN, "SELECT '\\', n FROM t", "SELECT 1; SELECT evil(1)"):
                await refusal(session.explain(sql, "", 20.0))
            assert _ran(server) == before
            for sql in ("SELECT * FROM t WHERE n LIKE 'a%'", "INSERT INTO t VALUES (1)", "DELETE FROM t"):
                assert await session.explain(sql, "", 20.0), sql
            error = await refusal(session.explain("SELECT * FROM t FOR UPDATE OF nothing", "", 20.0))
            assert "nothing" in error.message
            assert server.execute("SELECT count(*) FROM t", database="wide") == [[1000]]


async def test_what_differs_between_servers_is_asked_about(server: PostgresServer) -> None:
    async with asking(server.target(database="wide")) as session:
        for sql in ("SELECT 1 WHERE 1=1AND true", "SELECT\v1", "SELECT E'a'\n'b'", 'SELECT U&"\\0061" FROM t'):
            assert isinstance(await refusal(session.explain(sql, "", 20.0)), PostgresConsentError), sql


async def test_plain_statements_are_planned_at_once_beside_all_that(server: PostgresServer) -> None:
    async with asking(server.target(database="wide")) as session:
        for sql in (
            "SELECT a, 'naïve – 😀' FROM t -- the comment's end\r\n WHERE a = 1\r\n",
            "SELECT E'it\\'s', 'a' /* ' */ FROM t WHERE n = $$x'$$",
            "SELECT a AS größe FROM t WHERE a > 1.5e3 AND a <> 0x1F OR n = ''"
            if server.binaries.major >= 16
            else "SELECT a AS größe FROM t",
        ):
            assert await session.explain(sql, "", 20.0), sql
            assert await session.explain_analyze(sql, "", 20.0), sql


@pytest.fixture(scope="module")
def extended() -> Iterator[PostgresServer]:
    with postgres("15", statements=False, settings={"autovacuum": "off"}) as found:
        found.execute(
            "CREATE EXTENSION citext",
            "CREATE EXTENSION isn",
            "CREATE TABLE t (a int, n text)",
            "CREATE TABLE people (name citext, book isbn)",
            "INSERT INTO people VALUES ('Ann', '978-0-393-04002-9')",
            "CREATE ROLE owner LOGIN",
            "CREATE DATABASE owned OWNER owner",
        )
        found.execute(
            "CREATE SCHEMA own",
            "CREATE EXTENSION citext SCHEMA own",
            _acts("own.evil(int)", "int", "1"),
            "CREATE FUNCTION own.wrapped(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT own.evil($1)'",
            "ALTER EXTENSION citext ADD FUNCTION own.wrapped(int)",
            database="owned",
            user="owner",
        )
        yield found


async def test_extensions_of_postgresql_itself_ask_nothing(extended: PostgresServer) -> None:
    async with asking(extended.target()) as session:
        for sql in (
            "SELECT * FROM t WHERE a = 1 ORDER BY n",
            "SELECT replace(name, 'a', 'b') FROM people WHERE name = 'ann' AND book IS NOT NULL",
        ):
            assert await session.explain(sql, "", 20.0), sql
        assert await session.explain_analyze("SELECT * FROM people WHERE name = 'ann'", "", 20.0)


async def test_what_somebody_adds_to_such_an_extension_is_asked_about(extended: PostgresServer) -> None:
    sql = "SELECT own.wrapped(1)"
    assert _plan(extended, sql, "owned")
    before = _ran(extended)
    async with asking(extended.target(database="owned")) as session:
        assert isinstance(await refusal(session.explain(sql, "", 20.0)), PostgresConsentError)
    assert _ran(extended) == before
