"""A condition of a rule, as it is written and as it is understood."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.language.syntax import Expression


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold: the text as written, and its syntax tree; two of the same text are equal."""

    text: str
    tree: Expression
