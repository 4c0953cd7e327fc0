"""Backups as table rows, with the state of each in a word and a colour. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from aishell_core.units import format_bytes, format_counted, format_duration
from aishell_core.values import Severity
from aishell_ops.backups.models import BackupState, Lack, RecordKind
from aishell_tui.backup_text import copy_notes, notes_of, unmade_text
from aishell_tui.text import moment_text
from widgets.glyphs import Glyphs
from widgets.palette import Role
from widgets.table_model import Cell, Column, Row

if TYPE_CHECKING:
    # Loaded with what works on backups, when a screen of them is opened.
    from aishell_ops.backups.errors import DamagedError
    from aishell_ops.backups.layout import Spot
    from aishell_ops.backups.unmade import Unmade
    from aishell_tui.backup_shelf import Copies
    from aishell_tui.backup_view import BackupsView

COLUMNS: tuple[Column, ...] = (
    Column("started", "STARTED", 11, help="When it was begun (UTC)"),
    Column("age", "AGE", 6, align="right", priority=2, help="How long ago that is"),
    Column("target", "TARGET", None, 10, help="Of which target"),
    Column("database", "DATABASE", 12, priority=10, help="Of which database"),
    Column("state", "STATE", 9, help="How far it is proven, or what is wrong with it"),
    Column("size", "SIZE", 8, align="right", help="How much was saved"),
    Column("stored", "STORED", 8, align="right", priority=1, help="How much room it takes in one storage"),
    Column("took", "TOOK", 6, align="right", priority=4, help="How long it took"),
    Column("proof", "PROOF", 6, priority=8, help="What is kept to prove a restore by"),
    Column("tested", "TESTED", 6, align="right", priority=6, help="How long its last test restore took"),
    Column("job", "JOB", 10, priority=5, help="The job that made it"),
    Column("where", "WHERE", 14, priority=7, help="In which storages it lies, with a mark where it was read back or is bad"),
    Column("notes", "NOTES", None, 8, priority=3, help="What else is to be known of it"),
    Column("id", "ID", 20, priority=9, help="Its name"),
)
DAMAGED, UNMADE = "damaged:", "unmade:"
"""What the ids of rows begin with that are no backups."""

_STATES: dict[BackupState, tuple[Severity, Role]] = {
    BackupState.TESTED: (Severity.OK, "ok"),
    BackupState.VERIFIED: (Severity.OK, "ok"),
    BackupState.COMMITTED: (Severity.UNKNOWN, "unknown"),
    BackupState.RUNNING: (Severity.UNKNOWN, "accent"),
    BackupState.TRASHED: (Severity.UNKNOWN, "dim"),
    BackupState.ABANDONED: (Severity.WARNING, "warning"),
}
_BAD: tuple[Severity, Role] = (Severity.CRITICAL, "critical")
_UNKNOWN = Cell("–", "dim", math.nan)


def state_look(state: BackupState) -> tuple[Severity, Role]:
    """How bad a state is, and the role that it is drawn in."""
    return _STATES.get(state, _BAD)


def catalogue_columns(*, one_target: bool) -> tuple[Column, ...]:
    """The columns; the target's name is told in the heading where there is one alone."""
    return tuple(column for column in COLUMNS if not (one_target and column.key == "target"))


def catalogue_rows(view: BackupsView, target: str | None, now: float, own: Collection[str], glyphs: Glyphs) -> list[Row]:
    """What was found, of one target or of all: what runs or is wrong first, then backups with the newest first.

    What failed of others than one's `own` targets is left out; `others_text` says how many these are.
    """
    from aishell_ops.backups.unmade import is_of_others

    mine = [one for one in view.unmade if target in (None, one.target) and not is_of_others(one, own)]
    unmade = [unmade_row(one, now) for one in mine if is_news(one, view)]
    damaged = [damaged_row(spot, error) for spot, error in view.damaged if target in (None, spot.line.target)]
    shrunk = {drop.after.id for drop in view.drops}
    copies = [backup_row(each, now, glyphs, shrunk) for each in view.copies if target in (None, each.backup.manifest.source.target)]
    return [*unmade, *damaged, *copies]


