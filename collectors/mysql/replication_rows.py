"""Channels, their workers and the replicas that this server sees, as peers and samples: no reading here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aishell_core import catalogue
from aishell_core.engines.mysql import ServerFacts
from aishell_core.engines.mysql_errors import quoted_text
from aishell_core.units import format_bytes, format_counted, format_duration
from aishell_core.values import NO_LABELS, Labels, ReplicationPeer, Sample
from collectors.mysql.replication_channel import Channel, error_words
from collectors.mysql.replication_gtid import Missing, missing
from collectors.mysql.replication_lag import ChannelTimes

_REPLICA_WORDS = 80022
"""Since when MySQL knows START REPLICA: https://dev.mysql.com/doc/refman/8.0/en/start-replica.html."""
_MOST_WORKERS = 16
"""Workers that are listed one by one, those that apply the oldest transactions first."""

_PORT = re.compile(r":\d+$")
_SENT_ALL = ("has sent all", "waiting for more")
_NOT_CONNECTED = "not connected"
_BROKEN, _STOPPED, _CONNECTING, _DELAYED, _RUNS = "broken", "stopped", "connecting", "delayed", "running"

Details = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Worker:
    """A thread that applies transactions of a channel.

    `seconds` is the age of the transaction that it applies now, from its commit at the source, None where it applies none
    or the server does not tell. `transaction` is that one, or the last one that it saw. `idle_seconds` sums up all its waiting
    for work, and says nothing of whether it works now.
    """

    channel: str
    name: str
    runs: bool
    transaction: str = ""
    seconds: float | None = None
    idle_seconds: float | None = None
    retries: float | None = None
    error: str = ""


def workers_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Worker, ...]:
    """Workers from performance_schema.replication_applier_status_by_worker."""
    return tuple(
        Worker(
            channel=str(row["channel"] or ""),
            name=str(row["worker"] or number),
            runs=str(row["state"]).upper() == "ON",
            transaction=str(row["transaction_id"] or ""),
            seconds=_optional(row["seconds"]),
            idle_seconds=_optional(row["idle_seconds"]),
            retries=_optional(row["retries"]),
            error=error_words(_optional(row["error_number"]), str(row["error_message"] or "")),
        )
        # MariaDB knows a worker by its thread, and it has none while the SQL thread is stopped.
        for number, row in enumerate(rows, 1)
    )


def channel_state(channel: Channel) -> str:
    """One word for the state of a channel; what has failed goes before what is only stopped."""
    if channel.sql_error and not channel.sql_runs:
        return _BROKEN
    if not channel.io_runs and channel.io_error:
        return _NOT_CONNECTED
    if not channel.sql_runs or channel.io.lower() == "no":
        return _STOPPED
    if not channel.io_runs:
        return _CONNECTING
    return _DELAYED if channel.delay_left_seconds is not None else _RUNS


def start_statement(server: ServerFacts, channel: str) -> str:
    """What has the threads of a channel go on: MySQL has it under its older name alone before 8.0.22.

    Without a name MySQL starts every channel, and MariaDB the one without a name.
    """
    if server.mariadb:
        return f"START REPLICA {quoted_text(channel)}" if channel else "START REPLICA"
    return "START REPLICA" if server.version_num >= _REPLICA_WORDS else "START SLAVE"


def channel_peer(channel: Channel, workers: Sequence[Worker], times: ChannelTimes, at: float, start: str) -> ReplicationPeer:
    """The source that a channel follows, with how far this server is behind it; notes how far it has received.

    `start` is the statement that has its threads go on.
    """
    gap = missing(channel.received, channel.applied)
    oldest = max((worker.seconds for worker in workers if worker.seconds is not None), default=None)
    address = f"{channel.host}:{channel.port}" if channel.port else channel.host
    return ReplicationPeer(
        channel.name or address,
        "upstream",
        channel_state(channel),
        lag_seconds=times.lag_seconds(channel, gap, oldest, at),
        lag_bytes=channel.waiting_bytes,
        client=address,
        active=channel.io_runs,
        details=_channel_details(channel, gap, workers),
        remarks=_remarks(channel, workers, start),
    )


