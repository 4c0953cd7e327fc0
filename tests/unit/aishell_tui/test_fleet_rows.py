"""One row of the fleet: which rate stands under TPS."""

from __future__ import annotations

import pytest

from aishell_core.catalogue import QUERIES_RATE, TRANSACTIONS_RATE
from aishell_core.series.store import SeriesStore
from aishell_core.targets import Location, Target
from aishell_core.values import Metric, Reading, Sample, TargetId, Tier
from aishell_tui.frame import TargetView, absorb
from aishell_tui.screens.fleet_rows import fleet_row
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
