"""Calls that may block for ever are given up in time and cost nobody else anything."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from aishell_core.engines.worker import DatabaseThread
from aishell_core.errors import TargetError
from aishell_core.values import FailureCode
from tests.servers.sqlite_client import eventually


async def test_the_answer_and_the_error_come_back() -> None:
    thread = DatabaseThread("test")
    assert await thread.run(lambda: 41 + 1, 5.0) == 42
    with pytest.raises(ZeroDivisionError):
        await thread.run(lambda: 1 // 0, 5.0)
    assert await thread.run(lambda: threading.current_thread().daemon, 5.0)
    thread.close()


async def test_a_call_that_hangs_is_given_up_and_further_calls_are_refused_until_it_returns() -> None:
    thread = DatabaseThread("test")
    gate = threading.Event()
    interrupted = threading.Event()
    with pytest.raises(TargetError, match="no answer within 20ms") as caught:
        await thread.run(gate.wait, 0.02, interrupted.set)
    assert caught.value.reason is FailureCode.TIMEOUT
    assert interrupted.is_set()
    begun = time.monotonic()
    with pytest.raises(TargetError, match="an earlier read has not returned"):
        await thread.run(lambda: 1, 60.0)
    assert time.monotonic() - begun < 30.0, "it was refused, not waited for"
    gate.set()
    while True:
        try:
            assert await thread.run(lambda: 2, 5.0) == 2
        except TargetError:
            await asyncio.sleep(0)
            continue
        break
    thread.close()


async def test_a_hanging_thread_delays_no_other() -> None:
    hanging, healthy = DatabaseThread("hanging"), DatabaseThread("healthy")
    gate = threading.Event()
    stuck = asyncio.create_task(hanging.run(gate.wait, 30.0))
    assert [await healthy.run(partial(int, number), 5.0) for number in range(20)] == list(range(20))
    assert not stuck.done()
    gate.set()
    assert await stuck
    hanging.close()
    healthy.close()


async def test_a_caller_that_is_cancelled_leaves_the_thread_usable() -> None:
    thread = DatabaseThread("test")
    gate = threading.Event()
    first = asyncio.create_task(thread.run(gate.wait, 60.0))
    queued = asyncio.create_task(thread.run(lambda: pytest.fail("a call that nobody waits for was made"), 60.0))
    await asyncio.sleep(0)
    queued.cancel()
    with pytest.raises(asyncio.CancelledError):
        await queued
    gate.set()
    assert await first
    assert await thread.run(lambda: 5, 5.0) == 5
    thread.close()


async def test_an_idle_thread_ends_and_comes_back_when_needed() -> None:
    thread = DatabaseThread("short-lived thread", idle_seconds=0.01)
    for _ in range(3):
        await thread.run(lambda: None, 5.0)
        await asyncio.to_thread(eventually, lambda: "short-lived thread" not in {one.name for one in threading.enumerate()})
    thread.close()


async def test_closing_twice_and_before_use_is_harmless() -> None:
    thread = DatabaseThread("test")
    thread.close()
    await thread.run(lambda: None, 5.0)
    thread.close()
    thread.close()
    assert await thread.run(lambda: 3, 5.0) == 3
    thread.close()


def test_a_hanging_call_does_not_keep_the_program_from_ending() -> None:
    program = (
        "import asyncio, threading\n"
        "from aishell_core.engines.worker import DatabaseThread\n"
        "from aishell_core.errors import TargetError\n"
        "async def main():\n"
        "    try: await DatabaseThread('x').run(threading.Event().wait, 0.05)\n"
        "    except TargetError: print('given up')\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, cwd=root, check=True)
    assert done.stdout == "given up\n"
