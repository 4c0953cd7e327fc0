"""Where a MySQL or MariaDB is and how to get in: the URL above the login path above option files above the environment."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

from aishell_core.engines.closed_keys import refuse_closed_key
from aishell_core.engines.mysql_errors import MysqlError
from aishell_core.engines.mysql_files import Options, login_file, option_files, read_login_paths, read_options
from aishell_core.targets import Location, Secret, Target, TlsPolicy
from aishell_core.values import FailureCode

DEFAULT_PORT = 3306
_SOCKETS = ("/run/mysqld/mysqld.sock", "/var/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock")  # noqa: S108
_GROUPS = ("client", "client-server", "client-mariadb", "mysql", "mariadb-client")
_VARIABLES: Mapping[str, str] = {
    "host": "MYSQL_HOST",
    "port": "MYSQL_TCP_PORT",
    "socket": "MYSQL_UNIX_PORT",
    "password": "MYSQL_PWD",
}
_KNOWN = frozenset(
    {
        *("host", "port", "user", "password", "database", "socket", "ssl", "ssl-mode", "ssl-ca", "ssl-cert", "ssl-key"),
        *("ssl-verify-server-cert", "connect-timeout", "login-path", "defaults-file", "defaults-group-suffix", "get-server-public-key"),
        *("enable-cleartext-plugin",),
    }
)
_SPELLINGS: Mapping[str, str] = {
    "unix-socket": "socket",
    "sslmode": "ssl-mode",
    "tls": "ssl-mode",
    "ssl-verify-cert": "ssl-verify-server-cert",
    "sslca": "ssl-ca",
    "sslcert": "ssl-cert",
    "sslkey": "ssl-key",
    "sslrootcert": "ssl-ca",
    "connecttimeout": "connect-timeout",
    "usessl": "ssl",
    "allowpublickeyretrieval": "get-server-public-key",
    "db": "database",
    "dbname": "database",
}
_PASSED_OVER = frozenset(
    {
        *("charset", "default-character-set", "collation", "useunicode", "characterencoding", "servertimezone", "parsetime", "loc"),
        *("autoreconnect", "local-infile", "read-timeout", "write-timeout", "timeout", "sql-mode", "autocommit", "pool-size", "schema"),
        *("connection-limit", "pool-timeout", "socket-timeout", "compress", "protocol", "max-allowed-packet", "time-zone", "default-auth"),
    }
)
"""What other clients read in a URL and what changes nothing here."""


class SslMode(StrEnum):
    """How far TLS is wanted and the server's certificate checked, by the names of the server's own clients."""

    DISABLED = "disabled"
    PREFERRED = "preferred"
    REQUIRED = "required"
    VERIFY_CA = "verify_ca"
    VERIFY_IDENTITY = "verify_identity"


_MODES: Mapping[str, SslMode] = {
    **{mode.value: mode for mode in SslMode},
    **dict.fromkeys(("disable", "off", "false", "0"), SslMode.DISABLED),
    "prefer": SslMode.PREFERRED,
    **dict.fromkeys(("require", "true", "1"), SslMode.REQUIRED),
    "verify-ca": SslMode.VERIFY_CA,
    **dict.fromkeys(("verify-full", "verify_full", "verify-identity"), SslMode.VERIFY_IDENTITY),
}
_POLICIES: Mapping[TlsPolicy, SslMode] = {
    TlsPolicy.OFF: SslMode.DISABLED,
    TlsPolicy.REQUIRE: SslMode.REQUIRED,
    TlsPolicy.VERIFY_CA: SslMode.VERIFY_CA,
    TlsPolicy.VERIFY_FULL: SslMode.VERIFY_IDENTITY,
}
_OFF = {"", "0", "off", "false", "no"}


@dataclass(frozen=True, slots=True)
class Server:
    """One server: a host name or an address with its port, or the path of a Unix socket."""

    host: str
    port: int
    socket: str = ""

    @property
    def address(self) -> str:
        """How it is named to people."""
        if self.socket:
            return self.socket
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Tls:
    """How TLS is used; `issuers` is the file of trusted issuers ("" for the machine's own), the others are a client's own files."""

    mode: SslMode = SslMode.PREFERRED
    issuers: str = ""
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """All that is needed to connect.

    Without `key_from_server` no password goes over an open way by a key that nobody has checked, and without
    `clear_text` none goes in the clear.
    """

    servers: tuple[Server, ...]
    user: str
    database: str
    password: Secret | None = None
    tls: Tls = Tls()
    connect_seconds: float | None = None
    key_from_server: bool = False
    clear_text: bool = False
    remark: str = ""

    @property
    def address(self) -> str:
        """All servers, as they are named to people."""
        return ", ".join(server.address for server in self.servers)


def find_place(target: Target, environ: Mapping[str, str]) -> Place:
    """The place of a target; reads option files and login paths. Raises MysqlError for a setting that cannot be."""
    home = Path(environ["HOME"]) if environ.get("HOME") else _home()
    written = _written(target.location)
    _refuse_unknown(written)
    options, logins = _files(written, environ, home)
    suffix = written.get("defaults-group-suffix") or environ.get("MYSQL_GROUP_SUFFIX", "")
    groups = [*_GROUPS, *(group + suffix for group in _GROUPS if suffix)]
    around = {name: environ[variable] for name, variable in _VARIABLES.items() if environ.get(variable)}
    login = written.get("login-path", "")
    if login and not logins.has(login):
        message = f"there is no login path {login!r}" + (f": {logins.remark}" if logins.remark else "")
        raise MysqlError(FailureCode.MISSING, message, f"mysql_config_editor set --login-path={login} --user=… --password")
    filed = {_plain(name): value for name, value in (options.of(groups) | logins.of(("client", login))).items()}
    host = filed.get("host") or around.get("host") or "localhost"
    elsewhere = host != "localhost" or "host" in written
    if elsewhere and "socket" not in written:
        # The socket of a file, or of the environment, leads to this machine's own server.
        filed.pop("socket", None)
        around.pop("socket", None)
    known = around | filed | written
    password = known.get("password")
    return Place(
        servers=_servers(target.location, known, _port(known.get("port") or str(DEFAULT_PORT), options), named="host" in written),
        user=known.get("user") or _login_name(),
        database=known.get("database", ""),
        password=Secret(password) if password else None,
        tls=_tls(target.tls, written, filed),
        connect_seconds=_seconds(known.get("connect-timeout") or "0"),
        key_from_server=known.get("get-server-public-key", "").lower() not in _OFF,
        clear_text=known.get("enable-cleartext-plugin", "").lower() not in _OFF,
        remark="; ".join(remark for remark in (options.remark, logins.remark) if remark),
    )


def _files(written: Mapping[str, str], environ: Mapping[str, str], home: Path) -> tuple[Options, Options]:
    logins = read_login_paths(login_file(environ, home))
    named = written.get("defaults-file")
    if not named:
        return read_options(option_files(environ, home)), logins
    path = Path(named).expanduser()
    if not path.is_file():
        raise MysqlError(FailureCode.MISSING, f"defaults-file names {path}, which is not there", "check the path")
    return read_options((path,)), logins


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user without a home
        return Path("/nonexistent")


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return "root"


def _plain(name: str) -> str:
    """An option's name as it is known here."""
    plain = name.lower().replace("_", "-")
    return _SPELLINGS.get(plain, plain)


def _written(location: Location) -> dict[str, str]:
    """What the URL itself says; nothing that it leaves empty."""
    parts = {
        "database": location.database,
        "user": location.user,
        "password": location.password.reveal() if location.password is not None else "",
        "host": location.host,
        **{_plain(name): value for name, value in location.options},
    }
    return {name: value for name, value in parts.items() if value}


def _refuse_unknown(written: Mapping[str, str]) -> None:
    known = {*_KNOWN, *_PASSED_OVER}
    for name in written:
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.6)
            guess = f"did you mean {near[0]}?" if near else "leave it out"
            raise MysqlError(FailureCode.UNSUPPORTED, f"the URL holds the unknown option {name!r}", guess)


