"""Who waits for whom because of metadata locks: from the locks themselves, or inferred where a server tells less. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from aishell_core.engines.mysql import Row
from aishell_core.values import LockWait
from collectors.mysql.activity_rows import Look
from collectors.mysql.activity_waits import METADATA

_MOST_HOLDERS = 200
_MOST_AHEAD = 20
"""A queue of n waiters has n x n pairs: of those that only wait ahead, the first ones are told."""

# What a request waits for: the tables in the comment of MDL_lock::MDL_object_lock in sql/mdl.cc of both servers.
_GRANTED: Mapping[str, frozenset[str]] = {
    "SHARED": frozenset({"EXCLUSIVE"}),
    "SHARED_HIGH_PRIO": frozenset({"EXCLUSIVE"}),
    "SHARED_READ": frozenset({"SHARED_NO_READ_WRITE", "EXCLUSIVE"}),
    "SHARED_WRITE": frozenset({"SHARED_READ_ONLY", "SHARED_NO_WRITE", "SHARED_NO_READ_WRITE", "EXCLUSIVE"}),
    "SHARED_WRITE_LOW_PRIO": frozenset({"SHARED_READ_ONLY", "SHARED_NO_WRITE", "SHARED_NO_READ_WRITE", "EXCLUSIVE"}),
    "SHARED_UPGRADABLE": frozenset({"SHARED_UPGRADABLE", "SHARED_NO_WRITE", "SHARED_NO_READ_WRITE", "EXCLUSIVE"}),
    "SHARED_READ_ONLY": frozenset({"SHARED_WRITE", "SHARED_WRITE_LOW_PRIO", "SHARED_NO_READ_WRITE", "EXCLUSIVE"}),
    "SHARED_NO_WRITE": frozenset(
        {"SHARED_WRITE", "SHARED_WRITE_LOW_PRIO", "SHARED_UPGRADABLE", "SHARED_NO_WRITE", "SHARED_NO_READ_WRITE", "EXCLUSIVE"}
    ),
    "SHARED_NO_READ_WRITE": frozenset(
        {
            *("SHARED_READ", "SHARED_WRITE", "SHARED_WRITE_LOW_PRIO", "SHARED_UPGRADABLE", "SHARED_READ_ONLY"),
            *("SHARED_NO_WRITE", "SHARED_NO_READ_WRITE", "EXCLUSIVE"),
        }
    ),
}
_AHEAD: Mapping[str, frozenset[str]] = {
    "SHARED": frozenset({"EXCLUSIVE"}),
    "SHARED_HIGH_PRIO": frozenset(),
    "SHARED_READ": frozenset({"SHARED_NO_READ_WRITE", "EXCLUSIVE"}),
    "SHARED_WRITE": frozenset({"SHARED_NO_WRITE", "SHARED_NO_READ_WRITE", "EXCLUSIVE"}),
    "SHARED_WRITE_LOW_PRIO": frozenset({"SHARED_READ_ONLY", "SHARED_NO_WRITE", "SHARED_NO_READ_WRITE", "EXCLUSIVE"}),
    "SHARED_UPGRADABLE": frozenset({"EXCLUSIVE"}),
    "SHARED_READ_ONLY": frozenset({"SHARED_WRITE", "SHARED_NO_READ_WRITE", "EXCLUSIVE"}),
    "SHARED_NO_WRITE": frozenset({"EXCLUSIVE"}),
    "SHARED_NO_READ_WRITE": frozenset({"EXCLUSIVE"}),
    "EXCLUSIVE": frozenset(),
}
_MOST_CANDIDATES = 20
_TAKEN_BY_TRANSACTIONS = ("SHARED_READ", "SHARED_WRITE")
_INFERRED = "metadata of a table (inferred)"
_SCOPED = frozenset({"INTENTION_EXCLUSIVE", "SHARED", "EXCLUSIVE"})
_BLOCKING_BACKUP = re.compile(r"BACKUP_(START|FLUSH|WAIT|FTWRL|BLOCK)")
_KINDS = {"USER LEVEL LOCK": "user lock", "USER LOCK": "user lock", "GLOBAL": "global read lock", "BACKUP": "backup lock"}


@dataclass(frozen=True, slots=True)
class MetadataLock:
    """A metadata lock of a session, or its request for one; `type` is the server's word for what it is on."""

    session: int
    type: str
    schema: str
    name: str
    mode: str
    granted: bool

    @property
    def place(self) -> tuple[str, str, str]:
        """What it is on."""
        return self.type, self.schema, self.name

    @property
    def object(self) -> str:
        """What it is on, in words."""
        kind = self.type.lower()
        named = ".".join(part for part in (self.schema, self.name) if part)
        if kind == "table":
            return f"metadata of {named}"
        return f"{_KINDS.get(self.type, kind)} {named}".strip()


