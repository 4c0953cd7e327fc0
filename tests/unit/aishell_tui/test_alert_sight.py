"""What is kept of an alert's figure, and how it is shown when memory has it no more."""

from __future__ import annotations

import math

from aishell_core.series.store import SeriesStore
from aishell_core.targets import Target, parse_location
from aishell_core.values import LockWait, Part, Session, TargetId
from aishell_tui.alert_sight import kept_buckets, sight_of
from aishell_tui.cli.reports.alert_details import alert_text
from aishell_tui.cli.reports.alerts import Known, alert_report
from aishell_tui.frame import TargetView
from aishell_tui.screens.alert_lines import AlertFile, figure_lines, file_lines
from alerts.evidence import evidence_of
from alerts.handling import Evaluation
from alerts.models import Evidence
from tests.alert_values import NOW, an_alert


def test_a_kept_figure_fills_a_chart_and_its_gaps_stay_gaps() -> None:
    window = tuple((NOW + place, float(place)) for place in (0, 10, 20, 60))
    start, step_seconds, means = kept_buckets(window, 7)
    assert (start, step_seconds) == (NOW, 10.0)
    assert [None if math.isnan(mean) else mean for mean in means] == [0.0, 10.0, 20.0, None, None, None, 60.0]
    assert kept_buckets(window, 1)[2] == (22.5,)
    assert kept_buckets(window[:1], 3)[2][0] == 0.0


def test_the_page_says_what_the_figure_was_and_how_it_came() -> None:
    alert = an_alert(unit="count")
    seen = Evidence(alert.fingerprint, NOW, 17.0, ((NOW - 60, 3.0), (NOW - 30, 12.0), (NOW, 17.0)))
    assert figure_lines(AlertFile(alert, evidence=seen)) == ("17 at the moment", "3 points in 1m00s before: lowest 3, highest 17, last 17")
    assert figure_lines(AlertFile(alert, evidence=Evidence(alert.fingerprint, NOW, 17.0))) == (
        "17 at the moment, and nothing is kept of before",
    )


def test_each_part_of_what_was_seen_says_when_it_was_read() -> None:
    orders = Target(TargetId("orders"), parse_location("postgresql://db1/orders"))
    batch = Session("7", "ana", "local", "batch", state="idle in transaction", transaction_seconds=700.0)
    view = TargetView(
        orders,
        SeriesStore().snapshot(orders.name),
        1.0,
        sessions=(batch,),
        lock_waits=(LockWait("8", "7", "orders", "tuple", 20.0),),
        part_at={Part.SESSIONS: NOW - 3, Part.LOCKS: NOW + 4, Part.STATEMENTS: NOW - 900},
    )
    alert = an_alert(fired_at=NOW)
    seen = evidence_of(alert, sight_of(view, alert, None, (), NOW), str)
    assert (seen.at, seen.sessions_at, seen.locks_at, seen.statements_at, seen.read_at) == (NOW, NOW - 3, NOW + 4, None, NOW + 4)
    page = "\n".join("".join(text for text, _role in spans) for spans in file_lines(AlertFile(alert, evidence=seen), NOW, 100))
    for line in (
        "what was seen at 08:00:04",
        "lock tree, read at 08:00:04",
        "longest sessions, read at 07:59:57",
        "statements that took most time\n",
    ):
        assert line in page
    known = Known(alert, Evaluation(), evidence=seen)
    text = alert_text(known, NOW)
    for line in (
        "as seen at 2027-01-15T08:00:04",
        "Longest sessions, read at 2027-01-15T07:59:57",
        "Who waited behind whom, read at 2027-01-15T08:00:04",
    ):
        assert line in text
    row = alert_report(known).evidence
    assert row is not None
    assert (row.at[:19], str(row.sessions_at)[:19], row.statements_at) == ("2027-01-15T08:00:00", "2027-01-15T07:59:57", None)
