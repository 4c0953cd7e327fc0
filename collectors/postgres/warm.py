"""The warm tier: what is worth a look every quarter of a minute, and what a pane asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aishell_core.clock import Clock
from aishell_core.engines.postgres import PostgresSession, Row, ServerFacts
from aishell_core.targets import Target
from aishell_core.values import Part, Reading, Sample, Tier
from collectors.contract import Demand
from collectors.postgres.checkpoint_times import CheckpointTimes
from collectors.postgres.hints import dead_rows_unknown
from collectors.postgres.io_rows import io_samples, slru_samples
from collectors.postgres.pieces import Piece, reading_of
from collectors.postgres.relations import RelationsReader
from collectors.postgres.replication import LagReader
from collectors.postgres.replication_lag import LagMemory
from collectors.postgres.settings_rows import settings_hidden, settings_of
from collectors.postgres.sizes import SizesReader
from collectors.postgres.slow_questions import Budget, Found, SlowQuestions
from collectors.postgres.wal_rows import archiver_samples, archives, backlog_samples, checkpoint_samples, control_samples, wal_samples
from collectors.postgres.warm_rows import ServerState, age_samples, dead_row_samples, lock_table_samples, state_of, upkeep_samples

DEADLINE_SECONDS = 4.6
"""A little less than the poller's own deadline, so that what was read in time is kept."""

_REST_AFTER_COUNTING = 1000.0
"""Dead rows and locks are counted again no sooner than so many times as long as that took: with 20,000 tables it costs 50 ms."""

Samples = Callable[[Row | None], tuple[Sample, ...]]

_ONE_ROW: tuple[tuple[str, Samples], ...] = (
    ("transaction_ages", age_samples),
    ("wal", wal_samples),
    ("control_checkpoint", control_samples),
)
_DEAD_ROWS = "dead_rows"
_COUNTED: tuple[tuple[str, Samples], ...] = ((_DEAD_ROWS, dead_row_samples), ("lock_table", lock_table_samples))


@dataclass(frozen=True, slots=True)
class Counted:
    """The figures of the last count, and when (in steady seconds) the next may be."""

    samples: tuple[Sample, ...] = ()
    again_at: float = 0.0


class WarmTier:
    """Reads what concerns log, replication, vacuum and files of one server; a piece that fails is a Failure."""

    def __init__(
        self,
        session: PostgresSession,
        target: Target,
        clock: Clock,
        relations: RelationsReader | None = None,
        memory: LagMemory | None = None,
        sizes: SizesReader | None = None,
    ) -> None:
        """`relations` and `sizes` are shared with the cold tier, and `memory` with whoever reads peers closely."""
        self._target = target
        self._clock = clock
        self._questions = SlowQuestions(session, clock)
        self._lag = LagReader(self._questions, clock, memory or LagMemory())
        self._relations = relations or RelationsReader(clock)
        self._sizes = sizes or SizesReader(clock)
        self._counted = {name: Counted() for name, _ in _COUNTED}
        self._checkpoints = CheckpointTimes()
        self._rights: tuple[bool, bool] | None = None

    async def read(self, demand: Demand) -> Reading:
        """One reading; raises TargetError when the server cannot be reached."""
        now, budget = self._clock.now(), self._questions.budget(DEADLINE_SECONDS)
        server = await self._questions.facts(budget)
        upkeep = await self._ask(server, "upkeep", budget)
        state = state_of(upkeep.row, server)
        other_rights = upkeep.row is not None and self._has_other_rights(state)
        archiving = archives(state.archive_mode, in_recovery=state.in_recovery)
        samples = (*upkeep_samples(upkeep.row, state), *(archiver_samples(upkeep.row) if archiving else ()))
        pieces = [
            upkeep.piece(samples=samples, failures=() if state.sees_settings else (settings_hidden(server.user, now),)),
            await self._lag.read(server, state, budget),
        ]
        if Part.SETTINGS in demand or other_rights:
            settings = await self._ask(server, "settings", budget, Part.SETTINGS)
            pieces.append(settings.piece(parts=(("settings", settings_of(settings.rows)),) if settings.rows is not None else ()))
        pieces += await self._always(server, state, budget)
        if archiving:
            backlog = await self._ask(server, "archive_backlog", budget)
            pieces.append(backlog.piece(samples=backlog_samples(backlog.row)))
        pieces.append(await self._sizes.read_soon(self._questions, server, budget))
        if Part.RELATIONS in demand:
            pieces.append(await self._relations.read_soon(self._questions, server, budget))
        return reading_of(self._target.name, Tier.WARM, now, pieces, None)

    def forget_refusals(self) -> None:
        """Ask again what was refused, and measure again."""
        self._questions.forget_refusals()
        self._sizes.forget()

    def _has_other_rights(self, state: ServerState) -> bool:
        """Whether the role may see more or less than at the last reading; then nothing that it was refused, or shown, is kept."""
        before, self._rights = self._rights, (state.sees_all, state.sees_settings)
        if before in {None, self._rights}:
            return False
        self.forget_refusals()
        return True

    async def _ask(self, server: ServerFacts, name: str, budget: Budget, part: str = "") -> Found:
        return await self._questions.ask(server, name, part or name, budget)

    async def _always(self, server: ServerFacts, state: ServerState, budget: Budget) -> list[Piece]:
        pieces = []
        for name, samples in _ONE_ROW:
            found = await self._ask(server, name, budget)
            pieces.append(found.piece(samples=samples(found.row)))
        checkpoints = await self._ask(server, "checkpoints", budget)
        pieces.append(checkpoints.piece(samples=(*checkpoint_samples(checkpoints.row), *self._checkpoints.samples(checkpoints.row))))
        files, caches = await self._ask(server, "io", budget), await self._ask(server, "slru", budget)
        pieces.append(files.piece(samples=io_samples(files.rows or ())))
        pieces.append(caches.piece(samples=slru_samples(caches.rows or ())))
        for name, samples in _COUNTED:
            unknown = name == _DEAD_ROWS and state.in_recovery
            pieces.append(self._no_count(name) if unknown else await self._count(name, samples, server, budget))
        return pieces

    def _no_count(self, name: str) -> Piece:
        """Nothing but the reason, and once it is a primary what that counts, not what it counted before."""
        self._counted[name] = Counted()
        return Piece((), (), (dead_rows_unknown(self._clock.now()),))

    async def _count(self, name: str, samples: Samples, server: ServerFacts, budget: Budget) -> Piece:
        """What is worth a count, as it was when that would cost too much."""
        began, last = self._clock.steady(), self._counted[name]
        if began < last.again_at:
            return Piece(last.samples)
        found = await self._ask(server, name, budget)
        counted = samples(found.row)
        self._counted[name] = Counted(counted, began + _REST_AFTER_COUNTING * found.cost.seconds)
        return found.piece(samples=counted)
