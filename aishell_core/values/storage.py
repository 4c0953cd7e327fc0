"""What a server holds and how it is set up: relations, settings, replication."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or an index with its size; None is unknown.

    `size_bytes` of a table leaves its indexes out (`index_bytes`). `scans` are full reads of a table or uses of an
    index, `index_scans` the reads of a table by index, both since the engine began to count. `free_bytes` is what is
    known to hold nothing, `bloat_bytes` an estimate of what a rewrite would give back. `remarks` are findings in
    words: unused, duplicate of another, invalid. `estimated` are the fields whose figures follow from a part of what they
    are about.
    """

    name: str
    kind: str
    table: str = ""
    size_bytes: float | None = None
    rows: float | None = None
    free_bytes: float | None = None
    details: tuple[tuple[str, str], ...] = ()
    schema: str = ""
    index_bytes: float | None = None
    dead_rows: float | None = None
    scans: float | None = None
    index_scans: float | None = None
    bloat_bytes: float | None = None
    last_vacuum_at: float | None = None
    last_analyze_at: float | None = None
    remarks: tuple[str, ...] = ()
    estimated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """One server setting as it is in force; `pending_restart` when another value waits for a restart.

    A `derived` one is what the server tells of itself or works out from others: nobody sets it.
    """

    name: str
    value: str
    unit: str = ""
    source: str = ""
    pending_restart: bool = False
    derived: bool = False


@dataclass(frozen=True, slots=True)
class ReplicationPeer:
    """The other end of a replication link with its lag.

    `role` is what it is to this server: standby, subscriber (takes decoded changes), upstream, slot, publication,
    subscription, member of the same cluster, or the server's own log. `lag_*` tell how far what it has applied is behind;
    `sent_lag_bytes`, `write_lag_seconds`, `flush_lag_seconds` are the stages before. A slot has `retained_bytes` (log kept for
    it), `safe_bytes` (what may still be written before it is lost), `wal_status` and `active`. `remarks` are findings in words:
    what has failed.
    """

    name: str
    role: str
    state: str
    lag_seconds: float | None = None
    lag_bytes: float | None = None
    client: str = ""
    sync: str = ""
    sent_lag_bytes: float | None = None
    write_lag_seconds: float | None = None
    flush_lag_seconds: float | None = None
    retained_bytes: float | None = None
    safe_bytes: float | None = None
    wal_status: str = ""
    active: bool | None = None
    details: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()
