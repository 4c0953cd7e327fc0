"""What an engine must be able to do to be saved, restored and tested; callers ask for these, never for its name.

Planning only reads. Everything raises AishellError alone: TargetError of the server, ToolError of a missing program,
BackupError of what went wrong.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from aishell_core.errors import UsageError
from aishell_core.targets import Target
from aishell_ops.backups.comparison import Difference
from aishell_ops.backups.models import Format, Manifest, ObjectProof, Part, Position, ProofLevel, Source, Tool
from aishell_ops.backups.rows.fidelity import ColumnFidelity
from aishell_ops.backups.streams.contract import PlainSink, PlainSource, Progress, Stop


@dataclass(frozen=True, slots=True)
class SaveRequest:
    """What somebody wants saved. `database` "" is the target's own; without `tables` all of it; `method` "" is the engine's choice.

    With `secret` the backup is encrypted, so that no plaintext may touch a disk on its way.
    """

    database: str = ""
    format: Format = Format.NATIVE
    tables: tuple[str, ...] = ()
    method: str = ""
    jobs: int = 1
    secret: bool = False


@dataclass(frozen=True, slots=True)
class SavePlan:
    """What would be done: printable, without any secret, and all that is needed to do it.

    `steps` say it to a person; `recovery` are the shell commands that restore the opened parts without aishell.
    `properties` are what the engine has to know again for a restore; they are kept among the manifest's annotations.
    """

    request: SaveRequest
    method: str
    source: Source
    tools: tuple[Tool, ...] = ()
    expected_bytes: int | None = None
    skipped: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    recovery: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()


class Saving(Protocol):
    """A moment of the database that is held while it is saved: everything it gives shows that one moment."""

    @property
    def streams(self) -> tuple[PlainSource, ...]:
        """The parts, in the order in which they are taken."""

    @property
    def start(self) -> Position:
        """The place in the server's log that belongs to the moment; empty where the engine has none."""

    @property
    def server_time(self) -> float | None:
        """What the server's clock said, in epoch seconds."""

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """Counts and hashes of what is saved, from the same moment."""

    async def end(self) -> Position:
        """The place in the server's log up to which the backup needs it; asked for after all streams."""


@runtime_checkable
class Annotates(Protocol):
    """A moment of which something became known that its plan could not know."""

    @property
    def properties(self) -> tuple[tuple[str, str], ...]:
        """What the engine has to know again for a restore, besides the plan's properties; asked for after all streams."""


@runtime_checkable
class Saves(Protocol):
    """Can be saved."""

    async def plan_save(self, target: Target, request: SaveRequest) -> SavePlan:
        """What would be saved and how; raises UsageError for what it cannot do, ToolError for a program that is missing."""

    def saving(self, target: Target, plan: SavePlan) -> AbstractAsyncContextManager[Saving]:
        """Hold a moment of the database; let go of it when the block ends, however it ends."""


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """Where a backup is to go. `database` "" is the one it came from; `replace` allows that what is there is lost.

    `accept_loss` allows that values which have no place in another engine are replaced.
    """

    database: str = ""
    tables: tuple[str, ...] = ()
    replace: bool = False
    go_on: bool = False
    jobs: int = 1
    accept_loss: bool = False


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What a restore would do: what it writes, what is lost by it, what forbids it; printable, without any secret.

    `fidelity` says what becomes of columns in another engine; empty for an engine's own format. `server_version` is that of
    the server that takes it, "" where none does.
    """

    request: LoadRequest
    database: str
    staging: str
    writes: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    obstacles: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    needed_bytes: int | None = None
    free_bytes: int | None = None
    fidelity: tuple[ColumnFidelity, ...] = ()
    server_version: str = ""


class Loading(Protocol):
    """A staging place that takes the parts of a backup; nobody sees it before it is published, and it goes when it is not."""

    def sink(self, part: Part) -> PlainSink:
        """What takes a part; parts come in the manifest's order."""

    async def finish(self, progress: Progress, stop: Stop) -> None:
        """What has to be done after the last part, such as building indexes."""

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """Counts and hashes of what is now in the staging place, in the way of those that the manifest has."""

    async def publish(self) -> None:
        """Put it in its place; what was there before is gone after this and not earlier."""


@runtime_checkable
class Converts(Protocol):
    """A staging place of another engine, in which not everything has its place."""

    def expected(self, objects: tuple[ObjectProof, ...]) -> tuple[ObjectProof, ...]:
        """What the manifest's proofs become by losses that were accepted; the same where nothing was lost."""

    @property
    def fidelity(self) -> tuple[ColumnFidelity, ...]:
        """What has become of every column, by its values."""


@runtime_checkable
class GoesOn(Protocol):
    """A staging place whose server may have refused some of the backup, and which went on as it was told."""

    @property
    def refused(self) -> tuple[Difference, ...]:
        """What was refused, each in the words of the server or of its client; asked for when all parts are taken and finished."""


@runtime_checkable
class Loads(Protocol):
    """Can take a backup back."""

    async def plan_load(self, target: Target, manifest: Manifest, request: LoadRequest) -> LoadPlan:
        """What a restore would do; what forbids it stands among the plan's obstacles."""

    def loading(self, target: Target, manifest: Manifest, plan: LoadPlan) -> AbstractAsyncContextManager[Loading]:
        """Make the staging place; it is removed when the block ends before it was published."""


@runtime_checkable
class HasScratch(Protocol):
    """Can start a server, or make a database, of its own for a test restore."""

    def scratch(self, target: Target, manifest: Manifest) -> AbstractAsyncContextManager[Target]:
        """A fresh place for a restore, on this machine where its programs are found; gone when the block ends."""


def expect_one_job(request: SaveRequest) -> None:
    """What an engine asks that is saved by one job alone; raises UsageError where several are wanted."""
    if request.jobs > 1:
        raise UsageError("such a backup is taken by one job", "leave --jobs out")


def one_job_obstacle(request: LoadRequest) -> tuple[str, ...]:
    """The obstacle of a restore that is done by one job alone, where several are wanted."""
    return ("such a backup is restored by one job: leave --jobs out",) if request.jobs > 1 else ()
