"""What is run for a plan is decided on as any act is, and written to the audit log: the attempt before, how it ended after."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from aishell_core.targets import Environment, Target
from aishell_core.values import PlanNode

if TYPE_CHECKING:
    # Loaded when somebody acts.
    from aishell_core.safety.audit_entry import Attempt
    from aishell_core.safety.risk import Risk
    from aishell_tui.authority import Authority

Plan = tuple[PlanNode, ...]
Act = Callable[[], Awaitable[Plan]]

_BEHIND = "what stands behind its names may act while it is planned"


def attempt_to_measure(authority: Authority, target: Target, text: str, database: str = "") -> Attempt:
    """Running a statement to measure its plan, judged as a command of that text; it is asked about whatever its risk."""
    from aishell_core.safety.decision import Confirmation
    from aishell_core.safety.languages import judge

    attempt = _attempt(
        authority, target, text, judge(target.engine, text, database=database), "run a statement to measure its plan", database
    )
    wanted = Confirmation.TYPED_NAME if attempt.place.care is Environment.PRODUCTION else Confirmation.YES
    if attempt.decision.confirmation is Confirmation.TYPED_NAME:
        wanted = Confirmation.TYPED_NAME
    return replace(attempt, decision=replace(attempt.decision, confirmation=wanted))


def attempt_to_plan(authority: Authority, target: Target, text: str, database: str = "") -> Attempt:
    """Planning a statement of which the server's catalogs say that this may already act.

    A text cannot show that: `SELECT * FROM v` reads, and the view may do anything. So it takes the right to write as well.
    """
    from aishell_core.safety.languages import judge
    from aishell_core.safety.risk import ActionClass, RiskLevel, risk_of, together

    command = f"EXPLAIN {text}"
    risk = together((judge(target.engine, command, database=database), risk_of(RiskLevel.HIGH, ActionClass.WRITE, _BEHIND)))
    return _attempt(authority, target, command, risk, "plan a statement whose functions may act", database)


def _attempt(authority: Authority, target: Target, command: str, risk: Risk, subject: str, database: str) -> Attempt:
    from aishell_core.safety.audit_entry import Attempt
    from aishell_core.safety.decision import decide

    place = authority.place(target, database)
    decision = decide(authority.actor, authority.policy, place, risk)
    return Attempt(authority.actor, place, target.engine, command, risk, decision, subject, database=database)


async def recorded(authority: Authority, attempt: Attempt, act: Act) -> Plan:
    """The plan, once its attempt stands in the log; raises TargetError, RefusedError, and StateError where it cannot be recorded."""
    from aishell_core.safety.perform import perform

    return await perform(authority.log, attempt, act)
