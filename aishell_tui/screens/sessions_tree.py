"""The lock tree as table rows. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aishell_core.units import format_duration
from aishell_core.values import LockWait, Part, Session, Severity
from aishell_tui.frame import TargetView
from aishell_tui.lock_tree import PREPARED, LockTree, TreeRow
from aishell_tui.screens.sessions_rows import WIDE_CELLS, SessionLimits, fresh_and_stale, seconds_cell, sql_text
from aishell_tui.session_list import age_seconds, identity, is_background, is_idle_in_transaction, short_mode, short_state
from widgets.glyphs import Glyphs
from widgets.heading import Heading
from widgets.lines import Span, Spans
from widgets.palette import Role, severity_role
from widgets.table_model import Cell, Column, Row

OLDEST_TRANSACTIONS = 50
_LEVEL_CELLS = 2
_ID_CELLS = 7
_NARROW_TREE, _WIDE_TREE = 19, 41


def tree_columns(width: int, deepest: int) -> tuple[Column, ...]:
    """The columns for a width in cells; the tree's own is as wide as its depth asks for, within bounds."""
    wide = width >= WIDE_CELLS
    most = _WIDE_TREE if wide else _NARROW_TREE
    return (
        Column("tree", "PID", min(_ID_CELLS + _LEVEL_CELLS * max(1, deepest), most), help="The session, under the one that it waits for"),
        Column("wait", "WAIT", 6, align="right", help="How long it has waited"),
        Column("age", "AGE", 6, align="right", priority=3, help="How long its transaction has been open"),
        Column("behind", "QUEUE", 5, align="right", priority=1, help="How many wait behind it; + counts those shown under another"),
        Column("user", "USER", 12 if wide else 8, priority=2, help="Its user"),
        *((Column("application", "APP", 14, priority=4, help="What the client calls itself"),) if wide else ()),
        Column("lock", "WAITS FOR / HOLDS", 34 if wide else 18, help="The lock"),
        Column("sql", "QUERY", None, 18, help="Its statement; of an idle session the last one"),
    )


def branch_text(row: TreeRow, cells: int, glyphs: Glyphs) -> str:
    """The lines in front of a row in at most so many cells: of a deeper one its depth in figures and the last levels."""
    if not row.depth:
        return ""
    sign = f"{glyphs.last_branch if row.lasts[-1] else glyphs.branch} "
    room, front = (cells - _ID_CELLS) // _LEVEL_CELLS, ""
    above = row.lasts[:-1]
    if row.depth > room or row.depth > len(row.lasts):
        front = f"{glyphs.left}{row.depth}{glyphs.right}"
        left = max(0, room - 1 - (len(front) + 1) // _LEVEL_CELLS)
        above = above[-left:] if left else ()
    return front + "".join("  " if last else f"{glyphs.trunk} " for last in above) + sign


def lock_words(wait: LockWait | None, holds: Sequence[LockWait]) -> str:
    """What a row waits for, or, of a head, what it has that others want."""
    if wait is not None:
        return f"{wait.object} {short_mode(wait.mode)}".strip()
    held = [each for each in holds if each.held_mode] or list(holds)
    if not held:
        return ""
    wanted = dict.fromkeys(f"{each.object} {short_mode(each.held_mode)}".strip() for each in held)
    more = f" +{len(wanted) - 1}" if len(wanted) > 1 else ""
    return f"holds {next(iter(wanted))}{more}"


def missing_words(row_id: str) -> str:
    """Who stands behind an id that is not among the sessions."""
    if row_id == PREPARED:
        return "a prepared transaction, which no session owns"
    return "a holder that the server does not name" if not row_id else "no longer among the sessions"


def tree_row(row: TreeRow, limits: SessionLimits, tree_cells: int, glyphs: Glyphs) -> Row:
    """One session of the tree."""
    session = row.session
    name = row.id if row.id not in {PREPARED, ""} else "prepared" if row.id else "unknown"
    severity = limits.wait.judge(row.wait_seconds) if row.wait_seconds is not None else limits.waiting.judge(row.behind)
    queue = f"{row.behind}" + (f"+{row.elsewhere}" if row.elsewhere else "")
    wait_role = severity_role(severity) if severity is not Severity.OK else "text"
    head = not row.depth
    cells = {
        "tree": Cell(spans=((branch_text(row, tree_cells, glyphs), "dim"), (name, "bold" if row.behind else "text")), sort=row.id),
        "wait": seconds_cell(row.wait_seconds, wait_role),
        "behind": Cell(queue if row.behind or row.elsewhere else "", wait_role if head else "bold", row.behind + row.elsewhere),
        "lock": Cell(spans=_lock_spans(row)),
        "sql": Cell(missing_words(row.id), "unknown"),
    }
    if session is not None:
        cells |= session_cells(session)
    return Row(identity(session) if session is not None else f"missing {row.id}", cells)


def session_cells(session: Session) -> dict[str, Cell]:
    """The cells that tell who a session is and what it runs."""
    age = session.transaction_seconds if session.transaction_seconds is not None else age_seconds(session)
    sql: list[Span] = [(sql_text(session), "text")]
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


def _lock_spans(row: TreeRow) -> Spans:
    spans: list[Span] = []
    if row.in_cycle:
        spans.append(("circle ", "critical"))
    spans.append((lock_words(row.wait, row.holds), "text" if row.wait is not None else "label"))
    if row.also:
        more = f" +{len(row.also) - 1}" if len(row.also) > 1 else ""
        # In front, so that it is not what a narrow column cuts off.
        spans.insert(0, (f"also {row.also[0] or 'unknown'}{more}: ", "warning"))
    return tuple(spans)


def oldest_transactions(sessions: Sequence[Session]) -> list[Session]:
    """The clients that have a transaction open, the longest first."""
    found = [each for each in sessions if each.transaction_seconds is not None and not is_background(each)]
    found.sort(key=lambda each: -(each.transaction_seconds or 0.0))
    return found[:OLDEST_TRANSACTIONS]


def transaction_row(session: Session) -> Row:
    """A session that nobody waits for, in the columns of the tree."""
    cells = {"tree": Cell(session.id, "text", session.id), "wait": Cell("–", "dim", math.nan)}
    return Row(identity(session), cells | session_cells(session))


def tree_heading(view: TargetView, tree: LockTree, now: float) -> Heading:
    """The tree's title line: how many hold up how many, and for how long."""
    fresh, stale = fresh_and_stale(view, Part.LOCKS, now)
    if not tree.rows:
        known = view.lock_waits is not None
        words = "nobody waits for a lock; transactions open longest:" if known else "n/a"
        return Heading("lock tree", ((words, "label"),), fresh, stale)
    longest = tree.longest_wait_seconds
    spans: list[tuple[str, Role]] = [
        ("heads ", "label"),
        (f"{tree.heads}", "bold"),
        ("   waiting ", "label"),
        (f"{tree.waiting}", "bold"),
    ]
    if longest is not None:
        spans += [("   longest wait ", "label"), (format_duration(longest), "bold")]
    if tree.cycles:
        words = "1 circle" if tree.cycles == 1 else f"{tree.cycles} circles"
        spans.append((f"   {words}: a deadlock in the making", "critical"))
    return Heading("lock tree", tuple(spans), fresh, stale)


def why_no_tree(view: TargetView) -> str:
    """Why the tree is empty."""
    failure = view.failure_of(Part.LOCKS) or view.failure_of(Part.SESSIONS) or view.target_failure
    if failure is not None:
        return f"n/a: {failure.message}. {failure.hint}".strip()
    return "nobody has a transaction open" if view.lock_waits is not None else "reading …"
