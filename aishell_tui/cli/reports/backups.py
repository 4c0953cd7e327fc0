"""What the commands of backups print."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime

from aishell_core.units import format_bytes, format_counted, format_duration
from aishell_ops.backups.drill import Drill
from aishell_ops.backups.engines.contract import LoadPlan, SavePlan
from aishell_ops.backups.models import Backup, RecordKind
from aishell_ops.backups.restore import Restored
from aishell_ops.backups.state import is_held, is_pinned
from aishell_ops.backups.verify import Verification
from aishell_tui.backup_desk import Saved
from aishell_tui.backup_settings import Settings
from aishell_tui.cli.backup_shapes import (
    BackupEvent,
    BackupMade,
    BackupObject,
    BackupPart,
    BackupReport,
    BackupRow,
)
from aishell_tui.cli.encode import to_plain, utc_text
from aishell_tui.cli.terminal import printable, record_table, table

_MOST_OBJECTS = 30


def backup_row(backup: Backup, now: float) -> BackupRow:
    """A backup as scripts get it."""
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
    )


def list_text(backups: Iterable[Backup], now: float) -> str:
    """Backups as a table for people, in the order given."""
    titles = ("ID", "TARGET", "DATABASE", "STATE", "AGE", "TOOK", "SIZE", "STORED", "JOB", "NOTES")
    rows = [_cells(backup, now) for backup in backups]
    return record_table(titles, rows, uncut=(0, 3, 4, 5, 6, 7), expendable=(8, 5, 6, 2))


def _cells(backup: Backup, now: float) -> tuple[str, ...]:
    manifest = backup.manifest
    notes = [word for word, on in (("pinned", is_pinned(backup, now)), ("held", is_held(backup, now))) if on]
    notes += ["encrypted"] if manifest.encryption is not None else []
    notes += [f"only {format_counted(len(manifest.tables), 'table')}"] if manifest.tables else []
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
        ", ".join(notes),
    )


def list_csv(rows: Iterable[BackupRow]) -> str:
    """Backups as CSV with the keys of the JSON as its first line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(BackupRow))
    for row in rows:
        plain = to_plain(row)
        writer.writerow("" if value is None else value for value in (plain.values() if isinstance(plain, dict) else ()))
    return text.getvalue().rstrip("\n")


def info_report(backup: Backup, now: float) -> BackupReport:
    """One backup with all that is known of it, as scripts get it."""
    manifest = backup.manifest
    return BackupReport(
        backup=backup_row(backup, now),
        address=manifest.source.address,
        server_version=manifest.source.server_version,
        method=manifest.method,
        parts=tuple(BackupPart(one.name, one.plain_bytes, one.stored_bytes, one.plain_sha256, one.stored_sha256) for one in manifest.parts),
        objects=tuple(BackupObject(one.name, one.rows, one.content_hash) for one in manifest.objects),
        skipped=dict(manifest.skipped),
        events=tuple(BackupEvent(one.kind.value, utc_text(one.at), one.by, one.detail, one.seconds) for one in backup.records),
    )


def info_text(backup: Backup, now: float) -> str:
    """One backup with all that is known of it, for people."""
    manifest, source = backup.manifest, backup.manifest.source
    rows = [
        ("backup", f"{backup.id}  {backup.state}"),
        ("of", f"{source.database or source.target} on {source.target} ({source.engine} {source.server_version})"),
        ("from", source.address),
        ("begun", f"{_local(manifest.started_at)}, {format_duration(max(0.0, now - manifest.started_at))} ago"),
        ("took", format_duration(manifest.duration_seconds)),
        ("how", f"{manifest.method}, {manifest.format}, {manifest.compression}{', encrypted' if manifest.encryption else ''}"),
        ("size", f"{format_bytes(manifest.plain_bytes)}, {format_bytes(manifest.stored_bytes)} stored"),
        ("lies in", backup.location),
    ]
    rows += [("job", manifest.job)] if manifest.job else []
    rows += [("only", ", ".join(manifest.tables))] if manifest.tables else []
    rows += [("left out", f"{name}: {why}") for name, why in manifest.skipped]
    lines = [f"{title:<9} {printable(text)}" for title, text in rows]
    lines += ["", *_objects(backup)] if manifest.objects else []
    lines += ["", *_events(backup)] if backup.records else ["", "nothing is known of it since: aishell backup verify, aishell backup test"]
    return "\n".join(lines)


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
        (_local(one.at), one.kind.value, one.by, "" if one.seconds is None else format_duration(one.seconds), one.detail)
        for one in backup.records
    ]
    return table(("SINCE", "WHAT", "BY", "TOOK", "DETAIL"), rows, uncut=(0, 1)).splitlines()


