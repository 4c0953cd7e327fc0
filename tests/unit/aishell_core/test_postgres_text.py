"""Texts of a PostgreSQL server as proper Unicode, statements from outside, facts of odd servers."""

import struct
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines.postgres_facts import facts_of, short_version, version_number
from aishell_core.engines.postgres_statement import grammatical, outline
from aishell_core.engines.postgres_text import (
    NUMBER_ARRAYS,
    array_decoder,
    array_encoder,
    decoder,
    encode_text,
    first_column,
    number_decoder,
    python_encoding,
)

_ENCODINGS = ("UTF8", "SQL_ASCII", "LATIN1", "EUC_JP", "WIN1252", "MULE_INTERNAL", "no such encoding", "")


@given(st.binary(), st.sampled_from(_ENCODINGS))
def test_any_bytes_become_a_text_that_can_be_shown(data: bytes, encoding: str) -> None:
    decoder(encoding)(data).encode("utf-8")


@given(st.text(), st.sampled_from(_ENCODINGS))
def test_what_is_utf8_is_read_as_it_is(text: str, encoding: str) -> None:
    assert decoder(encoding)(text.encode("utf-8", "replace")) == text.encode("utf-8", "replace").decode()
    assert encode_text(text) == text.encode("utf-8", "replace")


@pytest.mark.parametrize(
    ("encoding", "data", "text"),
    [
        ("LATIN1", b"f\xfcr", "für"),
        ("EUC_JP", "日本".encode("euc_jp"), "日本"),
        ("WIN1251", "да".encode("cp1251"), "да"),
        ("SQL_ASCII", b"f\xfcr", "f\ufffdr"),
        ("UTF8", b"cut \xe2\x82", "cut \ufffd"),
    ],
)
def test_the_databases_own_encoding_is_tried_next(encoding: str, data: bytes, text: str) -> None:
    assert decoder(encoding)(data) == text


def test_every_encoding_of_a_server_has_a_name_in_python() -> None:
    own = "BIG5 EUC_CN EUC_JP EUC_KR GB18030 GBK ISO_8859_5 JOHAB KOI8R LATIN1 LATIN10 SJIS SQL_ASCII UHC UTF8 WIN866 WIN1250"
    assert {name: python_encoding(name) for name in own.split()} == {
        "BIG5": "big5",
        "EUC_CN": "gb2312",
        "EUC_JP": "euc_jp",
        "EUC_KR": "euc_kr",
        "GB18030": "gb18030",
        "GBK": "gbk",
        "ISO_8859_5": "iso8859-5",
        "JOHAB": "johab",
        "KOI8R": "koi8-r",
        "LATIN1": "iso8859-1",
        "LATIN10": "iso8859-16",
        "SJIS": "cp932",
        "SQL_ASCII": "utf-8",
        "UHC": "cp949",
        "UTF8": "utf-8",
        "WIN866": "cp866",
        "WIN1250": "cp1250",
    }


@given(st.lists(st.none() | st.text(st.characters(blacklist_categories=["Cs"]))))
def test_an_array_is_read_as_it_was_written(texts: list[str | None]) -> None:
    assert array_decoder(decoder("UTF8"))(array_encoder(25, encode_text)(texts)) == texts


def test_an_array_of_two_dimensions_is_laid_flat() -> None:
    head = struct.pack("!iiIiiii", 2, 0, 25, 1, 1, 2, 1)
    assert array_decoder(decoder("UTF8"))(head + b"\0\0\0\1a\0\0\0\1b") == ["a", "b"]


