"""Backups in lines: each target with its last good one and its next run, what runs now, and one backup in full. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aishell_core.units import format_duration
from aishell_core.values import Severity
from aishell_tui.backup_tasks import Job, Phase
from aishell_tui.backup_text import copy_rows, done_ratio, fact_rows, local_text, step_words
from aishell_tui.screens.backups_rows import state_look
from widgets.format import bar, wrap
from widgets.glyphs import Glyphs
from widgets.lines import Span, Spans
from widgets.palette import Role, severity_role

if TYPE_CHECKING:
    # Loaded with what works on backups, when a screen of them is opened.
    from aishell_core.errors import AishellError
    from aishell_ops.backups.book import Run
    from aishell_ops.backups.models import Backup
    from aishell_ops.backups.progress import Step
    from aishell_ops.backups.unmade import Unmade
    from aishell_tui.backup_keeps import Keeps
    from aishell_tui.backup_shelf import Copies
    from aishell_tui.backup_view import BackupsView

_BAR_CELLS = 10
_MOST_OBJECTS = 200
_BAD_OUTCOMES = frozenset({"failed", "interrupted"})
_PHASES: dict[Phase, tuple[Severity, str]] = {
    Phase.DONE: (Severity.OK, "done"),
    Phase.DOUBTFUL: (Severity.WARNING, "mind"),
    Phase.FAILED: (Severity.CRITICAL, "FAILED"),
    Phase.CANCELLED: (Severity.UNKNOWN, "cancelled"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a target stands: its last good backup, its newest one at all, when the next is made, the last run if it went wrong, and
    what retention keeps.
    """

    target: str
    good: Backup | None = None
    newest: Backup | None = None
    next_at: float | None = None
    schedule: str = ""
    failed: Run | None = None
    keeps: Keeps | None = None

    @property
    def severity(self) -> Severity:
        """How bad that is."""
        if self.failed is not None:
            return Severity.CRITICAL
        return Severity.OK if self.good is not None else Severity.WARNING


def standing_of(view: BackupsView, target: str) -> Standing:
    """How one target stands."""
    mine = [each.backup for each in view.copies if each.backup.manifest.source.target == target]
    due = [one for one in view.schedules if target in one.targets]
    starts = [(one.next_at, one.name) for one in due if one.next_at is not None]
    next_at, schedule = min(starts) if starts else (None, "")
    last = [one.last for one in due if one.last is not None and one.last.target == target]
    newest_run = max(last, key=lambda run: run.started_at, default=None)
    return Standing(
        target,
        next((backup for backup in mine if backup.state.proven), None),
        next((backup for backup in mine if backup.state.restorable), None),
        next_at,
        schedule,
        newest_run if newest_run is not None and newest_run.outcome.value in _BAD_OUTCOMES else None,
        view.keeps.get(target),
    )


def standing_lines(standings: Sequence[Standing], now: float, rows: int, glyphs: Glyphs) -> tuple[Spans, ...]:
    """A line for each target, the worst first; of more than there is room for the last line says how many."""
    ordered = sorted(standings, key=lambda one: -one.severity.rank)
    shown = ordered if len(ordered) <= rows else ordered[: rows - 1]
    name_cells = max((len(one.target) for one in shown), default=0)
    lines = [_standing_line(one, now, name_cells, glyphs) for one in shown]
    left = len(ordered) - len(shown)
    return (*lines, ((f"   and {left} more targets", "dim"),)) if left else tuple(lines)


def _standing_line(one: Standing, now: float, name_cells: int, glyphs: Glyphs) -> Spans:
    role = severity_role(one.severity)
    spans: list[Span] = [(f" {glyphs.severity(one.severity)} ", role), (f"{one.target:<{name_cells}}  ", "bold")]
    if one.good is not None:
        age = format_duration(max(0.0, float(round(now - one.good.manifest.started_at))))
        spans += [("last good ", "label"), (f"{age} ago", "bold"), (f" {one.good.state}", "label")]
    else:
        spans.append(("no good backup", "warning"))
    if one.newest is not None and one.newest is not one.good:
        age = format_duration(max(0.0, float(round(now - one.newest.manifest.started_at))))
        spans.append((f", one {age} ago is not verified", "label"))
    if one.failed is not None:
        why = f": {one.failed.message}" if one.failed.message else ""
        spans.append((f"   {one.failed.schedule} {one.failed.outcome}{why}", "critical"))
    if one.next_at is not None:
        spans.append((f"   next in {format_duration(max(0.0, float(round(one.next_at - now))))} by {one.schedule}", "label"))
    else:
        spans.append(("   not scheduled", "dim"))
    if one.keeps is not None:
        spans.append((f"   {_keeps_text(one.keeps)}", "label"))
    return tuple(spans)


def _keeps_text(keeps: Keeps) -> str:
    going = f", {keeps.going} to go" if keeps.going else ""
    return f"retention {keeps.rules}, keeps {keeps.kept}{going}" if keeps.rules else f"no retention, keeps all {keeps.kept}"


def job_lines(
    running: Sequence[Job], over: Sequence[Job], others: Iterable[Unmade], now: float, rows: int, glyphs: Glyphs
) -> tuple[Spans, ...]:
    """What runs here, what schedules and other programs make, and how the last ones ended."""
    lines = [_running_line(job, glyphs) for job in running]
    lines += [_other_line(one, now, glyphs) for one in others]
    lines += [_over_line(job, glyphs) for job in over]
    return tuple(lines[:rows])


def _running_line(job: Job, glyphs: Glyphs) -> Spans:
    spans: list[Span] = [(" running  ", "accent"), (f"{job.title}  ", "bold")]
    if job.step is None:
        return (*spans, (f"beginning  {format_duration(float(round(job.seconds)))}", "label"))
    return (*spans, *_step_spans(job.step, job.stage_seconds, f"for {format_duration(float(round(job.seconds)))}", glyphs))


