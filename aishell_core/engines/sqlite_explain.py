"""From the rows of EXPLAIN QUERY PLAN to a tree with the costly steps marked and explained: pure.

What the rows say: https://sqlite.org/eqp.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from aishell_core.engines.statement_text import Token, TokenKind, tokens
from aishell_core.errors import TargetError
from aishell_core.units import format_count
from aishell_core.values import FailureCode, PlanNode

_EXPLAINABLE = frozenset({"SELECT", "WITH", "VALUES", "INSERT", "UPDATE", "DELETE", "REPLACE"})
_COMPARING = frozenset({"=", "==", "<", ">", "<=", ">=", "IN", "BETWEEN", "LIKE", "IS", "GLOB"})
_CONDITIONS_BEGIN = frozenset({"WHERE", "ON"})
_CONDITIONS_END = frozenset({"GROUP", "ORDER", "LIMIT", "SELECT", "FROM", "SET", "RETURNING", "UNION", "WINDOW"})
_NO_ALIAS = _COMPARING | _CONDITIONS_BEGIN | _CONDITIONS_END | {
    *("AS", "JOIN", "LEFT", "RIGHT", "FULL", "INNER", "OUTER", "CROSS", "NATURAL", "USING", "INDEXED", "NOT", "VALUES", "DEFAULT"),
    *("EXCEPT", "INTERSECT", "HAVING", "AND", "OR", "THEN", "WHEN", "ELSE", "END", "OVER", "ASC", "DESC"),
}  # fmt: skip
_SCAN = re.compile(r"SCAN (?:TABLE )?(?P<name>.+?)(?: AS (?P<alias>.+?))?(?P<how> (?:USING|VIRTUAL TABLE) .*)?(?: LEFT-JOIN)?")
_AUTOMATIC = re.compile(r"SEARCH (?:TABLE )?(?P<name>.+?) USING AUTOMATIC .*?INDEX \((?P<terms>.*)\).*")
_WHOLE_INDEX = re.compile(r" USING (?P<covering>COVERING )?INDEX (?P<index>.+?)(?: LEFT-JOIN)?")
_CONSTANT = re.compile(r"SCAN (?:\d+ )?CONSTANT ROWS?")
_TEMPORARY = re.compile(r"USE TEMP B-TREE FOR (?P<purpose>.+)")


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What is known of a table that a statement names; `rows` is None where ANALYZE has not run."""

    name: str
    columns: frozenset[str]
    leading_columns: frozenset[str]
    rows: float | None = None


@dataclass(frozen=True, slots=True)
class Explainable:
    """A single statement that has a plan, with each placeholder as `?`."""

    sql: str
    placeholders: int


def explainable(sql: str) -> Explainable:
    """The one statement in a text; raises TargetError for several, for none, and for those that have no plan."""
    pieces = [piece for piece in tokens(sql) if piece.kind is not TokenKind.COMMENT]
    while pieces and pieces[-1].text == ";":
        pieces.pop()
    words = [piece.text.upper() for piece in pieces[:3]]
    if words[:1] == ["EXPLAIN"]:
        pieces = pieces[3:] if words[1:] == ["QUERY", "PLAN"] else pieces[1:]
    if not pieces:
        raise TargetError(FailureCode.UNSUPPORTED, "there is no statement to explain")
    if any(piece.kind is TokenKind.SIGN and piece.text == ";" for piece in pieces):
        raise TargetError(FailureCode.UNSUPPORTED, "there is more than one statement", "explain them one by one")
    # Some PRAGMA and ATTACH statements act while they are merely prepared, so only what reads or changes rows passes.
    if pieces[0].text.upper() not in _EXPLAINABLE:
        raise TargetError(
            FailureCode.UNSUPPORTED,
            f"{pieces[0].text[:20].upper()} has no plan",
            "SELECT, WITH, VALUES, INSERT, UPDATE, DELETE and REPLACE have one",
        )
    values = [piece.kind is TokenKind.PLACEHOLDER for piece in pieces]
    text = " ".join("?" if value else piece.text for piece, value in zip(pieces, values, strict=True))
    return Explainable(text, sum(values))


def named_tables(sql: str, tables: Iterable[str]) -> dict[str, str]:
    """The tables that a statement names, by their names and aliases in lower case."""
    known = {table.lower(): table for table in tables}
    found: dict[str, str] = {}
    pieces = list(tokens(sql))
    for place, piece in enumerate(pieces):
        table = known.get(_name(piece))
        if table is None or piece.kind not in {TokenKind.WORD, TokenKind.QUOTED}:
            continue
        found[table.lower()] = table
        alias = pieces[place + 1 : place + 3]
        if alias and alias[0].text.upper() == "AS":
            alias = alias[1:]
        if alias and alias[0].kind in {TokenKind.WORD, TokenKind.QUOTED} and alias[0].text.upper() not in _NO_ALIAS:
            found[_name(alias[0])] = table
    return found


def _name(piece: Token) -> str:
    if piece.kind is not TokenKind.QUOTED:
        return piece.text.lower()
    quote = piece.text[0]
    return piece.text[1:-1].replace(quote * 2, quote).lower()


@dataclass(slots=True)
class _Step:
    text: str
    children: list[_Step] = field(default_factory=list)


