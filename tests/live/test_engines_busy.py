"""A server that hangs is given up in time on a machine that has much else to do."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest

from aishell_core.clock import SystemClock
from aishell_core.values import FailureCode, Reading, Tier
from aishell_tui.lateness import Lateness
from aishell_tui.oneshot import LookPlan, look_at
from collectors.poller import Poller, Schedule
from collectors.registry import open_collector
from tests.servers.redis import RedisServer, redis_server

_BUSY = 8
_DEADLINE = Schedule().deadline_seconds


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


@pytest.fixture
def busy() -> Iterator[None]:
    """Programs that take all that they get of every processor."""
    programs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(_BUSY)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


async def test_a_dashboard_gives_it_up_at_its_deadline(server: RedisServer, busy: None) -> None:
    """Its next reading begins a second after the last one; what this program itself was late is no fault of its own."""
    news: asyncio.Queue[tuple[float, Reading]] = asyncio.Queue()
    clock, lateness = SystemClock(), Lateness()
    target = server.target()
    poller = Poller(target, lambda: open_collector(target, clock), lambda reading, _: news.put_nowait((clock.steady(), reading)))
    async with lateness.watched():
        polling = asyncio.create_task(poller.run())
        try:
            while (await news.get())[1].failures:
                pass
            with server.frozen():
                began, late = clock.steady(), lateness.seconds
                while not (told := await news.get())[1].failures:
                    pass
        finally:
            polling.cancel()
            await asyncio.wait((polling,))
    at, reading = told
    assert (reading.tier, reading.failures[0].code) == (Tier.HOT, FailureCode.TIMEOUT)
    assert at - began <= _DEADLINE + Schedule().hot_seconds + (lateness.seconds - late)


async def test_a_command_gives_it_up_when_its_deadline_and_its_own_lateness_are_over(server: RedisServer, busy: None) -> None:
    clock, lateness = SystemClock(), Lateness()
    async with lateness.watched():
        with server.frozen():
            began = clock.steady()
            (view,) = await look_at([server.target()], LookPlan(window_seconds=0), open_collector, clock)
            took = clock.steady() - began
    assert view.target_failure is not None
    assert view.target_failure.code is FailureCode.TIMEOUT
    # Half a deadline and a quarter of one are the least that is added where it was late; closing takes a second at most.
    assert took <= 1.75 * _DEADLINE + 1.0 + 2 * lateness.seconds
