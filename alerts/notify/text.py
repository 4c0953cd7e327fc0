"""What people read: what, where, since when, value against threshold, first causes, where to look. Pure; at most 80 columns."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from aishell_core.units import format_counted, format_duration, format_value
from aishell_core.values import Labels, TargetId, Unit
from alerts.annotations import command_for, facts_of
from alerts.models import Alert, Evidence, Fingerprint, Level
from alerts.notify.group_rows import OWN_PREFIX
from alerts.notify.grouping import Decision, Group, Member, Why
from alerts.notify.personal import harmless
from alerts.rule import Rule
from alerts.templates import render

COLUMNS = 80
NAMED = 20
"""So many alerts of a group are named; the rest is counted."""
_CAUSES = 3
_STEPS = 3
_PLACES = ("alertname", "target", "engine", "role", "environment", "severity")
_TITLE = 200
_LATE_SECONDS = 120.0
_OPENED = "It was over before this could be told. It is opened so that it is known, and closed at once: nothing has to be done."


def title_of(decision: Decision) -> str:
    """One line: how bad, what, where; `[RESOLVED]` when all of it is over, `[CRITICAL, OVER]` where that was not told before."""
    told = decision.firing or decision.opened or decision.over or decision.kept
    mark = _mark(decision)
    if len(told) == 1:
        alert = told[0].alert
        return f"{mark} {_name(alert)} on {_target(alert.key.target)}{_figure(alert.key.labels)}"[:_TITLE]
    names = {_raw_name(member.alert) for member in told}
    targets = {member.alert.key.target for member in told}
    what = harmless(names.pop()) if len(names) == 1 else format_counted(len(names), "rule")
    where = _target(targets.pop()) if len(targets) == 1 else format_counted(len(targets), "target")
    shared = set(told[0].alert.key.labels).intersection(*(member.alert.key.labels for member in told)) if told else set()
    return f"{mark} {format_counted(len(told), 'alert')}: {what} on {where}{_figure(tuple(sorted(shared)))}"[:_TITLE]


def body_of(decision: Decision, rules: Mapping[str, Rule], evidence: Mapping[Fingerprint, Evidence], now: float, note: str = "") -> str:
    """All of a message but its title; `note` is a sentence that comes first, `now` epoch seconds."""
    over = decision.over or decision.opened
    if len(decision.firing) + len(over) == 1:
        member = (decision.firing or over)[0]
        blocks = _one(member, rules.get(member.alert.rule), evidence.get(member.alert.fingerprint), now)
    else:
        blocks = _many(decision, rules, evidence, now)
    opening = note or (_OPENED if decision.opened else "Still firing." if decision.why is Why.REPEAT else "")
    return "\n\n".join(block for block in (_wrapped(opening), *blocks) if block)


def digest_of(parts: Sequence[tuple[Group, Decision]]) -> tuple[str, str]:
    """Title and body of one message for many groups, for a channel that may not have that many messages."""
    decisions = [decision for _group, decision in parts]
    firing = [member for decision in decisions for member in decision.firing]
    over = [member for decision in decisions for member in decision.over]
    worst = level_of(firing)
    mark = f"[{worst.upper()}]" if firing else "[RESOLVED]"
    title = f"{mark} {format_counted(len(parts), 'group')}: {len(firing)} firing, {len(over)} over"
    ranked = sorted(parts, key=lambda part: -max((member.alert.level.rank for member in part[1].firing), default=0))
    lines = [_wrapped(f"- {title_of(decision)}", "  ") for _group, decision in ranked[:NAMED]]
    if len(ranked) > NAMED:
        lines.append(f"- and {format_counted(len(ranked) - NAMED, 'more group')}")
    opening = _wrapped("More happened than this channel may be told of one by one; here it is in short.")
    return title, "\n\n".join([opening, "\n".join(lines), "Look closer\n  aishell alerts list"])


def level_of(members: Iterable[Member]) -> Level:
    """The worst level; info of none."""
    return max((member.alert.level for member in members), key=lambda level: level.rank, default=Level.INFO)


def value_text(alert: Alert) -> str:
    """The value against its threshold, such as `95%, threshold 90%`; "" where the rule compares nothing."""
    if alert.value is None:
        return ""
    against = "" if alert.threshold is None else f", threshold {_quantity(alert.threshold, alert.unit)}"
    return f"{_quantity(alert.value, alert.unit)}{against}"


def moment(at: float) -> str:
    """A time for people anywhere: 2026-11-21 18:40:02 UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def annotation(alert: Alert, name: str) -> str:
    """One of an alert's own texts, fit to be sent; "" where it has none of that name."""
    return harmless(dict(alert.annotations).get(name, ""))


