"""Real PostgreSQL servers on free ports in temporary folders, and ways to make their life hard."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pg8000.native
import psutil

from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId
from tests.processes import marked, survivors, suspend
from tests.servers.ports import free_port
from tests.servers.postgres_binaries import PostgresBinaries, require_postgres, server_user

_START_SECONDS = 120.0
_LEAVE_SECONDS = 20.0
_FAST: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "40"}
# A primary starts this process last, and takes sessions a moment before: nothing that belongs to it comes later.
_WHOLE = """
SELECT pg_is_in_recovery() OR current_setting('max_logical_replication_workers')::int = 0
    OR EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'logical replication launcher')
"""
SUPERUSER = "postgres"


def own_folder(prefix: str) -> Path:
    """A fresh folder that the servers' user owns; short, because a socket's path may have 107 bytes only."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    user = server_user()
    if user is not None:
        shutil.chown(folder, user)
        folder.chmod(0o711)
    return folder


class _Session(pg8000.native.Connection):  # type: ignore[misc]
    """A session whose `close` returns when the server has let go of it: it is in no view any more, and what it did is counted."""

    def close(self) -> None:
        # The bare socket also where it is encrypted: all that counts is its end.
        left = socket.socket(fileno=os.dup(self._usock.fileno())) if self._usock is not None else None
        try:
            super().close()
        finally:
            if left is not None:
                with left, contextlib.suppress(OSError):
                    left.settimeout(_LEAVE_SECONDS)
                    while left.recv(65536):
                        pass


@cache
def _template(binaries: PostgresBinaries, encoding: str) -> Path:
    """An empty cluster to be copied, because making one takes seconds."""
    folder = own_folder("pgt-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    command: list[str | Path] = [
        binaries.folder / "initdb",
        "--no-sync",
        "-A",
        "trust",
        "-U",
        SUPERUSER,
        "-E",
        encoding,
        "--locale=C",
        "-D",
        folder / "data",
    ]
    subprocess.run(command, check=True, capture_output=True, user=server_user(), cwd="/")
    return folder / "data"


@dataclass
class PostgresServer:
    """One server; `execute` and `connect` reach it as its superuser unless told otherwise."""

    binaries: PostgresBinaries
    folder: Path
    port: int
    settings: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    _clients: list[pg8000.native.Connection] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def url(self, database: str = "postgres", user: str = SUPERUSER, password: str = "", options: str = "") -> str:
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{database}{'?' + options if options else ''}"

    def target(self, name: str = "pg", **parts: str) -> Target:
        return Target(TargetId(name), parse_location(self.url(**parts)))

    def start(self, *, wait: bool = True) -> None:
        """Start it and return when it answers (or, for a standby, accepts read-only sessions), at once without `wait`."""
        arguments = [f"-c{name}={value}" for name, value in self.settings.items()]
        log = (self.folder / "server.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [self.binaries.folder / "postgres", "-D", self.data, f"-p{self.port}", f"-k{self.folder}", "-h127.0.0.1", *arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                user=server_user(),
                cwd="/",
            )
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while True:
            assert self.process is not None
            assert self.process.poll() is None, self.log()
            with contextlib.suppress(pg8000.native.InterfaceError, pg8000.native.DatabaseError, OSError):
                if self.execute(_WHOLE) == [[True]]:
                    return
            assert time.monotonic() < until, self.log()
            time.sleep(0.02)

    def log(self) -> str:
        """What the server has said."""
        return (self.folder / "server.log").read_text(errors="replace")

    def connect(self, database: str = "postgres", user: str = SUPERUSER, password: str = "", application: str = "test") -> Any:
        """A session that stays open until its `close` or the server's end; `run(sql)` gives rows."""
        session = _Session(
            user, host="127.0.0.1", port=self.port, database=database, password=password or None, application_name=application, timeout=60
        )
        self._clients.append(session)
        return session

    def execute(self, *statements: str, database: str = "postgres", user: str = SUPERUSER) -> list[list[Any]]:
        """Run statements one by one in a session of their own and return the rows of the last."""
        with contextlib.closing(
            _Session(user, host="127.0.0.1", port=self.port, database=database, application_name="setup", timeout=60)
        ) as session:
            rows: list[list[Any]] = []
            for statement in statements:
                rows = session.run(statement) or []
            return rows

    def processes(self) -> list[psutil.Process]:
        """The server's main process and all that it has started."""
        main = psutil.Process(self.pid)
        return [main, *main.children(recursive=True)]

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """All its processes stand still, as on a machine whose disk or memory hangs; its port still accepts."""
        # The main process comes first, so that it starts no others while they are being counted.
        suspend(self.pid)
        stopped = self.processes()
        for process in stopped:
            with contextlib.suppress(ProcessLookupError):
                suspend(process.pid)
        try:
            yield
        finally:
            for process in stopped:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

    def kill(self) -> None:
        """End it as a crash of the machine would."""
        processes = self.processes()
        marks = frozenset(mark for mark in (marked(process.pid) for process in processes) if mark is not None)
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        assert self.process is not None
        self.process.wait()
        assert not survivors(marks)
        # The shared memory of a killed server stays until the next one looks; that must not be taken for a live server.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """End it in order; sessions are thrown out."""
        for session in self._clients:
            with contextlib.suppress(pg8000.native.InterfaceError, pg8000.native.DatabaseError, OSError):
                pg8000.native.Connection.close(session)
        self._clients.clear()
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def restart(self) -> None:
        """Stop and start it again."""
        self.stop()
        self.start()


