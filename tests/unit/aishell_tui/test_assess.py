"""From readings to a verdict in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.catalogue import (
    CACHE_HIT_RATIO,
    CATALOGUE,
    HOST_CPU,
    HOST_DISK_USAGE,
    LOCKS_WAITING,
    PG_ARCHIVE_BACKLOG,
    PG_WRAPAROUND,
    QUERY_DURATION,
    REPLICATION_LAG,
    TRANSACTION_DURATION,
    TRANSACTION_IDLE,
)
from aishell_core.series.store import SeriesStore
from aishell_core.targets import Location, Target
from aishell_core.values import Failure, FailureCode, Kind, LockWait, Reading, Sample, Session, Severity, TargetId, Thresholds, Tier, worst
from aishell_tui.assess import assess, blocking_sentence, judged_metrics
from aishell_tui.changes import view_events
from aishell_tui.frame import TargetView, absorb
from aishell_tui.keys import lead_key
from aishell_tui.reason_phrases import PHRASES

NOW = 1_800_000_000.0
APP = Target(TargetId("app"), Location("sqlite", path=Path("/srv/app.db")))
HOST = Target(TargetId("here"), Location("host", host="localhost"))


def viewed(
    target: Target, *rows: tuple[Sample, ...], failures: tuple[Failure, ...] = (), lock_waits: tuple[LockWait, ...] = ()
) -> TargetView:
    """A view after readings one second apart, the last of them at NOW."""
    store = SeriesStore()
    view = TargetView(target, store.snapshot(target.name))
    for index, samples in enumerate(rows):
        reading = Reading(target.name, Tier.HOT, NOW - (len(rows) - 1 - index), samples, lock_waits=lock_waits)
        store.add(reading, 1.0)
        view = absorb(view, reading, store.snapshot(target.name), 1.0)
    if failures:
        view = absorb(view, Reading(target.name, Tier.HOT, NOW, failures=failures), store.snapshot(target.name), 1.0)
    return view


def judge(view: TargetView, now: float = NOW, **limits: Thresholds) -> tuple[Severity, list[str]]:
    found = assess(view, now, judged_metrics(view.target.engine, {name.replace("__", "."): each for name, each in limits.items()}))
    return found.severity, [reason.text for reason in found.reasons]


def test_all_is_well() -> None:
    assert judge(viewed(APP, (Sample(QUERY_DURATION, 12.0),))) == (Severity.OK, [])


def test_a_limit_that_is_passed_is_told_with_value_and_limit() -> None:
    severity, reasons = judge(viewed(APP, (Sample(QUERY_DURATION, 45_000),)))
    assert (severity, reasons) == (Severity.WARNING, ["the longest statement has run 45s, limit 30s"])


def test_a_configured_limit_replaces_the_default() -> None:
    view = viewed(APP, (Sample(QUERY_DURATION, 45_000),))
    assert judge(view, query__duration=Thresholds(60_000, 90_000))[0] is Severity.OK


def test_low_is_bad_for_a_falling_metric() -> None:
    postgres = replace(APP, location=Location("postgres", host="db"))
    assert judge(viewed(postgres, *[(Sample(CACHE_HIT_RATIO, 0.80),)] * 60))[0] is Severity.CRITICAL
    assert judge(viewed(postgres, *[(Sample(CACHE_HIT_RATIO, 0.80),)] * 10))[0] is Severity.OK, "an idle server's few reads say little"
    assert judge(viewed(postgres, (Sample(CACHE_HIT_RATIO, 0.99),)))[0] is Severity.OK


def test_each_label_set_is_judged_and_named() -> None:
    full = (Sample(HOST_DISK_USAGE, 0.95, (("mount", "/srv"),)), Sample(HOST_DISK_USAGE, 0.1, (("mount", "/"),)))
    assert judge(viewed(HOST, full)) == (Severity.CRITICAL, ["/srv: 95% of the file system is used, limit 90%"])


def test_a_short_peak_of_the_cpu_is_no_warning_but_a_minute_is() -> None:
    calm, busy = (Sample(HOST_CPU, 0.3),), (Sample(HOST_CPU, 0.99),)
    assert judge(viewed(HOST, *[calm] * 70, busy, busy))[0] is Severity.OK
    assert judge(viewed(HOST, *[calm] * 10, *[busy] * 62))[0] is Severity.CRITICAL


def test_the_first_busy_seconds_say_nothing_of_a_minute() -> None:
    busy = (Sample(HOST_CPU, 0.99),)
    assert judge(viewed(HOST, *[busy] * 20))[0] is Severity.OK
    assert judge(viewed(HOST, *[busy] * 60))[0] is Severity.CRITICAL


def test_waiting_sessions_are_told_with_who_blocks_them() -> None:
    waits = (LockWait("12", "11", "app.db", "write", 8.0), LockWait("13", "12", "app.db", "write", 2.0))
    view = viewed(APP, *[(Sample(LOCKS_WAITING, 2),)] * 8, lock_waits=waits)
    assert judge(view) == (Severity.WARNING, ["2 sessions wait behind 11, the longest for 8s"])


def test_a_head_that_waits_for_itself_in_a_circle_still_gives_a_sentence() -> None:
    assert blocking_sentence((LockWait("1", "2", "t", "x"), LockWait("2", "1", "t", "x"))) == "2 sessions wait behind 2"


def test_old_numbers_are_not_judged_but_called_stale() -> None:
    view = viewed(APP, (Sample(QUERY_DURATION, 900_000),))
    severity, reasons = judge(view, NOW + 14)
    assert severity is Severity.UNKNOWN
    assert reasons == ["stale 14s: no answer since then"]


def test_before_the_first_answer_nothing_is_known() -> None:
    assert judge(viewed(APP)) == (Severity.UNKNOWN, ["no answer yet"])


def test_what_a_target_is_judged_by_and_cannot_be_read_leaves_it_unknown() -> None:
    well = (Sample(QUERY_DURATION, 12.0),)
    optional = Failure("statements", FailureCode.PRIVILEGE, "statements are hidden", "", NOW)
    needed = Failure("counters", FailureCode.PRIVILEGE, "it may not be read", "", NOW, essential=True)
    assert judge(viewed(APP, well, failures=(optional,)))[0] is Severity.OK
    assert judge(viewed(APP, well, failures=(optional, needed))) == (Severity.UNKNOWN, ["counters: it may not be read"])
    assert judge(viewed(APP, well, failures=(needed, replace(needed, part="sessions"))))[1] == [
        "counters: it may not be read",
        "sessions: it may not be read",
    ]


def test_what_is_unknown_hides_nothing_that_is_known_to_be_worse() -> None:
    view = viewed(APP, (Sample(QUERY_DURATION, 45_000),))
    needed = Failure("locks", FailureCode.TIMEOUT, "took too long", "", NOW, essential=True)
    view = replace(view, failures_by_tier=((Tier.WARM, (needed,)),))
    assert judge(view) == (Severity.WARNING, ["the longest statement has run 45s, limit 30s", "locks: took too long"])


def test_a_missing_file_is_critical_and_a_silent_server_unknown() -> None:
    missing = Failure("target", FailureCode.MISSING, "there is no file /srv/app.db", "", NOW)
    silent = Failure("target", FailureCode.TIMEOUT, "no answer within 2s", "", NOW)
    assert judge(viewed(APP, failures=(missing,)))[0] is Severity.CRITICAL
    assert judge(viewed(APP, failures=(silent,))) == (Severity.UNKNOWN, ["no answer within 2s"])


def test_a_failed_part_does_not_make_the_whole_target_bad() -> None:
    log = Failure("statements", FailureCode.UNSUPPORTED, "no statement log", "", NOW)
    store = SeriesStore()
    reading = Reading(APP.name, Tier.HOT, NOW, (Sample(QUERY_DURATION, 0),), failures=(log,))
    store.add(reading, 1.0)
    view = absorb(TargetView(APP, store.snapshot(APP.name)), reading, store.snapshot(APP.name), 1.0)
    assert judge(view)[0] is Severity.OK
    assert view.failure_of("statements") == log


def test_a_change_of_state_is_one_event_in_each_direction() -> None:
    good, bad = viewed(APP, (Sample(QUERY_DURATION, 0),)), viewed(APP, (Sample(QUERY_DURATION, 45_000),))
    judged = judged_metrics("sqlite", {})
    good, bad = replace(good, assessment=assess(good, NOW, judged)), replace(bad, assessment=assess(bad, NOW, judged))
    assert [event.text for event in view_events(good, bad, NOW)] == ["the longest statement has run 45s, limit 30s"]
    assert [event.text for event in view_events(bad, good, NOW)] == ["ok again, was warning"]
    assert view_events(good, good, NOW) == []


@given(st.lists(st.sampled_from(list(Severity))))
def test_the_worst_of_some_is_at_least_as_bad_as_each(severities: list[Severity]) -> None:
    assert all(worst(severities).rank >= severity.rank for severity in severities)


def test_a_database_whose_content_cannot_be_read_is_not_well_though_its_figures_are() -> None:
    """A damaged page, a lock for good: the file's figures go on, and the reason is told once."""
    view = viewed(APP, (Sample(QUERY_DURATION, 12.0),))
    locked = Failure("schema", FailureCode.LOCKED, "the database is locked exclusively by pid 7", at=NOW)
    for tier in Tier:
        failures = (replace(locked, at=NOW + 1),) if tier is Tier.WARM else (locked,)
        view = absorb(view, Reading(APP.name, tier, NOW, failures=failures), view.snapshot, 1.0)
    assert judge(view) == (Severity.WARNING, ["the database is locked exclusively by pid 7"])
    damaged = Reading(APP.name, Tier.WARM, NOW, failures=(Failure("pages", FailureCode.DAMAGED, "app.db is damaged"),))
    assert judge(absorb(view, damaged, view.snapshot, 1.0))[0] is Severity.CRITICAL
    unread = Reading(APP.name, Tier.WARM, NOW, failures=(Failure("pages", FailureCode.LOCKED, "was written during each try"),))
    assert judge(absorb(viewed(APP, (Sample(QUERY_DURATION, 12.0),)), unread, view.snapshot, 1.0))[0] is Severity.OK


