"""All of it at its own pace: a breach goes from a reading through the service to real receivers, and so does its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aishell_core.clock import SystemClock
from alerts.models import Alert, Evidence
from alerts.notify.models import Channel, Routes
from alerts.notify.notifier import Notifier
from alerts.notify.senders import all_senders
from alerts.rules.book import RuleBook, Settings
from alerts.service import AlertService
from tests.alert_service import Books, traits_of, usage, usage_rule
from tests.notices import a_channel
from tests.servers.receivers import SILENCE, Receiver, Reply, http_receiver

_SECONDS = 120.0


@asynccontextmanager
async def a_service(folder: Path, *channels: Channel) -> AsyncIterator[AlertService]:
    """A service that runs by the machine's own clock and tells these channels."""
    clock = SystemClock()
    names = tuple(channel.name for channel in channels)
    settings = Settings(default_channels=names, channels={channel.name: channel for channel in channels})
    service = AlertService(
        folder,
        rules=Books(RuleBook((usage_rule(),), settings=settings)),
        clock=clock,
        traits=lambda: traits_of("orders"),
        make_teller=lambda transact, may_tell: Notifier(
            settings_routes(settings), transact, senders=all_senders(), clock=clock, may_send=may_tell
        ),
        evidence=causes_of,
    )
    running = asyncio.create_task(service.run())
    try:
        yield service
    finally:
        running.cancel()
        await asyncio.wait([running])


def settings_routes(settings: Settings) -> Routes:
    return RuleBook(settings=settings).routes


def causes_of(alert: Alert) -> Evidence:
    return Evidence(alert.fingerprint, alert.evidence_at or 0.0, causes=("40 sessions idle in transaction",))


async def observing(service: AlertService, value: float, is_so: Callable[[], bool]) -> None:
    """Bring readings of a value until something is so."""
    until = time.monotonic() + _SECONDS
    while not is_so():
        assert time.monotonic() < until, service.view()
        service.observe(usage(value, time.time()), 1.0)
        await asyncio.sleep(0.1)


async def test_a_breach_and_its_end_reach_a_webhook_and_a_service_of_apprise(tmp_path: Path) -> None:
    with http_receiver() as hook, http_receiver() as chat:
        channels = (a_channel("hook", f"webhook+http://{hook.address}/x"), a_channel("chat", f"json://{chat.address}/x"))
        async with a_service(tmp_path, *channels) as service:
            await observing(service, 0.5, lambda: service.view().is_evaluator)
            await observing(service, 0.97, lambda: bool(hook.requests and chat.requests))
            assert "1. 40 sessions idle in transaction" in chat.requests[0].json["message"]
            await observing(service, 0.2, lambda: len(hook.requests) > 1 and len(chat.requests) > 1)
    told = {request.headers["idempotency-key"]: request.json["status"] for request in hook.requests}
    assert list(told.values()) == ["firing", "resolved"]
    assert list(dict.fromkeys(request.json["type"] for request in chat.requests)) == ["warning", "success"]


async def test_a_receiver_that_hangs_or_fails_delays_no_other_one(tmp_path: Path) -> None:
    with http_receiver() as hanging, http_receiver() as failing, http_receiver() as well:
        hanging.answer(SILENCE)
        failing.answer(Reply(500))
        channels = [a_channel(name, f"webhook+http://{each.address}/x") for name, each in named(hanging, failing, well).items()]
        async with a_service(tmp_path, *channels) as service:
            await observing(service, 0.97, lambda: len(well.requests) == 1)
            await observing(service, 0.2, lambda: len(well.requests) == 2)
            failing.answer(Reply(200))
            await observing(service, 0.2, lambda: [request.json["status"] for request in failing.requests][-1:] == ["resolved"])


def named(*receivers: Receiver) -> dict[str, Receiver]:
    return {f"channel{number}": receiver for number, receiver in enumerate(receivers)}
