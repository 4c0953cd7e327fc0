"""Who uses a database file and who waits for whom, derived from locks, processes and running statements: pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aishell_core.engines.file_holders import Holder
from aishell_core.engines.sqlite_locks import WRITING, HeldLock, Lock
from aishell_core.values import LockWait, Session
from collectors.sqlite.counters import writer


@dataclass(frozen=True, slots=True)
class Running:
    """A statement that an application's statement log shows as running, or the last one of a write transaction that is open.

    Times are epoch seconds; `connection` tells apart the connections of one process.
    """

    pid: int
    connection: int
    started_at: float
    state: str
    text: str
    writes: bool
    holds_lock: bool


def waits(running: Iterable[Running], locks: frozenset[HeldLock]) -> tuple[tuple[Running, int], ...]:
    """The running statements that cannot go on, each with the pid of the process that they wait for.

    A statement that writes waits while another process, or another connection of its own process, has the write lock.
    """
    holder = writer(locks)
    if holder is None:
        return ()
    # Where the holder is a connection of the same process, only the log can tell which one.
    return tuple(
        (one, holder)
        for one in running
        if one.state == "running" and one.writes and not one.holds_lock and (one.pid != holder or _another_holds(running, one))
    )


def _another_holds(running: Iterable[Running], one: Running) -> bool:
    return any(other.holds_lock and other.pid == one.pid and other.connection != one.connection for other in running)


def state_of(pid: int, locks: frozenset[HeldLock], wal: bool, *, waiting: bool, runs: bool, logged: bool = False) -> str:
    """What a process does with the file now, in one word."""
    own = {held.lock for held in locks if held.pid == pid}
    if own & WRITING:
        return "writing" if runs or not logged else "idle in transaction"
    if own & {Lock.CHECKPOINT, Lock.RECOVER}:
        return "checkpointing"
    if waiting:
        return "waiting"
    if (Lock.READ if wal else Lock.SHARED) in own:
        return "reading"
    return "running" if runs else "idle"


def sessions_of(
    holders: Iterable[Holder], locks: frozenset[HeldLock], running: tuple[Running, ...], *, wal: bool, write_lock_seconds: float, now: float
) -> tuple[Session, ...]:
    """One session per process that holds the file open; what it runs is known from its statement log only."""
    waiting = {one.pid: holder for one, holder in waits(running, locks)}
    found = []
    for holder in holders:
        own = sorted((one for one in running if one.pid == holder.pid), key=lambda one: (one.state != "running", one.started_at))
        runs = bool(own) and own[0].state == "running"
        state = state_of(holder.pid, locks, wal, waiting=holder.pid in waiting, runs=runs, logged=bool(own))
        blocker = waiting.get(holder.pid)
        found.append(
            Session(
                id=str(holder.pid),
                user=holder.user,
                client="local",
                application=holder.program,
                state=state,
                wait=f"write lock of pid {blocker}" if blocker is not None else "",
                started_at=holder.started_at,
                statement_seconds=max(0.0, now - own[0].started_at) if runs else None,
                transaction_seconds=write_lock_seconds if state in {"writing", "idle in transaction"} else None,
                text=own[0].text if own else "",
                details=(("command", holder.command),),
            )
        )
    return tuple(found)


def lock_waits_of(running: tuple[Running, ...], locks: frozenset[HeldLock], write_lock_seconds: float, now: float) -> tuple[LockWait, ...]:
    """The edges of the lock graph; a write lock that is held with nobody behind it is one with an empty waiter."""
    found = tuple(
        LockWait(str(one.pid), str(holder), "database", "write", max(0.0, now - one.started_at)) for one, holder in waits(running, locks)
    )
    holder = writer(locks)
    if found or holder is None:
        return found
    return (LockWait("", str(holder), "database", "write", write_lock_seconds),)
