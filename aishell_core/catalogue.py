"""Every metric, declared once: the help, the docs, the colours and the checks are made from this table."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

from aishell_core.errors import UsageError
from aishell_core.values import Kind, Metric, Thresholds, Unit

SERVERS = ("postgres", "mysql", "mongodb", "redis", "oracle")
DATABASES = (*SERVERS, "sqlite")
HOST = ("host",)
SQLITE = ("sqlite",)
POSTGRES = ("postgres",)
PGBOUNCER = ("pgbouncer",)
POOLED = (*SERVERS, *PGBOUNCER)
SERVED = (*DATABASES, *PGBOUNCER)
ANY = (*DATABASES, *PGBOUNCER, "host")

_declared: dict[str, Metric] = {}


def _declare(
    name: str,
    unit: Unit,
    kind: Kind,
    engines: tuple[str, ...],
    help: str,
    *,
    warning: float | None = None,
    critical: float | None = None,
    falling: bool = False,
    sustained_seconds: float = 0.0,
) -> Metric:
    if name in _declared:
        raise ValueError(f"metric {name} is declared twice")
    metric = Metric(name, unit, kind, help, engines, Thresholds(warning, critical, falling, sustained_seconds))
    _declared[name] = metric
    return metric


def _gauge(
    name: str,
    unit: Unit,
    engines: tuple[str, ...],
    help: str,
    warning: float | None = None,
    critical: float | None = None,
    *,
    sustained_seconds: float = 0.0,
) -> Metric:
    return _declare(name, unit, Kind.GAUGE, engines, help, warning=warning, critical=critical, sustained_seconds=sustained_seconds)


def _ratio(
    name: str,
    engines: tuple[str, ...],
    help: str,
    warning: float | None = None,
    critical: float | None = None,
    *,
    falling: bool = False,
    sustained_seconds: float = 0.0,
) -> Metric:
    return _declare(
        name,
        Unit.RATIO,
        Kind.RATIO,
        engines,
        help,
        warning=warning,
        critical=critical,
        falling=falling,
        sustained_seconds=sustained_seconds,
    )


def _rate(
    name: str, unit: Unit, engines: tuple[str, ...], help: str, warning: float | None = None, critical: float | None = None
) -> Metric:
    return _declare(name, unit, Kind.COUNTER, engines, help, warning=warning, critical=critical)


# One vocabulary for all databases.
CONNECTIONS_USED = _gauge(
    "connections.used", Unit.COUNT, SERVED, "Client connections that are open; for a file, processes that hold it open."
)
CONNECTIONS_MAX = _gauge("connections.max", Unit.COUNT, POOLED, "Client connections that the server allows at once.")
POOL_USAGE = _ratio("pool.usage", POOLED, "Used share of the connection limit.", 0.75, 0.90)
SESSIONS_ACTIVE = _gauge("sessions.active", Unit.COUNT, DATABASES, "Sessions that run a statement now.")
QUERY_DURATION = _gauge(
    "query.duration", Unit.MILLISECONDS, DATABASES, "Running time of the longest active statement; 0 when none runs.", 30_000, 300_000
)
QUERY_LATENCY = _gauge("query.latency", Unit.MILLISECONDS, SERVED, "Mean time of the statements that ended in the last interval.")
QUERIES_RATE = _rate("queries.rate", Unit.PER_SECOND, SERVED, "Statements that ended.")
TRANSACTIONS_RATE = _rate(
    "transactions.rate",
    Unit.PER_SECOND,
    SERVED,
    "Transactions that committed; for SQLite, those that wrote; for a pooler, all that ended.",
)
ROWS_RATE = _rate("rows.rate", Unit.PER_SECOND, DATABASES, "Rows that statements returned or changed.")
ERRORS_RATE = _rate("errors.rate", Unit.PER_SECOND, DATABASES, "Statements that failed.")
CACHE_HIT_RATIO = _ratio(
    "cache.hit_ratio", SERVERS, "Share of page or key look-ups answered from memory.", 0.95, 0.90, falling=True, sustained_seconds=60
)
LOCKS_WAITING = _gauge("locks.waiting", Unit.COUNT, DATABASES, "Sessions that wait for a lock.", 1, 10, sustained_seconds=5)
LOCKS_WAIT = _gauge("locks.wait", Unit.SECONDS, DATABASES, "Time that the longest waiter has waited for a lock.", 10, 60)
DEADLOCKS_RATE = _rate("deadlocks.rate", Unit.PER_SECOND, SERVERS, "Deadlocks that the server broke.")
REPLICATION_LAG = _gauge("replication.lag", Unit.SECONDS, SERVERS, "How far a replica is behind its source.", 10, 60)
DISK_USED = _gauge("disk.used", Unit.BYTES, DATABASES, "Bytes that the database takes on disk, logs included.")
UPTIME = _gauge("uptime", Unit.SECONDS, (*POOLED, "host"), "Time since the server, or the machine, started.")

# Servers with sessions, transactions and logs.
SESSIONS_BY_STATE = _gauge("sessions.state", Unit.COUNT, SERVERS, "Client sessions by what they do, by the label `state`.")
SESSIONS_IDLE_IN_TRANSACTION = _gauge(
    "sessions.idle_in_transaction", Unit.COUNT, SERVERS, "Sessions that keep a transaction open and do nothing."
)
TRANSACTION_DURATION = _gauge(
    "transaction.duration", Unit.SECONDS, SERVERS, "Age of the oldest open transaction; 0 when none is open.", 900, 3600
)
TRANSACTION_IDLE = _gauge(
    "transaction.idle", Unit.SECONDS, SERVERS, "Longest time for which a session has been idle in an open transaction.", 300, 900
)
TRANSACTION_LATENCY = _gauge(
    "transaction.latency",
    Unit.MILLISECONDS,
    SERVERS,
    "Mean time of executing the statements of one transaction, over those of the last interval.",
)
ROLLBACKS_RATE = _rate("rollbacks.rate", Unit.PER_SECOND, SERVERS, "Transactions that were rolled back.")
ROWS_INSERTED = _rate("rows.inserted.rate", Unit.PER_SECOND, SERVERS, "Rows that were inserted.")
ROWS_UPDATED = _rate("rows.updated.rate", Unit.PER_SECOND, SERVERS, "Rows that were updated.")
ROWS_DELETED = _rate("rows.deleted.rate", Unit.PER_SECOND, SERVERS, "Rows that were deleted.")
ROWS_SCANNED = _rate("rows.scanned.rate", Unit.PER_SECOND, SERVERS, "Rows that full scans read, wanted or not.")
BLOCKS_READ = _rate("blocks.read.rate", Unit.PER_SECOND, SERVERS, "Blocks that were not in the server's cache.")
TEMP_FILES = _rate(
    "temp.files.rate", Unit.PER_SECOND, SERVERS, "Temporary files that statements wrote because their memory did not suffice."
)
TEMP_BYTES = _rate("temp.bytes.rate", Unit.BYTES_PER_SECOND, SERVERS, "Bytes that statements wrote to temporary files.")
WAL_BYTES = _rate("wal.bytes.rate", Unit.BYTES_PER_SECOND, SERVERS, "Bytes of write-ahead (redo) log that the server wrote.")
REPLICATION_LAG_BYTES = _gauge(
    "replication.lag.bytes",
    Unit.BYTES,
    SERVERS,
    "Log that a replica has not applied yet, by the label `peer`.",
    50 * 2**20,
    100 * 2**20,
    sustained_seconds=60,
)
REPLICATION_SLOT_RETAINED = _gauge(
    "replication.slot.retained", Unit.BYTES, SERVERS, "Log that is kept for a replication slot, by the label `slot`.", 2**30, 10 * 2**30
)

# PostgreSQL alone.
PG_DATABASE_SIZE = _gauge("postgres.database.size", Unit.BYTES, POSTGRES, "Size of a database, by the label `database` (largest ones).")
PG_CONFLICTS = _rate(
    "postgres.conflicts.rate", Unit.PER_SECOND, POSTGRES, "Queries on a standby that replaying the log had to cancel.", 0.001
)
PG_CHECKSUM_FAILURES = _gauge(
    "postgres.checksum.failures", Unit.COUNT, POSTGRES, "Data pages found with a wrong checksum since the statistics were reset.", None, 1
)
PG_WAL_RECORDS = _rate("postgres.wal.records.rate", Unit.PER_SECOND, POSTGRES, "Records written to the log.")
PG_WAL_FULL_PAGES = _rate(
    "postgres.wal.full_pages.rate",
    Unit.PER_SECOND,
    POSTGRES,
    "Whole pages written to the log because they changed first after a checkpoint.",
)
PG_WAL_BUFFERS_FULL = _rate(
    "postgres.wal.buffers_full.rate", Unit.PER_SECOND, POSTGRES, "Log writes forced because the log buffers were full."
)
PG_WAL_WRITE_TIME = _rate(
    "postgres.wal.write.time.rate", Unit.MILLISECONDS_PER_SECOND, POSTGRES, "Time spent writing the log; needs track_wal_io_timing."
)
PG_WAL_SYNC_TIME = _rate(
    "postgres.wal.sync.time.rate", Unit.MILLISECONDS_PER_SECOND, POSTGRES, "Time spent flushing the log to disk; needs track_wal_io_timing."
)
PG_CHECKPOINTS_TIMED = _rate("postgres.checkpoints.timed.rate", Unit.PER_SECOND, POSTGRES, "Checkpoints that were due by time.")
PG_CHECKPOINTS_REQUESTED = _rate(
    "postgres.checkpoints.requested.rate", Unit.PER_SECOND, POSTGRES, "Checkpoints forced by the amount of log or by a command."
)
PG_CHECKPOINT_WRITE_TIME = _rate(
    "postgres.checkpoint.write.time.rate", Unit.MILLISECONDS_PER_SECOND, POSTGRES, "Time spent writing the pages of checkpoints."
)
PG_CHECKPOINT_SYNC_TIME = _rate(
    "postgres.checkpoint.sync.time.rate", Unit.MILLISECONDS_PER_SECOND, POSTGRES, "Time spent flushing the files of checkpoints."
)
PG_CHECKPOINT_BUFFERS = _rate("postgres.checkpoint.buffers.rate", Unit.PER_SECOND, POSTGRES, "Buffers written by checkpoints.")
PG_BACKEND_BUFFERS = _rate("postgres.backend.buffers.rate", Unit.PER_SECOND, POSTGRES, "Buffers that clients' own processes had to write.")
PG_CLEANER_BUFFERS = _rate("postgres.cleaner.buffers.rate", Unit.PER_SECOND, POSTGRES, "Buffers written by the background writer.")
PG_CHECKPOINT_AGE = _gauge("postgres.checkpoint.age", Unit.SECONDS, POSTGRES, "Time since the last checkpoint began.")
PG_SLOTS_INACTIVE = _gauge(
    "postgres.slots.inactive",
    Unit.COUNT,
    POSTGRES,
    "Replication slots that nobody uses: log is kept for them without end.",
    1,
    sustained_seconds=60,
)
PG_ARCHIVE_FAILED = _rate("postgres.archive.failed.rate", Unit.PER_SECOND, POSTGRES, "Log files that could not be archived.", 0.001)
PG_ARCHIVE_AGE = _gauge("postgres.archive.age", Unit.SECONDS, POSTGRES, "Time since a log file was last archived.")
PG_ARCHIVE_BACKLOG = _gauge("postgres.archive.backlog", Unit.COUNT, POSTGRES, "Log files that wait to be archived.", 10, 100)
PG_VACUUM_WORKERS = _gauge("postgres.vacuum.workers", Unit.COUNT, POSTGRES, "Autovacuum workers that run now.")
PG_DEAD_ROWS = _gauge(
    "postgres.dead_rows", Unit.COUNT, POSTGRES, "Row versions in this database that vacuum has still to remove, as last estimated."
)
PG_XID_AGE = _gauge("postgres.xid.age", Unit.COUNT, POSTGRES, "Transactions since the oldest unfrozen one, of the oldest database.")
PG_WRAPAROUND = _ratio(
    "postgres.wraparound.usage", POSTGRES, "Used share of the transaction ids before the server refuses to write.", 0.5, 0.75
)
PG_MULTIXACT_WRAPAROUND = _ratio(
    "postgres.wraparound.multixact.usage", POSTGRES, "Used share of the multixact ids before the server refuses to write.", 0.5, 0.75
)
PG_HORIZON_AGE = _gauge(
    "postgres.horizon.age", Unit.COUNT, POSTGRES, "Transactions by which the oldest holder keeps vacuum from removing dead rows."
)
PG_PREPARED_TRANSACTIONS = _gauge(
    "postgres.prepared_transactions", Unit.COUNT, POSTGRES, "Prepared transactions that nobody has ended yet."
)
PG_SETTINGS_PENDING = _gauge(
    "postgres.settings.pending_restart", Unit.COUNT, POSTGRES, "Settings that were changed and wait for a restart."
)
PG_IO_READ = _rate(
    "postgres.io.read.rate",
    Unit.BYTES_PER_SECOND,
    POSTGRES,
    "Bytes that the server read from files, by the labels `backend`, `object` and `context`.",
)
PG_IO_WRITE = _rate(
    "postgres.io.write.rate",
    Unit.BYTES_PER_SECOND,
    POSTGRES,
    "Bytes that the server wrote or extended in files, by the labels `backend`, `object` and `context`.",
)
PG_IO_READ_TIME = _rate(
    "postgres.io.read.time.rate",
    Unit.MILLISECONDS_PER_SECOND,
    POSTGRES,
    "Time spent reading files, by the same labels; needs track_io_timing.",
)
PG_IO_WRITE_TIME = _rate(
    "postgres.io.write.time.rate",
    Unit.MILLISECONDS_PER_SECOND,
    POSTGRES,
    "Time spent writing files, by the same labels; needs track_io_timing.",
)
PG_IO_FSYNCS = _rate("postgres.io.fsyncs.rate", Unit.PER_SECOND, POSTGRES, "Files flushed to disk, by the same labels.")
PG_SLRU_HITS = _rate(
    "postgres.slru.hits.rate",
    Unit.PER_SECOND,
    POSTGRES,
    "Look-ups in a small cache (transaction status and the like) that found their page, by the label `slru`.",
)
PG_SLRU_READS = _rate(
    "postgres.slru.reads.rate", Unit.PER_SECOND, POSTGRES, "Pages that a small cache had to read from disk, by the label `slru`."
)

# Connection poolers.
POOL_CLIENTS_ACTIVE = _gauge(
    "pool.clients.active",
    Unit.COUNT,
    PGBOUNCER,
    "Clients that are linked to a server connection or idle, so that none of them waits, by the label `pool`.",
)
POOL_CLIENTS_WAITING = _gauge(
    "pool.clients.waiting",
    Unit.COUNT,
    PGBOUNCER,
    "Clients that wait for a server connection, by the label `pool`.",
    1,
    10,
    sustained_seconds=5,
)
POOL_SERVERS_ACTIVE = _gauge("pool.servers.active", Unit.COUNT, PGBOUNCER, "Server connections that serve a client, by the label `pool`.")
POOL_SERVERS_IDLE = _gauge("pool.servers.idle", Unit.COUNT, PGBOUNCER, "Server connections that no client uses, by the label `pool`.")
POOL_WAIT = _gauge("pool.wait", Unit.SECONDS, PGBOUNCER, "How long the first client in the queue has waited, by the label `pool`.", 1, 10)
POOL_WAIT_TIME = _rate(
    "pool.wait.time.rate", Unit.MILLISECONDS_PER_SECOND, PGBOUNCER, "Time that clients spent waiting for a server connection."
)
POOL_RECEIVED = _rate("pool.received.rate", Unit.BYTES_PER_SECOND, PGBOUNCER, "Bytes that clients sent through the pooler.")
POOL_SENT = _rate("pool.sent.rate", Unit.BYTES_PER_SECOND, PGBOUNCER, "Bytes that servers sent through the pooler.")

# SQLite alone.
SQLITE_FILE_SIZE = _gauge("sqlite.file.size", Unit.BYTES, SQLITE, "Size of the database file.")
SQLITE_WAL_SIZE = _gauge("sqlite.wal.size", Unit.BYTES, SQLITE, "Size of the write-ahead log file.", 64 * 2**20, 512 * 2**20)
SQLITE_WAL_FRAMES = _gauge("sqlite.wal.frames", Unit.COUNT, SQLITE, "Valid frames in the write-ahead log (mxFrame of its index).")
SQLITE_WAL_PENDING = _gauge(
    "sqlite.wal.pending", Unit.COUNT, SQLITE, "Frames in the write-ahead log that no checkpoint has copied back yet.", 10_000, 100_000
)
SQLITE_FREELIST_SIZE = _gauge("sqlite.freelist.size", Unit.BYTES, SQLITE, "Bytes in pages that hold nothing; VACUUM would give them back.")
SQLITE_FREE_RATIO = _ratio("sqlite.freelist.ratio", SQLITE, "Share of the file's pages that hold nothing.", 0.5)
SQLITE_PAGE_SIZE = _gauge("sqlite.page.size", Unit.BYTES, SQLITE, "Size of one page.")
SQLITE_CACHE_SIZE = _gauge("sqlite.cache.size", Unit.BYTES, SQLITE, "Page cache that a new connection gets by default.")
SQLITE_RESIDENT_RATIO = _ratio("sqlite.resident.ratio", SQLITE, "Share of the database file that is in the machine's page cache.")
SQLITE_READERS = _gauge("sqlite.readers", Unit.COUNT, SQLITE, "Processes seen to hold a read lock at the moment of the look.")
SQLITE_WRITE_LOCK = _gauge(
    "sqlite.write_lock.held", Unit.SECONDS, SQLITE, "Time for which the write lock has been seen held by one process; 0 when free.", 5, 60
)
SQLITE_BUSY_RATE = _rate(
    "sqlite.busy.rate", Unit.PER_SECOND, SQLITE, "Statements in the statement log that gave up because the database was locked."
)
SQLITE_TABLE_SIZE = _gauge(
    "sqlite.table.size", Unit.BYTES, SQLITE, "Size of a table with its indexes, by the label `table` (largest ones)."
)

# The machine.
HOST_CPU = _ratio("host.cpu.usage", HOST, "Busy share of all cores.", 0.85, 0.95, sustained_seconds=60)
HOST_IOWAIT = _ratio(
    "host.cpu.iowait", HOST, "Share of time that all cores stood idle with I/O outstanding.", 0.2, 0.5, sustained_seconds=60
)
HOST_LOAD = _gauge("host.load.1m", Unit.COUNT, HOST, "Mean number of runnable or blocked threads in the last minute.")
HOST_CORES = _gauge("host.cpu.cores", Unit.COUNT, HOST, "Logical cores.")
HOST_MEMORY = _ratio("host.memory.usage", HOST, "Share of memory that is not available to new work.", 0.90, 0.97)
HOST_MEMORY_USED = _gauge("host.memory.used", Unit.BYTES, HOST, "Memory that is not available to new work.")
HOST_SWAP = _ratio("host.swap.usage", HOST, "Used share of swap; absent without swap.", 0.5, 0.9)
HOST_DISK_USAGE = _ratio("host.disk.usage", HOST, "Used share of a file system, by the label `mount`.", 0.75, 0.90)
HOST_DISK_FREE = _gauge("host.disk.free", Unit.BYTES, HOST, "Free bytes of a file system, by the label `mount`.")
HOST_DISK_READ_OPS = _rate("host.disk.reads.rate", Unit.PER_SECOND, HOST, "Reads that disks finished, by the label `disk`.")
HOST_DISK_WRITE_OPS = _rate("host.disk.writes.rate", Unit.PER_SECOND, HOST, "Writes that disks finished, by the label `disk`.")
HOST_DISK_READ = _rate("host.disk.read.rate", Unit.BYTES_PER_SECOND, HOST, "Bytes read from disks, by the label `disk`.")
HOST_DISK_WRITE = _rate("host.disk.write.rate", Unit.BYTES_PER_SECOND, HOST, "Bytes written to disks, by the label `disk`.")
HOST_NET_RECEIVED = _rate("host.network.received.rate", Unit.BYTES_PER_SECOND, HOST, "Bytes received, by the label `interface`.")
HOST_NET_SENT = _rate("host.network.sent.rate", Unit.BYTES_PER_SECOND, HOST, "Bytes sent, by the label `interface`.")
PROCESS_CPU = _rate(
    "process.cpu.rate",
    Unit.MILLISECONDS_PER_SECOND,
    SERVED,
    "CPU time of the local processes of a target, by the label `pid`.",
)
PROCESS_READ = _rate(
    "process.read.rate",
    Unit.BYTES_PER_SECOND,
    SERVED,
    "Bytes that a local process of a target read from disk, by the label `pid`.",
)
PROCESS_WRITE = _rate(
    "process.write.rate",
    Unit.BYTES_PER_SECOND,
    SERVED,
    "Bytes that a local process of a target wrote to disk, by the label `pid`.",
)
PROCESS_MEMORY = _gauge("process.memory.used", Unit.BYTES, SERVED, "Resident memory of a local process of a target, by the label `pid`.")

# Single statements, by the label `digest`.
STATEMENT_CALLS = _rate("statement.calls.rate", Unit.PER_SECOND, DATABASES, "Calls of a statement digest, by the label `digest`.")
STATEMENT_TIME = _rate(
    "statement.time.rate", Unit.MILLISECONDS_PER_SECOND, DATABASES, "Time spent in a statement digest, by the label `digest`."
)

# What aishell itself costs.
POLL_DURATION = _gauge("aishell.poll.duration", Unit.MILLISECONDS, ANY, "How long the last reading of a tier took, by the label `tier`.")
POLL_QUERIES = _rate("aishell.poll.queries.rate", Unit.PER_SECOND, ANY, "Statements that aishell sends to this target.")
POLL_TIME = _rate(
    "aishell.poll.time.rate",
    Unit.MILLISECONDS_PER_SECOND,
    ANY,
    "Time from aishell's statements to their answers; what the target spends on them is at most this.",
)
POLL_BYTES = _rate("aishell.poll.bytes.rate", Unit.BYTES_PER_SECOND, ANY, "Bytes that aishell reads from this target.")
POLL_FAILURES = _rate("aishell.poll.failures.rate", Unit.PER_SECOND, ANY, "Readings that failed.")

CATALOGUE: Mapping[str, Metric] = MappingProxyType(_declared)


def find_metric(name: str) -> Metric:
    """The metric of this name; raises UsageError with the nearest names."""
    metric = CATALOGUE.get(name)
    if metric is None:
        near = get_close_matches(name, CATALOGUE, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "aishell metrics --catalogue lists all of them"
        raise UsageError(f"there is no metric {name!r}", hint)
    return metric
