"""Texts of rules with values in them: `{{ value }}`, `{{ labels.mount }}`, `{{ value | percent }}`. Nothing in them runs code.

Others call `template_problems` and `unknown_labels` when a rule is read, and `render` when an alert is told.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from aishell_core.units import format_bytes, format_count, format_duration, format_value
from aishell_core.values import Unit
from alerts.language.problems import Problem
from alerts.language.syntax import Span

_HOLE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_PIECE = re.compile(r"\s*(?P<name>[A-Za-z_][\w.]*)\s*(?:\(\s*(?P<argument>\"[^\"]*\"|'[^']*'|[-+]?\d{1,4})\s*\))?\s*")
_LABEL = "labels."
_UNKNOWN = "n/a"
_MOST_CHARACTERS = 4096
_MOST_LABEL_CHARACTERS = 500
_UNITS = frozenset(Unit)

Value = float | str | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a template may print of an alert. `value` and `threshold` are in `unit`, as the condition compares them."""

    rule: str = ""
    target: str = ""
    engine: str = ""
    role: str = ""
    environment: str = ""
    level: str = ""
    value: float | None = None
    threshold: float | None = None
    unit: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filter:
    """What may stand behind a |: its function takes value, unit and argument; `help` is one sentence for the docs."""

    name: str
    help: str
    apply: Callable[[Value, str, str], Value]
    takes_argument: bool = False


NAMES: Mapping[str, str] = {
    "value": "the figure that the condition compares, in its own unit",
    "threshold": "what it is compared with, in the same unit",
    "target": "the name of the target",
    "engine": "its engine",
    "role": "its role, such as primary or replica",
    "environment": "its environment",
    "level": "info, warning or critical",
    "rule": "the name of the rule",
}
"""What may stand in a hole besides `labels.NAME`, each with its meaning for the docs."""


def _numeric(write: Callable[[float, str], str]) -> Callable[[Value, str, str], Value]:
    def apply(value: Value, unit: str, _argument: str) -> Value:
        number = _number(value)
        return None if number is None else write(number, unit)

    return apply


def _textual(write: Callable[[str], str]) -> Callable[[Value, str, str], Value]:
    return lambda value, unit, _argument: None if value is None else write(_shown(value, unit))


def _number(value: Value) -> float | None:
    """The value as a number, also when a label holds one; None where it is none."""
    try:
        number = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _seconds(value: float, unit: str) -> str:
    return format_duration(value / 1000 if unit == Unit.MILLISECONDS else value)


def _percent(value: float, _unit: str) -> str:
    return format_value(value, Unit.RATIO)


def _rounded(value: Value, _unit: str, argument: str) -> Value:
    number = _number(value)
    return None if number is None else f"{number:.{max(0, min(9, int(argument or '0')))}f}"


def _default(value: Value, _unit: str, argument: str) -> Value:
    return argument if value in {None, ""} else value


FILTERS: Mapping[str, Filter] = {
    found.name: found
    for found in (
        Filter("percent", "A share as a percentage: 0.93 is 93%.", _numeric(_percent)),
        Filter("bytes", "A size in binary units: 1.5 GiB.", _numeric(lambda value, _unit: format_bytes(value))),
        Filter("duration", "A time span: 2m30s; of milliseconds or else of seconds.", _numeric(_seconds)),
        Filter("count", "A number with k, M, G: 12.3k.", _numeric(lambda value, _unit: format_count(value))),
        Filter("rate", "A number per second: 12.3k/s.", _numeric(lambda value, _unit: format_count(value) + "/s")),
        Filter("raw", "The plain number in the figure's own unit: 0.93.", _numeric(lambda value, _unit: f"{value:.6g}")),
        Filter("round", "The number rounded; `round(1)` keeps one place.", _rounded, takes_argument=True),
        Filter("upper", "In capital letters.", _textual(str.upper)),
        Filter("lower", "In small letters.", _textual(str.lower)),
        Filter("title", "With a capital letter in front of each word.", _textual(str.title)),
        Filter("default", 'Another text where there is nothing: `default("all")`.', _default, takes_argument=True),
    )
}
"""Every filter by its name."""


def template_problems(text: str) -> tuple[Problem, ...]:
    """Everything that is wrong with a template, in the order of its text."""
    if len(text) > _MOST_CHARACTERS:
        return (Problem(Span(0, 1), f"the text is longer than {_MOST_CHARACTERS} characters", "put the rest into the runbook"),)
    found = [*_open_holes(text), *(problem for hole in _HOLE.finditer(text) for problem in _hole_problems(hole))]
    return tuple(sorted(found, key=lambda problem: problem.span.start))


