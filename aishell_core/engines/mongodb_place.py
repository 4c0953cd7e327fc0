"""Where a MongoDB is and how to get in, from the target's URL and its TLS policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import quote

from aishell_core.engines.closed_keys import refuse_closed_key
from aishell_core.engines.mongodb_errors import MongoError, Whereabouts
from aishell_core.targets import Secret, Target, TlsPolicy
from aishell_core.values import FailureCode

DEFAULT_PORT = 27017
_TEXTS = (
    *("replicaSet", "authSource", "authMechanism", "authMechanismProperties", "readPreference", "readPreferenceTags"),
    *("tlsCAFile", "tlsCertificateKeyFile", "tlsCertificateKeyFilePassword", "tlsCRLFile", "compressors", "srvServiceName"),
)
_LOOSE = frozenset({"tlsInsecure", "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames"})
"""What takes checks of the server's certificate away."""
_SWITCHES = ("tls", "ssl", "tlsInsecure", "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames", "directConnection", "loadBalanced")
_PASSED_OVER = (
    *("appName", "w", "wTimeoutMS", "journal", "readConcernLevel", "retryReads", "retryWrites", "maxPoolSize", "minPoolSize"),
    *("maxIdleTimeMS", "maxConnecting", "waitQueueTimeoutMS", "socketTimeoutMS", "connectTimeoutMS", "serverSelectionTimeoutMS"),
    *("heartbeatFrequencyMS", "localThresholdMS", "maxStalenessSeconds", "uuidRepresentation", "timeoutMS", "serverMonitoringMode"),
    *("zlibCompressionLevel", "tlsDisableOCSPEndpointCheck", "tlsDisableCertificateRevocationCheck", "gssapiServiceName", "srvMaxHosts"),
)
"""What other clients read in a URL and what is decided here: few connections, and a deadline for each question."""

_SRV = "srv"
"""The option that stands for the scheme mongodb+srv in a location."""
_NAMES = {name.lower(): name for name in (*_TEXTS, *_SWITCHES, *_PASSED_OVER)}
_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class Place:
    """All that is needed to connect; `options` have the names of the driver's URI options.

    `servers` are `host:port`; of a mongodb+srv URL there is one, the name to be resolved.
    """

    servers: tuple[str, ...]
    srv: bool
    user: str
    password: Secret | None
    database: str
    options: Mapping[str, str | bool]

    @property
    def address(self) -> str:
        """All servers, as they are named to people."""
        return ", ".join(self.servers)

    @property
    def direct(self) -> bool:
        """Whether this one server is meant, whatever replica set it belongs to."""
        return self.options.get("directConnection") is True

    @property
    def source(self) -> str:
        """The database that holds the user."""
        return str(self.options.get("authSource") or self.database or "admin")

    @property
    def login(self) -> Mapping[str, str]:
        """The driver's options that let the user in, with the password in them; empty without a user."""
        if not self.user:
            return {}
        login = {"username": self.user, "authSource": self.source}
        return login if self.password is None else {**login, "password": self.password.reveal()}

    @property
    def where(self) -> Whereabouts:
        """What messages name."""
        return Whereabouts(self.address, self.user, self.source)


def find_place(target: Target) -> Place:
    """The place of a target; raises MongoError for an option that cannot be."""
    location = target.location
    srv = location.option(_SRV) == "true"
    written = {name: value for name, value in location.options if name != _SRV}
    options = _options(written)
    servers = tuple(_server(host, port, srv=srv) for host, port in location.servers) or (f"localhost:{DEFAULT_PORT}",)
    options = _with_tls(target.tls, options, srv=srv)
    if len(servers) == 1 and not srv and "replicaSet" not in options and not options.get("loadBalanced"):
        # One host is this host: a member of a replica set is watched for itself, and its others are not asked.
        options.setdefault("directConnection", True)
    if not options.get("directConnection"):
        options.setdefault("readPreference", "primaryPreferred")
    return Place(servers, srv, location.user, location.password, location.database, options)


def _server(host: str, port: int, *, srv: bool) -> str:
    if srv:
        return host
    if host.startswith("/"):
        return quote(host, safe="")
    return f"{f'[{host}]' if ':' in host else host}:{port or DEFAULT_PORT}"


def _options(written: Mapping[str, str]) -> dict[str, str | bool]:
    options: dict[str, str | bool] = {}
    for given, value in written.items():
        name = _NAMES.get(given.lower())
        if name is None:
            near = get_close_matches(given.lower(), _NAMES, n=1, cutoff=0.6)
            hint = f"did you mean {_NAMES[near[0]]}?" if near else "see https://www.mongodb.com/docs/manual/reference/connection-string/"
            raise MongoError(FailureCode.UNSUPPORTED, f"the URL has an option {given!r} that is not known", hint)
        if name in _SWITCHES:
            options["tls" if name == "ssl" else name] = _switch(name, value)
        elif name in _TEXTS and value:
            options[name] = value
    for name in ("tlsCAFile", "tlsCertificateKeyFile", "tlsCRLFile"):
        _check_file(name, options)
    if "tlsCertificateKeyFilePassword" not in options:
        refuse_closed_key(str(options.get("tlsCertificateKeyFile", "")))
    return options


def _switch(name: str, value: str) -> bool:
    known = _WORDS.get(value.lower())
    if known is None:
        raise MongoError(FailureCode.UNSUPPORTED, f"the option {name} of the URL is {value!r}", "write true or false")
    return known


def _check_file(name: str, options: dict[str, str | bool]) -> None:
    value = options.get(name)
    if value is None:
        return
    path = Path(str(value)).expanduser()
    if not path.is_file():
        raise MongoError(FailureCode.MISSING, f"the file of {name} is not there: {path}", "give the path of a PEM file that can be read")
    options[name] = str(path)


def _with_tls(policy: TlsPolicy, options: Mapping[str, str | bool], *, srv: bool) -> dict[str, str | bool]:
    """The options of the URL with what a policy demands; of both the stricter holds. MongoDB has no TLS that is merely preferred."""
    asked = bool(options.get("tls", any(name.startswith("tls") for name in options)))
    checked = {name: value for name, value in options.items() if name not in _LOOSE}
    match policy:
        case TlsPolicy.OFF if asked:
            return {**options, "tls": True}
        case TlsPolicy.OFF:
            return {**options, "tls": False} if srv or "tls" in options else {**options}
        case TlsPolicy.PREFER:
            return {**options, "tls": True} if asked or (srv and "tls" not in options) else {**options}
        case TlsPolicy.REQUIRE:
            says = "tlsCAFile" in options or not _LOOSE.isdisjoint(options)
            return {**options, "tls": True} if says else {**options, "tls": True, "tlsInsecure": True}
        case TlsPolicy.VERIFY_CA:
            named = options.get("tlsAllowInvalidHostnames", True)
            return {**checked, "tls": True, "tlsAllowInvalidHostnames": named}
        case TlsPolicy.VERIFY_FULL:
            return {**checked, "tls": True}
