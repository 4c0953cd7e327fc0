"""Sending to real HTTP receivers, through Apprise and through our own webhook: content, answers of every kind, limits."""

from __future__ import annotations

import hmac
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aishell_core.targets import Secret
from alerts.models import Evidence, Level, Step
from alerts.notify import outbox
from alerts.notify.models import Answer, Channel, Fault, Message, MessageKind
from alerts.notify.senders import all_senders
from alerts.notify.senders.apprise_service import without_secrets
from alerts.notify.senders.http import retry_after
from alerts.notify.senders.webhook import SIGNATURE
from alerts.notify.trial import try_channel
from tests.notices import NOON, PostOffice, a_channel, a_rule, an_alert, some_routes
from tests.servers.certificates import issuer
from tests.servers.receivers import DRIP, RESET, SILENCE, Receiver, Reply, http_receiver
from tests.servers.sqlite_client import eventually

TOKEN = "secrettokenwith26characters"
KINDS = ("webhook", "apprise")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as running:
        yield running


def channel_to(receiver: Receiver, kind: str = "webhook", **parts: object) -> Channel:
    url = f"webhook+http://{receiver.address}/{TOKEN}?x=1" if kind == "webhook" else f"json://{receiver.address}/{TOKEN}"
    return a_channel(kind, url, **({"timeout_seconds": 20.0} | parts))


def a_message(channel: Channel, **parts: object) -> Message:
    given: dict[str, object] = {"id": "m1", "kind": MessageKind.FIRING, "level": Level.CRITICAL, "title": "[CRITICAL] x", "body": "text"}
    known = given | {"channel": channel.name, "group": "{}", "group_labels": (), "incident": "i1", "made_at": NOON} | parts
    return Message(**known)  # type: ignore[arg-type]


def send(channel: Channel) -> Answer:
    return all_senders()[channel.kind].send(channel, a_message(channel), NOON)


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (Reply(200), Fault.NONE),
        (Reply(204, body=b""), Fault.NONE),
        (Reply(400, body=b"no such field"), Fault.REFUSED),
        (Reply(401), Fault.REFUSED),
        (Reply(404), Fault.REFUSED),
        (Reply(429), Fault.BUSY),
        (Reply(500), Fault.BUSY),
        (Reply(503), Fault.BUSY),
        (Reply(302, (("Location", "http://127.0.0.1:1/elsewhere"),)), Fault.REFUSED),
        (RESET, Fault.UNREACHABLE),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_an_answer_means(receiver: Receiver, kind: str, reply: Reply, fault: Fault) -> None:
    receiver.answer(reply)
    answer = send(channel_to(receiver, kind))
    assert answer.fault is fault, answer
    assert len(receiver.requests) == 1
    assert TOKEN not in answer.text


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_there_is_unreachable(kind: str) -> None:
    with http_receiver() as gone:
        channel = channel_to(gone, kind)
    answer = send(channel)
    assert answer.fault is Fault.UNREACHABLE
    assert TOKEN not in answer.text


@pytest.mark.parametrize(("reply", "fault"), [(SILENCE, Fault.UNREACHABLE), (DRIP, Fault.NONE)], ids=["silence", "drip"])
@pytest.mark.parametrize("kind", KINDS)
def test_nobody_waits_for_an_answer_that_does_not_end(receiver: Receiver, kind: str, reply: Reply, fault: Fault) -> None:
    """The receivers would go on for a minute or for ever; what one said before counts."""
    receiver.answer(reply)
    assert send(channel_to(receiver, kind, timeout_seconds=3.0)).fault is fault
    assert not receiver.ended.is_set()


@pytest.mark.parametrize("kind", KINDS)
def test_a_redirect_is_not_followed(receiver: Receiver, kind: str) -> None:
    with http_receiver() as elsewhere:
        receiver.answer(Reply(307, (("Location", f"http://{elsewhere.address}/stolen"),)))
        assert send(channel_to(receiver, kind)).fault is Fault.REFUSED
        assert elsewhere.requests == []


