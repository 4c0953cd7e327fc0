"""Carrying out a plan: every session by itself, recorded before and after, whatever becomes of the others."""

from __future__ import annotations

from aishell_core.clock import Clock
from aishell_core.engines.base import Cancellable
from aishell_core.errors import TargetError
from aishell_core.safety.audit import AuditLog
from aishell_core.safety.audit_entry import Attempt, Verdict
from aishell_core.safety.perform import perform, record_left, refuse
from aishell_core.values import Session
from aishell_ops.sessions.models import Act, Outcome, Plan

DEADLINE_SECONDS = 10.0


async def carry_out(
    plan: Plan, engine: Cancellable, log: AuditLog, clock: Clock, *, confirmed: bool, deadline_seconds: float = DEADLINE_SECONDS
) -> tuple[Outcome, ...]:
    """Do what was planned, and how it went for each session, in the plan's order.

    Raises RefusedError where it is not allowed or was not confirmed, which is recorded for each session, and StateError
    where an attempt cannot be recorded: that session and those after it are left alone. An error of the server is the
    outcome of its session and stops nothing.
    """
    attempts = tuple(_attempt(plan, victim.session, confirmed=confirmed) for victim in plan.victims)
    if any(attempt.verdict is not Verdict.ALLOWED for attempt in attempts):
        await record_left(log, attempts)
        refuse(attempts[0])
    outcomes: list[Outcome] = []
    for attempt, victim in zip(attempts, plan.victims, strict=True):
        session = victim.session
        act = engine.cancel if plan.act is Act.CANCEL else engine.terminate
        try:
            await perform(log, attempt, lambda: act(session, deadline_seconds), clock=clock)  # noqa: B023 - awaited here
        except TargetError as error:
            outcomes.append(Outcome(session, error))
        else:
            outcomes.append(Outcome(session))
    return tuple(outcomes)


def record_unanswered(plan: Plan, log: AuditLog) -> None:
    """Write down that the question was not answered, or wrongly; raises StateError."""
    for victim in plan.victims:
        log.record_attempt(_attempt(plan, victim.session, confirmed=False))


def _attempt(plan: Plan, session: Session, *, confirmed: bool) -> Attempt:
    """What is written down: the session's own statement is the command, because that is what ends."""
    subject = f"{plan.act} session {session.id}" + (f" of {session.user}" if session.user else "")
    return Attempt(
        plan.actor,
        plan.place,
        plan.engine,
        session.text,
        plan.risk,
        plan.decision,
        subject,
        len(plan.victims),
        confirmed,
        database=session.database,
    )
