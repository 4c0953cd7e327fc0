"""Backups of rows between engines, for live tests: databases with edge values of every type, saved here and restored there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from aishell_core.clock import SystemClock
from aishell_core.targets import Target
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest, SaveRequest
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.models import Backup, Format, ProofLevel
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import Restored, RestoreOrder, plan_restore, restore
from aishell_ops.backups.rows.contract import RowEngine, TakesRows
from aishell_ops.backups.rows.restoring import RowLoads
from aishell_ops.backups.rows.service import RowBackups
from aishell_ops.backups.storage.contract import Storage
from aishell_ops.backups.streams.contract import Keys, Recipe
from aishell_ops.backups.take import Order, take

CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Side:
    """An engine and a target of it."""

    engine: TakesRows
    target: Target

    async def save(self, storage: Storage, form: Format = Format.JSON, tables: Sequence[str] = (), recipe: Recipe | None = None) -> Backup:
        """Save its rows, with all proofs."""
        assert isinstance(self.engine, RowEngine)
        request = SaveRequest(format=form, tables=tuple(tables))
        order = Order(self.target, request, recipe=recipe or Recipe(), proof=ProofLevel.FULL)
        return await take(RowBackups(self.engine), Repository(storage, time.time), order, CLOCK)

    async def plan(self, backup: Backup, request: LoadRequest | None = None) -> LoadPlan:
        """What a restore into it would do."""
        return await plan_restore(RowLoads(self.engine), backup, RestoreOrder(self.target, request or LoadRequest()))

    async def load(self, storage: Storage, backup: Backup, request: LoadRequest | None = None, keys: Keys | None = None) -> Restored:
        """Restore a backup of any engine into it."""
        engine, order = RowLoads(self.engine), RestoreOrder(self.target, request or LoadRequest(), keys)
        plan = await plan_restore(engine, backup, order)
        source = backup.manifest.source
        spot = Spot(Line(source.target, source.database), backup.id)
        return await restore(engine, Repository(storage, time.time), spot, backup, order, plan, CLOCK)