def test_not_even_a_url_that_asks_for_redirects_or_tries_gets_them(receiver: Receiver) -> None:
    with http_receiver() as elsewhere:
        receiver.answer(Reply(307, (("Location", f"http://{elsewhere.address}/stolen"),)))
        channel = a_channel("json", f"json://{receiver.address}/x?redirect=yes&retry=3&wait=0&optional=yes")
        assert send(channel).fault is Fault.REFUSED
        assert (len(receiver.requests), elsewhere.requests) == (1, [])


@pytest.mark.parametrize("kind", KINDS)
def test_the_wait_that_a_receiver_asks_for_is_heard(receiver: Receiver, kind: str) -> None:
    receiver.answer(Reply(429, (("Retry-After", "120"),)))
    assert send(channel_to(receiver, kind)).wait_seconds == 120


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after("Fri, 15 Jan 2027 08:01:40 GMT", NOON) == 100
    assert retry_after("Fri, 15 Jan 2027 07:00:00 GMT", NOON) == 0
    assert [retry_after(text, NOON) for text in (None, "soon", "-5", "1e9", "", "٣")] == [None] * 6


@pytest.mark.parametrize("kind", KINDS)
def test_a_huge_answer_is_cut(receiver: Receiver, kind: str) -> None:
    receiver.answer(Reply(400, body=b"y" * (8 << 20)))
    answer = send(channel_to(receiver, kind))
    assert answer.fault is Fault.REFUSED
    assert len(answer.text) < 10_000


def test_a_webhook_has_the_shape_of_alertmanagers_version_4(receiver: Receiver) -> None:
    office = office_for(channel_to(receiver, key=Secret("shared")))
    office.happen(office.fired(an_alert(own=(("table", "a"),), annotations=(("summary", "Full"),))), office.fired(an_alert()))
    body = receiver.requests[0].json
    assert body["version"] == "4"
    assert body["groupKey"] == '{alertname="PoolFull", target="orders"}'
    assert (body["status"], body["receiver"], body["truncatedAlerts"]) == ("firing", "webhook", 0)
    assert body["groupLabels"] == {"alertname": "PoolFull", "target": "orders"}
    assert body["commonLabels"] == {"alertname": "PoolFull", "engine": "postgres", "severity": "warning", "target": "orders"}
    assert body["notification_reason"] == "first notification"
    alert = next(each for each in body["alerts"] if each["labels"].get("table") == "a")
    assert alert["fingerprint"] == "PoolFull/orders/a"
    assert alert["annotations"] == {"runbook": "https://wiki.example/pool", "summary": "Full", "value": "0.95 ratio"}
    assert (alert["startsAt"], alert["endsAt"]) == ("2027-01-15T08:00:00.000Z", "0001-01-01T00:00:00Z")
    office.now += 60
    office.happen(office.resolved(an_alert()), office.resolved(an_alert(own=(("table", "a"),))))
    ended = receiver.requests[1].json
    assert (ended["status"], {each["status"] for each in ended["alerts"]}) == ("resolved", {"resolved"})
    assert ended["alerts"][0]["endsAt"] == "2027-01-15T08:01:00.000Z"


def test_a_webhook_is_signed_over_time_and_body(receiver: Receiver) -> None:
    office = office_for(channel_to(receiver, key=Secret("shared")))
    office.happen(office.fired(an_alert()))
    request = receiver.requests[0]
    moment, digest = (part.partition("=")[2] for part in request.headers[SIGNATURE.lower()].split(","))
    assert float(moment) == NOON
    assert hmac.compare_digest(digest, hmac.digest(b"shared", moment.encode() + b"." + request.body, "sha256").hex())
    assert request.path == f"/{TOKEN}?x=1"


def test_a_webhook_carries_the_same_idempotency_key_at_every_try(receiver: Receiver) -> None:
    office = office_for(channel_to(receiver))
    receiver.answer(Reply(500))
    office.happen(office.fired(an_alert()))
    receiver.answer(Reply(200))
    office.pass_time(30)
    assert [request.headers["idempotency-key"] for request in receiver.requests] == ["m0001", "m0001"]
    office.happen(office.resolved(an_alert()))
    assert receiver.requests[2].headers["idempotency-key"] == "m0002"


