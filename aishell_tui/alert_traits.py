"""What rules may select a target by, from its configuration and what it says of itself. Pure but for what is known of all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from aishell_core.targets import Target
from aishell_core.values import Facts, ReplicationPeer, TargetId
from aishell_tui.frame import TargetView
from alerts.models import Traits

LOCAL = "localhost"
_UPSTREAM = "upstream"


class KnownTraits:
    """The traits of all targets as far as they are known by now."""

    def __init__(self, targets: Iterable[Target]) -> None:
        targets = tuple(targets)
        self._addresses = addresses_of(targets)
        self.found = {target.name: traits_of(target, None) for target in targets}

    @property
    def may_replicate(self) -> bool:
        """Whether a target could replicate from another one of them."""
        return len(self._addresses) > 1

    def know(self, view: TargetView) -> None:
        """Take in what a target says of itself."""
        known = self.found.get(view.name)
        upstream = known.upstream if known is not None else None
        if view.replication is not None:
            upstream = upstream_of(view.target, view.replication, self._addresses)
        found = traits_of(view.target, view.facts, upstream)
        if found != known:
            self.found[view.name] = found


def traits_of(target: Target, facts: Facts | None, upstream: TargetId | None = None) -> Traits:
    """The traits of a target as far as they are known."""
    return Traits(
        target=target.name,
        engine=target.engine,
        role=facts.role if facts is not None else "",
        environment=str(target.environment),
        tags=target.tags,
        host=machine_of(target),
        upstream=upstream,
    )


def machine_of(target: Target) -> str:
    """The machine that a target runs on, as its address says: `localhost` for this one, "" where several servers may be meant."""
    location = target.location
    if location.path is not None:
        return LOCAL
    return "" if location.others else _machine(location.host)


def _machine(host: str) -> str:
    if not host or host.startswith("/"):
        return LOCAL
    name = host.lower().rstrip(".")
    try:
        return LOCAL if ip_address(name).is_loopback else name
    except ValueError:
        return LOCAL if name == LOCAL else name


def addresses_of(targets: Iterable[Target]) -> Mapping[tuple[str, int], TargetId]:
    """Targets by machine and port; without those whose address several of them have."""
    found: dict[tuple[str, int], TargetId | None] = {}
    for target in targets:
        if target.location.path is None and target.location.port:
            place = (machine_of(target), target.location.port)
            found[place] = None if place in found else target.name
    return {place: name for place, name in found.items() if name is not None}


def upstream_of(target: Target, peers: Iterable[ReplicationPeer], addresses: Mapping[tuple[str, int], TargetId]) -> TargetId | None:
    """The watched target that one replicates from, by the address of its peer; None when it is not among those that are watched."""
    for peer in peers:
        if peer.role == _UPSTREAM:
            host, _, port = peer.name.rpartition(":")
            place = (_machine(host.strip("[]")), int(port)) if port.isdecimal() else None
            found = addresses.get(place) if place is not None else None
            if found is not None and found != target.name:
                return found
    return None
