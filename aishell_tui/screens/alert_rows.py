"""Alerts and broken rules as table rows: what fires first, then what is about to, what is over, and what cannot be evaluated. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from aishell_core.documents.problems import Problem
from aishell_core.units import format_counted, format_duration, format_value
from aishell_core.values import Severity, TargetId, Unit
from aishell_tui.alert_company import evaluator_text, nobody_text, variance_texts
from aishell_tui.alert_news import LEVEL_WORDS, SEVERITIES, alert_words, firing, level_counts
from aishell_tui.text import moment_text
from alerts.models import Alert, Attempt, Fingerprint, Health, Phase, Silence
from alerts.notify.models import ChannelState
from alerts.ports import AlertsView
from alerts.rules.book import BrokenRule, RuleBook
from alerts.silences import MAINTENANCE, OUT_OF_HOURS
from widgets.heading import Heading
from widgets.lines import Span
from widgets.palette import Role, severity_role
from widgets.table_model import Cell, Column, Row

BROKEN = "rule:"
"""What the id of a row of a broken rule begins with; its place in the book follows."""

COLUMNS: tuple[Column, ...] = (
    Column("level", "LEVEL", 5, help="How much it matters"),
    Column("state", "STATE", 8, help="firing, pending, clearing, silenced, outside (of its hours), muted, no data, over, or broken"),
    Column("alert", "ALERT", None, 10, help="The rule's name"),
    Column("target", "TARGET", 10, help="Which target"),
    Column("labels", "OF", 24, priority=8, help="Which figure of it"),
    Column("value", "VALUE", 8, align="right", help="The figure now"),
    Column("limit", "LIMIT", 8, align="right", priority=3, help="What it is compared with"),
    Column("since", "FOR", 6, align="right", priority=1, help="How long it has held, or how long ago it ended"),
    Column("owner", "OWNER", 6, priority=2, help="Who has taken it on"),
    Column("told", "TOLD", 6, priority=4, help="Who was told, that some could not be, or when people are told of what flaps"),
)
WIDE_CELLS = 120
_WIDER = {"target": 20, "value": 9, "limit": 9, "owner": 14, "told": 14}
_IN_NOTE = frozenset({"labels", "owner", "told"})
_COMMON = frozenset({"alertname", "target", "engine", "role", "environment", "severity"})

Tries = tuple[Attempt, ...]
"""The last try to tell of an alert on each channel, the newest first."""
Deliveries = Mapping[Fingerprint, Tries]


def alert_columns(cells: int) -> tuple[Column, ...]:
    """The columns, with more room for names where there is some; where there is little, who has it and was told stands in the note."""
    if cells < WIDE_CELLS:
        return tuple(column for column in COLUMNS if column.key not in _IN_NOTE)
    widths = {column.key: _WIDER.get(column.key, column.width) for column in COLUMNS}
    return tuple(Column(each.key, each.title, widths[each.key], each.min_width, each.align, each.priority, each.help) for each in COLUMNS)


def quantity(value: float | None, unit: str) -> str:
    """A figure in its unit, `–` where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    try:
        return format_value(value, Unit(unit))
    except ValueError:
        return f"{value:g} {unit}".strip()


def own_labels(alert: Alert) -> str:
    """The labels that tell this instance from others of its rule and target."""
    return ", ".join(f"{name}={value}" for name, value in alert.key.labels if name not in _COMMON)


def is_judged_now(alert: Alert, view: AlertsView) -> bool:
    """Whether an alert is over, or somebody evaluates its target; else it stands as it was left."""
    return alert.phase is Phase.RESOLVED or str(alert.key.target) not in view.evaluation.unjudged


def state_word(alert: Alert, *, is_judged: bool = True) -> str:
    """Where it is in its life, in a word of at most eight letters."""
    if not is_judged and alert.phase is not Phase.RESOLVED:
        return "unjudged"
    if alert.phase.is_active:
        if alert.silenced_by:
            return "outside" if all(each.startswith(OUT_OF_HOURS) for each in alert.silenced_by) else "silenced"
        if alert.inhibited_by:
            return "muted"
        if alert.health is not Health.OK:
            return str(alert.health).replace("_", " ")
        return "clearing" if alert.phase is Phase.RECOVERING else "firing"
    return {Phase.PENDING: "pending", Phase.RESOLVED: "over"}.get(alert.phase, str(alert.phase))


def lasted_seconds(alert: Alert, now: float) -> float | None:
    """How long it has held; of one that is over, how long ago it ended."""
    begun = alert.resolved_at if alert.phase is Phase.RESOLVED else alert.since if alert.since is not None else alert.fired_at
    return None if begun is None else max(0.0, now - begun)


