"""A condition's text as tokens. Whatever the text, the only error is ConditionError."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum

from aishell_core.errors import UsageError
from aishell_core.units import parse_duration, parse_size
from aishell_core.values import Unit
from alerts.language.problems import ConditionError, Problem
from alerts.language.syntax import Span

LONGEST_TEXT = 4_000
"""Characters; a condition that is longer is a mistake or an attack."""


class TokenKind(StrEnum):
    """What a token is; the value is how messages call it."""

    NUMBER = "number"
    NAME = "name"
    VARIABLE = "variable"
    TEXT = "text"
    OPERATOR = "operator"
    END = "the end"


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its text (of a quoted text, what it says), its place, and for a number its value and unit."""

    kind: TokenKind
    text: str
    span: Span
    value: float = 0.0
    unit: Unit | None = None


_TOKEN = re.compile(
    r"""(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+(?![A-Za-z]))?(?P<suffix>[A-Za-z][A-Za-z0-9.]*|%)?(?P<each>/s(?![A-Za-z0-9_.]))?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)
    |(?P<variable>\$[A-Za-z_]+)
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<operator>==|!=|=~|!~|<=|>=|[-+*/%<>(){},=])""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_SPACE = re.compile(r"\s*")
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)([a-z]+)", re.ASCII)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_EACH = {Unit.BYTES: Unit.BYTES_PER_SECOND, Unit.SECONDS: Unit.MILLISECONDS_PER_SECOND, None: Unit.PER_SECOND}
_INSTEAD = {"&&": "write and", "||": "write or", "!": "write not", "=": "write ==", "<>": "write !=", "×": "write *", "≥": "write >="}
_UNITS = "times are written as 200ms, 30s, 5m, 1h or 1d, sizes as 10MiB or 1.5GB, shares as 90%"


def tokens_of(text: str) -> tuple[Token, ...]:
    """The tokens of a text, an END last; raises ConditionError."""
    if len(text) > LONGEST_TEXT:
        raise _error(Span(LONGEST_TEXT, 1), f"the condition is longer than {LONGEST_TEXT} characters", "split it into several rules")
    tokens: list[Token] = []
    at = _skip(text, 0)
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unknown(text, at)
        tokens.append(_token(match))
        at = _skip(text, match.end())
    return (*tokens, Token(TokenKind.END, "", Span(len(text), 0)))


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _token(match: re.Match[str]) -> Token:
    span, text = Span(match.start(), match.end() - match.start()), match[0]
    if match["number"] is not None:
        return _number(match, span)
    if match["text"] is not None:
        return Token(TokenKind.TEXT, _ESCAPE.sub(r"\1", text[1:-1]), span)
    if match["variable"] is not None:
        return Token(TokenKind.VARIABLE, text[1:].lower(), span)
    return Token(TokenKind.NAME if match["name"] is not None else TokenKind.OPERATOR, text, span)


def _number(match: re.Match[str], span: Span) -> Token:
    suffix, each = match["suffix"] or "", match["each"]
    text = match["number"].removesuffix(each or "")
    value, unit = _quantity(text, suffix, span)
    if each:
        if unit is Unit.RATIO:
            raise _error(span, f"{match[0]} is no quantity", "a share per second has no meaning here; write a plain number")
        value, unit = (value * 1000.0 if unit is Unit.SECONDS else value), _EACH[unit]
    if not math.isfinite(value):
        raise _error(span, f"{match[0]} is too large a number")
    return Token(TokenKind.NUMBER, match[0], span, value, unit)


def _quantity(text: str, suffix: str, span: Span) -> tuple[float, Unit | None]:
    if not suffix:
        return float(text), None
    number = text.removesuffix(suffix)
    if suffix == "%":
        return float(number) / 100.0, Unit.RATIO
    parts = _PART.findall(text)
    try:
        if parts and "".join(amount + unit for amount, unit in parts) == text:
            return sum(parse_duration(f"{float(amount):f}{unit}") for amount, unit in parts), Unit.SECONDS
        return parse_size(f"{float(number):f}{suffix}"), Unit.BYTES
    except UsageError:
        raise _error(span, f"{text} has the unit {suffix!r}, which there is not", _UNITS) from None


def _unknown(text: str, at: int) -> ConditionError:
    letter = text[at]
    if letter in "\"'":
        return _error(Span(at, len(text) - at), "the quoted text has no end", f"close it with {letter}")
    if letter == "$":
        return _error(Span(at, 1), "a name has to follow the dollar sign", "write $status, $warning or $critical")
    word = text[at : at + 2] if text[at : at + 2] in _INSTEAD else letter
    shown = word if word.isprintable() else f"U+{ord(word):04X}"
    return _error(Span(at, len(word)), f"{shown} means nothing in a condition", _INSTEAD.get(word, ""))


def _error(span: Span, message: str, hint: str = "") -> ConditionError:
    return ConditionError((Problem(span, message, hint),))
