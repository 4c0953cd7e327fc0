"""The fakes that measurements stand on answer like servers, in size and in time."""

from __future__ import annotations

import asyncio

from aishell_core.clock import SystemClock
from aishell_core.values import Kind, Tier
from benchmarks.fake_fleet import SAMPLES_PER_READING, SESSIONS_PER_READING, FakeFleet, fake_targets
from benchmarks.fleet import measure
from collectors.contract import EVERYTHING


async def test_a_fake_answers_with_a_readings_usual_size_and_counters_that_rise() -> None:
    fleet, (target,) = FakeFleet(), fake_targets(1)
    collector = fleet.open(target, SystemClock())
    first, second = [await collector.collect(Tier.HOT, EVERYTHING) for _ in range(2)]
    assert len(first.samples) == len({(sample.metric.name, sample.labels) for sample in first.samples}) == SAMPLES_PER_READING
    assert first.sessions is not None
    assert len(first.sessions) == SESSIONS_PER_READING
    pairs = list(zip(first.samples, second.samples, strict=True))
    assert all(after.value >= before.value for before, after in pairs if before.metric.kind is Kind.COUNTER)
    assert any(after.value != before.value for before, after in pairs)


async def test_one_fake_hangs_while_the_others_answer_and_answers_when_it_is_released() -> None:
    fleet, targets = FakeFleet(), fake_targets(3)
    fleet.hang(targets[1].name)
    calls = [asyncio.create_task(fleet.open(target, SystemClock()).collect(Tier.HOT, EVERYTHING)) for target in targets]
    async with asyncio.timeout(60):
        await asyncio.wait([calls[0], calls[2]])
        assert not calls[1].done()
        fleet.release(targets[1].name)
        reading = await calls[1]
    assert reading.target == targets[1].name


async def test_a_small_fleet_is_measured_and_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()
    cost = await measure(count=5, seconds=0.3, warm_up_seconds=1.2)
    assert asyncio.all_tasks() == before
    assert cost.cpu_ratio > 0