def test_an_empty_database_is_well_and_one_that_was_emptied_is_not() -> None:
    """No table is a state that a database may begin with; who looks for tables is told, and a lost content is a warning."""
    empty = Failure("schema", FailureCode.EMPTY, "app.db holds no tables yet", at=NOW)
    view = viewed(APP, (Sample(QUERY_DURATION, 12.0),), failures=(empty,))
    assert judge(view) == (Severity.OK, ["app.db holds no tables yet"])
    slow = viewed(APP, (Sample(QUERY_DURATION, 45_000),), failures=(empty,))
    assert judge(slow) == (Severity.WARNING, ["the longest statement has run 45s, limit 30s", "app.db holds no tables yet"])
    emptied = Failure("schema", FailureCode.TRUNCATED, "app.db was emptied", at=NOW)
    view = absorb(view, Reading(APP.name, Tier.WARM, NOW, failures=(emptied,)), view.snapshot, 1.0)
    assert judge(view) == (Severity.WARNING, ["app.db was emptied"])


SERVER = Target(TargetId("orders-eu"), Location("postgres", host="db"))


def lead(view: TargetView) -> list[tuple[str, str]]:
    return [(reason.text, reason.leads_to) for reason in assess(view, NOW, judged_metrics("postgres", {})).reasons]


