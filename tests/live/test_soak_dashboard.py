"""The dashboard for a quarter of an hour: nothing grows, nothing stops. Run by `make soak`."""

from __future__ import annotations

import re
import time
from pathlib import Path

import psutil
import pytest

from tests.terminal import AISHELL, Terminal, opened, surroundings

WARM_SECONDS = 180.0
SOAK_SECONDS = 720.0
MOST_GROWTH_BYTES = 8 << 20
MOST_FOLDER_BYTES = 64 << 20
SCREENS = (("1", "TARGET"), ("2", "wal"), ("3", "SELECT"), ("8", "events"))


@pytest.mark.soak
def test_a_quarter_of_an_hour_on_the_demo_grows_nothing(tmp_path: Path) -> None:
    """Memory, open files, threads and children settle, although screens, panes and sizes change all the time."""
    with opened([AISHELL, "demo"], surroundings(tmp_path), columns=120, rows=40, cwd=tmp_path) as terminal:
        terminal.wait_for(re.compile(r"\bwal\s+\d"))
        process = psutil.Process(terminal.process.pid)
        use(terminal, WARM_SECONDS)
        memory, files, threads, below = figures(process)
        use(terminal, SOAK_SECONDS)
        memory_after, files_after, threads_after, below_after = figures(process)
        assert memory_after - memory < MOST_GROWTH_BYTES
        assert files_after <= files + 2
        assert threads_after <= threads + 2
        assert below_after == below
        assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < MOST_FOLDER_BYTES
        terminal.send("q")
        assert terminal.wait_for_end() == 0


def use(terminal: Terminal, seconds: float) -> None:
    """Go round the screens, open and leave what they show, and change the size now and then."""
    end = time.monotonic() + seconds
    turn = 0
    while time.monotonic() < end:
        for key, text in SCREENS:
            terminal.send(key)
            terminal.wait_for(text)
        turn += 1
        terminal.send("?")
        terminal.wait_for("Freeze the screen")
        terminal.send("\x1b")
        terminal.wait_for(lambda screen: "Freeze the screen" not in screen)
        terminal.resize(*((80, 24) if turn % 2 else (120, 40)))


def figures(process: psutil.Process) -> tuple[int, int, int, int]:
    return process.memory_info().rss, process.num_fds(), process.num_threads(), len(process.children(recursive=True))
