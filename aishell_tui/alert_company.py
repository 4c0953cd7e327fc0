"""Who evaluates alerts, which share is this program's, and what others have otherwise, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aishell_core.units import format_counted
from alerts.handling import holders_text
from alerts.ports import AlertsView

_NAMED = 3


def evaluator_text(view: AlertsView) -> str:
    """Who evaluates, and of several which share is this program's."""
    found = view.evaluation
    if not view.is_evaluator:
        return f"evaluated by {holders_text([found.holder, *(each.holder for each in found.judges)])}" if found.holder else "evaluated here"
    own = next((each for each in found.judges if each.holder == found.holder), None)
    others = [each.holder for each in found.judges if each is not own]
    if own is None or not others or own.targets >= view.company.watched:
        return "evaluated here"
    targets = [f"{own.targets} of {view.company.watched} targets"] if own.targets else []
    rules = [format_counted(own.rules, "rule")] if own.rules else []
    share = " and ".join([*targets, *rules]) or "figures across all targets"
    return f"{share} evaluated here, the rest by {holders_text(others)}"


def variance_texts(view: AlertsView) -> Iterator[str]:
    """Which rules another dashboard has under their names with another content, and which content holds."""
    found = view.company.variance
    if rules := tuple(found.overruled):
        yield f"in force as {holders_text(found.overruled.values())} has it, and not as configured here: {_named(rules)}"
    if rules := tuple(found.disputed):
        yield f"in force as configured here, while {holders_text(found.disputed.values())} has it otherwise: {_named(rules)}"


def nobody_text(view: AlertsView) -> str:
    """That nobody evaluates, or which targets nobody does, "" while all are evaluated."""
    if not view.evaluation.is_alive:
        return "nobody evaluates the rules"
    return "; ".join(filter(None, (unjudged_text(view.evaluation.unjudged), unjudged_text(view.unjudged_rules))))


def unjudged_text(targets: Sequence[str]) -> str:
    """Which targets, or rules, nobody evaluates, "" for none: their alerts stand as they were left."""
    if not targets:
        return ""
    return f"nobody evaluates {_named(targets)}"


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
