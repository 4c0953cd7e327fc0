"""What one collection brings, what a collector can deliver, and what happened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Flag, StrEnum, auto

from aishell_core.values.activity import HorizonHolder, LockWait, Pool, Progress, Session, Statement, WaitCount
from aishell_core.values.metrics import Sample, Severity, TargetId
from aishell_core.values.storage import Relation, ReplicationPeer, Setting


class Tier(StrEnum):
    """How often a kind of reading is taken."""

    HOT = "hot"
    WARM = "warm"
    COLD = "cold"


class Part(StrEnum):
    """A part of a reading that a pane shows; its cost is paid only while somebody wants it."""

    SESSIONS = "sessions"
    LOCKS = "locks"
    STATEMENTS = "statements"
    RELATIONS = "relations"
    SETTINGS = "settings"
    REPLICATION = "replication"
    PROGRESS = "progress"
    HORIZON = "horizon"
    POOLS = "pools"


class Ability(Flag):
    """What a collector can deliver; panes and commands ask for these, never for an engine's name."""

    NONE = 0
    SESSIONS = auto()
    LOCKS = auto()
    STATEMENTS = auto()
    RELATIONS = auto()
    SETTINGS = auto()
    REPLICATION = auto()
    PROGRESS = auto()
    EXPLAIN = auto()
    INTEGRITY = auto()
    WAITS = auto()
    HORIZON = auto()
    POOLS = auto()
    ANALYZE = auto()
    CANCEL = auto()
    TERMINATE = auto()
    RUN = auto()


class FailureCode(StrEnum):
    """Why something could not be read."""

    TIMEOUT = "timeout"
    REFUSED = "refused"
    AUTHENTICATION = "authentication"
    PRIVILEGE = "privilege"
    MISSING = "missing"
    LOCKED = "locked"
    ENCRYPTED = "encrypted"
    NOT_A_DATABASE = "not_a_database"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    EMPTY = "empty"
    UNSUPPORTED = "unsupported"
    INTERNAL = "internal"
    GONE = "gone"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that could not be read: which part ("target" for all of it), why in words, and what to do.

    `essential` says that figures by which a target is judged are unknown while it lasts.
    """

    part: str
    code: FailureCode
    message: str
    hint: str = ""
    at: float = 0.0
    essential: bool = False


def newly_refused(before: Iterable[Failure], now: Iterable[Failure]) -> tuple[Failure, ...]:
    """The refusals for want of a privilege that an earlier reading of the same tier was not met with."""
    known = {(failure.part, failure.message) for failure in before}
    return tuple(failure for failure in now if failure.code is FailureCode.PRIVILEGE and (failure.part, failure.message) not in known)


def essential(failures: Iterable[Failure]) -> tuple[Failure, ...]:
    """The failures as ones that leave unknown how well their target is."""
    return tuple(replace(failure, essential=True) for failure in failures)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a target says of itself; `started_at` (epoch seconds) changes with each restart."""

    engine: str
    version: str = ""
    role: str = ""
    started_at: float | None = None
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Cost:
    """What taking a reading cost the server, as far as the client can tell."""

    queries: int = 0
    seconds: float = 0.0
    bytes: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.queries + other.queries, self.seconds + other.seconds, self.bytes + other.bytes)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one collection of one tier brought; a part that was not collected is None, one that failed has a Failure."""

    target: TargetId
    tier: Tier
    at: float
    samples: tuple[Sample, ...] = ()
    facts: Facts | None = None
    sessions: tuple[Session, ...] | None = None
    lock_waits: tuple[LockWait, ...] | None = None
    statements: tuple[Statement, ...] | None = None
    relations: tuple[Relation, ...] | None = None
    settings: tuple[Setting, ...] | None = None
    replication: tuple[ReplicationPeer, ...] | None = None
    progress: tuple[Progress, ...] | None = None
    waits: tuple[WaitCount, ...] | None = None
    horizon: tuple[HorizonHolder, ...] | None = None
    pools: tuple[Pool, ...] | None = None
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)
    earlier: tuple[tuple[Part, float], ...] = ()
    """Parts that are handed over once more as they were read before, with the moment of that in epoch seconds."""


class EventKind(StrEnum):
    """What sort of thing happened."""

    STATE = "state"
    RESTART = "restart"
    SETTING = "setting"
    SCHEMA = "schema"
    CHECKPOINT = "checkpoint"
    REPLICATION = "replication"
    DEADLOCK = "deadlock"
    ACTION = "action"
    ALERT = "alert"
    BACKUP = "backup"
    AISHELL = "aishell"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a target (or to aishell itself, with an empty target) at a moment in epoch seconds."""

    at: float
    target: TargetId
    kind: EventKind
    severity: Severity
    text: str
