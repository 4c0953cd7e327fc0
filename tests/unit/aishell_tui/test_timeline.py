"""Events in order of time, however late each is told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aishell_core.values import Event, EventKind, Severity, TargetId
from aishell_tui.timeline import Timeline


def event(at: float, text: str = "x") -> Event:
    return Event(at, TargetId("db"), EventKind.STATE, Severity.OK, text)


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9), unique=True), st.integers(1, 8))
def test_events_stand_in_order_of_time_and_only_the_newest_stay(told: list[int], kept: list[int], most: int) -> None:
    line = Timeline(most)
    for number, at in enumerate(told):
        line.add(event(at, f"{number}"))
        assert len(line.newest_first()) == min(most, number + 1)
    line.recall([event(at, "kept") for at in sorted(kept, reverse=True)])
    found = [each.at for each in line.newest_first()]
    assert found == sorted(found, reverse=True)
    assert len(found) == min(most, min(most, len(told)) + len(kept))
    assert not found or found[0] == max(*told, *kept, -1)


def test_of_one_moment_the_later_told_is_the_newer_and_what_was_kept_the_older() -> None:
    line = Timeline(9)
    line.add(event(5, "unknown"))
    line.add(event(5, "ok again"))
    line.recall((event(5, "kept last"), event(5, "kept first"), event(5, "unknown")))
    assert [each.text for each in line.newest_first()] == ["ok again", "unknown", "kept last", "kept first"]
    assert line.newest_first() is line.newest_first()
