"""The members of a replica set, their lag, and the log of operations. Pure.

https://www.mongodb.com/docs/manual/reference/command/replSetGetStatus/
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aishell_core import catalogue
from aishell_core.engines.mongodb_documents import Document, seconds_of
from aishell_core.units import format_duration
from aishell_core.values import ReplicationPeer, Sample
from collectors.mongodb.figures import at, number, samples_of, text

_PRIMARY, _SECONDARY, _ARBITER = 1, 2, 7
_SERVING = frozenset({_PRIMARY, _SECONDARY, _ARBITER})
_FULL = 0.9
"""A log of operations that is filled so far forgets its first entries soon; before that its window grows by itself."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member: its state, and how far it is behind the newest write that is known."""

    document: Document
    name: str
    state: int
    own: bool
    lag_seconds: float | None

    @property
    def role(self) -> str:
        """What it is in the set, as people call it."""
        return {_PRIMARY: "primary", _ARBITER: "arbiter"}.get(self.state, "secondary")


def members_of(status: Document) -> tuple[Member, ...]:
    """All members of replSetGetStatus; the lag is that to the primary, without one to the member that is furthest."""
    found = at(status, "members")
    documents = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    primary = [each for each in documents if _state(each) == _PRIMARY]
    newest = max((moment for each in primary or documents if (moment := seconds_of(at(each, "optimeDate"))) is not None), default=None)
    return tuple(Member(each, text(each, "name"), _state(each), at(each, "self") is True, _lag(each, newest)) for each in documents)


def _state(member: Document) -> int:
    return int(number(member, "state") or 0)


def _lag(member: Document, newest: float | None) -> float | None:
    """Behind by how many seconds; unknown of one that holds no data or cannot be asked."""
    applied = seconds_of(at(member, "optimeDate"))
    if newest is None or applied is None or _state(member) == _ARBITER or number(member, "health") == 0.0:
        return None
    return max(0.0, newest - applied)


def peers_of(status: Document) -> tuple[ReplicationPeer, ...]:
    """The members but this one; of a secondary also its own lag, with the member that it copies from."""
    members = members_of(status)
    return tuple(_peer(member, members) for member in members if not member.own or member.state not in {_PRIMARY, _ARBITER})


def _peer(member: Member, members: tuple[Member, ...]) -> ReplicationPeer:
    document = member.document
    source = text(document, "syncSourceHost")
    details = (
        ("state as told", text(document, "stateStr") if number(document, "health") == 0.0 else ""),
        ("copies from", source),
        ("round trip", f"{pinged:.0f} ms" if (pinged := number(document, "pingMs")) is not None else ""),
        ("uptime", format_duration(uptime) if (uptime := number(document, "uptime")) else ""),
        ("last heartbeat says", text(document, "lastHeartbeatMessage")),
        ("message", text(document, "infoMessage")),
    )
    return ReplicationPeer(
        name=source or next((each.name for each in members if each.state == _PRIMARY), "") if member.own else member.name,
        role="upstream" if member.own else _role_to(member),
        state="down" if number(document, "health") == 0.0 else text(document, "stateStr").lower(),
        lag_seconds=member.lag_seconds,
        client=member.name,
        active=number(document, "health") != 0.0,
        details=tuple(each for each in details if each[1]),
    )


def _role_to(member: Member) -> str:
    return {"secondary": "standby"}.get(member.role, member.role)


def lag_samples(status: Document) -> tuple[Sample, ...]:
    """A secondary's own lag, on a primary that of the slowest member; and the members that serve nothing."""
    members = members_of(status)
    own = next((member for member in members if member.own), None)
    if own is not None and own.state != _PRIMARY:
        lag = own.lag_seconds
    else:
        lag = max((member.lag_seconds for member in members if member.lag_seconds is not None and not member.own), default=None)
    broken = [member for member in members if member.state not in _SERVING or number(member.document, "health") == 0.0]
    return samples_of(
        ((catalogue.REPLICATION_LAG, lag), (catalogue.MONGO_MEMBERS_UNHEALTHY, float(len(broken)) if members else None)),
    )


def slowest_seconds(status: Document) -> float | None:
    """The lag of the slowest member."""
    return max((member.lag_seconds for member in members_of(status) if member.lag_seconds is not None), default=None)


def oplog_samples(first: Document, last: Document, size: Document, slowest: float | None) -> tuple[Sample, ...]:
    """The size of the log of operations, and its window once it is full."""
    held, most = number(size, "storageStats", "size"), number(size, "storageStats", "maxSize")
    window = window_seconds(first, last)
    full = held is not None and most is not None and held >= _FULL * most
    return samples_of(
        (
            (catalogue.MONGO_OPLOG_USED, held),
            (catalogue.MONGO_OPLOG_WINDOW, window if full else None),
            (catalogue.MONGO_OPLOG_HEADROOM, max(0.0, window - slowest) if full and window is not None and slowest is not None else None),
        )
    )


def window_seconds(first: Document, last: Document) -> float | None:
    """The time between the first and the last entry of the log of operations."""
    begins, ends = seconds_of(at(first, "ts")), seconds_of(at(last, "ts"))
    return max(0.0, ends - begins) if begins is not None and ends is not None else None


def shards_of(shards: Iterable[Document]) -> tuple[ReplicationPeer, ...]:
    """The shards of a cluster, as a router knows them."""
    return tuple(
        ReplicationPeer(
            name=text(shard, "_id"),
            role="shard",
            state="draining" if at(shard, "draining") is True else "ready",
            client=text(shard, "host"),
            active=number(shard, "state") != 0.0,
        )
        for shard in shards
    )
