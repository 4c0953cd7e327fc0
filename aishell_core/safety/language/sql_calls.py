"""The functions that a statement calls, told from its pieces rather than from a tree, which could overlook one; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from aishell_core.safety.language.lists import listed_words
from aishell_core.safety.language.sql_rules import ADMIN, HIGH, PAREN_WORDS, WRITE, SqlRules
from aishell_core.safety.language.sql_words import Kind, Piece
from aishell_core.safety.risk import Risk, risk_of


class Call(NamedTuple):
    """A function that is called: the schema it is named with ("" for none), its name, and whether one value alone is its first argument."""

    schema: str
    name: str
    of_one: bool = False


def calls(pieces: tuple[Piece, ...]) -> Iterator[Call]:
    """Every name with a parenthesis behind it; words of the grammar and types are none."""
    return (call for _, call in placed_calls(pieces))


def placed_calls(pieces: tuple[Piece, ...]) -> Iterator[tuple[int, Call]]:
    """The same, each with the place of its name."""
    for place, piece in enumerate(pieces[:-1]):
        if pieces[place + 1].text != "(" or piece.kind not in {Kind.WORD, Kind.QUOTED}:
            continue
        qualified = place >= 2 and pieces[place - 1].text == "."
        if piece.kind is Kind.WORD and piece.name in PAREN_WORDS and not qualified:
            continue
        before = pieces[place - 1].word if place else ""
        if before == "TABLESAMPLE" or (before == "ON" and piece.word == "CONFLICT"):
            continue
        yield place, Call(pieces[place - 2].name if qualified else "", piece.name, _is_of_one(pieces[place + 2 : place + 4]))


def _is_of_one(argument: tuple[Piece, ...]) -> bool:
    return len(argument) == 2 and argument[0].kind in {Kind.NUMBER, Kind.TEXT, Kind.PARAMETER} and argument[1].text in {")", ",", "::"}


def call_risks(pieces: tuple[Piece, ...], rules: SqlRules, not_called: Iterable[str] = ()) -> Iterator[Risk]:
    """What the called functions can do; `not_called` are names with columns behind them, once for each place."""
    aliases = Counter(not_called)
    yield from _several(pieces, rules)
    for call in calls(pieces):
        risk = call_risk(call, rules)
        if risk is None:
            continue
        if aliases[call.name] > 0 and call.name.lower() not in rules.harmful:
            aliases[call.name] -= 1
            continue
        yield risk


def harmful_calls(pieces: tuple[Piece, ...], rules: SqlRules) -> Iterator[Risk]:
    """What the called functions can do that are known to do harm; for statements whose parentheses mean other things."""
    yield from _several(pieces, rules)
    for call in calls(pieces):
        if call.name.lower() in rules.harmful:
            yield rules.harmful[call.name.lower()]


def _several(pieces: tuple[Piece, ...], rules: SqlRules) -> Iterator[Risk]:
    """Sessions that a function ends or cancels one after the other, without a list of them that somebody has seen."""
    aimed = [call for call in calls(pieces) if call.name.lower() in rules.aimed]
    if len(aimed) > 1 or not all(call.of_one for call in aimed):
        for call in aimed:
            yield rules.harmful[call.name.lower()].at_least(HIGH, f"{call.name.lower()}() may be about several sessions")


def call_risk(call: Call, rules: SqlRules) -> Risk | None:
    """What one function can do; None for one that is known to change nothing."""
    own = not call.schema or call.schema in rules.own_schemas
    if call.name.lower() in rules.harmful:
        return rules.harmful[call.name.lower()]
    if own and call.name in listed_words(rules.functions):
        return None
    shown = f"{call.schema}.{call.name}" if call.schema else call.name
    if (call.name if own else call.schema).startswith(rules.unknown_prefixes):
        return risk_of(HIGH, ADMIN, f"{shown}() is not known to change nothing on the server")
    return risk_of(HIGH, WRITE, f"{shown}() is not known to be free of side effects")
