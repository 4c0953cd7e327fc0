"""A statement with light highlighting."""

from __future__ import annotations

import re

from widgets.heading import Heading
from widgets.lines import Span, Spans
from widgets.palette import Role
from widgets.text_view import TextView

_WORDS = (
    "add all alter analyze and as asc begin between by case cast check collate commit create cross cte default delete desc "
    "distinct drop else end escape except exists explain filter for foreign from full group having if ignore in index inner "
    "insert intersect into is join key lateral left like limit natural not null offset on or order outer over partition plan "
    "pragma primary query recursive references replace returning right rollback savepoint select set table temp then "
    "transaction trigger union unique update using vacuum values view when where window with "
)
_KEYWORDS = frozenset(_WORDS.split())
_TOKEN = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?(?:\*/|$))"
    r"|(?P<literal>'(?:[^']|'')*'?)"
    r"|(?P<name>\"(?:[^\"]|\"\")*\"?|`[^`]*`?|\[[^\]]*\]?)"
    r"|(?P<number>\b\d+(?:\.\d+)?\b|[?$:@]\w*)"
    r"|(?P<word>\w+)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_MARGIN: Span = (" ", "text")


class SqlView(TextView):
    """A formatted statement, one line of text a line, scrollable."""

    def __init__(self, sql: str = "", *, heading: Heading | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(highlight(sql), heading=heading, id=id, classes=classes)
        self._sql = sql

    @property
    def sql(self) -> str:
        """The text as it was given."""
        return self._sql

    def set_sql(self, sql: str) -> None:
        """Show another statement from its first line."""
        if sql != self._sql:
            self._sql = sql
            self._first = 0
            self.set_lines(highlight(sql))


def highlight(sql: str) -> tuple[Spans, ...]:
    """Lines of a statement with roles for keywords, literals, numbers and comments; it need not be valid SQL."""
    lines: list[list[Span]] = [[]]
    for match in _TOKEN.finditer(sql.replace("\r\n", "\n").replace("\t", "    ")):
        role = _role(match)
        first, *others = match.group().split("\n")
        _append(lines[-1], first, role)
        for text in others:
            lines.append([])
            _append(lines[-1], text, role)
    return tuple((_MARGIN, *line) for line in lines)


def _append(line: list[Span], text: str, role: Role) -> None:
    if not text:
        return
    if line and line[-1][1] == role:
        line[-1] = (line[-1][0] + text, role)
    else:
        line.append((text, role))


def _role(match: re.Match[str]) -> Role:
    match match.lastgroup:
        case "comment":
            return "comment"
        case "literal":
            return "literal"
        case "number":
            return "number"
        case "word" if match.group().lower() in _KEYWORDS:
            return "keyword"
        case _:
            return "text"
