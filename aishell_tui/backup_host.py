"""Schedules in a dashboard: looked for now and then, and run by what is loaded only when there is one."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from aishell_core.clock import Clock
from aishell_core.errors import AishellError
from aishell_core.state.opening import NAME, connect
from aishell_core.values import Event

if TYPE_CHECKING:
    # Loaded with the first schedule: most dashboards have none.
    from aishell_tui.config.load import Configuration

LOOK_SECONDS = 60.0


async def host_schedules(load: Callable[[], Configuration], state_folder: Path, clock: Clock, emit: Callable[[Event], None]) -> None:
    """Run the schedules for as long as this dashboard is open, from when there is one; ends when it is cancelled."""
    while not await asyncio.to_thread(_has_schedule, load, state_folder):
        await clock.sleep(LOOK_SECONDS)
    from aishell_tui.backup_runs import BackupRuns

    await BackupRuns(load, state_folder, clock, emit).scheduler.run()


def _has_schedule(load: Callable[[], Configuration], state_folder: Path) -> bool:
    """Whether there is anything to run; a configuration or database that cannot be read has nothing for now."""
    if _has_kept(state_folder / NAME):
        return True
    try:
        return any(job.runs_by_itself for job in load().backups.jobs.values())
    except AishellError:
        return False


def _has_kept(path: Path) -> bool:
    """Whether a command has made a schedule."""
    if not path.exists():
        return False
    try:
        with closing(connect(path, "ro")) as connection:
            return connection.execute("SELECT 1 FROM backup_schedule LIMIT 1").fetchone() is not None
    except sqlite3.Error:
        return False
