"""The steps of stored code one after the other: conditions, loops, handlers and statements, whatever block they stand in; pure.

A step is judged as if it ran, so blocks need not be told apart: a word that opens or closes one is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aishell_core.safety.language.sql_calls import call_risks
from aishell_core.safety.language.sql_rules import READ_FORBIDS, SqlRules
from aishell_core.safety.language.sql_words import Kind, Piece
from aishell_core.safety.language.sql_wrapped import QUERIES, Statement, after_word, levelled
from aishell_core.safety.risk import Risk, not_understood

_OPENING = frozenset({"BEGIN", "ELSE", "LOOP", "REPEAT", "EXCEPTION"})
_CONDITIONS = {"IF": {"THEN"}, "ELSEIF": {"THEN"}, "ELSIF": {"THEN"}, "WHEN": {"THEN"}, "WHILE": {"DO", "LOOP"}, "UNTIL": {"END"}}
_CLOSED = frozenset({"IF", "WHILE", "LOOP", "REPEAT", "CASE", "FOR"})
_QUIET = frozenset({"LEAVE", "ITERATE", "OPEN", "FETCH", "CLOSE", "EXIT", "CONTINUE", "NULL", "SIGNAL", "RESIGNAL", "GET", "RAISE"})
"""Steps that do nothing but what the functions in them do."""
_TO_FILES = frozenset({"OUTFILE", "DUMPFILE"})
_HANDLED = frozenset({"SQLEXCEPTION", "SQLWARNING", "NOT", "FOUND", "SQLSTATE", "VALUE"})

Rest = Statement


@dataclass(frozen=True, slots=True)
class Code:
    """How code is read: `judge` tells the risk of one statement.

    `is_procedural`: there are conditions, loops and variables, which SELECT … INTO fills; else nothing but statements.
    `has_sections`: DECLARE opens a list that ends at BEGIN, and := assigns.
    """

    rules: SqlRules
    judge: Callable[[Statement], Risk]
    has_sections: bool = False
    is_procedural: bool = False


def step_risks(pieces: Statement, code: Code) -> Iterator[Risk]:
    """What the steps can do; the first that cannot be read ends it, as not understood."""
    rest, declaring = pieces, False
    while rest:
        first = rest[0].word
        if rest[0].text == ";":
            rest = rest[1:]
            continue
        if declaring and first != "BEGIN":
            step, rest = _to_semicolon(rest)
            yield from _declared(step, code)
            continue
        declaring = code.has_sections and first == "DECLARE"
        if declaring or (code.is_procedural and first in _OPENING):
            rest = rest[1:]
            continue
        if code.is_procedural and _is_label(rest):
            rest = rest[2:]
            continue
        try:
            risks, rest = _step(rest, code)
        except _UnknownStepError as error:
            yield not_understood(f"stores code that may do anything: {error}")
            return
        yield from risks


class _UnknownStepError(Exception):
    """A step that could not be read."""


def _step(rest: Rest, code: Code) -> tuple[tuple[Risk, ...], Rest]:
    """The risks of the first step, and what stands behind it."""
    first = rest[0].word
    if code.is_procedural and first in _CONDITIONS:
        condition, behind = _up_to(rest[1:], _CONDITIONS[first])
        # The END at which UNTIL's condition stops closes its loop.
        return (_value(condition, code),), _with_the_one_before(rest, behind) if first == "UNTIL" else behind
    if code.is_procedural and first == "CASE":
        compared, behind = _up_to(rest[1:], {"WHEN"})
        return (_value(compared, code),) if compared else (), _with_the_one_before(rest, behind)
    if code.is_procedural and first in {"FOR", "FOREACH"}:
        header, behind = _up_to(rest[1:], {"DO", "LOOP"})
        return tuple(_looped(header, code)), behind
    step, behind = _to_semicolon(rest)
    if first == "END":
        return tuple(_closing(step)), behind
    if code.is_procedural and first == "DECLARE":
        return _declaration(step, behind, code)
    return tuple(_plain(step, code)), behind


def _with_the_one_before(rest: Rest, behind: Rest) -> Rest:
    return rest[len(rest) - len(behind) - 1 :]


def _up_to(pieces: Statement, words: set[str]) -> tuple[Statement, Rest]:
    """What stands before and behind the first of some words; those of a CASE that is a value, or in parentheses, do not count."""
    cases = 0
    for place, depth, piece in levelled(pieces):
        if piece.text == ";":
            break
        if depth == 0 and cases == 0 and piece.word in words:
            return pieces[:place], pieces[place + 1 :]
        if depth == 0:
            cases += (piece.word == "CASE") - (piece.word == "END")
    raise _UnknownStepError(f"{' or '.join(sorted(words))} is missing")


def _to_semicolon(pieces: Statement) -> tuple[Statement, Rest]:
    for place, piece in enumerate(pieces):
        if piece.text == ";":
            return pieces[:place], pieces[place + 1 :]
    return pieces, ()


def _is_label(rest: Rest) -> bool:
    return len(rest) > 2 and rest[0].kind in {Kind.WORD, Kind.QUOTED} and rest[1].text == ":"


def _value(expression: Statement, code: Code) -> Risk:
    """The risk of working a value out."""
    if not expression:
        return not_understood("stores code that may do anything: a value is missing")
    return code.judge((Piece(Kind.WORD, "SELECT", expression[0].start - 7), *expression))


def _closing(step: Statement) -> Iterator[Risk]:
    """END, with what it closes or a label behind it; what stands behind the word that it closes is a label, too."""
    words = step[1:]
    if words and words[0].word in _CLOSED:
        words = words[1:]
    if len(words) > 1 or any(piece.kind not in {Kind.WORD, Kind.QUOTED} for piece in words):
        raise _UnknownStepError("more than a name stands behind END")
    return iter(())


def _looped(header: Statement, code: Code) -> Iterator[Risk]:
    """What FOR goes through: a query, or numbers, a cursor, an array."""
    source = after_word(header, "IN")[1]
    if not source:
        raise _UnknownStepError("what FOR goes through was not found")
    if (source[0].word or source[0].text) in QUERIES | {"INSERT", "UPDATE", "DELETE", "EXECUTE"}:
        yield code.judge(source[1:-1] if source[0].text == "(" and source[-1].text == ")" else source)
    else:
        yield from _quiet(source, code)


def _quiet(step: Statement, code: Code) -> Iterator[Risk]:
    """A step whose words do nothing by themselves: its functions count, and no word that changes something may stand there."""
    if any(piece.word in READ_FORBIDS - {"INTO"} for piece in step):
        raise _UnknownStepError(f"a statement stands behind {step[0].text}")
    return call_risks(step, code.rules)


def _declared(step: Statement, code: Code) -> Iterator[Risk]:
    """One entry of a section: a cursor over a query, or a variable with its first value."""
    query = after_word(step, "FOR")[1] if any(piece.word == "CURSOR" for piece in step) else ()
    if query:
        yield code.judge(query)
        return
    for place, piece in enumerate(step):
        if piece.text in {":=", "="} or piece.word == "DEFAULT":
            yield _value(step[place + 1 :], code)
            return


def _declaration(step: Statement, behind: Rest, code: Code) -> tuple[tuple[Risk, ...], Rest]:
    """DECLARE of one thing: a handler, whose step is read as the next one; a cursor; a condition; a variable."""
    words = {piece.word for piece in step[:4]}
    before, after = after_word(step, "FOR")
    if "HANDLER" in words and after:
        handled = 0
        while handled < len(after) and (
            after[handled].word in _HANDLED or after[handled].kind in {Kind.TEXT, Kind.NUMBER} or after[handled].text == ","
        ):
            handled += 1
        named = handled == 0 and len(after) > 1
        return (), (*after[handled + named :], Piece(Kind.SIGN, ";", step[-1].start), *behind)
    if any(piece.word == "CURSOR" for piece in before):
        return (code.judge(after),) if after else (), behind
    if "CONDITION" in words:
        return tuple(_quiet(step, code)), behind
    return tuple(_declared(step[1:], code)), behind


def _plain(step: Statement, code: Code) -> Iterator[Risk]:
    first, second = step[0].word, step[1].word if len(step) > 1 else ""
    if code.is_procedural and first == "RETURN" and second in {"QUERY", "NEXT"}:
        if len(step) > 2:
            yield code.judge(step[2:]) if second == "QUERY" else _value(step[2:], code)
    elif first == "RETURN" or (code.has_sections and first == "PERFORM"):
        if len(step) > 1:
            yield _value(step[1:], code)
    elif code.has_sections and first == "OPEN" and (query := after_word(step, "FOR")[1]):
        yield code.judge(query)
    elif code.is_procedural and first in _QUIET:
        yield from _quiet(step, code)
    elif code.has_sections and (value := _assigned(step, code.rules)):
        yield _value(value, code)
    else:
        yield code.judge(_without_variables(step) if code.is_procedural else step)


def _assigned(step: Statement, rules: SqlRules) -> Statement:
    """The value that a variable gets; empty where the step is no assignment."""
    if step[0].word in {phrase.partition(" ")[0] for phrase in rules.phrases} | {"INSERT", "UPDATE", "DELETE", "MERGE", *QUERIES}:
        return ()
    for place, piece in enumerate(step):
        if piece.text in {":=", "="}:
            return step[place + 1 :]
        if piece.kind not in {Kind.WORD, Kind.QUOTED, Kind.NUMBER} and piece.text not in {".", "[", "]"}:
            break
    return ()


def _without_variables(step: Statement) -> Statement:
    """SELECT without the variables that it fills: INTO a, b. What INTO writes elsewhere stays."""
    if step[0].word not in {"SELECT", "WITH"}:
        return step
    before, behind = after_word(step, "INTO")
    strict = int(bool(behind) and behind[0].word == "STRICT")
    end = strict
    while end < len(behind) and _is_variable(behind[end]):
        end += 1
        if behind[end : end + 1] and behind[end].text in {",", "."}:
            end += 1
        else:
            break
    return (*before, *behind[end:]) if end > strict else step


def _is_variable(piece: Piece) -> bool:
    return (piece.kind is Kind.WORD and piece.word not in _TO_FILES) or piece.kind is Kind.QUOTED or piece.text.startswith("@")
