"""A daemon thread for calls that may block for ever; such a call is abandoned, never waited for."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Generic, Protocol, TypeVar

from aishell_core.errors import TargetError
from aishell_core.units import format_duration
from aishell_core.values import FailureCode

T = TypeVar("T")


class _Served(Protocol):
    """What the thread needs to know of a call, whatever that returns."""

    given_up: bool
    begun_at: float | None
    ended: bool

    def serve(self) -> None: ...


class _Call(Generic[T]):
    """One piece of work on its way to the thread and its answer on the way back."""

    def __init__(self, work: Callable[[], T], loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.loop = loop
        self.answer: asyncio.Future[T] = loop.create_future()
        self.given_up = False
        self.begun_at: float | None = None
        self.ended = False

    def serve(self) -> None:
        self.begun_at = time.monotonic()
        try:
            result = self.work()
        # The border between the thread and the event loop: whatever the work raises is raised to whoever waits for it.
        except Exception as error:  # noqa: BLE001
            self._hand_over(partial(self._fail, error))
        else:
            self._hand_over(partial(self._succeed, result))

    def _hand_over(self, deliver: Callable[[], None]) -> None:
        try:
            self.loop.call_soon_threadsafe(deliver)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    def _succeed(self, result: T) -> None:
        if not self.answer.done():
            self.answer.set_result(result)

    def _fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class DatabaseThread:
    """Runs one blocking call after the other in a daemon thread of its own.

    A call that passes its deadline is given up: the caller gets a TargetError, the thread stays with the call, and until
    that returns every further call is refused at once, so a hung file system costs one thread and delays nobody. The
    thread ends by itself after `idle_seconds` without work and is started again when there is some.
    """

    def __init__(self, name: str, idle_seconds: float = 5.0) -> None:
        self._name = name
        self._idle_seconds = idle_seconds
        self._calls: queue.SimpleQueue[_Served | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stuck: _Served | None = None

    async def run(self, work: Callable[[], T], deadline_seconds: float, interrupt: Callable[[], None] | None = None) -> T:
        """What `work` returns or raises; TargetError (timeout) when it takes longer than the deadline.

        `interrupt` is called when the call is given up, to ask it to end; it must be safe to call from another thread.
        """
        self._refuse_while_stuck()
        call = _Call(work, asyncio.get_running_loop())
        self._submit(call)
        try:
            async with asyncio.timeout(deadline_seconds):
                return await call.answer
        except TimeoutError as error:
            raise TargetError(
                FailureCode.TIMEOUT,
                f"no answer within {format_duration(deadline_seconds)}",
                "the file system or the database hangs; the next try follows by itself",
            ) from error
        finally:
            self._give_up(call, interrupt)

    def close(self) -> None:
        """Let the thread end after what it does now; does not wait for it and may be called twice."""
        with self._lock:
            if self._thread is not None:
                self._calls.put(None)

    def _submit(self, call: _Call[T]) -> None:
        with self._lock:
            self._calls.put(call)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
                self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                call = self._calls.get(timeout=self._idle_seconds)
            except queue.Empty:
                call = None
            if call is None:
                with self._lock:
                    if self._calls.empty():
                        self._thread = None
                        return
                continue
            if not call.given_up:
                call.serve()
            with self._lock:
                call.ended = True
                if self._stuck is call:
                    self._stuck = None

    def _give_up(self, call: _Call[T], interrupt: Callable[[], None] | None) -> None:
        if call.answer.done() and not call.answer.cancelled():
            return
        with self._lock:
            call.given_up = True
            if call.begun_at is not None and not call.ended:
                self._stuck = call
        if interrupt is not None:
            interrupt()

    def _refuse_while_stuck(self) -> None:
        stuck = self._stuck
        if stuck is not None and stuck.begun_at is not None:
            raise TargetError(
                FailureCode.TIMEOUT,
                f"an earlier read has not returned for {format_duration(time.monotonic() - stuck.begun_at)}",
                "the file system hangs; aishell asks again as soon as that read returns",
            )
