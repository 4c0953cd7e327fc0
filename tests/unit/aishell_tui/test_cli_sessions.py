"""What `aishell sessions` prints of sessions, and the lock tree of `--waiting`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aishell_core.series.store import SeriesStore
from aishell_core.values import Ability, Failure, FailureCode, LockWait, Part, Reading, Session, Severity, Tier
from aishell_tui.cli.reports.looked import Looked
from aishell_tui.cli.reports.sessions import readability, sessions_report, sessions_text
from aishell_tui.frame import TargetView, absorb
from tests.scripted_sessions import CHAIN_SESSIONS, CHAIN_WAITS, NOW, edge, server, session


def looked(sessions: tuple[Session, ...] | None, waits: tuple[LockWait, ...] | None) -> Looked:
    target, store = server("orders-eu"), SeriesStore()
    reading = Reading(target.name, Tier.HOT, NOW, sessions=sessions, lock_waits=waits)
    view = TargetView(target, store.snapshot(target.name))
    return Looked((absorb(view, reading, store.snapshot(target.name), 1.0),), NOW, {})


@pytest.mark.parametrize(
    ("abilities", "sessions", "code", "expected"),
    [
        (Ability.SESSIONS, (), None, Severity.OK),
        (Ability.SESSIONS, None, FailureCode.PRIVILEGE, Severity.UNKNOWN),
        (Ability.SESSIONS, None, FailureCode.TIMEOUT, Severity.UNKNOWN),
        (Ability.SESSIONS, None, FailureCode.UNSUPPORTED, Severity.UNKNOWN),
        (Ability.NONE, None, None, Severity.OK),
    ],
)
def test_sessions_that_are_there_and_could_not_be_read_are_unknown(
    abilities: Ability, sessions: tuple[Session, ...] | None, code: FailureCode | None, expected: Severity
) -> None:
    (view,) = looked(sessions, None).views
    failures = () if code is None else ((Tier.HOT, (Failure(Part.SESSIONS, code, "said", "", NOW),)),)
    assert readability(replace(view, abilities=abilities, failures_by_tier=failures)) is expected


def tree_of(found: Looked) -> list[str]:
    return sessions_text(found, sessions_report(found, waiting=True), waiting=True).splitlines()


def test_waiting_prints_the_lock_tree_with_its_head_first() -> None:
    lines = tree_of(looked(CHAIN_SESSIONS, CHAIN_WAITS))
    assert lines[1] == "  1 head, 5 waiting, the longest for 11m52s"
    assert [line.split()[0] for line in lines[3:]] == ["4121", "├", "│", "│", "└", "└"]
    assert lines[3].split()[:5] == ["4121", "-", "5", "billing", "billing-worker"]
    assert "holds orders" in lines[3]
    assert lines[5].startswith("  │ ├ 4201")


def table_of(found: Looked) -> tuple[list[str], dict[str, str]]:
    """The headings of the table of sessions, and its lines by the session's id."""
    _, headings, *lines = sessions_text(found, sessions_report(found)).splitlines()
    return headings.split(), {line.split()[0]: line for line in lines}


def test_the_table_has_the_time_in_the_state_and_where_everybody_comes_from() -> None:
    headings, lines = table_of(looked(tuple(each for each in CHAIN_SESSIONS if each.user), ()))
    assert headings == ["ID", "USER", "DATABASE", "CLIENT", "APPLICATION", "STATE", "TIME", "WAIT", "STATEMENT"]
    words = lines["4121"].split()
    assert words[:5] == ["4121", "billing", "orders", "10.0.3.7", "billing-worker"]
    assert words[5:10] == ["idle", "in", "tx", "12m00s", "ClientRead"]
    assert "30s" in lines["4301"].split()
    assert "11m52s" in lines["4188"].split()


def test_a_line_without_room_for_clients_and_databases_keeps_the_statements() -> None:
    client = "client-of-a-long-name.example"
    long = session(7, user="a-rather-long-name-of-a-user", application="an-application-with-a-long-name", client=client, wait="ClientRead")
    headings, lines = table_of(looked((long,), ()))
    assert headings == ["ID", "USER", "APPLICATION", "STATE", "TIME", "WAIT", "STATEMENT"]
    assert "SELECT o.id, o.total" in lines["7"]


def test_a_prepared_transaction_is_no_session_0() -> None:
    text = sessions_text(found := looked((), (edge(2, 0, 1.0),)), sessions_report(found))
    assert "  2 waits for 1s behind a prepared transaction: orders ShareLock" in text


def test_nobody_who_waits_is_said_in_words() -> None:
    assert tree_of(looked(CHAIN_SESSIONS, ()))[1] == "  nobody waits for a lock"


