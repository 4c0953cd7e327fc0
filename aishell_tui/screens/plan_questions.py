"""The questions before a plan for which something is run, and the words where there is none. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aishell_core.errors import AishellError, ConsentError
from aishell_core.units import format_duration
from aishell_core.values import Statement
from aishell_tui.screens.confirm import Confirmation, where_words
from aishell_tui.screens.query_data import effects
from aishell_tui.text import why_unknown

if TYPE_CHECKING:
    from aishell_core.safety.audit_entry import Attempt


def measuring_question(attempt: Attempt, statement: Statement, deadline_seconds: float) -> Confirmation:
    """Whether a statement is to be run to measure its plan."""
    return _question("Run this statement to measure its plan", attempt, effects(statement, deadline_seconds))


def planning_question(attempt: Attempt, error: ConsentError) -> Confirmation:
    """Whether a statement is to be planned although that may already do something."""
    sentences = (
        f"{error.message[:1].upper()}{error.message[1:]}.",
        "It happens with the rights of aishell's role in a read-only transaction, which is then rolled back; what a function does "
        f"outside of it stays. It takes {format_duration(5.0)} at most, and the connection is dropped afterwards.",
    )
    return _question("Let the server plan this statement", attempt, sentences)


def _question(title: str, attempt: Attempt, sentences: tuple[str, ...]) -> Confirmation:
    from aishell_core.safety.decision import Confirmation as Wanted

    decision, place = attempt.decision, attempt.place
    role = (f"as {decision.role}",) if decision.role else ()
    typed = place.target if decision.confirmation is Wanted.TYPED_NAME else ""
    return Confirmation(f"{title} on {where_words(place)}", (*sentences, *role), typed)


def refusal_of(attempt: Attempt) -> Confirmation:
    """Why something is not run for a plan, with the lines of the configuration that would allow it."""
    subject, decision = attempt.subject, attempt.decision
    title = f"{subject[:1].upper()}{subject[1:]} on {attempt.place.target}: not allowed"
    return Confirmation(title, (decision.message, *decision.hint.splitlines()), refused=True)


def why_no_plan(error: AishellError, *, may_ask: bool) -> str:
    """Why there is no plan, and the key that asks where a person may want it all the same."""
    if not isinstance(error, ConsentError):
        return why_unknown(error)
    asks = "e asks whether the server is to plan it all the same"
    return f"n/a: {error.message}.\n" + (asks if may_ask else "nothing but reads is done here, so it is not planned")


def why_unmeasured(error: AishellError) -> str:
    """Why a statement is not run to measure its plan."""
    return "\n".join(filter(None, (f"not measured: {error.message}.", error.hint)))
