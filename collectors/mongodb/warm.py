"""The warm tier: replication, and what a pane asks for."""

from __future__ import annotations

from aishell_core.clock import Clock
from aishell_core.engines.mongodb import Lane, MongoSession
from aishell_core.engines.mongodb_documents import Document
from aishell_core.targets import Target
from aishell_core.values import Part, Reading, Tier
from collectors.budget import Budget
from collectors.contract import Demand
from collectors.mongodb.figures import text
from collectors.mongodb.questions import Answer, Questions
from collectors.mongodb.relations import RelationsReader
from collectors.mongodb.replication import ReplicationReader
from collectors.mongodb.server import is_ferretdb, is_router
from collectors.mongodb.settings import read_settings
from collectors.pieces import reading_of

DEADLINE_SECONDS = 4.6
"""A little less than the poller's own deadline, so that what was read in time is kept."""


class WarmTier:
    """Reads what concerns replication and shards, and collections while somebody looks at them."""

    def __init__(self, session: MongoSession, target: Target, clock: Clock) -> None:
        self._target = target
        self._clock = clock
        self._questions = Questions(session, clock, Lane.SLOW)
        self._replication = ReplicationReader(self._questions)
        self._relations = RelationsReader(clock)

    async def read(self, demand: Demand) -> Reading:
        """One reading; raises MongoError when the server cannot be reached."""
        now, budget = self._clock.now(), self._questions.budget(DEADLINE_SECONDS)
        hello, ferret = await greet(self._questions, budget)
        router = is_router(hello.document)
        pieces = [hello.piece()]
        if not ferret:
            pieces += await self._replication.read(budget, router=router, in_set=bool(text(hello.document, "setName")))
        if Part.SETTINGS in demand:
            pieces += await read_settings(self._questions, budget, router=router)
        if Part.RELATIONS in demand:
            pieces.append(await self._relations.read(self._questions, budget, usage=not ferret))
        return reading_of(self._target.name, Tier.WARM, now, pieces, None)


async def greet(questions: Questions, budget: Budget) -> tuple[Answer, bool]:
    """The server's greeting, and whether it is FerretDB; raises MongoError when the server cannot be reached."""
    hello = await questions.command("target", {"hello": 1}, budget)
    build = await questions.command("target", {"buildInfo": 1}, budget)
    both: Document = build.document
    return Answer(hello.documents, (*hello.failures, *build.failures), hello.cost + build.cost), is_ferretdb(both)
