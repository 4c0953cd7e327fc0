"""What the errors of a MySQL or MariaDB server mean in plain words, and what to do about them; all pure."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from aishell_core.errors import TargetError
from aishell_core.values import FailureCode


class ServerError(Exception):
    """What the server or the driver said: the server's error number (0 where no server has answered), and its words."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number
        self.message = message


class MysqlError(TargetError):
    """An error of a MySQL or MariaDB server for people; `number` is 0 where no server has answered."""

    def __init__(self, reason: FailureCode, message: str, hint: str = "", number: int = 0) -> None:
        super().__init__(reason, message, hint)
        self.number = number


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What a message names: the server's address, the database and the user; `remark` is what its settings leave to wish.

    `account` is the user and host that the server knows us by, "" before it has said so.
    """

    address: str
    database: str
    user: str
    remark: str = ""
    account: str = ""

    @property
    def grantee(self) -> str:
        """The account as it is written in a GRANT."""
        return quoted_account(self.account) if self.account else f"{quoted_text(self.user)}@'…'"


def quoted(name: str) -> str:
    """A name as it is written in a statement."""
    return "`" + name.replace("`", "``") + "`"


def quoted_text(text: str) -> str:
    """A text as a literal, whatever the SQL mode says of backslashes as long as it holds none."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def quoted_account(account: str) -> str:
    """An account such as `root@localhost` as it is written in a statement; the host stands behind the last @."""
    user, at, host = account.rpartition("@")
    return f"{quoted_text(user)}@{quoted_text(host)}" if at else quoted_text(host)


@dataclass(frozen=True, slots=True)
class _Saying:
    reason: FailureCode
    message: str
    hint: str = ""