def locks_of(rows: Iterable[Row], sessions: Mapping[int, int]) -> tuple[MetadataLock, ...]:
    """The locks of rows of `metadata_locks`; `sessions` are the connection ids by the number of a thread.

    Those of other threads are left out: our own, and sessions that came or went since. A prepared transaction has no thread.
    """
    return tuple(
        MetadataLock(
            sessions.get(row["thread"], 0),
            row["type"] or "",
            row["schema"] or "",
            row["name"] or "",
            row["mode"] or "",
            bool(row["granted"]),
        )
        for row in rows
        if row["thread"] is None or row["thread"] in sessions
    )


def held_of(rows: Iterable[Row]) -> tuple[MetadataLock, ...]:
    """The locks of rows of `metadata_holders`, where a plugin tells those that are held, in its own words."""
    return tuple(
        MetadataLock(
            int(row["session"]),
            (row["type"] or "").removesuffix(" metadata lock").upper(),
            row["schema"] or "",
            row["name"] or "",
            (row["mode"] or "").removeprefix("MDL_"),
            True,
        )
        for row in rows
    )


def conflicts(asked: str, held: str, *, granted: bool = True) -> bool:
    """Whether a request has to wait for a lock that is held, or for a request ahead of it that is not `granted`."""
    if asked.startswith("BACKUP_") or held.startswith("BACKUP_"):
        return bool(_BLOCKING_BACKUP.match(asked)) != bool(_BLOCKING_BACKUP.match(held)) or asked == held != "BACKUP_DML"
    if "INTENTION_EXCLUSIVE" in (asked, held):
        return {asked, held} <= _SCOPED and asked != held
    if not granted:
        return held in _AHEAD.get(asked, ())
    return held in _GRANTED[asked] if asked in _GRANTED else True


def lock_waits_of(locks: Iterable[MetadataLock], seconds: Mapping[int, float], *, remark: str = "") -> tuple[LockWait, ...]:
    """The edges between those who ask and those who hold or ask before them, the longest waiting first.

    `seconds` tells by session how long it has waited at most. `remark` is put behind what is locked.
    """
    held: dict[tuple[str, str, str], list[MetadataLock]] = defaultdict(list)
    asked: dict[tuple[str, str, str], list[MetadataLock]] = defaultdict(list)
    for lock in locks:
        (held if lock.granted else asked)[lock.place].append(lock)
    edges: dict[tuple[str, str, str], LockWait] = {}
    for place, waiting in asked.items():
        waiting.sort(key=lambda lock: -seconds.get(lock.session, 0.0))
        for edge in _edges(waiting, held.get(place, []), seconds, remark):
            edges.setdefault((edge.waiter, edge.holder, edge.object), edge)
    return tuple(edges.values())


def _edges(waiting: list[MetadataLock], held: list[MetadataLock], seconds: Mapping[int, float], remark: str) -> Iterator[LockWait]:
    for place, lock in enumerate(waiting):
        told: set[int] = set()
        waited = seconds.get(lock.session)
        for other in held:
            if other.session not in {lock.session, *told} and conflicts(lock.mode, other.mode) and len(told) < _MOST_HOLDERS:
                told.add(other.session)
                yield LockWait(str(lock.session), str(other.session), lock.object + remark, lock.mode, waited, other.mode)
        ahead = 0
        for other in waiting[:place]:
            if other.session not in {lock.session, *told} and conflicts(lock.mode, other.mode, granted=False) and ahead < _MOST_AHEAD:
                told.add(other.session)
                ahead += 1
                yield LockWait(str(lock.session), str(other.session), lock.object + remark, lock.mode, waited, "")


