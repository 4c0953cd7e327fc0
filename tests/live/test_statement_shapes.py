"""The shapes of statements are those that real servers give them themselves, however the texts in them are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aishell_core.engines.statement_text import Dialect, normalise
from collectors.mysql.statements_digests import key_of
from tests.servers.mysql import MARIADB, Client, MysqlServer, mysql
from tests.servers.postgres import PostgresServer, postgres

SECRET = "Zq7"
"""Stands in each value and comment, and nowhere else."""

_TEXTS = st.lists(
    st.sampled_from([SECRET, "'", '"', "\\", "%", "#", "--", "-- ", "/*", "*/", "$$", "`", ";", ",", " ", "\n", "é"]), max_size=6
)
_MANY = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def _quoted(quote: str, *, backslashes: bool) -> Callable[[list[str]], str]:
    """How a text is written in these quotes, its own doubled or behind a backslash."""

    def written(pieces: list[str]) -> str:
        text = "".join(pieces) + SECRET
        if backslashes:
            return quote + text.replace("\\", "\\\\").replace(quote, f"\\{quote}") + quote
        doubled = text.replace("\\", "\\\\") if quote == '"' else text.replace("\\", "")
        return quote + doubled.replace(quote, quote * 2) + quote

    return written


_MYSQL_VALUES = st.one_of(
    _TEXTS.map(_quoted("'", backslashes=False)),
    _TEXTS.map(_quoted("'", backslashes=True)),
    _TEXTS.map(_quoted('"', backslashes=False)),
    _TEXTS.map(_quoted('"', backslashes=True)),
    st.sampled_from(["0x5a7137", "b'0101'", "1.5e3", ".25", "47114711"]),
)
_MYSQL_BLANKS = st.sampled_from([" ", "\n", f" /* {SECRET} it's */ ", f' # {SECRET} "\n', f" -- {SECRET} '\n", f" --\t{SECRET}\n"])
_POSTGRES_VALUES = st.one_of(
    _TEXTS.map(_quoted("'", backslashes=False)),
    _TEXTS.map(_quoted("'", backslashes=True)).map(lambda text: f"E{text}"),
    _TEXTS.map(lambda pieces: f"$q${''.join(pieces)}{SECRET}$q$"),
    _TEXTS.map(lambda pieces: f"$${''.join(pieces).replace('$', '')}{SECRET}$$"),
    st.sampled_from(["B'0101'", "1.5e3", ".25", "47114711"]),
)
_POSTGRES_BLANKS = st.sampled_from([" ", "\n", f" /* {SECRET} it's */ ", f" /* a /* {SECRET} ' */ {SECRET} ' */ ", f" --{SECRET} $$ '\n"])


@pytest.fixture(scope="module")
def digesting() -> Iterator[Client]:
    """A session of a MySQL that tells the digest text of any statement."""
    with mysql("mysql-8.0") as running:
        yield running.connect("mysql")


@pytest.fixture(scope="module", params=[MARIADB, "mysql-8.0"])
def counting(request: pytest.FixtureRequest) -> Iterator[MysqlServer]:
    with mysql(request.param, performance_schema=True) as running:
        yield running


@pytest.fixture(scope="module", params=["15", "18-contrib"])
def module(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param) as running:
        yield running


@_MANY
@given(values=st.lists(_MYSQL_VALUES, min_size=3, max_size=3), blanks=st.lists(_MYSQL_BLANKS, min_size=3, max_size=3))
def test_a_shape_of_mysql_is_the_one_that_the_server_makes(digesting: Client, values: list[str], blanks: list[str]) -> None:
    one, two, three = values
    sql = f"SELECT {one},{blanks[0]}a FROM{blanks[1]}`my stock` s WHERE b ={blanks[2]}{two} AND c <> {three}"
    ((told,),) = digesting.run("SELECT STATEMENT_DIGEST_TEXT(%s)", parameters=(sql,))
    assert key_of(sql) == key_of(told)
    assert SECRET not in normalise(sql, Dialect.MYSQL)


WRITTEN = (
    f'SELECT "it\'s {SECRET}", 1',
    rf"SELECT 'it\'s {SECRET} ', 1",
    rf'SELECT "say \"{SECRET}\" ", 1',
    f"SELECT 'say ''{SECRET}''', 1 # {SECRET}",
    f"SELECT '{SECRET}\\\\', 1 -- {SECRET}",
)


def test_statements_that_ran_have_one_digest_whatever_quotes_their_texts_stand_in(counting: MysqlServer) -> None:
    """MariaDB makes no digest on request: what ran is compared there."""
    counting.execute("TRUNCATE TABLE performance_schema.events_statements_summary_by_digest")
    counting.execute(*WRITTEN)
    rows = counting.execute(
        "SELECT DIGEST_TEXT, COUNT_STAR FROM performance_schema.events_statements_summary_by_digest WHERE DIGEST_TEXT LIKE 'SELECT ?%'"
    )
    (told,) = [text for text, count in rows if count == len(WRITTEN)]
    assert {key_of(sql) for sql in WRITTEN} == {key_of(told)}
    assert {normalise(sql, Dialect.MYSQL) for sql in WRITTEN} == {"SELECT ?, ?"}


@_MANY
@given(values=st.lists(_POSTGRES_VALUES, min_size=3, max_size=3), blanks=st.lists(_POSTGRES_BLANKS, min_size=3, max_size=3))
def test_a_shape_of_postgresql_is_the_one_that_the_server_makes(module: PostgresServer, values: list[str], blanks: list[str]) -> None:
    one, two, three = values
    sql = f'SELECT {one}::text,{blanks[0]}"my row".a FROM{blanks[1]}(SELECT 1 AS a) "my row"'
    sql += f" WHERE a::text <>{blanks[2]}({two})::text OR a::text = ({three})::text"
    module.execute("SELECT pg_stat_statements_reset()")
    module.execute(sql)
    (told,) = [text for (text,) in module.execute("SELECT query FROM pg_stat_statements WHERE query LIKE '%my row%'") if "LIKE" not in text]
    shape = normalise(sql, Dialect.POSTGRES)
    # The server keeps comments, and constants within names of the query's own as they are.
    assert _without_numbers(shape) == _without_numbers(normalise(told, Dialect.POSTGRES))
    assert SECRET not in shape


def _without_numbers(shape: str) -> str:
    return re.sub(r"\$[0-9]+", "?", shape)
