"""Statements, read beside the hot tier."""

from __future__ import annotations

from aishell_core.clock import Clock
from aishell_core.engines.postgres import PostgresSession
from aishell_core.errors import TargetError
from aishell_core.values import Cost, Failure, Part
from collectors.beside import Beside
from collectors.postgres.statements import StatementsLook, StatementsReader

EVERY_SECONDS = 4.5
"""The cadence; a little less than the five seconds within which the screen promises to move."""


class StatementsBeside:
    """Starts a reading when one is due, and hands over what has ended."""

    def __init__(self, session: PostgresSession, clock: Clock) -> None:
        self._clock = clock
        self.reader = StatementsReader(session, clock)
        self._beside = Beside(clock, self.reader.read, "statements", EVERY_SECONDS)
        self._failures: tuple[Failure, ...] = ()

    @property
    def sampled(self) -> bool:
        """Whether statements have to be estimated, or may have to be: the server does not count them or was not asked yet."""
        return not self.reader.may_count

    def begin(self) -> None:
        """Start a reading if one is due and none is under way."""
        self._beside.begin()

    async def take(self, seconds_left: float) -> StatementsLook:
        """What has ended since the last call, waited for a moment; the statements are None where nothing has.

        Failures are told until a reading goes well.
        """
        try:
            look = await self._beside.take(seconds_left)
        except TargetError as error:
            self._failures = (error.failure(Part.STATEMENTS, self._clock.now()),)
            return StatementsLook(None, self._failures, Cost(1), ended=False)
        if look is None:
            return StatementsLook(None, self._failures, ended=False)
        self._failures = look.failures
        return look

    def leave(self) -> None:
        """Nobody waits for statements any more."""
        self._beside.leave()

    def close(self) -> None:
        """Give up what is under way."""
        self._beside.close()
