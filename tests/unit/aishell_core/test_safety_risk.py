"""What is judged of commands: a long table of plain ones and of tricks, and rules that hold for all of them."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aishell_core.safety.language import mysql, oracle, postgres, sqlite
from aishell_core.safety.languages import judge, known_languages, named_databases
from aishell_core.safety.risk import ActionClass, Risk, RiskLevel, together
from aishell_core.targets import ENGINES

TABLE = Path(__file__).parent / "risk_table.txt"
SQL = ("postgres", "mysql", "sqlite", "oracle")
HARMFUL = {
    name: module.RULES.harmful for name, module in (("postgres", postgres), ("mysql", mysql), ("sqlite", sqlite), ("oracle", oracle))
}


def rows() -> list[tuple[str, str, str, str]]:
    found = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        parts = line.split(" | ", 3)
        if len(parts) == 4 and not line.startswith(("#", "Statements")):
            engine, level, classes, statement = parts
            found.append((engine, level, classes, statement.replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\")))
    return found


def test_the_table_is_a_long_one() -> None:
    assert len(rows()) > 250
    assert {engine for engine, *_ in rows()} >= known_languages()


@pytest.mark.parametrize(("engine", "level", "classes", "statement"), [pytest.param(*row, id=f"{row[0]}: {row[3][:60]}") for row in rows()])
def test_what_is_judged(engine: str, level: str, classes: str, statement: str) -> None:
    risk = judge(engine, statement)
    assert (risk.level.value, ",".join(risk.actions)) == (level, classes), risk.reasons
    assert risk.reasons or level == "none"


OF_THE_SERVER = [
    ("mysql", "MySQL", "INSERT INTO global_priv VALUES ('%', 'evil', '{}')"),
    ("mysql", "mysql", "UPDATE user SET a = 1 WHERE b = 2"),
    ("mysql", "mysql", "REPLACE INTO user VALUES (1)"),
    ("mysql", "mysql", "DROP TABLE func"),
    ("mysql", "mysql", "ALTER TABLE user ADD x int"),
    ("mysql", "mysql", "CREATE TRIGGER t BEFORE INSERT ON u FOR EACH ROW DELETE FROM user WHERE a = 1"),
    ("mysql", "mysql", "SET STATEMENT max_statement_time = 1 FOR DELETE FROM user WHERE a = 1"),
    ("mysql", "mysql", "LOCK TABLES user WRITE"),
    ("mysql", "mysql", "OPTIMIZE TABLE user"),
    ("mysql", "performance_schema", "UPDATE setup_consumers SET enabled = 'NO'"),
    ("mysql", "sys", "TRUNCATE sys_config"),
    ("oracle", "SYS", "DELETE FROM user$ WHERE a = 1"),
    ("mongodb", "admin", '{"insert": "x", "documents": [{}]}'),
    ("mongodb", "config", '{"drop": "chunks"}'),
    ("mongodb", "local", '{"aggregate": "o", "pipeline": [{"$out": "x"}], "cursor": {}}'),
]


@pytest.mark.parametrize(("engine", "database", "statement"), OF_THE_SERVER)
def test_what_is_the_servers_own_is_so_without_its_schema_where_a_name_means_that(engine: str, database: str, statement: str) -> None:
    assert judge(engine, statement, database=database).action is ActionClass.ADMIN
    assert judge(engine, statement, database="shop").action is not ActionClass.ADMIN


@pytest.mark.parametrize(
    ("engine", "statement", "names"),
    [
        ("mysql", 'INSERT INTO `Live`.t SELECT * FROM a . b JOIN "c".d', {"Live", "a", "c"}),
        ("mysql", "USE live; DROP DATABASE other", {"live", "other"}),
        ("mysql", "SELECT note FROM orders", set()),
        ("mongodb", '{"insert": "orders", "documents": [{}], "$db": "live"}', {"live"}),
        ("mongodb", '{"renameCollection": "shop.o", "to": "live.o"}', {"shop", "live"}),
        ("mongodb", '{"aggregate": "o", "pipeline": [{"$merge": {"into": {"db": "live", "coll": "o"}}}]}', {"live"}),
        ("redis", "MOVE key 3", {"3"}),
        ("redis", "COPY a b DB 4 REPLACE", {"4"}),
        ("postgres", "DELETE FROM live.t", set()),
    ],
)
def test_the_databases_that_a_command_names_itself_are_told(engine: str, statement: str, names: set[str]) -> None:
    assert named_databases(engine, statement) == names


def test_every_engine_that_takes_commands_has_a_language() -> None:
    assert {engine.name for engine in ENGINES} - known_languages() == {"host"}


@given(st.sampled_from(sorted(known_languages())), st.text(max_size=200))
def test_any_text_has_a_risk(engine: str, text: str) -> None:
    """Nothing raises; and what is called a mere read at least begins as one."""
    risk = judge(engine, text)
    assert isinstance(risk, Risk)
    if engine in SQL and risk.is_read:
        assert risk.reasons or text.lstrip("( \t\r\n").upper().startswith(
            ("SELECT", "WITH", "VALUES", "TABLE", "SHOW", "EXPLAIN", "DESC", "USE", "HELP", "PRAGMA", "/*", "--", "#", "ANALYZE")
        )


_GAP = st.sampled_from([" ", "\n", "\t", "/* x */", "/**/", " -- y\n", "/* ; */ "])


@given(st.data())
def test_a_harmful_function_is_seen_however_it_is_written(data: st.DataObject) -> None:
    """In any case of letters, with any gap before its parenthesis, wherever a value may stand."""
    engine = data.draw(st.sampled_from(sorted(HARMFUL)))
    name, risk = data.draw(st.sampled_from([item for item in sorted(HARMFUL[engine].items()) if item[1].level is not RiskLevel.NONE]))
    written = data.draw(st.sampled_from([name, name.upper(), name.title()]))
    call = f"{written}{data.draw(_GAP)}(1)"
    place = data.draw(
        st.sampled_from(
            [
                "SELECT {}", "SELECT a FROM t WHERE {} = 1", "SELECT a FROM t ORDER BY {}", "SELECT (SELECT {}) FROM t",
                "SELECT CASE WHEN a THEN {} END FROM t", "WITH x AS (SELECT {} AS y) SELECT * FROM x", "SELECT lower({})",
                "UPDATE t SET a = {} WHERE b = 1", "INSERT INTO t VALUES ({})", "DELETE FROM t WHERE b = {}",
            ]
        )
    )  # fmt: skip
    found = judge(engine, place.replace(" ", data.draw(_GAP)).format(call))
    assert found.level.rank >= risk.level.rank
    assert set(risk.actions) <= set(found.actions) or not found.understood


@given(st.data())
def test_a_second_statement_is_never_overlooked(data: st.DataObject) -> None:
    engine = data.draw(st.sampled_from(SQL))
    read = data.draw(
        st.sampled_from(["SELECT 1", "SELECT 'a;b' FROM t", 'SELECT "a;" FROM t', "SELECT 1 /* ; */", "VALUES (1)", "SELECT 1 -- ;\n"])
    )
    drop = data.draw(st.sampled_from(["DROP TABLE t", "drop/**/table t", "TRUNCATE TABLE t", "ALTER TABLE t ADD b int"]))
    gap = data.draw(_GAP)
    found = judge(engine, f"{read}{gap};{gap}{drop}")
    assert found.level.rank >= RiskLevel.HIGH.rank
    assert not found.is_read


_STORED = (
    ("mysql", "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO {}"),
    ("mysql", "ALTER EVENT e ON COMPLETION PRESERVE DO {}"),
    ("mysql", "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN SELECT 1; {}; END"),
    ("mysql", "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW {}"),
    ("mysql", "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW PRECEDES h BEGIN IF NEW.a THEN {}; END IF; END"),
    ("mysql", "CREATE PROCEDURE p(a INT) COMMENT 'x' SQL SECURITY INVOKER {}"),
    ("mysql", "CREATE PROCEDURE p() l: LOOP SET a = 1; CASE a WHEN 1 THEN SELECT 2; ELSE {}; END CASE; END LOOP l"),
    ("mysql", "CREATE PROCEDURE p() BEGIN DECLARE a INT DEFAULT 1; DECLARE EXIT HANDLER FOR NOT FOUND, SQLSTATE '23000' {}; END"),
    ("mysql", "CREATE FUNCTION f() RETURNS CHAR(5) CHARACTER SET ascii BEGIN WHILE a < 5 DO {}; END WHILE; RETURN 1; END"),
    ("mysql", "CREATE PROCEDURE p() BEGIN END; {}"),
    ("postgres", "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $x$ SELECT 1; {} $x$"),
    (
        "postgres",
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ DECLARE a int; BEGIN IF a > 1 THEN a := 2; ELSE {}; END IF; END $$",
    ),
    ("postgres", "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN a = 1; EXCEPTION WHEN others THEN {}; END $$"),
    ("postgres", "CREATE FUNCTION f() RETURNS void BEGIN ATOMIC SELECT 1; {}; END"),
    ("sqlite", "CREATE TRIGGER g AFTER INSERT ON t WHEN new.a > 1 BEGIN SELECT 1; {}; END"),
    ("oracle", "CREATE PROCEDURE p AS BEGIN {}; END"),
)
_HIDDEN = {
    "mysql": (
        "DROP DATABASE x",
        "GRANT ALL ON *.* TO a",
        "SET GLOBAL a = 1",
        "DELETE FROM t",
        "KILL 5",
        "INSERT INTO mysql.user VALUES (1)",
    ),
    "postgres": ("DROP SCHEMA x", "GRANT a TO b", "ALTER SYSTEM SET a = 1", "DELETE FROM t", "SELECT pg_terminate_backend(5)"),
    "sqlite": ("DELETE FROM t", "SELECT load_extension('x')", "UPDATE t SET a = 1 WHERE b = 2", "DROP TABLE t"),
    "oracle": ("DROP USER x", "GRANT a TO b", "EXECUTE IMMEDIATE 'x'"),
}


@pytest.mark.parametrize(("engine", "stored"), _STORED)
def test_code_that_is_stored_needs_what_each_statement_in_it_needs(engine: str, stored: str) -> None:
    assert not judge(engine, stored.format("SELECT 1")).is_read
    for statement in _HIDDEN[engine]:
        alone, hidden = judge(engine, statement), judge(engine, stored.format(statement))
        assert hidden.level.rank >= alone.level.rank or not hidden.understood, statement
        assert set(alone.actions) <= set(hidden.actions) or ActionClass.ADMIN in hidden.actions, statement


@pytest.mark.parametrize(
    "body",
    [
        "EXECUTE IMMEDIATE 'DROP DATABASE x'",
        "PREPARE s FROM @a",
        "CALL p()",
        "nobody knows this",
        "BEGIN IF a; END",
        "IF a THEN oddly; END IF",
    ],
)
def test_code_that_cannot_be_read_needs_an_administrator(body: str) -> None:
    for stored in (
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO {}",
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW {}",
        "CREATE PROCEDURE p() {}",
    ):
        assert ActionClass.ADMIN in judge("mysql", stored.format(body)).actions


@settings(max_examples=40)
@given(st.data())
def test_a_condition_that_names_no_column_never_protects(data: st.DataObject) -> None:
    constant = st.sampled_from(["1", "2", "'a'", "now()", "NULL", "(3)", "1 + 1", "abs(-1)"])
    compared = st.builds(
        lambda one, sign, other: f"{one} {sign} {other}", constant, st.sampled_from(["=", "<>", "<", ">=", "IS NOT"]), constant
    )
    condition = st.recursive(
        compared,
        lambda inner: st.builds(lambda one, word, other: f"({one} {word} {other})", inner, st.sampled_from(["AND", "OR"]), inner),
        max_leaves=4,
    )
    text = data.draw(condition.filter(lambda found: "IS NOT" not in found or found.count("IS NOT NULL") == found.count("IS NOT")))
    word = data.draw(st.sampled_from(["DELETE FROM t", "UPDATE t SET a = 1"]))
    assert judge("postgres", f"{word} WHERE {text}").level is RiskLevel.CRITICAL
    assert judge("postgres", f"{word} WHERE id = 4 OR {text}").level is RiskLevel.CRITICAL
    assert judge("postgres", f"{word} WHERE id = 4 AND ({text})").level is RiskLevel.MEDIUM


_WORDS = st.sampled_from(
    [
        *("SELECT", "DELETE", "FROM", "t", "WHERE", "1", "=", "'x'", "(", ")", ";", "/*", "*/", '"', "[", "]", "`", "'", "\n", ",", "*"),
        *("--", "WITH", "a", "AS", "INSERT", "INTO", "VALUES", "UPDATE", "SET", "DROP", "TABLE", "EXPLAIN", "PRAGMA", "REPLACE"),
        *("user_version", "RETURNING", "UNION", "ALL", "CREATE", "VACUUM", "REINDEX", "BEGIN", "COMMIT", "x", "NULL", "OR", "\\", "count"),
    ]
)  # fmt: skip
_BEGINNINGS = st.sampled_from(
    [
        *("SELECT 1", "SELECT * FROM t", "WITH a AS (SELECT 1) SELECT * FROM a", "VALUES (1)", "EXPLAIN SELECT 1", "PRAGMA user_version"),
        *("SELECT 'x", "SELECT [x", "WITH a AS (SELECT 1)", "SELECT 1 /*", "EXPLAIN", "SELECT 1 --", "PRAGMA user_version ="),
    ]
)


@given(_BEGINNINGS, st.lists(_WORDS, max_size=12), st.sampled_from([" ", "", "\n", "/**/"]))
def test_what_is_judged_a_read_changes_nothing_in_a_real_sqlite(beginning: str, words: list[str], between: str) -> None:
    """Whatever the text: run by SQLite itself, one statement after the other as far as it goes."""
    text = between.join([beginning, *words])
    if not judge("sqlite", text).is_read:
        return
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.executescript("CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 2), (3, 4); PRAGMA user_version = 7;")
        before = (list(connection.iterdump()), connection.execute("PRAGMA user_version").fetchone(), connection.total_changes)
        with suppress(sqlite3.Error, sqlite3.Warning, ValueError):
            connection.executescript(text)
        if connection.in_transaction:
            pytest.fail(f"a read began a transaction: {text!r}")
        assert (list(connection.iterdump()), connection.execute("PRAGMA user_version").fetchone(), connection.total_changes) == before
    finally:
        connection.close()


def test_odd_characters_outside_of_texts_are_not_understood() -> None:
    for character in ("\0", "\x0b", "\x0c", "\u00a0", "\u200b", "\u202e", "\ufeff", "\u3000", "\x1b", "\r", "\x85"):
        for engine in SQL:
            assert not judge(engine, f"SELECT{character}1").understood, (engine, character)
    assert judge("postgres", "SELECT '\u00a0\u202e', \"gr\u00f6\u00dfe\" FROM stra\u00dfe").is_read


def test_letters_that_fold_into_others_name_no_harmless_function() -> None:
    """The Kelvin sign in small letters is a k, and the long s in capitals an S; what a server makes of them nobody knows."""
    assert not judge("postgres", "SELECT rando\u006d(), \u212ain()").is_read
    assert not judge("mysql", "SELECT \u017fleep(1)").is_read


def test_what_is_too_long_or_too_deep_is_not_understood() -> None:
    assert not judge("postgres", "SELECT " + "(" * 5000 + "1" + ")" * 5000).understood
    assert not judge("postgres", "SELECT 1" + ",1" * 200_000).understood
    assert not judge("mongodb", '{"find":"a","filter":' + '{"a":' * 3000 + "1" + "}" * 3000 + "}").understood
    assert judge("mongodb", '{"a":' * 100_000).level is RiskLevel.HIGH


def test_the_planners_estimate_raises_the_level() -> None:
    assert judge("postgres", "DELETE FROM t WHERE id = 4", estimated_rows=50_000).level is RiskLevel.HIGH
    assert judge("postgres", "SELECT * FROM t", estimated_rows=5e6).level is RiskLevel.MEDIUM
    assert judge("postgres", "SELECT * FROM t", estimated_rows=5000).level is RiskLevel.NONE
    assert judge("postgres", "DELETE FROM t WHERE id = 4", estimated_rows=3).level is RiskLevel.MEDIUM


def test_parameters_are_words_of_a_command_of_redis_and_values_elsewhere() -> None:
    assert judge("redis", "CONFIG", ("SET", "dir", "/tmp")).level is RiskLevel.HIGH
    assert judge("redis", "CLIENT", ("KILL", "TYPE", "normal")).action is ActionClass.TERMINATE
    assert judge("redis", "GET", (b"flushall",)).is_read
    assert judge("postgres", "SELECT $1", ("; DROP TABLE x",)).is_read


@given(st.lists(st.builds(Risk, st.sampled_from(RiskLevel), st.sampled_from([(action,) for action in ActionClass])), min_size=1))
def test_several_things_are_as_bad_as_the_worst_of_them(risks: list[Risk]) -> None:
    whole = together(risks)
    assert whole.level.rank == max(risk.level.rank for risk in risks)
    assert set(whole.actions) == {action for risk in risks for action in risk.actions}
    assert list(whole.actions) == sorted(whole.actions, key=lambda action: action.rank)
