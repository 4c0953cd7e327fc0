"""What the errors of an Oracle server and of its driver mean in plain words, and what to do about them; all pure."""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from aishell_core.engines.oracle_wire import ServerError
from aishell_core.errors import TargetError
from aishell_core.values import FailureCode


class OracleError(TargetError):
    """An error of an Oracle server for people; `number` is that of the ORA error, 0 where the server has said none.

    `lost` tells that there is no connection, or none any more, rather than that the server refused something.
    """

    def __init__(self, reason: FailureCode, message: str, hint: str = "", number: int = 0, *, lost: bool = False) -> None:
        super().__init__(reason, message, hint)
        self.number = number
        self.lost = lost


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What a message names: the server's address, the service and the user."""

    address: str
    service: str
    user: str

    @property
    def grantee(self) -> str:
        """The user as it is written in a GRANT."""
        return quoted(self.user) if self.user else "…"


_PLAIN_NAME = re.compile(r"[A-Z][A-Z0-9_$#]*")


def quoted(name: str) -> str:
    """A name as it is written in a statement; one that the server itself would fold to the same stands without quotes."""
    return name if _PLAIN_NAME.fullmatch(name) else '"' + name.replace('"', "") + '"'


@dataclass(frozen=True, slots=True)
class _Saying:
    reason: FailureCode
    message: str
    hint: str = ""


_RETRY = "the next try follows by itself"
_BROKEN = _Saying(FailureCode.REFUSED, "the connection to {address} broke: {said}", _RETRY)
_DOWN = _Saying(FailureCode.REFUSED, "the database at {address} is not open: {said}", "STARTUP; in SQL*Plus opens it; " + _RETRY)
_NO_RIGHT = _Saying(FailureCode.PRIVILEGE, "user {user} may not do this: {said}", "GRANT SELECT_CATALOG_ROLE TO {grantee};")
_FULL = _Saying(
    FailureCode.REFUSED,
    "{address} has no session left: {said}",
    "end idle sessions, or raise processes and sessions; aishell goes on with what it has",
)
_EXPIRED = _Saying(FailureCode.AUTHENTICATION, "the password of user {user} has expired", "ALTER USER {grantee} IDENTIFIED BY …;")
_CONSTRAINT = _Saying(FailureCode.CONFLICT, "a constraint of the data does not allow it: {said}")
_BAD_SQL = _Saying(FailureCode.UNSUPPORTED, "{address} does not understand the statement: {said}")
_NO_SERVICE = _Saying(
    FailureCode.MISSING,
    "the listener at {address} knows no service {service}",
    "lsnrctl services on the server lists what there is; a SID is written ?sid=NAME",
)
_TLS = _Saying(
    FailureCode.REFUSED, "TLS with {address} fails: {said}", "check the wallet (?wallet_location=FOLDER) and the server's certificate"
)
_STOPPED = _Saying(FailureCode.TIMEOUT, "{address} stopped the question at its deadline", _RETRY)
_ALIAS = _Saying(FailureCode.MISSING, "the net service name {service} is not known: {said}", "set TNS_ADMIN to the folder of tnsnames.ora")
_LOCKED_ROW = _Saying(
    FailureCode.LOCKED, "a lock that another session holds is in the way: {said}", "the Sessions screen shows who holds it"
)

