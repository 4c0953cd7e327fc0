"""Where a MySQL or MariaDB is: what the URL, option files, login paths and the environment say, and which of them wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from aishell_core.engines.mysql_errors import MysqlError, ServerError, Whereabouts, grant_for, quoted_account, told, unreachable
from aishell_core.engines.mysql_facts import facts_of, is_mariadb, version_number
from aishell_core.engines.mysql_files import option_line, read_login_paths, read_options, unveiled
from aishell_core.engines.mysql_place import Place, SslMode, find_place
from aishell_core.engines.mysql_route import whereabouts
from aishell_core.targets import Target, TlsPolicy, parse_location
from aishell_core.values import FailureCode, TargetId


def _place(url: str, home: Path, tls: TlsPolicy = TlsPolicy.PREFER, **environ: str) -> Place:
    defaults = home / "none.cnf"
    defaults.touch()
    target = Target(TargetId("my"), parse_location(url), tls=tls)
    return find_place(target, {"HOME": str(home), **environ})


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("user = root", ("user", "root")),
        ("password='a # b'", ("password", "a # b")),
        ("password = a#b", ("password", "a")),
        (r'password="a\"b"', ("password", 'a"b')),
        (r"password='it\'s'", ("password", "it's")),
        (r'password="x\\"', ("password", "x\\")),
        ('password="a"b"', ("password", 'a"b')),
        ('password="x # y" # z', ("password", "x # y")),
        (r"password=a\qb\'c", ("password", r"a\qb'c")),
        ("host = db1 # the first", ("host", "db1")),
        ("default_character_set=utf8mb4", ("default-character-set", "utf8mb4")),
        ("loose-ssl-mode=REQUIRED", ("ssl-mode", "REQUIRED")),
        ("skip-ssl", ("ssl", "0")),
        ("ssl", ("ssl", "1")),
        (r"password = a\\b\s", ("password", "a\\b ")),
        ("# user = x", None),
        ("; user = x", None),
        ("", None),
    ],
)
def test_a_line_of_an_option_file_is_read_as_the_servers_clients_read_it(line: str, expected: tuple[str, str] | None) -> None:
    assert option_line(line) == expected


def test_files_include_others_and_later_ones_win(tmp_path: Path) -> None:
    more = tmp_path / "more.d"
    more.mkdir()
    (more / "a.cnf").write_text("[client]\nport = 3310\n")
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text(f"[client]\nuser = one\nport = 1\n!includedir {more}\n[mysqld]\nuser = mysql\n")
    second.write_text(f"[mysql]\nuser = two\n!include {second}\n")
    options = read_options((first, second, tmp_path / "missing"))
    assert options.of(("client", "mysql")) == {"user": "two", "port": "3310"}


def test_a_file_that_everybody_may_write_is_left_alone_and_said(tmp_path: Path) -> None:
    file = tmp_path / "my.cnf"
    file.write_text("[client]\nuser = one\n")
    file.chmod(0o666)
    options = read_options((file,))
    assert not options.entries
    assert f"chmod o-w {file}" in options.remark


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("port = 1\nuser = x\n[client]\n", ":1 stands in no group, so it is passed over: write [client] above it"),
        ("# mine\n[client\nport = 1\n", ":2 begins a group and lacks its ], so the lines behind it are passed over"),
    ],
)
def test_a_line_that_cannot_be_used_is_said_with_its_place(text: str, remark: str, tmp_path: Path) -> None:
    file = tmp_path / ".my.cnf"
    file.write_text(text)
    place = _place("mysql:///shop?socket=/nowhere", tmp_path)
    assert place.remark == f"{file}{remark}"
    assert place.remark in unreachable(ConnectionRefusedError(), whereabouts(place)).hint


def test_a_port_that_is_none_is_told_with_the_line_of_its_file(tmp_path: Path) -> None:
    (tmp_path / ".my.cnf").write_text("[client]\nuser = one\nport = abc\n")
    with pytest.raises(MysqlError) as caught:
        _place("mysql://h/shop", tmp_path)
    assert caught.value.message == f"{tmp_path / '.my.cnf'}:3: the port 'abc' is no number"


def test_the_url_is_above_the_files_and_those_above_the_environment(tmp_path: Path) -> None:
    (tmp_path / ".my.cnf").write_text("[client]\nuser = filed\npassword = secret\nport = 3399\nhost = filed.example\n")
    place = _place("mysql://written@/shop", tmp_path, MYSQL_PWD="around", MYSQL_HOST="around.example")
    assert (place.user, place.database) == ("written", "shop")
    assert place.address == "filed.example:3399"
    assert place.password is not None
    assert place.password.reveal() == "secret"
    assert "secret" not in repr(place)
    assert _place("mysql://db1:3307,db2/", tmp_path).address == "db1:3307, db2:3399"


@pytest.mark.parametrize(
    ("filed", "around", "address"),
    [
        ("", {"MYSQL_HOST": "db3", "MYSQL_TCP_PORT": "3333"}, "db3:3333"),
        ("port = 3399\n", {"MYSQL_HOST": "db3", "MYSQL_TCP_PORT": "3333"}, "db3:3399"),
        ("", {"MYSQL_TCP_PORT": "3333"}, "/run/some.sock"),
        ("", {"MYSQL_HOST": "localhost", "MYSQL_UNIX_PORT": "/run/other.sock"}, "/run/some.sock"),
        ("host = localhost\n", {"MYSQL_HOST": "db3"}, "/run/some.sock"),
        ("host = db2\n", {"MYSQL_HOST": "localhost"}, "db2:3306"),
    ],
)
def test_a_host_around_is_above_a_socket_of_a_file_and_below_a_host_of_one(
    filed: str, around: dict[str, str], address: str, tmp_path: Path
) -> None:
    """As the server's own client does it (10.11)."""
    (tmp_path / ".my.cnf").write_text(f"[client-server]\nsocket = /run/some.sock\n{filed}")
    assert _place("mysql://root@/shop", tmp_path, TlsPolicy.PREFER, **around).address == address


