"""Alerts whose rule is wrong, or stands in a file that cannot be read, wait: nobody else is told, and nobody is told an end."""

from __future__ import annotations

from dataclasses import replace

from alerts.models import Acknowledgement, ChangeKind, Health, Level
from alerts.notify.models import ChannelKind, MessageKind
from alerts.rule import Escalation, Rule
from tests.notices import PostOffice, a_channel, a_rule, an_alert, some_routes, titles

HOUR = 3600.0
BROKEN = {"health": Health.ERROR, "health_reason": "there is no metric pool.usag"}
WHOLE = {"health": Health.OK, "health_reason": ""}


def an_office(*rules: Rule) -> PostOffice:
    """Everybody hears of what names no channels by mail."""
    channels = (a_channel("mail", "mailto://127.0.0.1:25"), a_channel("pager"), a_channel("phone"))
    return PostOffice(some_routes(*channels, rules=rules, default_channels=("mail",)))


def goes_wrong(office: PostOffice, **parts: object) -> list[str]:
    """The rules cannot be read any more, which an evaluation finds; who is told of that."""
    office.notifier.configure(replace(office.routes, rules={}))
    return channels_of(office, ChangeKind.ERROR, **(BROKEN | parts))


def channels_of(office: PostOffice, kind: ChangeKind, **parts: object) -> list[str]:
    return [message.channel for message in office.happen(office.changed(kind, an_alert(), **parts))]


def test_an_alert_whose_rule_has_become_wrong_is_told_to_nobody_else() -> None:
    office = an_office(a_rule(channels=("pager",), group_by=("alertname", "engine")))
    assert [message.channel for message in office.happen(office.fired(an_alert()))] == ["pager"]
    assert goes_wrong(office) == []
    assert channels_of(office, ChangeKind.LEVEL, level=Level.CRITICAL) == []
    assert office.pass_time(8 * HOUR, step=30) == []


def test_an_alert_that_was_for_nobody_is_for_nobody_while_its_rule_is_wrong() -> None:
    office = an_office(a_rule(channels=()))
    assert office.happen(office.fired(an_alert())) == []
    assert goes_wrong(office) == []
    assert office.pass_time(HOUR, step=10) == []
    office.notifier.configure(office.routes)
    assert channels_of(office, ChangeKind.HEALTHY, **WHOLE) == []
    assert office.pass_time(HOUR, step=10) == []


def test_what_has_waited_for_its_rule_is_told_to_whom_that_names() -> None:
    office = an_office(a_rule(channels=("pager",), escalations=(Escalation(900, ("phone",)),)))
    office.notifier.configure(replace(office.routes, rules={}))
    assert office.happen(office.fired(an_alert())) == []
    office.restarted().configure(replace(office.routes, rules={}))
    assert office.pass_time(HOUR, step=10) == []
    office.notifier.configure(office.routes)
    assert [message.channel for message in office.pass_time(10)] == ["pager"]
    assert [message.channel for message in office.pass_time(900, step=5)] == ["phone"]


def test_a_rule_that_is_right_again_goes_on_where_its_alerts_were() -> None:
    office = an_office(a_rule(channels=("pager",), repeat_seconds=HOUR))
    office.happen(office.fired(an_alert()))
    office.pass_time(60, step=10)
    goes_wrong(office)
    assert office.pass_time(HOUR / 2, step=10) == []
    office.notifier.configure(office.routes)
    assert office.pass_time(HOUR / 4, step=10) == []
    assert [message.channel for message in office.pass_time(HOUR / 2, step=10)] == ["pager"]
    assert titles(office.happen(office.resolved(an_alert()))) == ["[RESOLVED] PoolFull on orders"]


def test_the_end_of_what_waits_for_its_rule_is_told_to_those_who_know_of_it() -> None:
    office = an_office(a_rule(channels=("pager",)))
    office.happen(office.fired(an_alert()))
    goes_wrong(office)
    sent = office.happen(office.resolved(an_alert()))
    assert [(message.channel, message.title) for message in sent] == [("pager", "[RESOLVED] PoolFull on orders")]


def test_what_waits_for_its_rule_and_is_over_before_is_told_to_nobody() -> None:
    office = an_office(a_rule(channels=("pager",)))
    office.notifier.configure(replace(office.routes, rules={}))
    office.happen(office.fired(an_alert()))
    office.happen(office.resolved(an_alert()))
    office.notifier.configure(office.routes)
    assert office.pass_time(HOUR, step=10) == []
    assert office.connection.execute("SELECT count(*) FROM notice_member").fetchone() == (0,)


