"""What was tried with backups, as the state database keeps it: who makes, copies or tests one since when, how far it is, how it ended.

A backup that failed leaves nothing in its storage, so that nothing there looks like one; that it failed, and why, is kept here.
Each function takes the connection of a transaction (`aishell_core.state.store`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache

from aishell_core.state.forms import Form
from aishell_ops.backups.lease import SILENT_SECONDS, Lives
from aishell_ops.backups.models import BackupId, Holder
from aishell_ops.backups.progress import Step

KEPT_SECONDS = 400 * 86_400.0
"""As long as the runs of schedules: when a restore was tested last is asked for after the tested backup is gone."""

_MOST_AT_ONCE = 500
GONE = "the program ended before it was done"


class What(StrEnum):
    """What was tried."""

    SAVE = "save"
    TEST = "test"
    COPY = "copy"


class AttemptOutcome(StrEnum):
    """How an attempt ended, as far as it has; that it was abandoned is never kept, but told from its holder (`settled`)."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt; times are epoch seconds. `message` says why it failed, `step` how far it was at `stepped_at`."""

    what: What
    target: str
    engine: str
    database: str
    job: str
    storage: str
    backup: BackupId
    begun_at: float
    holder: Holder | None = None
    ended_at: float | None = None
    outcome: AttemptOutcome = AttemptOutcome.RUNNING
    message: str = ""
    step: Step | None = None
    stepped_at: float | None = None


@cache
def _holders() -> Form[Holder]:
    return Form(Holder)


@cache
def _steps() -> Form[Step]:
    return Form(Step)


def begin_attempt(connection: sqlite3.Connection, attempt: Attempt) -> int:
    """Note that something is tried, and forget what is long ago; its number."""
    connection.execute("DELETE FROM backup_attempt WHERE begun_at < ?", (attempt.begun_at - KEPT_SECONDS,))
    done = connection.execute(
        """
        INSERT INTO backup_attempt (what, target, engine, database, job, storage, backup, begun_at, outcome, message, holder, step)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, '')
        """,
        (
            attempt.what.value,
            attempt.target,
            attempt.engine,
            attempt.database,
            attempt.job,
            attempt.storage,
            attempt.backup,
            attempt.begun_at,
            AttemptOutcome.RUNNING.value,
            _holders().encode(attempt.holder) if attempt.holder is not None else "",
        ),
    )
    return int(done.lastrowid or 0)


def note_step(connection: sqlite3.Connection, number: int, step: Step, now: float) -> None:
    """Note how far an attempt has come."""
    connection.execute("UPDATE backup_attempt SET step = ?, stepped_at = ? WHERE id = ?", (_steps().encode(step), now, number))


def end_attempt(connection: sqlite3.Connection, number: int, outcome: AttemptOutcome, message: str, now: float) -> None:
    """Note how an attempt ended."""
    connection.execute(
        "UPDATE backup_attempt SET outcome = ?, message = ?, ended_at = ? WHERE id = ?", (outcome.value, message, now, number)
    )


def forget_attempt(connection: sqlite3.Connection, number: int) -> None:
    """Forget an attempt that has turned out to be none: somebody else was at it."""
    connection.execute("DELETE FROM backup_attempt WHERE id = ?", (number,))


def attempts_since(connection: sqlite3.Connection, begun_at: float) -> tuple[Attempt, ...]:
    """The attempts that were begun at a moment or later, the oldest first; one of a version that cannot be read is left out."""
    rows = connection.execute(
        """
        SELECT what, target, engine, database, job, storage, backup, begun_at, holder, ended_at, outcome, message, step, stepped_at
        FROM backup_attempt WHERE begun_at >= ? ORDER BY begun_at, id
        """,
        (begun_at,),
    )
    return tuple(found for row in rows if (found := _attempt(row)) is not None)


def attempts_at(connection: sqlite3.Connection, backups: Collection[str]) -> tuple[Attempt, ...]:
    """The attempts at some backups, whenever they were, the oldest first; one of a version that cannot be read is left out."""
    known, found = sorted(set(backups)), list[Attempt]()
    for begin in range(0, len(known), _MOST_AT_ONCE):
        some = known[begin : begin + _MOST_AT_ONCE]
        rows = connection.execute(
            f"""
            SELECT what, target, engine, database, job, storage, backup, begun_at, holder, ended_at, outcome, message, step, stepped_at
            FROM backup_attempt WHERE backup IN ({", ".join("?" * len(some))}) ORDER BY begun_at, id
            """,  # noqa: S608 - only question marks are put in
            some,
        )
        found += [each for row in rows if (each := _attempt(row)) is not None]
    return tuple(found)


def attempts_version(connection: sqlite3.Connection) -> tuple[object, ...]:
    """Something that is another value after an attempt has begun or ended."""
    found: tuple[object, ...] = connection.execute(
        "SELECT count(*), max(id), max(ended_at), sum(outcome = 'running') FROM backup_attempt"
    ).fetchone()
    return found


def settled(attempts: Iterable[Attempt], alive: Lives, now: float) -> tuple[Attempt, ...]:
    """The attempts in the light of who lives: one that still runs and whose holder is gone was abandoned; pure but for `alive`."""
    return tuple(replace(one, outcome=AttemptOutcome.ABANDONED, message=GONE) if _is_gone(one, alive, now) else one for one in attempts)


def _is_gone(attempt: Attempt, alive: Lives, now: float) -> bool:
    if attempt.outcome is not AttemptOutcome.RUNNING:
        return False
    living = None if attempt.holder is None else alive(attempt.holder)
    silent = now - (attempt.stepped_at or attempt.begun_at) >= SILENT_SECONDS
    return living is False or (living is None and silent)


def _attempt(row: tuple[str, ...]) -> Attempt | None:
    what, target, engine, database, job, storage, backup, begun_at, holder, ended_at, outcome, message, step, stepped_at = row
    try:
        return Attempt(
            what=What(what),
            target=target,
            engine=engine,
            database=database,
            job=job,
            storage=storage,
            backup=BackupId(backup),
            begun_at=float(begun_at),
            holder=_holders().decode(holder) if holder else None,
            ended_at=None if ended_at is None else float(ended_at),
            outcome=AttemptOutcome(outcome),
            message=message,
            step=_steps().decode(step) if step else None,
            stepped_at=None if stepped_at is None else float(stepped_at),
        )
    except ValueError:
        return None
