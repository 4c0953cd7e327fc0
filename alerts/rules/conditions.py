"""The conditions of one rule: read, completed where they are comparisons of the same figure, and checked against the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from alerts.language.checker import KEPT, Checked, Kept, check_condition
from alerts.language.condition import Condition
from alerts.language.contradictions import Bound, bound_of, overlap
from alerts.language.parser import compare, parse_condition
from alerts.language.problems import ConditionError, Problem
from alerts.language.resolver import Shape
from alerts.language.syntax import Span
from alerts.models import Level
from alerts.rule import Trigger

CONDITION_KEYS = ("condition", "crit", "warn", "clear")
"""The keys of a rule under which conditions stand."""

_LEVELS = {"crit": Level.CRITICAL, "warn": Level.WARNING}
_COMPARISON = re.compile(r"\s*(?:[<>=≤≥]|!=)")
_FIGURE = "x "
"""Stands for the figure where a comparison alone is read, to find what is wrong with it."""


class Fault(NamedTuple):
    """Something wrong with the text under a key, at a stretch of it."""

    key: str
    span: Span
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a rule's conditions come to, worst trigger first. `labels` are those that its alerts are known to have of their figures."""

    triggers: tuple[Trigger, ...] = ()
    clear: Condition | None = None
    labels: frozenset[str] = frozenset()
    faults: tuple[Fault, ...] = ()


class _Read(NamedTuple):
    """A condition; `added` characters stand in front of what its key says."""

    condition: Condition
    checked: Checked
    added: int = 0


def _bound(condition: Condition) -> Bound | None:
    return bound_of(check_condition(condition).plan)


def _is_no_worse(critical: Bound, warning: Bound) -> bool:
    """Whether two comparisons of one value go the same way, and the first begins no later."""
    if critical.value != warning.value:
        return False
    if critical.is_above and warning.is_above:
        return (critical.number, critical.operator == ">") <= (warning.number, warning.operator == ">")
    if critical.is_below and warning.is_below:
        return (critical.number, critical.operator != "<") >= (warning.number, warning.operator != "<")
    return False


def read_conditions(texts: Mapping[str, str], severity: Level | None, engines: Iterable[str] = (), kept: Kept = KEPT) -> Conditions:
    """The conditions of a rule by their keys. `severity` is None where the rule says none: a warning, or what `warn` leaves over."""
    return _Reader(texts, severity, frozenset(engines), kept).conditions()


class _Reader:
    """Reads the conditions of one rule and collects everything that is wrong with them."""

    def __init__(self, texts: Mapping[str, str], severity: Level | None, engines: frozenset[str], kept: Kept) -> None:
        self._texts, self._severity, self._engines, self._kept = texts, severity, engines, kept
        self._faults: list[Fault] = []
        self._labels: set[str] = set()

    def conditions(self) -> Conditions:
        base = self._whole("condition", may_be_value=True) if "condition" in self._texts else None
        found: dict[Level, Condition] = {}
        for key, level in _LEVELS.items():
            if key in self._texts and (read := self._completed(key, base)) is not None:
                found[level] = read.condition
        self._place_base(base, found)
        clear = self._completed("clear", base) if "clear" in self._texts else None
        self._check_order(found, clear.condition if clear else None)
        if not found and not self._faults:
            self._fault("condition", "the rule has no condition", 'write condition: "pool.usage > 90%"')
        triggers = tuple(Trigger(level, found[level]) for level in sorted(found, key=lambda level: -level.rank))
        return Conditions(triggers, clear.condition if clear else None, frozenset(self._labels), tuple(self._faults))

    def _check_order(self, found: Mapping[Level, Condition], clear: Condition | None) -> None:
        """Say what no rule can mean: a critical level before its warning, and an end while it still fires."""
        if self._faults:
            return
        bounds = {level: bound for level, condition in found.items() if (bound := _bound(condition)) is not None}
        warning, critical = bounds.get(Level.WARNING), bounds.get(Level.CRITICAL)
        if warning is not None and critical is not None and _is_no_worse(critical, warning):
            key = "crit" if "crit" in self._texts else "condition"
            self._fault(key, "there would never be a warning: critical begins no later", "give crit the worse threshold of the two")
        end = _bound(clear) if clear is not None else None
        if end is not None and any(overlap(end, bound) for bound in bounds.values()):
            self._fault("clear", "this holds while the rule fires", 'write what is well again, as in clear: "< 75%" for "> 90%"')

    def _place_base(self, base: _Read | None, found: dict[Level, Condition]) -> None:
        """Give the condition its level, unless it is a figure that warn and crit compare."""
        levels = [key for key in _LEVELS if key in self._texts]
        if base is None:
            return
        if base.checked.shape is Shape.VALUE:
            if not levels:
                self._fault(
                    "condition", "this is a figure, not a condition", f"compare it, as in {base.condition.text} > 5, or add warn and crit"
                )
            elif self._severity is not None:
                self._fault("severity", "the levels come from warn and crit", "leave severity out, or complete the condition")
            return
        level = self._severity or (Level.CRITICAL if levels == ["warn"] else Level.WARNING)
        if level in found or len(levels) == len(_LEVELS):
            other = "crit" if level is Level.CRITICAL else "warn"
            self._fault(
                other, f"condition and {other} are both for the level {level}", "give severity another level, or write the figure alone"
            )
            return
        found[level] = base.condition

    def _whole(self, key: str, *, may_be_value: bool = False) -> _Read | None:
        text = self._texts[key]
        try:
            condition = parse_condition(text)
        except ConditionError as error:
            self._take(key, error.problems)
            return None
        return self._checked(key, condition, may_be_value=may_be_value)

    def _completed(self, key: str, base: _Read | None) -> _Read | None:
        """A condition that is whole, or a comparison of the figure of `condition`."""
        text = self._texts[key]
        if not _COMPARISON.match(text):
            return self._whole(key)
        try:
            parse_condition(_FIGURE + text)
        except ConditionError as error:
            self._take(key, error.problems, len(_FIGURE))
            return None
        if base is None:
            if "condition" not in self._texts:
                self._fault(
                    key,
                    "a comparison alone needs the figure that it compares",
                    f'write condition: "pool.usage", or {key}: "pool.usage {text.strip()}"',
                )
            return None
        try:
            condition = compare(base.condition, text)
        except ConditionError as error:
            self._fault(key, error.message, error.hint)
            return None
        return self._checked(key, condition, added=len(condition.text) - len(text))

    def _checked(self, key: str, condition: Condition, *, may_be_value: bool = False, added: int = 0) -> _Read | None:
        checked = check_condition(condition, self._engines, self._kept, may_be_value=may_be_value)
        # What is wrong with the figure of a completed condition is told where the figure stands.
        self._take(key, (problem for problem in checked.problems if problem.span.end > added), added)
        if checked.problems:
            return None
        self._labels.update(checked.labels)
        return _Read(condition, checked, added)

    def _take(self, key: str, problems: Iterable[Problem], added: int = 0) -> None:
        for problem in problems:
            start = max(0, problem.span.start - added)
            length = max(1, problem.span.end - added - start)
            self._faults.append(Fault(key, Span(start, length), problem.message, problem.hint))

    def _fault(self, key: str, message: str, hint: str = "") -> None:
        self._faults.append(Fault(key, Span(0, len(self._texts.get(key, ""))), message, hint))
