"""Where a pooler is and whom we are there, and what its refusals mean."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from aishell_core.engines.pgbouncer_errors import Spot, refused, unreachable, untrusted
from aishell_core.engines.pgbouncer_place import Place, place_of
from aishell_core.engines.postgres_place import SslMode
from aishell_core.targets import Target, TlsPolicy, default_name, parse_location
from aishell_core.values import FailureCode, TargetId

SPOT = Spot("10.0.0.5:6432", "watcher", has_password=True)


def place(url: str, environ: dict[str, str] | None = None, tls: TlsPolicy = TlsPolicy.PREFER) -> Place:
    return place_of(Target(TargetId("pooler"), parse_location(url), tls=tls), {"HOME": "/nonexistent", **(environ or {})})


def test_a_url_names_host_port_user_and_password() -> None:
    found = place("pgbouncer://watcher:secret@10.0.0.5:7000/")
    assert (found.host, found.port, found.user, found.address, found.local) == ("10.0.0.5", 7000, "watcher", "10.0.0.5:7000", False)
    assert found.password is not None
    assert found.password.reveal() == "secret"
    assert "secret" not in repr(found)


def test_the_port_is_the_poolers_own_unless_it_is_written() -> None:
    assert place("pgbouncer://watcher@db1/").address == "db1:6432"
    assert place("pgbouncer://watcher@[::1]/").address == "[::1]:6432"


def test_the_database_is_always_the_console() -> None:
    for url in ("pgbouncer://u@db1/", "pgbouncer://u@db1/shop", "pgbouncer://u@db1/?dbname=shop"):
        location = parse_location(url)
        assert location.database == "pgbouncer"
        assert default_name(location) == "pgbouncer@db1"


def test_a_folder_is_that_of_a_socket() -> None:
    found = place("pgbouncer://u@%2Frun%2Fpooler:6433/")
    assert (found.folder, found.address, found.local) == ("/run/pooler", "/run/pooler/.s.PGSQL.6433", True)


def test_user_and_password_come_from_the_environment_and_the_place_of_the_usual_server_does_not() -> None:
    environ = {"PGUSER": "ops", "PGPASSWORD": "secret", "PGHOST": "elsewhere", "PGPORT": "5432", "PGDATABASE": "shop", "PGSERVICE": "x"}
    found = place("pgbouncer://db1/", environ)
    assert (found.user, found.address) == ("ops", "db1:6432")
    assert found.password is not None


def test_the_password_file_is_asked_for_the_console(tmp_path: Path) -> None:
    passwords = tmp_path / ".pgpass"
    passwords.write_text("db1:6432:shop:u:wrong\ndb1:5432:pgbouncer:u:wrong\ndb1:6432:pgbouncer:u:right\n")
    passwords.chmod(0o600)
    found = place("pgbouncer://u@db1/", {"HOME": str(tmp_path)})
    assert found.password is not None
    assert found.password.reveal() == "right"


def test_a_mode_in_the_url_goes_before_the_targets_own_policy() -> None:
    assert place("pgbouncer://u@db1/?sslmode=verify-full", tls=TlsPolicy.OFF).tls is SslMode.VERIFY_FULL
    assert place("pgbouncer://u@db1/", tls=TlsPolicy.OFF).tls is SslMode.DISABLE
    assert place("pgbouncer://u@db1/", tls=TlsPolicy.REQUIRE).tls is SslMode.REQUIRE


# What the sources of 1.12 to 1.25 say when they let nobody in.
@pytest.mark.parametrize(
    ("words", "code", "told", "hint"),
    [
        ("not allowed", FailureCode.PRIVILEGE, "watcher may not use the console", "stats_users = watcher"),
        ("no such user: watcher", FailureCode.AUTHENTICATION, "knows no user watcher", "auth_file"),
        ('"trust" authentication failed', FailureCode.AUTHENTICATION, "knows no user watcher", "auth_file"),
        ("password authentication failed", FailureCode.AUTHENTICATION, "does not let watcher in", "auth_file"),
        ("SASL authentication failed", FailureCode.AUTHENTICATION, "does not let watcher in", "auth_file"),
        ("login rejected", FailureCode.AUTHENTICATION, "does not let watcher in", "auth_file"),
        ("SSL required", FailureCode.REFUSED, "SSL required", "tls: require"),
        ("TLS connection required", FailureCode.REFUSED, "TLS connection required", "tls: require"),
        ('database "pgbouncer" does not exist', FailureCode.UNSUPPORTED, "is a PostgreSQL server", "postgresql://"),
        ("bouncer config error", FailureCode.REFUSED, "says: bouncer config error", "log"),
    ],
)
def test_a_refusal_says_what_it_means_and_what_to_do(words: str, code: FailureCode, told: str, hint: str) -> None:
    error = refused(SPOT, words)
    assert error.reason is code
    assert told in error.message
    assert hint in error.hint


def test_a_missing_password_is_told_from_a_wrong_one_and_why_the_file_was_not_read() -> None:
    missing = Spot("db1:6432", "watcher")
    assert "none is given" in refused(missing, "password authentication failed").message
    assert ".pgpass" in refused(missing, "password authentication failed").hint
    closed = Spot("db1:6432", "watcher", remark="chmod 600 it")
    assert refused(closed, "password authentication failed").hint == "chmod 600 it"


@pytest.mark.parametrize(
    ("number", "code", "told"),
    [
        (errno.ECONNREFUSED, FailureCode.REFUSED, "refuses connections"),
        (errno.ENOENT, FailureCode.REFUSED, "there is no socket"),
        (errno.EACCES, FailureCode.PRIVILEGE, "may not be used"),
        (errno.EHOSTUNREACH, FailureCode.REFUSED, "cannot be reached: no route to host"),
    ],
)
def test_a_pooler_that_cannot_be_reached_says_how_far_one_came(number: int, code: FailureCode, told: str) -> None:
    error = unreachable(SPOT, OSError(number, "No route to host"))
    assert error.reason is code
    assert told in error.message
    assert error.hint


def test_a_file_of_certificates_that_is_not_there_is_named() -> None:
    error = untrusted(SPOT, FileNotFoundError(errno.ENOENT, "No such file", "/etc/ca.crt"))
    assert "/etc/ca.crt" in error.message
