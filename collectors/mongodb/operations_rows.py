"""What $currentOp tells: operations and idle connections as sessions, their waits, and figures of them. Pure.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/currentOp/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aishell_core import catalogue
from aishell_core.engines.mongodb import APPLICATION
from aishell_core.engines.mongodb_documents import Document
from aishell_core.engines.mongodb_identity import client_of, drop_index, is_index_build, session_id, started_at
from aishell_core.values import Metric, Progress, Sample, Session, WaitCount
from collectors.mongodb.commands import KnownCommands, Said
from collectors.mongodb.figures import at, number, part, samples_of, text

CPU = "CPU"
ACTIVE, IDLE, IDLE_IN_TRANSACTION = "active", "idle", "idle in transaction"
_STATES = (ACTIVE, IDLE, IDLE_IN_TRANSACTION)
_LEVELS = ("Collection", "Database", "Global", "ReplicationStateTransition", "Mutex", "Metadata", "DDLCollection", "DDLDatabase")
"""Resources that are locked, the narrowest first."""

LEFT_OUT = (
    *(
        "host",
        "threaded",
        "flowControlStats",
        "dataThroughputLastSecond",
        "dataThroughputAverage",
        "prepareReadConflicts",
        "writeConflicts",
    ),
    *("clientMetadata.os", "clientMetadata.platform", "clientMetadata.env", "clientMetadata.mongos", "queues", "redacted", "lsid.uid"),
    *("transaction.parameters", "transaction.readTimestamp", "transaction.expiryTime", "queryShapeHash", "queryFramework"),
    *("command.lsid", "command.$clusterTime", "command.signature", "admissionPriority", "cpuNanos", "planSummaryStats"),
)
"""Fields that are not shown and need not be sent."""

_RESTING = frozenset({"hello", "isMaster", "ismaster"})
"""Commands that wait for the server to change, as drivers let them do all the time."""

_NOTHING = Said("", "", "")


@dataclass(frozen=True, slots=True)
class Operation:
    """One document of $currentOp, understood: `killable` is what killOp takes, None where nothing runs."""

    document: Document
    id: str
    said: Said
    state: str
    kind: str
    wait_class: str
    wait: str
    started_at: float | None
    statement_seconds: float | None
    transaction_seconds: float | None
    idle_seconds: float | None
    own: bool

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from every other session of the same life of the server."""
        return (self.id, client_of(self.document), self.user)

    @property
    def rests(self) -> bool:
        """Whether it is a connection that does nothing, so that nothing about it changes."""
        return self.state == IDLE and self.transaction_seconds is None

    @property
    def namespace(self) -> str:
        """Database and collection."""
        return text(self.document, "ns")

    @property
    def user(self) -> str:
        """Who is logged in on its connection."""
        users = at(self.document, "effectiveUsers") or at(self.document, "runBy")
        first_user = users[0] if isinstance(users, list) and users else {}
        return text(first_user, "user") if isinstance(first_user, Mapping) else ""

    @property
    def application(self) -> str:
        """The name that the client gave itself."""
        return text(self.document, "appName") or text(self.document, "clientMetadata", "application", "name")


def operations_of(documents: Iterable[Document], commands: KnownCommands) -> tuple[Operation, ...]:
    """All operations, idle connections and idle transactions of one moment."""
    return tuple(_operation(document, commands) for document in documents)


def _operation(document: Document, commands: KnownCommands) -> Operation:
    active = at(document, "active") is True
    transaction = part(document, "transaction")
    opened = number(transaction, "timeOpenMicros")
    open_seconds = opened / 1e6 if opened is not None and transaction else None
    state = ACTIVE if active else IDLE_IN_TRANSACTION if transaction else IDLE
    running = number(document, "microsecs_running")
    statement = running / 1e6 if active and running is not None else None
    # A further batch is shown as the command that began it.
    command = part(document, "cursor", "originatingCommand") or part(document, "command")
    resting = active and next(iter(command), "") in _RESTING
    if resting:
        state, statement = IDLE, None
    wait_class, wait = _wait(document, active=active)
    name = session_id(document)
    said = commands.of((name, text(document, "ns")), command, text(document, "ns"), text(document, "op")) if active else _NOTHING
    return Operation(
        document,
        name,
        said,
        state,
        _kind(document),
        wait_class,
        wait,
        started_at(document),
        statement,
        open_seconds,
        _inactive(transaction) if state == IDLE_IN_TRANSACTION else None,
        _is_own(document),
    )


