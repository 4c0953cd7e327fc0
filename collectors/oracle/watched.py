"""What a pane that somebody looks at needs every other second: long operations, open transactions, standbys."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aishell_core.clock import Clock
from aishell_core.engines.oracle import Lane, OracleSession
from aishell_core.values import Part
from collectors.budget import Budget
from collectors.contract import Demand
from collectors.oracle.horizon_rows import holders_of
from collectors.oracle.progress_rows import progress_of
from collectors.oracle.questions import Questions
from collectors.oracle.replication import PeersReader
from collectors.pieces import Piece
from collectors.watched_beside import WATCHED


class WatchedReader:
    """Reads the demanded ones of these parts on the slow connection; one that fails is a Failure."""

    def __init__(self, session: OracleSession, clock: Clock, containers: Callable[[], Mapping[int, str]]) -> None:
        self._questions = Questions(session, clock, Lane.SLOW)
        self._containers = containers
        self._peers = PeersReader(self._questions)

    async def read(self, demand: Demand, budget: Budget) -> list[Piece]:
        """A piece for each part; raises TargetError when the server cannot be reached."""
        if not demand & WATCHED:
            return []
        server = await self._questions.facts(budget)
        pieces = []
        if Part.PROGRESS in demand:
            found = await self._questions.ask(server, "long_operations", Part.PROGRESS, budget)
            parts = () if found.rows is None else (("progress", progress_of(found.rows, self._containers(), server)),)
            pieces.append(found.piece(parts=parts))
        if Part.HORIZON in demand:
            found = await self._questions.ask(server, "transactions", Part.HORIZON, budget)
            held = () if found.rows is None else (("horizon", holders_of(found.rows, self._containers(), server)),)
            pieces.append(found.piece(parts=held))
        if Part.REPLICATION in demand:
            pieces.append(await self._peers.read(server, budget, in_figures=False))
        return pieces
