"""Everything that --json prints, as types; the docs page of the shapes is made from these, so it cannot differ.

Every number is in the unit that its name or its `unit` says; null is unknown, never zero. Keys are only ever added.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aishell_core.values import FailureCode


def doc(text: str) -> Mapping[str, str]:
    """The meaning of a key, for the docs."""
    return {"doc": text}


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """An error."""

    code: str = field(metadata=doc("usage, config, target, state, refused, or error for a fault of aishell"))
    message: str = field(metadata=doc("what is wrong; errors of configuration files begin with file:line:column"))
    hint: str = field(metadata=doc("what to do about it; may be empty"))


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """What a command prints on standard error under --json when it cannot do its work."""

    error: ErrorBody = field(metadata=doc("the error"))


@dataclass(frozen=True, slots=True)
class WarningBody:
    """A warning."""

    message: str = field(metadata=doc("what should be looked at; of a configuration file it begins with file:line:column"))
    hint: str = field(metadata=doc("what to do about it; may be empty"))


@dataclass(frozen=True, slots=True)
class WarningReport:
    """What a command prints on standard error under --json for each thing to look at: one object on one line."""

    warning: WarningBody = field(metadata=doc("the warning"))


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One figure."""

    value: float | None = field(metadata=doc("the value; of a counter its rate; null when unknown"))
    unit: str = field(metadata=doc("count, ratio (0 to 1), s, ms, bytes, 1/s, bytes/s or ms/s"))
    age_seconds: float | None = field(metadata=doc("how long ago it was read"))


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """How one target is."""

    name: str = field(metadata=doc("its configured name, or one made from its URL"))
    engine: str = field(metadata=doc("postgres, mysql, mongodb, redis, sqlite, oracle or host"))
    version: str | None = field(metadata=doc("the engine's version; null when it did not answer"))
    environment: str = field(metadata=doc("production, staging or development"))
    state: str = field(metadata=doc("ok, warning, critical or unknown"))
    reasons: tuple[str, ...] = field(metadata=doc("why it is not ok, in sentences, the worst first"))
    metrics: Mapping[str, MetricValue] = field(metadata=doc('by the metric\'s name, with labels as name{label="value"}'))
    server: str | None = field(metadata=doc("which of several servers in its URL answers; null where there is one alone"))


@dataclass(frozen=True, slots=True)
class StatusReport:
    """aishell status --json."""

    generated_at: str = field(metadata=doc("the moment of the report, UTC"))
    targets: tuple[TargetStatus, ...] = field(metadata=doc("the targets that were asked for, the worst first"))


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One figure against its thresholds."""

    metric: str = field(metadata=doc("the metric's name, with its labels"))
    state: str = field(metadata=doc("ok, warning, critical or unknown"))
    value: float | None = field(metadata=doc("the value; null when unknown"))
    unit: str = field(metadata=doc("the unit of value, warning and critical"))
    warning: float | None = field(metadata=doc("from here on it is a warning; null for never"))
    critical: float | None = field(metadata=doc("from here on it is critical; null for never"))
    falling: bool = field(metadata=doc("whether low values are the bad ones"))
    sustained_seconds: float = field(metadata=doc("for how long a limit must have been passed before it counts; 0 for at once"))
    passed_now: str = field(metadata=doc("what the value alone would be: ok, warning or critical; unknown without one"))


@dataclass(frozen=True, slots=True)
class FailureRow:
    """Something that could not be read."""

    part: str = field(metadata=doc("target for all of it, else the part: sessions, statements ..."))
    code: str = field(metadata=doc(", ".join(FailureCode)))
    message: str = field(metadata=doc("why, in words"))
    hint: str = field(metadata=doc("what to do about it; may be empty"))


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """The checks of one target."""

    name: str = field(metadata=doc("the target's name"))
    engine: str = field(metadata=doc("its engine"))
    state: str = field(metadata=doc("ok, warning, critical or unknown"))
    reasons: tuple[str, ...] = field(metadata=doc("why it is not ok, the worst first"))
    checks: tuple[CheckResult, ...] = field(metadata=doc("every figure that has a threshold, the worst first"))
    failures: tuple[FailureRow, ...] = field(metadata=doc("what could not be read"))
    integrity: str | None = field(metadata=doc("with --integrity: ok, damaged or unknown, as it could not be checked; null without"))


@dataclass(frozen=True, slots=True)
class HealthReport:
    """aishell health-check --json."""

    generated_at: str = field(metadata=doc("the moment of the report, UTC"))
    state: str = field(metadata=doc("the worst state of all targets"))
    targets: tuple[TargetHealth, ...] = field(metadata=doc("the targets that were asked for, the worst first"))


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One statement digest, over the time that the engine (or its log) has counted."""

    digest: str = field(metadata=doc("identifies the statement without its values"))
    text: str = field(metadata=doc("the statement"))
    calls: float = field(metadata=doc("how often it ran; of a sampled statement, how often that was seen, which is the least"))
    total_milliseconds: float = field(metadata=doc("time of all calls"))
    mean_milliseconds: float | None = field(metadata=doc("time of one call on average; null for a sampled statement"))
    max_milliseconds: float | None = field(metadata=doc("time of the slowest call"))
    p95_milliseconds: float | None = field(metadata=doc("95 of 100 calls were at least this fast"))
    share: float | None = field(metadata=doc("its share of the time of all statements, 0 to 1"))
    rows: float | None = field(metadata=doc("rows that it returned or changed"))
    errors: float | None = field(metadata=doc("calls that failed"))
    sampled: bool = field(metadata=doc("whether the figures come from looking once per second, as the engine does not count"))


