"""Plans to cancel and to end sessions: who is hit, what that does, and whether it is allowed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.safety.decision import Confirmation, Place
from aishell_core.safety.roles import Actor, Grant, Policy, Role
from aishell_core.targets import Environment
from aishell_core.values import LockWait, Session
from aishell_ops.sessions.models import Act, Plan
from aishell_ops.sessions.plan import Queues, head_blockers, plan_of, why_no_head, why_not_inferred

ACTOR = Actor("ann", 1000)
OPERATORS = Policy((Grant(Role.OPERATOR, users=("ann",)),), configured=True)
IDLE = Session("1", transaction_seconds=90.0, state="idle in transaction", state_seconds=80.0)
ACTIVE = Session("2", statement_seconds=5.0, state="active")


def waits(*edges: tuple[str, str]) -> tuple[LockWait, ...]:
    return tuple(LockWait(waiter, holder, "table t", "") for waiter, holder in edges)


def plan(act: Act, *sessions: Session, edges: tuple[LockWait, ...] = (), policy: Policy = OPERATORS, place: Place | None = None) -> Plan:
    return plan_of(act, "postgres", sessions, edges, place=place or Place("orders"), actor=ACTOR, policy=policy)


def test_one_session_of_a_development_target_is_confirmed_by_a_yes() -> None:
    planned = plan(Act.TERMINATE, IDLE)
    assert planned.decision.allowed
    assert (planned.confirmation, planned.title) == (Confirmation.YES, "terminate session 1")


@pytest.mark.parametrize(
    ("sessions", "place"),
    [
        ((IDLE, ACTIVE), Place("orders")),
        ((IDLE,), Place("orders", Environment.PRODUCTION)),
        ((IDLE,), Place("sqlite:///x", known=False)),
    ],
)
def test_several_sessions_and_production_want_the_name_typed(sessions: tuple[Session, ...], place: Place) -> None:
    assert plan(Act.TERMINATE, *sessions, place=place).confirmation is Confirmation.TYPED_NAME


def test_nobody_acts_without_a_role_or_in_a_read_only_session() -> None:
    assert not plan(Act.CANCEL, ACTIVE, policy=Policy()).decision.allowed
    assert not plan(Act.CANCEL, ACTIVE, policy=Policy((Grant(Role.ANALYST, users=("ann",)),), configured=True)).decision.allowed
    assert not plan(Act.CANCEL, ACTIVE, place=Place("orders", read_only=True)).decision.allowed


def test_what_happens_is_said_for_each_session() -> None:
    edges = waits(("2", "1"), ("3", "2"))
    (victim,) = plan(Act.TERMINATE, IDLE, edges=edges).victims
    assert (victim.age_seconds, victim.waiting_behind) == (90.0, 2)
    assert victim.effect == "its connection is closed, its open transaction is rolled back, 2 wait behind it"
    (victim,) = plan(Act.CANCEL, ACTIVE, edges=edges).victims
    assert victim.effect == "its statement ends with an error, 1 waits behind it"
    (victim,) = plan(Act.CANCEL, IDLE).victims
    assert victim.effect.startswith("no statement of it is known to run, so there may be nothing to cancel, its transaction stays open")


@pytest.mark.parametrize(
    ("statement", "transaction", "words"),
    [
        (5.0, None, "its statement ends with an error"),
        (5.0, 60.0, "its statement ends with an error, its transaction stays open until the client ends it"),
        # Seen as the server tells it: an UPDATE of its own and BEGIN with an UPDATE look the same.
        *(
            (
                5.0,
                age,
                "its statement ends with an error, a transaction that the client began before it stays open until the client ends it",
            )
            for age in (4.0, 5.0, 6.0)
        ),
    ],
)
def test_a_transaction_that_may_be_the_statement_s_own_is_not_said_to_stay_open(
    statement: float, transaction: float | None, words: str
) -> None:
    session = replace(ACTIVE, statement_seconds=statement, transaction_seconds=transaction)
    assert plan(Act.CANCEL, session).victims[0].effect == words


def test_why_there_is_no_head_tells_what_is_not_known_from_what_is() -> None:
    unknown = LockWait("2", "", "metadata of a table (inferred)", "", 4.0, "held", inferred=True)
    assert why_no_head((unknown,)).startswith("the server does not tell who holds")
    assert why_no_head((LockWait("2", "0", "row", "X", 4.0, "X"),)).startswith("those who wait do so behind no session")
    assert why_no_head(()).startswith("nobody waits")


def test_head_blockers_come_by_the_length_of_their_queues() -> None:
    sessions = tuple(Session(str(number)) for number in range(7))
    edges = waits(("2", "1"), ("4", "3"), ("5", "4"), ("6", "0"), ("0", "6"))
    assert [session.id for session in head_blockers(sessions, edges)] == ["3", "1"]
    assert head_blockers(sessions, waits(("", "1"))) == ()


def test_a_holder_that_is_only_inferred_is_said_to_be_so_and_one_that_is_told_is_not() -> None:
    guessed = LockWait("2", "1", "metadata of a table (inferred)", "", 4.0, "held", inferred=True)
    (victim,) = plan(Act.TERMINATE, IDLE, edges=(guessed,)).victims
    assert victim.effect.endswith(", perhaps 1 waits behind it (inferred: the server does not tell who holds the lock)")
    assert why_not_inferred(IDLE, (guessed,)).startswith("that session 1 is the head blocker is only inferred")
    (victim,) = plan(Act.TERMINATE, IDLE, edges=(guessed, *waits(("3", "1")))).victims
    assert victim.effect.endswith(", 2 wait behind it")
    assert why_not_inferred(IDLE, (guessed, *waits(("3", "1")))) == ""


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef"))))
def test_any_graph_has_an_end_and_nobody_waits_behind_oneself(edges: list[tuple[str, str]]) -> None:
    queues = Queues(waits(*edges))
    for name in "abcdef":
        behind = queues.behind(name)
        assert name not in behind
        assert all(queues.behind(other) <= behind | {name} for other in behind)


def test_what_an_engine_says_of_an_act_stands_in_the_place_of_what_most_do() -> None:
    session = Session("7", statement_seconds=5.0, transaction_seconds=6.0, if_cancelled="its wait ends", if_terminated="nothing ends")
    (cancelled,), (ended,) = (plan(act, session, edges=waits(("2", "7"))).victims for act in (Act.CANCEL, Act.TERMINATE))
    assert cancelled.effect == "its wait ends, 1 waits behind it"
    assert ended.effect == "nothing ends, 1 waits behind it"
