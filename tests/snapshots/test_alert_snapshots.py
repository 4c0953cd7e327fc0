"""Pictures of the screens of alerts at a fixed size and moment; look at the report before updating them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from aishell_core.documents.problems import Problem
from aishell_core.safety.roles import Actor, Policy
from aishell_core.targets import Target
from aishell_core.values import TargetId, Unit
from aishell_tui.alerting import Witness
from aishell_tui.app import AishellApp
from aishell_tui.authority import Authority
from aishell_tui.options import DashboardOptions
from aishell_tui.runtime import Runtime
from alerts.handling import Evaluation
from alerts.models import (
    Acknowledgement,
    Alert,
    AlertChange,
    Attempt,
    ChangeKind,
    Evidence,
    Fingerprint,
    InstanceKey,
    Level,
    Matcher,
    MatchOperator,
    Phase,
    Silence,
    Traits,
)
from alerts.notify.models import ChannelState, Routes
from alerts.notify.notifier import Notifier
from alerts.ports import AlertsView
from alerts.rules.book import BrokenRule
from alerts.rules.builtin import BUILTIN_SETS
from alerts.rules.load import load_book
from alerts.service import AlertService
from collectors.schedule import Schedule
from tests.fake_clock import FakeClock
from tests.scripted_sessions import NOW, SessionScript, scripted_sessions, server
from widgets.glyphs import ASCII, UNICODE, Glyphs

SnapCompare = Callable[..., bool]
SIZES = [(80, 24), (160, 45)]
ORDERS, REPLICA = TargetId("orders-eu"), TargetId("orders-eu-r1")


def alert(rule: str, target: TargetId, level: Level, phase: Phase, summary: str, **fields: object) -> Alert:
    labels = (("alertname", rule), ("engine", "postgres"), ("environment", "production"), ("severity", str(level)), ("target", target))
    known = {"annotations": (("summary", summary),)} | fields
    return Alert(f"{rule}-{target}"[:16].ljust(16, "0"), rule, InstanceKey(target), labels, phase, level, **known)  # type: ignore[arg-type]


LOCKS = alert(
    "postgres-lock-wait",
    ORDERS,
    Level.CRITICAL,
    Phase.FIRING,
    "17 sessions of orders-eu wait for a lock",
    value=17.0,
    threshold=10.0,
    unit="count",
    since=NOW - 712,
    fired_at=NOW - 652,
    evaluated_at=NOW,
)
LAG = alert(
    "postgres-replication-lag",
    REPLICA,
    Level.WARNING,
    Phase.FIRING,
    "orders-eu-r1 is 41s behind",
    value=41.0,
    threshold=30.0,
    unit="s",
    since=NOW - 130,
    fired_at=NOW - 100,
    acknowledgement=Acknowledgement("ada", "the bulk load ends at 15:00", NOW - 60),
)
CONNECTIONS = alert(
    "postgres-connections",
    ORDERS,
    Level.WARNING,
    Phase.FIRING,
    "99% of the connections of orders-eu are used",
    value=0.99,
    threshold=0.85,
    unit="ratio",
    since=NOW - 400,
    fired_at=NOW - 340,
    silenced_by=("s1",),
)
TEMP = alert(
    "postgres-temporary-files",
    ORDERS,
    Level.WARNING,
    Phase.PENDING,
    "orders-eu writes 31 MiB/s of temporary files",
    value=32_505_856.0,
    threshold=10_485_760.0,
    unit=str(Unit.BYTES_PER_SECOND),
    since=NOW - 20,
)
OVER = alert(
    "host-disk",
    TargetId("this host"),
    Level.CRITICAL,
    Phase.RESOLVED,
    "3% of / are free",
    value=0.4,
    threshold=0.05,
    unit="ratio",
    since=NOW - 3000,
    fired_at=NOW - 2900,
    resolved_at=NOW - 300,
)
BROKEN = BrokenRule(
    "pool-full",
    (
        Problem(
            "/srv/app/.ai-shell/dashboard.yml",
            "there is no metric 'pool.usge'",
            "did you mean pool.usage?",
            12,
            17,
            '     12 |     condition: "pool.usge > 0.9"\n        |                 ^^^^^^^^^',
        ),
    ),
)
EVIDENCE = Evidence(
    LOCKS.fingerprint,
    NOW - 652,
    17.0,
    (),
    ("38% of the time just now, mean 8.1ms, digest 8f21c4aa: UPDATE orders SET status = ? WHERE id = ?",),
    ("session 4121 (billing, billing-worker), idle in transaction for 1m12s: UPDATE orders SET status = ? WHERE id = ?",),
    (
        "session 4121 (billing, billing-worker), idle in transaction for 1m12s",
        "  session 4188 (shop) waits for 58s for transactionid on orders",
    ),
    ("2026-11-21 13:50:27 UTC restart: restarted, or was replaced by another one",),
    (),
    "no backups are known",
    ("17 sessions wait behind session 4121 (billing, billing-worker), idle in transaction for 1m12s",),
)
SILENCE = Silence(
    "s1", (Matcher("alertname", MatchOperator.EQUAL, CONNECTIONS.rule),), NOW - 300, NOW + 3300, "grace", "planned test", NOW - 300
)


class Still(AlertService):
    """A service whose alerts stand still."""

    def __init__(self, shown: AlertsView) -> None:
        clock = FakeClock(NOW)
        super().__init__(
            Path("/nonexistent"),
            rules=self,
            clock=clock,
            traits=dict,
            make_teller=lambda transact, may_tell: Notifier(Routes(), transact, senders={}, clock=clock, may_send=may_tell),
            holder="db1:4711:00",
            boot="b",
        )
        self._shown = shown

    def refresh(self) -> None:
        return None

    def view(self) -> AlertsView:
        return self._shown

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def channels(self) -> tuple[ChannelState, ...]:
        return ()

    async def deliveries(self, fingerprint: Fingerprint | None = None, limit: int = 100) -> tuple[Attempt, ...]:
        told = Attempt("slack", "locks", NOW - 651, True, "200 ok", (LOCKS.fingerprint,))
        failed = Attempt("mail", "lag", NOW - 99, False, "timed out after 10s", (LAG.fingerprint,))
        return tuple(each for each in (failed, told) if fingerprint is None or fingerprint in each.fingerprints)

    async def tries(self, limit: int) -> tuple[Attempt, ...]:
        return await self.deliveries(limit=limit)

    async def evidence(self, alert: Alert) -> Evidence | None:
        return EVIDENCE if alert.fingerprint == LOCKS.fingerprint else None

    async def history(self, since: float, until: float, fingerprint: Fingerprint | None = None) -> tuple[AlertChange, ...]:
        return (AlertChange(NOW - 652, ChangeKind.FIRED, None, LOCKS),)


def view_of(*, alive: bool = True) -> AlertsView:
    book = replace(load_book([], builtin=BUILTIN_SETS), broken=(BROKEN,))
    evaluation = Evaluation("db1:4711:00", NOW, is_alive=alive)
    return AlertsView(NOW, (LOCKS, LAG, CONNECTIONS, TEMP, OVER), (SILENCE,), evaluation, alive, book)


def app_of(view: AlertsView, *, theme: str = "night", glyphs: Glyphs = UNICODE, **changes: object) -> AishellApp:
    """The application at a moment that stands still."""
    targets: tuple[Target, ...] = (server(ORDERS), server(REPLICA))
    clock = FakeClock(NOW)

    def opened(_traits: Mapping[TargetId, Traits], _saw: object) -> tuple[AlertService, Witness]:
        return Still(view), Witness()

    runtime = Runtime(
        targets,
        clock=clock,
        open_collector=scripted_sessions({ORDERS: SessionScript(), REPLICA: SessionScript()}),
        schedule=Schedule(hot_seconds=1.0),
        thresholds={},
        state_folder=None,
        jitter=lambda: 0.0,
        open_alerts=opened,
    )
    authority = Authority(Actor("ada", 1000), Policy(), Path("/nonexistent"))
    app = AishellApp(runtime, replace(DashboardOptions(targets=targets, theme=theme, authorise=lambda: authority), **changes))  # type: ignore[arg-type]
    app.glyphs = glyphs
    return app


def after(*keys: str) -> Callable[[Pilot[int]], Awaitable[None]]:
    """Wait until the alerts are there, and press keys."""

    async def run(pilot: Pilot[int]) -> None:
        app = pilot.app
        assert isinstance(app, AishellApp)
        clock = app.runtime._clock
        assert isinstance(clock, FakeClock)
        await clock.advance(1.5)
        for _ in range(500):
            app.tick()
            await pilot.pause()
            if app.frame.alerts is not None and all(view.sessions or view.last_ok_at for view in app.frame.targets):
                break
        for key in keys:
            await pilot.press(key)
            for worker in [each for each in app.workers if each.group in {"ledger", "alert"}]:
                await worker.wait()
            await pilot.pause()
        app.tick()
        await pilot.pause()

    return run


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_alerts(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    """You should see what fires with its sentence, a broken rule, a pending one, one that is over; below, the first cause."""
    assert snap_compare(app_of(view_of()), terminal_size=size, run_before=after("7", "j"))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_one_alert(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    """You should see its figures, what was seen when it fired, first steps, and who was told."""
    assert snap_compare(app_of(view_of()), terminal_size=size, run_before=after("7", "j", "enter"))


def test_a_broken_rule(snap_compare: SnapCompare) -> None:
    """You should see its place, the line with a caret, and what was meant."""
    assert snap_compare(app_of(view_of()), terminal_size=(80, 24), run_before=after("7", "j", "j", "j", "j"))


def test_nobody_evaluates(snap_compare: SnapCompare) -> None:
    """You should see a question mark in the title and a warning in the pane's heading."""
    assert snap_compare(app_of(view_of(alive=False)), terminal_size=(80, 24), run_before=after("7"))


def test_until_when(snap_compare: SnapCompare) -> None:
    """You should see four times to choose from."""
    assert snap_compare(app_of(view_of()), terminal_size=(80, 24), run_before=after("7", "j", "s"))


def test_read_only_in_ascii_without_colours(snap_compare: SnapCompare) -> None:
    """You should see the same in letters and figures alone, and no acts in the footer."""
    app = app_of(view_of(), theme="mono", glyphs=ASCII, read_only=True)
    assert snap_compare(app, terminal_size=(80, 24), run_before=after("7", "j"))
