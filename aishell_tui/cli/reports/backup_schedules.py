"""What the commands of schedules print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aishell_core.units import format_duration
from aishell_tui.backup_jobs import Timetable
from aishell_tui.backup_schedules import BAD_OUTCOMES, scheduled
from aishell_tui.cli.backup_shapes import ScheduleRow
from aishell_tui.cli.encode import utc_text
from aishell_tui.cli.terminal import printable, record_table
from aishell_tui.config.load import Configuration


def schedule_rows(configuration: Configuration, known: Timetable, now: float) -> Iterator[ScheduleRow]:
    """Every job that has a schedule, as scripts get it."""
    for one in scheduled(configuration, known, now):
        last = one.last
        yield ScheduleRow(
            name=one.name,
            schedule=one.expression,
            timezone=one.timezone,
            databases=one.targets,
            all_databases=one.of_all,
            enabled=one.next_at is not None,
            origin=one.origin,
            next_at=utc_text(one.next_at) if one.next_at is not None else None,
            last_at=None if last is None else utc_text(last.started_at),
            last_outcome="" if last is None else last.outcome.value,
            last_backup="" if last is None else last.backup,
            last_message="" if last is None else last.message,
            note=one.note,
        )


def is_wrong(row: ScheduleRow) -> bool:
    """Whether somebody should look at it: its last run failed, or it cannot run."""
    return row.last_outcome in {outcome.value for outcome in BAD_OUTCOMES} or bool(row.note and row.enabled)


def schedules_text(rows: Iterable[ScheduleRow], now: float) -> str:
    """Schedules as a table for people."""
    titles = ("NAME", "WHEN", "DATABASES", "NEXT", "LAST", "HOW", "NOTE")
    cells = [
        (
            row.name,
            f"{row.schedule}{f' {row.timezone}' if row.timezone else ''}",
            _of(row),
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
    return printable(f"{row.name}: {_of(row)}, {row.schedule}, next at {row.next_at or 'no time'}")


def _of(row: ScheduleRow) -> str:
    """The databases of a schedule; of one that names none those that are configured here."""
    names = ", ".join(row.databases)
    return f"all, here {names or 'none yet'}" if row.all_databases else names


def _until(text: str | None, now: float) -> str:
    moment = _moment(text)
    return "-" if moment is None else f"in {format_duration(max(0.0, moment - now))}"


def _since(text: str | None, now: float) -> str:
    moment = _moment(text)
    return "" if moment is None else f"{format_duration(max(0.0, now - moment))} ago"


def _moment(text: str | None) -> float | None:
    from datetime import datetime

    return None if text is None else datetime.fromisoformat(text).timestamp()
