"""How acts on sessions went, in words."""

from __future__ import annotations

import pytest

from aishell_core.errors import TargetError
from aishell_core.safety.decision import Place
from aishell_core.safety.roles import Actor, Grant, Policy, Role
from aishell_core.values import FailureCode, Session, Severity
from aishell_ops.sessions.models import Act, Outcome
from aishell_ops.sessions.plan import plan_of
from aishell_tui.cli.reports.session_acts import outcomes_text
from aishell_tui.screens.session_acts import outcome_words, question_of

_POLICY = Policy((Grant(Role.OPERATOR, users=("ann",)),), configured=True)
_SESSION = Session("7", user="bob")


@pytest.mark.parametrize(("act", "done"), [(Act.CANCEL, "cancelled"), (Act.TERMINATE, "ended")])
def test_what_got_no_answer_was_perhaps_done_and_nobody_says_that_it_was_not(act: Act, done: str) -> None:
    plan = plan_of(act, "postgres", (_SESSION,), (), place=Place("orders"), actor=Actor("ann", 1000), policy=_POLICY)
    silent = Outcome(_SESSION, TargetError(FailureCode.TIMEOUT, "no answer within 10s"))
    assert outcomes_text(plan, (silent,)) == f"7  perhaps {done}: no answer within 10s"
    words, severity = outcome_words(plan, silent)
    assert (f"perhaps {done}" in words, "could not" in words, severity) == (True, False, Severity.WARNING)
    gone = Outcome(_SESSION, TargetError(FailureCode.GONE, "it has ended", "look again"))
    assert outcomes_text(plan, (gone,)) == f"7  not {done}: it has ended (look again)"
    assert outcome_words(plan, gone)[0] == f"ann could not {act} session 7 of bob: it has ended"


@pytest.mark.parametrize(
    ("session", "words"),
    [
        (Session("6", "root", state="idle in transaction", transaction_seconds=50.0), "n/a: its last statement is not kept"),
        (Session("6", "root", state="idle", state_seconds=50.0), "no statement"),
        (Session("6", "root", state="idle in transaction", transaction_seconds=50.0, text="SELECT 1"), "SELECT 1"),
    ],
)
def test_the_question_says_where_a_last_statement_is_not_kept(session: Session, words: str) -> None:
    policy = Policy((Grant(Role.OPERATOR, users=("ann",)),), configured=True)
    plan = plan_of(Act.TERMINATE, "mysql", (session,), (), place=Place("shop"), actor=Actor("ann", 1000), policy=policy)
    assert question_of(plan).sentences[0] == f"6 root, {session.state} for 50s: {words}"
