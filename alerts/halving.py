"""The same rule with stricter thresholds, made of the values at which it would have fired. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil, floor, log10

from alerts.language.checker import understood
from alerts.language.condition import Condition
from alerts.language.parser import compare
from alerts.language.plan import Comparison, Constant
from alerts.language.problems import ConditionError
from alerts.rule import Rule, Trigger

_MOST_VALUES = 2_048
_SHARES = (0.25, 0.5, 0.75, 0.9, 1.0)
_DIGITS = 3
_ABOVE = frozenset({">", ">="})
_BELOW = frozenset({"<", "<="})


@dataclass(slots=True)
class Peaks:
    """Values of a rule while it breached: all of them or an even choice, whatever their number."""

    values: list[float] = field(default_factory=list)
    _every: int = 1
    _seen: int = 0

    def add(self, value: float) -> None:
        """Take in one more value."""
        if self._seen % self._every == 0:
            self.values.append(value)
            if len(self.values) > _MOST_VALUES:
                self.values = self.values[::2]
                self._every *= 2
        self._seen += 1


@dataclass(frozen=True, slots=True)
class Judged:
    """A plain comparison of a figure with a number, both in `unit`."""

    operator: str
    threshold: float
    unit: str

    @property
    def is_above(self) -> bool:
        """Whether a higher value is worse."""
        return self.operator in _ABOVE


@dataclass(frozen=True, slots=True)
class Variant:
    """A rule with another threshold, under a name of its own."""

    rule: Rule
    threshold: float


def judged_by(rule: Rule) -> Judged | None:
    """What the mildest level of a rule compares its figure with; None where that is no plain comparison with a number."""
    return _judged(rule.triggers[-1].condition)


def _judged(condition: Condition) -> Judged | None:
    match understood(condition).plan:
        case Comparison(operator, left, Constant(threshold), unit) if operator in _ABOVE | _BELOW and not isinstance(left, Constant):
            return Judged(operator, threshold, unit)
    return None


def stricter(rule: Rule, peaks: Peaks) -> Sequence[Variant]:
    """The rule at some thresholds beyond its own, the mildest first; none where it compares nothing plainly.

    A worse level whose threshold lies before the new one is moved along; the condition that clears it stays.
    """
    judged = judged_by(rule)
    if judged is None:
        return ()
    found = []
    for number, threshold in enumerate(_candidates(judged, peaks.values)):
        triggers = _moved(rule, judged, threshold)
        if triggers:
            found.append(Variant(replace(rule, name=f"{rule.name}\n{number}", triggers=triggers, inhibits=()), threshold))
    return found


def _candidates(judged: Judged, values: Sequence[float]) -> list[float]:
    """Thresholds at even shares of the values that breached, up to the worst of them, in round numbers."""
    ranked = sorted(values, reverse=not judged.is_above)
    chosen = [ranked[ceil(share * (len(ranked) - 1))] for share in _SHARES] if ranked else []
    rounded = dict.fromkeys(rounded_to(value, is_up=judged.is_above) for value in chosen)
    if judged.is_above:
        return [value for value in rounded if value > judged.threshold]
    # Below nothing there is nothing: that would switch the rule off.
    return [value for value in rounded if value < judged.threshold and (value > 0 or judged.threshold <= 0)]


def rounded_to(value: float, *, is_up: bool) -> float:
    """The nearest number of three digits that is not smaller, or else not larger."""
    if value == 0:
        return 0.0
    step = 10.0 ** (floor(log10(abs(value))) - _DIGITS + 1)
    number = value / step
    near = round(number)
    whole = near if abs(number - near) < 1e-6 else ceil(number) if is_up else floor(number)
    return float(f"{whole * step:.12g}")


def _moved(rule: Rule, judged: Judged, threshold: float) -> tuple[Trigger, ...]:
    """The levels of the rule with this threshold at least; none where one is no such comparison, or could never hold then."""
    triggers = []
    for trigger in rule.triggers:
        own = _judged(trigger.condition)
        if own is None or own.is_above is not judged.is_above:
            return ()
        moved = max(threshold, own.threshold) if judged.is_above else min(threshold, own.threshold)
        try:
            # A plain number is taken in the unit of the figure.
            condition = compare(trigger.condition, f"{own.operator} {_written(moved)}")
            understood(condition)
        except ConditionError:
            return ()
        triggers.append(replace(trigger, condition=condition))
    return tuple(triggers)


def _written(value: float) -> str:
    """A number as conditions have it, without an exponent."""
    text = f"{value:.12f}"
    return text.rstrip("0").rstrip(".")
