"""Commands of clients: as they are shown, and the shape of which there is one for all values. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from aishell_core.engines.mongodb_documents import Document, json_text
from aishell_core.engines.statement_text import digest

MOST_CHARACTERS = 20_000
_VALUE = "?"
_OF_THE_DRIVER = frozenset(
    {
        *("$db", "lsid", "$clusterTime", "$readPreference", "$configServerState", "$topologyTime", "txnNumber", "autocommit"),
        *("startTransaction", "stmtId", "stmtIds", "apiVersion", "apiStrict", "apiDeprecationErrors", "signature", "$client"),
        *("$audit", "mayBypassWriteBlocking", "clientOperationKey", "shardVersion", "databaseVersion", "$traceCtx", "needsMerge"),
    }
)
"""What drivers and routers add to every command."""

_NOT_OF_THE_SHAPE = frozenset(
    {"comment", "maxTimeMS", "readConcern", "writeConcern", "batchSize", "cursor", "singleBatch", "ordered", "let"}
)
_KEPT = frozenset({"sort", "projection", "hint", "key", "$sort", "$project", "collation", "fields", "$unset", "$unwind"})
"""Places where numbers and words are part of what is asked, not values."""

_WRITES = {"update": ("q", "u"), "delete": ("q",), "remove": ("q",)}
_NAMES = frozenset({"collection", "multi", "upsert"})
_MOST_DEEP = 40


@dataclass(frozen=True, slots=True)
class Said:
    """A command: its text with values, its shape as text, and the digest of database and shape."""

    text: str
    shape: str
    digest: str


def said(command: Document, namespace: str = "", kind: str = "") -> Said:
    """What an operation or an entry of the profile runs; all empty for no command.

    An update or delete that is told by its statement alone (`q`, `u`) gets the form in which a client sends it.
    """
    database, _, collection = namespace.partition(".")
    whole = _whole({name: value for name, value in command.items() if name not in _OF_THE_DRIVER}, collection, kind)
    if not whole:
        return Said("", "", "")
    written = json_text(whole)
    shape = json_text(_shape({name: value for name, value in whole.items() if name not in _NOT_OF_THE_SHAPE}))
    return Said(written[:MOST_CHARACTERS], shape[:MOST_CHARACTERS], digest(f"{command.get('$db') or database} {shape}"))


def _whole(command: dict[str, object], collection: str, kind: str) -> dict[str, object]:
    verb = "delete" if kind == "remove" else kind
    if "q" not in command or kind not in _WRITES:
        return command
    one = {name: command[name] for name in ("q", "u", "multi", "upsert", "limit", "hint", "collation", "arrayFilters") if name in command}
    rest = {name: value for name, value in command.items() if name not in one}
    return {verb: collection, f"{verb}s": [one], **rest}


def _shape(value: object, *, kept: bool = False, top: bool = True, depth: int = 0) -> object:
    if depth > _MOST_DEEP:
        return _VALUE
    if isinstance(value, Mapping):
        shaped: dict[str, object] = {}
        for place, (name, each) in enumerate(value.items()):
            # The name of the command has the collection as its value.
            named = top and ((place == 0 and isinstance(each, str)) or name in _NAMES)
            shaped[str(name)] = each if named else _shape(each, kept=kept or name in _KEPT, top=False, depth=depth + 1)
        return shaped
    if isinstance(value, list | tuple):
        return _list_shape(list(value), kept=kept, depth=depth)
    if kept or value is None or isinstance(value, bool) or (isinstance(value, str) and value.startswith("$")):
        return value
    return _VALUE


def _list_shape(found: list[object], *, kept: bool, depth: int) -> list[object]:
    """Lists of any length that hold the same are the same; stages and alternatives of different kinds are kept."""
    shapes: list[object] = []
    for each in found:
        shape = _shape(each, kept=kept, top=False, depth=depth + 1)
        if not shapes or shapes[-1] != shape:
            shapes.append(shape)
    return shapes


class KnownCommands:
    """Remembers what the operations that still run say, so that each is looked at once."""

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._known: OrderedDict[object, Said] = OrderedDict()

    def of(self, operation: object, command: Document, namespace: str, kind: str) -> Said:
        """What this operation says; `operation` identifies it for good."""
        known = self._known.get(operation)
        if known is None:
            known = self._known[operation] = said(command, namespace, kind)
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        return known
