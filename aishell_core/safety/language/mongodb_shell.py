"""How a person writes an operation of MongoDB: one JSON document, or `db.collection.method(…)` with JSON arguments; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

_CALL = re.compile(
    r"\s*db\.(?:getCollection\(\s*(?P<quoted>\"[^\"\\]*\")\s*\)|(?P<plain>[\w.-]+?))\.(?P<method>\w+)\((?P<inside>.*)\)\s*;?\s*", re.DOTALL
)
_OF_DATABASE = re.compile(r"\s*db\.(?P<method>\w+)\((?P<inside>.*)\)\s*;?\s*", re.DOTALL)
_ARGUMENTS = ("filter", "update", "options")


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
    match = _CALL.fullmatch(text) or _OF_DATABASE.fullmatch(text)
    if match is None:
        raise UnreadableError("it is neither JSON nor db.collection.method(…)")
    try:
        arguments = json.loads(f"[{match['inside']}]", object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("the arguments are no JSON") from error
    parts = match.groupdict()
    collection = parts.get("plain") or (json.loads(parts["quoted"]) if parts.get("quoted") else 1)
    method = parts["method"]
    if method.lower() == "aggregate":
        return {method: collection, "pipeline": arguments[0] if arguments else []}
    if len(arguments) > len(_ARGUMENTS):
        raise UnreadableError("more arguments than the method has")
    return {method: collection, **dict(zip(_ARGUMENTS, arguments, strict=False))}
