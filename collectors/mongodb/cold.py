"""The cold tier: settings and sizes, which change slowly or cost much."""

from __future__ import annotations

from aishell_core import catalogue
from aishell_core.clock import Clock
from aishell_core.engines.mongodb import Lane, MongoSession
from aishell_core.engines.mongodb_documents import Document
from aishell_core.targets import Target
from aishell_core.values import Reading, Sample, Tier
from collectors.budget import Budget
from collectors.mongodb.figures import at, number, text
from collectors.mongodb.questions import Questions
from collectors.mongodb.server import is_router
from collectors.mongodb.settings import read_settings
from collectors.mongodb.warm import greet
from collectors.pieces import Piece, reading_of

DEADLINE_SECONDS = 19.0
"""A little less than the poller's own deadline, so that what was read in time is kept."""

_MEASURING_SECONDS = 10.0
_LARGEST = 10


class ColdTier:
    """Reads settings and sizes of databases; collections are read by the warm tier while somebody looks at them."""

    def __init__(self, session: MongoSession, target: Target, clock: Clock) -> None:
        self._target = target
        self._clock = clock
        self._questions = Questions(session, clock, Lane.SLOW)

    async def read(self) -> Reading:
        """One reading; raises MongoError when the server cannot be reached."""
        now, budget = self._clock.now(), self._questions.budget(DEADLINE_SECONDS)
        hello, _ = await greet(self._questions, budget)
        pieces = [hello.piece(), *await read_settings(self._questions, budget, router=is_router(hello.document))]
        pieces.append(await self._sizes(budget))
        return reading_of(self._target.name, Tier.COLD, now, pieces, None)

    async def _sizes(self, budget: Budget) -> Piece:
        answer = await self._questions.command("databases", {"listDatabases": 1}, budget, seconds=_MEASURING_SECONDS)
        return Piece(size_samples(answer.document), (), answer.failures, answer.cost)


def size_samples(listed: Document) -> tuple[Sample, ...]:
    """The size of all databases, and of the largest ones."""
    found = at(listed, "databases")
    sizes = [
        (size, text(each, "name"))
        for each in (found if isinstance(found, list) else [])
        if (size := number(each, "sizeOnDisk")) is not None
    ]
    total = number(listed, "totalSize")
    largest = tuple(
        Sample(catalogue.MONGO_DATABASE_SIZE, size, (("database", name),)) for size, name in sorted(sizes, reverse=True)[:_LARGEST]
    )
    return (*((Sample(catalogue.DISK_USED, total),) if total is not None else ()), *largest)
