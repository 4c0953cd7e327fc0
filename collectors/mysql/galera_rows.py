"""A Galera cluster as one of its nodes sees it, as peers and samples: no reading here.

The variables: https://galeracluster.com/library/documentation/galera-status-variables.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aishell_core import catalogue
from aishell_core.units import format_duration
from aishell_core.values import Metric, ReplicationPeer, Sample

Status = Mapping[str, str]
"""The server's status variables whose names begin with wsrep_."""

_GAUGES: tuple[tuple[Metric, str], ...] = (
    (catalogue.MYSQL_GALERA_MEMBERS, "wsrep_cluster_size"),
    (catalogue.MYSQL_GALERA_RECEIVE_QUEUE, "wsrep_local_recv_queue"),
    (catalogue.MYSQL_GALERA_SEND_QUEUE, "wsrep_local_send_queue"),
    (catalogue.MYSQL_GALERA_FLOW_CONTROL, "wsrep_flow_control_sent"),
)
_SYNCED = "4"
_HERE = "this node"
_SCHEME = "gcomm://"


def status_of(rows: Iterable[Mapping[str, Any]]) -> Status:
    """Names (in small letters) and values of SHOW STATUS or SHOW VARIABLES."""
    return {str(row["Variable_name"]).lower(): str(row["Value"] if row["Value"] is not None else "") for row in rows}


def in_cluster(status: Status) -> bool:
    """Whether the server is a node of a cluster: without a provider it has no such variables, or is not connected."""
    return bool(status.get("wsrep_cluster_status")) and status.get("wsrep_cluster_status", "").lower() != "disconnected"


def node_state(status: Status) -> str:
    """One word for the state of this node."""
    if status.get("wsrep_cluster_status", "").lower() != "primary":
        return "non-primary"
    comment = status.get("wsrep_local_state_comment", "")
    return comment.partition(":")[0].lower() or "unknown"


def galera_samples(status: Status, expected: int) -> tuple[Sample, ...]:
    """Figures of this node; `expected` is how many members its configuration names, 0 where it names none but itself."""
    values: list[tuple[Metric, float | None]] = [(metric, _number(status, name)) for metric, name in _GAUGES]
    size = _number(status, "wsrep_cluster_size")
    takes = status.get("wsrep_ready", "").upper() == "ON" and status.get("wsrep_cluster_status", "").lower() == "primary"
    conflicts = [_number(status, name) for name in ("wsrep_local_cert_failures", "wsrep_local_bf_aborts")]
    paused = _number(status, "wsrep_flow_control_paused_ns")
    values += [
        (catalogue.MYSQL_GALERA_OFFLINE, 0.0 if takes else 1.0),
        (catalogue.MYSQL_GALERA_UNSYNCED, 0.0 if status.get("wsrep_local_state") == _SYNCED else 1.0),
        (catalogue.MYSQL_GALERA_PAUSED, None if paused is None else paused / 1e6),
        (catalogue.MYSQL_GALERA_CONFLICTS, None if None in conflicts else sum(each or 0.0 for each in conflicts)),
        (catalogue.MYSQL_GALERA_MISSING, None if size is None or expected < 2 else max(0.0, expected - size)),
    ]
    return tuple(Sample(metric, value) for metric, value in values if value is not None)


def members_named(cluster_address: str) -> int:
    """How many members wsrep_cluster_address names: `gcomm://a,b:4567,c?options`."""
    names = cluster_address.removeprefix(_SCHEME).partition("?")[0]
    return len({name.strip() for name in names.split(",") if name.strip()})


def galera_peers(status: Status, node_name: str, members: Sequence[Mapping[str, Any]]) -> tuple[ReplicationPeer, ...]:
    """This node first, then the others that it sees; `members` are rows of mysql.wsrep_cluster_members, empty where not known."""
    own = status.get("wsrep_gcomm_uuid", "")
    others = [(str(row["name"]), str(row["address"])) for row in members if str(row["uuid"]) != own]
    if not members:
        place = _number(status, "wsrep_local_index")
        addresses = [each.strip() for each in status.get("wsrep_incoming_addresses", "").split(",")]
        others = [(each or "member", each) for index, each in enumerate(addresses) if each != "" and index != place]
    here = _own_peer(status, node_name)
    if node_state(status) == "non-primary":
        return (here,)
    return (here, *(ReplicationPeer(name or address, "member", "in cluster", client=address, active=True) for name, address in others))


def _own_peer(status: Status, node_name: str) -> ReplicationPeer:
    paused = _number(status, "wsrep_flow_control_paused_ns")
    details = (
        ("node", _HERE),
        ("cluster", status.get("wsrep_cluster_status", "").lower()),
        ("members", status.get("wsrep_cluster_size", "")),
        ("ready", status.get("wsrep_ready", "").lower()),
        ("state", status.get("wsrep_local_state_comment", "")),
        ("waiting to be applied", status.get("wsrep_local_recv_queue", "")),
        ("waiting to be sent", status.get("wsrep_local_send_queue", "")),
        ("flow control", _flow_control(status, paused)),
        ("certification failures", status.get("wsrep_local_cert_failures", "")),
        ("aborted for another node", status.get("wsrep_local_bf_aborts", "")),
        ("last committed", status.get("wsrep_last_committed", "")),
        ("provider", status.get("wsrep_provider_version", "")),
    )
    return ReplicationPeer(
        node_name or _HERE,
        "member",
        node_state(status),
        client=_HERE,
        active=status.get("wsrep_connected", "").upper() == "ON",
        details=tuple((name, value) for name, value in details if value),
        remarks=_remarks(status),
    )


def _flow_control(status: Status, paused_nanoseconds: float | None) -> str:
    words = [f"asked {status.get('wsrep_flow_control_sent', '0')} times", f"was asked {status.get('wsrep_flow_control_recv', '0')} times"]
    if paused_nanoseconds:
        words.append(f"writes held for {format_duration(paused_nanoseconds / 1e9)} since the counters began")
    return ", ".join(words)


def _remarks(status: Status) -> tuple[str, ...]:
    """What keeps this node from working, in words."""
    found = []
    if node_state(status) == "non-primary":
        found.append("it is cut off from the primary part of its cluster and takes no statements")
    elif status.get("wsrep_ready", "").upper() != "ON":
        found.append("it takes no statements: it is not ready")
    if status.get("wsrep_flow_control_active", "").lower() == "true":
        found.append("flow control holds the cluster's writes now")
    return tuple(found)


def _number(status: Status, name: str) -> float | None:
    try:
        return float(status[name])
    except (KeyError, ValueError):
        return None