def test_a_webhooks_url_may_hold_a_login(receiver: Receiver) -> None:
    channel = a_channel("hook", f"webhook+http://ada:p%40ss@{receiver.address}/x")
    assert send(channel).is_delivered
    assert receiver.requests[0].headers["authorization"] == "Basic YWRhOnBAc3M="


def test_a_service_of_apprise_gets_title_text_and_type(receiver: Receiver) -> None:
    office = office_for(channel_to(receiver, "apprise"))
    alert = an_alert(annotations=(("summary", "Connections are nearly used up; ask dba@example.org"),))
    office.evidence[alert.fingerprint] = Evidence(alert.fingerprint, NOON, causes=("40 sessions idle in transaction, oldest 12 min",))
    office.happen(office.fired(alert))
    office.now += 120
    office.happen(office.resolved(alert))
    first, last = (request.json for request in receiver.requests)
    assert (first["title"], first["type"]) == ("[WARNING] PoolFull on orders", "warning")
    assert (last["title"], last["type"]) == ("[RESOLVED] PoolFull on orders", "success")
    text = first["message"]
    for expected in (
        "nearly used up; ask [e-mail]",
        "orders (postgres)",
        "95%, threshold 90%",
        "1. 40 sessions idle",
        "https://wiki.example/pool",
    ):
        assert expected in text
    assert "aishell sessions" in text


def test_a_digest_of_ends_alone_is_good_news_and_one_with_others_is_not(receiver: Receiver) -> None:
    channel = channel_to(receiver, "apprise")
    for level, ends in ((Level.WARNING, ()), (Level.INFO, ("i1", "i2"))):
        message = a_message(channel, kind=MessageKind.DIGEST, level=level, ends=ends)
        assert all_senders()[channel.kind].send(channel, message, NOON).is_delivered
    assert [request.json["type"] for request in receiver.requests] == ["warning", "success"]


def test_slacks_shape_goes_out_by_a_service_that_speaks_it(receiver: Receiver) -> None:
    """Mattermost takes Slack's webhooks, and its host is not fixed in Apprise."""
    token = "a" * 26
    office = office_for(a_channel("chat", f"mmost://{receiver.address}/{token}"))
    office.happen(office.fired(an_alert(annotations=(("summary", "hello <!channel> @everyone <b>"),))))
    request = receiver.requests[0]
    assert request.path == f"/hooks/{token}"
    assert "[WARNING] PoolFull on orders" in request.json["text"]
    assert "<!channel>" not in request.json["text"]
    assert "@everyone" not in request.json["text"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_receiver_that_is_down_for_an_hour_gets_everything_when_it_is_back(receiver: Receiver, kind: str) -> None:
    """The hour is the clock's; the requests are real."""
    office = office_for(channel_to(receiver, kind))
    receiver.answer(RESET)
    for name in ("a", "b"):
        office.happen(office.fired(an_alert(target=name)))
        office.pass_time(1200, step=30)
    office.happen(office.resolved(an_alert(target="b")))
    office.pass_time(1200, step=30)
    down = len(receiver.requests)
    assert down >= 10
    receiver.answer(Reply(200))
    office.pass_time(400, step=5)
    titles = [json.loads(request.body)["title"] for request in receiver.requests[down:]]
    assert sorted(titles) == ["[RESOLVED] PoolFull on b", "[WARNING] PoolFull on a", "[WARNING] PoolFull on b"]
    assert [state.queued for state in outbox.channel_states(office.connection, office.routes.channels)] == [0]


def test_a_hanging_channel_delays_no_other_one(receiver: Receiver) -> None:
    with http_receiver() as well:
        slow = a_channel("slow", f"webhook+http://{receiver.address}/x", timeout_seconds=1.0)
        fast = a_channel("fast", f"webhook+http://{well.address}/x")
        receiver.answer(SILENCE)
        office = office_for(slow, fast)
        office.happen(office.fired(an_alert()))
        assert len(well.requests) == 1
        states = {state.channel: state for state in outbox.channel_states(office.connection, office.routes.channels)}
        assert (states["slow"].queued, states["slow"].last_answer) == (1, "no answer within 1s")
        assert states["fast"].delivered_at == NOON


@pytest.mark.parametrize("scheme", ["webhook+https", "jsons"])
def test_a_certificate_is_checked_and_one_that_is_known_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    authority = issuer(tmp_path, "authority")
    with http_receiver(authority.issue("localhost", names="DNS:localhost")) as receiver:
        channel = a_channel("hook", f"{scheme}://localhost:{receiver.port}/x", timeout_seconds=20.0)
        answer = send(channel)
        assert answer.fault is Fault.UNREACHABLE
        assert answer.text.startswith("its certificate is not trusted")
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.own.certificate))
        assert send(channel).is_delivered
        assert len(receiver.requests) == 1


