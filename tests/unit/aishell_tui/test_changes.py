"""What is told among the events, and what is not."""

from __future__ import annotations

from aishell_core.catalogue import DEADLOCKS_RATE, PG_CONFLICTS_BY_KIND
from aishell_core.series.store import SeriesStore
from aishell_core.targets import Location, Target
from aishell_core.values import EventKind, Facts, Failure, FailureCode, Part, Reading, Sample, Setting, Statement, TargetId, Tier
from aishell_tui.changes import counted_events, facts_events, setting_events, statement_events
from aishell_tui.frame import TargetView, absorb

PG = TargetId("pg")


def _texts(before: Setting, after: Setting) -> list[str]:
    return [event.text for event in setting_events(PG, (before,), (after,), 1.0)]


def test_a_changed_setting_is_told_with_both_values() -> None:
    assert _texts(Setting("work_mem", "4096"), Setting("work_mem", "8192")) == ["setting work_mem changed from 4096 to 8192"]


def test_a_value_of_no_text_is_told_as_empty() -> None:
    none, some = Setting("archive_command", ""), Setting("archive_command", "copy %p")
    assert _texts(none, some) == ["setting archive_command changed from (empty) to copy %p"]
    assert _texts(some, none) == ["setting archive_command changed from copy %p to (empty)"]


def test_a_setting_that_nobody_sets_is_no_news() -> None:
    name = "shared_memory_size_in_huge_pages"
    assert _texts(Setting(name, "70", derived=True), Setting(name, "80", derived=True)) == []


def test_a_deadlock_is_news_once_and_one_from_before_the_first_look_is_none() -> None:
    def told(before: str | None, after: str) -> list[str]:
        known = None if before is None else Facts("mysql", details=(("deadlock", before),) if before else ())
        return [event.text for event in facts_events(PG, known, Facts("mysql", details=(("deadlock", after),)), 1.0)]

    assert told(None, "19:00: session 1") == []
    assert told("", "19:00: session 1") == ["a deadlock was broken at 19:00: session 1"]
    assert told("19:00: session 1", "19:00: session 1") == []
    assert told("19:00: session 1", "19:05: session 2") == ["a deadlock was broken at 19:05: session 2"]
    assert facts_events(PG, Facts("mysql", details=(("deadlock", "x"),)), Facts("mysql"), 1.0) == []


def test_another_server_of_the_same_database_is_told_with_both_addresses() -> None:
    first, second = (Facts("postgres", details=(("address", address),)) for address in ("a:5432", "b:5432"))
    assert [event.text for event in facts_events(PG, first, second, 1.0)] == ["address changed from a:5432 to b:5432"]
    assert facts_events(PG, first, first, 1.0) == []


def _look(value: float, at: float) -> Reading:
    return Reading(PG, Tier.WARM, at, (Sample(PG_CONFLICTS_BY_KIND, value, (("kind", "lock"),)),))


def _told(*looks: tuple[float, float]) -> list[str]:
    """What is told of readings of a counter, as (moment, value)."""
    store, told = SeriesStore(), list[str]()
    target = Target(PG, Location("postgres", host="localhost"))
    for at, value in looks:
        before = TargetView(target, store.snapshot(PG))
        told += [event.text for event in counted_events(before, _look(value, at))]
        store.add(_look(value, at), 15.0)
    return told


def test_what_grows_is_told_once_for_as_long_as_it_goes_on() -> None:
    assert _told((0, 5), (15, 5)) == [], "what was before the first look is not news"
    assert _told((0, 5), (15, 6)) == ["replaying the log cancelled 1 query: lock conflict"]
    assert len(_told((0, 5), (15, 6), (30, 9), (45, 12))) == 1
    assert _told((0, 5), (15, 6), *((15.0 * n, 6) for n in range(2, 8)), (120, 8)) == [
        "replaying the log cancelled 1 query: lock conflict",
        "replaying the log cancelled 2 queries: lock conflict",
    ]


def test_deadlocks_are_told_as_they_are_counted_unless_the_server_dates_them() -> None:
    target, dated = Target(PG, Location("postgres", host="localhost")), Facts("mysql", details=(("deadlock", "08:00:01: a and b"),))

    def told(*counts: float, facts: Facts | None = None) -> list[tuple[EventKind, str]]:
        store, found = SeriesStore(), []
        for second, count in enumerate(counts):
            reading = Reading(PG, Tier.HOT, float(second), (Sample(DEADLOCKS_RATE, count),), facts)
            found += [(event.kind, event.text) for event in counted_events(TargetView(target, store.snapshot(PG)), reading)]
            store.add(reading, 1.0)
        return found

    more = "more within a minute are counted on Health alone"
    assert told(2, 2) == []
    assert told(2, 3, 4) == [(EventKind.DEADLOCK, f"1 deadlock was broken; {more}")]
    assert told(2, *[2] * 70, 4) == [(EventKind.DEADLOCK, f"2 deadlocks were broken; {more}")]
    assert told(2, 3, facts=dated) == [], "that is an event already"


def test_a_counter_that_was_reset_is_no_news() -> None:
    assert _told((0, 5), (15, 0), (30, 0)) == []


def test_a_reset_of_the_statistics_of_statements_is_told_once_and_a_grant_is_none() -> None:
    view = TargetView(Target(PG, Location("postgres", host="db")), SeriesStore().snapshot(PG))
    hidden = (Failure(Part.STATEMENTS, FailureCode.PRIVILEGE, "statements of other roles are hidden"),)
    told = []
    looks: list[tuple[float | None, tuple[Failure, ...]]] = [(100, ()), (120, ()), (None, ()), (3, ()), (9, ()), (50, hidden), (7, ())]
    for at, (calls, failures) in enumerate(looks):
        statements = None if calls is None else (Statement("a", "SELECT 1", calls, calls),)
        reading = Reading(PG, Tier.HOT, float(at), statements=statements, failures=failures)
        told += statement_events(view, reading)
        view = absorb(view, reading, view.snapshot, 1.0)
    assert [(event.at, event.kind) for event in told] == [(3.0, EventKind.RESTART)]