def _other_line(one: Unmade, now: float, glyphs: Glyphs) -> Spans:
    """What somebody else makes, as far as it was told last."""
    spans: list[Span] = [(" running  ", "accent"), (f"back up {one.target}  ", "bold")]
    who = f"by {one.job}" if one.job else f"by {one.holder}" if one.holder is not None else "elsewhere"
    lasted = f"{who}, for {format_duration(max(0.0, float(round(now - one.begun_at))))}"
    if one.step is None or one.stepped_at is None:
        return (*spans, (lasted, "label"))
    return (*spans, *_step_spans(one.step, one.stepped_at - one.begun_at, lasted, glyphs))


def _step_spans(step: Step, seconds: float, lasted: str, glyphs: Glyphs) -> Iterator[Span]:
    yield (f"{step.stage}  ", "text")
    ratio = done_ratio(step)
    if ratio is not None:
        yield (bar(ratio, _BAR_CELLS, glyphs).replace(" ", glyphs.track), "bar")
        yield (f" {ratio * 100:.0f}%  ", "bold")
    # A narrow terminal cuts the end: what somebody waits for stands first.
    words = step_words(step, seconds)
    yield ("  ".join(filter(None, (words.left, words.rate, words.moved, words.stored, lasted))), "label")


def _over_line(job: Job, glyphs: Glyphs) -> Spans:
    severity, word = _PHASES[job.phase]
    role: Role = severity_role(severity)
    text = job.text if not job.hint else f"{job.text}; {job.hint.splitlines()[0]}"
    return ((f" {glyphs.severity(severity)} {word}  ", role), (f"{job.title}  ", "bold"), (text, "label"))


def fault_lines(trouble: AishellError | None, view: BackupsView | None, width: int) -> tuple[Spans, ...]:
    """What could not be looked at, and why; and what somebody has to look at before anything old is removed."""
    faults = [*([trouble] if trouble is not None else []), *(view.faults if view is not None else ())]
    lines: list[Spans] = []
    for fault in faults:
        lines += [((f" {line}", "critical"),) for line in wrap(f"not read: {fault.message}", max(20, width - 2))]
        lines += [((f"   {line}", "label"),) for line in fault.hint.splitlines()]
    for drop in view.drops if view is not None else ():
        lines += [((f" {line}", "warning"),) for line in wrap(f"{drop.after.manifest.source.target}: {drop}", max(20, width - 2))]
    return tuple(lines)


def empty_text(view: BackupsView | None, trouble: AishellError | None, *, may_act: bool) -> str:
    """What is said where there is no row."""
    if view is None:
        return "n/a: backups could not be looked for" if trouble is not None else "looking into the storages …"
    if view.faults:
        return "n/a: what lies in a storage that cannot be read is not known"
    return "there are no backups yet" + (": b makes one" if may_act else "")


def page_lines(copies: Copies, now: float, width: int) -> tuple[Spans, ...]:
    """One backup with all that is known of it."""
    backup, room = copies.backup, max(20, width - 14)
    role = state_look(backup.state)[1]
    lines: list[Spans] = []
    for title, text in fact_rows(backup, now):
        first, *more = wrap(text, room) or [""]
        lines.append(((f" {title:<10} ", "label"), (first, role if title == "backup" else "text")))
        lines += [((" " * 12, "text"), (line, "text")) for line in more]
    for one in copies.lies[1:]:
        lines.append(
            ((f" {'and in':<10} ", "label"), (f"{one.address}  ", "text"), (one.backup.state.value, state_look(one.backup.state)[1]))
        )
    for title, text in copy_rows(copies)[len(copies.lies) - 1 :]:
        first, *more = wrap(text, room) or [""]
        lines.append(((f" {title:<10} ", "label"), (first, "critical" if title else "label")))
        lines += [((" " * 12, "text"), (line, "label")) for line in more]
    return (*lines, *_proof_lines(backup), *_record_lines(backup))


def _proof_lines(backup: Backup) -> tuple[Spans, ...]:
    objects = backup.manifest.objects
    if not objects:
        return ((), ((" nothing was counted when it was saved", "dim"),))
    cells = max(len(one.name) for one in objects)
    lines: list[Spans] = [(), ((f" {'HOLDS':<{cells}}  {'ROWS':>14}  HASH", "header"),)]
    for one in objects[:_MOST_OBJECTS]:
        rows = "–" if one.rows is None else f"{one.rows:,}"
        lines.append(((f" {one.name:<{cells}}  ", "text"), (f"{rows:>14}  ", "bold"), ((one.content_hash or "")[:16], "dim")))
    left = len(objects) - _MOST_OBJECTS
    return (*lines, ((f" and {left} more", "dim"),)) if left > 0 else tuple(lines)


def _record_lines(backup: Backup) -> tuple[Spans, ...]:
    if not backup.records:
        return ((), ((" nothing is known of it since: v verifies it, T restores it for a test", "dim"),))
    lines: list[Spans] = [(), ((" SINCE", "header"),)]
    for record in reversed(backup.records):
        took = f" in {format_duration(record.seconds)}" if record.seconds is not None else ""
        by = f" by {record.by}" if record.by else ""
        detail = f": {record.detail}" if record.detail else ""
        bad = record.kind.value in {"damaged", "test_failed"}
        lines.append(
            (
                (f" {local_text(record.at)}  ", "dim"),
                (record.kind.value.replace("_", " "), "critical" if bad else "ok"),
                (f"{took}{by}{detail}", "text"),
            )
        )
    return tuple(lines)
