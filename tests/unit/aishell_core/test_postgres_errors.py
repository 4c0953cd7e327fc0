"""What errors of a PostgreSQL server mean in words."""

import errno
import socket
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines.postgres_errors import ServerError, Whereabouts, no_answer, none_of, told, unfit, unreachable
from aishell_core.values import FailureCode

_WHERE = Whereabouts("db.example:5432", "shop", 'o"dd')


@pytest.mark.parametrize(
    ("state", "reason", "said", "hint"),
    [
        ("28P01", FailureCode.AUTHENTICATION, 'does not accept the password of role "o""dd"', "check the password"),
        ("28000", FailureCode.AUTHENTICATION, "does not let role", "pg_hba.conf"),
        ("3D000", FailureCode.MISSING, "has no database shop", "give the name"),
        ("53300", FailureCode.REFUSED, "has no connection left", "max_connections"),
        ("53400", FailureCode.REFUSED, "out of resources", "log"),
        ("57P03", FailureCode.REFUSED, "takes no connections now", "next try"),
        ("57P01", FailureCode.REFUSED, "ended the connection", "next try"),
        ("57P02", FailureCode.REFUSED, "recovers from a crash", "log"),
        ("57P04", FailureCode.MISSING, "has been dropped", "give the name"),
        ("57014", FailureCode.TIMEOUT, "stopped the question", "next try"),
        ("55P03", FailureCode.LOCKED, "lock that another session holds", "Sessions"),
        ("40001", FailureCode.LOCKED, "cancelled the question", "next try"),
        ("40P01", FailureCode.LOCKED, "conflict with recovery", "next try"),
        ("42501", FailureCode.PRIVILEGE, "may not do this", 'GRANT pg_monitor TO "o""dd";'),
        ("42P01", FailureCode.MISSING, "in database shop", "version"),
        ("42883", FailureCode.MISSING, "in database shop", "extension"),
        ("42601", FailureCode.UNSUPPORTED, "does not understand", ""),
        ("0A000", FailureCode.UNSUPPORTED, "does not support this", ""),
        ("25006", FailureCode.UNSUPPORTED, "writes", ""),
        ("08006", FailureCode.REFUSED, "broke", "next try"),
        ("08P01", FailureCode.REFUSED, "breaks off", "pooler"),
        ("58030", FailureCode.DAMAGED, "own files", "log"),
        ("XX001", FailureCode.DAMAGED, "damaged data", "backup"),
        ("XX000", FailureCode.REFUSED, "db.example:5432: what it said", ""),
        ("", FailureCode.REFUSED, "what it said", ""),
    ],
)
def test_each_state_has_a_reason_words_and_what_to_do(state: str, reason: FailureCode, said: str, hint: str) -> None:
    error = told(ServerError(state, "what it said"), _WHERE)
    assert (error.reason, error.sqlstate) == (reason, state)
    assert said in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    ("message", "reason", "hint"),
    [
        ("SASL authentication failed", FailureCode.AUTHENTICATION, "check the password"),
        ("server login has been failing, try again later (server_login_retry)", FailureCode.REFUSED, "the pooler's log"),
        ("server login has been failing, cached error: no (server_login_retry)", FailureCode.REFUSED, "the pooler's log"),
        ("no such user: x", FailureCode.AUTHENTICATION, "auth_file"),
        ("no such database: x", FailureCode.MISSING, "psql --list"),
        ("no more connections allowed (max_client_conn)", FailureCode.REFUSED, "max_client_conn"),
        ('too many connections for role "x"', FailureCode.REFUSED, 'ALTER ROLE "x" CONNECTION LIMIT n;'),
        ("unexpected response from login query", FailureCode.REFUSED, "listen at this port"),
    ],
)
def test_what_a_pooler_says_with_one_code_for_all_is_told_apart_by_its_words(message: str, reason: FailureCode, hint: str) -> None:
    error = told(ServerError("08P01", message), _WHERE)
    assert (error.reason, error.sqlstate) == (reason, "08P01")
    assert hint in error.hint
    assert message in error.message or reason in {FailureCode.AUTHENTICATION, FailureCode.MISSING}


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("no pg_hba.conf entry for host 1.2.3.4, no encryption", "sslmode=require"),
        ("connection requires a valid client certificate", "sslcert"),
        ('role "x" does not exist', "role that is there"),
        ('role "x" is not permitted to log in', "ALTER ROLE"),
    ],
)
def test_why_somebody_is_not_let_in_decides_what_to_do(message: str, hint: str) -> None:
    assert hint in told(ServerError("28000", message), _WHERE).hint