# The numbers: Oracle Database Error Messages, and the driver's own list of errors (DPY).
_SAYINGS: Mapping[str, _Saying] = {
    "ORA-01017": _Saying(
        FailureCode.AUTHENTICATION, "{address} does not let user {user} in: wrong user or password", "check both, and the service {service}"
    ),
    "ORA-01045": _Saying(FailureCode.AUTHENTICATION, "user {user} may not connect", "GRANT CREATE SESSION TO {grantee};"),
    "ORA-28000": _Saying(FailureCode.AUTHENTICATION, "the account of user {user} is locked", "ALTER USER {grantee} ACCOUNT UNLOCK;"),
    "ORA-28001": _EXPIRED,
    "ORA-28002": _EXPIRED,
    "ORA-01005": _Saying(FailureCode.AUTHENTICATION, "no password was given for user {user}", "write it into the configuration: password"),
    "DPY-4001": _Saying(
        FailureCode.AUTHENTICATION,
        "no user or no password was given for {address}",
        "write them into the URL, or password: {{env: NAME}} into the configuration",
    ),
    "DPY-3015": _Saying(
        FailureCode.AUTHENTICATION,
        "the password of user {user} is stored in a form that is too old: {said}",
        "ALTER USER {grantee} IDENTIFIED BY …; stores it anew, with SQLNET.ALLOWED_LOGON_VERSION_SERVER of 11 or more",
    ),
    "DPY-3010": _Saying(
        FailureCode.UNSUPPORTED, "{address} is older than 12.1, which the driver cannot talk to", "19c and later are watched"
    ),
    "DPY-3001": _Saying(
        FailureCode.UNSUPPORTED,
        "{address} wants what the driver's thin mode has not: {said}",
        "native network encryption needs TLS instead",
    ),
    "ORA-12514": _NO_SERVICE,
    "ORA-12505": _Saying(
        FailureCode.MISSING,
        "the listener at {address} knows no instance {service}",
        "a service is written behind the host: oracle://user@host/NAME",
    ),
    "ORA-12504": _Saying(
        FailureCode.MISSING, "the listener at {address} wants the name of a service", "write oracle://user@host:port/SERVICE"
    ),
    "DPY-6001": _NO_SERVICE,
    "DPY-6003": _Saying(
        FailureCode.MISSING,
        "the listener at {address} knows no instance {service}",
        "a service is written behind the host: oracle://user@host/NAME",
    ),
    "ORA-12541": _Saying(FailureCode.REFUSED, "nothing listens at {address}", "lsnrctl start on the server; is this its port?"),
    "ORA-12516": _FULL,
    "ORA-12518": _FULL,
    "ORA-12519": _FULL,
    "ORA-12520": _FULL,
    "ORA-00018": _FULL,
    "ORA-00020": _FULL,
    "ORA-02391": _Saying(
        FailureCode.REFUSED, "user {user} has all the sessions that its profile allows", "raise SESSIONS_PER_USER of its profile"
    ),
    "ORA-12526": _DOWN,
    "ORA-12527": _DOWN,
    "ORA-12528": _DOWN,
    "ORA-01033": _DOWN,
    "ORA-01034": _DOWN,
    "ORA-01089": _DOWN,
    "ORA-01090": _DOWN,
    "ORA-01109": _DOWN,
    "ORA-01219": _DOWN,
    "ORA-01035": _Saying(
        FailureCode.AUTHENTICATION,
        "{address} is in restricted mode, and user {user} may not enter",
        "GRANT RESTRICTED SESSION TO {grantee}; or ALTER SYSTEM DISABLE RESTRICTED SESSION;",
    ),
    "ORA-01031": _NO_RIGHT,
    "ORA-41900": _NO_RIGHT,
    "ORA-00942": _Saying(FailureCode.MISSING, "{said}", "it is not there, or nobody has granted it: GRANT SELECT ON … TO {grantee};"),
    "ORA-02030": _Saying(FailureCode.PRIVILEGE, "{said}", "GRANT SELECT_CATALOG_ROLE TO {grantee};"),
    "ORA-00904": _Saying(FailureCode.MISSING, "{said}", "the server's version may lack it"),
    "ORA-04043": _Saying(FailureCode.MISSING, "{said}"),
    "ORA-00054": _LOCKED_ROW,
    "ORA-04021": _LOCKED_ROW,
    "ORA-30006": _LOCKED_ROW,
    "ORA-00060": _Saying(FailureCode.LOCKED, "{address} undid the statement to end a deadlock", "run it again"),
    "ORA-01013": _STOPPED,
    "DPY-4024": _STOPPED,
    "ORA-01555": _Saying(
        FailureCode.UNSUPPORTED, "old row versions that the statement needs are gone: {said}", "run it when less changes, or enlarge undo"
    ),
    **dict.fromkeys(("ORA-00001", "ORA-01400", "ORA-01407", "ORA-02290", "ORA-02291", "ORA-02292"), _CONSTRAINT),
    "ORA-16000": _Saying(FailureCode.UNSUPPORTED, "the database is open for reading only: {said}"),
    "ORA-01456": _Saying(FailureCode.UNSUPPORTED, "the statement writes, and nothing is written from here: {said}"),
    "ORA-00900": _BAD_SQL,
    "ORA-00933": _BAD_SQL,
    "ORA-00923": _BAD_SQL,
    "ORA-00936": _BAD_SQL,
    "ORA-00911": _BAD_SQL,
    "ORA-01652": _Saying(FailureCode.REFUSED, "{address} has no room for what the statement sorts: {said}", "add a file to the tablespace"),
    "ORA-00257": _Saying(
        FailureCode.REFUSED,
        "{address} waits because its redo log cannot be archived: {said}",
        "make room in the recovery area (RMAN: DELETE ARCHIVELOG …), or raise db_recovery_file_dest_size",
    ),
    "ORA-00028": _Saying(FailureCode.REFUSED, "somebody ended aishell's session at {address}", _RETRY),
    "ORA-02396": _Saying(FailureCode.REFUSED, "{address} ended aishell's session because it was idle too long", _RETRY),
    "ORA-12170": _Saying(
        FailureCode.TIMEOUT, "{address} gave no connection in time", "it hangs, or the way there swallows packets; " + _RETRY
    ),
    "DPY-4000": _ALIAS,
    "DPY-4026": _ALIAS,
    "DPY-4027": _ALIAS,
    "DPY-2018": _Saying(FailureCode.MISSING, "the wallet has no file ewallet.pem: {said}", "orapki or the cloud's download makes one"),
    "DPY-6002": _TLS,
    "DPY-6008": _TLS,
    "DPY-4011": _BROKEN,
    "DPY-1001": _BROKEN,
    "ORA-03113": _BROKEN,
    "ORA-03114": _BROKEN,
    "ORA-03135": _BROKEN,
    "ORA-12537": _BROKEN,
    "ORA-12547": _BROKEN,
    "ORA-12571": _BROKEN,
    "DPY-2066": _Saying(FailureCode.UNSUPPORTED, "there is no statement", "give one"),
    "DPY-4009": _Saying(FailureCode.UNSUPPORTED, "the statement has another number of values than were given: {said}"),
    "DPY-4010": _Saying(FailureCode.UNSUPPORTED, "the values of the statement are not known: {said}", "write them in"),
}
_NOT_KNOWN = _Saying(FailureCode.UNSUPPORTED, "{address}: {said}")
_NO_ORACLE = _Saying(
    FailureCode.REFUSED, "{address} does not answer as an Oracle listener: {said}", "does one listen at this port? " + _RETRY
)
NOT_ORACLE = "not Oracle"
"""The code of an answer that is no Oracle server's."""

