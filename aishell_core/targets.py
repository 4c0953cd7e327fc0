"""Targets: what is watched, where it is, how it is trusted, and where its secret comes from."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote

from aishell_core.errors import ConfigError, UsageError
from aishell_core.url_places import HostPort, server_of, split_url, with_ports
from aishell_core.values import TargetId


class Environment(StrEnum):
    """How careful one has to be with a target."""

    PRODUCTION = "production"
    STAGING = "staging"
    DEVELOPMENT = "development"


class TlsPolicy(StrEnum):
    """How far the server's certificate is checked."""

    OFF = "off"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


@dataclass(frozen=True, slots=True)
class Engine:
    """A kind of database: its name in aishell, its title for people, its URL schemes, its usual port (0 for a file)."""

    name: str
    title: str
    schemes: tuple[str, ...]
    port: int = 0


ENGINES: tuple[Engine, ...] = (
    Engine("postgres", "PostgreSQL", ("postgresql", "postgres"), 5432),
    Engine("mysql", "MySQL or MariaDB", ("mysql", "mariadb"), 3306),
    Engine("mongodb", "MongoDB", ("mongodb", "mongodb+srv"), 27017),
    Engine("redis", "Redis or Valkey", ("redis", "rediss", "redis+unix", "valkey", "valkeys", "valkey+unix"), 6379),
    Engine("pgbouncer", "PgBouncer", ("pgbouncer",), 6432),
    Engine("sqlite", "SQLite", ("sqlite",)),
    Engine("oracle", "Oracle", ("oracle",), 1521),
    Engine("host", "this host", ("host",)),
)
_BY_SCHEME = {scheme: engine for engine in ENGINES for scheme in engine.schemes}
# What a URL of a file shows as it is: everything but the signs that would end its path or begin an escape.
_READABLE = "".join(map(chr, {*range(0x20, 0x7F)} - {*map(ord, "%?#")}))
_SAFE = "/@+-._~"
_ODD_BYTE = re.compile("[\udc80-\udcff]")
"""A byte of a name that is no UTF-8."""
_PLACED = {"host", "port", "user", "password", "dbname"}
"""Options of a URL that say what its other parts say, and are kept there."""
_FILE_SUFFIXES = {".db", ".sqlite", ".sqlite3", ".db3"}


_TLS_SCHEMES = {"redis": "rediss"}
"""How an engine's URL is written when it says by its scheme that the connection is encrypted; kept as the option `tls`."""
_SECURE = {"rediss", "valkeys"}
_SOCKET_SUFFIX = "+unix"
"""Ends a scheme whose path is that of a socket."""
_NAMED_BY_BYTES = {"postgres"}
"""Engines whose databases may have names of any bytes, and are asked for them by these."""
_SHOWN_OPTIONS = ("service", "sentinel", "sid", "db")
"""Options that say where a database is, and are shown with it."""
_WITH_DEFAULTS = {"postgres", "pgbouncer", "redis", "mysql", "mongodb", "oracle"}
"""Engines whose clients know by themselves where the database is when a URL does not say."""
_SRV = "+srv"
"""The end of a scheme whose host is a name behind which the resolver knows the servers; the option `srv` stands for it."""
_PORTS_ELSEWHERE = {"postgres", "pgbouncer", "mysql"}
"""Of these, the engines whose port may be said by the environment or a file."""
_SOCKET_FILES = {"mysql", "mongodb", "redis"}
"""Engines whose socket is named by its file, and not by its folder."""
_ONLY_DATABASE = {"pgbouncer": "pgbouncer"}
"""Engines with one database alone, whatever a URL names."""


class Secret:
    """A text that never shows itself; `reveal()` is called where a driver needs it and nowhere else."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True, slots=True)
class Location:
    """Where a target is, taken from its URL; `path` is the file of an engine that lives in one.

    Without a host and a path, the engine's own defaults say where it is. `others` are further servers of the same
    database, to be tried in turn. A host that begins with / is the folder of a Unix socket.
    """

    engine: str
    host: str = ""
    port: int = 0
    database: str = ""
    user: str = ""
    path: Path | None = None
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    password: Secret | None = None
    others: tuple[HostPort, ...] = ()

    @property
    def servers(self) -> tuple[HostPort, ...]:
        """All servers in the order of the URL; empty where it names none."""
        return ((self.host, self.port), *self.others) if self.host else ()

    def option(self, name: str) -> str | None:
        """The value of a URL option, None when it is not given."""
        return dict(self.options).get(name)

    def redacted(self) -> str:
        """The URL without its password and without the value of any secret option."""
        if self.path is not None:
            return f"{self.engine}:///{quote(str(self.path).lstrip('/'), safe=_READABLE)}"
        if not self.host and self.engine not in _WITH_DEFAULTS:
            return ""
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        hosts = ",".join(_written(host, port) for host, port in self.servers)
        found = [f"{name}={quote(value, safe='')}" for name in _SHOWN_OPTIONS if (value := self.option(name))]
        chosen = f"?{'&'.join(found)}" if found else ""
        scheme = _TLS_SCHEMES.get(self.engine, self.engine) if self.option("tls") else self.engine
        scheme += _SRV if self.option(_SRV.removeprefix("+")) == "true" else ""
        return f"{scheme}://{user}{hosts}/{quote(self.database, errors='surrogateescape')}{chosen}"


def _written(host: str, port: int) -> str:
    """A server as it is written in a URL."""
    name = quote(host, safe="") if host.startswith("/") else f"[{host}]" if ":" in host else host
    return f"{name}:{port}" if port else name


UNKNOWN_ENGINE = "unknown"
"""The engine of a target whose URL cannot be had, so that nobody can tell what it is."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a target cannot even be opened, what to do, and where it would have been, as far as that may be shown."""

    message: str
    hint: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that is watched."""

    name: TargetId
    location: Location
    environment: Environment = Environment.DEVELOPMENT
    tags: tuple[str, ...] = ()
    tls: TlsPolicy = TlsPolicy.PREFER
    interval_seconds: float | None = None
    origin: str = field(default="", compare=False)
    obstacle: Obstacle | None = None
    read_only: bool = False

    @property
    def engine(self) -> str:
        """The engine's name, as in the catalogue."""
        return self.location.engine


