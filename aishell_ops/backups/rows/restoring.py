"""Restoring rows: those of any engine that are described in a manifest, into any engine that takes rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from aishell_core.errors import RefusedError
from aishell_core.targets import Target
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest
from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.models import Manifest, ObjectProof, Part, ProofLevel
from aishell_ops.backups.rows.contract import Adapts, Place, Placed, Staging, TakesRows
from aishell_ops.backups.rows.described import Described, described
from aishell_ops.backups.rows.fidelity import ColumnFidelity, lost
from aishell_ops.backups.rows.hashing import RowHash
from aishell_ops.backups.rows.loading import TableLoad
from aishell_ops.backups.rows.model import Table
from aishell_ops.backups.rows.placing import fidelity_of, placed_tables
from aishell_ops.backups.streams.contract import PlainSink, Progress, Stop, Stride
from aishell_ops.backups.streams.nowhere import Nowhere
from aishell_ops.backups.streams.stopping import expect_wanted

_NEEDED_RATIO = 1.2


class RowLoads:
    """Restores rows into an engine that takes them."""

    def __init__(self, engine: TakesRows) -> None:
        self._engine = engine

    async def plan_load(self, target: Target, manifest: Manifest, request: LoadRequest) -> LoadPlan:
        """What a restore would do, with the fidelity of every column by its type; raises UsageError, TargetError."""
        known = described(manifest)
        tables = known.wanted(request.tables)
        place, placed = await self._placed(target, known, tables, request)
        needed = round(_NEEDED_RATIO * manifest.plain_bytes)
        obstacles = [*place.obstacles]
        if place.existing and not request.replace:
            obstacles.append(f"{_some([label for label, _ in place.existing])} there already; --drop-existing replaces that")
        if place.free_bytes is not None and place.free_bytes < needed:
            obstacles.append(f"there are {place.free_bytes} bytes of room, and {needed} are needed")
        return LoadPlan(
            replace(request, tables=tuple(table.label for table in tables) if request.tables else ()),
            place.database,
            "",
            writes=tuple(_written(each) for each in placed),
            losses=tuple(words for _, words in place.existing),
            obstacles=tuple(obstacles),
            warnings=place.warnings,
            needed_bytes=needed,
            free_bytes=place.free_bytes,
            fidelity=(*fidelity_of(self._engine, placed, {}), *known.others),
        )

    @asynccontextmanager
    async def loading(self, target: Target, manifest: Manifest, plan: LoadPlan) -> AsyncIterator[_Loading]:
        """A staging place that takes the tables; it is removed unless it was published."""
        known = described(manifest)
        tables = known.wanted(plan.request.tables)
        place, placed = await self._placed(target, known, tables, plan.request)
        if place.existing and not plan.request.replace:
            raise RefusedError(f"{_some([label for label, _ in place.existing])} there by now", "--drop-existing replaces that")
        async with self._engine.staging(target, place, placed) as staging:
            yield _Loading(self._engine, staging, manifest, plan.request, known, placed)

    @asynccontextmanager
    async def scratch(self, target: Target, manifest: Manifest) -> AsyncIterator[Target]:
        """A place for a test restore."""
        async with self._engine.scratch(target, manifest) as place:
            yield place

    async def _placed(
        self, target: Target, known: Described, tables: Sequence[Table], request: LoadRequest
    ) -> tuple[Place, tuple[Placed, ...]]:
        """The place, and where each table goes in it."""
        first = placed_tables(self._engine, tables, same=False)
        place = await self._engine.survey(target, request.database, [(each.schema, each.name) for each in first])
        engine = self._engine.at(place) if isinstance(self._engine, Adapts) else self._engine
        return place, placed_tables(engine, tables, same=place.family == known.family)


def _some(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - 3} more" if len(labels) > 3 else ""
    return f"{', '.join(labels[:3])}{more} {'are' if len(labels) > 1 else 'is'}"


def _written(placed: Placed) -> str:
    label = placed.table.label
    return f"the table {placed.label}" + (f" from {label}" if placed.label != label else "")


class _Loading:
    """A staging place that takes tables."""

    def __init__(
        self, engine: TakesRows, staging: Staging, manifest: Manifest, request: LoadRequest, known: Described, placed: Sequence[Placed]
    ) -> None:
        self._engine = engine
        self._staging = staging
        self._manifest = manifest
        self._request = request
        self._known = known
        self._placed = tuple(placed)
        wanted = {each.table: number for number, each in enumerate(placed)}
        self._numbers = {place: wanted[table] for place, table in enumerate(known.tables) if table in wanted}
        self._loads: dict[int, TableLoad] = {}

    def sink(self, part: Part) -> PlainSink:
        """What takes the rows of a table; those of others go nowhere."""
        place = self._known.number_of(part, self._manifest)
        number = self._numbers.get(place) if place is not None else None
        if number is None:
            return Nowhere()
        placed = self._placed[number]
        load = TableLoad(
            placed,
            self._known.reader(self._manifest)(placed.table),
            self._staging,
            asyncio.get_running_loop(),
            mends=self._request.accept_loss,
        )
        self._loads[number] = load
        return load

    async def finish(self, progress: Progress, stop: Stop) -> None:
        """Refuse what nobody has accepted, then build keys. Raises RefusedError, DamagedError for rows that are missing."""
        for number, placed in enumerate(self._placed):
            if number not in self._loads:
                raise DamagedError(f"the backup has no rows of {placed.table.label}", "restore another one")
        self._expect_accepted()
        for placed in self._placed:
            expect_wanted(stop)
            progress(Stride(placed.label, 0, 0))
            await self._staging.finish(placed)

    def _expect_accepted(self) -> None:
        keyless = [load.placed.table.label for load in self._loads.values() if load.keyless]
        if keyless:
            raise RefusedError(f"a primary key of {', '.join(keyless)} has values that have no place there", _told(self.fidelity))
        if lost(self.fidelity) and not self._request.accept_loss:
            counted = sum(each.values for each in lost(self.fidelity))
            has = "value has" if counted == 1 else "values have"
            raise RefusedError(
                f"{counted} {has} no place there, which is done only with --accept-loss: {_told(self.fidelity)}",
                "nothing was changed; --accept-loss puts NULL, or what comes nearest, in their place",
            )

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """Counts and hashes of what is in the staging place, read back as the source would have it."""
        found = []
        for placed in self._placed:
            rows = RowHash(placed.table.columns)
            async for piece in self._staging.rows(placed):
                expect_wanted(stop)
                for row in piece:
                    rows.add(row)
            found.append(ObjectProof(placed.table.label, rows.rows, rows.content_hash if level is ProofLevel.FULL else None))
        return tuple(found)

    def expected(self, objects: Sequence[ObjectProof]) -> tuple[ObjectProof, ...]:
        """What the proofs of the manifest become by the losses that were accepted.

        What came out of the backup is compared with the manifest here: only where it is the same, another hash is expected.
        """
        kept = {load.placed.table.label: load for load in self._loads.values() if load.changed}
        return tuple(
            replace(each, content_hash=load.kept.content_hash if each.content_hash is not None else None)
            if (load := kept.get(each.name)) is not None and each.content_hash in (None, load.given_hash)
            else each
            for each in objects
        )

    @property
    def fidelity(self) -> tuple[ColumnFidelity, ...]:
        """What has become of every column."""
        losses = {number: load.losses for number, load in self._loads.items()}
        return (*fidelity_of(self._engine, self._placed, losses), *self._known.others)

    async def publish(self) -> None:
        """Put all tables in their places at once."""
        await self._staging.publish(self._placed)


def _told(found: Sequence[ColumnFidelity]) -> str:
    missing = lost(found)
    more = f"; and {len(missing) - 5} more columns" if len(missing) > 5 else ""
    return "; ".join(map(str, missing[:5])) + more
