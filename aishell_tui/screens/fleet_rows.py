"""Targets as table rows: worst first, the reason under each that is not well. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from aishell_core.catalogue import BACKUP_OVERDUE, CATALOGUE, QUERIES_RATE, TRANSACTIONS_RATE
from aishell_core.units import format_count, format_duration, format_value
from aishell_core.values import Severity, TargetId, Unit
from aishell_tui.alert_news import LEVEL_WORDS, SEVERITIES, firing, level_counts
from aishell_tui.backup_age import last_good_seconds
from aishell_tui.charts import combined_value
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame, TargetView
from aishell_tui.keys import lead_key
from aishell_tui.text import answering_server, engine_text, without_path, worst_first
from alerts.level import Level
from widgets.format import bar, sparkline
from widgets.glyphs import Glyphs
from widgets.lines import Span
from widgets.palette import severity_role
from widgets.table_model import Cell, Column, Row

if TYPE_CHECKING:
    from alerts.models import Alert  # loaded with the alerts themselves, after the first frame

_SPARK_SECONDS = 60.0
_SPARK_CELLS = 4
_STATEMENTS_MARK = "q"
"""Behind a rate of statements that stands where others have transactions."""

COLUMNS: tuple[Column, ...] = (
    Column("target", "TARGET", None, 12, help="The target's name"),
    Column("engine", "ENGINE", 14, priority=3, help="Engine and version"),
    Column("role", "ROLE", 7, priority=4, help="Role in replication, or file"),
    Column("connections", "CONN", 12, align="right", priority=2, help="Connections used, of the limit where there is one"),
    Column(
        "rate", "TPS", 10, align="right", help="Transactions per second, with q statements of engines that have none, and their last minute"
    ),
    Column("queries", "STMT/S", 8, align="right", priority=7, help="Statements per second"),
    Column("hits", "HIT%", 6, align="right", priority=6, help="Cache hit ratio"),
    Column("lag", "LAG", 6, align="right", priority=5, help="Replication lag"),
    Column("alerts", "ALERTS", 7, priority=2, help="Alerts that fire and are told: those of the worst level; + where there are lower ones"),
    Column("backup", "BACKUP", 6, align="right", priority=4, help="Age of the last good backup"),
    Column("longest", "LONGEST", 7, align="right", priority=1, help="Running time of the longest active statement"),
    Column("waiting", "WAIT", 5, align="right", priority=7, help="Sessions that wait for a lock"),
    Column("size", "SIZE", 9, align="right", priority=8, help="Size on disk"),
    Column("age", "AGE", 5, align="right", priority=9, help="Age of the newest reading"),
)
_FIGURES = {"queries": "queries.rate", "hits": "cache.hit_ratio", "lag": "replication.lag", "backup": BACKUP_OVERDUE.name}
"""Columns that are there only where a target has the figure, with its metric."""

_ENGINE_CELLS = (8, 16)
_NONE: Mapping[Level, int] = MappingProxyType({})


def fleet_columns(frame: Frame) -> tuple[Column, ...]:
    """The columns for which some target has a figure; that of the engine is as wide as it has to be."""
    known = {key for key, metric in _FIGURES.items() if any(view.snapshot.find(metric) for view in frame.targets)}
    known |= {"alerts"} if alerts_of(frame) else set()
    longest = max((len(engine_text(view.target.engine, view.facts)) for view in frame.targets), default=0)
    width = min(max(longest, _ENGINE_CELLS[0]), _ENGINE_CELLS[1])
    columns = (column for column in COLUMNS if column.key not in {*_FIGURES, "alerts"} or column.key in known)
    return tuple(replace(column, width=width) if column.key == "engine" else column for column in columns)


def alerts_of(frame: Frame) -> Mapping[TargetId, Mapping[Level, int]]:
    """How many alerts fire on each target by level, the worst first; without targets that have none."""
    by_target: dict[TargetId, list[Alert]] = {}
    for alert in firing(frame.alerts.alerts) if frame.alerts is not None else ():
        by_target.setdefault(alert.key.target, []).append(alert)
    return {target: level_counts(alerts) for target, alerts in by_target.items()}


def _alerts(counts: Mapping[Level, int]) -> Cell:
    if not counts:
        return Cell("–", "dim", 0.0)
    level, count = next(iter(counts.items()))
    more = "+" if len(counts) > 1 else ""
    order = float(sum(each * 1000 ** (one.rank - 1) for one, each in counts.items()))
    return Cell(f"{count} {LEVEL_WORDS[level]}{more}", severity_role(SEVERITIES[level]), order)


def _number(view: TargetView, metric: str, combine: str = "sum") -> float | None:
    return combined_value(view.snapshot, metric, combine)


def _plain(value: float | None, unit: Unit, *, zero: str | None = None) -> Cell:
    if value is None:
        return Cell("–", "dim", math.nan)
    if value == 0 and zero is not None:
        return Cell(zero, "dim", 0.0)
    return Cell(format_value(value, unit), "text", value)


def _connections(view: TargetView, glyphs: Glyphs) -> Cell:
    used, limit = _number(view, "connections.used"), _number(view, "connections.max")
    if used is None:
        return Cell("–", "dim", math.nan)
    if not limit:
        return Cell(format_count(used), "text", used)
    spans: tuple[Span, ...] = ((f"{format_count(used)}/{format_count(limit)} ", "text"), (bar(used / limit, 4, glyphs), "bar"))
    return Cell(sort=used / limit, spans=spans)


def rate_history(view: TargetView, metric: str, now: float, count: int) -> list[float]:
    """The last minute of a metric in `count` steps, NaN where unknown; an empty list when the target has no such series."""
    keys = view.snapshot.find(metric)
    if not keys:
        return []
    return list(view.snapshot.buckets(keys[0], now - _SPARK_SECONDS, now, count).mean)


def _rate(view: TargetView, now: float, glyphs: Glyphs) -> Cell:
    """Transactions; statements, marked and with a step less of the last minute, of an engine on which they are the same."""
    transacted = view.target.engine in TRANSACTIONS_RATE.engines
    metric, cells = (TRANSACTIONS_RATE.name, _SPARK_CELLS) if transacted else (QUERIES_RATE.name, _SPARK_CELLS - 1)
    value = _number(view, metric)
    if value is None:
        return Cell("–", "dim", math.nan)
    spark = sparkline(rate_history(view, metric, now, cells), cells, glyphs)
    mark: tuple[Span, ...] = () if transacted else ((_STATEMENTS_MARK, "dim"),)
    return Cell(sort=value, spans=((format_count(value), "text"), *mark, (" ", "text"), (spark, "chart1")))


def _backup(view: TargetView) -> Cell:
    """How old the last good backup is; that there is none where there should be one is told in a word."""
    age, late = last_good_seconds(view), _number(view, BACKUP_OVERDUE.name, "max")
    if late is None and age is None:
        return Cell("–", "dim", math.nan)
    role = severity_role(view.limits(BACKUP_OVERDUE).judge(late)) if late else "text"
    return Cell("none", role, math.inf) if age is None else Cell(format_duration(float(round(age))), role, age)


def _note(view: TargetView) -> tuple[tuple[Span, ...], Span | None]:
    reasons, server = view.assessment.reasons, answering_server(view)
    answers: tuple[Span, ...] = ((f"{server} answers", "dim"),) if server else ()
    if not reasons or view.assessment.severity is Severity.OK:
        return answers, None
    first = reasons[0]
    more = f"  (+{len(reasons) - 1} more)" if len(reasons) > 1 else ""
    key = lead_key(first.leads_to, "fleet")
    # The name stands in the row above; at 80 columns a long path would push out the reason itself.
    text = without_path(view, first.text)
    told: tuple[Span, ...] = ((text + more, severity_role(first.severity)),)
    return (*told, *((("  ", "text"), *answers) if answers else ())), ((f"{key} ▸", "dim") if key else None)


def _age(view: TargetView, now: float) -> Cell:
    age = view.age_seconds(now)
    if age is None:
        return Cell("–", "dim", math.nan)
    return Cell(format_duration(round(age)), "critical" if view.is_stale(now) else "dim", round(age))


def fleet_row(view: TargetView, now: float, glyphs: Glyphs, alerts: Mapping[Level, int] = _NONE) -> Row:
    """One target as a row; `alerts` counts those that fire by level."""
    note, leads = _note(view)
    cells = {
        "target": Cell(view.name, "bold"),
        "engine": Cell(engine_text(view.target.engine, view.facts)),
        "role": Cell(view.facts.role if view.facts is not None else "", "dim"),
        "connections": _connections(view, glyphs),
        "rate": _rate(view, now, glyphs),
        "queries": _plain(_number(view, "queries.rate"), Unit.COUNT),
        "hits": _plain(_number(view, "cache.hit_ratio", "max"), Unit.RATIO),
        "lag": _plain(_number(view, "replication.lag", "max"), Unit.SECONDS),
        "alerts": _alerts(alerts),
        "backup": _backup(view),
        "longest": _plain(_number(view, "query.duration", "max"), Unit.MILLISECONDS, zero="–"),
        "waiting": _plain(_number(view, "locks.waiting"), Unit.COUNT, zero="–"),
        "size": _plain(_number(view, "disk.used"), Unit.BYTES),
        "age": _age(view, now),
    }
    return Row(view.name, cells, note=note, note_right=leads, severity=view.assessment.severity)


class FleetRows:
    """Makes the rows of a frame, anew only for targets that were read since: hundreds of targets must not hold up a key."""

    def __init__(self) -> None:
        self._made: dict[TargetId, tuple[TargetView, Mapping[Level, int], Row]] = {}

    def rows(self, frame: Frame, glyphs: Glyphs) -> list[Row]:
        """All targets, worst first."""
        before, self._made = self._made, {}
        rows = []
        alerts = alerts_of(frame)
        for view in worst_first(frame):
            known, counts = before.get(view.name), alerts.get(view.name, _NONE)
            is_known = known is not None and known[0] is view and known[1] == counts
            row = _aged(known[2], view, frame.at) if known is not None and is_known else fleet_row(view, frame.at, glyphs, counts)
            self._made[view.name] = (view, counts, row)
            rows.append(row)
        return rows


def _aged(row: Row, view: TargetView, now: float) -> Row:
    age = _age(view, now)
    return row if row.cells["age"] == age else replace(row, cells={**row.cells, "age": age})


_EXPORTED: tuple[tuple[str, str, str], ...] = (
    ("connections", "connections.used", "sum"),
    ("connections_max", "connections.max", "sum"),
    ("transactions_per_second", "transactions.rate", "sum"),
    ("statements_per_second", "queries.rate", "sum"),
    ("cache_hit_ratio", "cache.hit_ratio", "max"),
    ("replication_lag_seconds", "replication.lag", "max"),
    ("longest_statement_milliseconds", "query.duration", "max"),
    ("sessions_waiting", "locks.waiting", "sum"),
    ("size_bytes", "disk.used", "sum"),
)


def fleet_data(frame: Frame) -> PaneData:
    """The fleet as plain data: each target's state in a word, its reasons, and its figures with the unit in their names."""
    rows = []
    for view in worst_first(frame):
        version, role = (view.facts.version, view.facts.role) if view.facts is not None else ("", "")
        age = view.age_seconds(frame.at)
        rows.append(
            (
                view.name,
                str(view.assessment.severity),
                "; ".join(reason.text for reason in view.assessment.reasons),
                view.target.engine,
                version,
                role,
                *(_number(view, metric, combine) for _, metric, combine in _EXPORTED),
                last_good_seconds(view),
                None if age is None else round(age, 3),
            )
        )
    columns = (
        "target",
        "state",
        "reasons",
        "engine",
        "version",
        "role",
        *(name for name, _, _ in _EXPORTED),
        "last_good_backup_seconds",
        "age_seconds",
    )
    return PaneData("fleet", columns, tuple(rows))


