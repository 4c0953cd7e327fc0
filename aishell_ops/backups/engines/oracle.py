"""Backups of Oracle: the rows of a schema's tables at one system change number, in the form that other engines' rows have too.

No server of it was at hand: what is here was tried on recorded rows alone (docs/oracle.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aishell_core.engines.oracle_held import ConnectBulk, bulk_by_driver
from aishell_core.errors import UsageError
from aishell_core.targets import Target
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest, SavePlan, SaveRequest, expect_one_job, one_job_obstacle
from aishell_ops.backups.models import Format, Manifest
from aishell_ops.backups.rows.contract import Place
from aishell_ops.backups.rows.described import described
from aishell_ops.backups.rows.engines.oracle import FAMILY, OracleTables
from aishell_ops.backups.rows.placing import placed_tables
from aishell_ops.backups.rows.service import RowBackups

METHOD = "flashback"


class OracleBackups(RowBackups):
    """Saves and restores the rows of a schema. `connect` makes a connection; tests give one that stands in for the driver's."""

    def __init__(self, environ: Mapping[str, str] | None = None, connect: ConnectBulk = bulk_by_driver) -> None:
        self._tables = OracleTables(environ, connect, frozenset({Format.NATIVE}))
        super().__init__(self._tables)

    async def plan_save(self, target: Target, request: SaveRequest) -> SavePlan:
        """What would be saved; raises UsageError for what cannot be, OracleError."""
        expect_one_job(request)
        if request.method not in ("", METHOD):
            raise UsageError(
                f"Oracle has no method {request.method}", f"there is {METHOD}; expdp and RMAN are programs of the server's own"
            )
        if request.format is not Format.NATIVE:
            raise UsageError(f"Oracle cannot be saved as {request.format}", "take --format native, json or csv")
        plan = await super().plan_save(target, request)
        steps = (
            "read the server's system change number",
            f"save all rows as they were at it, each table in its own part: {plan.steps[-1]}",
        )
        return replace(plan, method=METHOD, steps=steps)

    async def plan_load(self, target: Target, manifest: Manifest, request: LoadRequest) -> LoadPlan:
        """What a restore would do; a table that is there and cannot take the rows stands among its obstacles."""
        plan = await super().plan_load(target, manifest, request)
        known = described(manifest)
        tables = placed_tables(self._tables, known.wanted(request.tables), same=known.family == FAMILY)
        whys = await self._tables.unfit(target, Place(plan.database, there=True, family=FAMILY), tables)
        return replace(plan, obstacles=(*plan.obstacles, *whys, *one_job_obstacle(request)))
