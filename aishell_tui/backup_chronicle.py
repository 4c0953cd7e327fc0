"""What is being tried with backups, written down while it goes on: for other programs, for what failed, for the figures.

What cannot be written down keeps nothing from being done: every fault of the state database is passed over here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import TypeVar

from aishell_core.clock import Clock
from aishell_core.errors import AishellError, StateError, UsageError
from aishell_core.state.store import Store
from aishell_core.targets import Target
from aishell_ops.backups import attempts
from aishell_ops.backups.attempts import Attempt, AttemptOutcome
from aishell_ops.backups.errors import BusyError
from aishell_ops.backups.progress import Step, Tell

T = TypeVar("T")

STEP_SECONDS = 2.0
"""How often it is written down how far something has come."""


class Chronicle:
    """Writes attempts into the state database of a folder."""

    def __init__(self, state_folder: Path, clock: Clock) -> None:
        self._folder, self._clock = state_folder, clock

    @asynccontextmanager
    async def trying(self, attempt: Attempt, tell: Tell) -> AsyncIterator[Tell]:
        """Write down that something is tried for as long as the block lasts, and how it ended; gives what is to be told of steps.

        That somebody else is at it, or that a person asked for what there is not, is no attempt that failed, and is forgotten.
        """
        number = await self._written(lambda store: store.transact(lambda connection: attempts.begin_attempt(connection, attempt)))
        steps = _Steps(tell)
        noting = asyncio.create_task(self._note(number, steps)) if number is not None else None
        outcome, message = AttemptOutcome.DONE, ""
        try:
            yield steps.tell
        except (BusyError, UsageError) as error:
            # A schedule that asks for what there is not makes no backup either, and nobody stands by.
            is_forgotten = isinstance(error, BusyError) or not attempt.job
            outcome, message = AttemptOutcome.RUNNING if is_forgotten else AttemptOutcome.FAILED, error.message
            raise
        except asyncio.CancelledError:
            outcome, message = AttemptOutcome.CANCELLED, "it was cancelled"
            raise
        except AishellError as error:
            outcome, message = AttemptOutcome.FAILED, error.message
            raise
        except Exception as error:  # the border of what is written down: any fault is noted with the attempt, and raised on
            outcome, message = AttemptOutcome.FAILED, f"{type(error).__name__}: {error}"
            raise
        finally:
            if noting is not None:
                noting.cancel()
                await asyncio.gather(noting, return_exceptions=True)
            if number is not None:
                await asyncio.shield(self._end(number, outcome, message))

    async def _note(self, number: int, steps: _Steps) -> None:
        told: Step | None = None
        while True:
            step = steps.newest
            if step is not None and step != told:
                now, told = self._clock.now(), step
                await self._written(_noting(number, step, now))
            await self._clock.sleep(STEP_SECONDS)

    async def _end(self, number: int, outcome: AttemptOutcome, message: str) -> None:
        now = self._clock.now()

        def write(store: Store) -> None:
            if outcome is AttemptOutcome.RUNNING:
                store.transact(lambda connection: attempts.forget_attempt(connection, number))
            else:
                store.transact(lambda connection: attempts.end_attempt(connection, number, outcome, message, now))

        await self._written(write)

    async def _written(self, work: Callable[[Store], T]) -> T | None:
        def call() -> T:
            with closing(Store.open(self._folder, now=self._clock.now)) as store:
                return work(store)

        with suppress(StateError, OSError):
            return await asyncio.to_thread(call)
        return None


def _noting(number: int, step: Step, now: float) -> Callable[[Store], None]:
    return lambda store: store.transact(lambda connection: attempts.note_step(connection, number, step, now), is_durable=False)


class _Steps:
    """Passes steps on, from any thread, and keeps the newest."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.newest: Step | None = None

    def tell(self, step: Step) -> None:
        """A step; one reference is swapped, so that nobody sees half of it."""
        self.newest = step
        self._tell(step)


def database_of(target: Target) -> str:
    """What backups call the database of a target, as far as its address says: the file's name of one that is a file."""
    location = target.location
    return location.database if location.path is None else location.path.name


def kept_attempts_at(state_folder: Path, backups: Collection[str]) -> tuple[Attempt, ...]:
    """The attempts at some backups, the oldest first; none where none can be read. Blocking."""
    nothing: tuple[Attempt, ...] = ()
    with suppress(StateError, OSError), closing(Store.open_to_read(state_folder)) as store:
        return store.read(lambda connection: attempts.attempts_at(connection, backups), nothing)
    return nothing


def kept_attempts(state_folder: Path, since: float) -> tuple[Attempt, ...]:
    """The attempts that were begun at a moment (epoch seconds) or later, the oldest first; none where none can be read. Blocking."""
    nothing: tuple[Attempt, ...] = ()
    with suppress(StateError, OSError), closing(Store.open_to_read(state_folder)) as store:
        return store.read(lambda connection: attempts.attempts_since(connection, since), nothing)
    return nothing
