"""What becomes of jobs of backups: told in the timeline and the notice line, and asked about before the program ends."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from aishell_core.clock import SystemClock
from aishell_core.units import format_counted, format_duration
from aishell_core.values import EventKind, Severity
from aishell_tui.backup_room import BackupRoom
from aishell_tui.backup_tasks import Job, Phase
from aishell_tui.screens.confirm import Confirmation, ConfirmScreen

if TYPE_CHECKING:
    from aishell_tui.app import AishellApp

_SEVERITIES = {
    Phase.DONE: Severity.OK,
    Phase.DOUBTFUL: Severity.WARNING,
    Phase.FAILED: Severity.CRITICAL,
    Phase.CANCELLED: Severity.WARNING,
}
_LISTED = 6


def open_room(app: AishellApp) -> BackupRoom:
    """The backups of a dashboard, which hears of every job that ends."""
    return BackupRoom(app.options, SystemClock(), partial(tell_end, app))


def tell_end(app: AishellApp, job: Job) -> None:
    """Say how a job ended, on whatever screen is in front."""
    text, severity = ended_words(job)
    app.runtime.tell(job.target, EventKind.BACKUP, severity, text)
    if app.front is not None and app.is_running:
        app.front.say(text, bad=severity is Severity.CRITICAL)


def ended_words(job: Job) -> tuple[str, Severity]:
    """How a job ended, as an event; pure."""
    severity = _SEVERITIES.get(job.phase, Severity.UNKNOWN)
    if job.phase is Phase.CANCELLED:
        return f"{job.title}: cancelled", severity
    said = f"{job.text}; {job.hint.splitlines()[0]}" if job.hint else job.text
    return f"{job.title} FAILED: {said}" if job.phase is Phase.FAILED else f"{job.title}: {said}", severity


class LeavingScreen(ConfirmScreen):
    """The question before the program ends while something runs."""

    def __init__(self, running: Sequence[Job]) -> None:
        listed = [f"{job.title}, for {format_duration(float(round(job.seconds)))}" for job in running[:_LISTED]]
        more = [f"and {len(running) - _LISTED} more"] if len(running) > _LISTED else []
        effect = "It is cancelled: no half of a backup is left, and a database that is being restored stays as it was."
        super().__init__(Confirmation(f"Quit while {format_counted(len(running), 'job')} of backups still run?", (*listed, *more, effect)))
