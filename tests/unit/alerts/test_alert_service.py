"""The service of alerts over a real state database and the real notifier, with the clock in hand."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aishell_core.documents.problems import Problem
from aishell_core.errors import StateError, UsageError
from aishell_tui.screens.alert_rows import last_tries
from alerts import handling
from alerts.evaluation import MOST_RENEWED, TEXTS_SECONDS
from alerts.evaluator import SETTLING_SECONDS
from alerts.language.parser import parse_condition
from alerts.lease import TAKEN_AFTER_SECONDS
from alerts.models import Absence, Alert, ChangeKind, Evidence, Health, Level, Phase, Traits
from alerts.ports import AlertsView
from alerts.rule import Hours, Inhibition, Maintenance, Missing, Reach, Trigger
from alerts.rules.book import BrokenRule
from alerts.silences import new_silence
from alerts.store.database import AlertStore
from tests.alert_service import Station, book_of, usage_rule
from tests.alert_values import OF_ORDERS
from tests.fake_clock import FakeClock

RULE = usage_rule()
WAITING = usage_rule(for_seconds=10.0)
WAITING_TOO = usage_rule("waits", for_seconds=12.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def only(view: AlertsView) -> Alert:
    (alert,) = view.alerts
    return alert


async def test_a_breach_is_told_and_so_is_its_end(folder: Path, clock: FakeClock) -> None:
    station = Station(folder, RULE, clock=clock)
    assert (await station.watch(2, orders=0.5)).alerts == ()
    view = await station.watch(orders=0.95)
    assert (only(view).phase, only(view).value, view.is_evaluator, view.note) == (Phase.FIRING, 0.95, True, "")
    assert station.told == ["firing warning"]
    await station.watch(3, orders=0.97)
    assert only(await station.watch(orders=0.2)).phase is Phase.RESOLVED
    assert station.told == ["firing warning", "resolved warning"]
    history = await station.service.history(0, clock.now())
    assert [change.kind for change in history] == [ChangeKind.RESOLVED, ChangeKind.FIRED]


async def test_nothing_is_told_before_the_condition_held_for_long_enough(folder: Path, clock: FakeClock) -> None:
    station = Station(folder, WAITING, clock=clock)
    assert only(await station.watch(10, orders=0.95)).phase is Phase.PENDING
    assert station.told == []
    assert only(await station.watch(orders=0.95)).phase is Phase.FIRING
    assert station.told == ["firing warning"]


async def test_texts_of_the_rule_have_the_figures_of_the_moment(folder: Path, clock: FakeClock) -> None:
    rule = usage_rule(annotations=(("summary", "{{ target }} is at {{ value | percent }}"),))
    station = Station(folder, rule, clock=clock)
    assert only(await station.watch(orders=0.95)).annotations == (("summary", "orders is at 95%"),)


async def test_texts_follow_the_figures_of_an_alert_that_goes_on_and_are_those_of_its_messages(folder: Path, clock: FakeClock) -> None:
    rule = usage_rule(annotations=(("summary", "{{ target }} is at {{ value | percent }}"),), repeat_seconds=30.0)
    station = Station(folder, rule, clock=clock)
    await station.watch(orders=0.91)
    for percent in range(92, 99):
        alert = only(await station.watch(orders=percent / 100))
        assert (alert.value, alert.annotations) == (percent / 100, (("summary", f"orders is at {percent}%"),))
    await station.watch(40, orders=0.99)
    reminder = station.inbox.messages[-1]
    assert reminder.reason == "repeat interval elapsed"
    assert ("orders is at 99%" in reminder.body, "Value      99%" in reminder.body) == (True, True)
    assert only(await station.watch(orders=0.5)).annotations == (("summary", "orders is at 99%"),), "it was so to its end"


async def test_of_very_many_alerts_the_texts_follow_the_figures_by_turns(folder: Path, clock: FakeClock) -> None:
    rule = usage_rule(annotations=(("summary", "{{ target }} is at {{ value | percent }}"),), channels=())
    names = tuple(f"t{number}" for number in range(MOST_RENEWED + 1))
    station = Station(folder, rule, clock=clock, targets=names)
    await station.watch(1, **dict.fromkeys(names, 0.91))
    late = [only_named(await station.watch(1, **dict.fromkeys(names, 0.99)), "99%") for _ in range(TEXTS_SECONDS + 1)]
    assert 0 < late[0] < len(names) == late[-1]


async def test_texts_of_a_rule_that_was_edited_are_those_of_now(folder: Path, clock: FakeClock) -> None:
    station = Station(folder, usage_rule(annotations=(("summary", "old"),)), clock=clock)
    await station.watch(3, orders=0.95)
    station.books.put(book_of(usage_rule(annotations=(("summary", "new"),))))
    station.reload()
    await station.watch(60, orders=0.95)
    assert only(station.service.view()).annotations == (("summary", "new"),)


def only_named(view: AlertsView, words: str) -> int:
    """How many alerts say so."""
    return sum(words in text for alert in view.alerts for _name, text in alert.annotations)


@pytest.mark.parametrize("jump", [86_400.0, -3_600.0])
async def test_a_wall_clock_that_is_set_neither_fires_nor_resolves(folder: Path, clock: FakeClock, jump: float) -> None:
    station = Station(folder, WAITING, usage_rule("hot", "pool.usage > 80%", keep_firing_seconds=30.0), clock=clock)
    await station.watch(5, orders=0.95)
    told = list(station.told)
    clock.jump(jump)
    view = await station.watch(5, orders=0.95)
    assert {alert.rule: alert.phase for alert in view.alerts} == {"hot": Phase.FIRING, "pool_full": Phase.PENDING}
    assert all(clock.now() - 10 <= (alert.since or 0) <= clock.now() for alert in view.alerts)
    assert station.told == told
    view = await station.watch(orders=0.95)
    assert {alert.phase for alert in view.alerts} == {Phase.FIRING}


async def test_a_program_that_stood_still_has_watched_nothing(folder: Path, clock: FakeClock) -> None:
    station = Station(folder, WAITING, clock=clock)
    await station.watch(5, orders=0.95)
    await clock.advance(3600)
    assert only(await station.watch(orders=0.95)).phase is Phase.PENDING


async def test_all_of_it_survives_a_restart(folder: Path, clock: FakeClock) -> None:
    first = Station(folder, RULE, WAITING_TOO, clock=clock, targets=("orders", "pay"))
    await first.watch(2, orders=0.95)
    before = await first.watch(7, orders=0.95, pay=0.95)
    firing = next(alert for alert in before.alerts if alert.phase is Phase.FIRING and alert.key.target == "orders")
    await first.service.acknowledge(firing.fingerprint, "ana", "on it")
    silence = await first.service.silence((OF_ORDERS,), clock.now(), clock.now() + 7200, "ana", "upgrade")
    told = len(first.told)
    # It is killed: nothing is closed, nothing given back.
    await clock.advance(3600)
    second = Station(folder, RULE, WAITING_TOO, clock=clock, targets=("orders", "pay"))
    after = await second.watch(orders=0.95, pay=0.95)
    assert after.is_evaluator
    assert after.silences == (silence,)
    by_name = {(alert.rule, str(alert.key.target)): alert for alert in after.alerts}
    assert {name: alert.phase for name, alert in by_name.items()} == {
        ("pool_full", "orders"): Phase.FIRING,
        ("pool_full", "pay"): Phase.FIRING,
        ("waits", "orders"): Phase.PENDING,
        ("waits", "pay"): Phase.PENDING,
    }
    kept = by_name["pool_full", "orders"]
    assert kept.acknowledgement is not None
    assert (kept.acknowledgement.owner, kept.fingerprint, kept.fired_at) == ("ana", firing.fingerprint, firing.fired_at)
    assert second.told == []
    # Of the twelve seconds, pay has held for seven before the restart, of which the last second or two may not be written.
    phases = [{alert.phase for alert in (await second.watch(orders=0.95, pay=0.95)).alerts} for _ in range(8)]
    assert phases[-1] == {Phase.FIRING}
    assert phases[0] == {Phase.FIRING, Phase.PENDING}
    assert told == 2


async def test_rules_that_come_while_the_first_evaluation_is_under_way_tell_nothing_twice(folder: Path, clock: FakeClock) -> None:
    first = Station(folder, RULE, clock=clock)
    await first.watch(3, orders=0.95)
    assert first.told == ["firing warning"]
    other = Station(folder, RULE, clock=clock, targets=("pay",), holder="other")
    await other.watch(int(TAKEN_AFTER_SECONDS) + 1, pay=0.5)
    second = Station(folder, RULE, clock=clock, is_loaded=False, holder="second")
    await second.service.tick()
    await other.watch(pay=0.5)
    view = await second.watch(9, orders=0.95)
    assert (only(view).phase, second.told, other.told) == (Phase.FIRING, [], [])


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0])
async def test_a_wall_clock_that_was_set_between_two_lives_neither_fires_nor_resolves(folder: Path, clock: FakeClock, jump: float) -> None:
    rules = (usage_rule("hot", "pool.usage > 80%", keep_firing_seconds=60.0), WAITING_TOO)
    first = Station(folder, *rules, clock=clock)
    await first.watch(5, orders=0.95)
    assert first.told == ["firing warning"]
    await clock.advance(TAKEN_AFTER_SECONDS)
    clock.jump(jump)
    second = Station(folder, *rules, clock=clock)
    view = await second.watch(2, orders=0.5)
    assert {alert.rule: alert.phase for alert in view.alerts} == {"hot": Phase.RECOVERING}
    view = await second.watch(4, orders=0.95)
    assert {alert.rule: alert.phase for alert in view.alerts} == {"hot": Phase.FIRING, "waits": Phase.PENDING}
    # After a day by the clock the channel may be reminded, but nothing has happened.
    assert [change.kind for change in await second.service.history(0, clock.now() + 1e6)] == [ChangeKind.FIRED]
    assert set(second.told) <= {"firing warning"}


async def test_after_a_clock_that_was_set_back_between_two_lives_the_disk_has_the_times_of_now(folder: Path, clock: FakeClock) -> None:
    first = Station(folder, RULE, clock=clock)
    await first.watch(30, orders=0.95)
    await clock.advance(TAKEN_AFTER_SECONDS)
    clock.jump(-7_200.0)
    second = Station(folder, RULE, clock=clock)
    await second.watch(2, orders=0.95)
    with closing(AlertStore.open_to_read(folder)) as store:
        (left,) = handling.standing(store, clock, "b").alerts
    assert left.since is not None
    assert 25 <= clock.now() - left.since <= 60


async def test_an_alert_that_flaps_is_told_of_ever_later_and_as_it_is_in_the_end(folder: Path, clock: FakeClock) -> None:
    station = Station(folder, RULE, clock=clock)
    for _ in range(150):
        await station.watch(2, orders=0.95)
        await station.watch(2, orders=0.5)
    assert station.told[:5] == ["firing warning", "resolved warning", "firing warning", "resolved warning", "firing warning"]
    assert len(station.told) <= 6
    assert len(station.inbox.messages) == len({message.id for message in station.inbox.messages})
    await station.watch(1000, orders=0.95)
    assert (station.told[-1], only(station.service.view()).phase) == ("firing warning", Phase.FIRING)


async def test_missing_figures_after_a_restart_end_nothing_even_where_the_rule_takes_them_for_clear(folder: Path, clock: FakeClock) -> None:
    rule = usage_rule(no_data=Missing(Absence.OK))
    await Station(folder, rule, clock=clock).watch(2, orders=0.95)
    await clock.advance(TAKEN_AFTER_SECONDS)
    station = Station(folder, rule, clock=clock)
    view = await station.watch(int(SETTLING_SECONDS) - 1)
    assert (only(view).phase, only(view).health, station.told) == (Phase.FIRING, Health.OK, [])
    view = await station.watch(3)
    assert only(view).phase is Phase.RESOLVED


async def test_two_dashboards_on_one_state_tell_once_and_show_the_same(folder: Path, clock: FakeClock) -> None:
    one, two = (Station(folder, RULE, clock=clock, holder=name) for name in ("one", "two"))
    for _ in range(3):
        await one.watch(orders=0.95)
        await two.watch(orders=0.95)
    first, second = one.service.view(), two.service.view()
    assert (first.is_evaluator, second.is_evaluator) == (True, False)
    assert (only(second).fingerprint, only(second).phase) == (only(first).fingerprint, Phase.FIRING)
    assert (second.evaluation.holder, second.evaluation.is_alive) == ("one", True)
    assert (one.told, two.told) == (["firing warning"], [])


async def test_another_dashboard_takes_over_when_the_evaluator_dies_and_goes_on_where_it_was(folder: Path, clock: FakeClock) -> None:
    one, two = (Station(folder, RULE, clock=clock, holder=name) for name in ("one", "two"))
    await one.watch(3, orders=0.95)
    seconds = 0
    while not two.service.view().is_evaluator:
        await two.watch(orders=0.95)
        seconds += 1
    assert seconds <= 15
    assert only(two.service.view()).phase is Phase.FIRING
    assert two.told == []
    await two.watch(orders=0.2)
    assert two.told == ["resolved warning"]


async def test_an_evaluator_that_was_stopped_and_wakes_up_tells_nothing(folder: Path, clock: FakeClock) -> None:
    one, two = (Station(folder, RULE, clock=clock, holder=name) for name in ("one", "two"))
    await one.watch(3, orders=0.5)
    await two.watch(15, orders=0.95)
    assert two.told == ["firing warning"]
    view = await one.watch(3, orders=0.95)
    assert (view.is_evaluator, one.told) == (False, [])
    assert only(view).phase is Phase.FIRING
    history = await two.service.history(0, clock.now())
    assert [change.kind for change in history] == [ChangeKind.FIRED]


async def test_what_people_do_in_one_dashboard_holds_in_all(folder: Path, clock: FakeClock) -> None:
    one, two = (Station(folder, RULE, clock=clock, holder=name) for name in ("one", "two"))
    await one.watch(orders=0.95)
    await two.watch(orders=0.95)
    alert = await two.service.acknowledge("pool_full", "ana")
    assert only(await one.watch(orders=0.95)).acknowledgement == alert.acknowledgement
    await one.service.unacknowledge(alert.fingerprint)
    assert only(await one.watch(orders=0.95)).acknowledgement is None
    with pytest.raises(UsageError, match="no alert"):
        await two.service.acknowledge("nothing", "ana")
    await two.service.acknowledge("pool_full", "ana")
    await one.watch(2, orders=0.95)
    over = only(await one.watch(orders=0.1))
    assert (over.phase, over.acknowledgement) == (Phase.RESOLVED, None)
    again = only(await one.watch(orders=0.95))
    assert (again.phase, again.acknowledgement) == (Phase.FIRING, None)


async def test_what_is_silenced_is_told_when_the_silence_ends_and_it_still_fires(folder: Path, clock: FakeClock) -> None:
    station = Station(folder, RULE, clock=clock, targets=("orders", "pay"))
    await station.watch(orders=0.5)
    silence = await station.service.silence((OF_ORDERS,), clock.now(), clock.now() + 3600, "ana")
    view = await station.watch(3, orders=0.95, pay=0.95)
    assert {alert.key.target: alert.silenced_by for alert in view.alerts} == {"orders": (silence.id,), "pay": ()}
    assert len(station.told) == 1
    await station.service.end_silence(silence.id, "bob")
    await station.watch(2, orders=0.95, pay=0.95)
    assert [message.group_labels for message in station.inbox.messages] == [
        (("alertname", "pool_full"), ("target", "pay")),
        (("alertname", "pool_full"), ("target", "orders")),
    ]


async def test_a_silence_that_is_extended_holds_for_longer(folder: Path, clock: FakeClock) -> None:
    station = Station(folder, RULE, clock=clock)
    await station.watch(orders=0.5)
    silence = await station.service.silence((OF_ORDERS,), clock.now(), clock.now() + 5, "ana")
    await station.service.extend_silence(silence.id, clock.now() + 20, "eve")
    await station.watch(15, orders=0.95)
    assert station.told == []
    await station.watch(10, orders=0.95)
    assert station.told == ["firing warning"]


async def test_the_history_says_who_extended_and_who_ended_a_silence(folder: Path, clock: FakeClock) -> None:
    station = Station(folder, RULE, clock=clock)
    await station.watch(orders=0.5)
    silence = await station.service.silence((OF_ORDERS,), clock.now(), clock.now() + 60, "ana")
    await station.watch(3, orders=0.95)
    until = clock.now() + 3600
    await station.service.extend_silence(silence.id, until, "eve")
    await station.watch(2, orders=0.95)
    await station.service.end_silence(silence.id, "bob")
    await station.watch(3, orders=0.95)
    past = await station.service.history(0.0, clock.now() + 1)
    said = [(change.kind, change.reason) for change in reversed(past) if "silenced" in change.kind]
    moment = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%d %H:%MZ")
    assert said == [
        (ChangeKind.SILENCED, silence.id),
        (ChangeKind.SILENCED, f"{silence.id} extended by eve until {moment}"),
        (ChangeKind.UNSILENCED, f"{silence.id} ended by bob"),
    ]


async def test_in_a_maintenance_window_nobody_is_told(folder: Path, clock: FakeClock) -> None:
    station = Station(folder, RULE, clock=clock)
    station.books.put(book_of(RULE, maintenance=(Maintenance("always", (Hours(),), (OF_ORDERS,)),)))
    station.reload()
    view = await station.watch(2, orders=0.95)
    assert (only(view).silenced_by, station.told) == (("maintenance:always",), [])
    station.books.put(book_of(RULE))
    station.reload()
    await station.watch(orders=0.95)
    assert station.told == ["firing warning"]


async def test_a_primary_in_trouble_mutes_the_alert_of_its_replica(folder: Path, clock: FakeClock) -> None:
    down = usage_rule("down", "pool.usage > 99%", Level.CRITICAL, inhibits=(Inhibition((), of=Reach.REPLICAS),))
    station = Station(folder, down, RULE, clock=clock, targets=("primary", "replica"))
    names = {str(name): name for name in station.traits}
    station.traits[names["replica"]] = Traits(names["replica"], engine="pgbouncer", upstream=names["primary"])
    view = await station.watch(3, primary=1.0, replica=0.95)
    muted = {(alert.rule, str(alert.key.target)) for alert in view.alerts if alert.is_muted}
    assert muted == {("pool_full", "replica")}
    assert len(station.told) == 2
    await station.watch(40, primary=0.5, replica=0.95)
    assert station.inbox.messages[-1].group_labels == (("alertname", "pool_full"), ("target", "replica"))


async def test_rules_are_reloaded_without_losing_states(folder: Path, clock: FakeClock) -> None:
    station = Station(folder, RULE, WAITING_TOO, clock=clock)
    await station.watch(6, orders=0.95)
    station.books.put(book_of(usage_rule(annotations=(("summary", "new"),)), WAITING_TOO, usage_rule("third", "pool.usage > 50%")))
    station.reload()
    view = await station.watch(orders=0.95)
    assert {alert.rule: alert.phase for alert in view.alerts} == {
        "pool_full": Phase.FIRING,
        "waits": Phase.PENDING,
        "third": Phase.FIRING,
    }
    await station.watch(6, orders=0.95)
    assert {alert.phase for alert in station.service.view().alerts} == {Phase.FIRING}
    assert station.told == ["firing warning"] * 3


async def test_the_alert_of_a_rule_that_became_wrong_waits_and_that_of_one_that_is_gone_ends(folder: Path, clock: FakeClock) -> None:
    station = Station(folder, RULE, clock=clock)
    await station.watch(orders=0.95)
    station.books.put(book_of(broken=(BrokenRule("pool_full", (Problem("rules.yml", "there is no metric pool.usag", "", 3, 5),)),)))
    station.reload()
    view = await station.watch(3, orders=0.95)
    assert (only(view).phase, only(view).health) == (Phase.FIRING, Health.ERROR)
    assert "pool.usag" in only(view).health_reason
    assert view.broken[0].name == "pool_full"
    station.books.put(book_of())
    station.reload()
    assert only(await station.watch(orders=0.95)).phase is Phase.RESOLVED
    assert station.told == ["firing warning", "resolved warning"]


async def test_another_rule_that_is_wrong_keeps_no_alert_of_one_that_is_gone(folder: Path, clock: FakeClock) -> None:
    station = Station(folder, RULE, clock=clock)
    await station.watch(orders=0.95)
    station.books.put(book_of(broken=(BrokenRule("other", (Problem("rules.yml", "there is no metric pool.usag", "", 3, 5),)),)))
    station.reload()
    assert only(await station.watch(orders=0.95)).phase is Phase.RESOLVED


async def test_the_alerts_of_a_file_that_cannot_be_read_wait_and_say_in_one_line_which(folder: Path, clock: FakeClock) -> None:
    station = Station(folder, RULE, clock=clock)
    await station.watch(orders=0.95)
    problem = Problem("rules.yml", "the bracket that opens here is never closed", "close it", 3, 5, "   3 | [\n     | ^")
    station.books.put(book_of(broken=(BrokenRule("rules.yml", (problem,), hides_rules=True),)))
    station.reload()
    alert = only(await station.watch(3, orders=0.95))
    assert (alert.phase, alert.health) == (Phase.FIRING, Health.ERROR)
    said = "its rule may stand in what cannot be read: rules.yml:3:5: the bracket that opens here is never closed"
    assert alert.health_reason == said


async def test_the_alerts_of_a_target_that_is_not_watched_any_more_end(folder: Path, clock: FakeClock) -> None:
    station = Station(folder, RULE, clock=clock)
    await station.watch(orders=0.95)
    station.traits.clear()
    assert only(await station.watch()).phase is Phase.RESOLVED


async def test_evidence_is_kept_with_the_alert(folder: Path, clock: FakeClock) -> None:
    def seen(alert: Alert) -> Evidence:
        return Evidence(alert.fingerprint, alert.fired_at or 0.0, alert.value, causes=("a batch holds 40 connections",))

    station = Station(folder, RULE, clock=clock, evidence=seen)
    alert = only(await station.watch(orders=0.95))
    found = await station.service.evidence(alert)
    assert found is not None
    assert (found.at, found.value, found.causes) == (alert.fired_at, 0.95, ("a batch holds 40 connections",))


class Witness:
    """Sees another cause at each look; `is_blind` sees nothing."""

    def __init__(self) -> None:
        self.looks = 0
        self.is_blind = False

    def __call__(self, alert: Alert) -> Evidence | None:
        self.looks += 1
        at = alert.evidence_at or 0.0
        return None if self.is_blind else Evidence(alert.fingerprint, at, alert.value, causes=(f"cause {self.looks}",))


async def causes(station: Station, alert: Alert) -> tuple[str, ...]:
    found = await station.service.evidence(alert)
    return found.causes if found is not None else ()


@pytest.mark.parametrize("jump", [-14_400.0, 14_400.0])
async def test_evidence_is_that_of_this_firing_however_the_clock_was_set(folder: Path, clock: FakeClock, jump: float) -> None:
    witness = Witness()
    station = Station(folder, RULE, clock=clock, evidence=witness)
    alert = only(await station.watch(orders=0.95))
    clock.jump(jump)
    alert = only(await station.watch(5, orders=0.95))
    assert await causes(station, alert) == ("cause 1",), "it is the same firing"
    await station.watch(orders=0.5)
    clock.jump(-2 * jump)
    again = only(await station.watch(orders=0.96))
    assert await causes(station, again) == ("cause 2",)
    await station.watch(60, orders=0.96)
    assert [("cause 1" in message.body, "cause 2" in message.body) for message in station.inbox.messages if message.kind == "firing"] == [
        (True, False),
        (False, True),
    ]
    await station.watch(orders=0.5)
    witness.is_blind = True
    blind = only(await station.watch(orders=0.97))
    assert await causes(station, blind) == (), "what was seen at another time is no evidence of this one"


async def test_what_rises_is_looked_at_anew(folder: Path, clock: FakeClock) -> None:
    levels = ("pool.usage > 95%", Level.CRITICAL), ("pool.usage > 80%", Level.WARNING)
    rule = replace(RULE, triggers=tuple(Trigger(level, parse_condition(text)) for text, level in levels))
    station = Station(folder, rule, clock=clock, evidence=Witness())
    assert await causes(station, only(await station.watch(orders=0.9))) == ("cause 1",)
    assert await causes(station, only(await station.watch(3, orders=0.99))) == ("cause 2",)
    assert await causes(station, only(await station.watch(3, orders=0.9))) == ("cause 2",)
    told = {message.level: message.body for message in station.inbox.messages[:2]}
    assert "cause 1" in told[Level.WARNING]
    assert "cause 2" in told[Level.CRITICAL]
    assert "cause 1" not in told[Level.CRITICAL]


async def test_without_a_state_folder_alerts_are_shown_and_it_is_said_that_nobody_is_told(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "file").write_text("not a folder")
    station = Station(tmp_path / "file" / "state", RULE, clock=clock)
    view = await station.watch(2, orders=0.95)
    assert only(view).phase is Phase.FIRING
    assert "neither kept nor told" in view.note
    with pytest.raises(StateError):
        await station.service.acknowledge("pool_full", "ana")
    (tmp_path / "file").unlink()
    view = await station.watch(2, orders=0.95)
    assert (view.note, only(view).phase, view.is_evaluator) == ("", Phase.FIRING, True)
    assert station.told == ["firing warning"]


async def test_a_silence_of_the_state_is_known_to_a_new_evaluator(folder: Path, clock: FakeClock) -> None:
    first = Station(folder, RULE, clock=clock)
    await first.watch(orders=0.5)
    made = await first.service.silence((OF_ORDERS,), clock.now(), clock.now() + 600, "ana")
    assert made == new_silence(made.id, (OF_ORDERS,), made.starts_at, made.ends_at, "ana", "", made.created_at)
    await clock.advance(TAKEN_AFTER_SECONDS)
    second = Station(folder, RULE, clock=clock)
    await second.watch(2, orders=0.95)
    assert second.told == []


async def test_who_knows_of_an_alert_is_known_however_many_tries_came_after(tmp_path: Path) -> None:
    station = Station(tmp_path / "state", usage_rule(), clock=FakeClock(), targets=("orders", "stock"))
    await station.watch(2, orders=0.95)
    for value in (0.95, 0.1) * 3:
        await station.watch(2, orders=0.95, stock=value)
    tries = await station.service.tries(3)
    assert {attempt.group for attempt in tries[:3]} == {"[WARNING] pool_full on stock", "[RESOLVED] pool_full on stock"}
    (alert,) = (each for each in station.service.view().alerts if each.key.target == "orders")
    (known,) = last_tries(tries)[alert.fingerprint]
    assert (known.channel, known.is_delivered) == ("hook", True)
