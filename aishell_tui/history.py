"""Yesterday's charts and events: the state database, reached through one thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from aishell_core.clock import Clock
from aishell_core.errors import StateError
from aishell_core.series.rollup import RollupBatch
from aishell_core.state.database import StateDatabase
from aishell_core.state.history import History
from aishell_core.values import Event, TargetId

T = TypeVar("T")

WRITE_SECONDS = 30.0
RETRY_SECONDS = 60.0
EVENTS_SECONDS = 86_400.0
_EVENTS_HELD = 1000


class HistoryKeeper:
    """Writes rollups and events in the background, reads them back on demand, and says why when it cannot.

    Events that could not be written are held for the next try; rollups are given up, since memory is for the newest
    minutes only. `note` is the sentence for the screen, empty while all is well.
    """

    def __init__(self, folder: Path, clock: Clock, take_rollups: Callable[[bool], tuple[RollupBatch, ...]]) -> None:
        self.note = ""
        self._folder = folder
        self._clock = clock
        self._take_rollups = take_rollups
        self._pending_events: list[Event] = []
        self._database: StateDatabase | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="aishell-state")

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _opened(self) -> StateDatabase:
        return await self._in_thread(self._open_once)

    def _open_once(self) -> StateDatabase:
        # Runs in the one thread, so that two who ask at the same moment do not open it twice.
        if self._database is None:
            self._database = StateDatabase.open(self._folder)
        return self._database

    async def run(self) -> None:
        """Write at an interval until cancelled; a failure is shown and retried later."""
        while True:
            await self._clock.sleep(WRITE_SECONDS if not self.note else RETRY_SECONDS)
            await self.write(include_open=False)

    async def write(self, *, include_open: bool) -> None:
        """Hand everything that is due to the state database; what fails is said in `note`."""
        batches = self._take_rollups(include_open)
        events, self._pending_events = self._pending_events, []
        try:
            database = await self._opened()
            await self._in_thread(lambda: _write(database, batches, events, self._clock.now()))
            self.note = ""
        except StateError as error:
            self._pending_events = [*events, *self._pending_events][-_EVENTS_HELD:]
            self.note = _note(error)

    def remember(self, event: Event) -> None:
        """Keep an event for the next write."""
        self._pending_events.append(event)

    async def recent_events(self) -> tuple[Event, ...]:
        """The events of the last day; nothing (and a note) when the state cannot be read."""
        now = self._clock.now()
        try:
            database = await self._opened()
            return await self._in_thread(lambda: database.events(now - EVENTS_SECONDS, now))
        except StateError as error:
            self.note = _note(error)
            return ()

    async def read(self, target: TargetId, since: float, until: float) -> History | None:
        """The kept rollups of one target; None when there is no state to read."""
        try:
            database = await self._opened()
            return await self._in_thread(lambda: database.history(target, since, until))
        except StateError:
            return None

    async def close(self) -> None:
        """Write what is left and let the database go; at most the thread's current work is waited for."""
        await self.write(include_open=True)
        database, self._database = self._database, None
        if database is not None:
            await self._in_thread(database.close)
        self._thread.shutdown(wait=False)


def _note(error: StateError) -> str:
    return f"no history is kept: {error.message}" + (f" ({error.hint})" if error.hint else "")


def _write(database: StateDatabase, batches: Sequence[RollupBatch], events: Sequence[Event], now: float) -> None:
    if not database.is_writer and not database.try_become_writer():
        return
    database.write_rollups(batches)
    database.append_events(events)
    database.prune(now)