def _servers(location: Location, known: Mapping[str, str], port: int, *, named: bool) -> tuple[Server, ...]:
    """The servers in the order to try: those of the URL, else the socket or host of the files, else this machine's usual ones."""
    if known.get("socket"):
        return (Server("localhost", port, str(Path(known["socket"]).expanduser())),)
    if named and location.host:
        return tuple(_server(host, number or port) for host, number in location.servers)
    host = known.get("host", "")
    if host and host != "localhost":
        return (_server(host, port),)
    found = {os.path.realpath(path) for path in _SOCKETS if Path(path).is_socket()}
    return tuple(Server("localhost", port, path) for path in sorted(found)) or (Server("localhost", port),)


def _server(host: str, port: int) -> Server:
    return Server("localhost", port, host) if host.startswith("/") else Server(host, port)


def _port(text: str, options: Options) -> int:
    """The number of a port; raises MysqlError for what is none, with the line of an option file that says it."""
    try:
        return int(text)
    except ValueError as error:
        place = options.place_of("port", text)
        message = f"{place}: the port {text!r} is no number" if place else f"the port {text!r} is no number"
        raise MysqlError(FailureCode.UNSUPPORTED, message, f"write {DEFAULT_PORT}") from error


def _tls(policy: TlsPolicy, written: Mapping[str, str], filed: Mapping[str, str]) -> Tls:
    """The URL's own mode, else the target's policy where it says more than the default, else that of the files.

    What the policy demands holds, whatever less the URL asks for.
    """
    known = {**filed, **written}
    files = {name: _file(known, name) for name in ("ssl-ca", "ssl-cert", "ssl-key")}
    demanded, mode = _POLICIES.get(policy), _mode(written)
    if mode is None:
        mode = demanded or _mode(filed)
    elif demanded is not None:
        mode = max(mode, demanded, key=list(SslMode).index)
    if demanded is not None and mode is not None and _mode(written) is None and written.get("ssl-ca"):
        mode = max(mode, SslMode.VERIFY_CA, key=list(SslMode).index)
    if mode is None:
        # As the server's own clients have it: whoever names an issuer wants it checked.
        mode = SslMode.VERIFY_CA if files["ssl-ca"] else SslMode.PREFERRED
    if mode is SslMode.VERIFY_CA and not files["ssl-ca"]:
        # Anybody may have a certificate of an issuer that the machine trusts.
        message = "ssl-mode verify_ca needs the certificate of the issuer"
        raise MysqlError(FailureCode.MISSING, message, "give its file by ?ssl-ca=FILE, or use verify_identity")
    if mode is not SslMode.DISABLED:
        refuse_closed_key(files["ssl-key"] or files["ssl-cert"])
    return Tls(mode, files["ssl-ca"], files["ssl-cert"], files["ssl-key"])