def plan_of(rows: Iterable[tuple[int, int, str]], sql: str, names: dict[str, str], facts: dict[str, TableFacts]) -> tuple[PlanNode, ...]:
    """The root steps of a plan from its (id, parent, detail) rows; `names` is what `named_tables` found."""
    steps: dict[int, _Step] = {}
    roots: list[_Step] = []
    sorted_first = False
    for identifier, parent, detail in rows:
        sorted_first = sorted_first or _TEMPORARY.fullmatch(detail) is not None
        step = steps[identifier] = _Step(detail)
        above = steps.get(parent)
        (above.children if above is not None else roots).append(step)
    statement = _Statement(list(_conditions(sql)), names, facts, _stops_early(sql) and not sorted_first)
    return tuple(_node(step, statement) for step in roots)


@dataclass(frozen=True, slots=True)
class _Statement:
    """What the notes need to know of the statement: its conditions, its tables, and whether a LIMIT ends its scans early."""

    conditions: list[tuple[str, str]]
    names: dict[str, str]
    facts: dict[str, TableFacts]
    stops_early: bool


def _stops_early(sql: str) -> bool:
    """Whether a LIMIT is reached after as many rows: without a condition to filter, and without a function or subquery to feed."""
    pieces = [piece.text.upper() for piece in tokens(sql) if piece.kind in {TokenKind.WORD, TokenKind.SIGN}]
    return "LIMIT" in pieces and not {"(", "WHERE", "ON", "DISTINCT"}.intersection(pieces)


def _node(step: _Step, statement: _Statement) -> PlanNode:
    children = tuple(_node(child, statement) for child in step.children)
    note, rows = _note(step.text, statement)
    return PlanNode(step.text, bool(note), note, rows=rows, children=children)


def _note(text: str, statement: _Statement) -> tuple[str, float | None]:
    """Why a step is costly, in words, and how many rows it reads; nothing for a step that is not."""
    temporary = _TEMPORARY.fullmatch(text)
    if temporary is not None:
        return f"sorts in a temporary b-tree: no index gives the order for {temporary['purpose']}", None
    automatic = _AUTOMATIC.fullmatch(text)
    if automatic is not None:
        columns = ", ".join(re.findall(r"(\w+)[=<>]", automatic["terms"])) or automatic["terms"]
        return f"builds an index on {automatic['name']} ({columns}) for each run: a permanent one would save that", None
    scan = _SCAN.fullmatch(text)
    if scan is None or _CONSTANT.fullmatch(text):
        return "", None
    alias = (scan["alias"] or scan["name"]).lower()
    table = statement.names.get(alias) or statement.names.get(scan["name"].lower())
    if table is None:  # a subquery or a view's rows: the steps that made them are marked themselves
        return "", None
    what = _what_is_read(table, scan["how"] or "", stops_early=statement.stops_early)
    return _scan_note(alias, table, what, statement) if what else ("", None)


def _what_is_read(table: str, how: str, *, stops_early: bool) -> str:
    """What a scan goes through from end to end, in words; nothing where it does not."""
    if not how:
        return f"reads all of {table}"
    whole = _WHOLE_INDEX.fullmatch(how)
    if whole is None or how.endswith(")") or stops_early:  # a virtual table's own index, or terms that narrow the scan
        return ""
    if whole["covering"]:
        return f"reads the whole index {whole['index']}, not the table"
    return f"reads all of {table} in the order of index {whole['index']}"


def _scan_note(alias: str, table: str, what: str, statement: _Statement) -> tuple[str, float | None]:
    names, facts = statement.names, statement.facts
    known = facts.get(table)
    rows = known.rows if known is not None else None
    note = what + (f", about {format_count(rows)} rows" if rows is not None else "")
    if known is None:
        return note, rows
    others = {column for name in set(names.values()) - {table} if name in facts for column in facts[name].columns}
    compared = {
        column
        for owner, column in statement.conditions
        if column in known.columns and (owner == alias or (not owner and column not in others))
    }
    missing = sorted(compared - known.leading_columns)
    if missing:
        return f"{note}; no index on {', '.join(missing)}", rows
    return note if compared else f"{note}; no condition limits it", rows


def _conditions(sql: str) -> Iterator[tuple[str, str]]:
    """The columns that conditions compare, each as (table or alias, column) in lower case; the former may be empty."""
    pieces = [piece for piece in tokens(sql) if piece.kind is not TokenKind.COMMENT]
    inside = False
    for place, piece in enumerate(pieces):
        word = piece.text.upper()
        if piece.kind is TokenKind.WORD and word in _CONDITIONS_BEGIN | _CONDITIONS_END:
            inside = word in _CONDITIONS_BEGIN
        if not inside or piece.kind not in {TokenKind.WORD, TokenKind.QUOTED}:
            continue
        dotted = place >= 2 and pieces[place - 1].text == "."
        begin = place - 2 if dotted else place
        after = pieces[place + 1].text.upper() if place + 1 < len(pieces) else ""
        before = pieces[begin - 1].text.upper() if begin >= 1 else ""
        if after in _COMPARING or before in _COMPARING or (after == "NOT" and pieces[place + 2 : place + 3]):
            yield (_name(pieces[begin]) if dotted else ""), _name(piece)
