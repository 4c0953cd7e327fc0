"""A server of our own that loads a snapshot, which nobody else can reach, and that is gone afterwards."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aishell_core.engines.redis_errors import RedisError, Whereabouts
from aishell_core.engines.redis_text import info_of
from aishell_core.engines.redis_wire import Access, Wire, open_wire
from aishell_core.values import FailureCode
from aishell_ops.backups.engines.redis_rdb import Census, Ending, walk
from aishell_ops.backups.engines.redis_reader import RdbReader
from aishell_ops.backups.engines.redis_tools import ServerProgram
from aishell_ops.backups.errors import BackupError, DamagedError
from aishell_ops.backups.kept_folder import Keeper
from aishell_ops.backups.models import ObjectProof, ProofLevel
from aishell_ops.backups.streams.contract import Stop
from aishell_ops.backups.streams.starting import start
from aishell_ops.backups.streams.stopping import expect_wanted

FILE = "dump.rdb"
_SAVED = "loaded.rdb"
_SOCKET = "s"
_LOOK_SECONDS = 0.05
_LOG_SIGNS = 64 << 10
_DATABASES = 16
_SETTINGS = (
    "port 0",
    "unixsocketperm 700",
    'save ""',
    "appendonly no",
    "rdbcompression no",
    "maxmemory 0",
    "daemonize no",
    "protected-mode yes",
    # Only a replica keeps keys whose time has passed since the snapshot was made: the proof is of all that was saved.
    "replicaof 127.0.0.1 1",
    "replica-serve-stale-data yes",
)


class LoadedServer:
    """A server that has loaded the snapshot in its folder as it is, keys included whose time has passed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def access(self) -> Access:
        """How it is reached."""
        socket = str(self.folder / _SOCKET)
        return Access((socket, 0), Whereabouts(socket))

    def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """What it has loaded, counted in a snapshot of its own."""
        (self.folder / FILE).replace(self.folder / _SAVED)
        try:
            with open_wire(self.access) as wire:
                wire.expect_wanted = lambda: expect_wanted(stop)
                wire.ask("BGSAVE")
                while (info := info_of(wire.ask("INFO", "persistence"))).get("rdb_bgsave_in_progress") != "0":
                    expect_wanted(stop)
                    time.sleep(_LOOK_SECONDS)
            if info.get("rdb_last_bgsave_status") != "ok":
                raise BackupError(
                    f"the server for the proof cannot write its data: {_last_words(self.folder)}", "look at the room on the disk"
                )
            census = Census(level)
            read_file(self.folder / FILE, census)
            return census.proofs()
        finally:
            (self.folder / _SAVED).replace(self.folder / FILE)


_OF_SNAPSHOT = re.compile(r"# (?P<words>(?:Wrong signature|Wrong RDB checksum|RDB CRC|Short read|Internal error in RDB).*)")
"""What servers say in their log of a snapshot that is damaged."""
_TOO_NEW = re.compile(r"# (?P<words>Can't handle RDB format version.*)")
_ELSEWHERE = "this says nothing about the backup: look at redis-server on this machine, or test it on another one"


def read_file(path: Path, census: Census) -> Ending:
    """Count what a snapshot in a file holds; raises DamagedError."""
    with path.open("rb", buffering=0) as file:
        return walk(RdbReader(file), census)


@contextmanager
def loaded_server(program: ServerProgram, keeper: Keeper, databases: int, stop: Stop) -> Iterator[LoadedServer]:
    """A server on the snapshot in a kept folder, for as long as the block lasts; raises DamagedError when it does not load it."""
    folder = keeper.folder
    settings = folder / "server.conf"
    lines = (*_SETTINGS, f"databases {max(_DATABASES, databases)}", f'dir "{folder}"', f'unixsocket "{folder / _SOCKET}"')
    settings.write_text("\n".join((*lines, f"dbfilename {FILE}", "")))
    process = _start([str(program.path), str(settings)], folder, stdin=subprocess.DEVNULL)
    try:
        keeper.watch(process.pid)
        server = LoadedServer(folder)
        _await_loaded(server, process, stop)
        yield server
    finally:
        process.kill()
        process.wait()
        keeper.watch(None)


def _start(command: list[str], folder: Path, *, stdin: int) -> subprocess.Popen[bytes]:
    with (folder / "server.log").open("ab") as log:
        return start(command, stdin=stdin, stdout=log, stderr=log, start_new_session=True, cwd=folder)


def _await_loaded(server: LoadedServer, process: subprocess.Popen[bytes], stop: Stop) -> None:
    while True:
        expect_wanted(stop)
        if process.poll() is not None:
            raise _not_loaded(server.folder, process.returncode)
        try:
            with open_wire(server.access) as wire:
                if _has_loaded(wire):
                    return
        except RedisError as error:
            if error.reason not in (FailureCode.MISSING, FailureCode.REFUSED, FailureCode.LOCKED):
                raise BackupError(f"the server for the proof does not answer: {error.message}", error.hint) from error
        time.sleep(_LOOK_SECONDS)


def _has_loaded(wire: Wire) -> bool:
    return info_of(wire.ask("INFO", "persistence")).get("loading") == "0"


def _not_loaded(folder: Path, returned: int) -> BackupError:
    """Why a server has ended: only what it says of the snapshot itself is said of the backup."""
    words = _last_words(folder)
    if returned < 0:
        return BackupError(f"the server for the proof was ended by {signal.Signals(-returned).name}: {words}", _ELSEWHERE)
    if "modul" in words.lower():
        return BackupError(
            f"the snapshot needs a module that the server here does not have: {words}", "test it on a machine that has the module"
        )
    if "memory" in words.lower():
        return BackupError(f"the server for the proof has no memory left: {words}", "test it on a machine that has more")
    if (newer := _TOO_NEW.search(_log(folder))) is not None:
        return BackupError(f"the server for the proof is older than the snapshot: {newer['words']}", "test it with a newer server")
    if (found := _OF_SNAPSHOT.search(_log(folder))) is None:
        return BackupError(f"the server for the proof ended with exit code {returned}: {words}", _ELSEWHERE)
    return DamagedError(f"a server does not load the snapshot: {found['words']}", "restore from another copy or another backup")


def _log(folder: Path) -> str:
    """The end of what the server has said; "" where that cannot be read."""
    try:
        return (folder / "server.log").read_text(errors="replace")[-_LOG_SIGNS:]
    except OSError:
        return ""


def _last_words(folder: Path) -> str:
    lines = _log(folder).strip().splitlines()
    return " / ".join(line.partition("# ")[2] or line for line in lines[-3:]) or "it said nothing"
