"""What connection poolers have."""

from __future__ import annotations

from aishell_core.catalogue.declare import PGBOUNCER, gauge, rate
from aishell_core.values import Unit

POOL_CLIENTS_ACTIVE = gauge(
    "pool.clients.active",
    Unit.COUNT,
    PGBOUNCER,
    "Clients that are linked to a server connection or idle, so that none of them waits, by the label `pool`.",
)
POOL_CLIENTS_WAITING = gauge(
    "pool.clients.waiting",
    Unit.COUNT,
    PGBOUNCER,
    "Clients that wait for a server connection, by the label `pool`.",
    1,
    10,
    sustained_seconds=5,
)
POOL_SERVERS_ACTIVE = gauge("pool.servers.active", Unit.COUNT, PGBOUNCER, "Server connections that serve a client, by the label `pool`.")
POOL_SERVERS_IDLE = gauge("pool.servers.idle", Unit.COUNT, PGBOUNCER, "Server connections that no client uses, by the label `pool`.")
POOL_WAIT = gauge("pool.wait", Unit.SECONDS, PGBOUNCER, "How long the first client in the queue has waited, by the label `pool`.", 1, 10)
POOL_WAIT_TIME = rate(
    "pool.wait.time.rate", Unit.MILLISECONDS_PER_SECOND, PGBOUNCER, "Time that clients spent waiting for a server connection."
)
POOL_RECEIVED = rate("pool.received.rate", Unit.BYTES_PER_SECOND, PGBOUNCER, "Bytes that clients sent through the pooler.")
POOL_SENT = rate("pool.sent.rate", Unit.BYTES_PER_SECOND, PGBOUNCER, "Bytes that servers sent through the pooler.")