def test_every_threshold_of_a_server_has_a_sentence_with_number_and_limit() -> None:
    for engine in ("postgres", "pgbouncer"):
        for metric, limits in judged_metrics(engine, {}):
            worst_value = limits.critical if limits.critical is not None else limits.warning
            assert worst_value is not None
            target = replace(SERVER, location=Location(engine, host="db"))
            rows = [
                (Sample(metric, worst_value + (0 if metric.kind is not Kind.COUNTER else index * worst_value * 2)),) for index in range(70)
            ]
            found = assess(viewed(target, *rows), NOW, judged_metrics(engine, {})).reasons
            assert found, metric.name
            assert metric.name not in found[0].text, f"{metric.name} has no sentence of its own"
            assert found[0].leads_to, metric.name


def test_reasons_lead_to_the_screen_that_shows_their_cause() -> None:
    view = viewed(
        SERVER,
        (
            Sample(TRANSACTION_DURATION, 1000),
            Sample(REPLICATION_LAG, 41, (("peer", "r1"),)),
            Sample(PG_WRAPAROUND, 0.6),
            Sample(PG_ARCHIVE_BACKLOG, 14),
        ),
    )
    assert dict(lead(view)) == {
        "a transaction has been open for 16m40s, limit 15m00s": "sessions",
        "r1: replication lags by 41s, limit 10s": "replication",
        "60% of the transaction ids are used up, limit 50%: vacuum must freeze": "maintenance",
        "log files that wait to be archived: 14, limit 10": "maintenance",
    }


