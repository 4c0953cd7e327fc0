"""What the errors of a MongoDB server mean in plain words, and what to do about them; all pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aishell_core.errors import TargetError
from aishell_core.values import FailureCode

RETRY = "the next try follows by itself"


class MongoError(TargetError):
    """An error of a MongoDB server for people; `number` is the server's code, 0 where no server has answered.

    `lost` tells that the connection broke, so that asking again may go well at once.
    """

    def __init__(self, reason: FailureCode, message: str, hint: str = "", number: int = 0, *, lost: bool = False) -> None:
        super().__init__(reason, message, hint)
        self.number = number
        self.lost = lost


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What a message names: the server's address, the user ("" without one) and the database that holds the user."""

    address: str
    user: str = ""
    source: str = "admin"


def monitor_grant(user: str, source: str = "admin") -> str:
    """The command that lets a user see what a monitor needs."""
    return grant("clusterMonitor", user, source)


def grant(role: str, user: str, source: str = "admin", database: str = "admin") -> str:
    """The command that gives a user a role of a database."""
    name = _quoted(user) if user else '"the user of aishell"'
    return f'db.getSiblingDB({_quoted(source)}).grantRolesToUser({name}, [{{role: "{role}", db: {_quoted(database)}}}])'


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True, slots=True)
class _Saying:
    reason: FailureCode
    message: str
    hint: str = ""


_NOT_THERE = "this server, or its version, does not have it"
_NO_SET = _Saying(
    FailureCode.UNSUPPORTED, "{address} is not a member of a replica set", "start it with --replSet NAME, then rs.initiate(), to have one"
)
_NO_COMMAND = _Saying(FailureCode.UNSUPPORTED, "{address} does not know this: {said}", _NOT_THERE)
_STOPPING = _Saying(FailureCode.REFUSED, "{address} is shutting down: {said}", RETRY)
_NOT_PRIMARY = _Saying(FailureCode.REFUSED, "{address} has changed its role: {said}", RETRY)
_LATE = _Saying(FailureCode.TIMEOUT, "{address} stopped the question when its time was over", RETRY)
# The numbers and their names are those of error_codes.yml of the server.
_SAYINGS: Mapping[int, _Saying] = {
    2: _Saying(FailureCode.UNSUPPORTED, "{address} does not take this value: {said}"),
    9: _Saying(FailureCode.UNSUPPORTED, "{address} does not understand the command: {said}"),
    11: _Saying(FailureCode.MISSING, "{address} does not know the user: {said}"),
    13: _Saying(FailureCode.PRIVILEGE, "user {user} may not do this: {said}", "{grant}"),
    14: _Saying(FailureCode.UNSUPPORTED, "{address} does not understand the command: {said}"),
    18: _Saying(FailureCode.AUTHENTICATION, "{address} does not accept the password of user {user}", "{secret}"),
    26: _Saying(FailureCode.MISSING, "{said}", "give the name of a collection that is there"),
    27: _Saying(FailureCode.MISSING, "{said}", "db.COLLECTION.getIndexes() names those that are there"),
    43: _Saying(FailureCode.GONE, "the cursor is not there any more: {said}", "run the command again"),
    48: _Saying(FailureCode.UNSUPPORTED, "{said}", "choose another name"),
    50: _LATE,
    59: _NO_COMMAND,
    72: _Saying(FailureCode.UNSUPPORTED, "{address} does not take this option: {said}"),
    76: _NO_SET,
    85: _Saying(FailureCode.UNSUPPORTED, "an index of this kind is there already with other options: {said}", "drop it first"),
    86: _Saying(FailureCode.UNSUPPORTED, "an index of this name is there already: {said}", "choose another name, or drop it first"),
    91: _STOPPING,
    94: _Saying(FailureCode.UNSUPPORTED, "the replica set of {address} has not been begun", "rs.initiate() begins it"),
    112: _Saying(FailureCode.LOCKED, "another operation changed the same document: {said}", RETRY),
    115: _NO_COMMAND,
    166: _Saying(FailureCode.UNSUPPORTED, "a view does not have this: {said}"),
    189: _NOT_PRIMARY,
    238: _NO_COMMAND,
    8000: _Saying(FailureCode.AUTHENTICATION, "{address} does not let user {user} in: {said}", "{secret}"),
    10107: _NOT_PRIMARY,
    121: _Saying(FailureCode.CONFLICT, "a document does not pass what the collection validates: {said}"),
    11000: _Saying(FailureCode.CONFLICT, "a document with this unique key is there already: {said}"),
    11600: _STOPPING,
    11602: _Saying(FailureCode.REFUSED, "{address} broke off because its role changes: {said}", RETRY),
    13388: _Saying(FailureCode.REFUSED, "{address} has other data now: {said}", RETRY),
    13435: _NOT_PRIMARY,
    13436: _Saying(FailureCode.REFUSED, "{address} is recovering: {said}", RETRY),
    16552: _NO_COMMAND,
    40324: _NO_COMMAND,
    40415: _Saying(FailureCode.UNSUPPORTED, "{address} does not know a field of the command: {said}"),
}
_WRONG_PASSWORD = "check user and password in the URL or the configuration, and ?authSource=, the database that holds the user"  # noqa: S105
_OTHER = _Saying(FailureCode.UNSUPPORTED, "{address}: {said}")
LASTING_NUMBERS = frozenset({9, 13, 26, 59, 72, 76, 94, 115, 166, 238, 16552, 40324, 40415})
"""Codes of an answer that the server will give to the same question again."""


def reason_of(code: int) -> FailureCode:
    """What sort of failure a server's code is."""
    return _SAYINGS.get(code, _OTHER).reason


