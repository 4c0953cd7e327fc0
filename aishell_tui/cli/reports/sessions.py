"""What `aishell sessions` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from aishell_core.lock_holders import holder_text, missing_text
from aishell_core.units import format_counted, format_value
from aishell_core.values import Ability, LockWait, Part, Session, Severity, Unit
from aishell_tui.cli.encode import utc_text
from aishell_tui.cli.reports.looked import Looked, failure_lines, failure_rows, failures_about
from aishell_tui.cli.shapes import LockWaitRow, SessionRow, SessionsReport, TargetSessions
from aishell_tui.cli.terminal import cell_width, fit, line_width, printable, speaks_unicode, table
from aishell_tui.frame import TargetView
from aishell_tui.lock_tree import TreeRow, lock_tree
from aishell_tui.lock_words import branch_text, held_text, lock_text, name_text, queue_text
from aishell_tui.session_list import NO_LAST_STATEMENT, age_seconds, is_active, is_background, short_state
from aishell_tui.text import product_text
from widgets.glyphs import ASCII, UNICODE, Glyphs

_TEXT_COLUMNS = 50
_TREE_COLUMNS = 60
_LEAST_TEXT_COLUMNS = 30
_GAP = 2
_NAMED_AHEAD = 3
_TITLES = ("  ID", "USER", "DATABASE", "CLIENT", "APPLICATION", "STATE", "TIME", "WAIT", "STATEMENT")
_RIGHT = ("TIME",)
# Left out, the first one first, where the line is too narrow for them and a piece of the statement.
_SPARE = ("CLIENT", "DATABASE")
_TREE_TITLES = ("  ID", "WAIT", "QUEUE", "USER", "APPLICATION", "STATE", "WAITS FOR / HOLDS", "STATEMENT")


def sessions_report(looked: Looked, *, waiting: bool = False) -> SessionsReport:
    """The report as scripts get it."""
    return SessionsReport(utc_text(looked.at), tuple(_target_sessions(view, waiting) for view in looked.views))


def readability(view: TargetView, *, waiting: bool = False) -> Severity:
    """Unknown where sessions, or with `waiting` locks, should be told and were not; a kind of target that has none says nothing."""
    unread = Ability.SESSIONS in view.abilities and view.sessions is None
    unread |= waiting and Ability.LOCKS in view.abilities and view.lock_waits is None
    return Severity.UNKNOWN if unread else Severity.OK


def _target_sessions(view: TargetView, waiting: bool) -> TargetSessions:
    found = view.sessions
    if waiting and found is not None:
        found = None if view.lock_waits is None else _involved(found, view.lock_waits)
    return TargetSessions(
        name=view.name,
        engine=view.target.engine,
        state=view.assessment.severity.value,
        sessions=None if found is None else tuple(_row(session) for session in found),
        lock_waits=None if view.lock_waits is None else tuple(_wait(wait) for wait in view.lock_waits),
        failures=failure_rows(view.failures),
    )


def _involved(sessions: tuple[Session, ...], waits: Sequence[LockWait]) -> tuple[Session, ...]:
    """Those that wait, and those that are waited for, or could be."""
    names = {name for wait in waits if wait.waiter for name in (wait.waiter, wait.holder, *wait.candidates)}
    return tuple(session for session in sessions if session.id in names)


def _row(session: Session) -> SessionRow:
    return SessionRow(
        id=session.id,
        user=session.user,
        client=session.client,
        application=session.application,
        database=session.database,
        state=session.state,
        wait=session.wait,
        statement_seconds=session.statement_seconds,
        transaction_seconds=session.transaction_seconds,
        text=session.text,
        started_at=None if session.started_at is None else utc_text(session.started_at),
        kind=session.kind,
        leader=session.leader,
        wait_class=session.wait_class,
        state_seconds=session.state_seconds,
        digest=session.digest,
        cpu_ratio=session.cpu_ratio,
        memory_bytes=session.memory_bytes,
        read_bytes_per_second=session.read_bytes_per_second,
        write_bytes_per_second=session.write_bytes_per_second,
    )


def _wait(wait: LockWait) -> LockWaitRow:
    return LockWaitRow(wait.waiter, wait.holder, wait.object, wait.mode, wait.wait_seconds, wait.held_mode, wait.inferred, wait.candidates)


def sessions_text(looked: Looked, report: SessionsReport, *, waiting: bool = False) -> str:
    """The report as people get it; with `waiting` as a tree of who waits behind whom."""
    lines = []
    for view, target in zip(looked.views, report.targets, strict=True):
        failures = failures_about(view.failures, Part.SESSIONS, Part.LOCKS)
        product = product_text(view.facts) if view.facts is not None else ""
        lines.append(f"{printable(target.name)}  {printable(product or target.engine)}")
        if waiting and view.lock_waits is not None:
            lines.extend(_tree(view))
        elif target.sessions:
            lines.append(_table(view.sessions or ()))
        elif target.sessions is not None:
            lines.append("  no session")
        elif not failures:
            lines.append(f"  this target does not {'list its sessions' if view.sessions is None else 'tell who waits for a lock'}")
        if not waiting:
            lines.extend(map(printable, _sentences(target.lock_waits or (), view.sessions or ())))
        lines.extend(printable(line) for line in failure_lines(failures))
        lines.append("")
    return "\n".join(lines).rstrip()


def _tree(view: TargetView) -> list[str]:
    """The lock tree, heads first."""
    tree = lock_tree(view.sessions or (), view.lock_waits or ())
    if not tree.rows:
        return ["  nobody waits for a lock"]
    longest = "" if tree.longest_wait_seconds is None else f", the longest for {format_value(tree.longest_wait_seconds, Unit.SECONDS)}"
    heads = format_counted(tree.heads, "head")
    circles = f", {tree.cycles} waiting in a circle" if tree.cycles else ""
    glyphs = UNICODE if speaks_unicode() else ASCII
    rows = [_tree_cells(row, glyphs) for row in tree.rows]
    return [f"  {heads}, {tree.waiting} waiting{longest}{circles}", table(_TREE_TITLES, rows, (1, 2))]


def _tree_cells(row: TreeRow, glyphs: Glyphs) -> tuple[str, ...]:
    session = row.session
    also = f", also {', '.join(map(name_text, row.also))}" if row.also else ""
    held = lock_text(row.wait) if row.wait is not None else held_text(row.holds)
    lock = held + also + _ahead_text(row.ahead) + (" (circle)" if row.in_cycle else "")
    text = missing_text(row.id, row.candidates) if session is None else fit(" ".join(printable(_last_text(session)).split()), _TEXT_COLUMNS)
    return (
        f"  {branch_text(row, _TREE_COLUMNS, glyphs)}{name_text(row.id)}",
        "-" if row.wait_seconds is None else format_value(row.wait_seconds, Unit.SECONDS),
        queue_text(row),
        session.user if session is not None else "",
        session.application if session is not None else "",
        short_state(session.state) if session is not None else "",
        lock,
        text,
    )


def _table(sessions: Sequence[Session]) -> str:
    """The sessions; client and database where the line has room for them."""
    rows = [dict(zip(_TITLES, map(printable, _cells(session)), strict=True)) for session in sessions]
    widths = {title: max(cell_width(text) for text in (title, *(row[title] for row in rows))) for title in _TITLES}
    widths[_TITLES[-1]] = min(widths[_TITLES[-1]], _LEAST_TEXT_COLUMNS)
    shown = [title for title in _TITLES if title not in _SPARE or any(row[title] for row in rows)]
    for spare in _SPARE:
        if spare in shown and sum(widths[title] + _GAP for title in shown) - _GAP > line_width():
            shown.remove(spare)
    right = [place for place, title in enumerate(shown) if title in _RIGHT]
    return table(shown, ([row[title] for title in shown] for row in rows), right)


def _cells(session: Session) -> tuple[str, ...]:
    statement = fit(" ".join(printable(session.text).split()), _TEXT_COLUMNS)
    seconds = age_seconds(session)
    return (
        f"  {session.id}",
        session.user,
        session.database,
        session.client,
        session.application,
        short_state(session.state) or session.kind,
        "-" if seconds is None else format_value(seconds, Unit.SECONDS),
        session.wait,
        statement,
    )


def _sentences(waits: Sequence[LockWaitRow], sessions: Sequence[Session]) -> Iterator[str]:
    """Who waits behind whom; those who only wait further ahead stand beside a holder of the lock, where one is known."""
    behind_holders = {wait.waiter for wait in waits if wait.held_mode}
    ahead: dict[str, dict[str, None]] = {}
    known = {session.id: session for session in sessions}
    for wait in waits:
        if not wait.held_mode and wait.waiter in behind_holders:
            ahead.setdefault(wait.waiter, {})[wait.holder] = None
    for wait in waits:
        if wait.held_mode or not wait.waiter or wait.waiter not in behind_holders:
            yield _sentence(wait, known) + _ahead_text(tuple(ahead.pop(wait.waiter, ())))


def _last_text(session: Session) -> str:
    return session.text or ("" if is_active(session) or is_background(session) else NO_LAST_STATEMENT)


def _ahead_text(ahead: Sequence[str]) -> str:
    """Those who wait before a session in the queue of a lock, the first ones by name; empty for none."""
    if not ahead:
        return ""
    named = ", ".join(map(name_text, ahead[:_NAMED_AHEAD]))
    more = f" and {len(ahead) - _NAMED_AHEAD} more" if len(ahead) > _NAMED_AHEAD else ""
    return f", also {named}{more} ahead"


def _sentence(wait: LockWaitRow, known: Mapping[str, Session]) -> str:
    holder = holder_text(wait.holder, [known[name] for name in wait.candidates if name in known])
    if not wait.waiter:
        return f"  {holder} holds {wait.object} {wait.mode}"
    waited = "" if wait.wait_seconds is None else f" for {format_value(wait.wait_seconds, Unit.SECONDS)}"
    return f"  {wait.waiter} waits{waited} behind {holder}: {wait.object} {wait.mode}"
