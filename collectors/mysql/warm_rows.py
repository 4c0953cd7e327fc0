"""What decides how a server is read, and its binary log, as values: no reading here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aishell_core import catalogue
from aishell_core.values import Sample
from collectors.mysql.galera_rows import members_named

_DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class ServerState:
    """What a server is set up to do, and whether the account sees the sessions of others.

    `retention_seconds` is None where binary logs are kept for ever, or nothing is known.
    """

    sees_all: bool = False
    known: bool = False
    binary_log: bool = False
    server_id: str = ""
    server_uuid: str = ""
    retention_seconds: float | None = None
    userstat: bool = False
    counts_when_asked: bool = False
    """Whether the server estimates a table's rows anew whenever somebody asks for its size."""
    galera: bool = False
    galera_node: str = ""
    galera_expected: int = 0


def state_of(variables: Mapping[str, str] | None, *, sees_all: bool) -> ServerState:
    """The state from the server's variables by name in small letters; nothing is known where they could not be read."""
    if variables is None:
        return ServerState(sees_all)
    return ServerState(
        sees_all,
        known=True,
        binary_log=_on(variables.get("log_bin")),
        server_id=variables.get("server_id", ""),
        server_uuid=variables.get("server_uuid", ""),
        retention_seconds=retention_seconds(variables),
        userstat=_on(variables.get("userstat")),
        counts_when_asked=_on(variables.get("innodb_stats_on_metadata")),
        galera=_on(variables.get("wsrep_on")),
        galera_node=variables.get("wsrep_node_name", ""),
        galera_expected=members_named(variables.get("wsrep_cluster_address", "")),
    )


def retention_seconds(variables: Mapping[str, str]) -> float | None:
    """For how long binary logs are kept: by seconds, where they are set, else by days; None for ever."""
    if variables.get("binlog_expire_logs_auto_purge", "").upper() == "OFF":
        return None
    seconds, days = _number(variables.get("binlog_expire_logs_seconds")), _number(variables.get("expire_logs_days"))
    return seconds or (days * _DAY_SECONDS if days else None)


def binlog_samples(state: ServerState) -> tuple[Sample, ...]:
    """For how long binary logs are kept, where there are any."""
    if not state.binary_log or state.retention_seconds is None:
        return ()
    return (Sample(catalogue.MYSQL_BINLOG_RETENTION, state.retention_seconds),)


def binlog_file_samples(rows: Sequence[Mapping[str, Any]] | None) -> tuple[Sample, ...]:
    """How many binary logs there are and how large all of them are."""
    if rows is None:
        return ()
    size = sum(float(row["File_size"] or 0) for row in rows)
    return (Sample(catalogue.MYSQL_BINLOG_FILES, float(len(rows))), Sample(catalogue.MYSQL_BINLOG_SIZE, size))


def _on(value: str | None) -> bool:
    return (value or "").upper() in {"ON", "1", "YES"}


def _number(value: str | None) -> float | None:
    try:
        return float(value) if value else None
    except ValueError:
        return None
