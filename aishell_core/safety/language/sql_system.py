"""Objects of the server itself, in which users, rights and settings stand: whoever changes them administers; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from aishell_core.safety.language.sql_code import stores_code
from aishell_core.safety.language.sql_rules import ADMIN, HIGH, SqlRules
from aishell_core.safety.language.sql_words import Kind, Piece
from aishell_core.safety.language.sql_wrapped import Statement, head_of, levelled, query_of_creation
from aishell_core.safety.risk import Risk, risk_of

_BEFORE_TYPES = frozenset({"COLLATE", "TYPE", "RETURNS", "SETOF", "DEFAULT", "LIKE", "::", "="})
_CODE_BEGINS = frozenset({"DO", "FOR", "BEGIN", "AS", "RETURN", "RETURNS", "EXECUTE", "("})


def is_system(schema: str, name: str, rules: SqlRules) -> bool:
    """Whether an object is the server's own, by its schema ("" where none is written) or its name."""
    of_its_name = bool(rules.system_names) and name.lower().startswith(rules.system_names)
    return (schema.lower() or rules.home) in rules.system_schemas or of_its_name


def system_risk(schema: str, name: str) -> Risk:
    """The risk of changing an object of the server itself."""
    shown = f"{schema}.{name}" if schema else name
    return risk_of(HIGH, ADMIN, f"{shown} is the server's own, and may hold its users, rights and settings")


def system_risks(statement: Statement, rules: SqlRules) -> Iterator[Risk]:
    """The risks of the server's own objects that a statement names which makes, alters or drops something.

    What it only reads is left out: a query that fills a table, and code, which is judged by itself. A view's query counts,
    because rows are changed through a view, too.
    """
    if not rules.system_schemas and not rules.system_names:
        return
    if rules.home:
        yield risk_of(HIGH, ADMIN, f"names without a schema are those of {rules.home}, the server's own")
    query = query_of_creation(statement) or ()
    named = statement[: len(statement) - len(query)] if query else _before_code(statement)
    written = replace(rules, home="")
    for schema, name in _names(tuple(piece for _, depth, piece in levelled(named) if depth == 0 and piece.text != ")")):
        if is_system(schema, name, written):
            yield system_risk(schema, name)
    if "VIEW" in head_of(statement)[1:2]:
        for schema, name in _names(query, skip_calls=True):
            if is_system(schema, name, written) and not _is_of_reading(schema, name, written):
                yield system_risk(schema, name)


def _is_of_reading(schema: str, name: str, rules: SqlRules) -> bool:
    return schema.lower() == "information_schema" or (bool(rules.system_views) and name.lower().startswith(rules.system_views))


def _before_code(statement: Statement) -> Statement:
    if stores_code(statement):
        for place, piece in enumerate(statement):
            if (piece.word or piece.text) in _CODE_BEGINS:
                return statement[:place]
    return statement


def _names(pieces: Statement, *, skip_calls: bool = False) -> Iterator[tuple[str, str]]:
    """Every name with its schema, but for those that stand where a type or a value does."""
    for place, piece in enumerate(pieces):
        before = pieces[place - 1] if place else None
        if not _name(piece) or (before is not None and (before.text == "." or (before.word or before.text) in _BEFORE_TYPES)):
            continue
        parts = [_name(piece)]
        end = place + 1
        while end + 1 < len(pieces) and pieces[end].text == ".":
            parts.append(_name(pieces[end + 1]))
            end += 2
        if not (skip_calls and pieces[end : end + 1] and pieces[end].text == "("):
            yield parts[-2] if len(parts) > 1 else "", parts[-1]


def _name(piece: Piece) -> str:
    """A name, also one in double quotes, which are quotes of texts or of names by a setting of the server."""
    return piece.text[1:-1] if piece.kind is Kind.TEXT and piece.text.startswith('"') else piece.name