_VERBS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("SHARED_NO_READ_WRITE", re.compile(r"lock\s+tables?\b.*\bwrite\b", re.IGNORECASE | re.DOTALL)),
    ("SHARED_READ_ONLY", re.compile(r"lock\s+tables?\b", re.IGNORECASE)),
    ("EXCLUSIVE", re.compile(r"(alter|drop|truncate|rename|create|optimize|repair|analyze)\b", re.IGNORECASE)),
    ("SHARED_WRITE", re.compile(r"(insert|update|delete|replace|load)\b", re.IGNORECASE)),
    ("SHARED_READ", re.compile(r"(select|with|table|show|desc|describe|explain|call|values)\b|\(", re.IGNORECASE)),
)
_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*\n|#[^\n]*\n", re.DOTALL)
_MOST_TEXT = 4096
_OPENING = re.compile(r"(alter|create|drop\s+index|optimize|repair)\b", re.IGNORECASE)
NOT_IN_USE: Mapping[tuple[str, str], int] = MappingProxyType({})
"""No table is in use, or nobody tells."""


def mode_of(text: str) -> str:
    """The strongest metadata lock on a table that a statement asks for, by its verb; "" for one that cannot be told."""
    bare = _bare(text)
    return next((mode for mode, verb in _VERBS if verb.match(bare)), "")


def _bare(text: str) -> str:
    return _COMMENT.sub(" ", text[:_MOST_TEXT]).lstrip()


def mentions(text: str, schema: str, name: str, database: str) -> bool:
    """Whether a statement names a table: with its schema, or without one where that is the session's own."""
    quoted = rf"`?{re.escape(name)}`?"
    whole = rf"(?<![\w$`.])`?{re.escape(schema)}`?\s*\.\s*{quoted}(?![\w$])"
    bare = rf"(?<![\w$.`]){quoted}(?![\w$])"
    searched = text[:_MOST_TEXT]
    return re.search(whole, searched, re.IGNORECASE) is not None or (
        database == schema and re.search(bare, searched, re.IGNORECASE) is not None
    )


def requests_of(looked: Iterable[Look], held: Iterable[MetadataLock]) -> tuple[MetadataLock, ...]:
    """What sessions that wait ask for, taken from their statements, on the tables that others are known to hold."""
    places = dict.fromkeys((lock.schema, lock.name) for lock in held if lock.type == "TABLE" and lock.name)
    found: list[MetadataLock] = []
    for thread, _, session in looked:
        if not session.wait.endswith(METADATA) or not (mode := mode_of(session.text)):
            continue
        found += (
            MetadataLock(thread.id, "TABLE", schema, name, mode, granted=False)
            for schema, name in places
            if mentions(session.text, schema, name, session.database)
        )
    return tuple(found)


def in_use_of(rows: Iterable[Row]) -> Mapping[tuple[str, str], int]:
    """How many times each table in rows of `tables_in_use` is used, by schema and name."""
    return {(str(row["Database"]), str(row["Table"])): int(row["In_use"]) for row in rows}


