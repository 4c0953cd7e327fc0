"""Backups of rows: tables of any engine in forms that other programs read, restored into any engine that has tables."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from aishell_core.errors import RefusedError, UsageError
from aishell_core.targets import Target
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest, SavePlan, SaveRequest
from aishell_ops.backups.errors import BackupError, DamagedError
from aishell_ops.backups.models import Format, Manifest, ObjectProof, Part, Position, ProofLevel
from aishell_ops.backups.rows.bridge import RowSource
from aishell_ops.backups.rows.contract import Moment, Place, Placed, RowEngine, Staging
from aishell_ops.backups.rows.csv_form import CsvReader, CsvWriter
from aishell_ops.backups.rows.fidelity import ColumnFidelity, lost
from aishell_ops.backups.rows.finding import table_named
from aishell_ops.backups.rows.form import RowReader, RowWriter
from aishell_ops.backups.rows.hashing import RowHash
from aishell_ops.backups.rows.json_form import JsonReader, JsonWriter
from aishell_ops.backups.rows.loading import TableLoad
from aishell_ops.backups.rows.model import Table, table_as_json, table_of_json
from aishell_ops.backups.rows.placing import fidelity_of, placed_tables
from aishell_ops.backups.rows.sql_form import SqlReader, SqlWriter
from aishell_ops.backups.streams.contract import PlainSink, PlainSource, Progress, Stop, Stride
from aishell_ops.backups.streams.nowhere import Nowhere
from aishell_ops.backups.streams.stopping import expect_wanted

METHOD = "rows"
_NOTE = "rows"
_ODD = re.compile(r"[^A-Za-z0-9_-]+")
_PART = re.compile(r"(\d+)-")
_LONGEST_PART_NAME = 60
_NEEDED_RATIO = 1.2


@dataclass(frozen=True, slots=True)
class _Form:
    suffix: str
    writer: Callable[[Table], RowWriter]
    reader: Callable[[Table], RowReader]


FORMS: Mapping[Format, _Form] = {
    Format.JSON: _Form("jsonl", JsonWriter, JsonReader),
    Format.CSV: _Form("csv", CsvWriter, CsvReader),
    Format.SQL: _Form("sql", SqlWriter, SqlReader),
}


class RowBackups:
    """Saves and restores the rows of an engine's tables."""

    def __init__(self, engine: RowEngine) -> None:
        self._engine = engine

    async def plan_save(self, target: Target, request: SaveRequest) -> SavePlan:
        """What would be saved; raises UsageError for what cannot be, TargetError."""
        if request.format not in self._engine.forms:
            raise UsageError(
                f"rows cannot be saved as {request.format} here",
                f"take --format {' or '.join(form for form in Format if form in self._engine.forms)}",
            )
        look = await self._engine.look(target, request.database, request.tables)
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
            recovery=self._engine.recovery(request.format, look.tables),
        )

    @asynccontextmanager
    async def saving(self, target: Target, plan: SavePlan) -> AsyncIterator[_Saving]:
        """Hold a moment of the database."""
        look = await self._engine.look(target, plan.source.database, plan.request.tables)
        async with self._engine.moment(target, look, secret=plan.request.secret) as moment:
            yield _Saving(moment, look.family, plan.request.format)

    async def plan_load(self, target: Target, manifest: Manifest, request: LoadRequest) -> LoadPlan:
        """What a restore would do, with the fidelity of every column by its type; raises UsageError, TargetError."""
        known = _Known.of(manifest)
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
            fidelity=fidelity_of(self._engine, placed, {}),
        )

    @asynccontextmanager
    async def loading(self, target: Target, manifest: Manifest, plan: LoadPlan) -> AsyncIterator[_Loading]:
        """A staging place that takes the tables; it is removed unless it was published."""
        known = _Known.of(manifest)
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
        self, target: Target, known: _Known, tables: Sequence[Table], request: LoadRequest
    ) -> tuple[Place, tuple[Placed, ...]]:
        """The place, and where each table goes in it."""
        first = placed_tables(self._engine, tables, same=False)
        place = await self._engine.survey(target, request.database, [(each.schema, each.name) for each in first])
        return place, placed_tables(self._engine, tables, same=place.family == known.family)


def _some(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - 3} more" if len(labels) > 3 else ""
    return f"{', '.join(labels[:3])}{more} {'are' if len(labels) > 1 else 'is'}"


def _written(placed: Placed) -> str:
    label = placed.table.label
    return f"the table {placed.label}" + (f" from {label}" if placed.label != label else "")


@dataclass(frozen=True, slots=True)
class _Known:
    """What a manifest knows of its rows."""

    family: str
    tables: tuple[Table, ...]

    @classmethod
    def of(cls, manifest: Manifest) -> _Known:
        try:
            given = json.loads(dict(manifest.annotations)[_NOTE])
            return cls(str(given["family"]), tuple(table_of_json(table) for table in given["tables"]))
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedError(f"backup {manifest.id} does not tell what its tables are", "restore another one") from error

    def wanted(self, names: Sequence[str]) -> tuple[Table, ...]:
        """The tables of these names, all without any; raises UsageError naming the nearest."""
        if not names:
            return self.tables
        return tuple(dict.fromkeys(table_named(name, self.tables) for name in names))


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
        tables = [table_as_json(table) for table in self._moment.tables]
        return ((_NOTE, json.dumps({"family": self._family, "tables": tables})),)

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


class _Loading:
    """A staging place that takes tables."""

    def __init__(
        self, engine: RowEngine, staging: Staging, manifest: Manifest, request: LoadRequest, known: _Known, placed: Sequence[Placed]
    ) -> None:
        self._engine = engine
        self._staging = staging
        self._manifest = manifest
        self._request = request
        self._placed = tuple(placed)
        wanted = {each.table: number for number, each in enumerate(placed)}
        self._numbers = {place: wanted[table] for place, table in enumerate(known.tables) if table in wanted}
        self._loads: dict[int, TableLoad] = {}

    def sink(self, part: Part) -> PlainSink:
        """What takes the rows of a table; those of others go nowhere."""
        found = _PART.match(part.name)
        if found is None:
            raise DamagedError(f"the part {part.name} is not of a table", "restore another backup")
        number = self._numbers.get(int(found[1]))
        if number is None:
            return Nowhere()
        placed = self._placed[number]
        reader = FORMS[self._manifest.format].reader(placed.table)
        load = TableLoad(placed, reader, self._staging, asyncio.get_running_loop(), mends=self._request.accept_loss)
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
                "nothing was changed; --accept-loss puts NULL, or a replacement sign, in their place",
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
            if (load := kept.get(each.name)) is not None and each.content_hash in (None, load.given.content_hash)
            else each
            for each in objects
        )

    @property
    def fidelity(self) -> tuple[ColumnFidelity, ...]:
        """What has become of every column."""
        return fidelity_of(self._engine, self._placed, {number: load.losses for number, load in self._loads.items()})

    async def publish(self) -> None:
        """Put all tables in their places at once."""
        await self._staging.publish(self._placed)


def _told(found: Sequence[ColumnFidelity]) -> str:
    missing = lost(found)
    more = f"; and {len(missing) - 5} more columns" if len(missing) > 5 else ""
    return "; ".join(map(str, missing[:5])) + more
