"""What is too old on screen is marked, each part by how often it comes."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from aishell_core.values import Failure, FailureCode, Part, Reading, Tier
from aishell_tui.frame import TargetView, absorb
from aishell_tui.part_ages import fresh_and_stale, part_is_stale
from tests.scripted_server import NOW, ServerScript, server_view


def _aged(part: Part, seconds: float, *failures: Failure) -> TargetView:
    """A target whose hot readings are fresh, with one part of this age."""
    view = server_view(ServerScript(), last=2)
    by_tier = ((Tier.HOT, failures),) if failures else ()
    return replace(view, last_ok_at=NOW, part_at=MappingProxyType({**view.part_at, part: NOW - seconds}), failures_by_tier=by_tier)


@pytest.mark.parametrize(
    ("part", "longest"), [(Part.SESSIONS, 3.5), (Part.LOCKS, 3.5), (Part.REPLICATION, 5.5), (Part.PROGRESS, 5.5), (Part.STATEMENTS, 11.5)]
)
def test_a_part_older_than_its_bound_is_marked_though_the_target_answers(part: Part, longest: float) -> None:
    assert _aged(part, longest).interval_seconds == 1.0
    assert fresh_and_stale(_aged(part, longest), (part,), NOW) == (f"live {round(longest)}s", "")
    assert not part_is_stale(_aged(part, longest), part, NOW)
    assert fresh_and_stale(_aged(part, 48), (part,), NOW) == ("live 48s", "stale 48s")
    assert part_is_stale(_aged(part, longest + 0.1), part, NOW)


def test_a_part_that_is_never_fresh_for_seconds_is_not_marked_for_minutes() -> None:
    assert fresh_and_stale(_aged(Part.RELATIONS, 1100), (Part.RELATIONS,), NOW)[1] == ""
    assert fresh_and_stale(_aged(Part.RELATIONS, 1300), (Part.RELATIONS,), NOW)[1] == "stale 21m40s"


def test_a_part_of_a_slower_tier_goes_by_its_cadence() -> None:
    """As the members of a MongoDB set, which are read every quarter of a minute."""
    fresh = server_view(ServerScript(), last=2)
    links = Reading(fresh.name, Tier.WARM, NOW - 25, replication=())
    view = replace(absorb(fresh, links, fresh.snapshot, 15.0), last_ok_at=NOW)
    assert fresh_and_stale(view, (Part.REPLICATION,), NOW) == ("live 25s", "")
    assert fresh_and_stale(replace(view, last_ok_at=NOW + 9), (Part.REPLICATION,), NOW + 9) == ("live 34s", "stale 34s")


def test_why_it_is_stale_is_told_where_it_is_known() -> None:
    late = Failure(Part.STATEMENTS, FailureCode.TIMEOUT, "no answer within 4s", "", NOW)
    assert fresh_and_stale(_aged(Part.STATEMENTS, 48, late), (Part.STATEMENTS,), NOW)[1] == "stale 48s: no answer within 4s"


def test_of_several_parts_the_oldest_decides() -> None:
    view = _aged(Part.PROGRESS, 30)
    view = replace(view, part_at=MappingProxyType({**view.part_at, Part.HORIZON: NOW - 1}))
    assert fresh_and_stale(view, (Part.PROGRESS, Part.HORIZON), NOW) == ("live 30s", "stale 30s")


def test_a_target_that_does_not_answer_makes_every_part_stale() -> None:
    view = replace(_aged(Part.REPLICATION, 4), last_ok_at=NOW - 4)
    assert fresh_and_stale(view, (Part.REPLICATION,), NOW)[1] == "stale 4s"
