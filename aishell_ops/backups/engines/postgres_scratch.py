"""A PostgreSQL server that is started for a test restore, which nobody else can reach, and that is gone afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import signal
import subprocess
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from aishell_core.engines.postgres_errors import PostgresError, quoted
from aishell_core.engines.postgres_held import HeldConnection, held_connection, in_database
from aishell_core.targets import Location, Target
from aishell_core.values import TargetId
from aishell_ops.backups.engines import postgres_databases as databases
from aishell_ops.backups.engines.postgres_physical import STANDBY, point_spaces
from aishell_ops.backups.engines.postgres_proofs import proofs_of
from aishell_ops.backups.engines.postgres_tools import ServerPrograms
from aishell_ops.backups.errors import BackupError, DamagedError
from aishell_ops.backups.kept_folder import Keeper, kept_folder
from aishell_ops.backups.models import Manifest, ProofLevel
from aishell_ops.backups.streams.starting import start

MAINTENANCE = "postgres"
_SUPERUSER = "postgres"
_START_SECONDS = 120.0
_RECOVERY_SECONDS = 86_400.0
_END_SECONDS = 20.0
_LOOK_SECONDS = 0.1
_NEEDED_RATIO = 2.5
_SERVER_BYTES = 200 << 20
"""What an empty data folder and its log take."""
_OWN_DATABASES = (MAINTENANCE, "template0", "template1")
_DATABASES = "SELECT /* aishell */ datname AS name FROM pg_database WHERE datallowconn ORDER BY 1"
_AVAILABLE = "SELECT /* aishell */ name FROM pg_available_extensions"
_ROLES = "SELECT /* aishell */ rolname AS name FROM pg_roles"
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    # A drill must not write to the archive of the server that it was saved from.
    "archive_mode": "off",
    "autovacuum": "off",
    "max_connections": "30",
    "shared_buffers": "128MB",
    "huge_pages": "off",
    # Files of the data folder, which goes: others would be left when it is killed.
    "dynamic_shared_memory_type": "mmap",
    "logging_collector": "off",
    "log_destination": "stderr",
    "ssl": "off",
    "shared_preload_libraries": "",
}


@asynccontextmanager
async def scratch_server(programs: ServerPrograms, target: Target, manifest: Manifest) -> AsyncIterator[Target]:
    """An empty server in a folder of its own, in memory where the backup is encrypted, with the roles of the backup.

    Raises BackupError where it does not start or cannot take the backup: there is no room, or an extension or a collation is
    missing here.
    """
    needed = round(manifest.plain_bytes * _NEEDED_RATIO) + _SERVER_BYTES
    with kept_folder(needed, in_memory=manifest.encryption is not None) as keeper:
        await asyncio.to_thread(_make, programs, keeper)
        async with running(programs, keeper, keeper.folder / "data", _SUPERUSER, {}) as place:
            await _prepare(place, manifest)
            name = manifest.source.database
            found = in_database(place, f"{name}_test" if name in _OWN_DATABASES else name)
            yield replace(found, name=TargetId(f"test of {target.name}"))


@asynccontextmanager
async def running(programs: ServerPrograms, keeper: Keeper, data: Path, user: str, settings: Mapping[str, str]) -> AsyncIterator[Target]:
    """A server on a data folder in a kept one, for as long as the block lasts; raises BackupError when it does not start."""
    process = await asyncio.to_thread(_start, programs, keeper.folder, data, user, settings)
    try:
        keeper.watch(process.pid, "QUIT")
        place = Target(
            TargetId("test"), Location("postgres", str(keeper.folder), 5432, MAINTENANCE, user, options=(("sslmode", "disable"),))
        )
        await _ready(process, place, keeper.folder)
        yield place
    finally:
        await asyncio.shield(asyncio.to_thread(_end, process))
        keeper.watch(None)


@asynccontextmanager
async def trial_folder(manifest: Manifest) -> AsyncIterator[Keeper]:
    """Where a physical backup is restored for a test, in memory where it is encrypted; raises BackupError where there is no room."""
    twice = bool(dict(manifest.annotations).get("tablespaces"))
    needed = round(manifest.plain_bytes * (2 if twice else 1)) + _SERVER_BYTES
    with kept_folder(needed, in_memory=manifest.encryption is not None) as keeper:
        yield keeper


async def try_out(programs: ServerPrograms, keeper: Keeper, manifest: Manifest, data: Path) -> None:
    """Start a server on restored files, and read every table of every database.

    Nothing that is set in the files is followed: no archive, no primary, no library, no tablespace of the server that they are
    of. Raises DamagedError when what is read is no table, BackupError when the server does not start.
    """
    known = dict(manifest.annotations)
    await asyncio.to_thread(_detach, data, known.get("tablespaces", ""))
    settings = {"max_prepared_transactions": known.get("max_prepared_transactions", "0")}
    async with running(programs, keeper, data, known.get("superuser", _SUPERUSER), settings) as place:
        async with held_connection(place, surroundings(place), "template1") as connection:
            names = [str(row["name"]) for row in await connection.fetch(_DATABASES)]
        for name in names:
            await _read_all(place, name)


async def _read_all(place: Target, name: str) -> None:
    try:
        async with held_connection(place, surroundings(place), name) as connection:
            await proofs_of(connection, ProofLevel.COUNTS, (), threading.Event())
    except PostgresError as error:
        kind = DamagedError if error.sqlstate.startswith("XX") else BackupError
        raise kind(f"the restored database {name} cannot be read: {error.message}", error.hint or "restore another backup") from error


def _detach(data: Path, spaces: str) -> None:
    (data / "postgresql.auto.conf").write_text("")
    for name in (STANDBY, "recovery.signal"):
        (data / name).unlink(missing_ok=True)
    point_spaces(data, data.parent / "spaces", spaces.split(",") if spaces else ())


def surroundings(place: Target) -> Mapping[str, str]:
    """The environment in which a server of ours is asked: nothing that is set for other servers is about it."""
    return {"HOME": place.location.host}


async def _prepare(place: Target, manifest: Manifest) -> None:
    """Make the roles of a backup, and look whether the server can take it; raises BackupError and PostgresError."""
    known = dict(manifest.annotations)
    async with held_connection(place, surroundings(place)) as connection:
        there = {str(row["name"]) for row in await connection.fetch(_AVAILABLE)}
        if missing := [name for name in json.loads(known.get("extensions", "[]")) if name not in there]:
            raise BackupError(f"the server for a test has no extension {', '.join(missing)}", "install it on this machine")
        await _make_roles(connection, manifest)
        try:
            await databases.create(connection, "aishell_probe", manifest)
        except PostgresError as error:
            raise BackupError(f"the server for a test cannot make such a database: {error.message}", error.hint) from error
        await databases.drop(connection, "aishell_probe")


async def _make_roles(connection: HeldConnection, manifest: Manifest) -> None:
    """Roles of the backup's names: superusers, because some things may belong to no other, and none may log in."""
    known = dict(manifest.annotations)
    names = {*json.loads(known.get("roles", "[]")), known.get("owner", "")}
    names |= {str(grant[0]) for grant in json.loads(known.get("grants") or "[]")}
    names |= {str(setting[0]) for setting in json.loads(known.get("settings") or "[]")}
    there = {str(row["name"]) for row in await connection.fetch(_ROLES)}
    for name in sorted(name for name in names - there if name and not name.startswith("pg_")):
        await connection.execute(f"CREATE ROLE {quoted(name)} SUPERUSER NOLOGIN")


