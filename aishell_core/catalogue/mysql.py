"""What MySQL and MariaDB alone have in what runs now: threads, InnoDB, temporary tables, caches."""

from __future__ import annotations

from aishell_core.catalogue.declare import MYSQL, gauge, rate, ratio
from aishell_core.values import Unit

MYSQL_THREADS_RUNNING = gauge(
    "mysql.threads.running", Unit.COUNT, MYSQL, "Threads that are not sleeping, the server's own for clients included."
)
MYSQL_THREADS_USAGE = ratio(
    "mysql.threads.usage", MYSQL, "Running threads as a share of the connections that are allowed.", 0.60, sustained_seconds=120
)
MYSQL_THREADS_CREATED = rate("mysql.threads.created.rate", Unit.PER_SECOND, MYSQL, "Threads that were created because the cache had none.")
MYSQL_ABORTED_CLIENTS = rate(
    "mysql.aborted.clients.rate",
    Unit.PER_SECOND,
    MYSQL,
    "Connections that broke off without a proper end: a client died or was silent too long.",
)
MYSQL_ABORTED_CONNECTS = rate(
    "mysql.aborted.connects.rate",
    Unit.PER_SECOND,
    MYSQL,
    "Attempts to connect that failed: a wrong password, a wrong host, no handshake.",
    1,
)
MYSQL_REFUSED_CONNECTS = rate("mysql.refused.connects.rate", Unit.PER_SECOND, MYSQL, "Connections refused because all were in use.", 0.001)
MYSQL_SLOW_QUERIES = rate("mysql.queries.slow.rate", Unit.PER_SECOND, MYSQL, "Statements that took longer than long_query_time.", 1, 2)
MYSQL_FULL_JOINS = rate(
    "mysql.joins.full.rate", Unit.PER_SECOND, MYSQL, "Joins that read a whole table for each row because no index fits."
)
MYSQL_SORT_MERGES = rate("mysql.sort.merges.rate", Unit.PER_SECOND, MYSQL, "Passes of sorts that did not fit into memory.")
MYSQL_TEMP_TABLES = rate("mysql.temp.tables.rate", Unit.PER_SECOND, MYSQL, "Internal temporary tables, in memory or on disk.")
MYSQL_TABLE_CACHE_MISSES = rate(
    "mysql.table_cache.misses.rate", Unit.PER_SECOND, MYSQL, "Tables that had to be opened because the cache did not hold them."
)
MYSQL_TABLE_CACHE_OVERFLOWS = rate(
    "mysql.table_cache.overflows.rate", Unit.PER_SECOND, MYSQL, "Tables closed again because the table cache was full."
)
MYSQL_TABLES_OPEN = gauge("mysql.tables.open", Unit.COUNT, MYSQL, "Tables that are open.")
MYSQL_PREPARED = gauge("mysql.statements.prepared", Unit.COUNT, MYSQL, "Prepared statements that clients hold.")
MYSQL_PREPARED_MAX = gauge(
    "mysql.statements.prepared.max", Unit.COUNT, MYSQL, "Prepared statements that all clients together may hold (max_prepared_stmt_count)."
)
MYSQL_FILES_OPEN = gauge("mysql.files.open", Unit.COUNT, MYSQL, "Files that the server has open, those of InnoDB left out.")
MYSQL_FILES_MAX = gauge("mysql.files.max", Unit.COUNT, MYSQL, "Files that the server may have open (open_files_limit).")
MYSQL_TABLE_LOCKS = rate("mysql.table_locks.rate", Unit.PER_SECOND, MYSQL, "Locks of whole tables that were granted at once.")
MYSQL_TABLE_LOCK_WAITS = rate("mysql.table_locks.waits.rate", Unit.PER_SECOND, MYSQL, "Locks of whole tables that had to be waited for.")
MYSQL_READ_ONLY = gauge("mysql.read_only", Unit.COUNT, MYSQL, "1 while the server takes no writes of ordinary accounts (read_only).")
MYSQL_BYTES_RECEIVED = rate("mysql.network.received.rate", Unit.BYTES_PER_SECOND, MYSQL, "Bytes that clients sent.")
MYSQL_BYTES_SENT = rate("mysql.network.sent.rate", Unit.BYTES_PER_SECOND, MYSQL, "Bytes that were sent to clients.")
MYSQL_METADATA_WAITING = gauge(
    "mysql.metadata_locks.waiting",
    Unit.COUNT,
    MYSQL,
    "Sessions that wait for a metadata lock, as behind an ALTER TABLE.",
    1,
    10,
    sustained_seconds=5,
)
MYSQL_POOL_DIRTY = ratio(
    "mysql.innodb.dirty", MYSQL, "Share of the buffer pool's pages that wait to be written.", 0.75, 0.90, sustained_seconds=60
)
MYSQL_POOL_USED = ratio("mysql.innodb.pool.usage", MYSQL, "Share of the buffer pool that holds pages.")
MYSQL_POOL_WAITS = rate("mysql.innodb.pool.waits.rate", Unit.PER_SECOND, MYSQL, "Waits for a free page of the buffer pool.", 1)
MYSQL_HISTORY = gauge(
    "mysql.innodb.history",
    Unit.COUNT,
    MYSQL,
    "Undo records that purge has still to remove (history list length).",
    50_000,
    1_000_000,
    sustained_seconds=60,
)
MYSQL_CHECKPOINT_AGE = gauge("mysql.innodb.checkpoint.age", Unit.BYTES, MYSQL, "Redo written since the last checkpoint.")
MYSQL_CHECKPOINT_USAGE = ratio(
    "mysql.innodb.checkpoint.usage",
    MYSQL,
    "The checkpoint's age as a share of what is allowed before writes have to wait.",
    0.70,
    0.85,
    sustained_seconds=10,
)
MYSQL_LOG_WAITS = rate("mysql.innodb.log.waits.rate", Unit.PER_SECOND, MYSQL, "Waits because the log buffer was full.", 1, 10)
MYSQL_ROW_LOCK_WAITS = rate("mysql.innodb.row_lock.waits.rate", Unit.PER_SECOND, MYSQL, "Row locks that had to be waited for.")
MYSQL_ROW_LOCK_TIME = rate(
    "mysql.innodb.row_lock.time.rate", Unit.MILLISECONDS_PER_SECOND, MYSQL, "Time spent waiting for row locks, of waits that have ended."
)
MYSQL_DATA_READ = rate("mysql.innodb.read.rate", Unit.BYTES_PER_SECOND, MYSQL, "Bytes that InnoDB read from its files.")
MYSQL_DATA_WRITTEN = rate("mysql.innodb.write.rate", Unit.BYTES_PER_SECOND, MYSQL, "Bytes that InnoDB wrote to its files.")
MYSQL_FSYNCS = rate("mysql.innodb.fsyncs.rate", Unit.PER_SECOND, MYSQL, "Files that InnoDB flushed to disk.")
MYSQL_FORCED_RECOVERY = gauge(
    "mysql.innodb.force_recovery",
    Unit.COUNT,
    MYSQL,
    "What InnoDB leaves out to be able to start on damaged files (innodb_force_recovery); 0 in normal service.",
)