def alert_row(alert: Alert, now: float, tries: Tries = (), *, wide: bool = False, is_judged: bool = True, tells: bool = True) -> Row:
    """One alert; its sentence stands under it while it is not over, with which figure it is of, who has it and who was told where no
    column says so. Without a judge it is shown as it was left. Its rule tells nobody where it does not `tells`.
    """
    active = alert.phase.is_active
    severity = SEVERITIES[alert.level]
    role: Role = severity_role(severity) if active and not alert.is_muted else "dim"
    owner = alert.acknowledgement
    told = tuple(each for each in tries if alert.fired_at is None or each.at >= alert.fired_at)
    cells = {
        "level": Cell(LEVEL_WORDS[alert.level], role, float(alert.level.rank)),
        "state": Cell(state_word(alert, is_judged=is_judged), "unknown" if not is_judged else "text" if active else "dim"),
        "alert": Cell(alert.rule, "bold" if active and not alert.is_muted else "text"),
        "target": Cell(alert.key.target),
        "labels": Cell(own_labels(alert), "label"),
        "value": Cell(quantity(alert.value, alert.unit), role, math.nan if alert.value is None else alert.value),
        "limit": Cell(quantity(alert.threshold, alert.unit), "dim", math.nan if alert.threshold is None else alert.threshold),
        "since": _since(alert, now),
        "owner": Cell(owner.owner if owner is not None else "–", "accent" if owner is not None else "dim"),
        "told": _told(alert, told, now, tells=tells),
    }
    words, known = alert_words(alert), _known_by(alert, told, now, tells=tells) if not wide else ""
    own = "" if wide else own_labels(alert)
    has_note = own or alert.is_held(now) or (alert.phase is not Phase.RESOLVED and (words != alert.rule or known))
    said = words if not own or (words != alert.rule and alert.phase is not Phase.RESOLVED) else ""
    note: tuple[Span, ...] = tuple(span for span in ((f"{own}  " if said else own, "label"), (said, role)) if span[0]) if has_note else ()
    right: Span | None = (known, "label") if has_note and known else None
    return Row(alert.fingerprint, cells, note=note, note_right=right, severity=_mark(alert, severity))


def _known_by(alert: Alert, told: Tries, now: float, *, tells: bool) -> str:
    """Who has taken it on, when people are told of what flaps, and who was told, in a few words."""
    owner = alert.acknowledgement.owner if alert.acknowledgement is not None else ""
    held = ""
    if alert.held_until is not None and alert.is_held(now):
        held = f"flaps, told at {moment_text(alert.held_until, now)}" if tells else "flaps"
    heard = [each.channel for each in told if each.is_delivered]
    failed = [f"{each.channel} failed" for each in told if not each.is_delivered]
    return ", ".join(filter(None, (owner, held, f"told {_some(heard)}" if heard else "", *failed[:1], _more(failed))))


def _some(channels: Sequence[str]) -> str:
    return channels[0] if len(channels) == 1 else f"{channels[0]} +{len(channels) - 1}"


def _more(failed: Sequence[str]) -> str:
    return f"{len(failed) - 1} more failed" if len(failed) > 1 else ""


def _mark(alert: Alert, severity: Severity) -> Severity | None:
    """The glyph in front: none as long as nothing has happened yet."""
    if alert.phase is Phase.RESOLVED:
        return Severity.OK
    return severity if alert.phase.is_active else None


def _told(alert: Alert, told: Tries, now: float, *, tells: bool) -> Cell:
    failed = sum(not each.is_delivered for each in told)
    if failed:
        return Cell("failed" if failed == len(told) else f"{failed} of {len(told)} failed", "critical")
    if not tells and not told:
        return Cell("nobody", "dim")
    if alert.held_until is not None and alert.is_held(now):
        return Cell(f"at {moment_text(alert.held_until, now)}", "warning")
    return Cell(_some([each.channel for each in told]), "text") if told else Cell("–", "dim")


def broken_row(place: int, broken: BrokenRule) -> Row:
    """A rule that is not evaluated, with the first thing that is wrong with it."""
    problem = broken.problems[0] if broken.problems else Problem("", "it cannot be read")
    cells = {
        "level": Cell("–", "dim"),
        "state": Cell("broken", "warning"),
        "alert": Cell(broken.name, "bold"),
        "target": Cell(problem.place.rpartition("/")[2], "label"),
    }
    return Row(f"{BROKEN}{place}", cells, note=((problem.what, "warning"),), severity=Severity.WARNING)


def last_tries(attempts: Iterable[Attempt]) -> dict[Fingerprint, Tries]:
    """By alert, the last try on each channel, out of tries that come newest first."""
    found: dict[Fingerprint, dict[str, Attempt]] = {}
    for attempt in attempts:
        for name in attempt.fingerprints:
            found.setdefault(name, {}).setdefault(attempt.channel, attempt)
    return {name: tuple(by_channel.values()) for name, by_channel in found.items()}


