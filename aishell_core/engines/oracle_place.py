"""Where an Oracle database is and how to get in, from a target's URL, its TLS policy and the environment; all pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum

from aishell_core.engines.oracle_errors import OracleError, Whereabouts
from aishell_core.targets import Secret, Target, TlsPolicy
from aishell_core.values import FailureCode

_PORT, _TLS_PORT = 1521, 2484
_OPTIONS = (
    "sid",
    "protocol",
    "config_dir",
    "wallet_location",
    "wallet_password",
    "ssl_server_dn_match",
    "ssl_server_cert_dn",
    "proxy_user",
    "mode",
    "edition",
    "server_type",
    "schema",
    "diagnostics_pack",
)
"""What a URL may say behind its question mark; the names are those of the driver, but for the last two."""

_LICENSED = "licensed"
_MODES = ("sysdba", "sysoper", "sysbackup", "sysdg", "syskm", "sysrac")
_SAFE = re.compile(r"[\w.$#:%-]+")
"""What may stand in a connect descriptor: a parenthesis would begin another part of it."""


class Trust(StrEnum):
    """How far TLS checks the server."""

    NONE = "none"
    ISSUER = "issuer"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Place:
    """All that a connection needs; `dsn` is a connect descriptor or a net service name that the driver looks up.

    `trust` is None without TLS. `config_dir` is the folder of tnsnames.ora. `schema` is whose tables are
    meant, "" for the user's own. `licensed` tells that the views of the
    Diagnostics Pack may be read.
    """

    user: str
    password: Secret | None
    dsn: str
    address: str
    service: str
    trust: Trust | None = None
    config_dir: str = ""
    wallet_location: str = ""
    wallet_password: Secret | None = None
    server_cert_dn: str = ""
    proxy_user: str = ""
    mode: str = ""
    edition: str = ""
    schema: str = ""
    licensed: bool = False
    by_alias: bool = field(default=False)

    @property
    def where(self) -> Whereabouts:
        """What messages name."""
        return Whereabouts(self.address, self.service, self.user.upper() if self.user.islower() else self.user)


def find_place(target: Target, environ: Mapping[str, str]) -> Place:
    """Where a target is and how to get in; raises OracleError with what is wrong in its URL."""
    location = target.location
    options = dict(location.options)
    _check(options)
    trust = _trust(options, target.tls)
    config_dir = options.get("config_dir") or environ.get("TNS_ADMIN", "")
    wallet_secret = options.get("wallet_password")
    if location.servers:
        service = options.get("sid") or location.database
        hosts = [(host, port or (_TLS_PORT if trust else _PORT)) for host, port in location.servers]
        dsn = _descriptor(hosts, location.database, options, tls=trust is not None)
        address = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in hosts)
    else:
        service = address = dsn = location.database or environ.get("TWO_TASK", "")
        if not dsn:
            hint = "write oracle://user@host:1521/SERVICE, or oracle://user@/ALIAS for a name in tnsnames.ora"
            raise OracleError(FailureCode.MISSING, "the Oracle URL names neither a host nor a net service name", hint)
    return Place(
        user=location.user,
        password=location.password,
        dsn=dsn,
        address=address,
        service=service,
        trust=trust,
        config_dir=config_dir,
        wallet_location=options.get("wallet_location", ""),
        wallet_password=Secret(wallet_secret) if wallet_secret else None,
        server_cert_dn=options.get("ssl_server_cert_dn", ""),
        proxy_user=options.get("proxy_user", ""),
        mode=options.get("mode", ""),
        edition=options.get("edition", ""),
        schema=options.get("schema", ""),
        licensed=options.get("diagnostics_pack") == _LICENSED,
        by_alias=not location.servers,
    )


def _check(options: Mapping[str, str]) -> None:
    for name in options:
        if name not in _OPTIONS:
            near = get_close_matches(name, _OPTIONS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_OPTIONS)}"
            raise OracleError(FailureCode.UNSUPPORTED, f"an Oracle URL has no option {name!r}", hint)
    _one_of(options, "protocol", ("tcp", "tcps"))
    _one_of(options, "mode", _MODES)
    _one_of(options, "diagnostics_pack", (_LICENSED,))
    _one_of(options, "server_type", ("dedicated", "shared", "pooled"))
    _one_of(options, "ssl_server_dn_match", ("on", "off", "yes", "no", "true", "false"))


def _one_of(options: Mapping[str, str], name: str, values: tuple[str, ...]) -> None:
    value = options.get(name)
    if value is not None and value.lower() not in values:
        near = get_close_matches(value.lower(), values, n=1, cutoff=0.3)
        hint = f"did you mean {near[0]}?" if near else f"it may be {', '.join(values)}"
        raise OracleError(FailureCode.UNSUPPORTED, f"the option {name} of the URL cannot be {value!r}", hint)


def _trust(options: Mapping[str, str], policy: TlsPolicy) -> Trust | None:
    """How far TLS goes: by the protocol in the URL, or by the target's policy, which can only make it stricter."""
    wanted = options.get("protocol") == "tcps" or "wallet_location" in options
    if policy in {TlsPolicy.OFF, TlsPolicy.PREFER} and not wanted:
        return None
    if policy is TlsPolicy.REQUIRE:
        return Trust.NONE
    named = options.get("ssl_server_dn_match", "on").lower() in {"on", "yes", "true"}
    if policy is TlsPolicy.VERIFY_FULL or (named and policy is not TlsPolicy.VERIFY_CA):
        return Trust.NAME
    return Trust.ISSUER


def _descriptor(hosts: list[tuple[str, int]], service: str, options: Mapping[str, str], *, tls: bool) -> str:
    """A connect descriptor (Net Services Reference, local naming parameters)."""
    protocol = "tcps" if tls else "tcp"
    addresses = "".join(f"(ADDRESS=(PROTOCOL={protocol})(HOST={_safe(host, 'host')})(PORT={port}))" for host, port in hosts)
    data = ""
    if options.get("sid"):
        data = f"(SID={_safe(options['sid'], 'sid')})"
    elif service:
        data = f"(SERVICE_NAME={_safe(service, 'service')})"
    if options.get("server_type"):
        data += f"(SERVER={options['server_type'].lower()})"
    return f"(DESCRIPTION=(ADDRESS_LIST=(FAILOVER=ON){addresses})(CONNECT_DATA={data}))"


def _safe(text: str, what: str) -> str:
    if _SAFE.fullmatch(text) is None:
        raise OracleError(FailureCode.UNSUPPORTED, f"{text!r} cannot be the name of a {what}", "write oracle://user@host:1521/SERVICE")
    return text
