"""A rule that is edited while its alerts fire: those are told whom it names as it is now, once, and nobody else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alerts.models import Acknowledgement, ChangeKind, Level
from alerts.notify.models import Message, MessageKind
from alerts.rule import Escalation, Rule
from tests.notices import PostOffice, a_channel, a_rule, an_alert, some_routes

HOUR = 3600.0
TO_THE_PHONE = (Escalation(45, ("phone",)),)


def an_office(**parts: Any) -> PostOffice:
    """An office with one rule."""
    channels = (a_channel("mail", "mailto://127.0.0.1:25"), a_channel("own"), a_channel("other"), a_channel("phone"))
    return PostOffice(some_routes(*channels, rules=[a_rule(**parts)], default_channels=("mail",)))


def edit(office: PostOffice, **parts: Any) -> None:
    """The rule is another one from now on."""
    rule: Rule = replace(office.routes.rules["PoolFull"], **parts)
    office.routes = replace(office.routes, rules={"PoolFull": rule})
    office.notifier.configure(office.routes)


def told(messages: list[Message]) -> list[tuple[str, str]]:
    return [(message.channel, message.title.split("]")[0][1:]) for message in messages]


def rises(office: PostOffice) -> list[tuple[str, str]]:
    return told(office.happen(office.changed(ChangeKind.LEVEL, an_alert(), level=Level.CRITICAL)))


def ends(office: PostOffice) -> list[tuple[str, str]]:
    return told(office.happen(office.resolved(an_alert())))


def test_a_channel_that_is_taken_out_of_a_rule_hears_no_more_of_its_alerts_but_the_end_of_what_it_knows() -> None:
    office = an_office(channels=("own",))
    assert told(office.happen(office.fired(an_alert()))) == [("own", "WARNING")]
    edit(office, channels=("other",), repeat_seconds=HOUR)
    assert told(office.pass_time(5)) == [("other", "WARNING")]
    assert rises(office) == [("other", "CRITICAL")]
    assert {channel for channel, _ in told(office.pass_time(3 * HOUR, step=10))} == {"other"}
    assert sorted(ends(office)) == [("other", "RESOLVED"), ("own", "RESOLVED")]
    assert office.pass_time(HOUR, step=10) == []
    assert office.connection.execute("SELECT count(*) FROM notice_member").fetchone() == (0,)


def test_a_rule_that_is_for_nobody_from_now_on_tells_nobody_what_becomes_worse() -> None:
    office = an_office(channels=("own",))
    office.happen(office.fired(an_alert()))
    edit(office, channels=())
    assert rises(office) == []
    assert office.pass_time(8 * HOUR, step=30) == []


@pytest.mark.parametrize("before", [(), ("own",), None])
def test_a_channel_that_is_put_into_a_rule_is_told_of_what_fires_already(before: tuple[str, ...] | None) -> None:
    office = an_office(channels=before)
    office.happen(office.fired(an_alert()))
    edit(office, channels=(*(before or ("mail",)), "other"))
    news = told(office.pass_time(5))
    assert ("other", "WARNING") in news
    assert len(news) == (2 if before == () else 1), "whoever knew it is told nothing"
    assert office.pass_time(HOUR, step=10) == []


def test_a_channel_that_a_rule_named_while_nobody_ran_is_told_after_the_start() -> None:
    office = an_office(channels=("own",))
    office.happen(office.fired(an_alert()))
    rule = replace(office.routes.rules["PoolFull"], channels=("own", "other"))
    office.routes = replace(office.routes, rules={"PoolFull": rule})
    office.restarted()
    assert told(office.pass_time(5)) == [("other", "WARNING")]


def test_a_channel_that_comes_back_into_a_rule_is_told_only_what_it_does_not_know() -> None:
    office = an_office(channels=("own",))
    office.happen(office.fired(an_alert()))
    edit(office, channels=())
    office.pass_time(120, step=10)
    edit(office, channels=("own",))
    assert office.pass_time(60, step=5) == []
    edit(office, channels=())
    rises(office)
    edit(office, channels=("own",))
    assert told(office.pass_time(60, step=5)) == [("own", "CRITICAL")]


def test_what_was_never_told_on_a_channel_that_is_named_no_more_ends_without_a_word() -> None:
    office = an_office(channels=("own",))
    office.happen(office.fired(an_alert(silenced_by=("s",))))
    edit(office, channels=("other",))
    assert told(office.happen(office.changed(ChangeKind.UNSILENCED, an_alert(), silenced_by=()))) == [("other", "WARNING")]
    assert ends(office) == [("other", "RESOLVED")]


def test_a_muted_alert_is_told_to_a_new_channel_when_it_is_heard_again() -> None:
    office = an_office(channels=("own",))
    office.happen(office.fired(an_alert(silenced_by=("s",))))
    edit(office, channels=("own", "other"))
    assert office.pass_time(HOUR, step=10) == []
    heard = told(office.happen(office.changed(ChangeKind.UNSILENCED, an_alert(), silenced_by=())))
    assert sorted(heard) == [("other", "WARNING"), ("own", "WARNING")]


@pytest.mark.parametrize("is_muted_between", [False, True])
def test_an_alert_stays_in_the_group_that_it_was_told_in(is_muted_between: bool) -> None:
    office = an_office(channels=("own",), group_by=("alertname", "engine"))
    (begin,) = office.happen(office.fired(an_alert()))
    edit(office, group_by=("alertname",))
    office.pass_time(61, step=5)
    if is_muted_between:
        office.happen(office.changed(ChangeKind.SILENCED, an_alert(), silenced_by=("s",)))
        (again,) = office.happen(office.changed(ChangeKind.UNSILENCED, an_alert(), silenced_by=()))
        assert again.incident == begin.incident
    (worse,) = office.happen(office.changed(ChangeKind.LEVEL, an_alert(), level=Level.CRITICAL))
    (end,) = office.happen(office.resolved(an_alert()))
    assert begin.incident == worse.incident == end.incident
    (anew,) = office.happen(office.fired(an_alert()))
    assert anew.group == '{alertname="PoolFull"}'


def test_an_alert_that_nobody_was_told_of_moves_to_the_group_of_its_rule() -> None:
    office = an_office(channels=("own",), group_by=("alertname", "engine"))
    office.happen(office.fired(an_alert(silenced_by=("s",))))
    edit(office, group_by=("alertname",))
    (message,) = office.happen(office.changed(ChangeKind.UNSILENCED, an_alert(), silenced_by=()))
    assert message.group == '{alertname="PoolFull"}'
    assert office.connection.execute("SELECT count(*) FROM notice_group").fetchone() == (1,)


def test_an_escalation_that_is_taken_out_of_a_rule_calls_nobody_in() -> None:
    office = an_office(channels=("own",), escalations=TO_THE_PHONE)
    office.happen(office.fired(an_alert()))
    edit(office, escalations=())
    assert office.pass_time(HOUR, step=10) == []


def test_an_escalation_goes_to_whom_the_rule_names_now_and_in_its_time() -> None:
    office = an_office(channels=("own",), escalations=TO_THE_PHONE)
    begin = office.now
    office.happen(office.fired(an_alert()))
    office.pass_time(10)
    edit(office, escalations=(Escalation(90, ("other",)),))
    assert told(office.pass_time(HOUR, step=5)) == [("other", "WARNING")]
    assert office.tries_at(-1) - begin == pytest.approx(90, abs=6)


def test_an_escalation_that_a_rule_is_given_holds_for_what_fires_already() -> None:
    office = an_office(channels=("own",))
    office.happen(office.fired(an_alert()))
    office.pass_time(10)
    edit(office, escalations=TO_THE_PHONE)
    assert office.pass_time(30) == []
    assert told(office.pass_time(10)) == [("phone", "WARNING")]
    office.restarted()
    edit(office, repeat_seconds=6 * HOUR)
    assert office.pass_time(HOUR, step=10) == [], "it was called in already"


def test_whom_an_escalation_has_called_in_hears_no_more_once_the_rule_has_none() -> None:
    office = an_office(channels=("own",), escalations=TO_THE_PHONE)
    office.happen(office.fired(an_alert()))
    office.pass_time(60)
    edit(office, escalations=())
    assert rises(office) == [("own", "CRITICAL")]
    assert sorted(ends(office)) == [("own", "RESOLVED"), ("phone", "RESOLVED")]


def test_what_somebody_has_taken_on_calls_nobody_in_by_an_edited_rule() -> None:
    office = an_office(channels=("own",))
    office.happen(office.fired(an_alert()))
    office.happen(office.changed(ChangeKind.ACKNOWLEDGED, an_alert(), acknowledgement=Acknowledgement("ada", "", office.now)))
    edit(office, escalations=TO_THE_PHONE)
    assert office.pass_time(HOUR, step=10) == []


def test_alertmanager_is_left_alone_by_a_rule_that_names_it_no_more() -> None:
    relay = a_channel("am", "alertmanager+http://localhost:9093")
    office = PostOffice(some_routes(relay, rules=[a_rule(channels=("am",))]))
    office.happen(office.fired(an_alert()))
    edit(office, channels=())
    assert office.pass_time(HOUR, step=10) == []
    (end,) = office.happen(office.resolved(an_alert()))
    assert end.kind is MessageKind.RESOLVED


@pytest.mark.parametrize("kind", [ChangeKind.UNSILENCED, ChangeKind.UNINHIBITED])
@pytest.mark.parametrize("level", [Level.WARNING, Level.CRITICAL])
def test_the_end_of_a_mute_calls_in_further_channels_in_their_time_and_once(kind: ChangeKind, level: Level) -> None:
    office = an_office(channels=("own",), escalations=TO_THE_PHONE)
    office.happen(office.fired(an_alert()))
    assert told(office.pass_time(60)) == [("phone", "WARNING")]
    mute: dict[str, Any] = {"silenced_by": ("s",)} if kind is ChangeKind.UNSILENCED else {"inhibited_by": ("f",)}
    begins = ChangeKind.SILENCED if kind is ChangeKind.UNSILENCED else ChangeKind.INHIBITED
    office.happen(office.changed(begins, an_alert(), **mute))
    office.happen(office.changed(ChangeKind.LEVEL, an_alert(), level=level))
    office.pass_time(8)
    heard = office.now
    mark = level.upper()
    assert told(office.happen(office.changed(kind, an_alert(), **dict.fromkeys(mute, ())))) == [("own", mark)]
    assert told(office.pass_time(HOUR, step=5)) == [("phone", mark)]
    assert office.tries_at(-1) - heard == pytest.approx(45, abs=6)


def test_further_channels_that_were_called_in_hear_at_once_what_becomes_worse_and_over() -> None:
    office = an_office(channels=("own",), escalations=(*TO_THE_PHONE, Escalation(HOUR, ("phone", "other"))))
    office.happen(office.fired(an_alert()))
    office.pass_time(60)
    assert sorted(rises(office)) == [("own", "CRITICAL"), ("phone", "CRITICAL")]
    assert sorted(ends(office)) == [("own", "RESOLVED"), ("phone", "RESOLVED")]
