"""What the errors of a Redis server mean in plain words, and what to do about them; all pure."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from aishell_core.errors import TargetError
from aishell_core.values import FailureCode


class RedisError(TargetError):
    """An error of a Redis server for people; `word` is the server's own (NOPERM, LOADING ...), "" where none has answered."""

    def __init__(self, reason: FailureCode, message: str, hint: str = "", word: str = "") -> None:
        super().__init__(reason, message, hint)
        self.word = word


class Lost(Exception):  # noqa: N818 - what happened to a connection
    """The connection broke while it was used; `said` is what the system tells of it."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


class Overfull(Lost):
    """An answer was larger than what one is ready to hold, and the connection was given up."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What a message names: the server's address and the user."""

    address: str
    user: str = ""
    with_password: bool = False
    encrypted: bool = False

    @property
    def name(self) -> str:
        """The user as the server calls him."""
        return self.user or "default"


@dataclass(frozen=True, slots=True)
class _Saying:
    reason: FailureCode
    message: str
    hint: str = ""


_Kind = TypeVar("_Kind", bound=BaseException)

_RETRY = "the next try follows by itself"
_NO_PASSWORD = "no password was given: set REDISCLI_AUTH, write it into the URL, or add password: {env: NAME} to the configuration"  # noqa: S105
_WRONG_PASSWORD = "check user and password in the URL, the configuration or REDISCLI_AUTH"  # noqa: S105
_SAYINGS: Mapping[str, _Saying] = {
    "NOAUTH": _Saying(FailureCode.AUTHENTICATION, "{address} wants a password", _NO_PASSWORD.replace("{", "{{").replace("}", "}}")),
    "WRONGPASS": _Saying(FailureCode.AUTHENTICATION, "{address} does not accept the password of user {user}", _WRONG_PASSWORD),
    "NOPERM": _Saying(FailureCode.PRIVILEGE, "user {user} may not do this: {said}", "{grant}"),
    "LOADING": _Saying(FailureCode.LOCKED, "{address} is loading its data into memory", "it answers when that is done; " + _RETRY),
    "BUSY": _Saying(FailureCode.LOCKED, "{address} runs a script and answers nothing else: {said}", "{kill}"),
    "MASTERDOWN": _Saying(FailureCode.LOCKED, "{address} has lost its primary and serves no stale data", "mend the link to its primary"),
    "CLUSTERDOWN": _Saying(FailureCode.LOCKED, "the cluster of {address} is down: {said}", "CLUSTER INFO and CLUSTER NODES say which part"),
    "MOVED": _Saying(FailureCode.UNSUPPORTED, "the key is on another node of the cluster: {said}", "ask the node that the answer names"),
    "ASK": _Saying(FailureCode.UNSUPPORTED, "the key is being moved to another node of the cluster: {said}", "ask again in a moment"),
    "CROSSSLOT": _Saying(FailureCode.UNSUPPORTED, "the keys are on different nodes of the cluster", "ask for one key at a time"),
    "READONLY": _Saying(
        FailureCode.UNSUPPORTED, "{address} is a replica and takes no writes", "write to its primary; INFO replication names it"
    ),
    "MISCONF": _Saying(
        FailureCode.REFUSED,
        "{address} takes no writes, because it could not save its data: {said}",
        "its log says why: mostly the disk is full or the folder may not be written",
    ),
    "OOM": _Saying(
        FailureCode.REFUSED, "{address} has reached maxmemory and may evict nothing", "raise maxmemory or set an eviction policy"
    ),
    "NOREPLICAS": _Saying(FailureCode.REFUSED, "{address} takes no writes, because too few replicas follow it", "bring its replicas back"),
    "DENIED": _Saying(
        FailureCode.REFUSED,
        "{address} is in protected mode and talks to its own machine alone",
        "give the server a password (requirepass or ACL SETUSER), or connect from its machine",
    ),
    "NOPROTO": _Saying(FailureCode.UNSUPPORTED, "{address} does not speak this version of the protocol", "leave ?protocol out of the URL"),
    "WRONGTYPE": _Saying(FailureCode.UNSUPPORTED, "the key holds another kind of value than this command wants"),
    "NOSCRIPT": _Saying(FailureCode.MISSING, "{address} does not know this script"),
    "NOTBUSY": _Saying(FailureCode.GONE, "no script runs any more"),
    "UNKILLABLE": _Saying(
        FailureCode.UNSUPPORTED, "the script has written already and cannot be ended without losing data", "wait, or SHUTDOWN NOSAVE"
    ),
    "EXECABORT": _Saying(FailureCode.UNSUPPORTED, "the transaction was given up: {said}"),
}
_MAX_CLIENTS = _Saying(
    FailureCode.REFUSED,
    "{address} has no connection left: {said}",
    "end idle clients, raise maxclients, or put a pool into the applications; aishell goes on with what it has",
)
_UNKNOWN_COMMAND = _Saying(
    FailureCode.MISSING, "{address} does not know this command: {said}", "its version, its provider or rename-command is the reason"
)
_NO_ACL = _Saying(FailureCode.AUTHENTICATION, "{address} knows no users, only a password", "leave the user out of the URL")
_NO_PASSWORD_SET = _Saying(FailureCode.AUTHENTICATION, "{address} has no password, and one was given", "leave the password out")
_OTHER = _Saying(FailureCode.UNSUPPORTED, "{address}: {said}")
_WORDS: tuple[tuple[re.Pattern[str], _Saying], ...] = (
    (re.compile("max number of clients|max clients"), _MAX_CLIENTS),
    (re.compile("unknown (sub)?command|Unknown subcommand|unknown command", re.IGNORECASE), _UNKNOWN_COMMAND),
    (re.compile("without any password configured|no password is set"), _NO_PASSWORD_SET),
    (re.compile("invalid password", re.IGNORECASE), _SAYINGS["WRONGPASS"]),
    (re.compile("wrong number of arguments for 'auth'", re.IGNORECASE), _NO_ACL),
    (re.compile("DB index is out of range|invalid DB index"), _Saying(FailureCode.MISSING, "{address} has no such database", "")),
    (re.compile("protected mode"), _SAYINGS["DENIED"]),
)
_COMMAND_NAMED = re.compile("'([^']+)'")
_SAID_SINCE_7 = "access a key"
_READING = frozenset(
    {"memory|usage", "object|encoding", "type", "pttl", "ttl", "strlen", "llen", "scard", "zcard", "hlen", "xlen", "get", "exists"}
)
"""Commands that only read their keys: those that aishell itself sends."""