def test_a_socket_of_a_file_is_not_used_for_another_host(tmp_path: Path) -> None:
    (tmp_path / ".my.cnf").write_text("[client]\nsocket = /run/some.sock\nport = 3306\n")
    assert _place("mysql:///", tmp_path).address == "/run/some.sock"
    assert _place("mysql://db1/", tmp_path).address == "db1:3306"
    assert _place("mysql://localhost/?socket=/tmp/x.sock", tmp_path).address == "/tmp/x.sock"


def test_another_file_may_be_named_instead_of_the_usual_ones(tmp_path: Path) -> None:
    (tmp_path / "mine.cnf").write_text("[client]\nuser = mine\nhost = h\n[client_eu]\nuser = eu\n")
    assert _place(f"mysql:///?defaults-file={tmp_path / 'mine.cnf'}", tmp_path).user == "mine"
    assert _place(f"mysql:///?defaults-file={tmp_path / 'mine.cnf'}&defaults-group-suffix=_eu", tmp_path).user == "eu"
    with pytest.raises(MysqlError) as caught:
        _place("mysql:///?defaults-file=/nowhere.cnf", tmp_path)
    assert caught.value.reason is FailureCode.MISSING


@pytest.mark.parametrize(
    ("options", "tls", "mode"),
    [
        ("", TlsPolicy.PREFER, SslMode.PREFERRED),
        ("", TlsPolicy.REQUIRE, SslMode.REQUIRED),
        ("", TlsPolicy.VERIFY_FULL, SslMode.VERIFY_IDENTITY),
        ("", TlsPolicy.OFF, SslMode.DISABLED),
        ("ssl-mode=REQUIRED", TlsPolicy.OFF, SslMode.REQUIRED),
        ("ssl-mode=disabled", TlsPolicy.REQUIRE, SslMode.REQUIRED),
        ("ssl-mode=required", TlsPolicy.VERIFY_FULL, SslMode.VERIFY_IDENTITY),
        ("ssl-mode=verify_identity", TlsPolicy.REQUIRE, SslMode.VERIFY_IDENTITY),
        ("ssl_mode=verify_identity", TlsPolicy.PREFER, SslMode.VERIFY_IDENTITY),
        ("sslmode=disable", TlsPolicy.PREFER, SslMode.DISABLED),
        ("ssl=true", TlsPolicy.PREFER, SslMode.REQUIRED),
        ("ssl-verify-server-cert=1", TlsPolicy.PREFER, SslMode.VERIFY_IDENTITY),
    ],
)
def test_how_far_tls_is_wanted(options: str, tls: TlsPolicy, mode: SslMode, tmp_path: Path) -> None:
    assert _place(f"mysql://h/?{options}", tmp_path, tls).tls.mode is mode


