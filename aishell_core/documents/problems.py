"""What is wrong with a configuration: where, what, the line itself with its secrets masked, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from aishell_core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Problem:
    """One error or warning; `line` and `column` count from 1 and are 0 where the file as a whole is meant."""

    source: str
    what: str
    hint: str = ""
    line: int = 0
    column: int = 0
    excerpt: str = ""

    @property
    def place(self) -> str:
        """The source as `file:line:column`, as far as it is known."""
        if not self.line:
            return self.source
        return f"{self.source}:{self.line}:{self.column}" if self.column else f"{self.source}:{self.line}"

    def __str__(self) -> str:
        hint = f"\n    hint: {self.hint}" if self.hint else ""
        return f"{self.place}: {self.what}{self.excerpt and chr(10) + self.excerpt}{hint}"

    @property
    def line_text(self) -> str:
        """Where and what, on one line, without the excerpt and the hint."""
        return f"{self.place}: {self.what}"


class InvalidConfigError(ConfigError):
    """All errors that a configuration has, at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        files = ", ".join(dict.fromkeys(problem.source for problem in self.problems))
        title = f"{count} errors in {files}\n" if count > 1 else ""
        hint = "aishell config schema describes every key" if count > 1 else ""
        super().__init__(title + "\n".join(str(problem) for problem in self.problems), hint)

    @property
    def plain(self) -> tuple[str, str]:
        """Message and hint for scripts: one line for each problem without its excerpt, and the first hint there is."""
        message = "\n".join(problem.line_text for problem in self.problems)
        return message, next((problem.hint for problem in self.problems if problem.hint), self.hint)


def nearest(word: str, valid: Iterable[str]) -> str:
    """A hint that names the nearest valid word, if one is near, and the valid ones."""
    names = list(valid)
    near = get_close_matches(word, names, n=1, cutoff=0.5)
    listed = f"valid: {', '.join(names)}" if len(names) <= 20 else ""
    guess = f"did you mean {near[0]}?" if near else ""
    return " ".join(part for part in (guess, listed) if part)
