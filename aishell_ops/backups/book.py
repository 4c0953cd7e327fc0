"""What is kept of schedules in the state database: those that commands made, how far each was dealt with, and every run.

Each function takes the connection of a transaction (`aishell_core.state.store`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

KEPT_RUNS_SECONDS = 400 * 86_400.0
"""Runs are kept so long: that a year of backups was made is asked for by auditors."""


class RunOutcome(StrEnum):
    """How a run of a schedule ended."""

    RUNNING = "running"
    DONE = "done"
    DOUBTFUL = "doubtful"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to when a schedule was dealt with, under which expression, and since when it is known; epoch seconds."""

    expression: str
    since: float
    due_at: float | None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a schedule for one target. `backup` is the id of what was made, "" where nothing was."""

    id: int
    schedule: str
    target: str
    due_at: float
    started_at: float
    ended_at: float | None
    outcome: RunOutcome
    backup: str = ""
    message: str = ""
    plain_bytes: int | None = None
    stored_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class KeptSchedule:
    """A schedule that a command made; `options` are JSON that its maker reads."""

    name: str
    options: str
    created_at: float
    created_by: str


def remove_mark(connection: sqlite3.Connection, name: str) -> None:
    """Forget how far a schedule was dealt with."""
    connection.execute("DELETE FROM backup_mark WHERE name = ?", (name,))


def schedules(connection: sqlite3.Connection) -> tuple[KeptSchedule, ...]:
    """All schedules that commands made, by name."""
    rows = connection.execute("SELECT name, options, created_at, created_by FROM backup_schedule ORDER BY name")
    return tuple(KeptSchedule(*row) for row in rows)


def add_schedule(connection: sqlite3.Connection, schedule: KeptSchedule) -> bool:
    """Keep a schedule; False when its name is taken."""
    row = (schedule.name, schedule.options, schedule.created_at, schedule.created_by)
    done = connection.execute(
        "INSERT INTO backup_schedule (name, options, created_at, created_by) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", row
    )
    return done.rowcount == 1


def remove_schedule(connection: sqlite3.Connection, name: str) -> bool:
    """Forget a schedule and how far it was dealt with; its runs stay. False when there is none of that name."""
    remove_mark(connection, name)
    return connection.execute("DELETE FROM backup_schedule WHERE name = ?", (name,)).rowcount == 1


def marks(connection: sqlite3.Connection) -> Mapping[str, Mark]:
    """How far every schedule was dealt with, by name."""
    return {name: Mark(*rest) for name, *rest in connection.execute("SELECT name, expression, since, due_at FROM backup_mark")}


def note_schedule(connection: sqlite3.Connection, name: str, expression: str, now: float) -> None:
    """Know a schedule from now on; under another expression than before it begins anew, and nothing of the past is due."""
    connection.execute(
        """
        INSERT INTO backup_mark (name, expression, since, due_at) VALUES (?, ?, ?, NULL)
        ON CONFLICT (name) DO UPDATE SET expression = excluded.expression, since = excluded.since, due_at = NULL
        WHERE backup_mark.expression <> excluded.expression
        """,
        (name, expression, now),
    )


def deal_with(connection: sqlite3.Connection, name: str, due_at: float) -> None:
    """Note that a due time has been dealt with, whatever became of it."""
    connection.execute("UPDATE backup_mark SET due_at = max(coalesce(due_at, ?1), ?1) WHERE name = ?2", (due_at, name))


def begin_run(connection: sqlite3.Connection, schedule: str, target: str, due_at: float, now: float) -> int:
    """Note that a run begins; its number."""
    done = connection.execute(
        "INSERT INTO backup_run (schedule, target, due_at, started_at, outcome, backup, message) VALUES (?, ?, ?, ?, ?, '', '')",
        (schedule, target, due_at, now, RunOutcome.RUNNING.value),
    )
    return int(done.lastrowid or 0)


def end_run(connection: sqlite3.Connection, run: Run) -> None:
    """Note how a run ended."""
    connection.execute(
        "UPDATE backup_run SET ended_at = ?, outcome = ?, backup = ?, message = ?, bytes = ?, stored_bytes = ? WHERE id = ?",
        (run.ended_at, run.outcome.value, run.backup, run.message, run.plain_bytes, run.stored_bytes, run.id),
    )


def end_interrupted(connection: sqlite3.Connection, names: Iterable[str], now: float) -> None:
    """Note of runs of these schedules without an end that their program is gone; whoever holds the schedules' leases says so."""
    connection.executemany(
        """
        UPDATE backup_run SET ended_at = ?, outcome = ?, message = 'the program ended before it was done'
        WHERE outcome = ? AND schedule = ?
        """,
        ((now, RunOutcome.INTERRUPTED.value, RunOutcome.RUNNING.value, name) for name in names),
    )


def runs_of(connection: sqlite3.Connection, schedule: str, due_at: float) -> tuple[Run, ...]:
    """The runs of one due time, the oldest first."""
    return _runs(connection, "WHERE schedule = ? AND due_at = ? ORDER BY id", (schedule, due_at))


def last_runs(connection: sqlite3.Connection, limit: int) -> tuple[Run, ...]:
    """The newest runs, the newest first."""
    return _runs(connection, "ORDER BY id DESC LIMIT ?", (limit,))


def forget_old_runs(connection: sqlite3.Connection, now: float) -> None:
    """Forget runs that ended more than about a year ago."""
    connection.execute("DELETE FROM backup_run WHERE ended_at < ?", (now - KEPT_RUNS_SECONDS,))


def _runs(connection: sqlite3.Connection, rest: str, values: tuple[str | float, ...]) -> tuple[Run, ...]:
    columns = "id, schedule, target, due_at, started_at, ended_at, outcome, backup, message, bytes, stored_bytes"
    rows = connection.execute(f"SELECT {columns} FROM backup_run {rest}", values)  # noqa: S608 - the texts stand in this file
    return tuple(
        Run(
            id=id_,
            schedule=schedule,
            target=target,
            due_at=due_at,
            started_at=started_at,
            ended_at=ended_at,
            outcome=RunOutcome(outcome),
            backup=backup,
            message=message,
            plain_bytes=plain_bytes,
            stored_bytes=stored_bytes,
        )
        for id_, schedule, target, due_at, started_at, ended_at, outcome, backup, message, plain_bytes, stored_bytes in rows
    )