def test_nobody_is_called_in_while_the_rule_is_wrong_and_somebody_is_when_it_is_right() -> None:
    office = an_office(a_rule(channels=("pager",), escalations=(Escalation(900, ("phone",)),)))
    office.happen(office.fired(an_alert()))
    goes_wrong(office)
    assert office.pass_time(HOUR, step=10) == []
    office.notifier.configure(office.routes)
    sent = office.pass_time(60, step=5)
    assert [message.channel for message in sent] == ["phone"]


def test_what_is_taken_on_while_its_rule_is_wrong_calls_nobody_in() -> None:
    office = an_office(a_rule(channels=("pager",), escalations=(Escalation(900, ("phone",)),)))
    office.happen(office.fired(an_alert()))
    goes_wrong(office)
    assert channels_of(office, ChangeKind.ACKNOWLEDGED, acknowledgement=Acknowledgement("ada", "", office.now)) == []
    office.notifier.configure(office.routes)
    assert office.pass_time(HOUR, step=10) == []


def test_what_was_muted_waits_for_its_rule_when_it_is_heard_again() -> None:
    office = an_office(a_rule(channels=("pager",)))
    office.happen(office.fired(an_alert(silenced_by=("s",))))
    goes_wrong(office, silenced_by=("s",))
    assert channels_of(office, ChangeKind.UNSILENCED, silenced_by=()) == []
    assert office.pass_time(HOUR, step=10) == []
    office.notifier.configure(office.routes)
    assert [message.channel for message in office.pass_time(61)] == ["pager"]


def an_office_that_has_called_in() -> PostOffice:
    """The pager was told, and the phone after a quarter of an hour; then the alert was silenced, and its rule became wrong."""
    office = an_office(a_rule(channels=("pager",), escalations=(Escalation(900, ("phone",)),)))
    assert channels_of(office, ChangeKind.FIRED, since=office.now, fired_at=office.now) == ["pager"]
    assert [message.channel for message in office.pass_time(950, step=10)] == ["phone"]
    assert channels_of(office, ChangeKind.SILENCED, silenced_by=("s",)) == []
    assert goes_wrong(office, silenced_by=("s",)) == []
    return office


def test_a_mute_that_ends_while_the_rule_is_wrong_tells_who_is_told_first_and_calls_in_the_others_in_their_time() -> None:
    office = an_office_that_has_called_in()
    assert channels_of(office, ChangeKind.UNSILENCED, silenced_by=()) == []
    assert office.pass_time(HOUR, step=10) == []
    office.restarted().configure(office.routes)
    assert [message.channel for message in office.pass_time(120, step=5)] == ["pager"]
    assert [message.channel for message in office.pass_time(900, step=5)] == ["phone"]
    assert office.pass_time(HOUR, step=10) == []


def test_who_was_called_in_hears_the_end_also_of_what_was_heard_again_while_its_rule_was_wrong() -> None:
    office = an_office_that_has_called_in()
    assert channels_of(office, ChangeKind.UNSILENCED, silenced_by=()) == []
    office.notifier.configure(office.routes)
    assert [message.channel for message in office.pass_time(120, step=5)] == ["pager"]
    sent = office.happen(office.resolved(an_alert()))
    assert {(message.channel, message.kind) for message in sent} == {("pager", MessageKind.RESOLVED), ("phone", MessageKind.RESOLVED)}


def test_what_is_muted_again_before_its_rule_is_right_is_told_when_that_ends_and_its_end_to_all_who_know_of_it() -> None:
    office = an_office_that_has_called_in()
    assert channels_of(office, ChangeKind.UNSILENCED, silenced_by=()) == []
    assert channels_of(office, ChangeKind.SILENCED, silenced_by=("t",)) == []
    office.notifier.configure(office.routes)
    assert office.pass_time(HOUR, step=10) == []
    sent = office.happen(office.resolved(an_alert()))
    assert {(message.channel, message.kind) for message in sent} == {("pager", MessageKind.RESOLVED), ("phone", MessageKind.RESOLVED)}


def test_alertmanager_goes_on_to_hear_of_what_waits_for_its_rule_as_it_knows_it() -> None:
    relay = a_channel("am", "alertmanager+http://localhost:9093")
    assert relay.kind is ChannelKind.ALERTMANAGER
    office = PostOffice(some_routes(relay, rules=[a_rule()]))
    office.happen(office.fired(an_alert()))
    goes_wrong(office, level=Level.CRITICAL)
    again = office.pass_time(HOUR, step=10)
    assert len(again) >= 30
    assert {message.kind for message in again} == {MessageKind.FIRING}
    assert {(dict(item.labels)["severity"], item.ends_at) for message in again for item in message.items} == {("warning", None)}
