"""What the errors of an Oracle server and its driver become."""

from __future__ import annotations

import errno
import socket

import pytest

from aishell_core.engines.oracle_errors import NOT_ORACLE, OracleError, Whereabouts, is_barred, no_driver, quoted, told, unreachable
from aishell_core.engines.oracle_wire import ServerError
from aishell_core.values import FailureCode

WHERE = Whereabouts("db1:1521", "shop", "MONITOR")
_HELP = "\nHelp: https://docs.oracle.com/error-help/db/ora-01017/"


@pytest.mark.parametrize(
    ("number", "code", "message", "reason", "says", "hint"),
    [
        (
            1017,
            "ORA-01017",
            f"ORA-01017: invalid username/password; logon denied{_HELP}",
            FailureCode.AUTHENTICATION,
            "wrong user or password",
            "shop",
        ),
        (
            28000,
            "ORA-28000",
            "ORA-28000: The account is locked.",
            FailureCode.AUTHENTICATION,
            "MONITOR is locked",
            "ALTER USER MONITOR ACCOUNT UNLOCK;",
        ),
        (
            28001,
            "ORA-28001",
            "ORA-28001: the password has expired",
            FailureCode.AUTHENTICATION,
            "expired",
            "ALTER USER MONITOR IDENTIFIED BY",
        ),
        (
            1045,
            "ORA-01045",
            "ORA-01045: lacks CREATE SESSION privilege",
            FailureCode.AUTHENTICATION,
            "may not connect",
            "GRANT CREATE SESSION TO MONITOR;",
        ),
        (
            1005,
            "DPY-4001",
            "DPY-4001: no credentials specified",
            FailureCode.AUTHENTICATION,
            "no user or no password",
            "password: {env: NAME}",
        ),
        (
            0,
            "DPY-6001",
            "DPY-6001: Service is not registered with the listener. (Similar to ORA-12514)",
            FailureCode.MISSING,
            "no service shop",
            "?sid=",
        ),
        (0, "DPY-6005", "DPY-6005: cannot connect\nDPY-6001: Service is not registered", FailureCode.MISSING, "no service shop", "lsnrctl"),
        (12514, "ORA-12514", "ORA-12514: TNS:listener does not know of service", FailureCode.MISSING, "no service shop", "lsnrctl"),
        (12541, "ORA-12541", "ORA-12541: TNS:no listener", FailureCode.REFUSED, "nothing listens at db1:1521", "lsnrctl start"),
        (12528, "ORA-12528", "ORA-12528: all appropriate instances are blocking", FailureCode.REFUSED, "is not open", "STARTUP"),
        (1034, "ORA-01034", "ORA-01034: ORACLE not available", FailureCode.REFUSED, "is not open", "STARTUP"),
        (20, "ORA-00020", "ORA-00020: maximum number of processes (300) exceeded", FailureCode.REFUSED, "no session left", "processes"),
        (
            1031,
            "ORA-01031",
            "ORA-01031: insufficient privileges",
            FailureCode.PRIVILEGE,
            "may not do this",
            "GRANT SELECT_CATALOG_ROLE TO MONITOR;",
        ),
        (
            942,
            "ORA-00942",
            'ORA-00942: table or view "X" does not exist',
            FailureCode.MISSING,
            "does not exist",
            "GRANT SELECT ON … TO MONITOR;",
        ),
        (3113, "DPY-4011", "DPY-4011: the database closed\nORA-03113: end-of-file", FailureCode.REFUSED, "broke", "next try"),
        (3135, "DPY-4011", "ORA-03135: connection lost contact", FailureCode.REFUSED, "broke", "next try"),
        (0, "DPY-4011", "DPY-4011: the database or network closed the connection", FailureCode.REFUSED, "broke", "next try"),
        (28, "DPY-4011", "ORA-00028: your session has been killed", FailureCode.REFUSED, "ended aishell's session", "next try"),
        (0, "DPY-4024", "DPY-4024: call timeout of 1500 ms exceeded", FailureCode.TIMEOUT, "at its deadline", "next try"),
        (1013, "ORA-01013", "ORA-01013: user requested cancel of current operation", FailureCode.TIMEOUT, "at its deadline", "next try"),
        (257, "ORA-00257", "ORA-00257: Archiver error", FailureCode.REFUSED, "cannot be archived", "RMAN"),
        (1456, "ORA-01456", "ORA-01456: may not perform insert/delete/update", FailureCode.UNSUPPORTED, "nothing is written", ""),
        (
            0,
            "DPY-3015",
            "DPY-3015: password verifier type 0x939 is not supported",
            FailureCode.AUTHENTICATION,
            "too old",
            "ALTER USER MONITOR",
        ),
        (0, "DPY-4027", "DPY-4027: no configuration directory specified", FailureCode.MISSING, "net service name shop", "TNS_ADMIN"),
        (0, "DPY-6005", "DPY-6005: cannot connect\n[Errno 111] Connect call failed", FailureCode.REFUSED, "nothing listens", "lsnrctl"),
        (
            0,
            "DPY-6005",
            "DPY-6005: cannot connect\n[SSL: CERTIFICATE_VERIFY_FAILED] self-signed",
            FailureCode.REFUSED,
            "TLS with db1:1521",
            "wallet",
        ),
        (
            0,
            "DPY-6005",
            "DPY-6005: cannot connect\nDPY-4011: the database closed",
            FailureCode.REFUSED,
            "closed the connection at once",
            "listen",
        ),
        (
            0,
            NOT_ORACLE,
            "it begins with HTTP/1.1",
            FailureCode.REFUSED,
            "does not answer as an Oracle listener: it begins with HTTP",
            "listen",
        ),
        (12345, "ORA-12345", "ORA-12345: something new", FailureCode.UNSUPPORTED, "something new", ""),
    ],
)
def test_an_error_says_what_happened_and_what_to_do(
    number: int, code: str, message: str, reason: FailureCode, says: str, hint: str
) -> None:
    error = told(ServerError(number, code, message), WHERE)
    assert error.reason is reason
    assert says in error.message
    assert hint in error.hint
    assert "https://" not in error.message


def test_what_hides_a_view_is_told_apart() -> None:
    assert all(is_barred(OracleError(FailureCode.MISSING, "", "", number)) for number in (942, 1031, 2030, 41900))
    assert not is_barred(OracleError(FailureCode.MISSING, "", "", 904))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (socket.gaierror(-2, "Name or service not known"), "host name of db1:1521 is not known"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "no way to db1:1521"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "nothing listens"),
    ],
)
def test_what_the_system_says_is_told_in_words(error: OSError, says: str) -> None:
    assert says in unreachable(error, WHERE).message


def test_a_missing_driver_says_how_to_install_it() -> None:
    assert no_driver().hint == "pip install 'aishell-tui[oracle]'"


@pytest.mark.parametrize(("name", "written"), [("MONITOR", "MONITOR"), ("c##mon", '"c##mon"'), ("C##MON", "C##MON"), ('a"b', '"ab"')])
def test_a_name_is_quoted_where_the_server_would_change_it(name: str, written: str) -> None:
    assert quoted(name) == written
