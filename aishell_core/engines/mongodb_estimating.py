"""How many documents an operation would touch, as far as that can be told cheaply: what explain of MongoDB leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aishell_core.engines.mongodb_operation import command_name, database_of, parse_operation

MOST = 100_000
"""A count of what matches ends here: more is not less of a risk."""

_WRITES = {"update": "updates", "delete": "deletes"}
_READS = frozenset({"find", "aggregate", "count", "distinct"})


def counting_commands(text: str, database: str) -> tuple[list[dict[str, Any]], str]:
    """The commands that count what an operation would change, one for each of its statements, and their database.

    None for what changes one document at most. Raises MongoError.
    """
    command = parse_operation(text)
    name = command_name(command)
    database = database_of(command, database)
    statements = command.get(_WRITES.get(name, ""), ())
    collection = command.get(name)
    if not isinstance(collection, str) or not isinstance(statements, list | tuple):
        return [], database
    filters = (each.get("q") for each in statements if isinstance(each, Mapping) and _is_of_many(name, each))
    return [_count(collection, each) for each in filters if isinstance(each, Mapping)], database


def _is_of_many(name: str, statement: Mapping[str, Any]) -> bool:
    return bool(statement.get("multi")) if name == "update" else statement.get("limit", 0) in {0, None}


def _count(collection: str, matching: Mapping[str, Any]) -> dict[str, Any]:
    pipeline: list[dict[str, Any]] = [{"$match": dict(matching)}, {"$limit": MOST}, {"$count": "n"}]
    return {"aggregate": collection, "pipeline": pipeline, "cursor": {}}


def noted_count(text: str, database: str) -> tuple[dict[str, Any] | None, str]:
    """The command that takes the number of documents of what an operation reads from the server's notes, and its database.

    None for what reads nothing, or no more than its own limit. Raises MongoError.
    """
    command = parse_operation(text)
    name = command_name(command)
    database = database_of(command, database)
    if (
        name not in _READS
        or not isinstance(command.get(name), str)
        or command.get("limit")
        or not (command.get("query") or name != "count")
    ):
        return None, database
    return {"count": command[name]}, database


def counted(replies: Iterable[Mapping[str, Any]]) -> float:
    """The sum of what was counted; where nothing matches the server sends no document."""
    return float(sum(reply["n"] for reply in replies if isinstance(reply.get("n"), int | float)))
