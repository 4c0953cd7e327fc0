"""One alert in full, as lines: what it is, what was seen when it fired, what to do, who was told, what happened. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aishell_core.units import format_duration
from aishell_tui.alert_news import SEVERITIES, alert_words
from aishell_tui.screens.alert_rows import lasted_seconds, muted_by, own_labels, quantity, state_word
from aishell_tui.screens.fields import field_lines
from aishell_tui.text import moment_text
from alerts.annotations import command_for, facts_of
from alerts.models import Alert, AlertChange, Attempt, Evidence, Phase, Silence
from alerts.rule import Rule
from alerts.rules.book import BrokenRule
from alerts.templates import render
from widgets.format import wrap
from widgets.lines import Spans
from widgets.palette import Role, severity_role

_DELIVERIES = 10
_CHANGES = 20
_NOTE_CELLS = 8
_LEFT = "unjudged: it stands as it was left, because nobody evaluates its target now; it is judged again when a dashboard has the target"


@dataclass(frozen=True, slots=True)
class AlertFile:
    """All that is known of one alert; `evidence` is None where none was kept, or it is not read yet."""

    alert: Alert
    rule: Rule | None = None
    evidence: Evidence | None = None
    deliveries: tuple[Attempt, ...] = ()
    history: tuple[AlertChange, ...] = ()
    silences: tuple[Silence, ...] = ()
    others: tuple[Alert, ...] = ()
    is_judged: bool = True


def runbook_of(alert: Alert, rule: Rule | None) -> str:
    """Where the runbook is, "" where none is named."""
    return dict(alert.annotations).get("runbook") or (rule.runbook if rule is not None else "")


def detail_lines(known: AlertFile, now: float, width: int, rows: int) -> tuple[Spans, ...]:
    """The selected alert under the table, in so many lines: its sentence, who has it, why nobody is told, the first causes."""
    alert = known.alert
    words, lines = alert_words(alert), list[Spans]()
    if alert.phase is Phase.RESOLVED or len(words) > width - _NOTE_CELLS:  # else the row says it already
        lines += _told(words, width, severity_role(SEVERITIES[alert.level]) if alert.phase.is_active else "text")
    said = alert.acknowledgement
    if said is not None:
        lines += _told(f"{said.owner} took it on at {moment_text(said.at, now)}" + (f": {said.note}" if said.note else ""), width, "accent")
    lines += [line for text in muted_by(alert, known.silences, known.others) for line in _told(text, width, "label")]
    lines += [line for text in _held(known, now) for line in _told(text, width, "warning")]
    lines += _told(_LEFT, width, "unknown") if not known.is_judged else []
    if alert.health_reason:
        lines += _told(alert.health_reason, width, "unknown")
    causes = known.evidence.causes if known.evidence is not None else ()
    lines += [line for cause in causes for line in _told(f"▸ {cause}", width)]
    if len(lines) < rows and known.rule is not None and known.rule.reason:
        lines += _told(known.rule.reason, width, "dim")
    return tuple(lines[:rows])


def broken_lines(broken: BrokenRule) -> tuple[Spans, ...]:
    """Everything that is wrong with a rule, each with its line and a caret."""
    lines: list[Spans] = []
    for problem in broken.problems:
        lines.append(((f" {problem.place}", "label"), (f"  {problem.what}", "warning")))
        lines += [((f"   {line}", "text"),) for line in problem.excerpt.splitlines()]
        if problem.hint:
            lines.append(((f"   {problem.hint}", "dim"),))
    return tuple(lines)


def file_lines(known: AlertFile, now: float, width: int) -> tuple[Spans, ...]:
    """The page of an alert."""
    return (
        *_head(known, now, width),
        *_causes(known, now, width),
        *_steps(known, width),
        *_evidence(known, now, width),
        *_deliveries(known, now, width),
        *_history(known, now, width),
    )


def _head(known: AlertFile, now: float, width: int) -> Iterator[Spans]:
    alert = known.alert
    role = severity_role(SEVERITIES[alert.level]) if alert.phase.is_active else "text"
    yield from _told(alert_words(alert), width, role)
    seconds = lasted_seconds(alert, now)
    ago = " ago" if alert.phase is Phase.RESOLVED else ""
    labels = dict(alert.labels)
    fields = [
        ("", f"{alert.level} {state_word(alert, is_judged=known.is_judged)}"),
        ("value", quantity(alert.value, alert.unit)),
        ("limit", quantity(alert.threshold, alert.unit)),
        ("for", "–" if seconds is None else f"{format_duration(round(seconds))}{ago}"),
        ("since", moment_text(alert.since, now) if alert.since is not None else "–"),
        ("fired", moment_text(alert.fired_at, now) if alert.fired_at is not None else "not yet"),
        ("target", str(alert.key.target)),
        *((name, labels[name]) for name in ("engine", "role", "environment") if labels.get(name)),
        *((("of", own_labels(alert)),) if own_labels(alert) else ()),
        ("id", alert.fingerprint),
    ]
    yield from field_lines(tuple(fields), width)
    said = alert.acknowledgement
    if said is not None:
        yield from _told(
            f"{said.owner} took it on at {moment_text(said.at, now)}" + (f": {said.note}" if said.note else ""), width, "accent"
        )
    for text in muted_by(alert, known.silences, known.others):
        yield from _told(text, width, "label")
    for text in _held(known, now):
        yield from _told(text, width, "warning")
    if not known.is_judged:
        yield from _told(_LEFT, width, "unknown")
    if alert.health_reason:
        yield from _told(alert.health_reason, width, "unknown")
    if known.rule is not None and known.rule.reason:
        yield from _told(known.rule.reason, width, "dim")


def _held(known: AlertFile, now: float) -> Iterator[str]:
    """That nobody is told of it, because its rule says so, or that people are later, because it flaps."""
    alert = known.alert
    if known.rule is not None and known.rule.channels == ():
        yield "its rule has no channels: nobody is told"
    elif alert.held_until is not None and alert.is_held(now):
        yield f"it goes up and down: people are told at {moment_text(alert.held_until, now)}, as it stands then"


def _causes(known: AlertFile, now: float, width: int) -> Iterator[Spans]:
    found = known.evidence
    if found is not None:
        title = f"what was seen at {moment_text(found.read_at, now)}, the likeliest cause first"
        yield from _section(title, found.causes or ("nothing stands out",), width)
    elif known.alert.fired_at is not None:
        yield from _section("what was seen", ("n/a: nothing is kept of the moment it fired",), width)


def _evidence(known: AlertFile, now: float, width: int) -> Iterator[Spans]:
    found = known.evidence
    if found is None:
        return
    statements, sessions, locks = (
        "" if at is None else f", read at {moment_text(at, now)}" for at in (found.statements_at, found.sessions_at, found.locks_at)
    )
    for title, lines in (
        (f"lock tree{locks}", found.lock_tree),
        (f"longest sessions{sessions}", found.sessions),
        (f"who has the connections{sessions}", found.holders),
        (f"statements that took most time{statements}", found.statements),
        ("events of the hour before", found.events),
        ("changes of the day before", found.setting_changes),
    ):
        yield from _section(title, lines or ("none",), width)
    yield from _section("last backup", (found.last_backup,), width)
    yield from _section("the figure at the moment it fired and before", figure_lines(known), width)


def figure_lines(known: AlertFile) -> tuple[str, ...]:
    """The kept figure: what it was at the moment, and its course before in a line."""
    found, unit = known.evidence, known.alert.unit
    if found is None:
        return ()
    moment = f"{quantity(found.value, unit)} at the moment"
    if not found.window:
        return (f"{moment}, and nothing is kept of before",)
    values = [value for _at, value in found.window]
    span = format_duration(round(found.window[-1][0] - found.window[0][0]))
    # What a rule compares may be made of several figures; the window is of the first of them, in its own unit.
    course = f"{len(values)} points in {span} before: lowest {min(values):g}, highest {max(values):g}, last {values[-1]:g}"
    return (moment, course)


def _steps(known: AlertFile, width: int) -> Iterator[Spans]:
    runbook = runbook_of(known.alert, known.rule)
    steps = known.rule.steps if known.rule is not None else ()
    facts = facts_of(known.alert)
    lines: list[str] = []
    for number, step in enumerate(steps, 1):
        lines.append(f"{number}. {render(step.text, facts)}")
        lines += [f"   {command_for(step.command, known.alert)}"] if step.command else []
    if runbook:
        lines.append(f"runbook: {runbook}")
    if lines:
        yield from _section("first steps", lines, width)


def _deliveries(known: AlertFile, now: float, width: int) -> Iterator[Spans]:
    lines = [
        f"{moment_text(each.at, now)}  {each.channel}  {'delivered' if each.is_delivered else 'failed'}  {each.answer}".rstrip()
        for each in known.deliveries[:_DELIVERIES]
    ]
    yield from _section("who was told", lines or ("nobody",), width)


def _history(known: AlertFile, now: float, width: int) -> Iterator[Spans]:
    lines = [
        f"{moment_text(each.at, now)}  {str(each.kind).replace('_', ' ')}" + (f"  {each.reason}" if each.reason else "")
        for each in known.history[:_CHANGES]
    ]
    if lines:
        yield from _section("what happened", lines, width)


def _section(title: str, lines: Iterable[str], width: int) -> Iterator[Spans]:
    yield ()
    yield ((f" {title}", "title"),)
    for line in lines:
        indent = len(line) - len(line.lstrip())
        for part in wrap(line.strip(), max(20, width - 4 - indent)) or [""]:
            yield ((f"   {' ' * indent}{part}", "text"),)


def _told(text: str, width: int, role: Role = "text") -> list[Spans]:
    return [((f" {line}", role),) for line in wrap(text, max(20, width - 2))]
