"""What the pooler's refusals mean in plain words, and what to do about them."""

from __future__ import annotations

import errno
import socket
import ssl
from dataclasses import dataclass

from aishell_core.errors import TargetError
from aishell_core.units import format_duration
from aishell_core.values import FailureCode


@dataclass(frozen=True, slots=True)
class Spot:
    """What an error's message names: the address, the user, whether a password was at hand, and why none was found."""

    address: str
    user: str
    has_password: bool = False
    remark: str = ""


def hangs(spot: Spot, seconds: float) -> TargetError:
    """No answer in time."""
    return TargetError(
        FailureCode.TIMEOUT,
        f"pgbouncer at {spot.address} gave no answer within {format_duration(seconds)}",
        "its process stands still, or the way to it swallows what is sent; the next try makes a new connection",
    )


def broken(spot: Spot) -> TargetError:
    """The connection ended in the middle, or the other side speaks another protocol."""
    return TargetError(
        FailureCode.REFUSED,
        f"{spot.address} closed the connection",
        "pgbouncer was stopped or restarted, or something else listens there; the next try follows by itself",
    )


def unreachable(spot: Spot, error: OSError) -> TargetError:
    """Nobody to connect to."""
    if isinstance(error, socket.gaierror):
        return TargetError(FailureCode.REFUSED, f"{spot.address}: the host's name is not known", "check the host in the target's URL")
    if error.errno == errno.ENOENT:
        hint = "check the folder and port, and unix_socket_dir in pgbouncer.ini"
        return TargetError(FailureCode.REFUSED, f"there is no socket {spot.address}", hint)
    if error.errno in {errno.EACCES, errno.EPERM}:
        hint = "pgbouncer.ini says who may: unix_socket_mode, unix_socket_group"
        return TargetError(FailureCode.PRIVILEGE, f"the socket {spot.address} may not be used by this user", hint)
    if error.errno == errno.ECONNREFUSED:
        hint = "is pgbouncer running, and does it listen there? see listen_addr and listen_port in pgbouncer.ini"
        return TargetError(FailureCode.REFUSED, f"{spot.address} refuses connections", hint)
    reason = (error.strerror or "no reason given").lower()
    return TargetError(FailureCode.REFUSED, f"{spot.address} cannot be reached: {reason}", "check the host and port of the target's URL")


def untrusted(spot: Spot, error: OSError) -> TargetError:
    """No encrypted connection, or not to the right one."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return TargetError(
            FailureCode.AUTHENTICATION,
            f"the certificate of {spot.address} is not trusted: {error.verify_message}",
            "add ?sslrootcert=/path/to/ca.crt to the URL, or have a certificate for this host made",
        )
    if isinstance(error, ssl.SSLError):
        return TargetError(
            FailureCode.REFUSED,
            f"{spot.address}: no TLS connection: {error.reason or 'the other side broke off'}",
            "see client_tls_sslmode and client_tls_protocols in pgbouncer.ini",
        )
    if isinstance(error, FileNotFoundError | IsADirectoryError | PermissionError):
        hint = "check sslrootcert in the target's URL"
        return TargetError(FailureCode.AUTHENTICATION, f"the file of trusted certificates cannot be read: {error.filename}", hint)
    return broken(spot)


def no_password(spot: Spot) -> TargetError:
    """The proof of the password failed on our side."""
    return refused(spot, "password authentication failed")


def refused(spot: Spot, words: str) -> TargetError:
    """Why the console lets nobody in, from its own words."""
    lowered = words.lower()
    if lowered == "not allowed":
        return TargetError(
            FailureCode.PRIVILEGE,
            f"{spot.user} may not use the console of pgbouncer",
            f"in pgbouncer.ini, below [pgbouncer]: stats_users = {spot.user} (add it to those already there); then RELOAD",
        )
    if "database" in lowered and "does not exist" in lowered:
        message = f"{spot.address} is a PostgreSQL server, not pgbouncer"
        return TargetError(
            FailureCode.UNSUPPORTED, message, "write postgresql:// for a server; pgbouncer:// is for the pooler's own console"
        )
    if "ssl" in lowered or "tls" in lowered:
        return TargetError(FailureCode.REFUSED, f"pgbouncer at {spot.address} says: {words}", "set tls: require for this target")
    if any(word in lowered for word in ("password", "auth", "no such user", "login", "trust")):
        return _not_authenticated(spot, words)
    return told(spot, words)


def _not_authenticated(spot: Spot, words: str) -> TargetError:
    # Where pgbouncer trusts everybody, only a user that it does not know is refused.
    if "no such user" in words.lower() or words.startswith('"trust"'):
        message = f"pgbouncer at {spot.address} knows no user {spot.user}"
        return TargetError(FailureCode.AUTHENTICATION, message, "name one that stands in auth_file of pgbouncer.ini: pgbouncer://USER@…")
    if not spot.has_password:
        message = f"pgbouncer at {spot.address} wants a password of {spot.user}, and none is given"
        hint = "write it into ~/.pgpass (host:port:pgbouncer:user:password), or let the target's url name a variable"
        return TargetError(FailureCode.AUTHENTICATION, message, spot.remark or hint)
    return TargetError(
        FailureCode.AUTHENTICATION,
        f"pgbouncer at {spot.address} does not let {spot.user} in: {words}",
        "the user and its password must stand in auth_file of pgbouncer.ini; the console asks no auth_query",
    )


def told(spot: Spot, words: str) -> TargetError:
    """Anything else that the console says."""
    return TargetError(FailureCode.REFUSED, f"pgbouncer at {spot.address} says: {words}", "its log says more")
