"""Asking before something is run for a plan: the question or the refusal, and a record of what was left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from aishell_core.errors import AishellError
from aishell_tui.frame import TargetView
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.confirm import Confirmation, ConfirmScreen
from aishell_tui.screens.plan_questions import refusal_of

if TYPE_CHECKING:
    from aishell_core.safety.audit_entry import Attempt
    from aishell_tui.authority import Authority


def may_plan_all_the_same(screen: DashboardScreen, view: TargetView | None) -> bool:
    """Whether a plan that may act is asked about here at all; what the roles say is decided when somebody asks."""
    dashboard = screen.dashboard
    return view is not None and not view.target.read_only and not dashboard.look.read_only and dashboard.options.authorise is not None


def is_asking(screen: DashboardScreen) -> bool:
    """Whether the screen waits for a plan at this moment."""
    return any(each.node is screen and each.group == "explain" and not each.is_finished for each in screen.workers)


def ask_first(
    screen: DashboardScreen, authority: Authority, attempt: Attempt, question: Confirmation, go_on: Callable[[Attempt], None]
) -> None:
    """Ask, and go on with the attempt after a yes; what the roles refuse says why in place of the question."""
    if not attempt.decision.allowed:
        screen.run_worker(_leave(screen, authority, attempt), group="acts")
        return

    def answered(yes: bool | None) -> None:
        if yes:
            go_on(replace(attempt, confirmed=True))
        else:
            screen.run_worker(_leave(screen, authority, attempt), group="acts")

    screen.app.push_screen(ConfirmScreen(question), answered)


async def _leave(screen: DashboardScreen, authority: Authority, attempt: Attempt) -> None:
    """Write down that it was refused, or that nobody said yes, and say so."""
    from aishell_core.safety.perform import record_left

    try:
        await record_left(authority.log, (attempt,))
    except AishellError as error:
        screen.say("; ".join(filter(None, (error.message, error.hint))), bad=True)
        return
    if attempt.decision.allowed:
        screen.say("left alone")
    else:
        screen.app.push_screen(ConfirmScreen(refusal_of(attempt)))
