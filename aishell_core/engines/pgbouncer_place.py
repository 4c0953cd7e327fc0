"""Where a pooler listens, whom we are there, and how the way to it is secured."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from aishell_core.engines.postgres_place import SYSTEM_CERTIFICATES, SslMode, find_place
from aishell_core.errors import TargetError
from aishell_core.targets import Secret, Target
from aishell_core.values import FailureCode

_PORT = 6432
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_OF_SERVERS = frozenset({"PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGSERVICE", "PGTARGETSESSIONATTRS", "PGOPTIONS"})
"""What the environment says of the usual PostgreSQL server, which is another one."""
_SOCKET_FOLDERS = ("/run/pgbouncer", "/var/run/pgbouncer")
"""Where some systems keep the socket of the pooler, beside those of a server."""

_ASKS_TLS = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
"""The request for TLS that stands before everything else: its length and the code 80877103."""


@dataclass(frozen=True, slots=True)
class Place:
    """One pooler's address, who we are there and how far its certificate is checked; `folder` is that of a Unix socket."""

    host: str
    folder: str
    port: int
    user: str
    password: Secret | None
    tls: SslMode
    tls_options: Mapping[str, Secret]
    remark: str = ""

    @property
    def path(self) -> str:
        """The file of its Unix socket."""
        return f"{self.folder.rstrip('/')}/.s.PGSQL.{self.port}"

    @property
    def address(self) -> str:
        """What a message calls it."""
        if self.folder:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def local(self) -> bool:
        """Whether it is reached without a network."""
        return bool(self.folder) or self.host in _LOOPBACK

    def open(self, seconds: float) -> socket.socket:
        """A socket that is connected to it; raises OSError, TimeoutError among them."""
        if not self.folder:
            made = socket.create_connection((self.host, self.port), timeout=seconds)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return made
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.settimeout(seconds)
            made.connect(self.path)
        except OSError:
            made.close()
            raise
        return made


def place_of(target: Target, environ: Mapping[str, str]) -> Place:
    """Where a target's pooler is; what its URL leaves out comes from where every PostgreSQL client looks for it.

    Reads the password file. Raises TargetError for a setting that cannot be.
    """
    location = target.location
    host = location.host or _usual_folder(location.port or _PORT)
    meant = replace(location, host=host, port=location.port or _PORT, others=())
    around = {name: value for name, value in environ.items() if name not in _OF_SERVERS}
    found = find_place(replace(target, location=meant), around)
    server = found.servers[0]
    return Place(
        host="" if server.is_socket else server.host,
        folder=server.host if server.is_socket else "",
        port=server.port,
        user=found.user,
        password=server.password,
        tls=found.sslmode,
        tls_options=dict(found.ssl_options),
        remark=found.remark,
    )


def _usual_folder(port: int) -> str:
    """The folder of a pooler's own where its socket is; "" leaves it to where servers have theirs, and to localhost."""
    return next((folder for folder in _SOCKET_FOLDERS if (Path(folder) / f".s.PGSQL.{port}").exists()), "")


def secured(plain: socket.socket, place: Place) -> socket.socket:
    """The same way with TLS where it is wanted and offered; raises OSError, and TargetError where it is wanted in vain.

    A Unix socket needs none, and no PostgreSQL program uses it there.
    """
    if place.folder or place.tls is SslMode.DISABLE:
        return plain
    try:
        return _negotiated(plain, place)
    except BaseException:
        plain.close()
        raise


def _negotiated(plain: socket.socket, place: Place) -> socket.socket:
    plain.sendall(_ASKS_TLS)
    if plain.recv(1) == b"S":
        return _context(place).wrap_socket(plain, server_hostname=place.host)
    if place.tls in {SslMode.PREFER, SslMode.ALLOW}:
        return plain
    raise TargetError(
        FailureCode.UNSUPPORTED,
        f"pgbouncer at {place.address} does not offer TLS, which this target asks for",
        "set client_tls_sslmode, client_tls_key_file and client_tls_cert_file in pgbouncer.ini, or tls: off for this target",
    )


def _context(place: Place) -> ssl.SSLContext:
    files = {name: secret.reveal() for name, secret in place.tls_options.items()}
    issuers = files.get("sslrootcert", "")
    context = ssl.create_default_context(cafile=issuers if issuers not in {"", SYSTEM_CERTIFICATES} else None)
    # As libpq does: named issuers are checked also where only encryption is asked for.
    checked = place.tls in {SslMode.VERIFY_CA, SslMode.VERIFY_FULL} or (place.tls is SslMode.REQUIRE and bool(issuers))
    context.check_hostname = place.tls is SslMode.VERIFY_FULL
    context.verify_mode = ssl.CERT_REQUIRED if checked else ssl.CERT_NONE
    if "sslcert" in files:
        context.load_cert_chain(files["sslcert"], files.get("sslkey"), files.get("sslpassword", ""))
    return context
