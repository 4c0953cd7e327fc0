"""Which figures and charts a target gets: declared once, chosen by what its series hold, computed by pure functions."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass

from aishell_core.catalogue import CATALOGUE
from aishell_core.series.buckets import Buckets
from aishell_core.series.keys import SeriesKey
from aishell_core.series.snapshot import Snapshot
from aishell_core.values import Labels, Severity, worst
from aishell_tui.frame import TargetView


@dataclass(frozen=True, slots=True)
class ChartSpec:
    """One chart: a metric, its title for people, and how several label sets become one line ("sum" or "max").

    With `labels` only the series that carry all of them are shown, with `stacked_by` one layer for each value of that label.
    """

    metric: str
    title: str
    combine: str = "sum"
    labels: Labels = ()
    stacked_by: str = ""


CHARTS: tuple[ChartSpec, ...] = (
    ChartSpec("transactions.rate", "transactions/s"),
    ChartSpec("transaction.latency", "mean latency of a transaction", "max"),
    ChartSpec("queries.rate", "statements/s"),
    ChartSpec("query.latency", "mean latency", "max"),
    ChartSpec("mongodb.ops.rate", "operations/s by sort", stacked_by="op"),
    ChartSpec("locks.waiting", "sessions waiting for a lock"),
    ChartSpec("pool.clients.waiting", "clients waiting for a server connection"),
    ChartSpec("pool.wait", "longest wait for a server connection", "max"),
    ChartSpec("query.duration", "longest running statement", "max"),
    ChartSpec("sessions.state", "sessions by state", stacked_by="state"),
    ChartSpec("connections.used", "connections"),
    ChartSpec("cache.hit_ratio", "cache hits", "max"),
    ChartSpec("replication.lag", "replication lag", "max"),
    ChartSpec("replication.lag.bytes", "log not applied by replicas", "max"),
    ChartSpec("wal.bytes.rate", "write-ahead log written"),
    ChartSpec("temp.bytes.rate", "temporary files written"),
    ChartSpec("transaction.duration", "oldest open transaction", "max"),
    ChartSpec("transaction.idle", "longest idle in transaction", "max"),
    ChartSpec("rollbacks.rate", "rollbacks/s"),
    ChartSpec("deadlocks.rate", "deadlocks/s"),
    ChartSpec("redis.memory.used", "memory used"),
    ChartSpec("redis.evicted.rate", "keys evicted"),
    ChartSpec("redis.network.sent.rate", "sent to clients"),
    ChartSpec("redis.network.received.rate", "received from clients"),
    ChartSpec("redis.cpu.main.rate", "CPU of the thread that runs commands"),
    ChartSpec("redis.clients.blocked", "clients waiting in a blocking command"),
    ChartSpec("redis.keys", "keys"),
    ChartSpec("redis.expired.rate", "keys expired"),
    ChartSpec("redis.rdb.changes", "changes since the last save"),
    ChartSpec("oracle.wait.time.rate", "time that clients waited", stacked_by="class"),
    ChartSpec("oracle.cpu.time.rate", "CPU time of clients"),
    ChartSpec("oracle.tablespace.usage", "fullest tablespace", "max"),
    ChartSpec("oracle.recovery_area.usage", "recovery area used", "max"),
    ChartSpec("postgres.checkpoints.timed.rate", "checkpoints due by time"),
    ChartSpec("postgres.checkpoints.requested.rate", "checkpoints forced by the log"),
    ChartSpec("postgres.checkpoint.write.time", "time that a checkpoint writes"),
    ChartSpec("replication.slot.retained", "log kept for slots", "max"),
    ChartSpec("postgres.archive.backlog", "log files that wait for the archive", "max"),
    ChartSpec("postgres.dead_rows", "dead rows"),
    ChartSpec("postgres.vacuum.workers", "autovacuum workers"),
    ChartSpec("postgres.wraparound.usage", "transaction ids used", "max"),
    ChartSpec("postgres.horizon.age", "transactions that the oldest holder keeps", "max"),
    ChartSpec("pool.clients.active", "clients linked to a server"),
    ChartSpec("pool.servers.active", "server connections in use"),
    ChartSpec("pool.servers.idle", "server connections ready"),
    ChartSpec("pool.wait.time.rate", "time spent waiting for a server connection"),
    ChartSpec("blocks.read.rate", "blocks not in the cache"),
    ChartSpec("postgres.io.read.rate", "read by the server"),
    ChartSpec("postgres.io.write.rate", "written by the server"),
    ChartSpec("rows.inserted.rate", "rows inserted"),
    ChartSpec("rows.updated.rate", "rows updated"),
    ChartSpec("rows.deleted.rate", "rows deleted"),
    ChartSpec("sqlite.wal.size", "write-ahead log"),
    ChartSpec("errors.rate", "failed statements/s"),
    ChartSpec("process.cpu.rate", "CPU of its processes"),
    ChartSpec("process.write.rate", "written by its processes"),
    ChartSpec("sqlite.resident.ratio", "file in the page cache", "max"),
    ChartSpec("rows.rate", "rows/s"),
    ChartSpec("disk.used", "size on disk"),
    ChartSpec("host.cpu.usage", "host CPU", "max"),
    ChartSpec("host.memory.usage", "host memory", "max"),
    ChartSpec("host.disk.write.rate", "host disk writes"),
    ChartSpec("host.disk.read.rate", "host disk reads"),
    ChartSpec("host.disk.usage", "fullest file system", "max"),
    ChartSpec("host.network.received.rate", "network received"),
    ChartSpec("host.network.sent.rate", "network sent"),
    ChartSpec("host.load.1m", "load, 1 minute", "max"),
)


@dataclass(frozen=True, slots=True)
class FigureSpec:
    """One key figure: a metric, its short label, how label sets combine, and the metric of its limit if it has one."""

    metric: str
    label: str
    combine: str = "sum"
    of: str = ""
    labels: Labels = ()


FIGURES: tuple[FigureSpec, ...] = (
    FigureSpec("sessions.active", "active"),
    FigureSpec("locks.waiting", "waiting"),
    FigureSpec("pool.clients.waiting", "waiting"),
    FigureSpec("pool.wait", "wait", "max"),
    FigureSpec("transactions.rate", "tps"),
    FigureSpec("queries.rate", "queries"),
    FigureSpec("transaction.latency", "latency", "max"),
    FigureSpec("connections.used", "conn", "sum", "connections.max"),
    FigureSpec("query.duration", "longest", "max"),
    FigureSpec("transaction.duration", "oldest tx", "max"),
    FigureSpec("sessions.idle_in_transaction", "idle in tx"),
    FigureSpec("cache.hit_ratio", "hit", "max"),
    FigureSpec("redis.memory.used", "memory", "sum", "redis.memory.max"),
    FigureSpec("redis.evicted.rate", "evicted"),
    FigureSpec("replication.lag", "lag", "max"),
    FigureSpec("wal.bytes.rate", "wal"),
    FigureSpec("temp.bytes.rate", "temp"),
    FigureSpec("postgres.wraparound.usage", "xid", "max"),
    FigureSpec("query.latency", "latency", "max"),
    FigureSpec("errors.rate", "errors"),
    FigureSpec("replication.lag.bytes", "behind", "max"),
    FigureSpec("replication.slot.retained", "kept log", "max"),
    FigureSpec("rollbacks.rate", "rollbacks"),
    FigureSpec("postgres.dead_rows", "dead rows"),
    FigureSpec("postgres.vacuum.workers", "vacuums"),
    FigureSpec("postgres.checkpoint.age", "ckpt age", "max"),
    FigureSpec("postgres.horizon.age", "horizon", "max"),
    FigureSpec("postgres.archive.backlog", "to archive", "max"),
    FigureSpec("deadlocks.rate", "deadlocks"),
    FigureSpec("pool.clients.active", "clients"),
    FigureSpec("pool.servers.active", "servers"),
    FigureSpec("pool.servers.idle", "idle servers"),
    FigureSpec("sqlite.wal.size", "wal"),
    FigureSpec("sqlite.write_lock.held", "write lock", "max"),
    FigureSpec("disk.used", "size"),
    FigureSpec("host.cpu.usage", "CPU", "max"),
    FigureSpec("host.cpu.iowait", "iowait", "max"),
    FigureSpec("host.load.1m", "load", "max"),
    FigureSpec("host.memory.usage", "memory", "max"),
    FigureSpec("host.swap.usage", "swap", "max"),
    FigureSpec("host.disk.usage", "fullest disk", "max"),
    FigureSpec("host.disk.write.rate", "writes"),
    FigureSpec("host.network.received.rate", "net in"),
    FigureSpec("host.network.sent.rate", "net out"),
)


def keys_of(snapshot: Snapshot, metric: str, labels: Labels = ()) -> tuple[SeriesKey, ...]:
    """The series of a metric that carry all the given labels."""
    found = snapshot.find(metric)
    return tuple(key for key in found if set(labels) <= set(key.labels)) if labels else tuple(found)


def chart_specs(target: TargetView, host: TargetView | None) -> tuple[tuple[ChartSpec, TargetView], ...]:
    """The charts that have data, the target's own first, then those of the host it runs on."""
    found = [(spec, target) for spec in CHARTS if keys_of(target.snapshot, spec.metric, spec.labels)]
    if not found:
        return ()
    if host is not None and host.name != target.name:
        found += [(spec, host) for spec in CHARTS if host.snapshot.find(spec.metric)]
    return tuple(found)


