"""When a group is told, from the first message to the end: evaluations and rounds of sending by the hour hand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from aishell_core.targets import Secret
from alerts.models import Acknowledgement, Alert, ChangeKind, Evidence, Level, Phase
from alerts.notify import group_rows
from alerts.notify.grouping import group_labels, group_name, incident_of
from alerts.notify.models import Answer, Channel, ChannelKind, Fault, Message, MessageKind
from alerts.notify.senders.alertmanager import alert_of
from alerts.notify.senders.webhook import payload
from alerts.rule import Escalation
from tests.notices import NOON, PostOffice, a_channel, a_rule, an_alert, some_routes, titles

HOUR = 3600.0


def test_an_alert_that_fires_is_told_in_the_same_tick_on_every_channel() -> None:
    office = PostOffice(some_routes(a_channel("slack"), a_channel("mail"), rules=[a_rule()]))
    sent = office.happen(office.fired(an_alert()))
    assert [(message.channel, message.title) for message in sent] == [
        ("slack", "[WARNING] PoolFull on orders"),
        ("mail", "[WARNING] PoolFull on orders"),
    ]


def test_what_is_new_in_one_tick_is_grouped_as_if_it_came_one_by_one() -> None:
    def an_office() -> PostOffice:
        rules = [a_rule(group_by=("alertname",)), a_rule("Hidden", channels=()), a_rule("Paged", channels=("pager", "mail"))]
        return PostOffice(some_routes(a_channel("pager"), a_channel("mail", group_wait_seconds=60.0), rules=rules))

    def rows(office: PostOffice) -> list[tuple[object, ...]]:
        sql = (
            "SELECT member.fingerprint, own.channel, own.name, own.opened_at, member.told, member.alert"
            " FROM notice_member AS member JOIN notice_group AS own ON own.id = member.notice_group ORDER BY 1, 2"
        )
        return office.connection.execute(sql).fetchall()

    names = ("PoolFull", "Hidden", "Paged", "NobodyKnows")
    alerts = [an_alert(names[number % 4], f"t{number}") for number in range(400)]
    together, apart = an_office(), an_office()
    worse = together.changed(ChangeKind.LEVEL, alerts[0], level=Level.CRITICAL)
    changes = [*map(together.fired, alerts), worse]
    group_rows.note_changes(together.connection, changes, together.routes, together.now)
    for change in changes:
        group_rows.note_changes(apart.connection, [change], apart.routes, apart.now)
    assert len(rows(together)) == 100 * (2 + 0 + 2 + 1)
    assert rows(together) == rows(apart)


def test_a_first_message_waits_one_evaluation_for_what_is_still_being_read() -> None:
    office = PostOffice(some_routes(a_channel("slack"), a_channel("am", "alertmanager+http://localhost:9093"), rules=[a_rule()]))
    alert = an_alert()
    office.evidence[alert.fingerprint] = Evidence(alert.fingerprint, office.now, is_whole=False)
    assert [message.channel for message in office.happen(office.fired(alert))] == ["am"]
    office.evidence[alert.fingerprint] = Evidence(alert.fingerprint, office.now, causes=("3 sessions wait behind session 7",))
    (message,) = office.pass_time(1)
    assert "1. 3 sessions wait behind session 7" in message.body
    assert office.pass_time(HOUR, step=10)[0].channel == "am"


def test_what_is_never_read_holds_up_no_message() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    alert = an_alert()
    office.evidence[alert.fingerprint] = Evidence(alert.fingerprint, office.now, is_whole=False)
    assert office.happen(office.fired(alert)) == []
    office.now += 0.9
    assert office.happen() == []
    office.now += 0.1
    assert len(office.happen()) == 1


def test_its_end_is_told_at_once_and_only_once() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.happen(office.fired(an_alert()))
    office.tick(seconds=1)
    assert titles(office.happen(office.resolved(an_alert()))) == ["[RESOLVED] PoolFull on orders"]
    assert office.pass_time(HOUR, step=10) == []
    assert office.connection.execute("SELECT count(*) FROM notice_group").fetchone() == (0,)


def test_trigger_and_end_of_a_group_belong_to_one_incident() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    begin = office.happen(office.fired(an_alert()))
    end = office.happen(office.resolved(an_alert()))
    again = office.happen(office.fired(an_alert()))
    assert begin[0].incident == end[0].incident == again[0].incident
    assert len({begin[0].id, end[0].id, again[0].id}) == 3


def test_a_burst_is_one_message_per_channel_and_group() -> None:
    alerts = [an_alert(own=(("table", f"t{number}"),)) for number in range(1000)]
    office = PostOffice(some_routes(a_channel("slack"), a_channel("hook", "webhook+https://h.example/x"), rules=[a_rule()]))
    sent = office.happen(*(office.fired(alert) for alert in alerts))
    assert [(message.channel, message.title) for message in sent] == [
        ("slack", "[WARNING] 1k alerts: PoolFull on orders"),
        ("hook", "[WARNING] 1k alerts: PoolFull on orders"),
    ]
    assert "and 980 more: 980 warning" in sent[0].body
    assert (len(sent[1].items), sent[1].items_left_out) == (500, 500)


def test_groups_are_made_by_the_labels_of_the_rule() -> None:
    rule = a_rule(group_by=("engine",))
    office = PostOffice(some_routes(a_channel(), rules=[rule]))
    sent = office.happen(*(office.fired(an_alert(target=name)) for name in ("orders", "billing", "stock")))
    assert [(message.group, message.title) for message in sent] == [('{engine="postgres"}', "[WARNING] 3 alerts: PoolFull on 3 targets")]


def test_a_label_that_an_alert_lacks_is_an_empty_one_and_severity_never_splits_a_group() -> None:
    assert group_labels(an_alert(), ("shard", "severity", "target")) == (("shard", ""), ("target", "orders"))
    every = dict(group_labels(an_alert(own=(("table", "t"),)), ("...",)))
    assert every == {"alertname": "PoolFull", "target": "orders", "engine": "postgres", "table": "t"}


def test_a_groups_name_quotes_its_values() -> None:
    assert group_name((("a", 'x"y'), ("b", "ü"))) == '{a="x\\"y", b="ü"}'
    assert incident_of("{}") != incident_of('{a=""}')


def test_the_first_message_waits_for_the_group_to_fill() -> None:
    office = PostOffice(some_routes(a_channel(group_wait_seconds=30), rules=[a_rule()]))
    assert office.happen(office.fired(an_alert(own=(("table", "a"),)))) == []
    assert office.pass_time(20) == []
    assert office.happen(office.fired(an_alert(own=(("table", "b"),)))) == []
    sent = office.pass_time(20)
    assert titles(sent) == ["[WARNING] 2 alerts: PoolFull on orders"]


def test_what_is_over_within_the_first_wait_is_not_told() -> None:
    office = PostOffice(some_routes(a_channel(group_wait_seconds=30), rules=[a_rule()]))
    office.happen(office.fired(an_alert()))
    office.pass_time(10)
    office.happen(office.resolved(an_alert()))
    assert office.pass_time(HOUR, step=10) == []


def test_further_alerts_of_a_group_wait_for_its_interval() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.happen(office.fired(an_alert(own=(("table", "a"),))))
    office.tick(seconds=5)
    assert office.happen(office.fired(an_alert(own=(("table", "b"),)))) == []
    assert office.pass_time(50) == []
    sent = office.pass_time(10)
    assert titles(sent) == ["[WARNING] 2 alerts: PoolFull on orders"]
    assert sent[0].made_at == pytest.approx(office.tries_at(0) + 60, abs=1.5)


def test_what_fired_and_ended_within_the_interval_is_told_as_over() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.happen(office.fired(an_alert(own=(("table", "a"),))))
    brief = an_alert(own=(("table", "b"),))
    office.tick(office.fired(brief), seconds=5)
    office.tick(office.resolved(brief), seconds=5)
    sent = office.pass_time(60)
    assert len(sent) == 1
    assert "Over (1)" in sent[0].body
    assert "table=b" in sent[0].body


def test_a_change_of_level_is_one_message_of_the_same_incident() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    first = office.happen(office.fired(an_alert()))
    office.now += 120
    sent = office.happen(office.changed(ChangeKind.LEVEL, an_alert(), level=Level.CRITICAL))
    assert titles(sent) == ["[CRITICAL] PoolFull on orders"]
    assert "critical, was warning" in sent[0].body
    assert sent[0].incident == first[0].incident
    assert office.pass_time(600, step=5) == []


def test_what_goes_on_firing_is_told_again_after_the_repeat_interval_of_its_rule() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule(repeat_seconds=2 * HOUR)]))
    office.happen(office.fired(an_alert()))
    assert office.pass_time(2 * HOUR - 10, step=10) == []
    sent = office.pass_time(20, step=10)
    assert [message.reason for message in sent] == ["repeat interval elapsed"]
    assert sent[0].body.startswith("Still firing.")
    assert len(office.pass_time(4 * HOUR, step=30)) == 2


def test_nobody_is_reminded_of_what_somebody_has_taken_on() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule(repeat_seconds=HOUR)]))
    office.happen(office.fired(an_alert()))
    taken = Acknowledgement("ada", "looking", office.now)
    assert office.happen(office.changed(ChangeKind.ACKNOWLEDGED, an_alert(), acknowledgement=taken)) == []
    assert office.pass_time(5 * HOUR, step=60) == []
    office.tick(office.changed(ChangeKind.UNACKNOWLEDGED, an_alert(), acknowledgement=None))
    assert len(office.pass_time(60)) == 1


@pytest.mark.parametrize("mute", ["silenced_by", "inhibited_by"])
def test_a_muted_alert_is_told_when_the_mute_ends(mute: str) -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    off, on = (ChangeKind.SILENCED, ChangeKind.UNSILENCED) if mute == "silenced_by" else (ChangeKind.INHIBITED, ChangeKind.UNINHIBITED)
    quiet: dict[str, Any] = {mute: ("x",)}
    muted = replace(an_alert(), **quiet)
    assert office.happen(office.fired(muted), office.changed(off, muted)) == []
    assert office.pass_time(HOUR, step=10) == []
    assert titles(office.happen(office.changed(on, an_alert(), **{mute: ()}))) == ["[WARNING] PoolFull on orders"]


def test_the_end_of_what_was_told_is_told_even_while_it_is_muted() -> None:
    """An incident that was opened must not stay open for ever."""
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.happen(office.fired(an_alert()))
    office.happen(office.changed(ChangeKind.SILENCED, an_alert(), silenced_by=("s",)))
    assert titles(office.happen(office.resolved(an_alert()))) == ["[RESOLVED] PoolFull on orders"]


def test_the_end_of_what_was_never_told_because_it_was_muted_is_not_told() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    muted = an_alert(silenced_by=("s",))
    office.happen(office.fired(muted))
    assert office.happen(office.resolved(muted)) == []
    assert office.pass_time(HOUR, step=10) == []


def test_the_end_of_a_flapping_alert_is_told_when_its_delay_is_over() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.happen(office.fired(an_alert()))
    over = office.resolved(an_alert())
    assert office.happen(replace(over, after=replace(over.after, held_until=office.now + 120))) == []
    assert office.pass_time(110, step=5) == []
    assert titles(office.pass_time(20, step=5)) == ["[RESOLVED] PoolFull on orders"]


def test_a_flapping_alert_that_fires_again_before_its_end_was_told_is_not_told_again() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.happen(office.fired(an_alert()))
    over = office.resolved(an_alert())
    office.happen(replace(over, after=replace(over.after, held_until=office.now + 120)))
    office.now += 30
    assert office.happen(office.fired(an_alert(held_until=office.now + 240))) == []
    assert office.pass_time(HOUR, step=10) == []


def test_what_a_receiver_does_not_know_of_or_knows_as_over_is_told_at_once_although_it_flaps() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    flapping = an_alert(held_until=office.now + 900)
    assert titles(office.happen(office.fired(flapping))) == ["[WARNING] PoolFull on orders"]
    over = office.resolved(an_alert())
    office.happen(replace(over, after=replace(over.after, held_until=None)))
    assert titles(office.happen(office.fired(flapping))) == ["[WARNING] PoolFull on orders"]


def test_a_flapping_alert_is_told_as_soon_as_it_is_heard_again() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.happen(office.fired(an_alert(silenced_by=("s",), held_until=office.now + 900)))
    heard = office.changed(ChangeKind.UNSILENCED, an_alert(), silenced_by=())
    assert titles(office.happen(heard)) == ["[WARNING] PoolFull on orders"]


def test_a_channel_without_ends_is_told_of_beginnings_alone() -> None:
    office = PostOffice(some_routes(a_channel(send_resolved=False), rules=[a_rule()]))
    office.happen(office.fired(an_alert()))
    assert office.happen(office.resolved(an_alert())) == []
    office.now += 120
    assert len(office.happen(office.fired(an_alert()))) == 1


def test_a_channel_for_critical_alerts_hears_of_a_warning_when_it_has_become_critical() -> None:
    office = PostOffice(some_routes(a_channel("phone", least_level=Level.CRITICAL), rules=[a_rule()]))
    assert office.happen(office.fired(an_alert())) == []
    sent = office.happen(office.changed(ChangeKind.LEVEL, an_alert(), level=Level.CRITICAL))
    assert titles(sent) == ["[CRITICAL] PoolFull on orders"]
    assert len(office.happen(office.resolved(an_alert()))) == 1


def test_a_rule_with_an_empty_list_of_channels_tells_nobody() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule(channels=())]))
    assert office.happen(office.fired(an_alert())) == []


def test_an_alert_whose_rule_is_gone_is_over() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.happen(office.fired(an_alert(own=(("table", "a"),))), office.fired(an_alert(own=(("table", "b"),))))
    del office.alerts["PoolFull/orders/a"]
    office.now += 120
    sent = office.happen(office.changed(ChangeKind.LEVEL, an_alert(own=(("table", "b"),)), level=Level.CRITICAL))
    assert "Over (1)" in sent[0].body
    assert office.pass_time(600, step=5) == []


def test_pending_alerts_are_told_to_nobody() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    pending = an_alert(phase=Phase.PENDING, fired_at=None)
    assert office.happen(office.changed(ChangeKind.PENDING, pending)) == []
    assert office.pass_time(HOUR, step=10) == []


def test_a_clock_that_was_set_back_keeps_nothing_waiting() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.happen(office.fired(an_alert(own=(("table", "a"),))))
    office.now -= 86_400
    office.restarted()
    office.happen(office.fired(an_alert(own=(("table", "b"),))))
    assert len(office.pass_time(61)) == 1


@pytest.mark.parametrize("seconds", [86_400.0, -86_400.0])
def test_a_wall_clock_that_is_set_neither_repeats_nor_escalates_anything(seconds: float) -> None:
    rule = a_rule(channels=("slack",), escalations=(Escalation(900, ("phone",)),))
    office = PostOffice(some_routes(a_channel(), a_channel("phone"), rules=[rule]))
    office.happen(office.fired(an_alert()))
    office.pass_time(60)
    office.now += seconds
    office.set_by += seconds
    assert office.pass_time(600, step=5) == []
    assert [message.channel for message in office.pass_time(300, step=5)] == ["phone"]


def test_who_has_not_acknowledged_in_time_is_helped_by_the_next_channel() -> None:
    rule = a_rule(channels=("slack",), escalations=(Escalation(900, ("phone",)), Escalation(1800, ("boss",))))
    office = PostOffice(some_routes(a_channel(), a_channel("phone"), a_channel("boss"), rules=[rule]))
    assert [message.channel for message in office.happen(office.fired(an_alert()))] == ["slack"]
    assert office.pass_time(890, step=10) == []
    sent = office.pass_time(20, step=10)
    assert [message.channel for message in sent] == ["phone"]
    assert sent[0].body.startswith("Escalated: nobody has acknowledged it within 15m00s.")
    assert [message.channel for message in office.pass_time(900, step=10)] == ["boss"]
    assert sorted(message.channel for message in office.happen(office.resolved(an_alert()))) == ["boss", "phone", "slack"]


def test_who_is_called_in_hears_no_end_of_what_it_was_not_called_for() -> None:
    rule = a_rule(channels=("slack",), escalations=(Escalation(900, ("phone",)),))
    office = PostOffice(some_routes(a_channel(), a_channel("phone", group_interval_seconds=300.0), rules=[rule]))
    first, second = an_alert(own=(("pool", "a"),)), an_alert(own=(("pool", "b"),))
    office.happen(office.fired(first))
    office.pass_time(60, step=10)
    office.happen(office.fired(replace(second, fired_at=office.now)))
    office.pass_time(850, step=10)
    assert titles(office.recipient.received("phone")) == ["[WARNING] PoolFull on orders (pool=a)"]
    # The second one's time has come too, but its message waits for the group's interval, and it is over before that.
    office.pass_time(60, step=10)
    office.happen(office.resolved(second))
    office.pass_time(400, step=10)
    assert len(office.recipient.received("phone")) == 1
    office.happen(office.resolved(first))
    office.pass_time(400, step=10)
    assert titles(office.recipient.received("phone"))[1:] == ["[RESOLVED] PoolFull on orders (pool=a)"]


@pytest.mark.parametrize("url", ["slack://tokenA/tokenB/tokenC", "pagerduty://key@api"])
def test_who_is_called_in_hears_the_end_of_each_incident_it_was_called_for_and_of_no_other(url: str) -> None:
    rule = a_rule(channels=("slack",), escalations=(Escalation(900, ("phone",)),))
    office = PostOffice(some_routes(a_channel(), a_channel("phone", url), rules=[rule]))
    office.happen(office.fired(an_alert()))
    office.pass_time(1000, step=10)
    assert len(office.recipient.received("phone")) == 1
    # It is down while the first incident ends, and another one comes and goes for which nobody called it.
    office.recipient.answers["phone"] = lambda _message: Answer(Fault.BUSY, "503")
    office.happen(office.resolved(an_alert()))
    office.happen(office.fired(an_alert(fired_at=office.now + 1)))
    office.happen(office.resolved(an_alert()))
    del office.recipient.answers["phone"]
    office.pass_time(3 * HOUR, step=60)
    answered = [message.title for message in office.recipient.received("phone")]
    assert set(answered[1:]) == {"[RESOLVED] PoolFull on orders"}
    assert len({message.id for message in office.recipient.received("phone")}) == 2


def test_who_is_called_in_a_second_time_hears_the_end_although_that_call_had_not_left() -> None:
    rule = a_rule(channels=("slack",), escalations=(Escalation(60, ("phone",)), Escalation(120, ("phone",))))
    office = PostOffice(some_routes(a_channel(), a_channel("phone", group_interval_seconds=300.0), rules=[rule]))
    office.happen(office.fired(an_alert()))
    office.pass_time(150, step=10)
    assert len(office.recipient.received("phone")) == 1
    office.happen(office.resolved(an_alert()))
    office.pass_time(600, step=10)
    assert titles(office.recipient.received("phone")) == ["[WARNING] PoolFull on orders", "[RESOLVED] PoolFull on orders"]


def test_an_acknowledgement_stops_the_escalation_and_its_end_begins_it_anew() -> None:
    rule = a_rule(channels=("slack",), escalations=(Escalation(900, ("phone",)),))
    office = PostOffice(some_routes(a_channel(), a_channel("phone"), rules=[rule]))
    office.happen(office.fired(an_alert()))
    office.tick(office.changed(ChangeKind.ACKNOWLEDGED, an_alert(), acknowledgement=Acknowledgement("ada", "", office.now)), seconds=60)
    assert office.pass_time(HOUR, step=10) == []
    sent = office.happen(office.changed(ChangeKind.UNACKNOWLEDGED, an_alert(), acknowledgement=None))
    assert [message.channel for message in sent] == ["phone"]


def test_a_muted_alert_escalates_in_its_time_after_it_is_heard_again() -> None:
    rule = a_rule(channels=("slack",), escalations=(Escalation(900, ("phone",)),))
    office = PostOffice(some_routes(a_channel(), a_channel("phone"), rules=[rule]))
    office.happen(office.fired(an_alert()))
    office.tick(office.changed(ChangeKind.SILENCED, an_alert(), silenced_by=("s",)))
    assert office.pass_time(2000, step=10) == []
    office.tick(office.changed(ChangeKind.UNSILENCED, an_alert(), silenced_by=()))
    assert "phone" not in {message.channel for message in office.pass_time(850, step=5)}
    assert "phone" in {message.channel for message in office.pass_time(60)}


def test_the_time_to_take_a_flapping_alert_on_counts_from_when_it_is_put_off_no_longer() -> None:
    rule = a_rule(channels=("slack",), escalations=(Escalation(30, ("phone",)),))
    office = PostOffice(some_routes(a_channel(), a_channel("phone"), rules=[rule]))
    office.happen(office.fired(an_alert(held_until=office.now + 120)))
    office.tick(office.changed(ChangeKind.LEVEL, an_alert(), held_until=office.now + 240), seconds=60)
    office.pass_time(300)
    assert [(message.channel, at - NOON) for at, message in office.recipient.tries] == [("slack", 0), ("phone", 270)]


def test_a_level_that_is_worse_than_people_know_is_told_at_once_although_the_alert_flaps_and_the_group_has_just_been_told() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.happen(office.fired(an_alert()))
    office.now += 5
    worse = office.changed(ChangeKind.LEVEL, an_alert(), level=Level.CRITICAL, held_until=office.now + 240)
    assert titles(office.happen(worse)) == ["[CRITICAL] PoolFull on orders"]
    office.tick(office.changed(ChangeKind.LEVEL, an_alert(), level=Level.WARNING), seconds=5)
    office.tick(office.changed(ChangeKind.LEVEL, an_alert(), level=Level.CRITICAL), seconds=5)
    assert office.pass_time(200) == []


def test_more_groups_than_a_channel_may_be_told_of_come_as_one_digest() -> None:
    office = PostOffice(some_routes(a_channel(most_messages=5), rules=[a_rule()]))
    sent = office.happen(*(office.fired(an_alert(target=f"db{number:03}")) for number in range(200)))
    assert [message.kind for message in sent] == [MessageKind.DIGEST]
    assert sent[0].title == "[WARNING] 200 groups: 200 firing, 0 over"
    assert "and 180 more groups" in sent[0].body
    assert office.pass_time(HOUR, step=10) == []
    ends = office.happen(*(office.resolved(an_alert(target=f"db{number:03}")) for number in range(200)))
    assert titles(ends) == ["[RESOLVED] 200 groups: 0 firing, 200 over"]
    assert [(message.is_end, len(message.ends)) for message in (*sent, *ends)] == [(False, 0), (True, 200)]


def test_a_digest_for_a_webhook_has_all_alerts_as_data() -> None:
    office = PostOffice(some_routes(a_channel("hook", "webhook+http://h.example/x", most_messages=5), rules=[a_rule()]))
    sent = office.happen(*(office.fired(an_alert(target=f"db{number:03}")) for number in range(200)))
    assert [(message.kind, len(message.items)) for message in sent] == [(MessageKind.DIGEST, 200)]
    assert payload(sent[0])["status"] == "firing"
    office.now += 120
    ends = office.happen(*(office.resolved(an_alert(target=f"db{number:03}")) for number in range(200)))
    assert payload(ends[0])["status"] == "resolved"


def test_a_channel_that_keeps_incidents_is_told_of_each_group_by_and_by() -> None:
    """A digest would open one incident that no end of a group ever closes."""
    duty = Channel("duty", Secret("pagerduty://keykeykey@apikey"), ChannelKind.APPRISE, most_messages=5)
    office = PostOffice(some_routes(duty, rules=[a_rule()]))
    critical = an_alert(target="zz", level=Level.CRITICAL)
    sent = office.happen(*(office.fired(an_alert(target=f"db{number:02}")) for number in range(12)), office.fired(critical))
    assert len(sent) == 5
    assert sent[0].title == "[CRITICAL] PoolFull on zz"
    later = office.pass_time(240)
    assert len({message.incident for message in sent + later}) == 13
    assert {message.kind for message in sent + later} == {MessageKind.FIRING}


def test_alertmanager_has_one_group_and_hears_of_what_fires_every_minute() -> None:
    am = a_channel("am", "alertmanager+http://localhost:9093")
    office = PostOffice(some_routes(am, rules=[a_rule()]))
    first = office.happen(*(office.fired(an_alert(target=f"db{number}")) for number in range(30)))
    assert [len(message.items) for message in first] == [30]
    office.tick(office.changed(ChangeKind.ACKNOWLEDGED, an_alert(target="db1"), acknowledgement=Acknowledgement("ada", "", office.now)))
    again = office.pass_time(600)
    assert 9 <= len(again) <= 11
    assert all(len(message.items) == 30 for message in again)


def relayed(message: Message) -> list[tuple[str, bool]]:
    """The level of each alert that a relay is told of, and whether it is over."""
    return [(dict(item.labels)["severity"], item.ends_at is not None) for item in message.items]


def at_level(alert: Alert, level: Level) -> dict[str, Any]:
    return {"level": level, "labels": tuple(sorted((dict(alert.labels) | {"severity": str(level)}).items()))}


def test_alertmanager_is_told_that_an_alert_of_the_level_before_is_over() -> None:
    """It knows an alert by its labels, the severity among them."""
    office = PostOffice(some_routes(a_channel("am", "alertmanager+http://localhost:9093"), rules=[a_rule()]))
    alert = an_alert()
    (first,) = office.happen(office.fired(alert))
    assert relayed(first) == [("warning", False)]
    office.now += 10
    (risen,) = office.happen(office.changed(ChangeKind.LEVEL, alert, **at_level(alert, Level.CRITICAL)))
    assert sorted(relayed(risen)) == [("critical", False), ("warning", True)]
    (again, *_later) = office.pass_time(61)
    assert relayed(again) == [("critical", False)]
    office.now += 10
    office.recipient.answers["am"] = lambda _message: Answer(Fault.UNREACHABLE, "")
    office.happen(office.changed(ChangeKind.LEVEL, alert, **at_level(alert, Level.WARNING)))
    del office.recipient.answers["am"]
    office.tick(office.resolved(alert))
    assert ("critical", True) in [each for message in office.pass_time(60) for each in relayed(message)]


def test_alertmanager_goes_on_hearing_of_what_flaps_as_it_was_told() -> None:
    office = PostOffice(some_routes(a_channel("am", "alertmanager+http://localhost:9093"), rules=[a_rule()]))
    alert = an_alert()
    office.happen(office.fired(alert))
    office.now += 10
    over = office.resolved(alert)
    office.tick(replace(over, after=replace(over.after, held_until=office.now + 400)))
    sent = office.pass_time(390)
    assert [relayed(message) for message in sent] == [[("warning", False)]] * 6
    assert [relayed(message) for message in office.pass_time(30)] == [[("warning", True)]]


def test_labels_leave_masked_and_groups_are_still_told_apart() -> None:
    hook, am = a_channel("hook", "webhook+http://h.example/x"), a_channel("am", "alertmanager+http://localhost:9093")
    office = PostOffice(some_routes(hook, am, rules=[a_rule(group_by=("...",))]))
    secrets = ("ana@example.org", "bob@example.org", "DE89 3704 0044 0532 0130 00", "password=hunter2")
    alerts = [replace(an_alert(own=(("database", name),)), fingerprint=f"{place:016}") for place, name in enumerate(secrets)]
    sent = office.happen(*map(office.fired, alerts))
    hooked = [message for message in sent if message.channel == "hook"]
    written = json.dumps([payload(message) for message in hooked]) + json.dumps([alert_of(item, NOON, NOON) for item in sent[-1].items])
    assert not any(secret in written for secret in ("ana@", "bob@", "3704 0044", "hunter2"))
    assert len({message.group for message in hooked}) == len(secrets)
    (relay,) = (message for message in sent if message.channel == "am")
    assert len({item.labels for item in relay.items}) == len(secrets)


def test_a_sign_of_life_goes_out_at_its_times_and_only_while_rules_are_evaluated() -> None:
    from alerts.notify.models import Heartbeat

    office = PostOffice(some_routes(a_channel("dead-man"), heartbeat=Heartbeat("dead-man", 300)))
    sent = office.pass_time(1000)
    assert [message.kind for message in sent] == [MessageKind.HEARTBEAT] * 4
    office.now += 3600
    assert office.send() == []
    assert [message.kind for message in office.pass_time(5)] == [MessageKind.HEARTBEAT]
