"""Reading what concerns a replica set, or the shards of a cluster."""

from __future__ import annotations

from aishell_core import catalogue
from aishell_core.engines.mongodb_documents import Document
from aishell_core.values import Part, Sample, essential
from collectors.budget import Budget
from collectors.mongodb.figures import number
from collectors.mongodb.questions import Answer, Questions
from collectors.mongodb.replication_rows import lag_samples, oplog_samples, peers_of, shards_of, slowest_seconds
from collectors.pieces import Piece


class ReplicationReader:
    """Reads members and log of operations of a set, or the shards behind a router."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def read(self, budget: Budget, *, router: bool, in_set: bool) -> list[Piece]:
        """What there is to tell; raises MongoError when the server cannot be reached."""
        if router:
            return await self._shards(budget)
        if not in_set:
            return [Piece(parts=(("replication", ()),))]
        status = await self._questions.command(Part.REPLICATION, {"replSetGetStatus": 1}, budget)
        if status.documents is None:
            return [Piece((), (), essential(status.failures), status.cost)]
        peers = peers_of(status.document)
        members = Piece(lag_samples(status.document), (("replication", peers),), status.failures, status.cost)
        return [members, await self._oplog(budget, slowest_seconds(status.document))]

    async def _oplog(self, budget: Budget, slowest: float | None) -> Piece:
        first, last = await self._entry(1, budget), await self._entry(-1, budget)
        command: Document = {"aggregate": "oplog.rs", "pipeline": [{"$collStats": {"storageStats": {}}}], "cursor": {}}
        size = await self._questions.documents("oplog", command, budget, database="local", name="oplog size")
        failures = (*first.failures, *(each for each in (*last.failures, *size.failures) if not first.failures))
        samples: tuple[Sample, ...] = oplog_samples(first.document, last.document, size.document, slowest)
        return Piece(samples, (), essential(failures), first.cost + last.cost + size.cost)

    async def _entry(self, direction: int, budget: Budget) -> Answer:
        """The first or the last entry of the log, of which the time alone is sent."""
        command: Document = {
            "find": "oplog.rs",
            "sort": {"$natural": direction},
            "limit": 1,
            "singleBatch": True,
            "projection": {"ts": 1, "_id": 0},
        }
        return await self._questions.documents("oplog", command, budget, database="local", name=f"oplog {direction}")

    async def _shards(self, budget: Budget) -> list[Piece]:
        found = await self._questions.documents(Part.REPLICATION, {"find": "shards"}, budget, database="config", name="shards")
        query = {"jumbo": True}
        jumbo = await self._questions.command("chunks", {"count": "chunks", "query": query}, budget, database="config", name="jumbo")
        if found.documents is None:
            return [found.piece(), jumbo.piece()]
        shards = shards_of(found.documents)
        samples = [Sample(catalogue.MONGO_SHARDS_DRAINING, float(sum(shard.state == "draining" for shard in shards)))]
        count = number(jumbo.document, "n")
        if count is not None:
            samples.append(Sample(catalogue.MONGO_CHUNKS_JUMBO, count))
        return [found.piece(replication=shards), Piece(tuple(samples), (), jumbo.failures, jumbo.cost)]
