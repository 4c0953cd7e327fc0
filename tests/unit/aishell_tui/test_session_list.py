"""Which sessions are shown, in which order, and how old they are."""

from __future__ import annotations

import pytest

from aishell_core.values import Session, Severity, Thresholds
from aishell_tui.session_list import (
    age_seconds,
    age_severity,
    identity,
    of_identity,
    session_list,
    short_state,
    wait_text,
)
from tests.scripted_sessions import CHAIN_SESSIONS, CHAIN_WAITS, HEAD, edge, session

STATEMENT, IDLE = Thresholds(30_000, 300_000), Thresholds(300, 900)


def test_the_head_of_a_queue_comes_first_then_the_longest_and_idle_and_background_are_hidden() -> None:
    found = session_list(CHAIN_SESSIONS, CHAIN_WAITS, everyone=False)
    assert [each.id for each in found.shown] == ["4121", "4188", "4190", "4201", "4230", "4195", "4300"]
    assert found.counts.hidden == 2
    assert (found.counts.sessions, found.counts.active, found.counts.idle_in_transaction, found.counts.waiting) == (9, 6, 1, 5)
    assert found.working == len(found.shown)


def test_short_statements_keep_their_places_from_reading_to_reading() -> None:
    first = tuple(session(number, statement_seconds=number / 10) for number in range(1, 6))
    second = tuple(session(number, statement_seconds=(6 - number) / 10) for number in range(1, 6))
    orders = [[each.id for each in session_list(sessions, (), everyone=False).shown] for sessions in (first, second)]
    assert orders[0] == orders[1]


def test_with_everyone_the_idle_come_after_those_who_work_and_the_engine_s_own_last() -> None:
    found = session_list(CHAIN_SESSIONS, CHAIN_WAITS, everyone=True)
    assert [each.id for each in found.shown[-3:]] == ["4300", "4301", "90"]
    assert found.counts.hidden == 0


def test_who_is_waited_for_is_never_hidden() -> None:
    idle, background = session(1, state="idle", statement_seconds=None), session(2, kind="autovacuum worker", state="")
    assert session_list((idle, background), (), everyone=False).shown == ()
    shown = session_list((idle, background), (edge(7, 1, 1.0), edge(8, 2, 1.0)), everyone=False).shown
    assert {each.id for each in shown} == {"1", "2"}


def test_a_parallel_worker_is_no_background_process() -> None:
    worker = session(5, kind="parallel worker", leader="4")
    assert session_list((worker,), (), everyone=False).shown == (worker,)


def test_a_client_that_waits_for_a_connection_of_a_pool_is_not_among_those_that_are_active() -> None:
    clients = (session(1, state="active"), session(2, state="waiting"), session(3, state="waiting"))
    found = session_list(clients, (), everyone=False)
    assert (found.counts.sessions, found.counts.active, found.counts.waiting) == (3, 1, 2)
    assert {each.id for each in found.shown} == {"1", "2", "3"}
    for_a_lock = session_list(clients, (edge(2, 1, 1.0),), everyone=False).counts
    assert (for_a_lock.active, for_a_lock.waiting) == (2, 2), "who waits for a lock is at work, who waits for a connection is not"


def test_an_id_that_was_given_to_another_is_another_session() -> None:
    old, new = session(7, started_at=100.0), session(7, started_at=200.5)
    assert identity(old) != identity(new)
    assert of_identity(identity(old), {"7": new}) is None
    assert of_identity(identity(new), {"7": new}) is new


def test_an_id_may_hold_any_sign() -> None:
    odd = Session("a@b@c")
    assert of_identity(identity(odd), {"a@b@c": odd}) is odd


@pytest.mark.parametrize(
    ("found", "seconds"),
    [
        (session(1, statement_seconds=3.0, state_seconds=9.0), 3.0),
        (HEAD, 720.0),
        (session(1, state="idle", statement_seconds=None, state_seconds=5.0), 5.0),
        (Session("1"), None),
    ],
)
def test_the_age_is_that_of_the_statement_or_else_of_the_state(found: Session, seconds: float | None) -> None:
    assert age_seconds(found) == seconds


def test_long_statements_and_idle_transactions_pass_their_limits_and_background_work_has_none() -> None:
    assert age_severity(session(1, statement_seconds=31.0), STATEMENT, IDLE) is Severity.WARNING
    assert age_severity(session(1, statement_seconds=301.0), STATEMENT, IDLE) is Severity.CRITICAL
    assert age_severity(HEAD, STATEMENT, IDLE) is Severity.WARNING
    assert age_severity(session(1, state="idle", statement_seconds=None, state_seconds=9e9), STATEMENT, IDLE) is Severity.OK
    assert age_severity(session(1, kind="walsender", statement_seconds=9e9), STATEMENT, IDLE) is Severity.OK


def test_states_and_waits_are_short_where_room_is() -> None:
    assert short_state("idle in transaction (aborted)") == "aborted tx"
    assert short_state("writing") == "writing"
    assert wait_text(session(1, wait_class="IO", wait="DataFileRead"), wide=True) == "IO:DataFileRead"
    assert wait_text(session(1, wait_class="IO", wait="DataFileRead"), wide=False) == "DataFileRead"


def test_a_client_that_hangs_in_a_blocking_command_is_shown_and_works() -> None:
    found = session_list((session(1, state="blocked", wait="BLPOP", wait_class="Blocked"), session(2, state="idle")), (), everyone=False)
    assert [each.id for each in found.shown] == ["1"]
    assert (found.counts.active, found.counts.hidden) == (1, 1)
