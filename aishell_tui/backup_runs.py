"""Running schedules for a program that hosts them, a dashboard or `aishell backup run-scheduler`: what is made, and who is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import uuid4

from aishell_core.clock import Clock
from aishell_core.errors import AishellError, UsageError
from aishell_core.targets import Secret
from aishell_core.units import format_bytes, format_duration
from aishell_core.values import Event, EventKind, Severity, TargetId
from aishell_ops.backups.book import Run, RunOutcome
from aishell_ops.backups.registry import saved_engines
from aishell_ops.backups.scheduler import Changed, Done, Planned, Scheduler
from aishell_ops.backups.storage.opening import OpenStorage, open_storage
from aishell_tui.authority import authority_of
from aishell_tui.backup_desk import BackupDesk
from aishell_tui.backup_jobs import planned, read_timetable, strangers, with_kept
from aishell_tui.backup_settings import BackupSettings, Wish
from aishell_tui.config.alert_rules import open_channels
from aishell_tui.config.backup_layers import LoadedBackups
from aishell_tui.config.backup_names import is_mail, mail_channels
from aishell_tui.config.command_line import unknown_name
from aishell_tui.config.load import Configuration
from aishell_tui.config.targets import chosen_targets
from alerts.models import Level
from alerts.notify.models import Channel
from alerts.notify.notice import Notice, send_notice

Load = Callable[[], Configuration]
Emit = Callable[[Event], None]

_TRIES = 3
_PAUSE_SECONDS = 20.0
_WORDS = {
    RunOutcome.DONE: ("is done", Severity.OK, Level.INFO),
    RunOutcome.DOUBTFUL: ("is done, but something went wrong after it", Severity.WARNING, Level.WARNING),
    RunOutcome.FAILED: ("FAILED", Severity.CRITICAL, Level.CRITICAL),
    RunOutcome.INTERRUPTED: ("was interrupted", Severity.WARNING, Level.WARNING),
}


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The configuration as it is now, with the jobs that are kept."""

    configuration: Configuration
    backups: LoadedBackups


class BackupRuns:
    """Makes what is due, by the configuration as it stands at that moment. `emit` puts an event on the time line."""

    def __init__(
        self,
        load: Load,
        state_folder: Path,
        clock: Clock,
        emit: Emit,
        opens: OpenStorage = open_storage,
        changed: Changed = lambda _fault: None,
    ) -> None:
        self._load, self._state_folder, self._clock, self._emit = load, state_folder, clock, emit
        self._opens = opens
        self.scheduler = Scheduler(state_folder, self.plans, self._make, self._report, clock, changed)

    def plans(self) -> Sequence[Planned]:
        """The schedules that are in force; raises ConfigError and StateError. Blocking."""
        loaded = self._read()
        return planned(loaded.backups.jobs, loaded.configuration, saved_engines())

    def left_alone(self) -> dict[str, tuple[str, ...]]:
        """The kept schedules of other configurations, each with the targets that this one lacks; raises as `plans`. Blocking."""
        loaded = self._read()
        return strangers(loaded.backups.jobs, loaded.configuration)

    def _read(self) -> _Loaded:
        configuration = self._load()
        return _Loaded(configuration, with_kept(configuration.backups, read_timetable(self._state_folder, 1).kept))

    async def _make(self, schedule: str, target: str) -> Done:
        loaded = await asyncio.to_thread(self._read)
        names = tuple(each.spec.name for each in loaded.configuration.targets)
        if target not in names:
            raise unknown_name(target, names)
        job = loaded.backups.jobs.get(schedule)
        if job is None:
            raise UsageError(f"the schedule {schedule} is gone", "")
        (found,) = await asyncio.to_thread(chosen_targets, loaded.configuration, (target,))
        desk = BackupDesk(authority_of(loaded.configuration, (found,)), BackupSettings(loaded.backups), self._clock, self._opens)
        saved = await desk.create(found, desk.settings.of(Wish(job=schedule)), by=f"schedule {schedule}")
        faults = saved.verification.faults if saved.verification is not None else ()
        doubts = "; ".join([*(f"it is damaged: {fault}" for fault in faults), *(error.message for error in saved.doubts)])
        return Done(str(saved.backup.id), saved.backup.manifest.plain_bytes, saved.backup.manifest.stored_bytes, doubts)

    async def _report(self, run: Run) -> None:
        words, severity, _ = _WORDS[run.outcome]
        about = f": {run.message}" if run.message else ""
        made = f" {run.backup}" if run.backup else ""
        self._emit(
            Event(self._clock.now(), TargetId(run.target), EventKind.BACKUP, severity, f"backup {run.schedule}{made} {words}{about}")
        )
        try:
            loaded = await asyncio.to_thread(self._read)
        except AishellError:
            return
        await asyncio.gather(*(self._tell(channel, run) for channel in channels_for(loaded.configuration, loaded.backups, run)))

    async def _tell(self, channel: Channel, run: Run) -> None:
        """Tell one channel, trying again a few times; what never arrives is an event."""
        from alerts.notify.senders import all_senders

        notice, senders = notice_of(run), all_senders()
        answer = ""
        for number in range(_TRIES):
            if number:
                await self._clock.sleep(_PAUSE_SECONDS * number)
            said = await asyncio.to_thread(send_notice, channel, notice, senders, time.time(), lambda: uuid4().hex)
            if said.is_delivered:
                return
            answer = said.text
        text = f"the channel {channel.name} did not take what became of backup {run.schedule}: {answer}"
        self._emit(Event(self._clock.now(), TargetId(run.target), EventKind.BACKUP, Severity.WARNING, text))


