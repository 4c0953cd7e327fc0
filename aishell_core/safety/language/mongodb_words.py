"""The words of MongoDB's shell for documents (findOne, updateMany …) as the commands that the server has for them; pure.

Forms of the commands: find, aggregate, count, insert, update and delete in the server's manual, "Database Commands"; what a
word means: the method of the same name in mongosh's manual.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aishell_core.safety.language.mongodb_shell import UnreadableError

COUNTED = "n"
"""The field of the number that countDocuments brings."""

_OF_UPDATE = ("upsert", "collation", "arrayFilters", "hint", "sort")
_OF_DELETE = ("collation", "hint")
Command = dict[str, Any]


def server_command(document: Mapping[str, Any]) -> Command:
    """The document with a word of the shell as the command that it stands for; any other one as it is.

    Raises UnreadableError for a word without what it needs, such as a filter, and for one that is mixed with a command.
    """
    name = next(iter(document), "")
    if name == "explain" and isinstance(document[name], Mapping):
        return {**document, "explain": server_command(document[name])}
    make = WORDS.get(name)
    if make is None:
        return dict(document)
    rest = {key: value for key, value in document.items() if key != name}
    made = make(document[name], rest)
    twice = sorted(rest.keys() & made.keys())
    if twice:
        raise UnreadableError(f"{name} has {twice[0]} of its own, so it cannot be given besides")
    return made | rest


def counts_documents(document: Mapping[str, Any]) -> bool:
    """Whether a person asks for a number of documents, which is 0 where the server answers with nothing."""
    return next(iter(document), "") == "countDocuments"


def _find_one(collection: object, _rest: Command) -> Command:
    return {"find": collection, "limit": 1, "singleBatch": True}


def _count(collection: object, rest: Command) -> Command:
    # As drivers do it: the command `count` answers without a filter from notes that a crash can leave wrong.
    stages: list[Command] = [{"$match": rest.pop("filter", {})}]
    stages += [{f"${name}": rest.pop(name)} for name in ("skip", "limit") if name in rest]
    return {"aggregate": collection, "pipeline": [*stages, {"$count": COUNTED}], "cursor": {}}


def _insert(collection: object, rest: Command) -> Command:
    return {"insert": collection, "documents": [_needed(rest, "document", Mapping, "insertOne")]}


def _insert_many(collection: object, rest: Command) -> Command:
    return {"insert": collection, "documents": _needed(rest, "documents", list, "insertMany")}


def _update(word: str, *, many: bool) -> Callable[[object, Command], Command]:
    def make(collection: object, rest: Command) -> Command:
        change = rest.pop("update", None)
        if not isinstance(change, list) and not (isinstance(change, Mapping) and change and all(_is_operator(key) for key in change)):
            # The server takes such a document for a new one in place of the old one.
            raise UnreadableError(f'{word} needs "update" with operators, as in {{"$set": {{…}}}}, or a pipeline; replaceOne replaces')
        return {"update": collection, "updates": [_change(word, rest, change, many=many)]}

    return make


def _replace(collection: object, rest: Command) -> Command:
    new = rest.pop("replacement", None)
    if not isinstance(new, Mapping) or any(_is_operator(key) for key in new):
        raise UnreadableError('replaceOne needs "replacement" with a document without operators')
    return {"update": collection, "updates": [_change("replaceOne", rest, new, many=False)]}


def _change(word: str, rest: Command, change: object, *, many: bool) -> Command:
    of_it = {"q": _needed(rest, "filter", Mapping, word), "u": change, "multi": many}
    return of_it | {name: rest.pop(name) for name in _OF_UPDATE if name in rest}


def _delete(word: str, limit: int) -> Callable[[object, Command], Command]:
    def make(collection: object, rest: Command) -> Command:
        of_it = {"q": _needed(rest, "filter", Mapping, word), "limit": limit}
        return {"delete": collection, "deletes": [of_it | {name: rest.pop(name) for name in _OF_DELETE if name in rest}]}

    return make


def _and_modify(word: str, change: str) -> Callable[[object, Command], Command]:
    def make(collection: object, rest: Command) -> Command:
        found: Command = {"findAndModify": collection, "query": _needed(rest, "filter", Mapping, word)}
        if change:
            found["update"] = _changed(word, rest.pop(change, None), replaces=change == "replacement")
            found["new"] = rest.pop("returnDocument", "before") == "after" or rest.pop("returnNewDocument", False) is True
        else:
            found["remove"] = True
        if "projection" in rest:
            found["fields"] = rest.pop("projection")
        return found

    return make


def _changed(word: str, change: object, *, replaces: bool) -> object:
    operators = isinstance(change, Mapping) and bool(change) and all(map(_is_operator, change))
    if replaces:
        if not isinstance(change, Mapping) or any(map(_is_operator, change)):
            raise UnreadableError(f'{word} needs "replacement" with a document without operators')
    elif not operators and not isinstance(change, list):
        raise UnreadableError(f'{word} needs "update" with operators, as in {{"$set": {{…}}}}, or a pipeline')
    return change


def _create_index(collection: object, rest: Command) -> Command:
    keys = _needed(rest, "keys", Mapping, "createIndex")
    name = "_".join(f"{field}_{order}" for field, order in dict(keys).items())  # type: ignore[call-overload]
    options = {option: rest.pop(option) for option in list(rest) if not option.startswith("$") and option != "commitQuorum"}
    return {"createIndexes": collection, "indexes": [{"key": keys, "name": name, **options}]}


def _drop_index(collection: object, rest: Command) -> Command:
    index = rest.pop("index", None)
    if not isinstance(index, str | Mapping):
        raise UnreadableError('dropIndex needs "index" with a name or the keys')
    return {"dropIndexes": collection, "index": index}


def _create_collection(_one: object, rest: Command) -> Command:
    return {"create": _needed(rest, "name", str, "createCollection")}


def _stats(collection: object, _rest: Command) -> Command:
    return {"dbStats": 1} if collection == 1 else {"collStats": collection}


def _needed(rest: Command, name: str, kind: type, word: str) -> object:
    """What a word cannot do without: a filter that is left out by mistake must not mean every document."""
    found = rest.pop(name, None)
    if not isinstance(found, kind):
        what = "a list of documents" if kind is list else "a name" if kind is str else "a document"
        raise UnreadableError(f'{word} needs "{name}" with {what}')
    return found


def _is_operator(key: object) -> bool:
    return str(key).startswith("$")


WORDS: Mapping[str, Callable[[object, Command], Command]] = {
    "findOne": _find_one,
    "countDocuments": _count,
    "estimatedDocumentCount": lambda collection, _rest: {"count": collection},
    "insertOne": _insert,
    "insertMany": _insert_many,
    "updateOne": _update("updateOne", many=False),
    "updateMany": _update("updateMany", many=True),
    "replaceOne": _replace,
    "deleteOne": _delete("deleteOne", 1),
    "deleteMany": _delete("deleteMany", 0),
    "findOneAndUpdate": _and_modify("findOneAndUpdate", "update"),
    "findOneAndReplace": _and_modify("findOneAndReplace", "replacement"),
    "findOneAndDelete": _and_modify("findOneAndDelete", ""),
    "getIndexes": lambda collection, _rest: {"listIndexes": collection},
    "createIndex": _create_index,
    "dropIndex": _drop_index,
    "createCollection": _create_collection,
    "getCollectionNames": lambda _one, _rest: {"listCollections": 1, "nameOnly": True},
    "stats": _stats,
}
