"""A dashboard that runs for days must not grow."""

from __future__ import annotations

import gc
from pathlib import Path

from aishell_core.processes import own_memory_bytes
from aishell_core.targets import Location, Target
from aishell_core.values import TargetId
from aishell_tui.app import AishellApp
from aishell_tui.options import DashboardOptions
from aishell_tui.runtime import Runtime
from collectors.schedule import Schedule
from tests.fake_clock import FakeClock
from tests.scripted import Script, scripted

FRAMES = 10_000
WARM_FRAMES = 2_000
GROWTH_BYTES = 6 * 2**20


async def test_ten_thousand_frames_do_not_grow_the_memory() -> None:
    """Each frame is a second later, is read anew, and is drawn on one screen after the other."""
    target = Target(TargetId("a.db"), Location("sqlite", path=Path("/srv/a.db")))
    clock, options = FakeClock(), DashboardOptions(targets=(target,))
    runtime = Runtime(
        options.targets,
        clock=clock,
        open_collector=scripted({"a.db": Script()}),
        schedule=Schedule(),
        thresholds={},
        state_folder=None,
        jitter=lambda: 0.0,
    )
    app = AishellApp(runtime, options)
    memory = {}
    async with app.run_test(size=(80, 24)) as pilot:
        for frame in range(FRAMES + 1):
            await clock.advance(1.0)
            if frame % 100 == 0:
                app.go(("fleet", "health", "queries", "events")[frame // 100 % 4])
                await pilot.pause()
            app.tick()
            if frame in {WARM_FRAMES, FRAMES}:
                gc.collect()
                memory[frame] = own_memory_bytes()
    assert memory[FRAMES] - memory[WARM_FRAMES] < GROWTH_BYTES, memory
