"""A real PgBouncer on a free port in a temporary folder, in front of a PostgreSQL server, and ways to make its life hard."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pg8000.native
import psutil

from aishell_core.targets import Target, TlsPolicy, parse_location
from aishell_core.values import TargetId
from tests.processes import suspend
from tests.servers.ports import free_port
from tests.servers.postgres import SUPERUSER, PostgresServer, own_folder, write_as_server
from tests.servers.postgres_binaries import server_user
from tests.servers.required import require_server

_START_SECONDS = 60.0
ADMIN = "pooladmin"
"""May do everything in the console."""
STATS = "poolstats"
"""May read in the console."""
OUTSIDER = "pooloutsider"
"""May log in and not use the console."""
PASSWORD = "the-poolers-password"
"""The password of every user of a pooler that asks for one."""
_PROBE = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # a request for TLS, which is answered before anybody logs in


@dataclass
class Pgbouncer:
    """One pooler; `connect` gives a session through it, `console` asks its own console."""

    program: Path
    folder: Path
    port: int
    settings: dict[str, str]
    databases: dict[str, str]
    users: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    _clients: list[pg8000.native.Connection] = field(default_factory=list)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def asks_password(self) -> bool:
        return self.settings["auth_type"] not in {"trust", "any"}

    def _address(self, user: str, password: str | None) -> str:
        secret = (self.users.get(user, "") if self.asks_password else "") if password is None else password
        return f"{user}:{secret}@127.0.0.1:{self.port}" if secret else f"{user}@127.0.0.1:{self.port}"

    def url(self, database: str = "postgres", user: str = SUPERUSER, password: str | None = None, options: str = "") -> str:
        """Of a database behind the pooler; the user's right password unless another is given ("" for none)."""
        return f"postgresql://{self._address(user, password)}/{database}{'?' + options if options else ''}"

    def target(self, name: str = "pooled", **parts: str) -> Target:
        """A PostgreSQL behind the pooler as a target."""
        return Target(TargetId(name), parse_location(self.url(**parts)))

    def console_url(self, user: str = STATS, password: str | None = None, options: str = "") -> str:
        """Of the pooler's own console."""
        return f"pgbouncer://{self._address(user, password)}/{'?' + options if options else ''}"

    def console_target(self, name: str = "pooler", *, tls: TlsPolicy = TlsPolicy.PREFER, **parts: str) -> Target:
        """The pooler's own console as a target."""
        return Target(TargetId(name), parse_location(self.console_url(**parts)), tls=tls)

    def configure(self, **settings: str) -> None:
        """Write the configuration, with changed settings; takes effect with `start` or the console's RELOAD."""
        self.settings.update(settings)
        lines = ["[databases]", *(f"{name} = {value}" for name, value in self.databases.items())]
        lines += ["[pgbouncer]", *(f"{name} = {value}" for name, value in self.settings.items())]
        write_as_server(self.folder / "users.txt", "".join(f'"{user}" "{secret}"\n' for user, secret in self.users.items()))
        write_as_server(self.folder / "pgbouncer.ini", "\n".join(lines) + "\n")

    def start(self) -> None:
        """Start it and return when it answers."""
        self.configure()
        with (self.folder / "pooler.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, self.folder / "pgbouncer.ini"],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                user=server_user(),
                cwd="/",
            )
        until = time.monotonic() + _START_SECONDS
        while not self._answers():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < until, self.log()
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with contextlib.closing(socket.create_connection(("127.0.0.1", self.port), timeout=5.0)) as probe:
                probe.sendall(_PROBE)
                return probe.recv(1) in {b"N", b"S"}
        except OSError:
            return False

    def log(self) -> str:
        """What the pooler has said."""
        return (self.folder / "pooler.log").read_text(errors="replace")

    def connect(
        self,
        database: str = "postgres",
        user: str = SUPERUSER,
        application: str | bytes = "test",
        kind: type[pg8000.native.Connection] = pg8000.native.Connection,
    ) -> Any:
        """A session through the pooler that stays open until its `close` or the pooler's end; `run(sql)` gives rows."""
        session = kind(
            user,
            host="127.0.0.1",
            port=self.port,
            database=database,
            password=self.users.get(user) or None,
            application_name=application,
            timeout=60,
        )
        self._clients.append(session)
        return session

    def console(self, command: str) -> list[dict[str, Any]]:
        """Run one of the console's commands as its administrator; rows by column name."""
        with contextlib.closing(
            pg8000.native.Connection(
                ADMIN, host="127.0.0.1", port=self.port, database="pgbouncer", password=self.users.get(ADMIN) or None, timeout=60
            )
        ) as session:
            rows = session.run(command) or []
            names = [column["name"] for column in session.columns or []]
            return [dict(zip(names, row, strict=True)) for row in rows]

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It stands still; its port still accepts."""
        process = psutil.Process(self.pid)
        suspend(process.pid)
        try:
            yield
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def kill(self) -> None:
        """End it without any chance to tidy up."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it and throw its sessions out: since 1.23 it would wait for them to leave."""
        for session in self._clients:
            with contextlib.suppress(pg8000.native.InterfaceError, pg8000.native.DatabaseError, OSError):
                session.close()
        self._clients.clear()
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.kill()

    def restart(self) -> None:
        """Stop and start it again, with the configuration as it is now."""
        self.stop()
        self.start()


@contextmanager
def pgbouncer(
    server: PostgresServer,
    *,
    pool_mode: str = "session",
    auth: str = "trust",
    settings: Mapping[str, str] | None = None,
    databases: Mapping[str, str] | None = None,
    users: Mapping[str, str] | None = None,
) -> Iterator[Pgbouncer]:
    """A pooler in front of a server for as long as the block lasts; skips or fails where there is none on this machine.

    `auth` is trust, md5, scram-sha-256 or plain. `databases` replaces the one rule that leads every name to the server.
    `users` adds names with their passwords to those of the console and the server's superuser.
    """
    program = require_server("PgBouncer", "pgbouncer", "/usr/sbin/pgbouncer")
    folder = own_folder("pgb-")
    secret = "" if auth == "trust" else PASSWORD
    pooler = Pgbouncer(
        program,
        folder,
        free_port(),
        {
            "listen_addr": "127.0.0.1",
            "unix_socket_dir": str(folder),
            "auth_type": auth,
            "auth_file": str(folder / "users.txt"),
            "admin_users": ADMIN,
            "stats_users": STATS,
            "pool_mode": pool_mode,
            "default_pool_size": "20",
        },
        dict(databases or {"*": f"host=127.0.0.1 port={server.port}"}),
        {**dict.fromkeys((SUPERUSER, ADMIN, STATS, OUTSIDER), secret), **(users or {})},
    )
    pooler.settings["listen_port"] = str(pooler.port)
    pooler.settings.update(settings or {})
    try:
        pooler.start()
        yield pooler
    finally:
        pooler.stop()
        shutil.rmtree(folder, ignore_errors=True)


__all__ = ["ADMIN", "OUTSIDER", "PASSWORD", "STATS", "Pgbouncer", "pgbouncer"]
