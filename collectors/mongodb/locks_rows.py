"""Who waits for whom, as far as the modes of the locks tell: the server names what an operation waits for, not for whom. Pure.

https://www.mongodb.com/docs/manual/faq/concurrency/
"""

from __future__ import annotations

from aishell_core.values import LockWait
from collectors.mongodb.figures import part, text
from collectors.mongodb.operations_rows import Operation, awaited_level, waited_seconds

_CONFLICTS = {"r": "W", "w": "RW", "R": "wW", "W": "rwRW"}
"""Modes that exclude each other: r and w announce a lock further down, R and W are shared and exclusive."""

_NAMES = {"r": "intent shared", "w": "intent exclusive", "R": "shared", "W": "exclusive"}
_MOST_HOLDERS = 20


def lock_waits_of(operations: tuple[Operation, ...]) -> tuple[LockWait, ...]:
    """One edge for each waiter and each operation or idle transaction that holds the same resource in a mode that excludes its own.

    Where nobody holds it, the one that stands before it in the queue. A waiter behind whom nobody can be made out has
    no edge; that it waits is told by its session.
    """
    waiters = [one for one in operations if one.wait_class == "Lock"]
    return tuple(edge for waiter in waiters for edge in _edges(waiter, operations))


def _edges(waiter: Operation, operations: tuple[Operation, ...]) -> tuple[LockWait, ...]:
    level = awaited_level(waiter.document)
    wanted = _wanted(waiter, level)
    seconds, name = waited_seconds(waiter.document), _resource(waiter, level)
    mode = _NAMES.get(wanted, wanted)
    holders = [
        LockWait(waiter.id, one.id, name, mode, seconds, _held(one, level))
        for one in operations
        if one is not waiter and one.wait_class != "Lock" and _excludes(one, waiter, level, wanted)
    ]
    if holders:
        return tuple(holders[:_MOST_HOLDERS])
    # Whoever waits longer for what excludes it stands before it in the queue.
    ahead = [
        LockWait(waiter.id, one.id, name, mode, seconds)
        for one in operations
        if one is not waiter and one.wait_class == "Lock" and _is_ahead(one, waiter) and _excludes(one, waiter, level, wanted)
    ]
    return tuple(ahead[:1])


def _held(one: Operation, level: str) -> str:
    """The mode of what somebody holds; an idle transaction does not tell which collections it has locked."""
    mode = _NAMES.get(text(one.document, "locks", level), "")
    return mode if one.namespace or level != "Collection" else f"{mode}, perhaps of another collection"


def _wanted(waiter: Operation, level: str) -> str:
    """The mode that an operation waits for."""
    waited = part(waiter.document, "lockStats", level, "timeAcquiringMicros")
    return text(waiter.document, "locks", level) or next(iter(waited), "")


def _excludes(one: Operation, waiter: Operation, level: str, wanted: str) -> bool:
    held = text(one.document, "locks", level)
    if not held or held not in _CONFLICTS.get(wanted, ""):
        return False
    if level == "Collection" and one.namespace:
        return one.namespace == waiter.namespace
    if level in {"Collection", "Database"} and one.namespace:
        return one.namespace.partition(".")[0] == waiter.namespace.partition(".")[0]
    return True


def _is_ahead(one: Operation, waiter: Operation) -> bool:
    mine, others = waited_seconds(waiter.document), waited_seconds(one.document)
    return others is not None and mine is not None and others > mine


def _resource(waiter: Operation, level: str) -> str:
    if level == "Collection":
        return waiter.namespace or level
    if level == "Database":
        return waiter.namespace.partition(".")[0] or level
    return level
