"""The warm tier: what is worth a look every quarter of a minute, and what a pane asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aishell_core.clock import Clock
from aishell_core.engines.oracle import Lane, OracleSession, Row, ServerFacts
from aishell_core.targets import Target
from aishell_core.values import Part, Reading, Sample, Tier
from collectors.budget import Budget
from collectors.contract import Demand
from collectors.oracle.hot import Known
from collectors.oracle.questions import Found, Questions
from collectors.oracle.relations import RelationsReader
from collectors.oracle.replication import PeersReader
from collectors.oracle.settings import SettingsReader
from collectors.oracle.warm_rows import average_samples, backup_samples, memory_samples, recovery_samples, tablespace_samples, undo_samples
from collectors.pieces import Piece, reading_of

DEADLINE_SECONDS = 4.6
"""A little less than the poller's own deadline, so that what was read in time is kept."""

_MANY: tuple[tuple[str, Callable[[Iterable[Row]], tuple[Sample, ...]]], ...] = (
    ("system_metrics", average_samples),
    ("memory", memory_samples),
)
_SELDOM_SECONDS = 120.0
"""Backups and sizes of tablespaces are read so often: both read the control file or the dictionary."""


class WarmTier:
    """Reads averages, memory, storage, undo, backups and standbys of one server; a piece that fails is a Failure."""

    def __init__(self, session: OracleSession, target: Target, clock: Clock, relations: RelationsReader, known: Known) -> None:
        """`relations` is shared with the cold tier, and `known` with the hot one."""
        self._target = target
        self._clock = clock
        self._known = known
        self._questions = Questions(session, clock, Lane.SLOW)
        self._peers = PeersReader(self._questions)
        self._relations = relations
        self._settings = SettingsReader(self._questions)
        self._kept: dict[str, tuple[float, Found]] = {}

    async def read(self, demand: Demand) -> Reading:
        """One reading; raises TargetError when the server cannot be reached."""
        now, budget = self._clock.now(), self._questions.budget(DEADLINE_SECONDS)
        server = await self._questions.facts(budget)
        pieces = []
        for name, samples in _MANY:
            found = await self._questions.ask(server, name, name.replace("_", " "), budget)
            pieces.append(found.judged.piece(samples=samples(found.rows or ())))
        pieces += await self._storage(server, budget)
        pieces.append(await self._peers.read(server, budget, in_figures=True))
        if Part.SETTINGS in demand:
            pieces.append(await self._settings.read(server, budget))
        if Part.RELATIONS in demand:
            pieces.append(await self._relations.read(self._questions, server, budget))
        return reading_of(self._target.name, Tier.WARM, now, pieces, None)

    async def _storage(self, server: ServerFacts, budget: Budget) -> list[Piece]:
        undo = await self._questions.ask(server, "undo", "undo", budget)
        if undo.row is not None and undo.row["block_bytes"]:
            self._known.block_bytes = float(undo.row["block_bytes"])
        area = await self._seldom(server, "recovery_area", budget)
        spaces = await self._seldom(server, "tablespaces", budget)
        backups = await self._seldom(server, "backups", budget)
        database = await self._seldom(server, "database", budget)
        self._known.database = database.row
        return [
            undo.judged.piece(samples=undo_samples(undo.row)),
            area.judged.piece(samples=recovery_samples(area.row)),
            spaces.judged.piece(samples=tablespace_samples(spaces.rows or ())),
            backups.judged.piece(samples=backup_samples(backups.rows) if backups.rows is not None else ()),
            database.piece(),
        ]

    async def _seldom(self, server: ServerFacts, name: str, budget: Budget) -> Found:
        """What a statement brought a while ago, or brings now; one that failed is asked again at the next reading."""
        until, kept = self._kept.get(name, (0.0, None))
        if kept is not None and self._clock.steady() < until:
            return Found(kept.rows)
        found = await self._questions.ask(server, name, name.replace("_", " "), budget, seconds=3.0)
        if found.rows is not None:
            self._kept[name] = (self._clock.steady() + _SELDOM_SECONDS, found)
        return found