def _channel_details(channel: Channel, gap: Missing | None, workers: Sequence[Worker]) -> Details:
    waiting = f"{format_counted(gap.transactions, 'transaction')} ({gap.text})" if gap is not None and gap.transactions else None
    return _details(
        ("IO thread", _thread(channel.io, channel.io_state)),
        ("SQL thread", _thread(channel.sql, channel.sql_state)),
        ("received, not applied", waiting),
        ("delay wanted", _delay(channel)),
        ("read to", channel.read_to if channel.read_to.file else None),
        ("applied to", channel.applied_to if channel.applied_to.file else None),
        ("relay log", format_bytes(channel.relay_bytes)),
        ("identifiers", channel.identifiers or "file and position"),
        ("received", _short(channel.received)),
        ("applied", _short(channel.applied)),
        ("source", channel.source_id),
        ("TLS", "yes" if channel.encrypted else "no"),
        ("parallel", channel.parallel),
        ("only a part is taken", channel.filters),
        *_worker_details(workers),
    )


def _thread(word: str, state: str) -> str:
    return ": ".join(filter(None, (word.lower(), state)))


def _delay(channel: Channel) -> str | None:
    if not channel.delay_seconds:
        return None
    left = "" if channel.delay_left_seconds is None else f", the next transaction in {format_duration(channel.delay_left_seconds)}"
    return format_duration(channel.delay_seconds) + left


def _worker_details(workers: Sequence[Worker]) -> Iterable[tuple[str, Any]]:
    ordered = sorted(workers, key=lambda worker: -(worker.seconds or 0.0))
    for worker in ordered[:_MOST_WORKERS]:
        words = ["" if worker.runs else "stopped", worker.transaction]
        words.append("" if worker.seconds is None else f"{format_duration(worker.seconds)} behind")
        words.append("" if not worker.idle_seconds else f"{format_duration(worker.idle_seconds)} idle in all")
        words.append("" if not worker.retries else f"{worker.retries:.0f} retries")
        yield f"worker {worker.name}", " ".join(filter(None, words)) or "idle"
    if len(ordered) > _MOST_WORKERS:
        yield "more workers", len(ordered) - _MOST_WORKERS


def _remarks(channel: Channel, workers: Sequence[Worker], start: str) -> tuple[str, ...]:
    """What has failed or is switched off, in words."""
    failed = [worker for worker in workers if worker.error]
    # Of workers the server says in the channel's own error only that one of them has failed, and cuts off why.
    found = [f"applying has failed: {channel.sql_error}"] if channel.sql_error and not failed else []
    found += [f"applying has failed: worker {worker.name}: {worker.error}" for worker in failed]
    if channel.io_error and not channel.io_runs:
        found.append(f"no log comes from the source: {channel.io_error}")
    off = [
        name for name, word, error in (("IO", channel.io, channel.io_error), ("SQL", channel.sql, channel.sql_error)) if _off(word, error)
    ]
    if off:
        is_stopped, them = ("is", "it") if len(off) == 1 else ("are", "them")
        found.append(f"the {' and the '.join(off)} thread {is_stopped} stopped: {start} lets {them} go on")
    return tuple(found)


def _off(word: str, error: str) -> bool:
    return word.lower() == "no" and not error


def channel_labels(name: str, channels: int) -> Labels:
    """The labels of a channel's figures: none where it is the only one."""
    return NO_LABELS if channels == 1 else (("peer", name),)


def channel_samples(channels: Sequence[Channel], peers: Sequence[ReplicationPeer]) -> tuple[Sample, ...]:
    """Lag in seconds and bytes, threads that do not run and transactions that wait, for each channel."""
    found: list[Sample] = []
    for channel, peer in zip(channels, peers, strict=True):
        labels = channel_labels(peer.name, len(channels))
        gap = missing(channel.received, channel.applied)
        figures = (
            (catalogue.REPLICATION_LAG, peer.lag_seconds),
            (catalogue.REPLICATION_LAG_BYTES, peer.lag_bytes),
            (catalogue.MYSQL_REPLICATION_STOPPED, float((not channel.io_runs) + (not channel.sql_runs))),
            (catalogue.MYSQL_REPLICATION_WAITING, None if gap is None else float(gap.transactions)),
        )
        found += [Sample(metric, value, labels) for metric, value in figures if value is not None]
    return tuple(found)


