"""Matchers on labels, as silences, maintenance windows and inhibitions use them: checking and matching. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from alerts.language.patterns import PatternError, compile_pattern, matches_whole
from alerts.models import Matcher, MatchOperator

_PATTERNS = frozenset({MatchOperator.MATCHES, MatchOperator.NOT_MATCHES})


def problem_of(matcher: Matcher) -> str:
    """What is wrong with a matcher, "" when nothing is: a pattern that is none, or that some text could make slow."""
    try:
        if matcher.operator in _PATTERNS:
            compile_pattern(matcher.value)
    except PatternError as error:
        return str(error)
    return ""


def matches(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether all matchers fit; a label that is missing is an empty one, and a pattern must fit the whole value."""
    return all(_fits(matcher, labels.get(matcher.label, "")) for matcher in matchers)


def _fits(matcher: Matcher, value: str) -> bool:
    match matcher.operator:
        case MatchOperator.EQUAL:
            return value == matcher.value
        case MatchOperator.NOT_EQUAL:
            return value != matcher.value
        case _:
            try:
                return matches_whole(matcher.value, value) is (matcher.operator is MatchOperator.MATCHES)
            except PatternError:
                return False