def _inactive(transaction: Document) -> float | None:
    micros = number(transaction, "timeInactiveMicros")
    return micros / 1e6 if micros is not None else None


def _kind(document: Document) -> str:
    """The server's name for a thread of its own, "" for a client's operation."""
    if client_of(document) or at(document, "clientMetadata") is not None:
        return ""
    return text(document, "desc").rstrip("0123456789-") or "background"


def _is_own(document: Document) -> bool:
    return (text(document, "appName") or text(document, "clientMetadata", "application", "name")) == APPLICATION


def _wait(document: Document, *, active: bool) -> tuple[str, str]:
    """The class of what an operation waits for, and its name; both empty where it waits for nothing that the server tells."""
    if not active:
        return "", ""
    if at(document, "waitingForLock") is True:
        return "Lock", awaited_level(document)
    if at(document, "waitingForFlowControl") is True:
        return "Flow control", "replication lag"
    latch = at(document, "waitingForLatch")
    if latch:
        return "Latch", text(document, "waitingForLatch", "captureName")
    queue = part(document, "currentQueue")
    if queue:
        return "Queue", text(queue, "name")
    return "", ""


def awaited_level(document: Document) -> str:
    """The narrowest resource for whose lock an operation has waited, such as Collection."""
    statistics = part(document, "lockStats")
    waited = [level for level in _LEVELS if part(statistics, level, "acquireWaitCount") or part(statistics, level, "timeAcquiringMicros")]
    held = [level for level in _LEVELS if text(document, "locks", level)]
    return next(iter(waited or held), "")


def waited_seconds(document: Document) -> float | None:
    """How long an operation has waited for locks altogether; None where the server does not tell."""
    statistics = part(document, "lockStats")
    found = [
        micros
        for level in statistics
        for mode in part(statistics, level, "timeAcquiringMicros")
        if (micros := number(statistics, level, "timeAcquiringMicros", mode)) is not None
    ]
    return sum(found) / 1e6 if found else None


def session_of(operation: Operation, since: float | None) -> Session:
    """An operation as a session; `since` is the start that was told of it first, so that it never wanders."""
    document = operation.document
    return Session(
        id=operation.id,
        user=operation.user,
        client=client_of(document),
        application=operation.application,
        database=operation.namespace.partition(".")[0],
        state=operation.state,
        wait=operation.wait,
        started_at=since,
        statement_seconds=operation.statement_seconds,
        transaction_seconds=operation.transaction_seconds,
        text=operation.said.text,
        details=tuple((name, value) for name, value in _details(document) if value),
        kind=operation.kind,
        wait_class=operation.wait_class,
        state_seconds=operation.idle_seconds,
        digest=operation.said.digest,
        if_cancelled=_if_cancelled(operation),
        if_terminated=_if_terminated(operation),
    )


def _if_cancelled(operation: Operation) -> str:
    """What killOp would do: it interrupts an operation, and with it the transaction that the operation belongs to."""
    document = operation.document
    if is_index_build(document):
        return f"nothing: an index build is not cancelled, {drop_index(document)} gives it up on all members"
    if at(document, "opid") is None:
        return "nothing: it runs no operation"
    words = "its operation ends with an error"
    return f"{words}, and its transaction with it" if operation.transaction_seconds is not None else words


def _if_terminated(operation: Operation) -> str:
    """What killSessions would do: there is no command that closes a connection."""
    document = operation.document
    if is_index_build(document):
        return f"nothing: an index build belongs to no client, {drop_index(document)} gives it up on all members"
    if at(document, "lsid", "id") is None:
        return "nothing: it has no logical session, and MongoDB closes no connections"
    rolled_back = ", its transaction is rolled back" if operation.transaction_seconds is not None else ""
    return f"its logical session ends with its operations and cursors{rolled_back}; its connection stays"