def notice_of(run: Run) -> Notice:
    """How a run ended, in words; pure. A good one closes the incident that a failed one of the same schedule has opened."""
    words, _, level = _WORDS[run.outcome]
    took = format_duration(max(0.0, (run.ended_at or run.started_at) - run.started_at))
    lines = [f"The backup of {run.target} by the schedule {run.schedule} {words}.", f"It took {took}."]
    if run.backup:
        size = f"{format_bytes(run.plain_bytes or 0)}, {format_bytes(run.stored_bytes or 0)} stored"
        lines += [f"It made {run.backup}: {size}.", f"More: aishell backup info {run.backup}"]
    if run.message:
        lines.append(f"Reason: {run.message}")
    title = f"backup of {run.target} {words} ({run.schedule})"
    labels = (("alertname", "AishellBackup"), ("schedule", run.schedule), ("severity", level.value), ("target", run.target))
    return Notice(f"backup {run.schedule} {run.target}", title, "\n".join(lines), level, labels, over=run.outcome is RunOutcome.DONE)


def channels_for(configuration: Configuration, backups: LoadedBackups, run: Run) -> Iterator[Channel]:
    """The channels that a job names, and its mails; a channel that cannot be opened is left out."""
    job = backups.jobs.get(run.schedule)
    if job is None or not (job.spec.channels or job.spec.email):
        return
    mails = mail_channels(configuration) if job.spec.email else ()
    wanted = {name: loaded for name, loaded in configuration.alerts.channels.items() if name in {*job.spec.channels, *mails}}
    usable = open_channels(replace(configuration.alerts, channels=wanted)).usable
    for name in job.spec.channels:
        if name in usable:
            yield usable[name]
    mail = next((name for name in mails if name in usable and is_mail(usable[name].url)), None)
    if mail is not None:
        for address in job.spec.email:
            yield replace(usable[mail], name=f"{mail} to {address}", url=_to(usable[mail].url, address))


def _to(url: Secret, address: str) -> Secret:
    """A mail URL with another recipient."""
    parts = urlsplit(url.reveal())
    options = [(key, value) for key, value in parse_qsl(parts.query) if key not in {"to", "cc", "bcc"}]
    return Secret(urlunsplit(parts._replace(query=urlencode([*options, ("to", address)]))))
