"""An engine of tests: a database that is a dictionary of tables, saved and restored for real through streams and storages."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from aishell_core.targets import Location, Target
from aishell_core.values import TargetId
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest, SavePlan, SaveRequest
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.models import Manifest, ObjectProof, Part, Position, ProofLevel, Source, Tool
from aishell_ops.backups.streams.contract import PlainSink, PlainSource, Progress, Stop, Writer
from tests.unit.aishell_ops.backups.streams.situation import Given

TARGET = Target(TargetId("orders-eu"), Location("toy", "db1", database="orders"))
Tables = dict[str, list[str]]

TABLES: Tables = {"orders": ["one", "two"], "users": []}


class ToyEngine:
    """Saves `tables` as two streams; each fault is raised where its name says."""

    def __init__(
        self,
        tables: Tables | None = None,
        *,
        stream_fault: BaseException | None = None,
        proof_fault: BaseException | None = None,
        end_fault: BaseException | None = None,
        padding_bytes: int = 0,
    ) -> None:
        self.tables = TABLES if tables is None else tables
        self.open_moments = 0
        self._stream_fault = stream_fault
        self._proof_fault = proof_fault
        self._end_fault = end_fault
        self._padding_bytes = padding_bytes

    async def plan_save(self, target: Target, request: SaveRequest) -> SavePlan:
        source = Source(target.name, "toy", request.database or target.location.database, target.location.redacted(), "1.0")
        return SavePlan(request, "toy_dump", source, (Tool("toy_dump", "1.0"),), recovery=("toy_restore tables.json",))

    @asynccontextmanager
    async def saving(self, target: Target, plan: SavePlan) -> AsyncIterator[_Moment]:
        self.open_moments += 1
        try:
            yield _Moment(json.loads(json.dumps(self.tables)), self._stream_fault, self._proof_fault, self._end_fault, self._padding_bytes)
        finally:
            self.open_moments -= 1


class _Moment:
    start: Position = (("place", "1"),)
    server_time = 1795226400.0

    def __init__(
        self,
        tables: Tables,
        stream_fault: BaseException | None,
        proof_fault: BaseException | None,
        end_fault: BaseException | None,
        padding_bytes: int,
    ) -> None:
        self._tables = tables
        self._stream_fault = stream_fault
        self._proof_fault = proof_fault
        self._end_fault = end_fault
        self._padding_bytes = padding_bytes

    @property
    def streams(self) -> tuple[PlainSource, ...]:
        globals_ = Given(b"-- the globals")
        globals_.name = "globals.sql"
        content = json.dumps(self._tables).encode() + bytes(self._padding_bytes)
        return (globals_, Given(content, fault=self._stream_fault))

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        await asyncio.sleep(0)
        if self._proof_fault is not None:
            raise self._proof_fault
        return tuple(toy_proof(name, rows) for name, rows in self._tables.items()) if level is not ProofLevel.NONE else ()

    async def end(self) -> Position:
        if self._end_fault is not None:
            raise self._end_fault
        return (("place", "2"),)


def toy_proof(name: str, rows: list[str]) -> ObjectProof:
    """What is known of a table."""
    return ObjectProof(name, len(rows), hashlib.sha256("".join(sorted(rows)).encode()).hexdigest())


def failing(words: str) -> BackupError:
    """A fault with words of its own."""
    return BackupError(words)


class ToyLoads:
    """Takes backups of `ToyEngine` back into `databases`; `load_fault` is raised while a part is taken, `loses` drops a row."""

    def __init__(self, databases: dict[str, Tables], *, load_fault: BaseException | None = None, loses: bool = False) -> None:
        self.databases = databases
        self.staged: list[str] = []
        self._load_fault = load_fault
        self._loses = loses

    async def plan_load(self, target: Target, manifest: Manifest, request: LoadRequest) -> LoadPlan:
        name = request.database or manifest.source.database
        taken = name in self.databases and not request.replace
        obstacles = (f"{name} is there and not empty",) if taken else ()
        losses = (name,) if name in self.databases else ()
        return LoadPlan(request, name, f"{name}_restoring", writes=(name,), losses=losses, obstacles=obstacles)

    @asynccontextmanager
    async def loading(self, target: Target, manifest: Manifest, plan: LoadPlan) -> AsyncIterator[_Staging]:
        self.staged.append(plan.staging)
        try:
            yield _Staging(self, plan)
        finally:
            self.staged.remove(plan.staging)


class _Staging:
    def __init__(self, engine: ToyLoads, plan: LoadPlan) -> None:
        self._engine = engine
        self._plan = plan
        self._tables: Tables = {}

    def sink(self, part: Part) -> PlainSink:
        return _ToySink(self, part)

    def take(self, part: Part, content: bytes) -> None:
        if self._engine._load_fault is not None:
            raise self._engine._load_fault
        if part.name.startswith("data.dump"):
            self._tables = json.loads(content.rstrip(b"\0"))
        if self._engine._loses and self._tables:
            self._tables["orders"] = self._tables["orders"][1:]

    async def finish(self, progress: Progress, stop: Stop) -> None:
        return

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        return tuple(toy_proof(name, rows) for name, rows in self._tables.items())

    async def publish(self) -> None:
        self._engine.databases[self._plan.database] = self._tables


class _ToySink:
    def __init__(self, staging: _Staging, part: Part) -> None:
        self._staging = staging
        self._part = part
        self._pieces: list[bytes] = []

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Writer]:
        yield self
        self._staging.take(self._part, b"".join(self._pieces))

    def write(self, data: bytes | memoryview) -> None:
        self._pieces.append(bytes(data))
