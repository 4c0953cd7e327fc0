"""The Sessions screen on a MariaDB with many sessions, beside dolphie on the same server: `python -m benchmarks.mysql`."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.installed import install, version_of
from benchmarks.mariadb import DOLPHIE, server, sessions
from benchmarks.measure import Measured, Steady
from benchmarks.report import Figure, Section
from tests.terminal import AISHELL, surroundings

ACTIVE, IDLE = 40, 160
SIZE = (160, 45)
WARM_SECONDS, MEASURED_SECONDS = 15.0, 45.0
CPU_SHARE, BYTES_SHARE, MEMORY_SHARE = 0.20, 0.10, 0.60
"""What aishell may take of what the peer takes."""
MIB = 1 << 20
_READY_SECONDS = 120.0


def measure_aishell(port: int) -> Steady:
    """The Sessions screen at one reading per second."""
    command: list[str | Path] = [AISHELL, "--target", f"mysql://root@127.0.0.1:{port}/shop"]
    with tempfile.TemporaryDirectory() as home, Measured(command, surroundings(Path(home)), columns=SIZE[0], rows=SIZE[1]) as run:
        run.first_frame(lambda screen: "mysql 1" in screen, _READY_SECONDS)
        run.terminal.send("4")
        run.terminal.wait_for(lambda screen: "SLEEP" in screen, _READY_SECONDS)
        return run.steady(WARM_SECONDS, MEASURED_SECONDS)


def measure_peer(port: int, programs: Path) -> Steady:
    """The peer with its default panels at the same interval."""
    command: list[str | Path] = [programs / DOLPHIE, "-u", "root", "-h", "127.0.0.1", "-P", str(port), "-r", "1"]
    with tempfile.TemporaryDirectory() as home, Measured(command, surroundings(Path(home)), columns=SIZE[0], rows=SIZE[1]) as run:
        run.first_frame(lambda screen: "SLEEP" in screen or "Threads" in screen, _READY_SECONDS)
        return run.steady(WARM_SECONDS, MEASURED_SECONDS)


def sessions_section() -> Section:
    """Both tools, one after the other on one server with the same sessions."""
    with tempfile.TemporaryDirectory(prefix="aishell-peer-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        programs = install((DOLPHIE,), home)
        if isinstance(programs, str):
            raise SystemExit(programs)
        with server(home) as port, sessions(programs, port, ACTIVE, IDLE):
            peer, own = measure_peer(port, programs), measure_aishell(port)
        version = version_of(programs, DOLPHIE)
    return Section(
        f"MariaDB with {ACTIVE} active and {IDLE} idle sessions",
        "python -m benchmarks.mysql",
        (
            _beside("CPU of one core, 160x45", 100 * own.cpu_ratio, 100 * peer.cpu_ratio, CPU_SHARE, "%"),
            _beside("to the terminal, 160x45", own.bytes_per_second / 1000, peer.bytes_per_second / 1000, BYTES_SHARE, "KB/s"),
            _beside("resident memory", own.rss_bytes / MIB, peer.rss_bytes / MIB, MEMORY_SHARE, "MiB"),
        ),
        (
            f"Sessions screen, one reading per second, {MEASURED_SECONDS:g} s after {WARM_SECONDS:g} s of warming up.",
            f"{DOLPHIE} {version} with its default panels and a refresh of one second on the same server, just before.",
        ),
        DOLPHIE,
    )


def _beside(name: str, own: float, peer: float, share: float, unit: str) -> Figure:
    bar = share * peer
    return Figure(name, f"{own:.1f} {unit}", f"≤ {bar:.1f} {unit} ({share:.0%})", own <= bar, f"{peer:.1f} {unit}")


def measure_all() -> Sequence[Section]:
    """The one table."""
    return (sessions_section(),)


if __name__ == "__main__":
    from benchmarks.__main__ import write_results

    write_results(measure_all(), None)
