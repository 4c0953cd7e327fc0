"""The sessions of a target as table rows: columns, cells, heading. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from aishell_core.catalogue import LOCKS_WAIT, LOCKS_WAITING, QUERY_DURATION, TRANSACTION_IDLE
from aishell_core.units import format_bytes, format_counted, format_duration
from aishell_core.values import Ability, FailureCode, Part, Session, Severity, Thresholds, worst
from aishell_tui.frame import TargetView
from aishell_tui.lock_words import NAME_CELLS, short_name
from aishell_tui.part_ages import fresh_and_stale
from aishell_tui.session_list import (
    NO_LAST_STATEMENT,
    SessionCounts,
    SessionList,
    age_seconds,
    age_severity,
    identity,
    is_active,
    is_background,
    is_idle_in_transaction,
    short_state,
    wait_text,
)
from aishell_tui.text import server_text, why_unknown
from widgets.format import wrap
from widgets.heading import Heading
from widgets.lines import Spans
from widgets.palette import Role, severity_role
from widgets.table_model import EMPTY, Cell, Column, Row

WIDE_CELLS = 120
_HIDDEN = ("session is", "sessions are")
_SHORT_HEADING_CELLS = 110
_TEXT_CHARACTERS = 1000
_DASH = Cell("–", "dim", math.nan)
_NOBODY = Session("")
_HIDING = frozenset({FailureCode.PRIVILEGE, FailureCode.UNSUPPORTED})
"""Failures of a part that lasts: not that it could not be read just now."""


"""What stands for the statement of one that is idle in its transaction where the server does not keep it."""

_STATEMENT, _LEAST_STATEMENT = 30, 20
_LEAST_ID, _WIDE_ID = 7, 36
"""Cells of an id: of a process, and of a logical session of MongoDB in full."""


def id_cells(width: int) -> int:
    """The most cells that an id may take of a width."""
    return _WIDE_ID if width >= WIDE_CELLS else NAME_CELLS


def session_columns(width: int, *, measured: bool, longest_id: int = 0) -> tuple[Column, ...]:
    """The columns for a width in cells; CPU and memory where they are `measured`, and as many cells as the ids need."""
    wide = width >= WIDE_CELLS
    name_cells = min(max(_LEAST_ID, longest_id), id_cells(width))
    # What a long id takes is the statement's loss first: what a session waits for has to stay.
    statement_cells = max(_LEAST_STATEMENT, _STATEMENT - (name_cells - _LEAST_ID))
    columns = [
        Column("id", "ID", name_cells, align="right", help="Identifies the session on the server"),
        Column("age", "AGE", 6, align="right", help="How long its statement has run, else how long it has been in its state"),
        Column("transaction", "TX", 6, align="right", priority=6, help="How long its transaction has been open"),
        Column("state", "STATE", 10, help="What it does, in the engine's words"),
        Column("wait", "WAIT", 20 if wide else 11, priority=1, help="What it waits for, or how many it blocks"),
        Column("user", "USER", 10 if wide else 8, priority=2, help="Its user"),
        Column("database", "DATABASE", 10 if wide else 8, priority=3, help="Its database"),
        Column("application", "APP", 14 if wide else 10, priority=4, help="What the client calls itself"),
        Column("client", "CLIENT", 15 if wide else 12, priority=7, help="Where it comes from"),
    ]
    if measured:
        columns += [
            Column("cpu", "CPU%", 5, align="right", priority=5, help="Share of one core that its process uses"),
            Column("memory", "MEM", 8, align="right", priority=8, help="Memory of its process, without what it shares"),
        ]
    return (*columns, Column("sql", "STATEMENT", None, statement_cells, help="Its statement; of an idle session the last one"))


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """From where on an age, a queue and a wait are too long, in the units of their metrics."""

    statement: Thresholds
    idle: Thresholds
    waiting: Thresholds
    wait: Thresholds


def limits_of(view: TargetView) -> SessionLimits:
    """The limits that are in force for a target."""
    return SessionLimits(view.limits(QUERY_DURATION), view.limits(TRANSACTION_IDLE), view.limits(LOCKS_WAITING), view.limits(LOCKS_WAIT))


@dataclass(frozen=True, slots=True)
class SessionTableRow(Row):
    """A session whose cells are made only when they are seen or sorted by: of thousands of rows few are."""

    session: Session = _NOBODY
    limits: SessionLimits | None = None
    blocks: int = 0
    waited: float | None = None
    wide: bool = False

    def cell(self, key: str) -> Cell:
        """One cell, made now."""
        make = _CELLS.get(key)
        return make(self) if make is not None else EMPTY

    def texts(self) -> Sequence[str]:
        """What a filter and a search look at: the session's words, not its figures."""
        session = self.session
        words = (session.id, session.user, session.database, session.application, session.client, session.state, session.wait)
        return (*words, sql_text(session))


