"""The cluster as the node sees it that is the target. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aishell_core import catalogue
from aishell_core.engines.redis_text import Fields, number, readable
from aishell_core.units import format_duration
from aishell_core.values import ReplicationPeer, Sample

_SLOTS = 16384


@dataclass(frozen=True, slots=True)
class Node:
    """One line of CLUSTER NODES; `slots` counts those that it serves, `pong_at` is in epoch seconds, 0 for never."""

    id: str
    address: str
    flags: frozenset[str]
    primary: str
    pong_at: float
    linked: bool
    slots: int

    @property
    def failed(self) -> bool:
        """Whether it is down, or this node takes it for that."""
        return bool(self.flags & {"fail", "fail?"})


def nodes_of(text: bytes | str) -> tuple[Node, ...]:
    """CLUSTER NODES; a line that is none is left out."""
    found = []
    for line in readable(text).splitlines():
        words = line.split(" ")
        if len(words) >= 8:
            found.append(
                Node(
                    id=words[0],
                    address=words[1].partition("@")[0],
                    flags=frozenset(words[2].split(",")),
                    primary="" if words[3] == "-" else words[3],
                    pong_at=float(words[5]) / 1000 if words[5].isdecimal() else 0.0,
                    linked=words[7] == "connected",
                    slots=sum(map(_slots, words[8:])),
                )
            )
    return tuple(found)


def _slots(word: str) -> int:
    """How many slots `0-5460` or `42` are; one that is being moved (`[42-<-...`) belongs to a range already."""
    first, _, last = word.partition("-")
    if not first.isdecimal():
        return 0
    return int(last) - int(first) + 1 if last.isdecimal() else 1


def node_peers(nodes: Iterable[Node], at: float) -> tuple[ReplicationPeer, ...]:
    """The other nodes of the cluster, primaries first, each with the slots that it serves or the node that it follows."""
    known = {node.id: node for node in nodes}
    others = sorted((node for node in known.values() if "myself" not in node.flags), key=lambda node: (bool(node.primary), node.address))
    return tuple(_peer(node, known, at) for node in others)


def _peer(node: Node, known: dict[str, Node], at: float) -> ReplicationPeer:
    state = "down" if "fail" in node.flags else "seems down" if "fail?" in node.flags else "connected" if node.linked else "not connected"
    follows = known[node.primary].address if node.primary in known else node.primary
    details = (
        ("slots", f"{node.slots:,} of {_SLOTS:,}" if node.slots else ""),
        ("follows", follows),
        ("last heard", f"{format_duration(max(0.0, at - node.pong_at))} ago" if node.pong_at else "never"),
        ("node", node.id),
    )
    return ReplicationPeer(
        node.address or node.id,
        "node",
        state,
        client="replica" if node.primary else "primary",
        active=node.linked and not node.failed,
        details=tuple(each for each in details if each[1]),
    )


def cluster_samples(info: Fields, nodes: Iterable[Node]) -> tuple[Sample, ...]:
    """How well the cluster is: CLUSTER INFO and the nodes that are down."""
    state, served = info.get("cluster_state"), number(info, "cluster_slots_ok")
    found = [] if state is None else [Sample(catalogue.REDIS_CLUSTER_DOWN, float(state != "ok"))]
    if served is not None:
        found.append(Sample(catalogue.REDIS_SLOTS_UNSERVED, max(0.0, _SLOTS - served)))
    nodes = tuple(nodes)
    if nodes:
        found.append(Sample(catalogue.REDIS_NODES_FAILED, float(sum(1 for node in nodes if node.failed))))
    return tuple(found)
