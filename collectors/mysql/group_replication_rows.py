"""The members of a replication group, as peers and samples: no reading here.

Rows are those of performance_schema.replication_group_members with replication_group_member_stats
(https://dev.mysql.com/doc/refman/8.4/en/performance-schema-replication-group-member-stats-table.html).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aishell_core import catalogue
from aishell_core.values import ReplicationPeer, Sample

_ONLINE = "ONLINE"
_WHY = {
    "ERROR": "it has left the group after an error: its own log says why",
    "UNREACHABLE": "the others do not reach it",
    "OFFLINE": "group replication does not run there",
    "RECOVERING": "it takes over what it has missed",
}


def group_peers(rows: Sequence[Mapping[str, Any]], own_id: str) -> tuple[ReplicationPeer, ...]:
    """The members with their queues; a server outside of any group has a row without an id, which is none."""
    return tuple(_member(row, own_id) for row in rows if row["id"])


def _member(row: Mapping[str, Any], own_id: str) -> ReplicationPeer:
    state = str(row["state"] or "")
    here = str(row["id"]).lower() == own_id.lower()
    address = f"{row['host']}:{row['port']:.0f}" if row["port"] is not None else str(row["host"])
    details = (
        ("node", "this node" if here else None),
        ("part", str(row["role"] or "").lower()),
        ("version", row["version"]),
        ("waiting to be certified", row["certify_queue"]),
        ("waiting to be applied", row["apply_queue"]),
        ("applied from others", row["applied"]),
        ("conflicts", row["conflicts"]),
        ("rolled back here", row["rolled_back"]),
        ("applied everywhere", _short(str(row["applied_everywhere"] or ""))),
        ("id", row["id"]),
    )
    return ReplicationPeer(
        address,
        "member",
        state.lower(),
        client=address,
        active=state == _ONLINE,
        sync=str(row["role"] or "").lower(),
        details=tuple((name, _text(value)) for name, value in details if value is not None and value != ""),
        remarks=(_WHY[state],) if state in _WHY else (),
    )


def group_samples(rows: Sequence[Mapping[str, Any]]) -> tuple[Sample, ...]:
    """How many members are online and how many are not, and what waits at each."""
    members = [row for row in rows if row["id"]]
    if not members:
        return ()
    online = sum(1 for row in members if row["state"] == _ONLINE)
    found = [
        Sample(catalogue.MYSQL_GROUP_MEMBERS, float(online)),
        Sample(catalogue.MYSQL_GROUP_OFFLINE, float(len(members) - online)),
    ]
    for row in members:
        if row["certify_queue"] is not None and row["apply_queue"] is not None:
            waiting = float(row["certify_queue"]) + float(row["apply_queue"])
            found.append(Sample(catalogue.MYSQL_GROUP_QUEUE, waiting, (("peer", f"{row['host']}:{row['port']:.0f}"),)))
    return tuple(found)


def _text(value: object) -> str:
    return f"{value:.0f}" if isinstance(value, float) else str(value)


def _short(identifiers: str) -> str:
    text = " ".join(identifiers.split())
    return text if len(text) <= 120 else text[:119] + "…"
