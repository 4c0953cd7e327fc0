"""One row of the fleet: which rate stands under TPS."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aishell_core.catalogue import QUERIES_RATE, TRANSACTIONS_RATE
from aishell_core.series.store import SeriesStore
from aishell_core.targets import Location, Target, parse_location
from aishell_core.values import Facts, Failure, FailureCode, Metric, Reading, Sample, Severity, TargetId, Tier
from aishell_tui.assess import assess
from aishell_tui.frame import Assessment, Reason, TargetView, absorb
from aishell_tui.screens.fleet_rows import fleet_row
from aishell_tui.text import answering_server
from tests.scripted_sessions import NOW
from widgets.glyphs import UNICODE


def rate_of(engine: str, **per_second: Metric) -> str:
    """What stands under TPS of a target of an engine whose counters rise by so much each second."""
    target, store = Target(TargetId("orders-eu"), Location(engine)), SeriesStore()
    view = TargetView(target, store.snapshot(target.name))
    for second in range(3):
        samples = tuple(Sample(metric, second * float(rise.removeprefix("by_"))) for rise, metric in per_second.items())
        reading = Reading(target.name, Tier.HOT, NOW - 2 + second, samples)
        store.add(reading, 1.0)
        view = absorb(view, reading, store.snapshot(target.name), 1.0)
    return fleet_row(view, NOW, UNICODE).cells["rate"].plain()


@pytest.mark.parametrize("engine", ["postgres", "mysql"])
def test_transactions_that_are_hidden_are_unknown_and_no_statements_stand_in_their_place(engine: str) -> None:
    assert rate_of(engine, by_7=QUERIES_RATE) == "–"
    assert rate_of(engine, by_7=QUERIES_RATE, by_3=TRANSACTIONS_RATE).split()[0] == "3"


@pytest.mark.parametrize("engine", ["redis", "mongodb"])
def test_statements_of_an_engine_without_transactions_are_marked_as_such(engine: str) -> None:
    rate = rate_of(engine, by_12300=QUERIES_RATE)
    assert rate.split()[0] == "12.3kq"
    assert len(rate) <= 10, "as wide as the column"


@pytest.mark.parametrize(
    ("url", "details", "told"),
    [
        ("postgresql://a,b/x", (("address", "b:5432"),), "b:5432 answers"),
        ("mongodb://a,b/x", (("host", "b:27017"),), "b:27017 answers"),
        ("postgresql://a/x", (("address", "a:5432"),), ""),
        ("redis://a,b", (), ""),
    ],
)
def test_of_several_servers_the_one_that_answers_is_told(url: str, details: tuple[tuple[str, str], ...], told: str) -> None:
    location = parse_location(url)
    target, store = Target(TargetId("shop"), location), SeriesStore()
    reading = Reading(target.name, Tier.HOT, NOW, facts=Facts(location.engine, "1", "primary", details=details))
    view = absorb(TargetView(target, store.snapshot(target.name)), reading, store.snapshot(target.name), 1.0)
    view = replace(view, assessment=assess(view, NOW, ()))
    assert "".join(text for text, _ in fleet_row(view, NOW, UNICODE).note) == told
    assert answering_server(view) == told.removesuffix(" answers")
    slow = replace(view, assessment=Assessment(Severity.WARNING, (Reason(Severity.WARNING, "it is slow"),)))
    assert "".join(text for text, _ in fleet_row(slow, NOW, UNICODE).note) == "  ".join(filter(None, ("it is slow", told)))
    failed = absorb(view, replace(reading, failures=(Failure("target", FailureCode.TIMEOUT, "no answer", "", NOW),)), view.snapshot, 1.0)
    assert answering_server(failed) == "", "what does not answer is told in the reason"
