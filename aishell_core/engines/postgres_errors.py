"""What the errors of a PostgreSQL server mean in plain words, and what to do about them; all pure."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from aishell_core.engines.postgres_pooler_words import meaning_of
from aishell_core.errors import ConsentError, TargetError
from aishell_core.values import FailureCode


class ServerError(Exception):
    """What the server or the driver said: the SQLSTATE ("" where no server has answered), and its words."""

    def __init__(self, sqlstate: str, message: str, detail: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.message = message
        self.detail = detail
        self.hint = hint


class PostgresError(TargetError):
    """An error of a PostgreSQL server for people; `sqlstate` is "" where no server has answered."""

    def __init__(self, reason: FailureCode, message: str, hint: str = "", sqlstate: str = "") -> None:
        super().__init__(reason, message, hint)
        self.sqlstate = sqlstate


class PostgresConsentError(PostgresError, ConsentError):
    """Something that is done only with a person's consent."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What a message names: the server's address, the database and the role; `remark` is what its settings leave to wish."""

    address: str
    database: str
    user: str
    remark: str = ""

    @property
    def role(self) -> str:
        """The role as it is written in a statement."""
        return quoted(self.user)


def quoted(name: str) -> str:
    """A name as it is written in a statement."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class _Saying:
    reason: FailureCode
    message: str
    hint: str = ""


