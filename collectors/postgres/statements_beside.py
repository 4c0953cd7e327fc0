"""Reading statements beside the hot tier, so that however long that takes no reading of the moment waits for it."""

from __future__ import annotations

import asyncio

from aishell_core.clock import Clock
from aishell_core.engines.postgres import PostgresSession
from aishell_core.errors import TargetError
from aishell_core.values import Cost, Failure, Part
from collectors.postgres.slow_questions import Budget
from collectors.postgres.statements import StatementsLook, StatementsReader

EVERY_SECONDS = 4.5
"""The cadence; a little less than the five seconds within which the screen promises to move."""

_REST = 20.0
"""Statements are read again no sooner than so many times as long as that took."""

_DEADLINE_SECONDS = 4.0
_PATIENCE_SECONDS = 0.3
_FIRST_PATIENCE_SECONDS = 1.2


class StatementsBeside:
    """Starts a reading when one is due, and hands over what has ended."""

    def __init__(self, session: PostgresSession, clock: Clock) -> None:
        self._clock = clock
        self.reader = StatementsReader(session, clock)
        self._call: asyncio.Task[StatementsLook] | None = None
        self._due = 0.0
        self._failures: tuple[Failure, ...] = ()
        self._waited = False

    @property
    def sampled(self) -> bool:
        """Whether statements have to be estimated, or may have to be: the server does not count them or was not asked yet."""
        return not self.reader.may_count

    def begin(self) -> None:
        """Start a reading if one is due and none is under way."""
        now = self._clock.steady()
        if self._call is None and now >= self._due:
            self._due = now + EVERY_SECONDS
            self._call = asyncio.create_task(self._read(now), name="statements")

    async def _read(self, now: float) -> StatementsLook:
        look = await self.reader.read(Budget(self._clock, now + _DEADLINE_SECONDS))
        self._due = max(self._due, now + _REST * (self._clock.steady() - now))
        return look

    async def take(self, seconds_left: float) -> StatementsLook:
        """What has ended since the last call, waited for a moment; the statements are None where nothing has.

        Failures are told until a reading goes well. The first reading is waited for longer.
        """
        call = self._call
        if call is None:
            return StatementsLook(None, self._failures, ended=False)
        patience = min(_PATIENCE_SECONDS if self._waited else _FIRST_PATIENCE_SECONDS, max(0.0, seconds_left))
        await asyncio.wait({call}, timeout=patience)
        self._waited = True
        if not call.done() or call.cancelled():
            return StatementsLook(None, self._failures, ended=False)
        if self._call is call:
            self._call = None
        try:
            look = call.result()
        except TargetError as error:
            self._failures = (error.failure(Part.STATEMENTS, self._clock.now()),)
            return StatementsLook(None, self._failures, Cost(1), ended=False)
        self._failures = look.failures
        return look

    def close(self) -> None:
        """Give up what is under way."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
