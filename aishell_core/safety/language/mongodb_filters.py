"""Whether a filter of MongoDB may leave no document out; pure."""

from __future__ import annotations

from aishell_core.safety.language.mongodb_shell import Json
from aishell_core.safety.language.patterns import finds_everything

_ALWAYS = frozenset({"$comment", "$alwaystrue", "$where", "$jsonschema", "$samplerate", "$nor"})
_NEARLY_ALL = frozenset({"$ne", "$nin", "$not", "$options"})
"""Operators that leave out so little that the rest is as good as all."""
_EDGES = ({"$minKey": 1}, {"$maxKey": 1}, None)
_COMPARING = frozenset({"$eq", "$gt", "$gte", "$lt", "$lte", "$in"})


def matches_all(condition: Json) -> bool:
    """Whether a filter is empty, or written so that every document (or nearly every one) meets it; in doubt it is.

    A field that is null or missing counts too: no schema says that there is a field of this name at all.
    """
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
    if word == "$expr":
        return not _restricts(value)
    if isinstance(value, dict) and value:
        return all(_operator_always(name, inner, key) for name, inner in value.items())
    return value is None


def _operator_always(name: str, value: Json, field: str) -> bool:
    match name.lower():
        case "$exists":
            return True
        case "$type":
            return field == "_id" or isinstance(value, list)
        case "$regex":
            return _finds_everything(value)
        case "$regularexpression":
            return _finds_everything(value.get("pattern") if isinstance(value, dict) else None)
        case "$gte" | "$gt" | "$lte" | "$lt":
            return value in _EDGES
        case "$eq":
            return value is None
        case "$in":
            return not isinstance(value, list) or any(inner is None or (_is_regex(inner) and _always(field, inner)) for inner in value)
        case "$mod":
            return not isinstance(value, list) or value[:1] == [1]
        case "$all":
            return not value
    return name.lower() in _NEARLY_ALL


def _is_regex(value: Json) -> bool:
    return isinstance(value, dict) and any(name.lower() in {"$regex", "$regularexpression"} for name in value)


def _finds_everything(pattern: Json) -> bool:
    if isinstance(pattern, dict):
        inner = pattern.get("$regularExpression")
        pattern = inner.get("pattern") if isinstance(inner, dict) else None
    return not isinstance(pattern, str) or finds_everything(pattern)


def _restricts(expression: Json) -> bool:
    """Whether an expression is one that compares a field with something else, so that it leaves documents out."""
    if not isinstance(expression, dict) or len(expression) != 1:
        return False
    word, value = next((name.lower(), value) for name, value in expression.items())
    if word == "$and":
        return isinstance(value, list) and any(_restricts(part) for part in value)
    if word == "$or":
        return isinstance(value, list) and bool(value) and all(_restricts(part) for part in value)
    if word not in _COMPARING or not isinstance(value, list) or len(value) != 2:
        return False
    if any(side in _EDGES for side in value):
        return False
    left, right = (_fields(side) for side in value)
    return bool(left or right) and not left & right


def _fields(value: Json) -> frozenset[str]:
    """The fields that an expression names: $name, not the variable $$NOW."""
    if isinstance(value, str):
        named = value.startswith("$") and not value.upper().startswith(("$$NOW", "$$CLUSTER_TIME", "$$REMOVE"))
        return frozenset({value}) if named else frozenset()
    inner = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    return frozenset().union(*map(_fields, inner))
