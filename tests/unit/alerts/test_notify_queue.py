"""The queue: receivers that fail, are busy, come back or never do; crashes between any two steps; the ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

import pytest

from aishell_core.errors import StateError
from alerts.models import Level
from alerts.notify import outbox
from alerts.notify.backoff import LONGEST_ASKED_SECONDS, MOST_SECONDS, wait_seconds
from alerts.notify.delivery import UNDELIVERED
from alerts.notify.group_rows import own_alerts
from alerts.notify.models import Answer, Fault, Message
from alerts.notify.removed import REMOVED
from tests.notices import TAKEN, PostOffice, a_channel, a_rule, an_alert, some_routes, titles

HOUR = 3600.0
DOWN = Answer(Fault.UNREACHABLE, "ConnectionRefusedError: [Errno 111] Connection refused")


def always(answer: Answer) -> Callable[[Message], Answer]:
    return lambda _message: answer


def test_the_wait_doubles_up_to_five_minutes_and_half_of_it_is_chance() -> None:
    assert [wait_seconds(failures, 1.0) for failures in range(1, 9)] == [5, 10, 20, 40, 80, 160, 300, 300]
    assert wait_seconds(3, 0.0) == 10
    assert wait_seconds(10_000, 1.0) == MOST_SECONDS


def test_the_wait_is_never_shorter_than_the_receiver_asked_for_nor_endless() -> None:
    assert wait_seconds(1, 0.0, 90.0) == 90.0
    assert wait_seconds(9, 1.0, 1.0) == MOST_SECONDS
    assert wait_seconds(1, 0.0, 1e12) == LONGEST_ASKED_SECONDS


def test_a_receiver_that_was_down_for_an_hour_is_told_everything_once_it_is_back() -> None:
    """Also of the alert that came and went in between: nothing is lost, and nothing is doubled."""
    office = PostOffice(some_routes(a_channel(), a_channel("mail"), rules=[a_rule()]))
    office.recipient.answers["slack"] = always(DOWN)
    office.happen(office.fired(an_alert(target="a")))
    office.pass_time(600, step=5)
    office.happen(office.fired(an_alert(target="b")), office.fired(an_alert(target="c")))
    office.pass_time(600, step=5)
    office.happen(office.resolved(an_alert(target="c")))
    office.pass_time(2400, step=5)
    tried = len(office.recipient.received("slack"))
    assert 12 <= tried <= 40
    office.recipient.answers.clear()
    back = [message for message in office.pass_time(600, step=5) if message.channel == "slack"]
    assert sorted(titles(back)) == [
        "[RESOLVED] PoolFull on c",
        "[WARNING] PoolFull on a",
        "[WARNING] PoolFull on b",
        "[WARNING] PoolFull on c",
    ]
    assert titles(office.recipient.received("mail")).count("[WARNING] PoolFull on c") == 1


def test_a_try_that_is_made_again_has_the_same_id_and_text() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.recipient.answers["slack"] = always(DOWN)
    office.happen(office.fired(an_alert()))
    office.pass_time(100, step=5)
    received = office.recipient.received()
    assert len(received) > 3
    assert len(set(received)) == 1
    hook = PostOffice(some_routes(a_channel("hook", "webhook+http://h.example/x"), rules=[a_rule()]))
    hook.recipient.answers["hook"] = always(DOWN)
    hook.happen(hook.fired(an_alert()))
    hook.pass_time(600, step=5)
    assert len(set(hook.recipient.received())) == 1


def test_a_message_that_was_held_up_says_when_it_was_written() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.recipient.answers["slack"] = lambda _message: Answer(Fault.UNREACHABLE, "gone")
    office.happen(office.fired(an_alert()))
    assert not office.recipient.received()[0].body.startswith("Written")
    office.pass_time(960, step=5)
    del office.recipient.answers["slack"]
    office.pass_time(400, step=5)
    late = office.recipient.received()[-1]
    assert late.body.startswith("Written at 2027-01-15 08:00:00 UTC and held up for ")
    assert late.id == office.recipient.received()[0].id


def test_a_slow_channel_is_probed_with_one_message_at_a_time() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.recipient.answers["slack"] = always(DOWN)
    office.happen(*(office.fired(an_alert(target=f"db{number}")) for number in range(10)))
    assert len(office.recipient.tries) == 1
    office.pass_time(20, step=1)
    assert len(office.recipient.tries) == 3


def test_a_receiver_is_left_alone_for_as_long_as_it_asks() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.recipient.answers["slack"] = always(Answer(Fault.BUSY, "429 Too Many Requests", 600.0))
    office.happen(office.fired(an_alert(target="a")))
    office.recipient.answers.clear()
    assert office.happen(office.fired(an_alert(target="b"))) == []
    assert office.pass_time(590, step=5) == []
    assert len(office.pass_time(20, step=5)) == 2


def test_a_message_that_is_refused_keeps_no_other_one_back() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.recipient.answers["slack"] = lambda message: Answer(Fault.REFUSED, "400 Bad Request") if "on a" in message.title else TAKEN
    office.happen(office.fired(an_alert(target="a")), office.fired(an_alert(target="b")))
    state = outbox.channel_states(office.connection, office.routes.channels)
    assert [(each.queued, each.last_answer) for each in state] in ([(1, "400 Bad Request")], [(1, "")])
    assert "[WARNING] PoolFull on b" in titles(office.recipient.received())


def test_what_a_channel_has_not_taken_for_a_day_raises_an_alert_through_the_others() -> None:
    rule = a_rule(channels=("slack",))
    office = PostOffice(some_routes(a_channel(), a_channel("mail"), a_channel("ops"), rules=[rule], default_channels=("mail",)))
    office.recipient.answers["slack"] = always(DOWN)
    office.happen(office.fired(an_alert()))
    office.pass_time(86_000, step=60)
    assert own_alerts(office.connection) == ()
    assert not any(UNDELIVERED in message.title for message in office.recipient.received())
    sent = office.pass_time(1200, step=20)
    alarms = [message for message in sent if UNDELIVERED in message.title]
    title = f"[CRITICAL] {UNDELIVERED} on channel slack"
    assert [(message.channel, message.title) for message in alarms] == [("mail", title), ("ops", title)]
    assert [(alert.rule, alert.key.target) for alert in own_alerts(office.connection)] == [(UNDELIVERED, "channel slack")]
    body = " ".join(alarms[0].body.split())
    assert "Connection refused" in body
    assert "has not taken a message for a day, which is given up: [WARNING] PoolFull on orders." in body
    assert "aishell alerts channels" in body
    states = {state.channel: state for state in outbox.channel_states(office.connection, office.routes.channels)}
    assert (states["slack"].dead, states["mail"].dead) == (1, 0)


def test_a_channel_that_takes_messages_again_ends_that_alert_and_hears_of_what_still_fires() -> None:
    office = PostOffice(some_routes(a_channel(), a_channel("mail"), rules=[a_rule()]))
    office.recipient.answers["slack"] = always(DOWN)
    office.happen(office.fired(an_alert()))
    office.pass_time(90_000, step=60)
    office.recipient.answers.clear()
    sent = office.pass_time(900, step=5)
    assert [message.title for message in sent if message.channel == "slack"] == ["[WARNING] PoolFull on orders"]
    assert f"[RESOLVED] {UNDELIVERED} on channel slack" in [message.title for message in sent if message.channel == "mail"]
    assert own_alerts(office.connection) == ()


def test_a_machine_that_slept_for_two_days_gives_nothing_up_at_its_first_failure() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.tick(office.fired(an_alert()))
    office.now += 2 * 86_400
    office.recipient.answers["slack"] = always(DOWN)
    office.send()
    assert outbox.channel_states(office.connection, office.routes.channels)[0].dead == 0


def test_what_was_being_sent_when_its_sender_died_is_sent_again_under_the_same_id() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.tick(office.fired(an_alert()))
    taken = office.write(lambda connection: outbox.take(connection, ["slack"], office.now))
    assert [each.message.id for each in taken["slack"]] == ["m0001"]
    office.restarted()
    assert office.send() == []
    office.write(lambda connection: outbox.release_claims(connection, office.now))
    assert [message.id for message in office.send()] == ["m0001"]


def test_without_a_word_of_its_death_a_claim_ends_by_itself() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.tick(office.fired(an_alert()))
    office.write(lambda connection: outbox.take(connection, ["slack"], office.now))
    office.now += outbox.CLAIM_SECONDS
    assert len(office.send()) == 1


@pytest.mark.parametrize("step", range(1, 19))
def test_a_crash_at_any_step_loses_nothing_and_tells_nothing_under_another_id(step: int) -> None:
    """Evaluation, sending and the end of the alert are 18 steps; whoever comes after the crash has nothing but the database."""
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    crash = CrashAt(step)
    office.fault = crash
    for change in (office.fired, office.resolved):
        before = dict(office.alerts)
        while not survived(office, lambda change=change: office.tick(change(an_alert()))):  # type: ignore[misc]
            office.alerts = before
        survived(office, office.send)
    office.pass_time(10)
    assert crash.happened
    told = list(dict.fromkeys(office.recipient.received()))
    assert titles(told) == ["[WARNING] PoolFull on orders", "[RESOLVED] PoolFull on orders"]


class CrashError(Exception):
    """The process ends here."""


class CrashAt:
    """Ends the process at the n-th step, once."""

    def __init__(self, step: int) -> None:
        self._left = step
        self.happened = False

    def __call__(self, step: str) -> None:
        self._left -= 1
        if self._left == 0:
            self.happened = True
            raise CrashError(step)


def survived(office: PostOffice, work: Callable[[], object]) -> bool:
    """Do it, and if the process ended in it, begin another one; whether it was done or was written down all the same."""
    try:
        work()
    except CrashError as crash:
        office.restarted()
        office.write(lambda connection: outbox.release_claims(connection, office.now))
        return str(crash) == "committed"
    return True


def test_a_process_that_may_not_send_any_more_sends_nothing() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]), may_send=lambda: False)
    office.tick(office.fired(an_alert()))
    assert office.send() == []


def test_a_service_that_breaks_silences_no_other_channel() -> None:
    def broken(_message: Message) -> Answer:
        raise KeyError("secret")

    office = PostOffice(some_routes(a_channel(), a_channel("mail"), rules=[a_rule()]))
    office.recipient.answers["slack"] = broken
    assert [message.channel for message in office.happen(office.fired(an_alert()))] == ["mail"]
    states = {state.channel: state for state in outbox.channel_states(office.connection, office.routes.channels)}
    assert (states["slack"].queued, states["slack"].last_answer) == (1, "its service failed: KeyError")


def test_a_channel_that_is_gone_from_the_configuration_for_a_while_loses_nothing() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.tick(office.fired(an_alert()))
    office.notifier.configure(some_routes(rules=[a_rule()]))
    assert office.pass_time(600, step=5) == []
    office.notifier.configure(office.routes)
    assert titles(office.pass_time(120, step=5)) == ["[WARNING] PoolFull on orders"]


def test_the_ledger_knows_every_try_and_its_alerts() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.recipient.answers["slack"] = always(DOWN)
    alert = an_alert()
    office.happen(office.fired(alert))
    office.recipient.answers.clear()
    office.pass_time(10)
    tries = outbox.ledger(office.connection, alert.fingerprint)
    assert [(each.is_delivered, each.answer, each.fingerprints) for each in tries] == [
        (True, "200 OK", (alert.fingerprint,)),
        (False, DOWN.text, (alert.fingerprint,)),
    ]
    assert outbox.ledger(office.connection, "another") == ()
    assert len(outbox.ledger(office.connection)) == 2


def test_the_ledger_is_kept_for_thirty_days() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.happen(office.fired(an_alert()))
    office.now += 31 * 86_400
    office.tick()
    assert outbox.ledger(office.connection) == ()
    assert office.connection.execute("SELECT count(*) FROM notice_message").fetchone() == (1,)


def test_what_a_receiver_says_is_cut_and_holds_no_personal_data() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.recipient.answers["slack"] = always(Answer(Fault.REFUSED, "550 ada@example.org unknown\n\x1b[2J" + 500 * "x"))
    office.happen(office.fired(an_alert()))
    answer = outbox.ledger(office.connection)[0].answer
    assert answer.startswith("550 [e-mail] unknown [2Jxxx")
    assert len(answer) == 200


def test_the_urgent_go_first() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    levels = {"a": Level.INFO, "b": Level.CRITICAL, "c": Level.WARNING}
    sent = office.happen(*(office.fired(an_alert(target=name, level=level)) for name, level in levels.items()))
    assert [message.level for message in sent] == [Level.CRITICAL, Level.WARNING, Level.INFO]


def test_names_with_bytes_that_are_no_text_are_told_as_harmless_text() -> None:
    odd = an_alert(target="a\udcffb", own=(("table", "x\udc80\x1b[31m[red]"),))
    office = PostOffice(some_routes(a_channel(), a_channel("hook", "webhook+https://h.example/x"), rules=[a_rule(group_by=("...",))]))
    sent = office.happen(office.fired(odd))
    assert len(sent) == 2
    for message in sent:
        message.title.encode()
        message.body.encode()
        assert "\x1b" not in message.body


async def test_sending_goes_on_after_the_state_database_could_not_be_written() -> None:
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]))
    office.tick(office.fired(an_alert()))
    begun: list[str] = []

    def full(step: str) -> None:
        if step == "begin":
            begun.append(step)
            if 2 <= len(begun) <= 4:
                raise StateError("the disk is full")

    office.fault = full
    running = asyncio.create_task(office.notifier.run())
    try:
        await passing_until(office, lambda: bool(office.recipient.tries) or running.done())
    finally:
        running.cancel()
    assert titles(office.recipient.received()) == ["[WARNING] PoolFull on orders"]
    assert len(begun) > 4


async def test_sending_ends_when_another_process_tells_by_now() -> None:
    may_send = [True]
    office = PostOffice(some_routes(a_channel(), rules=[a_rule()]), may_send=lambda: may_send[0])
    running = asyncio.create_task(office.notifier.run())
    await passing_until(office, lambda: office.notifier.trouble == "" and office.begun > 1)

    def lost(_step: str) -> None:
        raise StateError("another aishell evaluates the alerts by now")

    office.fault = lost
    may_send[0] = False
    await passing_until(office, running.done)
    with pytest.raises(StateError, match="another aishell"):
        await running


async def passing_until(office: PostOffice, is_so: Callable[[], bool]) -> None:
    """Let the office's time pass until something is so."""
    until = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < until, "it never came to that"
        office.now += 1
        await asyncio.sleep(0.005)


