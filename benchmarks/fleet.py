"""What 500 targets cost: `python -m benchmarks.fleet`.

All of them are read every 5 seconds by real pollers into the real series store; only the servers are not real.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from aishell_core.clock import SystemClock
from aishell_core.series.store import SeriesStore
from aishell_core.values import Reading, Tier
from benchmarks.fake_fleet import FakeFleet, fake_targets
from benchmarks.report import Section, bounded, machine, render
from collectors.contract import EVERYTHING
from collectors.poller import Poller
from collectors.schedule import Schedule

TARGETS = 500
INTERVAL_SECONDS = 5.0
BAR_CPU_RATIO = 0.50
_WARM_UP_SECONDS = 7.0
_MEASURED_SECONDS = 30.0
_LATENCY_STEP_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class FleetCost:
    """What was measured: share of one core, of which the fakes' own share, readings per second, and the loop's worst pause."""

    cpu_ratio: float
    fakes_ratio: float
    readings_per_second: float
    longest_pause_seconds: float


class _Counter:
    """Hands readings on to the store and counts them."""

    def __init__(self, store: SeriesStore) -> None:
        self._store = store
        self.readings = 0

    def publish(self, reading: Reading, interval_seconds: float) -> None:
        self.readings += 1
        self._store.add(reading, interval_seconds)
        self._store.snapshot(reading.target)


async def measure(count: int = TARGETS, seconds: float = _MEASURED_SECONDS, warm_up_seconds: float = _WARM_UP_SECONDS) -> FleetCost:
    """Run a fleet for a while and say what it cost after everything had started."""
    clock, fleet, counter = SystemClock(), FakeFleet(), _Counter(SeriesStore())
    schedule = Schedule(hot_seconds=INTERVAL_SECONDS)
    tasks = [
        asyncio.create_task(
            Poller(
                target,
                partial(fleet.open, target, clock),
                counter.publish,
                schedule=schedule,
                clock=clock,
                demand=lambda: EVERYTHING,
            ).run()
        )
        for target in fake_targets(count)
    ]
    await asyncio.sleep(warm_up_seconds)
    gc.collect()
    before, cpu, began = counter.readings, time.process_time(), time.perf_counter()
    pause = await _longest_pause(seconds)
    cpu, elapsed, readings = time.process_time() - cpu, time.perf_counter() - began, counter.readings - before
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return FleetCost(cpu / elapsed, _cost_of_fakes(readings) / elapsed, readings / elapsed, pause)


async def _longest_pause(seconds: float) -> float:
    """For how long at most the event loop did not come back to somebody who asked every 20 ms; that is a key's wait."""
    longest, end = 0.0, time.perf_counter() + seconds
    while (asked := time.perf_counter()) < end:
        await asyncio.sleep(_LATENCY_STEP_SECONDS)
        longest = max(longest, time.perf_counter() - asked - _LATENCY_STEP_SECONDS)
    return longest


def _cost_of_fakes(readings: int) -> float:
    """CPU seconds that making so many readings takes; aishell does not pay for these."""
    collector = FakeFleet().make(fake_targets(1)[0], SystemClock())
    began = time.process_time()
    for _ in range(readings):
        collector.reading(Tier.HOT, 0.01)
    return time.process_time() - began


def fleet_section(cost: FleetCost) -> Section:
    """The measurement as a table."""
    figure = bounded(
        f"{TARGETS} targets at {INTERVAL_SECONDS:.0f} s, no screen, CPU of one core", cost.cpu_ratio * 100, BAR_CPU_RATIO * 100, "%"
    )
    notes = (
        f"{cost.readings_per_second:.0f} readings/s of 40 samples and 20 sessions; making them up is {cost.fakes_ratio:.1%} of the above",
        f"the event loop's longest pause was {cost.longest_pause_seconds * 1000:.0f} ms",
    )
    return Section("Pollers and series of a fleet", "python -m benchmarks.fleet", (figure,), notes)


def main() -> int:
    """Print the table; exit code 1 when the bar is not reached."""
    section = fleet_section(asyncio.run(measure()))
    print(render((section,), machine(), datetime.now(UTC).date().isoformat()))
    return 0 if all(figure.reached for figure in section.figures) else 1


if __name__ == "__main__":
    sys.exit(main())