def _details(document: Document) -> tuple[tuple[str, str], ...]:
    connection, yields = at(document, "connectionId"), number(document, "numYields")
    opid = at(document, "opid")
    return (
        ("operation", text(document, "op")),
        ("namespace", text(document, "ns")),
        ("connection", str(connection) if connection is not None else ""),
        ("plan", text(document, "planSummary")),
        ("message", text(document, "msg")),
        ("yields", f"{yields:.0f}" if yields else ""),
        ("locks", ", ".join(f"{level} {mode}" for level, mode in part(document, "locks").items())),
        ("driver", f"{text(document, 'clientMetadata', 'driver', 'name')} {text(document, 'clientMetadata', 'driver', 'version')}".strip()),
        ("cursor", str(at(document, "cursor", "cursorId") or "")),
        ("killable", "by its operation" if opid is not None else "by its session" if at(document, "lsid") is not None else "no"),
    )


def progress_of(operations: Iterable[Operation]) -> tuple[Progress, ...]:
    """Long operations that tell how far they are, as building an index does."""
    return tuple(
        Progress(
            session=one.id,
            operation="index build" if "Index Build" in text(one.document, "msg") else text(one.document, "op") or "operation",
            phase=text(one.document, "msg").partition(": ")[2].partition(":")[0].removesuffix(" Index Build") or text(one.document, "msg"),
            done=number(one.document, "progress", "done"),
            total=number(one.document, "progress", "total"),
            object=one.namespace.partition(".")[2],
            database=one.namespace.partition(".")[0],
            unit="documents",
        )
        for one in operations
        if part(one.document, "progress")
    )


def wait_counts(operations: Iterable[Operation]) -> tuple[WaitCount, ...]:
    """What active clients wait for, by whom and by which shape of a command."""
    counts: dict[tuple[str, ...], int] = {}
    texts: dict[tuple[str, ...], str] = {}
    for one in operations:
        if one.state == ACTIVE and not one.own and not one.kind:
            what = (one.wait_class, one.wait) if one.wait_class else (CPU, "")
            key = (*what, one.user, one.application, one.namespace.partition(".")[0], one.said.digest)
            counts[key] = counts.get(key, 0) + 1
            texts.setdefault(key, one.said.text)
    return tuple(
        WaitCount(wait_class, wait, count, user, application, database, digest, texts[key])
        for key, count in counts.items()
        for wait_class, wait, user, application, database, digest in (key,)
    )


def activity_samples(operations: tuple[Operation, ...], *, idle_known: bool) -> tuple[Sample, ...]:
    """Figures of what runs; idle connections are counted where they were asked for."""
    clients = [one for one in operations if not one.own and not one.kind]
    waiting = [one for one in clients if one.wait_class == "Lock"]
    known: list[tuple[Metric, float | None]] = [
        (catalogue.SESSIONS_ACTIVE, float(sum(one.state == ACTIVE for one in clients))),
        (catalogue.SESSIONS_IDLE_IN_TRANSACTION, float(sum(one.state == IDLE_IN_TRANSACTION for one in clients))),
        (catalogue.QUERY_DURATION, _largest(one.statement_seconds for one in clients) * 1000),
        (catalogue.TRANSACTION_DURATION, _largest(one.transaction_seconds for one in clients)),
        (catalogue.TRANSACTION_IDLE, _largest(one.idle_seconds for one in clients)),
        (catalogue.LOCKS_WAITING, float(len(waiting))),
        (catalogue.LOCKS_WAIT, _largest(waited_seconds(one.document) for one in waiting)),
    ]
    states = _STATES if idle_known else (ACTIVE, IDLE_IN_TRANSACTION)
    counted = tuple(
        Sample(catalogue.SESSIONS_BY_STATE, float(sum(one.state == each for one in clients)), (("state", each),)) for each in states
    )
    return (*samples_of(known), *counted)


def _largest(seconds: Iterable[float | None]) -> float:
    return max((max(0.0, each) for each in seconds if each is not None), default=0.0)