_HOST_LINE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("CPU", ("host.cpu.usage",)),
    ("mem", ("host.memory.usage",)),
    ("disk", ("host.disk.usage",)),
    ("net", ("host.network.received.rate", "host.network.sent.rate")),
)
"""The figures of the machine: shares are those of the worst instance, several rates are added up."""


def host_line(frame: Frame) -> tuple[Span, ...]:
    """The machine that aishell runs on, in one line."""
    host = frame.host
    spans: list[Span] = []
    if host is None:
        return ()
    for label, metrics in _HOST_LINE:
        metric = CATALOGUE[metrics[0]]
        combine = "max" if metric.unit is Unit.RATIO else "sum"
        values = [value for name in metrics if (value := combined_value(host.snapshot, name, combine)) is not None]
        if values:
            severity = host.limits(metric).judge(sum(values))
            role = severity_role(severity) if severity is not Severity.OK else "text"
            spans += [(f" {label} ", "label"), (format_value(sum(values), metric.unit), role), (" ", "text")]
    return tuple(spans)


def own_line(frame: Frame) -> tuple[Span, ...]:
    """What aishell itself uses."""
    own = frame.own
    if not own.memory_bytes:
        return ()
    return (("aishell ", "label"), (f"{format_value(own.cpu_ratio, Unit.RATIO)} {format_value(own.memory_bytes, Unit.BYTES)} ", "dim"))
