"""The console's rows to values. Pure: columns are taken by name, and one that a version does not send is unknown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aishell_core import catalogue
from aishell_core.units import format_duration
from aishell_core.values import Failure, FailureCode, Metric, Part, Pool, Sample, Setting

Row = Mapping[str, str | None]

CONSOLE = "pgbouncer"
"""The console's own database, which is no pool of anybody's."""

SAMPLED_POOLS = 100
"""So many pools get figures over time; the table of pools shows all."""

_STUCK_SECONDS = 3.0
_SECRET = re.compile(r"""(pass\w*\s*=\s*)("[^"]*"|'[^']*'|\S+)""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Totals:
    """What the pooler has counted over all databases since it started; None where this version does not count it."""

    transactions: float | None = None
    queries: float | None = None
    query_microseconds: float | None = None
    wait_microseconds: float | None = None
    received_bytes: float | None = None
    sent_bytes: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be at most: clients of the whole pooler (max_client_conn)."""

    clients: float | None = None


def number(row: Row, *names: str) -> float | None:
    """The first of these columns that is there and holds a number."""
    for name in names:
        text = row.get(name)
        if text is not None:
            try:
                return float(text)
            except ValueError:
                continue
    return None


def totals_of(rows: Iterable[Row]) -> Totals:
    """SHOW STATS over all databases but the console's own."""
    counted = [row for row in rows if row.get("database") != CONSOLE]

    def total(column: str) -> float | None:
        values = [value for row in counted if (value := number(row, column)) is not None]
        return sum(values) if values or not counted else None

    return Totals(
        transactions=total("total_xact_count"),
        queries=total("total_query_count"),
        query_microseconds=total("total_query_time"),
        wait_microseconds=total("total_wait_time"),
        received_bytes=total("total_received"),
        sent_bytes=total("total_sent"),
    )


def totals_samples(before: Totals | None, now: Totals) -> tuple[Sample, ...]:
    """The counters, and the mean time of the queries that ended since the last look."""
    wait = None if now.wait_microseconds is None else now.wait_microseconds / 1000
    return samples_of(
        (catalogue.TRANSACTIONS_RATE, now.transactions),
        (catalogue.QUERIES_RATE, now.queries),
        (catalogue.QUERY_LATENCY, latency_milliseconds(before, now)),
        (catalogue.POOL_WAIT_TIME, wait),
        (catalogue.POOL_RECEIVED, now.received_bytes),
        (catalogue.POOL_SENT, now.sent_bytes),
    )


def latency_milliseconds(before: Totals | None, now: Totals) -> float | None:
    """total_query_time over total_query_count of the interval; None when no query ended in it, or counting began anew."""
    if before is None or None in {before.queries, before.query_microseconds, now.queries, now.query_microseconds}:
        return None
    queries = (now.queries or 0.0) - (before.queries or 0.0)
    microseconds = (now.query_microseconds or 0.0) - (before.query_microseconds or 0.0)
    return microseconds / queries / 1000 if queries > 0 and microseconds >= 0 else None


def samples_of(*figures: tuple[Metric, float | None]) -> tuple[Sample, ...]:
    """The figures that are known."""
    return tuple(Sample(metric, value) for metric, value in figures if value is not None)


def client_samples(lists: Iterable[Row], limits: Limits) -> tuple[Sample, ...]:
    """Clients by SHOW LISTS (used_clients is what max_client_conn is compared with), our own among them."""
    used = next((number(row, "items") for row in lists if row.get("list") == "used_clients"), None)
    usage = min(1.0, used / limits.clients) if used is not None and limits.clients else None
    return samples_of(
        (catalogue.CONNECTIONS_USED, used),
        (catalogue.CONNECTIONS_MAX, limits.clients),
        (catalogue.POOL_USAGE, usage),
    )


def pools_of(rows: Iterable[Row], databases: Iterable[Row]) -> tuple[Pool, ...]:
    """SHOW POOLS, with what SHOW DATABASES tells of each pool's database."""
    known = {row.get("name"): row for row in databases}
    return tuple(_pool(row, known.get(row.get("database"), {})) for row in rows if row.get("database") != CONSOLE)


def _pool(row: Row, database: Row) -> Pool:
    return Pool(
        database=row.get("database") or "",
        user=row.get("user") or "",
        mode=row.get("pool_mode") or "",
        clients_active=number(row, "cl_active") or 0.0,
        clients_waiting=number(row, "cl_waiting") or 0.0,
        servers_active=number(row, "sv_active") or 0.0,
        servers_idle=number(row, "sv_idle") or 0.0,
        servers_used=number(row, "sv_used") or 0.0,
        max_wait_seconds=_wait_seconds(row),
        details=(*_database_details(database), *_pool_details(row)),
    )


def _wait_seconds(row: Row) -> float | None:
    seconds = number(row, "maxwait")
    return None if seconds is None else seconds + (number(row, "maxwait_us") or 0.0) / 1_000_000


def _database_details(row: Row) -> tuple[tuple[str, str], ...]:
    host, port = row.get("host"), row.get("port")
    connections, most = number(row, "current_connections"), number(row, "max_connections")
    clients, most_clients = number(row, "current_client_connections"), number(row, "max_client_connections")
    found = (
        ("state", state_of(row)),
        ("server", f"{host}:{port}/{row.get('database')}" if host else f"unix socket, port {port}" if port else ""),
        ("as user", row.get("force_user") or ""),
        ("pool size", row.get("pool_size") or ""),
        ("reserve", f"{reserve:.0f}" if (reserve := number(row, "reserve_pool_size", "reserve_pool")) else ""),
        ("server connections", _of(connections, most)),
        ("clients of the database", _of(clients, most_clients)),
        ("hosts", row.get("load_balance_hosts") or ""),
    )
    return tuple((name, value) for name, value in found if value)