def parse_location(url: str, base: Path | None = None) -> Location:
    """A location from a URL, or from the path of a database file.

    `sqlite:///x/app.db` means /x/app.db; where only x/app.db below `base` (default: the working folder) exists,
    it means that one. Raises ConfigError naming the nearest valid scheme; the message never holds the URL's password.
    """
    if "://" not in url:
        return _file_location(url, base or Path.cwd())
    scheme = url.split("://", 1)[0].lower()
    engine = _BY_SCHEME.get(scheme)
    if engine is None:
        near = get_close_matches(scheme, _BY_SCHEME, n=1, cutoff=0.5)
        nearest = f"did you mean {near[0]}://? " if near else ""
        raise ConfigError(f"unknown URL scheme {scheme!r}", f"{nearest}valid schemes are {', '.join(_BY_SCHEME)}")
    try:
        parts = split_url(url)
        if engine.name in _WITH_DEFAULTS:
            location = several_hosts(engine.name, parts)
            if scheme.endswith(_SRV):
                return replace(location, options=tuple(sorted({*location.options, (_SRV.removeprefix("+"), "true")})))
            return location if engine.name in _PORTS_ELSEWHERE else _with_usual_port(location, engine.port)
    except ValueError as error:
        raise ConfigError(
            f"the {engine.title} URL cannot be read: its host or port is malformed", "write scheme://host:port/name"
        ) from error
    options = tuple(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    if engine.name == "host":
        return Location("host", host=parts.hostname or "localhost")
    _refuse_host(engine, parts.netloc)
    return _path_location(engine.name, unquote(parts.path, errors="surrogateescape"), options, base or Path.cwd())


def several_hosts(engine: str, parts: SplitResult) -> Location:
    """The location in a URL that may name several servers, a socket's folder or none, and anything of it as an option.

    Port 0 stands for one that is not written. Raises ValueError for a server or port that cannot be one.
    """
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    names = dict(parse_qsl(parts.query, errors="surrogateescape"))
    if parts.scheme.lower() in _SECURE:
        options["tls"] = "true"
    login, _, netloc = parts.netloc.rpartition("@")
    if parts.scheme.lower().endswith(_SOCKET_SUFFIX):
        netloc, parts = quote(unquote(parts.path), safe=""), parts._replace(path="")
    user, _, password = login.partition(":")
    servers = tuple(server_of(text) for text in netloc.split(",")) if netloc else ()
    if len(servers) > 1:
        servers = tuple((host or "localhost", port) for host, port in servers)
    if options.get("host"):
        servers = tuple((host, 0) for host in options["host"].split(","))
    if options.get("port"):
        servers = with_ports(servers, options["port"].split(","))
    secret = options.get("password") or unquote(password)
    first, *others = servers or (("", 0),)
    return Location(
        engine=engine,
        host=first[0],
        port=first[1],
        database=_ONLY_DATABASE.get(engine)
        or _name(names.get("dbname") or _bytewise(parts.path.removeprefix("/")), "database", any_bytes=engine in _NAMED_BY_BYTES),
        user=_name(names.get("user") or _bytewise(user), "user"),
        options=tuple(sorted((name, value) for name, value in options.items() if name not in _PLACED)),
        password=Secret(secret) if secret else None,
        others=tuple(others),
    )


def _bytewise(text: str) -> str:
    """A part of a URL without its escapes; bytes that are no UTF-8 stay what they are (surrogateescape)."""
    return unquote(text, errors="surrogateescape")


def _name(text: str, whose: str, *, any_bytes: bool = False) -> str:
    """A name as it is meant; most drivers send names in UTF-8, so that one of other bytes would become another name."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        if not any_bytes:
            raise ConfigError(f"the {whose}'s name in the URL is not UTF-8", "rename it, or give it in UTF-8 with % escapes") from error
    return text


def _with_usual_port(location: Location, port: int) -> Location:
    """The location with the engine's port where none is written; a sentinel has another one, and a socket none."""
    if location.option("sentinel"):
        return location
    first, *others = (
        (host, number or (0 if not host or host.startswith("/") else port)) for host, number in location.servers or (("", 0),)
    )
    return replace(location, port=first[1], others=tuple(others))


def _refuse_host(engine: Engine, netloc: str) -> None:
    """Neither user nor host is shown: whoever takes the file for a server may have written a password there."""
    if not netloc:
        return
    found = "a user or a password" if "@" in netloc else "a host"
    slashes = f"a file has none; write {engine.name}:///path/to/app.db, with three slashes"
    raise ConfigError(f"the {engine.title} URL names {found}", slashes)


def file_url(engine: str, path: Path, options: str = "") -> str:
    """The URL of a file, from which `parse_location` reads the same path whatever characters stand in it."""
    written = f"{engine}:///{quote(os.fsencode(path).lstrip(b'/'), safe=_SAFE)}"
    return f"{written}?{options}" if options else written


def _path_location(engine: str, text: str, options: tuple[tuple[str, str], ...], base: Path) -> Location:
    if text in {"", "/"}:
        raise ConfigError(f"the {engine} URL names no file", f"write {engine}:///path/to/app.db")
    absolute = Path("/" + text.lstrip("/"))
    relative = base / text.lstrip("/")
    path = relative if not text.startswith("//") and not _is_there(absolute) and _is_there(relative) else absolute
    return Location(engine, path=path, options=options)


def _is_there(path: Path) -> bool:
    """Whether the path leads to something, as far as we are let to see; a link that leads nowhere is something too."""
    return os.path.lexists(path)


def _with_home(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~ of somebody who has no home
        return Path(text)


def _file_location(text: str, base: Path) -> Location:
    path = (base / _with_home(text)).absolute()
    # Unlike Path.is_file, these are no errors where a folder may not be entered or the name can be none: reading will say so.
    if text and (os.path.isfile(path) or path.suffix in _FILE_SUFFIXES):  # noqa: PTH113
        return Location("sqlite", path=path)
    shown = "what was given" if "@" in text else repr(text)
    raise ConfigError(
        f"{shown} is neither a URL nor a database file", "write a URL such as sqlite:///path/to/app.db or postgresql://host/name"
    )


def find_engine(text: str) -> Engine:
    """The engine that a person means: its name, one of its URL schemes, or its title; raises UsageError with the nearest."""
    known = {engine.name: engine for engine in ENGINES}
    for engine in ENGINES:
        words = (*engine.schemes, *(title.lower() for title in engine.title.split(" or ")))
        known |= {word: engine for word in words if word not in known}
    found = known.get(text.strip().lower())
    if found is None:
        names = ", ".join(engine.name for engine in ENGINES)
        near = get_close_matches(text.strip().lower(), known, n=1, cutoff=0.5)
        hint = f"did you mean {known[near[0]].name}? valid: {names}" if near else f"valid: {names}"
        raise UsageError(f"there is no engine {text!r}", hint)
    return found


def engine_of(url: str) -> str:
    """The engine that a URL's scheme names, `UNKNOWN_ENGINE` for none that we know."""
    engine = _BY_SCHEME.get(url.partition("://")[0].lower())
    return engine.name if engine else UNKNOWN_ENGINE


def _named_by_socket(location: Location, database: str) -> str:
    """A name for a server of this machine: a database's own says most, that of a numbered one nothing without the socket's file."""
    files = [host for host, _ in location.servers] or [location.option("socket") or ""]
    number = database or location.option("db") or ""
    if number and not number.isdecimal():
        return number
    place = Path(files[0]).name or ("localhost" if number else location.engine)
    return f"{number}@{place}" if number not in {"", "0"} else place


def default_name(location: Location) -> TargetId:
    """A name for a target that was given without one: the file's name, or database@host, with a port that is not the usual one.

    Of several servers of one database all are named, whichever of them answers. History is kept under the name, so that
    two servers of one host must not have the same.
    """
    if location.path is not None:
        return TargetId(location.path.name)
    usual = {0, *(engine.port for engine in ENGINES if engine.name == location.engine)}
    # A socket's folder says less than the database.
    named = ((host, port) for host, port in location.servers if not host.startswith("/"))
    host = ",".join(host if port in usual else f"{host}:{port}" for host, port in named)
    database = _ODD_BYTE.sub(lambda found: quote(found[0], errors="surrogateescape"), location.database)
    if location.database == "0" and host:
        return TargetId(host)  # the first of numbered databases
    if not host and location.engine in _SOCKET_FILES:
        return TargetId(_named_by_socket(location, database))
    if not host:
        return TargetId(database or location.option("service") or location.engine)
    return TargetId(f"{database}@{host}" if database else host)
