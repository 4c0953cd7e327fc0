"""A server of MySQL or MariaDB that is started for a test restore, which nobody else can reach, and that is gone afterwards."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from aishell_core.engines.mysql_errors import MysqlError, quoted_text
from aishell_core.engines.mysql_held import held_connection
from aishell_core.targets import Location, Secret, Target
from aishell_core.values import TargetId
from aishell_ops.backups.engines.mysql_tools import Client, find_server
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.kept_folder import Keeper, kept_folder
from aishell_ops.backups.models import Manifest
from aishell_ops.backups.streams.starting import start

_START_SECONDS = 120.0
_END_SECONDS = 20.0
_LOOK_SECONDS = 0.1
_NEEDED_RATIO = 3
_SERVER_BYTES = 400 << 20
"""What an empty data folder and its logs take."""
_SETTINGS = (
    "--skip-networking",
    "--event-scheduler=OFF",
    "--max-allowed-packet=1G",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-buffer-pool-size=128M",
    "--performance-schema=OFF",
)
_MAKING = ("--auth-root-authentication-method=normal", "--skip-test-db")


@dataclass(frozen=True, slots=True)
class ServerProgram:
    """A server's program, and what makes its data folder: a program of its own in MariaDB, itself in MySQL."""

    client: Client
    maker: Path

    @property
    def path(self) -> Path:
        """The server itself."""
        return self.client.path

    @property
    def own(self) -> tuple[str, ...]:
        """What one that is not installed in the system's own folders must be told."""
        base = self.path.parent.parent
        messages = base / "share"
        placed = (f"--basedir={base}", f"--lc-messages-dir={messages}") if (messages / "english" / "errmsg.sys").is_file() else ()
        return (*placed, *(("--user=root",) if os.getuid() == 0 else ()))

    def making(self, data: Path) -> tuple[str, ...]:
        """The command that makes an empty data folder."""
        if self.client.mariadb:
            base = tuple(one for one in self.own if not one.startswith("--lc-messages"))
            return (str(self.maker), "--no-defaults", *_MAKING, *base, f"--datadir={data}", f"--tmpdir={data.parent}")
        return (str(self.maker), "--no-defaults", "--initialize-insecure", *self.own, f"--datadir={data}", f"--tmpdir={data.parent}")

    def running(self, folder: Path) -> tuple[str, ...]:
        """The command that runs it in a folder."""
        family = () if self.client.mariadb else ("--mysqlx=OFF", "--skip-log-bin")
        places = (f"--datadir={folder / 'data'}", f"--socket={folder / 's'}", f"--pid-file={folder / 'pid'}", f"--tmpdir={folder}")
        return (str(self.path), "--no-defaults", *self.own, *places, f"--init-file={folder / 'init.sql'}", *_SETTINGS, *family)


def find_program(manifest: Manifest, environ: Mapping[str, str], folders: Iterable[Path]) -> ServerProgram | None:
    """A server of the family and of the version of a backup or a newer one; None where this machine has none."""
    known = dict(manifest.annotations)
    release = [int(part) for part in manifest.source.server_version.split(".")[:2] if part.isdigit()]
    mariadb = known.get("family") == "MariaDB"
    found = find_server((release[0], release[1]), environ, folders, mariadb=mariadb) if len(release) == 2 else None
    if found is None:
        return None
    if not mariadb:
        return ServerProgram(found, found.path)
    base = found.path.parent.parent
    places = (base / "bin", base / "scripts", found.path.parent, Path("/usr/bin"))
    maker = next((place / "mariadb-install-db" for place in places if (place / "mariadb-install-db").is_file()), None)
    return ServerProgram(found, maker) if maker is not None else None


@asynccontextmanager
async def scratch_server(program: ServerProgram, target: Target, manifest: Manifest) -> AsyncIterator[Target]:
    """A server in a folder of its own, in memory where the backup is encrypted; raises BackupError when it does not start."""
    needed = float(dict(manifest.annotations).get("data_bytes") or manifest.plain_bytes)
    with kept_folder(round(needed) * _NEEDED_RATIO + _SERVER_BYTES, in_memory=manifest.encryption is not None) as keeper:
        folder, password = keeper.folder, secrets.token_urlsafe(24)
        _write_private(folder / "init.sql", f"ALTER USER root@localhost IDENTIFIED BY {quoted_text(password)};\n")
        _write_private(folder / "client.cnf", "")
        await asyncio.to_thread(_make, program, keeper)
        process = await asyncio.to_thread(_start, program, folder)
        try:
            keeper.watch(process.pid)
            place = _target(target, manifest, folder, password)
            await _ready(process, place, folder)
            yield place
        finally:
            await asyncio.shield(asyncio.to_thread(_end, process))
            keeper.watch(None)


def _target(target: Target, manifest: Manifest, folder: Path, password: str) -> Target:
    # An option file of its own: what the user's says of passwords is not about this server.
    options = (("socket", str(folder / "s")), ("defaults-file", str(folder / "client.cnf")))
    location = Location("mysql", database=manifest.source.database, user="root", options=options, password=Secret(password))
    return Target(TargetId(f"test of {target.name}"), location)


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _make(program: ServerProgram, keeper: Keeper) -> None:
    folder = keeper.folder
    with (folder / "making.log").open("ab") as log:
        process = start(
            program.making(folder / "data"), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, cwd=folder
        )
    try:
        keeper.watch(process.pid)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_START_SECONDS)
    finally:
        if process.poll() is None:
            _end(process)
        keeper.watch(None)
    if process.returncode:
        last = (folder / "making.log").read_text(errors="replace").strip().splitlines()[-3:]
        raise BackupError(f"no data folder for a test could be made: {' / '.join(last)}", "test the restore on another machine")


def _start(program: ServerProgram, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "server.log").open("ab") as log:
        return start(program.running(folder), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, cwd=folder)


async def _ready(process: subprocess.Popen[bytes], place: Target, folder: Path) -> None:
    """Wait until the server lets us in."""
    until = asyncio.get_running_loop().time() + _START_SECONDS
    while True:
        try:
            async with held_connection(place, {}):
                return
        except MysqlError as error:
            if process.poll() is not None or asyncio.get_running_loop().time() > until:
                last = (folder / "server.log").read_text(errors="replace").strip().splitlines()[-3:]
                raise BackupError(f"the server for a test did not start: {' / '.join(last)}", error.message) from error
        await asyncio.sleep(_LOOK_SECONDS)


def _end(process: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
            return