def backup_row(copies: Copies, now: float, glyphs: Glyphs, shrunk: Collection[str] = ()) -> Row:
    """One backup with its copies; `shrunk` are those much smaller than the one before them that nobody has accepted."""
    backup, manifest = copies.backup, copies.backup.manifest
    severity, role = state_look(backup.state)
    tested = backup.newest(RecordKind.TESTED)
    worse, worse_role = _copies_look(copies)
    notes = [*copy_notes(copies), *notes_of(backup, now)]
    notes += ["shrunk"] if backup.id in shrunk else []
    return Row(
        str(backup.id),
        {
            "started": Cell(moment_text(manifest.started_at, now), "text", manifest.started_at),
            "age": _age(manifest.started_at, now),
            "target": Cell(manifest.source.target, "bold"),
            "database": Cell(manifest.source.database, "label"),
            "state": Cell(backup.state.value, role),
            "size": Cell(format_bytes(manifest.plain_bytes), "text", manifest.plain_bytes),
            "stored": Cell(format_bytes(manifest.stored_bytes), "text", manifest.stored_bytes),
            "took": Cell(format_duration(manifest.duration_seconds), "text", manifest.duration_seconds),
            "proof": Cell(manifest.proof.value, "dim"),
            "tested": Cell(format_duration(tested.seconds), "text", tested.seconds) if tested and tested.seconds is not None else _UNKNOWN,
            "job": Cell(manifest.job, "label"),
            "where": Cell(_where(copies, glyphs), worse_role),
            "notes": Cell(", ".join(notes), worse_role),
            "id": Cell(str(backup.id), "dim"),
        },
        note=tuple((f"{one.storage} {one.lack}: {one.reason}", worse_role) for one in copies.lacking[:1]),
        severity=max(severity, worse, key=lambda each: each.rank),
    )


def _copies_look(copies: Copies) -> tuple[Severity, Role]:
    """How bad it is with the copies beside the first: one that is damaged is worse than one that is not there."""
    damaged = any(one.lack is Lack.DAMAGED for one in copies.lacking)
    if damaged or any(state_look(one.backup.state)[0] is Severity.CRITICAL for one in copies.lies[1:]):
        return _BAD
    return (Severity.WARNING, "warning") if copies.lacking else (Severity.OK, "label")


def is_news(one: Unmade, view: BackupsView) -> bool:
    """Whether it still matters that one was not made: it runs, something lies there of it, or there is no good one since."""
    if one.state is BackupState.RUNNING or one.stored_bytes:
        return True
    mine = (each.backup for each in view.copies if each.backup.manifest.source.target == one.target)
    return not any(backup.state.restorable and backup.manifest.started_at > one.begun_at for backup in mine)


def unmade_row(one: Unmade, now: float) -> Row:
    """One that was begun and is no backup yet, or never will be."""
    severity, role = state_look(one.state)
    return Row(
        f"{UNMADE}{one.id}",
        {
            "started": Cell(moment_text(one.begun_at, now), "text", one.begun_at),
            "age": _age(one.begun_at, now),
            "target": Cell(one.target, "bold"),
            "database": Cell(one.database, "label"),
            "state": Cell(one.state.value, role),
            "size": _UNKNOWN,
            "stored": Cell(format_bytes(one.stored_bytes), "text", one.stored_bytes) if one.stored_bytes else _UNKNOWN,
            "job": Cell(one.job, "label"),
            "id": Cell(str(one.id), "dim"),
        },
        note=((unmade_text(one), "label"),),
        severity=severity,
    )


def damaged_row(spot: Spot, error: DamagedError) -> Row:
    """One whose own description cannot be believed."""
    return Row(
        f"{DAMAGED}{spot.prefix}",
        {
            "started": Cell("–", "dim", math.inf),
            "target": Cell(spot.line.target, "bold"),
            "database": Cell(spot.line.database, "label"),
            "state": Cell("damaged", "critical"),
            "size": _UNKNOWN,
            "stored": _UNKNOWN,
            "id": Cell(str(spot.id), "dim"),
        },
        note=((error.message, "critical"),),
        severity=Severity.CRITICAL,
    )


def others_text(view: BackupsView, target: str | None, own: Collection[str]) -> str:
    """How many failed of targets that this configuration does not have; "" where none did, or one target is looked at."""
    from aishell_ops.backups.unmade import is_of_others

    count = sum(is_of_others(one, own) for one in view.unmade) if target is None else 0
    return f"  {count} failed of other configurations" if count else ""


def totals_text(copies: Iterable[Copies]) -> str:
    """How many there are and how much room all their copies take."""
    found = tuple(copies)
    stored = sum(each.backup.manifest.stored_bytes * len(each.lies) for each in found)
    return f"{format_counted(len(found), 'backup')}, {format_bytes(stored)}" if found else ""


def _age(moment: float, now: float) -> Cell:
    seconds = max(0.0, now - moment)
    return Cell(format_duration(float(math.floor(seconds))), "dim", seconds)


def _where(copies: Copies, glyphs: Glyphs) -> str:
    """Each storage, with a mark where its copy was read back, another where there is none to count on; what nobody has read has none."""
    words = [f"{_short(one.address.kind.value)}{_mark(one.backup.state, glyphs)}" for one in copies.lies]
    words += [f"{_short(_kind(one.storage))} {glyphs.bad}" for one in copies.lacking]
    return " ".join(dict.fromkeys(words))


def _mark(state: BackupState, glyphs: Glyphs) -> str:
    if state.proven:
        return f" {glyphs.good}"
    return f" {glyphs.bad}" if not state.restorable else ""


def _kind(storage: str) -> str:
    scheme, _, rest = storage.partition("://")
    return {"az": "azure", "gs": "gcs"}.get(scheme, scheme) if rest else "folder"


def _short(kind: str) -> str:
    return "disk" if kind == "folder" else kind
