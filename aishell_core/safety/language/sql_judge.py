"""The risk of SQL: pieces first, then sqlglot's tree, and what the two do not agree on is high; pure."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from aishell_core.safety.language.sql_calls import call_risks, harmful_calls
from aishell_core.safety.language.sql_changes import leaves_none_out
from aishell_core.safety.language.sql_rules import ADMIN, CRITICAL, HIGH, LOW, MEDIUM, READ_FORBIDS, READING, SCHEMA, WRITE, SqlRules
from aishell_core.safety.language.sql_words import Kind, Piece, UnreadableError, scan
from aishell_core.safety.language.sql_wrapped import (
    QUERIES,
    Statement,
    after_word,
    head_of,
    is_plain_transaction,
    keys_of_index,
    loads_code,
    query_of_creation,
    replaces,
)
from aishell_core.safety.risk import Risk, not_understood, risk_of, together

# What it cannot parse it tells on standard error, where a person would take it for ours.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)

_CHANGES = {"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"}
_EXPLAINS = {"EXPLAIN", "DESCRIBE", "DESC"}
_EXPLAIN_OPTIONS = {"ANALYZE", "ANALYSE", "SET"}
_SERVER_SETTINGS = {"GLOBAL", "PERSIST", "PERSIST_ONLY", "ROLE", "AUTHORIZATION", "PASSWORD"}
_ROUTINES = {"FUNCTION", "PROCEDURE", "AGGREGATE", "TRIGGER", "LANGUAGE"}
_MOST_PIECES = 20_000

_TRANSACTIONS = {"BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "END", "ABORT"}

ExplainOf = Callable[[Statement], tuple[Statement, bool]]


def judge_sql(command: str, rules: SqlRules) -> Risk:
    """The risk of a text of one or more statements; in doubt it is high."""
    try:
        pieces = scan(command, rules.lexis)
    except UnreadableError as error:
        return not_understood(str(error))
    if len(pieces) > _MOST_PIECES:
        return not_understood(f"more than {_MOST_PIECES} words")
    statements = tuple(_statements(tuple(piece for piece in pieces if piece.kind is not Kind.COMMENT)))
    if not statements:
        return not_understood("there is no statement in it")
    risk = together(_judge(statement, rules) for statement in statements)
    return risk if len(statements) == 1 else risk.at_least(HIGH, f"{len(statements)} statements at once")


def _statements(pieces: Statement) -> Iterator[Statement]:
    begun = 0
    for place, piece in enumerate(pieces):
        if piece.text == ";" and piece.kind is Kind.SIGN:
            if place > begun:
                yield pieces[begun:place]
            begun = place + 1
    if begun < len(pieces):
        yield pieces[begun:]


def _judge(statement: Statement, rules: SqlRules) -> Risk:
    first = statement[0].word or statement[0].text
    if first in _EXPLAINS or (first == "ANALYZE" and rules.analyze_runs and not _is_maintenance(statement)):
        return _explain(statement, rules)
    if first == "SET":
        return _set(statement, rules)
    if first in QUERIES or first in _CHANGES:
        return _parsed(statement, rules)
    if first == "SHOW" and rules.phrases.get("SHOW") == READING:
        return together((READING, *call_risks(statement, rules)))
    if first == "CREATE":
        return _creation(statement, rules)
    if first in _TRANSACTIONS and _phrase(statement, rules).action is WRITE and not is_plain_transaction(statement):
        return together((_phrase(statement, rules), not_understood(f"more than a transaction stands behind {first}")))
    found = call_risks(statement[1:], rules) if first == "KILL" else harmful_calls(statement, rules)
    return together((_phrase(statement, rules), *found))


def _phrase(statement: Statement, rules: SqlRules) -> Risk:
    """The risk that the beginning of a statement names; the longest beginning that is known counts."""
    head = head_of(statement)
    for length in range(min(4, len(head)), 0, -1):
        risk = rules.phrases.get(" ".join(head[:length]))
        if risk is not None:
            return risk
    return not_understood(f"{head[0]} is not known" if head[0] else "it does not begin with a word")


def _creation(statement: Statement, rules: SqlRules) -> Risk:
    """What is created, what it replaces, and what its making runs: a query, or the functions of an index."""
    found = [_phrase(statement, rules), *harmful_calls(statement, rules)]
    kind = head_of(statement)[1:2]
    dropped = rules.phrases.get(f"DROP {''.join(kind)}")
    if replaces(statement) and dropped is not None and dropped.level is CRITICAL:
        found.append(dropped)
    if kind == ["SCHEMA"] and any(piece.word == "GRANT" for piece in statement):
        found.append(rules.phrases["GRANT"])
    if kind and kind[0] in _ROUTINES and loads_code(statement):
        found.append(risk_of(CRITICAL, ADMIN, "brings code into the server that may do anything to it"))
    query = query_of_creation(statement)
    if query is not None:
        found.append(_judge(query, rules))
    elif not rules.keys_have_lengths:
        found += call_risks(keys_of_index(statement), rules)
    return together(found)


def _set(statement: Statement, rules: SqlRules) -> Risk:
    """SET may name several things at once, and run functions for their values; SET STATEMENT … FOR runs another statement."""
    settings: Statement = statement
    inner: Statement = ()
    if len(statement) > 1 and statement[1].word == "STATEMENT":
        settings, inner = after_word(statement, "FOR")
        if not inner:
            return not_understood("SET STATEMENT without the statement that it is for")
    found = (_settings(settings, rules), *call_risks(settings, rules))
    return together((*found, _judge(inner, rules)) if inner else found)


def _settings(statement: Statement, rules: SqlRules) -> Risk:
    """One setting that is not the session's own counts wherever it stands, and however it is named."""
    for piece in statement[1:]:
        text = piece.text.upper()
        if piece.word in _SERVER_SETTINGS or text.startswith(("@@GLOBAL", "@@PERSIST")) or "TRANSACTION" in text or "READ_ONLY" in text:
            return risk_of(HIGH, ADMIN, "changes the server, who acts, or the protection of a read-only transaction")
    return _phrase(statement, rules)


