"""A FerretDB server for tests: MongoDB's protocol over SQLite files, with an empty folder of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId
from tests.processes import suspend
from tests.servers.mongodb_wire_protocol import ask
from tests.servers.ports import free_port
from tests.servers.required import REQUIRE_SERVERS

_ROOT = Path(__file__).parents[2]
_PROGRAM = _ROOT / ".servers" / "ferretdb"
_START_SECONDS = 30.0


@dataclass
class FerretServer:
    """One server; `ask` runs a command on it without any driver."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def url(self, database: str = "", options: str = "") -> str:
        return f"mongodb://127.0.0.1:{self.port}/{database}{'?' + options if options else ''}"

    def target(self, name: str = "ferret", **parts: str) -> Target:
        return Target(TargetId(name), parse_location(self.url(**parts)))

    def start(self) -> None:
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [_PROGRAM, f"127.0.0.1:{self.port}", self.folder], stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder
            )
        until = time.monotonic() + _START_SECONDS
        while True:
            assert self.process.poll() is None, self.log()
            try:
                self.ask({"ping": 1})
            except OSError:
                assert time.monotonic() < until, self.log()
                time.sleep(0.02)
            else:
                return

    def ask(self, command: Mapping[str, Any], database: str = "admin") -> dict[str, Any]:
        """The reply to a command, which must be a good one."""
        reply = ask(self.port, {**command, "$db": database})
        assert reply.get("ok") == 1.0, reply
        return reply

    def log(self) -> str:
        """What the server has said."""
        return (self.folder / "server.log").read_text(errors="replace")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The process stands still, as on a machine whose disk or memory hangs; its port still accepts."""
        suspend(self.pid)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it as a crash of the machine would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        """End it in order."""
        assert self.process is not None
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    def restart(self) -> None:
        """Stop and start it again, at the same port and with the same data."""
        self.stop()
        self.start()


@contextmanager
def ferretdb() -> Iterator[FerretServer]:
    """A server for as long as the block lasts; skips or fails where it is neither built nor can be."""
    _require()
    folder = Path(tempfile.mkdtemp(prefix="ferret-"))
    server = FerretServer(folder, free_port())
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _require() -> None:
    if _PROGRAM.exists():
        return
    if shutil.which("go") is None:
        reason = "FerretDB is not built, and Go to build it with is not installed"
    else:
        built = subprocess.run([_ROOT / "tests" / "servers" / "fetch-ferretdb"], capture_output=True, text=True, check=False)
        if built.returncode == 0:
            return
        reason = f"FerretDB cannot be built: {built.stderr[-500:]}"
    if os.environ.get(REQUIRE_SERVERS) == "1":
        pytest.fail(f"{reason}, and {REQUIRE_SERVERS}=1 requires it")
    pytest.skip(reason)


__all__ = ["FerretServer", "ferretdb"]
