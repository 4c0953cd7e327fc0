"""The pools of a connection pooler as table rows, worst first. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aishell_core.catalogue import POOL_CLIENTS_WAITING, POOL_WAIT
from aishell_core.units import format_count, format_counted, format_duration
from aishell_core.values import Ability, Part, Pool, Severity, worst
from aishell_tui.frame import TargetView
from aishell_tui.part_ages import fresh_and_stale
from aishell_tui.text import why_unknown
from widgets.format import fit, wrap
from widgets.heading import Heading
from widgets.lines import Spans
from widgets.palette import Role, severity_role
from widgets.table_model import Cell, Column, Row

COLUMNS: tuple[Column, ...] = (
    Column("database", "DATABASE", None, 12, help="The database that clients ask for"),
    Column("user", "USER", 12, priority=1, help="The user whose server connections these are"),
    Column("mode", "MODE", 11, priority=4, help="For how long a client keeps a server connection: session, transaction, statement"),
    Column("state", "STATE", 8, priority=2, help="What an administrator did to the database: paused, disabled"),
    Column("waiting", "WAIT", 5, align="right", help="Clients that wait for a server connection"),
    Column("longest", "LONGEST", 7, align="right", help="How long the first client in the queue has waited"),
    Column("clients", "CLIENTS", 7, align="right", help="Clients that are served or idle"),
    Column("active", "ACTIVE", 6, align="right", help="Server connections that serve a client"),
    Column("idle", "IDLE", 6, align="right", help="Server connections that are ready for a client"),
    Column("used", "USED", 6, align="right", priority=3, help="Idle server connections to be tested before their next use"),
    Column("server", "SERVER", 30, priority=5, help="Where its server connections lead"),
)
_STATE, _SERVER = "state", "server"
_LABEL_CELLS = 25


def worst_first(pools: Sequence[Pool]) -> list[Pool]:
    """Those with the longest wait and the most waiting clients first, then those that an administrator holds, then the busiest."""
    return sorted(
        pools,
        key=lambda pool: (
            -pool.clients_waiting,
            -(pool.max_wait_seconds or 0.0),
            _STATE not in dict(pool.details),
            -(pool.clients_active + pool.servers_active),
            pool.database,
            pool.user,
        ),
    )


def pool_id(pool: Pool) -> str:
    """What tells a pool from the others."""
    return f"{pool.database}/{pool.user}"


def pool_row(pool: Pool, view: TargetView) -> Row:
    """One pool as a row; its severity is that of its queue."""
    details = dict(pool.details)
    waiting = view.limits(POOL_CLIENTS_WAITING).judge(pool.clients_waiting)
    longest = view.limits(POOL_WAIT).judge(pool.max_wait_seconds) if pool.max_wait_seconds is not None else Severity.OK
    state = details.get(_STATE, "")
    severity = worst([waiting, longest, Severity.WARNING if state else Severity.OK])
    return Row(
        pool_id(pool),
        {
            "database": Cell(pool.database, "bold"),
            "user": Cell(pool.user),
            "mode": Cell(pool.mode, "label"),
            "state": Cell(state, "warning") if state else Cell("active", "dim"),
            "waiting": _count(pool.clients_waiting, waiting),
            "longest": _duration(pool.max_wait_seconds, longest),
            "clients": _count(pool.clients_active),
            "active": _count(pool.servers_active),
            "idle": _count(pool.servers_idle),
            "used": _count(pool.servers_used),
            "server": Cell(details.get(_SERVER, "–"), "dim"),
        },
        severity=severity if severity is not Severity.OK else None,
    )


def _role(value: float, severity: Severity) -> Role:
    return severity_role(severity) if severity is not Severity.OK else "text" if value else "dim"


def _count(value: float, severity: Severity = Severity.OK) -> Cell:
    return Cell(format_count(value), _role(value, severity), value)


def _duration(seconds: float | None, severity: Severity) -> Cell:
    if seconds is None:
        return Cell("–", "dim", math.nan)
    return Cell(format_duration(seconds) if seconds else "–", _role(seconds, severity), seconds)


def pools_heading(view: TargetView, pools: Sequence[Pool], now: float) -> Heading:
    """How many pools and clients there are, and how old that is."""
    waiting = sum(pool.clients_waiting for pool in pools)
    clients = sum(pool.clients_active for pool in pools) + waiting
    servers = sum(pool.servers_active + pool.servers_idle + pool.servers_used for pool in pools)
    counts = (format_counted(len(pools), "pool"), format_counted(clients, "client"), f"{waiting:.0f} waiting")
    note = ", ".join((*counts, format_counted(servers, "server connection"))) if pools else ""
    return Heading("pools", ((note, "label"),) if note else (), *fresh_and_stale(view, (Part.POOLS,), now))


def why_no_pools(view: TargetView) -> str:
    """Why the table is empty."""
    failure = view.failure_of(Part.POOLS) or view.target_failure
    if failure is not None and view.pools is None:
        return why_unknown(failure)
    if view.lacks(Ability.POOLS):
        return no_pools(view)
    return "reading …" if view.pools is None else "no client has asked for a database yet"


def no_pools(view: TargetView) -> str:
    """What is said of a target that is no pooler."""
    return f"{view.name} has no pools: it is no connection pooler"


def trouble_lines(view: TargetView, width: int, rows: int) -> tuple[Spans, ...]:
    """What keeps clients waiting and what to do, where the pooler tells."""
    lines: list[Spans] = []
    for failure in view.failures:
        lines += _told(failure.message, "warning", width)
        lines += _told(failure.hint, "label", width)
    return tuple(lines[:rows])


def _told(text: str, role: Role, width: int) -> list[Spans]:
    return [((f" {part}", role),) for part in wrap(text, max(20, width - 2))]


def detail_lines(pool: Pool, width: int) -> tuple[Spans, ...]:
    """What else is known of one pool, in two columns where there is room."""
    pairs = list(pool.details)
    columns = 2 if width >= 110 else 1
    height = -(-len(pairs) // columns)
    each = width // columns
    return tuple(tuple(span for column in range(columns) for span in _pair(pairs, row + column * height, each)) for row in range(height))


def _pair(pairs: list[tuple[str, str]], place: int, width: int) -> Spans:
    if place >= len(pairs):
        return ()
    name, value = pairs[place]
    room = max(4, width - _LABEL_CELLS - 1)
    return ((f" {fit(name, _LABEL_CELLS)}", "label"), (fit(value, room), "text"))
