"""Which figures and charts a target gets: declared once, chosen by what its series hold, computed by pure functions."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass

from aishell_core.catalogue import CATALOGUE
from aishell_core.series.buckets import Buckets
from aishell_core.series.snapshot import Snapshot
from aishell_core.values import Severity, worst
from aishell_tui.frame import TargetView


@dataclass(frozen=True, slots=True)
class ChartSpec:
    """One chart: a metric, its title for people, and how several label sets become one line ("sum" or "max")."""

    metric: str
    title: str
    combine: str = "sum"


CHARTS: tuple[ChartSpec, ...] = (
    ChartSpec("transactions.rate", "transactions/s"),
    ChartSpec("queries.rate", "statements/s"),
    ChartSpec("query.latency", "mean latency", "max"),
    ChartSpec("locks.waiting", "sessions waiting for a lock"),
    ChartSpec("query.duration", "longest running statement", "max"),
    ChartSpec("connections.used", "connections"),
    ChartSpec("cache.hit_ratio", "cache hits", "max"),
    ChartSpec("replication.lag", "replication lag", "max"),
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


FIGURES: tuple[FigureSpec, ...] = (
    FigureSpec("sessions.active", "active"),
    FigureSpec("locks.waiting", "waiting"),
    FigureSpec("transactions.rate", "tps"),
    FigureSpec("queries.rate", "queries"),
    FigureSpec("cache.hit_ratio", "hit", "max"),
    FigureSpec("replication.lag", "lag", "max"),
    FigureSpec("connections.used", "conn", "sum", "connections.max"),
    FigureSpec("query.duration", "longest", "max"),
    FigureSpec("query.latency", "latency", "max"),
    FigureSpec("errors.rate", "errors"),
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


def chart_specs(target: TargetView, host: TargetView | None) -> tuple[tuple[ChartSpec, TargetView], ...]:
    """The charts that have data, the target's own first, then those of the host it runs on."""
    found = [(spec, target) for spec in CHARTS if target.snapshot.find(spec.metric)]
    if not found:
        return ()
    if host is not None and host.name != target.name:
        found += [(spec, host) for spec in CHARTS if host.snapshot.find(spec.metric)]
    return tuple(found)


def combined_value(snapshot: Snapshot, metric: str, combine: str) -> float | None:
    """The newest value over all label sets of a metric; None when none has one."""
    values = [value for key in snapshot.find(metric) if (value := snapshot.value(key)) is not None]
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
