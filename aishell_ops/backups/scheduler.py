"""Making backups when they are due: a schedule by one program at a time, never twice at once, what was missed once.

Which schedules there are and how a backup is made is somebody else's; here it is decided when, and kept what became of it.
A run that a crash cut off is tried once more; one that fails waits for its next time.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import TypeVar

from aishell_core.clock import Clock
from aishell_core.errors import AishellError, StateError
from aishell_core.state.store import Store
from aishell_ops.backups import book
from aishell_ops.backups.book import Mark, Run, RunOutcome
from aishell_ops.backups.hosting import Hosting
from aishell_ops.backups.timetable import Due, Timing, due_now, next_start

T = TypeVar("T")

OTHER_PROGRAM = "another program runs the schedules"
LOOK_SECONDS = 10.0
"""How often it looks whether something is due, and whether one who had a lease is gone."""
_AT_ONCE = 2
_MOST_TRIES = 2


@dataclass(frozen=True, slots=True)
class Planned:
    """A schedule that is in force: when, and for which targets."""

    name: str
    expression: str
    zone: tzinfo
    targets: tuple[str, ...]
    jitter_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Done:
    """What a run has made. `doubts` is what went wrong after the backup was committed, "" for nothing."""

    backup: str
    plain_bytes: int
    stored_bytes: int
    doubts: str = ""


Plans = Callable[[], Sequence[Planned]]
Make = Callable[[str, str], Awaitable[Done]]
"""Makes the backup of a schedule and a target, by their names; raises AishellError."""
Changed = Callable[[str], None]
"""Is told why nothing is run, and with "" that all is well: at first, and whenever that changes."""
Report = Callable[[Run], Awaitable[None]]
"""Is told of every run that has ended; must not raise."""


def timing_of(plan: Planned, mark: Mark | None, now: float) -> Timing:
    """When a schedule is due, by what is kept of it; pure. One that is not known yet begins now."""
    if mark is None or mark.expression != plan.expression:
        return Timing(plan.name, plan.expression, plan.zone, now, plan.jitter_seconds)
    return Timing(plan.name, plan.expression, plan.zone, mark.since, plan.jitter_seconds, mark.due_at)


def next_starts(plans: Sequence[Planned], marks: Mapping[str, Mark], now: float) -> dict[str, float]:
    """When each schedule begins next, by name; pure."""
    return {plan.name: next_start(timing_of(plan, marks.get(plan.name), now), now) for plan in plans}


class Scheduler:
    """Runs what is due for as long as it is let."""

    def __init__(
        self, folder: Path, plans: Plans, make: Make, report: Report, clock: Clock, changed: Changed = lambda _fault: None
    ) -> None:
        self._folder, self._changed = folder, changed
        self._plans, self._make, self._report = plans, make, report
        self._clock = clock
        self._hosting = Hosting(folder)
        self._room = asyncio.Semaphore(_AT_ONCE)
        # Of two looks at once both would take the same lease, each in a thread and by a descriptor of its own: the second one finds
        # the file locked, by this very program, calls that another one, and begins nothing of what is due.
        self._looking = asyncio.Lock()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._dealt_with: dict[str, float] = {}
        """What this program has dealt with: where that cannot be written down, nothing is made over and over again."""
        self.fault = ""
        """Why nothing is run at the moment, "" when all is well."""
        self._told_fault: str | None = None

    @property
    def held(self) -> frozenset[str]:
        """The schedules that this program runs; the others are run by another one, or by none."""
        return self._hosting.held

    @property
    def running(self) -> tuple[str, ...]:
        """The schedules that run now."""
        return tuple(self._running)

    async def run(self) -> None:
        """Look, run, wait, until it is cancelled; then what runs is cancelled too, and leaves no half of a backup."""
        try:
            while True:
                await self.look()
                await self._clock.sleep(LOOK_SECONDS)
        finally:
            tasks = tuple(self._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.close()

    async def look(self) -> None:
        """Begin what is due now; what cannot be read or written is told in `fault` and tried again."""
        async with self._looking:
            await self._begin_due()
        if self.fault != self._told_fault:
            self._told_fault = self.fault
            self._changed(self.fault)

    async def _begin_due(self) -> None:
        try:
            plans = {plan.name: plan for plan in await asyncio.to_thread(self._plans)}
            await self._hold(plans.keys())
            mine = {name: plan for name, plan in plans.items() if name in self.held}
            due = await self._kept(lambda store: self._due(store, mine)) if mine else ()
        except (AishellError, OSError) as error:
            self.fault = str(error)
            return
        self.fault = OTHER_PROGRAM if plans and not mine else ""
        for one in due:
            if one.name not in self._running and one.due_at > self._dealt_with.get(one.name, float("-inf")):
                task = asyncio.create_task(self._run_one(plans[one.name], one))
                self._running[one.name] = task
                task.add_done_callback(partial(self._forget, one.name))

    def close(self) -> None:
        """Let another program run the schedules; may be called twice."""
        self._hosting.close()

    def _forget(self, name: str, _ended: asyncio.Task[None]) -> None:
        self._running.pop(name, None)

    async def settle(self) -> None:
        """Wait until nothing runs."""
        while self._running:
            await asyncio.wait(tuple(self._running.values()))

    async def _hold(self, names: Collection[str]) -> None:
        """Hold the leases of these that are free, and no others; of what was newly taken whoever ran it before is gone."""
        self._hosting.let_go([name for name in self.held if name not in names and name not in self._running])
        taken = await asyncio.to_thread(self._hosting.take, names) if names else frozenset[str]()
        if not taken:
            return
        try:
            await self._kept(lambda store: store.transact(lambda connection: book.end_interrupted(connection, taken, self._clock.now())))
        except AishellError:
            self._hosting.let_go(taken)
            raise

    def _due(self, store: Store, plans: dict[str, Planned]) -> tuple[Due, ...]:
        now = self._clock.now()
        nothing: Mapping[str, Mark] = {}
        known = store.read(book.marks, nothing)
        strange = [plan for plan in plans.values() if plan.name not in known or known[plan.name].expression != plan.expression]
        if strange:
            store.transact(lambda connection: _note(connection, strange, now))
            known = store.read(book.marks, nothing)
        found = (due_now(timing_of(plan, known.get(plan.name), now), now) for plan in plans.values())
        return tuple(one for one in found if one is not None)

    async def _run_one(self, plan: Planned, due: Due) -> None:
        """One due time: each target after the other, and then it is dealt with."""
        async with self._room:
            for target in plan.targets:
                if await self._may_try(plan.name, target, due.due_at):
                    await self._run_target(plan.name, target, due.due_at)
            self._dealt_with[plan.name] = due.due_at
            await self._kept_or_told(lambda store: store.transact(lambda connection: book.deal_with(connection, plan.name, due.due_at)))

    async def _may_try(self, schedule: str, target: str, due_at: float) -> bool:
        """Whether a target still waits for its backup of this time: an interrupted one is tried once more."""
        nothing: tuple[Run, ...] = ()
        runs = await self._kept_or_told(lambda store: store.read(lambda connection: book.runs_of(connection, schedule, due_at), nothing))
        mine = [run for run in runs or nothing if run.target == target]
        return len(mine) < _MOST_TRIES and all(run.outcome is RunOutcome.INTERRUPTED for run in mine)

    async def _run_target(self, schedule: str, target: str, due_at: float) -> None:
        started = self._clock.now()
        number = await self._kept_or_told(
            lambda store: store.transact(lambda connection: book.begin_run(connection, schedule, target, due_at, started))
        )
        run = Run(number or 0, schedule, target, due_at, started, None, RunOutcome.RUNNING)
        try:
            done = await self._make(schedule, target)
        except AishellError as error:
            run = replace(run, outcome=RunOutcome.FAILED, message=error.message)
        except Exception as error:  # noqa: BLE001 - a fault of one run must end no other and be told as any other failure
            run = replace(run, outcome=RunOutcome.FAILED, message=f"it has ended by a fault: {type(error).__name__}: {error}")
        except asyncio.CancelledError:
            ended = replace(run, outcome=RunOutcome.INTERRUPTED, ended_at=self._clock.now(), message="the program was ended")
            await asyncio.shield(self._end(ended))
            raise
        else:
            outcome = RunOutcome.DOUBTFUL if done.doubts else RunOutcome.DONE
            run = replace(
                run,
                outcome=outcome,
                backup=done.backup,
                message=done.doubts,
                plain_bytes=done.plain_bytes,
                stored_bytes=done.stored_bytes,
            )
        ended = replace(run, ended_at=self._clock.now())
        await self._end(ended)
        await self._report(ended)

    async def _end(self, run: Run) -> None:
        def write(store: Store) -> None:
            store.transact(lambda connection: book.end_run(connection, run))
            store.transact(lambda connection: book.forget_old_runs(connection, self._clock.now()))

        await self._kept_or_told(write)

    async def _kept(self, work: Callable[[Store], T]) -> T:
        def call() -> T:
            store = Store.open(self._folder, now=self._clock.now)
            try:
                return work(store)
            finally:
                store.close()

        return await asyncio.to_thread(call)

    async def _kept_or_told(self, work: Callable[[Store], T]) -> T | None:
        """The same; a state database that cannot be used keeps no backup from being made."""
        try:
            return await self._kept(work)
        except StateError as error:
            self.fault = error.message
            return None


def _note(connection: sqlite3.Connection, plans: Sequence[Planned], now: float) -> None:
    for plan in plans:
        book.note_schedule(connection, plan.name, plan.expression, now)
