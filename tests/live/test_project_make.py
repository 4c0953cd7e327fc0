"""`make run` works from nothing, and does nothing twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.terminal import opened, surroundings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def fresh_copy(tmp_path: Path) -> Path:
    """The project as a fresh clone has it: the files that git knows or would add, without environment and caches."""
    copy = tmp_path / "clone"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


def planned(copy: Path) -> str:
    """What `make run` would do."""
    return subprocess.run(["make", "--dry-run", "run"], cwd=copy, capture_output=True, check=True, text=True).stdout


def test_make_run_installs_once_and_opens_the_demo(fresh_copy: Path, tmp_path: Path) -> None:
    interpreter = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    command = ["make", f"PYTHON={interpreter}", "run"]
    with opened(command, surroundings(tmp_path), columns=100, rows=30, cwd=fresh_copy) as terminal:
        terminal.wait_for("3 Queries", 900)
        terminal.wait_for("shop")
        terminal.send("q")
        assert terminal.wait_for_end() == 0
    assert planned(fresh_copy).split() == [".venv/bin/aishell", "demo"]


@pytest.mark.parametrize("changed", ["pyproject.toml", "constraints.txt"])
def test_a_changed_dependency_is_installed_again(fresh_copy: Path, changed: str) -> None:
    """The environment counts as made until the project file or the pinned versions are newer than its stamp."""
    (fresh_copy / ".venv" / "bin").mkdir(parents=True)
    for name in ("bin/python", ".installed"):
        (fresh_copy / ".venv" / name).touch()
    assert "pip install" not in planned(fresh_copy)
    os.utime(fresh_copy / changed, (time.time() + 60, time.time() + 60))
    assert "pip install" in planned(fresh_copy)


def test_an_old_python_is_refused_in_words(fresh_copy: Path, tmp_path: Path) -> None:
    old = tmp_path / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = subprocess.run(["make", f"PYTHON={old}", "run"], cwd=fresh_copy, capture_output=True, text=True)
    assert done.returncode != 0
    assert "Python 3.11 or newer" in done.stderr
    assert not (fresh_copy / ".venv").exists()
