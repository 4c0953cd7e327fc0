"""The threads of a server as they come from `sessions` and `sessions_schema`: a typed row, made cheaply. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from aishell_core.engines.mysql import Row

_STATEMENTS = frozenset({"Query", "Execute", "Prepare", "Fetch", "Long Data", "Field List", "Bulk Execute"})
_SYSTEM_USER = "system user"
_PROGRAM_USERS = frozenset({_SYSTEM_USER, "event_scheduler"})
_BY_NAME: Mapping[str, str] = {
    "slave_io": "replication receiver",
    "slave_sql": "replication applier",
    "slave_worker": "replication worker",
    "replica_io": "replication receiver",
    "replica_sql": "replication applier",
    "replica_worker": "replication worker",
    "rpl_parallel_thread": "replication worker",
    "event_scheduler": "event scheduler",
}
"""Ends of the names of a server's own threads in performance_schema: `thread/sql/slave_sql`, since 8.0.26 `replica_sql`."""

_AT_REST = frozenset(
    {
        "Waiting for an event from Coordinator",
        "Waiting for work from SQL thread",
        "Slave has read all relay log; waiting for more updates",
        "Replica has read all relay log; waiting for more updates",
        "Slave has read all relay log; waiting for the slave I/O thread to update it",
        "Waiting for slave workers to process their queues",
        "Waiting for replica workers to process their queues",
    }
)
"""States of threads of replication that have nothing to do, though their command stays that of their last event."""

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
        if self.name:
            # First of all: performance_schema gives a replica's threads the user who typed START REPLICA.
            kind = _BY_NAME.get(self.name.rpartition("/")[2], "")
            if kind:
                return kind
        if self.user in _PROGRAM_USERS or not self.user:
            return "event scheduler" if self.user == "event_scheduler" else "background"
        return ""

    @property
    def account(self) -> str:
        """The user's name; that of the server's own threads where it is another's only because that one started them."""
        user = self.user or ""
        return _SYSTEM_USER if user not in {"", *_PROGRAM_USERS} and self.kind.startswith("replication") else user

    @property
    def runs(self) -> bool:
        """Whether it is in the midst of a statement."""
        return self.command in _STATEMENTS and self.state not in _AT_REST

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