_RETRY = "the next try follows by itself"
_NO_RIGHT = _Saying(FailureCode.PRIVILEGE, "user {user} may not do this: {said}", "{grant}")
_NO_ENTRY = _Saying(FailureCode.AUTHENTICATION, "{address} does not let user {user} in: {said}", "{secret}")
_NO_DATABASE = _Saying(
    FailureCode.MISSING, "{address} has no database {database}", "give the name of one that is there; SHOW DATABASES lists them"
)
_ABSENT = _Saying(FailureCode.MISSING, "{said}", "the server's version or a plugin that is not installed may be the reason")
_FULL = _Saying(
    FailureCode.REFUSED,
    "{address} has no connection left: {said}",
    "end idle sessions, or raise max_connections; aishell goes on with what it has",
)
_STOPPED = _Saying(FailureCode.TIMEOUT, "{address} stopped the question: {said}", _RETRY)
_LOCK_TIMEOUT = _Saying(
    FailureCode.LOCKED, "a lock that another session holds is in the way: {said}", "the Sessions screen shows who holds it; " + _RETRY
)
_CONSTRAINT = _Saying(FailureCode.CONFLICT, "a constraint of the data does not allow it: {said}")
_READ_ONLY = _Saying(FailureCode.UNSUPPORTED, "the statement writes, and nothing is written from here: {said}")
_GOING = _Saying(FailureCode.REFUSED, "{address} ended the connection: {said}", _RETRY)
_SAYINGS: Mapping[int, _Saying] = {
    # The numbers: https://mariadb.com/kb/en/mariadb-error-code-reference/ and the Server Error Message Reference of MySQL.
    1040: _FULL,
    1203: _FULL,
    1226: _Saying(
        FailureCode.REFUSED, "{address}: {said}", "raise the limit of the account: ALTER USER {account} WITH MAX_USER_CONNECTIONS 0;"
    ),
    1044: _NO_RIGHT,
    1045: _NO_ENTRY,
    1698: _NO_ENTRY,
    1049: _NO_DATABASE,
    1053: _GOING,
    1927: _GOING,
    1130: _Saying(
        FailureCode.AUTHENTICATION, "{address} takes no connections from here: {said}", "CREATE USER … for the host that its message names"
    ),
    1129: _Saying(FailureCode.REFUSED, "{address} has blocked this host: {said}", "run FLUSH HOSTS on the server"),
    1142: _NO_RIGHT,
    1143: _NO_RIGHT,
    1227: _NO_RIGHT,
    1370: _NO_RIGHT,
    1095: _NO_RIGHT,
    1410: _NO_RIGHT,
    1146: _ABSENT,
    1054: _ABSENT,
    1109: _ABSENT,
    1305: _ABSENT,
    1193: _ABSENT,
    1205: _LOCK_TIMEOUT,
    1213: _Saying(FailureCode.LOCKED, "{address} cancelled the statement to end a deadlock", "run it again"),
    3572: _LOCK_TIMEOUT,
    1317: _STOPPED,
    1969: _STOPPED,
    3024: _STOPPED,
    1028: _STOPPED,
    **dict.fromkeys((1048, 1062, 1216, 1217, 1451, 1452, 1557, 1586, 1761, 1762, 3819, 4025), _CONSTRAINT),
    1290: _Saying(FailureCode.UNSUPPORTED, "{address} does not allow this: {said}"),
    1792: _READ_ONLY,
    1064: _Saying(FailureCode.UNSUPPORTED, "{address} does not understand the statement: {said}"),
    1820: _Saying(FailureCode.AUTHENTICATION, "the password of user {user} has expired", "ALTER USER {account} IDENTIFIED BY '…';"),
    1862: _Saying(FailureCode.AUTHENTICATION, "the password of user {user} has expired", "ALTER USER {account} IDENTIFIED BY '…';"),
    3118: _Saying(FailureCode.AUTHENTICATION, "the account of user {user} is locked", "ALTER USER {account} ACCOUNT UNLOCK;"),
    4151: _Saying(FailureCode.AUTHENTICATION, "the account of user {user} is locked", "ALTER USER {account} ACCOUNT UNLOCK;"),
    3159: _Saying(FailureCode.REFUSED, "{address} wants TLS: {said}", "add ?ssl-mode=required to the URL"),
    2059: _Saying(
        FailureCode.AUTHENTICATION,
        "user {user} logs in by a method that aishell does not have: {said}",
        "give aishell an account of its own that uses mysql_native_password or caching_sha2_password",
    ),
    2061: _Saying(FailureCode.AUTHENTICATION, "the password of user {user} was not sent: {said}", "use TLS: ?ssl-mode=required in the URL"),
    1021: _Saying(FailureCode.REFUSED, "{address} has no space left on its disk: {said}", "make space before it stops"),
    1114: _Saying(FailureCode.REFUSED, "{address}: {said}", "make space before it stops"),
    1037: _Saying(FailureCode.REFUSED, "{address} is out of memory: {said}", "its log says why"),
    1038: _Saying(FailureCode.REFUSED, "{address} is out of memory: {said}", "its log says why"),
    1034: _Saying(FailureCode.DAMAGED, "{address} has found a damaged table: {said}", "restore a backup beside it, or CHECK TABLE"),
    1194: _Saying(FailureCode.DAMAGED, "{address} has found a damaged table: {said}", "restore a backup beside it, or CHECK TABLE"),
    1877: _Saying(FailureCode.DAMAGED, "{address} has found a damaged table: {said}", "restore a backup beside it, or CHECK TABLE"),
}
_NOT_KNOWN = _Saying(FailureCode.UNSUPPORTED, "{address}: {said}")
_BROKEN = _Saying(FailureCode.REFUSED, "the connection to {address} broke: {said}", _RETRY)
_SILENT = _Saying(FailureCode.REFUSED, "{address}: {said}", "does a MySQL or MariaDB server listen at this port?")
_WRONG_PASSWORD = "check the password in the URL, the configuration, MYSQL_PWD or ~/.my.cnf"  # noqa: S105
_NO_PASSWORD = "no password was given: set MYSQL_PWD, write it into [client] of ~/.my.cnf, or password: {env: NAME} into the configuration"  # noqa: S105
LOST = 2013
"""The driver's number for a connection that broke in the midst of a question."""

_FIRST_OF_CLIENT, _LAST_OF_CLIENT = 2000, 2999
_NOT_LOST = frozenset({2059, 2061})
"""A method that is not there, and a password that was not sent: the connection can do nothing for it."""
_OF_DATABASE = re.compile(r"for user '(.*)'@'(.*)' to database '(.+)'$")
_DENIED = re.compile(r"([A-Za-z][A-Za-z ,]*) command denied to user .+ for (table|column .+ in table|routine) (\S.*)$")
_NAME = re.compile(r"`((?:[^`]|``)+)`")
_NEEDED = re.compile(r"the (.+?) privilege\(?s?\)? for this operation")


