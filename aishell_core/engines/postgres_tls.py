"""How a PostgreSQL server's certificate is checked where the driver cannot: by this machine's issuers, or for a name beside an address."""

from __future__ import annotations

import ssl

from aishell_core.engines.postgres_place import SYSTEM_CERTIFICATES, Place, Server, SslMode

_VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
_PROTOCOL = "postgresql"
"""The name of the protocol that a server wants to hear where TLS begins without being asked for (sslnegotiation=direct)."""


class _Named(ssl.SSLContext):
    """Checks a certificate for a name of its own where that is set, wherever the connection goes."""

    name = ""

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.name or server_hostname, session)


def tls(place: Place, server: Server) -> str | ssl.SSLContext:
    """The driver's mode, or a context of our own; raises OSError for a file that is no certificate."""
    if server.is_socket:
        return "disable"
    if place.sslmode is SslMode.VERIFY_FULL and (_issuers(place) == SYSTEM_CERTIFICATES or server.name):
        return _verifying(place, server)
    return str(place.sslmode)


def _issuers(place: Place) -> str:
    found = dict(place.ssl_options).get("sslrootcert")
    return found.reveal() if found is not None else SYSTEM_CERTIFICATES


def _verifying(place: Place, server: Server) -> ssl.SSLContext:
    options = {name: value.reveal() for name, value in place.ssl_options}
    context = _Named(ssl.PROTOCOL_TLS_CLIENT)
    context.name = server.name
    if _issuers(place) == SYSTEM_CERTIFICATES:
        context.load_default_certs()
    else:
        context.load_verify_locations(_issuers(place))
    if "sslcrl" in options:
        context.load_verify_locations(options["sslcrl"])
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN
    if "sslcert" in options:
        context.load_cert_chain(options["sslcert"], options.get("sslkey"), options.get("sslpassword", ""))
    context.minimum_version = _VERSIONS.get(options.get("ssl_min_protocol_version", ""), ssl.TLSVersion.TLSv1_2)
    if "ssl_max_protocol_version" in options:
        context.maximum_version = _VERSIONS.get(options["ssl_max_protocol_version"], ssl.TLSVersion.MAXIMUM_SUPPORTED)
    if options.get("sslnegotiation") == "direct":
        context.set_alpn_protocols([_PROTOCOL])
    return context
