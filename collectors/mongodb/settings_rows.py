"""Parameters and options of a server as settings. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aishell_core.engines.mongodb_documents import Document, json_text, plain
from aishell_core.values import Setting
from collectors.mongodb.figures import at, part, text

_NO_PARAMETERS = frozenset({"ok", "$clusterTime", "operationTime", "lastCommittedOpTime", "$gleStats", "$configServerState"})
_SECRET = ("password", "secret", "keyfilepassword")
_MOST_CHARACTERS = 2000


def settings_of(parameters: Document, command_line: Document) -> tuple[Setting, ...]:
    """Options of the configuration file and the command line, then the parameters that are in force."""
    options = tuple(_options(part(command_line, "parsed")))
    known = tuple(
        Setting(str(name), _shown(str(name), value), source="parameter")
        for name, value in sorted(parameters.items())
        if name not in _NO_PARAMETERS
    )
    return (*options, *known)


def _options(place: Mapping[str, object], above: str = "") -> Iterator[Setting]:
    for name, value in place.items():
        path = f"{above}.{name}" if above else str(name)
        if isinstance(value, Mapping):
            yield from _options(value, path)
        else:
            yield Setting(path, _shown(path, value), source="configuration")


def _shown(name: str, value: object) -> str:
    if any(word in name.lower() for word in _SECRET):
        return "***"
    seen = plain(value)
    shown = seen if isinstance(seen, str) else json_text(value)
    return shown[:_MOST_CHARACTERS]


def balancer_settings(status: Document) -> tuple[Setting, ...]:
    """What the balancer of a cluster does."""
    rounds = at(status, "numBalancerRounds")
    known = (
        ("sharding.balancer.mode", text(status, "mode")),
        ("sharding.balancer.running", "yes" if at(status, "inBalancerRound") is True else "no"),
        ("sharding.balancer.rounds", "" if rounds is None else str(rounds)),
    )
    return tuple(Setting(name, value, source="cluster") for name, value in known if value and status)