_UNREACHABLE = "DPY-6005"
_ENDED = "DPY-4011"
_CODE = re.compile(r"\b(ORA-\d{5}|DPY-\d{4}|TNS-\d{5})\b")
_LOST = frozenset({28, 1012, 1041, 1089, 1092, 2396, 3113, 3114, 3135, 12537, 12547, 12571})
_OS_ERROR = re.compile(r"\[Errno (-?\d+)\]")
_BARRED = frozenset({942, 1031, 2030, 41900})
"""Errors by which a server hides a view from a user: it is not there for it, or not granted."""


def is_barred(error: TargetError) -> bool:
    """Whether a server keeps a view of its own from the user."""
    return getattr(error, "number", 0) in _BARRED


def is_lost(number: int) -> bool:
    """Whether a session is gone after this ORA error."""
    return number in _LOST


def told(fault: ServerError, where: Whereabouts) -> OracleError:
    """A server's or driver's error for people; what is not known by its code is quoted.

    Failing to connect is told by what is named within it: the listener's refusal, or the system's error.
    """
    codes = _CODE.findall(f"{fault.code} {fault.message}")
    if fault.code == NOT_ORACLE:
        return _said(_NO_ORACLE, fault, where)
    if fault.code == _UNREACHABLE or _UNREACHABLE in codes:
        return _unreached(fault, codes, where)
    # The driver calls the end of a connection by one code of its own; why it ended stands behind it.
    known = sorted((code for code in codes if code in _SAYINGS), key=lambda code: code == _ENDED)
    saying = _SAYINGS[known[0]] if known else _BROKEN if fault.lost else _NOT_KNOWN
    return _said(saying, fault, where)


