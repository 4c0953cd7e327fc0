"""What the commands of backups print."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import fields

from aishell_core.units import format_bytes, format_duration
from aishell_ops.backups.drill import Drill
from aishell_ops.backups.engines.contract import LoadPlan, SavePlan
from aishell_ops.backups.models import Backup, BackupKind, RecordKind
from aishell_ops.backups.restore import Restored
from aishell_ops.backups.rows.fidelity import ColumnFidelity
from aishell_ops.backups.shrinking import Drop
from aishell_ops.backups.state import is_held, is_pinned
from aishell_ops.backups.unmade import Unmade
from aishell_ops.backups.verify import Verification
from aishell_tui.backup_aftercare import Saved
from aishell_tui.backup_settings import Settings
from aishell_tui.backup_shelf import Copies
from aishell_tui.backup_text import (
    copy_notes,
    copy_rows,
    fact_rows,
    load_plan_lines,
    local_text,
    made_lines,
    notes_of,
    restored_lines,
    save_plan_lines,
    saved_doubts,
    step_text,
    tested_lines,
    unmade_text,
    verified_lines,
)
from aishell_tui.cli.backup_shapes import (
    BackupCopied,
    BackupCopy,
    BackupEvent,
    BackupFidelity,
    BackupMade,
    BackupObject,
    BackupPart,
    BackupReport,
    BackupRow,
    CopyRetained,
)
from aishell_tui.cli.encode import to_plain, utc_text
from aishell_tui.cli.terminal import printable, record_table, table

_MOST_OBJECTS = 30


def backup_row(backup: Backup, now: float, copies: Copies | None = None) -> BackupRow:
    """A backup as scripts get it, with all its copies where all storages were looked into."""
    manifest = backup.manifest
    tested, verified = backup.newest(RecordKind.TESTED), backup.newest(RecordKind.VERIFIED)
    return BackupRow(
        id=backup.id,
        target=manifest.source.target,
        database=manifest.source.database,
        engine=manifest.source.engine,
        kind=manifest.kind.value,
        format=manifest.format.value,
        state=backup.state.value,
        started_at=utc_text(manifest.started_at),
        finished_at=utc_text(manifest.finished_at),
        size_bytes=manifest.plain_bytes,
        stored_bytes=manifest.stored_bytes,
        sha256=backup.sha256,
        compression=manifest.compression.value,
        encrypted=manifest.encryption is not None,
        location=backup.location,
        parent_id=manifest.parent_id,
        proof=manifest.proof.value,
        verified_at=None if verified is None else utc_text(verified.at),
        tested_at=None if tested is None else utc_text(tested.at),
        restore_seconds=None if tested is None else tested.seconds,
        job=manifest.job,
        pinned=is_pinned(backup, now),
        held=is_held(backup, now),
        reason="",
        copies=_copies_of(copies) if copies is not None else (),
    )


def _copies_of(copies: Copies) -> tuple[BackupCopy, ...]:
    there = (BackupCopy(str(one.address), one.backup.state.value, "") for one in copies.lies)
    return (*there, *(BackupCopy(one.storage, one.lack.value, one.reason) for one in copies.lacking))


def unmade_row(one: Unmade) -> BackupRow:
    """What runs, failed or was abandoned, as scripts get it: what only a manifest says is empty."""
    return BackupRow(
        id=one.id,
        target=one.target,
        database=one.database,
        engine=one.engine,
        kind=BackupKind.FULL.value,
        format="",
        state=one.state.value,
        started_at=utc_text(one.begun_at),
        finished_at=None,
        size_bytes=None,
        stored_bytes=one.stored_bytes,
        sha256="",
        compression="",
        encrypted=False,
        location=one.storage,
        parent_id=None,
        proof="",
        verified_at=None,
        tested_at=None,
        restore_seconds=None,
        job=one.job,
        pinned=False,
        held=False,
        reason=unmade_text(one),
        copies=(),
    )


def list_text(backups: Iterable[Copies | Unmade], now: float) -> str:
    """Backups, and what is none or not yet, as a table for people, in the order given."""
    titles = ("ID", "TARGET", "DATABASE", "STATE", "AGE", "TOOK", "SIZE", "STORED", "JOB", "NOTES")
    rows = [_unmade_cells(one, now) if isinstance(one, Unmade) else _cells(one, now) for one in backups]
    return record_table(titles, rows, uncut=(0, 3, 4, 5, 6, 7), expendable=(8, 5, 6, 2))


def _cells(copies: Copies, now: float) -> tuple[str, ...]:
    backup, manifest = copies.backup, copies.backup.manifest
    return (
        str(backup.id),
        manifest.source.target,
        manifest.source.database,
        backup.state.value,
        format_duration(max(0.0, now - manifest.started_at)),
        format_duration(manifest.duration_seconds),
        format_bytes(manifest.plain_bytes),
        format_bytes(manifest.stored_bytes),
        manifest.job,
        ", ".join((*copy_notes(copies), *notes_of(backup, now))),
    )


def _unmade_cells(one: Unmade, now: float) -> tuple[str, ...]:
    age, stored = format_duration(max(0.0, now - one.begun_at)), format_bytes(one.stored_bytes) if one.stored_bytes else ""
    took = format_duration(max(0.0, one.ended_at - one.begun_at)) if one.ended_at is not None else ""
    return (str(one.id), one.target, one.database, one.state.value, age, took, "", stored, one.job, unmade_text(one))


def list_csv(rows: Iterable[BackupRow]) -> str:
    """Backups as CSV with the keys of the JSON as its first line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(BackupRow))
    for row in rows:
        plain = to_plain(row)
        writer.writerow(_csv_cell(value) for value in (plain.values() if isinstance(plain, dict) else ()))
    return text.getvalue().rstrip("\n")