def _local(moment: float) -> str:
    return datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def plan_text(name: str, plan: SavePlan, settings: Settings) -> str:
    """What would be saved and how."""
    size = f", about {format_bytes(plan.expected_bytes)}" if plan.expected_bytes is not None else ""
    how = [settings.compression.value, *(["encrypted"] if settings.encrypted else []), f"proof {settings.proof}"]
    lines = [f"back up {plan.source.database or name} of {name} by {plan.method}{size}", *(f"  {step}" for step in plan.steps)]
    lines += [f"  {', '.join(how)}", *(f"  to {address}" for address in settings.storages)]
    lines += [f"  left out: {what}: {why}" for what, why in plan.skipped]
    lines += [f"  mind: {warning}" for warning in plan.warnings]
    return "\n".join(map(printable, lines))


def made_report(saved: Saved, now: float) -> BackupMade:
    """What was made, as scripts get it."""
    retained = saved.retained
    return BackupMade(
        backup=backup_row(saved.backup, now),
        copies=saved.copies,
        removed=tuple(map(str, retained.removed)) if retained is not None else (),
        kept_because=retained.plan.refused if retained is not None else "",
        doubts=tuple(saved_doubts(saved)),
    )


def saved_doubts(saved: Saved) -> list[str]:
    """What went wrong after the backup was committed, in words."""
    faults = saved.verification.faults if saved.verification is not None else ()
    return [*(f"it is damaged: {fault}" for fault in faults), *(error.message for error in saved.doubts)]


def made_text(saved: Saved) -> str:
    """What was made, for people."""
    manifest = saved.backup.manifest
    took = format_duration(manifest.duration_seconds)
    size = f"{format_bytes(manifest.plain_bytes)}, {format_bytes(manifest.stored_bytes)} stored"
    lines = [f"{saved.backup.id}  {saved.backup.state}  {size}, took {took}", f"in {saved.backup.location}"]
    lines += [f"and in {copy}" for copy in saved.copies]
    if saved.verification is not None:
        lines += [f"mind: {remark}" for remark in saved.verification.remarks]
    if saved.retained is not None and saved.retained.removed:
        freed = format_bytes(saved.retained.freed_bytes)
        lines.append(f"removed {format_counted(len(saved.retained.removed), 'old backup')}, {freed}")
    if saved.retained is not None and saved.retained.plan.refused:
        lines.append(f"nothing old is removed: {saved.retained.plan.refused}")
    return "\n".join(map(printable, lines))


def verified_text(found: Verification) -> str:
    """What a verification has found, for people."""
    word = "is whole" if found.is_whole else "is DAMAGED"
    lines = [f"{found.backup.id} {word} ({found.depth}, {format_duration(found.seconds)})"]
    lines += [f"  {fault}" for fault in found.faults]
    lines += [f"  mind: {remark}" for remark in found.remarks]
    return "\n".join(map(printable, lines))


def tested_text(found: Drill) -> str:
    """What a test restore has shown, for people."""
    lines = [f"{found.backup.id} restores: into {found.place} in {format_duration(found.seconds)}"]
    if found.proves:
        hashed = f", {found.comparison.hashed} by their content" if found.comparison.hashed else ""
        lines.append(f"{format_counted(found.comparison.counted, 'table')} compared with what was saved{hashed}: the same")
    else:
        lines.append("nothing was counted when it was saved, so nothing could be compared: --proof counts does that")
    return "\n".join(map(printable, lines))


def load_plan_text(backup: Backup, target: str, plan: LoadPlan, expected_seconds: float | None) -> str:
    """What a restore would do."""
    lines = [f"restore {backup.id} of {backup.manifest.source.target} into {plan.database} on {target}"]
    lines += [f"  writes {one}" for one in plan.writes]
    lines += [f"  LOSES  {one}" for one in plan.losses]
    if plan.needed_bytes is not None:
        free = "an unknown amount" if plan.free_bytes is None else format_bytes(plan.free_bytes)
        lines.append(f"  needs {format_bytes(plan.needed_bytes)} of room, and {free} is free")
    if expected_seconds is not None:
        lines.append(f"  takes about {format_duration(expected_seconds)}, by earlier restores")
    lines += [f"  mind: {warning}" for warning in plan.warnings]
    lines += [f"  NOT POSSIBLE: {one}" for one in plan.obstacles]
    return "\n".join(map(printable, lines))


def restored_text(backup: Backup, target: str, done: Restored) -> str:
    """What was restored, for people."""
    lines = [f"restored {backup.id} into {done.database} on {target} in {format_duration(done.seconds)}"]
    if done.comparison.is_proof:
        hashed = f", {done.comparison.hashed} by their content" if done.comparison.hashed else ""
        lines.append(f"{format_counted(done.comparison.counted, 'table')} compared with what was saved{hashed}: the same")
    elif not done.comparison.differences:
        lines.append("nothing was counted when it was saved, so nothing could be compared")
    lines += [f"  differs: {difference}" for difference in done.comparison.differences]
    return "\n".join(map(printable, lines))