def test_who_names_an_issuer_wants_it_checked(tmp_path: Path) -> None:
    issuers = tmp_path / "ca.pem"
    issuers.write_text("x")
    assert _place(f"mysql://h/?ssl-ca={issuers}", tmp_path).tls.mode is SslMode.VERIFY_CA
    for tls in (TlsPolicy.REQUIRE, TlsPolicy.OFF):
        assert _place(f"mysql://h/?ssl-ca={issuers}", tmp_path, tls).tls.mode is SslMode.VERIFY_CA
    assert _place(f"mysql://h/?ssl-ca={issuers}", tmp_path, TlsPolicy.VERIFY_FULL).tls.mode is SslMode.VERIFY_IDENTITY
    assert _place(f"mysql://h/?ssl-ca={issuers}&ssl-mode=disabled", tmp_path, TlsPolicy.OFF).tls.mode is SslMode.DISABLED
    for options in ("ssl-mode=verify_ca", "ssl-ca=/nowhere.pem", "ssl-mode=perhaps", "sslmodus=require", "port=x&socket="):
        with pytest.raises((MysqlError, Exception)) as caught:
            _place(f"mysql://h/?{options}", tmp_path)
        assert str(caught.value)


def test_what_is_no_file_of_login_paths_is_named_and_one_that_others_may_read_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / ".mylogin.cnf"
    assert not read_login_paths(file).entries
    file.write_bytes(b"\0" * 24 + b"\x10\0\0\0" + b"x" * 16)
    file.chmod(0o644)
    assert "chmod 600" in read_login_paths(file).remark
    file.chmod(0o600)
    with pytest.raises(MysqlError) as caught:
        read_login_paths(file)
    assert caught.value.reason is FailureCode.DAMAGED
    for data in (b"\0" * 24 + b"\xff\xff\xff\xff", b"\0" * 24 + b"\x10\0\0\0short", b"\0" * 24 + b"\x07\0\0\0seven77"):
        with pytest.raises(MysqlError):
            unveiled(data, "file")
    assert unveiled(b"", "file") == ""


@pytest.mark.parametrize(
    ("text", "mariadb", "number"),
    [
        ("10.11.19-MariaDB-0+deb12u1", True, 101119),
        ("5.5.5-10.6.12-MariaDB-log", True, 100612),
        ("8.0.36", False, 80036),
        ("8.4.3-0ubuntu1", False, 80403),
        ("9.1.0", False, 90100),
        ("8.0.32-24.2", False, 80032),
        ("", False, 0),
    ],
)
def test_a_version_tells_the_family_and_a_number(text: str, mariadb: bool, number: int) -> None:
    assert is_mariadb(text) is mariadb
    assert version_number(text) == number
    facts = facts_of({"version": text, "read_only": "OFF", "performance_schema": 1}, address="a", user="u")
    assert (facts.mariadb, facts.read_only, facts.performance_schema) == (mariadb, False, True)


def test_the_grant_is_the_one_that_the_servers_message_names() -> None:
    where = Whereabouts("h:3306", "", "app", account="o'd@10.%")
    assert quoted_account("o'd@10.%") == "'o''d'@'10.%'"
    asked = "Access denied; you need (at least one of) the PROCESS privilege(s) for this operation"
    assert grant_for(asked, where) == "GRANT PROCESS ON *.* TO 'o''d'@'10.%';"
    several = "Access denied; you need (at least one of) the SUPER, BINLOG MONITOR privilege(s) for this operation"
    assert grant_for(several, where) == "GRANT BINLOG MONITOR ON *.* TO 'o''d'@'10.%';"
    error = told(ServerError(1227, asked), where)
    assert (error.reason, error.hint) == (FailureCode.PRIVILEGE, "GRANT PROCESS ON *.* TO 'o''d'@'10.%';")


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (1040, FailureCode.REFUSED),
        (1045, FailureCode.AUTHENTICATION),
        (1049, FailureCode.MISSING),
        (1146, FailureCode.MISSING),
        (1205, FailureCode.LOCKED),
        (1969, FailureCode.TIMEOUT),
        (3024, FailureCode.TIMEOUT),
        (1792, FailureCode.UNSUPPORTED),
        (2013, FailureCode.REFUSED),
        (2059, FailureCode.AUTHENTICATION),
        (2061, FailureCode.AUTHENTICATION),
        (1194, FailureCode.DAMAGED),
        (9999, FailureCode.UNSUPPORTED),
        (0, FailureCode.REFUSED),
    ],
)
def test_a_servers_error_has_a_meaning_and_its_words(number: int, reason: FailureCode) -> None:
    error = told(ServerError(number, "what {it} said"), Whereabouts("h:1", "shop", "app"))
    assert error.reason is reason
    assert error.number == number
    assert error.message
