"""What was read for an earlier look at a target is not shown as if it were so now."""

from __future__ import annotations

from dataclasses import replace

from aishell_core.series.store import SeriesStore
from aishell_core.values import Ability, Failure, FailureCode, HorizonHolder, LockWait, Part, Progress, Reading, Tier
from aishell_tui.frame import TargetView, absorb, without_earlier, without_left_sessions
from aishell_tui.progress import ProgressHistory
from aishell_tui.screens.maintenance import maintenance_heading
from aishell_tui.screens.upkeep_lines import upkeep_lines
from tests.scripted_sessions import CHAIN_SESSIONS, CHAIN_WAITS, NOW, server
from widgets.glyphs import UNICODE

PROGRESS = (Progress("71", "alter table", "Enabling keys", object="huge"),)
HOLDERS = (HorizonHolder("transaction", "64", 12, 3.0),)
BOTH = (Part.PROGRESS, Part.HORIZON)


def read(*readings: Reading) -> TargetView:
    """The view after some readings, one per second."""
    target, store = server("orders-eu"), SeriesStore()
    view = replace(TargetView(target, store.snapshot(target.name)), abilities=Ability.PROGRESS | Ability.HORIZON)
    for reading in readings:
        view = absorb(view, replace(reading, target=target.name), store.snapshot(target.name), 1.0)
    return view


def hot(at: float, **parts: object) -> Reading:
    return replace(Reading(server("x").name, Tier.HOT, NOW + at), **parts)  # type: ignore[arg-type]


def page(view: TargetView) -> str:
    return "\n".join("".join(text for text, _ in line) for line in upkeep_lines(view, ProgressHistory(), 100, UNICODE))


def test_an_operation_that_was_seen_by_an_earlier_look_is_not_said_to_run() -> None:
    view = read(hot(0, progress=PROGRESS, horizon=HOLDERS), *(hot(at) for at in range(1, 31)))
    shown = without_earlier(view, BOTH, NOW + 30)
    assert (shown.progress, shown.horizon) == (None, None)
    assert not shown.part_at
    assert "Enabling keys" in page(view)
    assert "Enabling keys" not in page(shown)
    assert "running\n  reading …" in page(shown)
    assert "being removed\n  reading …" in page(shown)


def test_what_the_present_look_has_read_stays_however_seldom_it_comes() -> None:
    view = read(hot(0, progress=PROGRESS), hot(1, horizon=HOLDERS), *(hot(at) for at in range(2, 31)))
    assert without_earlier(view, BOTH, NOW - 1) is view
    assert maintenance_heading(view, NOW + 30).age == "live 30s", "as old as the oldest of what is shown"


def test_who_comes_back_at_once_sees_what_was_there() -> None:
    view = read(hot(0, progress=PROGRESS, horizon=HOLDERS), hot(1), hot(2))
    assert without_earlier(view, BOTH, NOW + 2) is view


def test_a_server_that_gives_no_answer_is_said_to_and_what_is_shown_of_it_has_its_own_age() -> None:
    gone = Failure("target", FailureCode.TIMEOUT, "no answer within 2s", "", NOW + 37)
    view = read(hot(0, progress=PROGRESS, horizon=HOLDERS), *(hot(at) for at in range(1, 31)), hot(37, failures=(gone,)))
    assert maintenance_heading(view, NOW + 37).stale == "stale 37s: no answer within 2s"
    shown = without_earlier(view, BOTH, NOW + 36)
    assert maintenance_heading(shown, NOW + 37).stale == "stale 7s: no answer within 2s"
    assert "running\n  n/a: no answer within 2s" in page(shown)
    assert "being removed\n  n/a: no answer within 2s" in page(shown)


def test_sessions_that_were_left_are_gone_with_their_locks() -> None:
    waits: tuple[LockWait, ...] = CHAIN_WAITS
    view = read(hot(0, sessions=CHAIN_SESSIONS, lock_waits=waits), *(hot(at) for at in range(1, 8)))
    left = without_left_sessions(view)
    assert (left.sessions, left.lock_waits) == (None, None)


def test_locks_that_are_not_told_any_more_are_gone_while_the_sessions_are_seen() -> None:
    later = (hot(at, sessions=CHAIN_SESSIONS) for at in range(1, 8))
    left = without_left_sessions(read(hot(0, sessions=CHAIN_SESSIONS, lock_waits=()), *later))
    assert (left.sessions, left.lock_waits) == (CHAIN_SESSIONS, None)


def test_parts_that_a_server_begins_to_refuse_are_not_shown_any_more() -> None:
    """Progress of others is refused to a role that had it: the pane says so at once, not when the old list has grown stale."""
    hidden = Failure(Part.PROGRESS, FailureCode.PRIVILEGE, "hidden", "GRANT pg_monitor TO mon;")
    closed = Failure(Part.PROGRESS, FailureCode.PRIVILEGE, "closed", "GRANT pg_monitor TO mon;")
    partly = read(hot(0, progress=PROGRESS), hot(1, progress=PROGRESS, failures=(hidden,)), hot(2, failures=(hidden,)))
    assert partly.progress == PROGRESS, "some of it is hidden, and it is not told each second"
    refused = absorb(partly, hot(3, failures=(closed,)), partly.snapshot, 1.0)
    assert refused.progress is None
    assert Part.PROGRESS not in refused.part_at


def test_sessions_that_are_refused_take_their_locks_along() -> None:
    closed = Failure(Part.SESSIONS, FailureCode.PRIVILEGE, "closed", "GRANT SELECT ON pg_catalog.pg_stat_activity TO mon;")
    view = read(hot(0, sessions=CHAIN_SESSIONS, lock_waits=CHAIN_WAITS), hot(1, failures=(closed,)))
    assert (view.sessions, view.lock_waits) == (None, None)
