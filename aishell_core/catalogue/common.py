"""The vocabulary that databases share, single statements, and what aishell itself costs."""

from __future__ import annotations

from aishell_core.catalogue.declare import ANY, DATABASES, PGBOUNCER, POOLED, SERVED, SERVERS, TRANSACTED, gauge, rate, ratio
from aishell_core.values import Thresholds, Unit

# Whether a target answers, whatever it tells: the one figure that every target has that is well.
UP = gauge("up", Unit.COUNT, ANY, "1 for each reading that the target answered. While it does not there is nothing: `absent(up, 1m)`.")

# One vocabulary for all databases.
CONNECTIONS_USED = gauge(
    "connections.used", Unit.COUNT, SERVED, "Client connections that are open; for a file, processes that hold it open."
)
CONNECTIONS_MAX = gauge("connections.max", Unit.COUNT, POOLED, "Client connections that the server allows at once.")
POOL_USAGE = ratio("pool.usage", POOLED, "Used share of the connection limit.", 0.75, 0.90, highest=10.0)
SESSIONS_ACTIVE = gauge("sessions.active", Unit.COUNT, DATABASES, "Sessions that run a statement now.")
QUERY_DURATION = gauge(
    "query.duration", Unit.MILLISECONDS, DATABASES, "Running time of the longest active statement; 0 when none runs.", 30_000, 300_000
)
QUERY_LATENCY = gauge("query.latency", Unit.MILLISECONDS, SERVED, "Mean time of the statements that ended in the last interval.")
QUERIES_RATE = rate("queries.rate", Unit.PER_SECOND, SERVED, "Statements that ended.")
TRANSACTIONS_RATE = rate(
    "transactions.rate",
    Unit.PER_SECOND,
    (*TRANSACTED, "sqlite", *PGBOUNCER),
    "Transactions that committed; for SQLite and MariaDB, those that wrote; for a pooler, all that ended.",
)
ROWS_RATE = rate("rows.rate", Unit.PER_SECOND, DATABASES, "Rows that statements returned or changed.")
ERRORS_RATE = rate("errors.rate", Unit.PER_SECOND, DATABASES, "Statements that failed.")
CACHE_HIT_RATIO = ratio(
    "cache.hit_ratio",
    SERVERS,
    "Share of page or key look-ups answered from memory; of keys that are there, a warning below 80 % and nothing critical.",
    0.95,
    0.90,
    falling=True,
    sustained_seconds=60,
    by_engine=(("redis", Thresholds(0.80, falling=True, sustained_seconds=60)),),
)
LOCKS_WAITING = gauge("locks.waiting", Unit.COUNT, DATABASES, "Sessions that wait for a lock.", 1, 10, sustained_seconds=5)
LOCKS_WAIT = gauge("locks.wait", Unit.SECONDS, DATABASES, "Time that the longest waiter has waited for a lock.", 10, 60)
DEADLOCKS_RATE = rate("deadlocks.rate", Unit.PER_SECOND, SERVERS, "Deadlocks that the server broke.")
REPLICATION_LAG = gauge("replication.lag", Unit.SECONDS, SERVERS, "How far a replica is behind its source.", 10, 60)
DISK_USED = gauge("disk.used", Unit.BYTES, DATABASES, "Bytes that the database takes on disk, logs included.")
UPTIME = gauge("uptime", Unit.SECONDS, (*POOLED, "host"), "Time since the server, or the machine, started.")

# Servers with sessions, transactions and logs.
SESSIONS_BY_STATE = gauge("sessions.state", Unit.COUNT, SERVERS, "Client sessions by what they do, by the label `state`.")
SESSIONS_IDLE_IN_TRANSACTION = gauge(
    "sessions.idle_in_transaction", Unit.COUNT, SERVERS, "Sessions that keep a transaction open and do nothing."
)
TRANSACTION_DURATION = gauge(
    "transaction.duration", Unit.SECONDS, SERVERS, "Age of the oldest open transaction; 0 when none is open.", 900, 3600
)
TRANSACTION_IDLE = gauge(
    "transaction.idle", Unit.SECONDS, SERVERS, "Longest time for which a session has been idle in an open transaction.", 300, 900
)
TRANSACTION_LATENCY = gauge(
    "transaction.latency",
    Unit.MILLISECONDS,
    SERVERS,
    "Mean time of executing the statements of one transaction, over those of the last interval.",
)
ROLLBACKS_RATE = rate("rollbacks.rate", Unit.PER_SECOND, TRANSACTED, "Transactions that were rolled back.")
ROWS_INSERTED = rate("rows.inserted.rate", Unit.PER_SECOND, SERVERS, "Rows that were inserted.")
ROWS_UPDATED = rate("rows.updated.rate", Unit.PER_SECOND, SERVERS, "Rows that were updated.")
ROWS_DELETED = rate("rows.deleted.rate", Unit.PER_SECOND, SERVERS, "Rows that were deleted.")
ROWS_SCANNED = rate("rows.scanned.rate", Unit.PER_SECOND, SERVERS, "Rows that full scans read, wanted or not.")
BLOCKS_READ = rate("blocks.read.rate", Unit.PER_SECOND, SERVERS, "Blocks that were not in the server's cache.")
TEMP_FILES = rate(
    "temp.files.rate", Unit.PER_SECOND, SERVERS, "Temporary files that statements wrote because their memory did not suffice."
)
TEMP_BYTES = rate("temp.bytes.rate", Unit.BYTES_PER_SECOND, SERVERS, "Bytes that statements wrote to temporary files.")
WAL_BYTES = rate("wal.bytes.rate", Unit.BYTES_PER_SECOND, SERVERS, "Bytes of write-ahead (redo) log that the server wrote.")
REPLICATION_LAG_BYTES = gauge(
    "replication.lag.bytes",
    Unit.BYTES,
    SERVERS,
    "Log that a replica has not applied yet, by the label `peer`.",
    50 * 2**20,
    100 * 2**20,
    sustained_seconds=60,
)
REPLICATION_SLOT_RETAINED = gauge(
    "replication.slot.retained", Unit.BYTES, SERVERS, "Log that is kept for a replication slot, by the label `slot`.", 2**30, 10 * 2**30
)

# Single statements, by the label `digest`.
STATEMENT_CALLS = rate("statement.calls.rate", Unit.PER_SECOND, DATABASES, "Calls of a statement digest, by the label `digest`.")
STATEMENT_TIME = rate(
    "statement.time.rate", Unit.MILLISECONDS_PER_SECOND, DATABASES, "Time spent in a statement digest, by the label `digest`."
)

# What aishell itself costs.
POLL_DURATION = gauge("aishell.poll.duration", Unit.MILLISECONDS, ANY, "How long the last reading of a tier took, by the label `tier`.")
POLL_QUERIES = rate("aishell.poll.queries.rate", Unit.PER_SECOND, ANY, "Statements that aishell sends to this target.")
POLL_TIME = rate(
    "aishell.poll.time.rate",
    Unit.MILLISECONDS_PER_SECOND,
    ANY,
    "Time from aishell's statements to their answers; what the target spends on them is at most this.",
)
POLL_BYTES = rate("aishell.poll.bytes.rate", Unit.BYTES_PER_SECOND, ANY, "Bytes that aishell reads from this target.")
POLL_FAILURES = rate("aishell.poll.failures.rate", Unit.PER_SECOND, ANY, "Readings that failed.")
