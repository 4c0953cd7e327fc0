"""One alert: its figure over time, what was seen when it fired, what to do, who was told, what happened."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult

from aishell_core.catalogue import CATALOGUE
from aishell_core.errors import StateError
from aishell_core.units import format_limit, format_value
from aishell_core.values import Event, EventKind
from aishell_tui.alert_news import SEVERITIES
from aishell_tui.alert_sight import figure_of, kept_buckets
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame, TargetView
from aishell_tui.look import Look
from aishell_tui.screens.alert_acts import AlertActingScreen
from aishell_tui.screens.alert_lines import AlertFile, file_lines
from aishell_tui.screens.alert_rows import is_judged_now
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.health_data import event_marks
from aishell_tui.text import span_text
from alerts.language.checker import understood
from alerts.models import Alert
from widgets.chart import ChartData, TimeChart
from widgets.heading import Heading
from widgets.text_view import TextView

_READ_SECONDS = 5.0
_HISTORY_SECONDS = 30 * 86_400.0


class AlertScreen(AlertActingScreen):
    """The detail of one alert; it stays as it was last known when it is gone."""

    SCREEN = "alert"
    AUTO_FOCUS = "#alert-file"
    BINDINGS: ClassVar = bindings_of("alert")

    def __init__(self, alert: Alert) -> None:
        super().__init__()
        self._known = AlertFile(alert)
        self._read_at = -_READ_SECONDS

    def compose_body(self) -> ComposeResult:
        """The chart, and the page, which scrolls."""
        yield TimeChart(id="alert-chart", show_axis=True)
        yield TextView(heading=Heading(f"alerts ▸ {self._known.alert.rule} ▸ {self._known.alert.key.target}"), id="alert-file")

    def show_body(self, frame: Frame, look: Look) -> None:
        """The newest state."""
        self._take(frame)
        alert, page = self._known.alert, self.query_one("#alert-file", TextView)
        page.set_lines(file_lines(self._known, frame.at, self.size.width))
        view = frame.view(alert.key.target)
        chart = self.query_one("#alert-chart", TimeChart)
        data = self._chart(view, look, frame, chart.bucket_count) if view is not None else None
        data = data if data is not None and _shows_beginning(data, alert) else self._kept_chart(chart.bucket_count) or data
        chart.display = data is not None
        chart.set_data(data)
        if not 0 <= frame.at - self._read_at < _READ_SECONDS:
            self._read_at = frame.at
            self.run_worker(self._read(frame.at), group="alert", exclusive=True)

    def _take(self, frame: Frame) -> None:
        view = frame.alerts
        if view is None:
            return
        alert = next((each for each in view.alerts if each.fingerprint == self._known.alert.fingerprint), self._known.alert)
        self._known = replace(
            self._known,
            alert=alert,
            rule=self.rule_of(alert),
            silences=view.silences,
            others=view.alerts,
            is_judged=is_judged_now(alert, view),
        )

    async def _read(self, now: float) -> None:
        feed = self.dashboard.runtime.alerts
        service = feed.service if feed is not None else None
        if service is None:
            return
        fingerprint = self._known.alert.fingerprint
        try:
            evidence = await service.evidence(self._known.alert)
            deliveries = await service.deliveries(fingerprint)
            history = await service.history(now - _HISTORY_SECONDS, math.inf, fingerprint)
        except StateError as error:
            self.say_error(error)
            return
        self._known = replace(self._known, evidence=evidence, deliveries=deliveries, history=history)
        self.show(self.dashboard.frame, self.dashboard.look)

    def acted(self) -> None:
        """What is kept of it is read again with the next frame."""
        self._read_at = -_READ_SECONDS

    def _chart(self, view: TargetView, look: Look, frame: Frame, count: int) -> ChartData | None:
        """The figure of the window that is looked at, as long as memory has it, with the moment at which the alert fired."""
        alert = self._known.alert
        key = figure_of(view, alert, self._known.rule)
        if key is None:
            return None
        window = replace(look, until=None).window(frame.at)
        buckets = view.snapshot.buckets(key, *window, count)
        # What a rule compares may be made of several figures: only in the figure's own unit its threshold can be drawn.
        limit = alert.threshold if alert.unit == str(key.metric.unit) else None
        value = view.snapshot.value(key)
        return ChartData(
            title=key.metric.name,
            unit=key.metric.unit,
            mean=buckets.mean,
            high=buckets.high,
            start=buckets.start,
            step_seconds=buckets.step_seconds,
            span_text=span_text(look.span_seconds),
            now_text=format_value(value, key.metric.unit),
            limit=limit,
            limit_text=format_limit(limit, key.metric.unit) if limit is not None else "",
            falling=limit is not None and alert.value is not None and alert.value < limit and alert.phase.is_active,
            severity=SEVERITIES[alert.level],
            marks=event_marks((_fired(alert), *frame.events), view.name, window) if alert.fired_at else (),
        )

    def _kept_chart(self, count: int) -> ChartData | None:
        """The figure as it was kept of the minutes before the alert fired; None where nothing is kept."""
        alert, evidence = self._known.alert, self._known.evidence
        if evidence is None or not evidence.window:
            return None
        rule = self._known.rule
        names = [name for trigger in rule.triggers for name in understood(trigger.condition).metrics] if rule is not None else []
        metric = CATALOGUE.get(names[0]) if names else None
        if metric is None:
            return None
        start, step_seconds, mean = kept_buckets(evidence.window, count)
        limit = alert.threshold if alert.unit == str(metric.unit) else None
        return ChartData(
            title=f"{metric.name} before it fired",
            unit=metric.unit,
            mean=mean,
            start=start,
            step_seconds=step_seconds,
            span_text=span_text(evidence.window[-1][0] - start),
            now_text=format_value(evidence.window[-1][1], metric.unit),
            limit=limit,
            limit_text=format_limit(limit, metric.unit) if limit is not None else "",
            severity=SEVERITIES[alert.level],
        )

    def chosen_alerts(self) -> tuple[Alert, ...]:
        """The one that is shown."""
        return (self._known.alert,)

    def pane_data(self) -> PaneData | None:
        """What is kept of the figure at the moment it fired."""
        evidence = self._known.evidence
        return PaneData(f"alert {self._known.alert.rule}", ("at", "value"), evidence.window if evidence is not None else ())

    def copy_text(self) -> str:
        """The page as text."""
        lines = self.query_one("#alert-file", TextView).lines
        return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def _shows_beginning(data: ChartData, alert: Alert) -> bool:
    """Whether a chart has anything of the time before the alert fired, or the alert has not fired yet."""
    fired_at = alert.fired_at
    if fired_at is None:
        return True
    return any(data.start + place * data.step_seconds < fired_at for place, mean in enumerate(data.mean) if not math.isnan(mean))


def _fired(alert: Alert) -> Event:
    return Event(alert.fired_at or 0.0, alert.key.target, EventKind.ALERT, SEVERITIES[alert.level], "")
