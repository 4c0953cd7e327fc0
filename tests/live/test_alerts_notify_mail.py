"""Sending mail to a real SMTP server, through Apprise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from alerts.models import Level
from alerts.notify import outbox
from alerts.notify.models import Channel, Fault
from alerts.notify.senders import all_senders
from tests.notices import PostOffice, a_channel, a_rule, an_alert, some_routes
from tests.servers.smtp import MailServer, mail_server


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


def mail_to(server: MailServer, options: str = "") -> Channel:
    url = f"mailto://127.0.0.1:{server.port}/?from=aishell@example.org&to=dba@example.org,duty@example.org&mode=insecure{options}"
    return a_channel("mail", url, timeout_seconds=20.0)


def office_for(channel: Channel) -> PostOffice:
    return PostOffice(some_routes(channel, rules=[a_rule()]), senders=dict(all_senders()))


def test_a_mail_has_the_title_as_its_subject_and_plain_text(server: MailServer) -> None:
    office = office_for(mail_to(server))
    office.happen(office.fired(an_alert(annotations=(("summary", "Größer als <erwartet> & so"),))))
    assert [mail["Subject"] for mail in server.mails] == ["[WARNING] PoolFull on orders"] * len(server.mails)
    assert set(server.recipients) == {"dba@example.org", "duty@example.org"}
    text = server.text(0)
    assert "Größer als <erwartet> & so" in text
    assert "Value      95%, threshold 90%" in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_mails_of_an_incident_are_one_thread_and_those_of_another_are_not(server: MailServer) -> None:
    office = office_for(mail_to(server))
    office.happen(office.fired(an_alert(target="a")), office.fired(an_alert(target="b")))
    office.now += 120
    office.happen(office.resolved(an_alert(target="a")))
    threads: dict[str, set[str]] = {}
    for mail in server.mails:
        assert mail["References"] == mail["In-Reply-To"]
        threads.setdefault(mail["References"], set()).add(mail["Subject"])
    assert sorted(map(sorted, threads.values())) == [
        ["[RESOLVED] PoolFull on a", "[WARNING] PoolFull on a"],
        ["[WARNING] PoolFull on b"],
    ]
    assert len({mail["Message-ID"] for mail in server.mails}) == len(server.mails)


def test_a_digest_of_ends_stands_in_the_threads_that_it_ends(server: MailServer) -> None:
    office = office_for(replace(mail_to(server), most_messages=9))
    targets = [f"db{number:02}" for number in range(8)]
    office.happen(*(office.fired(an_alert(target=target)) for target in targets))
    begun = {mail["References"] for mail in server.mails}
    assert len(begun) == len(targets)
    office.now += 30
    office.happen(*(office.resolved(an_alert(target=target)) for target in targets))
    (ended,) = {" ".join(mail["References"].split()) for mail in server.mails if mail["Subject"].startswith("[RESOLVED] 8 groups")}
    assert set(ended.split(" ")) == begun
    assert max(len(line) for mail in server.mails for line in mail.as_string().splitlines()) <= 998, "what a server must take"


def test_a_mail_that_the_server_puts_off_is_sent_again(server: MailServer) -> None:
    office = office_for(mail_to(server))
    server.refuses = "451 4.7.1 greylisted, come back later"
    office.happen(office.fired(an_alert()))
    assert server.mails == []
    state = outbox.channel_states(office.connection, office.routes.channels)[0]
    assert state.queued == 1
    server.refuses = ""
    office.pass_time(60)
    assert {mail["X-Aishell-Message"] for mail in server.mails} == {"m0001"}


def received_by(server: MailServer) -> dict[str, int]:
    """How many mails each recipient has."""
    return dict(Counter(server.recipients))


@pytest.mark.parametrize("refusal", ["550 5.1.1 no such user here", "451 4.7.1 greylisted, come back later"])
def test_of_several_recipients_only_those_who_were_refused_are_tried_again(server: MailServer, refusal: str) -> None:
    office = office_for(mail_to(server, "&cc=lead@example.org&bcc=log@example.org"))
    server.refused = {"dba@example.org": refusal, "log@example.org": refusal}
    office.happen(office.fired(an_alert()))
    office.pass_time(600, step=30)
    assert received_by(server) == {"duty@example.org": 1, "lead@example.org": 1}
    state = outbox.channel_states(office.connection, office.routes.channels)[0]
    assert (state.queued, state.dead, state.failing_since) == (1, 0, None), "the channel works"
    last = outbox.ledger(office.connection, limit=1)[0]
    assert not last.is_delivered
    assert "2 recipients refused" in last.answer
    assert refusal.split()[0] in last.answer
    assert "example.org" not in last.answer
    server.refused = {}
    office.pass_time(600, step=30)
    assert received_by(server) == dict.fromkeys(("dba@example.org", "duty@example.org", "lead@example.org", "log@example.org"), 1)
    state = outbox.channel_states(office.connection, office.routes.channels)[0]
    assert (state.queued, state.dead) == (0, 0)


def test_who_is_refused_keeps_no_other_from_what_comes_next_and_is_given_up_after_a_day(server: MailServer) -> None:
    office = office_for(mail_to(server))
    server.refused = {"dba@example.org": "550 5.1.1 no such user here"}
    office.happen(office.fired(an_alert()))
    office.pass_time(120, step=30)
    office.happen(office.resolved(an_alert()))
    office.pass_time(120, step=30)
    assert [mail["Subject"] for mail in server.mails] == ["[WARNING] PoolFull on orders", "[RESOLVED] PoolFull on orders"]
    assert received_by(server) == {"duty@example.org": 2}
    office.pass_time(26 * 3600, step=3600)
    state = outbox.channel_states(office.connection, office.routes.channels)[0]
    assert (state.queued, state.dead) == (0, 1), "the end that it refused; the beginning was not tried any more behind that"
    assert received_by(server) == {"duty@example.org": 2}


@pytest.mark.parametrize("is_taken_with_the_end", [True, False])
def test_who_was_put_off_gets_the_newest_mail_of_a_thread_and_none_before_it_as_the_last_word(
    server: MailServer, is_taken_with_the_end: bool
) -> None:
    office = office_for(mail_to(server))
    server.refused = {"dba@example.org": "451 4.7.1 greylisted, come back later"}
    office.happen(office.fired(an_alert()))
    if is_taken_with_the_end:
        server.refused = {}
    office.now += 4
    office.happen(office.resolved(an_alert()))
    server.refused = {}
    office.pass_time(1200, step=5)
    assert received_by(server) == {"duty@example.org": 2, "dba@example.org": 1}
    assert [mail["Subject"] for mail in server.mails if "dba@example.org" in str(mail["To"])][-1] == "[RESOLVED] PoolFull on orders"
    assert any("a later message tells of the same" in attempt.answer for attempt in outbox.ledger(office.connection))
    assert outbox.channel_states(office.connection, office.routes.channels)[0].queued == 0


def test_a_connection_that_breaks_between_two_recipients_doubles_nothing(server: MailServer) -> None:
    office = office_for(mail_to(server))
    server.gone_after = 1
    office.happen(office.fired(an_alert()))
    assert len(server.recipients) == 1
    server.gone_after = None
    office.pass_time(600, step=30)
    assert received_by(server) == {"dba@example.org": 1, "duty@example.org": 1}
    office.happen(office.resolved(an_alert()))
    office.pass_time(600, step=30)
    assert received_by(server) == {"dba@example.org": 2, "duty@example.org": 2}, "the group goes on"


def test_what_one_has_is_remembered_over_a_restart(server: MailServer) -> None:
    office = office_for(mail_to(server))
    server.refused = {"dba@example.org": "451 4.7.1 greylisted"}
    office.happen(office.fired(an_alert()))
    office.restarted()
    server.refused = {}
    office.pass_time(600, step=30)
    assert received_by(server) == {"dba@example.org": 1, "duty@example.org": 1}


def test_a_header_cannot_be_smuggled_in_by_a_name(server: MailServer) -> None:
    office = office_for(mail_to(server))
    office.happen(office.fired(an_alert(target="orders\r\nBcc: eve@example.org\r\n\r\nx", level=Level.CRITICAL)))
    assert server.mails[0]["Bcc"] is None
    assert set(server.recipients) == {"dba@example.org", "duty@example.org"}


def test_no_mail_server_is_unreachable_and_the_answer_holds_no_secret() -> None:
    with mail_server() as server:
        channel = a_channel("mail", f"mailto://ada:topsecret@127.0.0.1:{server.port}/?from=a@example.org&to=dba@example.org&mode=insecure")
    office = office_for(channel)
    office.happen(office.fired(an_alert()))
    state = outbox.channel_states(office.connection, office.routes.channels)[0]
    assert state.failing_since == office.now
    assert "topsecret" not in state.last_answer
    assert state.last_answer
    assert Fault.UNREACHABLE
