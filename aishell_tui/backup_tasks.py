"""What is being done with backups: each as a task of its own, which goes on whatever is shown and ends with the program."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from itertools import count

from aishell_core.clock import Clock
from aishell_core.errors import AishellError
from aishell_core.values import TargetId
from aishell_ops.backups.progress import Step, Tell

_KEPT = 4
_KEPT_SECONDS = 600.0
"""So many that have ended are still told of, for so long; the timeline of events has them all."""


class Phase(StrEnum):
    """How far a job has come."""

    RUNNING = "running"
    DONE = "done"
    DOUBTFUL = "doubtful"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job has gone, in words; `bad` where it did what it was to do and found something wrong."""

    text: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """Something that is done, or was. `stage_seconds` says how long the step's stage has lasted, `seconds` how long all of it.

    `text` says how it ended, `hint` what to do about it; both are "" while it runs.
    """

    number: int
    what: str
    target: TargetId
    subject: str
    phase: Phase = Phase.RUNNING
    step: Step | None = None
    stage_seconds: float = 0.0
    seconds: float = 0.0
    text: str = ""
    hint: str = ""

    @property
    def title(self) -> str:
        """What it does, to what."""
        return f"{self.what} {self.subject}"


Work = Callable[[Tell], Awaitable[Ending]]
"""Does it, tells how far it has come, raises AishellError where it cannot be done; leaves no half when it is cancelled."""


class BackupTasks:
    """Runs jobs; whoever ends the program awaits `close`, after which none of them runs."""

    def __init__(self, clock: Clock, ended: Callable[[Job], None]) -> None:
        self._clock, self._ended = clock, ended
        self._numbers = count(1)
        self._running: dict[int, _Running] = {}
        self._over: list[tuple[float, Job]] = []

    @property
    def running(self) -> tuple[Job, ...]:
        """The jobs that run now, the oldest first."""
        return tuple(each.job() for each in self._running.values())

    @property
    def over(self) -> tuple[Job, ...]:
        """The last jobs that have ended, the newest first."""
        now = self._clock.steady()
        return tuple(job for ended_at, job in reversed(self._over) if now - ended_at < _KEPT_SECONDS)

    def start(self, what: str, target: TargetId, subject: str, work: Work) -> Job:
        """Begin something."""
        running = _Running(Job(next(self._numbers), what, target, subject), self._clock)
        self._running[running.number] = running
        running.task = asyncio.create_task(self._carry_out(running, work))
        running.task.add_done_callback(partial(self._end, running))
        return running.job()

    def cancel(self, number: int) -> None:
        """Ask a job to end; it cleans up after itself first."""
        running = self._running.get(number)
        if running is not None and running.task is not None:
            running.task.cancel()

    async def close(self) -> None:
        """End all jobs and wait until they have cleaned up after themselves."""
        while tasks := [each.task for each in self._running.values() if each.task is not None]:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            # What is told of an ended task is told by the loop, right after this.
            await asyncio.sleep(0)

    async def _carry_out(self, running: _Running, work: Work) -> Job:
        try:
            ending = await work(running.tell)
        except AishellError as error:
            return replace(running.job(), phase=Phase.FAILED, text=error.message, hint=error.hint)
        except Exception as error:  # noqa: BLE001 - a fault of one job must end neither the screens nor the other jobs: it is told
            return replace(running.job(), phase=Phase.FAILED, text=f"it has ended by a fault: {type(error).__name__}: {error}")
        return replace(running.job(), phase=Phase.DOUBTFUL if ending.bad else Phase.DONE, text=ending.text)

    def _end(self, running: _Running, task: asyncio.Task[Job]) -> None:
        del self._running[running.number]
        job = replace(running.job(), phase=Phase.CANCELLED, text="it was cancelled") if task.cancelled() else task.result()
        self._over = [*self._over, (self._clock.steady(), job)][-_KEPT:]
        self._ended(job)


class _Running:
    """A job that runs, and what its threads have told last."""

    def __init__(self, begun: Job, clock: Clock) -> None:
        self.number = begun.number
        self.task: asyncio.Task[Job] | None = None
        self._begun, self._clock, self._since = begun, clock, clock.steady()
        self._told: tuple[Step, float] | None = None

    def tell(self, step: Step) -> None:
        """Take note of a step, from any thread.

        One reference is swapped, so that nobody sees half of it, and the event loop is not woken for every piece of a stream:
        it looks when a frame is drawn.
        """
        told = self._told
        since = told[1] if told is not None and told[0].stage is step.stage else self._clock.steady()
        self._told = (step, since)

    def job(self) -> Job:
        """The job as it is now."""
        told, now = self._told, self._clock.steady()
        step, since = told if told is not None else (None, now)
        return replace(self._begun, step=step, stage_seconds=now - since, seconds=now - self._since)
