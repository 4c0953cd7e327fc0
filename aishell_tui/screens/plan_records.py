"""What is run for a plan is written to the audit log before, and how it ended after."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aishell_core.targets import Target
from aishell_core.values import PlanNode
from aishell_tui.options import DashboardOptions

Plan = tuple[PlanNode, ...]
Act = Callable[[], Awaitable[Plan]]


async def measured(options: DashboardOptions, target: Target, text: str, act: Act) -> Plan:
    """The plan of a statement that is run to measure it, as a command of that text would be decided on and recorded.

    Raises TargetError, RefusedError where the roles do not allow to read there, and StateError where it cannot be recorded.
    """
    return await _recorded(options, target, text, "run a statement to measure its plan", act, decides=True)


async def planned_after_consent(options: DashboardOptions, target: Target, text: str, act: Act) -> Plan:
    """The plan of a statement although asking for it may do something; raises TargetError, and StateError where it cannot be recorded."""
    return await _recorded(options, target, f"EXPLAIN {text}", "plan a statement whose functions may act", act, decides=False)


async def _recorded(options: DashboardOptions, target: Target, command: str, subject: str, act: Act, *, decides: bool) -> Plan:
    """Where nobody is known to act, as in a dashboard that something else has opened, there is no log either."""
    if options.authorise is None:
        return await act()
    from aishell_core.safety.audit_entry import Attempt
    from aishell_core.safety.decision import Confirmation, Decision, decide
    from aishell_core.safety.languages import judge
    from aishell_core.safety.perform import perform

    authority = options.authorise()
    place = authority.place(target)
    risk = judge(target.engine, command)
    decision = decide(authority.actor, authority.policy, place, risk) if decides else Decision(True, Confirmation.YES)
    attempt = Attempt(authority.actor, place, target.engine, command, risk, decision, subject, confirmed=True)
    return await perform(authority.log, attempt, act)
