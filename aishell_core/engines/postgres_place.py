"""Where a PostgreSQL is and how to get in: the URL above the service file above the environment above the defaults."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from aishell_core.engines.postgres_client_certificate import check_closed, check_usable
from aishell_core.engines.postgres_demands import DEMAND_VARIABLES, refuse_demands
from aishell_core.engines.postgres_errors import PostgresError
from aishell_core.engines.postgres_files import PasswordFile, read_passwords
from aishell_core.engines.postgres_services import read_service, service_files
from aishell_core.engines.postgres_startup import is_plain
from aishell_core.targets import Location, Secret, Target, TlsPolicy
from aishell_core.values import FailureCode

_Word = TypeVar("_Word", bound=StrEnum)
DEFAULT_PORT = 5432
_SOCKET_FOLDERS = ("/run/postgresql", "/var/run/postgresql", "/tmp", "/private/tmp")  # noqa: S108
_VARIABLES: Mapping[str, str] = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "passfile": "PGPASSFILE",
    "sslmode": "PGSSLMODE",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcrl": "PGSSLCRL",
    "sslnegotiation": "PGSSLNEGOTIATION",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "options": "PGOPTIONS",
    **DEMAND_VARIABLES,
}
_PASSED_OVER = frozenset(
    {
        *("application_name", "fallback_application_name", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
        *("tcp_user_timeout", "krbsrvname", "gsslib", "gssdelegation", "client_encoding", "sslsni"),
        *("sslcompression", "load_balance_hosts", "replication"),
        *("schema", "connection_limit", "pool_timeout", "socket_timeout", "statement_cache_size"),
    }
)
"""What other clients read in a URL and what changes nothing here."""
_OWN = frozenset({"service", "servicefile", "sslpassword", "pgbouncer"})
_SSL_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_SSL_OTHERS = ("sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version", "sslpassword")
SYSTEM_CERTIFICATES = "system"
"""The value of sslrootcert that means the issuers that this machine trusts."""

_SYSTEM = Secret(SYSTEM_CERTIFICATES)


class Attributes(StrEnum):
    """What sort of server is wanted (target_session_attrs)."""

    ANY = "any"
    PRIMARY = "primary"
    STANDBY = "standby"
    READ_WRITE = "read-write"
    READ_ONLY = "read-only"
    PREFER_STANDBY = "prefer-standby"


class SslMode(StrEnum):
    """How far TLS is wanted and the server's certificate checked."""

    DISABLE = "disable"
    ALLOW = "allow"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


