"""Real Redis and Valkey servers on free ports in temporary folders, and ways to make their life hard."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from aishell_core.targets import Target, TlsPolicy, parse_location
from aishell_core.values import TargetId
from tests.processes import suspend
from tests.servers.ports import free_port
from tests.servers.required import REQUIRE_SERVERS, require_server

_ROOT = Path(__file__).parents[2]
_START_SECONDS = 30.0
_FETCHED = {"6": "redis-6/redis-server", "8": "redis-8/redis-server", "valkey-9": "valkey-9/valkey-server"}
VERSIONS = ("6", "7", "8", "valkey-9")
"""7 is Debian's, the others are brought by `tests/servers/fetch-redis`."""


def require_redis(version: str = "7") -> Path:
    """The program of a version; otherwise skip, or fail where servers are required."""
    if version == "7":
        return require_server("Redis", "redis-server")
    program = _ROOT / ".servers" / _FETCHED[version]
    if program.is_file():
        return program
    reason = f"{version} of Redis is not here (looked for {program}; tests/servers/fetch-redis brings it)"
    if os.environ.get(REQUIRE_SERVERS) == "1":
        pytest.fail(f"{reason}, and {REQUIRE_SERVERS}=1 requires it")
    pytest.skip(reason)


@dataclass
class RedisServer:
    """One server; `connect` gives a client of it, with its password where it has one."""

    program: Path
    folder: Path
    port: int
    settings: dict[str, str]
    sentinel: bool = False
    process: subprocess.Popen[bytes] | None = None
    _clients: list[Any] = field(default_factory=list)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def password(self) -> str:
        return self.settings.get("requirepass", "")

    def url(self, database: str = "0", user: str = "", password: str | None = None, options: str = "", scheme: str = "redis") -> str:
        """The server's right password unless another is given ("" for none)."""
        secret = self.password if password is None else password
        login = f"{user}:{secret}@" if user or secret else ""
        return f"{scheme}://{login}127.0.0.1:{self.port}/{database}{'?' + options if options else ''}"

    def target(self, name: str = "redis", *, tls: TlsPolicy = TlsPolicy.PREFER, **parts: Any) -> Target:
        return Target(TargetId(name), parse_location(self.url(**parts)), tls=tls)

    def start(self, *, wait: bool = True) -> None:
        """Start it and return when it answers, at once without `wait`."""
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, *self._arguments()],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd=self.folder,
            )
        if wait:
            self.wait_until_ready()

    def _arguments(self) -> list[str]:
        """The settings; a sentinel wants a file for them, which it writes itself afterwards."""
        given = {"port": str(self.port), "dir": str(self.folder), "bind": "127.0.0.1", **self.settings}
        if not self.sentinel:
            return [word for name, value in given.items() for word in (f"--{name}", *self._words(name, value))]
        file = self.folder / "sentinel.conf"
        if not file.exists():
            file.write_text("".join(f"{name} {value}\n" for name, value in given.items() if value))
        return [str(file), "--sentinel"]

    def _words(self, name: str, value: str) -> list[str]:
        return [value] if name in {"save", "requirepass", "masterauth"} else value.split(" ")

    def wait_until_ready(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while not self._answers():
            assert self.process is not None
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < until, self.log()
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with contextlib.closing(self._client()) as client:
                return bool(client.execute_command("PING"))
        except (redis.AuthenticationError, redis.exceptions.NoPermissionError):
            return True
        except (redis.ConnectionError, redis.TimeoutError, OSError):
            return False

    def log(self) -> str:
        """What the server has said."""
        return (self.folder / "server.log").read_text(errors="replace")

    def _client(self, **options: Any) -> Any:
        given: dict[str, Any] = {"password": self.password or None, "socket_timeout": 30, "protocol": 2, **options}
        return redis.Redis(host="127.0.0.1", port=self.port, single_connection_client=True, **given)

    def connect(self, **options: Any) -> Any:
        """A client with a connection of its own that stays open until the server's end; options as redis.Redis takes them."""
        client = self._client(**options)
        self._clients.append(client)
        return client

    def execute(self, *words: Any) -> Any:
        """The answer to one command, on a connection of its own."""
        with contextlib.closing(self._client()) as client:
            return client.execute_command(*words)

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
        """End it; its clients are thrown out."""
        for client in self._clients:
            with contextlib.suppress(redis.RedisError, OSError):
                client.close()
        self._clients.clear()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()

    def restart(self) -> None:
        """Stop and start it again, with the settings as they are now."""
        self.stop()
        self.start()


@contextmanager
def redis_server(version: str = "7", *, sentinel: bool = False, wait: bool = True, **settings: str) -> Iterator[RedisServer]:
    """A server for as long as the block lasts; skips or fails where the version is not on this machine.

    Settings as the configuration names them, with underscores for hyphens. It saves nothing unless told to.
    """
    program = require_redis(version)
    folder = Path(tempfile.mkdtemp(prefix="redis-"))
    given = {"save": "", **{name.replace("_", "-"): value for name, value in settings.items()}}
    server = RedisServer(program, folder, free_port(), given, sentinel)
    try:
        server.start(wait=wait)
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


__all__ = ["VERSIONS", "RedisServer", "redis_server", "require_redis"]
