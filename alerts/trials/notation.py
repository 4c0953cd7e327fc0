"""The notation of series in tests of rules: `0+10x20 _x3 stale`, as promtool has it, with units as conditions have them.

Others call `parse_series` for the values of a series, and `parse_amount` for a single one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from aishell_core.errors import UsageError
from aishell_core.units import parse_duration, parse_size
from aishell_core.values import Unit
from alerts.language.syntax import Span

MOST_VALUES = 100_000
"""More values of one series than anybody writes: a day of one each second fits."""


class Gap(Enum):
    """A reading without a value: one that a figure is merely missing in, or from which on there is no such figure."""

    MISSING = "_"
    STALE = "stale"


Value = float | Gap
Series = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class NotationError(Exception):
    """A text that is no series; `span` is the place of the fault in it."""

    span: Span
    message: str
    hint: str = ""


_AMOUNT = r"\d+(?:\.\d+)?(?:e[+-]?\d+)?(?:[a-wyzA-Z]+|%)?"
_ITEM = re.compile(rf"(?P<begin>[+-]?{_AMOUNT})(?:(?P<sign>[+-])(?P<step>{_AMOUNT}))?(?:x(?P<count>\d{{1,9}}))?")
_MISSING = re.compile(r"_(?:x(?P<count>\d{1,9}))?")
_NUMBER = re.compile(r"(?P<number>-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?P<unit>[a-zA-Z]+|%)?")
_HINT = "write a value (0.5, 95%, 20s), a run such as 0+10x20 or 1x4, _ or _x3 for none, or stale"
_DURATIONS = {Unit.SECONDS: 1.0, Unit.MILLISECONDS: 1000.0}


def parse_series(text: str, unit: Unit) -> Series:
    """The values of a series of this unit, one for each reading; raises NotationError with the place of the fault.

    `a+bxn` is a and n more, each b above the one before; `axn` is a and n more of it; `_xn` is n readings without a value.
    """
    found: list[Value] = []
    for word in re.finditer(r"\S+", text):
        found += _run(word[0], Span(word.start(), len(word[0])), unit, MOST_VALUES - len(found))
    if not found:
        raise NotationError(Span(0, max(1, len(text))), "there is no value in it", _HINT)
    return tuple(found)


def _run(word: str, span: Span, unit: Unit, room: int) -> list[Value]:
    if word == Gap.STALE.value:
        return [Gap.STALE]
    if (gap := _MISSING.fullmatch(word)) is not None:
        return [Gap.MISSING] * _within(int(gap["count"] or 1), room, span)
    item = _ITEM.fullmatch(word)
    if item is None:
        raise NotationError(span, f"{word!r} is no value and no run of values", _HINT)
    begin = _amount(item["begin"].removeprefix("+"), unit, span)
    step = _amount(item["step"], unit, span) if item["step"] else 0.0
    step = -step if item["sign"] == "-" else step
    count = _within(1 + int(item["count"] or 0), room, span)
    if item["step"] and not item["count"]:
        raise NotationError(span, f"{word!r} does not say how often it is added", f"write {word}x10")
    return [begin + place * step for place in range(count)]


def _within(count: int, room: int, span: Span) -> int:
    if count > room:
        raise NotationError(span, f"the series has more than {MOST_VALUES:,} values", "let the readings lie further apart")
    return count


def _amount(text: str, unit: Unit, span: Span) -> float:
    try:
        return parse_amount(text, unit)
    except UsageError as error:
        raise NotationError(span, error.message, error.hint) from error


def parse_amount(text: str, unit: Unit) -> float:
    """A number in this unit, from a text with or without one of its own; raises UsageError."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{text!r} is no value", "write a number such as 0.5, 95%, 20s or 1.5GiB")
    number, written = float(found["number"]), found["unit"]
    if written is None:
        return number
    sign = -1.0 if number < 0 else 1.0
    bare = text.strip().lstrip("-")
    if written == "%" and unit is Unit.RATIO:
        return number / 100
    if unit in _DURATIONS:
        return sign * parse_duration(bare) * _DURATIONS[unit]
    if unit in {Unit.BYTES, Unit.BYTES_PER_SECOND}:
        return sign * parse_size(bare)
    raise UsageError(f"{text!r} does not fit a figure in {unit}", f"write a plain number in {unit}")
