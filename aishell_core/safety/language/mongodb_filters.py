"""Whether a filter of MongoDB may leave no document out; pure."""

from __future__ import annotations

from aishell_core.safety.language.mongodb_shell import Json

_ALWAYS = frozenset({"$comment", "$alwaystrue"})
_NEARLY_ALL = frozenset({"$ne", "$nin", "$not"})
"""Operators that leave out so little that the rest is as good as all."""
_EDGES = ({"$minKey": 1}, {"$maxKey": 1})


def matches_all(condition: Json) -> bool:
    """Whether a filter is empty, or written so that every document (or nearly every one) meets it; in doubt it is."""
    if not isinstance(condition, dict):
        return True
    return all(_always(key, value) for key, value in condition.items())


def _always(key: str, value: Json) -> bool:
    word = key.lower()
    if word in _ALWAYS:
        return True
    if word == "$and":
        return isinstance(value, list) and all(matches_all(part) for part in value)
    if word == "$or":
        return isinstance(value, list) and any(matches_all(part) for part in value)
    if word == "$nor":
        return True
    if word == "$expr":
        return not _names_a_field(value)
    if word in {"$where", "$jsonschema", "$sampleRate".lower()}:
        return True
    return isinstance(value, dict) and bool(value) and all(_operator_always(name, inner) for name, inner in value.items())


def _operator_always(name: str, value: Json) -> bool:
    match name.lower():
        case "$exists":
            return bool(value)
        case "$regex":
            return isinstance(value, str) and value in {"", ".*", "^", "$", "^.*$", ".*?", "^.*"}
        case "$options":
            return True
        case "$gte" | "$gt" | "$lte" | "$lt":
            return value in _EDGES
    return name.lower() in _NEARLY_ALL


def _names_a_field(value: Json) -> bool:
    """Whether a text in an expression stands for a field ($name, not the variable $$NOW)."""
    if isinstance(value, str):
        return value.startswith("$") and not value.upper().startswith(("$$NOW", "$$CLUSTER_TIME", "$$REMOVE"))
    if isinstance(value, list):
        if len(value) == 2 and value[0] == value[1]:
            return False
        return any(_names_a_field(part) for part in value)
    return isinstance(value, dict) and any(_names_a_field(part) for part in value.values())