def test_the_first_column_is_read_from_the_servers_messages() -> None:
    def message(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("!i", len(body) + 4) + body

    rows = [struct.pack("!hi", 1, 2) + b"ab", struct.pack("!hi", 2, 0) + struct.pack("!i", 1) + b"x", struct.pack("!hi", 1, -1)]
    messages = message(b"T", b"\0\1any") + b"".join(message(b"D", row) for row in rows) + message(b"C", b"EXPLAIN\0") + message(b"Z", b"I")
    assert list(first_column(messages)) == [b"ab", b""]
    assert list(first_column(message(b"D", struct.pack("!h", 0) + b"\0\0\0\0"))) == []


@pytest.mark.parametrize(
    ("sql", "words", "parameters", "cut_off"),
    [
        ("SELECT $1, $12", ("SELECT",), 12, False),
        ("/* a /* nested */ $9 */ -- $8\nselect '$7', \"$6\", $$ $5 $$, $t$ $4 $t$, E'\\'$3', a$2", ("SELECT", "A$2"), 0, False),
        ("SELECT U&'\\0041', B'1', x'F', N'a', U&\"b\"", ("SELECT",), 0, False),
        ("SELECT 'a", ("SELECT",), 0, True),
        ('SELECT "a', ("SELECT",), 0, True),
        ("SELECT E'a\\", ("SELECT",), 0, True),
        ("SELECT $x$ a", ("SELECT",), 0, True),
        ("SELECT /* a", ("SELECT",), 0, True),
        ("", (), 0, False),
        ("SELECT 'it''s' || 'a' -- 'b", ("SELECT",), 0, False),
    ],
)
def test_a_statement_is_seen_from_outside(sql: str, words: tuple[str, ...], parameters: int, cut_off: bool) -> None:
    found = outline(sql)
    assert (found.words, found.parameters, found.cut_off) == (words, parameters, cut_off)


@given(st.text(alphabet="aE$1'\"/*-\\ \n(),;xU&t_"))
def test_any_text_has_an_outline_and_stays_what_it_is_without_parameters(sql: str) -> None:
    if not outline(sql).parameters:
        assert grammatical(sql) == sql


def test_what_the_grammar_does_not_take_is_written_otherwise() -> None:
    assert grammatical("a > now() - interval $1 AND b < date $2;") == "a > now() - CAST($1 AS interval) AND b < CAST($2 AS date);"
    assert grammatical("SELECT extract($1 FROM a), '$2'") == "SELECT pg_catalog.\"extract\"($1, a), '$2'"
    assert grammatical("SELECT $1::interval, interval '1 day'") == "SELECT $1::interval, interval '1 day'"


@pytest.mark.parametrize(
    ("text", "short", "number"),
    [
        ("16.14 (Debian 16.14-1)", "16.14", 160014),
        ("15.2-YB-2.18.0.0-b0", "15.2-YB-2.18.0.0-b0", 150002),
        ("8.0.2", "8.0.2", 80002),
        ("9.6.24", "9.6.24", 90624),
        ("18beta1", "18beta1", 180000),
        ("", "", 0),
        ("odd", "odd", 0),
    ],
)
def test_a_version_is_read_from_its_text_where_no_number_is_told(text: str, short: str, number: int) -> None:
    assert short_version(text) == short
    assert version_number(short) == number


def test_the_driver_is_loaded_only_where_a_server_is_asked() -> None:
    program = "import sys, aishell_core.engines.postgres, collectors.postgres.collector; print('asyncpg' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"


def test_facts_that_a_compatible_server_does_not_tell_are_unknown() -> None:
    facts = facts_of({"version": "13.0.0 CCL", "version_num": "odd", "started_at": None}, "h:26257", local=False, pooled=False)
    assert (facts.version_num, facts.version, facts.started_at, facts.system_identifier) == (130000, "13.0.0", None, "")
    assert (facts.in_recovery, facts.superuser, facts.encoding, facts.address) == (False, False, "", "h:26257")


@pytest.mark.parametrize(("name", "element", "form"), [(name, element, form) for _, name, element, form in NUMBER_ARRAYS])
def test_an_array_of_numbers_comes_back_as_it_went(name: str, element: int, form: struct.Struct) -> None:
    for numbers in ([], [0, 1, -7], [None, 2_000_000_000]):
        assert array_decoder(number_decoder(form))(array_encoder(element, form.pack)(numbers)) == numbers, name


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT 1 -- a\r, evil()", ("SELECT", "EVIL")),
        ("SELECT 1 -- a\r\n, b", ("SELECT", "B")),
        ("SELECT v\xa0x, y\x85z, \u3000", ("SELECT", "V\xa0X", "Y\x85Z", "\u3000")),
        ("SELECT evil€(), $€$ a $€$", ("SELECT", "EVIL€")),
        ("SELECT 1.5e3+b, 0x1F, $1", ("SELECT", "B")),
        ("SELECT '\\', b", ("SELECT", "B")),
    ],
)
def test_a_statement_is_cut_where_the_server_cuts_it(sql: str, words: tuple[str, ...]) -> None:
    seen = outline(sql)
    assert (seen.words, seen.cut_off, seen.doubtful) == (words, False, False)


@pytest.mark.parametrize(
    "sql", ["SELECT 1AND b", "SELECT $1or b", "SELECT\v1", "SELECT E'a'\n'b'", "SELECT e'a' -- c\n'b'", "SELECT 0x1Fg"]
)
def test_what_servers_cut_differently_is_doubtful(sql: str) -> None:
    assert outline(sql).doubtful
