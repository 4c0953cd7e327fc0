"""A server that hangs is given up in time on a machine that has much else to do."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from aishell_core.clock import Clock, SystemClock
from aishell_core.targets import Target
from aishell_core.values import FailureCode, Reading, Tier
from aishell_tui.lateness import Lateness
from aishell_tui.oneshot import LookPlan, OpenCollector, look_at
from collectors.contract import Collector
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
    took, late = await _given_up(server)
    # Half a deadline and a quarter of one are the least that is added where it was late; closing takes a second at most.
    assert took <= 1.75 * _DEADLINE + 1.0 + 2 * late


async def test_a_command_that_was_late_itself_does_not_give_a_whole_deadline_once_more(server: RedisServer) -> None:
    """Late by a quarter of the deadline in its first part, it adds half of one; a third part comes only where the machine was late too."""

    def be_late() -> None:
        end = time.monotonic() + _DEADLINE / 4
        while time.monotonic() < end:
            pass

    def opened(target: Target, clock: Clock) -> Collector:
        asyncio.get_running_loop().call_later(_DEADLINE / 8, be_late)
        return open_collector(target, clock)

    took, late = await _given_up(server, opened)
    assert late >= _DEADLINE / 5, "it was late"
    assert took > _DEADLINE, "it was given more time for that"
    # A fifth of the deadline is the least lateness for which more is given, and the first quarter of one belongs to the first part.
    second = max(late, _DEADLINE / 2)
    third = max(late - _DEADLINE / 4, second / 2) if late > 0.45 * _DEADLINE else 0.0
    assert took <= _DEADLINE + second + third


async def _given_up(server: RedisServer, opens: OpenCollector = open_collector) -> tuple[float, float]:
    """How long a frozen server was waited for, and how late this program was meanwhile (s)."""
    clock, lateness = SystemClock(), Lateness()
    async with lateness.watched():
        with server.frozen():
            began = clock.steady()
            (view,) = await look_at([server.target()], LookPlan(window_seconds=0), opens, clock)
            took, late = clock.steady() - began, lateness.seconds
    assert view.target_failure is not None
    assert view.target_failure.code is FailureCode.TIMEOUT
    return took, late
