"""Real MySQL and MariaDB servers on free ports in temporary folders, and ways to make their life hard."""

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
from urllib.parse import quote

import psutil
import pymysql

from aishell_core.targets import Target, TlsPolicy, parse_location
from aishell_core.values import TargetId
from tests.processes import suspend
from tests.servers.mysql_binaries import MysqlBinaries, require_mysql
from tests.servers.ports import free_port

MARIADB = "mariadb-10.11"
"""Debian's own server."""
VERSIONS = (MARIADB, "mariadb-11.4", "mysql-8.0")
_START_SECONDS = 60.0
_SETTINGS: Mapping[str, str] = {
    "innodb-buffer-pool-size": "16M",
    "innodb-flush-log-at-trx-commit": "0",
    "max-connections": "60",
    "skip-name-resolve": "ON",
    "innodb-lock-wait-timeout": "600",
}
_OF_MARIADB: Mapping[str, str] = {"innodb-log-file-size": "4M", "innodb-flush-method": "nosync"}
_WITHOUT_TLS: Mapping[str, str] = {"ssl": "OFF"}
"""MariaDB 11.4 makes a certificate at each start, which takes ten seconds and more."""
_OF_MYSQL: Mapping[str, str] = {"innodb-log-file-size": "4M", "innodb-flush-method": "nosync", "mysqlx": "OFF", "skip-log-bin": "ON"}
_WITH_SCHEMA: Mapping[str, str] = {"performance-schema": "ON", "performance-schema-instrument": "wait/lock/metadata/sql/mdl=ON"}


class Client:
    """A session that stays open until its `close` or the server's end."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.number = int(connection.thread_id())
        self.id = str(self.number)

    def run(self, *statements: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows of the last statement."""
        rows: list[tuple[Any, ...]] = []
        with self.connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement, parameters or None)
                rows = list(cursor.fetchall())
        return rows

    def close(self) -> None:
        with contextlib.suppress(pymysql.MySQLError, OSError):
            self.connection.close()


