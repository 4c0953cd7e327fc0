"""An operation as a person writes it, {"find": "orders", "filter": {…}} in extended JSON, and whether it only reads. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from aishell_core.engines.mongodb_documents import parse_extended
from aishell_core.engines.mongodb_errors import MongoError
from aishell_core.safety.language.mongodb_shell import SHELL, UnreadableError, document_of_call, values_of
from aishell_core.safety.language.mongodb_words import counts_documents, server_command
from aishell_core.values import FailureCode

CURSORS = frozenset({"find", "aggregate", "listCollections", "listIndexes"})
"""Commands that answer with documents instead of one."""

READING = frozenset(
    {
        *("find", "aggregate", "count", "distinct", "listCollections", "listIndexes", "listDatabases", "collStats", "dbStats", "dataSize"),
        *("explain", "serverStatus", "hello", "isMaster", "buildInfo", "ping", "getParameter", "getCmdLineOpts", "hostInfo", "top"),
        *("connectionStatus", "usersInfo", "rolesInfo", "replSetGetStatus", "replSetGetConfig", "balancerStatus", "listShards", "getLog"),
        *("planCacheListFilters", "listCommands", "whatsmyuri", "currentOp", "getDefaultRWConcern", "serverInfo", "features"),
        *("getShardMap", "isdbgrid"),
    }
)
_WRITING = frozenset(
    {
        *("insert", "update", "delete", "findAndModify", "create", "drop", "dropDatabase", "createIndexes", "dropIndexes", "collMod"),
        *("renameCollection", "convertToCapped", "compact", "reIndex", "mapReduce", "killCursors", "setParameter", "profile"),
        *(
            "createUser",
            "dropUser",
            "updateUser",
            "shutdown",
            "fsync",
            "validate",
            "bulkWrite",
            "setFeatureCompatibilityVersion",
        ),
    }
)
_OF_THE_SERVER = frozenset(
    {
        *("listDatabases", "serverStatus", "hello", "isMaster", "buildInfo", "ping", "getParameter", "setParameter", "getCmdLineOpts"),
        *("hostInfo", "top", "connectionStatus", "replSetGetStatus", "replSetGetConfig", "balancerStatus", "listShards", "getLog"),
        *("listCommands", "whatsmyuri", "currentOp", "getDefaultRWConcern", "killOp", "killSessions", "features", "getShardMap"),
    }
)
"""Commands about the server, whose database is admin."""

ENDING = frozenset({"killOp", "killSessions", "killAllSessions", "killAllSessionsByPattern"})
"""Commands that end what others do, and write nothing."""

_STAGES_THAT_WRITE = {"$out": "writes its result into a collection", "$merge": "writes its result into a collection"}
_CODE = {
    "$where": "runs JavaScript in the server for each document, which can take all its time",
    "$function": "runs JavaScript in the server",
    "$accumulator": "runs JavaScript in the server",
}
_MOST_CHARACTERS = 16 * 2**20
_EXAMPLE = 'write for example {"find": "orders", "filter": {"status": "open"}, "limit": 10}'


@dataclass(frozen=True, slots=True)
class Operation:
    """What a person wrote as the server's command; `counts` where it asks for a number, which may come as no document at all."""

    command: dict[str, Any]
    counts: bool = False


def parse_operation(text: str) -> dict[str, Any]:
    """The command of a text; raises MongoError that says what is wrong with it."""
    return read_operation(text).command


def read_operation(text: str) -> Operation:
    """The command of a text in extended JSON or as the shell writes it, also as a call such as `db.orders.findOne({…})`.

    Raises MongoError.
    """
    if not text.strip() or len(text) > _MOST_CHARACTERS:
        message = "there is no operation" if not text.strip() else "the operation is longer than a document may be"
        raise MongoError(FailureCode.UNSUPPORTED, message, _EXAMPLE)
    found = _document(text)
    if any("\x00" in name for name in _names(found)):
        raise MongoError(FailureCode.UNSUPPORTED, "a name in the operation holds a zero byte, which no document can", _EXAMPLE)
    try:
        return Operation(server_command(found), counts_documents(found))
    except UnreadableError as error:
        raise MongoError(FailureCode.UNSUPPORTED, str(error), _EXAMPLE) from error


def _document(text: str) -> dict[str, Any]:
    """The one object that a text holds."""
    if text.lstrip().startswith(SHELL):
        return _of_call(text)
    try:
        found = _read(text)
    except ValueError as error:
        reason = str(error).encode("utf-8", "replace").decode()
        raise MongoError(FailureCode.UNSUPPORTED, f"the operation is no document: {reason}", _EXAMPLE) from error
    if not isinstance(found, dict) or not found:
        raise MongoError(FailureCode.UNSUPPORTED, "the operation is no document with a command as its first name", _EXAMPLE)
    return found


def _read(text: str) -> Any:  # noqa: ANN401  (what extended JSON holds)
    return parse_extended(values_of(text))


def _of_call(text: str) -> dict[str, Any]:
    try:
        return document_of_call(text, _read)
    except UnreadableError as error:
        hint = 'write one call with values in it, for example db.orders.findOne({"status": "open"})'
        raise MongoError(FailureCode.UNSUPPORTED, f"the call cannot be read: {error}", hint) from error


def _names(value: object) -> Iterator[str]:
    """All names in a document, however deep."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield str(name)
            yield from _names(each)
    elif isinstance(value, list):
        for each in value:
            yield from _names(each)


def command_name(command: Mapping[str, Any]) -> str:
    """The command's name, which is the first in the document."""
    return next(iter(command), "")


def database_of(command: dict[str, Any], otherwise: str) -> str:
    """The database of a command: the one that it names itself as `$db`, which is taken out of it, else the other one.

    Raises MongoError where neither is named and the command is about one.
    """
    named = command.pop("$db", None)
    if isinstance(named, str) and named:
        return named
    name = command_name(command)
    if name in _OF_THE_SERVER or (name == "aggregate" and command[name] == 1):
        return "admin"
    if not otherwise:
        hint = 'name it in the operation, "$db": "NAME", or in the URL of the target'
        raise MongoError(FailureCode.MISSING, f"no database is named for {name}", hint)
    return otherwise


def refuse_writes(command: Mapping[str, Any]) -> None:
    """Raise MongoError for an operation that may change something, or lets the server run code; the server has no read-only mode.

    What is not known to read only, or to end what others do, is refused too.
    """
    name = command_name(command)
    if name == "explain" and isinstance(command["explain"], Mapping):
        if command.get("verbosity", "queryPlanner") != "queryPlanner":
            # It runs what it explains, and a plan of a write with all its documents may take long.
            refuse_writes(command["explain"])
    elif name not in READING | ENDING:
        raise MongoError(FailureCode.UNSUPPORTED, f"{name} may change something, and only what reads is run here", _hint(name))
    for found in _names(command):
        reason = _STAGES_THAT_WRITE.get(found) or _CODE.get(found)
        if reason is not None:
            raise MongoError(
                FailureCode.UNSUPPORTED, f"{found} {reason}, and only what reads is run here", "leave it out, or run it as a write"
            )


def _hint(name: str) -> str:
    if name in _WRITING:
        return "run it as a write"
    near = get_close_matches(name, READING | _WRITING, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else "commands that read are " + ", ".join(sorted(READING)[:8]) + " …"
