"""What an operation of MongoDB does to the server's own databases and collections, in whatever form it names them; pure.

What they hold: "System Collections", "Local Database", "Config Database" in the server's manual.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from aishell_core.safety.language.mongodb_shell import Json
from aishell_core.safety.risk import ActionClass, Risk, RiskLevel, not_understood, risk_of

_DATABASES = frozenset({"admin", "config", "local"})
_SYSTEM = "system."
_SECRET = frozenset(
    {"system.users", "system.roles", "system.keys", "system.credentials", "system.new_users", "system.backup_users"}
)  # fmt: skip
"""Collections that tell who may do what, with digests of passwords."""
_SECRET_BEGINNINGS = ("admin.system.", "local.oplog.", "config.external_validation_keys")
"""The log of all changes tells those of users, too."""
_WRITING_STAGES = frozenset({"$out", "$merge"})
_READING_STAGES = frozenset({"$lookup", "$graphlookup", "$unionwith"})
_OF_NO_COLLECTION = frozenset({"killcursors"})
_RESULTS = ("replace", "merge", "reduce")


class Reached(NamedTuple):
    """A collection that an operation names, its database ("" where that is not known), and whether it is changed."""

    database: str
    collection: str
    is_changed: bool


def reached_risks(name: str, arguments: Mapping[str, Json], database: str, *, writes: bool) -> Iterator[Risk]:
    """The risks of the server's own collections that a command of this name reaches; `writes` says that it changes what it is about."""
    if isinstance(arguments.get(_first_key(arguments)), dict) and name != "explain":
        yield not_understood("the collection is named by something else than its name")
    for found in reached(name, arguments, database, writes=writes):
        if found.is_changed and _is_own(found):
            yield risk_of(RiskLevel.HIGH, ActionClass.ADMIN, f"changes {_shown(found)}, which is the server's own")
        elif _is_secret(found):
            yield risk_of(RiskLevel.HIGH, ActionClass.ADMIN, f"shows {_shown(found)}, which tells who may do what")


def reached(name: str, arguments: Mapping[str, Json], database: str, *, writes: bool) -> Iterator[Reached]:
    """Every collection that a command names, in its own place or in one of its parts."""
    named = arguments.get("$db")
    home = named if isinstance(named, str) and named else database
    first = arguments.get(_first_key(arguments))
    if isinstance(first, str) and name not in _OF_NO_COLLECTION:
        yield _spelled(first, writes) if name == "renamecollection" else Reached(home, first, writes)
    if name == "renamecollection" and isinstance(target := arguments.get("to"), str):
        yield _spelled(target, True)
    spaces = arguments.get("nsInfo")
    for each in spaces if isinstance(spaces, list) else ():
        if isinstance(each, dict) and isinstance(space := each.get("ns"), str):
            yield _spelled(space, True)
    for word in ("viewOn", "out"):
        yield from _result(arguments.get(word), home, is_changed=word == "out")
    yield from _of_stages(arguments, home)


def _result(value: Json, home: str, *, is_changed: bool) -> Iterator[Reached]:
    """A name, or for mapReduce a document that says how the result is put there."""
    if isinstance(value, str):
        yield Reached(home, value, is_changed)
    elif isinstance(value, dict):
        given = value.get("db")
        for word in _RESULTS:
            if isinstance(collection := value.get(word), str):
                yield Reached(given if isinstance(given, str) else home, collection, is_changed)


def _of_stages(value: Json | Mapping[str, Json], home: str) -> Iterator[Reached]:
    """The collections that stages name, however deep they stand."""
    if isinstance(value, list):
        for inner in value:
            yield from _of_stages(inner, home)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key.lower() in _WRITING_STAGES | _READING_STAGES:
                yield from _of_stage(inner, home, is_changed=key.lower() in _WRITING_STAGES)
            yield from _of_stages(inner, home)


def _of_stage(value: Json, home: str, *, is_changed: bool) -> Iterator[Reached]:
    """`"name"`, `{"db": …, "coll": …}`, or either of them behind `from` and `into`."""
    if isinstance(value, str):
        yield Reached(home, value, is_changed)
    elif isinstance(value, dict):
        for word in ("from", "into"):
            yield from _of_stage(value.get(word), home, is_changed=is_changed)
        if isinstance(collection := value.get("coll"), str):
            given = value.get("db")
            yield Reached(given if isinstance(given, str) else home, collection, is_changed)


def _spelled(space: str, is_changed: bool) -> Reached:
    """`database.collection` as one text."""
    database, _, collection = space.partition(".")
    return Reached(database, collection, is_changed)


def _first_key(arguments: Mapping[str, Json]) -> str:
    return next(iter(arguments), "")


def _is_own(found: Reached) -> bool:
    return found.database in _DATABASES or found.collection.startswith(_SYSTEM)


def _is_secret(found: Reached) -> bool:
    return found.collection in _SECRET or f"{found.database}.{found.collection}".startswith(_SECRET_BEGINNINGS)


def _shown(found: Reached) -> str:
    return f"{found.database}.{found.collection}" if found.database else found.collection