def combined_value(snapshot: Snapshot, metric: str, combine: str, labels: Labels = ()) -> float | None:
    """The newest value over all label sets of a metric; None when none has one."""
    values = [value for key in keys_of(snapshot, metric, labels) if (value := snapshot.value(key)) is not None]
    if not values:
        return None
    return max(values) if combine == "max" else math.fsum(values)


def severity_of(view: TargetView, metric: str) -> Severity:
    """The worst severity over all label sets of a metric by the thresholds in force, as of its newest values."""
    snapshot, limits = view.snapshot, view.limits(CATALOGUE[metric])
    return worst([limits.judge(value) for key in snapshot.find(metric) if (value := snapshot.value(key)) is not None])


def combine_buckets(parts: tuple[Buckets, ...], combine: str) -> Buckets:
    """One line from several label sets on the same grid; a bucket is empty only when all of them are."""
    if len(parts) == 1:
        return parts[0]
    fold = max if combine == "max" else math.fsum

    def column(name: str) -> list[float]:
        columns = [getattr(part, name) for part in parts]
        return [
            fold(values) if (values := [value for value in row if not math.isnan(value)]) else math.nan
            for row in zip(*columns, strict=True)
        ]

    first = parts[0]
    return Buckets(first.start, first.step_seconds, *(array("d", column(name)) for name in ("low", "high", "mean", "last")))
