"""Reading what Redis writes, and its errors in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines.redis_errors import Whereabouts, told
from aishell_core.engines.redis_place import find_place
from aishell_core.engines.redis_rows import Table, table_of, value_of
from aishell_core.engines.redis_text import clients_of, epoch_of, info_of, mapping_of, number, readable
from aishell_core.errors import TargetError
from aishell_core.targets import Target, TlsPolicy, parse_location
from aishell_core.values import FailureCode, TargetId

_WHERE = Whereabouts("db:6379", "bob")


@given(st.binary(), st.binary())
def test_two_names_never_look_alike_and_all_are_unicode(one: bytes, two: bytes) -> None:
    readable(one).encode()
    if one != two and b"\\" not in one + two:
        assert readable(one) != readable(two)


@given(st.binary())
def test_any_answer_to_info_is_fields(text: bytes) -> None:
    for name, value in info_of(text).items():
        (name + value).encode()


def test_fields_and_numbers() -> None:
    info = info_of(b"# Server\r\nused:12\r\nbad:x\r\nover:18446744073709544528\r\nnan:nan\r\n\r\nexecutable:/a:b\r\n")
    assert info["executable"] == "/a:b"
    assert number(info, "used") == 12
    assert [number(info, name) for name in ("bad", "over", "none", "nan")] == [None] * 4


def test_pairs_are_the_same_in_both_protocols() -> None:
    assert mapping_of([b"a", b"1", b"b", 2]) == mapping_of({b"a": b"1", b"b": 2}) == {"a": b"1", "b": 2}
    assert mapping_of(None) == {}


def test_a_start_is_the_same_at_every_look_and_another_in_each_life() -> None:
    first = {"server_time_usec": "1700000010900000", "uptime_in_seconds": "10", "run_id": "80000000aa"}
    later = {**first, "server_time_usec": "1700000017100000", "uptime_in_seconds": "17"}
    assert epoch_of(first) == epoch_of(later)
    assert epoch_of({**first, "run_id": "10000000aa"}) != epoch_of(first)
    assert epoch_of({"uptime_in_seconds": "10"}) is None


def test_clients_are_read_line_by_line() -> None:
    (one, two) = clients_of(b"id=1 addr=1.2.3.4:5 name= cmd=get\nid=2 addr=x=y name=\xff\n")
    assert one == {"id": "1", "addr": "1.2.3.4:5", "name": "", "cmd": "get"}
    assert two["addr"] == "x=y"
    assert two["name"] == "\\xff"


@pytest.mark.parametrize(
    ("said", "command", "reason", "hint"),
    [
        (
            "NOPERM User bob has no permissions to run the 'client|list' command",
            "client|list",
            FailureCode.PRIVILEGE,
            "ACL SETUSER bob +client|list",
        ),
        (
            "NOPERM this user has no permissions to run the 'info' command or its subcommand",
            "info",
            FailureCode.PRIVILEGE,
            "ACL SETUSER bob +info",
        ),
        (
            "NOPERM this user has no permissions to run the 'config' command or its subcommand",
            "config|get",
            FailureCode.PRIVILEGE,
            "ACL SETUSER bob +config|get",
        ),
        ("NOPERM No permissions to access a key", "memory|usage", FailureCode.PRIVILEGE, "ACL SETUSER bob %R~*"),
        ("NOPERM No permissions to access a key", "set", FailureCode.PRIVILEGE, "ACL SETUSER bob ~*"),
        (
            "NOPERM this user has no permissions to access one of the keys used as arguments",
            "memory|usage",
            FailureCode.PRIVILEGE,
            "ACL SETUSER bob ~*",
        ),
        ("NOAUTH Authentication required.", "", FailureCode.AUTHENTICATION, "REDISCLI_AUTH"),
        ("WRONGPASS invalid username-password pair or user is disabled.", "", FailureCode.AUTHENTICATION, "password"),
        ("LOADING Redis is loading the dataset in memory", "", FailureCode.LOCKED, "by itself"),
        (
            "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.",
            "",
            FailureCode.LOCKED,
            "FUNCTION KILL",
        ),
        ("MISCONF Redis is configured to save RDB snapshots, but ...", "", FailureCode.REFUSED, "disk is full"),
        ("READONLY You can't write against a read only replica.", "", FailureCode.UNSUPPORTED, "INFO replication"),
        ("ERR max number of clients reached", "", FailureCode.REFUSED, "maxclients"),
        ("DENIED Redis is running in protected mode because ...", "", FailureCode.REFUSED, "requirepass"),
        ("ERR unknown command 'CONFIG', with args beginning with: ", "config|get", FailureCode.MISSING, "rename-command"),
        ("ERR Client sent AUTH, but no password is set", "", FailureCode.AUTHENTICATION, "leave the password out"),
        ("OOM command not allowed when used memory > 'maxmemory'.", "", FailureCode.REFUSED, "eviction"),
        ("NEWERROR of a later version {with braces}", "", FailureCode.UNSUPPORTED, ""),
    ],
)
def test_an_error_is_told_in_words_with_what_to_do(said: str, command: str, reason: FailureCode, hint: str) -> None:
    error = told(said, _WHERE, command)
    assert error.reason is reason
    assert hint in error.hint
    assert error.message


@given(st.text())
def test_any_error_can_be_told(said: str) -> None:
    assert told(said, _WHERE).message


@pytest.mark.parametrize(
    ("reply", "name", "table"),
    [
        (b"x", "get", Table(("value",), (("x",),))),
        (None, "get", Table(("value",), ((None,),))),
        (3, "del", Table(("value",), ((3,),), 3)),
        ({b"a": b"\xff"}, "hgetall", Table(("field", "value"), (("a", b"\xff"),))),
        ([b"a", b"1"], "hgetall", Table(("field", "value"), (("a", "1"),))),
        ([[b"a", 1.5], [b"b", 2.0]], "zrange", Table(("1", "2"), (("a", 1.5), ("b", 2.0)))),
        ([b"0", [b"k"]], "scan", Table(("value",), (("k",),))),
        ([b"17", [b"k"]], "scan", Table(("value",), (("k",),), note="there is more: go on with cursor 17")),
        ([b"a", [b"b", None]], "x", Table(("value",), (("a",), (("b", None),)))),
        ([], "keys", Table(("value",), ())),
    ],
)
def test_answers_are_tables(reply: object, name: str, table: Table) -> None:
    assert table_of(name, reply) == table


def test_values_keep_bytes_that_are_no_text() -> None:
    assert value_of([b"a", {b"k": {1}}, b"\xff"]) == ("a", {"k": (1,)}, b"\xff")


def place(url: str, tls: TlsPolicy = TlsPolicy.PREFER, **environ: str) -> object:
    return find_place(Target(TargetId("r"), parse_location(url), tls=tls), environ)


def test_a_place_is_what_the_url_the_configuration_and_the_environment_say() -> None:
    found = find_place(Target(TargetId("r"), parse_location("redis://u@h:1,[::1]/2")), {"REDISCLI_AUTH": "pw"})
    assert found.servers == (("h", 1), ("::1", 6379))
    assert (found.database, found.login.user, found.encryption) == (2, "u", None)
    assert found.login.password is not None
    assert found.login.password.reveal() == "pw"
    watched = find_place(Target(TargetId("r"), parse_location("rediss://a,b:7/0?sentinel=m&sentinel_password=s")), {})
    assert watched.servers == (("a", 26379), ("b", 7))
    assert watched.sentinel == "m"
    assert watched.encryption is not None
    assert watched.encryption.checks_name
    assert find_place(Target(TargetId("r"), parse_location("redis://")), {}).servers == (("127.0.0.1", 6379),)
    loose = find_place(Target(TargetId("r"), parse_location("redis://h"), tls=TlsPolicy.REQUIRE), {})
    assert loose.encryption is not None
    assert not loose.encryption.checks_issuer


@pytest.mark.parametrize("url", ["redis://h/shop", "redis://h/-1", "redis://h/0?protocol=4", "rediss://h/0?sslrootcert=/no/such/file"])
def test_a_place_that_cannot_be_one_is_refused_in_words(url: str) -> None:
    with pytest.raises(TargetError) as caught:
        place(url)
    assert caught.value.hint


def test_a_url_that_asks_for_tls_is_never_used_without_it() -> None:
    with pytest.raises(TargetError, match="forbids"):
        place("rediss://h", TlsPolicy.OFF)


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("redis://h", "redis://h:6379/"),
        ("valkey://u:s3cret@h:1/2", "redis://u@h:1/2"),
        ("rediss://:s3cret@h/0?ssl_cert_reqs=none", "rediss://h:6379/0"),
        ("redis://a,b:7/0?sentinel=m&sentinel_password=s3cret", "redis://a,b:7/0?sentinel=m"),
        ("redis+unix://:s3cret@/run/r.sock", "redis://%2Frun%2Fr.sock/"),
        ("redis://", "redis:///"),
    ],
)
def test_a_redacted_url_leads_to_the_same_servers(url: str, redacted: str) -> None:
    location = parse_location(url)
    assert location.redacted() == redacted
    again = parse_location(redacted)
    assert (again.servers, again.database, again.option("tls"), again.option("sentinel")) == (
        location.servers,
        location.database,
        location.option("tls"),
        location.option("sentinel"),
    )
    assert "s3cret" not in repr(location) + redacted
