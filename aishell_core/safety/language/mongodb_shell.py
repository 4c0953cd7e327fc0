"""How a person writes an operation of MongoDB: one JSON document, or `db.collection.method(…)` with JSON arguments; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

_CALL = re.compile(
    r"\s*db\.(?:getCollection\(\s*(?P<quoted>\"[^\"\\]*\")\s*\)|(?P<plain>[\w.-]+?))\.(?P<method>\w+)\((?P<inside>.*)\)\s*;?\s*", re.DOTALL
)
_OF_DATABASE = re.compile(r"\s*db\.(?P<method>\w+)\((?P<inside>.*)\)\s*;?\s*", re.DOTALL)
_OTHERWISE = ("filter", "update")
ARGUMENTS: Mapping[str, Sequence[str]] = {
    "find": ("filter", "projection"),
    "findOne": ("filter", "projection"),
    "distinct": ("key", "query"),
    "aggregate": ("pipeline",),
    "countDocuments": ("filter",),
    "estimatedDocumentCount": (),
    "insertOne": ("document",),
    "insertMany": ("documents",),
    "updateOne": ("filter", "update"),
    "updateMany": ("filter", "update"),
    "replaceOne": ("filter", "replacement"),
    "deleteOne": ("filter",),
    "deleteMany": ("filter",),
}
"""What a method's arguments are in order; a document behind them holds options by their names."""


class UnreadableError(Exception):
    """An operation that cannot be read; the reason in words."""


def parse(text: str) -> dict[str, Json]:
    """The operation as one document; raises UnreadableError for what is none, and for a key that is given twice."""
    try:
        found = json.loads(text, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError):
        return _from_call(text)
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


def _from_call(text: str) -> dict[str, Json]:
    return document_of_call(text, lambda inside: json.loads(inside, object_pairs_hook=_without_doubles))


def document_of_call(text: str, read: Callable[[str], Any]) -> dict[str, Any]:
    """The document of `db.collection.method(…)`, whose arguments `read` reads as one list from JSON; raises UnreadableError."""
    match = _CALL.fullmatch(text) or _OF_DATABASE.fullmatch(text)
    if match is None:
        raise UnreadableError("it is neither JSON nor db.collection.method(…)")
    try:
        given = read(f"[{match['inside']}]")
    except (ValueError, RecursionError) as error:
        raise UnreadableError("the arguments are no JSON") from error
    parts = match.groupdict()
    collection = parts.get("plain") or (json.loads(parts["quoted"]) if parts.get("quoted") else 1)
    method, names = parts["method"], ARGUMENTS.get(parts["method"], _OTHERWISE)
    found = {method: collection, **dict(zip(names, given, strict=False))}
    if method == "aggregate":
        found.setdefault("pipeline", [])
        found["cursor"] = {}
    options = given[len(names) :]
    if len(options) > 1 or not all(isinstance(each, dict) for each in options):
        raise UnreadableError("more arguments than the method has")
    if options and (twice := sorted(found.keys() & options[0].keys())):
        raise UnreadableError(f"{twice[0]} is given twice")
    return found | (options[0] if options else {})
