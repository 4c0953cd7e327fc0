"""Who waits for whom, from the lock table: pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from aishell_core.engines.postgres import Row
from aishell_core.values import LockWait

PREPARED = "0"
"""Stands for a prepared transaction, which no session owns, as in the answers of pg_blocking_pids."""

_MODES = (
    *("AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock"),
    *("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"),
)
_STRENGTH = {mode: place for place, mode in enumerate(_MODES)}
# Table 13.2 of the manual, a row per mode in the order above: the first of the modes that it conflicts with and exceptions.
_CONFLICTS: Mapping[str, frozenset[str]] = {
    "AccessShareLock": frozenset(_MODES[7:]),
    "RowShareLock": frozenset(_MODES[6:]),
    "RowExclusiveLock": frozenset(_MODES[4:]),
    "ShareUpdateExclusiveLock": frozenset(_MODES[3:]),
    "ShareLock": frozenset({*_MODES[2:4], *_MODES[5:]}),
    "ShareRowExclusiveLock": frozenset(_MODES[2:]),
    "ExclusiveLock": frozenset(_MODES[1:]),
    "AccessExclusiveLock": frozenset(_MODES),
}
_MOST_HOLDERS = 200
_MOST_AHEAD = 20
"""A queue of n waiters has n x n pairs: of those that only wait ahead, the first ones are told."""

_OBJECT = (
    "locktype",
    "database_id",
    "relation_id",
    "page",
    "tuple",
    "virtualxid",
    "transaction_id",
    "class_id",
    "object_id",
    "object_part",
)


def conflicts(asked: str, held: str) -> bool:
    """Whether one mode has to wait for another; a mode that is not one of the eight conflicts with none."""
    return held in _CONFLICTS.get(asked, ())


@dataclass(frozen=True, slots=True)
class _Lock:
    """A lock of a process or, where it works with others on one statement, of their leader."""

    process: str
    mode: str
    wait_seconds: float | None
    row: Row


def lock_waits_of(rows: Iterable[Row], leaders: Mapping[int, int], unknown_seconds: Mapping[int, float]) -> tuple[LockWait, ...]:
    """The edges of the lock graph, from rows of `locks`.

    `leaders` are the leaders of parallel workers by pid. `unknown_seconds` tells by pid how long those can have waited
    at most whose start of waiting the server does not tell yet.
    """
    held: dict[tuple[object, ...], list[_Lock]] = defaultdict(list)
    asked: dict[tuple[object, ...], list[_Lock]] = defaultdict(list)
    rows_locked: dict[str, str] = {}
    for row in rows:
        lock = _Lock(_process(row, leaders), row["mode"], _waited(row, unknown_seconds), row)
        (held if row["granted"] else asked)[tuple(row[column] for column in _OBJECT)].append(lock)
        if row["granted"] and row["locktype"] == "tuple" and row["pid"] is not None:
            rows_locked.setdefault(lock.process, _relation(row))
    edges: dict[tuple[str, str, str], LockWait] = {}
    for thing, waiting in asked.items():
        waiting.sort(key=lambda lock: -(lock.wait_seconds or 0.0))
        for edge in _edges(waiting, held.get(thing, ()), rows_locked):
            edges.setdefault((edge.waiter, edge.holder, edge.object), edge)
    return tuple(edges.values())


def _edges(waiting: list[_Lock], held: Iterable[_Lock], rows_locked: Mapping[str, str]) -> Iterator[LockWait]:
    holders = tuple(held)
    for place, lock in enumerate(waiting):
        named = object_name(lock.row, rows_locked.get(lock.process, ""))
        strongest: dict[str, tuple[str, Row]] = {}
        for other in holders:
            if other.process != lock.process and conflicts(lock.mode, other.mode) and len(strongest) < _MOST_HOLDERS:
                before = strongest.get(other.process)
                if before is None or _STRENGTH[other.mode] > _STRENGTH[before[0]]:
                    strongest[other.process] = (other.mode, other.row)
        for process, (mode, row) in strongest.items():
            of_whom = f" of prepared transaction {row['prepared']}" if process == PREPARED and row["prepared"] else ""
            yield LockWait(lock.process, process, named + of_whom, lock.mode, lock.wait_seconds, mode)
        ahead = (other for other in waiting[:place] if other.process != lock.process and other.process not in strongest)
        told: set[str] = set()
        for other in ahead:
            if conflicts(lock.mode, other.mode) and other.process not in told:
                told.add(other.process)
                yield LockWait(lock.process, other.process, named, lock.mode, lock.wait_seconds, "")
                if len(told) == _MOST_AHEAD:
                    break


def _process(row: Row, leaders: Mapping[int, int]) -> str:
    pid = row["pid"]
    return PREPARED if pid is None else str(leaders.get(pid, pid))


def _waited(row: Row, unknown_seconds: Mapping[int, float]) -> float | None:
    if row["granted"]:
        return None
    seconds = row["wait_seconds"]
    if seconds is None:
        return unknown_seconds.get(row["pid"])
    return max(0.0, float(seconds))


def object_name(row: Row, row_of: str = "") -> str:
    """What a lock is on, in words; `row_of` is the table of the row that one who waits for a transaction wants."""
    kind = row["locktype"]
    match kind:
        case "relation":
            return f"relation {_relation(row)}"
        case "extend":
            return f"extension of {_relation(row)}"
        case "page":
            return f"page {row['page']} of {_relation(row)}"
        case "tuple":
            return f"row ({row['page']},{row['tuple']}) of {_relation(row)}"
        case "transactionid":
            return f"transaction {row['transaction_id']}" + (f", a row of {row_of}" if row_of else "")
        case "virtualxid":
            return f"virtual transaction {row['virtualxid']}"
        case "advisory":
            return f"advisory lock {_advisory_key(row)}{_elsewhere(row)}"
        case "object":
            return f"object {row['object_id']} of {row['class'] or row['class_id']}{_elsewhere(row)}"
        case _:
            return f"{kind}{_elsewhere(row)}"


def _relation(row: Row) -> str:
    if row["relation"] is not None:
        return f"{row['schema']}.{row['relation']}"
    return f"{row['relation_id']}{_elsewhere(row)}"


def _elsewhere(row: Row) -> str:
    return f" in {row['database']}" if row["database"] is not None else ""


def _advisory_key(row: Row) -> str:
    """The key as the application gave it: one number of 64 bits, or two of 32 (13.3.5 of the manual, pg_locks)."""
    high, low = int(row["class_id"]), int(row["object_id"])
    if row["object_part"] == 1:
        key = (high << 32) | low
        return str(key - (1 << 64) if key >= 1 << 63 else key)
    return f"({_signed(high)}, {_signed(low)})"


def _signed(number: int) -> int:
    return number - (1 << 32) if number >= 1 << 31 else number
