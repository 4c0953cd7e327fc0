"""The risk of one statement of SQL that reads or changes rows, by sqlglot's tree and its own words; pure.

The only module but those that it calls which loads the parser; `sql_judge` does so when such a statement is to be judged.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from aishell_core.safety.language.sql_calls import call_risks, harmful_calls
from aishell_core.safety.language.sql_changes import changed_tables, leaves_none_out
from aishell_core.safety.language.sql_rules import CRITICAL, HIGH, LOW, MEDIUM, READ_FORBIDS, READING, SCHEMA, WRITE, SqlRules
from aishell_core.safety.language.sql_system import is_system, system_risk
from aishell_core.safety.language.sql_words import Kind, Piece
from aishell_core.safety.language.sql_wrapped import Statement
from aishell_core.safety.risk import Risk, not_understood, risk_of, together

# What it cannot parse it tells on standard error, where a person would take it for ours.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)


def judge_tree(statement: Statement, rules: SqlRules, beginning: Risk, *, only_planned: bool = False) -> Risk:
    """The risk of one statement; `beginning` is that of its first words, for one that cannot be parsed.

    Of a change that is `only_planned` the functions count alone.
    """
    tree = _tree(statement, rules)
    if tree is None:
        return together((not_understood("it could not be parsed"), beginning, *harmful_calls(statement, rules)))
    if only_planned:
        return together((READING, *call_risks(statement, rules, _not_called(tree))))
    risk = together(
        (*_tree_risks(tree, rules, statement[0].word), *call_risks(statement, rules, _not_called(tree)), *_sign_risks(statement))
    )
    if risk.is_read:
        return _doubted(statement, tree, risk)
    return risk


def _tree(statement: Statement, rules: SqlRules) -> exp.Expr | None:
    """The one tree of a statement; None where it cannot be parsed, or parses as something else than it begins with."""
    source = _source(_as_parsed(statement, rules))
    if rules.rows_are_values and statement[0].word == "VALUES":
        source = f"SELECT * FROM ({source}) AS written_rows"  # noqa: S608 - it is parsed, never run
    try:
        trees = sqlglot.parse(source, dialect=rules.dialect)
    except (SqlglotError, ValueError, TypeError, AttributeError, IndexError, KeyError):
        # A parser that stumbles over its own feet has not understood the statement either.
        return None
    if len(trees) != 1 or trees[0] is None:
        return None
    tree = trees[0]
    fits = isinstance(tree, exp.Query | exp.Values | exp.Insert | exp.Update | exp.Delete | exp.Merge)
    return tree if fits and not any(tree.find_all(exp.Command)) else None


def _as_parsed(statement: Statement, rules: SqlRules) -> Statement:
    """The pieces in the parser's words: REPLACE is its INSERT, and words that it does not know, and that change nothing, are left out."""
    first, rest = statement[0], statement[1:]
    if first.word in {"INSERT", "UPDATE", "DELETE", "REPLACE"}:
        ignores = False
        while rest and rest[0].word in rules.modifiers:
            ignores |= rest[0].word == "IGNORE"
            rest = rest[1:]
        if ignores and first.word == "INSERT" and rest:
            rest = (Piece(Kind.WORD, "IGNORE ", rest[0].start), *rest)
    if first.word == "REPLACE":
        first = Piece(Kind.WORD, "INSERT ", first.start)
    return (first, *rest)


def _source(pieces: Statement) -> str:
    """The pieces with one space between those that stood apart, and values that are bound as the parser knows them."""
    parts: list[str] = []
    end = pieces[0].start
    for piece in pieces:
        parts.append(" " * (piece.start > end) + (_parameter(piece.text) if piece.kind is Kind.PARAMETER else piece.text))
        end = piece.start + len(piece.text)
    return "".join(parts)


def _parameter(text: str) -> str:
    """?1 and :1 by names that keep the same value the same; what a driver calls %s and %(name)s."""
    if text[0] in "?:" and text[1:].isdecimal():
        return f":value_{text[1:]}"
    if text.startswith("%("):
        return f":{text[2:-2]}"
    return "?" if text == "%s" else text


