"""Tests in several workers are told of as those in one process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import marked

ROOT = Path(__file__).parents[3]
LEAVES = """
import subprocess
import pytest

@pytest.fixture(scope="module")
def server():
    return subprocess.run(["sh", "-c", "sleep 600 >&- 2>&- & echo $!"], check=True, capture_output=True, text=True).stdout

def test_one(server):
    assert int(server) > 0
"""
FAILS = "def test_that_fails():\n    assert 0\n"
PASSES = "def test_that_passes():\n    pass\n"


def run(folder: Path, *options: str, **files: str) -> subprocess.CompletedProcess[str]:
    """A run of two workers over these files, with the suite's safety net."""
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-n2", "--dist", "loadfile"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TEXTUAL_"))}
    return subprocess.run(
        [*command, "--rootdir", folder, "-c", ROOT / "pyproject.toml", *options, folder],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_a_server_that_is_left_fails_the_run_and_is_ended(tmp_path: Path) -> None:
    done = run(tmp_path, leaves=LEAVES, passes=PASSES)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "2 passed" in done.stdout
    assert done.stderr.count("still running after the last test") == 1
    ((pid, command),) = re.findall(r"^  (\d+) (sleep 600)$", done.stderr, re.MULTILINE)
    left = marked(int(pid))
    assert left is None or left.command != command


def test_a_failure_is_told_once_and_fails_the_run(tmp_path: Path) -> None:
    done = run(tmp_path, fails=FAILS, passes=PASSES)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert len(re.findall("^FAILED .*test_that_fails", done.stdout, re.MULTILINE)) == 1
    assert "1 failed, 1 passed" in done.stdout


def test_the_first_failure_can_end_the_run(tmp_path: Path) -> None:
    done = run(tmp_path, "-x", fails=FAILS, passes=PASSES)
    assert done.returncode not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    assert "stopping after 1 failures" in done.stdout
