"""A server of our own that loads a snapshot, which nobody else can reach, and that is gone afterwards."""

from __future__ import annotations

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
            raise _not_loaded(server.folder)
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


def _not_loaded(folder: Path) -> BackupError:
    words = _last_words(folder)
    if "modul" in words.lower():
        return BackupError(
            f"the snapshot needs a module that the server here does not have: {words}", "test it on a machine that has the module"
        )
    if "memory" in words.lower():
        return BackupError(f"the server for the proof has no memory left: {words}", "test it on a machine that has more")
    return DamagedError(f"a server does not load the snapshot: {words}", "restore from another copy or another backup")


def _last_words(folder: Path) -> str:
    try:
        lines = (folder / "server.log").read_text(errors="replace").strip().splitlines()
    except OSError:
        return "it said nothing"
    return " / ".join(line.partition("# ")[2] or line for line in lines[-3:]) or "it said nothing"
