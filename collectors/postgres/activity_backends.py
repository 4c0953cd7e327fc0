"""The processes of a server as they come from `activity`: a typed row, made cheaply because there may be thousands. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from aishell_core.engines.postgres import Row

CLIENT = "client backend"


class Backend(NamedTuple):
    """One process of a server; the columns of `activity` in its order, unknown is None.

    Ages are seconds by the server's clock, moments are epoch seconds. A text is None where it was sent before.
    """

    pid: int
    own: bool | None
    datname: str | None
    usename: str | None
    application_name: str | None
    address: str | None
    state: str | None
    wait_event_type: str | None
    wait_event: str | None
    started_at: float | None
    transaction_seconds: float | None
    statement_at: float | None
    statement_seconds: float | None
    state_seconds: float | None
    query: str | None
    now: float
    backend_type: str | None = None
    leader_pid: int | None = None
    hostname: str | None = None
    client_port: int | None = None
    xid: str | None = None
    xmin_age: float | None = None
    query_id: str | None = None
    long_query: bytes | None = None

    @property
    def text(self) -> str | None:
        """What it runs or ran last; None where that was sent before."""
        if self.query is None and self.long_query is not None:
            return bytes(self.long_query).decode("utf-8", "ignore")
        return self.query

    @property
    def is_client(self) -> bool:
        """Whether it has a user and a database, as a client's process has; told also where the rest is hidden."""
        return bool(self.usename and self.datname)


def backends_of(rows: Iterable[Row]) -> tuple[Backend, ...]:
    """The processes from rows of `activity` or of `activity_plain`, which has the first of the columns."""
    return tuple(Backend._make((*row.values(), *(None,) * (len(Backend._fields) - len(row)))) for row in rows)
