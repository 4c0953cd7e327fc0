"""Words about backups that commands and screens share: what was made, found, planned, and how far something has come. Pure.

Texts from elsewhere stand in them as they are; whoever shows them makes them harmless.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from aishell_core.units import format_bytes, format_counted, format_duration
from aishell_ops.backups.models import Backup, BackupState, Lack, Manifest
from aishell_ops.backups.progress import Stage, Step
from aishell_ops.backups.rows.fidelity import ColumnFidelity, Fidelity
from aishell_ops.backups.state import is_held, is_pinned

if TYPE_CHECKING:
    # Only values of them are read here: what makes them is loaded by whoever makes them.
    from aishell_ops.backups.comparison import Comparison
    from aishell_ops.backups.drill import Drill
    from aishell_ops.backups.engines.contract import LoadPlan, SavePlan
    from aishell_ops.backups.restore import Restored
    from aishell_ops.backups.retain import Retained
    from aishell_ops.backups.unmade import Unmade
    from aishell_ops.backups.verify import Verification
    from aishell_tui.backup_aftercare import Saved
    from aishell_tui.backup_settings import Settings
    from aishell_tui.backup_shelf import Copies

_SETTLED_SECONDS = 2.0
"""A rate is told only after so long: before that it says nothing about what is left."""
_WITH_END = frozenset({Stage.SAVING, Stage.LOADING})
"""Stages whose bytes go towards the expected ones."""


def notes_of(backup: Backup, now: float) -> tuple[str, ...]:
    """What else is to be known of a backup at a glance."""
    manifest = backup.manifest
    notes = [word for word, on in (("pinned", is_pinned(backup, now)), ("held", is_held(backup, now))) if on]
    notes += ["encrypted"] if manifest.encryption is not None else []
    notes += [f"only {format_counted(len(manifest.tables), 'table')}"] if manifest.tables else []
    notes += [f"{format_counted(len(backup.unread), 'record')} unread"] if backup.unread else []
    return tuple(notes)


def copy_notes(copies: Copies) -> tuple[str, ...]:
    """Which copies of a backup cannot be counted on: bad ones first, then those that nobody has read back though the first was."""
    bad = [f"{one.backup.state} in {one.address}" for one in copies.lies[1:] if not one.backup.state.restorable]
    bad += [f"{one.lack} in {one.storage}" for one in copies.lacking]
    unread = [one for one in copies.lies[1:] if copies.backup.state.proven and one.backup.state is BackupState.COMMITTED]
    return (*bad, *(f"not verified in {one.address}" for one in unread))


def copy_rows(copies: Copies) -> list[tuple[str, str]]:
    """Where else a backup lies, and where it should and does not, each with its title."""
    rows = [("and in", f"{one.address}  {one.backup.state}") for one in copies.lies[1:]]
    rows += [("not in", f"{one.storage}  {one.lack}{f': {one.reason}' if one.reason else ''}") for one in copies.lacking]
    if any(one.lack is Lack.MISSING for one in copies.lacking):
        rows.append(("", f"aishell backup copy {copies.backup.id} makes it up, and so does the next backup that is copied there"))
    return rows


def unread_text(key: str) -> str:
    """That a record beside a backup cannot be read, and what then counts."""
    return f"the record {key} cannot be read: it counts by its name where it is against the backup or keeps it, else not at all"


def unmade_text(one: Unmade) -> str:
    """Why something is no backup, or who makes it."""
    if one.state is BackupState.RUNNING:
        return f"made by {one.holder}" if one.holder is not None else "nobody knows who makes it"
    who = f"begun by {one.holder}" if one.holder is not None else "nobody knows who has begun it"
    told = one.reason if one.state is BackupState.FAILED else f"{who}; {one.reason or 'it was left'}"
    return f"{told}; the next backup sweeps what is left of it" if one.stored_bytes else told


def size_text(manifest: Manifest) -> str:
    """How much was saved, and how much of the storage that takes."""
    return f"{format_bytes(manifest.plain_bytes)}, {format_bytes(manifest.stored_bytes)} stored"


def local_text(moment: float) -> str:
    """An epoch second as a date and time of this machine."""
    return datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def fact_rows(backup: Backup, now: float) -> list[tuple[str, str]]:
    """What is known of a backup from its beginning, each with its title."""
    manifest, source = backup.manifest, backup.manifest.source
    rows = [
        ("backup", f"{backup.id}  {backup.state}"),
        ("of", f"{source.database or source.target} on {source.target} ({source.engine} {source.server_version})"),
        ("from", source.address),
        ("begun", f"{local_text(manifest.started_at)}, {format_duration(max(0.0, now - manifest.started_at))} ago"),
        ("took", format_duration(manifest.duration_seconds)),
        ("how", f"{manifest.method}, {manifest.format}, {manifest.compression}{', encrypted' if manifest.encryption else ''}"),
        ("size", size_text(manifest)),
        ("lies in", backup.location),
    ]
    rows += [("job", manifest.job)] if manifest.job else []
    rows += [("only", ", ".join(manifest.tables))] if manifest.tables else []
    rows += [("left out", f"{name}: {why}") for name, why in manifest.skipped]
    rows += [("unread", unread_text(key)) for key in backup.unread]
    return rows


def save_plan_lines(name: str, plan: SavePlan, settings: Settings) -> list[str]:
    """What would be saved and how."""
    size = f", about {format_bytes(plan.expected_bytes)}" if plan.expected_bytes is not None else ""
    how = [settings.compression.value, *(["encrypted"] if settings.encrypted else []), f"proof {settings.proof}"]
    lines = [f"back up {plan.source.database or name} of {name} by {plan.method}{size}", *(f"  {step}" for step in plan.steps)]
    lines += [f"  {', '.join(how)}", *(f"  to {address}" for address in settings.storages)]
    lines += [f"  left out: {what}: {why}" for what, why in plan.skipped]
    lines += [f"  mind: {warning}" for warning in plan.warnings]
    return lines


def saved_doubts(saved: Saved) -> list[str]:
    """What went wrong after a backup was committed."""
    faults = saved.verification.faults if saved.verification is not None else ()
    return [*(f"it is damaged: {fault}" for fault in faults), *(error.message for error in saved.doubts)]


def made_lines(saved: Saved) -> list[str]:
    """What was made, and what became of old ones."""
    manifest = saved.backup.manifest
    took = format_duration(manifest.duration_seconds)
    lines = [f"{saved.backup.id}  {saved.backup.state}  {size_text(manifest)}, took {took}", f"in {saved.backup.location}"]
    lines += [f"and in {copy.address}" + (f", {copy.backup.state}" if copy.backup.state.proven else "") for copy in saved.copies]
    lines += [f"made up for the copy of {copy.backup.id} in {copy.address}" for copy in saved.made_up]
    if saved.verification is not None:
        lines += [f"mind: {remark}" for remark in saved.verification.remarks]
    lines += _retained_lines(saved.retained, "")
    for copy in saved.copies:
        lines += _retained_lines(copy.retained, f" in {copy.address}")
    return lines


def _retained_lines(retained: Retained | None, where: str) -> list[str]:
    """What retention did in a storage."""
    if retained is None:
        return []
    freed = format_bytes(retained.freed_bytes)
    lines = [f"removed {format_counted(len(retained.removed), 'old backup')}{where}, {freed}"] if retained.removed else []
    return [*lines, f"nothing old is removed{where}: {retained.plan.refused}"] if retained.plan.refused else lines


def verified_lines(found: Verification, where: str) -> list[str]:
    """What a verification in a storage has found."""
    # Loaded where it is used: who draws a list needs none of it.
    from aishell_ops.backups.verify import Depth

    good = "is whole" if found.depth is not Depth.STORED else "has all its bytes and was not opened"
    word = good if found.is_whole else "is DAMAGED"
    lines = [f"{found.backup.id} {word} in {where} ({found.depth}, {format_duration(found.seconds)})"]
    lines += [f"  {fault}" for fault in found.faults]
    lines += [f"  mind: {remark}" for remark in found.remarks]
    return lines


def tested_lines(found: Drill) -> list[str]:
    """What a test restore has shown."""
    uncounted = "nothing was counted when it was saved, so nothing could be compared; where rows can be counted, --proof counts does that"
    proof = compared_text(found.comparison) if found.proves else uncounted
    head = f"{found.backup.id} restores: from {found.backup.location} into {found.place} in {format_duration(found.seconds)}"
    return [head, proof]


def compared_text(comparison: Comparison) -> str:
    """What was found the same."""
    hashed = f", {comparison.hashed} by their content" if comparison.hashed else ""
    return f"{format_counted(comparison.counted, 'table')} compared with what was saved{hashed}: the same"


def load_plan_lines(backup: Backup, target: str, plan: LoadPlan, expected_seconds: float | None) -> list[str]:
    """What a restore would do."""
    lines = [f"restore {backup.id} of {backup.manifest.source.target} into {plan.database} on {target}"]
    lines += [f"  writes {one}" for one in plan.writes]
    lines += [f"  LOSES  {one}" for one in plan.losses]
    if plan.needed_bytes is not None:
        free = "an unknown amount" if plan.free_bytes is None else format_bytes(plan.free_bytes)
        lines.append(f"  needs {format_bytes(plan.needed_bytes)} of room, and {free} is free")
    lines += [f"  {words}" for words in _version_words(backup, plan)]
    if expected_seconds is not None:
        lines.append(f"  takes about {format_duration(expected_seconds)}, by earlier restores")
    lines += fidelity_lines(plan.fidelity)
    lines += [f"  mind: {warning}" for warning in plan.warnings]
    lines += [f"  NOT POSSIBLE: {one}" for one in plan.obstacles]
    return lines


def _version_words(backup: Backup, plan: LoadPlan) -> list[str]:
    """Which versions come together: of what was saved, of the programs that restore it, of the server that takes it."""
    saved, tools = backup.manifest.source, " and ".join(f"{tool.name} {tool.version}" for tool in plan.tools)
    words = [f"saved from {saved.server_version}"] if saved.server_version else []
    words += [f"restored by {tools}"] if tools else []
    words += [f"into a server of {plan.server_version}"] if plan.server_version else []
    return [", ".join(words)] if words else []


def restored_lines(backup: Backup, target: str, done: Restored) -> list[str]:
    """What was restored."""
    lines = [f"restored {backup.id} into {done.database} on {target} in {format_duration(done.seconds)}"]
    if done.comparison.is_proof:
        lines.append(compared_text(done.comparison))
    elif not done.comparison.differences:
        lines.append("nothing was counted when it was saved, so nothing could be compared")
    lines += [f"  differs: {difference}" for difference in done.comparison.differences]
    return lines + fidelity_lines(done.fidelity)


def fidelity_lines(found: Sequence[ColumnFidelity]) -> list[str]:
    """What becomes of columns in another engine, the least true first; those that are exact are only counted."""
    if not found:
        return []
    order = tuple(Fidelity)
    told = sorted((each for each in found if each.fidelity is not Fidelity.EXACT), key=lambda each: -order.index(each.fidelity))
    lines = [f"  {len(found) - len(told)} columns are exact"]
    lines += [f"  {each}" for each in told[:_MOST_COLUMNS]]
    return [*lines, f"  and {len(told) - _MOST_COLUMNS} more; --json has them all"] if len(told) > _MOST_COLUMNS else lines


_MOST_COLUMNS = 40


@dataclass(frozen=True, slots=True)
class StepWords:
    """How far a step has come; each is "" where it cannot be told."""

    moved: str = ""
    stored: str = ""
    rate: str = ""
    left: str = ""


def step_words(step: Step, seconds: float) -> StepWords:
    """How far a step has come after so many seconds of its stage."""
    of = f" of about {format_bytes(step.expected_bytes)}" if step.expected_bytes else ""
    plain = f"{format_bytes(step.plain_bytes)}{of}" if step.plain_bytes else ""
    stored = f"{format_bytes(step.stored_bytes)} stored" if step.stored_bytes else ""
    moved = step.stored_bytes if step.stage is Stage.CHECKING else step.plain_bytes
    if not moved or seconds < _SETTLED_SECONDS:
        return StepWords(plain, stored)
    rate, left = moved / seconds, ""
    if step.expected_bytes and step.plain_bytes < step.expected_bytes and step.stage in _WITH_END:
        left = f"about {format_duration((step.expected_bytes - step.plain_bytes) / rate)} left"
    return StepWords(plain, stored, f"{format_bytes(rate)}/s", left)


def step_text(step: Step, seconds: float) -> str:
    """A step in one line."""
    words = step_words(step, seconds)
    told = (f"{step.stage:<10} {step.part}".rstrip(), words.moved, words.stored, words.rate, words.left, format_duration(seconds))
    return "  ".join(filter(None, told))


def done_ratio(step: Step) -> float | None:
    """The share that is done, as far as it can be told; never all of it before the end."""
    if not step.expected_bytes or step.stage not in _WITH_END:
        return None
    return min(step.plain_bytes / step.expected_bytes, 0.99)