def told(said: str, where: Whereabouts, command: str = "") -> RedisError:
    """A server's error for people; `command` is the one that it answers, whose exact grant is the hint where it is refused."""
    words = " ".join(said.split())
    code, _, rest = words.partition(" ")
    saying = _SAYINGS.get(code)
    if saying is None:
        saying = next((found for pattern, found in _WORDS if pattern.search(words)), _OTHER)
        rest = words.removeprefix("ERR ")
    if code == "NOAUTH" and where.with_password:
        saying = _SAYINGS["WRONGPASS"]
    fields = {
        "address": where.address,
        "user": where.name,
        "said": rest,
        "grant": _grant(words, where.name, command) if code == "NOPERM" else "",
        "kill": f"{'FUNCTION' if 'FUNCTION KILL' in words else 'SCRIPT'} KILL ends it, as long as it has written nothing",
    }
    return RedisError(saying.reason, saying.message.format(**fields), saying.hint.format(**fields), code if code in _SAYINGS else "")


def _grant(said: str, user: str, command: str) -> str:
    """The statement that allows what was refused: a command, a key or a channel."""
    if "key" in said and "command" not in said:
        # Only from 7 on a key may be opened for reading alone; a server before that says it in other words.
        return f"ACL SETUSER {user} {'%R' if command in _READING and _SAID_SINCE_7 in said else ''}~*"
    if "channel" in said:
        return f"ACL SETUSER {user} &*"
    named = _COMMAND_NAMED.search(said)
    # Before 7 only the first word of CONFIG GET is named, and with that one might change settings too.
    exact = not named or command.startswith(f"{named[1].lower()}|")
    return acl_grant(user, command if exact or named is None else named[1])