def test_the_session_that_is_meant_is_named_where_it_is_known() -> None:
    view = viewed(SERVER, (Sample(TRANSACTION_IDLE, 400),))
    idle = Session("4121", "billing", application="worker", state="idle in transaction", state_seconds=400.0, transaction_seconds=410.0)
    busy = Session("7", "web", state="active", state_seconds=900.0, transaction_seconds=900.0)
    view = absorb(view, Reading(SERVER.name, Tier.HOT, NOW, sessions=(busy, idle)), view.snapshot, 1.0)
    assert lead(view) == [("a session has been idle in its transaction for 6m40s, limit 5m00s: 4121 billing worker", "sessions")]


def test_who_blocks_is_told_with_what_it_does() -> None:
    waits = (LockWait("12", "11", "orders", "ShareLock", 8.0),)
    head = Session("11", "billing", state="idle in transaction", state_seconds=724.0)
    assert blocking_sentence(waits, (head,)) == "1 session waits behind 11 (billing, idle in transaction 12m04s), the longest for 8s"


def test_of_several_heads_the_one_with_most_behind_it_is_told_with_its_own_number() -> None:
    waits = (LockWait("12", "11", "t", "x", 3.0), LockWait("13", "12", "t", "x", 2.0), LockWait("22", "21", "u", "x", 9.0))
    told = "3 sessions wait for locks, the longest for 9s; 2 of them behind 11, the others behind 1 more"
    assert blocking_sentence(waits) == told


def test_one_that_waits_for_two_is_told_behind_both() -> None:
    waits = (LockWait("12", "11", "t", "x", 3.0, "ShareLock"), LockWait("12", "10", "t", "x", 3.0, "ShareLock"))
    assert blocking_sentence(waits).startswith("1 session waits behind 1")
    assert blocking_sentence(waits).endswith(" and 1 more, the longest for 3s")


def test_waits_that_were_read_long_ago_are_not_told_as_if_they_were_now() -> None:
    waits = (LockWait("12", "11", "orders", "ShareLock", 8.0),)
    store = SeriesStore()
    view = TargetView(SERVER, store.snapshot(SERVER.name))
    for second in range(31):
        reading = Reading(SERVER.name, Tier.HOT, NOW - 30 + second, (Sample(LOCKS_WAITING, 2),), lock_waits=waits if second == 0 else None)
        store.add(reading, 1.0)
        view = absorb(view, reading, store.snapshot(SERVER.name), 1.0)
    assert lead(view) == [("sessions that wait for a lock: 2, limit 1", "sessions")]


@pytest.mark.parametrize("engine", sorted({name for metric in CATALOGUE.values() for name in metric.engines}))
def test_every_figure_that_is_judged_has_words_of_its_own_and_a_screen_to_go_to(engine: str) -> None:
    for metric, _ in judged_metrics(engine, {}):
        words, screen = PHRASES[metric.name]
        assert metric.name not in words
        assert screen == "health" or lead_key(screen, "health"), metric.name
