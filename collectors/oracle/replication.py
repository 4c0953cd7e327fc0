"""Reading where redo goes and comes from."""

from __future__ import annotations

from aishell_core.engines.oracle import ServerFacts
from aishell_core.values import Part, ReplicationPeer
from collectors.budget import Budget
from collectors.oracle.questions import Questions
from collectors.oracle.replication_rows import archive_samples, destinations_of, replication_samples, upstream_of
from collectors.pieces import Piece


class PeersReader:
    """Reads destinations, and on a standby its lag and its processes; a statement that fails is a Failure."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def read(self, server: ServerFacts, budget: Budget, *, in_figures: bool) -> Piece:
        """The peers, or only figures of them; raises TargetError when the server cannot be reached."""
        part = Part.REPLICATION
        sent = (await self._questions.ask(server, "archive_destinations", part, budget)).judged
        failures, cost = sent.failures, sent.cost
        upstream: tuple[ReplicationPeer, ...] = ()
        if server.is_standby:
            lags = (await self._questions.ask(server, "standby_lag", part, budget)).judged
            processes = await self._questions.ask(server, "standby_processes", part, budget)
            upstream = upstream_of(lags.rows or (), processes.rows)
            failures, cost = (*failures, *lags.failures, *processes.failures), sum((lags.cost, processes.cost), cost)
        if in_figures:
            archived = archive_samples(sent.rows) if sent.rows is not None else ()
            return Piece((*archived, *replication_samples(upstream)), (), failures, cost)
        known = sent.rows is not None or bool(upstream)
        return Piece((), (("replication", (*upstream, *destinations_of(sent.rows or ()))),) if known else (), failures, cost)