def _mark(decision: Decision) -> str:
    if decision.opened and not decision.firing:
        return f"[{level_of(decision.opened).upper()}, OVER]"
    firing = decision.firing or decision.kept
    return f"[{level_of(firing).upper()}]" if firing else "[RESOLVED]"


def late_note(made_at: float, now: float) -> str:
    """A sentence for a message that was written long before it leaves, "" for one that was not; both epoch seconds."""
    late = now - made_at
    if late < _LATE_SECONDS:
        return ""
    return _wrapped(f"Written at {moment(made_at)} and held up for {format_duration(round(late))}: all below is as it was then.")


def _figure(labels: Labels) -> str:
    """Which of a target's figures, in brackets; "" where it has one alone."""
    own = harmless(", ".join(f"{name}={value}" for name, value in labels if name not in _PLACES))
    return f" ({own})" if own else ""


def _target(name: TargetId) -> str:
    return harmless(name) or "all targets"


def _raw_name(alert: Alert) -> str:
    return dict(alert.labels).get("alertname", alert.rule)


def _name(alert: Alert) -> str:
    return harmless(_raw_name(alert))


def _quantity(value: float, unit: str) -> str:
    if not math.isfinite(value):
        return "n/a"
    try:
        return format_value(value, Unit(unit))
    except ValueError:
        return f"{value:g} {harmless(unit)}".strip()


def _wrapped(text: str, further: str = "", *, first: str = "") -> str:
    """Lines of at most 80 columns; a word that is longer, such as a command or a URL, is left whole."""
    wrapper = textwrap.TextWrapper(COLUMNS, initial_indent=first, subsequent_indent=further, break_long_words=False, break_on_hyphens=False)
    return wrapper.fill(text) if text else ""


def _row(word: str, text: str) -> str:
    return _wrapped(text, " " * 11, first=f"{word:<11}") if text else ""


def _one(member: Member, rule: Rule | None, evidence: Evidence | None, now: float) -> list[str]:
    alert = member.alert
    value = value_text(alert) if alert.phase.is_active else _last_value(alert)
    rows = (_row("Where", _where(alert)), _row("Which", _own_labels(alert)), *_times(member, now), _row("Value", value))
    facts = "\n".join(row for row in rows if row)
    words = annotation(alert, "summary")
    if not alert.phase.is_active:
        return [_wrapped(f"It was: {words}") if words else "", facts]
    summary = _wrapped(words)
    text = annotation(alert, "description") or (harmless(rule.reason) if rule is not None else "")
    return [summary, facts, _causes(evidence), _wrapped(text), _look_closer(alert, rule), _runbook(alert, rule)]


def _last_value(alert: Alert) -> str:
    """The figure when it was over; what it was compared with then may be another limit than the one that it had passed."""
    return "" if alert.value is None else f"{_quantity(alert.value, alert.unit)} at the end"


def _where(alert: Alert) -> str:
    labels = dict(alert.labels)
    traits = ", ".join(harmless(value) for name in ("engine", "role", "environment") if (value := labels.get(name)))
    return _target(alert.key.target) + (f" ({traits})" if traits else "")


def _own_labels(alert: Alert) -> str:
    return harmless(", ".join(f"{name}={value}" for name, value in alert.labels if name not in _PLACES))