def is_lost(number: int) -> bool:
    """Whether a connection is gone after this error: the driver's own errors, and a server that shuts down or threw us out."""
    return number in {0, 1053, 1927, 3169, 4031} or (_FIRST_OF_CLIENT <= number <= _LAST_OF_CLIENT and number not in _NOT_LOST)


def told(error: ServerError, where: Whereabouts, *, with_password: bool = True) -> MysqlError:
    """A server's error for people; what is not known by its number is quoted."""
    saying = _SAYINGS.get(error.number)
    if saying is None:
        saying = _SILENT if error.number == 0 else _BROKEN if is_lost(error.number) else _NOT_KNOWN
    words = {
        "address": where.address,
        "database": where.database,
        "user": where.user,
        "account": where.grantee,
        "said": " ".join(error.message.split()),
        "secret": where.remark or (_WRONG_PASSWORD if with_password else _NO_PASSWORD),
        "grant": grant_for(error.message, where),
    }
    return MysqlError(saying.reason, saying.message.format(**words), saying.hint.format(**words), error.number)


def grant_for(message: str, where: Whereabouts) -> str:
    """The statement that lifts a refusal, from the database, table or privilege that the server's message names; else the monitor's own."""
    denied = _OF_DATABASE.search(message)
    if denied is not None:
        # In a grant these signs stand for others unless they are escaped; the account here is that of the server's own table.
        name = re.sub(r"([_%\\])", r"\\\1", denied[3].replace("`", "``"))
        return f"GRANT SELECT ON `{name}`.* TO {quoted_text(denied[1])}@{quoted_text(denied[2])};"
    refused = _DENIED.search(" ".join(message.split()))
    if refused is not None:
        on = _database_of(refused[3], where) if refused[2] == "routine" else _table_of(refused[3], where)
        return f"GRANT {refused[1].upper()} ON {on} TO {where.grantee};"
    found = _NEEDED.search(message)
    needed = found[1] if found else "PROCESS"
    # A server names all that would do: `SUPER or CONNECTION_ADMIN`, `(at least one of) the SUPER, PROCESS`.
    choices = [each.strip() for each in re.split(r",| or ", needed) if each.strip()]
    best = next((each for each in choices if each != "SUPER"), choices[0] if choices else "PROCESS")
    return f"GRANT {best} ON *.* TO {where.grantee};"


def _table_of(said: str, where: Whereabouts) -> str:
    """The table that a message names: by `shop`.`users` (MariaDB), or as 'users' without its database (MySQL)."""
    names = [each.replace("``", "`") for each in _NAME.findall(said)] or [said.strip("'")]
    database = names[-2] if len(names) > 1 else where.database
    return f"{quoted(database)}.{quoted(names[-1])}" if database else f"….{quoted(names[-1])}"


def _database_of(said: str, where: Whereabouts) -> str:
    """All of the database of the routine that a message names: whether it is a function or a procedure it does not say."""
    database, dot, _ = said.strip("'").partition(".")
    return f"{quoted(database if dot else where.database)}.*"


def no_answer(where: Whereabouts, seconds_text: str, stage: str) -> MysqlError:
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
    return MysqlError(FailureCode.TIMEOUT, messages[stage], hints[stage])


def without_tls(where: Whereabouts) -> MysqlError:
    """TLS is wanted and the server has none; nothing secret was sent."""
    hint = "give the server a certificate (ssl_cert, ssl_key), or allow plain text by ?ssl-mode=preferred"
    return MysqlError(FailureCode.REFUSED, f"{where.address} offers no TLS", hint)


def certificate_unheard(where: Whereabouts) -> MysqlError:
    """The server hung up on a certificate of ours before it could be heard why."""
    message = f"{where.address} closed the connection when the client certificate had been shown"
    hint = "it may not accept the certificate (expired, or from an issuer that it does not know): its log may say why"
    return MysqlError(FailureCode.REFUSED, message, hint)


