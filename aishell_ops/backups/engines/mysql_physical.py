"""MariaDB's whole server by mariadb-backup: its files as they are, restored into a new data folder that a server is started on."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from shlex import quote

from aishell_core.engines.mysql_errors import MysqlError, quoted_account
from aishell_core.engines.mysql_held import HeldConnection
from aishell_core.errors import UsageError
from aishell_core.targets import Target
from aishell_core.values import FailureCode
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest, SavePlan, SaveRequest
from aishell_ops.backups.engines.mysql_contents import grants_of, variables_of
from aishell_ops.backups.engines.mysql_grants import lacking, rights_on
from aishell_ops.backups.engines.mysql_tools import Role, find_physical, release_of, unpacker_of
from aishell_ops.backups.engines.physical import new_folder, uncounted
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.hidden_folder import hidden_beside, hidden_folder
from aishell_ops.backups.models import Format, Manifest, ObjectProof, Part, Position, ProofLevel, Source
from aishell_ops.backups.scratch_folder import scratch_folder
from aishell_ops.backups.streams.contract import PlainSink, PlainSource, Progress, Reader, Stop
from aishell_ops.backups.streams.process import HANDED, Program, ProgramSink, ProgramSource, run_program
from aishell_ops.backups.streams.stopping import in_thread

METHOD = "mariadb-backup"
NAMES = ("physical", METHOD)
"""What people may call the method."""
_STREAM = "server.xbstream"
_COMPLETE = "completed OK!"
_RIGHTS = ("RELOAD", "PROCESS", "LOCK TABLES", "BINLOG MONITOR")
_PLACE = re.compile(
    r"binlog position: filename '(?P<file>[^']*)', position '(?P<position>\d+)'(?:, GTID of the last change '(?P<gtid>[^']*)')?"
)
_SIZE = "SELECT /* aishell */ SUM(data_length + index_length) AS bytes FROM information_schema.tables"
_NOW = "SELECT /* aishell */ UNIX_TIMESTAMP(NOW(6)) AS now"
_ROOM_RATIO = 1.3


async def plan_save(
    connection: HeldConnection, target: Target, request: SaveRequest, environ: Mapping[str, str], folders: Iterable[Path]
) -> SavePlan:
    """What would be saved; raises UsageError for what cannot be, ToolError for a program that is missing, MysqlError."""
    facts = connection.facts
    if not facts.mariadb:
        raise UsageError("only MariaDB's own servers can be saved by their files", "leave --method out: a dump is taken then")
    if request.database or request.tables or request.format is not Format.NATIVE:
        raise UsageError("a physical backup is of the whole server in its own format", "leave out the database, --tables and --format")
    client = await asyncio.to_thread(find_physical, Role.PHYSICAL, release_of(facts), environ, folders)
    _expect_files(connection)
    if missing := lacking(rights_on(await grants_of(connection), ""), _RIGHTS):
        hint = f"GRANT {', '.join(missing)} ON *.* TO {quoted_account(facts.account)};"
        raise MysqlError(FailureCode.PRIVILEGE, "this account may not hold the server still for a physical backup", hint)
    variables = await variables_of(connection, "server_uid", "datadir")
    size = round(float(str(await connection.value(_SIZE) or 0)))
    source = Source(
        target.name, "mysql", "", target.location.redacted(), facts.version, variables.get("server_uid", ""), target.environment
    )
    return SavePlan(
        replace(request, method=METHOD),
        METHOD,
        source,
        (client.tool(*_arguments("...")),),
        expected_bytes=size,
        skipped=(("settings of the server", "they lie in files outside of its data folder"),),
        warnings=("rows are not counted: the moment that the files show is known only at their end; take --proof none",),
        steps=(f"copy the server's files with {client.path}, with what was written meanwhile",),
        recovery=_recovery(facts.data_folder),
        properties=(("family", facts.product), ("data_folder", facts.data_folder), ("data_bytes", str(size))),
    )


def _expect_files(connection: HeldConnection) -> None:
    facts = connection.facts
    if not facts.local or not os.access(facts.data_folder, os.R_OK | os.X_OK):
        raise UsageError(
            f"the server's files in {facts.data_folder or 'its data folder'} cannot be read from here",
            "run aishell on the server's own machine as a user who may read them, or leave --method out: a dump is taken then",
        )


def _recovery(data_folder: str) -> tuple[str, ...]:
    return (
        "mkdir data",
        f"mbstream -x -C data < {_STREAM}",
        "mariadb-backup --prepare --target-dir=data",
        f"mariadb-backup --copy-back --target-dir=data --datadir={quote(data_folder.rstrip('/'))}    # empty, while no server runs on it",
        f"chown -R --reference={quote(str(Path(data_folder).parent))} {quote(data_folder.rstrip('/'))}    # or to the server's user",
    )


def _arguments(folder: str) -> tuple[str, ...]:
    return ("--backup", "--stream=xbstream", f"--target-dir={folder}")


@asynccontextmanager
async def saving(
    connection: HeldConnection, plan: SavePlan, environ: Mapping[str, str], folders: Iterable[Path]
) -> AsyncIterator[PhysicalSaving]:
    """Whatever is copied shows the moment at which the copying ends; until then nothing is held."""
    client = await asyncio.to_thread(find_physical, Role.PHYSICAL, release_of(connection.facts), environ, folders)
    with scratch_folder(0, in_memory=plan.request.secret) as folder:
        option_file = connection.access.option_file(mariadb=True)
        program = Program(
            (str(client.path), f"--defaults-file={HANDED}", *_arguments(str(folder))), handed=option_file, hides="MYSQL", folder=folder
        )
        now = float(str(await connection.value(_NOW)))
        yield PhysicalSaving(_Source(program, plan.expected_bytes), now)


class _Source:
    """The program's stream, which is whole only when it says so itself."""

    def __init__(self, program: Program, expected_bytes: int | None) -> None:
        self.name = _STREAM
        self.expected_bytes = expected_bytes
        self._inner = ProgramSource(_STREAM, program, expected_bytes=expected_bytes)

    @property
    def place(self) -> Position:
        """The place in the server's log that the program has told, when it has ended."""
        found = _PLACE.search(self._inner.remarks)
        return tuple((name, value) for name, value in found.groupdict().items() if value) if found is not None else ()

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Reader]:
        """Run it; the block's end raises BackupError unless it said that it is complete."""
        with self._inner.opened(stop) as reader:
            yield reader
        if _COMPLETE not in self._inner.remarks[-300:]:
            last = " / ".join(self._inner.remarks.splitlines()[-3:])
            raise BackupError(f"mariadb-backup did not say that it is complete: {last}", "look at the server's log")


