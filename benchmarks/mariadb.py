"""dolphie on its own engine: a MariaDB with sessions, measured as its own figures were published.

At one refresh per second, with its default panels; 160 sessions idle and 40 active.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.installed import install, version_of
from benchmarks.measure import Measured, Steady
from tests.servers.ports import free_port
from tests.terminal import surroundings

DOLPHIE = "dolphie"
ENGINE_USER = "mysql"
_START_SECONDS = 60.0
_PLACES = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
_LOAD = Path(__file__).with_name("mariadb_load.py")


@dataclass(frozen=True, slots=True)
class DolphieFigures:
    """What dolphie needs at both terminal sizes."""

    version: str
    large: Steady
    small: Steady


def measure_dolphie(active: int, idle: int, warm_seconds: float, seconds: float) -> DolphieFigures | str:
    """Its figures, or why there are none."""
    missing = [name for name in ("mariadbd", "mariadb-install-db") if shutil.which(name, path=_PLACES) is None]
    if missing:
        return f"no {missing[0]} on this machine (Debian: apt install mariadb-server)"
    with tempfile.TemporaryDirectory(prefix="aishell-dolphie-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        programs = install((DOLPHIE,), home)
        if isinstance(programs, str):
            return programs
        with server(home) as port, sessions(programs, port, active, idle):
            command: list[str | Path] = [programs / DOLPHIE, "-u", "root", "-h", "127.0.0.1", "-P", str(port), "-r", "1"]
            large, small = (_measure(command, home, size, warm_seconds, seconds) for size in ((160, 45), (80, 24)))
        return DolphieFigures(version_of(programs, DOLPHIE), large, small)


def _measure(command: list[str | Path], home: Path, size: tuple[int, int], warm_seconds: float, seconds: float) -> Steady:
    with Measured(command, surroundings(home), columns=size[0], rows=size[1]) as run:
        run.first_frame(lambda screen: "SLEEP" in screen or "Threads" in screen, 60.0)
        return run.steady(warm_seconds, seconds)


@contextmanager
def server(home: Path) -> Iterator[int]:
    """The port of a MariaDB with a folder of its own below a folder."""
    data, port = home / "data", free_port()
    data.mkdir()
    identity = [f"--user={ENGINE_USER}"] if os.geteuid() == 0 else []
    if identity:
        shutil.chown(data, ENGINE_USER)
    make = [_program("mariadb-install-db"), "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", *identity]
    subprocess.run(make, check=True, capture_output=True)
    options = [f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1", f"--socket={data}/s", f"--pid-file={data}/pid"]
    options += ["--performance-schema=ON", "--max-connections=400", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0", *identity]
    with (home / "mariadb.log").open("wb") as log:
        process = subprocess.Popen([_program("mariadbd"), "--no-defaults", *options], stdout=log, stderr=log)
    try:
        end = time.monotonic() + _START_SECONDS
        while not (data / "s").exists():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((home / "mariadb.log").read_text(errors="replace")[-2000:])
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def sessions(programs: Path, port: int, active: int, idle: int) -> Iterator[None]:
    """So many clients of a server, run by the interpreter of an environment that has the driver."""
    command: list[str | Path] = [programs / "python", _LOAD, str(port), str(active), str(idle)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        try:
            yield
        finally:
            process.kill()


def _program(name: str) -> str:
    return shutil.which(name, path=_PLACES) or name
