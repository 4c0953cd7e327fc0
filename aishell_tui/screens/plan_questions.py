"""The questions before a plan for which something is run. Pure but for who acts here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aishell_core.errors import AishellError, ConsentError
from aishell_core.targets import Target
from aishell_core.units import format_duration
from aishell_core.values import Statement
from aishell_tui.options import DashboardOptions
from aishell_tui.screens.confirm import Confirmation, confirmation_on
from aishell_tui.screens.query_data import effects
from aishell_tui.text import why_unknown

if TYPE_CHECKING:
    from aishell_core.safety.decision import Place


def place_of(target: Target, options: DashboardOptions) -> Place:
    """Where a statement would be run, as careful as the configuration wants it."""
    if options.authorise is not None:
        return options.authorise().place(target)
    from aishell_core.safety.decision import Place

    return Place(target.name, target.environment, target.read_only)


def measuring_question(place: Place, statement: Statement, deadline_seconds: float) -> Confirmation:
    """Whether a statement is to be run to measure its plan."""
    return confirmation_on(place, "Run this statement to measure its plan", effects(statement, deadline_seconds))


def planning_question(place: Place, error: ConsentError) -> Confirmation:
    """Whether a statement is to be planned although that may already do something."""
    sentences = (
        f"{error.message[:1].upper()}{error.message[1:]}.",
        "It happens with the rights of aishell's role in a read-only transaction, which is then rolled back; what a function does "
        f"outside of it stays. It takes {format_duration(5.0)} at most, and the connection is dropped afterwards.",
    )
    return confirmation_on(place, "Let the server plan this statement", sentences)


def why_no_plan(error: AishellError, *, may_ask: bool) -> str:
    """Why there is no plan, and the key that asks where a person may want it all the same."""
    if not isinstance(error, ConsentError):
        return why_unknown(error)
    return f"n/a: {error.message}.\n" + ("e asks whether the server is to plan it all the same" if may_ask else error.hint)


def why_unmeasured(error: AishellError) -> str:
    """Why a statement is not run to measure its plan."""
    return "\n".join(filter(None, (f"not measured: {error.message}.", error.hint)))
