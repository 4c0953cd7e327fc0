"""An operation of MongoDB without its values: names stay where the command has them, and nowhere inside of a filter or a document; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aishell_core.safety.language.mongodb_shell import Json

Hash = Callable[[str], str]

_COUNTS = frozenset(
    {"limit", "skip", "batchSize", "multi", "upsert", "ordered", "new", "remove", "justOne", "maxTimeMS", "singleBatch", "nameOnly"}
)
"""Arguments of a command whose numbers say nothing of the data."""
_PLACES = frozenset({"$db", "collection"})
_PARTS = ("updates", "deletes")
_NAMING_STAGES: Mapping[str, frozenset[str]] = {
    "$lookup": frozenset({"from"}),
    "$graphLookup": frozenset({"from"}),
    "$unionWith": frozenset({"coll"}),
    "$merge": frozenset({"into"}),
    "$out": frozenset({"db", "coll"}),
}
"""Stages of a pipeline, and which of their arguments name a collection or a database; a text alone does so, too."""
_COUNTING_STAGES = frozenset({"$limit", "$skip"})
_PLACE = frozenset({"db", "coll"})


def without_values(document: Mapping[str, Json], literal_hash: Hash) -> dict[str, Json]:
    """The command with a hash for every value of the data; what it is done to and how many at most stay readable."""
    shown: dict[str, Json] = {}
    for place, (key, value) in enumerate(document.items()):
        if place == 0 and isinstance(value, dict):
            shown[key] = without_values(value, literal_hash)
        elif (isinstance(value, str) and (place == 0 or key in _PLACES)) or (isinstance(value, int) and key in _COUNTS):
            shown[key] = value
        elif key == "pipeline" and isinstance(value, list):
            shown[key] = [_stage(stage, literal_hash) for stage in value]
        elif key in _PARTS and isinstance(value, list):
            shown[key] = [_part(part, literal_hash) for part in value]
        else:
            shown[key] = hidden(value, literal_hash)
    return shown


def hidden(value: Json, literal_hash: Hash) -> Json:
    """A value of the data with the names of its fields, and a hash for every text and number in it."""
    if isinstance(value, dict):
        return {name: hidden(inner, literal_hash) for name, inner in value.items()}
    if isinstance(value, list):
        return [hidden(inner, literal_hash) for inner in value]
    return value if value is None or isinstance(value, bool) else literal_hash(str(value))


def _part(part: Json, literal_hash: Hash) -> Json:
    """One of the changes of an update or delete: how many it is about stays."""
    if not isinstance(part, dict):
        return hidden(part, literal_hash)
    return {
        key: value if key in {"multi", "limit", "upsert"} and isinstance(value, bool | int) else hidden(value, literal_hash)
        for key, value in part.items()
    }


def _stage(stage: Json, literal_hash: Hash) -> Json:
    if not isinstance(stage, dict) or len(stage) != 1:
        return hidden(stage, literal_hash)
    name, value = next(iter(stage.items()))
    if name in _COUNTING_STAGES and isinstance(value, int):
        return {name: value}
    if name == "$facet" and isinstance(value, dict):
        return {name: {branch: _pipeline(inner, literal_hash) for branch, inner in value.items()}}
    naming = _NAMING_STAGES.get(name)
    if naming is None:
        return {name: hidden(value, literal_hash)}
    if isinstance(value, str):
        return {name: value}
    if not isinstance(value, dict):
        return {name: hidden(value, literal_hash)}
    return {name: {key: _argument(key, inner, naming, literal_hash) for key, inner in value.items()}}


def _argument(key: str, value: Json, naming: frozenset[str], literal_hash: Hash) -> Json:
    if key == "pipeline":
        return _pipeline(value, literal_hash)
    if key not in naming:
        return hidden(value, literal_hash)
    if isinstance(value, dict) and value.keys() <= _PLACE and all(isinstance(inner, str) for inner in value.values()):
        return value
    return value if isinstance(value, str) else hidden(value, literal_hash)


def _pipeline(value: Json, literal_hash: Hash) -> Json:
    return [_stage(stage, literal_hash) for stage in value] if isinstance(value, list) else hidden(value, literal_hash)
