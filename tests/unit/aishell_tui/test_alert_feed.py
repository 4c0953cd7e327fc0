"""What alerts are told of targets, what they want to have read, and what comes of them in the timeline."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aishell_core.errors import UsageError
from aishell_core.series.store import SeriesStore
from aishell_core.targets import Environment, Location, Target, parse_location
from aishell_core.values import EventKind, Facts, Part, ReplicationPeer, Severity, TargetId
from aishell_tui.alert_news import alert_events, alert_words, level_counts, newly_firing
from aishell_tui.alert_traits import KnownTraits, Link, addresses_of, link_of, machine_of, traits_of
from aishell_tui.alerting import without_literals
from aishell_tui.foresight import about_to_fire
from aishell_tui.frame import TargetView
from aishell_tui.rule_parts import PARTS, needed, parts_of
from aishell_tui.silencing import end_of, matchers_of
from alerts.language.parser import parse_condition
from alerts.matchers import matches
from alerts.models import Acknowledgement, Alert, Health, InstanceKey, Level, Phase
from alerts.ports import AlertsView
from alerts.rule import Rule, Selector, Trigger
from alerts.rules.book import RuleBook

NOW = 1_800_000_000.0
NOON = datetime(2027, 1, 15, 12, 30, tzinfo=UTC)


def target(name: str, url: str) -> Target:
    return Target(TargetId(name), parse_location(url), Environment.STAGING, ("eu",))


def alert(phase: Phase = Phase.FIRING, **fields: object) -> Alert:
    known: dict[str, object] = {"fired_at": NOW, "annotations": (("summary", "17 wait"),)}
    labels = (("alertname", "locks"), ("severity", "critical"), ("target", "orders"))
    return Alert("f" * 16, "locks", InstanceKey(TargetId("orders")), labels, phase, Level.CRITICAL, **(known | fields))  # type: ignore[arg-type]


def rule(condition: str, *engines: str) -> Rule:
    return Rule("r", (Trigger(Level.WARNING, parse_condition(condition)),), targets=Selector(engines=engines))


def test_traits_are_what_the_configuration_and_the_target_say() -> None:
    found = traits_of(target("orders", "postgresql://DB1.example/orders"), Facts("postgres", role="replica"), Link(TargetId("main"), True))
    assert (found.engine, found.role, found.environment, found.tags) == ("postgres", "replica", "staging", ("eu",))
    assert (found.host, found.upstream) == ("db1.example", "main")


@pytest.mark.parametrize(
    ("url", "machine"),
    [
        ("postgresql://127.0.0.1/x", "localhost"),
        ("postgresql://[::1]/x", "localhost"),
        ("postgresql:///x", "localhost"),
        ("redis://localhost", "localhost"),
        ("postgresql://a,b/x", ""),
        ("mysql://db.example./x", "db.example"),
    ],
)
def test_a_database_of_this_machine_is_on_the_machine_that_is_watched(url: str, machine: str) -> None:
    assert machine_of(target("x", url)) == machine
    assert machine_of(Target(TargetId("h"), Location("host", host="localhost"))) == "localhost"
    assert machine_of(Target(TargetId("f"), Location("sqlite", path=Path("/srv/a.db")))) == "localhost"


def test_whom_one_replicates_from_is_found_by_its_address() -> None:
    main, copy = target("main", "postgresql://10.0.0.1:5432/x"), target("copy", "postgresql://10.0.0.2:5432/x")
    known = addresses_of((main, copy))
    assert link_of(copy, [ReplicationPeer("10.0.0.1:5432", "upstream", "streaming")], known) == Link(TargetId("main"), True)
    assert link_of(copy, [ReplicationPeer("10.0.0.9:5432", "upstream", "streaming")], known) == Link(None, True)
    assert link_of(copy, [ReplicationPeer("10.0.0.1:5432", "standby", "streaming")], known) == Link()
    assert link_of(copy, [ReplicationPeer("upstream", "upstream", "not connected")], known) == Link()
    assert addresses_of((main, replace(main, name=TargetId("other")))) == {}


def test_a_replica_that_has_lost_its_primary_is_known_to_follow_it_until_it_says_otherwise() -> None:
    main, copy = target("main", "postgresql://10.0.0.1:5432/x"), target("copy", "postgresql://10.0.0.2:5432/x")
    known = KnownTraits((main, copy))

    def said(name: str | None, role: str = "replica") -> tuple[str | None, bool]:
        peers = None if name is None else (ReplicationPeer(name, "upstream", ""),)
        known.know(TargetView(copy, SeriesStore().snapshot(copy.name), facts=Facts("postgres", role=role), replication=peers))
        return known.found[copy.name].upstream, known.lacks_upstream(copy.name)

    assert said(None) == (None, True)
    assert said("upstream") == (None, True)
    assert said("10.0.0.1:5432") == ("main", False)
    assert said("upstream") == ("main", False)
    assert said("10.0.0.9:5432") == (None, False)
    assert said("10.0.0.1:5432") == ("main", False)
    assert said("upstream", role="primary") == (None, False), "it was made the primary itself"


def test_parts_are_read_for_the_rules_that_need_them_and_their_engines_alone() -> None:
    parts = parts_of([rule("statement.time.rate > 5", "postgres"), rule("locks.waiting > 5")])
    assert needed(parts, target("a", "postgresql://h/x")) == {Part.STATEMENTS}
    assert needed(parts, target("b", "mysql://h/x")) == frozenset()
    assert needed(parts_of([rule('sum(sessions.state{state="idle"}) > 5')]), target("b", "mysql://h/x")) == {Part.SESSIONS}


@pytest.mark.parametrize(
    ("held_for", "rule_for", "is_near"),
    [(0, 86_400, False), (600, 86_400, False), (86_395, 86_400, True), (86_405, 86_400, True), (3, 5, True), (60, 5, False)],
)
def test_a_target_is_looked_at_shortly_before_an_alert_fires_and_not_all_the_day(held_for: float, rule_for: float, is_near: bool) -> None:
    book = RuleBook((replace(rule("locks.waiting > 5"), name="locks", for_seconds=rule_for),))
    pending = alert(Phase.PENDING, fired_at=None, since=NOW - held_for)
    assert about_to_fire(AlertsView(alerts=(pending,), book=book), NOW) == ((TargetId("orders"),) if is_near else ())
    assert about_to_fire(AlertsView(alerts=(replace(pending, health=Health.NO_DATA),), book=book), NOW) == ()
    assert about_to_fire(AlertsView(alerts=(replace(pending, phase=Phase.FIRING),), book=book), NOW) == ()
    assert about_to_fire(AlertsView(alerts=(pending,)), NOW) == (), "its rule is gone"


def test_every_metric_with_a_part_is_in_the_catalogue() -> None:
    for name in PARTS:
        assert parts_of([rule(f"{name} > 1")]) == (((), PARTS[name]),)


def test_the_timeline_tells_what_fired_rose_was_taken_on_and_ended() -> None:
    def told(before: Alert | None, after: Alert, since: float = 0.0) -> list[tuple[EventKind, Severity, str]]:
        found = alert_events((before,) if before is not None else (), (after,), NOW, since)
        return [(event.kind, event.severity, event.text) for event in found]

    kind = EventKind.ALERT
    assert told(None, alert()) == [(kind, Severity.CRITICAL, "locks fires: 17 wait")]
    assert told(None, alert(annotations=())) == [(kind, Severity.CRITICAL, "locks fires")], "its name is not said twice"
    assert told(alert(Phase.PENDING), alert()) == [(kind, Severity.CRITICAL, "locks fires: 17 wait")]
    assert told(None, alert(), since=NOW + 1) == []
    assert told(replace(alert(), level=Level.WARNING), alert()) == [
        (kind, Severity.CRITICAL, "locks is critical now, was warning: 17 wait")
    ]
    said = Acknowledgement("ada", "mine", NOW)
    assert told(alert(), alert(acknowledgement=said)) == [(kind, Severity.OK, "ada took on locks: mine")]
    assert told(alert(acknowledgement=said), alert()) == [(kind, Severity.CRITICAL, "ada gave back locks")]
    assert told(alert(), alert(Phase.RESOLVED, resolved_at=NOW)) == [(kind, Severity.OK, "locks is over: 17 wait")]
    assert told(None, alert(Phase.PENDING)) == []
    assert told(alert(), replace(alert(), value=3.0)) == []


def test_of_a_thousand_that_fire_at_once_some_are_named_and_the_rest_is_counted() -> None:
    many = [replace(alert(), fingerprint=f"{number:016x}") for number in range(1000)]
    found = alert_events((), many, NOW, 0.0)
    assert len(found) == 21
    assert found[-1].text.startswith("980 more alerts")


def test_the_bell_is_for_what_begins_to_fire_and_is_told() -> None:
    assert newly_firing((), (alert(),), 0.0) == (alert(),)
    assert newly_firing((alert(),), (alert(),), 0.0) == ()
    assert newly_firing((), (alert(silenced_by=("s",)),), 0.0) == ()
    assert newly_firing((), (alert(),), NOW + 1) == ()


def test_alerts_are_counted_worst_first_and_speak_by_their_summary() -> None:
    assert list(level_counts([alert(), replace(alert(), level=Level.INFO), alert()]).items()) == [(Level.CRITICAL, 2), (Level.INFO, 1)]
    assert alert_words(alert()) == "17 wait"
    assert alert_words(alert(annotations=())) == "locks"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("1h", 3600), ("for 90m", 5400), ("until 18:00", 5.5 * 3600), ("12:00", 23.5 * 3600), ("morning", 19.5 * 3600)],
)
def test_until_when_is_said_as_people_say_it(said: str, seconds: float) -> None:
    assert end_of(said, NOON) - NOON.timestamp() == seconds


@pytest.mark.parametrize("said", ["", "soon", "0s", "25:00", "9999d", "-1h"])
def test_what_is_no_time_is_refused_with_examples(said: str) -> None:
    with pytest.raises(UsageError) as caught:
        end_of(said, NOON)
    assert "18:00" in caught.value.hint


def test_a_silence_is_for_this_alert_and_no_other_one() -> None:
    one = replace(alert(), key=InstanceKey(TargetId("orders"), (("mount", "/"),)))
    matchers = matchers_of(one)
    assert matches(matchers, {"alertname": "locks", "target": "orders", "mount": "/"})
    assert not matches(matchers, {"alertname": "locks", "target": "orders", "mount": "/srv"})
    assert not matches(matchers, {"alertname": "locks", "target": "shop", "mount": "/"})


def test_statements_lose_their_literals_or_are_left_out() -> None:
    assert without_literals("postgres", "SELECT * FROM t WHERE name = 'ada' AND n = 5") == "SELECT * FROM t WHERE name = ? AND n = ?"
    assert without_literals("postgres", "SELECT 'open") == ""
    assert without_literals("nosuch", "SELECT 1") == ""
