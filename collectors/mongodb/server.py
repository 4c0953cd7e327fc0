"""What a MongoDB says of itself, and when its present life began. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from aishell_core.engines.mongodb_documents import Document, seconds_of
from aishell_core.values import Ability, Facts
from collectors.mongodb.figures import at, number, part, text

_SAME_LIFE_SECONDS = 5.0
"""The start that follows from clock and uptime wanders by as much as the answer takes, and when the clock is set."""

_EVERYTHING = (
    Ability.SESSIONS
    | Ability.LOCKS
    | Ability.WAITS
    | Ability.STATEMENTS
    | Ability.PROGRESS
    | Ability.RELATIONS
    | Ability.SETTINGS
    | Ability.REPLICATION
    | Ability.EXPLAIN
    | Ability.CANCEL
    | Ability.TERMINATE
    | Ability.RUN
)
_WITHOUT_OPERATIONS = Ability.RELATIONS | Ability.SETTINGS | Ability.EXPLAIN | Ability.RUN


@dataclass(frozen=True, slots=True)
class Life:
    """One life of a server process: its id, its uptime when it was last asked, and its start (epoch seconds)."""

    pid: object
    uptime_seconds: float
    started_at: float

    def goes_on(self, other: Life) -> bool:
        """Whether a later answer comes from the same life."""
        wandered = abs(other.started_at - self.started_at)
        return self.pid == other.pid and other.uptime_seconds >= self.uptime_seconds and wandered < _SAME_LIFE_SECONDS


def life_of(status: Document) -> Life | None:
    """The life that serverStatus tells of; None where it does not tell."""
    now, milliseconds = seconds_of(at(status, "localTime")), number(status, "uptimeMillis")
    seconds = milliseconds / 1000 if milliseconds is not None else number(status, "uptime")
    if now is None or seconds is None:
        return None
    return Life(at(status, "pid"), seconds, now - seconds)


def is_ferretdb(document: Document) -> bool:
    """Whether serverStatus or buildInfo is FerretDB's, which speaks the protocol and lists no operations."""
    return "ferretdbVersion" in document


def is_router(status: Document) -> bool:
    """Whether it is the router of a sharded cluster."""
    return text(status, "process").startswith("mongos") or text(status, "msg") == "isdbgrid"


def abilities_of(status: Document) -> Ability:
    """What this kind of server can be asked; everything as long as nothing is known."""
    return _WITHOUT_OPERATIONS if is_ferretdb(status) else _EVERYTHING


def facts_of(status: Document, hello: Document, started_at: float | None) -> Facts:
    """What a server says of itself, from serverStatus, or from its greeting where that is refused."""
    seen = part(status, "repl") or hello
    server = "FerretDB" if is_ferretdb(status) else text(status, "process")
    details = (
        ("server", server if server != "mongod" else ""),
        ("host", text(status, "host") or text(hello, "me")),
        ("replica set", text(seen, "setName")),
        ("primary", text(seen, "primary")),
        ("storage engine", text(status, "storageEngine", "name")),
    )
    return Facts("mongodb", text(status, "version"), role_of(status, hello), started_at, tuple(each for each in details if each[1]))


def role_of(status: Document, hello: Document) -> str:
    """Router, or primary, replica or arbiter of a set; who belongs to no set is a primary."""
    if is_router(status) or is_router(hello):
        return "router"
    seen = part(status, "repl") or hello
    if not text(seen, "setName"):
        return "primary"
    if at(seen, "isWritablePrimary") is True or at(seen, "ismaster") is True:
        return "primary"
    if at(seen, "secondary") is True:
        return "replica"
    return "arbiter" if at(seen, "arbiterOnly") is True else "recovering"
