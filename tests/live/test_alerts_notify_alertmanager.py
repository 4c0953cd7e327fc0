"""A real Alertmanager as a receiver, which hands on to a webhook of ours; and our own webhook beside its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from alerts.models import ChangeKind, Level
from alerts.notify import outbox
from alerts.notify.models import Channel
from alerts.notify.senders import all_senders
from tests.notices import PostOffice, a_channel, a_rule, an_alert, some_routes
from tests.servers.alertmanager import AlertmanagerServer, alertmanager
from tests.servers.receivers import Receiver, http_receiver
from tests.servers.sqlite_client import eventually


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with http_receiver() as running:
        yield running


@pytest.fixture(scope="module")
def server(receiver: Receiver) -> Iterator[AlertmanagerServer]:
    with alertmanager(f"http://{receiver.address}/hook") as running:
        yield running


def office_for(*channels: Channel) -> PostOffice:
    """Its clock shows the real time, because Alertmanager's does."""
    return PostOffice(some_routes(*channels, rules=[a_rule()]), now=time.time(), senders=dict(all_senders()))


def told_of(receiver: Receiver, target: str, status: str) -> list[dict[str, Any]]:
    """What Alertmanager has handed on about a target."""
    bodies = [request.json for request in receiver.requests if request.path == "/hook"]
    return [body for body in bodies if body["groupLabels"].get("target") == target and body["status"] == status]


def test_what_fires_here_fires_there_and_what_is_over_is_over(server: AlertmanagerServer, receiver: Receiver) -> None:
    office = office_for(a_channel("am", server.url, timeout_seconds=20.0))
    alert = an_alert(target="begin-and-end", annotations=(("summary", "Full"),))
    office.happen(office.fired(alert))
    eventually(lambda: bool(told_of(receiver, "begin-and-end", "firing")))
    told = told_of(receiver, "begin-and-end", "firing")[0]["alerts"][0]
    assert told["labels"] == {"alertname": "PoolFull", "engine": "postgres", "severity": "warning", "target": "begin-and-end"}
    assert told["annotations"]["summary"] == "Full"
    office.now = time.time()
    office.tick(office.resolved(alert))
    office.pass_time(10)
    eventually(lambda: bool(told_of(receiver, "begin-and-end", "resolved")))
    assert [state.queued for state in outbox.channel_states(office.connection, office.routes.channels)] == [0]


def test_a_change_of_level_is_one_alert_there_too_and_nothing_is_left_of_it_after_its_end(server: AlertmanagerServer) -> None:
    def active() -> list[str]:
        return sorted(alert["labels"]["severity"] for alert in server.alerts() if alert["labels"]["target"] == "level")

    # A clock that runs a minute late, because Alertmanager takes no end that lies ahead of its own.
    office = office_for(a_channel("am", server.url, timeout_seconds=20.0))
    office.now -= 60
    alert = an_alert(target="level")
    office.happen(office.fired(alert))
    assert active() == ["warning"]
    office.now += 10
    labels = tuple(sorted((dict(alert.labels) | {"severity": "critical"}).items()))
    office.happen(office.changed(ChangeKind.LEVEL, alert, level=Level.CRITICAL, labels=labels))
    eventually(lambda: active() == ["critical"])
    office.now += 10
    office.happen(office.resolved(alert))
    eventually(lambda: active() == [])


def test_what_goes_on_firing_is_told_again_before_alertmanager_forgets_it(server: AlertmanagerServer) -> None:
    office = office_for(a_channel("am", server.url, timeout_seconds=20.0))
    office.happen(office.fired(an_alert(target="goes-on")))
    ends: list[str] = []
    for minute in range(1, 4):
        found = [alert for alert in server.alerts() if alert["labels"]["target"] == "goes-on"]
        ends.append(found[0]["endsAt"])
        office.pass_time(61)
        assert len(outbox.ledger(office.connection)) == 1 + minute
    assert ends == sorted(set(ends))


def test_names_that_alertmanager_would_refuse_are_made_fit(server: AlertmanagerServer) -> None:
    office = office_for(a_channel("am", server.url, timeout_seconds=20.0))
    odd = an_alert(target="odd-names", own=(("my-label.x", "v"), ("1st", 'quote"\\'), ("empty", "")), level=Level.CRITICAL)
    office.happen(office.fired(odd))
    found = [alert for alert in server.alerts() if alert["labels"]["target"] == "odd-names"]
    assert found[0]["labels"]["my_label_x"] == "v"
    assert found[0]["labels"]["_1st"] == 'quote"\\'
    assert outbox.ledger(office.connection)[0].is_delivered


def test_a_thousand_alerts_arrive(server: AlertmanagerServer) -> None:
    office = office_for(a_channel("am", server.url, timeout_seconds=60.0))
    office.happen(*(office.fired(an_alert(target=f"many-{number}")) for number in range(1200)))
    assert [each.is_delivered for each in outbox.ledger(office.connection)] == [True]
    found = [alert for alert in server.alerts() if alert["labels"]["target"].startswith("many-")]
    assert len(found) == 1200


def test_our_webhook_has_every_field_that_alertmanagers_own_has(server: AlertmanagerServer, receiver: Receiver) -> None:
    own = a_channel("hook", f"webhook+http://{receiver.address}/ours", timeout_seconds=20.0)
    office = office_for(a_channel("am", server.url, timeout_seconds=20.0), own)
    office.happen(office.fired(an_alert(target="side-by-side")))
    eventually(lambda: bool(told_of(receiver, "side-by-side", "firing")))
    theirs = told_of(receiver, "side-by-side", "firing")[0]
    ours = next(request.json for request in receiver.requests if request.path == "/ours")
    assert theirs.keys() <= ours.keys()
    assert theirs["alerts"][0].keys() <= ours["alerts"][0].keys()
    for name in ("version", "status", "groupLabels", "commonLabels"):
        assert ours[name] == theirs[name]
    for name in ("status", "labels", "endsAt"):
        assert ours["alerts"][0][name] == theirs["alerts"][0][name]
