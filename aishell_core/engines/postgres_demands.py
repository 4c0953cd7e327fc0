"""What a URL, a service or the environment may demand of a connection and the driver cannot keep: refused, never passed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from aishell_core.engines.postgres_errors import PostgresError
from aishell_core.values import FailureCode


@dataclass(frozen=True, slots=True)
class _Demand:
    """An option that makes a connection safer; `harmless` are its values that demand nothing, `words` all that it has."""

    variable: str
    hint: str
    harmless: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    of_tls: bool = False
    of_sockets: bool = False
    """Where it means anything: with TLS alone, on a socket of this machine alone."""


_DEMANDS: Mapping[str, _Demand] = {
    "sslcrldir": _Demand("PGSSLCRLDIR", "give the revoked certificates as one file: ?sslcrl=FILE", of_tls=True),
    "channel_binding": _Demand(
        "PGCHANNELBINDING",
        "leave it out, and use sslmode=verify-full, which also keeps others from standing in between",
        ("disable", "prefer"),
        ("disable", "prefer", "require"),
    ),
    "require_auth": _Demand("PGREQUIREAUTH", "leave it out, and demand the method in the server's pg_hba.conf"),
    "gssencmode": _Demand(
        "PGGSSENCMODE", "leave it out, and use TLS: ?sslmode=verify-full", ("disable", "prefer"), ("disable", "prefer", "require")
    ),
    "requirepeer": _Demand(
        "PGREQUIREPEER",
        "leave it out, and use a socket in a folder that only the server's user may write",
        of_sockets=True,
    ),
    "sslcertmode": _Demand(
        "PGSSLCERTMODE", "leave it out: a certificate is shown where sslcert names one", ("allow",), ("disable", "allow", "require")
    ),
}
DEMAND_VARIABLES: Mapping[str, str] = {name: demand.variable for name, demand in _DEMANDS.items()}
"""The option of each variable that demands something of a connection."""


def refuse_demands(known: Mapping[str, str], *, by_tls: bool, by_socket: bool) -> None:
    """Raise PostgresError for the first demand that would not be kept (libpq's manual, "Parameter Key Words")."""
    for name, demand in _DEMANDS.items():
        value = known.get(name) or ""
        if not value or value in demand.harmless or (demand.of_tls and not by_tls) or (demand.of_sockets and not by_socket):
            continue
        if demand.words and value not in demand.words:
            near = get_close_matches(value.lower(), demand.words, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]}?" if near else f"change {name} in the URL, or {demand.variable} in the environment"
            raise PostgresError(FailureCode.UNSUPPORTED, f"{name} is {value!r}, which is none of {', '.join(demand.words)}", hint)
        message = f"{name} ({demand.variable}) demands what aishell cannot keep, so it does not connect"
        raise PostgresError(FailureCode.UNSUPPORTED, message, demand.hint)
