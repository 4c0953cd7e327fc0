"""What rules may select a target by, from its configuration and what it says of itself. Pure but for what is known of all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from aishell_core.targets import Target
from aishell_core.values import Facts, ReplicationPeer, TargetId
from aishell_tui.frame import TargetView
from alerts.models import Traits

LOCAL = "localhost"
PRIMARY = "primary"
_UPSTREAM = "upstream"


@dataclass(frozen=True, slots=True)
class Link:
    """The watched target that one replicates from, None where there is none; and whether it has said so, or could not tell."""

    upstream: TargetId | None = None
    is_known: bool = False


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
        link = Link(known.upstream, known.is_upstream_known) if known is not None else Link()
        if view.facts is not None and view.facts.role == PRIMARY:
            link = Link(None, is_known=True)
        elif view.replication is not None:
            # One that has lost its primary may not say any more who that was.
            told = link_of(view.target, view.replication, self._addresses)
            link = told if told.is_known or known is None else link
        found = traits_of(view.target, view.facts, link)
        if found != known:
            self.found[view.name] = found

    def lacks_upstream(self, target: TargetId) -> bool:
        """Whether a target has not said yet whom it replicates from."""
        known = self.found.get(target)
        return known is None or not known.is_upstream_known


def traits_of(target: Target, facts: Facts | None, link: Link | None = None) -> Traits:
    """The traits of a target as far as they are known."""
    return Traits(
        target=target.name,
        engine=target.engine,
        role=facts.role if facts is not None else "",
        environment=str(target.environment),
        tags=target.tags,
        host=machine_of(target),
        upstream=link.upstream if link is not None else None,
        is_upstream_known=link is not None and link.is_known,
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


def link_of(target: Target, peers: Iterable[ReplicationPeer], addresses: Mapping[tuple[str, int], TargetId]) -> Link:
    """Whom one replicates from, by the address of its peer; not known where it has a peer above it and cannot name any."""
    places = [_place(peer.name) for peer in peers if peer.role == _UPSTREAM]
    known = (addresses.get(place) for place in places if place is not None)
    upstream = next((found for found in known if found is not None and found != target.name), None)
    return Link(upstream, is_known=upstream is not None or any(place is not None for place in places))


def _place(name: str) -> tuple[str, int] | None:
    """The machine and port of an address; None of what is none."""
    host, _, port = name.rpartition(":")
    return (_machine(host.strip("[]")), int(port)) if port.isdecimal() else None
