"""What a pane that somebody looks at needs every other second: operations with their progress, the horizon, replication."""

from __future__ import annotations

from aishell_core.clock import Clock
from aishell_core.engines.postgres import PostgresSession, ServerFacts
from aishell_core.values import Failure, FailureCode, Part
from collectors.contract import Demand
from collectors.postgres import horizon_rows, progress_rows
from collectors.postgres.pieces import Piece
from collectors.postgres.replication import PeersReader
from collectors.postgres.replication_lag import LagMemory
from collectors.postgres.slow_questions import Budget, SlowQuestions, monitor_grant
from collectors.postgres.warm_rows import ServerState, state_of
from collectors.watched_beside import WATCHED


class WatchedReader:
    """Reads the demanded ones of these parts on the slow connection; one that fails is a Failure."""

    def __init__(self, session: PostgresSession, clock: Clock, memory: LagMemory) -> None:
        """`memory` is shared with whoever else reads how late anybody is."""
        self._clock = clock
        self._questions = SlowQuestions(session, clock)
        self._peers = PeersReader(self._questions, clock, memory)

    def forget_refusals(self) -> None:
        """Ask again what was refused."""
        self._questions.forget_refusals()

    async def read(self, demand: Demand, budget: Budget) -> list[Piece]:
        """A piece for each part; raises TargetError when the server cannot be reached."""
        if not demand & WATCHED:
            return []
        server = await self._questions.facts(budget)
        rights = await self._questions.ask(server, "rights", "rights", budget)
        state = state_of(rights.row, server)
        pieces = [rights.piece()]
        if Part.PROGRESS in demand:
            pieces.append(await self._progress(server, state, budget))
        if Part.HORIZON in demand:
            pieces.append(await self._horizon(server, state, budget))
        if Part.REPLICATION in demand:
            pieces.append(await self._peers.read(server, state, budget))
        return pieces

    async def _progress(self, server: ServerFacts, state: ServerState, budget: Budget) -> Piece:
        found = await self._questions.ask(server, "progress", Part.PROGRESS, budget)
        if found.rows is None:
            return found.piece()
        unseen = self._unseen(Part.PROGRESS, progress_rows.hidden(found.rows), state, server)
        return found.piece(parts=(("progress", progress_rows.progress_of(found.rows)),), failures=unseen)

    async def _horizon(self, server: ServerFacts, state: ServerState, budget: Budget) -> Piece:
        found = await self._questions.ask(server, "horizon", Part.HORIZON, budget)
        if found.rows is None:
            return found.piece()
        unseen = self._unseen(Part.HORIZON, horizon_rows.hidden(found.rows), state, server)
        return found.piece(parts=(("horizon", horizon_rows.holders_of(found.rows)),), failures=unseen)

    def _unseen(self, part: Part, count: int, state: ServerState, server: ServerFacts) -> tuple[Failure, ...]:
        if not count or state.sees_all:
            return ()
        who = "1 session of another role does" if count == 1 else f"{count} sessions of other roles do"
        message = f"what {who} is hidden from {server.user}"
        return (Failure(part, FailureCode.PRIVILEGE, message, monitor_grant(server.user), self._clock.now()),)
