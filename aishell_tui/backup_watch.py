"""The figures of backups beside those that targets tell of themselves: read now and then in a thread, told with the readings.

What reads them is loaded only where there is a backup, an attempt at one, or a job of the configuration.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from aishell_core.clock import Clock
from aishell_core.errors import AishellError
from aishell_core.state.opening import NAME, connect
from aishell_core.targets import Target
from aishell_core.values import Failure, FailureCode, Sample, TargetId
from aishell_tui.places import find_places

if TYPE_CHECKING:
    from aishell_tui.backup_figures import FiguresReader, Found
    from aishell_tui.config.load import Configuration

Load = Callable[[], "Configuration"]

READ_SECONDS = 15.0
LOOK_SECONDS = 600.0
"""How often storages on this machine are looked into; what this machine's programs do there is known at once without that."""
CLOUDS_SECONDS = 3600.0
CONFIGURATION_SECONDS = 60.0
_KNOWN = """
SELECT EXISTS (SELECT 1 FROM backup_entry) OR EXISTS (SELECT 1 FROM backup_attempt) OR EXISTS (SELECT 1 FROM backup_schedule)
"""


class BackupWatch:
    """Keeps the figures of backups of some targets; without `load` there is no configuration."""

    def __init__(
        self,
        targets: Iterable[Target],
        state_folder: Path,
        clock: Clock,
        load: Load | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._targets, self._folder, self._clock, self._load = tuple(targets), state_folder, clock, load
        self._environ = environ
        self._found: Found = {}
        self._reader: FiguresReader | None = None
        self._configured: Configuration | None = None
        self._loaded_at = self._looked_at = self._looked_far_at = -float("inf")

    def samples(self, target: TargetId) -> tuple[Sample, ...]:
        """The figures of a target as of now; none where nothing is known."""
        now = self._clock.now()
        return tuple(sample for figures in self._found.get(target, ()) for sample in figures.samples(now))

    def failures(self, target: TargetId) -> tuple[Failure, ...]:
        """Why figures of a target are not known that were."""
        now, hint = self._clock.now(), "mount or move it back; until then no good backup is at hand"
        return tuple(
            Failure("backups", FailureCode.MISSING, f"backup.age of {figures.database} is not known: {where} is gone or empty", hint, now)
            for figures in self._found.get(target, ())
            for where in figures.lost
        )

    async def run(self, told: Callable[[frozenset[TargetId]], None]) -> None:
        """Read again and again until it is cancelled; `told` hears of targets of which something new is known."""
        while True:
            before = self._found
            self._found = await asyncio.to_thread(self._read, looks=True)
            changed = frozenset(target for target in self._found if _course(before, target) != _course(self._found, target))
            if changed:
                told(changed)
            await self._clock.sleep(READ_SECONDS)

    def read(self) -> None:
        """Read what is kept, once, without looking into any storage. Blocking."""
        self._found = self._read(looks=False)

    def _read(self, *, looks: bool) -> Found:
        configuration = self._configuration()
        if self._reader is None:
            if not self._is_worth_it(configuration):
                return {}
            from aishell_tui.backup_figures import FiguresReader

            self._reader = FiguresReader(self._targets, self._folder, self._clock, self._environ)
        if looks:
            self._look(self._reader, configuration)
        return self._reader.read(configuration)

    def _look(self, reader: FiguresReader, configuration: Configuration | None) -> None:
        now = self._clock.steady()
        if now - self._looked_at < LOOK_SECONDS:
            return
        far = now - self._looked_far_at >= CLOUDS_SECONDS
        self._looked_at, self._looked_far_at = now, now if far else self._looked_far_at
        reader.look(configuration, clouds=far)

    def _configuration(self) -> Configuration | None:
        """The configuration as it stood a minute ago at most; one that cannot be read has no jobs for now."""
        if self._load is None or self._clock.steady() - self._loaded_at < CONFIGURATION_SECONDS:
            return self._configured
        self._loaded_at = self._clock.steady()
        try:
            self._configured = self._load()
        except AishellError:
            self._configured = None
        return self._configured

    def _is_worth_it(self, configuration: Configuration | None) -> bool:
        if configuration is not None and (configuration.backups.jobs or configuration.backups.around):
            return True
        return _has_rows(self._folder / NAME) or _has_entries(find_places(self._environ).backups)


def _course(found: Found, target: TargetId) -> tuple[object, ...]:
    return tuple(figures.course for figures in found.get(target, ()))


def _has_rows(path: Path) -> bool:
    """Whether the state database knows of a backup, an attempt or a schedule."""
    if not path.exists():
        return False
    try:
        with closing(connect(path, "ro")) as connection:
            return bool(connection.execute(_KNOWN).fetchone()[0])
    except sqlite3.Error:
        return False


def _has_entries(folder: Path) -> bool:
    """Whether something lies in a folder."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False
