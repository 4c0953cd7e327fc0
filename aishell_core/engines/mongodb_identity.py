"""Which operation, idle transaction or connection a document of $currentOp is, and since when. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aishell_core.engines.mongodb_documents import Document, json_text, seconds_of, unique_text

SAME_START_SECONDS = 1.0
"""A start follows from the server's clock and a running time, each rounded, so that two looks differ by milliseconds."""


def session_id(document: Document) -> str:
    """The operation's number, which killOp takes; without one that of the idle session, or of the connection."""
    if document.get("opid") is not None:
        return str(document["opid"])
    session = document.get("lsid")
    if isinstance(session, Mapping) and session.get("id") is not None:
        return unique_text(session["id"])
    connection = document.get("connectionId")
    return f"conn{connection}" if connection is not None else str(document.get("desc") or "")


def started_at(document: Document) -> float | None:
    """When the operation began, or the transaction that is idle now (epoch seconds by the server's clock); None for neither."""
    now = seconds_of(document.get("currentOpTime"))
    running: Any = document.get("microsecs_running")
    if document.get("opid") is None:
        transaction = document.get("transaction")
        running = transaction.get("timeOpenMicros") if isinstance(transaction, Mapping) else None
    if now is None or isinstance(running, bool) or not isinstance(running, int | float):
        return None
    return now - running / 1e6


def is_index_build(document: Document) -> bool:
    """Whether an operation builds an index, or waits for the server to build the one that its client has asked for.

    Such a build belongs to all members of a set: https://www.mongodb.com/docs/manual/reference/method/db.killOp/
    """
    command = document.get("command")
    asked = isinstance(command, Mapping) and next(iter(command), "") in {"createIndexes", "commitIndexBuild"}
    return asked or str(document.get("msg") or "").startswith("Index Build")


def drop_index(document: Document) -> str:
    """The operation that gives an index build up, on all members at once; with what is known of the index."""
    command: Any = document.get("command")
    database, _, collection = str(document.get("ns") or "").partition(".")
    indexes = command.get("indexes") if isinstance(command, Mapping) else None
    first = indexes[0] if isinstance(indexes, list) and indexes else None
    name = str(first.get("name") or "NAME") if isinstance(first, Mapping) else "NAME"
    if isinstance(command, Mapping) and isinstance(command.get("createIndexes"), str):
        collection = command["createIndexes"]
    return json_text({"dropIndexes": collection, "index": name, "$db": database})


def client_of(document: Document) -> str:
    """The address of the client, "" for a thread of the server's own."""
    return str(document.get("client") or document.get("client_s") or "")
