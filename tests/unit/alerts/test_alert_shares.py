"""Rules that not all dashboards on one state have: each is judged on each target by exactly one that has it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from aishell_core.values import TargetId
from alerts.holding import Holding
from alerts.lease import SHARED_AFTER_SECONDS, TAKEN_AFTER_SECONDS
from alerts.models import Level, Phase
from alerts.ports import AlertsView
from alerts.rule import Rule, Selector
from alerts.store import alert_rows
from alerts.store.database import AlertStore
from alerts.store.spare import carry_back
from tests.alert_service import Station, book_of, usage_rule
from tests.alert_values import a_rule, an_alert, key_of
from tests.fake_clock import FakeClock

SHIPPED = usage_rule("pool_full")
OWN = usage_rule("pool_busy", "pool.usage > 50%")
OTHER = usage_rule("pool_used", "pool.usage > 40%")
FILE = "/home/ana/.config/aishell/config.yaml"
WHOLE_SECONDS = int(SHARED_AFTER_SECONDS) + 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def project(tmp_path: Path) -> str:
    """The file of a working folder, which stays there."""
    file = tmp_path / "dashboard.yml"
    file.touch()
    return str(file)


def dashboard(
    folder: Path, clock: FakeClock, holder: str, *rules: Rule, file: str = FILE, targets: tuple[str, ...] = ("orders",)
) -> Station:
    """One that goes by these rules, out of this file besides the common one."""
    station = Station(folder, *rules, clock=clock, targets=targets, holder=holder)
    return reloaded(station, *rules, file=file)


def reloaded(station: Station, *rules: Rule, file: str = FILE) -> Station:
    configured = {TargetId(name): FILE for name in station.traits}
    station.books.put(book_of(*rules, configured=configured, files=frozenset({FILE, file}), configuration=file))
    station.reload()
    return station


async def together(*stations: Station, seconds: int = WHOLE_SECONDS, **values: float) -> list[AlertsView]:
    """So many seconds of all of them; what each shows then."""
    views: list[AlertsView] = []
    for _ in range(-(-seconds // len(stations))):
        views = [await station.watch(1, **values) for station in stations]
    return views


def phases(view: AlertsView) -> dict[str, Phase]:
    return {alert.rule: alert.phase for alert in view.alerts}


def heard(*stations: Station) -> list[tuple[str, str]]:
    """What all of them told, sorted, as rule and kind."""
    return sorted((dict(each.group_labels)["alertname"], str(each.kind)) for station in stations for each in station.inbox.messages)


FIRES = Phase.FIRING


async def test_a_rule_that_only_the_second_dashboard_has_is_judged_there_and_told_once(folder: Path, clock: FakeClock) -> None:
    first = dashboard(folder, clock, "first", SHIPPED)
    await first.watch(2, orders=0.95)
    second = dashboard(folder, clock, "second", SHIPPED, OWN, file="/srv/app/dashboard.yml")
    assert (await together(first, second, seconds=4, orders=0.95))[1].unjudged_rules == ("pool_busy",)
    one, two = await together(first, second, orders=0.95)
    assert phases(one) == phases(two) == {"pool_full": FIRES, "pool_busy": FIRES}
    assert (one.unjudged_rules, two.unjudged_rules) == ((), ())
    assert (heard(first), heard(second)) == ([("pool_full", "firing")], [("pool_busy", "firing")])
    assert not any(str(alert.health) == "error" for view in (one, two) for alert in view.alerts)
    one, two = await together(first, second, orders=0.2)
    assert phases(one) == phases(two) == {"pool_full": Phase.RESOLVED, "pool_busy": Phase.RESOLVED}
    assert (len(first.told), len(second.told)) == (2, 2)


async def test_of_two_with_rules_of_their_own_each_judges_its_own_and_of_two_with_the_same_one_does(folder: Path, clock: FakeClock) -> None:
    first = dashboard(folder, clock, "first", SHIPPED, OTHER)
    second, third = (dashboard(folder, clock, name, SHIPPED, OWN, file="/srv/app/dashboard.yml") for name in ("second", "third"))
    views = await together(first, second, third, seconds=30, orders=0.95)
    assert all(phases(view) == {"pool_full": FIRES, "pool_busy": FIRES, "pool_used": FIRES} for view in views)
    assert all(view.unjudged_rules == () for view in views)
    assert heard(first, second, third) == [("pool_busy", "firing"), ("pool_full", "firing"), ("pool_used", "firing")]
    assert heard(third) == []


async def test_when_the_one_with_the_rule_dies_another_one_goes_on_within_fifteen_seconds(
    folder: Path, clock: FakeClock, project: str
) -> None:
    first = dashboard(folder, clock, "first", SHIPPED)
    second, third = (dashboard(folder, clock, name, SHIPPED, OWN, file=project) for name in ("second", "third"))
    await together(first, second, third, seconds=30, orders=0.6)
    assert (heard(second), heard(third)) == ([("pool_busy", "firing")], [])
    await together(first, third, seconds=15, orders=0.6)
    views = await together(first, third, seconds=4, orders=0.2)
    assert all(phases(view) == {"pool_busy": Phase.RESOLVED} for view in views)
    assert heard(first, second, third) == [("pool_busy", "firing"), ("pool_busy", "resolved")]


async def test_a_rule_that_the_first_one_reads_later_goes_over_to_it_with_its_alert(folder: Path, clock: FakeClock) -> None:
    first = dashboard(folder, clock, "first", SHIPPED)
    second = dashboard(folder, clock, "second", SHIPPED, OWN)
    await together(first, second, seconds=20, orders=0.6)
    alert = (await second.watch(orders=0.6)).alerts[0]
    await second.service.acknowledge(alert.fingerprint, "ana")
    reloaded(first, SHIPPED, OWN)
    views = await together(first, second, seconds=20, orders=0.6)
    assert [(each.fired_at, each.acknowledgement is not None) for view in views for each in view.alerts] == [(alert.fired_at, True)] * 2
    await together(first, second, seconds=4, orders=0.2)
    assert (heard(first), heard(second)) == ([("pool_busy", "resolved")], [("pool_busy", "firing")])


async def test_a_rule_that_all_read_within_some_seconds_stays_where_its_target_is(folder: Path, clock: FakeClock) -> None:
    first, second = (dashboard(folder, clock, name, SHIPPED) for name in ("first", "second"))
    await together(first, second, seconds=10, orders=0.6)
    reloaded(second, SHIPPED, OWN)
    await together(first, second, seconds=4, orders=0.6)
    reloaded(first, SHIPPED, OWN)
    await together(first, second, seconds=20, orders=0.6)
    assert (heard(first), heard(second)) == ([("pool_busy", "firing")], [])


async def test_the_alert_ends_with_its_rule_and_stays_when_the_dashboard_with_the_rule_is_closed(
    folder: Path, clock: FakeClock, project: str
) -> None:
    first = dashboard(folder, clock, "first", SHIPPED)
    second = dashboard(folder, clock, "second", SHIPPED, OWN, OTHER, file=project)
    await together(first, second, seconds=20, orders=0.6)
    reloaded(second, SHIPPED, OWN, file=project)
    views = await together(first, second, seconds=6, orders=0.6)
    assert all(phases(view) == {"pool_busy": FIRES, "pool_used": Phase.RESOLVED} for view in views)
    await second.service._desk.close()
    (view,) = await together(first, seconds=70, orders=0.2)
    left = next(alert for alert in view.alerts if alert.rule == "pool_busy")
    assert (left.phase, str(left.health), project in left.health_reason) == (FIRES, "error", True)
    assert heard(first, second) == [("pool_busy", "firing"), ("pool_used", "firing"), ("pool_used", "resolved")]
    again = dashboard(folder, clock, "again", SHIPPED, OWN, file=project)
    views = await together(first, again, seconds=80, orders=0.2)
    assert all(phases(view)["pool_busy"] is Phase.RESOLVED for view in views)
    assert heard(again) == [("pool_busy", "resolved")]


async def test_when_the_one_with_the_target_dies_the_other_one_judges_all_and_tells_nothing_anew(folder: Path, clock: FakeClock) -> None:
    first = dashboard(folder, clock, "first", SHIPPED)
    second = dashboard(folder, clock, "second", SHIPPED, OWN)
    await together(first, second, seconds=20, orders=0.95)
    (view,) = await together(second, seconds=int(TAKEN_AFTER_SECONDS) + 60, orders=0.95)
    assert phases(view) == {"pool_full": FIRES, "pool_busy": FIRES}
    assert heard(second) == [("pool_busy", "firing")]
    (view,) = await together(second, seconds=4, orders=0.2)
    assert phases(view) == {"pool_full": Phase.RESOLVED, "pool_busy": Phase.RESOLVED}
    # The first one, which was only stopped, wakes up and has nothing to say.
    await together(first, second, seconds=10, orders=0.95)
    assert heard(first) == [("pool_full", "firing")]


async def test_what_pends_goes_on_where_it_was_when_its_rule_goes_over(folder: Path, clock: FakeClock) -> None:
    slow = usage_rule("pool_busy", "pool.usage > 50%", for_seconds=60.0)
    first, second = dashboard(folder, clock, "first", SHIPPED), dashboard(folder, clock, "second", SHIPPED, slow)
    await together(first, second, seconds=40, orders=0.6)
    reloaded(first, SHIPPED, slow)
    views = await together(first, second, seconds=60, orders=0.6)
    assert phases(views[0]) == {"pool_busy": FIRES}
    assert heard(first) == [("pool_busy", "firing")]


async def test_only_rules_for_a_target_are_judged_there_and_levels_are_told_by_who_judges(folder: Path, clock: FakeClock) -> None:
    elsewhere = usage_rule("elsewhere", "pool.usage > 10%", targets=Selector(names=("two",)))
    pair = usage_rule("level", "pool.usage > 80%", Level.CRITICAL)
    first = dashboard(folder, clock, "first", SHIPPED, targets=("orders", "two"))
    second = dashboard(folder, clock, "second", SHIPPED, elsewhere, pair)
    views = await together(first, second, seconds=30, orders=0.85, two=0.85)
    assert all(phases(view) == {"level": FIRES} for view in views)
    assert second.told == ["firing critical"]


def test_who_comes_back_from_memory_leaves_what_others_judge_as_it_is(tmp_path: Path) -> None:
    rule = a_rule("own")
    ours, theirs, shared = an_alert(), an_alert(rule), an_alert(rule, key=key_of("pay"))
    with closing(AlertStore.open(tmp_path / "state")) as disk, closing(AlertStore.spare()) as spare:
        disk.transact(lambda connection: alert_rows.save(connection, [theirs]))
        spare.transact(lambda connection: alert_rows.save(connection, [ours, shared, an_alert(key=key_of("pay"))]))
        holding = Holding(frozenset({"orders"}), frozenset({("pay", "own")}), frozenset({("orders", "own")}))
        disk.transact(lambda target: spare.read(lambda source: carry_back(source, target, holding), None))
        assert set(disk.transact(alert_rows.load)) == {ours.fingerprint, theirs.fingerprint, shared.fingerprint}
