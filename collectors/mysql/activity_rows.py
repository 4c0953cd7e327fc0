"""What the sessions of a server do: threads to sessions, waits and figures. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from aishell_core import catalogue
from aishell_core.engines.mysql import Row
from aishell_core.values import Metric, Sample, Session, WaitCount
from collectors.mysql.activity_threads import Thread
from collectors.mysql.activity_waits import CPU, LOCK, METADATA, ROW_LOCK, wait_of

ACTIVE, IDLE, IN_TRANSACTION = "active", "idle", "idle in transaction"
LAST_STATEMENT = "last statement"
_HIDDEN = "n/a: hidden from this account"
_FORGOTTEN = "not kept by this server; performance_schema = ON in its configuration keeps it"
_SLEEP = re.compile(r"\bsleep\s*\(", re.IGNORECASE)
WAITING = "LOCK WAIT"
"""The state of a transaction that waits for a row or table lock of InnoDB."""


class Transaction(NamedTuple):
    """One open transaction of InnoDB; `session` is 0 where it is prepared and no session owns it. Ages are in seconds."""

    id: str
    session: int
    state: str
    seconds: float | None
    wait_seconds: float | None
    rows_locked: int
    rows_modified: int
    isolation: str

    @property
    def waits(self) -> bool:
        """Whether it waits for a lock."""
        return self.state == WAITING


Look = tuple[Thread, Transaction | None, Session]
"""A thread, its open transaction, and what both are shown as."""


def transactions_of(rows: Iterable[Row]) -> dict[int, Transaction]:
    """Open transactions by session."""
    return {
        int(row["session"]): Transaction(
            str(row["id"]),
            int(row["session"]),
            row["state"] or "",
            row["seconds"],
            row["wait_seconds"],
            int(row["rows_locked"] or 0),
            int(row["rows_modified"] or 0),
            row["isolation"] or "",
        )
        for row in rows
    }


@dataclass(frozen=True, slots=True)
class Activity:
    """All sessions in figures, without ours."""

    states: Mapping[str, int]
    lock_waiters: int
    metadata_waiters: int
    lock_wait_seconds: float
    statement_seconds: float
    transaction_seconds: float
    idle_transaction_seconds: float
    waits: tuple[WaitCount, ...]


def state_of(thread: Thread, transaction: Transaction | None) -> str:
    """What a session does, in the words that all engines share."""
    if thread.kind and not thread.runs:
        return ""
    if not thread.sleeps:
        return ACTIVE
    return IN_TRANSACTION if transaction is not None or thread.transaction_seconds is not None else IDLE


def waits_for(thread: Thread, transaction: Transaction | None) -> tuple[str, str]:
    """The class and name of what a session waits for; both "" for one that works or waits for its client."""
    if transaction is not None and transaction.waits:
        return LOCK, ROW_LOCK
    return wait_of(thread.state) if thread.state and not thread.sleeps else ("", "")


def lock_seconds(thread: Thread, transaction: Transaction | None) -> float | None:
    """How long a session has waited for a lock at most; None for one that does not.

    A transaction tells since when it waits, in whole seconds; of another lock it is only known how long the statement runs.
    """
    wait_class, _ = waits_for(thread, transaction)
    if wait_class != LOCK:
        return None
    known = transaction.wait_seconds if transaction is not None and transaction.waits else thread.seconds
    seconds = _age(known) or 0.0
    ran = _age(thread.seconds)
    return min(seconds, ran) if ran is not None and thread.runs else seconds


def session_of(
    thread: Thread,
    transaction: Transaction | None,
    *,
    text: str,
    digest: str,
    started_at: float | None,
    application: str = "",
    keeps_last: bool = True,
    sees_transactions: bool = True,
    connected_seconds: float | None = None,
) -> Session:
    """One session with its text and digest; no age is negative, and no transaction older than the session's `connected_seconds`.

    `keeps_last` is False where the server forgets a statement as soon as it has ended: the process list has none of an idle session.
    Without `sees_transactions` one that is idle may have a transaction open, and says so.
    """
    state = state_of(thread, transaction)
    wait_class, wait = waits_for(thread, transaction)
    seconds = _age(thread.seconds)
    hidden = state == IDLE and not sees_transactions
    forgotten = state == IN_TRANSACTION and not text and not keeps_last
    return Session(
        id=str(thread.id),
        user=thread.account,
        client=thread.client,
        application=application,
        database=thread.db or "",
        state=state,
        wait=wait,
        started_at=started_at,
        statement_seconds=seconds if thread.runs else None,
        transaction_seconds=_at_most(transaction_seconds(thread, transaction), connected_seconds),
        text=text,
        details=(
            *_details(thread, transaction),
            *((("transaction", _HIDDEN),) if hidden else ()),
            *(((LAST_STATEMENT, _FORGOTTEN),) if forgotten else ()),
        ),
        kind=thread.kind,
        wait_class=wait_class,
        state_seconds=seconds,
        digest=digest,
        if_cancelled=_if_cancelled(thread, text, transaction),
    )


def _if_cancelled(thread: Thread, text: str, transaction: Transaction | None) -> str:
    """What KILL QUERY does to what runs, where that is not as usual: MySQL ends SELECT SLEEP(…) with a row of 1."""
    if not thread.runs or not _SLEEP.search(text):
        return ""
    words = "its statement is broken off: by an error, or where SLEEP() is all of it, perhaps by a row of 1"
    return words if transaction is None else f"{words}; a transaction that the client began stays open until the client ends it"


def transaction_seconds(thread: Thread, transaction: Transaction | None) -> float | None:
    """The age of a session's open transaction, None without one."""
    if thread.transaction_seconds is not None:
        return _age(thread.transaction_seconds)
    return _age(transaction.seconds) if transaction is not None else None


