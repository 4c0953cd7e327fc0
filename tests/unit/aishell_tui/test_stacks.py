"""Layers of a stacked chart: order, signs, gaps."""

from __future__ import annotations

import math
from array import array

from aishell_core.series.buckets import Buckets
from aishell_tui.screens.stacks import layer_order, layer_signs, stacked

NAN = math.nan


def series(*means: float) -> Buckets:
    values = array("d", means)
    return Buckets(1000.0, 5.0, values, values, values, values)


def test_what_works_is_at_the_bottom_and_what_is_at_rest_on_top_in_any_engines_words() -> None:
    states = ["idle", "fastpath function call", "idle in transaction", "active"]
    assert layer_order(states) == ["active", "idle in transaction", "fastpath function call", "idle"]
    assert layer_order(["sleep", "executing", "active"]) == ["active", "executing", "sleep"]


def test_a_layer_keeps_its_sign_whichever_others_there_are() -> None:
    alone, among = layer_signs(["idle"]), layer_signs(["zzz", "active", "idle", "blocked", "executing"])
    assert alone["idle"] == among["idle"]
    assert len({sign.letter for sign in among.values()}) == len(among)
    assert len({(sign.role, sign.block) for sign in among.values()}) == len(among)


def test_a_bucket_is_a_gap_only_where_nothing_is_known_of_any_layer() -> None:
    found = stacked({"idle": series(3, NAN, NAN), "active": series(1, 2, NAN)}, {"idle": 3.0, "active": None})
    assert found.buckets == ((1.0, 3.0), (2.0, 0.0), None)
    assert [(layer.name, layer.average) for layer in found.layers] == [("active", None), ("idle", 3.0)]
    assert (found.start, found.step_seconds) == (1000.0, 5.0)


def test_a_state_that_nobody_was_in_takes_no_room_in_the_legend() -> None:
    found = stacked({"idle": series(3, 3), "fastpath function call": series(0, NAN)}, {"idle": 3.0, "fastpath function call": 0.0})
    assert [layer.name for layer in found.layers] == ["idle"]
    nothing = stacked({"idle": series(0, NAN)}, {"idle": 0.0})
    assert (nothing.layers, nothing.buckets, nothing.start, nothing.step_seconds) == ((), ((), None), 1000.0, 5.0)
