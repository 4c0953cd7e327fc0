"""What `aishell status` prints."""

from __future__ import annotations

from aishell_core.units import format_count, format_value
from aishell_core.values import Unit
from aishell_tui.cli.encode import utc_text
from aishell_tui.cli.reports.looked import Looked, glyph, metric_values
from aishell_tui.cli.shapes import StatusReport, TargetStatus
from aishell_tui.cli.terminal import printable, table
from aishell_tui.frame import TargetView
from aishell_tui.text import answering_server, product_text

_HEADINGS = ("", "TARGET", "ENGINE", "ROLE", "CONN", "TPS", "QPS", "HIT", "LONGEST", "SIZE")


def status_report(looked: Looked) -> StatusReport:
    """The report as scripts get it."""
    return StatusReport(utc_text(looked.at), tuple(_target_status(view, looked.at) for view in looked.views))


def _target_status(view: TargetView, now: float) -> TargetStatus:
    return TargetStatus(
        name=view.name,
        engine=view.target.engine,
        version=view.facts.version if view.facts and view.facts.version else None,
        environment=view.target.environment.value,
        state=view.assessment.severity.value,
        reasons=tuple(reason.text for reason in view.assessment.reasons),
        metrics=metric_values(view, now),
        server=answering_server(view) or None,
    )


def status_text(looked: Looked, *, unicode: bool) -> str:
    """The report as people get it."""
    lines = table(_HEADINGS, (_row(view, unicode) for view in looked.views), numeric=range(4, 10)).splitlines()
    shown = [lines[0]]
    branch = "└" if unicode else "-"
    for view, line in zip(looked.views, lines[1:], strict=True):
        shown.append(line)
        if server := answering_server(view):
            shown.append(f"  {branch} {printable(server)} answers")
        shown.extend(f"  {branch} {printable(reason.text)}" for reason in view.assessment.reasons)
    return "\n".join(shown)


def _row(view: TargetView, unicode: bool) -> tuple[str, ...]:
    facts = view.facts
    version = f"{product_text(facts) or view.target.engine} {facts.version}" if facts and facts.version else view.target.engine
    return (
        f"{glyph(view.assessment.severity, unicode)} {view.assessment.severity.value}",
        view.name,
        version,
        facts.role if facts else "",
        _connections(view),
        _value(view, "transactions.rate"),
        _value(view, "queries.rate"),
        _value(view, "cache.hit_ratio"),
        _longest(view),
        _value(view, "disk.used"),
    )


def _number(view: TargetView, name: str) -> float | None:
    return next((view.snapshot.value(key) for key in view.snapshot.find(name)), None)


def _value(view: TargetView, name: str) -> str:
    keys = view.snapshot.find(name)
    return format_value(view.snapshot.value(keys[0]), keys[0].metric.unit) if keys else "-"


def _connections(view: TargetView) -> str:
    used, most = _number(view, "connections.used"), _number(view, "connections.max")
    if used is None:
        return "-"
    return format_count(used) if most is None else f"{format_count(used)}/{format_count(most)}"


def _longest(view: TargetView) -> str:
    milliseconds = _number(view, "query.duration")
    if milliseconds is None:
        return "-"
    return "-" if milliseconds == 0 else format_value(milliseconds, Unit.MILLISECONDS)