@contextmanager
def postgres(
    version: str = "15",
    *,
    settings: Mapping[str, str] | None = None,
    statements: bool | None = None,
    encoding: str = "UTF8",
    hba: str = "",
) -> Iterator[PostgresServer]:
    """A server of a version for as long as the block lasts; skips or fails where that is not on this machine.

    `statements` True loads pg_stat_statements and makes the extension in the database postgres (default: where it
    exists). `hba` replaces the rules of who may connect how.
    """
    binaries = require_postgres(version)
    wanted = binaries.contrib if statements is None else statements
    folder = own_folder("pg-")
    server = PostgresServer(
        binaries, folder, free_port(), {**_FAST, **({"shared_preload_libraries": "pg_stat_statements"} if wanted else {})}
    )
    server.settings.update(settings or {})
    try:
        copy_as_server(_template(binaries, encoding), server.data)
        if hba:
            write_as_server(server.data / "pg_hba.conf", hba)
        server.start()
        if wanted:
            server.execute("CREATE EXTENSION pg_stat_statements")
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def standby_of(primary: PostgresServer, *, settings: Mapping[str, str] | None = None, slot: str = "") -> Iterator[PostgresServer]:
    """A streaming replica of a server for as long as the block lasts; `slot` is made on the primary if given."""
    folder = own_folder("pgs-")
    upstream = f"host=127.0.0.1 port={primary.port} user={SUPERUSER} application_name=replica"
    # A newer pg_basebackup writes options into the connection string that an older server does not know.
    wanted = {**primary.settings, "primary_conninfo": upstream, **(settings or {})}
    server = PostgresServer(primary.binaries, folder, free_port(), wanted)
    command: list[str | Path] = [_base_backup_program(primary.binaries), "-D", server.data, "-R", "-X", "stream", "-c", "fast", "--no-sync"]
    command += ["-d", upstream]
    if slot:
        command += ["-C", "-S", slot]
    try:
        subprocess.run(command, check=True, capture_output=True, user=server_user(), cwd="/")
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _base_backup_program(binaries: PostgresBinaries) -> Path:
    """The version's own program, else a newer one: they read older servers too."""
    own = binaries.folder / "pg_basebackup"
    return own if own.exists() else require_postgres("18").folder / "pg_basebackup"


def copy_as_server(source: Path, target: Path) -> None:
    """Copy a folder so that the servers' user owns it."""
    subprocess.run(["cp", "-R", source, target], check=True, user=server_user(), cwd="/")


def write_as_server(path: Path, text: str) -> None:
    """Write a file that the servers' user owns and nobody else may read, as keys must be."""
    path.write_text(text)
    path.chmod(0o600)
    user = server_user()
    if user is not None:
        shutil.chown(path, user)


def pids_waiting(server: PostgresServer) -> set[int]:
    """The processes that wait for a lock now."""
    rows = server.execute("SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    return {int(row[0]) for row in rows}


__all__ = ["PostgresServer", "postgres", "require_postgres", "standby_of"]
