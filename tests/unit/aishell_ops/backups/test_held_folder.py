"""Folders that go with their maker: what a killed one has left is known from what somebody still works in."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.held_folder import make_held, remove_held, sweep_dead
from aishell_ops.backups.hidden_folder import hidden_beside, hidden_folder
from aishell_ops.backups.scratch_folder import scratch_folder

_MAKER = """
import sys
from pathlib import Path
from aishell_ops.backups.held_folder import make_held
folder, _ = make_held(Path(sys.argv[1]), sys.argv[2])
(folder / "file").write_text("content")
print(folder, flush=True)
sys.stdin.read()
"""


def _killed_maker(parent: Path, prefix: str) -> Path:
    """The folder of somebody who was killed while he worked in it; it stays for as long as he lives, whoever sweeps."""
    with subprocess.Popen(
        [sys.executable, "-c", _MAKER, str(parent), prefix], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        sweep_dead(parent, prefix)
        assert (folder / "file").exists()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (folder / "file").exists()
    return folder


def test_what_a_killed_one_has_left_is_swept_and_what_is_held_stays(tmp_path: Path) -> None:
    dead = _killed_maker(tmp_path, "held-")
    mine, descriptor = make_held(tmp_path, "held-")
    (tmp_path / "held-file").write_text("no folder")
    (tmp_path / "other").mkdir()
    sweep_dead(tmp_path, "held-")
    assert not dead.exists()
    assert mine.stat().st_mode & 0o777 == 0o700
    remove_held(mine, descriptor)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["held-file", "other"]


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "file").write_text("somebody's")
    (tmp_path / "held-link").symlink_to(tmp_path / "far")
    sweep_dead(tmp_path, "held-")
    assert (tmp_path / "far" / "file").exists()


async def test_a_restore_sweeps_what_a_killed_one_of_the_same_place_has_left(tmp_path: Path) -> None:
    beginning = hidden_beside(tmp_path / "shop.db")
    dead, other = _killed_maker(tmp_path, beginning.name), _killed_maker(tmp_path, hidden_beside(tmp_path / "shop.db.old").name)
    async with hidden_folder(beginning) as folder:
        assert not dead.exists()
        assert folder.parent == tmp_path
        assert folder.name.startswith(".")
    assert not dead.exists()
    assert other.exists()


async def test_a_long_name_leaves_room_for_the_rest(tmp_path: Path) -> None:
    async with hidden_folder(hidden_beside(tmp_path / ("ä" * 120))) as folder:
        assert folder.is_dir()


async def test_where_no_folder_can_be_made_that_is_told(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="no folder can be made in"):
        async with hidden_folder(hidden_beside(tmp_path / "missing" / "shop.db")):
            pass


def test_a_scratch_folder_sweeps_those_of_killed_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_folder(0, in_memory=False) as folder:
        prefix = folder.name[:-8]
        dead = _killed_maker(tmp_path, prefix)
        with scratch_folder(0, in_memory=False) as second:
            assert not dead.exists()
            assert folder.is_dir()
            assert list(second.iterdir()) == []
    assert list(tmp_path.iterdir()) == []
