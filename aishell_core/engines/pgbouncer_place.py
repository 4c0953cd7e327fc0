"""Where a pooler listens, whom we are there, and how the way to it is secured."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aishell_core.errors import TargetError
from aishell_core.targets import Secret, Target, TlsPolicy
from aishell_core.values import FailureCode

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ASKS_TLS = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
"""The request for TLS that stands before everything else: its length and the code 80877103."""


@dataclass(frozen=True, slots=True)
class Place:
    """One pooler's address, who we are there and how far its certificate is checked; `folder` is that of a unix socket."""

    host: str
    folder: str
    port: int
    user: str
    password: Secret | None
    tls: TlsPolicy
    root_certificates: str = ""

    @property
    def path(self) -> str:
        """The file of its unix socket."""
        return f"{self.folder.rstrip('/')}/.s.PGSQL.{self.port}"

    @property
    def address(self) -> str:
        """What a message calls it."""
        return self.path if self.folder else f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

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


def place_of(target: Target, environ: Mapping[str, str], own_user: Callable[[], str]) -> Place:
    """Where a target's pooler is; what its URL leaves out comes from PGUSER, PGPASSWORD and the user's own name."""
    location = target.location
    host = location.option("host") or location.host
    password = location.password
    if password is None and environ.get("PGPASSWORD"):
        password = Secret(environ["PGPASSWORD"])
    folder = host if host.startswith("/") else ""
    return Place(
        "" if folder else host,
        folder,
        location.port,
        location.user or environ.get("PGUSER") or own_user(),
        password,
        _tls(target),
        location.option("sslrootcert") or "",
    )


def _tls(target: Target) -> TlsPolicy:
    """What the URL says goes before what the target's configuration says."""
    word = target.location.option("sslmode")
    known = {"disable": TlsPolicy.OFF, "allow": TlsPolicy.PREFER} | {str(policy): policy for policy in TlsPolicy}
    return known.get(word, target.tls) if word is not None else target.tls


def secured(plain: socket.socket, place: Place) -> socket.socket:
    """The same way with TLS where it is wanted and offered; raises OSError, and TargetError where it is wanted in vain.

    A socket file needs none, and no PostgreSQL program uses it there.
    """
    if place.folder or place.tls is TlsPolicy.OFF:
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
    if place.tls is TlsPolicy.PREFER:
        return plain
    raise TargetError(
        FailureCode.UNSUPPORTED,
        f"pgbouncer at {place.address} does not offer TLS, which this target asks for",
        "set client_tls_sslmode, client_tls_key_file and client_tls_cert_file in pgbouncer.ini, or tls: off for this target",
    )


def _context(place: Place) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=place.root_certificates or None)
    checked = place.tls in {TlsPolicy.VERIFY_CA, TlsPolicy.VERIFY_FULL}
    context.check_hostname = place.tls is TlsPolicy.VERIFY_FULL
    context.verify_mode = ssl.CERT_REQUIRED if checked else ssl.CERT_NONE
    return context
