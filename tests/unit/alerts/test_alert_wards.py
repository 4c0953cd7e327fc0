"""Several dashboards on one state that watch different targets: each target is judged and told of by exactly one of them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aishell_core.state.upgrade import shipped_steps
from aishell_core.values import TargetId
from alerts.lease import LET_GO_SECONDS, TAKEN_AFTER_SECONDS
from alerts.models import Phase, Traits
from alerts.notify.models import Heartbeat, MessageKind
from alerts.ports import AlertsView
from alerts.rule import Inhibition, Reach
from alerts.store import alert_rows, lease_rows
from alerts.store.database import AlertStore
from tests.alert_service import Station, book_of, usage_rule
from tests.alert_values import an_alert
from tests.fake_clock import FakeClock

RULE = usage_rule()
FILE = "/home/ana/.config/aishell/config.yaml"
BOTH = {TargetId("orders"): FILE, TargetId("two"): FILE}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def phases(view: AlertsView) -> dict[str, Phase]:
    return {str(alert.key.target): alert.phase for alert in view.alerts}


def configured(station: Station, *rules: Any, **settings: Any) -> Station:
    """The dashboard goes by this configuration."""
    given = {"configured": BOTH, "files": frozenset({FILE})} | settings
    station.books.put(book_of(*(rules or (RULE,)), **given))
    station.reload()
    return station


async def full(folder: Path, clock: FakeClock, holder: str, **settings: Any) -> Station:
    return configured(Station(folder, RULE, clock=clock, targets=("orders", "two"), holder=holder), **settings)


async def small(folder: Path, clock: FakeClock, **settings: Any) -> Station:
    return configured(Station(folder, RULE, clock=clock, targets=("foo",), holder="small"), **settings)


async def test_a_dashboard_with_other_targets_ends_nothing_and_says_what_nobody_judges(folder: Path, clock: FakeClock) -> None:
    first = await full(folder, clock, "first")
    await first.watch(3, orders=0.95, two=0.95)
    other = await small(folder, clock)
    view = await other.watch(60, foo=0.95)
    assert phases(view) == {"orders": Phase.FIRING, "two": Phase.FIRING, "foo": Phase.FIRING}
    assert view.evaluation.unjudged == ("orders", "two")
    assert [message.group_labels for message in other.inbox.messages] == [(("alertname", "pool_full"), ("target", "foo"))]


async def test_a_dashboard_with_further_targets_judges_what_the_first_one_does_not(folder: Path, clock: FakeClock) -> None:
    first = await full(folder, clock, "first")
    await first.watch(3, orders=0.95, two=0.95)
    other = await small(folder, clock)
    await other.watch(int(TAKEN_AFTER_SECONDS) + 1, foo=0.95)
    again = await full(folder, clock, "again")
    for _ in range(3):
        await other.watch(foo=0.95)
        view = await again.watch(orders=0.95, two=0.5)
    assert phases(view) == {"orders": Phase.FIRING, "two": Phase.RESOLVED, "foo": Phase.FIRING}
    assert (view.evaluation.unjudged, view.is_evaluator) == ((), True)
    assert phases(await other.watch(foo=0.95)) == phases(view)
    assert (again.told, other.told) == (["resolved warning"], ["firing warning"])


async def test_a_target_that_two_watch_is_told_of_once_and_the_other_one_has_it_within_fifteen_seconds(
    folder: Path, clock: FakeClock
) -> None:
    one = await full(folder, clock, "one")
    two = configured(Station(folder, RULE, clock=clock, targets=("two", "foo"), holder="two"))
    for _ in range(3):
        await one.watch(orders=0.95, two=0.95)
        view = await two.watch(two=0.95, foo=0.95)
    assert phases(view) == {"orders": Phase.FIRING, "two": Phase.FIRING, "foo": Phase.FIRING}
    assert (len(one.told), len(two.told)) == (2, 1)
    seconds = 0
    while view.evaluation.unjudged != ("orders",):
        view = await two.watch(two=0.95, foo=0.95)
        seconds += 1
    assert seconds <= 15
    assert phases(await two.watch(two=0.5, foo=0.95)) == {"orders": Phase.FIRING, "two": Phase.RESOLVED, "foo": Phase.FIRING}
    assert two.told == ["firing warning", "resolved warning"]


async def test_one_that_was_stopped_loses_all_its_targets_and_tells_nothing(folder: Path, clock: FakeClock) -> None:
    one = await full(folder, clock, "one")
    await one.watch(2, orders=0.5, two=0.5)
    two = configured(Station(folder, RULE, clock=clock, targets=("two", "foo"), holder="two"))
    await two.watch(15, two=0.95, foo=0.5)
    for _ in range(3):
        view = await one.watch(orders=0.95, two=0.95)
        await two.watch(two=0.95, foo=0.5)
    assert phases(view) == {"orders": Phase.FIRING, "two": Phase.FIRING}
    assert (one.told, two.told) == (["firing warning"], ["firing warning"])
    assert one.inbox.messages[0].group_labels == (("alertname", "pool_full"), ("target", "orders"))


async def test_the_alert_of_a_target_that_its_file_has_no_more_ends(folder: Path, clock: FakeClock) -> None:
    first = await full(folder, clock, "first")
    await first.watch(3, orders=0.95, two=0.95)
    without = {TargetId("orders"): FILE}
    elsewhere = await small(folder, clock, configured=without, files=frozenset({"/srv/other.yml"}))
    assert phases(await elsewhere.watch(20, foo=0.5)) == {"orders": Phase.FIRING, "two": Phase.FIRING}
    here = configured(Station(folder, RULE, clock=clock, targets=("bar",), holder="here"), configured=without)
    view = await here.watch(2, bar=0.5)
    assert phases(view) == {"orders": Phase.FIRING, "two": Phase.RESOLVED}
    assert here.told == ["resolved warning"]
    view = await here.watch(1000, bar=0.5)
    assert (phases(view), view.evaluation.unjudged) == ({"orders": Phase.FIRING}, ("orders",))


async def test_the_alert_of_a_target_that_was_only_named_once_ends_an_hour_after_it_was_left(folder: Path, clock: FakeClock) -> None:
    other = await small(folder, clock)
    await other.watch(2, foo=0.95)
    first = await full(folder, clock, "first")
    view = await first.watch(20, orders=0.5, two=0.5)
    assert (phases(view), view.evaluation.unjudged) == ({"foo": Phase.FIRING}, ("foo",))
    await clock.advance(LET_GO_SECONDS)
    view = await first.watch(3, orders=0.5, two=0.5)
    assert phases(view) == {"foo": Phase.RESOLVED}
    assert first.told == ["resolved warning"]


@pytest.mark.parametrize("jump", [2 * LET_GO_SECONDS, -2 * LET_GO_SECONDS])
async def test_a_target_that_was_only_named_once_is_not_given_up_because_the_clock_was_set(
    folder: Path, clock: FakeClock, jump: float
) -> None:
    other = await small(folder, clock)
    await other.watch(2, foo=0.95)
    first = await full(folder, clock, "first")
    await first.watch(20, orders=0.5, two=0.5)
    clock.jump(jump)
    assert phases(await first.watch(20, orders=0.5, two=0.5)) == {"foo": Phase.FIRING}
    await clock.advance(LET_GO_SECONDS)
    assert phases(await first.watch(3, orders=0.5, two=0.5)) == {"foo": Phase.RESOLVED}


async def test_no_sign_of_life_is_sent_while_nobody_judges_a_configured_target(folder: Path, clock: FakeClock) -> None:
    def beats(station: Station) -> int:
        return sum(message.kind is MessageKind.HEARTBEAT for message in station.inbox.messages)

    heartbeat = Heartbeat("hook", 5.0)
    alone = await small(folder, clock, heartbeat=heartbeat)
    view = await alone.watch(20, foo=0.5)
    assert (beats(alone), view.evaluation.unjudged) == (0, ("orders", "two"))
    whole = await full(folder, clock, "whole", heartbeat=heartbeat)
    for _ in range(20):
        await alone.watch(foo=0.5)
        await whole.watch(orders=0.5, two=0.5)
    # Two seconds pass in each round, and both send to one channel: it hears a sign every five seconds and not twice as many.
    assert 6 <= beats(alone) + beats(whole) <= 9
    before = beats(alone) + beats(whole)
    await alone.watch(60, foo=0.5)
    assert beats(alone) + beats(whole) <= before + 3


async def test_one_group_of_alerts_of_several_dashboards_is_one_incident_that_ends_with_the_last(folder: Path, clock: FakeClock) -> None:
    rule = usage_rule(group_by=("alertname",))
    one = configured(Station(folder, rule, clock=clock, targets=("orders",), holder="one"), rule)
    two = configured(Station(folder, rule, clock=clock, targets=("foo",), holder="two"), rule)
    for _ in range(2):
        await one.watch(orders=0.95)
        await two.watch(foo=0.95)
    for _ in range(2):
        await one.watch(orders=0.5)
        await two.watch(foo=0.95)
    kinds = [message.kind for message in sorted(one.inbox.messages + two.inbox.messages, key=lambda each: each.made_at)]
    assert MessageKind.RESOLVED not in kinds
    for _ in range(2):
        await one.watch(orders=0.5)
        await two.watch(foo=0.5)
    messages = sorted(one.inbox.messages + two.inbox.messages, key=lambda each: each.made_at)
    assert (messages[-1].kind, len({message.incident for message in messages})) == (MessageKind.RESOLVED, 1)
    assert sum(message.kind is MessageKind.RESOLVED for message in messages) == 1


async def test_figures_across_all_targets_are_judged_by_whoever_sees_most_of_them(folder: Path, clock: FakeClock) -> None:
    rule = usage_rule("all", "sum(pool.usage) by (alertname) > 1.5")
    one = configured(Station(folder, rule, clock=clock, targets=("orders",), holder="one"), rule)
    await one.watch(2, orders=0.9)
    two = configured(Station(folder, rule, clock=clock, targets=("orders", "two"), holder="two"), rule)
    for _ in range(4):
        await one.watch(orders=0.9)
        view = await two.watch(orders=0.9, two=0.9)
    assert [(str(alert.key.target), alert.phase) for alert in view.alerts] == [("", Phase.FIRING)]
    assert (one.told, two.told) == ([], ["firing warning"])


async def test_an_alert_mutes_those_of_a_target_that_another_dashboard_judges(folder: Path, clock: FakeClock) -> None:
    down = usage_rule("down", "pool.usage > 99%", inhibits=(Inhibition((), of=Reach.REPLICAS),))
    one = configured(Station(folder, down, RULE, clock=clock, targets=("primary",), holder="one"), down, RULE)
    await one.watch(2, primary=1.0)
    two = configured(Station(folder, down, RULE, clock=clock, targets=("primary", "replica"), holder="two"), down, RULE)
    replica = TargetId("replica")
    two.traits[replica] = Traits(replica, engine="pgbouncer", upstream=TargetId("primary"))
    for _ in range(3):
        await one.watch(primary=1.0)
        view = await two.watch(primary=1.0, replica=0.95)
    assert {str(alert.key.target) for alert in view.alerts if alert.is_muted} == {"replica"}
    assert two.told == []


async def test_what_is_acknowledged_in_one_dashboard_holds_when_another_one_takes_over(folder: Path, clock: FakeClock) -> None:
    one = await full(folder, clock, "one")
    two = configured(Station(folder, RULE, clock=clock, targets=("two", "foo"), holder="two"))
    for _ in range(2):
        await one.watch(orders=0.95, two=0.95)
        await two.watch(two=0.95, foo=0.5)
    alert = next(each for each in two.service.view().alerts if each.key.target == "two")
    await two.service.acknowledge(alert.fingerprint, "ana")
    await one.watch(2, orders=0.95, two=0.95)
    view = await two.watch(int(TAKEN_AFTER_SECONDS) + 2, two=0.95, foo=0.5)
    kept = next(each for each in view.alerts if each.key.target == "two")
    assert (kept.phase, kept.fired_at, kept.acknowledgement is not None) == (Phase.FIRING, alert.fired_at, True)
    assert view.evaluation.unjudged == ("orders",)
    assert replace(kept, acknowledgement=None).fingerprint == alert.fingerprint


def test_a_state_of_one_evaluator_for_all_keeps_its_targets_and_when_they_were_evaluated(folder: Path) -> None:
    with closing(AlertStore.open(folder, steps=shipped_steps()[:5])) as old:
        old.transact(lambda connection: alert_rows.save(connection, [an_alert()]))
        columns = "id, fence, holder, boot, beat, steady, at, evaluated_at"
        row = f"INSERT INTO alert_lease ({columns}) VALUES (1, 7, 'h:1:a', 'b', 9, 1.0, 50.0, 40.0)"
        old.transact(lambda connection: connection.execute(row).rowcount)
    with closing(AlertStore.open(folder)) as store:
        found = store.read(lease_rows.load, lease_rows.Tenures())
        assert found == lease_rows.Tenures(wards=(lease_rows.Ward("orders", "", None, 40.0, 50.0),))


OTHER = usage_rule("pool_busy", "pool.usage > 50%")
PROJECT = "/srv/app/.ai-shell/dashboard.yml"


async def project(folder: Path, clock: FakeClock, holder: str = "project", file: str = PROJECT) -> Station:
    """A dashboard with a further rule out of its working folder."""
    station = Station(folder, RULE, clock=clock, targets=("orders", "two"), holder=holder)
    return configured(station, RULE, OTHER, files=frozenset({FILE, file}), configuration=file)


async def test_who_takes_over_without_a_rule_ends_none_of_its_alerts(folder: Path, clock: FakeClock, tmp_path: Path) -> None:
    (tmp_path / "dashboard.yml").touch()
    first = await project(folder, clock, file=str(tmp_path / "dashboard.yml"))
    await first.watch(3, orders=0.95)
    other = await full(folder, clock, "second")
    await clock.advance(TAKEN_AFTER_SECONDS)
    view = await other.watch(90, orders=0.95)
    left = next(alert for alert in view.alerts if alert.rule == "pool_busy")
    assert left.phase is Phase.FIRING
    assert (str(left.health), "dashboard.yml" in left.health_reason) == ("error", True)
    assert not any(message.kind is MessageKind.RESOLVED for message in other.inbox.messages)
    back = await project(folder, clock, "third", str(tmp_path / "dashboard.yml"))
    await clock.advance(TAKEN_AFTER_SECONDS)
    view = await back.watch(90, orders=0.2)
    assert {alert.rule: alert.phase for alert in view.alerts} == {"pool_full": Phase.RESOLVED, "pool_busy": Phase.RESOLVED}


async def test_a_rule_whose_file_is_gone_ends_with_whoever_takes_over(folder: Path, clock: FakeClock, tmp_path: Path) -> None:
    first = await project(folder, clock, file=str(tmp_path / "dashboard.yml"))
    await first.watch(3, orders=0.95)
    other = await full(folder, clock, "second")
    await clock.advance(TAKEN_AFTER_SECONDS)
    view = await other.watch(3, orders=0.95)
    assert {alert.rule: alert.phase for alert in view.alerts} == {"pool_full": Phase.FIRING, "pool_busy": Phase.RESOLVED}


async def test_a_rule_that_was_taken_out_while_nobody_ran_ends_with_the_next_one(folder: Path, clock: FakeClock) -> None:
    first = configured(Station(folder, RULE, clock=clock, targets=("orders", "two"), holder="first"), RULE, OTHER)
    await first.watch(3, orders=0.95)
    other = await full(folder, clock, "second")
    await clock.advance(TAKEN_AFTER_SECONDS)
    view = await other.watch(3, orders=0.95)
    assert {alert.rule: alert.phase for alert in view.alerts} == {"pool_full": Phase.FIRING, "pool_busy": Phase.RESOLVED}


async def test_rules_that_who_evaluates_does_not_have_are_named_beside_it(folder: Path, clock: FakeClock) -> None:
    first = await full(folder, clock, "first")
    await first.watch(3, orders=0.95)
    other = await project(folder, clock)
    view = await other.watch(3, orders=0.95)
    assert view.unjudged_rules == ("pool_busy",)
    assert (await first.watch(1, orders=0.95)).unjudged_rules == ()
    await clock.advance(TAKEN_AFTER_SECONDS)
    assert (await other.watch(3, orders=0.95)).unjudged_rules == ()
