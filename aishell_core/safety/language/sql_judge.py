"""The risk of SQL: pieces first, then a parser's tree, and what the two do not agree on is high; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain

from aishell_core.safety.language.sql_calls import call_risks, harmful_calls
from aishell_core.safety.language.sql_code import code_risks, goes_on_behind_semicolons, stores_code
from aishell_core.safety.language.sql_definitions import definition_risks
from aishell_core.safety.language.sql_rules import ADMIN, CRITICAL, HIGH, READING, WRITE, SqlRules
from aishell_core.safety.language.sql_storage import storage_risks
from aishell_core.safety.language.sql_system import system_risks
from aishell_core.safety.language.sql_words import Kind, UnreadableError, scan
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

_CHANGES = {"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"}
_EXPLAINS = {"EXPLAIN", "DESCRIBE", "DESC"}
_EXPLAIN_OPTIONS = {"ANALYZE", "ANALYSE", "SET"}
_ANALYZE = {"ANALYZE", "ANALYSE"}
_OFF = {"FALSE", "OFF"}
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
    statements = tuple(_statements(tuple(piece for piece in pieces if piece.kind is not Kind.COMMENT), rules))
    if not statements:
        return not_understood("there is no statement in it")
    risk = together(_one_after_the_other(statements, rules))
    return risk if len(statements) == 1 else risk.at_least(HIGH, f"{len(statements)} statements at once")


def _one_after_the_other(statements: Iterable[Statement], rules: SqlRules) -> Iterator[Risk]:
    """The risk of each, in the schema that a USE before it has chosen."""
    for statement in statements:
        yield _judge(statement, rules)
        if statement[0].word == "USE" and len(statement) > 1:
            rules = rules.seen_from(statement[1].name)


def _statements(pieces: Statement, rules: SqlRules) -> Iterator[Statement]:
    """The statements of a text; code that is stored keeps its own, and all that stands behind it, which is judged with it."""
    begun = 0
    for place, piece in enumerate(pieces):
        if piece.text == ";" and piece.kind is Kind.SIGN:
            if place > begun:
                if goes_on_behind_semicolons(pieces[begun:place], rules):
                    break
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
    if first == "CREATE" or stores_code(statement) or head_of(statement)[:2] == ["ALTER", "VIEW"]:
        return _creation(statement, rules)
    if first in _TRANSACTIONS and _phrase(statement, rules).action is WRITE and not is_plain_transaction(statement):
        return together((_phrase(statement, rules), not_understood(f"more than a transaction stands behind {first}")))
    found = call_risks(statement[1:], rules) if first == "KILL" else harmful_calls(statement, rules)
    risk = _phrase(statement, rules)
    if first == "ALTER":
        found = chain(found, definition_risks(statement, rules), storage_risks(statement, rules))
    return together((risk, *found, *(() if risk.is_read else system_risks(statement, rules))))


def _phrase(statement: Statement, rules: SqlRules) -> Risk:
    """The risk that the beginning of a statement names; the longest beginning that is known counts."""
    head = head_of(statement)
    for length in range(min(4, len(head)), 0, -1):
        risk = rules.phrases.get(" ".join(head[:length]))
        if risk is not None:
            return risk
    return not_understood(f"{head[0]} is not known" if head[0] else "it does not begin with a word")


def _creation(statement: Statement, rules: SqlRules) -> Risk:
    """What is created, what it replaces, and what its making runs, now or later: a query, the functions of an index, code."""
    found = [
        _phrase(statement, rules),
        *harmful_calls(statement, rules),
        *system_risks(statement, rules),
        *definition_risks(statement, rules),
        *storage_risks(statement, rules),
    ]
    kind = head_of(statement)[1:2]
    dropped = rules.phrases.get(f"DROP {''.join(kind)}")
    if replaces(statement) and dropped is not None and dropped.level is CRITICAL:
        found.append(dropped)
    if kind == ["SCHEMA"] and any(piece.word == "GRANT" for piece in statement):
        found.append(rules.phrases["GRANT"])
    if kind and kind[0] in _ROUTINES and loads_code(statement):
        found.append(risk_of(CRITICAL, ADMIN, "brings code into the server that may do anything to it"))
    if stores_code(statement):
        found += code_risks(statement, rules, partial(_judge, rules=rules))
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
        if rules.storage_engines and "STORAGE_ENGINE" in text:
            return risk_of(HIGH, ADMIN, "changes where new tables keep their rows")
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
    runs = statement[0].word == "ANALYZE" or _is_analyzed(before)
    risk = _judge(inner, rules)
    if not runs or not rules.explain_runs:
        # Some servers run functions and subqueries to plan what holds them, so these count; the change itself is not made.
        planned = inner[0].word in _CHANGES and risk.understood
        return _parsed(inner, rules, only_planned=True) if planned else risk
    return risk if risk.is_read else together((risk, Risk(risk.level, risk.actions, ("EXPLAIN ANALYZE runs the statement",))))


def _is_analyzed(options: Statement) -> bool:
    """Whether the options of EXPLAIN have the statement run: ANALYZE, also as a name in quotes, that is not switched off."""
    return any(piece.name.upper() in _ANALYZE and not _is_off(options[place + 1 : place + 3]) for place, piece in enumerate(options))


def _is_off(behind: Statement) -> bool:
    """Whether an option in parentheses has a value that PostgreSQL reads as false; a value of another form counts as true."""
    if len(behind) < 2 or behind[1].text not in {",", ")"}:
        return False
    value = behind[0].text[1:-1] if behind[0].kind is Kind.TEXT else behind[0].name
    return value.upper() in _OFF or (behind[0].kind is Kind.NUMBER and behind[0].text == "0")


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


def _parsed(statement: Statement, rules: SqlRules, *, only_planned: bool = False) -> Risk:
    # The parser takes ten megabytes, and a text loses its literals without it.
    from aishell_core.safety.language.sql_tree import judge_tree

    beginning = _phrase(statement, rules) if statement[0].word in rules.phrases else READING
    return judge_tree(statement, rules, beginning, only_planned=only_planned)
