"""Matchers on labels, as silences, maintenance windows and inhibitions use them: checking and matching. Pure."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from functools import lru_cache

from alerts.models import Matcher, MatchOperator

_LONGEST_PATTERN = 200
_MOST_REPEATS = 3
_PATTERNS = frozenset({MatchOperator.MATCHES, MatchOperator.NOT_MATCHES})
_PIECES = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{\d*,?\d*\}|\(\?P?[:=!<]?=?!?|.", re.DOTALL)
_BACK_REFERENCE = re.compile(r"\\[1-9]|\(\?P=")


def problem_of(matcher: Matcher) -> str:
    """What is wrong with a matcher, "" when nothing is.

    A pattern that could take for ever on a text that does not fit is refused: repeats inside of a repeat, or many of them.
    """
    if matcher.operator not in _PATTERNS:
        return ""
    if len(matcher.value) > _LONGEST_PATTERN:
        return f"a pattern has at most {_LONGEST_PATTERN} characters"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            re.compile(matcher.value)
    except (re.error, OverflowError, RecursionError, FutureWarning) as error:
        return f"the pattern is wrong: {error}"
    return "the pattern repeats what repeats, or repeats too often" if _may_be_slow(matcher.value) else ""


def matches(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether all matchers fit; a label that is missing is an empty one, and a pattern must fit the whole value."""
    return all(_fits(matcher, labels.get(matcher.label, "")) for matcher in matchers)


def _fits(matcher: Matcher, value: str) -> bool:
    if matcher.operator is MatchOperator.EQUAL:
        return value == matcher.value
    if matcher.operator is MatchOperator.NOT_EQUAL:
        return value != matcher.value
    pattern = _compiled(matcher.value)
    fits = pattern is not None and pattern.fullmatch(value) is not None
    return fits is (matcher.operator is MatchOperator.MATCHES)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """None for one that `problem_of` refuses, which fits nothing."""
    return None if problem_of(Matcher("", MatchOperator.MATCHES, pattern)) else re.compile(pattern)


def _may_be_slow(pattern: str) -> bool:
    """Whether a group that repeats holds choices or repeats of its own, or there are many open repeats, or references back."""
    groups = [False]
    may_vary = False
    repeats = 0
    for piece in _PIECES.findall(pattern):
        is_repeat = piece in {"*", "+", "?"} or (piece[0] == "{" and len(piece) > 1)
        if is_repeat and piece != "?":
            if may_vary:
                return True
            repeats += 1
        if _BACK_REFERENCE.fullmatch(piece):
            return True
        if piece[0] == "(":
            groups.append(False)
        elif is_repeat or piece == "|":
            groups[-1] = True
        may_vary = piece == ")" and len(groups) > 1 and groups.pop()
        groups[-1] = groups[-1] or may_vary
    return repeats > _MOST_REPEATS
