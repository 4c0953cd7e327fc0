"""The shape of a statement is the same however it is spaced and whatever values it carries, for any text at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines.statement_text import Dialect, dialect_of, digest, normalise, tokens

SAME = [
    ("SELECT * FROM t WHERE a=1", "SELECT  *\n FROM t -- hi\n WHERE a = 'x'"),
    ("SELECT a FROM t WHERE b IN (1)", "SELECT a FROM t WHERE b IN (1, 2, ?, 'x')"),
    ("INSERT INTO t VALUES (1, 'a')", "INSERT INTO t VALUES (2,'b'), (3,'c'),(4, NULL)"),
    ("SELECT -1", "SELECT +.5e3"),
    ("SELECT a - 1 FROM t", "SELECT a-1 FROM t;"),
    ("SELECT ?", "SELECT :name"),
    ("SELECT ?1", "SELECT @p"),
    ("SELECT x'00ff'", "SELECT 'it''s'"),
    ("SELECT count ( * ) FROM t", "SELECT count(*) FROM /* all */ t"),
]
DIFFERENT = [
    ("SELECT a FROM t", "SELECT b FROM t"),
    ("SELECT a FROM t", "select a FROM t"),
    ('SELECT "a" FROM t', "SELECT a FROM t"),
    ("SELECT a FROM t WHERE b IN (1)", "SELECT a FROM t WHERE b = 1"),
    ("SELECT a IS NULL", "SELECT a IS 1"),
    ("SELECT 'a'", 'SELECT "a"'),
    ("SELECT a.b", "SELECT a, b"),
]
_PIECES = [
    "#",
    "\\",
    "E'",
    "::",
    "$a$",
    *"aB1.,;'\"`[]()?:@$-+*/=<>| \n\t\x00é\ud800",
    "--",
    "/*",
    "*/",
    "IN ",
    "VALUES ",
    "''",
    "x'",
    " 0x",
    "NULL",
    "1e",
    "AS",
]
_SQL = st.lists(st.sampled_from(_PIECES)).map("".join)


@pytest.mark.parametrize(("one", "other"), SAME)
def test_values_spacing_and_comments_make_no_difference(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_names_keywords_and_operators_do(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


def test_a_shape_reads_well() -> None:
    sql = "select u.name,count(*) from users u join [my orders] as o on o.uid=u.id where o.total>=10.5 and u.mail like '%x' limit 5"
    shape = "select u.name, count(*) from users u join [my orders] as o on o.uid = u.id where o.total >= ? and u.mail like ? limit ?"
    assert normalise(sql) == shape


@pytest.mark.parametrize(
    ("sql", "shape"),
    [
        ("SELECT 1 WHERE a <> $$secret-words and 4711$$ AND b", "SELECT ? WHERE a <> ? AND b"),
        ("SELECT $tag$secret words here$tag$, b", "SELECT ?, b"),
        ("SELECT $a$secret $$ more $b$ words $$ it's $a$, b", "SELECT ?, b"),
        ("SELECT $t$secret $T$ more $t1$ words$t$ AS x", "SELECT ? AS x"),
        ("SELECT $ü🙂_2$secret words$ü🙂_2$ AS x", "SELECT ? AS x"),
        ("SELECT $$secret -- words\n/* $ */ 'more$$ AS x", "SELECT ? AS x"),
        ("SELECT $$secret$$$$words more$$", "SELECT ? ?"),
        ("SELECT @$$-4711 secret$$, a[1:$$2 secret$$]", "SELECT @ ?, a [ ? : ? ]"),
        ("SELECT $1$$secret words$$, 1$$secret words$$", "SELECT ? ?, ? ?"),
        ("f($$secret words$$,$x$more$x$)", "f(?, ?)"),
        ("SELECT a FROM t WHERE b = $$secret words", "SELECT a FROM t WHERE b = ?"),
        ("SELECT a FROM t WHERE b = $tag$secret words $ta", "SELECT a FROM t WHERE b = ?"),
        (r"SELECT E'it\'s secret \\\' words' AS x, e'it''s secret\\' AS y", "SELECT ? AS x, ? AS y"),
        ("SELECT ARRAY['secret]', $$words]$$, a, 4711], b[i]", "SELECT ARRAY [ ?, ?, a, ? ], b [i]"),
        ("SELECT E'secret\\", "SELECT ?"),
    ],
)
def test_texts_as_postgresql_writes_them_are_blanked_whole(sql: str, shape: str) -> None:
    assert normalise(sql) == shape


def test_a_dollar_within_a_name_or_before_a_number_opens_no_text() -> None:
    assert normalise("SELECT a$b$c, v$session, x$$ FROM t") == "SELECT a$b$c, v$session, x$$ FROM t"
    assert normalise("SELECT $1::int, b WHERE c = $2 AND d = $name") == "SELECT ? : ?, b WHERE c = ? AND d = ?"


@pytest.mark.parametrize(
    ("sql", "shape"),
    [
        ('SELECT a FROM t WHERE b = "secret words" AND c = 1', "SELECT a FROM t WHERE b = ? AND c = ?"),
        (r"""SELECT 'it\'s secret', 'more\\', "a \"secret\" \\", b""", "SELECT ?, ?, ?, b"),
        ('SELECT "it\'s secret", \'a "secret"\', "twice ""secret"" words"', "SELECT ?, ?, ?"),
        ("SELECT a # 'secret\nFROM t -- it's secret\n", "SELECT a FROM t"),
        ("SELECT 5--1, a--\tsecret\n, b--", "SELECT ? - ?, a, b"),
        ("SELECT N'secret', _utf8mb4'secret', b'01', 0b01, x'00ff', 0x00ff", "SELECT ?, _utf8mb4 ?, ?, ?, ?, ?"),
        ("SELECT @@GLOBAL.server_id, @mine, @'secret' := 1", "SELECT @@GLOBAL.server_id, @mine, @ ? : = ?"),
        ("SELECT $$, a$b FROM `my orders`, `a``'secret`", "SELECT $$, a$b FROM `my orders`, `a``'secret`"),
        ("SELECT 'secret\\", "SELECT ?"),
        ('SELECT "secret', "SELECT ?"),
    ],
)
def test_texts_as_mysql_writes_them_are_blanked_whole(sql: str, shape: str) -> None:
    assert normalise(sql, Dialect.MYSQL) == shape


@pytest.mark.parametrize(
    ("sql", "shape"),
    [
        ("SELECT a /* one /* two */ secret */, b", "SELECT a, b"),
        ("SELECT a /* /* secret */ 'more", "SELECT a"),
        ("SELECT a/*/* x */*/b", "SELECT a b"),
        ("SELECT '1'::int, $2::text, a::shop.kind", "SELECT ?::int, ?::text, a::shop.kind"),
        ("SELECT @-5, a[i], ARRAY[b, 'secret']", "SELECT @ ?, a [ i ], ARRAY [ b, ? ]"),
        ("SELECT E'it\\'s'\n 'it\\'s secret', U&'secret', 1_000, 0o17", "SELECT ?, ?, ?, ?"),
        (r"SELECT 'a\', b", "SELECT ?, b"),
    ],
)
def test_comments_types_and_texts_are_read_as_postgresql_does(sql: str, shape: str) -> None:
    assert normalise(sql, Dialect.POSTGRES) == shape


def test_an_engine_that_nothing_is_known_of_has_the_standard_s_dialect() -> None:
    found = [dialect_of(engine) for engine in ("mysql", "postgres", "sqlite", "other")]
    assert found == [Dialect.MYSQL, Dialect.POSTGRES, Dialect.STANDARD, Dialect.STANDARD]


@given(st.text() | _SQL, st.sampled_from(Dialect))
def test_any_text_has_a_shape_and_the_shape_is_its_own(sql: str, dialect: Dialect) -> None:
    shape = normalise(sql, dialect)
    assert normalise(shape, dialect) == shape
    assert len(digest(shape)) == 16


@given(st.binary())
def test_any_bytes_have_a_shape(sql: bytes) -> None:
    shape = normalise(sql)
    shape.encode()
    assert normalise(shape) == shape


@given(st.text() | _SQL, st.sampled_from(Dialect))
def test_the_pieces_are_the_text_without_white_space(sql: str, dialect: Dialect) -> None:
    kept = "".join(piece.text for piece in tokens(sql, dialect))
    assert "".join(kept.split()) == "".join(sql.split())


@given(st.lists(st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text("ab' ", max_size=5), min_size=1, max_size=6))
def test_the_values_of_a_list_never_show(values: list[int | float | str]) -> None:
    written = ", ".join("'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value) for value in values)
    assert normalise(f"SELECT a FROM t WHERE b IN ({written})") == "SELECT a FROM t WHERE b IN (?)"


def test_a_digest_is_the_same_everywhere() -> None:
    """It is kept in files and compared with those of other machines, so it may never change."""
    assert digest("SELECT ?") == "c148796e1220075a"


@pytest.mark.parametrize("dialect", Dialect)
def test_a_very_long_text_takes_linear_time(dialect: Dialect) -> None:
    """A quote that never ends and a list without end are where careless patterns explode."""
    long = ("'" * 100_001, "a/*" * 50_000, "SELECT a IN (" + "1, " * 50_000, '"' + "''" * 50_000, "E''" + "\n" * 50_000 + "x")
    for text in (*long, "'\\" * 50_000, "a" + "#" * 50_000):
        assert normalise(text, dialect)
