"""Every incident is told, also those that come and go while a channel takes nothing, each with its end, in their order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.judgement import Judgement
from alerts.lifecycle import aged, step
from alerts.models import Alert, AlertChange, ChangeKind, Level, Phase
from alerts.notify import outbox
from alerts.notify.models import Answer, Fault, Item, Message, MessageKind, Routes
from alerts.notify.removed import LACKING
from alerts.notify.text import moment
from alerts.rule import Damping
from tests.alert_values import TRAITS, breach, clear
from tests.notices import TAKEN, PostOffice, a_channel, a_rule, an_alert, some_routes, titles

DOWN = Answer(Fault.BUSY, "500")
HOUR = 3600.0
HOOK = "webhook+http://127.0.0.1:1/x"
PAGER = "pagerduty://key@api"
MAIL = "mailto://127.0.0.1:25"
RELAY = "alertmanager+http://127.0.0.1:9093"


class Office:
    """A post office with one channel, what has arrived there, and when its only alert fired and was over."""

    def __init__(self, url: str, **parts: object) -> None:
        self.office = PostOffice(some_routes(a_channel("c", url, **parts), rules=[a_rule()]))
        self.office.recipient.answers["c"] = self._answer
        self.answer = TAKEN
        self.arrived: list[Message] = []
        self.history: list[tuple[float, float]] = []

    def _answer(self, message: Message) -> Answer:
        if self.answer.is_delivered:
            self.arrived.append(message)
        return self.answer

    def incident(self, seconds: float = 8, pause: float = 9) -> None:
        """It fires for so long, and all is well for a while."""
        begin = self.office.now
        self.office.happen(self.office.fired(an_alert()))
        self.office.pass_time(seconds)
        self.history.append((begin, self.office.now))
        self.office.happen(self.office.resolved(an_alert()))
        self.office.pass_time(pause)

    def goes_down_while_it_fires(self, incidents: int) -> None:
        """The channel is told that it fires, takes nothing from before that is over until after so many further incidents."""
        begin = self.office.now
        self.office.happen(self.office.fired(an_alert()))
        self.office.pass_time(7)
        self.answer = DOWN
        self.history.append((begin, self.office.now))
        self.office.happen(self.office.resolved(an_alert()))
        self.office.pass_time(9)
        for _each in range(incidents):
            self.incident()

    def comes_back(self) -> None:
        self.answer = TAKEN
        self.office.pass_time(900)

    @property
    def items(self) -> list[Item]:
        return [item for message in self.arrived for item in message.items]


def ends(items: Sequence[Item]) -> list[tuple[float, float]]:
    return [(item.starts_at, item.ends_at) for item in items if item.ends_at is not None]


@pytest.mark.parametrize("incidents", [1, 2, 5])
def test_a_webhook_that_was_down_through_incidents_is_told_of_each_once(incidents: int) -> None:
    office = Office(HOOK, group_interval_seconds=5.0)
    office.goes_down_while_it_fires(incidents)
    office.comes_back()
    assert len(office.history) == incidents + 1
    assert ends(office.items) == office.history


def test_an_incident_that_fires_on_is_told_after_the_ends_of_those_before_it() -> None:
    office = Office(HOOK)
    office.goes_down_while_it_fires(1)
    begin = office.office.now
    office.office.happen(office.office.fired(an_alert()))
    office.comes_back()
    assert ends(office.items) == office.history
    last = office.arrived[-1]
    assert [(item.starts_at, item.ends_at) for item in last.items if item.ends_at is None] == [(begin, None)]
    assert last.kind is MessageKind.FIRING
    office.office.happen(office.office.resolved(an_alert()))
    assert ends(office.items) == [*office.history, (begin, office.office.now)]


def test_what_fired_while_the_first_message_was_held_up_is_no_longer_taken_for_that_incident() -> None:
    office = Office(HOOK)
    office.answer = DOWN
    office.incident()
    begin = office.office.now
    office.office.happen(office.office.fired(an_alert()))
    office.comes_back()
    told = [(item.starts_at, item.ends_at) for item in office.items]
    assert told[0] == (office.history[0][0], None)
    assert sorted(told[1:], key=str) == sorted([office.history[0], (begin, None)], key=str)


@pytest.mark.parametrize("incidents", [1, 3])
def test_a_service_that_keeps_incidents_has_each_opened_before_it_is_closed(incidents: int) -> None:
    office = Office(PAGER)
    office.goes_down_while_it_fires(incidents)
    office.comes_back()
    assert [message.kind for message in office.arrived] == [MessageKind.FIRING, MessageKind.RESOLVED] * (incidents + 1)
    assert len({message.incident for message in office.arrived}) == 1
    assert len({message.id for message in office.arrived}) == len(office.arrived)


def test_what_is_opened_only_to_be_known_says_that_it_is_over_and_is_not_critical() -> None:
    office = Office(PAGER)
    office.answer = DOWN
    begin = office.office.now
    office.office.happen(office.office.fired(an_alert()))
    office.office.pass_time(8)
    office.office.happen(office.office.resolved(an_alert()))
    office.incident(pause=1)
    worse = an_alert(level=Level.CRITICAL, since=office.office.now, value=0.98)
    office.office.happen(office.office.fired(worse))
    office.office.pass_time(8)
    office.office.happen(office.office.resolved(worse))
    office.office.pass_time(50)
    office.comes_back()
    assert [message.kind for message in office.arrived] == [MessageKind.FIRING, MessageKind.RESOLVED] * 3
    assert titles(office.arrived[2:]) == [
        "[WARNING, OVER] PoolFull on orders",
        "[RESOLVED] PoolFull on orders",
        "[CRITICAL, OVER] PoolFull on orders",
        "[RESOLVED] PoolFull on orders",
    ]
    last = office.arrived[4]
    assert last.level is Level.WARNING
    assert last.body.startswith("It was over before this could be told.")
    for line in (f"Since      {moment(begin + 17)}", f"Over       {moment(begin + 25)}, after 8s", "Value      98% at the end"):
        assert line in last.body, last.body
    assert "threshold" not in last.body


def test_incidents_of_a_group_with_a_pause_between_are_opened_and_closed_one_by_one() -> None:
    office = Office(PAGER).office
    office.notifier.configure(some_routes(a_channel("c", PAGER), rules=[a_rule(group_by=("alertname",))]))
    seven, eight = an_alert(own=(("database", "7"),)), an_alert(own=(("database", "8"),))
    office.recipient.answers["c"] = lambda _message: DOWN
    # Both at once, then one alone, then the other one, which fires on.
    course = (
        (0, seven, True),
        (4, eight, True),
        (4, seven, False),
        (4, eight, False),
        (9, seven, True),
        (4, seven, False),
        (9, eight, True),
    )
    for pause, alert, fires in course:
        office.pass_time(pause)
        moved = replace(alert, since=office.now, fired_at=office.now)
        office.happen(office.fired(moved) if fires else office.resolved(office.alerts[alert.fingerprint]))
    del office.recipient.answers["c"]
    before = len(office.recipient.received())
    office.pass_time(900)
    told = [(str(message.kind), message.title) for message in office.recipient.received()[before:]]
    assert told == [
        ("firing", "[WARNING] PoolFull on orders (database=7)"),
        ("resolved", "[RESOLVED] PoolFull on orders (database=7)"),
        ("firing", "[WARNING, OVER] PoolFull on orders (database=8)"),
        ("resolved", "[RESOLVED] PoolFull on orders (database=8)"),
        ("firing", "[WARNING, OVER] PoolFull on orders (database=7)"),
        ("resolved", "[RESOLVED] PoolFull on orders (database=7)"),
        ("firing", "[WARNING] PoolFull on orders (database=8)"),
    ]


def test_a_service_that_keeps_incidents_has_the_last_one_open_while_it_fires() -> None:
    office = Office(PAGER)
    office.goes_down_while_it_fires(2)
    office.office.happen(office.office.fired(an_alert()))
    office.comes_back()
    assert [message.kind for message in office.arrived] == [*[MessageKind.FIRING, MessageKind.RESOLVED] * 3, MessageKind.FIRING]


def test_a_mail_tells_the_incidents_before_with_what_fires_now() -> None:
    office = Office(MAIL)
    office.goes_down_while_it_fires(2)
    office.office.happen(office.office.fired(an_alert()))
    office.comes_back()
    assert titles(office.arrived) == ["[WARNING] PoolFull on orders", "[RESOLVED] PoolFull on orders", "[WARNING] PoolFull on orders"]
    body = office.arrived[-1].body
    assert "Firing (1)" in body
    assert "Over (2)" in body
    assert body.count("for 8s, until 20") == 2, body


def test_alertmanager_hears_ends_before_what_fires_anew() -> None:
    office = Office(RELAY)
    office.goes_down_while_it_fires(1)
    begin = office.office.now
    office.office.happen(office.office.fired(an_alert()))
    office.comes_back()
    assert list(dict.fromkeys(ends(office.items))) == office.history
    standing: dict[float, bool] = {}
    for item in office.items:
        standing[item.starts_at] = item.ends_at is None
    assert list(standing) == [*(start for start, _end in office.history), begin]
    assert [start for start, fires in standing.items() if fires] == [begin]


def test_what_was_muted_is_not_told_and_what_came_before_it_is() -> None:
    office = Office(HOOK)
    office.goes_down_while_it_fires(1)
    office.office.happen(office.office.fired(an_alert(silenced_by=("s",))))
    office.office.pass_time(5)
    office.office.happen(office.office.resolved(an_alert()))
    office.incident()
    office.comes_back()
    assert ends(office.items) == office.history


def test_an_incident_that_waits_outlives_a_restart_and_the_time_that_an_end_is_shown() -> None:
    office = Office(HOOK, group_interval_seconds=5.0)
    office.goes_down_while_it_fires(1)
    name = an_alert().fingerprint
    over = office.office.alerts[name]
    office.office.restarted()
    forgotten = aged(a_rule(), over, office.office.now + HOUR)
    assert forgotten is None or forgotten.phase is Phase.INACTIVE
    office.office.alerts[name] = an_alert(phase=Phase.INACTIVE, since=None, fired_at=None)
    office.office.pass_time(HOUR, step=10)
    office.comes_back()
    assert ends(office.items) == office.history


def test_what_nobody_took_for_a_day_is_given_up_with_those_behind_it() -> None:
    office = Office(HOOK)
    office.goes_down_while_it_fires(3)
    office.office.pass_time(26 * HOUR, step=60)
    office.comes_back()
    assert ends(office.items) == []
    assert office.office.connection.execute("SELECT count(*) FROM notice_past").fetchone() == (0,)
    assert office.office.connection.execute("SELECT count(*) FROM notice_member WHERE fingerprint NOT LIKE 'channel:%'").fetchone() == (0,)


RULE = a_rule(damping=Damping(free_flips=10_000))
COURSE = st.lists(st.tuples(st.sampled_from([1, 3, 20, 400]), st.booleans(), st.sampled_from([TAKEN, TAKEN, DOWN])), max_size=20)


class Life:
    """One alert by the real rules of its life, told to a channel with outages."""

    def __init__(self, url: str) -> None:
        self.world = Office(url)
        self.alert: Alert | None = None
        self.changes: list[AlertChange] = []

    def see(self, judgement: Judgement, seconds: int) -> None:
        office = self.world.office
        for _second in range(min(seconds, 30)):
            office.now += max(1.0, seconds / 30)
            before = None if self.alert is None else aged(RULE, self.alert, office.now)
            self.alert, changes = step(RULE, before, judgement, office.now, TRAITS)
            self.changes += changes
            office.alerts = {} if self.alert is None else {self.alert.fingerprint: self.alert}
            office.tick(*changes)
            office.send()

    def go(self, course: Sequence[tuple[int, bool, Answer]]) -> None:
        self.world.office.notifier.configure(some_routes(a_channel("c", self.world_url), rules=[RULE]))
        for seconds, is_up, answer in course:
            self.world.answer = answer
            self.see(breach(Level.WARNING) if is_up else clear(), seconds)
        self.world.answer = TAKEN
        for _minute in range(60):
            self.see(clear(), 30)

    @property
    def world_url(self) -> str:
        return self.world.office.routes.channels["c"].url.reveal()

    @property
    def incidents(self) -> list[tuple[float, float]]:
        fired = [change.at for change in self.changes if change.kind is ChangeKind.FIRED]
        over = [change.at for change in self.changes if change.kind is ChangeKind.RESOLVED]
        return list(zip(fired, over, strict=True))


@settings(max_examples=40, deadline=None)
@given(COURSE)
def test_each_incident_of_the_history_is_told_to_a_webhook_and_its_end_once(course: list[tuple[int, bool, Answer]]) -> None:
    life = Life(HOOK)
    life.go(course)
    items = life.world.items
    assert ends(items) == life.incidents
    fired = Counter(item.starts_at for item in items if item.ends_at is None)
    assert set(fired) <= {begin for begin, _end in life.incidents}
    assert set(fired.values()) <= {1}
    for begin, _end in life.incidents:
        told = [item.ends_at is None for item in items if item.starts_at == begin]
        assert told in ([True, False], [False])


@settings(max_examples=40, deadline=None)
@given(COURSE)
def test_each_incident_of_the_history_is_opened_and_closed_once_at_a_pager(course: list[tuple[int, bool, Answer]]) -> None:
    life = Life(PAGER)
    life.go(course)
    assert [message.kind for message in life.world.arrived] == [MessageKind.FIRING, MessageKind.RESOLVED] * len(life.incidents)


def test_what_is_for_a_channel_whose_secret_cannot_be_had_waits_for_it() -> None:
    rule = a_rule(channels=("vault",))
    office = PostOffice(Routes({}, rules={rule.name: rule}, lacking={"vault": Level.WARNING}))
    begin = office.now
    office.happen(office.fired(an_alert()))
    office.pass_time(8)
    office.happen(office.resolved(an_alert()))
    office.pass_time(9)
    office.happen(office.fired(an_alert()))
    office.happen(office.fired(an_alert(target="quiet", level=Level.INFO)))
    assert office.pass_time(600, step=10) == []
    office.notifier.configure(some_routes(a_channel("vault", HOOK), rules=[rule]))
    items = [item for message in office.pass_time(120, step=5) for item in message.items if dict(item.labels)["target"] == "orders"]
    assert {(item.starts_at, item.ends_at) for item in items} == {(begin, begin + 8), (begin + 17, None)}


def test_a_channel_whose_secret_cannot_be_had_is_said_to_fail_until_it_can_and_loses_nothing() -> None:
    rule = a_rule(channels=("vault",))
    usable = some_routes(a_channel("vault", HOOK), rules=[rule])
    office = PostOffice(usable)
    assert len(office.happen(office.fired(an_alert()))) == 1
    office.recipient.answers["vault"] = lambda _message: DOWN
    office.happen(office.fired(an_alert(target="waits")))
    del office.recipient.answers["vault"]

    def state() -> tuple[bool, str]:
        (found,) = outbox.channel_states(office.connection, usable.channels)
        assert found.missing_since is None
        return found.failing_since is not None, found.last_answer

    office.notifier.configure(Routes({}, rules={rule.name: rule}, lacking={"vault": Level.WARNING}))
    assert office.pass_time(2 * 3600, step=60) == []
    assert state() == (True, LACKING)
    office.notifier.configure(usable)
    assert [dict(message.group_labels)["target"] for message in office.pass_time(60, step=1)] == ["waits"]
    assert state() == (False, "")


def test_a_channel_that_the_program_does_not_have_is_said_to_be_missing() -> None:
    usable = some_routes(a_channel("vault", HOOK), rules=[a_rule()])
    office = PostOffice(usable)
    office.happen(office.fired(an_alert()))
    office.notifier.configure(Routes({}, rules=usable.rules))
    office.pass_time(30)
    assert outbox.channel_states(office.connection, usable.channels)[0].missing_since is not None
    office.notifier.configure(usable)
    office.pass_time(30)
    assert outbox.channel_states(office.connection, usable.channels)[0].missing_since is None
