"""What waits, was told and was counted, when the wall clock is set: while the program runs, and while none did."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.lifecycle import shifted
from alerts.models import Fingerprint
from alerts.notify.models import Answer, Fault, Heartbeat, Item, MessageKind
from alerts.notify.senders.alertmanager import alert_of
from alerts.notify.senders.webhook import rfc3339
from alerts.notify.text import moment
from alerts.rule import Escalation
from alerts.store import lease_rows
from tests.notices import NOON, PostOffice, a_channel, a_rule, an_alert, some_routes, titles

HOUR = 3600.0
JUDGE, NEXT = 7, 8
DOWN = Answer(Fault.UNREACHABLE, "ConnectionRefusedError")


def set_clock(office: PostOffice, seconds: float) -> None:
    """The wall clock is set while the program runs."""
    office.now += seconds
    office.set_by += seconds


def held(office: PostOffice, judge: int) -> None:
    """Somebody begins to evaluate what one who was killed had; it had last evaluated now."""
    office.write(lambda connection: lease_rows.restore(connection, judge, str(judge), "b", 0.0, office.now))
    office.write(lambda connection: lease_rows.claim(connection, judge, {"orders": "file"}))
    office.notifier.judge = judge


def passed_on(office: PostOffice, seconds: float) -> None:
    """The one who evaluates is killed, the wall clock is set, and another one begins."""
    before = office.now
    office.write(lambda connection: lease_rows.beat(connection, JUDGE, 0.0, before, before))
    office.now += seconds
    office.restarted()
    office.write(lambda connection: lease_rows.end(connection, JUDGE, office.now))
    held(office, NEXT)


@pytest.mark.parametrize("seconds", [-4 * HOUR, -90.0, 4 * HOUR])
@pytest.mark.parametrize("is_running", [True, False])
def test_a_channel_that_has_had_its_messages_before_the_clock_was_set_is_told_of_what_fires_then(
    seconds: float, *, is_running: bool
) -> None:
    office = PostOffice(some_routes(a_channel(most_messages=3), rules=[a_rule()]))
    for minute in range(5):
        office.happen(office.fired(an_alert(target=f"t{minute}")))
        office.pass_time(60, step=5)
    if is_running:
        set_clock(office, seconds)
    else:
        office.now += seconds
        office.restarted()
    office.recipient.tries.clear()
    office.happen(office.fired(an_alert(target="new")))
    office.pass_time(10)
    assert any("PoolFull on new" in message.title + message.body for message in office.recipient.received())


def test_the_limit_of_a_channel_holds_over_a_clock_that_is_set() -> None:
    office = PostOffice(some_routes(a_channel(most_messages=3), rules=[a_rule()]))
    for number in range(2):
        office.happen(office.fired(an_alert(target=f"t{number}")))
    set_clock(office, 2 * HOUR)
    told = office.happen(*(office.fired(an_alert(target=f"u{number}")) for number in range(4)))
    assert [message.kind for message in told] == [MessageKind.DIGEST]


@pytest.mark.parametrize("is_running", [True, False])
def test_signs_of_life_keep_their_times_after_the_clock_was_ahead_once(is_running: bool) -> None:
    office = PostOffice(some_routes(a_channel("dead-man"), heartbeat=Heartbeat("dead-man", 10)))
    office.pass_time(30)
    set_clock(office, 4 * HOUR)
    office.pass_time(30)
    if is_running:
        set_clock(office, -6 * HOUR)
    else:
        office.now -= 6 * HOUR
        office.restarted()
    assert 4 <= len(office.pass_time(50)) <= 6


@pytest.mark.parametrize("is_running", [True, False])
def test_a_message_that_is_to_be_tried_again_waits_no_longer_because_the_clock_was_set_back(is_running: bool) -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    held(office, JUDGE)
    office.recipient.answers["slack"] = lambda _message: DOWN
    office.happen(office.fired(an_alert()))
    office.recipient.answers.clear()
    if is_running:
        set_clock(office, -4 * HOUR)
    else:
        passed_on(office, -4 * HOUR)
    assert titles(office.pass_time(60)) == ["[WARNING] PoolFull on orders"]


def test_an_escalation_and_a_reminder_wait_no_longer_because_the_clock_was_set_back_while_nobody_was_there() -> None:
    rule = a_rule(channels=("slack",), repeat_seconds=1800.0, escalations=(Escalation(900, ("phone",)),))
    office = PostOffice(some_routes(a_channel(), a_channel("phone"), rules=[rule]))
    held(office, JUDGE)
    office.happen(office.fired(an_alert()))
    office.pass_time(300, step=5)
    passed_on(office, -4 * HOUR)
    office.alerts = {name: replace(alert, fired_at=office.now - 300) for name, alert in office.alerts.items()}
    assert office.pass_time(580, step=5) == []
    assert [message.channel for message in office.pass_time(40, step=5)] == ["phone"]
    assert [message.channel for message in office.pass_time(900, step=5)] == ["slack"]


def test_one_who_takes_over_again_does_not_move_a_second_time_what_another_one_has_moved() -> None:
    rule = a_rule(channels=("slack",), escalations=(Escalation(900, ("phone",)),))
    office = PostOffice(some_routes(a_channel(), a_channel("phone"), rules=[rule]))
    held(office, JUDGE)
    first = office.notifier
    office.happen(office.fired(an_alert()))
    passed_on(office, 0.0)
    office.pass_time(60, step=5)
    set_clock(office, -HOUR)
    office.pass_time(60, step=5)
    office.write(lambda connection: lease_rows.beat(connection, NEXT, 0.0, office.now, office.now))
    office.write(lambda connection: lease_rows.end(connection, NEXT, office.now))
    third = office.write(lambda connection: lease_rows.begin(connection, "first again", "b", 0.0, office.now, 1))
    office.write(lambda connection: lease_rows.claim(connection, third, {"orders": "file"}))
    office.notifier = first
    first.judge = third
    assert office.pass_time(760, step=5) == []
    assert [message.channel for message in office.pass_time(40, step=5)] == ["phone"]


def test_a_message_does_not_say_that_it_was_held_up_because_the_clock_was_set_forward() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.tick(office.fired(an_alert()))
    set_clock(office, 2 * HOUR)
    office.tick(seconds=1.0)
    (message,) = office.send()
    assert "held up" not in message.body


def test_alertmanager_is_told_of_an_end_that_was_written_under_a_clock_that_was_ahead() -> None:
    item = Item(Fingerprint("f"), (), (), NOON, NOON + 60)
    assert alert_of(item, NOON - HOUR, NOON + 60)["endsAt"] == rfc3339(NOON - HOUR)
    assert alert_of(item, NOON + 90, NOON + 60)["endsAt"] == rfc3339(NOON + 60)
    assert alert_of(item, NOON + 30, NOON)["endsAt"] == rfc3339(NOON + 60), "a sign of life stands for a while"


@pytest.mark.parametrize("seconds", [-4 * HOUR, -90.0, 4 * HOUR, 48 * HOUR])
@pytest.mark.parametrize("url", ["webhook+http://127.0.0.1:1/x", "pagerduty://key@api"])
def test_incidents_that_wait_keep_their_lengths_and_order_when_the_clock_is_set(seconds: float, url: str) -> None:
    office = PostOffice(some_routes(a_channel("c", url), rules=[a_rule()]))
    office.happen(office.fired(an_alert()))
    office.recipient.answers["c"] = lambda _message: DOWN
    office.pass_time(7)
    office.happen(office.resolved(an_alert()))
    office.pass_time(9)
    office.happen(office.fired(an_alert()))
    office.pass_time(8)
    office.happen(office.resolved(an_alert()))
    office.pass_time(10)
    set_clock(office, seconds)
    office.alerts = {name: shifted(alert, seconds) for name, alert in office.alerts.items()}
    office.pass_time(5)
    begin = office.now
    office.happen(office.fired(an_alert()))
    office.pass_time(20)
    del office.recipient.answers["c"]
    before = len(office.recipient.received())
    office.pass_time(900)
    arrived = office.recipient.received()[before:]
    if url.startswith("pager"):
        assert [str(message.kind) for message in arrived] == ["resolved", "firing", "resolved", "firing"]
        assert ", after 7s" in arrived[0].body
        assert f"Over       {moment(begin - 15)}, after 8s" in arrived[1].body
        return
    # The first one was written before the clock was set, and says what was then.
    assert [item.ends_at - item.starts_at for item in arrived[0].items if item.ends_at is not None] == [7.0]
    told = [(item.starts_at, item.ends_at) for message in arrived[1:] for item in message.items]
    assert told == [(begin, None), (begin - 23, begin - 15)]
