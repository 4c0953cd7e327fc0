"""The values of the Health screen: figures, charts, sentences. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from aishell_core.catalogue import CATALOGUE
from aishell_core.series.buckets import Buckets, merge_history
from aishell_core.series.keys import SeriesKey
from aishell_core.series.snapshot import Snapshot
from aishell_core.state.history import History
from aishell_core.units import format_counted, format_duration, format_limit, format_value
from aishell_core.values import Ability, Event, EventKind, Failure, Part, Progress, Severity, Statement, TargetId, Thresholds, Unit
from aishell_tui.backup_age import last_backup_text
from aishell_tui.charts import FIGURES, ChartSpec, FigureSpec, combine_buckets, combined_value, severity_of
from aishell_tui.digests import DigestHistory, DigestMode
from aishell_tui.frame import Frame, TargetView
from aishell_tui.keys import lead_key
from aishell_tui.look import MEMORY_SECONDS, Look
from aishell_tui.progress import ProgressHistory, share_done
from aishell_tui.screens.stacks import stacked
from aishell_tui.session_list import short_state
from aishell_tui.text import data_age_text, span_text, without_path
from widgets.chart import ChartData, ChartMark
from widgets.figures import KeyFigure
from widgets.format import truncate, wrap
from widgets.lines import Span, Spans
from widgets.palette import Role, severity_role

_TREND_SECONDS = 60.0
_TREND_STEPS = 6
_LIMIT_IN_SIGHT = 0.4
_LONG_SECONDS = 1.0
_NOTABLE_MILLISECONDS_PER_SECOND = 10.0
_LABEL_CELLS = 12
_COST_SECONDS = 60.0
_PANES: Mapping[str, str] = {
    Part.STATEMENTS: "queries",
    Part.SESSIONS: "sessions",
    Part.LOCKS: "sessions",
    Part.RELATIONS: "tables",
    Part.REPLICATION: "replication",
    Part.PROGRESS: "maintenance",
    Part.HORIZON: "maintenance",
    Part.SETTINGS: "maintenance",
    Part.POOLS: "pools",
    "dead_rows": "maintenance",
}
"""Which screen shows a part, and says what to do where it could not be read."""

_FIELDS: Mapping[str, str] = {Part.LOCKS: "lock_waits"}
"""The field of a view that holds a part, where it has another name."""


def lead_text(leads_to: str, here: str = "health") -> str:
    """The key that leads from a screen to another; empty where there is none."""
    key = lead_key(leads_to, here)
    return f"   {key} ▸" if key else ""


def series_buckets(key: SeriesKey, snapshot: Snapshot, history: History | None, window: tuple[float, float], count: int) -> Buckets:
    """One series over a window, from memory alone or from the kept history with memory for its newest part."""
    since, until = window
    if history is None:
        return snapshot.buckets(key, since, until, count)
    tail = snapshot.points(key, until - MEMORY_SECONDS - _TREND_SECONDS, until)
    return merge_history(history.rollups(key), tail, since, until, count)


def buckets_of(
    spec: ChartSpec | FigureSpec, snapshot: Snapshot, history: History | None, window: tuple[float, float], count: int
) -> Buckets | None:
    """The series of a metric over a window, label sets combined; None when neither memory nor history knows it."""
    found = (*snapshot.find(spec.metric), *(history.find(spec.metric) if history is not None else ()))
    keys = [key for key in dict.fromkeys(found) if set(spec.labels) <= set(key.labels)]
    parts = tuple(series_buckets(key, snapshot, history, window, count) for key in keys)
    return combine_buckets(parts, spec.combine) if parts else None


def last_known(values: Sequence[float]) -> float | None:
    """The newest value that is not a gap."""
    return next((value for value in reversed(values) if not math.isnan(value)), None)


def _limit(thresholds: Thresholds, highest: float | None, lowest: float | None) -> float | None:
    """The threshold, when the values come near enough for the line to be worth its place on the scale."""
    limit = thresholds.warning if thresholds.warning is not None else thresholds.critical
    if limit is None or highest is None or lowest is None:
        return None
    if thresholds.falling:
        return limit if lowest <= limit * 1.2 else None
    return limit if highest >= limit * _LIMIT_IN_SIGHT else None


def chart_data(
    spec: ChartSpec,
    view: TargetView,
    history: History | None,
    look: Look,
    now: float,
    count: int,
    marks: tuple[ChartMark, ...] = (),
) -> ChartData:
    """One chart of the window that is looked at, with the value of now or of the moment at its right edge."""
    metric, snapshot = CATALOGUE[spec.metric], view.snapshot
    if spec.stacked_by:
        return stacked_chart(spec, view, history, look, now, count, marks)
    stale = stale_text(view, now) if look.until is None else ""
    window = look.window(now)
    buckets = buckets_of(spec, snapshot, history, window, count)
    if buckets is None:
        return ChartData(spec.title, metric.unit, (), span_text=span_text(look.span_seconds), stale=stale)
    live = look.until is None
    value = combined_value(snapshot, spec.metric, spec.combine, spec.labels) if live else last_known(buckets.last)
    known = [item for item in buckets.high if not math.isnan(item)]
    lows = [item for item in buckets.low if not math.isnan(item)]
    limits = view.limits(metric)
    limit = _limit(limits, max(known, default=None), min(lows, default=None))
    return ChartData(
        title=spec.title,
        unit=metric.unit,
        mean=buckets.mean,
        high=buckets.high,
        start=buckets.start,
        step_seconds=buckets.step_seconds,
        span_text=span_text(look.span_seconds),
        now_text=format_value(value, metric.unit),
        limit=limit,
        limit_text=format_limit(limit, metric.unit) if limit is not None else "",
        falling=limits.falling,
        severity=limits.judge(value) if value is not None else Severity.OK,
        marks=marks,
        stale=stale,
    )


def stacked_chart(
    spec: ChartSpec,
    view: TargetView,
    history: History | None,
    look: Look,
    now: float,
    count: int,
    marks: tuple[ChartMark, ...] = (),
) -> ChartData:
    """A chart with one layer for each value of a label, and their sum beside the title."""
    unit, snapshot, live = CATALOGUE[spec.metric].unit, view.snapshot, look.until is None
    found = (*snapshot.find(spec.metric), *(history.find(spec.metric) if history is not None else ()))
    keys = {name: key for key in dict.fromkeys(found) if (name := dict(key.labels).get(spec.stacked_by))}
    window = look.window(now)
    series = {name: series_buckets(key, snapshot, history, window, count) for name, key in keys.items()}
    values = {name: snapshot.value(key) if live else last_known(series[name].last) for name, key in keys.items()}
    stack = stacked(series, values, short_state)
    known = [value for value in values.values() if value is not None]
    return ChartData(
        spec.title,
        unit,
        tuple(math.nan if bucket is None else math.fsum(bucket) for bucket in stack.buckets),
        start=stack.start,
        step_seconds=stack.step_seconds,
        span_text=span_text(look.span_seconds),
        now_text=format_value(math.fsum(known), unit) if known else "",
        marks=marks,
        stale=stale_text(view, now) if live else "",
        stack=stack,
    )


def figure(spec: FigureSpec, view: TargetView, look: Look, now: float) -> KeyFigure | None:
    """One key figure with its last minute; None when the target has no such metric."""
    snapshot = view.snapshot
    keys = snapshot.find(spec.metric)
    if not keys:
        return None
    moment = now if look.until is None else look.until
    window = (moment - _TREND_SECONDS, moment)
    buckets = buckets_of(spec, snapshot, None, window, _TREND_STEPS)
    trend = tuple(buckets.mean) if buckets is not None else ()
    live = look.until is None
    value = (
        combined_value(snapshot, spec.metric, spec.combine, spec.labels)
        if live
        else (last_known(buckets.last) if buckets is not None else None)
    )
    text = format_value(value, keys[0].metric.unit)
    if spec.metric == "query.duration" and value == 0:
        text = "none"
    if spec.of and live and (limit := combined_value(snapshot, spec.of, "sum")) is not None:
        text = f"{text}/{format_value(limit, keys[0].metric.unit)}"
    severity = severity_of(view, spec.metric) if live else Severity.OK
    return KeyFigure(spec.label, text, severity, trend)


def figures(view: TargetView, look: Look, now: float) -> tuple[KeyFigure, ...]:
    """The key figures that this target has."""
    found = (figure(spec, view, look, now) for spec in FIGURES)
    return tuple(each for each in found if each is not None)


def event_marks(events: tuple[Event, ...], target: TargetId, window: tuple[float, float]) -> tuple[ChartMark, ...]:
    """The events of a target (and of aishell) inside the window, as marks under the axis."""
    return tuple(
        ChartMark(event.at, event.kind if event.kind is not EventKind.STATE else str(event.severity), severity_role(event.severity))
        for event in events
        if event.target in {target, ""} and window[0] <= event.at <= window[1]
    )


def stale_text(view: TargetView, now: float) -> str:
    """Why the newest numbers are not fresh; empty when they are."""
    return data_age_text(view, now) if view.last_ok_at is not None and view.is_stale(now) else ""


def cost_sentence(view: TargetView, now: float) -> str:
    """What reading this target costs it, as measured over the last minute: tiers take turns, so a single second says little."""
    parts = []
    for metric, text in (
        ("aishell.poll.queries.rate", "queries/s"),
        ("aishell.poll.time.rate", "ms/s at most"),
        ("aishell.poll.bytes.rate", ""),
    ):
        value = _mean(view, metric, now)
        if value is not None:
            if text:
                parts.append(f"{value:.1f} {text}")
            elif value:
                parts.append(format_value(value, Unit.BYTES_PER_SECOND))
    return f"aishell costs this target {', '.join(parts)}" if parts else ""


def _mean(view: TargetView, metric: str, now: float) -> float | None:
    """The mean over the last minute of all label sets together; None when there was no value."""
    means = []
    for key in view.snapshot.find(metric):
        known = [value for value in view.snapshot.points(key, now - _COST_SECONDS, now).values if not math.isnan(value)]
        if known:
            means.append(math.fsum(known) / len(known))
    return math.fsum(means) if means else None


def status_lines(
    view: TargetView,
    frame: Frame,
    width: int,
    rows: int,
    operations: ProgressHistory | None = None,
    digests: DigestHistory | None = None,
) -> tuple[Spans, ...]:
    """The sentences at the foot: reasons, what could not be read, what runs or takes most time, what aishell costs."""
    lines: list[Spans] = []
    most = max(1, (rows - 1) // max(1, len(view.assessment.reasons)))
    for reason in view.assessment.reasons:
        text = without_path(view, reason.text)
        lines += _told(f"{reason.severity}", severity_role(reason.severity), text, width, lead_text(reason.leads_to), most)
    failure = view.target_failure
    if failure is not None and failure.hint:
        lines += _told("what to do", "label", failure.hint, width)
    unread = unread_parts(view)
    shortfall = [line for each in unread for line in shortfall_lines(view, each, width)]
    fits = len(lines) + len(shortfall) < rows
    lines += shortfall if fits else []
    if operations is not None and _is_fresh(view, Part.PROGRESS, frame.at):
        lines += [_operation(each, operations) for each in view.progress or ()]
    running = _running(view)
    if running:
        lines.append(running)
    elif Ability.STATEMENTS in view.abilities and view.statements and (slow := _slowest(view, digests)):
        lines.append(slow)
    if backup := last_backup_text(view):
        lines.append(((" backup     ", "label"), (backup, "text"), (lead_text("backups"), "dim")))
    return (*lines[: max(0, rows - 1)], _foot(view, frame, width, () if fits else unread))


def unread_parts(view: TargetView) -> tuple[Failure, ...]:
    """What could not be read, or not all of it, as far as no reason tells it already."""
    told = {reason.text for reason in view.assessment.reasons}
    return tuple(each for each in view.failures if each.part != "target" and each.message not in told)


def shortfall_lines(view: TargetView, failure: Failure, width: int, here: str = "health") -> list[Spans]:
    """What could not be read and why; what would mend it has lines of its own, so that it can be copied as it stands."""
    missing = "" if _is_there(view, failure.part) else "n/a: "
    lines = _told(failure.part, "label", missing + failure.message, width, lead_text(_PANES.get(failure.part, ""), here))
    return [*lines, *(_told("", "label", failure.hint, width) if failure.hint else [])]


def _foot(view: TargetView, frame: Frame, width: int, unread: tuple[Failure, ...]) -> Spans:
    """What aishell costs, and where to read what could not be read where there was no room for it."""
    cost, used = cost_sentence(view, frame.at), frame.own
    own = f"itself {used.cpu_ratio * 100:.1f}% CPU, {format_value(used.memory_bytes, Unit.BYTES)}" if used.memory_bytes else ""
    missing = f"   {format_counted(len(unread), 'part')} n/a: {lead_key('metrics', 'health')} ▸" if unread else ""
    room = max(0, width - 2 - len(missing))
    forms = ("; ".join(filter(None, (cost, own))), cost, cost.replace(" at most", "").replace("this target", "it"))
    fitting = next((form for form in forms if len(form) <= room), truncate(forms[-1], room))
    return ((f" {fitting}", "dim"), (missing, "unknown"))


def _is_there(view: TargetView, part: str) -> bool:
    """Whether there are values of a part all the same: fewer than there could be, or estimates."""
    return part in _PANES and bool(getattr(view, _FIELDS.get(part, part), None))


def _told(label: str, role: Role, text: str, width: int, lead: str = "", most: int = 9) -> list[Spans]:
    """A label and a sentence beside it, over as many lines as it needs (`most` at most), with the key that leads on at its end."""
    cells = max(_LABEL_CELLS, len(label) + 2)
    room = max(20, width - cells - 1 - len(lead))
    whole = wrap(text, room) or [""]
    *others, last = whole if len(whole) <= most else [*whole[: most - 1], truncate(" ".join(whole[most - 1 :]), room)]
    lines: list[Spans] = [((each, "text"),) for each in others]
    lines.append(((last, "text"), (lead, "dim")))
    blank: Span = (" " * cells, "text")
    return [((f" {label:<{cells - 1}}", role) if place == 0 else blank, *line) for place, line in enumerate(lines)]


def _is_fresh(view: TargetView, part: Part, now: float) -> bool:
    read_at = view.part_at.get(part)
    return read_at is not None and now - read_at <= _COST_SECONDS


def _operation(progress: Progress, history: ProgressHistory) -> Spans:
    """One long operation inside the server, with its end where that can be told."""
    share, found = share_done(progress), history.pace(progress)
    words = [] if share is None else [f"{share:.0%} of {progress.phase}"]
    if found.eta_seconds is not None:
        words.append(f"phase ends in {format_duration(round(found.eta_seconds))}")
    what: Span = (f"{progress.operation} {progress.object}  ".lstrip(), "bold")
    told: Span = (", ".join(words) or progress.phase, "text")
    return ((" working    ", "label"), what, told, (lead_text("maintenance"), "dim"))


def _running(view: TargetView) -> Spans:
    """The statement that has run longest now and who runs it; nothing when none has for a second."""
    clients = [each for each in view.sessions or () if each.text and not each.kind and not each.state.startswith("idle")]
    sessions = [each for each in clients if (each.statement_seconds or 0.0) >= _LONG_SECONDS]
    if not sessions:
        return ()
    longest = max(sessions, key=lambda each: each.statement_seconds or 0.0)
    who = " ".join(filter(None, (longest.id, longest.user, longest.application)))
    ran = format_value(longest.statement_seconds, Unit.SECONDS)
    return ((" running    ", "label"), (f"{ran} ", "bold"), (f"{who}  ", "label"), (" ".join(longest.text.split()), "text"))


def _slowest(view: TargetView, digests: DigestHistory | None) -> Spans:
    """What takes most time as Queries opens with it: of the last seconds once these are known; nothing where that is little."""
    span_seconds = digests.span_seconds(DigestMode.LIVE) if digests is not None else None
    if digests is None or not span_seconds:
        statements = view.statements or ()
        spent = sum(statement.total_milliseconds for statement in statements)
        top = max(statements, key=lambda statement: statement.total_milliseconds)
        return _slow_line(top, top.total_milliseconds / spent if spent else 0.0, "")
    row = next(iter(digests.table(DigestMode.LIVE, 1).rows), None)
    if row is None or (row.calls_per_second or 0.0) * row.mean_milliseconds < _NOTABLE_MILLISECONDS_PER_SECOND:
        return ()
    return _slow_line(row.statement, row.time_share, f", last {format_duration(round(span_seconds))}")


def _slow_line(statement: Statement, share: float, when: str) -> Spans:
    told = f"  {format_value(share, Unit.RATIO)} of all time{when}{lead_text('queries')}"
    return ((" slow       ", "label"), (" ".join(statement.text.split())[:70], "text"), (told, "dim"))
