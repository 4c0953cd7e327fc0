"""A terminal that disappears without a word, as behind setsid, su -c or a killed multiplexer."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

from tests.processes import children, marked

READY_SECONDS = 120.0
GONE_SECONDS = 60.0


def test_the_dashboard_its_demo_and_its_folder_are_gone_soon_after_the_terminal(tmp_path: Path) -> None:
    """The terminal is no controlling one, so closing it sends no SIGHUP to anybody."""
    master, slave = pty.openpty()
    environ = {**os.environ, "AISHELL_HOME": str(tmp_path), "TERM": "xterm-256color"}
    command = [sys.executable, "-c", "from aishell_tui.cli.main import main; raise SystemExit(main())", "demo"]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True)
    os.close(slave)
    shown, end = b"", time.monotonic() + READY_SECONDS
    while b"transactions/s" not in shown and time.monotonic() < end:
        if select.select([master], [], [], 0.2)[0]:
            shown += os.read(master, 65536)
    assert b"transactions/s" in shown
    family = children(process.pid)
    assert family
    os.close(master)
    process.wait(GONE_SECONDS)
    end = time.monotonic() + GONE_SECONDS
    while any(marked(each.pid) == each for each in family):
        assert time.monotonic() < end, "the demo outlived its dashboard"
        time.sleep(0.05)
    assert list((tmp_path / "state" / "demo").glob("demo-*")) == []
