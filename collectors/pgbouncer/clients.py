"""The clients of the pooler as sessions. Pure."""

from __future__ import annotations

import time
from calendar import timegm
from collections.abc import Iterable

from aishell_core.values import Session
from collectors.pgbouncer.rows import CONSOLE, Row, number

_QUARTER_SECONDS = 900
_TOLD_DIGITS = 7
"""Before 1.24 a client is known by its address in memory alone; its last digits tell it from the others."""
_TIME_TEXT = "%Y-%m-%d %H:%M:%S"


def sessions_of(clients: Iterable[Row], servers: Iterable[Row], now: float) -> tuple[Session, ...]:
    """SHOW CLIENTS without those of the console; SHOW SERVERS tells which server process each is linked to."""
    rows = tuple(clients)
    processes = {row.get("ptr"): row.get("remote_pid") for row in servers}
    ahead = zone_seconds(rows, now)
    return tuple(_session(row, processes, ahead, now) for row in rows if row.get("database") != CONSOLE)


def zone_seconds(rows: tuple[Row, ...], now: float) -> float:
    """How far the pooler's clock is ahead of UTC, in seconds, to the quarter of an hour.

    It writes local times with the zone's short name, which does not tell the zone. The newest request among all
    clients is the one that brought these rows, so it was made just now.
    """
    newest = max((moment for row in rows if (moment := _moment(row.get("request_time"))) is not None), default=None)
    return 0.0 if newest is None else round((newest - now) / _QUARTER_SECONDS) * float(_QUARTER_SECONDS)


def _moment(text: str | None) -> float | None:
    """A local time as if it were UTC, in epoch seconds."""
    try:
        return float(timegm(time.strptime((text or "")[:19], _TIME_TEXT)))
    except ValueError:
        return None


def _session(row: Row, processes: dict[str | None, str | None], ahead: float, now: float) -> Session:
    waiting = (row.get("state") or "").startswith("waiting")
    connected, asked = _moment(row.get("connect_time")), _moment(row.get("request_time"))
    waited = (number(row, "wait") or 0.0) + (number(row, "wait_us") or 0.0) / 1_000_000
    server = processes.get(row.get("link"))
    return Session(
        id=row.get("id") or (row.get("ptr") or "")[-_TOLD_DIGITS:],
        user=row.get("user") or "",
        client=_client(row),
        application=row.get("application_name") or "",
        database=row.get("database") or "",
        state=_state(row),
        wait="server connection" if waiting else "",
        wait_class="Pool" if waiting else "",
        started_at=None if connected is None else connected - ahead,
        state_seconds=waited if waiting else None if asked is None else max(0.0, now - (asked - ahead)),
        details=_details(row, server),
    )


def _client(row: Row) -> str:
    address, port = row.get("addr") or "", row.get("port") or ""
    if address.startswith("unix"):
        process = row.get("remote_pid") or "0"
        return f"unix pid {process}" if process != "0" else "unix"
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _state(row: Row) -> str:
    """Before 1.25 a client that no server is linked to and that waits for none is called active too."""
    state = row.get("state") or ""
    return "idle" if state == "active" and not row.get("link") else state


def _details(row: Row, server: str | None) -> tuple[tuple[str, str], ...]:
    found = (
        ("server process", server or ""),
        ("TLS", row.get("tls") or ""),
        ("prepared statements", row.get("prepared_statements") or ""),
        ("replication", "" if (row.get("replication") or "none") == "none" else str(row["replication"])),
    )
    return tuple((name, value) for name, value in found if value)
