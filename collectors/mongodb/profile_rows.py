"""What the profiler wrote down, counted by the shape of the command. Pure.

https://www.mongodb.com/docs/manual/reference/database-profiler/
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from aishell_core.engines.mongodb import APPLICATION
from aishell_core.engines.mongodb_documents import Document
from aishell_core.values import Statement
from collectors.mongodb.commands import Said, said
from collectors.mongodb.figures import at, number, part, text

FIELDS = (
    *("op", "ns", "command", "originatingCommand", "millis", "nreturned", "ndeleted", "nModified", "ninserted", "errCode", "ok"),
    *("ts", "appName", "user"),
)
_CHANGED = ("ndeleted", "nModified", "ninserted")
_MOST = 5000


@dataclass
class _Counted:
    text: str
    database: str
    user: str
    calls: int = 0
    milliseconds: float = 0.0
    longest: float = 0.0
    documents: float = 0.0
    errors: int = 0


class ProfileCounts:
    """Counts entries of the profiler since the first that was still there; those shapes that came last are kept."""

    def __init__(self) -> None:
        self._counted: OrderedDict[str, _Counted] = OrderedDict()

    def add(self, entries: Iterable[Document]) -> None:
        """Count entries, each of which must be given once only."""
        for entry in entries:
            if text(entry, "appName") == APPLICATION:
                continue
            seen = _said(entry)
            if seen.digest:
                self._count(entry, seen)

    def _count(self, entry: Document, seen: Said) -> None:
        one = self._counted.get(seen.digest)
        if one is None:
            one = self._counted[seen.digest] = _Counted(seen.shape, text(entry, "ns").partition(".")[0], text(entry, "user"))
            if len(self._counted) > _MOST:
                self._counted.popitem(last=False)
        self._counted.move_to_end(seen.digest)
        milliseconds = number(entry, "millis") or 0.0
        changed = sum(count for name in _CHANGED if (count := number(entry, name)) is not None)
        one.calls += 1
        one.milliseconds += milliseconds
        one.longest = max(one.longest, milliseconds)
        one.documents += (number(entry, "nreturned") or 0.0) + changed
        one.errors += at(entry, "errCode") is not None or number(entry, "ok") == 0.0

    def statements(self) -> tuple[Statement, ...]:
        """All shapes with what was counted of them."""
        return tuple(
            Statement(
                digest=digest,
                text=one.text,
                calls=float(one.calls),
                total_milliseconds=one.milliseconds,
                max_milliseconds=one.longest,
                rows=one.documents,
                errors=float(one.errors),
                database=one.database,
                user=one.user,
            )
            for digest, one in self._counted.items()
        )


def _said(entry: Document) -> Said:
    """What an entry ran: of a further batch the command that began it."""
    command = part(entry, "originatingCommand") if text(entry, "op") == "getmore" else {}
    return said(command or part(entry, "command"), text(entry, "ns"), text(entry, "op"))


def level_of(status: Document) -> int:
    """The level of profiling that the command `profile` tells: 0 off, 1 slow operations, 2 all."""
    return int(number(status, "was") or 0)


def switch_on(database: str) -> str:
    """The command that has a database write down its slow operations."""
    name = database.replace("\\", "\\\\").replace('"', '\\"')
    return f'db.getSiblingDB("{name}").setProfilingLevel(1, {{slowms: 100}})'