def unknown_labels(text: str, labels: Collection[str]) -> Iterator[Problem]:
    """A problem for each label of a template that is not among those that its alerts are known to have."""
    for hole in _HOLE.finditer(text):
        span, piece = next(_pieces(hole))
        label = piece.strip().removeprefix(_LABEL)
        if piece.strip().startswith(_LABEL) and label not in labels:
            yield Problem(span, f"no alert of this rule is known to have the label {label!r}", _near(label, sorted(labels)))


def _open_holes(text: str) -> Iterator[Problem]:
    bare = _HOLE.sub(lambda found: "." * len(found[0]), text)
    for found in re.finditer(r"\{\{|\}\}", bare):
        other = "}}" if found[0] == "{{" else "{{"
        yield Problem(Span(found.start(), 2), f"{found[0]} has no {other}", "write {{ value }}")


def _pieces(hole: re.Match[str]) -> Iterator[tuple[Span, str]]:
    """The name in a hole and its filters, each with its place in the whole text."""
    offset = hole.start(1)
    for piece in hole[1].split("|"):
        yield Span(offset + len(piece) - len(piece.lstrip()), max(1, len(piece.strip()))), piece
        offset += len(piece) + 1


def _hole_problems(hole: re.Match[str]) -> Iterator[Problem]:
    for number, (span, piece) in enumerate(_pieces(hole)):
        parsed = _PIECE.fullmatch(piece)
        if parsed is None:
            yield Problem(span, "this is no name and no filter", "write {{ value }}, {{ labels.mount }} or {{ value | percent }}")
            continue
        problem = (_filter_problem if number else _name_problem)(parsed["name"], parsed["argument"])
        if problem is not None:
            yield Problem(span, *problem)


def _name_problem(name: str, argument: str | None) -> tuple[str, str] | None:
    if argument is not None:
        return f"{name} is no function", f"known: {', '.join(NAMES)}, labels.NAME"
    if name in NAMES or (name.startswith(_LABEL) and name.removeprefix(_LABEL).isidentifier()):
        return None
    return f"there is no {name!r} in a template", _near(name, (*NAMES, f"{_LABEL}NAME"))


def _filter_problem(name: str, argument: str | None) -> tuple[str, str] | None:
    if name not in FILTERS:
        return f"there is no filter {name!r}", _near(name, FILTERS)
    if argument is not None and not FILTERS[name].takes_argument:
        return f"the filter {name} takes no argument", f"write | {name}"
    if name == "round" and argument is not None and argument[0] in "\"'":
        return "round takes a number", "write round(1)"
    return None


def _near(word: str, valid: Collection[str]) -> str:
    near = get_close_matches(word, valid, n=1, cutoff=0.5)
    return f"did you mean {near[0]}? valid: {', '.join(valid)}" if near else f"valid: {', '.join(valid)}"


def render(text: str, facts: Facts) -> str:
    """The text with its holes filled. What is unknown is `n/a`; a hole that is no good stays as it is written."""
    return _HOLE.sub(lambda found: _filled(found, facts), text)


def _filled(found: re.Match[str], facts: Facts) -> str:
    head, *steps = found[1].split("|")
    parsed = _PIECE.fullmatch(head)
    if parsed is None or (parsed["name"] not in NAMES and not parsed["name"].startswith(_LABEL)):
        return found[0]
    name = parsed["name"]
    value: Value = facts.labels.get(name.removeprefix(_LABEL)) if name.startswith(_LABEL) else getattr(facts, name)
    unit = facts.unit if name in {"value", "threshold"} else ""
    for step in steps:
        filtered = _PIECE.fullmatch(step)
        if filtered is None or filtered["name"] not in FILTERS:
            return found[0]
        value = FILTERS[filtered["name"]].apply(value, unit, (filtered["argument"] or "").strip("\"'"))
    return _harmless(_shown(value, unit))


def _shown(value: Value, unit: str) -> str:
    """A value for people: a number in its unit, a text as it is, nothing as n/a."""
    if isinstance(value, float | int):
        return format_value(value, Unit(unit)) if unit in _UNITS else format_count(value) if math.isfinite(value) else _UNKNOWN
    return _UNKNOWN if value is None or value == "" else value


def _harmless(text: str) -> str:
    """One line without control characters, cut to a readable length: labels come from databases."""
    return "".join(character if character.isprintable() else " " for character in text[:_MOST_LABEL_CHARACTERS])
