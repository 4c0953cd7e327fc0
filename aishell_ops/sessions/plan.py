"""From sessions that somebody chose to a plan that can be printed, confirmed and carried out; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aishell_core.safety.decision import Place, decide
from aishell_core.safety.risk import session_risk
from aishell_core.safety.roles import Actor, Policy
from aishell_core.values import LockWait, Session
from aishell_ops.sessions.models import Act, Plan, Victim


def plan_of(
    act: Act,
    engine: str,
    sessions: Sequence[Session],
    lock_waits: Iterable[LockWait],
    *,
    place: Place,
    actor: Actor,
    policy: Policy,
) -> Plan:
    """The plan to act on these sessions, whether it is allowed or not."""
    risk = session_risk(act.action, len(sessions))
    queues = Queues(lock_waits)
    victims = tuple(_victim(act, session, queues) for session in sessions)
    return Plan(act, engine, place, actor, victims, risk, decide(actor, policy, place, risk, len(sessions)))


class Queues:
    """Who waits behind whom, from the edges of the lock graph.

    Where somebody has what a waiter wants, those that are only ahead of it in the queue do not count, as in the lock tree.
    """

    def __init__(self, lock_waits: Iterable[LockWait]) -> None:
        edges = [wait for wait in lock_waits if wait.waiter]
        held = {wait.waiter for wait in edges if wait.held_mode}
        self._waiters: dict[str, list[str]] = {}
        self._seen: set[str] = set()
        for wait in edges:
            if wait.held_mode or wait.waiter not in held:
                self._waiters.setdefault(wait.holder, []).append(wait.waiter)
                if not wait.inferred:
                    self._seen.add(wait.holder)

    def behind(self, holder: str) -> frozenset[str]:
        """All that wait for a session, directly or behind others; each once, also in a circle."""
        found: set[str] = set()
        ends = [holder]
        while ends:
            new = set(self._waiters.get(ends.pop(), ())) - found - {holder}
            found |= new
            ends += new
        return frozenset(found)

    def inferred(self, holder: str) -> bool:
        """Whether somebody waits for a session, and the engine tells of nobody that does: it is only who could be the holder."""
        return holder in self._waiters and holder not in self._seen

    def heads(self) -> frozenset[str]:
        """Those that others wait for and that wait for nobody themselves."""
        return frozenset(self._waiters) - {waiter for waiters in self._waiters.values() for waiter in waiters}


def head_blockers(sessions: Sequence[Session], lock_waits: Iterable[LockWait]) -> tuple[Session, ...]:
    """The sessions that others wait for and that wait for nobody themselves, the one with the longest queue first."""
    queues = Queues(lock_waits)
    heads = queues.heads()
    found = [session for session in sessions if session.id in heads]
    return tuple(sorted(found, key=lambda session: (-len(queues.behind(session.id)), session.id)))


def why_no_head(lock_waits: Iterable[LockWait]) -> str:
    """Why there is no session to act on where `head_blockers` finds none."""
    waiting = [wait for wait in lock_waits if wait.waiter]
    if any(wait.inferred and not wait.holder for wait in waiting):
        return "the server does not tell who holds what others wait for, and it could be several sessions or none that is seen"
    if waiting:
        return "those who wait do so behind no session: for a prepared transaction, one that has ended, or each other"
    return "nobody waits for a lock, so there is no head blocker"


def why_not_inferred(head: Session, lock_waits: Iterable[LockWait]) -> str:
    """Why a head blocker is not acted on unless somebody names it; "" for one that the engine itself tells of."""
    if not Queues(lock_waits).inferred(head.id):
        return ""
    return f"that session {head.id} is the head blocker is only inferred: the server does not tell who holds the lock"


def _victim(act: Act, session: Session, queues: Queues) -> Victim:
    waiting = len(queues.behind(session.id))
    inferred = queues.inferred(session.id)
    age = session.statement_seconds if session.statement_seconds is not None else session.transaction_seconds
    return Victim(session, age if age is not None else session.state_seconds, waiting, _effect(act, session, waiting, inferred=inferred))


def _effect(act: Act, session: Session, waiting: int, *, inferred: bool) -> str:
    """What happens when it is done, in words: those of whoever read the session, else those that hold for most servers."""
    told = session.if_cancelled if act is Act.CANCEL else session.if_terminated
    words = [told] if told else _usual_effect(act, session)
    if waiting:
        behind = f"{waiting} {'waits' if waiting == 1 else 'wait'} behind it"
        words.append(f"perhaps {behind} (inferred: the server does not tell who holds the lock)" if inferred else behind)
    return ", ".join(words)


def _usual_effect(act: Act, session: Session) -> list[str]:
    in_transaction = session.transaction_seconds is not None
    if act is Act.TERMINATE:
        return ["its connection is closed", *(["its open transaction is rolled back"] if in_transaction else [])]
    runs = session.statement_seconds is not None
    first = "its statement ends with an error" if runs else "no statement of it is known to run, so there may be nothing to cancel"
    return [first, *([_what_stays_open(session)] if in_transaction else [])]


def _what_stays_open(session: Session) -> str:
    """What becomes of the transaction of a session whose statement is cancelled, in words.

    One that is no older than the statement may be the statement's own, and ends with it: whole seconds tell no more.
    """
    statement, transaction = session.statement_seconds, session.transaction_seconds
    alone = statement is not None and transaction is not None and transaction <= statement + 1.0
    if alone:
        return "a transaction that the client began before it stays open until the client ends it"
    return "its transaction stays open until the client ends it"
