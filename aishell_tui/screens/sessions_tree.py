"""The lock tree as table rows. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aishell_core.lock_holders import missing_text
from aishell_core.units import format_counted, format_duration
from aishell_core.values import Ability, Part, Session, Severity
from aishell_tui.frame import TargetView
from aishell_tui.lock_tree import LockTree, TreeRow
from aishell_tui.lock_words import branch_text, held_text, lock_text, name_text, queue_text, short_name
from aishell_tui.part_ages import fresh_and_stale
from aishell_tui.screens.sessions_rows import WIDE_CELLS, SessionLimits, seconds_cell, sql_text
from aishell_tui.session_list import NO_LAST_STATEMENT, age_seconds, identity, is_active, is_background, is_idle_in_transaction, short_state
from aishell_tui.text import server_text, why_unknown
from widgets.format import cell_width
from widgets.glyphs import Glyphs
from widgets.heading import Heading
from widgets.lines import Span, Spans
from widgets.palette import Role, severity_role
from widgets.table_model import Cell, Column, Row

OLDEST_TRANSACTIONS = 50
_LEAST_TREE, _NARROW_TREE, _WIDE_TREE = 9, 20, 42


def tree_columns(width: int, needed: int) -> tuple[Column, ...]:
    """The columns for a width in cells; the tree's own is as wide as is needed, within bounds."""
    wide = width >= WIDE_CELLS
    most = _WIDE_TREE if wide else _NARROW_TREE
    return (
        Column("tree", "ID", min(max(_LEAST_TREE, needed), most), help="The session, under the one that it waits for"),
        Column("wait", "WAIT", 6, align="right", help="How long it has waited"),
        Column("age", "AGE", 6, align="right", priority=3, help="How long its transaction has been open"),
        Column("behind", "QUEUE", 5, align="right", priority=1, help="How many wait behind it; + counts those shown under another"),
        Column("user", "USER", 12 if wide else 8, priority=2, help="Its user"),
        *((Column("application", "APP", 14, priority=4, help="What the client calls itself"),) if wide else ()),
        Column("lock", "WAITS FOR / HOLDS", 34 if wide else 18, help="The lock"),
        Column("sql", "STATEMENT", None, 18, help="Its statement; of an idle session the last one"),
    )


class LockRow(Row):
    """A session's row of the tree."""

    __slots__ = ()

    def texts(self) -> Sequence[str]:
        """What a filter and a search look at: its id in full and without branches, and each word of a cell by itself."""
        tree = str(self.cell("tree").sort)
        return [tree, *(text for key, cell in self.cells.items() if key != "tree" for text, _ in cell.pieces())]


def tree_row(row: TreeRow, limits: SessionLimits, cells: int, glyphs: Glyphs, *, wide: bool) -> Row:
    """One session of the tree, whose own column has so many cells."""
    session = row.session
    severity = limits.wait.judge(row.wait_seconds) if row.wait_seconds is not None else limits.waiting.judge(row.behind)
    wait_role = severity_role(severity) if severity is not Severity.OK else "text"
    head = not row.depth
    branch = branch_text(row, cells, glyphs)
    name: Span = (short_name(name_text(row.id), cells - cell_width(branch)), "bold" if row.behind else "text")
    found = {
        "tree": Cell(spans=((branch, "dim"), name), sort=row.id),
        "wait": seconds_cell(row.wait_seconds, wait_role),
        "behind": Cell(queue_text(row), wait_role if head else "bold", row.behind + row.elsewhere),
        "lock": Cell(spans=_lock_spans(row, wide=wide)),
        "sql": Cell(missing_text(row.id, row.candidates), "unknown"),
    }
    if session is not None:
        found |= session_cells(session)
    return LockRow(identity(session) if session is not None else f"missing {row.id}", found)


def session_cells(session: Session) -> dict[str, Cell]:
    """The cells that tell who a session is and what it runs."""
    age = session.transaction_seconds if session.transaction_seconds is not None else age_seconds(session)
    sql: list[Span] = [(sql_text(session), "text")]
    if not session.text and not is_active(session) and not is_background(session):
        sql = [(NO_LAST_STATEMENT, "dim")]
    if is_idle_in_transaction(session):
        sql.insert(0, (f"‹{short_state(session.state)}› ", "warning"))
    elif is_background(session):
        sql.insert(0, (f"‹{session.kind}› ", "label"))
    return {
        "age": seconds_cell(age),
        "user": Cell(session.user),
        "application": Cell(session.application),
        "sql": Cell(spans=tuple(sql)),
    }


def _lock_spans(row: TreeRow, *, wide: bool) -> Spans:
    spans: list[Span] = [("circle ", "critical")] if row.in_cycle else []
    others: tuple[str, ...] = (*row.also, *row.ahead)
    role: Role = "warning" if row.also else "label"
    if others and not wide and not row.in_cycle:
        # In front, so that it is not what a narrow column cuts off; the detail has it in words.
        spans.append((f"+{len(others)} ", role))
    spans.append((lock_text(row.wait), "text") if row.wait is not None else (held_text(row.holds), "label"))
    if others and wide:
        more = f" +{len(others) - 1}" if len(others) > 1 else ""
        spans.append((f", also {name_text(others[0])}{more}", role))
    return tuple(spans)


def oldest_transactions(sessions: Sequence[Session]) -> list[Session]:
    """The clients that have a transaction open, the longest first."""
    found = [each for each in sessions if each.transaction_seconds is not None and not is_background(each)]
    found.sort(key=lambda each: -(each.transaction_seconds or 0.0))
    return found[:OLDEST_TRANSACTIONS]


def transaction_row(session: Session, id_cells: int) -> Row:
    """A session that nobody waits for, in the columns of the tree, with so many cells for its id."""
    cells = {"tree": Cell(short_name(session.id, id_cells), "text", session.id), "wait": Cell("–", "dim", math.nan)}
    return LockRow(identity(session), cells | session_cells(session))


def tree_heading(view: TargetView, tree: LockTree, now: float) -> Heading:
    """The tree's title line: how many hold up how many, and for how long."""
    fresh, stale = fresh_and_stale(view, (Part.LOCKS,), now)
    if not tree.rows:
        known = view.lock_waits is not None
        words = "nobody waits for a lock; transactions open longest:" if known else "n/a"
        return Heading("lock tree", ((words, "label"),), fresh, stale)
    spans: list[Span] = []
    if tree.cycles:
        words = format_counted(tree.cycles, "deadlock")
        spans.append((f"{words} in the making   ", "critical"))
    spans += [("heads ", "label"), (f"{tree.heads}", "bold"), ("   waiting ", "label"), (f"{tree.waiting}", "bold")]
    if tree.longest_wait_seconds is not None:
        spans += [("   longest wait ", "label"), (format_duration(tree.longest_wait_seconds), "bold")]
    return Heading("lock tree", tuple(spans), fresh, stale)


def why_no_tree(view: TargetView) -> str:
    """Why the tree is empty."""
    failure = view.failure_of(Part.LOCKS) or view.failure_of(Part.SESSIONS) or view.target_failure
    if failure is not None:
        return why_unknown(failure)
    if view.lacks(Ability.LOCKS):
        return f"n/a: {server_text(view)} has no locks that aishell can read"
    return "nobody has a transaction open" if view.lock_waits is not None else "reading …"
