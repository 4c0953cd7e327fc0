"""Commands as people write them, what they do, and that their values are never shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines.redis_commands import (
    Traits,
    bounded_wait,
    key_shape,
    name_of,
    shape_of,
    traits_of,
    why_not_read_only,
    why_not_run,
    word_of,
    words_of,
)
from aishell_core.errors import TargetError

_SET = Traits(frozenset({"write"}), frozenset(), 1)
_GET = Traits(frozenset({"readonly"}), frozenset({"@read"}), 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("GET a", (b"GET", b"a")),
        ('  SET\t"two words" x\n', (b"SET", b"two words", b"x")),
        (r'SET "\xff\n\"" ' + r"'\' \n'", (b"SET", b'\xff\n"', rb"' \n")),
        ("SET é ''", (b"SET", "é".encode(), b"")),
        ("", ()),
        ('SET "\\xzz"', (b"SET", b"xzz")),
    ],
)
def test_a_command_is_split_into_words(text: str, words: tuple[bytes, ...]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize("text", ['GET "a', "GET 'a", 'GET "a"b', "GET 'a'b"])
def test_a_quote_that_is_wrong_is_refused(text: str) -> None:
    with pytest.raises(TargetError):
        words_of(text)


@given(st.lists(st.binary(), min_size=1))
def test_any_words_survive_being_written_in_quotes(words: list[bytes]) -> None:
    text = " ".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in words)
    assert words_of(text) == tuple(words)


@given(st.text())
def test_any_text_is_words_or_refused(text: str) -> None:
    try:
        words = words_of(text)
    except TargetError:
        return
    assert all(isinstance(word, bytes) for word in words)


def test_a_parameter_is_one_word() -> None:
    assert [word_of(value) for value in ("a b", b"\xff", 1, 1.5, True)] == [b"a b", b"\xff", b"1", b"1.5", b"1"]
    for wrong in (None, ("a",), {"a": "b"}):
        with pytest.raises(TargetError):
            word_of(wrong)


def test_the_name_has_its_second_word_where_that_says_what_it_does() -> None:
    assert name_of([b"CONFIG", b"Set", b"x"]) == "config|set"
    assert name_of([b"SET", b"k"]) == "set"
    assert name_of([]) == ""


@pytest.mark.parametrize(
    ("words", "traits", "shape"),
    [
        (["SET", "user:4711", "x"], _SET, "SET user:? ?"),
        (["GET", "leaderboard"], _GET, "GET leaderboard"),
        (["GET", "4f3c-secret-9"], _GET, "GET ?"),
        (["MSET", "a:1", "x", "b:2", "y", "c:3", "z"], _SET, "MSET a:? ? ? ? …"),
        (["AUTH", "bob", "pw"], None, "AUTH ? ?"),
        (["CONFIG", "SET", "requirepass", "pw"], None, "CONFIG SET requirepass ?"),
        (["ACL", "SETUSER", "bob", ">pw"], None, "ACL SETUSER ? ?"),
        (["s3cr3t", "x"], None, "? ?"),
        (["EVAL", "return 1", "0"], Traits(), "EVAL ? ?"),
        (["LPUSH", "l:1", "x", "... (12 more arguments)"], _SET, "LPUSH l:? ? ?"),
    ],
)
def test_the_shape_of_a_command_shows_no_value(words: list[str], traits: Traits | None, shape: str) -> None:
    assert shape_of(words, traits) == shape


_SECRETS = st.text(alphabet="0123456789é\x1b", min_size=4)


@given(st.sampled_from(["AUTH", "SET", "HSET", "EVAL", "CONFIG", "ACL", "MIGRATE", "x"]), st.lists(_SECRETS, min_size=1), st.booleans())
def test_no_value_comes_through_whatever_the_command(command: str, secrets: list[str], known: bool) -> None:
    shape = shape_of([command, *secrets], _SET if known else None)
    assert not any(secret in shape for secret in secrets)


@given(st.text())
def test_of_a_key_nothing_is_shown_but_words(key: str) -> None:
    shown = key_shape(key)
    assert set(shown.replace("?", "").replace(":", "")) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.-")


def test_what_the_server_says_of_a_command_decides_whether_it_reads() -> None:
    container = Traits(frozenset(), frozenset(), 0, {"xinfo|new": Traits(frozenset({"write"}))})
    assert why_not_read_only("get", _GET) == ""
    assert "writes" in why_not_read_only("set", _SET)
    assert "SCAN" in why_not_read_only("keys", Traits(frozenset({"readonly"}), frozenset({"@dangerous"})))
    assert "writes" in why_not_read_only("xinfo|new", container)
    assert why_not_read_only("config|get", Traits(frozenset({"admin"}))) == ""
    assert "administrator" in why_not_read_only("config|set", Traits(frozenset({"admin"})))
    assert why_not_read_only("client|kill", Traits(frozenset({"admin"}))) == "", "ending a client writes nothing"
    assert why_not_read_only("eval", Traits(frozenset({"noscript"})))
    assert why_not_read_only("new-command", Traits())
    assert why_not_run("monitor")
    assert why_not_run("client|reply")
    assert not why_not_run("get")


def test_traits_are_read_in_every_version_of_the_answer() -> None:
    old = [b"get", 2, [b"readonly", b"fast"], 1, 1, 1, [b"@read"]]
    new = [*old, [], [], [[b"config|set", -4, [b"admin"], 0, 0, 0, [], [], [], []]]]
    assert traits_of(old) == Traits(frozenset({"readonly", "fast"}), frozenset({"@read"}), 1)
    found = traits_of(new)
    assert found is not None
    assert found.parts["config|set"].flags == {"admin"}
    for wrong in (None, [], b"x", [1, 2]):
        assert traits_of(wrong) is None


@pytest.mark.parametrize(
    ("command", "sent"),
    [
        ("BLPOP a b 0", "BLPOP a b 2.5"),
        ("BLPOP a 1", "BLPOP a 1"),
        ("BRPOPLPUSH a b 60", "BRPOPLPUSH a b 2.5"),
        ("BLMPOP 0 1 a LEFT", "BLMPOP 2.5 1 a LEFT"),
        ("XREAD COUNT 5 BLOCK 0 STREAMS block 0", "XREAD COUNT 5 BLOCK 2500 STREAMS block 0"),
        ("XREAD STREAMS block 0", "XREAD STREAMS block 0"),
        ("XREADGROUP GROUP g c BLOCK 9000 STREAMS a >", "XREADGROUP GROUP g c BLOCK 2500 STREAMS a >"),
        ("WAIT 1 0", "WAIT 1 2500"),
        ("WAITAOF 1 1 0", "WAITAOF 1 1 2500"),
        *((same, same) for same in ("BLPOP", "BLPOP a x", "BLPOP a -1", "BLPOP a nan", "GET a", "LPOP a 0", "XREAD BLOCK", "WAIT 1")),
    ],
)
def test_a_command_that_waits_gets_a_time_that_the_server_keeps(command: str, sent: str) -> None:
    assert b" ".join(bounded_wait(words_of(command), 2.5)).decode() == sent
