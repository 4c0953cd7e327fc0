"""Who keeps InnoDB from removing old row versions, as values: no reading here.

InnoDB removes (purges) a version when no read view can see it any more. Only SHOW ENGINE INNODB STATUS tells which
transactions have a view and how old that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aishell_core.units import format_counted
from aishell_core.values import HorizonHolder

_COUNTER = re.compile(r"^Trx id counter (\d+)", re.MULTILINE)
_HISTORY = re.compile(r"^History list length (\d+)", re.MULTILINE)
_TRANSACTION = re.compile(r"^---TRANSACTION ", re.MULTILINE)
_THREAD = re.compile(r"^(?:MySQL|MariaDB) thread id (\d+)", re.MULTILINE)
_VIEW = re.compile(r"^Trx read view will not see trx with id >= \d+, sees < (\d+)", re.MULTILINE)
_KEEPING = frozenset({"REPEATABLE READ", "SERIALIZABLE"})
"""The levels at which a transaction sees until its end what was committed when it began to read."""

_SECTION = re.compile(r"^-+\nTRANSACTIONS\n-+\n", re.MULTILINE)
_NEXT_SECTION = re.compile(r"^-+\n[A-Z/ ]+\n-+\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Views:
    """The read views that are open: by the session's id the transaction before which everything is seen as committed.

    `counter` is the id of the next transaction; `history` how many committed ones wait to be purged.
    """

    counter: int | None = None
    history: int | None = None
    oldest_seen: Mapping[str, int] | None = None


def views_of(status: str) -> Views:
    """The read views of a text of SHOW ENGINE INNODB STATUS."""
    section = _SECTION.search(status)
    text = status[section.end() :] if section else ""
    end = _NEXT_SECTION.search(text)
    text = text[: end.start()] if end else text
    counter, history = _COUNTER.search(text), _HISTORY.search(text)
    seen: dict[str, int] = {}
    for each in _TRANSACTION.split(text)[1:]:
        thread, view = _THREAD.search(each), _VIEW.search(each)
        if thread is not None and view is not None:
            seen[thread[1]] = int(view[1])
    return Views(int(counter[1]) if counter else None, int(history[1]) if history else None, seen)


def holders_of(rows: Iterable[Mapping[str, Any]], views: Views, *, all_told: bool = True) -> tuple[HorizonHolder, ...]:
    """The transactions with an open read view, the oldest view first.

    Unless the report has `all_told` (MySQL's leaves out transactions that only read) the oldest transaction that keeps a view for
    as long as it lasts is one as well, and all that waits to be purged waits for it.

    `rows` are those of information_schema.INNODB_TRX with the sessions that they belong to. A transaction of the SQL thread or
    of recovery has no session and is told by its kind.
    """
    rows = tuple(rows)
    found = [_holder(row, views) for row in rows]
    if not all_told:
        found.append(_oldest(rows, views))
    oldest: dict[str, HorizonHolder] = {}
    for each in sorted((each for each in found if each is not None), key=lambda each: (-each.transactions, -(each.seconds or 0.0))):
        # A session that changes a table has a transaction for the dictionary besides its own: it is told once.
        oldest.setdefault(each.name, each)
    return tuple(oldest.values())


def _oldest(rows: Iterable[Mapping[str, Any]], views: Views) -> HorizonHolder | None:
    keeping = [row for row in rows if row["isolation"] in _KEEPING and row["seconds"] is not None]
    oldest = max(keeping, key=lambda row: float(row["seconds"]), default=None)
    if oldest is None or views.history is None or str(oldest["id"]) in (views.oldest_seen or {}):
        return None
    return _told(oldest, float(views.history))


def _holder(row: Mapping[str, Any], views: Views) -> HorizonHolder | None:
    seen = (views.oldest_seen or {}).get(str(row["id"]))
    if seen is None or views.counter is None:
        return None
    return _told(row, float(max(0, views.counter - seen)))


def _told(row: Mapping[str, Any], transactions: float) -> HorizonHolder:
    changed = float(row["rows_modified"] or 0)
    words = [
        str(row["isolation"] or "").lower(),
        f"has changed {format_counted(int(changed), 'row')}" if changed else "",
        str(row["text"] or ""),
    ]
    return HorizonHolder(
        "session",
        str(row["id"]),
        transactions,
        seconds=None if row["seconds"] is None else max(0.0, float(row["seconds"])),
        text="; ".join(filter(None, words)),
        database=str(row["database"] or ""),
    )
