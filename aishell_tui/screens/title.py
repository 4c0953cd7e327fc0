"""What the title bar says. Pure."""

from __future__ import annotations

from dataclasses import replace

from aishell_core.units import format_counted
from aishell_tui.alert_news import LEVEL_WORDS, SEVERITIES, firing, level_counts
from aishell_tui.frame import Frame, TargetView
from aishell_tui.look import Look
from aishell_tui.text import WORDS, answering_server, clock_text, engine_text, moment_text, severity_counts
from widgets.lines import Span, Spans
from widgets.palette import severity_role
from widgets.title_bar import TitleState


def title_state(frame: Frame, look: Look, viewed: TargetView | None) -> TitleState:
    """The title of a frame: the fleet's counts, or the target that is looked at with its state in a word."""
    moment = moment_text(look.until, frame.at) if look.until is not None else ""
    common = TitleState(
        read_only=look.read_only,
        paused=look.paused,
        moment=moment,
        clock=clock_text(frame.at) if frame.at else "",
        interval=f"{look.interval_seconds:g}s",
    )
    counts = tuple(severity_counts(frame).items())
    common = replace(common, alerts=alerts_text(frame, viewed))
    if viewed is None:
        return replace(common, place=format_counted(len(frame.targets), "target"), counts=counts)
    severity = viewed.assessment.severity
    detail: list[Span] = [(engine_text(viewed.target.engine, viewed.facts), "label")]
    if viewed.facts is not None and viewed.facts.role:
        detail.append((f" {viewed.facts.role}", "label"))
    if server := answering_server(viewed):
        detail.append((f" {server}", "label"))
    if viewed.target.environment.value == "production":
        detail.append((" production", "warning"))
    state: Spans = ((WORDS[severity], severity_role(severity)),)
    return replace(common, place=viewed.name, detail=tuple(detail), state=state, counts=counts if len(frame.targets) > 1 else ())


def alerts_text(frame: Frame, viewed: TargetView | None = None) -> Spans:
    """How many alerts fire by level, of the target that is looked at or of all in the frame; a question mark when nobody evaluates any.

    Alerts of other targets stand in the same state where another dashboard watches those.
    """
    if frame.alerts is None or not frame.alerts.is_ready:
        return ()
    targets = frame.names if viewed is None else {viewed.name}
    shown = [each for each in frame.alerts.alerts if each.key.target in targets]
    spans: list[Span] = [("alerts", "label")]
    if not frame.alerts.evaluation.is_alive:
        return (*spans, (" ?", "warning"))
    spans += [(f" {count} {LEVEL_WORDS[level]}", severity_role(SEVERITIES[level])) for level, count in level_counts(firing(shown)).items()]
    return tuple(spans) if len(spans) > 1 else ()
