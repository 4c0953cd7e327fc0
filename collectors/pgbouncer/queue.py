"""Who stands in the queues of the pools, aishell itself set apart: a monitor's own place is no trouble of anybody's. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from aishell_core.units import format_counted
from aishell_core.values import Pool
from collectors.pgbouncer.rows import Row, number

OWN_APPLICATION = "aishell"
"""The application name of every connection of ours, also of other runs of aishell."""

_PoolName = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Waiters:
    """How many connections of aishell wait for a server connection of a pool, and how long the first of all others has."""

    own: int = 0
    others: int = 0
    others_seconds: float | None = None


def waiters_of(clients: Iterable[Row], databases: Iterable[Row]) -> Mapping[_PoolName, Waiters]:
    """The waiting clients of SHOW CLIENTS by the pool's database and user, which SHOW DATABASES may force."""
    forced = {row.get("name") or "": row.get("force_user") or "" for row in databases}
    found: dict[_PoolName, Waiters] = defaultdict(Waiters)
    for row in clients:
        if not (row.get("state") or "").startswith("waiting"):
            continue
        database = row.get("database") or ""
        name = database, forced.get(database) or row.get("user") or ""
        before = found[name]
        if row.get("application_name") == OWN_APPLICATION:
            found[name] = replace(before, own=before.own + 1)
        else:
            longest = max((each for each in (before.others_seconds, _waited(row)) if each is not None), default=None)
            found[name] = replace(before, others=before.others + 1, others_seconds=longest)
    return found


def _waited(row: Row) -> float | None:
    seconds = number(row, "wait")
    return None if seconds is None else seconds + (number(row, "wait_us") or 0.0) / 1_000_000


def without_own(pools: tuple[Pool, ...], waiters: Mapping[_PoolName, Waiters]) -> tuple[Pool, ...]:
    """The pools with the queues of others; that aishell waits there too is told beside them."""
    return tuple(_without_own(pool, waiters.get((pool.database, pool.user), Waiters())) for pool in pools)


def _without_own(pool: Pool, waiters: Waiters) -> Pool:
    if not waiters.own:
        return pool
    longest = 0.0 if not waiters.others else pool.max_wait_seconds if waiters.others_seconds is None else waiters.others_seconds
    own = format_counted(waiters.own, "connection of aishell itself waits", "connections of aishell itself wait")
    return replace(pool, clients_waiting=float(waiters.others), max_wait_seconds=longest, details=(("not counted", own), *pool.details))
