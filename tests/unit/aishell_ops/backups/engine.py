"""An engine of tests: a database that is a dictionary of tables, saved and restored for real through streams and storages."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aishell_core.targets import Location, Target
from aishell_core.values import TargetId
from aishell_ops.backups.engines.contract import SavePlan, SaveRequest
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.models import ObjectProof, Position, ProofLevel, Source, Tool
from aishell_ops.backups.streams.contract import PlainSource, Stop
from tests.unit.aishell_ops.backups.streams.situation import Given

TARGET = Target(TargetId("orders-eu"), Location("toy", "db1", database="orders"))
TABLES = {"orders": ["one", "two"], "users": []}


class ToyEngine:
    """Saves `tables` as two streams; each fault is raised where its name says."""

    def __init__(
        self,
        tables: dict[str, list[str]] | None = None,
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
        tables: dict[str, list[str]],
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
