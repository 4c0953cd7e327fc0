"""What waits for a channel that takes nothing is judged again before it is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from alerts.models import Acknowledgement, AlertChange, ChangeKind, Level
from alerts.notify import outbox
from alerts.notify.models import Answer, Fault
from alerts.notify.withdrawal import WITHDRAWN
from tests.notices import NOON, PostOffice, a_channel, a_rule, an_alert, some_routes, titles

DOWN = Answer(Fault.UNREACHABLE, "500")


def an_office() -> PostOffice:
    """A channel that takes nothing, with messages of two alerts that wait for it."""
    office = PostOffice(some_routes(a_channel("own"), a_channel("other"), rules=[a_rule(channels=("other",))]))
    office.recipient.answers["other"] = lambda _message: DOWN
    office.happen(office.fired(an_alert(target="a")), office.fired(an_alert(target="b")))
    office.pass_time(20)
    return office


def back(office: PostOffice) -> list[str]:
    """What the channel takes from now on."""
    office.recipient.answers.clear()
    return sorted(titles([message for message in office.pass_time(600, step=5) if message.channel == "other"]))


def acknowledged(office: PostOffice, target: str = "a") -> AlertChange:
    return office.changed(ChangeKind.ACKNOWLEDGED, an_alert(target=target), acknowledgement=Acknowledgement("ann", "", office.now))


def silenced(office: PostOffice) -> AlertChange:
    return office.changed(ChangeKind.SILENCED, an_alert(target="a"), silenced_by=("s",))


@pytest.mark.parametrize("becomes", [acknowledged, silenced])
def test_what_was_acknowledged_or_silenced_while_it_waited_is_not_sent(becomes: Callable[[PostOffice], AlertChange]) -> None:
    office = an_office()
    office.happen(becomes(office))
    assert back(office) == ["[WARNING] PoolFull on b"]
    assert WITHDRAWN in {each.answer for each in outbox.ledger(office.connection, an_alert(target="a").fingerprint)}
    assert [(state.queued, state.dead) for state in outbox.channel_states(office.connection, office.routes.channels)] == [(0, 0), (0, 0)]


def test_what_is_for_another_channel_by_now_is_sent_there_alone() -> None:
    office = an_office()
    office.routes = replace(office.routes, rules={"PoolFull": a_rule(channels=("own",))})
    office.notifier.configure(office.routes)
    assert sorted(titles([message for message in office.pass_time(5) if message.channel == "own"])) == [
        "[WARNING] PoolFull on a",
        "[WARNING] PoolFull on b",
    ]
    assert back(office) == []
    assert back_after_end(office) == ["own"]


def back_after_end(office: PostOffice) -> list[str]:
    """The channels that hear of the end of one."""
    return [message.channel for message in office.happen(office.resolved(an_alert(target="a")))]


def test_what_becomes_worse_after_it_was_acknowledged_is_told() -> None:
    office = an_office()
    office.happen(acknowledged(office))
    office.now += 1
    office.happen(office.changed(ChangeKind.LEVEL, an_alert(target="a"), level=Level.CRITICAL, seen_at=office.now))
    assert "[CRITICAL] PoolFull on a" in back(office)


def test_what_is_given_back_while_it_waits_is_told() -> None:
    office = an_office()
    office.happen(acknowledged(office))
    office.pass_time(20)
    office.happen(office.changed(ChangeKind.UNACKNOWLEDGED, an_alert(target="a"), acknowledgement=None))
    assert back(office) == ["[WARNING] PoolFull on a", "[WARNING] PoolFull on b"]


REPEAT_SECONDS = 4 * 3600


def a_waiting_reminder() -> PostOffice:
    """A channel that was told of two alerts in one group, and has gone down before it could be reminded."""
    both = a_channel("own", repeat_seconds=REPEAT_SECONDS)
    office = PostOffice(some_routes(both, rules=[a_rule(channels=("own",), group_by=("alertname",))]))
    office.happen(office.fired(an_alert(target="a")), office.fired(an_alert(target="b")))
    office.recipient.answers["own"] = lambda _message: DOWN
    office.pass_time(REPEAT_SECONDS + 60, step=20)
    assert [state.queued for state in outbox.channel_states(office.connection, office.routes.channels)] == [1]
    return office


def test_nobody_is_reminded_late_of_what_was_acknowledged_while_the_reminder_waited() -> None:
    office = a_waiting_reminder()
    office.happen(acknowledged(office), acknowledged(office, "b"))
    office.recipient.answers.clear()
    assert office.pass_time(3600, step=20) == []
    assert WITHDRAWN in {each.answer for each in outbox.ledger(office.connection, an_alert(target="a").fingerprint)}
    assert titles(office.happen(office.resolved(an_alert(target="a")), office.resolved(an_alert(target="b")))) == [
        "[RESOLVED] 2 alerts: PoolFull on 2 targets"
    ]


def test_a_reminder_that_waits_is_sent_while_one_of_its_alerts_is_nobodys() -> None:
    office = a_waiting_reminder()
    office.happen(acknowledged(office))
    office.recipient.answers.clear()
    assert titles(office.pass_time(600, step=20)) == ["[WARNING] 2 alerts: PoolFull on 2 targets"]


def test_a_reminder_goes_out_after_all_when_what_was_acknowledged_is_given_back() -> None:
    office = a_waiting_reminder()
    office.happen(acknowledged(office), acknowledged(office, "b"))
    office.recipient.answers.clear()
    office.happen(office.changed(ChangeKind.UNACKNOWLEDGED, an_alert(target="b"), acknowledgement=None))
    assert len(office.pass_time(REPEAT_SECONDS + 60, step=20)) == 1


def test_what_one_has_acknowledged_is_not_told_again_when_a_mute_ends() -> None:
    office = PostOffice(some_routes(a_channel("own"), rules=[a_rule(channels=("own",))]))
    alert = an_alert()
    assert len(office.happen(office.fired(alert))) == 1
    office.happen(office.changed(ChangeKind.ACKNOWLEDGED, alert, acknowledgement=Acknowledgement("ann", "", NOON)))
    office.happen(office.changed(ChangeKind.INHIBITED, alert, inhibited_by=("x",)))
    assert office.pass_time(60) == []
    assert office.happen(office.changed(ChangeKind.UNINHIBITED, alert, inhibited_by=())) == []
    assert office.pass_time(60) == []
    assert titles(office.happen(office.resolved(alert))) == ["[RESOLVED] PoolFull on orders"]
