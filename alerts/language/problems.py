"""What is wrong with a condition, each with its place in the text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aishell_core.errors import AishellError, ExitCode
from alerts.language.syntax import Span


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: where in the condition's text, what is wrong, and what to write instead."""

    span: Span
    message: str
    hint: str = ""


class ConditionError(AishellError):
    """A condition that cannot be used; `problems` has at least one, in the order of the text."""

    code = "condition"
    exit_code = ExitCode.CONFIG

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        super().__init__(first.message, first.hint)


def pointed(text: str, problem: Problem) -> tuple[str, str]:
    """The line of the text that a problem is in, and a line with carets under its place."""
    start = min(max(problem.span.start, 0), len(text))
    begin = text.rfind("\n", 0, start) + 1
    end = text.find("\n", start)
    line = text[begin : len(text) if end < 0 else end]
    column = start - begin
    carets = max(1, min(problem.span.length, len(line) - column))
    # A tab or an odd byte must not move the caret, so each is shown as one space.
    shown = "".join(letter if letter.isprintable() else " " for letter in line)
    return shown, " " * column + "^" * carets
