"""Measure a terminal program from outside: a real pseudo-terminal, and what the kernel counts for its processes."""

from __future__ import annotations

import compileall
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Self

import psutil

from tests.terminal import Terminal

WORKLOAD = "aishell_tui.demo."
"""What stands in the command line of a demo's keeper, below which no process is the dashboard's."""

_PACKAGES = ("aishell_core", "aishell_ops", "aishell_tui", "alerts", "collectors", "themes", "widgets")
_BETWEEN_KEYS_SECONDS = (0.1, 1.2)
_CURSOR_COLUMN = 4
_TITLE_ROWS = 6
_NO_ANSWER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class FirstFrame:
    """What it took until the screen showed real figures."""

    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Steady:
    """What a program costs while it runs untouched; CPU is a share of one core."""

    cpu_ratio: float
    bytes_per_second: float
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Typed:
    """A key that was typed: milliseconds until its effect was painted, and the CPU milliseconds that the program took meanwhile."""

    milliseconds: float
    cpu_milliseconds: float


@cache
def compile_modules() -> None:
    """Compile what has changed, as an installer does: a start from a working folder would else pay for it each time."""
    for package in _PACKAGES:
        compileall.compile_dir(Path(__file__).parents[1] / package, quiet=2)


class Measured:
    """A program in a terminal with the means to measure it; use as a context manager."""

    def __init__(
        self, command: Sequence[str | Path], environment: Mapping[str, str], *, columns: int, rows: int, cwd: Path | None = None
    ) -> None:
        compile_modules()
        self._chance = random.Random(1)
        self._started = time.monotonic()
        self.terminal = Terminal(command, environment, columns=columns, rows=rows, cwd=cwd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.terminal.process.end()

    def first_frame(self, useful: Callable[[str], bool], deadline_seconds: float = 30.0) -> FirstFrame:
        """Wait until the screen is useful; the CPU time is that of the program and its own processes."""
        self.terminal.wait_for(useful, deadline_seconds)
        return FirstFrame(time.monotonic() - self._started, self.cpu_seconds())

    def steady(self, warm_seconds: float, seconds: float) -> Steady:
        """What the program costs over so many seconds after so many of warming up."""
        self._drain(warm_seconds)
        cpu, begin = self.cpu_seconds(), time.monotonic()
        written = self._drain(seconds)
        span = time.monotonic() - begin
        return Steady((self.cpu_seconds() - cpu) / span, written / span, self.rss_bytes())

    def key_delays(self, keys: Sequence[str]) -> tuple[float, ...]:
        """Milliseconds from each key to the arrival of what paints its effect: the cursor bar on another row.

        The keys come at random moments, also while a frame is being drawn. A key without an effect counts as two seconds.
        """
        delays = []
        for key in keys:
            self._watch(self._chance.uniform(*_BETWEEN_KEYS_SECONDS))
            before = self.terminal.backgrounds(_CURSOR_COLUMN)
            delays.append(self._delay(key, partial(self._has_moved, before)))
        return tuple(delays)

    def _has_moved(self, before: tuple[str, ...]) -> bool:
        return self.terminal.backgrounds(_CURSOR_COLUMN) != before

    def filter_delays(self, text: str) -> tuple[Typed, ...]:
        """What each key of a filter takes until the table's title shows it, with the rows that it leaves."""
        self.terminal.send("/")
        delays = []
        for count, key in enumerate(text, 1):
            self._watch(self._chance.uniform(*_BETWEEN_KEYS_SECONDS))
            before = self._main_thread_seconds()
            delay = self._delay(key, partial(self._is_filtered, text[:count]))
            delays.append(Typed(delay, (self._main_thread_seconds() - before) * 1000))
        self.terminal.send("\r")
        self._watch(max(_BETWEEN_KEYS_SECONDS))
        self.terminal.send("\x1b")
        self._watch(max(_BETWEEN_KEYS_SECONDS))
        return tuple(delays)

    def _main_thread_seconds(self) -> float:
        """CPU time of the program's first thread, which draws and takes keys, to the microsecond; 0 where the kernel does not tell."""
        try:
            return int(Path(f"/proc/{self.terminal.process.pid}/schedstat").read_text().split()[0]) / 1e9
        except OSError:
            return 0.0

    def _is_filtered(self, text: str) -> bool:
        # The line in which it is typed stands below the table.
        return any(f"  /{text}  " in line for line in self.terminal.text.splitlines()[:_TITLE_ROWS])

    def _delay(self, key: str, has_effect: Callable[[], bool]) -> float:
        pressed = arrived = time.monotonic()
        self.terminal.send(key)
        while not has_effect():
            if time.monotonic() - pressed >= _NO_ANSWER_SECONDS:
                return _NO_ANSWER_SECONDS * 1000
            data = self.terminal.process.read(_NO_ANSWER_SECONDS)
            arrived = time.monotonic()
            self.terminal.take_in(data)
        return (arrived - pressed) * 1000

    def _watch(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.terminal.read(left)

    def cpu_seconds(self) -> float:
        """CPU time of the program and of its living processes so far, the demo's workload apart."""
        return sum(times.user + times.system for process in self._own() if (times := _cpu_times(process)) is not None)

    def rss_bytes(self) -> int:
        """Resident memory of the program and of its processes, the demo's workload apart."""
        total = 0
        for process in self._own():
            with suppress(psutil.Error):
                total += process.memory_info().rss
        return total

    def _own(self) -> list[psutil.Process]:
        try:
            return _without_workload(psutil.Process(self.terminal.process.pid))
        except psutil.Error:
            return []

    def _drain(self, seconds: float) -> int:
        """Read without looking (an emulator would take CPU time from the program) and count the bytes."""
        end = time.monotonic() + seconds
        written = 0
        while (left := end - time.monotonic()) > 0 and not self.terminal.process.at_end:
            written += len(self.terminal.process.read(left))
        return written


def _without_workload(process: psutil.Process) -> list[psutil.Process]:
    own = [process]
    for child in process.children():
        with suppress(psutil.Error):
            if not any(word.startswith(WORKLOAD) for word in child.cmdline()):
                own += _without_workload(child)
    return own


def _cpu_times(process: psutil.Process) -> psutil._ntuples.pcputimes | None:
    with suppress(psutil.Error):
        return process.cpu_times()
    return None


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 100) // 100) - 1)]