_RETRY = "the next try follows by itself"
_MISSING = "the server's version or an extension that is not installed may be the reason"
_CHECK_LOG = "its log says why"
_SAYINGS: Mapping[str, _Saying] = {
    "08P01": _Saying(FailureCode.REFUSED, "{address} breaks off: {said}", "does a PostgreSQL server or a pooler listen at this port?"),
    "08": _Saying(FailureCode.REFUSED, "the connection to {address} broke: {said}", _RETRY),
    "0A000": _Saying(FailureCode.UNSUPPORTED, "{address} does not support this: {said}"),
    "22021": _Saying(FailureCode.UNSUPPORTED, "database {database} holds bytes that its encoding does not know: {said}"),
    "22P05": _Saying(FailureCode.UNSUPPORTED, "database {database} cannot write this in its encoding: {said}"),
    "23": _Saying(FailureCode.CONFLICT, "a constraint of the data does not allow it: {said}"),
    "25006": _Saying(FailureCode.UNSUPPORTED, "the statement writes, and nothing is written from here: {said}"),
    "28P01": _Saying(FailureCode.AUTHENTICATION, "{address} does not accept the password of role {role}", "{secret}"),
    "28000": _Saying(FailureCode.AUTHENTICATION, "{address} does not let role {role} in: {said}", "{entry}"),
    "3D000": _Saying(
        FailureCode.MISSING, "{address} has no database {database}", "give the name of one that is there; psql --list shows them"
    ),
    "40001": _Saying(FailureCode.LOCKED, "{address} cancelled the question: {said}", _RETRY),
    "40P01": _Saying(FailureCode.LOCKED, "{address} cancelled the question to end a deadlock or a conflict with recovery", _RETRY),
    "42501": _Saying(FailureCode.PRIVILEGE, "role {role} may not do this: {said}", "{grant}"),
    "42P01": _Saying(FailureCode.MISSING, "{said} in database {database}", _MISSING),
    "42704": _Saying(FailureCode.MISSING, "{said} in database {database}", _MISSING),
    "42703": _Saying(FailureCode.MISSING, "{said} in database {database}", _MISSING),
    "42883": _Saying(FailureCode.MISSING, "{said} in database {database}", _MISSING),
    "3F000": _Saying(FailureCode.MISSING, "{said} in database {database}", _MISSING),
    "42P07": _Saying(FailureCode.UNSUPPORTED, "what the statement makes is there already: {said}"),
    "42": _Saying(FailureCode.UNSUPPORTED, "{address} does not understand the statement: {said}"),
    "53300": _Saying(
        FailureCode.REFUSED,
        "{address} has no connection left: {said}",
        "{room}; aishell goes on with what it has",
    ),
    "53100": _Saying(FailureCode.REFUSED, "{address} has no space left on its disk: {said}", "make space before it stops"),
    "53": _Saying(FailureCode.REFUSED, "{address} is out of resources: {said}", _CHECK_LOG),
    "55000": _Saying(FailureCode.UNSUPPORTED, "{address} cannot do this as it is: {said}"),
    "55P03": _Saying(
        FailureCode.LOCKED, "a lock that another session holds is in the way: {said}", "the Sessions screen shows who holds it; " + _RETRY
    ),
    "57014": _Saying(FailureCode.TIMEOUT, "{address} stopped the question: {said}", _RETRY),
    "57P01": _Saying(FailureCode.REFUSED, "{address} ended the connection: it is shutting down, or an administrator ended it", _RETRY),
    "57P02": _Saying(FailureCode.REFUSED, "{address} has lost a process and recovers from a crash", _CHECK_LOG + "; " + _RETRY),
    "57P03": _Saying(FailureCode.REFUSED, "{address} takes no connections now: {said}", _RETRY),
    "57P04": _Saying(FailureCode.MISSING, "database {database} of {address} has been dropped", "give the name of one that is there"),
    "57P05": _Saying(FailureCode.REFUSED, "{address} ended the idle connection", _RETRY),
    "58": _Saying(FailureCode.DAMAGED, "{address} cannot read its own files: {said}", _CHECK_LOG),
    "XX001": _Saying(FailureCode.DAMAGED, "{address} has found damaged data: {said}", "do not write to it; restore a backup beside it"),
    "XX002": _Saying(FailureCode.DAMAGED, "{address} has found a damaged index: {said}", "REINDEX makes it anew"),
    "pooler user": _Saying(
        FailureCode.AUTHENTICATION,
        "the pooler at {address} knows no user {role}: {said}",
        "add the user to auth_file of pgbouncer.ini, or name one that stands there; RELOAD in its console makes it known",
    ),
    "pooler login": _Saying(
        FailureCode.REFUSED,
        "the pooler at {address} gets no connection to its server: {said}",
        "is the server up, and does it let the pooler's users in? the pooler's log says why; " + _RETRY,
    ),
    "pooler full": _Saying(
        FailureCode.REFUSED,
        "the pooler at {address} has no connection left: {said}",
        "raise max_client_conn or default_pool_size in pgbouncer.ini, or end idle clients; " + _RETRY,
    ),
    "": _Saying(FailureCode.REFUSED, "{address}: {said}"),
}
_WRONG_PASSWORD = "check the password in the URL, the configuration, PGPASSWORD or the password file"  # noqa: S105
_NO_PASSWORD = "no password was given: set PGPASSWORD, add a line to ~/.pgpass, or password: {env: NAME} to the configuration"  # noqa: S105


def told(error: ServerError, where: Whereabouts, *, with_password: bool = True) -> PostgresError:
    """A server's error for people; what is not known by its SQLSTATE is known by its class, and the rest is quoted."""
    state = meaning_of(error.sqlstate, error.message)
    saying = _SAYINGS.get(state) or _SAYINGS.get(state[:2]) or _SAYINGS[""]
    words = {
        "address": where.address,
        "database": where.database,
        "role": where.role,
        "said": _said(error),
        "secret": where.remark or (_WRONG_PASSWORD if with_password else _NO_PASSWORD),
        "entry": _entry_hint(error.message),
        "grant": entry_grant(error.message, where.user) or f"GRANT pg_monitor TO {where.role};",
        "room": _room_hint(error.message),
    }
    hint = saying.hint.format(**words) or error.hint
    if "admin console" in error.message:
        hint = f"this is PgBouncer's own console: give its URL as pgbouncer://{where.address}"
    return PostgresError(saying.reason, saying.message.format(**words), hint, error.sqlstate)


_NO_ENTRY = re.compile(r'permission denied for (schema|database) (?:"(?P<quoted>[^"]+)"|(?P<plain>[^()"]+?))(?: \(|$)')


