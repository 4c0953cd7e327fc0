"""What `aishell alerts list`, `show`, `history` and those that act print."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from aishell_core.units import format_counted, format_duration
from aishell_core.values import Severity, worst
from aishell_tui.cli.alert_shapes import (
    AlertChangeRow,
    AlertHistoryReport,
    AlertReport,
    AlertRow,
    AlertsReport,
    DeliveryRow,
    EvaluationRow,
    EvidenceRow,
    FigureRow,
    JudgeRow,
    SilenceRow,
    StepRow,
)
from aishell_tui.cli.encode import utc_text
from aishell_tui.cli.terminal import printable, record_table
from alerts.annotations import command_for, facts_of
from alerts.handling import Evaluation, Standing, holders_text
from alerts.models import Alert, AlertChange, Attempt, Evidence, Level, Phase, Silence
from alerts.notify.group_rows import OWN_PREFIX
from alerts.notify.text import value_text
from alerts.rule import Rule
from alerts.rules.matchers import format_matcher
from alerts.silences import OUT_OF_HOURS, is_active
from alerts.templates import render

_SHORT = 8
_NAMED = 10
_LIST = ("LEVEL", "STATE", "FOR", "ALERT", "TARGET", "VALUE", "OWNER", "ID")
_HISTORY = ("TIME", "WHAT", "LEVEL", "ALERT", "TARGET", "VALUE", "WHY", "ID")
_SEVERITIES = {Level.INFO: Severity.OK, Level.WARNING: Severity.WARNING, Level.CRITICAL: Severity.CRITICAL}


@dataclass(frozen=True, slots=True)
class OwnRules:
    """What is not in force of the rules that are configured here: those that nobody evaluates, and those that a holder has otherwise."""

    lacking: tuple[str, ...] = ()
    overruled: Mapping[str, str] = field(default_factory=dict)


ALL_IN_FORCE = OwnRules()


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of one alert."""

    alert: Alert
    evaluation: Evaluation
    rule: Rule | None = None
    evidence: Evidence | None = None
    deliveries: tuple[Attempt, ...] = ()
    changes: tuple[AlertChange, ...] = ()


def state_of(standing: Standing) -> Severity:
    """The worst of what fires and is not muted, whether a channel tells anybody or not; unknown when nobody evaluates."""
    told = [_SEVERITIES[alert.level] for alert in standing.alerts if alert.phase.is_active and not alert.is_muted]
    return worst([*told, *([] if standing.evaluation.is_alive and not standing.evaluation.unjudged else [Severity.UNKNOWN])])


def alerts_report(standing: Standing, shown: Iterable[Alert], now: float, own: OwnRules = ALL_IN_FORCE) -> AlertsReport:
    """The alerts as scripts get them."""
    silences = tuple(silence_row(each, now) for each in standing.silences)
    state = state_of(standing).value
    evaluation = replace(_evaluation(standing.evaluation), unjudged_rules=own.lacking, overruled_rules=tuple(own.overruled))
    return AlertsReport(utc_text(now), evaluation, state, tuple(map(alert_row, shown)), silences)


def _evaluation(found: Evaluation) -> EvaluationRow:
    judges = tuple(JudgeRow(each.holder, each.targets, each.rules) for each in found.judges)
    return EvaluationRow(
        found.is_alive or found.is_in_memory,
        found.holder,
        _moment(found.evaluated_at),
        found.unjudged,
        judges,
        in_memory=found.is_in_memory,
    )


def _moment(at: float | None) -> str | None:
    return None if at is None else utc_text(at)


def alert_row(alert: Alert) -> AlertRow:
    """One alert as scripts get it."""
    said = alert.acknowledgement
    return AlertRow(
        id=alert.fingerprint,
        rule=alert.rule,
        target=str(alert.key.target),
        labels=dict(alert.labels),
        phase=alert.phase.value,
        level=alert.level.value,
        health=alert.health.value,
        health_reason=alert.health_reason,
        value=alert.value,
        threshold=alert.threshold,
        unit=alert.unit,
        since=_moment(alert.since),
        fired_at=_moment(alert.fired_at),
        resolved_at=_moment(alert.resolved_at),
        owner=said.owner if said else None,
        note=said.note if said else None,
        acknowledged_at=_moment(said.at) if said else None,
        silenced_by=alert.silenced_by,
        inhibited_by=alert.inhibited_by,
        annotations=dict(alert.annotations),
    )