def _details(thread: Thread, transaction: Transaction | None) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    if thread.host and thread.host != thread.client:
        found.append(("address", thread.host))
    if thread.command:
        found.append(("command", thread.command))
    if thread.state and not thread.sleeps:
        found.append(("stage", thread.state))
    if thread.runs and thread.rows_examined:
        found.append(("rows examined", str(thread.rows_examined)))
    if transaction is not None:
        found.append(("transaction", f"{transaction.id}, {transaction.isolation.lower()}" if transaction.isolation else transaction.id))
        found.append(("rows changed", str(transaction.rows_modified)))
        found.append(("rows locked", str(transaction.rows_locked)))
    return tuple(found)


def activity_of(sessions: Iterable[Look], idle: int | None) -> Activity:
    """The sessions in figures; `idle` is the number of idle ones where these were not read, None where they were."""
    everything = tuple(sessions)
    clients = [each for each in everything if not each[0].kind]
    states = dict.fromkeys((ACTIVE, IDLE, IN_TRANSACTION), 0)
    for _, _, session in clients:
        states[session.state] += 1
    if idle is not None:
        states[IDLE] = idle
    waited = [seconds for thread, transaction, _ in everything if (seconds := lock_seconds(thread, transaction)) is not None]
    return Activity(
        states=states,
        lock_waiters=len(waited),
        metadata_waiters=sum(session.wait.endswith(METADATA) for _, _, session in everything),
        lock_wait_seconds=max(waited, default=0.0),
        statement_seconds=max((session.statement_seconds or 0.0 for _, _, session in clients if session.state == ACTIVE), default=0.0),
        transaction_seconds=max((session.transaction_seconds or 0.0 for _, _, session in clients), default=0.0),
        idle_transaction_seconds=max(
            (session.state_seconds or 0.0 for _, _, session in clients if session.state == IN_TRANSACTION), default=0.0
        ),
        waits=wait_counts(session for thread, _, session in everything if _is_busy(thread)),
    )


def _is_busy(thread: Thread) -> bool:
    """Whether a thread works or waits in the midst of it, rather than for something to do."""
    return thread.runs or (not thread.sleeps and not thread.kind)


def wait_counts(busy: Iterable[Session]) -> tuple[WaitCount, ...]:
    """What busy sessions wait for, by whom and by which statement; a text is that of one of them."""
    counts: dict[tuple[str, ...], int] = {}
    texts: dict[tuple[str, ...], str] = {}
    for one in busy:
        what = (one.wait_class, one.wait) if one.wait_class else (CPU, "")
        key = (*what, one.user, one.application, one.database, one.digest)
        counts[key] = counts.get(key, 0) + 1
        texts.setdefault(key, one.text)
    return tuple(
        WaitCount(wait_class, wait, count, user, application, database, digest, texts[key])
        for key, count in counts.items()
        for wait_class, wait, user, application, database, digest in (key,)
    )


def activity_samples(activity: Activity, *, sees_waits: bool = True, sees_transactions: bool = True) -> tuple[Sample, ...]:
    """Figures of sessions; of what the account is not told that rests on who waits for a row, or on who has a transaction open, nothing."""
    states = activity.states
    known: list[tuple[Metric, float]] = [
        (catalogue.SESSIONS_ACTIVE, states[ACTIVE]),
        (catalogue.QUERY_DURATION, activity.statement_seconds * 1000),
        (catalogue.MYSQL_METADATA_WAITING, activity.metadata_waiters),
    ]
    if sees_transactions:
        known += [
            (catalogue.SESSIONS_IDLE_IN_TRANSACTION, states[IN_TRANSACTION]),
            (catalogue.TRANSACTION_DURATION, activity.transaction_seconds),
            (catalogue.TRANSACTION_IDLE, activity.idle_transaction_seconds),
        ]
    if sees_waits:
        known += [(catalogue.LOCKS_WAITING, activity.lock_waiters), (catalogue.LOCKS_WAIT, activity.lock_wait_seconds)]
    found = [Sample(metric, float(value)) for metric, value in known]
    told = states if sees_transactions else {ACTIVE: states[ACTIVE]}
    found += (Sample(catalogue.SESSIONS_BY_STATE, float(count), (("state", state),)) for state, count in told.items())
    return tuple(found)


def _at_most(seconds: float | None, limit: float | None) -> float | None:
    """Servers tell some ages in whole seconds: what began right after another thing may seem to have begun before it."""
    return seconds if seconds is None or limit is None else min(seconds, max(0.0, limit))


def _age(seconds: float | None) -> float | None:
    return None if seconds is None else max(0.0, float(seconds))
