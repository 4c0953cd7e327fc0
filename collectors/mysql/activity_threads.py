"""The threads of a server as they come from `sessions` and `sessions_schema`: a typed row, made cheaply. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from aishell_core.engines.mysql import Row

_STATEMENTS = frozenset({"Query", "Execute", "Prepare", "Fetch", "Long Data", "Field List", "Bulk Execute"})
_PROGRAM_USERS = frozenset({"system user", "event_scheduler"})
_BY_NAME: tuple[tuple[str, str], ...] = (
    ("_io", "replication receiver"),
    ("_sql", "replication applier"),
    ("_worker", "replication worker"),
    ("event_scheduler", "event scheduler"),
)
"""Ends of the names of a server's own threads in performance_schema: `thread/sql/slave_sql`, since 8.0.26 `replica_sql`."""

_BACKGROUND: tuple[tuple[str, str], ...] = (
    ("Binlog Dump", "binlog sender"),
    ("Slave_IO", "replication receiver"),
    ("Slave_SQL", "replication applier"),
    ("Slave_worker", "replication worker"),
    ("Daemon", "daemon"),
    ("Delayed insert", "delayed insert"),
)


class Thread(NamedTuple):
    """One thread of a server; the columns of `sessions_schema` in its order, of which `sessions` has the first ones.

    `seconds` is how long it has been in its command; `statement` tells one of its statements from the next. A text is None
    where it was sent before. `thread` is its number in performance_schema, `ran_seconds` what its last statement took.
    """

    id: int
    os_thread: int | None
    user: str | None
    host: str | None
    db: str | None
    command: str | None
    state: str | None
    seconds: float | None
    statement: int | None
    text: str | None
    rows_examined: int | None
    memory_bytes: float | None
    thread: int | None = None
    digest: str | None = None
    ran_seconds: float | None = None
    ended: int = 0
    transaction_seconds: float | None = None
    name: str | None = None

    @property
    def kind(self) -> str:
        """What sort of thread it is in words, "" for a client's."""
        command = self.command or ""
        for beginning, kind in _BACKGROUND:
            if command.startswith(beginning):
                return kind
        if self.user in _PROGRAM_USERS or not self.user:
            for ending, kind in _BY_NAME:
                if self.name and self.name.endswith(ending):
                    return kind
            return "event scheduler" if self.user == "event_scheduler" else "background"
        return ""

    @property
    def runs(self) -> bool:
        """Whether it is in the midst of a statement."""
        return self.command in _STATEMENTS

    @property
    def sleeps(self) -> bool:
        """Whether it waits for its client."""
        return self.command == "Sleep"

    @property
    def client(self) -> str:
        """The host without its port, `local` for a client on a socket."""
        host = self.host or ""
        name, colon, port = host.rpartition(":")
        bare = name if colon and port.isdecimal() else host
        return "local" if bare == "localhost" and not colon else bare


def threads_of(rows: Iterable[Row]) -> tuple[Thread, ...]:
    """The threads from rows of `sessions_schema` or of `sessions`, which has the first of the columns."""
    return tuple(Thread(*row.values()) for row in rows)