_EASY = frozenset({SslMode.ALLOW, SslMode.PREFER})
"""The modes that go without TLS where there is none."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server: a host name, an address or a socket's folder, its port, and the password for it.

    `name` is the host's name where an address is given beside it (hostaddr): certificate and password file go by it.
    """

    host: str
    port: int
    password: Secret | None = None
    name: str = ""

    @property
    def is_socket(self) -> bool:
        """Whether it is reached by a Unix socket."""
        return self.host.startswith("/")

    @property
    def address(self) -> str:
        """How it is named to people."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Place:
    """All that is needed to connect; `ssl_options` holds files and the rest of TLS, `options` what the server gets at the start."""

    servers: tuple[Server, ...]
    user: str
    database: str
    sslmode: SslMode = SslMode.PREFER
    ssl_options: tuple[tuple[str, Secret], ...] = ()
    attributes: Attributes = Attributes.ANY
    connect_seconds: float | None = None
    pooled: bool = False
    options: str = ""
    remark: str = ""

    @property
    def address(self) -> str:
        """All servers, as they are named to people."""
        return ", ".join(server.address for server in self.servers)


def find_place(target: Target, environ: Mapping[str, str]) -> Place:
    """The place of a target; reads the service and password files. Raises PostgresError for a setting that cannot be."""
    home = Path(environ["HOME"]) if environ.get("HOME") else _home()
    written = _written(target.location)
    service_name = written.get("service") or environ.get("PGSERVICE")
    service = read_service(service_name, service_files(_with_file(environ, written), home)) if service_name else {}
    around = {name: environ[variable] for name, variable in _VARIABLES.items() if environ.get(variable)}
    _refuse_unknown(written, "the URL")
    _refuse_unknown(service, f"the service {service_name!r}")
    known = around | {name: value for name, value in service.items() if value} | written
    user = known.get("user") or getpass.getuser()
    if not is_plain(user):
        # The server itself refuses it in a client's first message that also asks for UTF-8 (invalid byte sequence).
        message = "the name of the role is not UTF-8, and servers let such a role in only from clients that do without an encoding"
        raise PostgresError(FailureCode.UNSUPPORTED, message, "connect as another role; a database may be named so")
    database = known.get("dbname") or user
    servers, passwords = _servers(known, user, database, Path(known.get("passfile") or home / ".pgpass"))
    sslmode, ssl_options = _sslmode(target.tls, written, known), _ssl_options(known, home)
    refuse_demands(known, by_tls=sslmode is not SslMode.DISABLE, by_socket=any(server.is_socket for server in servers))
    if sslmode is SslMode.VERIFY_CA and dict(ssl_options).get("sslrootcert", _SYSTEM) == _SYSTEM:
        # Anybody may have a certificate of an issuer that the machine trusts.
        message = "sslmode verify-ca needs the certificate of the issuer"
        raise PostgresError(FailureCode.MISSING, message, "give its file by ?sslrootcert=FILE, or use verify-full")
    if sslmode is not SslMode.DISABLE and not all(server.is_socket for server in servers):
        _check_own_certificate(dict(ssl_options), is_demanded=sslmode not in _EASY or "sslkey" in known)
    return Place(
        servers=servers,
        user=user,
        database=database,
        sslmode=sslmode,
        ssl_options=ssl_options,
        attributes=_one_of(Attributes, known.get("target_session_attrs") or "any", "target_session_attrs"),
        connect_seconds=_seconds(known.get("connect_timeout") or "0"),
        pooled=known.get("pgbouncer", "") in {"true", "1", "yes", "on"},
        options=known.get("options", ""),
        remark=passwords.remark,
    )


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user without a home
        return Path("/nonexistent")


def _written(location: Location) -> dict[str, str]:
    """What the URL itself says, by the names that a service file uses; nothing that it leaves empty."""
    parts = {
        "host": ",".join(host for host, _ in location.servers),
        "port": ",".join(str(port or "") for _, port in location.servers or (("", location.port),)),
        "dbname": location.database,
        "user": location.user,
        "password": location.password.reveal() if location.password is not None else "",
        **dict(location.options),
    }
    return {name: value for name, value in parts.items() if value.strip(",")}


def _with_file(environ: Mapping[str, str], written: Mapping[str, str]) -> Mapping[str, str]:
    return {**environ, "PGSERVICEFILE": written["servicefile"]} if "servicefile" in written else environ


def _refuse_unknown(settings: Mapping[str, str], where: str) -> None:
    known = {*_VARIABLES, *_PASSED_OVER, *_OWN}
    for name in settings:
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.6)
            guess = f"did you mean {near[0]}?" if near else "leave it out"
            raise PostgresError(FailureCode.UNSUPPORTED, f"{where} holds the unknown option {name!r}", guess)


def _servers(known: Mapping[str, str], user: str, database: str, passfile: Path) -> tuple[tuple[Server, ...], PasswordFile]:
    """The servers in the order to try, each with its password, and the password file where it was asked."""
    hosts, names = _hosts(known)
    ports = _ports(known.get("port") or "", len(hosts))
    places = [
        (*place, name)
        for host, name, port in zip(hosts, names, ports, strict=True)
        for place in ([(host, port)] if host else _default_hosts(port))
    ]
    given = known.get("password")
    passwords = PasswordFile() if given else read_passwords(passfile)
    found = (
        Server(host, port, _secret(given, passwords, name or host, port, user, database), "" if name.startswith("/") else name)
        for host, port, name in places
    )
    return tuple(found), passwords


def _hosts(known: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Where to connect to, and the name of each place that has an address (hostaddr) beside its host, else ""."""
    hosts = (known.get("host") or "").split(",")
    if not known.get("hostaddr"):
        return hosts, [""] * len(hosts)
    addresses = known["hostaddr"].split(",")
    if not known.get("host"):
        return addresses, [""] * len(addresses)
    if len(hosts) != len(addresses):
        message = f"there are {len(addresses)} addresses (hostaddr) for {len(hosts)} hosts"
        raise PostgresError(FailureCode.UNSUPPORTED, message, "write one address per host")
    pairs = [(address or host, host if address else "") for host, address in zip(hosts, addresses, strict=True)]
    return [place for place, _ in pairs], [name for _, name in pairs]


