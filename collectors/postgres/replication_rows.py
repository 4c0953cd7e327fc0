"""Standbys, slots, upstream, subscriptions and publications as values: no reading here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aishell_core import catalogue
from aishell_core.engines.postgres import Row
from aishell_core.units import format_bytes, format_duration
from aishell_core.values import ReplicationPeer, Sample
from collectors.postgres.replication_lag import LogTimes, StandbyLag, lag_seconds

_MOST_SLOTS = 50
"""Slots whose retained log becomes a figure of its own, those with most of it first."""

_NO_LOG_YET = "no log yet"
"""The state of a slot that was never used and so keeps nothing."""

_CONFLICTING_ROWS = (
    *("insert_exists", "update_origin_differs", "update_exists", "update_missing"),
    *("delete_origin_differs", "delete_missing", "multiple_unique_conflicts"),
)
"""The ways in which a row that a subscription brings may conflict (pg_stat_subscription_stats since 18)."""

SENDER_ROLES = frozenset({"standby", "subscriber"})
"""What those are to this server that take its log."""

Details = tuple[tuple[str, str], ...]


def standby_peers(rows: Iterable[Row], times: LogTimes, at: float) -> tuple[ReplicationPeer, ...]:
    """Who takes the log from this server; notes where the log ends. A base backup's own connection is none of them."""
    rows = tuple(rows)
    for row in rows[:1]:
        if row["own_position"] is not None:
            times.note(at, row["own_position"])
    peers = [row for row in rows if row["pid"] is not None and row["state"] != "backup"]
    names = _unique([str(row["name"] or "standby") for row in peers], [f"{row['client'] or ''}#{row['pid']}" for row in peers])
    return tuple(_standby(row, name, times, at) for row, name in zip(peers, names, strict=True))


def _standby(row: Row, name: str, times: LogTimes, at: float) -> ReplicationPeer:
    applied = row["replay_lag_bytes"] if row["replay_lag_bytes"] is not None else row["flush_lag_bytes"]
    behind = times.seconds_behind(at, row["replay_position"]) if row["replay_position"] is not None else 0.0
    return ReplicationPeer(
        name,
        "subscriber" if row["slot_kind"] == "logical" else "standby",
        row["state"] or "",
        lag_seconds=lag_seconds(row["replay_lag_seconds"], row["replay_lag_bytes"], behind),
        lag_bytes=_not_below_zero(applied),
        client=row["client"] or "",
        sync=row["sync"] or "",
        sent_lag_bytes=_not_below_zero(row["sent_lag_bytes"]),
        write_lag_seconds=row["write_lag_seconds"],
        flush_lag_seconds=row["flush_lag_seconds"],
        active=True,
        details=_details(
            ("process", row["pid"]),
            ("role", row["user_name"]),
            ("slot", row["slot"]),
            ("takes", "changes, decoded" if row["slot_kind"] == "logical" else None),
            ("not written there", _size(row["write_lag_bytes"])),
            ("not flushed there", _size(row["flush_lag_bytes"])),
            ("connected for", _since(row["connected_at"], at)),
            ("last reply", _since(row["reply_at"], at, " ago")),
            ("horizon held back by", _count(row["horizon_age"], "transaction")),
            ("priority", f"{row['sync_priority']:.0f}" if row["sync_priority"] else None),
        ),
    )


def standby_samples(peers: Iterable[ReplicationPeer]) -> tuple[Sample, ...]:
    """Lag in seconds and bytes by the label `peer`."""
    values = (
        (metric, value, peer.name)
        for peer in peers
        for metric, value in ((catalogue.REPLICATION_LAG, peer.lag_seconds), (catalogue.REPLICATION_LAG_BYTES, peer.lag_bytes))
    )
    return tuple(Sample(metric, value, (("peer", name),)) for metric, value, name in values if value is not None)


def upstream_peer(row: Row, own: StandbyLag, at: float) -> ReplicationPeer:
    """What this standby follows, with its own lag.

    With a connection and all that was received replayed the lag is 0. Else it is the age of the last transaction that the
    server has replayed, but no more than the time since it was seen to miss nothing, which `own` remembers; without a
    connection it cannot know what it misses.
    """
    connected = row["pid"] is not None
    waiting = (row["receive_lag_bytes"] or 0.0) + (row["replay_lag_bytes"] or 0.0)
    behind = 0.0 if connected and waiting <= 0 else row["replayed_seconds"]
    host = row["host"]
    state = row["state"] or ("connected" if connected else "not connected")
    return ReplicationPeer(
        f"{host}:{row['port']:.0f}" if host and row["port"] else "upstream",
        "upstream",
        state,
        lag_seconds=own.at(row["now"], behind),
        lag_bytes=max(0.0, waiting) if connected else None,
        client=str(host or ""),
        active=connected,
        details=_details(
            ("slot", row["slot"]),
            ("received, not replayed", _size(row["replay_lag_bytes"])),
            ("sent, not received", _size(row["receive_lag_bytes"])),
            ("replay", row["pause"] if row["pause"] not in {None, "not paused"} else None),
            ("last message", _since(row["message_at"], at, " ago")),
            ("timeline", f"{row['timeline']:.0f}" if row["timeline"] is not None else None),
        ),
    )