@dataclass
class MysqlServer:
    """One server; `execute` and `connect` reach it as root unless told otherwise."""

    binaries: MysqlBinaries
    folder: Path
    port: int
    settings: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    _clients: list[Client] = field(default_factory=list)

    @property
    def mariadb(self) -> bool:
        return self.binaries.mariadb

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def socket(self) -> Path:
        return self.folder / "s"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def url(self, database: str = "", user: str = "root", password: str = "", options: str = "") -> str:
        secret = f":{quote(password, safe='')}" if password else ""
        place = f"{quote(user, safe='')}{secret}@127.0.0.1:{self.port}/{quote(database, safe='')}"
        return f"mysql://{place}{'?' + options if options else ''}"

    def target(self, name: str = "my", tls: TlsPolicy = TlsPolicy.PREFER, **parts: str) -> Target:
        return Target(TargetId(name), parse_location(self.url(**parts)), tls=tls)

    def start(self, *, wait: bool = True) -> None:
        """Start it and return when it answers, at once without `wait`."""
        while int(time.time()) == int(self.started_at):
            time.sleep(0.01)  # a server tells its start in whole seconds: two lives are never of the same one
        self.started_at = time.time()
        arguments = [f"--{name}={value}" for name, value in self.settings.items()]
        own = [f"--basedir={self.binaries.base}"] if self.binaries.base else []
        own += [f"--lc-messages-dir={self.binaries.base}/share"] if self.binaries.base else []
        own += ["--user=root"] if os.getuid() == 0 else []
        places = [f"--datadir={self.data}", f"--socket={self.socket}", f"--port={self.port}", f"--pid-file={self.folder / 'pid'}"]
        places.append(f"--tmpdir={self.folder}")
        log = (self.folder / "server.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [self.binaries.server, "--no-defaults", *own, *places, "--bind-address=127.0.0.1", *arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd=self.folder,
            )
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while True:
            assert self.process is not None
            assert self.process.poll() is None, self.log()
            try:
                # Asked first without the driver, which leaves its socket open when nobody listens.
                with contextlib.closing(socket.socket(socket.AF_UNIX)) as probe:
                    probe.connect(str(self.socket))
                self.execute("SELECT 1")
            except (pymysql.MySQLError, OSError):
                assert time.monotonic() < until, self.log()
                time.sleep(0.02)
            else:
                return

    def log(self) -> str:
        """What the server has said."""
        return (self.folder / "server.log").read_text(errors="replace")

    def _open(self, database: str, user: str, password: str, application: str, *, by_socket: bool, charset: str) -> Any:
        way: dict[str, Any] = {"unix_socket": str(self.socket)} if by_socket else {"host": "127.0.0.1", "port": self.port}
        return pymysql.connect(
            **way,
            user=user,
            password=password,
            database=database or None,
            program_name=application,
            autocommit=True,
            charset=charset,
            connect_timeout=20,
            read_timeout=120,
        )

    def connect(
        self, database: str = "", user: str = "root", password: str = "", application: str = "test", *, charset: str = "utf8mb4"
    ) -> Client:
        """A session that stays open until the server's end."""
        client = Client(self._open(database, user, password, application, by_socket=False, charset=charset))
        self._clients.append(client)
        return client

    def execute(self, *statements: str, database: str = "", user: str = "root", password: str = "") -> list[tuple[Any, ...]]:
        """Run statements one by one in a session of their own, by the socket, and return the rows of the last."""
        client = Client(self._open(database, user, password, "setup", by_socket=True, charset="utf8mb4"))
        try:
            return client.run(*statements)
        finally:
            client.close()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The server stands still, as on a machine whose disk or memory hangs; its port still accepts."""
        process = psutil.Process(self.pid)
        suspend(process.pid)
        try:
            yield
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def kill(self) -> None:
        """End it as a crash of the machine would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it in order; sessions are thrown out."""
        if not self._left():
            return
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()

    def discard(self) -> None:
        """End it without an order that nobody needs any more: MySQL 8 takes two seconds to put its files in one."""
        if self._left():
            self.kill()

    def _left(self) -> bool:
        """Let go of its sessions; whether it still runs."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        return self.process is not None and self.process.poll() is None

    def restart(self) -> None:
        """Stop and start it again."""
        self.stop()
        self.start()


@cache
def _template(binaries: MysqlBinaries) -> Path:
    """An empty data folder to be copied, because making one takes seconds."""
    folder = Path(tempfile.mkdtemp(prefix="myt-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    data = folder / "data"
    user = ["--user=root"] if os.getuid() == 0 else []
    if not binaries.mariadb:
        (folder / "accounts.sql").write_text("CREATE USER root@'127.0.0.1';\nGRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n")
        user.append(f"--init-file={folder / 'accounts.sql'}")
    # A folder of its own for temporary tables: several servers that make theirs in one would clear it for one another.
    done = subprocess.run([*binaries.make(data), f"--tmpdir={folder}", *user], capture_output=True, cwd=folder, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
    return data


@contextmanager
def mysql(version: str = MARIADB, *, performance_schema: bool = False, settings: Mapping[str, str] | None = None) -> Iterator[MysqlServer]:
    """A server of a version for as long as the block lasts; skips or fails where that is not on this machine.

    MySQL has its performance_schema on always; MariaDB has it off unless `performance_schema` says otherwise.
    """
    binaries = require_mysql(version)
    folder = Path(tempfile.mkdtemp(prefix="my-"))
    wanted = {**_SETTINGS, **(_OF_MARIADB if binaries.mariadb else _OF_MYSQL)}
    if performance_schema or not binaries.mariadb:
        wanted |= _WITH_SCHEMA
    if version == "mariadb-11.4" and "ssl-cert" not in (settings or {}):
        wanted |= _WITHOUT_TLS
    server = MysqlServer(binaries, folder, free_port(), {**wanted, **(settings or {})})
    try:
        shutil.copytree(_template(binaries), server.data)
        (server.data / "auto.cnf").unlink(missing_ok=True)  # two servers of one UUID would not replicate
        server.start()
        yield server
    finally:
        server.discard()
        shutil.rmtree(folder, ignore_errors=True)