def test_a_missing_password_is_not_called_a_wrong_one() -> None:
    assert "no password was given" in told(ServerError("28P01", "x"), _WHERE, with_password=False).hint
    remark = Whereabouts("h:1", "d", "u", remark="chmod 600 /home/u/.pgpass")
    assert told(ServerError("28P01", "x"), remark, with_password=False).hint == "chmod 600 /home/u/.pgpass"


@given(st.text(max_size=5), st.text(), st.text(), st.text())
def test_any_error_of_a_server_becomes_words(state: str, message: str, detail: str, hint: str) -> None:
    error = told(ServerError(state, message, detail, hint), _WHERE)
    assert error.message
    assert "\n" not in error.message


def _certificate(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "unable to get certificate CRL"
    return error


@pytest.mark.parametrize(
    ("error", "said", "hint"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "nothing listens at db.example:5432", "running"),
        (OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 1), [Errno 111] x"), "nothing listens", "running"),
        (FileNotFoundError(errno.ENOENT, "x"), "nothing listens", "running"),
        (PermissionError(errno.EACCES, "x"), "may not open", "mode"),
        (OSError(errno.EHOSTUNREACH, "x"), "no way to", "firewall"),
        (TimeoutError(errno.ETIMEDOUT, "x"), "no way to", "firewall"),
        (socket.gaierror(-2, "Name or service not known"), "host name of db.example:5432 is not known", "spelling"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "closed the connection at once", "port"),
        (OSError("something odd"), "something odd", ""),
        (ConnectionError('PostgreSQL server at "h:1" rejected SSL upgrade'), "offers no TLS", "sslmode=prefer"),
        (_certificate(20), "issuer that is not known", "sslrootcert"),
        (_certificate(18), "issuer that is not known", "sslrootcert"),
        (_certificate(62), "another host name", "verify-ca"),
        (_certificate(64), "does not have this address in its subjectAltName", "verify-ca"),
        (_certificate(10), "has expired", "clock"),
        (_certificate(9), "is not valid yet", "clock"),
        (_certificate(23), "has been revoked", ""),
        (_certificate(3), "cannot be trusted: unable to get certificate CRL", "check"),
        (ssl.SSLError(1, "[SSL] x"), "TLS with db.example:5432 fails", "protocol"),
    ],
)
def test_a_connection_that_does_not_come_about_says_why(error: OSError, said: str, hint: str) -> None:
    found = unreachable(error, _WHERE)
    assert found.reason is FailureCode.REFUSED
    assert said in found.message
    assert hint in found.hint


@pytest.mark.parametrize(("stage", "said"), [("connecting", "no connection"), ("asking", "no answer"), ("waiting", "busy")])
def test_a_deadline_says_what_was_waited_for(stage: str, said: str) -> None:
    error = no_answer(_WHERE, "2.0s", stage)
    assert error.reason is FailureCode.TIMEOUT
    assert said in error.message
    assert "2.0s" in error.message


def test_a_place_in_a_poolers_queue_is_told_the_same_however_often_it_is_asked_for() -> None:
    error = no_answer(_WHERE, "1.9s", "queued")
    assert error.reason is FailureCode.TIMEOUT
    assert str(error) == str(no_answer(_WHERE, "1.4s", "queued"))
    assert "keeps the place" in error.hint
    assert "a command that has ended leaves its place behind" in error.hint


def test_several_servers_are_told_in_one_error() -> None:
    one, other = unfit("a standby", _WHERE, "primary"), no_answer(Whereabouts("h2:1", "", ""), "1.0s", "connecting")
    error = none_of([one, other, one])
    assert error.message.count("a standby") == 1
    assert "h2:1 gave no connection" in error.message
    assert (error.reason, error.hint) == (one.reason, one.hint)
    assert none_of([other]) is other


def test_the_console_of_a_pooler_is_named_with_its_url() -> None:
    """Who gives a database's URL for it gets the one that works."""
    refused = ServerError("08P01", "extended query protocol not supported by admin console")
    assert "pgbouncer://" in told(refused, Whereabouts("h:6432", "pgbouncer", "u")).hint
