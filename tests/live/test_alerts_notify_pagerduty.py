"""PagerDuty through Apprise: its host is fixed there, so its requests are caught where they would leave."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
import requests

from alerts.models import ChangeKind, Level
from alerts.notify import outbox
from alerts.notify.senders import all_senders
from alerts.notify.trial import try_channel
from tests.notices import NOON, PostOffice, a_channel, a_rule, an_alert, some_routes


@pytest.fixture
def caught(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The URL and the body of each request."""
    found: list[tuple[str, dict[str, Any]]] = []

    def post(url: str, data: str | bytes = b"", **_options: Any) -> requests.Response:
        found.append((url, json.loads(data)))
        response = requests.Response()
        response.status_code = 202
        response.raw = BytesIO(b'{"result": "Request will be processed", "requestId": "43a29c5c"}')
        return response

    monkeypatch.setattr(requests, "post", post)
    return found


def duty_office(options: str = "") -> PostOffice:
    channel = a_channel("duty", f"pagerduty://integrationkey0123456789abcdef@apikey/aishell/databases{options}")
    return PostOffice(some_routes(channel, rules=[a_rule()]), senders=dict(all_senders()))


def test_an_incident_is_opened_made_worse_and_closed_under_one_key(caught: list[tuple[str, dict[str, Any]]]) -> None:
    office = duty_office()
    office.happen(office.fired(an_alert()))
    office.now += 120
    office.happen(office.changed(ChangeKind.LEVEL, an_alert(), level=Level.CRITICAL, value=0.99))
    office.now += 120
    office.happen(office.resolved(an_alert()))
    assert [url for url, _body in caught] == ["https://events.pagerduty.com/v2/enqueue"] * 3
    bodies = [body for _url, body in caught]
    assert [body["event_action"] for body in bodies] == ["trigger", "trigger", "resolve"]
    assert len({body["dedup_key"] for body in bodies}) == 1
    assert [body["payload"]["severity"] for body in bodies[:2]] == ["warning", "critical"]
    assert "[WARNING] PoolFull on orders" in bodies[0]["payload"]["summary"]


def test_two_groups_are_two_incidents(caught: list[tuple[str, dict[str, Any]]]) -> None:
    office = duty_office()
    office.happen(office.fired(an_alert(target="a")), office.fired(an_alert(target="b")))
    assert len({body["dedup_key"] for _url, body in caught}) == 2


def test_what_the_url_says_itself_stays(caught: list[tuple[str, dict[str, Any]]]) -> None:
    office = duty_office("?dedup=ours&action=trigger&severity=error")
    office.happen(office.fired(an_alert()))
    assert caught[0][1]["dedup_key"] == "ours"
    assert caught[0][1]["payload"]["severity"] == "error"


def test_a_trial_opens_an_incident_and_closes_it(caught: list[tuple[str, dict[str, Any]]]) -> None:
    channel = duty_office().routes.channels["duty"]
    assert try_channel(channel, all_senders(), NOON, lambda: "t1").is_delivered
    assert [body["event_action"] for _url, body in caught] == ["trigger", "resolve"]
    assert len({body["dedup_key"] for _url, body in caught}) == 1


@pytest.mark.parametrize("url", ["opsgenie://0123456789abcdef/", "jira://0123456789abcdef/"])
def test_where_nothing_can_be_closed_there_is_one_alert_for_a_group_and_the_ledger_says_that_it_stays(
    caught: list[tuple[str, dict[str, Any]]], url: str
) -> None:
    office = PostOffice(some_routes(a_channel("desk", url), rules=[a_rule()]), senders=dict(all_senders()))
    office.happen(office.fired(an_alert(level=Level.INFO)))
    office.now += 120
    office.happen(office.changed(ChangeKind.LEVEL, an_alert(), level=Level.CRITICAL, value=0.99))
    office.now += 120
    office.happen(office.resolved(an_alert()))
    assert len(caught) == 2
    assert len({body["alias"] for _url, body in caught}) == 1
    assert "[CRITICAL] PoolFull on orders" in caught[1][1]["message"]
    assert "stays open" in outbox.ledger(office.connection, limit=1)[0].answer
