"""What is known of backups for the screens: all storages and all schedules, looked at once. Loaded when a screen asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from aishell_core.errors import AishellError
from aishell_ops.backups.attempts import AttemptOutcome, settled
from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.holder import lives
from aishell_ops.backups.hosting import is_hosted
from aishell_ops.backups.layout import Spot
from aishell_ops.backups.models import BackupState
from aishell_ops.backups.registry import saved_engines
from aishell_ops.backups.shrinking import Drop
from aishell_ops.backups.storage.address import StorageAddress
from aishell_ops.backups.unmade import LISTED_SECONDS, Unmade, unmade_of
from aishell_tui.backup_chronicle import kept_attempts
from aishell_tui.backup_desk import BackupDesk
from aishell_tui.backup_jobs import Timetable, read_timetable
from aishell_tui.backup_keeps import Keeps, keeps_of
from aishell_tui.backup_schedules import Scheduled, scheduled
from aishell_tui.backup_shelf import Copies, look_at_shelf
from aishell_tui.config.load import Configuration


@dataclass(frozen=True, slots=True)
class BackupsView:
    """All that was found at `at`, epoch seconds: backups with the newest first, what is damaged, and the schedules.

    `unmade` are backups that run, in whatever program, or failed or were abandoned. `faults` say what could not be read. `engines` are
    those that can be saved. For `drops` retention removes nothing until somebody has accepted them; `keeps` says by target what it keeps.
    """

    at: float
    storages: tuple[StorageAddress, ...] = ()
    copies: tuple[Copies, ...] = ()
    damaged: tuple[tuple[Spot, DamagedError], ...] = ()
    unmade: tuple[Unmade, ...] = ()
    schedules: tuple[Scheduled, ...] = ()
    is_hosted: bool = False
    faults: tuple[AishellError, ...] = ()
    engines: tuple[str, ...] = ()
    drops: tuple[Drop, ...] = ()
    keeps: Mapping[str, Keeps] = field(default_factory=dict)

    @property
    def running(self) -> tuple[Unmade, ...]:
        """The backups that are made now, in whatever program."""
        return tuple(one for one in self.unmade if one.state is BackupState.RUNNING)

    def of(self, id_: str) -> Copies | None:
        """A backup by its id."""
        return next((each for each in self.copies if each.backup.id == id_), None)


def read_backups(desk: BackupDesk, configuration: Configuration | None) -> BackupsView:
    """Look into all storages and at the schedules; what cannot be read is among the faults. Blocking."""
    now, faults = desk.clock.now(), list[AishellError]()
    storages: tuple[StorageAddress, ...] = ()
    try:
        storages = desk.settings.known_storages()
    except AishellError as error:
        faults.append(error)
    shelf = look_at_shelf(desk, storages, everywhere=True)
    schedules, hosted = _schedules(desk, configuration, now, faults)
    copies = shelf.copies
    keeps = _keeps(desk, copies, now, faults)
    return BackupsView(
        at=now,
        storages=storages,
        copies=copies,
        damaged=shelf.damaged,
        unmade=shelf.unmade,
        schedules=schedules,
        is_hosted=hosted,
        faults=(*faults, *shelf.faults),
        engines=saved_engines(),
        drops=shelf.drops,
        keeps=keeps,
    )


def _keeps(desk: BackupDesk, copies: Sequence[Copies], now: float, faults: list[AishellError]) -> Mapping[str, Keeps]:
    try:
        return keeps_of(copies, desk.settings, now)
    except AishellError as error:
        faults.append(error)
        return {}


def _schedules(
    desk: BackupDesk, configuration: Configuration | None, now: float, faults: list[AishellError]
) -> tuple[tuple[Scheduled, ...], bool]:
    """Without a configuration nothing is made by schedule."""
    if configuration is None:
        return (), False
    folder = desk.authority.state_folder
    known = Timetable((), {}, ())
    try:
        known = read_timetable(folder)
    except AishellError as error:
        faults.append(error)
    found = tuple(scheduled(configuration, known, now))
    return found, is_hosted(folder, (one.name for one in found))


def running_now(state_folder: Path, now: float, view: BackupsView) -> BackupsView:
    """The same with what runs now as the programs that do it have told last, without looking into any storage. Blocking."""
    tried = settled(kept_attempts(state_folder, now - LISTED_SECONDS), lives, now)
    known = {one.id: one for one in unmade_of((), tried, {each.backup.id for each in view.copies}, lives)}
    ended = {one.backup for one in tried if one.outcome is not AttemptOutcome.RUNNING}
    before = [one for one in view.unmade if one.id not in known and one.id not in ended]
    return replace(view, unmade=tuple(sorted([*known.values(), *before], key=lambda one: (one.begun_at, one.id), reverse=True)))