@dataclass(frozen=True, slots=True)
class TargetStatements:
    """The slow statements of one target."""

    name: str = field(metadata=doc("the target's name"))
    engine: str = field(metadata=doc("its engine"))
    state: str = field(metadata=doc("ok, warning, critical or unknown"))
    statements: tuple[StatementRow, ...] | None = field(metadata=doc("null when they could not be read"))
    failures: tuple[FailureRow, ...] = field(metadata=doc("what could not be read, and why"))


@dataclass(frozen=True, slots=True)
class StatementsReport:
    """aishell slow-queries --json."""

    generated_at: str = field(metadata=doc("the moment of the report, UTC"))
    targets: tuple[TargetStatements, ...] = field(metadata=doc("the targets that were asked for"))


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One client."""

    id: str = field(metadata=doc("identifies it on the server"))
    user: str = field(metadata=doc("its user; may be empty"))
    client: str = field(metadata=doc("where it comes from; may be empty"))
    application: str = field(metadata=doc("what it calls itself; may be empty"))
    database: str = field(metadata=doc("its database; may be empty"))
    state: str = field(metadata=doc("what it does, in the engine's words"))
    wait: str = field(metadata=doc("what it waits for; empty when for nothing"))
    statement_seconds: float | None = field(metadata=doc("how long its statement has run"))
    transaction_seconds: float | None = field(metadata=doc("how long its transaction has been open"))
    text: str = field(metadata=doc("its statement; may be empty"))
    started_at: str | None = field(metadata=doc("when it connected, UTC"))
    kind: str = field(metadata=doc("the engine's word for what sort of process it is; empty for an ordinary client"))
    leader: str = field(metadata=doc("the id of the session that a parallel worker works for; else empty"))
    wait_class: str = field(metadata=doc("the class of what it waits for, in the engine's words; may be empty"))
    state_seconds: float | None = field(metadata=doc("how long it has been in its state"))
    digest: str = field(metadata=doc("identifies its statement without its values, as in slow-queries; may be empty"))
    cpu_ratio: float | None = field(metadata=doc("share of one core that its process uses; null where that is not known"))
    memory_bytes: float | None = field(metadata=doc("memory of its process, without what it shares"))
    read_bytes_per_second: float | None = field(metadata=doc("what its process reads from disks"))
    write_bytes_per_second: float | None = field(metadata=doc("what its process writes to disks"))


@dataclass(frozen=True, slots=True)
class LockWaitRow:
    """One session that waits for another."""

    waiter: str = field(metadata=doc("the id of the session that waits; empty when nobody waits for this lock"))
    holder: str = field(metadata=doc("the id of the session that holds the lock"))
    object: str = field(metadata=doc("what is locked"))
    mode: str = field(metadata=doc("how the waiting session wants it, in the engine's words"))
    wait_seconds: float | None = field(metadata=doc("how long it has waited"))
    held_mode: str = field(metadata=doc("how the holder has it; empty when it waits itself, ahead in the queue, or that is not known"))
    inferred: bool = field(metadata=doc("whether the engine does not tell the holder: it is who could be one"))
    candidates: tuple[str, ...] = field(metadata=doc("who could be the holder where several could and none is named, the likeliest first"))


@dataclass(frozen=True, slots=True)
class TargetSessions:
    """The sessions of one target."""

    name: str = field(metadata=doc("the target's name"))
    engine: str = field(metadata=doc("its engine"))
    state: str = field(metadata=doc("ok, warning, critical or unknown"))
    sessions: tuple[SessionRow, ...] | None = field(metadata=doc("null when they could not be read"))
    lock_waits: tuple[LockWaitRow, ...] | None = field(metadata=doc("null when they could not be read"))
    failures: tuple[FailureRow, ...] = field(metadata=doc("what could not be read, and why"))


@dataclass(frozen=True, slots=True)
class SessionsReport:
    """aishell sessions --json."""

    generated_at: str = field(metadata=doc("the moment of the report, UTC"))
    targets: tuple[TargetSessions, ...] = field(metadata=doc("the targets that were asked for"))


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """One configured target."""

    name: str = field(metadata=doc("its name"))
    engine: str = field(metadata=doc("its engine"))
    url: str = field(metadata=doc("its URL without the password"))
    environment: str = field(metadata=doc("production, staging or development"))
    tags: tuple[str, ...] = field(metadata=doc("its tags"))
    origin: str = field(metadata=doc("the file and line that configure it"))
    state: str | None = field(metadata=doc("with --health: ok, warning, critical or unknown; else null"))
    version: str | None = field(metadata=doc("with --health: the engine's version; else null"))
    reasons: tuple[str, ...] = field(metadata=doc("with --health: why it is not ok"))


@dataclass(frozen=True, slots=True)
class ConnectionsReport:
    """aishell connections --json."""

    connections: tuple[ConnectionRow, ...] = field(metadata=doc("the configured targets, in the order of the files"))


@dataclass(frozen=True, slots=True)
class TargetMetrics:
    """All figures of one target."""

    name: str = field(metadata=doc("the target's name"))
    engine: str = field(metadata=doc("its engine"))
    state: str = field(metadata=doc("ok, warning, critical or unknown"))
    metrics: Mapping[str, MetricValue] = field(metadata=doc('by the metric\'s name, with labels as name{label="value"}'))
    failures: tuple[FailureRow, ...] = field(metadata=doc("what could not be read, and why"))


@dataclass(frozen=True, slots=True)
class MetricsReport:
    """aishell metrics --json."""

    generated_at: str = field(metadata=doc("the moment of the report, UTC"))
    targets: tuple[TargetMetrics, ...] = field(metadata=doc("the targets that were asked for"))


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """The default thresholds of one engine for which a metric means another thing."""

    engine: str = field(metadata=doc("the engine"))
    warning: float | None = field(metadata=doc("its default threshold; null for none"))
    critical: float | None = field(metadata=doc("its default threshold; null for none"))
    falling: bool = field(metadata=doc("whether low values are the bad ones"))


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """One metric of the catalogue."""

    name: str = field(metadata=doc("its name"))
    unit: str = field(metadata=doc("its unit"))
    kind: str = field(metadata=doc("gauge, counter (shown as a rate) or ratio"))
    help: str = field(metadata=doc("what it says"))
    engines: tuple[str, ...] = field(metadata=doc("the engines that have it"))
    warning: float | None = field(metadata=doc("default threshold; null for none"))
    critical: float | None = field(metadata=doc("default threshold; null for none"))
    falling: bool = field(metadata=doc("whether low values are the bad ones"))
    by_engine: tuple[EngineLimits, ...] = field(default=(), metadata=doc("the engines that have thresholds of their own"))


@dataclass(frozen=True, slots=True)
class CatalogueReport:
    """aishell metrics --catalogue --json."""

    metrics: tuple[CatalogueRow, ...] = field(metadata=doc("every metric that aishell knows"))


@dataclass(frozen=True, slots=True)
class RiskBody:
    """How much harm a command can do."""

    level: str = field(metadata=doc("none, low, medium, high or critical"))
    actions: tuple[str, ...] = field(
        metadata=doc("the action classes that a role needs for it: read, cancel, write, terminate, schema, admin")
    )
    reasons: tuple[str, ...] = field(metadata=doc("why, in words"))


@dataclass(frozen=True, slots=True)
class QueryReport:
    """aishell query --json."""

    target: str = field(metadata=doc("the target's name"))
    database: str = field(metadata=doc("the database, or schema, that it runs in; may be empty"))
    risk: RiskBody = field(metadata=doc("how much harm the command can do"))
    allowed: bool = field(metadata=doc("whether a role and the protections allow it"))
    ran: bool = field(metadata=doc("whether it was run; false with --dry-run"))
    columns: tuple[str, ...] = field(metadata=doc("the names of the columns"))
    rows: tuple[tuple[object, ...], ...] = field(
        metadata=doc("the rows; bytes as \\x and hexadecimal digits, dates and exact decimals as text")
    )
    affected: int | None = field(metadata=doc("how many rows it changed; null where the engine does not say"))
    milliseconds: float | None = field(metadata=doc("how long it took; null when it was not run"))
    cut: str = field(metadata=doc("the limit that ended the rows early: rows or bytes; empty when all are there"))
    note: str = field(metadata=doc("what the server said beside; may be empty"))


@dataclass(frozen=True, slots=True)
class QueryErrorReport:
    """aishell query --json on standard error, where the command was judged and then refused, or failed."""

    error: ErrorBody = field(metadata=doc("the error"))
    target: str = field(metadata=doc("the target's name"))
    database: str = field(metadata=doc("the database, or schema, that it would run in; may be empty"))
    risk: RiskBody = field(metadata=doc("how much harm the command can do"))
    allowed: bool = field(metadata=doc("whether a role and the protections allow it"))


@dataclass(frozen=True, slots=True)
class SessionActRow:
    """One session that was to be cancelled or ended."""

    id: str = field(metadata=doc("identifies it on the server"))
    user: str = field(metadata=doc("its user; may be empty"))
    application: str = field(metadata=doc("what it calls itself; may be empty"))
    started_at: str | None = field(metadata=doc("when it connected, UTC; with the id it names the session for good"))
    text: str = field(metadata=doc("its statement when it was looked at; may be empty"))
    age_seconds: float | None = field(metadata=doc("how long it had been at it"))
    waiting_behind: int = field(metadata=doc("how many sessions wait for it, directly or behind others"))
    effect: str = field(metadata=doc("what happens to it, in words"))
    done: bool = field(metadata=doc("whether it was done; false with --dry-run"))
    reason: str = field(metadata=doc("why not: gone, privilege, timeout and the like; else empty"))
    message: str = field(metadata=doc("why not, in words; else empty"))
    hint: str = field(metadata=doc("what to do about it; may be empty"))


@dataclass(frozen=True, slots=True)
class SessionActReport:
    """aishell sessions cancel --json and aishell sessions terminate --json."""

    target: str = field(metadata=doc("the target's name"))
    act: str = field(metadata=doc("cancel or terminate"))
    allowed: bool = field(metadata=doc("whether a role and the protections allow it"))
    confirmation: str = field(metadata=doc("what had to be answered before: none, yes or typed_name"))
    sessions: tuple[SessionActRow, ...] = field(metadata=doc("the sessions, in the order in which they were given"))
