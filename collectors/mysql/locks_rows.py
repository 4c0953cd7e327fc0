"""Who waits for whom because of row and table locks of InnoDB. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from aishell_core.engines.mysql import Row
from aishell_core.values import LockWait
from collectors.mysql.activity_rows import Transaction

PREPARED = "0"
"""Stands for a prepared transaction, which no session owns."""
_MOST_AHEAD = 20
"""A queue of n waiters has n x n pairs: of those that only wait ahead, the first ones are told."""


def lock_waits_of(
    waits: Iterable[Row], locks: Iterable[Row], transactions: Mapping[int, Transaction], seconds: Mapping[int, float]
) -> tuple[LockWait, ...]:
    """The edges from rows of `row_lock_waits` and `row_locks`; `seconds` tells by session how long it has waited.

    A pair whose holding lock is itself one that somebody waits for is an edge to somebody ahead in the queue.
    """
    pairs = tuple(waits)
    known = {str(row["id"]): row for row in locks}
    sessions = {one.id: one.session for one in transactions.values()}
    asked = {str(row["asked"]) for row in pairs}
    ahead: dict[str, int] = defaultdict(int)
    found: dict[tuple[str, str, str], LockWait] = {}
    for row in pairs:
        waiter, holder = sessions.get(str(row["waiter"])), sessions.get(str(row["holder"]))
        if not waiter or holder is None or waiter == holder:
            continue
        request, held = known.get(str(row["asked"])), known.get(str(row["held"]))
        queued = str(row["held"]) in asked
        ahead[str(waiter)] += queued
        if queued and ahead[str(waiter)] > _MOST_AHEAD:
            continue
        held_mode = "" if queued else mode_name(held) or "held"
        edge = LockWait(str(waiter), str(holder) or PREPARED, object_name(request), mode_name(request), seconds.get(waiter), held_mode)
        found.setdefault((edge.waiter, edge.holder, edge.object), edge)
    return tuple(found.values())


def mode_name(lock: Row | None) -> str:
    """A lock's mode as the server writes it; "" where it is not known any more."""
    return str(lock["mode"] or "") if lock is not None else ""


def object_name(lock: Row | None) -> str:
    """What a lock is on, in words: the values of the index entry, the index where it is not the primary key, the table."""
    if lock is None:
        return "row"
    place = str(lock["place"] or "").replace("`", "")
    if lock["type"] == "TABLE":
        return f"table {place}"
    data = " ".join(str(lock["data"] or "").split())
    index = str(lock["index"] or "")
    where = f"{place} by {index}" if index and index != "PRIMARY" else place
    if data == "supremum pseudo-record":
        return f"end of {where}"
    return f"row {data} of {where}" if data else f"row of {where}"
