"""What differs between the alerts that a test expects at a moment and those that there are. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from aishell_core.documents.problems import Problem
from aishell_core.errors import UsageError
from aishell_core.units import format_duration, format_value
from aishell_core.values import Unit
from alerts.models import Alert, Phase
from alerts.trials.models import Check, ExpectedAlert, Trial
from alerts.trials.notation import parse_amount

_UNITS = {unit.value: unit for unit in Unit}
_CLOSE = 5e-6
"""What is told of a figure are six digits: those, written into a test, agree with it."""


def differences(trial: Trial, check: Check, alerts: Sequence[Alert], now: float) -> Iterator[Problem]:
    """A problem for each expected alert that is missing or other, and for each living one that nobody expected."""
    left = [alert for alert in alerts if not check.rule or alert.rule == check.rule]
    for expected in check.alerts:
        fitting = [alert for alert in left if alert.rule == expected.rule and expected.target in ("", alert.key.target)]
        if not fitting:
            what = f"at {format_duration(check.at_seconds)} expected {_asked(expected)}, got none"
            yield trial.document.problem(expected.path, what, _others(left, now))
            continue
        best = min(fitting, key=lambda alert: len(list(_wrong(expected, alert))))
        left.remove(best)
        wrong = list(_wrong(expected, best))
        if wrong:
            what = f"at {format_duration(check.at_seconds)} {best.rule} on {best.key.target or 'all targets'}: {'; '.join(wrong)}"
            yield trial.document.problem(expected.path, what, f"it is {told(best, now)}{_muters(best, alerts)}")
    for alert in left:
        if alert.phase is not Phase.RESOLVED:
            what = f"at {format_duration(check.at_seconds)} nothing more was expected, got {alert.rule} {told(alert, now)}"
            yield trial.document.problem((*check.path, "alerts"), what)


def _wrong(expected: ExpectedAlert, alert: Alert) -> Iterator[str]:
    pairs = (("", expected.phase, alert.phase), ("level ", expected.level, alert.level), ("health ", expected.health, alert.health))
    for name, wanted, got in pairs:
        if wanted is not None and wanted is not got:
            yield f"expected {name}{wanted}, got {got}"
    if expected.is_muted is not None and expected.is_muted is not alert.is_muted:
        yield f"expected it to be {_muted(expected.is_muted)}, it is {_muted(alert.is_muted)}"
    yield from _wrong_value(expected.value, alert)
    for kind, wanted_texts, got_texts in (
        ("label", expected.labels, alert.labels),
        ("annotation", expected.annotations, alert.annotations),
    ):
        known = dict(got_texts)
        for name, text in wanted_texts.items():
            if known.get(name, "") != text:
                yield f"expected the {kind} {name} {text!r}, got {known[name]!r}" if name in known else f"it has no {kind} {name}"


def _muters(alert: Alert, alerts: Sequence[Alert]) -> str:
    """What mutes an alert, in a few words: maintenance, its hours, other alerts by their rules."""
    rules = {each.fingerprint: f"{each.rule} on {each.key.target or 'all targets'}" for each in alerts}
    by = [*(name.replace(":", " ", 1) for name in alert.silenced_by), *(rules.get(name, name) for name in alert.inhibited_by)]
    return f", muted by {', '.join(by)}" if by else ""


def _muted(is_muted: bool) -> str:
    return "muted" if is_muted else "told"


def _wrong_value(wanted: str, alert: Alert) -> Iterator[str]:
    if not wanted:
        return
    unit = _UNITS.get(alert.unit)
    try:
        number = parse_amount(wanted, unit) if unit is not None else float(wanted)
    except (UsageError, ValueError):
        yield f"expected the value {wanted}, which is none in {alert.unit or 'the unit of the rule'}"
        return
    if alert.value is None or not math.isclose(number, alert.value, rel_tol=_CLOSE, abs_tol=1e-9):
        yield f"expected the value {wanted}, got {_figure(alert)}"


def _figure(alert: Alert) -> str:
    if alert.value is None:
        return "none"
    unit = _UNITS.get(alert.unit)
    return f"{alert.value:.6g}" + (f" ({format_value(alert.value, unit)})" if unit is not None and unit is not Unit.COUNT else "")


def _asked(expected: ExpectedAlert) -> str:
    words = [str(expected.phase), *([str(expected.level)] if expected.level else []), f"alert of {expected.rule}"]
    return " ".join(words) + (f" on {expected.target}" if expected.target else "")


def _others(left: Sequence[Alert], now: float) -> str:
    return "there is " + "; ".join(f"{alert.rule} {told(alert, now)}" for alert in left[:3]) if left else ""


def told(alert: Alert, now: float) -> str:
    """How an alert stands, in a few words."""
    begun = alert.resolved_at if alert.phase is Phase.RESOLVED else alert.fired_at if alert.phase.is_active else alert.since
    since = f" for {format_duration(now - begun)}" if begun is not None else ""
    labels = ", ".join(f"{name}={text}" for name, text in alert.key.labels)
    on = f" on {alert.key.target}" if alert.key.target else ""
    health = "" if not alert.health_reason else f", {alert.health_reason}"
    return f"{alert.phase} at {alert.level}{since}{on}{f' ({labels})' if labels else ''} with {_figure(alert)}{health}"