def state_of(database: Row) -> str:
    """What an administrator has done to a database: "" for nothing, else paused, disabled or both."""
    return ", ".join(word for word in ("paused", "disabled") if number(database, word))


def _of(value: float | None, most: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f} of {most:.0f}" if most else f"{value:.0f}"


def _pool_details(row: Row) -> tuple[tuple[str, str], ...]:
    found = (
        ("servers being tested", number(row, "sv_tested")),
        ("servers logging in", number(row, "sv_login")),
        ("cancel requests", number(row, "cl_active_cancel_req", "cl_cancel_req")),
        ("cancel requests waiting", number(row, "cl_waiting_cancel_req")),
        ("servers busy cancelling", number(row, "sv_active_cancel")),
        ("servers being cancelled", number(row, "sv_being_canceled")),
    )
    return tuple((name, f"{value:.0f}") for name, value in found if value)


def pool_samples(pools: tuple[Pool, ...]) -> tuple[Sample, ...]:
    """Figures of the pools by the label `pool`, database/user; of very many the busiest."""
    chosen = pools
    if len(pools) > SAMPLED_POOLS:
        chosen = tuple(sorted(pools, key=lambda pool: (-pool.clients_waiting, -pool.clients_active, pool.database, pool.user)))
    return tuple(sample for pool in chosen[:SAMPLED_POOLS] for sample in _figures(pool))


def _figures(pool: Pool) -> list[Sample]:
    labels = (("pool", f"{pool.database}/{pool.user}"),)
    figures: tuple[tuple[Metric, float | None], ...] = (
        (catalogue.POOL_CLIENTS_ACTIVE, pool.clients_active),
        (catalogue.POOL_CLIENTS_WAITING, pool.clients_waiting),
        (catalogue.POOL_SERVERS_ACTIVE, pool.servers_active),
        (catalogue.POOL_SERVERS_IDLE, pool.servers_idle + pool.servers_used),
        (catalogue.POOL_WAIT, pool.max_wait_seconds),
    )
    return [Sample(metric, value, labels) for metric, value in figures if value is not None]


def halted(state: Iterable[Row]) -> str:
    """What an administrator has done to the whole pooler by SHOW STATE: "", paused or suspended."""
    found = {row.get("key"): row.get("value") for row in state}
    return next((word for word in ("paused", "suspended") if found.get(word) == "yes"), "")


def troubles(pools: tuple[Pool, ...], databases: Iterable[Row], whole: str, at: float) -> tuple[Failure, ...]:
    """What keeps clients waiting for another reason than that the servers are busy, in words."""
    if whole:
        message = f"pgbouncer is {whole} by its administrator: clients wait"
        return (Failure(Part.POOLS, FailureCode.LOCKED, message, "RESUME in its console lets them go on", at),)
    states = {row.get("name") or "": state_of(row) for row in databases}
    held = {name: state for name, state in states.items() if state and name != CONSOLE}
    found = [_held(name, state, pools, at) for name, state in sorted(held.items())]
    found += [_stuck(pool, at) for pool in pools if not held.get(pool.database) and _gets_no_server(pool)]
    return tuple(found)


def _held(name: str, state: str, pools: tuple[Pool, ...], at: float) -> Failure:
    waiting = sum(pool.clients_waiting for pool in pools if pool.database == name)
    what = f"; {waiting:.0f} clients wait" if "paused" in state and waiting else ""
    refuse = "; new clients are refused" if "disabled" in state else ""
    command = " and ".join(command for word, command in (("paused", "RESUME"), ("disabled", "ENABLE")) if word in state)
    hint = f"{command} {name} in the console of pgbouncer"
    return Failure(f"{Part.POOLS} {name}", FailureCode.LOCKED, f"the database {name} is {state}{what}{refuse}", hint, at)


def _gets_no_server(pool: Pool) -> bool:
    servers = pool.servers_active + pool.servers_idle + pool.servers_used
    return pool.clients_waiting > 0 and servers == 0 and (pool.max_wait_seconds or 0.0) >= _STUCK_SECONDS


def _stuck(pool: Pool, at: float) -> Failure:
    name = f"{pool.database}/{pool.user}"
    count = "1 client waits" if pool.clients_waiting == 1 else f"{pool.clients_waiting:.0f} clients wait"
    longest = f", the longest for {format_duration(pool.max_wait_seconds)}" if pool.max_wait_seconds else ""
    server = dict(pool.details).get("server", "its server")
    hint = f"see whether {server} runs and lets {pool.user} in; the log of pgbouncer says what failed"
    return Failure(f"{Part.POOLS} {name}", FailureCode.REFUSED, f"{name} gets no server connection: {count}{longest}", hint, at)


def settings_of(rows: Iterable[Row]) -> tuple[Setting, ...]:
    """SHOW CONFIG; a password inside of a value is not shown."""
    return tuple(Setting(row.get("key") or "", _shown(row.get("value")), source=_source(row)) for row in rows)


def _shown(value: str | None) -> str:
    return _SECRET.sub(r"\1***", value or "")


def _source(row: Row) -> str:
    """Versions before 1.16 do not tell the default."""
    if "default" not in row:
        return ""
    return "default" if (row["default"] or "") == (row.get("value") or "") else "configured"


def value_of(settings: tuple[Setting, ...], name: str) -> str:
    """The value of a setting, "" where there is none of this name."""
    return next((setting.value for setting in settings if setting.name == name), "")


def limits_of(settings: tuple[Setting, ...]) -> Limits:
    """The limits among the settings."""
    return Limits(number({"": value_of(settings, "max_client_conn")}, ""))
