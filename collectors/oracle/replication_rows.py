"""Standbys and the redo that goes to them, as values. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from aishell_core import catalogue
from aishell_core.engines.oracle import Row
from aishell_core.values import ReplicationPeer, Sample

_INTERVAL = re.compile(r"([+-])?(\d+) (\d+):(\d+):(\d+(?:\.\d+)?)")
_APPLYING = "managed recovery"
_WELL = frozenset({"", "NO GAP", "RESOLVABLE GAP"})


def interval_seconds(text: object) -> float | None:
    """Seconds of an interval as v$dataguard_stats writes it, `+00 00:00:05`; None for what is none."""
    found = _INTERVAL.fullmatch(str(text or "").strip())
    if found is None:
        return None
    days, hours, minutes, seconds = int(found[2]), int(found[3]), int(found[4]), float(found[5])
    total = days * 86400 + hours * 3600 + minutes * 60 + seconds
    return -total if found[1] == "-" else total


def destinations_of(rows: Iterable[Row]) -> tuple[ReplicationPeer, ...]:
    """Where redo goes; a local archive is the server's own log, told only when it is in error."""
    return tuple(_destination(row) for row in rows if row["type"] != "LOCAL" or _is_wrong(row))


def _is_wrong(row: Row) -> bool:
    return row["status"] not in {"VALID", "DEFERRED"} or bool(row["error"])


def _destination(row: Row) -> ReplicationPeer:
    local = row["type"] == "LOCAL"
    behind = None
    if row["archived_sequence"] and row["applied_sequence"]:
        behind = int(row["archived_sequence"]) - int(row["applied_sequence"])
    remarks = [str(row["error"])] if row["error"] else []
    if row["gap_status"] and row["gap_status"] not in _WELL:
        remarks.append(str(row["gap_status"]).lower())
    details = (
        ("destination", str(row["destination"] or "")),
        ("mode", str(row["database_mode"] or "").lower()),
        ("recovery", str(row["recovery_mode"] or "").lower()),
        ("log files not applied", str(max(0, behind)) if behind is not None else ""),
        ("last archived", str(row["archived_sequence"] or "")),
    )
    synchronised = str(row["synchronization_status"] or "")
    return ReplicationPeer(
        name=str(row["unique_name"] or row["dest_name"] or ""),
        role="log" if local else "standby",
        state=str(row["status"] or "").lower(),
        sync=synchronised.lower() if synchronised not in {"", "CHECK CONFIGURATION"} else "",
        active=None if row["status"] == "DEFERRED" else not _is_wrong(row),
        details=tuple(each for each in details if each[1]),
        remarks=tuple(remarks),
    )


def upstream_of(lags: Iterable[Row], processes: Iterable[Row] | None) -> tuple[ReplicationPeer, ...]:
    """The primary of this standby, with how far behind what is applied and received is."""
    values = {str(row["name"]): row for row in lags}
    if not values:
        return ()
    apply, transport = values.get("apply lag"), values.get("transport lag")
    applying = None if processes is None else any(str(row["role"]).startswith(_APPLYING) for row in processes)
    source = next((str(row["source"]) for row in values.values() if row["source"]), "primary")
    finish = interval_seconds(values["apply finish time"]["value"]) if "apply finish time" in values else None
    return (
        ReplicationPeer(
            name=source,
            role="upstream",
            state={None: "", True: "applying", False: "apply stopped"}[applying],
            lag_seconds=_lag(apply),
            write_lag_seconds=_lag(transport),
            active=applying,
            details=(("applied in", f"{finish:.0f} s"),) if finish is not None else (),
            remarks=("no process applies redo",) if applying is False else (),
        ),
    )


def _lag(row: Row | None) -> float | None:
    seconds = interval_seconds(row["value"]) if row is not None else None
    return None if seconds is None else max(0.0, seconds)


def replication_samples(upstream: Iterable[ReplicationPeer]) -> tuple[Sample, ...]:
    """The lag of this standby and whether it applies redo."""
    found = []
    for peer in upstream:
        if peer.lag_seconds is not None:
            found.append(Sample(catalogue.REPLICATION_LAG, peer.lag_seconds))
        if peer.write_lag_seconds is not None:
            found.append(Sample(catalogue.ORACLE_TRANSPORT_LAG, peer.write_lag_seconds))
        if peer.active is not None:
            found.append(Sample(catalogue.ORACLE_APPLY_STOPPED, float(not peer.active)))
    return tuple(found)


def archive_samples(rows: Iterable[Row]) -> tuple[Sample, ...]:
    """How many destinations of the archived redo log are in error."""
    return (Sample(catalogue.ORACLE_ARCHIVE_ERRORS, float(sum(_is_wrong(row) for row in rows))),)
