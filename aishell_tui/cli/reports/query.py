"""What `aishell query` prints."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping

from aishell_core.errors import AishellError
from aishell_core.units import format_duration
from aishell_core.values import CommandResult, Limits, Value
from aishell_ops.commands.models import Plan
from aishell_tui.cli.encode import Json, to_json, to_plain
from aishell_tui.cli.shapes import ErrorBody, QueryErrorReport, QueryReport, RiskBody
from aishell_tui.cli.terminal import printable, table

_ABSENT = "NULL"
_QUOTED = re.compile(r"[\",\r\n]|^\s|\s$")


def query_json(plan: Plan, result: CommandResult | None) -> str:
    """A command and what it brought as scripts get it; without a result for a command that was not run."""
    risk, target = _risk(plan), plan.place.target
    if result is None:
        return to_json(QueryReport(target, plan.database, risk, plan.decision.allowed, False, (), (), None, None, "", ""))
    rows = tuple(tuple(_plain(value) for value in row) for row in result.rows)
    return to_json(
        QueryReport(
            target, plan.database, risk, True, True, result.columns, rows, result.affected, result.milliseconds, result.cut, result.note
        )
    )


def error_json(plan: Plan, error: AishellError) -> str:
    """Why a command that was judged did not run, or failed, as scripts get it."""
    body = ErrorBody(error.code, error.message, error.hint)
    return to_json(QueryErrorReport(body, plan.place.target, plan.database, _risk(plan), plan.decision.allowed))


def _risk(plan: Plan) -> RiskBody:
    return RiskBody(plan.risk.level.value, tuple(plan.risk.actions), plan.risk.reasons)


def rows_text(result: CommandResult, *, csv: bool) -> str:
    """The rows as a table or as comma-separated values; the note of the server where there are no columns."""
    if not result.columns:
        return "" if csv else result.note or "done"
    return _separated(result) if csv else _table(result)


def _table(result: CommandResult) -> str:
    numeric = [
        column
        for column in range(len(result.columns))
        if any(_is_number(row[column]) for row in result.rows)
        and all(row[column] is None or _is_number(row[column]) for row in result.rows)
    ]
    rows = (tuple(_ABSENT if value is None else _text(value) for value in row) for row in result.rows)
    return table(result.columns, rows, numeric)


def _separated(result: CommandResult) -> str:
    """RFC 4180, with lines that end in a line feed; what is absent is an empty field, and an empty text is two quotes."""
    to_person = sys.stdout is not None and sys.stdout.isatty()
    rows = ((None if value is None else _text(value) for value in row) for row in result.rows)
    return "\n".join(",".join(_field(text, to_person=to_person) for text in row) for row in (result.columns, *rows))


def _field(text: str | None, *, to_person: bool) -> str:
    """A field; a script gets every byte, a terminal none that could change it."""
    if text is None:
        return ""
    shown = "\n".join(map(printable, text.split("\n"))) if to_person else text
    return '"' + shown.replace('"', '""') + '"' if not shown or _QUOTED.search(shown) else shown


def summary(result: CommandResult, limits: Limits) -> str:
    """How much it was, how long it took, and what was left out."""
    words = [_count(len(result.rows), "row")] if result.columns else []
    if result.affected is not None:
        words.append(f"{_count(result.affected, 'row')} changed")
    words.append(format_duration(result.milliseconds / 1000))
    if result.cut:
        limit = f"--rows {limits.rows}" if result.cut == "rows" else f"--bytes {limits.bytes}B"
        words.append(f"there is more: cut off at {limit}")
    return ", ".join(words)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, tuple | Mapping):
        return json.dumps(_plain(value), ensure_ascii=False)
    return str(value)


def _number(value: float) -> str:
    """A number as databases write it; NaN and the infinities have a word, which JSON gets as a text."""
    return str(value) if math.isfinite(value) else "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _plain(value: Value) -> Json:
    if isinstance(value, float) and not math.isfinite(value):
        return _number(value)
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else to_plain(value)