def told(code: int, said: str, where: Whereabouts) -> MongoError:
    """What a server's error is to people."""
    saying = _SAYINGS.get(code, _OTHER)
    if code == 13 and "requires authentication" in said.lower():
        hint = "give user and password in the URL, mongodb://USER:PASSWORD@HOST/?authSource=admin"
        return MongoError(FailureCode.AUTHENTICATION, f"{where.address} wants a user: {_short(said)}", hint, code)
    words = {
        "address": where.address,
        "user": _quoted(where.user) if where.user else "nobody",
        "said": _short(said),
        "grant": monitor_grant(where.user, where.source),
        "secret": _WRONG_PASSWORD,
    }
    return MongoError(saying.reason, saying.message.format(**words), saying.hint.format(**words), code)


def _short(said: str) -> str:
    """The server's words without the copy of the command that it sometimes adds, which may hold values."""
    text = " ".join(said.replace("\x00", "").partition(" to execute command ")[0].split())
    return text if len(text) <= 300 else text[:297] + "…"


def no_answer(where: Whereabouts, seconds_text: str, stage: str) -> MongoError:
    """The deadline has passed while we were at a stage: connecting, asking, or waiting for our own earlier question."""
    messages = {
        "connecting": f"{where.address} gave no connection within {seconds_text}",
        "asking": f"{where.address} gave no answer within {seconds_text}",
        "waiting": f"{where.address} is still busy with an earlier question after {seconds_text}",
    }
    hints = {
        "connecting": "it hangs, or the way there swallows packets; " + RETRY,
        "asking": "it hangs or is overloaded; the connection was given up, and the next question makes a new one",
        "waiting": RETRY,
    }
    return MongoError(FailureCode.TIMEOUT, messages[stage], hints[stage])


def lost(where: Whereabouts, said: str) -> MongoError:
    """The connection broke while something was asked."""
    return MongoError(FailureCode.REFUSED, f"{where.address} ended the connection: {_short(said)}", RETRY, lost=True)


def unreachable(where: Whereabouts, said: str) -> MongoError:
    """Why no connection came about, from what the driver collected of the operating system, the resolver and TLS."""
    text = said.lower()
    if "connection refused" in text or "no such file" in text:
        return MongoError(
            FailureCode.REFUSED, f"nothing listens at {where.address}", "is the server running, and is this its port and address?"
        )
    if "name or service not known" in text or "nodename nor servname" in text or "name resolution" in text:
        return MongoError(
            FailureCode.REFUSED, f"the host name of {where.address} is not known", "check its spelling, and the resolver of this machine"
        )
    if "ssl" in text or "certificate" in text or "tls" in text:
        return _tls(where, text, said)
    if "no replica set members" in text or "client is configured to connect to a replica set named" in text or "no primary" in text:
        message = f"{where.address}: {_short(said.partition(', Timeout:')[0])}"
        return MongoError(FailureCode.REFUSED, message, "check ?replicaSet= against rs.conf()._id, and whether the set has a primary")
    if "no route to host" in text or "network is unreachable" in text:
        return MongoError(FailureCode.REFUSED, f"there is no way to {where.address}", "check the address, the network and the firewall")
    if "timed out" in text:
        return MongoError(FailureCode.TIMEOUT, f"{where.address} gave no connection in time", "it hangs, or a firewall swallows packets")
    hint = "does a MongoDB server listen at this port? " + RETRY
    if "connection closed" in text or "connection reset" in text:
        return MongoError(FailureCode.REFUSED, f"{where.address} closed the connection at once", "does it want TLS, as ?tls=true? " + hint)
    return MongoError(FailureCode.REFUSED, f"{where.address}: {_short(said.partition(', Timeout:')[0])}", hint)


def _tls(where: Whereabouts, text: str, said: str) -> MongoError:
    subject = f"the certificate of {where.address}"
    if "self-signed" in text or "self signed" in text or "unable to get local issuer" in text:
        return MongoError(
            FailureCode.REFUSED,
            f"{subject} comes from an issuer that is not known here",
            "give the file of the issuer's certificate by ?tlsCAFile=FILE",
        )
    if "hostname mismatch" in text or "ip address mismatch" in text or "doesn't match" in text:
        return MongoError(
            FailureCode.REFUSED,
            f"{subject} was made for another host name",
            "use the name that stands in the certificate, or check the issuer alone (tls: verify-ca)",
        )
    if "has expired" in text:
        hint = "the server needs a new one; is the clock of this machine right?"
        return MongoError(FailureCode.REFUSED, f"{subject} has expired", hint)
    if "wrong version number" in text or "record layer failure" in text or "unexpected_eof" in text or "unexpected eof" in text:
        hint = "it may speak plain text: leave tls out of the URL, or set net.tls.mode in the server"
        return MongoError(FailureCode.REFUSED, f"{where.address} does not speak TLS", hint)
    if "timed out" in text:
        hint = "it may speak plain text: leave tls out of the URL, or set net.tls.mode in the server"
        return MongoError(FailureCode.TIMEOUT, f"{where.address} does not answer the greeting of TLS", hint)
    if "file not found" in text or "no such file" in text:
        return MongoError(FailureCode.MISSING, f"a file for TLS is not there: {_short(said)}", "check tlsCAFile and tlsCertificateKeyFile")
    return MongoError(FailureCode.REFUSED, f"TLS with {where.address} fails: {_short(said)}", "check certificate, key and protocol version")


def unresolved(host: str, said: str) -> MongoError:
    """The servers behind a mongodb+srv name could not be found."""
    return MongoError(
        FailureCode.REFUSED,
        f"the resolver knows no MongoDB servers behind {host}: {_short(said)}",
        f"_mongodb._tcp.{host} must have SRV records; check the name and the resolver, or give mongodb:// with the hosts",
    )
