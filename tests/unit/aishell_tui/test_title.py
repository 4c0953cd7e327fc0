"""The title counts the alerts of what is shown, and the Alerts screen says how many of its own are of others."""

from __future__ import annotations

from dataclasses import replace

from aishell_core.series.store import SeriesStore
from aishell_core.targets import Location, Target
from aishell_core.values import TargetId
from aishell_tui.frame import Frame, TargetView
from aishell_tui.look import Look
from aishell_tui.screens.alert_rows import alerts_heading
from aishell_tui.screens.title import title_state
from alerts.handling import Evaluation
from alerts.models import Level
from alerts.ports import AlertsView
from tests.alert_values import NOW, an_alert, key_of


def _view(name: str) -> TargetView:
    return TargetView(Target(TargetId(name), Location("postgres", host="db")), SeriesStore().snapshot(TargetId(name)))


def _alerts(*targets: str) -> AlertsView:
    firing = tuple(an_alert(key=key_of(target), level=Level.CRITICAL) for target in targets)
    return AlertsView(alerts=firing, evaluation=Evaluation("h:1:a", NOW, True), is_ready=True)


def _title(frame: Frame, viewed: TargetView | None = None) -> str:
    return "".join(text for text, _role in title_state(frame, Look(), viewed).alerts)


def test_alerts_of_targets_that_another_dashboard_shows_are_not_counted() -> None:
    frame = Frame(NOW, (_view("orders"),), host=_view("web"), alerts=_alerts("orders", "users", "stock"))
    assert _title(frame) == "alerts 1 crit"
    assert _title(replace(frame, alerts=_alerts("users", "stock"))) == ""
    assert _title(replace(frame, alerts=_alerts("web", "stock"))) == "alerts 1 crit", "the machine that it runs on is shown too"
    assert _title(replace(frame, alerts=_alerts("orders", "web")), frame.targets[0]) == "alerts 1 crit"


def test_the_alerts_screen_says_how_many_are_of_targets_that_are_not_shown() -> None:
    def heading(*targets: str) -> str:
        return "".join(text for text, _role in alerts_heading(_alerts(*targets), "", frozenset({TargetId("orders")})).detail)

    assert heading("orders", "users", "stock") == "3 crit  (2 of targets not shown here)  0 rules"
    assert heading("orders") == "1 crit  0 rules"
