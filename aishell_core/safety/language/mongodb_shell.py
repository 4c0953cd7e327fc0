"""How a person writes an operation of MongoDB: one document, or `db.collection.method(…)` as in the shell; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aishell_core.safety.language.mongodb_text import NoValueError, as_json, closing

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

_NAME = r"\s*(?P<{}>\"[^\"\\]*\"|'[^'\\]*')\s*"
_BEGINNING = re.compile(
    rf"\s*db(?:\[{_NAME.format('bracketed')}\]\.|\.(?:(?:getCollection\({_NAME.format('quoted')}\)|(?P<plain>[\w.-]+?))\.)?)(?P<method>\w+)\("
)
SHELL = ("db.", "db[")
"""How an operation begins that is written as in the shell."""
_CHAINED = re.compile(r"\s*\.(?P<method>\w+)\(")
_OTHERWISE = ("filter", "update")
_ON_A_CURSOR = {"limit": "limit", "skip": "skip", "sort": "sort", "project": "projection", "projection": "projection", "hint": "hint"}
_FOR_THE_EYE = frozenset({"pretty", "toArray"})
_OF_A_DOCUMENT = frozenset({"runCommand", "adminCommand"})
ARGUMENTS: Mapping[str, Sequence[str]] = {
    "find": ("filter", "projection"),
    "findOne": ("filter", "projection"),
    "distinct": ("key", "query"),
    "aggregate": ("pipeline",),
    "count": ("query",),
    "countDocuments": ("filter",),
    "estimatedDocumentCount": (),
    "insertOne": ("document",),
    "insertMany": ("documents",),
    "updateOne": ("filter", "update"),
    "updateMany": ("filter", "update"),
    "replaceOne": ("filter", "replacement"),
    "deleteOne": ("filter",),
    "deleteMany": ("filter",),
    "findOneAndUpdate": ("filter", "update"),
    "findOneAndReplace": ("filter", "replacement"),
    "findOneAndDelete": ("filter",),
    "createIndex": ("keys",),
    "dropIndex": ("index",),
    "dropIndexes": ("index",),
    "createCollection": ("name",),
    "killOp": ("op",),
}
"""What a method's arguments are in order; a document behind them holds options by their names."""


class UnreadableError(Exception):
    """An operation that cannot be read; the reason in words."""


def parse(text: str) -> dict[str, Json]:
    """The operation as one document; raises UnreadableError for what is none, and for a key that is given twice."""
    if text.lstrip().startswith(SHELL):
        return document_of_call(text, _read)
    try:
        found = _read(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("it is neither a document nor db.collection.method(…)") from error
    if not isinstance(found, dict) or not found:
        raise UnreadableError("an operation is a JSON document that is not empty")
    return found


def operation_of(document: Mapping[str, Json]) -> tuple[str, Mapping[str, Json]]:
    """The operation's name in small letters, which is its first key as for the server, and the whole as its arguments."""
    return next(iter(document), "").lower(), document


def _without_doubles(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableError("a key stands twice in a document, and which of them counts is not known")
    return found


def _read(text: str) -> Any:  # noqa: ANN401  (what JSON holds)
    return json.loads(values_of(text), object_pairs_hook=_without_doubles)


def values_of(text: str) -> str:
    """A text of values as extended JSON: as it stands where it is JSON, else as the shell writes them; raises ValueError."""
    try:
        json.loads(text)
    except ValueError:
        try:
            return as_json(text)
        except NoValueError as error:
            raise ValueError(f"no value at {error}") from error
    return text


def document_of_call(text: str, read: Callable[[str], Any]) -> dict[str, Any]:
    """The document of `db.collection.method(…)`, whose arguments `read` reads as one list; raises UnreadableError."""
    match = _BEGINNING.match(text)
    if match is None:
        raise UnreadableError("it is neither a document nor db.collection.method(…)")
    inside, rest = _inside(text, match.end())
    given = _arguments(inside, read)
    quoted = match["quoted"] or match["bracketed"]
    collection = match["plain"] or (quoted[1:-1] if quoted else 1)
    method = match["method"]
    if method in _OF_A_DOCUMENT and collection == 1 and len(given) == 1 and isinstance(given[0], dict) and given[0]:
        found = dict(given[0])
        if method == "adminCommand":
            found.setdefault("$db", "admin")
        return _chained(found, "", rest, read)
    return _chained(_called(method, collection, given), method, rest, read)


def _called(method: str, collection: object, given: list[Any]) -> dict[str, Any]:
    names = ARGUMENTS.get(method, _OTHERWISE)
    found = {method: collection, **dict(zip(names, given, strict=False))}
    if method == "dropIndexes":
        found.setdefault("index", "*")
    if method == "aggregate":
        found.setdefault("pipeline", [])
        found["cursor"] = {}
    options = given[len(names) :]
    if len(options) > 1 or not all(isinstance(each, dict) for each in options):
        raise UnreadableError("more arguments than the method has")
    if options and (twice := sorted(found.keys() & options[0].keys())):
        raise UnreadableError(f"{twice[0]} is given twice")
    return found | (options[0] if options else {})


def _chained(found: dict[str, Any], method: str, rest: str, read: Callable[[str], Any]) -> dict[str, Any]:
    """What stands behind the call, such as .sort({…}).limit(5), as options of the document."""
    while (match := _CHAINED.match(rest)) is not None:
        inside, rest = _inside(rest, match.end())
        given, name = _arguments(inside, read), match["method"]
        option = _ON_A_CURSOR.get(name) if method == "find" else None
        if option is not None and len(given) == 1 and option not in found:
            found[option] = given[0]
        elif name not in _FOR_THE_EYE or given or method not in {"find", "aggregate"}:
            raise UnreadableError(f".{name}(…) is not understood behind {method or 'a command'}")
    if rest.strip() not in {"", ";"}:
        raise UnreadableError("more stands behind the call")
    return found


def _inside(text: str, begin: int) -> tuple[str, str]:
    try:
        end = closing(text, begin)
    except NoValueError as error:
        raise UnreadableError("a parenthesis is not closed") from error
    return text[begin:end], text[end + 1 :]


def _arguments(inside: str, read: Callable[[str], Any]) -> list[Any]:
    try:
        given = read(f"[{inside}]")
    except (ValueError, RecursionError) as error:
        raise UnreadableError("the arguments are no values") from error
    return list(given)