class AlertRows:
    """Makes the rows, anew only for alerts that changed: a thousand of them must not hold up a key."""

    def __init__(self) -> None:
        self._made: dict[Fingerprint, tuple[Alert, Tries, tuple[bool, bool, bool, bool], Row]] = {}

    def rows(self, view: AlertsView, now: float, told: Deliveries, *, wide: bool = False) -> list[Row]:
        """All rows: what fires, broken rules, what is about to fire, what is over."""
        before, self._made = self._made, {}
        active: list[Row] = []
        others: list[Row] = []
        unjudged = frozenset(view.evaluation.unjudged)
        silent = frozenset(rule.name for rule in view.book.rules if rule.channels == ()) if view.book is not None else frozenset()
        for alert in view.alerts:
            is_judged = alert.key.target not in unjudged
            looks = wide, is_judged, alert.is_held(now), alert.rule not in silent
            known, sent = before.get(alert.fingerprint), told.get(alert.fingerprint, ())
            if known is not None and known[0] is alert and known[1] is sent and known[2] == looks:
                row = _aged(known[3], alert, now)
            else:
                row = alert_row(alert, now, sent, wide=wide, is_judged=is_judged, tells=alert.rule not in silent)
            self._made[alert.fingerprint] = (alert, sent, looks, row)
            (active if alert.phase.is_active else others).append(row)
        return [*active, *(broken_row(place, broken) for place, broken in enumerate(view.broken)), *others]


def _since(alert: Alert, now: float) -> Cell:
    seconds = lasted_seconds(alert, now)
    role: Role = "text" if alert.phase.is_active else "dim"
    return Cell("–" if seconds is None else format_duration(round(seconds)), role, seconds and round(seconds))


def _aged(row: Row, alert: Alert, now: float) -> Row:
    cell = _since(alert, now)
    return row if row.cells["since"] == cell else replace(row, cells={**row.cells, "since": cell})


def alerts_heading(view: AlertsView | None, note: str = "", targets: Collection[TargetId] | None = None) -> Heading:
    """How many fire, how many rules there are, and who evaluates them; that nobody does stands where staleness does.

    How many of them are of others than `targets`, if those are all that is shown here, is said: the title does not count them.
    """
    if view is None or not view.is_ready:
        return Heading("alerts", ((note or "the rules are being loaded …", "dim"),))
    counts: list[Span] = [
        (f"{count} {LEVEL_WORDS[level]}  ", severity_role(SEVERITIES[level])) for level, count in level_counts(firing(view.alerts)).items()
    ]
    others = 0 if targets is None else sum(alert.key.target not in targets for alert in firing(view.alerts))
    counts += [(f"({others} of targets not shown here)  ", "label")] if others else []
    told = sum(alert.phase.is_active and alert.is_muted for alert in view.alerts)
    counts += [(f"{told} muted  ", "label")] if told else []
    rules = format_counted(len(view.book.rules), "rule")
    broken = f", {len(view.broken)} broken" if view.broken else ""
    return Heading("alerts", (*counts, (rules, "label"), (broken, "warning")), evaluator_text(view), nobody_text(view))


def channels_text(states: Iterable[ChannelState]) -> str:
    """Which channels do not take messages, and how many messages were given up, in one line; "" while all is well."""
    failing = [
        f"{each.channel} takes no messages ({each.queued} wait" + (f", {each.dead} given up)" if each.dead else ")")
        for each in states
        if each.failing_since is not None
    ]
    return "; ".join(failing)


def trouble_text(view: AlertsView, states: Iterable[ChannelState] = ()) -> str:
    """What is wrong with the keeping, telling or configuring of alerts, in one line."""
    if view.note:
        return view.note
    if lost := channels_text(states):
        return lost
    wrong: list[str] = [*(each.line_text for each in (*view.book.faults, *view.book.warnings)), *variance_texts(view)]
    if not wrong:
        return ""
    return wrong[0] + (f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else "")


def empty_text(view: AlertsView | None, book: RuleBook | None) -> str:
    """Why there are no rows."""
    if view is None or book is None or not view.is_ready:
        return "the rules are being loaded"
    if not book.settings.is_enabled:
        return "alerts are switched off: alerts: {enabled: false} in the configuration"
    if not book.rules:
        return "there are no rules: alerts: {builtin: [...]} or {rules: [...]} in the configuration"
    return "nothing fires, and nothing did in the last quarter of an hour"


def muted_by(alert: Alert, silences: Iterable[Silence], alerts: Iterable[Alert]) -> list[str]:
    """Why nobody is told of an alert, in sentences."""
    known = {silence.id: silence for silence in silences}
    names = {other.fingerprint: other for other in alerts}
    found = []
    for each in alert.silenced_by:
        silence = known.get(each)
        if silence is not None:
            found.append(f"silenced by {silence.author}" + (f": {silence.comment}" if silence.comment else "") + f" ({silence.id})")
        elif each.startswith(MAINTENANCE):
            found.append(f"in the maintenance {each.removeprefix(MAINTENANCE)}")
        else:
            found.append("outside of its active hours" if each.startswith(OUT_OF_HOURS) else f"silenced by {each}")
    for fingerprint in alert.inhibited_by:
        other = names.get(fingerprint)
        found.append(f"muted by {other.rule} on {other.key.target}" if other is not None else "muted by another alert")
    return found
