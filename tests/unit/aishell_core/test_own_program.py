"""Dashboards that look at a file are no clients of it, whatever else has their name in an argument is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines.file_holders import FileHolders
from aishell_core.engines.own_program import is_aishell, runs_aishell

_ROOT = Path(__file__).parents[3]
_HOLD = "import sys; held = open(sys.argv[-1]); print(flush=True); sys.stdin.read()"


@pytest.mark.parametrize(
    "command",
    [
        ["aishell"],
        ["/usr/local/bin/ai-shell", "app.db"],
        ["/srv/venv/bin/python3", "/srv/venv/bin/aishell", "app.db"],
        ["python3.13", "-I", "-X", "dev", "/srv/venv/bin/ai-shell"],
        ["python", "-m", "aishell_tui.cli.main", "demo"],
        ["python", "-Wignore", "-Im", "aishell_tui"],
    ],
)
def test_the_program_is_known_however_it_is_started(command: list[str]) -> None:
    assert runs_aishell(command)


@pytest.mark.parametrize(
    "command",
    [
        [],
        [""],
        ["python"],
        ["python", "app.py", "/srv/aishell"],
        ["python", "/srv/aishell/app.py"],
        ["python", "-c", "import aishell", "aishell"],
        ["python", "-W", "aishell", "app.py"],
        ["python", "-m", "pytest", "aishell"],
        ["python", "-m", "aishell_tuition"],
        ["python", "-S", "-s", "-P", "-m", "aishell_tui.demo.workload", "/tmp/x"],
        ["sqlite3", "aishell"],
        ["/opt/aishell/bin/server"],
    ],
)
def test_an_application_is_none_for_having_the_name_in_an_argument(command: list[str]) -> None:
    assert not runs_aishell(command)


@given(st.lists(st.sampled_from(["python", "-m", "-c", "-X", "-", "--", "aishell", "-Im", ""]) | st.text()))
def test_any_command_line_can_be_judged(command: list[str]) -> None:
    assert runs_aishell(command) in {True, False}


@contextmanager
def _process(*command: str) -> Iterator[int]:
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield process.pid
        finally:
            process.kill()


def test_a_dashboard_that_looks_at_a_file_does_not_use_it_and_an_application_does(tmp_path: Path) -> None:
    watched = tmp_path / "aishell"
    watched.mkdir()
    file = watched / "app.db"
    file.touch()
    script = tmp_path / "bin" / "aishell"
    script.parent.mkdir()
    script.write_text(_HOLD)
    application = tmp_path / "app.py"
    application.write_text(_HOLD)
    found = file.stat()
    with (
        _process(sys.executable, str(script), str(file)) as dashboard,
        _process(sys.executable, str(application), "aishell", str(file)) as user,
        _process(sys.executable, "-c", _HOLD, str(file)) as other,
    ):
        scan = FileHolders().of((found.st_dev, found.st_ino), 10.0)
        assert is_aishell(dashboard)
    assert scan is not None
    assert scan.pids == {user, other}
    assert not is_aishell(dashboard), "it is gone"
