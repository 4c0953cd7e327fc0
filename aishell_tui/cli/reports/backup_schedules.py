"""What the commands of schedules print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aishell_core.units import format_duration
from aishell_ops.backups.book import Run, RunOutcome
from aishell_ops.backups.registry import saved_engines
from aishell_ops.backups.scheduler import next_starts
from aishell_tui.backup_jobs import Timetable, planned, targets_of, with_kept
from aishell_tui.cli.backup_shapes import ScheduleRow
from aishell_tui.cli.encode import utc_text
from aishell_tui.cli.terminal import printable, record_table
from aishell_tui.config.backup_layers import LoadedJob
from aishell_tui.config.load import Configuration

_BAD = frozenset({RunOutcome.FAILED, RunOutcome.DOUBTFUL, RunOutcome.INTERRUPTED})


def schedule_rows(configuration: Configuration, known: Timetable, now: float) -> Iterator[ScheduleRow]:
    """Every job that has a schedule, as scripts get it."""
    jobs, engines = with_kept(configuration.backups, known.kept).jobs, saved_engines()
    starts = next_starts(planned(jobs, configuration, engines), known.marks, now)
    for name, job in jobs.items():
        if job.spec.schedule is None:
            continue
        last = _last(known.runs, name)
        yield ScheduleRow(
            name=name,
            schedule=job.spec.schedule,
            timezone=job.spec.timezone or "",
            databases=targets_of(job, configuration, engines),
            enabled=name in starts,
            origin=job.origin,
            next_at=utc_text(starts[name]) if name in starts else None,
            last_at=None if last is None else utc_text(last.started_at),
            last_outcome="" if last is None else last.outcome.value,
            last_backup="" if last is None else last.backup,
            last_message="" if last is None else last.message,
            note=_note(job),
        )


def _last(runs: Iterable[Run], name: str) -> Run | None:
    """The newest run, of several targets the worst one of that time."""
    mine = [run for run in runs if run.schedule == name]
    same = [run for run in mine if run.due_at == mine[0].due_at]
    return next((run for run in same if run.outcome in _BAD), mine[0] if mine else None)


def _note(job: LoadedJob) -> str:
    if not job.spec.enabled:
        return "it is switched off"
    if not job.around.trusted:
        return "a file of the working folder may not have backups made by themselves: move it to your own config.yaml or backup.yml"
    if job.spec.incremental:
        return "incremental backups cannot be made by this version"
    return ""


def is_wrong(row: ScheduleRow) -> bool:
    """Whether somebody should look at it: its last run failed, or it cannot run."""
    return row.last_outcome in {outcome.value for outcome in _BAD} or bool(row.note and row.enabled)


def schedules_text(rows: Iterable[ScheduleRow], now: float) -> str:
    """Schedules as a table for people."""
    titles = ("NAME", "WHEN", "DATABASES", "NEXT", "LAST", "HOW", "NOTE")
    cells = [
        (
            row.name,
            f"{row.schedule}{f' {row.timezone}' if row.timezone else ''}",
            ", ".join(row.databases),
            _until(row.next_at, now),
            _since(row.last_at, now),
            row.last_outcome,
            row.last_message or row.note,
        )
        for row in rows
    ]
    return record_table(titles, cells, uncut=(0, 1, 3, 4, 5), expendable=(2,))


def scheduled_text(row: ScheduleRow) -> str:
    """One new schedule, for people."""
    of = ", ".join(row.databases) or "no database yet"
    return printable(f"{row.name}: {of}, {row.schedule}, next at {row.next_at or 'no time'}")


def _until(text: str | None, now: float) -> str:
    moment = _moment(text)
    return "-" if moment is None else f"in {format_duration(max(0.0, moment - now))}"


def _since(text: str | None, now: float) -> str:
    moment = _moment(text)
    return "" if moment is None else f"{format_duration(max(0.0, now - moment))} ago"


def _moment(text: str | None) -> float | None:
    from datetime import datetime

    return None if text is None else datetime.fromisoformat(text).timestamp()
