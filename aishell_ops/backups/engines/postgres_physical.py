"""A whole PostgreSQL server by pg_basebackup: its files as they are, restored into a new data folder that a server is started on."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from aishell_core.engines.postgres_errors import PostgresError, quoted
from aishell_core.engines.postgres_held import HeldConnection
from aishell_core.errors import UsageError
from aishell_core.targets import Target
from aishell_core.values import FailureCode
from aishell_ops.backups.engines import postgres_programs as programs
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest, SavePlan, SaveRequest
from aishell_ops.backups.engines.physical import folder_of, new_folder, uncounted
from aishell_ops.backups.engines.postgres_databases import major_of, source_of
from aishell_ops.backups.engines.postgres_manifest import LIST, check_files
from aishell_ops.backups.engines.postgres_tools import Client, find_client
from aishell_ops.backups.errors import BackupError, DamagedError, ProgramError, ToolError
from aishell_ops.backups.hidden_folder import hidden_beside, hidden_folder
from aishell_ops.backups.kept_folder import Keeper, kept_folder
from aishell_ops.backups.models import Format, Manifest, ObjectProof, Part, Position, ProofLevel
from aishell_ops.backups.streams.contract import PlainSink, PlainSource, Progress, Stop
from aishell_ops.backups.streams.process import Program, ProgramSource, run_program
from aishell_ops.backups.streams.stopping import in_thread
from aishell_ops.backups.streams.tarred import FilledFolder, unpacking

METHOD = "pg_basebackup"
NAMES = ("physical", METHOD)
"""What people may call the method."""
BASE, SERVER = "base.tar", "server.tar"
"""The part: the data folder as a tar; with tablespaces a tar of such tars, one for each, and the list of all files."""
SPACES, SPACE_MAP, STANDBY = "pg_tblspc", "tablespace_map", "standby.signal"
_FACTS = """
SELECT /* aishell */ extract(epoch FROM clock_timestamp())::float8 AS now,
  (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user) AS may,
  (SELECT rolname FROM pg_roles WHERE oid = 10) AS superuser,
  (SELECT sum(CASE WHEN has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'MEMBER')
                   THEN pg_database_size(oid) END)::float8 FROM pg_database) AS bytes,
  (SELECT string_agg(oid::text, ',' ORDER BY oid) FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')) AS spaces,
  current_setting('wal_level') AS wal_level, current_setting('max_wal_senders')::int AS senders,
  current_setting('max_prepared_transactions') AS prepared,
  (SELECT setting FROM pg_settings WHERE name = 'config_file') AS config,
  (SELECT setting FROM pg_settings WHERE name = 'data_directory') AS data
"""
_NOW = "SELECT /* aishell */ extract(epoch FROM clock_timestamp())::float8 AS now"
_SLOT = "SELECT /* aishell */ pg_create_physical_replication_slot($1, true, true)"
_PLACE = re.compile(r"write-ahead log (?P<end>start|end) point: (?P<lsn>[0-9A-F]+/[0-9A-F]+)(?: on timeline (?P<timeline>\d+))?")
_LOG_BYTES = 64 << 20
_ROOM_RATIO = 1.1
_PIECE_BYTES = 1 << 16
_NOT_AS_LISTED = 1
"""What pg_verifybackup ends with when a file is not as the list says."""


async def plan_save(connection: HeldConnection, target: Target, request: SaveRequest, client: Client) -> SavePlan:
    """What would be saved; raises UsageError for what cannot be, PostgresError for a right or a setting that is missing."""
    if request.database or request.tables or request.format is not Format.NATIVE or request.jobs > 1:
        raise UsageError(
            "a physical backup is of the whole server in its own format, by one job",
            "leave out the database, --tables, --format and --jobs",
        )
    (row,) = await connection.fetch(_FACTS)
    facts = connection.facts
    if not row["may"]:
        hint = f"ALTER ROLE {quoted(facts.user)} REPLICATION;"
        raise PostgresError(FailureCode.PRIVILEGE, f"role {facts.user} may not copy the server's files", hint)
    if row["wal_level"] == "minimal" or not row["senders"]:
        message = "the server is set so that its files cannot be copied while it runs"
        raise UsageError(message, "set wal_level = replica and max_wal_senders = 10 in postgresql.conf, and restart it")
    spaces = str(row["spaces"] or "")
    config, data = str(row["config"] or ""), str(row["data"] or "")
    outside = bool(config and data) and not Path(config).is_relative_to(data)
    told = (("tablespaces", spaces), ("superuser", str(row["superuser"])), ("max_prepared_transactions", str(row["prepared"])))
    return SavePlan(
        replace(request, method=METHOD),
        METHOD,
        source_of(target, connection),
        (client.tool(*_arguments("-")),),
        expected_bytes=round(float(row["bytes"] or 0)),
        skipped=((("settings of the server", f"they lie outside of its data folder, in {Path(config).parent}"),) if outside else ()),
        warnings=("rows are not counted: the moment that the files show is known only at their end; take --proof none",),
        steps=(
            "keep the server's log of changes by a slot that goes with our connection",
            f"copy the server's files with {client.path}" + (", each tablespace by itself, into a folder of ours" if spaces else ""),
        ),
        recovery=_recovery(spaces.split(",") if spaces else [], facts.version, replica=facts.in_recovery),
        properties=told,
    )


def _arguments(place: str) -> tuple[str, ...]:
    return (
        f"--pgdata={place}",
        "--format=tar",
        "--wal-method=fetch",
        "--checkpoint=fast",
        "--manifest-checksums=SHA256",
        "--label=aishell",
        "--verbose",
        "--no-password",
    )


def _recovery(spaces: list[str], version: str, *, replica: bool) -> tuple[str, ...]:
    unpack = [f"tar -xf {BASE} -C data"]
    if spaces:
        unpack = [f"tar -xf {SERVER}", *unpack, f"cp {LIST} data/{LIST}", "mkdir -m 700 spaces"]
        for oid in spaces:
            unpack.append(f"mkdir -m 700 spaces/{oid} && tar -xf {oid}.tar -C spaces/{oid} && ln -s $PWD/spaces/{oid} data/{SPACES}/{oid}")
    checked = ["pg_verifybackup data"]
    if spaces:
        checked += [f'for oid in {" ".join(spaces)}; do echo "$oid $PWD/spaces/$oid"; done > data/{SPACE_MAP}']
    if replica:
        checked.append(f"rm -f data/{STANDBY}    # it was a replica")
    start = f"pg_ctl -D data -w start    # of PostgreSQL {major_of(version)}, as the user who owns data, with its settings in data"
    return ("mkdir -m 700 data", *unpack, *checked, start)


@asynccontextmanager
async def saving(connection: HeldConnection, plan: SavePlan, client: Client) -> AsyncIterator[PhysicalSaving]:
    """Nothing is held but the server's log of changes, by a slot that ends with the connection."""
    with ExitStack() as stack:
        keeper = None
        if dict(plan.properties)["tablespaces"]:
            needed = (plan.expected_bytes or 0) + _LOG_BYTES
            keeper = stack.enter_context(kept_folder(needed, in_memory=plan.request.secret))
        # Where there is no slot to be had, pg_basebackup says so itself when the log is gone before it was copied.
        with suppress(PostgresError):
            await connection.fetch(_SLOT, (f"aishell_{secrets.token_hex(6)}",))
        (row,) = await connection.fetch(_NOW)
        yield PhysicalSaving(_source(connection, plan, client, keeper), float(row["now"]))


def _source(connection: HeldConnection, plan: SavePlan, client: Client, keeper: Keeper | None) -> ProgramSource | FilledFolder:
    around, expected = connection.environment, plan.expected_bytes
    if keeper is None:
        program = programs.program(client, _arguments("-"), around, plain_words=True)
        return ProgramSource(BASE, program, trailer=_ends_well, expected_bytes=expected)
    folder = keeper.folder / "files"
    program = programs.program(client, _arguments(str(folder)), around, plain_words=True)
    return FilledFolder(SERVER, program, folder, watch=keeper.watch, expected_bytes=expected)


def _ends_well(tail: bytes) -> bool:
    return tail.endswith(bytes(1024))


def _is_verified(tail: bytes) -> bool:
    return b"successfully verified" in tail


class PhysicalSaving:
    """The server's files, as of the end of the copying."""

    def __init__(self, source: ProgramSource | FilledFolder, now: float) -> None:
        self._source = source
        self.server_time: float | None = now

    @property
    def streams(self) -> tuple[PlainSource, ...]:
        """The one stream."""
        return (self._source,)

    @property
    def start(self) -> Position:
        """From where the files need the server's log, which is in the backup; known when the stream has ended."""
        return self._place("start")

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """Nothing can be counted at that moment; raises UsageError when it is asked for."""
        return uncounted(level)

    async def end(self) -> Position:
        """The moment that the files show."""
        return self._place("end")

    def _place(self, end: str) -> Position:
        timeline = ""
        for found in _PLACE.finditer(self._source.remarks):
            timeline = found["timeline"] or timeline
            if found["end"] == end:
                return (("lsn", found["lsn"]), ("timeline", timeline))
        return ()


def plan_load(manifest: Manifest, request: LoadRequest, environ: Mapping[str, str], folders: Iterable[Path]) -> LoadPlan:
    """What a restore would do: the database that is named is the path of a new data folder."""
    client = find_checker(manifest, environ, folders)
    final, spaces = folder_of(request), bool(dict(manifest.annotations).get("tablespaces"))
    needed = round(manifest.plain_bytes * (_ROOM_RATIO + spaces))
    beside = (spaces_of(final),) if spaces and final is not None else ()
    place = new_folder(request, needed, beside)
    return LoadPlan(
        request,
        str(final or ""),
        str(hidden_beside(final)) if final is not None else "",
        writes=(str(final or ""), *map(str, beside)),
        obstacles=place.obstacles,
        warnings=(f"start a server of PostgreSQL {major_of(manifest.source.server_version)} on the folder: this one goes on with its own",),
        tools=(client.tool(),) if client is not None else (),
        needed_bytes=needed,
        free_bytes=place.free_bytes,
    )


def find_checker(manifest: Manifest, environ: Mapping[str, str], folders: Iterable[Path]) -> Client | None:
    """What compares files with the server's list of them; None where it is not here, and aishell does that itself."""
    try:
        return find_client("pg_verifybackup", major_of(manifest.source.server_version), environ, folders)
    except ToolError:
        return None


def spaces_of(data: Path) -> Path:
    """Where the tablespaces of a restored data folder lie, each in a folder of its number."""
    return data.with_name(f"{data.name}.tablespaces")


Trial = Callable[[Path], Awaitable[None]]
"""Starts a server on a data folder, and looks whether all of it can be read."""


@asynccontextmanager
async def loading(manifest: Manifest, plan: LoadPlan, checker: Client | None, trial: Trial | None = None) -> AsyncIterator[PhysicalLoading]:
    """A hidden folder beside the one that is wanted; it goes unless it was published."""
    async with hidden_folder(Path(plan.staging)) as staging:
        yield PhysicalLoading(manifest, staging, Path(plan.database), checker, trial)


class PhysicalLoading:
    """A data folder that is being made."""

    def __init__(self, manifest: Manifest, staging: Path, final: Path, checker: Client | None, trial: Trial | None) -> None:
        self._spaces = [oid for oid in dict(manifest.annotations).get("tablespaces", "").split(",") if oid]
        self._major = major_of(manifest.source.server_version)
        self._staging, self._final = staging, final
        self._data = staging / "data"
        self._checker = checker
        self._trial = trial

    def sink(self, part: Part) -> PlainSink:
        """What unpacks the files."""
        self._data.mkdir(0o700)
        if not self._spaces:
            return unpacking(self._data)
        (self._staging / "files").mkdir(0o700)
        return unpacking(self._staging / "files")

    async def finish(self, progress: Progress, stop: Stop) -> None:
        """Compare every file with the list that the server made; raises DamagedError when one is not as it was."""
        ended = threading.Event()
        await in_thread(ended, partial(self._check, ended))
        if self._trial is not None:
            await self._trial(self._data)

    def _check(self, stop: Stop) -> None:
        if self._spaces:
            self._unpack_spaces(stop)
        if self._checker is None:
            check_files(self._data, stop)
            return
        reads_log = self._checker.major == self._major and self._checker.path.with_name("pg_waldump").is_file()
        command = (str(self._checker.path), "--exit-on-error", *(() if reads_log else ("--no-parse-wal",)), str(self._data))
        try:
            with ProgramSource(LIST, Program(command, {"LC_ALL": "C"}, hides="PG"), trailer=_is_verified).opened(stop) as reader:
                while reader.read(_PIECE_BYTES):
                    pass
        except ProgramError as error:
            if error.returned != _NOT_AS_LISTED:
                # That it could not be run, or was killed, says nothing about the backup.
                raise
            raise DamagedError(f"what was restored is not what the server gave: {error.message}", "restore another backup") from error

    def _unpack_spaces(self, stop: Stop) -> None:
        """Each tablespace into a folder of its own, to which the data folder has a link; raises BackupError."""
        files = self._staging / "files"
        self._unpack(files / BASE, self._data, stop)
        shutil.move(files / LIST, self._data / LIST)
        for oid in self._spaces:
            space = self._staging / "spaces" / oid
            space.mkdir(0o700, parents=True)
            self._unpack(files / f"{oid}.tar", space, stop)
            link = self._data / SPACES / oid
            link.unlink(missing_ok=True)
            link.symlink_to(space)
        (self._staging / "spaces").chmod(0o700)

    def _unpack(self, path: Path, folder: Path, stop: Stop) -> None:
        if not path.is_file():
            raise DamagedError(f"{path.name} is missing in the backup", "restore another backup")
        run_program(Program(("tar", "-x", "-p", "--no-same-owner", "-C", str(folder), "-f", str(path))), stop)
        if not any(folder.iterdir()):
            raise BackupError("tar reported success, and unpacked nothing", "look at this program; the backup is as it was saved")
        path.unlink()

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """Nothing was counted."""
        return ()

    async def publish(self) -> None:
        """Give the folder its name, its tablespaces before it; raises BackupError when something is there by now."""
        await asyncio.to_thread(self._publish)

    def _publish(self) -> None:
        try:
            point_spaces(self._data, spaces_of(self._final), self._spaces)
            # A backup of a replica is a server of its own now.
            (self._data / STANDBY).unlink(missing_ok=True)
            own_as_parent(self._staging, self._final.parent)
            os.sync()
            if self._spaces:
                (self._staging / "spaces").rename(spaces_of(self._final))
            try:
                # What a server can be started on comes last.
                self._data.rename(self._final)
            except OSError:
                if self._spaces:
                    spaces_of(self._final).rename(self._staging / "spaces")
                raise
        except OSError as error:
            raise BackupError(f"{self._final} cannot be made: {(error.strerror or str(error)).lower()}", "name a new folder") from error


def point_spaces(data: Path, place: Path, spaces: Iterable[str]) -> None:
    """Let a data folder look for its tablespaces in a place: never where those of the server are that was saved."""
    lines = []
    for oid in spaces:
        link = data / SPACES / oid
        link.unlink(missing_ok=True)
        link.symlink_to(place / oid)
        escaped = str(place / oid).replace("\\", "\\\\").replace("\n", "\\\n").replace("\r", "\\\r")
        lines.append(f"{oid} {escaped}\n")
    if lines:
        (data / SPACE_MAP).write_text("".join(lines))


def own_as_parent(folder: Path, parent: Path) -> None:
    """Where we are root, let what is in a folder belong to the owner of the parent, as a server's data folder does."""
    if os.geteuid() != 0:
        return
    status = parent.stat()
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(root) / name, status.st_uid, status.st_gid, follow_symlinks=False)
