"""Sentences and rows about sessions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aishell_core.lock_holders import missing_text
from aishell_core.values import Failure, FailureCode, LockWait, Part, Session, Severity, Thresholds, Tier
from aishell_tui.assess import blocking_sentence
from aishell_tui.frame import TargetView
from aishell_tui.lock_tree import lock_tree
from aishell_tui.lock_words import branch_text, held_text, lock_text, queue_text, short_mode, short_object, tree_cells
from aishell_tui.look import Look
from aishell_tui.screens.sessions_detail import (
    Surroundings,
    detail_lines,
    end_sentence,
    holder_words,
    session_fields,
    state_sentences,
    wait_sentence,
)
from aishell_tui.screens.sessions_rows import SessionLimits, session_columns, session_rows, sessions_heading
from aishell_tui.screens.sessions_tree import tree_columns, tree_row
from aishell_tui.screens.waits_data import chart_heading
from aishell_tui.session_list import NO_LAST_STATEMENT, session_list
from tests.scripted_server import ServerScript, server_view
from tests.scripted_sessions import CHAIN_SESSIONS, CHAIN_WAITS, HEAD, NOW, edge, locked, session
from widgets.glyphs import ASCII, UNICODE
from widgets.lines import Spans
from widgets.table_layout import place_columns
from widgets.table_model import Row
from widgets.table_order import parse_pattern

LIMITS = SessionLimits(Thresholds(30_000, 300_000), Thresholds(300, 900), Thresholds(1, 10), Thresholds(10, 60))


def around(*sessions: Session, waits: tuple[LockWait, ...] = CHAIN_WAITS) -> Surroundings:
    """What stands around a session at the moment of the tests."""
    return Surroundings({each.id: each for each in sessions or CHAIN_SESSIONS}, waits, NOW, NOW)


def text_of(found: Session, width: int = 80, rows: int = 8, *, gone: bool = False) -> list[str]:
    return ["".join(text for text, _ in line) for line in detail_lines(found, around(), width, rows, gone=gone)]


def test_the_head_of_a_queue_is_told_as_who_since_when_and_what_its_end_changes() -> None:
    lines = text_of(HEAD)
    assert lines[0].startswith(" 4121  billing@10.0.3.7  orders  app billing-worker  connected since")
    assert lines[1] == " in transaction since 22:01:16 (12m04s), idle since 22:01:20 (12m00s)"
    assert lines[2] == " Ending it frees 5 sessions; its own work since 22:01:16 is rolled back."
    assert lines[3] == "   UPDATE orders SET status = 'billed' WHERE id = 4711"


def test_a_waiter_is_told_for_what_and_behind_whom() -> None:
    waiter = next(each for each in CHAIN_SESSIONS if each.id == "4230")
    assert " waits 4m02s for orders Excl, behind 4188 (shop, active)" in text_of(waiter)


def test_a_statement_is_wrapped_and_cut_where_there_is_no_more_room_and_one_that_ended_says_so() -> None:
    long = session(1, text="SELECT " + ", ".join(f"column_{number}" for number in range(99)))
    lines = text_of(long, rows=6, gone=True)
    assert "has ended" in lines[0]
    assert len(lines) == 6
    assert lines[-1].endswith("…")
    assert all(len(line) <= 80 for line in lines[1:])


def test_a_failed_transaction_says_that_it_can_only_roll_back() -> None:
    aborted = session(1, state="idle in transaction (aborted)", statement_seconds=None)
    assert "a statement failed, so it can only roll back" in state_sentences(aborted, around())[0]


def test_who_waits_for_others_too_is_not_counted_as_freed() -> None:
    waits = (edge(2, 1, 1.0), edge(3, 1, 1.0), edge(3, 9, 1.0))
    plain = session(1, transaction_seconds=None)
    assert end_sentence(plain, around(waits=waits)) == "Ending it frees 1 session; 1 more behind it waits for others too."
    assert end_sentence(session(5), around(waits=())) == ""
    nobody = end_sentence(session(9, transaction_seconds=None), around(waits=waits))
    assert nobody == "Ending it alone frees nobody; the 1 behind it waits for others too."


@pytest.mark.parametrize(
    ("holder", "words"), [("0", "a prepared transaction"), ("", "a holder that is not named"), ("77", "77 (no longer")]
)
def test_holders_without_a_session_are_told_in_words(holder: str, words: str) -> None:
    assert holder_words(holder, {}).startswith(words)
    assert missing_text(holder)


@pytest.mark.parametrize(
    ("open_since", "count", "words"),
    [
        (60.0, 1, "probably 1"),
        (60.0, 2, "probably 1, else 2"),
        (60.0, 3, "probably 1, else 2 or 3"),
        (60.0, 5, "probably 1, else 2, 3 or 2 more"),
        (None, 2, "perhaps 1 or 2"),
    ],
)
def test_of_a_holder_that_is_not_named_those_who_could_be_it_are_named_as_that(open_since: float | None, count: int, words: str) -> None:
    sessions = [session(1, transaction_seconds=open_since), *(session(each, transaction_seconds=None) for each in range(2, count + 1))]
    names = tuple(each.id for each in sessions)
    wait = LockWait("9", "", "metadata of a table (inferred)", "EXCLUSIVE", 4.0, "held", inferred=True, candidates=names)
    everybody = (*sessions, session(9))
    (head, _) = lock_tree(everybody, (wait,)).rows
    told = f"a holder that the server does not name, {words}"
    assert missing_text(head.id, head.candidates) == f"{words}; the server does not tell"
    assert wait_sentence((wait,), around(*everybody, waits=(wait,))).endswith(f"behind a holder that is not named, {words}")
    assert blocking_sentence((wait,), everybody) == f"1 session waits behind {told}, the longest for 4s"


def test_fields_leave_out_what_is_not_known() -> None:
    fields = dict(session_fields(HEAD, around()))
    assert fields["transaction since"] == "22:01:16 (12m04s)"
    assert not {"cpu", "memory", "kind", "works for"} & set(fields)


@pytest.mark.parametrize("width", [77, 97, 117, 157])
def test_the_statement_has_thirty_cells_at_every_width(width: int) -> None:
    placed = {each.column.key: each.width for each in place_columns(session_columns(width, measured=True), width).columns}
    assert placed["sql"] >= 30
    assert {"id", "age", "state", "wait", "user"} <= set(placed)


def row_by_id(rows: list[Row], name: str) -> Row:
    return next(row for row in rows if row.id.split("@")[0] == name)


def test_rows_show_queue_wait_and_severity_in_words_and_figures() -> None:
    rows: list[Row] = list(session_rows(session_list(CHAIN_SESSIONS, CHAIN_WAITS, everyone=True), LIMITS, wide=True))
    head, waiter, idle = row_by_id(rows, "4121"), row_by_id(rows, "4188"), row_by_id(rows, "4301")
    assert (head.cell("wait").text, head.cell("state").text, head.severity) == ("blocks 2", "idle in tx", Severity.WARNING)
    assert (waiter.cell("wait").text, waiter.severity) == ("Lock:transactionid", Severity.CRITICAL)
    assert (idle.cell("state").role, idle.severity) == ("dim", None)
    assert row_by_id(rows, "4300").cell("cpu").text == "82"
    assert row_by_id(rows, "4301").cell("cpu").text == "–"
    assert row_by_id(rows, "90").cell("state").text == "checkpointer"


def plain(spans: Spans) -> str:
    return "".join(text for text, _ in spans)


def view_of(sessions: tuple[Session, ...] | None, *failures: Failure) -> TargetView:
    return replace(server_view(ServerScript()), sessions=sessions, failures_by_tier=((Tier.HOT, failures),))


UNTOLD = (Session("1"), Session("2", user="ann"))
HIDDEN = Failure(Part.SESSIONS, FailureCode.PRIVILEGE, "what sessions of other roles do is hidden", "GRANT pg_monitor TO nothing")


@pytest.mark.parametrize(
    ("sessions", "failures", "width", "words"),
    [
        (UNTOLD, (HIDDEN,), 160, "2 seen: active n/a, 2 hidden (idle, background or not told, key i)"),
        (UNTOLD, (HIDDEN,), 80, "2 seen: active n/a, 2 hidden"),
        ((*UNTOLD, session(3)), (HIDDEN,), 80, "3 seen: at least 1 active, 2 hidden"),
        ((session(3),), (), 80, "1: 1 active"),
        ((), (), 80, "0: 0 active"),
        (None, (), 80, "n/a"),
        ((session(3),), (replace(HIDDEN, code=FailureCode.TIMEOUT),), 80, "1: 1 active"),
    ],
)
def test_what_is_hidden_or_was_not_read_is_not_counted_as_nobody(
    sessions: tuple[Session, ...] | None, failures: tuple[Failure, ...], width: int, words: str
) -> None:
    counts = session_list(sessions or (), (), everyone=False).counts
    assert plain(sessions_heading(view_of(sessions, *failures), counts, NOW, width).detail) == words


@pytest.mark.parametrize(
    ("average", "hidden", "words"),
    [
        (0.0, True, "  active on average n/a"),
        (1.5, True, "  at least 1.5 active on average"),
        (0.0, False, "  0 active on average"),
        (None, True, ""),
        (None, False, ""),
    ],
)
def test_an_average_of_what_is_hidden_is_not_nobody(average: float | None, hidden: bool, words: str) -> None:
    heading = chart_heading(Look(), NOW, average, (), "", "", partly_hidden=hidden)
    assert plain(heading.detail[1:]) == words


def test_a_filter_looks_at_words_and_not_at_figures() -> None:
    rows = session_rows(session_list(CHAIN_SESSIONS, CHAIN_WAITS, everyone=True), LIMITS, wide=True)
    text = row_by_id(list(rows), "4190").plain()
    assert all(word in text for word in ("migrate", "orders", "alembic", "10.0.3.7", "active", "ALTER TABLE", "relation"))
    assert "10m01s" not in text


def test_what_a_row_waits_for_or_holds_is_told_in_short() -> None:
    assert lock_text(edge(2, 1, 1.0, "AccessExclusiveLock")) == "orders AccessExcl"
    assert held_text(CHAIN_WAITS[:1]) == "holds orders Excl"
    assert held_text((edge(2, 1, 1.0), edge(3, 1, 1.0, on="users"))) == "holds orders Excl +1"
    assert held_text(()) == ""
    assert short_mode("ShareUpdateExclusiveLock") == "ShareUpdExcl"


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("relation public.orders", "orders"),
        ("relation audit.log", "audit.log"),
        ("row (0,1) of public.orders", "orders row"),
        ("transaction 727, a row of public.orders", "orders row"),
        ("transaction 727", "transaction 727"),
        ("database", "database"),
    ],
)
def test_of_what_is_locked_the_table_s_name_comes_first(text: str, short: str) -> None:
    assert short_object(text) == short


def test_branches_are_drawn_down_to_where_they_fit_and_then_counted() -> None:
    chain = tuple(edge(place + 1, place, 1.0) for place in range(100, 160))
    tree = lock_tree((), (*chain, edge(900, 101, 0.5)))
    rows = {row.id: row for row in tree.rows}
    assert tree_cells(tree) == 2 * 60 + 3
    assert branch_text(rows["100"], 20, UNICODE) == ""
    assert branch_text(rows["102"], 20, UNICODE) == "  ├ "
    assert branch_text(rows["900"], 20, ASCII) == "  ` "
    assert branch_text(rows["103"], 20, UNICODE) == "  │ └ "
    for row in tree.rows:
        assert len(branch_text(row, 20, UNICODE)) + len(row.id) <= 20
    assert branch_text(rows["160"], 20, UNICODE) == "‹60›          └ "


def test_a_row_of_the_tree_tells_its_queue_its_circle_and_whom_else_it_waits_for() -> None:
    tree = lock_tree(CHAIN_SESSIONS, (edge(2, 1, 30.0), edge(3, 1, 20.0), edge(4, 2, 5.0), edge(4, 3, 5.0)))
    rows = {row.id: tree_row(row, LIMITS, 19, UNICODE, wide=True) for row in tree.rows}
    assert rows["4"].cell("lock").plain() == "orders Share, also 3"
    assert tree_row(tree.rows[2], LIMITS, 19, UNICODE, wide=False).cell("lock").plain() == "+1 orders Share"
    assert (rows["1"].cell("behind").text, rows["3"].cell("behind").text) == ("3", "+1")
    circle = lock_tree((), (edge(1, 2, 3.0), edge(2, 1, 8.0)))
    assert "circle" in tree_row(circle.rows[0], LIMITS, 19, UNICODE, wide=True).cell("lock").plain()


def test_a_row_of_the_tree_tells_who_is_ahead_of_it_in_the_queue() -> None:
    tree = lock_tree(CHAIN_SESSIONS, (edge(2, 1, 30.0), edge(3, 1, 20.0), edge(3, 2, 20.0, held="")))
    (row,) = (row for row in tree.rows if row.id == "3")
    wide, narrow = (tree_row(row, LIMITS, 19, UNICODE, wide=wide).cell("lock") for wide in (True, False))
    assert (wide.plain(), narrow.plain()) == ("orders Share, also 2", "+1 orders Share")


def test_who_stands_below_already_is_not_counted_again() -> None:
    tree = lock_tree((), (edge(2, 1, 9.0), edge(3, 2, 5.0), edge(3, 1, 5.0)))
    assert [queue_text(row) for row in tree.rows] == ["2", "1", ""]


def test_the_tree_s_own_column_grows_with_its_depth_within_bounds() -> None:
    assert [tree_columns(78, needed)[0].width for needed in (0, 11, 15, 400)] == [9, 11, 15, 20]
    assert tree_columns(158, 400)[0].width == 42


def test_a_prepared_transaction_is_named_in_its_row() -> None:
    tree = lock_tree((locked(2, 1.0),), (edge(2, 0, 1.0),))
    row = tree_row(tree.rows[0], LIMITS, 19, UNICODE, wide=True)
    assert row.cell("tree").plain() == "prepared"
    assert row.cell("sql").text == "a prepared transaction, which no session owns"


def test_a_filter_for_the_beginning_of_a_statement_finds_it_in_the_table_and_in_the_tree() -> None:
    pattern = parse_pattern("^update orders")
    assert pattern is not None
    rows = session_rows(session_list(CHAIN_SESSIONS, CHAIN_WAITS, everyone=True), LIMITS, wide=True)
    assert {row.session.id for row in rows if pattern.found_in(row)} == {"4121", "4188", "4201", "4230"}
    tree = lock_tree(CHAIN_SESSIONS, CHAIN_WAITS)
    found = [tree_row(row, LIMITS, 20, UNICODE, wide=True) for row in tree.rows]
    assert {str(row.cell("tree").sort) for row in found if pattern.found_in(row)} == {"4121", "4188", "4201", "4230"}
    one = parse_pattern("^4188$")
    assert one is not None
    assert [str(row.cell("tree").sort) for row in found if one.found_in(row)] == ["4188"]


LOGICAL = "3f2a09c1-d4e5-4a6b-8c7d-9e0f1a2b3c4d"


@pytest.mark.parametrize(
    ("name", "narrow", "wide"),
    [("4711", "4711", "4711"), ("102,45678,@2", "102,45678,@2", "102,45678,@2"), (LOGICAL, "3f2a09c1…1a2b3c4d", LOGICAL)],
)
def test_an_id_gets_the_cells_that_it_needs_and_both_its_ends_where_there_are_not_so_many(name: str, narrow: str, wide: str) -> None:
    for width, expected in ((78, narrow), (158, wide)):
        placed = {
            each.column.key: each.width
            for each in place_columns(session_columns(width, measured=True, longest_id=len(name)), width).columns
        }
        (row,) = session_rows(session_list((Session(name, state="active"),), (), everyone=True), LIMITS, wide=width > 120)
        assert row.cell("id").plain() == expected
        assert len(expected) <= placed["id"]
        assert {"age", "state", "wait", "sql"} <= placed.keys()


def test_ids_of_the_lock_tree_keep_both_ends_too() -> None:
    other = LOGICAL.replace("3f", "40")
    tree = lock_tree((), (LockWait("7", LOGICAL, "orders", "X", 5.0, "X"), LockWait(other, "7", "orders", "X", 4.0, "X")))
    narrow, wide = ([tree_row(row, LIMITS, cells, UNICODE, wide=cells > 40).cell("tree") for row in tree.rows] for cells in (20, 42))
    assert [cell.plain() for cell in narrow] == ["3f2a09c1-d…f1a2b3c4d", "└ 7", "‹2›└ 402a09c…a2b3c4d"]
    assert [cell.plain() for cell in wide] == [LOGICAL, "└ 7", f"  └ {other}"]
    assert narrow[0].sort == LOGICAL, "an export and a sort have it in full"


def test_a_holder_whose_last_statement_is_not_kept_says_so() -> None:
    """As who has locked a table by LOCK TABLES on a server that forgets a statement when it has ended."""
    holder = replace(locked(2, 1.0), id="1", state="idle", text="", statement_seconds=None)
    tree = lock_tree((holder, locked(2, 1.0)), (edge(2, 1, 1.0),))
    assert tree_row(tree.rows[0], LIMITS, 19, UNICODE, wide=True).cell("sql").plain() == NO_LAST_STATEMENT
    rows = session_rows(session_list((holder, locked(2, 1.0)), (edge(2, 1, 1.0),), everyone=True), LIMITS, wide=True)
    assert {row.session.id: row.cell("sql").plain() for row in rows}["1"] == NO_LAST_STATEMENT
