"""The suite's own safety net holds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.processes import children, end_all, survivors


def test_state_and_configuration_lie_in_a_fresh_folder(aishell_home: Path) -> None:
    assert aishell_home.is_dir()
    assert not any(aishell_home.iterdir())
    assert Path.home() not in aishell_home.parents


def test_nothing_of_the_terminal_at_hand_leaks_in() -> None:
    assert not {"NO_COLOR", "COLORTERM", "COLUMNS", "LINES", "FORCE_COLOR"} & set(os.environ)


def test_an_orphan_is_seen_as_a_survivor() -> None:
    """A grandchild whose parent has ended still counts as ours."""
    before = children()
    starts_and_leaves = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'input()'], stdin=0, stdout=2).pid)"
    read_end, write_end = os.pipe()
    done = subprocess.run([sys.executable, "-c", starts_and_leaves], stdin=read_end, stdout=subprocess.PIPE, check=True)
    os.close(read_end)
    orphans = children() - before
    assert {mark.pid for mark in orphans} == {int(done.stdout)}
    assert survivors(orphans, 0.0) == orphans
    os.close(write_end)
    assert survivors(orphans) == frozenset()


def test_what_is_left_is_ended() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    left = frozenset(mark for mark in children() if mark.pid == process.pid)
    assert left
    end_all(left)
    assert process.wait() == -9
    assert survivors(left) == frozenset()
