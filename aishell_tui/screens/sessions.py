"""Screen 4: who is connected, what each one does and waits for; as a table or as the tree of locks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.message import Message

from aishell_core.values import Ability, Part, Session, TargetId
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame, TargetView, without_left_sessions
from aishell_tui.lock_tree import LockTree, lock_tree
from aishell_tui.lock_words import tree_cells
from aishell_tui.look import Look
from aishell_tui.part_ages import part_is_stale
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.session_acts import ActingScreen
from aishell_tui.screens.sessions_detail import Surroundings, detail_lines
from aishell_tui.screens.sessions_rows import (
    WIDE_CELLS,
    limits_of,
    session_columns,
    session_rows,
    sessions_heading,
    shortfall_lines,
    why_no_sessions,
)
from aishell_tui.screens.sessions_tree import (
    oldest_transactions,
    transaction_row,
    tree_columns,
    tree_heading,
    tree_row,
    why_no_tree,
)
from aishell_tui.screens.tables import copied_rows, table_data
from aishell_tui.session_list import SessionCounts, identity, of_identity, session_list
from aishell_tui.text import next_target
from collectors.contract import Demand
from widgets.heading import Heading
from widgets.table import LineTable
from widgets.table_model import Row
from widgets.text_view import TextView

_FRAME_CELLS = 2
"""What the table takes of the width for the cursor and between."""
_CELL_STEP = 2
_TALL_ROWS = 36
_DETAIL_ROWS, _TALL_DETAIL_ROWS = 6, 10


class LockTreeTable(LineTable):
    """A table whose order is that of the tree; sorting by a column would tear it apart."""

    @dataclass
    class KeptOrder(Message):
        """The user wanted to sort."""

    def action_sort(self) -> None:
        """Leave the order as it is, and let the screen say why."""
        self.post_message(self.KeptOrder())


def _tells_locks(view: TargetView) -> bool:
    """Whether the server tells of locks, as far as is known: before it was read nobody knows what it can."""
    return Ability.LOCKS in view.abilities or view.last_ok_at is None


class SessionsScreen(ActingScreen):
    """The sessions of one target; enter shows one, `t` turns the table into the lock tree and back."""

    SCREEN = "sessions"
    AUTO_FOCUS = "#sessions"
    BINDINGS: ClassVar = bindings_of("sessions")

    def __init__(self) -> None:
        super().__init__()
        self._everyone = False
        self._as_tree = False
        self._of: TargetId | None = None
        self._by_id: dict[str, Session] = {}
        self._chosen: Session | None = None
        self._chosen_at = 0.0
        self._tree_cells = 0
        self._id_cells = 0
        self._measured = False
        self._drawn: tuple[object, ...] = ()
        self._counts = SessionCounts()
        self._lock_tree = LockTree()

    def compose_body(self) -> ComposeResult:
        """The table, the tree in its place, and the selected session below."""
        yield LineTable(session_columns(80, measured=False), heading=Heading("sessions"), show_severity=True, id="sessions")
        # New rows have to stand where they belong in the tree at once, so its order is never held.
        yield LockTreeTable(tree_columns(80, 0), heading=Heading("lock tree"), hold_order=False, id="tree")
        yield TextView(id="session")

    def demand(self) -> Demand:
        """Sessions and locks are read only while they are looked at."""
        return frozenset({Part.SESSIONS, Part.LOCKS})

    @property
    def table(self) -> LineTable | None:
        """The table or the tree, whichever is seen."""
        return self.query_one("#tree" if self._as_tree else "#sessions", LineTable)

    def show_body(self, frame: Frame, look: Look) -> None:
        """The newest sessions of the target that is looked at."""
        view = self.viewed(frame, look)
        if view is None:
            return
        view = without_left_sessions(view)
        if view.name != self._of:
            self._start(view.name)
        if self._as_tree and not _tells_locks(view):
            # The key that leads back is not offered here.
            self.show_lock_tree(shown=False)
            return
        drawn = (view.sessions, view.lock_waits, view.failures_by_tier, self._everyone, self._as_tree, self.size)
        if [id(part) for part in drawn[:3]] != [id(part) for part in self._drawn[:3]] or drawn[3:] != self._drawn[3:]:
            # The ages in the rows are those of the reading, so that they change with it and with nothing else.
            self._drawn = drawn
            self._by_id = {session.id: session for session in view.sessions or ()}
            self._show_tree(view) if self._as_tree else self._show_list(view)
        self._show_headings(view, frame.at)
        self._show_detail(view, frame.at)

    def _start(self, name: TargetId) -> None:
        """Another target's rows must not stay as vanished ones."""
        self._of, self._tree_cells, self._id_cells, self._measured, self._drawn, self._chosen = name, 0, 0, False, (), None
        for table in self.query(LineTable):
            table.select(None)
            table.clear_marks()

    def _show_list(self, view: TargetView) -> None:
        table = self.query_one("#sessions", LineTable)
        sessions = view.sessions or ()
        self._measured = self._measured or any(session.cpu_ratio is not None for session in sessions)
        found = session_list(sessions, view.lock_waits or (), everyone=self._everyone)
        # Never narrower again, so that the columns do not jump with every session that comes or goes.
        self._id_cells = max([self._id_cells, *(len(session.id) for session in found.shown)])
        columns = session_columns(self.size.width - _FRAME_CELLS, measured=self._measured, longest_id=self._id_cells)
        if columns != table.columns:
            table.set_columns(columns)
        self._counts, limits, wide = found.counts, limits_of(view), self._is_wide
        table.set_empty_text(why_no_sessions(view, found.counts))
        table.set_rows(session_rows(found, limits, wide=wide))

    @property
    def _is_wide(self) -> bool:
        return self.size.width - _FRAME_CELLS >= WIDE_CELLS

    def _show_tree(self, view: TargetView) -> None:
        table = self.query_one("#tree", LineTable)
        self._lock_tree = tree = lock_tree(view.sessions or (), view.lock_waits or ())
        transactions = [] if tree.rows else oldest_transactions(view.sessions or ())
        needed = max([tree_cells(tree), *(len(session.id) for session in transactions)])
        # The column grows in steps and never shrinks, so that it does not jump with every session that comes or goes.
        self._tree_cells = max(self._tree_cells, -(-needed // _CELL_STEP) * _CELL_STEP)
        columns = tree_columns(self.size.width - _FRAME_CELLS, self._tree_cells)
        if columns != table.columns:
            table.set_columns(columns)
        limits, cells, glyphs, wide = limits_of(view), columns[0].width or 0, table.glyphs, self._is_wide
        rows: list[Row] = [tree_row(row, limits, cells, glyphs, wide=wide) for row in tree.rows]
        table.set_empty_text(why_no_tree(view))
        table.set_rows(rows or [transaction_row(session, cells) for session in transactions])

    def _show_headings(self, view: TargetView, now: float) -> None:
        table = self.table
        if table is None:
            return
        table.set_stale(part_is_stale(view, Part.LOCKS if self._as_tree else Part.SESSIONS, now))
        if self._as_tree:
            table.set_heading(tree_heading(view, self._lock_tree, now))
        else:
            table.set_heading(sessions_heading(view, self._counts, now, self.size.width))

    def _show_detail(self, view: TargetView, now: float) -> None:
        """The selected session in sentences; one that has ended as it was last known."""
        pane, table = self.query_one("#session", TextView), self.table
        chosen = table.selected_id if table is not None else None
        missing = shortfall_lines(view, self.size.width) if chosen is None else ()
        pane.display = chosen is not None or bool(missing)
        if chosen is None:
            self._chosen = None
            pane.set_lines(missing)
            return
        found = of_identity(chosen, self._by_id)
        at = view.part_at.get(Part.SESSIONS, now)
        if found is not None or self._chosen is None or identity(self._chosen) != chosen:
            self._chosen, self._chosen_at = found, at
        if self._chosen is None:
            pane.set_lines((((" nothing more is known of it", "dim"),),))
            return
        # The ages of one that has ended count back from when it was last seen.
        around = Surroundings(self._by_id, view.lock_waits or (), self._chosen_at, now)
        pane.set_lines(detail_lines(self._chosen, around, self.size.width, self._detail_rows, gone=found is None))

    @property
    def _detail_rows(self) -> int:
        return _DETAIL_ROWS if self.size.height < _TALL_ROWS else _TALL_DETAIL_ROWS

    def on_resize(self, event: events.Resize) -> None:
        """Give the detail more rows where there are more."""
        super().on_resize(event)
        self.query_one("#session", TextView).set_class(event.size.height >= _TALL_ROWS, "-tall")
        self.show(self.dashboard.frame, self.dashboard.look)

    @on(LineTable.Moved)
    def _moved(self) -> None:
        view = self.acted_view()
        if view is not None:
            self._show_detail(view, self.dashboard.frame.at)

    @on(LockTreeTable.KeptOrder)
    def _kept_order(self) -> None:
        self.say("the tree has an order of its own; t shows the table, which can be sorted")

    def show_lock_tree(self, *, shown: bool = True) -> None:
        """Show the lock tree, or the table again; the selected session stays selected."""
        before, self._as_tree = self.table, shown
        table = self.table
        if before is table or before is None or table is None:
            return
        before.display, table.display = False, True
        self.show(self.dashboard.frame, self.dashboard.look)
        table.select(before.selected_id)
        before.select(None)
        table.focus()

    def action_tree(self) -> None:
        """Turn the table into the lock tree, or back; where the server has no locks to wait for there is none."""
        view = self.acted_view()
        if not self._as_tree and view is not None and not _tells_locks(view):
            self.say(f"{view.name} tells of no locks that sessions wait for, so there is no tree of them")
            return
        self.show_lock_tree(shown=not self._as_tree)

    def action_idle(self) -> None:
        """Show idle and background sessions too, or hide them."""
        self._everyone = not self._everyone
        if self._as_tree:
            self.show_lock_tree(shown=False)
        self.show(self.dashboard.frame, self.dashboard.look)

    def action_next_target(self, steps: int) -> None:
        """The sessions of the next target."""
        frame, look = self.dashboard.frame, self.dashboard.look
        self.dashboard.change_look(replace(look, target=next_target(frame, look.target, steps)))
        self.on_screen_resume()

    def action_explain(self) -> None:
        """Show the selected session with the plan of its statement."""
        self._open(explain=True)

    @on(LineTable.Opened)
    def _opened(self) -> None:
        self._open(explain=False)

    def _open(self, *, explain: bool) -> None:
        table, view = self.table, self.viewed(self.dashboard.frame, self.dashboard.look)
        if table is None or view is None:
            return
        if table.selected_id is None:
            table.action_move(0)
        session = of_identity(table.selected_id or "", self._by_id) or self._chosen
        if session is None:
            self.say("nothing more is known of it")
            return
        from aishell_tui.screens.session import SessionScreen

        self.app.push_screen(SessionScreen(view.name, session, explain=explain))

    def chosen_sessions(self) -> tuple[Session, ...]:
        """The marked sessions in the order of the rows, else the selected one, also one that has ended since."""
        table = self.table
        if table is None:
            return ()
        wanted = table.marked_ids or {table.selected_id}
        found = (of_identity(each, self._by_id) for each in table.shown_ids if each in wanted)
        return tuple(session for session in found if session is not None)

    def pane_data(self) -> PaneData | None:
        """The table or the tree."""
        table = self.table
        return table_data("lock tree" if self._as_tree else "sessions", table) if table is not None else None

    def copy_text(self) -> str:
        """The statements of the marked sessions, or that of the selected one."""
        table = self.table
        if table is None:
            return ""
        return "\n".join(each.text for each in self.chosen_sessions() if each.text) or copied_rows(table)
