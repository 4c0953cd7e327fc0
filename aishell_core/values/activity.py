"""What a server does now: its sessions, what they wait for, its statements, plans and long operations."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Session:
    """One client of a target; `id` and `started_at` together identify it for good.

    `kind` is the engine's word for what sort of process it is, "" for an ordinary client; `leader` is the id of the
    session that a parallel worker works for. `wait` is what it waits for and `wait_class` the class of that in the
    engine's words. `digest` is the digest of its statement, as in `Statement`. The four of the process are what it
    uses, known only where the server runs on this machine. `if_cancelled` and `if_terminated` say in words what that does
    where it is not what it mostly is: a statement that ends with an error, a connection that is closed.
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
    if_cancelled: str = ""
    if_terminated: str = ""


@dataclass(frozen=True, slots=True)
class LockWait:
    """One edge of the lock graph: `waiter` waits for `holder`; an empty waiter is a lock held with nobody behind.

    `mode` is what the waiter asks for, `held_mode` what the holder has ("" when it waits itself, ahead in the queue).
    `inferred` means that the engine does not tell the holder: it is who could be one, and an innocent one may be named.
    `candidates` are those who could be it where several could, the likeliest first; then the holder is "".
    """

    waiter: str
    holder: str
    object: str
    mode: str
    wait_seconds: float | None = None
    held_mode: str = ""
    inferred: bool = False
    candidates: tuple[str, ...] = ()


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
    `counted_since` is when the engine began to count this digest, or all of them where it tells no more (epoch seconds of its own
    clock), None where it tells neither.
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
    counted_since: float | None = None

    @property
    def hit_ratio(self) -> float | None:
        """The share of its blocks that were in the engine's cache; None when it touched none or that is not known."""
        if self.blocks_hit is None or self.blocks_read is None or self.blocks_hit + self.blocks_read <= 0:
            return None
        return self.blocks_hit / (self.blocks_hit + self.blocks_read)


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
class PlanNode:
    """One step of a statement's plan; `costly` marks the steps to look at first and `note` says why in words.

    `cost` is the step's with all below it, in the engine's unit; `share` the part of the whole that is its own, 0 to 1.
    `actual_*` are known only where the statement was run: rows of all loops, milliseconds with all steps below.
    `examined_rows` are those that the step is expected to look at in all its loops, where the engine tells them.
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
    examined_rows: float | None = None