def entry_grant(message: str, user: str) -> str:
    """The statement that lets a role into the schema or the database that a server's message names, "" where it names none."""
    found = _NO_ENTRY.search(message)
    if found is None:
        return ""
    right = "USAGE ON SCHEMA" if found[1] == "schema" else "CONNECT ON DATABASE"
    return f"GRANT {right} {quoted(found['quoted'] or found['plain'])} TO {quoted(user)};"


def _room_hint(message: str) -> str:
    """What makes room: the limit that is reached may be the whole server's, a role's or a database's."""
    found = re.search(r'too many connections for (role|database) "(.+)"', message)
    if found is None:
        return "end idle sessions, raise max_connections, or put a pooler in between"
    return f"ALTER {found[1].upper()} {quoted(found[2])} CONNECTION LIMIT n; with an n that leaves two for aishell, or end idle sessions"


def _said(error: ServerError) -> str:
    """The server's words on one line; its detail too where the message is no sentence of its own."""
    said = " ".join(error.message.split())
    detail = " ".join(error.detail.split())
    return f"{said} ({detail.rstrip('.')})" if detail and len(detail) < 200 else said


def _entry_hint(message: str) -> str:
    if "no encryption" in message or "SSL off" in message:
        return "the server wants TLS: add ?sslmode=require to the URL; else pg_hba.conf needs a line for this client"
    if "certificate" in message:
        return "give sslcert and sslkey in the URL"
    if "is not permitted to log in" in message:
        return "ALTER ROLE … LOGIN, or another role"
    if "does not exist" in message:
        return "give the name of a role that is there"
    return "pg_hba.conf of the server needs a line for this client, database and role"


def no_answer(where: Whereabouts, seconds_text: str, stage: str) -> PostgresError:
    """The deadline has passed while we were at a stage: connecting, asking, waiting for our own earlier question, or queued at a pooler."""
    messages = {
        "connecting": f"{where.address} gave no connection within {seconds_text}",
        "asking": f"{where.address} gave no answer within {seconds_text}",
        "waiting": f"{where.address} is still busy with an earlier question after {seconds_text}",
        "queued": f"{where.address} keeps us waiting for a connection",
    }
    hints = {
        "connecting": "it hangs, all connections of a pooler are taken, or the way there swallows packets; " + _RETRY,
        "asking": "it hangs or is overloaded; the connection was given up, and the next question makes a new one",
        "waiting": _RETRY,
        "queued": "all connections of a pooler are taken, or it or its server hangs; aishell keeps the place that it has in the queue, "
        "and takes no second one; a command that has ended leaves its place behind until the turn of that comes",
    }
    return PostgresError(FailureCode.TIMEOUT, messages[stage], hints[stage])


def unreachable(error: OSError | UnicodeError, where: Whereabouts) -> PostgresError:
    """Why no connection came about, from what the operating system, the resolver or TLS said."""
    if isinstance(error, ssl.SSLError):
        return _tls(error, where)
    if isinstance(error, UnicodeError):
        return PostgresError(
            FailureCode.MISSING, f"the host of {where.address} is no host name", "check its spelling; a part of one has 63 letters at most"
        )
    if isinstance(error, socket.gaierror):
        message = f"the host name of {where.address} is not known"
        return PostgresError(FailureCode.REFUSED, message, "check its spelling, and the resolver of this machine")
    if "rejected SSL upgrade" in str(error):
        return PostgresError(
            FailureCode.REFUSED, f"{where.address} offers no TLS", "switch ssl on in the server, or allow plain text by ?sslmode=prefer"
        )
    number = _number(error)
    if number in {errno.ECONNREFUSED, errno.ENOENT} or isinstance(error, ConnectionRefusedError | FileNotFoundError):
        return PostgresError(
            FailureCode.REFUSED, f"nothing listens at {where.address}", "is the server running, and is this its port and address?"
        )
    if number in {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT}:
        return PostgresError(FailureCode.REFUSED, f"there is no way to {where.address}", "check the address, the network and the firewall")
    if number in {errno.EACCES, errno.EPERM}:
        return PostgresError(
            FailureCode.REFUSED, f"this user may not open {where.address}", "check the mode of the socket's folder, or use TCP"
        )
    message = f"{where.address} closed the connection at once" if isinstance(error, ConnectionError) else f"{where.address}: {error}"
    return PostgresError(FailureCode.REFUSED, message, "does a PostgreSQL server listen at this port? " + _RETRY)


