"""Schedules as they stand: when each is due next, how it went last, why one is not in force."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aishell_ops.backups.book import Run, RunOutcome
from aishell_ops.backups.registry import saved_engines
from aishell_ops.backups.scheduler import next_starts
from aishell_tui.backup_jobs import Timetable, planned, targets_of, with_kept
from aishell_tui.backup_settings import NO_INCREMENTS
from aishell_tui.config.backup_layers import LoadedJob
from aishell_tui.config.backup_names import lost_names
from aishell_tui.config.load import Configuration

BAD_OUTCOMES = frozenset({RunOutcome.FAILED, RunOutcome.DOUBTFUL, RunOutcome.INTERRUPTED})


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One schedule. `next_at` is in epoch seconds, None where it is not in force; `note` says why it is not.

    `last` is its newest run, of several targets the worst of that time. `of_all` says that it names no target: it is of all that
    whoever runs it has configured.
    """

    name: str
    expression: str
    timezone: str
    targets: tuple[str, ...]
    origin: str
    next_at: float | None = None
    last: Run | None = None
    note: str = ""
    of_all: bool = False


def scheduled(configuration: Configuration, known: Timetable, now: float) -> Iterator[Scheduled]:
    """Every job that has a schedule: those of the configuration, and those that commands keep."""
    jobs, engines = with_kept(configuration.backups, known.kept).jobs, saved_engines()
    starts = next_starts(planned(jobs, configuration, engines), known.marks, now)
    for name, job in jobs.items():
        if job.spec.schedule is not None:
            yield Scheduled(
                name,
                job.spec.schedule,
                job.spec.timezone or "",
                targets_of(job, configuration, engines),
                job.origin,
                starts.get(name),
                _last(known.runs, name),
                _note(job, configuration),
                job.spec.databases is None,
            )


def _last(runs: Iterable[Run], name: str) -> Run | None:
    """The newest run, of several targets the worst one of that time."""
    mine = [run for run in runs if run.schedule == name]
    same = [run for run in mine if run.due_at == mine[0].due_at]
    return next((run for run in same if run.outcome in BAD_OUTCOMES), mine[0] if mine else None)


def _note(job: LoadedJob, configuration: Configuration) -> str:
    if not job.spec.enabled:
        return "it is switched off"
    if not job.around.trusted:
        return "a file of the working folder may not have backups made by themselves: move it to your own config.yaml or backup.yml"
    if job.spec.incremental:
        return NO_INCREMENTS
    return "; ".join(what for what, _ in lost_names(job, configuration))
