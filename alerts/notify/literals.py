"""The literals of SQL within a text for people, masked whatever the dialect: what one of them may take for a literal goes. Pure.

A text is no statement, and may be cut anywhere, so nothing here parses: quotes are read both with and without escapes by backslashes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_WORDS = re.compile(r"\b(?:select|insert|update|delete|values|where|set|call|exec)\b", re.IGNORECASE)
"""Words of SQL, and of English: where one stands, what is quoted goes."""
_STATEMENT = re.compile(
    r"""\b(?:
    select\b(?=\s+[-\d'*("$]|.{0,400}\b(?:from|where|limit)\b)
    | (?:insert\s+(?:ignore\s+)?|replace\s+|merge\s+)into\b
    | update\s+\S+\s+(?:(?:as\s+)?\S+\s+)?set\b
    | delete\s+from\b
    | values\s*\(
    | where\s+\S+?\s*(?:[=<>!~]|\b(?:not\s+)?(?:in|like|ilike|between)\b)
    | set\s+[\w."`@]+\s*(?::?=|\bto\b)
    | call\s+[\w."`]+\s*\(
    | exec(?:ute)?\s+[\w."`]+\s*[(@]
    )""",
    re.IGNORECASE | re.VERBOSE,
)
"""What is hardly English: from here on figures go too, and a quote that is not closed goes to the end."""
_DOLLARS = r"\$(?P<tag>[^\W\d]\w*|)\$.*?\$(?P=tag)\$"
_ORACLE = r"[qQ]'(?:\[.*?\]|\(.*?\)|\{.*?\}|<.*?>|(?P<sign>\S).*?(?P=sign))'"
_CLOSED = (re.compile(rf"{_DOLLARS}|{_ORACLE}|'(?:[^']|'')*'"), re.compile(r"'(?:[^'\\]|\\.|'')*'"))
_OPEN = (
    re.compile(rf"{_DOLLARS}|\$(?:[^\W\d]\w*|)\$.*|{_ORACLE}|'(?:[^']|'')*(?:'|\Z)"),
    re.compile(r"'(?:[^'\\]|\\.|'')*(?:'|\Z|\\\Z)"),
    re.compile(r"(?<=[=<>~(,])\s*\"[^\"]*(?:\"|\Z)|(?<=like)\s*\"[^\"]*(?:\"|\Z)", re.IGNORECASE),
)
_FIGURE = re.compile(
    r"""(?P<before>[=<>(,+*/~|!-]\s*
    | \b(?:limit|offset|between|and|or|like|select|then|else|when|top|values|in|not|return|first|next|returning|distinct|to|default|is)\s+)
    [+-]?(?:0x[0-9a-f]+|(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)(?![\w%]|\.\d)""",
    re.IGNORECASE | re.VERBOSE,
)


def without_literals(text: str) -> str:
    """A text whose literals of SQL are `?`; one that holds no SQL as it is."""
    if _WORDS.search(text) is None:
        return text
    statement = _STATEMENT.search(text)
    if statement is None:
        return _hidden(text, _CLOSED)
    begin = statement.start()
    return _hidden(text[:begin], _CLOSED) + _FIGURE.sub(r"\g<before>?", _hidden(text[begin:], _OPEN))


def _hidden(text: str, patterns: tuple[re.Pattern[str], ...]) -> str:
    """The text with `?` for all that any of the patterns finds; what they find together becomes one."""
    spans = sorted(match.span() for pattern in patterns for match in pattern.finditer(text))
    parts: list[str] = []
    end = 0
    for begin, until in _merged(spans):
        parts += text[end:begin], "?"
        end = until
    return "".join((*parts, text[end:]))


def _merged(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    found: tuple[int, int] | None = None
    for begin, until in spans:
        if found is not None and begin < found[1]:
            found = (found[0], max(found[1], until))
            continue
        if found is not None:
            yield found
        found = (begin, until)
    if found is not None:
        yield found
