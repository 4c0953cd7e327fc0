"""A folder in which a program runs goes with its owner, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from aishell_ops.backups.kept_folder import kept_folder
from tests.servers.sqlite_client import eventually

_OWNER = """
import subprocess, sys, time
from aishell_ops.backups.kept_folder import kept_folder
with kept_folder(1 << 20, in_memory=False) as keeper:
    script = "trap 'touch asked; exit' QUIT; sleep 600 & echo $! > child; wait"
    process = subprocess.Popen(["sh", "-c", script], start_new_session=True, cwd=keeper.folder)
    keeper.watch(process.pid, sys.argv[1])
    while not (keeper.folder / "child").exists() or not (keeper.folder / "child").read_text().strip():
        time.sleep(0.01)
    print(keeper.folder, process.pid, (keeper.folder / "child").read_text().strip(), flush=True)
    sys.stdin.read()
    process.kill()
"""


@pytest.fixture
def owner(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _OWNER, request.param],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    yield process
    with suppress(ProcessLookupError):
        process.kill()
    process.communicate()


def _is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("owner", ["KILL", "QUIT"], indirect=True)
def test_nothing_is_left_when_its_owner_is_killed(owner: subprocess.Popen[str], tmp_path: Path) -> None:
    assert owner.stdout is not None
    folder, *pids = owner.stdout.readline().split()
    assert Path(folder).is_dir()
    owner.send_signal(signal.SIGKILL)
    eventually(lambda: not Path(folder).exists() and all(_is_gone(int(pid)) for pid in pids))
    assert list(tmp_path.iterdir()) == []


def test_it_goes_with_its_block() -> None:
    with kept_folder(1 << 20, in_memory=False) as keeper:
        (keeper.folder / "file").write_text("content")
        assert keeper.folder.stat().st_mode & 0o777 == 0o700
    assert not keeper.folder.exists()
