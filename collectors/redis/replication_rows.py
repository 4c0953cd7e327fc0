"""Who follows this server and whom it follows, nodes of its cluster, and what a sentinel watches. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from aishell_core import catalogue
from aishell_core.engines.redis_text import Fields, named, number, pairs_in
from aishell_core.units import format_bytes, format_duration
from aishell_core.values import ReplicationPeer, Sample

_PING_SECONDS = 11.0
"""A primary without writes pings its replicas each 10 seconds (repl-ping-replica-period), so that a silence as long is none."""

Details = tuple[tuple[str, str], ...]


def replicas_of(info: Fields) -> tuple[ReplicationPeer, ...]:
    """The replicas of a primary, or of a replica that passes the writes on.

    `lag` of INFO is the time since a replica last said how far it is, which it does each second. One that had said by
    then that it has all there is now lags by nothing.
    """
    offset = number(info, "master_repl_offset")
    found = [(place, pairs_in(text)) for place, text in named(info, "slave") if place.isdecimal() and "=" in text]
    return tuple(_replica(fields, offset) for _, fields in sorted(found, key=lambda each: int(each[0])))


def _replica(fields: Fields, offset: float | None) -> ReplicationPeer:
    has, lag = number(fields, "offset"), number(fields, "lag")
    online = fields.get("state") == "online"
    behind = None if has is None or offset is None or not online else max(0.0, offset - has)
    host, port = fields.get("ip", ""), fields.get("port", "")
    return ReplicationPeer(
        _address(host, port),
        "standby",
        fields.get("state", ""),
        lag_seconds=(0.0 if behind == 0 else lag) if online and lag is not None and lag >= 0 else None,
        lag_bytes=behind,
        client=host,
        active=online,
        details=_details(
            ("last said", None if lag is None or lag < 0 else f"{format_duration(lag)} ago"), ("offset", fields.get("offset"))
        ),
    )


def primary_of(info: Fields) -> ReplicationPeer | None:
    """The primary that this replica follows, with its own lag; None where it follows none.

    With a link that was heard within the time of a ping, and all applied that was read, the lag is 0. Without a link
    it is the time since it was lost, at least.
    """
    if info.get("role") != "slave":
        return None
    up = info.get("master_link_status") == "up"
    silent, lost = number(info, "master_last_io_seconds_ago"), number(info, "master_link_down_since_seconds")
    read, applied = number(info, "slave_read_repl_offset"), number(info, "slave_repl_offset")
    waiting = max(0.0, read - applied) if up and read is not None and applied is not None else None
    host, port = info.get("master_host", ""), info.get("master_port", "")
    return ReplicationPeer(
        _address(host, port),
        "upstream",
        _link_state(info, up),
        lag_seconds=own_lag_seconds(info),
        lag_bytes=waiting,
        client=host,
        active=up,
        details=_details(
            ("last heard", None if silent is None or silent < 0 else f"{format_duration(silent)} ago"),
            ("link lost", None if up or lost is None or lost < 0 else f"{format_duration(lost)} ago"),
            ("still to copy", _size(number(info, "master_sync_left_bytes"))),
            ("offset", info.get("slave_repl_offset")),
            ("takes writes", "yes" if info.get("slave_read_only") == "0" else None),
            ("priority", info.get("slave_priority")),
        ),
    )


def _link_state(info: Fields, up: bool) -> str:
    if info.get("master_sync_in_progress") == "1":
        return "copying"
    return "connected" if up else "not connected"


def own_lag_seconds(info: Fields) -> float | None:
    """How far this replica is behind, in seconds; None where that is not known or it is none."""
    if info.get("role") != "slave":
        return None
    if info.get("master_link_status") != "up":
        lost = number(info, "master_link_down_since_seconds")
        return lost if lost is not None and lost >= 0 else None
    silent = number(info, "master_last_io_seconds_ago")
    if silent is None or silent < 0:
        return None
    return 0.0 if silent <= _PING_SECONDS else silent


def replication_samples(info: Fields) -> tuple[Sample, ...]:
    """Lag of each replica by the label `peer`, or of this server itself without a label."""
    own = own_lag_seconds(info)
    upstream = primary_of(info)
    found = [] if own is None else [Sample(catalogue.REPLICATION_LAG, own)]
    if upstream is not None and upstream.lag_bytes is not None:
        found.append(Sample(catalogue.REPLICATION_LAG_BYTES, upstream.lag_bytes))
    for peer in replicas_of(info):
        labels = (("peer", peer.name),)
        if peer.lag_seconds is not None:
            found.append(Sample(catalogue.REPLICATION_LAG, peer.lag_seconds, labels))
        if peer.lag_bytes is not None:
            found.append(Sample(catalogue.REPLICATION_LAG_BYTES, peer.lag_bytes, labels))
    return tuple({(one.metric.name, one.labels): one for one in found}.values())


def watched_of(info: Fields) -> tuple[ReplicationPeer, ...]:
    """The primaries that a sentinel watches (INFO sentinel)."""
    found = (pairs_in(text) for place, text in named(info, "master") if place.isdecimal())
    return tuple(
        ReplicationPeer(
            fields.get("name", ""),
            "watched",
            {"ok": "ok", "sdown": "seems down", "odown": "down"}.get(fields.get("status", ""), fields.get("status", "")),
            client=fields.get("address", ""),
            active=fields.get("status") == "ok",
            details=_details(("replicas", fields.get("slaves")), ("sentinels", fields.get("sentinels"))),
        )
        for fields in found
    )


def watched_samples(peers: Iterable[ReplicationPeer]) -> tuple[Sample, ...]:
    """How many watched primaries are down."""
    return (Sample(catalogue.REDIS_SENTINEL_DOWN, float(sum(1 for peer in peers if not peer.active))),)


def _address(host: str, port: str) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _details(*pairs: tuple[str, str | None]) -> Details:
    return tuple((name, value) for name, value in pairs if value)


def _size(value: float | None) -> str | None:
    return format_bytes(value) if value is not None and value > 0 else None