def session_rows(found: SessionList, limits: SessionLimits, *, wide: bool) -> list[SessionTableRow]:
    """The sessions as rows, those that do nothing without further looks: of thousands most do nothing."""
    working = [_working_row(session, found, limits, wide=wide) for session in found.shown[: found.working]]
    return working + [
        SessionTableRow(identity(session), session=session, limits=limits, wide=wide) for session in found.shown[found.working :]
    ]


def _working_row(session: Session, found: SessionList, limits: SessionLimits, *, wide: bool) -> SessionTableRow:
    """Its severity is the worst of its age, its wait for a lock and the queue behind it."""
    blocks, waited = found.blocks(session), found.waited.get(session.id)
    severity = age_severity(session, limits.statement, limits.idle)
    if blocks or waited is not None:
        severity = worst([severity, limits.waiting.judge(blocks), limits.wait.judge(waited or 0.0)])
    return SessionTableRow(
        identity(session),
        severity=severity if severity is not Severity.OK else None,
        session=session,
        limits=limits,
        blocks=blocks,
        waited=waited,
        wide=wide,
    )


def seconds_cell(seconds: float | None, role: Role = "text") -> Cell:
    """A duration that sorts as a number."""
    return _DASH if seconds is None else Cell(format_duration(max(0.0, seconds)), role, seconds)


def sql_text(session: Session) -> str:
    """The statement in one line, as far as a table shows it."""
    return " ".join(session.text[:_TEXT_CHARACTERS].split())


def _id(row: SessionTableRow) -> Cell:
    name = row.session.id
    role: Role = "bold" if row.blocks else "label" if row.session.leader else "text"
    return Cell(short_name(name, _WIDE_ID if row.wide else NAME_CELLS), role, float(name) if name.isdecimal() else name)


def _age(row: SessionTableRow) -> Cell:
    session = row.session
    if row.limits is None:
        return EMPTY
    severity = age_severity(session, row.limits.statement, row.limits.idle)
    quiet: Role = "text" if is_active(session) or is_idle_in_transaction(session) else "dim"
    return seconds_cell(age_seconds(session), severity_role(severity) if severity is not Severity.OK else quiet)


def _state(row: SessionTableRow) -> Cell:
    session = row.session
    if is_background(session) and not session.state:
        return Cell(session.kind, "dim")
    if is_idle_in_transaction(session):
        return Cell(short_state(session.state), "warning")
    return Cell(short_state(session.state), "text" if is_active(session) else "dim")


def _wait(row: SessionTableRow) -> Cell:
    session = row.session
    if row.waited is not None:
        severity = row.limits.wait.judge(row.waited) if row.limits is not None else Severity.OK
        return Cell(wait_text(session, wide=row.wide) or "lock", severity_role(worst([severity, Severity.WARNING])))
    if row.blocks:
        return Cell(f"blocks {row.blocks}", "warning")
    return Cell(wait_text(session, wide=row.wide), "text" if is_active(session) else "dim")


def _word(text: str) -> Cell:
    return Cell(text, "text" if text else "dim")


