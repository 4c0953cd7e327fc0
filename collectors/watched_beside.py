"""The parts that a visible pane demands, read beside the hot tier."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aishell_core.clock import Clock
from aishell_core.errors import TargetError
from aishell_core.values import Cost, Failure, Part
from collectors.beside import Beside
from collectors.budget import Budget
from collectors.contract import NOTHING, Demand
from collectors.pieces import Piece

WATCHED: Demand = frozenset({Part.PROGRESS, Part.HORIZON, Part.REPLICATION})
"""The parts that are read here, and only while they are demanded."""

EVERY_SECONDS = 1.9
"""The cadence; a little less than two readings of the hot tier, so that each second one of them brings these parts."""


@dataclass(frozen=True, slots=True)
class WatchedLook:
    """Parts by the name of their field in `Reading`, none where no reading has ended."""

    parts: dict[str, Any] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)


class WatchedBeside:
    """Starts a reading when one is due or more is demanded, and hands over what has ended."""

    def __init__(self, clock: Clock, read: Callable[[Demand, Budget], Awaitable[list[Piece]]]) -> None:
        """`read` brings a piece for each part that is demanded; it raises TargetError when the server cannot be reached."""
        self._clock = clock
        self._reader = read
        self._beside = Beside(clock, self._read, "watched parts", EVERY_SECONDS)
        self._wanted: Demand = NOTHING
        self._asked: Demand = NOTHING
        self._failures: tuple[Failure, ...] = ()

    async def _read(self, budget: Budget) -> list[Piece]:
        self._asked = self._wanted
        return await self._reader(self._asked, budget)

    def begin(self, demand: Demand) -> None:
        """Start a reading of what is demanded if one is due and none is under way; nothing where nothing is demanded."""
        self._wanted = demand & WATCHED
        if not self._wanted:
            self._asked, self._failures = NOTHING, ()
            self._beside.leave()
            return
        self._beside.begin(at_once=bool(self._wanted - self._asked))

    async def take(self, seconds_left: float) -> WatchedLook:
        """What has ended since the last call, waited for a moment; failures are told until a reading goes well."""
        if not self._wanted:
            return WatchedLook()
        try:
            pieces = await self._beside.take(seconds_left)
        except TargetError as error:
            self._failures = tuple(error.failure(part, self._clock.now()) for part in sorted(self._wanted))
            return WatchedLook({}, self._failures, Cost(1))
        if pieces is None:
            return WatchedLook({}, self._failures)
        self._failures = tuple(failure for piece in pieces for failure in piece.failures)
        parts = {name: value for piece in pieces for name, value in piece.parts}
        return WatchedLook(parts, self._failures, sum((piece.cost for piece in pieces), Cost()))

    def close(self) -> None:
        """Give up what is under way."""
        self._beside.close()