# EXPLAIN


def _is_maintenance(statement: Statement) -> bool:
    return len(statement) > 1 and statement[1].word in {"TABLE", "LOCAL", "NO_WRITE_TO_BINLOG"}


def _explain(statement: Statement, rules: SqlRules) -> Risk:
    """A plan alone changes nothing; with ANALYZE the statement is run."""
    inner = _explained(statement)
    before = statement[1:-1] if inner is None else statement[1 : len(statement) - len(inner)]
    begins = {phrase.partition(" ")[0] for phrase in rules.phrases} - _EXPLAIN_OPTIONS
    if any(piece.word in begins for piece in before) or (inner is None and len(statement) > 4):
        return not_understood("what is explained could not be told")
    if inner is None:
        return READING
    if statement[1].word == "PLAN" and "EXPLAIN PLAN" in rules.phrases:
        return together((rules.phrases["EXPLAIN PLAN"], *harmful_calls(inner, rules)))
    options = {piece.word for piece in before}
    runs = statement[0].word == "ANALYZE" or "ANALYZE" in options or "ANALYSE" in options
    risk = _judge(inner, rules)
    if not runs or not rules.explain_runs:
        # Some servers run functions and subqueries of a query to plan it; a change is planned alone.
        planned = inner[0].word in _CHANGES and risk.understood
        return together((READING, *harmful_calls(inner, rules))) if planned else risk
    return risk if risk.is_read else together((risk, Risk(risk.level, risk.actions, ("EXPLAIN ANALYZE runs the statement",))))


def _explained(statement: Statement) -> Statement | None:
    """The statement behind EXPLAIN and its options; None where a table is described."""
    depth = 0
    for place, piece in enumerate(statement[1:], 1):
        depth += {"(": 1, ")": -1}.get(piece.text, 0)
        if depth == 0 and (piece.word in QUERIES | _CHANGES or piece.word in {"CREATE", "EXECUTE", "DECLARE", "REFRESH"}):
            return statement[place:]
        if depth == 1 and piece.word in QUERIES and statement[place - 1].text == "(":
            return statement[place - 1 :]
    return None


# Statements that are parsed


def _parsed(statement: Statement, rules: SqlRules) -> Risk:
    tree = _tree(statement, rules)
    if tree is None:
        beginning = _phrase(statement, rules) if statement[0].word in rules.phrases else READING
        return together((not_understood("it could not be parsed"), beginning, *harmful_calls(statement, rules)))
    risk = together(
        (*_tree_risks(tree, rules, statement[0].word), *call_risks(statement, rules, _not_called(tree)), *_sign_risks(statement))
    )
    if risk.is_read:
        return _doubted(statement, tree, risk)
    return risk


def _tree(statement: Statement, rules: SqlRules) -> exp.Expr | None:
    """The one tree of a statement; None where it cannot be parsed, or parses as something else than it begins with."""
    pieces, first = statement, statement[0].word
    if first == "REPLACE":
        pieces = (Piece(Kind.WORD, "INSERT ", statement[0].start), *statement[1:])
    source = _source(pieces)
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
            case exp.Update() | exp.Delete():
                yield _change(node, rules)
            case exp.Merge():
                yield risk_of(HIGH, WRITE, "merges: inserts, updates or deletes as many rows as match")
            case exp.Into():
                yield risk_of(HIGH, SCHEMA, "SELECT … INTO writes what it reads")
            case exp.Lock():
                yield risk_of(MEDIUM, WRITE, "locks the rows that it reads")
            case exp.DDL() | exp.Drop() | exp.TruncateTable() | exp.Alter() | exp.Copy() | exp.Set() | exp.Grant() | exp.Kill():
                yield risk_of(HIGH, SCHEMA, f"{type(node).__name__} stands inside of it")


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