def _said(saying: _Saying, fault: ServerError, where: Whereabouts) -> OracleError:
    words = {
        "address": where.address,
        "service": where.service,
        "user": where.user,
        "grantee": where.grantee,
        "said": plain(fault.message),
    }
    number = fault.number or _number_in(fault.message)
    return OracleError(saying.reason, saying.message.format(**words), saying.hint.format(**words), number, lost=fault.lost)


def _unreached(fault: ServerError, codes: list[str], where: Whereabouts) -> OracleError:
    for code in reversed(codes):
        if code in _SAYINGS and code != _ENDED:
            return _said(_SAYINGS[code], fault, where)
    found = _OS_ERROR.search(fault.message)
    if found is not None:
        return unreachable(OSError(int(found[1]), fault.message), where)
    if "ssl" in fault.message.lower() or "certificate" in fault.message.lower():
        return _said(_TLS, fault, where)
    if _ENDED in codes:
        return OracleError(FailureCode.REFUSED, f"{where.address} closed the connection at once", _NO_ORACLE.hint, lost=True)
    return _said(_NO_ORACLE, fault, where)


def plain(message: str) -> str:
    """An error's words in one line, without the links to a manual that the driver adds."""
    lines = [line.strip() for line in message.splitlines() if not line.startswith("Help:")]
    return " ".join(" ".join(lines).split())


def _number_in(message: str) -> int:
    found = re.search(r"\bORA-(\d{5})\b", message)
    return int(found[1]) if found else 0


def no_answer(where: Whereabouts, seconds_text: str, stage: str) -> OracleError:
    """The deadline has passed while we were at a stage: connecting, asking, or waiting for our own earlier question."""
    messages = {
        "connecting": f"{where.address} gave no connection within {seconds_text}",
        "asking": f"{where.address} gave no answer within {seconds_text}",
        "waiting": f"{where.address} is still busy with an earlier question after {seconds_text}",
    }
    hints = {
        "connecting": "it hangs, or the way there swallows packets; " + _RETRY,
        "asking": "it hangs or is overloaded; the connection was given up, and the next question makes a new one",
        "waiting": _RETRY,
    }
    return OracleError(FailureCode.TIMEOUT, messages[stage], hints[stage], lost=True)


def unreachable(error: OSError, where: Whereabouts) -> OracleError:
    """Why no connection came about, from what the operating system or the resolver said."""
    number = error.errno
    if isinstance(error, socket.gaierror) or (number is not None and number < 0):
        message = f"the host name of {where.address} is not known"
        return OracleError(FailureCode.REFUSED, message, "check its spelling, and the resolver of this machine", lost=True)
    if number == errno.ECONNREFUSED:
        hint = "is the listener running (lsnrctl status), and is this its port?"
        return OracleError(FailureCode.REFUSED, f"nothing listens at {where.address}", hint, lost=True)
    if number in {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT}:
        hint = "check the address, the network and the firewall"
        return OracleError(FailureCode.REFUSED, f"there is no way to {where.address}", hint, lost=True)
    return OracleError(FailureCode.REFUSED, f"{where.address}: {plain(str(error))}", _NO_ORACLE.hint, lost=True)


def no_driver() -> OracleError:
    """The driver is not installed."""
    return OracleError(
        FailureCode.UNSUPPORTED, "Oracle needs the driver oracledb, which is not installed", "pip install 'aishell-tui[oracle]'"
    )
