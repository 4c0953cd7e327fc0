"""What `aishell sessions cancel` and `terminate` print."""

from __future__ import annotations

from aishell_core.units import format_duration
from aishell_core.values import FailureCode, Session
from aishell_ops.sessions.models import Outcome, Plan, Victim
from aishell_tui.cli.encode import utc_text
from aishell_tui.cli.shapes import SessionActReport, SessionActRow
from aishell_tui.cli.terminal import fit, printable, table

_TEXT_COLUMNS = 60
_TITLES = ("  ID", "USER", "APPLICATION", "STATE", "TIME", "STATEMENT")


def acts_report(plan: Plan, outcomes: tuple[Outcome, ...] | None) -> SessionActReport:
    """What was planned and done as scripts get it."""
    by_id = {outcome.session.id: outcome for outcome in outcomes or ()}
    rows = tuple(_row(victim, by_id.get(victim.session.id)) for victim in plan.victims)
    return SessionActReport(plan.place.target, plan.act.value, plan.decision.allowed, plan.confirmation.value, rows)


def _row(victim: Victim, outcome: Outcome | None) -> SessionActRow:
    session, error = victim.session, outcome.error if outcome is not None else None
    return SessionActRow(
        id=session.id,
        user=session.user,
        application=session.application,
        started_at=None if session.started_at is None else utc_text(session.started_at),
        text=session.text,
        age_seconds=victim.age_seconds,
        waiting_behind=victim.waiting_behind,
        effect=victim.effect,
        done=outcome is not None and error is None,
        reason="" if error is None else error.reason.value,
        message="" if error is None else error.message,
        hint="" if error is None else error.hint,
    )


def plan_text(plan: Plan) -> str:
    """What would be done, one line for each session."""
    allowed = f"as {plan.decision.role}" if plan.decision.role else ""
    if not plan.decision.allowed:
        allowed = "not allowed"
    head = f"{plan.title} on {plan.place.described} {allowed}"
    # What happens stands on lines of its own, because it must never be cut.
    effects = (printable(f"  {victim.session.id}: {victim.effect}") for victim in plan.victims)
    return "\n".join((printable(head).rstrip(), table(_TITLES, map(_cells, plan.victims), (4,)), *effects))


def _cells(victim: Victim) -> tuple[str, ...]:
    session = victim.session
    age = "-" if victim.age_seconds is None else format_duration(victim.age_seconds)
    text = fit(" ".join(printable(session.text).split()), _TEXT_COLUMNS)
    return f"  {session.id}", session.user, session.application, session.state, age, text


def outcomes_text(plan: Plan, outcomes: tuple[Outcome, ...]) -> str:
    """How it went, one line for each session."""
    done = "cancelled" if plan.act.value == "cancel" else "ended"
    return "\n".join(printable(_outcome(outcome.session, outcome, done)) for outcome in outcomes)


def _outcome(session: Session, outcome: Outcome, done: str) -> str:
    if outcome.error is None:
        return f"{session.id}  {done}"
    hint = f" ({outcome.error.hint})" if outcome.error.hint else ""
    # Without an answer the order may have been carried out all the same.
    how = f"perhaps {done}" if outcome.error.reason is FailureCode.TIMEOUT else f"not {done}"
    return f"{session.id}  {how}: {outcome.error.message}{hint}"
