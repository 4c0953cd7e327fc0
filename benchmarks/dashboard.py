"""The figures of the whole dashboard in a real terminal, with a peer beside it: `python -m benchmarks.dashboard`."""

from __future__ import annotations

import re
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median

from benchmarks.measure import FirstFrame, Measured, Steady, percentile
from benchmarks.peer import PEER, PeerFigures, measure_peer
from benchmarks.report import Figure, Section, bounded
from tests.terminal import AISHELL, surroundings

WARM_SECONDS = 10.0
MEASURED_SECONDS = 30.0
LARGE = (160, 45)
SMALL = (80, 24)
FURTHER_TARGETS = 10
KEYS = 60
STARTS = 7
MIB = 1 << 20

# A size with its unit: the screen shows what was read from the demo, not only its frame.
_REAL_FIGURES = re.compile(r"\bwal\s+[\d.]+\s*[KM]i?B")
_FLEET_FIGURES = re.compile(r"\bdb00\d\b.*\d")


def measure_demo(columns: int, rows: int) -> Steady:
    """What the Health screen of the demo costs, once per second."""
    with _demo(columns, rows) as run:
        run.first_frame(_shows_figures)
        run.terminal.send("2")
        return run.steady(WARM_SECONDS, MEASURED_SECONDS)


def measure_start() -> FirstFrame:
    """What it takes until the demo's figures are on the screen: the median of several starts."""
    starts = []
    for _ in range(STARTS):
        with _demo(*LARGE) as run:
            starts.append(run.first_frame(_shows_figures))
    return FirstFrame(median(start.seconds for start in starts), median(start.cpu_seconds for start in starts))


@contextmanager
def _demo(columns: int, rows: int) -> Iterator[Measured]:
    with tempfile.TemporaryDirectory() as home, Measured([AISHELL, "demo"], surroundings(Path(home)), columns=columns, rows=rows) as run:
        yield run


def _shows_figures(screen: str) -> bool:
    return _REAL_FIGURES.search(screen) is not None


def measure_memory(targets: int) -> int:
    """Resident bytes of the dashboard over so many SQLite files, after it has settled."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        command: list[str | Path] = [AISHELL]
        for number in range(targets):
            path = home / f"app{number:02d}.db"
            with closing(sqlite3.connect(path)) as connection:
                connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)")
            command += ["--target", f"sqlite://{path}"]
        with Measured(command, surroundings(home), columns=LARGE[0], rows=LARGE[1]) as run:
            run.first_frame(lambda screen: "app00" in screen)
            return run.steady(WARM_SECONDS, WARM_SECONDS).rss_bytes


def measure_fleet(count: int, interval_seconds: float, hanging: str, warm_seconds: float) -> tuple[Steady, tuple[float, ...]]:
    """What the fleet screen over fakes costs, and the milliseconds from each key to its paint."""
    command = [sys.executable, "-m", "benchmarks.fleet_dashboard", str(count), str(interval_seconds), hanging]
    root = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as home, Measured(command, surroundings(Path(home)), columns=160, rows=45, cwd=root) as run:
        run.first_frame(lambda screen: _FLEET_FIGURES.search(screen) is not None)
        steady = run.steady(warm_seconds, MEASURED_SECONDS)
        # The first key puts the cursor on the first row; then down and up by turns, so that every key has something to paint.
        run.key_delays("j")
        return steady, run.key_delays(["j", "j", "k", "k"] * (KEYS // 4))


def demo_section(peer: PeerFigures | str) -> Section:
    """CPU, bytes, start and memory."""
    start, large, small = measure_start(), measure_demo(*LARGE), measure_demo(*SMALL)
    one, many = measure_memory(1), measure_memory(1 + FURTHER_TARGETS)
    known = peer if isinstance(peer, PeerFigures) else None
    figures = (
        bounded("CPU of one core, 160x45", 100 * large.cpu_ratio, 3, "%", peer=_of(known, lambda peer: 100 * peer.large.cpu_ratio)),
        bounded("CPU of one core, 80x24", 100 * small.cpu_ratio, 3, "%", peer=_of(known, lambda peer: 100 * peer.small.cpu_ratio)),
        bounded(
            "to the terminal, 160x45",
            large.bytes_per_second / 1000,
            5,
            "KB/s",
            peer=_of(known, lambda peer: peer.large.bytes_per_second / 1000),
        ),
        bounded(
            "to the terminal, 80x24",
            small.bytes_per_second / 1000,
            1.5,
            "KB/s",
            peer=_of(known, lambda peer: peer.small.bytes_per_second / 1000),
        ),
        bounded(
            "CPU until real figures are shown",
            start.cpu_seconds,
            0.6,
            "s",
            digits=2,
            peer=_of(known, lambda peer: peer.first.cpu_seconds),
        ),
        Figure("time until real figures are shown", f"{start.seconds:.2f} s", peer=f"{known.first.seconds:.2f} s" if known else "–"),
        bounded("resident memory, one target", one / MIB, 80, "MiB", peer=_of(known, lambda peer: peer.large.rss_bytes / MIB)),
        bounded("resident memory, each further target", (many - one) / FURTHER_TARGETS / MIB, 1, "MiB", digits=2),
    )
    notes = (
        f"Health screen of `aishell demo`, one frame per second, {MEASURED_SECONDS:g} s after {WARM_SECONDS:g} s of warming up; "
        "the processes of the demo's workload are not counted.",
        f"Start: the median of {STARTS}. Memory: SQLite files, 1 and {1 + FURTHER_TARGETS}.",
        f"{PEER} {known.version} ran in the same way at one refresh per second; it shows the machine, no database."
        if known
        else f"No peer: {peer}.",
    )
    return Section("The dashboard", "python -m benchmarks.dashboard", figures, notes, PEER if known else "peer")


def _of(known: PeerFigures | None, figure: Callable[[PeerFigures], float]) -> float | None:
    return figure(known) if known is not None else None


def fleet_section() -> Section:
    """Keys while a target hangs, and 500 targets."""
    _, ten_keys = measure_fleet(10, 1.0, "db003", WARM_SECONDS)
    large, large_keys = measure_fleet(500, 5.0, "", 2 * WARM_SECONDS)
    figures = (
        bounded("key to paint, 95th percentile, one of 10 targets hangs", percentile(ten_keys, 0.95), 50, "ms"),
        bounded("CPU of one core, 500 targets at 5 s", 100 * large.cpu_ratio, 50, "%"),
        bounded("key to paint, 95th percentile, 500 targets", percentile(large_keys, 0.95), 50, "ms"),
        Figure("to the terminal, 500 targets", f"{large.bytes_per_second / 1000:.1f} KB/s"),
        Figure("resident memory, 500 targets", f"{large.rss_bytes / MIB:.0f} MiB"),
    )
    notes = (
        "Fleet screen, 160x45; the whole program runs but its collectors, which answer after 5 to 50 ms with 40 samples and 20 sessions.",
        f"Keys: {KEYS} moves of the cursor, at random moments, until the bytes that put the cursor bar on another row have arrived.",
    )
    return Section("Many targets", "python -m benchmarks.dashboard", figures, notes)


def measure_all() -> Sequence[Section]:
    """Everything, the peer first."""
    peer = measure_peer(WARM_SECONDS, MEASURED_SECONDS)
    return (demo_section(peer), fleet_section())


if __name__ == "__main__":
    from benchmarks.__main__ import write_results

    write_results(measure_all(), None)
