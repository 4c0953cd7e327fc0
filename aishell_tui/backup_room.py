"""What the screens of backups share: what was found when it was last looked for, the jobs, and the desk where things are ordered.

It loads what works on backups when a screen of them is opened, in a thread: no start waits for that, and no key.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from aishell_core.clock import Clock
from aishell_core.errors import AishellError
from aishell_core.values import TargetId
from aishell_tui.backup_tasks import BackupTasks, Job

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aishell_core.targets import Target
    from aishell_ops.backups.models import Backup
    from aishell_tui.backup_desk import BackupDesk
    from aishell_tui.backup_view import BackupsView
    from aishell_tui.config.load import Configuration
    from aishell_tui.options import DashboardOptions

LOOK_SECONDS = 60.0
"""So long what was found counts as fresh."""
FOLLOW_SECONDS = 2.0
"""How often is asked what runs, here or in another program: that is read without looking into a storage."""


class BackupRoom:
    """Backups of one dashboard. `told` hears of every job that has ended."""

    def __init__(self, options: DashboardOptions, clock: Clock, told: Callable[[Job], None]) -> None:
        self._options, self._clock, self._told = options, clock, told
        self.tasks = BackupTasks(clock, self._ended)
        self.view: BackupsView | None = None
        self.trouble: AishellError | None = None
        """Why nothing could be looked for, such as a configuration that cannot be read."""
        self.is_looking = False
        self._asked_at = self._followed_at = -LOOK_SECONDS
        self._is_following = False
        self._state_folder: Path | None = None
        self._is_outdated = True

    @property
    def is_due(self) -> bool:
        """Whether it is time to look again: something was done, or the last look is a while ago."""
        return not self.is_looking and (self._is_outdated or self._clock.steady() - self._asked_at >= LOOK_SECONDS)

    @property
    def is_follow_due(self) -> bool:
        """Whether it is time to ask again what runs."""
        is_busy = self.is_looking or self._is_following
        return self.view is not None and not is_busy and self._clock.steady() - self._followed_at >= FOLLOW_SECONDS

    async def follow(self) -> None:
        """Ask what runs now; where something has ended since, what was found does not hold any more."""
        before, folder = self.view, self._state_folder
        if before is None or folder is None or self._is_following:
            return
        self._is_following = True
        try:
            now = await asyncio.to_thread(self._follow, folder, before)
        finally:
            self._is_following, self._followed_at = False, self._clock.steady()
        if self.view is before:
            self.view = now
            if {one.id for one in before.running} - {one.id for one in now.running}:
                self.outdate()

    def _follow(self, state_folder: Path, view: BackupsView) -> BackupsView:
        from aishell_tui.backup_view import running_now

        return running_now(state_folder, self._clock.now(), view)

    def outdate(self) -> None:
        """Something was done: what was found does not hold any more."""
        self._is_outdated = True

    async def look(self) -> None:
        """Look for all backups, unless somebody does already."""
        if self.is_looking:
            return
        self.is_looking, self._is_outdated = True, False
        try:
            self.view = await asyncio.to_thread(self._look)
            self.trouble = None
        except AishellError as error:
            self.trouble = error
        finally:
            self.is_looking, self._asked_at = False, self._clock.steady()

    def _look(self) -> BackupsView:
        from aishell_tui.backup_view import read_backups

        return read_backups(*self._open())

    async def desk(self) -> BackupDesk:
        """Where things are ordered, by the configuration as it stands now; raises ConfigError, StateError."""
        desk, _ = await asyncio.to_thread(self._open)
        return desk

    def _open(self) -> tuple[BackupDesk, Configuration | None]:
        from aishell_tui.authority import authority_without_roles
        from aishell_tui.backup_desk import BackupDesk
        from aishell_tui.backup_jobs import read_timetable, with_kept
        from aishell_tui.backup_settings import BackupSettings
        from aishell_tui.config.backup_layers import LoadedBackups

        options = self._options
        authority = options.authorise() if options.authorise is not None else authority_without_roles(options.targets)
        self._state_folder = authority.state_folder
        configuration = options.reload() if options.reload is not None else None
        loaded = LoadedBackups()
        if configuration is not None:
            loaded = configuration.backups
            # What ails the state is told where the schedules are read; backups are found without them.
            with suppress(AishellError):
                loaded = with_kept(loaded, read_timetable(authority.state_folder, 1).kept)
        environ = dict(os.environ)
        if options.backup_folder is not None:
            environ["AI_SHELL_BACKUP_DIR"] = str(options.backup_folder)
        return BackupDesk(authority, BackupSettings(loaded, environ), self._clock), configuration

    def target_of(self, backup: Backup) -> Target:
        """The target that a backup was made of; where it is not watched here, one of its kind without an address."""
        from aishell_core.targets import Location, Target

        source = backup.manifest.source
        known = next((target for target in self._options.targets if target.name == source.target), None)
        return known or Target(TargetId(source.target), Location(source.engine), environment=source.environment)

    def _ended(self, job: Job) -> None:
        self.outdate()
        self._told(job)
