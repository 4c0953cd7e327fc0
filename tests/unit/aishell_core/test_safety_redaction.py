"""What the audit log shows of a command: its shape, and no literal of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.safety.languages import known_languages
from aishell_core.safety.redaction import LiteralHash, redacted

HASH = LiteralHash(b"k" * 32)
SECRET = "hunter2ada"


def shown(engine: str, command: str) -> str:
    return re.sub("#[0-9a-f]{12}", "#", redacted(engine, command, HASH))


@pytest.mark.parametrize(
    ("engine", "command", "expected"),
    [
        ("postgres", "SELECT * FROM t WHERE a = 'x' AND b IN (1, 2.5) -- note", "SELECT * FROM t WHERE a = # AND b IN (#, #)"),
        ("postgres", 'SELECT "Name", $1, $$ secret $$ FROM t', 'SELECT "Name", $1, # FROM t'),
        (
            "postgres",
            'SELECT "First Name" FROM t WHERE name = "bob" OR "a@b" LIKE "x"',
            'SELECT "First Name" FROM t WHERE name = # OR # LIKE #',
        ),
        ("postgres", 'SELECT 1 FROM t JOIN "U" ON t.id = "U".id', 'SELECT # FROM t JOIN "U" ON t.id = "U".id'),
        ("postgres", "ALTER ROLE ann PASSWORD 'x'", "ALTER ROLE ann PASSWORD #"),
        ("mysql", "UPDATE `t` SET a = \"x\" WHERE b = 'it\\'s'", "UPDATE `t` SET a = # WHERE b = #"),
        ("mysql", "CREATE USER ann IDENTIFIED BY 'x'", "CREATE USER ann IDENTIFIED BY #"),
        ("oracle", "ALTER USER ann IDENTIFIED BY tiger", "ALTER USER ann IDENTIFIED BY #"),
        ("oracle", "SELECT q'[it's]' FROM dual", "SELECT # FROM dual"),
        ("sqlite", 'SELECT "x" FROM [t]', "SELECT # FROM #"),
        ("postgres", "SET myapp.secret TO hunter2", "SET myapp.secret TO #"),
        ("postgres", 'SET LOCAL myapp.secret = "hunter2"', "SET LOCAL myapp.secret = #"),
        ("postgres", "SET myapp.secret TO hunter2, x.y, on", "SET myapp.secret TO #, #.#, on"),
        ("postgres", "ALTER ROLE ann SET myapp.secret TO hunter2", "ALTER ROLE ann SET myapp.secret TO #"),
        ("postgres", "ALTER ROLE ann PASSWORD hunter2", "ALTER ROLE ann PASSWORD #"),
        ("postgres", "SET search_path TO shop, public", "SET search_path TO shop, public"),
        ("postgres", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"),
        ("postgres", "UPDATE t SET a = b WHERE c = d", "UPDATE t SET a = b WHERE c = d"),
        ("mysql", "SET PASSWORD FOR ann = hunter2", "SET PASSWORD FOR ann = #"),
        ("mysql", "SET @a = hunter2, b = on, c = later", "SET @a = #, b = on, c = #"),
        ("mysql", "SET @a = (SELECT b FROM t WHERE c = d)", "SET @a = (SELECT b FROM t WHERE c = d)"),
        ("mysql", "SET STATEMENT a = 1 FOR UPDATE t SET b = c WHERE d = 1", "SET STATEMENT a = # FOR UPDATE t SET b = c WHERE d = #"),
        ("mysql", "SET GLOBAL a = hunter2; UPDATE t SET b = c", "SET GLOBAL a = #; UPDATE t SET b = c"),
        ("mysql", "CREATE USER ann IDENTIFIED VIA plug USING hunter2", "CREATE USER ann IDENTIFIED VIA plug USING #"),
        ("redis", "SET user:ann secret EX 5", "SET # # # #"),
        ("redis", "config set requirepass hunter2", "CONFIG SET REQUIREPASS #"),
        ("redis", "AUTH hunter2", "AUTH #"),
        (
            "mongodb",
            '{"find": "users", "filter": {"email": "a@b", "n": 5}, "limit": 3}',
            '{"find": "users", "filter": {"email": "#", "n": "#"}, "limit": 3}',
        ),
        ("mongodb", 'db.users.deleteMany({"a": true})', '{"deleteMany": "users", "filter": {"a": true}}'),
        (
            "mongodb",
            '{"find": "users", "filter": {"from": "a@b", "collection": "c@d", "limit": 5, "database": "x", "$db": "y"}, "$db": "shop"}',
            '{"find": "users", "filter": {"from": "#", "collection": "#", "limit": "#", "database": "#", "$db": "#"}, "$db": "shop"}',
        ),
        (
            "mongodb",
            '{"insert": "users", "documents": [{"from": "a@b", "into": {"coll": "x"}, "limit": 3, "pipeline": [{"$out": "x"}]}]}',
            '{"insert": "users", "documents": [{"from": "#", "into": {"coll": "#"}, "limit": "#", "pipeline": [{"$out": "#"}]}]}',
        ),
        (
            "mongodb",
            '{"update": "users", "updates": [{"q": {"limit": 4711}, "u": {"$set": {"from": "a@b"}}, "multi": true}]}',
            '{"update": "users", "updates": [{"q": {"limit": "#"}, "u": {"$set": {"from": "#"}}, "multi": true}]}',
        ),
        (
            "mongodb",
            '{"aggregate": "u", "pipeline": [{"$match": {"from": "a@b"}}, {"$lookup": {"from": "v", "pipeline": [{"$limit": 3}]}}, '
            '{"$group": {"_id": 1, "into": {"$first": "x"}}}, {"$merge": {"into": {"db": "d", "coll": "c"}, "let": {"from": "y"}}}]}',
            '{"aggregate": "u", "pipeline": [{"$match": {"from": "#"}}, {"$lookup": {"from": "v", "pipeline": [{"$limit": 3}]}}, '
            '{"$group": {"_id": "#", "into": {"$first": "#"}}}, {"$merge": {"into": {"db": "d", "coll": "c"}, "let": {"from": "#"}}}]}',
        ),
        ("mongodb", '{"explain": {"find": "u", "filter": {"from": "a@b"}}}', '{"explain": {"find": "u", "filter": {"from": "#"}}}'),
        ("mongodb", '{"killOp": 1, "op": 4711}', '{"killOp": "#", "op": "#"}'),
        ("pgbouncer", "SHOW POOLS", "SHOW POOLS"),
    ],
)
def test_what_is_shown(engine: str, command: str, expected: str) -> None:
    assert shown(engine, command) == expected


@pytest.mark.parametrize(
    ("engine", "command"),
    [
        ("postgres", f"SELECT '{SECRET}"),
        ("postgres", f"SELECT '\\'; SELECT {SECRET} --'"),
        ("mysql", f"/*! {SECRET} */"),
        ("redis", f'"{SECRET}'),
        ("redis", f"{SECRET} x"),
        ("mongodb", f"{SECRET}"),
        ("mongodb", f'{{"{SECRET}": 1}}'),
        ("host", SECRET),
        ("nosuch", SECRET),
    ],
)
def test_of_what_cannot_be_told_apart_only_a_hash_and_a_length_are_left(engine: str, command: str) -> None:
    assert re.fullmatch(r"# \(\d+ characters\)", shown(engine, command))


def test_of_what_was_not_understood_only_a_hash_is_left() -> None:
    """It may be a password that went into the wrong window."""
    assert SECRET not in redacted("postgres", SECRET, HASH, understood=False)


def test_equal_literals_are_known_and_other_keys_give_other_hashes() -> None:
    once, twice = redacted("postgres", "SELECT 'a', 'a', 'b'", HASH).removeprefix("SELECT ").split(", ")[:2]
    assert once == twice
    assert redacted("postgres", "SELECT 'a'", LiteralHash(b"x")) != redacted("postgres", "SELECT 'a'", HASH)
    assert "kkk" not in repr(HASH)


def test_parameters_are_hashed_and_the_name_of_a_command_of_redis_is_not() -> None:
    assert re.sub("#[0-9a-f]{12}", "#", redacted("redis", "CLIENT", HASH, ("KILL", "ID", 5))) == "CLIENT KILL # #"
    assert redacted("postgres", "SELECT $1", HASH, ("secret",)) == "SELECT $1"


_VALUE = st.from_regex(r"[a-z0-9]{10,12}", fullmatch=True)
_TEMPLATES = {
    "postgres": [
        "SELECT '{}'",
        "SELECT E'\\n{}'",
        "SELECT $x${}$x$",
        "SELECT 1 -- {}",
        "SELECT 1 /* {} /* */ {} */",
        "SELECT B'{}', 'it''s {}'",
        "INSERT INTO t VALUES ('{}')",
    ],
    "mysql": ['SELECT "{}"', "SELECT '\\'{}'", "SELECT 1 # {}", "SELECT _utf8'{}'", "SELECT x'{}'", "SELECT 1 -- {}\n"],
    "sqlite": ["SELECT '{}'", 'SELECT "{}"', "SELECT x'{}'", "SELECT `{}`", "SELECT [{}]"],
    "oracle": ["SELECT q'!{}!' FROM dual", "SELECT N'{}' FROM dual", "SELECT nq'<it's {}>' FROM dual"],
    "redis": ["GET {}", 'SET "a {}" 5', "HSET h f '{}'", "EVAL '{}' 0"],
    "mongodb": [
        '{{"find": "t", "filter": {{"a": "{}"}}}}',
        '{{"insert": "t", "documents": [{{"a": [1, {{"b": "{}"}}]}}]}}',
        'db.t.find({{"a": "{}"}})',
    ],
}


@given(st.sampled_from([(engine, template) for engine, all_of in _TEMPLATES.items() for template in all_of]), _VALUE)
def test_no_literal_is_left(template: tuple[str, str], value: str) -> None:
    engine, text = template
    left = redacted(engine, text.format(value, value), HASH)
    assert value not in re.sub("#[0-9a-f]{12}", "#", left)


@given(st.sampled_from(sorted(known_languages())), st.text(max_size=200))
def test_any_text_can_be_hidden(engine: str, text: str) -> None:
    assert isinstance(redacted(engine, text, HASH), str)


_FIELDS = st.sampled_from(["from", "collection", "coll", "into", "limit", "database", "$db", "multi", "pipeline", "updates", "a"])
_DATA = st.recursive(
    st.just(SECRET), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_FIELDS, inner, min_size=1, max_size=3), max_leaves=8
)


@given(st.sampled_from(["filter", "documents", "query", "update", "document"]), _DATA)
def test_no_value_of_a_filter_or_a_document_is_shown_whatever_its_fields_are_called(argument: str, data: object) -> None:
    command = json.dumps({"find": "users", argument: data, "$db": "shop"})
    assert SECRET not in shown("mongodb", command)


def test_literals_are_taken_out_without_loading_the_parser() -> None:
    program = (
        "import sys\n"
        "from aishell_core.safety.languages import known_languages, language_of\n"
        "texts = [language_of(engine).redacted('SELECT 1', lambda _: '?') for engine in sorted(known_languages())]\n"
        "print('SELECT ?' in texts, 'sqlglot' in sys.modules)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["True", "False"]
