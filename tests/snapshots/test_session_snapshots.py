"""Pictures of the session screens at a fixed size and moment; look at the report before updating them."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot

from aishell_core.values import TargetId, WaitCount
from aishell_tui.app import AishellApp
from aishell_tui.options import DashboardOptions
from aishell_tui.runtime import Runtime
from collectors.schedule import Schedule
from tests.fake_clock import FakeClock
from tests.scripted_sessions import NOW, UPDATE, SessionScript, scripted_sessions, server
from widgets.glyphs import ASCII, UNICODE, Glyphs

SnapCompare = Callable[..., bool]
SIZES = [(80, 24), (160, 45)]


def app_of(script: SessionScript, *, theme: str = "night", glyphs: Glyphs = UNICODE) -> AishellApp:
    """The application at a moment that stands still, with a quarter of an hour of waits behind it."""
    targets = (server("orders-eu"),)
    runtime = Runtime(
        targets,
        clock=FakeClock(NOW),
        open_collector=scripted_sessions({"orders-eu": script}),
        schedule=Schedule(hot_seconds=1.0),
        thresholds={},
        state_folder=None,
        jitter=lambda: 0.0,
    )
    history = runtime.waits(TargetId("orders-eu"))
    for second in range(-900, 0):
        if not -500 < second < -440:
            history.add(NOW + second, wave(second))
    app = AishellApp(runtime, DashboardOptions(targets=targets, theme=theme))
    app.glyphs = glyphs
    return app


def wave(second: int) -> tuple[WaitCount, ...]:
    """What is seen at one second: some work, some reading, and a lock that holds up ever more from the middle on."""
    cpu, reads = 3 + round(2 * math.sin(second / 40)), 2 + round(math.cos(second / 25))
    found = [
        WaitCount("CPU", "", cpu, "shop", "shop-web", "orders", "d1", "SELECT o.id, o.total FROM orders o WHERE o.customer_id = $1"),
        WaitCount("IO", "DataFileRead", reads, "report", "psql", "orders", "d3", "SELECT count(*) FROM events"),
        WaitCount("LWLock", "WALWrite", 1, "shop", "shop-web", "orders", "d4", "INSERT INTO events VALUES ($1)"),
    ]
    if second > -300:
        found.append(WaitCount("Lock", "transactionid", min(12, (second + 300) // 20 + 1), "shop", "shop-web", "orders", "d2", UPDATE))
    return tuple(found)


def after(*keys: str) -> Callable[[Pilot[int]], Awaitable[None]]:
    """Go to the sessions, wait until they are there, and press further keys."""

    async def run(pilot: Pilot[int]) -> None:
        app = pilot.app
        assert isinstance(app, AishellApp)
        await pilot.press("4")
        for _ in range(200):
            app.tick()
            await pilot.pause()
            if app.frame.targets[0].sessions:
                break
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        app.tick()
        await pilot.pause()

    return run


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_sessions(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    """You should see the head of the queue first and selected, statements, and the head in sentences below."""
    assert snap_compare(app_of(SessionScript()), terminal_size=size, run_before=after("j"))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_lock_tree(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    """You should see one head with five behind it in three levels."""
    assert snap_compare(app_of(SessionScript()), terminal_size=size, run_before=after("j", "t"))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_waits(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    """You should see CPU at the bottom, a gap, locks that grow at the right, and the waits below with the same signs."""
    assert snap_compare(app_of(SessionScript()), terminal_size=size, run_before=after("w"))


def test_one_session(snap_compare: SnapCompare) -> None:
    """You should see its fields, who is before and behind it, its statement and its plan."""
    assert snap_compare(app_of(SessionScript()), terminal_size=(80, 24), run_before=after("j", "j", "enter", "e"))


@pytest.mark.parametrize("keys", [("j",), ("j", "t"), ("w",)], ids=["sessions", "tree", "waits"])
def test_in_ascii_without_colours(snap_compare: SnapCompare, keys: tuple[str, ...]) -> None:
    """You should see the same in letters and figures alone."""
    app = app_of(SessionScript(), theme="mono", glyphs=ASCII)
    assert snap_compare(app, terminal_size=(80, 24), run_before=after(*keys))


def test_waits_by_day(snap_compare: SnapCompare) -> None:
    """You should be able to tell the classes apart on a light ground."""
    assert snap_compare(app_of(SessionScript(), theme="day"), terminal_size=(120, 30), run_before=after("w"))
