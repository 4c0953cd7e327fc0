"""Where a PostgreSQL is: URL above service file above environment above defaults; password and service files."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines.postgres_errors import PostgresError
from aishell_core.engines.postgres_files import PasswordFile, PasswordLine, password_line, read_passwords
from aishell_core.engines.postgres_place import Attributes, Place, SslMode, find_place
from aishell_core.targets import Target, TlsPolicy, parse_location
from aishell_core.values import FailureCode, TargetId


def _place(url: str, environ: Mapping[str, str] | None = None, tls: TlsPolicy = TlsPolicy.PREFER, home: str = "/nonexistent") -> Place:
    return find_place(Target(TargetId("t"), parse_location(url), tls=tls), {"HOME": home, **(environ or {})})


def _servers(place: Place) -> list[tuple[str, int]]:
    return [(server.host, server.port) for server in place.servers]


def test_defaults_are_those_of_every_client() -> None:
    place = _place("postgresql://h", {"PGUSER": "me"})
    assert _servers(place) == [("h", 5432)]
    assert (place.user, place.database, place.sslmode, place.attributes) == ("me", "me", SslMode.PREFER, Attributes.ANY)
    assert place.servers[0].password is None
    assert place.ssl_options == ()


def test_the_url_is_above_the_service_and_that_above_the_environment(tmp_path: Path) -> None:
    (tmp_path / ".pg_service.conf").write_text("[s]\nhost=of-service\nuser=of-service\nport=2\n")
    environ = {"PGHOST": "of-environment", "PGUSER": "of-environment", "PGDATABASE": "of-environment", "PGPORT": "3", "PGSERVICE": "s"}
    place = _place("postgresql://of-url/", environ, home=str(tmp_path))
    assert (_servers(place), place.user, place.database) == ([("of-url", 2)], "of-service", "of-environment")
    place = _place("postgresql:///x?port=7&service=s", environ, home=str(tmp_path))
    assert (_servers(place), place.user, place.database) == ([("of-service", 7)], "of-service", "x")


def test_several_servers_have_one_port_or_one_each() -> None:
    assert _servers(_place("postgresql://a:1,b,[::1]:3/x")) == [("a", 1), ("b", 5432), ("::1", 3)]
    assert _servers(_place("postgresql://a,b/x?port=7")) == [("a", 7), ("b", 7)]
    assert _servers(_place("postgresql://a,b/x?port=7,8")) == [("a", 7), ("b", 8)]
    assert _servers(_place("postgresql:///x", {"PGHOST": "a,b", "PGPORT": "7,8"})) == [("a", 7), ("b", 8)]
    assert _servers(_place("postgresql:///x?host=/run/a,b&port=7")) == [("/run/a", 7), ("b", 7)]
    with pytest.raises(PostgresError, match="2 ports for 3 hosts"):
        _place("postgresql:///x", {"PGHOST": "a,b,c", "PGPORT": "7,8"})
    with pytest.raises(PostgresError, match="no number"):
        _place("postgresql:///x", {"PGPORT": "x"})


def test_an_address_beside_a_host_is_where_to_connect_and_the_host_is_who_answers(tmp_path: Path) -> None:
    passwords = tmp_path / ".pgpass"
    passwords.write_text("db.example:*:*:*:right\n10.0.0.1:*:*:*:wrong\n")
    passwords.chmod(0o600)
    (server,) = _place("postgresql://db.example/x?hostaddr=10.0.0.1", home=str(tmp_path)).servers
    assert (server.host, server.name, server.address) == ("10.0.0.1", "db.example", "10.0.0.1:5432")
    assert server.password is not None
    assert server.password.reveal() == "right"
    (server,) = _place("postgresql:///x?hostaddr=10.0.0.1").servers
    assert (server.host, server.name) == ("10.0.0.1", "")
    assert [(one.host, one.name) for one in _place("postgresql://a,b/x?hostaddr=10.0.0.1,").servers] == [("10.0.0.1", "a"), ("b", "")]
    with pytest.raises(PostgresError, match="2 addresses"):
        _place("postgresql://a/x?hostaddr=10.0.0.1,10.0.0.2")


def test_a_socket_is_named_with_its_port() -> None:
    (server,) = _place("postgresql://%2Frun%2Fpg:77/x").servers
    assert server.is_socket
    assert server.address == "/run/pg:77"
    assert _place("postgresql://[::1]/x").address == "[::1]:5432"


@pytest.mark.parametrize(
    ("url", "policy", "environ", "mode"),
    [
        ("postgresql://h", TlsPolicy.PREFER, {}, SslMode.PREFER),
        ("postgresql://h", TlsPolicy.PREFER, {"PGSSLMODE": "require"}, SslMode.REQUIRE),
        ("postgresql://h", TlsPolicy.VERIFY_FULL, {"PGSSLMODE": "disable"}, SslMode.VERIFY_FULL),
        ("postgresql://h", TlsPolicy.OFF, {"PGSSLMODE": "require"}, SslMode.DISABLE),
        ("postgresql://h?sslmode=disable", TlsPolicy.REQUIRE, {}, SslMode.REQUIRE),
        ("postgresql://h?sslmode=require", TlsPolicy.VERIFY_FULL, {}, SslMode.VERIFY_FULL),
        ("postgresql://h?sslmode=verify-full", TlsPolicy.REQUIRE, {}, SslMode.VERIFY_FULL),
        ("postgresql://h?sslmode=disable", TlsPolicy.PREFER, {}, SslMode.DISABLE),
        ("postgresql://h?sslmode=allow", TlsPolicy.VERIFY_FULL, {"PGSSLMODE": "require"}, SslMode.VERIFY_FULL),
        ("postgresql://h?sslmode=allow", TlsPolicy.OFF, {"PGSSLMODE": "require"}, SslMode.ALLOW),
    ],
)
def test_of_the_urls_own_mode_and_the_policy_the_stricter_holds_and_both_are_above_the_environment(
    url: str, policy: TlsPolicy, environ: Mapping[str, str], mode: SslMode
) -> None:
    assert _place(url, environ, policy).sslmode is mode


def test_options_that_change_nothing_here_are_passed_over_and_others_are_refused() -> None:
    place = _place("postgresql://h?application_name=x&keepalives=1&connect_timeout=3&pgbouncer=true&target_session_attrs=standby")
    assert (place.connect_seconds, place.pooled, place.attributes) == (3.0, True, Attributes.STANDBY)
    for option, hint in (("sslmod=x", "did you mean sslmode?"), ("zzzzzz=1", "leave it out")):
        with pytest.raises(PostgresError) as caught:
            _place(f"postgresql://h?{option}")
        assert caught.value.hint == hint
    for option in ("sslmode=x", "target_session_attrs=x", "connect_timeout=x"):
        with pytest.raises(PostgresError):
            _place(f"postgresql://h?{option}")


def test_verifying_the_issuer_needs_its_certificate() -> None:
    with pytest.raises(PostgresError) as caught:
        _place("postgresql://h?sslmode=verify-ca")
    assert "sslrootcert" in caught.value.hint
    assert _place("postgresql://h?sslmode=verify-full").sslmode is SslMode.VERIFY_FULL


def test_no_secret_shows_itself(tmp_path: Path) -> None:
    (tmp_path / ".pgpass").write_text("*:*:*:*:hunter2\n")
    (tmp_path / ".pgpass").chmod(0o600)
    for url in (
        "postgresql://u:hunter2@h/x",
        "postgresql://h/x?password=hunter2",
        "postgresql://h/x?sslpassword=hunter2",
        "postgresql://h",
    ):
        location = parse_location(url)
        place = find_place(Target(TargetId("t"), location), {"HOME": str(tmp_path), "PGPASSWORD": "hunter2"})
        assert "hunter2" not in repr(place) + repr(location) + location.redacted()
    assert "hunter2" not in repr(read_passwords(tmp_path / ".pgpass"))


def test_a_line_of_the_password_file_has_five_fields_with_escapes() -> None:
    assert password_line(r"h\:1:5432:d\\b:u:p:a\:s\\s") == PasswordLine("h:1", "5432", r"d\b", "u", "p")
    assert password_line(r"h:1:d:u:p\:a\:s\\s") == PasswordLine("h", "1", "d", "u", r"p:a:s\s")
    assert password_line("h:1:d:u:a\\") == PasswordLine("h", "1", "d", "u", "a\\")
    for text in ("", "# h:1:d:u:p", "h:1:d:u", "h:1:d:u:", "h:1:d:u::", "only"):
        assert password_line(text) is None


@given(*(st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1) for _ in range(5)))
def test_what_is_escaped_is_read_as_it_was(host: str, port: str, database: str, user: str, password: str) -> None:
    line = ":".join(field.replace("\\", "\\\\").replace(":", "\\:") for field in (host, port, database, user, password))
    if not line.startswith("#"):
        assert password_line(line) == PasswordLine(host, port, database, user, password)


def test_the_first_line_that_fits_has_the_password() -> None:
    lines = (("a", "*", "*", "*", "of a"), ("*", "1", "d", "*", "of 1 and d"), ("*", "*", "*", "u", "of u"))
    file = PasswordFile(tuple(PasswordLine(*line) for line in lines))
    assert file.password(("a",), 9, "x", "y") == "of a"
    assert file.password(("b",), 1, "d", "u") == "of 1 and d"
    assert file.password(("b",), 2, "d", "u") == "of u"
    assert file.password(("/run/pg", "a"), 2, "d", "z") == "of a"
    assert file.password(("b",), 2, "d", "z") is None


def test_a_password_file_must_be_closed_to_others(tmp_path: Path) -> None:
    file = tmp_path / "p"
    assert read_passwords(file) == PasswordFile()
    file.write_text("*:*:*:*:x\n\n#\nodd\n")
    file.chmod(0o640)
    assert read_passwords(file).lines == ()
    assert f"chmod 600 {file}" in read_passwords(file).remark
    file.chmod(0o600)
    assert len(read_passwords(file).lines) == 1
    assert read_passwords(tmp_path) == PasswordFile()


@pytest.mark.parametrize(
    ("option", "text", "hint"),
    [
        ("target_session_attrs=slave", "which is none of any, primary, standby", "change target_session_attrs in the URL"),
        ("target_session_attrs=stanby", "which is none of any, primary, standby", "did you mean standby?"),
        ("sslmode=verify_full", "which is none of disable, allow", "did you mean verify-full?"),
    ],
)
def test_a_word_that_an_option_does_not_know_is_refused_with_those_that_it_does(option: str, text: str, hint: str) -> None:
    with pytest.raises(PostgresError, match=text) as refused:
        _place(f"postgresql://h?{option}")
    assert refused.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("option", "variable", "hint"),
    [
        ("sslcrldir=/etc/crl", "PGSSLCRLDIR", "give the revoked certificates as one file: ?sslcrl=FILE"),
        ("channel_binding=require", "PGCHANNELBINDING", "leave it out, and use sslmode=verify-full"),
        ("require_auth=scram-sha-256", "PGREQUIREAUTH", "leave it out, and demand the method in the server's pg_hba.conf"),
        ("gssencmode=require", "PGGSSENCMODE", "leave it out, and use TLS"),
        ("sslcertmode=require", "PGSSLCERTMODE", "leave it out"),
        ("sslcertmode=disable", "PGSSLCERTMODE", "leave it out"),
    ],
)
def test_a_demand_that_would_not_be_kept_is_refused_wherever_it_is_written(option: str, variable: str, hint: str, tmp_path: Path) -> None:
    name, value = option.split("=")
    service = tmp_path / "service.conf"
    service.write_text(f"[strict]\nhost=h\n{option}\n")
    ways: tuple[tuple[str, Mapping[str, str]], ...] = (
        (f"postgresql://h?{option}", {}),
        ("postgresql://h", {variable: value}),
        ("postgresql://?service=strict", {"PGSERVICEFILE": str(service)}),
    )
    for url, environ in ways:
        with pytest.raises(PostgresError, match=rf"{name} \({variable}\) demands") as refused:
            _place(url, environ)
        assert refused.value.reason is FailureCode.UNSUPPORTED
        assert refused.value.hint.startswith(hint)


def test_a_demand_that_means_nothing_here_is_passed_over() -> None:
    assert _place("postgresql://h?sslmode=disable&sslcrldir=/etc/crl").sslmode is SslMode.DISABLE
    assert _place("postgresql://h?channel_binding=prefer&gssencmode=disable&sslcertmode=allow&requirepeer=postgres").servers[0].host == "h"
    with pytest.raises(PostgresError, match="requirepeer"):
        _place("postgresql:///shop?host=/run/postgresql&requirepeer=postgres")
    with pytest.raises(PostgresError, match="which is none of disable, prefer, require") as refused:
        _place("postgresql://h?channel_binding=requir")
    assert refused.value.hint == "did you mean require?"
