"""What `aishell config` prints."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from aishell_core.documents.problems import Problem
from aishell_core.units import format_counted
from aishell_tui.cli.setup_shapes import EffectiveReport, EffectiveRow, ProblemRow, ValidateReport
from aishell_tui.cli.terminal import printable, table
from aishell_tui.config.origin import Effective
from aishell_tui.config.schema import yaml_value


def validate_report(errors: tuple[Problem, ...], warnings: tuple[Problem, ...], files: tuple[str, ...]) -> ValidateReport:
    """The findings as scripts get them."""
    return ValidateReport(not errors, files, problem_rows(errors), problem_rows(warnings))


def effective_report(values: Iterable[Effective], files: tuple[Path, ...]) -> EffectiveReport:
    """The values in force as scripts get them."""
    rows = tuple(EffectiveRow(value.key, value.value, value.origin) for value in values)
    return EffectiveReport(tuple(str(path) for path in files), rows)


def problem_rows(problems: Iterable[Problem]) -> tuple[ProblemRow, ...]:
    """Errors or warnings as scripts get them."""
    return tuple(ProblemRow(found.source, found.line or None, found.column or None, found.what, found.hint) for found in problems)


def validate_text(errors: tuple[Problem, ...], warnings: tuple[Problem, ...], files: tuple[str, ...]) -> str:
    """The findings as people get them."""
    lines = [str(problem) for problem in errors]
    lines += [f"warning: {problem}" for problem in warnings]
    if errors:
        lines.append(format_counted(len(errors), "error"))
    else:
        lines.append(f"ok: {', '.join(files)}" if files else "ok: there is no configuration file, so the defaults are in force")
    return "\n".join(printable(line) for text in lines for line in text.splitlines())


def effective_text(values: Iterable[Effective], *, origin: bool) -> str:
    """The values in force as people get them."""
    rows = [(value.key, yaml_value(value.value), value.origin) for value in values]
    return table(("KEY", "VALUE", "FROM") if origin else ("KEY", "VALUE"), (row if origin else row[:2] for row in rows), whole=True)
