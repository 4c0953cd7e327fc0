"""Parts of a document that are declared as models: what a model says against a value, told at the value's place."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import BaseModel, ConfigDict
from pydantic_core import ErrorDetails

from aishell_core.documents.document import Document, KeyPath
from aishell_core.documents.fields import Fault, kind_of
from aishell_core.documents.problems import Problem, nearest

KeysAt = Callable[[KeyPath], tuple[str, ...]]
"""The keys that are valid in the part at a path; none where that is no set of keys."""

_WANTED = {
    "model_type": "a set of keys",
    "model_attributes_type": "a set of keys",
    "dict_type": "a set of keys",
    "tuple_type": "a list",
    "list_type": "a list",
}
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
"""By kind of error, what is wanted in words, and where the bound stands."""


class Spec(BaseModel):
    """A part of a document: nothing but its own keys, no value bent into another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys of a model as they are written, in the order of their declaration."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def keys_by_pattern(path: KeyPath, models: tuple[tuple[tuple[str, ...], type[BaseModel]], ...]) -> tuple[str, ...]:
    """The keys of the model whose pattern fits a path, in which `*` stands for any step; none where no pattern does."""
    for pattern, model in models:
        if len(pattern) == len(path) and all(want in ("*", step) for want, step in zip(pattern, path, strict=True)):
            return keys_of(model)
    return ()


def existing(document: Document, above: KeyPath, inside: KeyPath) -> KeyPath:
    """The path of a part as it is written, where one entry may stand instead of a list of one."""
    path = above
    for step in inside:
        if step == 0 and (*path, 0) not in document.values:
            continue
        path = (*path, step)
    return path


def problems_of(
    document: Document, detail: ErrorDetails, keys_at: KeysAt, hints: Mapping[str | int, str], where: KeyPath | None = None
) -> tuple[Problem, ...]:
    """One error of a model in our words, or several where a value says what is wrong with each of its parts; see `problem_of`."""
    place = existing(document, (), tuple(detail["loc"])) if where is None else where
    parts = [part for part in detail.get("ctx", {}).get("parts", ()) if isinstance(part, Fault)]
    if not parts:
        return (problem_of(document, detail, keys_at, hints, where),)
    return tuple(document.problem(existing(document, place, part.path), part.what, part.hint, of_key=part.of_key) for part in parts)


def problem_of(
    document: Document, detail: ErrorDetails, keys_at: KeysAt, hints: Mapping[str | int, str], where: KeyPath | None = None
) -> Problem:
    """One error of a model in our words. `where` is its place in the document, where that is not the path within the model."""
    path: KeyPath = tuple(detail["loc"])
    place = existing(document, (), path) if where is None else where
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "aishell":
        return document.problem(place, str(context["what"]), str(context["hint"]))
    if kind == "extra_forbidden":
        return _unknown_key(document, place, keys_at(path[:-1]))
    if kind == "missing":
        what = f"the key {path[-1]!r} is missing"
        return document.problem(place[:-1], what, f"valid: {', '.join(keys_at(path[:-1]))}")
    if kind in _WANTED:
        valid = ", ".join(keys_at(path))
        hint = hints.get(path[-1], f"write its keys below it: {valid}" if valid else "") if path else ""
        return document.problem(place, f"{_WANTED[kind]} is wanted here, but {kind_of(detail['input'])} was found", hint)
    if kind in _BOUNDS:
        word, name = _BOUNDS[kind]
        return document.problem(place, f"{detail['input']!r:.40} is out of range: {word} {context[name]:g} is wanted here")
    # A union of types reports one error per member, each with the member's name as the last step.
    while place and place not in document.values:
        place = place[:-1]
    return document.problem(place, f"this value is not valid here: {kind_of(detail['input'])} was found")


def _unknown_key(document: Document, place: KeyPath, valid: tuple[str, ...]) -> Problem:
    name = str(place[-1])
    if name == "<<":
        return document.problem(place, "merge keys (<<) are not supported", "write the keys out", of_key=True)
    return document.problem(place, f"unknown key {name!r}", nearest(name, valid), of_key=True)
