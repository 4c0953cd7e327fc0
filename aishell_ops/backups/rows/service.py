"""Backups of rows: tables of any engine in forms that other programs read, restored into any engine that takes rows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from aishell_core.errors import UsageError
from aishell_core.targets import Target
from aishell_ops.backups.engines.contract import SavePlan, SaveRequest, expect_one_job
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.models import Format, ObjectProof, Position, ProofLevel
from aishell_ops.backups.rows.bridge import RowSource
from aishell_ops.backups.rows.contract import Moment, RowEngine
from aishell_ops.backups.rows.described import ROWS, description
from aishell_ops.backups.rows.forms import FORMS
from aishell_ops.backups.rows.model import Table
from aishell_ops.backups.rows.restoring import RowLoads
from aishell_ops.backups.streams.contract import PlainSource, Stop
from aishell_ops.backups.streams.stopping import expect_wanted

METHOD = "rows"
_ODD = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_PART_NAME = 60


class RowBackups(RowLoads):
    """Saves and restores the rows of an engine's tables."""

    def __init__(self, engine: RowEngine) -> None:
        super().__init__(engine)
        self._giver = engine

    async def plan_save(self, target: Target, request: SaveRequest) -> SavePlan:
        """What would be saved; raises UsageError for what cannot be, TargetError."""
        if request.format not in self._giver.forms:
            raise UsageError(
                f"rows cannot be saved as {request.format} here",
                f"take --format {' or '.join(form for form in Format if form in self._giver.forms)}",
            )
        if request.method:
            raise UsageError(f"rows are saved in one way alone, and not by {request.method}", "leave --method out, or take --format native")
        expect_one_job(request)
        look = await self._giver.look(target, request.database, request.tables)
        if not look.tables:
            raise UsageError(f"{look.source.database} has no tables", "there is nothing to be saved")
        missing = tuple((f"{what} of {table.label}", why) for table in look.tables for what, why in table.missing)
        return SavePlan(
            replace(request, tables=tuple(table.label for table in look.tables) if request.tables else ()),
            METHOD,
            look.source,
            expected_bytes=look.expected_bytes,
            skipped=(*look.skipped, *missing),
            warnings=look.warnings,
            steps=(
                "hold one moment of the database",
                f"save the rows of {len(look.tables)} tables as {request.format}, each in its own part",
            ),
            recovery=self._giver.recovery(request.format, look.tables),
        )

    @asynccontextmanager
    async def saving(self, target: Target, plan: SavePlan) -> AsyncIterator[_Saving]:
        """Hold a moment of the database."""
        look = await self._giver.look(target, plan.source.database, plan.request.tables)
        async with self._giver.moment(target, look, secret=plan.request.secret) as moment:
            yield _Saving(moment, look.family, plan.request.format)


class _Saving:
    """A moment whose tables are given as streams."""

    def __init__(self, moment: Moment, family: str, form: Format) -> None:
        self._moment = moment
        self._family = family
        loop, made = asyncio.get_running_loop(), FORMS[form]
        self._sources = tuple(
            RowSource(f"{_part_name(number, table)}.{made.suffix}", table, moment.rows(table), made.writer(table), loop)
            for number, table in enumerate(moment.tables)
        )

    @property
    def streams(self) -> tuple[PlainSource, ...]:
        """One for each table."""
        return self._sources

    @property
    def start(self) -> Position:
        """The place in the server's log."""
        return self._moment.start

    @property
    def server_time(self) -> float | None:
        """What the server's clock said."""
        return self._moment.server_time

    @property
    def properties(self) -> tuple[tuple[str, str], ...]:
        """The tables as they were in the moment."""
        return ((ROWS, description(self._family, self._moment.tables)),)

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """What has gone into the streams, once it has; raises BackupError where the engine counts otherwise in the same moment."""
        if level is ProofLevel.NONE:
            return ()
        found = []
        for source in self._sources:
            await source.done.wait()
        for source, table in zip(self._sources, self._moment.tables, strict=True):
            expect_wanted(stop)
            rows = await self._moment.count(table)
            if rows != source.found.rows:
                raise BackupError(
                    f"{table.label} has {rows} rows, and {source.found.rows} came", "save it again; if it stays so, please report it"
                )
            found.append(ObjectProof(table.label, rows, source.found.content_hash if level is ProofLevel.FULL else None))
        return tuple(found)

    async def end(self) -> Position:
        """Nothing of the log is needed after the moment."""
        return self._moment.start


def _part_name(number: int, table: Table) -> str:
    return f"{number:05}-{_ODD.sub('_', table.label)[:_LONGEST_PART_NAME]}"
