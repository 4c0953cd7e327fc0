"""The frozen values that cross a room's border."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Flag, StrEnum, auto
from typing import NewType

TargetId = NewType("TargetId", str)
"""The configured name of a target, unique in one configuration."""

Labels = tuple[tuple[str, str], ...]
"""Sorted name and value pairs that tell apart the instances of one metric."""

NO_LABELS: Labels = ()


class Severity(StrEnum):
    """How bad something is; the value is also the word shown to people and scripts."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """The place in the order of badness, 0 for ok up to 3 for critical."""
        return _RANKS[self]


_RANKS = {Severity.OK: 0, Severity.UNKNOWN: 1, Severity.WARNING: 2, Severity.CRITICAL: 3}


def worst(severities: list[Severity]) -> Severity:
    """The worst of the given severities; ok when there are none."""
    return max(severities, key=lambda severity: severity.rank, default=Severity.OK)


class Unit(StrEnum):
    """What a metric's value counts; the value is the unit's printed name."""

    COUNT = "count"
    RATIO = "ratio"
    SECONDS = "s"
    MILLISECONDS = "ms"
    BYTES = "bytes"
    PER_SECOND = "1/s"
    BYTES_PER_SECOND = "bytes/s"
    MILLISECONDS_PER_SECOND = "ms/s"


class Kind(StrEnum):
    """How a metric's raw value behaves over time."""

    GAUGE = "gauge"
    COUNTER = "counter"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where a value starts to be a warning and critical; `falling` means that low values are the bad ones.

    A limit counts as passed when all values of the last `sustained_seconds` are beyond it, so that a short peak is none.
    """

    warning: float | None = None
    critical: float | None = None
    falling: bool = False
    sustained_seconds: float = 0.0

    def judge(self, value: float) -> Severity:
        """The severity of a value, in the metric's own unit."""
        for severity, limit in ((Severity.CRITICAL, self.critical), (Severity.WARNING, self.warning)):
            if limit is not None and (value <= limit if self.falling else value >= limit):
                return severity
        return Severity.OK


@dataclass(frozen=True, slots=True)
class Metric:
    """One measurable figure, declared once in the catalogue.

    A counter is sampled raw and kept raw; what is shown, alerted on and exported is its rate,
    so its name ends in `.rate` and its unit is the unit of the rate.
    """

    name: str
    unit: Unit
    kind: Kind
    help: str
    engines: tuple[str, ...]
    thresholds: Thresholds = Thresholds()

    def __hash__(self) -> int:
        return hash(self.name)


@dataclass(frozen=True, slots=True)
class Sample:
    """One raw value of one instance of a metric; NaN is never sampled, an unknown value is left out."""

    metric: Metric
    value: float
    labels: Labels = NO_LABELS


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


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that could not be read: which part ("target" for all of it), why in words, and what to do."""

    part: str
    code: FailureCode
    message: str
    hint: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What a target says of itself; `started_at` (epoch seconds) changes with each restart."""

    engine: str
    version: str = ""
    role: str = ""
    started_at: float | None = None
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """One client of a target; `id` and `started_at` together identify it for good.

    `kind` is the engine's word for what sort of process it is, "" for an ordinary client; `leader` is the id of the
    session that a parallel worker works for. `wait` is what it waits for and `wait_class` the class of that in the
    engine's words. `digest` is the digest of its statement, as in `Statement`. The last four are what the process
    uses, known only where the server runs on this machine.
    """

    id: str
    user: str = ""
    client: str = ""
    application: str = ""
    database: str = ""
    state: str = ""
    wait: str = ""
    started_at: float | None = None
    statement_seconds: float | None = None
    transaction_seconds: float | None = None
    text: str = ""
    details: tuple[tuple[str, str], ...] = ()
    kind: str = ""
    leader: str = ""
    wait_class: str = ""
    state_seconds: float | None = None
    digest: str = ""
    cpu_ratio: float | None = None
    memory_bytes: float | None = None
    read_bytes_per_second: float | None = None
    write_bytes_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class LockWait:
    """One edge of the lock graph: `waiter` waits for `holder`; an empty waiter is a lock held with nobody behind.

    `mode` is what the waiter asks for, `held_mode` what the holder has ("" when it waits itself, ahead in the queue).
    """

    waiter: str
    holder: str
    object: str
    mode: str
    wait_seconds: float | None = None
    held_mode: str = ""


