"""What a pane that somebody looks at needs every other second: operations with their progress, the horizon, replication."""

from __future__ import annotations

from aishell_core.clock import Clock
from aishell_core.engines.mysql import MysqlSession, ServerFacts
from aishell_core.values import Cost, Failure, FailureCode, Part
from collectors.budget import Budget
from collectors.contract import Demand
from collectors.mysql import horizon_rows, progress_rows
from collectors.mysql.replication import ReplicationReader
from collectors.mysql.replication_lag import ChannelTimes
from collectors.mysql.slow_questions import Found, SlowQuestions, grant
from collectors.mysql.warm_rows import ServerState
from collectors.mysql.warm_state import StateReader
from collectors.pieces import Piece
from collectors.watched_beside import WATCHED

_ALL_OF_SCHEMA = "performance_schema.*"
_KEEP_STAGES = "UPDATE performance_schema.setup_consumers SET ENABLED = 'YES' WHERE NAME = 'events_stages_current';"
_COUNT_STAGES = "UPDATE performance_schema.setup_instruments SET ENABLED = 'YES' WHERE NAME LIKE 'stage/innodb/alter%';"


class WatchedReader:
    """Reads the demanded ones of these parts on the slow connection; one that fails is a Failure."""

    def __init__(self, session: MysqlSession, clock: Clock, states: StateReader, times: ChannelTimes) -> None:
        """`states` and `times` are shared with the warm tier."""
        self._clock = clock
        self._questions = SlowQuestions(session, clock)
        self._states = states
        self._replication = ReplicationReader(self._questions, clock, times)

    async def read(self, demand: Demand, budget: Budget) -> list[Piece]:
        """A piece for each part; raises TargetError when the server cannot be reached."""
        if not demand & WATCHED:
            return []
        server = await self._questions.facts(budget)
        look = await self._states.read(self._questions, server, budget)
        pieces = [Piece((), (), look.failures, look.cost)]
        if Part.PROGRESS in demand:
            pieces.append(await self._progress(server, look.state, budget))
        if Part.HORIZON in demand:
            pieces.append(await self._horizon(server, budget))
        if Part.REPLICATION in demand:
            pieces.append(await self._replication.peers(server, look, budget))
        return pieces

    async def _progress(self, server: ServerFacts, state: ServerState, budget: Budget) -> Piece:
        hint = grant(server, "SELECT", _ALL_OF_SCHEMA)
        found = await self._questions.ask(server, "progress", Part.PROGRESS, budget, hint=hint)
        if found.rows is None:
            return found.piece()
        if not server.mariadb:
            return await self._stages(server, found, budget)
        failures: tuple[Failure, ...] = ()
        if not state.sees_all:
            message = f"what sessions of other accounts do is hidden from {server.account}"
            failures = (Failure(Part.PROGRESS, FailureCode.PRIVILEGE, message, grant(server, "PROCESS"), self._clock.now()),)
        return found.piece(parts=(("progress", progress_rows.from_process_list(found.rows)),), failures=failures)

    async def _stages(self, server: ServerFacts, found: Found, budget: Budget) -> Piece:
        """Stages of operations, and why none can be seen where the server does not keep or count them."""
        counted = await self._questions.ask(server, "stages_counted", Part.PROGRESS, budget, hint=grant(server, "SELECT", _ALL_OF_SCHEMA))
        failures: list[Failure] = [*counted.failures]
        if counted.row is not None:
            for wrong, message, hint in (
                (counted.row["kept"] != "YES", "the server keeps no stages of statements", _KEEP_STAGES),
                (not counted.row["counted"], "the server does not count the stages of changes of tables", _COUNT_STAGES),
            ):
                if wrong:
                    failures.append(Failure(Part.PROGRESS, FailureCode.UNSUPPORTED, message, hint, self._clock.now()))
        piece = found.piece(parts=(("progress", progress_rows.from_stages(found.rows or ())),), failures=failures)
        return Piece(piece.samples, piece.parts, piece.failures, piece.cost + counted.cost)

    async def _horizon(self, server: ServerFacts, budget: Budget) -> Piece:
        """The transactions with a read view: only InnoDB's report tells of those, so that is read while somebody looks."""
        transactions = await self._questions.ask(server, "transactions", Part.HORIZON, budget)
        if not transactions.rows:
            holders = (("horizon", ()),) if transactions.rows is not None else ()
            return transactions.piece(parts=holders)
        report = await self._questions.ask(server, "innodb_status", Part.HORIZON, budget)
        cost: Cost = transactions.cost + report.cost
        if report.row is None:
            return Piece((), (), report.failures, cost)
        views = horizon_rows.views_of(str(report.row["Status"] or ""))
        return Piece((), (("horizon", horizon_rows.holders_of(transactions.rows, views, all_told=server.mariadb)),), (), cost)