def _number(error: OSError) -> int | None:
    """The system's error number; several addresses of one host give an error that holds theirs in its text only."""
    if error.errno is not None:
        return error.errno
    found = re.search(r"\[Errno (\d+)\]", str(error))
    return int(found[1]) if found else None


_UNKNOWN_ISSUER = {18, 19, 20, 21, 2}
_OTHER_NAME, _OTHER_ADDRESS = 62, 64
_OWN_REFUSED = re.compile(r"alert (.*certificate.*|unknown ca)")
"""What a server says of a certificate of ours (the alerts of RFC 8446), as OpenSSL words it."""
_CERTIFICATE_TIMES = {10: "has expired", 9: "is not valid yet", 23: "has been revoked"}


def _tls(error: ssl.SSLError, where: Whereabouts) -> PostgresError:
    """What is wrong with the server's certificate (numbers of OpenSSL's X509_V_ERR_*), or with TLS as such."""
    code = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else None
    subject = f"the certificate of {where.address}"
    if code in _UNKNOWN_ISSUER:
        return PostgresError(
            FailureCode.REFUSED,
            f"{subject} comes from an issuer that is not known here",
            "give the file of the issuer's certificate by ?sslrootcert=FILE, or put it into ~/.postgresql/root.crt",
        )
    if code in {_OTHER_NAME, _OTHER_ADDRESS}:
        message = "was made for another host name" if code == _OTHER_NAME else "does not have this address in its subjectAltName"
        hint = "use the name that stands in the certificate, or check the issuer alone by ?sslmode=verify-ca"
        return PostgresError(FailureCode.REFUSED, f"{subject} {message}", hint)
    if code in _CERTIFICATE_TIMES:
        hint = "the server needs a new one; is the clock of this machine right?"
        return PostgresError(FailureCode.REFUSED, f"{subject} {_CERTIFICATE_TIMES[code]}", hint)
    if code is not None and isinstance(error, ssl.SSLCertVerificationError):
        return PostgresError(FailureCode.REFUSED, f"{subject} cannot be trusted: {error.verify_message}", "check the certificates")
    # One that Python makes itself has no such field.
    reason = (getattr(error, "reason", None) or str(error)).replace("_", " ").lower()
    if (refusal := _OWN_REFUSED.search(reason)) is not None:
        message = f"{where.address} does not accept the client certificate: {refusal[1]}"
        hint = "give one that an issuer in the server's ssl_ca_file has signed and that is still valid: ?sslcert=FILE&sslkey=FILE"
        return PostgresError(FailureCode.AUTHENTICATION, message, hint)
    return PostgresError(FailureCode.REFUSED, f"TLS with {where.address} fails: {reason}", "check certificate, key and protocol version")


def unfit(said: str, where: Whereabouts, wanted: str) -> PostgresError:
    """A server that is there but not of the kind that target_session_attrs asks for."""
    message = f"{where.address} is {said}, and {wanted} is wanted"
    return PostgresError(FailureCode.REFUSED, message, "change target_session_attrs in the URL, or add the other servers to it")


def none_of(errors: list[PostgresError]) -> PostgresError:
    """One error from those of several servers; the first one's reason and hint stand for all."""
    if len(errors) == 1:
        return errors[0]
    message = "none of the servers can be used: " + "; ".join(dict.fromkeys(error.message for error in errors))
    return PostgresError(errors[0].reason, message, errors[0].hint, errors[0].sqlstate)