def unreachable(error: OSError, where: Whereabouts) -> MysqlError:
    """Why no connection came about, from what the operating system, the resolver or TLS said."""
    if isinstance(error, ssl.SSLError):
        return _tls(error, where)
    if isinstance(error, socket.gaierror):
        message = f"the host name of {where.address} is not known"
        return MysqlError(FailureCode.REFUSED, message, "check its spelling, and the resolver of this machine")
    number = _number(error)
    if number in {errno.ECONNREFUSED, errno.ENOENT} or isinstance(error, ConnectionRefusedError | FileNotFoundError):
        hint = "is the server running, and is this its port or socket?"
        return MysqlError(FailureCode.REFUSED, f"nothing listens at {where.address}", "; ".join(filter(None, (where.remark, hint))))
    if number in {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT}:
        return MysqlError(FailureCode.REFUSED, f"there is no way to {where.address}", "check the address, the network and the firewall")
    if number in {errno.EACCES, errno.EPERM}:
        return MysqlError(FailureCode.REFUSED, f"this user may not open {where.address}", "check the mode of the socket, or use TCP")
    message = f"{where.address} closed the connection at once" if isinstance(error, ConnectionError) else f"{where.address}: {error}"
    return MysqlError(FailureCode.REFUSED, message, "does a MySQL or MariaDB server listen at this port? " + _RETRY)


def _number(error: OSError) -> int | None:
    """The system's error number; several addresses of one host give an error that holds theirs in its text only."""
    if error.errno is not None:
        return error.errno
    found = re.search(r"\[Errno (\d+)\]", str(error))
    return int(found[1]) if found else None


_UNKNOWN_ISSUER = {18, 19, 20, 21, 2}
_OTHER_NAME = {62, 64}
_OWN_REFUSED = re.compile(r"alert (.*certificate.*|unknown ca)")
"""What a server says of a certificate of ours (the alerts of RFC 8446), as OpenSSL words it."""
_CERTIFICATE_TIMES = {10: "has expired", 9: "is not valid yet", 23: "has been revoked"}


def _tls(error: ssl.SSLError, where: Whereabouts) -> MysqlError:
    """What is wrong with the server's certificate (numbers of OpenSSL's X509_V_ERR_*), or with TLS as such."""
    code = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else None
    subject = f"the certificate of {where.address}"
    if code in _UNKNOWN_ISSUER:
        hint = "give the file of the issuer's certificate by ?ssl-ca=FILE"
        return MysqlError(FailureCode.REFUSED, f"{subject} comes from an issuer that is not known here", hint)
    if code in _OTHER_NAME:
        hint = "use the name that stands in the certificate, or check the issuer alone by ?ssl-mode=verify_ca"
        return MysqlError(FailureCode.REFUSED, f"{subject} was made for another host name", hint)
    if code in _CERTIFICATE_TIMES:
        hint = "the server needs a new one; is the clock of this machine right?"
        return MysqlError(FailureCode.REFUSED, f"{subject} {_CERTIFICATE_TIMES[code]}", hint)
    if code is not None and isinstance(error, ssl.SSLCertVerificationError):
        return MysqlError(FailureCode.REFUSED, f"{subject} cannot be trusted: {error.verify_message}", "check the certificates")
    # One that Python makes itself has no such field.
    reason = (getattr(error, "reason", None) or str(error)).replace("_", " ").lower()
    if (refusal := _OWN_REFUSED.search(reason)) is not None:
        message = f"{where.address} does not accept the client certificate: {refusal[1]}"
        hint = "give one that an issuer in the server's ssl_ca has signed and that is still valid: ?ssl-cert=FILE&ssl-key=FILE"
        return MysqlError(FailureCode.AUTHENTICATION, message, hint)
    return MysqlError(FailureCode.REFUSED, f"TLS with {where.address} fails: {reason}", "check certificate, key and protocol version")


def none_of(errors: list[MysqlError]) -> MysqlError:
    """One error from those of several servers; the first one's reason and hint stand for all."""
    if len(errors) == 1:
        return errors[0]
    message = "none of the servers can be used: " + "; ".join(dict.fromkeys(error.message for error in errors))
    return MysqlError(errors[0].reason, message, errors[0].hint, errors[0].number)
