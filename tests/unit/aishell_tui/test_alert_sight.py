"""What is kept of an alert's figure, and how it is shown when memory has it no more."""

from __future__ import annotations

import math

from aishell_tui.alert_sight import kept_buckets
from aishell_tui.screens.alert_lines import AlertFile, figure_lines
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