def inferred_waits(
    looked: Iterable[Look], seconds: Mapping[int, float], in_use: Mapping[tuple[str, str], int] = NOT_IN_USE
) -> tuple[LockWait, ...]:
    """The edges where nothing tells who holds a metadata lock: from who waits, what they run, and who could be in the way.

    A statement on a table waits behind an earlier one that changes the same table. What wants a table for itself waits for
    a session that has an open transaction and was there before it: one alone is named; of several nobody can tell which, so
    the holder is unknown ("") and they are its candidates. So it is for all that a transaction cannot hold up, as a reader.
    A table that is `in_use` has somebody who runs a statement on it or has locked it by LOCK TABLES: then no transaction is
    accused, but the one session that can be that, if there is one alone. A change that waits may be that use itself: then
    it can be either.
    """
    everything = tuple(looked)
    waiting = [each for each in everything if each[2].wait.endswith(METADATA)]
    waiting.sort(key=lambda each: -seconds.get(each[0].id, 0.0))
    found: list[LockWait] = []
    changing: list[Look] = []
    for one in waiting:
        thread, _, session = one
        waited, mode = seconds.get(thread.id), mode_of(session.text)
        ahead = [other for other in changing if _same_table(session.text, other[2].text)] if mode != "EXCLUSIVE" else []
        if ahead:
            holders = [str(ahead[0][0].id)]
        else:
            used = [place for place in in_use if mentions(session.text, *place, session.database)]
            holders = _users(everything, thread.id, used) if used else []
            if all(in_use[place] == 1 and _used_by_a_change(waiting, place) for place in used) and _waits_for_transactions(mode):
                holders = list(dict.fromkeys((*holders, *_suspects(everything, thread.id, waited or 0.0))))
        holder = holders[0] if len(holders) == 1 else ""
        candidates = () if holder else _likeliest_first(everything, holders)
        found.append(LockWait(session.id, holder, _INFERRED, mode, waited, "" if ahead else "held", inferred=True, candidates=candidates))
        if mode in {"EXCLUSIVE", "SHARED_NO_READ_WRITE"}:
            changing.append(one)
    return tuple(found)


def _likeliest_first(everything: Iterable[Look], holders: Iterable[str]) -> tuple[str, ...]:
    """The first of those who could hold a lock: open transactions, the oldest first, then who runs or idles, the longest first."""
    named = frozenset(holders)
    found = [session for _, _, session in everything if session.id in named]
    found.sort(key=lambda one: (one.transaction_seconds is None, -(one.transaction_seconds or 0.0), -(one.state_seconds or 0.0)))
    return tuple(one.id for one in found[:_MOST_CANDIDATES])


def _used_by_a_change(waiting: Iterable[Look], place: tuple[str, str]) -> bool:
    """Whether one of those who wait may be the one who uses a table.

    These have it open while they wait for the transactions on it to end; a second one of them waits before it opens it.
    """
    return any(_OPENING.match(_bare(session.text)) and mentions(session.text, *place, session.database) for _, _, session in waiting)


def _waits_for_transactions(mode: str) -> bool:
    """Whether a transaction that has only read and written its tables can hold up who asks for this; not where it is unknown."""
    return bool(mode) and any(conflicts(mode, held) for held in _TAKEN_BY_TRANSACTIONS)


def _users(everything: Iterable[Look], waiter: int, places: Iterable[tuple[str, str]]) -> list[str]:
    """Who may use one of these tables: who runs a statement that names it, and who is idle outside of a transaction.

    BEGIN gives up what LOCK TABLES has locked.
    """
    used = tuple(places)
    return [
        session.id
        for thread, _, session in everything
        if thread.id != waiter
        and not session.wait.endswith(METADATA)
        and not thread.kind
        and (
            any(mentions(session.text, *place, session.database) for place in used)
            if session.statement_seconds is not None
            else session.transaction_seconds is None
        )
    ]


def _suspects(everything: Iterable[Look], waiter: int, waited: float) -> list[str]:
    return [
        session.id
        for thread, _, session in everything
        if thread.id != waiter
        and not session.wait.endswith(METADATA)
        and not thread.kind
        and session.transaction_seconds is not None
        and session.transaction_seconds + 1.0 >= waited
    ]


_TARGET = re.compile(
    r"(?:alter|truncate|drop|rename|optimize|repair|analyze|lock|create)\s+(?:\w+\s+)*?tables?\s+(?:if\s+(?:not\s+)?exists\s+)?((?:`[^`]+`|[\w$]+)(?:\s*\.\s*(?:`[^`]+`|[\w$]+))?)",
    re.IGNORECASE,
)


def _same_table(text: str, change: str) -> bool:
    """Whether a statement names the table that another one changes."""
    found = _TARGET.search(change[:_MOST_TEXT])
    if found is None:
        return False
    name = found[1].rpartition(".")[2].strip(" `")
    return re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", text[:_MOST_TEXT], re.IGNORECASE) is not None
