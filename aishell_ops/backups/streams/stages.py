"""A line of threads that hand bytes on: the first fault ends them all, and it is the one that is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from aishell_ops.backups.streams.contract import Stop
from aishell_ops.backups.streams.pipe import AbandonedError, Pipe
from aishell_ops.backups.streams.stopping import expect_wanted


class Stages:
    """Stages that run beside the caller, joined by pipes.

    `is_set` is a `Stop` for what feeds the line: it is set as soon as a stage has failed or the caller's own stop is.
    """

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._pipes: list[Pipe] = []
        self._threads: list[threading.Thread] = []
        self._fault: BaseException | None = None
        self._lock = threading.Lock()

    def is_set(self) -> bool:
        """Whether whoever feeds the line should end."""
        return self._fault is not None or self._stop.is_set()

    def pipe(self) -> Pipe:
        """A pipe that is abandoned with the line."""
        pipe = Pipe()
        self._pipes.append(pipe)
        return pipe

    def stage(self, name: str, work: Callable[[], None]) -> None:
        """Run a stage in a thread of its own."""
        thread = threading.Thread(target=self._run, args=(work,), name=f"backup-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Feed the line inside the block; at its end all stages have ended, and the first fault of any is raised."""
        try:
            yield
        except BaseException as fault:  # noqa: BLE001 - it is raised again when the stages have ended
            self._fail(fault)
        for thread in self._threads:
            thread.join()
        if self._fault is not None:
            raise self._fault
        expect_wanted(self._stop)

    def _run(self, work: Callable[[], None]) -> None:
        with suppress(AbandonedError):
            try:
                work()
            except AbandonedError:
                raise
            except BaseException as fault:  # noqa: BLE001 - whatever ends a stage is raised again in the caller's thread
                self._fail(fault)

    def _fail(self, fault: BaseException) -> None:
        with self._lock:
            if self._fault is None or isinstance(self._fault, AbandonedError):
                self._fault = fault
        for pipe in self._pipes:
            pipe.abandon()
