"""The sessions of a target in the order of the screen: who matters, who may be hidden, how long each has been at it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from aishell_core.values import LockWait, Session, Severity, Thresholds

_IDLE_IN_TRANSACTION = frozenset({"idle in transaction", "idle in transaction (aborted)"})
_YOUNG_SECONDS = 1.0
_HEAD, _WORKING, _IDLE, _OWN = range(4)
_ACTIVE = frozenset({"active", "running", "writing", "reading", "waiting", "blocked", "fastpath function call"})
_WAITING = "waiting"
_SHORT_STATES = {
    "idle in transaction": "idle in tx",
    "idle in transaction (aborted)": "aborted tx",
    "fastpath function call": "fastpath",
}


@dataclass(frozen=True, slots=True)
class SessionCounts:
    """How many sessions there are, of which kinds, and how many the list leaves out."""

    sessions: int = 0
    active: int = 0
    idle_in_transaction: int = 0
    waiting: int = 0
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class SessionList:
    """The sessions to show, those that matter most first.

    The first `working` of them work, keep a transaction, wait or are waited for; the others are idle or the engine's own.
    `blocking` has how many wait directly for a session, `waited` for how many seconds a session has waited for a lock
    (0 where that is not known), both by id.
    """

    shown: tuple[Session, ...] = ()
    working: int = 0
    counts: SessionCounts = SessionCounts()
    blocking: Mapping[str, int] = field(default_factory=dict)
    waited: Mapping[str, float] = field(default_factory=dict)

    def blocks(self, session: Session) -> int:
        """How many sessions wait directly for this one."""
        return self.blocking.get(session.id, 0)


def identity(session: Session) -> str:
    """What tells a session apart for good: an id is used again, an id with its start is not."""
    return session.id if session.started_at is None else _begun(session.id, session.started_at)


@lru_cache(maxsize=8192)
def _begun(session_id: str, started_at: float) -> str:
    # Kept, because thousands of sessions are asked for theirs at every reading, and writing a float is slow.
    return f"{session_id}@{started_at:.3f}"


def of_identity(identified: str, sessions: Mapping[str, Session]) -> Session | None:
    """The session with an identity among sessions by id; None when it has ended, also when its id was given to another."""
    found = sessions.get(identified) or sessions.get(identified.rpartition("@")[0])
    return found if found is not None and identity(found) == identified else None


NO_LAST_STATEMENT = "n/a: its last statement is not kept"
"""Of a session that holds something, on a server that forgets a statement when it has ended."""


def is_active(session: Session) -> bool:
    """Whether it runs a statement now, in the engine's words."""
    return session.state in _ACTIVE or (not session.state and session.statement_seconds is not None)


def is_idle_in_transaction(session: Session) -> bool:
    """Whether it does nothing and keeps a transaction open, also one that failed."""
    return session.state in _IDLE_IN_TRANSACTION


def is_background(session: Session) -> bool:
    """Whether it is the engine's own and works for no client."""
    return bool(session.kind) and not session.leader


def age_seconds(session: Session) -> float | None:
    """How long its statement has run, or else how long it has been in its state."""
    if is_active(session) and session.statement_seconds is not None:
        return session.statement_seconds
    for seconds in (session.state_seconds, session.statement_seconds, session.transaction_seconds):
        if seconds is not None:
            return seconds
    return None


def age_severity(session: Session, statement: Thresholds, idle: Thresholds) -> Severity:
    """How bad its age is: of a statement by limits in milliseconds, of an idle transaction by limits in seconds."""
    if is_background(session):
        return Severity.OK
    if is_idle_in_transaction(session):
        seconds = session.state_seconds if session.state_seconds is not None else session.transaction_seconds
        return Severity.OK if seconds is None else idle.judge(seconds)
    if not is_active(session) or session.statement_seconds is None:
        return Severity.OK
    return statement.judge(session.statement_seconds * 1000)


def short_state(state: str) -> str:
    """A state in ten cells."""
    return _SHORT_STATES.get(state, state)


def wait_text(session: Session, *, wide: bool) -> str:
    """What it waits for, with the class in front where there is room."""
    return f"{session.wait_class}:{session.wait}" if wide and session.wait_class and session.wait else session.wait or session.wait_class


def session_list(sessions: Sequence[Session], lock_waits: Iterable[LockWait], *, everyone: bool) -> SessionList:
    """The sessions in order: those that hold up others, then what works or keeps a transaction, the longest first.

    The youngest stand in the order of the reading, so that short statements do not shuffle the rows with every tick.
    Without `everyone` the idle ones and the engine's own are left out, but never one that waits for a lock or is waited for.
    """
    blocking, waited = _queues(lock_waits)
    active = idle_in_transaction = queued = 0
    ranked: list[tuple[int, float, int]] = []
    for place, session in enumerate(sessions):
        rank = _IDLE
        if session.kind and not session.leader:
            rank = _OWN
        elif is_idle_in_transaction(session):
            idle_in_transaction += 1
            rank = _WORKING
        elif session.state.startswith(_WAITING):
            # For a lock it is counted with those who wait for locks; a client of a pooler waits for a server connection.
            queued += session.id not in waited
            active += session.id in waited
            rank = _WORKING
        elif is_active(session):
            active += 1
            rank = _WORKING
        if session.id in waited:
            rank = _WORKING
        elif session.id in blocking:
            ranked.append((_HEAD, -blocking[session.id], place))
            continue
        if rank == _WORKING or everyone:
            age = age_seconds(session) or 0.0
            ranked.append((rank, -age if age >= _YOUNG_SECONDS else 0.0, place))
    ranked.sort()
    shown = tuple([sessions[place] for _, _, place in ranked])
    counts = SessionCounts(len(sessions), active, idle_in_transaction, len(waited) + queued, len(sessions) - len(shown))
    working = sum(1 for rank, _, _ in ranked if rank <= _WORKING)
    return SessionList(shown, working, counts, blocking, waited)


def _queues(lock_waits: Iterable[LockWait]) -> tuple[dict[str, int], dict[str, float]]:
    """How many wait directly for each holder, and for how long each waiter has waited."""
    blocking: dict[str, set[str]] = {}
    waited: dict[str, float] = {}
    for wait in lock_waits:
        if wait.waiter:
            blocking.setdefault(wait.holder, set()).add(wait.waiter)
            waited[wait.waiter] = max(waited.get(wait.waiter, 0.0), wait.wait_seconds or 0.0)
    return {holder: len(waiters) for holder, waiters in blocking.items()}, waited