def replica_peers(rows: Sequence[Mapping[str, Any]], hosts: Sequence[Mapping[str, Any]]) -> tuple[ReplicationPeer, ...]:
    """The replicas that take the log now, from the threads that send it; `hosts` is what replicas have told of themselves.

    A source does not know how far its replicas have applied: that is seen at the replica.
    """
    named = [_told_host(row, rows, hosts) for row in rows]
    names = [_host_name(told) or _PORT.sub("", str(row["host"] or "")) or "replica" for row, told in zip(rows, named, strict=True)]
    times = Counter(names)
    return tuple(
        ReplicationPeer(
            name if times[name] == 1 else f"{name} #{row['id']}",
            "standby",
            "streaming" if any(words in str(row["state"]) for words in _SENT_ALL) else "sending",
            client=str(row["host"] or ""),
            active=True,
            details=_details(
                ("session", row["id"]),
                ("user", row["user"]),
                ("connected for", None if row["seconds"] is None else format_duration(max(0.0, float(row["seconds"])))),
                ("state", row["state"]),
                ("server id", told.get("server_id")),
                ("UUID", row["uuid"]),
                ("sent", told.get("gtid_state_sent")),
                ("acknowledged", told.get("gtid_state_ack")),
                ("sync", told.get("sync_status")),
            ),
        )
        for row, name, told in zip(rows, names, named, strict=True)
    )


def replica_samples(rows: Sequence[Mapping[str, Any]] | None) -> tuple[Sample, ...]:
    """How many replicas take the log; nothing where that could not be read."""
    return () if rows is None else (Sample(catalogue.MYSQL_REPLICAS, float(len(rows))),)


def log_peer(
    place: Mapping[str, Any] | None,
    files: Sequence[Mapping[str, Any]] | None,
    variables: Mapping[str, str],
    retention_seconds: float | None,
) -> tuple[ReplicationPeer, ...]:
    """What this server offers to replicas: its binary log, with where it ends, its size and for how long it is kept."""
    if place is None and files is None:
        return ()
    size = None if files is None else sum(float(row["File_size"] or 0) for row in files)
    ends = "" if place is None else f"{place['File']}:{place['Position']}"
    identifiers = variables.get("gtid_binlog_pos") or ("" if place is None else str(place.get("Executed_Gtid_Set") or ""))
    peer = ReplicationPeer(
        "binary log",
        "log",
        "",
        retained_bytes=size,
        details=_details(
            ("ends at", ends),
            ("files", None if files is None else len(files)),
            ("the oldest", files[0]["Log_name"] if files else None),
            ("kept for", "ever" if retention_seconds is None else format_duration(retention_seconds)),
            ("format", variables.get("binlog_format", "").lower()),
            ("identifiers", _short(identifiers)),
        ),
    )
    return (peer,)


def _told_host(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], hosts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What this replica has told of itself: found by its UUID, or because there is only one that can be meant."""
    lower = [{_host_field(name): value for name, value in host.items()} for host in hosts]
    same = [host for host in lower if row["uuid"] and str(host.get("uuid", "")).lower() == str(row["uuid"]).lower()]
    if same:
        return same[0]
    return lower[0] if len(lower) == 1 and len(rows) == 1 else {}


def _host_field(name: str) -> str:
    plain = name.lower()
    return "uuid" if plain in {"replica_uuid", "slave_uuid"} else plain


def _host_name(told: Mapping[str, Any]) -> str:
    host = str(told.get("host") or "")
    return f"{host}:{told['port']}" if host and told.get("port") else host


def _details(*pairs: tuple[str, Any]) -> Details:
    return tuple((name, str(value)) for name, value in pairs if value is not None and value != "")


def _short(identifiers: str) -> str:
    text = " ".join(identifiers.split())
    return text if len(text) <= 120 else text[:119] + "…"


def _optional(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None if value is None else float(str(value))
