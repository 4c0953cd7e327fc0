"""The one way to act: the attempt is recorded, then the act runs, then its result is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from aishell_core.clock import Clock, SystemClock
from aishell_core.errors import AishellError, RefusedError, StateError, TargetError
from aishell_core.safety.audit import AuditLog
from aishell_core.safety.audit_entry import Attempt, Outcome, Result, Ticket, Verdict

Answer = TypeVar("Answer")


async def perform(
    log: AuditLog,
    attempt: Attempt,
    act: Callable[[], Awaitable[Answer]],
    *,
    affected: Callable[[Answer], int | None] | None = None,
    clock: Clock | None = None,
) -> Answer:
    """Carry out an act that was decided on, with its attempt recorded before and its result after.

    Raises RefusedError when the decision is no, or when the confirmation that it wants was not given: that is recorded
    too, and the act does not run. Raises StateError when the attempt cannot be recorded, and the act does not run.
    What the act raises is recorded as failed and raised on. Where the result cannot be recorded after the act ran, a
    StateError says that it ran; its cause is the fault.
    """
    clock = clock or SystemClock()
    ticket = await asyncio.to_thread(log.record_attempt, attempt)
    refuse(attempt)
    begun = clock.steady()
    try:
        answer = await act()
    except BaseException as error:
        _record_fault(log, ticket, _fault(error, clock.steady() - begun), error)
        raise
    outcome = Outcome(Result.DONE, clock.steady() - begun, affected=None if affected is None else affected(answer))
    try:
        await asyncio.to_thread(log.record_result, ticket, outcome)
    except StateError as error:
        raise StateError(
            f"{attempt.subject or 'the action'} on {attempt.place.target} was carried out, but its result could not be recorded", error.hint
        ) from error
    return answer


async def record_left(log: AuditLog, attempts: Sequence[Attempt]) -> None:
    """Write down what somebody set out to do and that is not done, one line for each; raises StateError."""
    for attempt in attempts:
        await asyncio.to_thread(log.record_attempt, attempt)


def refuse(attempt: Attempt) -> None:
    """Raise RefusedError unless the attempt may go on."""
    if attempt.verdict is Verdict.REFUSED:
        raise RefusedError(attempt.decision.message, attempt.decision.hint)
    if attempt.verdict is Verdict.DECLINED:
        raise RefusedError("nothing was done: it was not confirmed", f"answer with the name {attempt.place.target} to go on")


def _fault(error: BaseException, seconds: float) -> Outcome:
    """What is recorded of a fault: its code alone, because a server's message may quote data."""
    match error:
        case TargetError():
            return Outcome(Result.FAILED, seconds, error.reason.value)
        case AishellError():
            return Outcome(Result.FAILED, seconds, error.code)
        case Exception():
            return Outcome(Result.FAILED, seconds, type(error).__name__)
    return Outcome(Result.INTERRUPTED, seconds, type(error).__name__)


def _record_fault(log: AuditLog, ticket: Ticket, outcome: Outcome, error: BaseException) -> None:
    # Not in a thread: a task that is being cancelled may not wait for one.
    try:
        log.record_result(ticket, outcome)
    except StateError as unrecorded:
        error.add_note(f"its result could not be recorded: {unrecorded}")