def test_prepared_transactions_and_circles_are_said_in_words() -> None:
    text = "\n".join(tree_of(looked((), (edge(2, 0, 1.0), edge(7, 8, 2.0), edge(8, 7, 1.0)))))
    assert "  prepared" in text
    assert "a prepared transaction" in text
    assert "2 heads, 3 waiting, the longest for 2s, 1 waiting in a circle" in text


def test_where_locks_are_not_told_no_session_is_said_to_wait_and_nobody_is_said_not_to() -> None:
    found = looked(CHAIN_SESSIONS, None)
    assert tree_of(found)[1:] == ["  this target does not tell who waits for a lock"]
    (target,) = sessions_report(found, waiting=True).targets
    assert (target.sessions, target.lock_waits) == (None, None)
    refused = Failure(Part.LOCKS, FailureCode.PRIVILEGE, "hidden", "GRANT", NOW)
    views = tuple(replace(view, failures_by_tier=((Tier.HOT, (refused,)),)) for view in found.views)
    assert tree_of(replace(found, views=views))[1:] == ["  locks: hidden (GRANT)"]


@pytest.mark.parametrize(
    ("abilities", "waits", "waiting", "expected"),
    [
        (Ability.SESSIONS | Ability.LOCKS, None, True, Severity.UNKNOWN),
        (Ability.SESSIONS | Ability.LOCKS, (), True, Severity.OK),
        (Ability.SESSIONS | Ability.LOCKS, None, False, Severity.OK),
        (Ability.SESSIONS, None, True, Severity.OK),
    ],
)
def test_locks_that_should_be_told_and_were_not_are_unknown_to_who_asks_for_them(
    abilities: Ability, waits: tuple[LockWait, ...] | None, waiting: bool, expected: Severity
) -> None:
    (view,) = looked(CHAIN_SESSIONS, waits).views
    assert readability(replace(view, abilities=abilities), waiting=waiting) is expected


def test_the_json_has_all_that_is_known_of_a_session_and_null_for_the_rest() -> None:
    (target,) = sessions_report(looked(CHAIN_SESSIONS, CHAIN_WAITS)).targets
    assert target.sessions is not None
    assert target.lock_waits is not None
    worker = next(row for row in target.sessions if row.id == "4300")
    assert (worker.cpu_ratio, worker.memory_bytes, worker.read_bytes_per_second) == (0.82, 33_554_432.0, None)
    assert worker.started_at is not None
    assert worker.started_at.endswith("Z")
    assert next(row for row in target.sessions if row.id == "90").kind == "checkpointer"
    assert [wait.held_mode for wait in target.lock_waits][:4] == ["ExclusiveLock", "ExclusiveLock", "ExclusiveLock", ""]


def test_a_waiter_is_told_once_where_it_is_known_who_holds_the_lock() -> None:
    waits = (
        LockWait("3", "1", "orders", "X", 4.0, "X"),
        LockWait("3", "2", "orders", "X", 4.0),
        LockWait("2", "1", "orders", "X", 5.0, "X"),
    )
    found = looked((), waits)
    text = sessions_text(found, sessions_report(found))
    assert "3 waits for 4s behind 1" in text
    assert "3 waits for 4s behind 2" not in text
    assert "3 waits for 4s behind 1: orders X, also 2 ahead" in text
    assert len(sessions_report(found).targets[0].lock_waits or ()) == 3, "JSON has all of them"


def test_of_a_long_queue_the_first_ones_ahead_are_named() -> None:
    queue = tuple(LockWait("9", str(ahead), "orders", "X", 1.0) for ahead in range(2, 9))
    found = looked((), (*(LockWait(str(place), "1", "orders", "X", 9.0 - place, "X") for place in range(2, 10)), *queue))
    told = "also 2, 3, 4 and 4 more ahead"
    assert sum(told in line for line in sessions_text(found, sessions_report(found)).splitlines()) == 1
    assert told in sessions_text(found, sessions_report(found, waiting=True), waiting=True)


def test_those_who_could_hold_what_is_waited_for_are_among_those_concerned() -> None:
    """MariaDB without performance schema and plugin names nobody where several could hold a metadata lock."""
    sessions = (session(7, transaction_seconds=60.0), session(8, transaction_seconds=None), session(9), session(12))
    wait = LockWait("9", "", "metadata of a table (inferred)", "EXCLUSIVE", 4.0, "held", inferred=True, candidates=("7", "8"))
    found = looked(sessions, (wait,))
    (target,) = sessions_report(found, waiting=True).targets
    assert [each.id for each in target.sessions or ()] == ["7", "8", "9"]
    (row,) = target.lock_waits or ()
    assert (row.holder, row.inferred, row.candidates) == ("", True, ("7", "8"))
    assert "probably 7, else 8" in tree_of(found)[3]
    assert "behind a holder that the server does not name, probably 7, else 8: metadata" in sessions_text(found, sessions_report(found))