def a_channel_that_was_given_up() -> PostOffice:
    """Two days of a channel that takes nothing, beside one that takes everything."""
    office = PostOffice(some_routes(a_channel("old"), a_channel("mail"), rules=[a_rule()]))
    office.recipient.answers["old"] = always(DOWN)
    office.happen(office.fired(an_alert()))
    office.pass_time(25 * HOUR, step=300)
    office.happen(office.fired(an_alert(target="b")))
    assert [alert.rule for alert in own_alerts(office.connection)] == [UNDELIVERED]
    assert queued(office, "old") > 0
    return office


def queued(office: PostOffice, channel: str) -> int:
    states = outbox.channel_states(office.connection, office.routes.channels)
    return next(state.queued for state in states if state.channel == channel)


def test_the_alarm_about_a_channel_that_was_removed_ends_and_its_messages_are_given_up_with_a_note() -> None:
    office = a_channel_that_was_given_up()
    office.notifier.configure(some_routes(a_channel("mail"), rules=[a_rule()]))
    told = office.pass_time(180, step=10)
    assert own_alerts(office.connection) == ()
    assert "[RESOLVED] NotificationsUndelivered on channel old" in titles([each for each in told if each.channel == "mail"])
    assert queued(office, "old") > 0, "it may be missing because its configuration is broken"
    office.pass_time(HOUR, step=60)
    assert queued(office, "old") == 0
    assert {each.answer for each in outbox.ledger(office.connection, limit=1000) if each.channel == "old"} >= {REMOVED}


def test_a_channel_that_another_program_still_has_is_not_taken_for_removed() -> None:
    office = a_channel_that_was_given_up()
    here, there = office.notifier, office.restarted()
    here.configure(some_routes(a_channel("mail"), rules=[a_rule()]))
    for _ in range(400):
        office.now += 12
        for notifier in (here, there):
            office.write(partial(notifier.queue, changes=(), alerts=office.alerts, now=office.now))
    assert [alert.rule for alert in own_alerts(office.connection)] == [UNDELIVERED]
    assert queued(office, "old") > 0


def test_a_channel_that_comes_back_has_what_still_fires_told_anew() -> None:
    office = a_channel_that_was_given_up()
    routes = office.notifier.routes
    office.notifier.configure(some_routes(a_channel("mail"), rules=[a_rule()]))
    office.pass_time(2 * HOUR, step=60)
    office.recipient.answers.clear()
    office.notifier.configure(routes)
    told = office.pass_time(600, step=10)
    assert sorted(titles([each for each in told if each.channel == "old"])) == ["[WARNING] PoolFull on b", "[WARNING] PoolFull on orders"]