def silence_row(silence: Silence, now: float) -> SilenceRow:
    """One silence as scripts get it."""
    return SilenceRow(
        silence.id,
        tuple(map(format_matcher, silence.matchers)),
        utc_text(silence.starts_at),
        utc_text(silence.ends_at),
        silence.author,
        silence.comment,
        is_active(silence, now),
        silence.ended_by,
    )


def alerts_text(standing: Standing, shown: Sequence[Alert], now: float, own: OwnRules = ALL_IN_FORCE) -> str:
    """The alerts as people get them, who evaluates, and what is in force of the rules that are configured here."""
    lines, unjudged = [], frozenset(standing.evaluation.unjudged)
    if shown:
        cells = (_cells(each, now, is_judged=each.key.target not in unjudged) for each in shown)
        lines.append(record_table(_LIST, cells, uncut=(0, 2, len(_LIST) - 1), expendable=(6,)))
    else:
        lines.append("no alerts" if not standing.alerts else "no such alerts")
    hold = sum(is_active(silence, now) for silence in standing.silences)
    if hold:
        lines.append(f"{format_counted(hold, 'silence holds', 'silences hold')}; aishell alerts silences lists them")
    if any(is_left(each, standing.evaluation) for each in shown):
        lines.append("unjudged: as it was left, since nobody evaluates its target; nobody is reminded of it, and it does not end")
    lines.append(evaluation_text(standing.evaluation, now))
    if own.lacking:
        why = "whoever has their targets does not go by this configuration; a dashboard with it would"
        lines.append(printable(f"nobody evaluates the rules {_named(own.lacking)}: {why}"))
    if own.overruled:
        who = holders_text(own.overruled.values())
        lines.append(printable(f"in force as {who} has them, and not as configured here: {_named(tuple(own.overruled))}"))
    return "\n".join(lines)


def _named(rules: Sequence[str]) -> str:
    return ", ".join(rules[:_NAMED]) + (f" and {len(rules) - _NAMED} more" if len(rules) > _NAMED else "")


def is_left(alert: Alert, found: Evaluation) -> bool:
    """Whether an alert stands as it was left, because nobody evaluates its target now."""
    return alert.phase is not Phase.RESOLVED and str(alert.key.target) in found.unjudged


def _cells(alert: Alert, now: float, *, is_judged: bool) -> tuple[str, ...]:
    begun = _begun(alert)
    return (
        str(alert.level),
        state_text(alert, is_judged=is_judged)
        + (f", not told before {utc_text(alert.held_until)}" if alert.held_until is not None and alert.is_held(now) else ""),
        format_duration(max(0.0, now - begun)) if begun is not None else "",
        name_text(alert),
        str(alert.key.target) or "all",
        value_text(alert),
        alert.acknowledgement.owner if alert.acknowledgement else "",
        alert.fingerprint if alert.fingerprint.startswith(OWN_PREFIX) else alert.fingerprint[:_SHORT],
    )


def _begun(alert: Alert) -> float | None:
    """Since when it holds, as the screen counts; of one that is over, since when it is."""
    if alert.phase is Phase.RESOLVED:
        return alert.resolved_at
    return alert.since if alert.since is not None else alert.fired_at


def state_text(alert: Alert, *, is_judged: bool = True) -> str:
    """How an alert stands, in a word or two, or stood when somebody evaluated its target last."""
    quiet = _silenced_text(alert) if alert.silenced_by else "muted" if alert.inhibited_by else ""
    quiet = "" if alert.phase is Phase.RESOLVED else quiet
    health = "" if alert.health == "ok" else str(alert.health).replace("_", " ")
    left = "unjudged" if not is_judged and alert.phase is not Phase.RESOLVED else ""
    return " ".join(part for part in (str(alert.phase), quiet, health, left) if part)


def _silenced_text(alert: Alert) -> str:
    is_by_hours = all(each.startswith(OUT_OF_HOURS) for each in alert.silenced_by)
    return "outside its hours" if is_by_hours else "silenced"


def name_text(alert: Alert) -> str:
    """The rule, and the labels that tell its figure from the others of its target."""
    own = ", ".join(f"{name}={text}" for name, text in alert.key.labels)
    return f"{alert.rule} ({own})" if own else alert.rule


