"""The lists of what changes nothing, and what is judged a read, held against real servers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pg8000.exceptions
import pymysql
import pytest

from aishell_core.safety.language import mysql as mysql_language
from aishell_core.safety.language import postgres as postgres_language
from aishell_core.safety.language import sqlite as sqlite_language
from aishell_core.safety.language.lists import listed_words
from aishell_core.safety.languages import judge
from aishell_core.safety.risk import RiskLevel
from tests.servers.mysql import MysqlServer, mysql
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_binaries import VERSIONS
from tests.servers.redis import RedisServer, redis_server

READS = Path(__file__).parents[1] / "unit" / "aishell_core" / "risk_table.txt"
# Volatile functions that only look, or that differ with each call; each is read up in the server's manual.
_VOLATILE_AND_LOOKING = frozenset(
    {
        *(
            "clock_timestamp",
            "current_query",
            "currval",
            "gen_random_uuid",
            "lastval",
            "random",
            "timeofday",
            "txid_status",
            "random_normal",
        ),
        *("timezone", "array_sample", "array_shuffle", "uuidv4", "uuidv7"),
    }
)


@pytest.fixture(scope="module", params=[VERSIONS[0], VERSIONS[-1]])
def postgres_server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param) as running:
        running.execute("CREATE TABLE t (id int, a int, b timestamptz, x int, y int)", "INSERT INTO t (id) VALUES (1)")
        running.execute("CREATE TABLE customers (id int, name text)")
        yield running


@pytest.fixture(scope="module")
def mysql_server() -> Iterator[MysqlServer]:
    with mysql() as running:
        yield running


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


def test_no_function_that_postgres_calls_volatile_is_on_the_list_unless_it_only_looks(postgres_server: PostgresServer) -> None:
    rows = postgres_server.execute(
        "SELECT DISTINCT proname FROM pg_proc WHERE provolatile = 'v' AND pronamespace = 'pg_catalog'::regnamespace"
    )
    volatile = {str(name) for (name,) in rows} & listed_words(postgres_language.RULES.functions)
    looking = {name for name in volatile if name.startswith("pg_")} | _VOLATILE_AND_LOOKING
    assert volatile - looking == set()
    acting = (
        "create",
        "drop",
        "set",
        "reset",
        "terminate",
        "cancel",
        "lock",
        "notify",
        "switch",
        "reload",
        "rotate",
        "promote",
        "sleep",
        "import",
        "write",
    )
    assert [
        name for name in volatile if name.startswith("pg_") and any(f"_{word}" in name for word in acting) and name != "pg_lock_status"
    ] == []


def test_no_function_that_is_known_to_do_harm_is_on_a_list() -> None:
    for module in (postgres_language, mysql_language, sqlite_language):
        harmful = {name for name, risk in module.RULES.harmful.items() if risk.level is not RiskLevel.NONE}
        assert harmful & listed_words(module.RULES.functions) == set()


def test_what_is_judged_a_read_runs_in_a_read_only_transaction_of_postgres(postgres_server: PostgresServer) -> None:
    """What PostgreSQL itself would refuse there (25006) is no read; a name that does not exist there says nothing."""
    reads = [
        line.split(" | ", 3)[3] for line in READS.read_text(encoding="utf-8").splitlines() if line.startswith("postgres | none | read | ")
    ]
    assert len(reads) > 15
    codes = []
    with closing(postgres_server.connect()) as client:
        for read in reads:
            statement = read.replace("\\\\", "\\")
            assert judge("postgres", statement).is_read
            client.run("BEGIN READ ONLY")
            try:
                client.run(statement)
            except pg8000.exceptions.DatabaseError as error:
                codes.append(error.args[0]["C"])
            client.run("ROLLBACK")
    assert "25006" not in codes
    assert len(codes) < len(reads) / 2


def test_what_mysql_has_as_functions_and_the_list_leaves_out_is_harmful_or_unknown(mysql_server: MysqlServer) -> None:
    rows = mysql_server.execute("SELECT LOWER(FUNCTION) FROM information_schema.SQL_FUNCTIONS")
    listed = listed_words(mysql_language.RULES.functions)
    for (name,) in rows:
        if name not in listed:
            assert judge("mysql", f"SELECT {name}(1)").level is not RiskLevel.NONE or name == "last_insert_id"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT '\\'; SELECT 2 -- '",
        "SELECT 1 --1",
        "/* /* */ SELECT 2; -- */",
        "SELECT 'it\\'s', \"x\\\"y\"",
        "SELECT 1 # ; SELECT 2",
    ],
)
def test_texts_and_comments_end_where_mariadb_ends_them(mysql_server: MysqlServer, statement: str) -> None:
    """One statement for the server is one for us: it refuses a second one here, which only a driver's option allows."""
    risk = judge("mysql", statement)
    try:
        mysql_server.execute(statement)
    except pymysql.err.ProgrammingError:
        assert not risk.is_read or risk.level is RiskLevel.HIGH
    else:
        assert "2 statements at once" not in risk.reasons


def test_what_is_judged_a_read_is_none_of_the_writing_commands_of_redis(redis: RedisServer) -> None:
    """By the server's own flags: what writes or administers is on no list of reads."""
    with redis.connect() as client:
        known = client.execute_command("COMMAND LIST")
        writing = client.execute_command("COMMAND LIST", "FILTERBY", "ACLCAT", "write")
        dangerous = client.execute_command("COMMAND LIST", "FILTERBY", "ACLCAT", "dangerous")
    names = {(name.decode() if isinstance(name, bytes) else str(name)).replace("|", " ") for name in (*writing, *dangerous)}
    # These only tell something, though the server keeps them for the administrator, or write when a word says so.
    telling = {"info", "role", "lastsave", "client list", "module list", "sort", "sort_ro", "georadius", "georadiusbymember", "keys"}
    telling |= {"slowlog get", "slowlog len", "latency latest", "latency history", "latency graph", "latency doctor", "latency histogram"}
    telling |= {"cluster replicas", "cluster slaves", "cluster count-failure-reports", "config get"}
    assert [name for name in sorted(names - telling) if judge("redis", f"{name} a b").is_read] == []
    unknown = [
        name
        for raw in known
        if not judge("redis", name := (raw.decode() if isinstance(raw, bytes) else str(raw)).replace("|", " ")).understood
    ]
    containers = {
        "acl",
        "client",
        "cluster",
        "command",
        "config",
        "debug",
        "function",
        "latency",
        "memory",
        "module",
        "object",
        "pubsub",
        "script",
    }
    assert set(unknown) - containers <= {"slowlog", "xgroup", "xinfo"}


def test_no_function_of_sqlite_on_the_list_changes_the_database() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        builtin = {name for (name,) in connection.execute("SELECT DISTINCT name FROM pragma_function_list")}
        connection.execute("CREATE TABLE t (a)")
        before = connection.total_changes
        for name in sorted(builtin & listed_words(sqlite_language.RULES.functions)):
            for arguments in ("", "1", "1, 2", "1, 2, 3"):
                try:
                    connection.execute(f"SELECT {name}({arguments})").fetchall()
                except sqlite3.Error:
                    continue
        assert connection.total_changes == before
        assert not connection.in_transaction