def _secret(given: str | None, passwords: PasswordFile, host: str, port: int, user: str, database: str) -> Secret | None:
    names = (host, "localhost") if host.startswith("/") else (host,)
    found = given or passwords.password(names, port, database, user)
    return Secret(found) if found else None


def _ports(text: str, count: int) -> list[int]:
    try:
        ports = [int(port) if port.strip() else DEFAULT_PORT for port in text.split(",")]
    except ValueError as error:
        raise PostgresError(FailureCode.UNSUPPORTED, "a port is no number", "write 5432, or one per host: 5432,5433") from error
    if len(ports) not in {1, count}:
        raise PostgresError(FailureCode.UNSUPPORTED, f"there are {len(ports)} ports for {count} hosts", "write one port, or one per host")
    return ports if len(ports) == count else ports * count


def _default_hosts(port: int) -> list[tuple[str, int]]:
    """The usual socket of this machine if there is one, else localhost."""
    found = {os.path.realpath(folder) for folder in _SOCKET_FOLDERS if (Path(folder) / f".s.PGSQL.{port}").exists()}
    return [(folder, port) for folder in sorted(found)] or [("localhost", port)]


def _sslmode(policy: TlsPolicy, written: Mapping[str, str], known: Mapping[str, str]) -> SslMode:
    """The URL's own mode, else the target's policy where it says more than the default, else service file and environment.

    What the policy demands holds, whatever less the URL asks for.
    """
    demanded = SslMode.DISABLE if policy is TlsPolicy.OFF else SslMode(str(policy))
    if "sslmode" not in written and policy is not TlsPolicy.PREFER:
        return demanded
    mode = _one_of(SslMode, known.get("sslmode") or "prefer", "sslmode")
    return mode if demanded in {SslMode.DISABLE, SslMode.PREFER} else max(mode, demanded, key=list(SslMode).index)


def _ssl_options(known: Mapping[str, str], home: Path) -> tuple[tuple[str, Secret], ...]:
    """Files and the rest; raises PostgresError for a file that is not there."""
    usual = {"sslrootcert": "root.crt", "sslcert": "postgresql.crt", "sslkey": "postgresql.key", "sslcrl": "root.crl"}
    found: dict[str, str] = {name: known[name] for name in _SSL_OTHERS if name in known}
    for name in _SSL_FILES:
        path = Path(known.get(name) or home / ".postgresql" / usual[name]).expanduser()
        if known.get(name) == SYSTEM_CERTIFICATES:
            found[name] = SYSTEM_CERTIFICATES
        elif path.is_file():
            found[name] = str(path)
        elif known.get(name):
            raise PostgresError(FailureCode.MISSING, f"{name} names {path}, which is not there", "check the path")
    return tuple((name, Secret(value)) for name, value in found.items())


def _check_own_certificate(options: Mapping[str, Secret], *, is_demanded: bool) -> None:
    """Raise PostgresError for a client certificate that cannot be used.

    The mode of a key that lies in the usual place counts where TLS is demanded: elsewhere `psql` goes without TLS.
    """
    if "sslcert" not in options:
        return
    key = Path(options["sslkey"].reveal()) if "sslkey" in options else None
    if key is not None and is_demanded:
        check_closed(key)
    check_usable(Path(options["sslcert"].reveal()), key, options["sslpassword"].reveal() if "sslpassword" in options else "")


def _seconds(text: str) -> float | None:
    """Seconds of connect_timeout; None, zero and less mean that only the caller's deadline counts."""
    try:
        seconds = float(text)
    except ValueError as error:
        raise PostgresError(FailureCode.UNSUPPORTED, f"connect_timeout is {text!r}", "write seconds, as in connect_timeout=5") from error
    return seconds if seconds > 0 else None


def _one_of(words: type[_Word], text: str, name: str) -> _Word:
    try:
        return words(text)
    except ValueError as error:
        near = get_close_matches(text.lower(), list(words), n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"change {name} in the URL, or its variable in the environment"
        raise PostgresError(FailureCode.UNSUPPORTED, f"{name} is {text!r}, which is none of {', '.join(words)}", hint) from error