def _cpu(row: SessionTableRow) -> Cell:
    used = row.session.cpu_ratio
    return _DASH if used is None else Cell(f"{used * 100:.0f}", "text" if used >= 0.005 else "dim", used)


def _memory(row: SessionTableRow) -> Cell:
    used = row.session.memory_bytes
    return _DASH if used is None else Cell(format_bytes(used), "text", used)


def _sql(row: SessionTableRow) -> Cell:
    session = row.session
    text = sql_text(session) or (session.kind if is_background(session) else "")
    if not text and (is_idle_in_transaction(session) or row.blocks):
        return Cell(NO_LAST_STATEMENT, "dim")
    return Cell(text, "text" if is_active(session) or is_idle_in_transaction(session) else "dim")


_CELLS = {
    "id": _id,
    "age": _age,
    "transaction": lambda row: seconds_cell(row.session.transaction_seconds),
    "state": _state,
    "wait": _wait,
    "user": lambda row: _word(row.session.user),
    "database": lambda row: _word(row.session.database),
    "application": lambda row: _word(row.session.application),
    "client": lambda row: _word(row.session.client),
    "cpu": _cpu,
    "memory": _memory,
    "sql": _sql,
}


def are_partly_hidden(view: TargetView, *parts: str) -> bool:
    """Whether the server keeps what some sessions do from this role: what is counted then is the least that there may be."""
    failures = (view.failure_of(part) for part in (*parts, Part.SESSIONS))
    return any(failure is not None and failure.code in _HIDING for failure in failures)


def counts_spans(counts: SessionCounts, width: int, *, partly_hidden: bool = False) -> Spans:
    """How many sessions there are and do what, in long or short words."""
    short = width < _SHORT_HEADING_CELLS
    least = "at least " if partly_hidden else ""
    active = f"{least}{counts.active} active" if counts.active or not partly_hidden else "active n/a"
    spans: list[tuple[str, Role]] = [(f"{counts.sessions}", "bold"), (" seen: " if partly_hidden else ": ", "label"), (active, "text")]
    if counts.idle_in_transaction:
        words = "in tx" if short else "idle in transaction"
        spans.append((f", {least}{counts.idle_in_transaction} {words}", "warning"))
    if counts.waiting:
        spans.append((f", {counts.waiting} waiting", "warning"))
    if counts.hidden:
        spans.append((f", {counts.hidden} hidden", "dim"))
        if not short:
            spans.append((" (idle, background or not told, key i)" if partly_hidden else " (idle and background, key i)", "dim"))
    return tuple(spans)


def sessions_heading(view: TargetView, counts: SessionCounts, now: float, width: int) -> Heading:
    """The list's title line."""
    known = view.sessions is not None
    spans: Spans = counts_spans(counts, width, partly_hidden=are_partly_hidden(view)) if known else (("n/a", "label"),)
    return Heading("sessions", spans, *fresh_and_stale(view, (Part.SESSIONS,), now))


def shortfall_lines(view: TargetView, width: int) -> tuple[Spans, ...]:
    """What is hidden though there are rows, and what would show it; nothing where all is there."""
    failure = view.failure_of(Part.SESSIONS)
    if failure is None or not view.sessions:
        return ()
    return tuple(((" ", "text"), (line, "warning")) for text in (failure.message, failure.hint) for line in wrap(text, max(20, width - 2)))


def why_no_sessions(view: TargetView, counts: SessionCounts) -> str:
    """Why there are no rows: what could not be read and what to do, or that all are hidden."""
    failure = view.failure_of(Part.SESSIONS) or view.target_failure
    if failure is not None:
        return why_unknown(failure)
    if counts.hidden:
        return f"nobody works: {format_counted(counts.hidden, *_HIDDEN)} hidden, i shows what is idle or in the background"
    if view.lacks(Ability.SESSIONS):
        return f"n/a: {server_text(view)} has no sessions that aishell can read"
    return "no sessions" if view.sessions is not None else "reading …"
