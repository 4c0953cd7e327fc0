"""Matchers of labels, as people write them: severity="warning", target=~"orders-.*", environment!=production."""

from __future__ import annotations

import re

from alerts.language.problems import ConditionError, Problem
from alerts.language.syntax import Span
from alerts.matchers import problem_of
from alerts.models import Matcher, MatchOperator

LABEL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What the name of a label may be."""

_MATCHER = re.compile(
    r"\s*(?P<label>[^\s=!~\"']+)\s*(?P<operator>=~|!~|!=|=)\s*(?P<value>\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\"']*?)\s*", re.DOTALL
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MOST_CHARACTERS = 500


def parse_matcher(text: str) -> Matcher:
    """The matcher that a text says; raises ConditionError with the place of what is wrong in it."""
    if len(text) > _MOST_CHARACTERS:
        raise _fault(Span(0, 1), f"the matcher is longer than {_MOST_CHARACTERS} characters")
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise _fault(Span(0, max(1, len(text))), "this is no matcher", 'write severity="warning", or target=~"orders-.*"')
    label, operator, value = found["label"], MatchOperator(found["operator"]), _unquoted(found["value"])
    if not LABEL_NAME.fullmatch(label):
        raise _fault(Span(found.start("label"), len(label)), f"{label!r} is no name of a label", "letters, digits and _ make one")
    matcher = Matcher(label, operator, value)
    if what := problem_of(matcher):
        place = Span(found.start("value"), max(1, len(found["value"])))
        raise _fault(place, f"the pattern cannot be used: {what}", "write . for any character and .* for any text")
    return matcher


def format_matcher(matcher: Matcher) -> str:
    """A matcher as `parse_matcher` reads it."""
    quoted = matcher.value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{matcher.label}{matcher.operator}"{quoted}"'


def _unquoted(text: str) -> str:
    if text.startswith('"'):
        return _ESCAPED.sub(lambda found: found[1], text[1:-1])
    return text[1:-1] if text.startswith("'") else text


def _fault(span: Span, message: str, hint: str = "") -> ConditionError:
    return ConditionError((Problem(span, message, hint),))