def _mode(settings: Mapping[str, str]) -> SslMode | None:
    text = settings.get("ssl-mode", "").lower()
    if text:
        mode = _MODES.get(text)
        if mode is None:
            raise MysqlError(FailureCode.UNSUPPORTED, f"ssl-mode is {text!r}", f"valid: {', '.join(SslMode)}")
        return mode
    if settings.get("ssl-verify-server-cert", "").lower() not in _OFF:
        return SslMode.VERIFY_IDENTITY
    if "ssl" not in settings:
        return None
    return SslMode.DISABLED if settings["ssl"].lower() in _OFF else SslMode.REQUIRED


def _file(known: Mapping[str, str], name: str) -> str:
    """The path of a file; raises MysqlError for one that is not there."""
    if not known.get(name):
        return ""
    path = Path(known[name]).expanduser()
    if not path.is_file():
        raise MysqlError(FailureCode.MISSING, f"{name} names {path}, which is not there", "check the path")
    return str(path)


def _seconds(text: str) -> float | None:
    """Seconds of connect-timeout; None, zero and less mean that only the caller's deadline counts."""
    try:
        seconds = float(text)
    except ValueError as error:
        raise MysqlError(FailureCode.UNSUPPORTED, f"connect-timeout is {text!r}", "write seconds, as in connect-timeout=5") from error
    return seconds if seconds > 0 else None
