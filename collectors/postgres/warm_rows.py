"""The server's upkeep as samples: no reading here."""

from __future__ import annotations

from dataclasses import dataclass

from aishell_core import catalogue
from aishell_core.engines.postgres import Row, ServerFacts
from aishell_core.values import Sample
from collectors.postgres.figures import samples_of
from collectors.postgres.wraparound import usage

_UPKEEP = ((catalogue.PG_SETTINGS_PENDING, "pending_restart"),)
_LOADED = ((catalogue.PG_SETTINGS_AGE, "settings_age_seconds"),)
_WORKERS = ((catalogue.PG_VACUUM_WORKERS, "autovacuum_workers"),)
_AGES = (
    (catalogue.PG_XID_AGE, "xid_age"),
    (catalogue.PG_HORIZON_AGE, "horizon_age"),
    (catalogue.PG_PREPARED_TRANSACTIONS, "prepared_transactions"),
)
_USAGES = ((catalogue.PG_WRAPAROUND, "xid_age"), (catalogue.PG_MULTIXACT_WRAPAROUND, "multixact_age"))
_DEAD_ROWS = (
    (catalogue.PG_DEAD_ROWS, "rows"),
    (catalogue.PG_TABLES_BLOATING, "bloating"),
    (catalogue.PG_TABLES_NEGLECTED, "neglected"),
)


@dataclass(frozen=True, slots=True)
class ServerState:
    """What decides how a server is read: whether it is in recovery now, what the role sees, how it archives."""

    in_recovery: bool
    sees_all: bool
    archive_mode: str = "off"
    sees_settings: bool = True
    subscribes: bool = False


def state_of(row: Row | None, server: ServerFacts) -> ServerState:
    """The state as read just now, that of the connection's beginning where that failed."""
    if row is None:
        return ServerState(server.in_recovery, server.superuser)
    return ServerState(
        bool(row["in_recovery"]),
        bool(row["sees_all"]),
        str(row.get("archive_mode", "off")),
        bool(row.get("sees_settings", True)),
        bool(row.get("subscribes", False)),
    )


def upkeep_samples(row: Row | None, state: ServerState) -> tuple[Sample, ...]:
    """When settings were loaded; those that wait for a restart, and autovacuum workers, each where the role sees all of them."""
    settings = samples_of(row, _UPKEEP) if state.sees_settings else ()
    return (*samples_of(row, _LOADED), *settings, *(samples_of(row, _WORKERS) if state.sees_all else ()))


def age_samples(row: Row | None) -> tuple[Sample, ...]:
    """Ages in transactions, and the used share of the ids."""
    if row is None:
        return ()
    used = tuple(Sample(metric, usage(row[column])) for metric, column in _USAGES if row[column] is not None)
    return (*samples_of(row, _AGES), *used)


def dead_row_samples(row: Row | None) -> tuple[Sample, ...]:
    """Dead row versions of this database, and how many tables have too many."""
    return samples_of(row, _DEAD_ROWS)


def lock_table_samples(row: Row | None) -> tuple[Sample, ...]:
    """How full the shared lock table is; the server's reserve beyond it is not counted."""
    return () if row is None or not row["room"] else (Sample(catalogue.PG_LOCKS_USAGE, min(row["held"] / row["room"], 1.0)),)