def evaluation_text(found: Evaluation, now: float) -> str:
    """Who evaluates, in one line."""
    last = "" if found.evaluated_at is None else f" {format_duration(max(0.0, now - found.evaluated_at))} ago"
    if found.is_in_memory:
        where = "in the memory of a dashboard on this machine alone, because the state folder takes nothing"
        return f"alerts are evaluated and told, but kept {where}: its screen has them; these are as they were{last}"
    if not found.is_alive:
        before = f"; the last evaluation was{last}" if last else ""
        return f"nobody evaluates alerts now, and nobody is told: open a dashboard{before}"
    by = f"evaluated by {_judges_text(found)}{f',{last}' if last else ''}"
    lost = f"\nnobody evaluates {', '.join(found.unjudged)} now: open a dashboard with it" if found.unjudged else ""
    return "\n".join(printable(line) for line in f"{by}{lost}".splitlines())


def _judges_text(found: Evaluation) -> str:
    """Those who evaluate, of several each with what is its share."""
    if len(found.judges) < 2:
        return holders_text([found.holder])
    shares = (
        (
            judge.holder,
            (format_counted(judge.targets, "target") if judge.targets else "", format_counted(judge.rules, "rule") if judge.rules else ""),
        )
        for judge in found.judges
    )
    return " and ".join(
        f"{holders_text([holder])} ({' and '.join(filter(None, share)) or 'figures across all targets'})" for holder, share in shares
    )


def history_report(changes: Sequence[AlertChange], since: float, until: float, *, is_truncated: bool) -> AlertHistoryReport:
    """What happened as scripts get it."""
    return AlertHistoryReport(utc_text(since), utc_text(until), tuple(map(_change, changes)), is_truncated)


def _change(change: AlertChange) -> AlertChangeRow:
    return AlertChangeRow(utc_text(change.at), change.kind.value, change.reason, alert_row(change.after))


def history_text(changes: Sequence[AlertChange], *, is_truncated: bool) -> str:
    """What happened as people get it, one on each line."""
    if not changes:
        return "nothing has happened"
    text = record_table(_HISTORY, map(_history_cells, changes), uncut=(0, 1, 2, len(_HISTORY) - 1), expendable=(2, 5))
    return f"{text}\nolder changes are left out; --last narrows the span" if is_truncated else text


def _history_cells(change: AlertChange) -> tuple[str, ...]:
    alert = change.after
    said = alert.acknowledgement.owner if alert.acknowledgement and change.kind == "acknowledged" else ""
    why = ": ".join(part for part in (said, change.reason) if part)
    what = change.kind.replace("_", " ")
    where = str(alert.key.target) or "all"
    return (utc_text(change.at), what, str(alert.level), name_text(alert), where, value_text(alert), why, alert.fingerprint[:_SHORT])


def alert_report(known: Known) -> AlertReport:
    """One alert as scripts get it."""
    rule = known.rule
    return AlertReport(
        alert_row(known.alert),
        _evaluation(known.evaluation),
        rule.reason if rule else "",
        runbook_of(known),
        steps_of(known),
        _evidence(known.evidence) if known.evidence else None,
        tuple(DeliveryRow(each.channel, each.group, utc_text(each.at), each.is_delivered, each.answer) for each in known.deliveries),
        tuple(map(_change, known.changes)),
    )


def runbook_of(known: Known) -> str:
    """Where the way out is written down."""
    return dict(known.alert.annotations).get("runbook") or (known.rule.runbook if known.rule else "")


def steps_of(known: Known) -> tuple[StepRow, ...]:
    """The first things to look at, with the alert's own names in them."""
    steps = known.rule.steps if known.rule else ()
    facts = facts_of(known.alert)
    return tuple(StepRow(render(step.text, facts), command_for(step.command, known.alert) if step.command else "") for step in steps)


def _evidence(found: Evidence) -> EvidenceRow:
    return EvidenceRow(
        utc_text(found.at),
        found.value,
        tuple(FigureRow(utc_text(at), value) for at, value in found.window),
        found.causes,
        found.statements,
        found.sessions,
        found.holders,
        found.lock_tree,
        found.events,
        found.setting_changes,
        found.last_backup,
        _moment(found.sessions_at),
        _moment(found.locks_at),
        _moment(found.statements_at),
    )