def give(folder: Path, user: str | None) -> None:
    """Let a folder and all in it belong to the server's user; None leaves it as it is."""
    if user is None:
        return
    entry = pwd.getpwnam(user)
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(root) / name, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


def _make(programs: ServerPrograms, keeper: Keeper) -> None:
    """Make an empty data folder; raises BackupError."""
    folder = keeper.folder
    give(folder, programs.user)
    command = (programs.maker, "-D", folder / "data", "-U", _SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
    process = _popen(programs, list(map(str, command)), folder)
    try:
        keeper.watch(process.pid)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_START_SECONDS)
    finally:
        _end(process)
        keeper.watch(None)
    if process.returncode:
        raise BackupError(f"no data folder for a test could be made: {_last_words(folder)}", "test the restore on another machine")


def _start(programs: ServerPrograms, folder: Path, data: Path, user: str, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    _write(folder / "server.conf", "")
    _write(folder / "hba.conf", f"local all {quoted(user)} trust\n")
    _write(folder / "ident.conf", "")
    give(folder, programs.user)
    files = {"config_file": folder / "server.conf", "hba_file": folder / "hba.conf", "ident_file": folder / "ident.conf"}
    places = {**{name: str(path) for name, path in files.items()}, "unix_socket_directories": _listed(folder)}
    told = [f"-c{name}={value}" for name, value in {**_SETTINGS, **places, **settings}.items()]
    return _popen(programs, [str(programs.server.path), "-D", str(data), "-p5432", *told], folder)


def _listed(folder: Path) -> str:
    """A path as the one of a list."""
    text = str(folder).replace('"', '""')
    return f'"{text}"'


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _popen(programs: ServerPrograms, command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Run one of the server's programs as whoever it may run as, told nothing that is meant for other servers."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
    group = pwd.getpwnam(programs.user).pw_gid if programs.user is not None else None
    with (folder / "server.log").open("ab") as log:
        return start(
            command,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            cwd=folder,
            env=environment,
            user=programs.user,
            group=group,
            extra_groups=None if programs.user is None else (),
        )


async def _ready(process: subprocess.Popen[bytes], place: Target, folder: Path) -> None:
    """Wait until the server lets us in, also while it reads its log of changes; raises BackupError when it ends instead."""
    clock = asyncio.get_running_loop().time
    until, recovering = clock() + _START_SECONDS, clock() + _RECOVERY_SECONDS
    while True:
        try:
            async with held_connection(place, surroundings(place)):
                return
        except PostgresError as error:
            late = clock() > (recovering if error.sqlstate == "57P03" else until)
            if process.poll() is not None or late:
                raise BackupError(f"the server for a test did not start: {_last_words(folder)}", error.message) from error
        await asyncio.sleep(_LOOK_SECONDS)


def _last_words(folder: Path) -> str:
    lines = (folder / "server.log").read_text(errors="replace").strip().splitlines()
    return " / ".join(line for line in lines[-3:]) or "it said nothing"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it at once: SIGQUIT has a server end its sessions without writing anything more."""
    for sign in (signal.SIGQUIT, signal.SIGKILL):
        if process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
