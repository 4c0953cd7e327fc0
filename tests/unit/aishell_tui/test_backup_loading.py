"""What works on backups is loaded when somebody asks about backups, and not before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = {"zstandard", "obstore", "pyrage", "cronsim", "pydantic", "yaml", "sqlglot"}
DESK = {"aishell_tui.backup_desk", "aishell_tui.backup_view", "aishell_tui.config.load"}
TELLING = {"aishell_tui.backup_age", "aishell_tui.backup_watch"}
"""What tells on other screens how old the last good backup is, and what looks whether there is one."""


def _loaded(folder: Path, program: str) -> set[str]:
    whole = f"import sys\n{program}\nprint(*sys.modules, sep='\\n')"
    environ = {"AISHELL_HOME": str(folder)}
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, check=True, cwd=folder, env=environ)
    return set(done.stdout.split())


def test_the_dashboard_has_screen_five_without_loading_anything_of_it(tmp_path: Path) -> None:
    loaded = _loaded(tmp_path, "import aishell_tui.launch, aishell_tui.app\nassert 'backups' in aishell_tui.app.AishellApp.MODES")
    assert not loaded & (HEAVY | DESK)
    rooms = ("aishell_ops.backups", "aishell_tui.screens.backups", "aishell_tui.backup_")
    assert {name for name in loaded if name.startswith(rooms)} <= TELLING


def test_the_screens_of_backups_are_there_before_what_works_on_backups(tmp_path: Path) -> None:
    names = ("backups", "backups_news", "backups_page", "backups_restore", "backups_schedules")
    loaded = _loaded(tmp_path, "\n".join(f"import aishell_tui.screens.{name}" for name in names))
    assert "aishell_tui.backup_room" in loaded
    assert not loaded & (HEAVY | DESK)