def _csv_cell(value: object) -> object:
    """A value as the JSON spells it; what is not there is an empty cell, and of copies each storage stands with its state."""
    if isinstance(value, list):
        return "; ".join(f"{one['storage']} {one['state']}" for one in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value


def drop_text(drop: Drop) -> str:
    """A backup on whose account nothing old is removed."""
    return f"{drop.after.manifest.source.target}: {drop}"


def info_report(backup: Backup, now: float, copies: Copies, stopped: str = "") -> BackupReport:
    """One backup with all that is known of it, as scripts get it; `stopped` says why nothing old is removed on its account."""
    manifest = backup.manifest
    return BackupReport(
        backup=backup_row(backup, now, copies),
        address=manifest.source.address,
        server_version=manifest.source.server_version,
        method=manifest.method,
        parts=tuple(BackupPart(one.name, one.plain_bytes, one.stored_bytes, one.plain_sha256, one.stored_sha256) for one in manifest.parts),
        objects=tuple(BackupObject(one.name, one.rows, one.content_hash) for one in manifest.objects),
        skipped=dict(manifest.skipped),
        events=tuple(BackupEvent(one.kind.value, utc_text(one.at), one.by, one.detail, one.seconds) for one in backup.records),
        unread=backup.unread,
        stopped=stopped,
    )


def info_text(backup: Backup, now: float, copies: Copies, stopped: str = "") -> str:
    """One backup with all that is known of it, for people."""
    lines = [f"{title:<9} {printable(text)}" for title, text in (*fact_rows(backup, now), *copy_rows(copies))]
    lines += [f"{'mind':<9} {printable(stopped)}"] if stopped else []
    lines += ["", *_objects(backup)] if backup.manifest.objects else []
    nothing = "nothing else is known of it since" if backup.unread else "nothing is known of it since"
    lines += ["", *_events(backup)] if backup.records else ["", f"{nothing}: aishell backup verify, aishell backup test"]
    return "\n".join(lines)


def unmade_report(one: Unmade) -> BackupReport:
    """What is known of something that is no backup or not yet, as scripts get it."""
    return BackupReport(
        unmade_row(one), address="", server_version="", method="", parts=(), objects=(), skipped={}, events=(), unread=(), stopped=""
    )


def unmade_info_text(one: Unmade, now: float) -> str:
    """What is known of something that is no backup or not yet, for people."""
    rows = [
        ("backup", f"{one.id}  {one.state}"),
        ("of", f"{one.database or one.target} on {one.target}"),
        ("begun", f"{local_text(one.begun_at)}, {format_duration(max(0.0, now - one.begun_at))} ago"),
        ("lies in", f"{one.storage}, {format_bytes(one.stored_bytes)}" if one.stored_bytes else ""),
        ("goes to", one.storage if not one.stored_bytes else ""),
        ("job", one.job),
        ("why", unmade_text(one)),
        ("so far", step_text(one.step, one.stepped_at - one.begun_at) if one.step is not None and one.stepped_at is not None else ""),
    ]
    return "\n".join(f"{title:<9} {printable(text)}" for title, text in rows if text)


def _objects(backup: Backup) -> list[str]:
    objects = backup.manifest.objects
    rows = [
        (one.name, "" if one.rows is None else f"{one.rows:,}", "" if one.content_hash is None else one.content_hash[:16])
        for one in objects
    ]
    left = len(rows) - _MOST_OBJECTS
    lines = table(("HOLDS", "ROWS", "HASH"), rows[:_MOST_OBJECTS], (1,)).splitlines()
    return [*lines, f"and {left} more; --json has them all"] if left > 0 else lines


def _events(backup: Backup) -> list[str]:
    rows = [
        (local_text(one.at), one.kind.value, one.by, "" if one.seconds is None else format_duration(one.seconds), one.detail)
        for one in backup.records
    ]
    return table(("SINCE", "WHAT", "BY", "TOOK", "DETAIL"), rows, uncut=(0, 1)).splitlines()


def plan_text(name: str, plan: SavePlan, settings: Settings) -> str:
    """What would be saved and how."""
    return "\n".join(map(printable, save_plan_lines(name, plan, settings)))


def made_report(saved: Saved, now: float) -> BackupMade:
    """What was made, as scripts get it."""
    retained = saved.retained
    return BackupMade(
        backup=backup_row(saved.backup, now),
        copies=tuple(str(copy.address) for copy in saved.copies),
        removed=tuple(map(str, retained.removed)) if retained is not None else (),
        kept_because=retained.plan.refused if retained is not None else "",
        copies_retained=tuple(
            CopyRetained(str(copy.address), tuple(map(str, copy.retained.removed)), copy.retained.plan.refused)
            for copy in saved.copies
            if copy.retained is not None
        ),
        doubts=tuple(saved_doubts(saved)),
        made_up=tuple(BackupCopied(str(copy.backup.id), str(copy.address)) for copy in saved.made_up),
    )


def made_text(saved: Saved) -> str:
    """What was made, for people."""
    return "\n".join(map(printable, made_lines(saved)))


def verified_text(found: Verification, where: str) -> str:
    """What a verification in a storage has found, for people."""
    return "\n".join(map(printable, verified_lines(found, where)))


def tested_text(found: Drill) -> str:
    """What a test restore has shown, for people."""
    return "\n".join(map(printable, tested_lines(found)))


def fidelity_rows(found: Iterable[ColumnFidelity]) -> tuple[BackupFidelity, ...]:
    """What becomes of columns, as scripts get it."""
    return tuple(
        BackupFidelity(
            each.table, each.column, each.source_type, each.target_type, each.fidelity.value, each.words, each.values, each.example
        )
        for each in found
    )


def load_plan_text(backup: Backup, target: str, plan: LoadPlan, expected_seconds: float | None) -> str:
    """What a restore would do."""
    return "\n".join(map(printable, load_plan_lines(backup, target, plan, expected_seconds)))


def restored_text(backup: Backup, target: str, done: Restored) -> str:
    """What was restored, for people."""
    return "\n".join(map(printable, restored_lines(backup, target, done)))
