"""An event loop in a thread of its own, for a driver whose calls must not be cancelled and that may block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs coroutines in a daemon thread, and leaves those that take too long to themselves.

    python-oracledb looks names up on the event loop that it runs on, which a resolver that hangs would stop, and waits
    for the server once more when a call of it is cancelled, for ever if that hangs. So its loop is not the program's, and
    no call is cancelled: a deadline ends the waiting for it, and the driver's own limits end the call.
    """

    def __init__(self, name: str, new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop) -> None:
        self._name = name
        self._new_loop = new_loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    async def run(
        self, work: Callable[[], Coroutine[Any, Any, T]], seconds: float, leftover: Callable[[T], Awaitable[None]] | None = None
    ) -> T:
        """What `work` returns or raises; raises TimeoutError after `seconds`, and the work goes on alone.

        What comes too late for anybody to take is given to `leftover`, in the thread.
        """
        here = asyncio.get_running_loop()
        answer: asyncio.Future[T] = here.create_future()
        taken = threading.Event()

        async def watched() -> T:
            found = await work()
            if leftover is not None and taken.is_set():
                await leftover(found)
            return found

        def settle(done: Future[T]) -> None:
            try:
                here.call_soon_threadsafe(_copy, done, answer)
            except RuntimeError:  # the program's loop is closed: nobody waits any more
                done.exception()

        self._submit(watched()).add_done_callback(settle)
        try:
            async with asyncio.timeout(seconds):
                return await answer
        finally:
            if not answer.done() or answer.cancelled():
                taken.set()

    def leave(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something done that nobody waits for."""
        self._submit(work).add_done_callback(lambda done: done.cancelled() or done.exception())

    def close(self) -> None:
        """Let the thread end when all that was begun has ended; does not wait for it and may be called twice."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            asyncio.run_coroutine_threadsafe(_drain(), loop)

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:
            if self._loop is None:
                self._loop = self._new_loop()
                threading.Thread(target=_serve, args=(self._loop,), name=self._name, daemon=True).start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _drain() -> None:
    """Wait for all other tasks, then stop the loop."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)
    loop = asyncio.get_running_loop()
    await loop.shutdown_default_executor()
    loop.call_soon(loop.stop)


def _copy(done: Future[T], answer: asyncio.Future[T]) -> None:
    """Hand an outcome over; one that nobody waits for any more is only looked at."""
    error = None if done.cancelled() else done.exception()
    if answer.done():
        return
    if done.cancelled():
        answer.cancel()
    elif error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(done.result())