def acl_grant(user: str, *commands: str) -> str:
    """The statement by which a user may run some commands, each as `info` or `client|list`."""
    allowed = " ".join("+" + command.lower().replace(" ", "|") for command in commands)
    return f"ACL SETUSER {user or 'default'} {allowed}"


def no_answer(where: Whereabouts, seconds_text: str, stage: str) -> RedisError:
    """A deadline that passed while connecting, asking or waiting for one's turn."""
    if stage == "connecting":
        hint = (
            "does it use TLS at this port? else write redis://" if where.encrypted else "is it up, and does a firewall let this machine in?"
        )
        return RedisError(FailureCode.TIMEOUT, f"{where.address} does not answer within {seconds_text}", hint)
    return RedisError(
        FailureCode.TIMEOUT,
        f"{where.address} was asked and did not answer within {seconds_text}",
        f"it hangs, or one command keeps it busy (SLOWLOG GET tells later which); {_RETRY}",
    )


def too_large(where: Whereabouts, most_text: str) -> RedisError:
    """An answer that was given up because of its size."""
    return RedisError(
        FailureCode.UNSUPPORTED,
        f"the answer of {where.address} is larger than {most_text}",
        "ask for a part of it: GETRANGE, LRANGE, HSCAN, SSCAN, ZRANGE, or raise the limit",
    )


def unreachable(error: BaseException, where: Whereabouts) -> RedisError:
    """A connection that could not be made, by what the system says."""
    certificate = _cause(error, ssl.SSLCertVerificationError)
    if certificate is not None:
        message = f"the certificate of {where.address} is not trusted: {certificate.verify_message}"
        return RedisError(
            FailureCode.REFUSED, message, "give its authority with ?ssl_ca_certs=FILE; the host must be named in the certificate"
        )
    secure = _cause(error, ssl.SSLError)
    if secure is not None:
        why = (secure.reason or str(secure)).replace("_", " ").lower()
        return RedisError(FailureCode.REFUSED, f"{where.address} speaks no TLS with us: {why}", "write redis:// where it does not use TLS")
    if _cause(error, socket.gaierror) is not None:
        return RedisError(FailureCode.MISSING, f"there is no host of the name in {where.address}", "check the name in the URL")
    found = _cause(error, OSError)
    number = found.errno if found is not None else None
    if number in {errno.ENOENT, errno.ENOTSOCK}:
        return RedisError(FailureCode.MISSING, f"there is no socket {where.address}", "check unixsocket in the server's configuration")
    if number == errno.EACCES:
        return RedisError(
            FailureCode.PRIVILEGE, f"the socket {where.address} may not be opened", "unixsocketperm of the server decides who may"
        )
    if number in {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH} or number is None:
        said = "nobody listens there" if number == errno.ECONNREFUSED else str(found or error)
        return RedisError(FailureCode.REFUSED, f"{where.address} cannot be reached: {said}", "is the server up, and is the port right?")
    return RedisError(FailureCode.REFUSED, f"{where.address} cannot be reached: {found}", "is the server up, and is the port right?")


def broken(where: Whereabouts, *, greeted: bool) -> RedisError:
    """A connection that the other side closed: right at its start, or later."""
    if greeted:
        return RedisError(
            FailureCode.REFUSED, f"the connection to {where.address} broke", f"it was restarted, or ended the client; {_RETRY}"
        )
    hint = "does a Redis server listen at this port?" if where.encrypted else "does it want TLS? then write rediss://"
    return RedisError(FailureCode.REFUSED, f"{where.address} hangs up at once", hint)


def _cause(error: BaseException | None, kind: type[_Kind]) -> _Kind | None:
    """The error of a kind that lies behind another one."""
    for _ in range(8):
        if error is None or isinstance(error, kind):
            return error
        error = error.__cause__ or error.__context__
    return None
