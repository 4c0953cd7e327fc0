"""The picture of the README, made by the program itself: `python -m benchmarks.screenshot`.

The demo runs for a while in a real terminal, then the program's own export (key `E`, SVG) writes what it shows.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.terminal import AISHELL, Terminal, opened, surroundings

PICTURE = Path(__file__).parents[1] / "docs" / "screenshot.svg"
COLUMNS, ROWS = 120, 36


def take(seconds: float, picture: Path) -> None:
    """Run the demo for so many seconds and keep its Health screen as SVG."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with opened([AISHELL, "demo"], surroundings(home), columns=COLUMNS, rows=ROWS) as terminal:
            terminal.wait_for(re.compile(r"\bwal\s+\d"))
            _run(terminal, seconds)
            terminal.send("E")
            terminal.wait_for("SVG")
            terminal.send("jj\r")
            terminal.wait_for("written to")
            (written,) = home.rglob("*.svg")
            shutil.copy(written, picture)


def _run(terminal: Terminal, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        terminal.read()


if __name__ == "__main__":
    take(float(sys.argv[1]) if len(sys.argv) > 1 else 240.0, PICTURE)
