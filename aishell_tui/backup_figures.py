"""The figures of backups of all targets, read from what the state database keeps; storages themselves are seldom looked into.

Loaded where there is something to tell of: most dashboards and commands watch databases of which there is no backup.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from aishell_core.clock import Clock
from aishell_core.errors import AishellError, StateError
from aishell_core.state.store import Store
from aishell_core.targets import Target
from aishell_core.values import TargetId
from aishell_ops.backups import attempts, book
from aishell_ops.backups.attempts import Attempt, settled
from aishell_ops.backups.catalogue import entries_version, is_vacant, kept_backups, refresh
from aishell_ops.backups.figures import BackupFigures, Expectation, Stored, figures_of
from aishell_ops.backups.holder import lives
from aishell_ops.backups.registry import saved_engines
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.storage.address import StorageAddress
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.storage.opening import open_storage
from aishell_tui.backup_chronicle import database_of
from aishell_tui.backup_jobs import Timetable, planned, with_kept
from aishell_tui.backup_settings import BackupSettings
from aishell_tui.config.backup_layers import LoadedBackups
from aishell_tui.config.load import Configuration

T = TypeVar("T")

Found = Mapping[TargetId, tuple[BackupFigures, ...]]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the state database says at one moment; `version` is another value when it says something else of backups."""

    version: object = None
    stored: tuple[Stored, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    timetable: Timetable = field(default_factory=lambda: Timetable((), {}, ()))


class FiguresReader:
    """Reads the figures of some targets; blocking, for one thread at a time."""

    def __init__(self, targets: Iterable[Target], state_folder: Path, clock: Clock, environ: Mapping[str, str]) -> None:
        self._targets, self._folder, self._clock, self._environ = tuple(targets), state_folder, clock, environ
        self._known_since: dict[str, float] = {}
        self._kept = _Kept()

    def look(self, configuration: Configuration | None, *, clouds: bool) -> None:
        """Look into the storages, so that what others have made or removed there is known; those that cannot be read are passed over."""
        settings = self._settings(configuration, self._kept.timetable.kept)
        for address in _storages(settings):
            if not (address.path.is_dir() if address.path is not None else clouds):
                continue
            with suppress(AishellError), closing(open_storage(settings.with_secrets(address))) as storage:
                refresh(Repository(storage, self._clock.now), self._folder, str(address), self._clock.now())

    def read(self, configuration: Configuration | None) -> Found:
        """The figures by target, without looking into any storage; targets of which nothing is known are left out."""
        now = self._clock.now()
        with suppress(StateError, OSError), closing(Store.open_to_read(self._folder)) as store:
            self._kept = store.read(lambda connection: self._newest(connection, configuration, now), self._kept)
        known = self._kept
        storages = _storages(self._settings(configuration, known.timetable.kept))
        free = {str(each): _free_bytes(each) for each in storages}
        gone = frozenset(str(each) for each in storages if is_vacant(str(each)))
        expected = self._expected(configuration, known.timetable, now)
        tried = settled(known.attempts, lives, now)
        stored, attempted = _by_target(known.stored, lambda one: one[1].manifest.source.target), _by_target(tried, lambda one: one.target)
        found = {}
        for target in self._targets:
            name = target.name
            mine = stored.get(name, ()), attempted.get(name, ()), expected.get(name, ())
            figures = figures_of(database_of(target), *mine, free, gone)
            if figures:
                found[name] = figures
        return found

    def _newest(self, connection: sqlite3.Connection, configuration: Configuration | None, now: float) -> _Kept:
        """What is kept now; ten thousand backups are read again only when one of them has changed."""
        timetable = Timetable(book.schedules(connection), book.marks(connection), ())
        addresses = [str(each) for each in _storages(self._settings(configuration, timetable.kept))]
        version = (addresses, entries_version(connection), attempts.attempts_version(connection))
        if version == self._kept.version:
            return replace(self._kept, timetable=timetable)
        return _Kept(version, kept_backups(connection, addresses, now), attempts.attempts_since(connection, 0.0), timetable)

    def _settings(self, configuration: Configuration | None, kept: Sequence[book.KeptSchedule]) -> BackupSettings:
        loaded = configuration.backups if configuration is not None else LoadedBackups()
        return BackupSettings(with_kept(loaded, kept), self._environ)

    def _expected(self, configuration: Configuration | None, known: Timetable, now: float) -> dict[str, list[Expectation]]:
        """The schedules of each target. One that no program has run yet counts from when this one saw it first."""
        found: dict[str, list[Expectation]] = {}
        if configuration is None:
            return found
        with suppress(AishellError):
            for plan in planned(with_kept(configuration.backups, known.kept).jobs, configuration, saved_engines()):
                mark = known.marks.get(plan.name)
                since = mark.since if mark is not None else self._known_since.setdefault(plan.name, now)
                for target in plan.targets:
                    found.setdefault(target, []).append(Expectation(plan.expression, plan.zone, plan.jitter_seconds, since))
        return found


def _by_target(values: Iterable[T], target: Callable[[T], str]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for value in values:
        found.setdefault(target(value), []).append(value)
    return found


def _storages(settings: BackupSettings) -> tuple[StorageAddress, ...]:
    try:
        return settings.known_storages()
    except AishellError:
        return ()


def _free_bytes(address: StorageAddress) -> int | None:
    """Free room in a folder; a bucket has no end that it tells of."""
    if address.path is None:
        return None
    with closing(FolderStorage(address.path)) as storage:
        return storage.free_bytes()
