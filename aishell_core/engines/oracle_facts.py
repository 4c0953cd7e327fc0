"""What an Oracle server says of a connection, to any user: its context, which needs no grant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# The parameters of USERENV: SQL Language Reference, SYS_CONTEXT. Times in the views are dates of the server's own time
# zone, so that its distance from UTC is read once for each connection: a start then stays the same from reading to reading.
SQL = """SELECT /* aishell */
    SYS_CONTEXT('USERENV', 'SESSION_USER') AS username,
    TO_NUMBER(SYS_CONTEXT('USERENV', 'SID')) AS sid,
    TO_NUMBER(SYS_CONTEXT('USERENV', 'INSTANCE')) AS instance,
    SYS_CONTEXT('USERENV', 'INSTANCE_NAME') AS instance_name,
    SYS_CONTEXT('USERENV', 'DB_NAME') AS database_name,
    SYS_CONTEXT('USERENV', 'DB_UNIQUE_NAME') AS unique_name,
    SYS_CONTEXT('USERENV', 'CON_NAME') AS container,
    TO_NUMBER(SYS_CONTEXT('USERENV', 'CON_ID')) AS container_id,
    SYS_CONTEXT('USERENV', 'DATABASE_ROLE') AS database_role,
    SYS_CONTEXT('USERENV', 'SERVICE_NAME') AS service_name,
    SYS_CONTEXT('USERENV', 'SERVER_HOST') AS server_host,
    SYS_CONTEXT('USERENV', 'NETWORK_PROTOCOL') AS protocol,
    ROUND((SYSDATE - CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS DATE)) * 86400) AS utc_offset_seconds
FROM dual"""

_ROOT = "CDB$ROOT"


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """A server and our own session there; `container` is a pluggable database's name, or that of the root of all.

    `utc_offset_seconds` is how far the server's clock is ahead of UTC by its time zone.
    """

    version: str
    user: str
    sid: int
    instance: int
    instance_name: str
    database: str
    unique_name: str
    container: str
    container_id: int
    role: str
    service: str
    host: str
    encrypted: bool
    utc_offset_seconds: float
    licensed: bool = False

    @property
    def major(self) -> int:
        """The release, such as 19 or 23, by which statements are chosen."""
        digits = self.version.partition(".")[0]
        return int(digits) if digits.isdecimal() else 0

    @property
    def in_root(self) -> bool:
        """Whether all containers are seen from here."""
        return self.container == _ROOT

    @property
    def is_standby(self) -> bool:
        """Whether the database takes its redo from another one."""
        return "STANDBY" in self.role

    def epoch(self, local_seconds: float | None) -> float | None:
        """Epoch seconds of a date of the server, which is told in seconds since 1970 by the server's own clock."""
        return None if local_seconds is None else float(local_seconds) - self.utc_offset_seconds


def facts_of(row: Mapping[str, Any], version: str, *, licensed: bool) -> ServerFacts:
    """The facts of the row that `SQL` brings."""
    return ServerFacts(
        version=version,
        user=str(row["username"] or ""),
        sid=int(row["sid"] or 0),
        instance=int(row["instance"] or 1),
        instance_name=str(row["instance_name"] or ""),
        database=str(row["database_name"] or ""),
        unique_name=str(row["unique_name"] or ""),
        container=str(row["container"] or ""),
        container_id=int(row["container_id"] or 0),
        role=str(row["database_role"] or ""),
        service=str(row["service_name"] or ""),
        host=str(row["server_host"] or ""),
        encrypted=row["protocol"] == "tcps",
        utc_offset_seconds=float(row["utc_offset_seconds"] or 0.0),
        licensed=licensed,
    )
