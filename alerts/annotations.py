"""The texts of a rule with an alert's figures in them. Pure."""

from __future__ import annotations

import shlex
from dataclasses import replace

from alerts.models import Alert
from alerts.rule import Rule
from alerts.templates import Facts, render


def annotated(rule: Rule, alert: Alert) -> Alert:
    """The alert with the texts of its rule, as its figures stand now; the same object where they say nothing else."""
    if not rule.annotations:
        return alert
    facts = facts_of(alert)
    found = tuple((name, render(text, facts)) for name, text in rule.annotations)
    return alert if found == alert.annotations else replace(alert, annotations=found)


def facts_of(alert: Alert) -> Facts:
    """What templates may print of an alert."""
    labels = dict(alert.labels)
    return Facts(
        rule=alert.rule,
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


def command_for(command: str, alert: Alert) -> str:
    """A step's command for an alert, to be pasted into a shell: what is filled in is quoted, for a name may hold anything."""
    facts = facts_of(alert)
    quoted = replace(
        facts,
        rule=shlex.quote(facts.rule),
        target=shlex.quote(facts.target),
        engine=shlex.quote(facts.engine),
        role=shlex.quote(facts.role),
        environment=shlex.quote(facts.environment),
        labels={name: shlex.quote(text) for name, text in facts.labels.items()},
    )
    return render(command, quoted)