class PhysicalSaving:
    """The server's files, as of the end of the copying."""

    def __init__(self, source: _Source, now: float) -> None:
        self._source = source
        self.server_time: float | None = now

    @property
    def streams(self) -> tuple[PlainSource, ...]:
        """The one stream."""
        return (self._source,)

    @property
    def start(self) -> Position:
        """The place in the log that belongs to the moment; known when the stream has ended."""
        return self._source.place

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """Nothing can be counted at that moment; raises BackupError when it is asked for."""
        return uncounted(level)

    async def end(self) -> Position:
        """The same place: the files need nothing of the log after it."""
        return self._source.place


def plan_load(manifest: Manifest, request: LoadRequest, environ: Mapping[str, str], folders: Iterable[Path]) -> LoadPlan:
    """What a restore would do: the database that is named is the path of a new data folder. Raises ToolError."""
    client = find_physical(Role.PHYSICAL, _release(manifest), environ, folders)
    unpacker_of(client, environ)
    needed = round(manifest.plain_bytes * _ROOM_RATIO)
    place = new_folder(request, needed)
    return LoadPlan(
        request,
        str(place.path or ""),
        str(hidden_beside(place.path)) if place.path is not None else "",
        writes=(str(place.path or ""),),
        obstacles=place.obstacles,
        warnings=("start a server on the folder: this one goes on with its own",),
        tools=(client.tool("--prepare"),),
        needed_bytes=needed,
        free_bytes=place.free_bytes,
    )


@asynccontextmanager
async def loading(
    manifest: Manifest, plan: LoadPlan, environ: Mapping[str, str], folders: Iterable[Path]
) -> AsyncIterator[PhysicalLoading]:
    """A hidden folder beside the one that is wanted; it goes unless it was published."""
    client = await asyncio.to_thread(find_physical, Role.PHYSICAL, _release(manifest), environ, folders)
    unpacker = await asyncio.to_thread(unpacker_of, client, environ)
    async with hidden_folder(Path(plan.staging)) as staging:
        data = staging / "data"
        await asyncio.to_thread(data.mkdir, 0o700)
        yield PhysicalLoading(data, Path(plan.database), unpacker, client.path)


class PhysicalLoading:
    """A data folder that is being made."""

    def __init__(self, staging: Path, final: Path, unpack: Path, prepare: Path) -> None:
        self._staging = staging
        self._final = final
        self._unpack = unpack
        self._prepare = prepare

    def sink(self, part: Part) -> PlainSink:
        """What unpacks the files."""
        return ProgramSink(Program((str(self._unpack), "-x", "-C", str(self._staging)), hides="MYSQL"))

    async def finish(self, progress: Progress, stop: Stop) -> None:
        """Bring the files to their one moment; raises BackupError when that fails."""
        ended = threading.Event()
        await in_thread(ended, partial(self._make_whole, ended))

    def _make_whole(self, stop: Stop) -> None:
        command = (str(self._prepare), "--no-defaults", "--prepare", f"--target-dir={self._staging}")
        said = run_program(Program(command, hides="MYSQL"), stop)
        if _COMPLETE not in said[-300:]:
            raise BackupError(
                f"mariadb-backup --prepare failed: {' / '.join(said.splitlines()[-3:])}", "the backup may be damaged: verify it"
            )

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """Nothing was counted."""
        return ()

    async def publish(self) -> None:
        """Give the folder its name; raises BackupError when something is there by now."""
        try:
            self._staging.rename(self._final)
        except OSError as error:
            raise BackupError(f"{self._final} is there by now: {error.strerror}", "name a new folder") from error


def _release(manifest: Manifest) -> tuple[int, int]:
    parts = manifest.source.server_version.split(".")
    return int(parts[0]), int(parts[1])
