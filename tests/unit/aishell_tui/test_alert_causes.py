"""What may be behind an alert is read when it fires, and kept when it was read: nobody waits for the next look."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

from aishell_core.series.store import SeriesStore
from aishell_core.targets import Environment, Target, parse_location
from aishell_core.values import Ability, Event, Part, Reading, Session, TargetId, Tier
from aishell_tui.alert_feed import AlertFeed
from aishell_tui.alerting import Witness
from aishell_tui.frame import TargetView
from alerts.models import Alert, Evidence, InstanceKey, Level, Phase, Traits
from alerts.service import AlertService
from tests.alert_dashboard import Room, waiting_rule
from tests.fake_clock import FakeClock

_PATIENCE_SECONDS = 60.0
ORDERS = Target(TargetId("orders"), parse_location("postgresql://db1/orders"), Environment.STAGING)
OPEN_LONG = Session("p41", "billing", "local", "worker", state="idle in transaction", transaction_seconds=700.0)


class Known:
    """One target whose sessions can be read, and what is asked of it."""

    def __init__(self) -> None:
        self.view = TargetView(ORDERS, SeriesStore().snapshot(ORDERS.name), 1.0, abilities=Ability.SESSIONS)
        self.needed: list[TargetId] = []

    def view_of(self, target: TargetId) -> TargetView | None:
        return self.view if target == ORDERS.name else None

    def known_events(self) -> tuple[Event, ...]:
        return ()

    def emit(self, event: Event) -> None:
        raise AssertionError(event.text)

    def need(self, target: TargetId) -> None:
        self.needed.append(target)


async def eventually(condition: Callable[[], Awaitable[object]]) -> None:
    """Wait for threads, while the clock in hand stands still."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while not await condition():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.005)


async def test_what_is_behind_an_alert_is_read_when_it_fires_and_kept_when_it_was_read(tmp_path: Path) -> None:
    clock, known = FakeClock(), Known()
    room = Room(tmp_path, clock, waiting_rule())
    witnesses: list[Callable[[Alert], Evidence | None]] = []

    def opened(traits: Mapping[TargetId, Traits], saw: Callable[[Alert], Evidence | None]) -> tuple[AlertService, Witness]:
        witnesses.append(saw)
        return room.open(traits, saw)

    feed = AlertFeed(opened, clock, [ORDERS], known)
    running = asyncio.create_task(feed.run())
    try:
        feed.heard(known.view, Reading(ORDERS.name, Tier.HOT, clock.now()), 1.0)

        async def evaluates() -> bool:
            await clock.advance(0.25)
            view = feed.view()
            return view is not None and view.is_evaluator and view.evaluation.is_alive

        await eventually(evaluates)
        at = clock.now()
        alert = Alert("f" * 16, "waiters", InstanceKey(ORDERS.name), (), Phase.FIRING, Level.CRITICAL, fired_at=at, seen_at=at)
        first = witnesses[0](alert)
        assert first is not None
        assert not first.is_whole
        assert known.needed == [ORDERS.name]
        assert Part.SESSIONS in feed.demand(known.view)
        known.view = replace(known.view, sessions=(OPEN_LONG,), part_at={Part.SESSIONS: at})
        feed.heard(known.view, Reading(ORDERS.name, Tier.HOT, at), 1.0)

        async def is_kept() -> bool:
            kept = await feed.service.evidence(alert) if feed.service is not None else None
            return kept is not None and kept.is_whole and bool(kept.sessions)

        # The clock stands still: the reading alone has brought it.
        await eventually(is_kept)
    finally:
        running.cancel()
        await asyncio.wait([running])
