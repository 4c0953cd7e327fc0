"""How rules read, so that two programs can tell whether they go by the same ones of a name. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum

from aishell_core.state.codec import storable
from alerts.language.condition import Condition
from alerts.rule import Rule

_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Wording:
    """By the name of each rule, as it is stored, a mark that only a rule of the same content has; `whole` is one for all of them."""

    marks: Mapping[str, str] = field(default_factory=dict)
    whole: str = ""

    def differing(self, other: Mapping[str, str]) -> frozenset[str]:
        """The rules that both have, and not with the same content."""
        return frozenset(name for name, mark in self.marks.items() if other.get(name, mark) != mark)


def wording_of(rules: Iterable[Rule]) -> Wording:
    """The marks of rules. Where a rule stands, and how its condition is set in lines, is no part of its content."""
    marks = {storable(rule.name): _mark(repr(_content(rule))) for rule in rules}
    return Wording(marks, _mark(repr(sorted(marks.items()))))


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:_DIGITS]


def _content(value: object) -> object:
    if isinstance(value, Condition):
        return " ".join(value.text.split())
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return tuple(map(_content, value))
    if isinstance(value, frozenset | set):
        return tuple(sorted(map(repr, map(_content, value))))
    if is_dataclass(value):
        return tuple((each.name, _content(getattr(value, each.name))) for each in fields(value) if each.compare)
    return value