@dataclass(frozen=True, slots=True)
class WaitCount:
    """How many active sessions of one sort were seen at one moment: what they waited for, who they were, what they ran.

    `wait_class` and `wait` are the engine's words; sessions that wait for nothing the engine knows of are on the CPU
    or ready for it and have the class "CPU" and an empty `wait`.
    """

    wait_class: str
    wait: str
    count: int
    user: str = ""
    application: str = ""
    database: str = ""
    digest: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """Cumulative figures of one statement digest since the engine (or its log) began to count.

    Durations are in milliseconds; None is unknown, never zero. `sampled` figures are estimates made by looking at what
    runs. `histogram` holds the calls up to each bucket of
    `engines.histogram`, cumulative as the other figures; it is empty where the engine does not count by duration.
    """

    digest: str
    text: str
    calls: float
    total_milliseconds: float
    max_milliseconds: float | None = None
    p95_milliseconds: float | None = None
    rows: float | None = None
    errors: float | None = None
    temp_bytes: float | None = None
    database: str = ""
    user: str = ""
    sampled: bool = False
    histogram: tuple[int, ...] = ()
    blocks_hit: float | None = None
    blocks_read: float | None = None
    wal_bytes: float | None = None
    io_milliseconds: float | None = None

    @property
    def hit_ratio(self) -> float | None:
        """The share of its blocks that were in the engine's cache; None when it touched none or that is not known."""
        if self.blocks_hit is None or self.blocks_read is None or self.blocks_hit + self.blocks_read <= 0:
            return None
        return self.blocks_hit / (self.blocks_hit + self.blocks_read)


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or an index with its size; None is unknown.

    `size_bytes` of a table leaves its indexes out (`index_bytes`). `scans` are full reads of a table or uses of an
    index, `index_scans` the reads of a table by index, both since the engine began to count. `free_bytes` is what is
    known to hold nothing, `bloat_bytes` an estimate of what a rewrite would give back. `remarks` are findings in
    words: unused, duplicate of another, invalid.
    """

    name: str
    kind: str
    table: str = ""
    size_bytes: float | None = None
    rows: float | None = None
    free_bytes: float | None = None
    details: tuple[tuple[str, str], ...] = ()
    schema: str = ""
    index_bytes: float | None = None
    dead_rows: float | None = None
    scans: float | None = None
    index_scans: float | None = None
    bloat_bytes: float | None = None
    last_vacuum_at: float | None = None
    last_analyze_at: float | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """One server setting as it is in force; `pending_restart` when another value waits for a restart."""

    name: str
    value: str
    unit: str = ""
    source: str = ""
    pending_restart: bool = False


@dataclass(frozen=True, slots=True)
class ReplicationPeer:
    """The other end of a replication link with its lag.

    `role` is what it is to this server: standby, upstream, slot, publication or subscription. `lag_*` tell how far
    what it has applied is behind; `sent_lag_bytes`, `write_lag_seconds`, `flush_lag_seconds` are the stages before.
    A slot has `retained_bytes` (log kept for it), `safe_bytes` (what may still be written before it is lost),
    `wal_status` and `active`.
    """

    name: str
    role: str
    state: str
    lag_seconds: float | None = None
    lag_bytes: float | None = None
    client: str = ""
    sync: str = ""
    sent_lag_bytes: float | None = None
    write_lag_seconds: float | None = None
    flush_lag_seconds: float | None = None
    retained_bytes: float | None = None
    safe_bytes: float | None = None
    wal_status: str = ""
    active: bool | None = None
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """A long operation inside the server: `done` of `total` in `unit` (blocks, bytes, rows ...) within its phase."""

    session: str
    operation: str
    phase: str
    done: float | None = None
    total: float | None = None
    object: str = ""
    database: str = ""
    unit: str = ""
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class HorizonHolder:
    """Something that keeps old row versions from being removed: a session, slot, prepared transaction or standby.

    `transactions` is how many transactions the horizon is behind because of it.
    """

    kind: str
    name: str
    transactions: float
    seconds: float | None = None
    text: str = ""
    database: str = ""


@dataclass(frozen=True, slots=True)
class Pool:
    """One pool of a connection pooler: clients on one side, server connections on the other."""

    database: str
    user: str
    mode: str
    clients_active: float
    clients_waiting: float
    servers_active: float
    servers_idle: float
    servers_used: float = 0.0
    max_wait_seconds: float | None = None
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


class EventKind(StrEnum):
    """What sort of thing happened."""

    STATE = "state"
    RESTART = "restart"
    SETTING = "setting"
    SCHEMA = "schema"
    CHECKPOINT = "checkpoint"
    ACTION = "action"
    AISHELL = "aishell"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a target (or to aishell itself, with an empty target) at a moment in epoch seconds."""

    at: float
    target: TargetId
    kind: EventKind
    severity: Severity
    text: str


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One step of a statement's plan; `costly` marks the steps to look at first and `note` says why in words.

    `cost` is the step's with all below it, in the engine's unit; `share` the part of the whole that is its own, 0 to 1.
    `actual_*` are known only where the statement was run: rows of all loops, milliseconds with all steps below.
    """

    text: str
    costly: bool = False
    note: str = ""
    cost: float | None = None
    rows: float | None = None
    children: tuple[PlanNode, ...] = ()
    share: float | None = None
    actual_rows: float | None = None
    actual_milliseconds: float | None = None
    loops: float | None = None