def _tree_risks(tree: exp.Expr, rules: SqlRules, begins: str) -> Iterator[Risk]:
    yield READING
    for node in tree.walk():
        match node:
            case exp.Insert():
                yield _insert(node, replaces=begins == "REPLACE")
                yield from _of_system((node.this.find(exp.Table),), rules)
            case exp.Update() | exp.Delete():
                yield _change(node, rules)
                yield from _of_system(changed_tables(node), rules)
            case exp.Merge():
                yield from _of_system((node.this,), rules)
                yield risk_of(HIGH, WRITE, "merges: inserts, updates or deletes as many rows as match")
            case exp.Into():
                yield risk_of(HIGH, SCHEMA, "SELECT … INTO writes what it reads")
            case exp.Lock():
                yield from _of_system(tree.find_all(exp.Table), rules)
                yield risk_of(MEDIUM, WRITE, "locks the rows that it reads")
            case exp.DDL() | exp.Drop() | exp.TruncateTable() | exp.Alter() | exp.Copy() | exp.Set() | exp.Grant() | exp.Kill():
                yield risk_of(HIGH, SCHEMA, f"{type(node).__name__} stands inside of it")


def _of_system(tables: Iterable[exp.Expr | None], rules: SqlRules) -> Iterator[Risk]:
    for table in tables:
        if isinstance(table, exp.Table) and is_system(table.db, table.name, rules):
            yield system_risk(table.db or rules.home, table.name)


def _insert(node: exp.Insert, *, replaces: bool) -> Risk:
    if isinstance(node.expression, exp.Query):
        return risk_of(MEDIUM, WRITE, "inserts as many rows as its query brings")
    if replaces or node.args.get("conflict") is not None or node.args.get("overwrite") or node.args.get("alternative"):
        return risk_of(MEDIUM, WRITE, "may overwrite rows that are there")
    return risk_of(LOW, WRITE, "inserts rows")


def _change(node: exp.Update | exp.Delete, rules: SqlRules) -> Risk:
    word = "updates" if isinstance(node, exp.Update) else "deletes"
    where = node.args.get("where")
    if where is None:
        if node.args.get("limit") is not None:
            return risk_of(HIGH, WRITE, f"{word} rows without a WHERE, up to its limit")
        return risk_of(CRITICAL, WRITE, f"{word} every row: it has no WHERE")
    if _leaves_none_out(node, where.this, rules):
        return risk_of(CRITICAL, WRITE, f"{word} every row: its WHERE may hold for all of them")
    return risk_of(MEDIUM, WRITE, f"{word} rows")


def _leaves_none_out(node: exp.Update | exp.Delete, where: exp.Expr, rules: SqlRules) -> bool:
    options = {"numbers_are_truths": rules.numbers_are_truths, "quoted_may_be_text": rules.quoted_may_be_text}
    try:
        return leaves_none_out(node, where, **options)
    except (AttributeError, KeyError, TypeError, ValueError):
        # A tree of a shape that nobody expected: in doubt it leaves none out.
        return True


def _not_called(tree: exp.Expr) -> Iterator[str]:
    """Names with columns behind them: those of aliases, of common table expressions, of tables that rows are inserted into."""
    for node in tree.walk():
        if isinstance(node, exp.TableAlias) and node.args.get("columns"):
            yield _folded(node.this)
        elif isinstance(node, exp.Schema) and isinstance(node.this, exp.Table):
            yield _folded(node.this.this)


def _folded(name: object) -> str:
    if not isinstance(name, exp.Identifier):
        return ""
    return name.name if name.args.get("quoted") else name.name.lower()


def _sign_risks(statement: Statement) -> Iterator[Risk]:
    if any(piece.text == ":=" for piece in statement):
        yield risk_of(LOW, WRITE, "sets variables of the session")


def _doubted(statement: Statement, tree: exp.Expr, risk: Risk) -> Risk:
    """A read in whose text stands a word that reads do not need: the tree may not be what the server sees."""
    if not isinstance(tree, exp.Query | exp.Values):
        return not_understood("it begins as a change and parses as none")
    for place, piece in enumerate(statement):
        # Oracle's sequences are read as if NEXTVAL were a column of theirs.
        if piece.word == "NEXTVAL" or (piece.word in READ_FORBIDS and not _is_name(statement, place)):
            return together((risk, risk_of(HIGH, WRITE, f"the word {piece.word} stands in what looks like a read")))
    return risk


def _is_name(statement: Statement, place: int) -> bool:
    before = statement[place - 1] if place else None
    after = statement[place + 1] if place + 1 < len(statement) else None
    return (before is not None and (before.text == "." or before.word == "AS")) or (after is not None and after.text in {"(", "."})
