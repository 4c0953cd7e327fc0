"""The plan of an operation, without running it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aishell_core.engines.mongodb_errors import MongoError
from aishell_core.engines.mongodb_operation import command_name, database_of, parse_operation
from aishell_core.engines.mongodb_plan import plan_of
from aishell_core.values import FailureCode, PlanNode

_EXPLAINED = frozenset({"find", "aggregate", "count", "distinct", "update", "delete", "findAndModify", "findandmodify"})
_NUMBERS = frozenset({"limit", "skip", "$limit", "$skip", "batchSize", "$sample"})
_PLACEHOLDER = "?"
_SINGLE = 1


def explain_command(text: str, database: str) -> tuple[dict[str, Any], str]:
    """The explain command of an operation, and its database: the one that it names itself, else the other; raises MongoError."""
    command = parse_operation(text)
    name = command_name(command)
    if name not in _EXPLAINED:
        hint = "find, aggregate, count, distinct, update, delete and findAndModify have one"
        raise MongoError(FailureCode.UNSUPPORTED, f"{name} has no plan", hint)
    if not isinstance(command[name], str):
        raise MongoError(FailureCode.UNSUPPORTED, f"{name} names no collection", f'write {{"{name}": "COLLECTION", …}}')
    database = database_of(command, database)
    whole: dict[str, Any] = {each: _filled(each, value) for each, value in command.items()}
    if name == "aggregate":
        whole.setdefault("cursor", {})
    if name == "delete":
        whole["deletes"] = [{"limit": 0, **each} for each in whole.get("deletes", ()) if isinstance(each, Mapping)]
    return {"explain": whole, "verbosity": "queryPlanner"}, database


def _filled(name: str, value: object) -> object:
    """A shape's placeholders where the server takes numbers alone."""
    if isinstance(value, Mapping):
        return {each: _filled(str(each), inner) for each, inner in value.items()}
    if isinstance(value, list):
        return [_filled(name, each) for each in value]
    return _SINGLE if name in _NUMBERS and value == _PLACEHOLDER else value


def explained(reply: Mapping[str, Any]) -> tuple[PlanNode, ...]:
    """The steps of an explain reply; raises MongoError for one without any."""
    steps = plan_of(reply)
    if not steps:
        raise MongoError(FailureCode.UNSUPPORTED, "the server's answer holds no plan", "its version may have another form")
    return steps
