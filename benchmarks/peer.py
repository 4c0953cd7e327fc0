"""A peer measured in the same way on the same machine: glances, a terminal monitor that needs no server."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.installed import install, version_of
from benchmarks.measure import FirstFrame, Measured, Steady
from tests.terminal import surroundings

PEER = "glances"
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
        programs = install((PEER,), home)
        return programs if isinstance(programs, str) else _measure(home, programs, warm_seconds, seconds)


def _measure(home: Path, programs: Path, warm_seconds: float, seconds: float) -> PeerFigures:
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
    return PeerFigures(version_of(programs, PEER), first, large, small)


def _shows_figures(screen: str) -> bool:
    return "CPU" in screen and "%" in screen and "MEM" in screen