def upstream_samples(peer: ReplicationPeer) -> tuple[Sample, ...]:
    """The lag of this server itself in bytes, without a label; that in seconds is read each second."""
    return () if peer.lag_bytes is None else (Sample(catalogue.REPLICATION_LAG_BYTES, peer.lag_bytes),)


def slot_peers(rows: Iterable[Row], decoding: Mapping[str, Row]) -> tuple[ReplicationPeer, ...]:
    """Slots with the log that is kept for them; `decoding` has what logical ones spilled, by name."""
    return tuple(_slot(row, decoding.get(str(row["name"]))) for row in rows)


def _slot(row: Row, decoded: Row | None) -> ReplicationPeer:
    state = "active" if row["active"] else "inactive"
    lost = _is_lost(row)
    if lost:
        state = "lost"
    elif not row["active"] and not _keeps_log(row):
        state = _NO_LOG_YET
    return ReplicationPeer(
        str(row["name"]),
        "slot",
        state,
        lag_bytes=_not_below_zero(row["unconfirmed_bytes"]),
        retained_bytes=_not_below_zero(row["retained_bytes"]),
        safe_bytes=row["safe_bytes"],
        wal_status=row["wal_status"] or "",
        active=bool(row["active"]),
        details=_details(
            ("kind", row["kind"]),
            ("plugin", row["plugin"]),
            ("database", row["database"]),
            ("used by process", row["active_pid"]),
            ("temporary", _yes(row["temporary"])),
            ("not in use for", _duration(row["inactive_seconds"])),
            ("lost because of", row["invalidation_reason"] or ("a conflict with recovery" if row["conflicting"] else None)),
            ("horizon held back by", None if lost else _count(row["xmin_age"], "transaction")),
            ("horizon of catalogs held back by", None if lost else _count(row["catalog_xmin_age"], "transaction")),
            ("follows a failover", _yes(row["failover"])),
            ("copied from the primary", _yes(row["synced"])),
            ("two-phase", _yes(row["two_phase"])),
            *(_decoding(decoded) if decoded is not None else ()),
        ),
    )


def _is_lost(row: Row) -> bool:
    """Whether nobody can use it any more: it keeps neither log nor the horizon back, and has to be made anew."""
    return bool(row["wal_status"] == "lost" or row["conflicting"] or row["invalidation_reason"])


def _keeps_log(row: Row) -> bool:
    """Whether log is kept for it: nothing is before it was used for the first time, unless it was made to keep some at once."""
    return row["retained_bytes"] is not None and not _is_lost(row)


def _decoding(row: Row) -> tuple[tuple[str, Any], ...]:
    def told(transactions: float | None, size: float | None) -> str | None:
        return f"{_count(transactions, 'transaction')}, {format_bytes(size or 0.0)}" if transactions else None

    return (
        ("decoded", told(row["transactions"], row["bytes"])),
        ("spilled to disk", told(row["spilled_transactions"], row["spilled_bytes"])),
        ("streamed", told(row["streamed_transactions"], row["streamed_bytes"])),
    )


def slot_samples(rows: Sequence[Row]) -> tuple[Sample, ...]:
    """The log kept for each slot by the label `slot`, how many slots keep it for nobody, and how many are lost.

    A slot that a standby copies from its primary is not used before a failover, and a temporary one ends with its session.
    """
    kept = sorted((row for row in rows if row["retained_bytes"] is not None), key=lambda row: -float(row["retained_bytes"]))
    unused = sum(1 for row in rows if _keeps_log(row) and not row["active"] and not row["temporary"] and not row["synced"])
    return (
        Sample(catalogue.PG_SLOTS_INACTIVE, float(unused)),
        Sample(catalogue.PG_SLOTS_LOST, float(sum(1 for row in rows if _is_lost(row)))),
        *(
            Sample(catalogue.REPLICATION_SLOT_RETAINED, max(0.0, row["retained_bytes"]), (("slot", str(row["name"])),))
            for row in kept[:_MOST_SLOTS]
        ),
    )


def subscription_peers(rows: Iterable[Row], at: float) -> tuple[ReplicationPeer, ...]:
    """Logical subscriptions of this database with their workers in the details; only the publisher knows the lag."""
    return tuple(_subscription(name, workers, at) for name, workers in _by_name(rows).items())


def _by_name(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row["name"]), []).append(row)
    return found