@pytest.mark.parametrize(("reply", "fault"), [(SILENCE, Fault.UNREACHABLE), (DRIP, Fault.NONE)], ids=["silence", "drip"])
def test_an_answer_that_does_not_end_is_cut_under_tls_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reply: Reply, fault: Fault
) -> None:
    authority = issuer(tmp_path, "authority")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.own.certificate))
    with http_receiver(authority.issue("localhost", names="DNS:localhost")) as receiver:
        receiver.answer(reply)
        answer = send(a_channel("hook", f"webhook+https://localhost:{receiver.port}/x", timeout_seconds=3.0))
        assert answer.fault is fault, answer


def test_nothing_of_a_url_is_left_in_what_a_service_says() -> None:
    said = without_secrets(
        "Failed to send to hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD with p@ssword", "slack://T1JJ3T3L2/A1BRTD4JD/p%40ssword"
    )
    assert said == "Failed to send to hooks.slack.com/services/***/*** with ***"


def test_the_words_of_an_answer_are_not_taken_for_secrets_because_an_option_is_called_so() -> None:
    said = "302 Found: it points elsewhere, and redirects are not followed; hunter22"
    assert without_secrets(said, "jsons://h/x?redirect=yes&+token=hunter22").endswith("redirects are not followed; ***")
    assert without_secrets("TOKENTOKEN", "jsons://h/x?TOKENTOKEN") == "***"


def office_for(*channels: Channel) -> PostOffice:
    rule = a_rule(runbook="https://wiki.example/pool", steps=(Step("Who holds connections?", "aishell sessions"),))
    return PostOffice(some_routes(*channels, rules=[rule]), senders=dict(all_senders()))


@pytest.mark.parametrize("kind", KINDS)
def test_a_trial_is_marked_as_a_test_and_tells_what_the_other_side_said(receiver: Receiver, kind: str) -> None:
    receiver.answer(Reply(403, body=b"who are you?"))
    answer = try_channel(channel_to(receiver, kind), all_senders(), NOON, lambda: "t1")
    assert (answer.fault, answer.text) == (Fault.REFUSED, "403 Forbidden who are you?")
    body = receiver.requests[0].json
    assert body["title"] == "[TEST] aishell can reach you"
    assert "Nothing is wrong" in body["text" if kind == "webhook" else "message"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_ends_at_once_although_a_message_is_being_sent(receiver: Receiver, kind: str) -> None:
    """The receiver says nothing for a minute, and the channel would wait for as long."""
    receiver.answer(SILENCE)
    url = channel_to(receiver, kind).url.reveal()
    program = (
        "import asyncio, sys, time\n"
        "from aishell_core.targets import Secret\n"
        "from alerts.notify.models import Channel\n"
        "from alerts.notify.senders import all_senders\n"
        "from alerts.notify.threads import in_daemon_thread\n"
        "from alerts.notify.trial import try_channel\n"
        "from alerts.notify.urls import kind_of\n"
        "channel = Channel('x', Secret(sys.argv[1]), kind_of(sys.argv[1]), timeout_seconds=600.0)\n"
        "async def main():\n"
        "    sending = in_daemon_thread(lambda: try_channel(channel, all_senders(), 0.0, lambda: 'x'), 'x')\n"
        "    task = asyncio.create_task(sending)\n"
        "    await asyncio.to_thread(sys.stdin.readline)\n"
        "    task.cancel()\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, url], stdin=subprocess.PIPE, text=True) as process:
        eventually(lambda: bool(receiver.requests))
        process.communicate("\n", timeout=50)
    assert process.returncode == 0