def _times(member: Member, now: float) -> tuple[str, ...]:
    alert = member.alert
    begin = alert.since if alert.since is not None else alert.fired_at
    if not alert.phase.is_active:
        end = alert.resolved_at if alert.resolved_at is not None else now
        lasted = "" if begin is None else f", after {format_duration(max(0.0, end - begin))}"
        why = _row("Because", harmless(alert.health_reason))
        return (_row("Since", moment(begin) if begin is not None else ""), _row("Over", moment(end) + lasted), why)
    was = f", was {member.told}" if member.told is not None and member.told is not alert.level else ""
    level = _row("Level", f"{alert.level}{was}")
    if begin is None:
        return (level,)
    return (level, _row("Since", f"{moment(begin)}, for {format_duration(max(0.0, now - begin))}"))


def _causes(evidence: Evidence | None) -> str:
    """With when it was seen: that is not quite the moment of the alert, and what it counts may be others by now."""
    if evidence is None or not evidence.causes:
        return ""
    heading = f"Likely causes, as seen at {moment(evidence.read_at)}"
    numbered = enumerate((harmless(cause) for cause in evidence.causes[:_CAUSES]), 1)
    return "\n".join([heading, *(_wrapped(cause, "     ", first=f"  {number}. ") for number, cause in numbered)])


def _look_closer(alert: Alert, rule: Rule | None) -> str:
    steps = rule.steps[:_STEPS] if rule is not None else ()
    own = "  aishell alerts channels" if alert.fingerprint.startswith(OWN_PREFIX) else "  aishell alerts list"
    lines = [f"  aishell alerts show {alert.fingerprint}" if rule is not None else own]
    ships = rule is not None and bool(rule.builtin)
    for step in steps:
        lines.append(_wrapped(harmless(render(step.text, facts_of(alert)), keeps_literals=ships), "  ", first="  "))
        lines += [f"    {harmless(command_for(step.command, alert), keeps_literals=ships)}"] if step.command else []
    return "\n".join(["Look closer", *lines])


def _runbook(alert: Alert, rule: Rule | None) -> str:
    found = dict(alert.annotations).get("runbook") or (rule.runbook if rule is not None else "")
    return _row("Runbook", harmless(found))


def _many(decision: Decision, rules: Mapping[str, Rule], evidence: Mapping[Fingerprint, Evidence], now: float) -> list[str]:
    ranked = sorted(decision.firing, key=lambda member: (-member.alert.level.rank, member.alert.since or now))
    blocks = [_listed("Firing", ranked, now), _listed("Over", decision.over or decision.opened, now)]
    if ranked:
        worst = ranked[0].alert
        rule = rules.get(worst.rule)
        told = next((found for member in ranked if (found := evidence.get(member.alert.fingerprint)) is not None and found.causes), None)
        blocks += [_causes(told), _look_closer(worst, rule), _runbook(worst, rule)]
    return blocks


def _listed(word: str, members: Sequence[Member], now: float) -> str:
    if not members:
        return ""
    lines = [_line(member, now) for member in members[:NAMED]]
    rest = Counter(str(member.alert.level) for member in members[NAMED:])
    if rest:
        counts = ", ".join(f"{count} {level}" for level, count in sorted(rest.items()))
        lines.append(f"  and {format_counted(sum(rest.values()), 'more', 'more')}: {counts}")
    return "\n".join([f"{word} ({len(members)})", *lines])


def _line(member: Member, now: float) -> str:
    alert = member.alert
    own = _own_labels(alert)
    was = f" (was {member.told})" if alert.phase.is_active and member.told not in {None, alert.level} else ""
    parts = [f"{alert.level}{was} {_name(alert)} on {_target(alert.key.target)}", own]
    parts.append(value_text(alert) if alert.phase.is_active else _last_value(alert))
    begin = alert.since if alert.since is not None else alert.fired_at
    if begin is not None:
        end = now if alert.phase.is_active or alert.resolved_at is None else alert.resolved_at
        parts.append(f"for {format_duration(max(0.0, end - begin))}")
        # One of several incidents of the same alert, which nothing else tells apart.
        parts += [f"until {moment(end)}"] if member.row is not None else []
    return _wrapped(", ".join(part for part in parts if part), "    ", first="  ")
