"""Code that a statement stores to run later: where it begins, and what the statements in it can do; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from aishell_core.safety.language.sql_calls import call_risks
from aishell_core.safety.language.sql_code_steps import Code, step_risks
from aishell_core.safety.language.sql_rules import Routines, SqlRules
from aishell_core.safety.language.sql_words import Kind, Piece, UnreadableError, scan
from aishell_core.safety.language.sql_wrapped import Statement, after_word, head_of
from aishell_core.safety.risk import Risk, not_understood

_KINDS = frozenset({"EVENT", "TRIGGER", "FUNCTION", "PROCEDURE", "PACKAGE"})
_EACH_ROW = ["FOR", "EACH", "ROW"]
_TYPE_WORDS = frozenset({"UNSIGNED", "SIGNED", "ZEROFILL", "PRECISION", "VARYING", "BINARY"})
_TEXT_OF_TYPE = frozenset({"CHARSET", "COLLATE"})
_CHARACTERISTICS = frozenset({"LANGUAGE", "NOT", "DETERMINISTIC", "CONTAINS", "NO", "READS", "MODIFIES", "SQL", "DATA"})
_SECURITY = (["SQL", "SECURITY", "DEFINER"], ["SQL", "SECURITY", "INVOKER"])
_PLAIN_TEXT = re.compile(r"'([^\\]*)'")
_DOLLAR_TEXT = re.compile(r"(\$\w*\$)(.*)\1", re.DOTALL)

Judge = Callable[[Statement], Risk]


def stores_code(statement: Statement) -> bool:
    """Whether it makes an event, a trigger or a routine, or gives an event something else to do."""
    head = head_of(statement)
    if head[:2] == ["ALTER", "EVENT"]:
        return True
    return head[0] == "CREATE" and (head[1:2] != [] and (head[1] in _KINDS or head[1:3] == ["TYPE", "BODY"]))


def goes_on_behind_semicolons(statement: Statement, rules: SqlRules) -> bool:
    """Whether the code of a statement, cut at its first semicolon, may have more statements behind it."""
    if not stores_code(statement):
        return False
    if rules.routines is Routines.BLOCKS:
        return statement[0].word == "CREATE" or bool(after_word(statement, "DO")[1])
    return rules.routines is Routines.TRIGGERS or (rules.routines is Routines.TEXTS and bool(_atomic_block(statement)))


def code_risks(statement: Statement, rules: SqlRules, judge: Judge) -> Iterator[Risk]:
    """What the code can do that a statement stores; what cannot be read of it is not understood, and so needs admin."""
    kind = head_of(statement)[1]
    match rules.routines:
        case Routines.BLOCKS:
            yield from _block_risks(statement, kind, Code(rules, judge, is_procedural=True))
        case Routines.TRIGGERS if kind == "TRIGGER":
            yield from _found(statement, after_word(statement, "BEGIN")[1], Code(rules, judge))
        case Routines.TEXTS if kind == "TRIGGER":
            called = after_word(statement, "EXECUTE")[1]
            yield from call_risks(called[1:], rules) if called else (_unread("the trigger calls nothing that was found"),)
        case Routines.TEXTS if kind in {"FUNCTION", "PROCEDURE"}:
            yield from _text_risks(statement, rules, judge)
        case _:
            yield _unread("it is in a language that is not read here")


def _unread(why: str) -> Risk:
    return not_understood(f"stores code that may do anything: {why}")


def _found(statement: Statement, body: Statement, code: Code) -> Iterator[Risk]:
    before = statement[: len(statement) - len(body)]
    if not body or any(piece.text == ";" for piece in before):
        return iter((_unread("where it begins was not found"),))
    return step_risks(body, code)


# MySQL: a statement or a block stands behind DO, FOR EACH ROW, or what is said of a routine


def _block_risks(statement: Statement, kind: str, code: Code) -> Iterator[Risk]:
    if kind == "EVENT":
        body = after_word(statement, "DO")[1]
        if not body and statement[0].word == "ALTER":
            return iter(())
    elif kind == "TRIGGER":
        body = _behind_each_row(statement)
    elif kind in {"FUNCTION", "PROCEDURE"}:
        body = _behind_characteristics(statement)
    else:
        body = ()
    return _found(statement, body, code)


def _behind_each_row(statement: Statement) -> Statement:
    for place in range(len(statement)):
        if [piece.word for piece in statement[place : place + 3]] == _EACH_ROW:
            body = statement[place + 3 :]
            return body[2:] if body and body[0].word in {"FOLLOWS", "PRECEDES"} else body
    return ()


def _behind_characteristics(statement: Statement) -> Statement:
    """What stands behind the parameters, the type and the characteristics of a routine; nothing else is passed over."""
    at = _behind_parentheses(statement, 0)
    if statement[at : at + 1] and statement[at].word == "RETURNS":
        at = _behind_type(statement, at + 1)
    while at < len(statement):
        words = [piece.word for piece in statement[at : at + 3]]
        if words in _SECURITY:
            at += 3
        elif words[0] == "COMMENT" and [piece.kind for piece in statement[at + 1 : at + 2]] == [Kind.TEXT]:
            at += 2
        elif words[0] in _CHARACTERISTICS:
            at += 1
        else:
            return statement[at:]
    return ()


def _behind_type(statement: Statement, at: int) -> int:
    """The place behind a type: its word, its length, and what is said of its characters."""
    at += 1
    if statement[at : at + 1] and statement[at].text == "(":
        at = _behind_parentheses(statement, at)
    while at < len(statement):
        words = [piece.word for piece in statement[at : at + 2]]
        if words[0] in _TYPE_WORDS:
            at += 1
        elif words == ["CHARACTER", "SET"]:
            at += 3
        elif words[0] in _TEXT_OF_TYPE:
            at += 2
        else:
            break
    return at


def _behind_parentheses(statement: Statement, begin: int) -> int:
    """The place behind the first parentheses from there on; the end where there are none."""
    depth = 0
    for place in range(begin, len(statement)):
        depth += {"(": 1, ")": -1}.get(statement[place].text, 0)
        if depth == 0 and statement[place].text == ")":
            return place + 1
    return len(statement)


# PostgreSQL: a text in a language, an expression behind RETURN, or a block behind BEGIN ATOMIC


def _text_risks(statement: Statement, rules: SqlRules, judge: Judge) -> Iterator[Risk]:
    block, value = _atomic_block(statement), after_word(statement, "RETURN")[1]
    written = after_word(statement, "AS")[1]
    if written and not block:
        return _written_risks(_text_of(written), rules, judge, is_procedural=_is_procedural(statement))
    if block and not written:
        return _found(statement, block, Code(rules, judge))
    if value and not written:
        return step_risks((Piece(Kind.WORD, "RETURN", value[0].start - 7), *value), Code(rules, judge))
    return iter((_unread("where it begins was not found"),))


def _atomic_block(statement: Statement) -> Statement:
    """What stands behind BEGIN ATOMIC."""
    before, block = after_word(statement, "ATOMIC")
    return block if before[-1].word == "BEGIN" else ()


def _written_risks(text: str | None, rules: SqlRules, judge: Judge, *, is_procedural: bool) -> Iterator[Risk]:
    if text is None:
        return iter((_unread("its text was not found"),))
    try:
        pieces = tuple(piece for piece in scan(text, rules.lexis) if piece.kind is not Kind.COMMENT)
    except UnreadableError as error:
        return iter((_unread(str(error)),))
    return step_risks(pieces, Code(rules, judge, has_sections=True, is_procedural=True)) if is_procedural else _each(pieces, judge)


def _is_procedural(statement: Statement) -> bool:
    named = after_word(statement, "LANGUAGE")[1]
    return bool(named) and named[0].name != "sql"


def _each(pieces: Statement, judge: Judge) -> Iterator[Risk]:
    """The risks of statements with nothing but semicolons between them."""
    begun = 0
    for place in (*(place for place, piece in enumerate(pieces) if piece.text == ";"), len(pieces)):
        if place > begun:
            yield judge(pieces[begun:place])
        begun = place + 1


def _text_of(behind: Statement) -> str | None:
    """The one text that stands there, as the server reads it; None where it may read it in another way."""
    if not behind or behind[0].kind is not Kind.TEXT or (len(behind) > 1 and (behind[1].kind is Kind.TEXT or behind[1].text == ",")):
        return None
    if (dollar := _DOLLAR_TEXT.fullmatch(behind[0].text)) is not None:
        return dollar[2]
    plain = _PLAIN_TEXT.fullmatch(behind[0].text)
    return plain[1].replace("''", "'") if plain is not None else None
