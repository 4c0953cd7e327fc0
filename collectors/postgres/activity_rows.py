"""What the sessions of a server do: rows to sessions, waits and figures. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from aishell_core import catalogue
from aishell_core.values import Metric, Sample, Session, WaitCount
from collectors.postgres.activity_backends import CLIENT, Backend
from collectors.postgres.processes import UNKNOWN, Usage

CPU = "CPU"
_STATES = ("active", "idle", "idle in transaction", "idle in transaction (aborted)")
_RUNNING = frozenset({"active", "fastpath function call"})
_WORKING_WAITS = frozenset({"IO", "IPC", "LWLock", "Lock", "BufferPin"})
# A logical sender that has nothing to send: the same rest as a physical one's Activity:WalSenderMain. Named anew since 17.
_RESTING_WAITS = frozenset({"WalSenderWaitForWAL", "WalSenderWaitForWal"})


class Seen(NamedTuple):
    """Sessions of one sort at one moment; ages are the largest among them, in seconds.

    `kind` is "" where the server hides what the session is and does. `client` tells whether it has a user and a
    database, as clients have. `text` is what it runs where it is busy.
    """

    kind: str
    state: str
    wait_class: str
    wait: str
    busy: bool
    own: bool
    client: bool
    user: str
    application: str
    database: str
    digest: str
    text: str
    sessions: int
    statement_seconds: float | None
    transaction_seconds: float | None
    state_seconds: float | None


@dataclass(frozen=True, slots=True)
class Activity:
    """All sessions in figures; `hidden` counts those of which the server does not tell what they do."""

    connections: int
    states: Mapping[str, int]
    hidden: int
    lock_waiters: int
    statement_seconds: float
    transaction_seconds: float
    idle_transaction_seconds: float
    waits: tuple[WaitCount, ...]


def is_busy(state: str | None, wait_class: str | None, wait: str | None = None) -> bool:
    """Whether a process does something or waits in the midst of it, rather than for something to do."""
    if wait_class == "Activity" or wait in _RESTING_WAITS:
        return False
    return state in _RUNNING if state is not None else wait_class in _WORKING_WAITS


def groups_of(text: str | None) -> tuple[Seen, ...]:
    """The groups of the statement `pulse`, without digests of texts; raises ValueError for what is no such JSON."""
    return tuple(_group(cells) for cells in json.loads(text or "[]"))


def _group(cells: list[Any]) -> Seen:
    kind, state, wait_class, wait, busy, own, client, user, database, application, query_id, text, count, statement, transaction, since = (
        cells
    )
    return Seen(
        kind or "",
        state or "",
        wait_class or "",
        wait or "",
        bool(busy),
        bool(own),
        bool(client),
        user or "",
        application or "",
        database or "",
        query_id or "",
        text or "",
        int(count),
        statement,
        transaction,
        since,
    )


def seen_of(looked: Iterable[tuple[Backend, Session]]) -> Iterator[Seen]:
    """The sessions of `activity` as groups: idle clients as one, every other by itself."""
    idle = 0
    for backend, session in looked:
        state, wait_class = backend.state or "", backend.wait_event_type or ""
        if state == "idle" and backend.backend_type == CLIENT and not backend.own:
            idle += 1
            continue
        yield Seen(
            backend.backend_type or "",
            state,
            wait_class,
            backend.wait_event or "",
            is_busy(backend.state, backend.wait_event_type, backend.wait_event),
            bool(backend.own),
            backend.is_client,
            session.user,
            session.application,
            session.database,
            session.digest,
            session.text,
            1,
            backend.statement_seconds,
            backend.transaction_seconds,
            backend.state_seconds,
        )
    if idle:
        yield Seen(CLIENT, "idle", "", "", False, False, True, "", "", "", "", "", idle, None, None, None)


def activity_of(groups: Iterable[Seen]) -> Activity:
    """The sessions in figures; our own count as connections only."""
    everything = tuple(groups)
    others = [one for one in everything if not one.own]
    clients = [one for one in others if one.kind == CLIENT]
    states = dict.fromkeys(_STATES, 0)
    for one in clients:
        if one.state:
            states[one.state] = states.get(one.state, 0) + one.sessions
    idle = [one for one in clients if one.state.startswith("idle in transaction")]
    return Activity(
        connections=sum(one.sessions for one in everything if one.kind == CLIENT or (not one.kind and one.client)),
        states=states,
        hidden=sum(one.sessions for one in others if not one.kind and one.client),
        lock_waiters=sum(one.sessions for one in others if one.wait_class == "Lock"),
        statement_seconds=_largest(one.statement_seconds for one in clients if one.state in _RUNNING),
        transaction_seconds=_largest(one.transaction_seconds for one in clients),
        idle_transaction_seconds=_largest(one.state_seconds for one in idle),
        waits=wait_counts(others),
    )


def wait_counts(groups: Iterable[Seen]) -> tuple[WaitCount, ...]:
    """What busy sessions wait for, by whom and by which statement; a text is that of one of them."""
    counts: dict[tuple[str, ...], int] = {}
    texts: dict[tuple[str, ...], str] = {}
    for one in groups:
        if one.busy:
            what = (one.wait_class, one.wait) if one.wait_class else (CPU, "")
            key = (*what, one.user, one.application, one.database, one.digest)
            counts[key] = counts.get(key, 0) + one.sessions
            texts.setdefault(key, one.text)
    return tuple(
        WaitCount(wait_class, wait, count, user, application, database, digest, texts[key])
        for key, count in counts.items()
        for wait_class, wait, user, application, database, digest in (key,)
    )


def activity_samples(
    activity: Activity, max_connections: float | None, lock_waiters: float | None, lock_wait_seconds: float | None
) -> tuple[Sample, ...]:
    """Figures of sessions; where some are hidden, what they do is unknown and only their number is told.

    `lock_waiters` and `lock_wait_seconds` are those of the lock table where it was looked at, else None.
    """
    waiters = lock_waiters if lock_waiters is not None else None if activity.hidden else float(activity.lock_waiters)
    known: list[tuple[Metric, float | None]] = [
        (catalogue.LOCKS_WAITING, waiters),
        (catalogue.LOCKS_WAIT, lock_wait_seconds if waiters else waiters),
    ]
    if not activity.hidden:
        states = activity.states
        known += (
            (catalogue.SESSIONS_ACTIVE, float(sum(count for state, count in states.items() if state in _RUNNING))),
            (
                catalogue.SESSIONS_IDLE_IN_TRANSACTION,
                float(sum(n for state, n in states.items() if state.startswith("idle in transaction"))),
            ),
            (catalogue.QUERY_DURATION, activity.statement_seconds * 1000),
            (catalogue.TRANSACTION_DURATION, activity.transaction_seconds),
            (catalogue.TRANSACTION_IDLE, activity.idle_transaction_seconds),
        )
    found = [*connection_samples(float(activity.connections), max_connections)]
    found += (Sample(metric, value) for metric, value in known if value is not None)
    if not activity.hidden:
        found += (Sample(catalogue.SESSIONS_BY_STATE, float(count), (("state", state),)) for state, count in activity.states.items())
    return tuple(found)


def connection_samples(used: float | None, most: float | None) -> tuple[Sample, ...]:
    """Connections that are open and allowed, as far as either is known."""
    figures: tuple[tuple[Metric, float | None], ...] = (
        (catalogue.CONNECTIONS_USED, used),
        (catalogue.CONNECTIONS_MAX, most),
        (catalogue.POOL_USAGE, min(1.0, used / most) if used is not None and most else None),
    )
    return tuple(Sample(metric, value) for metric, value in figures if value is not None)


def session_of(backend: Backend, text: str, digest: str, usage: Usage = UNKNOWN) -> Session:
    """One session with its text, its digest and what it uses; no age is negative."""
    state, kind = backend.state or "", backend.backend_type or ""
    return Session(
        id=str(backend.pid),
        user=backend.usename or "",
        client=backend.hostname or backend.address or ("local" if kind == CLIENT else ""),
        application=backend.application_name or "",
        database=backend.datname or "",
        state=state,
        wait=backend.wait_event or "",
        started_at=backend.started_at,
        statement_seconds=_age(backend.statement_seconds) if state in _RUNNING else None,
        transaction_seconds=_age(backend.transaction_seconds),
        text=text,
        details=_details(backend),
        kind="" if kind == CLIENT else kind,
        leader=str(backend.leader_pid) if backend.leader_pid is not None else "",
        wait_class=backend.wait_event_type or "",
        state_seconds=_age(backend.state_seconds),
        digest=digest,
        cpu_ratio=usage.cpu_ratio,
        memory_bytes=usage.memory_bytes,
        read_bytes_per_second=usage.read_bytes_per_second,
        write_bytes_per_second=usage.write_bytes_per_second,
    )


def _details(backend: Backend) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    if backend.address:
        found.append(("address", backend.address if backend.client_port is None else f"{backend.address}:{backend.client_port}"))
    if backend.xid:
        found.append(("transaction", backend.xid))
    if backend.xmin_age is not None:
        found.append(("oldest snapshot", f"{backend.xmin_age:.0f} transactions old"))
    return tuple(found)


def _age(seconds: float | None) -> float | None:
    return None if seconds is None else max(0.0, seconds)


def _largest(seconds: Iterable[float | None]) -> float:
    return max((max(0.0, each) for each in seconds if each is not None), default=0.0)
