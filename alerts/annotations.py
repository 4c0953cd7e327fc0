"""The texts of a rule with an alert's figures in them. Pure."""

from __future__ import annotations

from dataclasses import replace

from alerts.models import Alert
from alerts.rule import Rule
from alerts.templates import Facts, render


def annotated(rule: Rule, alert: Alert) -> Alert:
    """The alert with the texts of its rule, as its figures stand now."""
    if not rule.annotations:
        return alert
    labels = dict(alert.labels)
    facts = Facts(
        rule=rule.name,
        target=str(alert.key.target),
        engine=labels.get("engine", ""),
        role=labels.get("role", ""),
        environment=labels.get("environment", ""),
        level=str(alert.level),
        value=alert.value,
        threshold=alert.threshold,
        unit=alert.unit,
        labels=labels,
    )
    return replace(alert, annotations=tuple((name, render(text, facts)) for name, text in rule.annotations))
