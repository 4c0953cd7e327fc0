"""What `aishell alerts builtin` prints."""

from __future__ import annotations

from collections.abc import Iterable

from aishell_core.units import format_duration
from aishell_tui.cli.alert_shapes import BuiltinRuleRow, BuiltinRulesReport, StepRow
from aishell_tui.cli.terminal import table
from alerts.rule import Rule

_CLEAR = "clear"


def builtin_report(rules: Iterable[Rule]) -> BuiltinRulesReport:
    """The rules as scripts get them."""
    return BuiltinRulesReport(tuple(map(_row, rules)))


def _row(rule: Rule) -> BuiltinRuleRow:
    steps = tuple(StepRow(step.text, step.command) for step in rule.steps)
    return BuiltinRuleRow(rule.name, rule.builtin, _conditions(rule), rule.for_seconds, _summary(rule), rule.reason, steps)


def _conditions(rule: Rule) -> dict[str, str]:
    found = {str(trigger.level): trigger.condition.text for trigger in rule.triggers}
    return found | ({_CLEAR: rule.clear.text} if rule.clear is not None else {})


def _summary(rule: Rule) -> str:
    return dict(rule.annotations).get("summary", "")


def builtin_text(rules: Iterable[Rule]) -> str:
    """The rules as people get them, one on each line."""
    return table(("RULE", "LEVELS", "FOR", "TELLS"), (_cells(rule) for rule in rules))


def _cells(rule: Rule) -> tuple[str, ...]:
    levels = ", ".join(str(trigger.level) for trigger in reversed(rule.triggers))
    return (rule.name, levels, format_duration(rule.for_seconds) if rule.for_seconds else "", _summary(rule))


def rule_text(rule: Rule) -> str:
    """One rule as people get it, and how it is changed."""
    rows = [f"  {word:<10}{text}" for word, text in _conditions(rule).items()]
    if rule.for_seconds:
        rows.append(f"  {'for':<10}{format_duration(rule.for_seconds)}")
    if rule.keep_firing_seconds:
        rows.append(f"  {'goes on':<10}{format_duration(rule.keep_firing_seconds)}")
    steps = [line for step in rule.steps for line in (f"  {step.text}", *([f"    {step.command}"] if step.command else []))]
    change = [f"  override: {{{rule.name}: {{for: 10m}}}}        # or warn, crit, clear, channels, enabled: false"]
    blocks = [
        [rule.name, f"  {_summary(rule)}"],
        rows,
        ["Why it matters", f"  {rule.reason}"],
        ["Look at", *steps],
        ["Change it", "  alerts:", *(f"  {line}" for line in change)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks)
