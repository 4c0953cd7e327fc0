"""Where the parts of one rule stand: in one document, apart from keys that another document lays over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic_core import ErrorDetails

from aishell_core.documents.document import Document, KeyPath
from aishell_core.documents.inside import span_inside
from aishell_core.documents.problems import Problem
from aishell_core.documents.spec import existing, keys_by_pattern, problems_of
from alerts.language.syntax import Span
from alerts.rules.spec import (
    DampingSpec,
    EscalationSpec,
    HoursSpec,
    InhibitSpec,
    MissingSpec,
    RuleSpec,
    StepSpec,
    TargetsSpec,
)

_RULE_MODELS = (
    ((), RuleSpec),
    (("targets",), TargetsSpec),
    (("no_data",), MissingSpec),
    (("on_error",), MissingSpec),
    (("active_hours", "*"), HoursSpec),
    (("escalate", "*"), EscalationSpec),
    (("inhibits", "*"), InhibitSpec),
    (("steps", "*"), StepSpec),
    (("damping",), DampingSpec),
)
_HINTS: Mapping[str | int, str] = {
    "escalate": "write [{after: 15m, channels: [phone]}]",
    "inhibits": "write [{match: ['severity=\"warning\"']}]",
    "active_hours": "write {days: mon-fri, times: 08:00-18:00}",
    "steps": 'write a list: - {text: "Who holds it?", command: aishell sessions}',
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule stands. `laid_over` are the keys that stand elsewhere, each with its document and its path there."""

    document: Document
    path: KeyPath
    laid_over: Mapping[str, tuple[Document, KeyPath]] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """The rule's own place as file:line."""
        span = self.document.span(self.path)
        return f"{self.document.source}:{span.line}" if span else self.document.source

    def _at(self, inside: KeyPath) -> tuple[Document, KeyPath]:
        if inside and isinstance(inside[0], str) and inside[0] in self.laid_over:
            document, path = self.laid_over[inside[0]]
            return document, existing(document, path, inside[1:])
        return self.document, existing(self.document, self.path, inside)

    def problem(self, inside: KeyPath, what: str, hint: str = "", *, of_key: bool = False) -> Problem:
        """A problem at a part of the rule."""
        document, path = self._at(inside)
        return document.problem(path, what, hint, of_key=of_key)

    def problem_in_text(self, inside: KeyPath, span: Span, what: str, hint: str = "") -> Problem:
        """A problem at a stretch of a text of the rule."""
        document, path = self._at(inside)
        found = span_inside(document, path, span.start, span.length)
        return document.problem_at(found, what, hint) if found else document.problem(path, what, hint)

    def model_problems(self, detail: ErrorDetails) -> tuple[Problem, ...]:
        """One error of the model of rules, or several of one value."""
        document, path = self._at(tuple(detail["loc"]))
        return problems_of(document, detail, _keys_at, _HINTS, path)


def _keys_at(path: KeyPath) -> tuple[str, ...]:
    return keys_by_pattern(path, _RULE_MODELS)
