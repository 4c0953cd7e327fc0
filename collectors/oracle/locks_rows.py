"""Who waits for whose lock: rows of sessions and of v$lock to edges. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from aishell_core.engines.oracle import Row
from aishell_core.values import LockWait
from collectors.oracle.activity_rows import Looked, blocker_of

_MODES = {1: "null", 2: "row share", 3: "row exclusive", 4: "share", 5: "share row exclusive", 6: "exclusive"}
"""The modes of a lock (Reference, V$LOCK)."""

_KINDS = {
    "TX": "transaction",
    "TM": "table",
    "UL": "lock of an application",
    "HW": "end of a segment",
    "SQ": "sequence",
    "CF": "control file",
    "RO": "object that is reused",
    "AE": "edition",
}
_ENQUEUE = "enq: "
_LOW = 0xFFFF

Names = Mapping[int, str]
"""Names of objects by their number."""


def enqueue_of(row: Row) -> tuple[str, int] | None:
    """The sort of lock that a session waits for and the mode that it asks for; None for what is no enqueue.

    The first parameter of the event holds both: two letters above, the mode below (Reference, enqueue waits).
    """
    if not str(row["event"] or "").startswith(_ENQUEUE) or row["p1"] is None:
        return None
    number = int(row["p1"])
    return chr((number >> 24) & 0xFF) + chr((number >> 16) & 0xFF), number & _LOW


def object_number(row: Row) -> int | None:
    """The number of the object that a session waits to lock; None where it tells none.

    Of a table's lock it is the second parameter, of a row's the object whose row it stands at.
    """
    found = enqueue_of(row)
    if found is not None and found[0] == "TM" and row["p2"]:
        return int(row["p2"])
    number = row["row_wait_object"]
    return int(number) if number is not None and number > 0 else None


def lock_waits_of(
    waiting: Iterable[Looked], locks: Sequence[Row], sessions: Mapping[tuple[int, int], str], names: Names
) -> tuple[LockWait, ...]:
    """The edges; `sessions` are identifiers by instance and number, `locks` the rows of v$lock as far as they are told."""
    edges = []
    for one in waiting:
        row = one.row
        holder = blocker_of(row, sessions)
        if holder:
            edges.append(
                LockWait(
                    waiter=one.session.id,
                    holder=holder,
                    object=_object(row, names),
                    mode=_asked(row),
                    wait_seconds=None if row["wait_seconds"] is None else max(0.0, float(row["wait_seconds"])),
                    held_mode=_held(row, locks),
                )
            )
    return tuple(edges)


def _object(row: Row, names: Names) -> str:
    number, found = object_number(row), enqueue_of(row)
    name = "" if number is None else names.get(number, f"object {number}")
    if found is None:
        return name or str(row["event"] or "")
    kind = _KINDS.get(found[0], f"lock {found[0]}")
    if found[0] == "TX":
        return f"row of {name}" if name else kind
    return f"{kind} {name}".strip()


def _asked(row: Row) -> str:
    found = enqueue_of(row)
    return _MODES.get(found[1], str(found[1])) if found is not None else str(row["event"] or "").rpartition(" ")[2]


def _held(row: Row, locks: Sequence[Row]) -> str:
    """The mode that the blocker has of the very lock that is waited for; "" where it is not told or the blocker waits itself."""
    found = enqueue_of(row)
    if found is None:
        return ""
    place = (int(row["blocking_instance"] or row["inst"]), row["blocking_session"])
    modes = [
        int(lock["held"])
        for lock in locks
        if (lock["inst"], lock["sid"]) == place and (lock["type"], lock["id1"], lock["id2"]) == (found[0], row["p2"], row["p3"])
    ]
    strongest = max(modes, default=0)
    return _MODES.get(strongest, "")