def _subscription(name: str, rows: list[Row], at: float) -> ReplicationPeer:
    workers = [row for row in rows if row["pid"] is not None]
    main = next((row for row in workers if row["kind"] == "apply"), rows[0])
    if not rows[0]["enabled"]:
        state = "stopping" if workers else "disabled"
    elif not workers:
        state = "down"
    else:
        state = "synchronizing" if any(row["relation"] for row in workers) else "streaming"
    return ReplicationPeer(
        name,
        "subscription",
        state,
        active=bool(workers),
        details=_details(
            ("publications", rows[0]["publications"]),
            ("slot there", rows[0]["slot"]),
            ("tables not copied yet", _count(rows[0]["tables_waiting"], "")),
            ("errors applying", _count(rows[0]["apply_errors"], "")),
            ("errors copying tables", _count(rows[0]["sync_errors"], "")),
            ("conflicts", _conflicts(rows[0])),
            ("last message", _since(main["received_at"], at, " ago")),
            *((f"worker {row['pid']}", " ".join(filter(None, (row["kind"], row["relation"])))) for row in workers),
        ),
    )


def subscription_samples(rows: Iterable[Row]) -> tuple[Sample, ...]:
    """What went wrong with each subscription and whether it is down; counts that the server does not keep are left out."""
    found: list[Sample] = []
    for name, workers in _by_name(rows).items():
        row, labels = workers[0], (("subscription", name),)
        if row["apply_errors"] is not None:
            found.append(Sample(catalogue.PG_SUBSCRIPTION_ERRORS, row["apply_errors"] + row["sync_errors"], labels))
        found += (Sample(catalogue.PG_SUBSCRIPTION_CONFLICTS, count, (("kind", kind), *labels)) for kind, count in _conflict_kinds(row))
        if row["enabled"]:
            found.append(Sample(catalogue.PG_SUBSCRIPTION_DOWN, 0.0 if any(each["pid"] is not None for each in workers) else 1.0, labels))
    return tuple(found)


def _conflict_kinds(row: Row) -> tuple[tuple[str, float], ...]:
    return tuple((kind, row[kind]) for kind in _CONFLICTING_ROWS if row.get(kind) is not None)


def recovery_conflict_samples(row: Row | None) -> tuple[Sample, ...]:
    """Queries that replaying the log had to cancel, by the label `kind`; also the kinds of which there were none yet."""
    if row is None:
        return ()
    return tuple(
        Sample(catalogue.PG_CONFLICTS_BY_KIND, count, (("kind", kind.replace("_", " ")),))
        for kind, count in row.items()
        if count is not None
    )


def recovery_conflict_details(row: Row | None) -> Details:
    """The same in words, for the server that a standby follows."""
    counts = [f"{count:.0f} by {kind.replace('_', ' ')}" for kind, count in (row or {}).items() if count]
    return (("queries cancelled by replay", ", ".join(counts)),) if counts else ()


def publication_peers(rows: Iterable[Row]) -> tuple[ReplicationPeer, ...]:
    """What this database offers to subscribers."""
    return tuple(
        ReplicationPeer(
            str(row["name"]),
            "publication",
            "",
            details=_details(("tables", "all" if row["all_tables"] else f"{row['tables']:.0f}"), ("operations", row["operations"])),
        )
        for row in rows
    )


def _unique(names: list[str], endings: list[str]) -> list[str]:
    """Names of which no two are alike: those that are get an ending."""
    times = Counter(names)
    return [name if times[name] == 1 else f"{name} {ending}" for name, ending in zip(names, endings, strict=True)]


def _details(*pairs: tuple[str, Any]) -> Details:
    return tuple((name, str(value)) for name, value in pairs if value is not None and value != "")


def _not_below_zero(value: float | None) -> float | None:
    """Two positions are read one after the other, so that a difference may come out a little below zero."""
    return None if value is None else max(0.0, value)


def _size(value: float | None) -> str | None:
    return format_bytes(value) if value is not None and value > 0 else None


def _duration(seconds: float | None) -> str | None:
    return None if seconds is None else format_duration(max(0.0, seconds))


def _since(moment: float | None, at: float, ending: str = "") -> str | None:
    return None if moment is None else format_duration(max(0.0, at - moment)) + ending


def _count(value: float | None, unit: str) -> str | None:
    if not value:
        return None
    return f"{value:.0f} {unit}{'' if value == 1 else 's'}" if unit else f"{value:.0f}"


def _conflicts(row: Row) -> str | None:
    """How many rows conflicted, and in which way."""
    kinds = ", ".join(f"{count:.0f} {kind}" for kind, count in _conflict_kinds(row) if count)
    return f"{row['conflicts']:.0f} ({kinds})" if row["conflicts"] and kinds else _count(row["conflicts"], "")


def _yes(value: object) -> str | None:
    return "yes" if value else None
