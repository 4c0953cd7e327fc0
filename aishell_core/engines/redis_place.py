"""Where a Redis server is and how one logs in: a target's URL and configuration, and what the environment adds. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from aishell_core.engines.closed_keys import refuse_closed_key
from aishell_core.errors import TargetError
from aishell_core.targets import Location, Secret, Target, TlsPolicy
from aishell_core.url_places import HostPort
from aishell_core.values import FailureCode

PORT = 6379
SENTINEL_PORT = 26379
_PASSWORD_VARIABLE = "REDISCLI_AUTH"  # noqa: S105 - the name of the variable that redis-cli reads too
_ENCRYPTED = {TlsPolicy.REQUIRE, TlsPolicy.VERIFY_CA, TlsPolicy.VERIFY_FULL}
_CHECKED = {TlsPolicy.VERIFY_CA, TlsPolicy.VERIFY_FULL}
_FILES = {
    "authority": ("ssl_ca_certs", "sslrootcert"),
    "certificate": ("ssl_certfile", "sslcert"),
    "key": ("ssl_keyfile", "sslkey"),
}
_NO = {"false", "no", "0", "off"}
_CHECKS = ("none", "optional", "required")
_KNOWN = frozenset(
    {
        *("host", "port", "user", "username", "password", "dbname", "db", "protocol", "tls"),
        *("sentinel", "sentinel_username", "sentinel_password", "ssl_cert_reqs", "ssl_check_hostname"),
        *(option for options in _FILES.values() for option in options),
    }
)
_PASSED_OVER = frozenset(
    {
        *("client_name", "clientname", "decode_responses", "encoding", "encoding_errors", "health_check_interval", "max_connections"),
        *("retry_on_timeout", "retry_on_error", "single_connection_client", "socket_connect_timeout", "socket_keepalive"),
        *("socket_timeout", "timeout"),
    }
)
"""What other clients read in a URL and what changes nothing here."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who one is for a server; an empty user is the server's `default`."""

    user: str = ""
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class Encryption:
    """How the connection is encrypted: files of the authority and of one's own certificate, and what is checked."""

    authority: str = ""
    certificate: str = ""
    key: str = ""
    checks_issuer: bool = True
    checks_name: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """The servers to try in turn, or the sentinels that know where the primary called `sentinel` is."""

    servers: tuple[HostPort, ...]
    login: Login
    database: int = 0
    encryption: Encryption | None = None
    sentinel: str = ""
    sentinel_login: Login = field(default_factory=Login)
    protocol: int = 2

    @property
    def address(self) -> str:
        """What messages call it."""
        return ",".join(written(server) for server in self.servers)


def written(server: HostPort) -> str:
    """A server as it is written: host:port, or the path of its socket."""
    host, port = server
    if host.startswith("/"):
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def find_place(target: Target, environ: Mapping[str, str] = os.environ) -> Place:
    """The place that a target names; raises TargetError for an option, database, protocol or file that cannot be one."""
    location = target.location
    _refuse_unknown(location)
    sentinel = location.option("sentinel") or ""
    password = location.password
    if password is None and environ.get(_PASSWORD_VARIABLE):
        password = Secret(environ[_PASSWORD_VARIABLE])
    sentinel_secret = location.option("sentinel_password")
    return Place(
        servers=_servers(location, SENTINEL_PORT if sentinel else PORT),
        login=Login(location.user, password),
        database=database_number(location.database or location.option("db") or "0"),
        encryption=_encryption(target),
        sentinel=sentinel,
        sentinel_login=Login(location.option("sentinel_username") or "", Secret(sentinel_secret) if sentinel_secret else None),
        protocol=_number(location.option("protocol") or "2", "protocol", 2, 3),
    )


def _refuse_unknown(location: Location) -> None:
    """Raise TargetError for an option that says nothing here: a sentinel's name that is lost would have the sentinel itself watched."""
    for name, value in location.options:
        if name not in _KNOWN | _PASSED_OVER:
            near = get_close_matches(name, _KNOWN, n=1, cutoff=0.6)
            guess = f"did you mean {near[0]}?" if near else "leave it out"
            raise TargetError(FailureCode.UNSUPPORTED, f"the URL holds the unknown option {name!r}", guess)
        if name == "ssl_cert_reqs" and value not in _CHECKS:
            raise TargetError(FailureCode.UNSUPPORTED, f"ssl_cert_reqs is {value!r}", f"valid: {', '.join(_CHECKS)}")


def _servers(location: Location, port: int) -> tuple[HostPort, ...]:
    found = location.servers or (("127.0.0.1", 0),)
    return tuple((host, number if number or host.startswith("/") else port) for host, number in found)


def database_number(text: str) -> int:
    """The number of a database; raises TargetError for what is none."""
    return _number(text, "database", 0, 2**31)


def _number(text: str, what: str, least: int, most: int) -> int:
    if text.isascii() and text.isdecimal() and least <= int(text) <= most:
        return int(text)
    right = "a number from 0" if what == "database" else "2 or 3"
    raise TargetError(FailureCode.UNSUPPORTED, f"{text!r} is no {what} of Redis", f"the {what} in the URL is {right}")


def _encryption(target: Target) -> Encryption | None:
    """How it is encrypted: by the scheme, which checks all unless told otherwise, or by the configuration; None for not at all.

    What either of them demands in words holds, whatever less the other one asks for.
    """
    location, policy = target.location, target.tls
    by_scheme = location.option("tls") is not None
    if not by_scheme and policy not in _ENCRYPTED:
        return None
    if by_scheme and policy is TlsPolicy.OFF:
        raise TargetError(
            FailureCode.UNSUPPORTED,
            "the URL asks for TLS and the configuration forbids it",
            "write redis:// for a connection without TLS, or leave tls: off out",
        )
    files = {name: next((found for option in options if (found := location.option(option))), "") for name, options in _FILES.items()}
    for name, path in files.items():
        if path and not Path(path).is_file():
            raise TargetError(FailureCode.MISSING, f"there is no file {path} with the {name} for TLS", "mend its path in the URL")
    refuse_closed_key(files["key"] or files["certificate"])
    said, name = location.option("ssl_cert_reqs") or "", (location.option("ssl_check_hostname") or "").lower()
    is_asked = said not in {"", "none"} or bool(files["authority"]) or (bool(name) and name not in _NO)
    checks = policy in _CHECKED or (said != "none" and (policy is not TlsPolicy.REQUIRE or is_asked))
    # With a file of issuers `require` checks the issuer, as it does for other engines.
    by_policy = policy is TlsPolicy.VERIFY_CA or (policy is TlsPolicy.REQUIRE and not said)
    nameless = (name in _NO and policy is not TlsPolicy.VERIFY_FULL) or (by_policy and not name)
    return Encryption(**files, checks_issuer=checks, checks_name=checks and not nameless)
