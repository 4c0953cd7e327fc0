"""A peer measured in the same way on the same machine: glances, a terminal monitor that needs no server."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.measure import FirstFrame, Measured, Steady
from tests.terminal import surroundings

PEER = "glances"
_INSTALL_SECONDS = 300
_STARTS = 7


@dataclass(frozen=True, slots=True)
class PeerFigures:
    """What the peer needs at both terminal sizes."""

    version: str
    first: FirstFrame
    large: Steady
    small: Steady


def measure_peer(warm_seconds: float, seconds: float) -> PeerFigures | str:
    """The peer's figures, or why there are none."""
    with tempfile.TemporaryDirectory(prefix="aishell-peer-") as folder:
        home = Path(folder)
        environment = home / "venv"
        try:
            subprocess.run([sys.executable, "-m", "venv", environment], check=True, capture_output=True, timeout=_INSTALL_SECONDS)
            pip: list[str | Path] = [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PEER]
            subprocess.run(pip, check=True, capture_output=True, timeout=_INSTALL_SECONDS)
        except (OSError, subprocess.SubprocessError) as error:
            return f"{PEER} could not be installed: {error}"
        return _measure(home, environment / "bin", warm_seconds, seconds)


def _measure(home: Path, programs: Path, warm_seconds: float, seconds: float) -> PeerFigures:
    shown = subprocess.run([programs / "python", "-c", f"import {PEER}; print({PEER}.__version__)"], capture_output=True, text=True)
    # One refresh per second as ours, and no look for newer versions on the network.
    command: list[str | Path] = [programs / PEER, "--time", "1", "--disable-check-update"]
    starts = []
    for _ in range(_STARTS):
        with Measured(command, surroundings(home), columns=160, rows=45) as run:
            starts.append(run.first_frame(_shows_figures))
    first = FirstFrame(median(start.seconds for start in starts), median(start.cpu_seconds for start in starts))
    with Measured(command, surroundings(home), columns=160, rows=45) as run:
        run.first_frame(_shows_figures)
        large = run.steady(warm_seconds, seconds)
    with Measured(command, surroundings(home), columns=80, rows=24) as run:
        run.first_frame(_shows_figures)
        small = run.steady(warm_seconds, seconds)
    return PeerFigures(shown.stdout.strip(), first, large, small)


def _shows_figures(screen: str) -> bool:
    return "CPU" in screen and "%" in screen and "MEM" in screen
