"""What PostgreSQL alone has."""

from __future__ import annotations

from aishell_core.catalogue.declare import POSTGRES, gauge, rate, ratio
from aishell_core.values import Unit

PG_DATABASE_SIZE = gauge("postgres.database.size", Unit.BYTES, POSTGRES, "Size of a database, by the label `database` (largest ones).")
PG_CONFLICTS = rate(
    "postgres.conflicts.rate", Unit.PER_SECOND, POSTGRES, "Queries on a standby that replaying the log had to cancel.", 0.001
)
PG_CONFLICTS_BY_KIND = rate(
    "postgres.conflicts.kind.rate",
    Unit.PER_SECOND,
    POSTGRES,
    "The same by the label `kind`: lock, snapshot, tablespace, bufferpin, deadlock, logical slot (since 16); standbys only.",
)
PG_SUBSCRIPTION_ERRORS = rate(
    "postgres.subscription.errors.rate",
    Unit.PER_SECOND,
    POSTGRES,
    "Failures to apply or copy what a subscription brings, by the label `subscription`; since 15.",
    0.001,
)
PG_SUBSCRIPTION_CONFLICTS = rate(
    "postgres.subscription.conflicts.rate",
    Unit.PER_SECOND,
    POSTGRES,
    "Rows of a subscription that conflict with those that are here, by the labels `kind` and `subscription`; since 18.",
)
PG_SUBSCRIPTION_DOWN = gauge(
    "postgres.subscription.down",
    Unit.COUNT,
    POSTGRES,
    "1 while no worker applies the changes of an enabled subscription, by the label `subscription`.",
    1,
)
PG_CHECKSUM_FAILURES = gauge(
    "postgres.checksum.failures", Unit.COUNT, POSTGRES, "Data pages found with a wrong checksum since the statistics were reset.", None, 1
)
PG_WAL_RECORDS = rate("postgres.wal.records.rate", Unit.PER_SECOND, POSTGRES, "Records written to the log.")
PG_WAL_FULL_PAGES = rate(
    "postgres.wal.full_pages.rate",
    Unit.PER_SECOND,
    POSTGRES,
    "Whole pages written to the log because they changed first after a checkpoint.",
)
PG_WAL_BUFFERS_FULL = rate(
    "postgres.wal.buffers_full.rate", Unit.PER_SECOND, POSTGRES, "Log writes forced because the log buffers were full."
)
PG_WAL_WRITE_TIME = rate(
    "postgres.wal.write.time.rate", Unit.MILLISECONDS_PER_SECOND, POSTGRES, "Time spent writing the log; needs track_wal_io_timing."
)
PG_WAL_SYNC_TIME = rate(
    "postgres.wal.sync.time.rate", Unit.MILLISECONDS_PER_SECOND, POSTGRES, "Time spent flushing the log to disk; needs track_wal_io_timing."
)
PG_CHECKPOINTS_TIMED = rate("postgres.checkpoints.timed.rate", Unit.PER_SECOND, POSTGRES, "Checkpoints that were due by time.")
PG_CHECKPOINTS_REQUESTED = rate(
    "postgres.checkpoints.requested.rate", Unit.PER_SECOND, POSTGRES, "Checkpoints forced by the amount of log or by a command."
)
PG_CHECKPOINT_WRITE_TIME = gauge(
    "postgres.checkpoint.write.time", Unit.SECONDS, POSTGRES, "Time that the checkpoint that ended last spent writing pages."
)
PG_CHECKPOINT_SYNC_TIME = gauge(
    "postgres.checkpoint.sync.time", Unit.SECONDS, POSTGRES, "Time that the checkpoint that ended last spent flushing files."
)
PG_CHECKPOINT_BUFFERS = rate("postgres.checkpoint.buffers.rate", Unit.PER_SECOND, POSTGRES, "Buffers written by checkpoints.")
PG_BACKEND_BUFFERS = rate("postgres.backend.buffers.rate", Unit.PER_SECOND, POSTGRES, "Buffers that clients' own processes had to write.")
PG_CLEANER_BUFFERS = rate("postgres.cleaner.buffers.rate", Unit.PER_SECOND, POSTGRES, "Buffers written by the background writer.")
PG_CHECKPOINT_AGE = gauge("postgres.checkpoint.age", Unit.SECONDS, POSTGRES, "Time since the last checkpoint began.")
PG_SLOTS_INACTIVE = gauge(
    "postgres.slots.inactive",
    Unit.COUNT,
    POSTGRES,
    "Replication slots that keep log and that nobody uses.",
    1,
    sustained_seconds=60,
)
PG_SLOTS_LOST = gauge(
    "postgres.slots.lost",
    Unit.COUNT,
    POSTGRES,
    "Replication slots whose log is gone or that a conflict has ended: what used them has to be made anew.",
    None,
    1,
)
PG_ARCHIVE_FAILING = gauge(
    "postgres.archive.failing",
    Unit.COUNT,
    POSTGRES,
    "1 from a failure to archive the log to the next success: the server tries again each minute, also while it counts none.",
    1,
)
PG_ARCHIVE_FAILED = rate("postgres.archive.failed.rate", Unit.PER_SECOND, POSTGRES, "Failed tries to archive a log file.")
PG_ARCHIVE_AGE = gauge("postgres.archive.age", Unit.SECONDS, POSTGRES, "Time since a log file was last archived.")
PG_ARCHIVE_BACKLOG = gauge("postgres.archive.backlog", Unit.COUNT, POSTGRES, "Log files that wait to be archived.", 10, 100)
PG_VACUUM_WORKERS = gauge("postgres.vacuum.workers", Unit.COUNT, POSTGRES, "Autovacuum workers that run now.")
PG_DEAD_ROWS = gauge(
    "postgres.dead_rows", Unit.COUNT, POSTGRES, "Row versions in this database that vacuum has still to remove, as last estimated."
)
PG_XID_AGE = gauge("postgres.xid.age", Unit.COUNT, POSTGRES, "Transactions since the oldest unfrozen one, of the oldest database.")
PG_WRAPAROUND = ratio(
    "postgres.wraparound.usage", POSTGRES, "Used share of the transaction ids before the server refuses to write.", 0.5, 0.75
)
PG_MULTIXACT_WRAPAROUND = ratio(
    "postgres.wraparound.multixact.usage", POSTGRES, "Used share of the multixact ids before the server refuses to write.", 0.5, 0.75
)
PG_HORIZON_AGE = gauge(
    "postgres.horizon.age", Unit.COUNT, POSTGRES, "Transactions by which the oldest holder keeps vacuum from removing dead rows."
)
PG_PREPARED_TRANSACTIONS = gauge("postgres.prepared_transactions", Unit.COUNT, POSTGRES, "Prepared transactions that nobody has ended yet.")
PG_SETTINGS_PENDING = gauge("postgres.settings.pending_restart", Unit.COUNT, POSTGRES, "Settings that were changed and wait for a restart.")
PG_SETTINGS_AGE = gauge(
    "postgres.settings.age", Unit.SECONDS, POSTGRES, "Time since the server last read its configuration, at its start or by a reload."
)
PG_LOCKS_USAGE = ratio(
    "postgres.locks.usage",
    POSTGRES,
    "Locks held as a share of those that the lock table has room for: max_locks_per_transaction for each connection.",
)
PG_TABLES_BLOATING = gauge(
    "postgres.tables.bloating",
    Unit.COUNT,
    POSTGRES,
    "Tables of this database with more than 10,000 dead row versions that are more than a quarter of all, as last estimated.",
)
PG_TABLES_NEGLECTED = gauge(
    "postgres.tables.neglected",
    Unit.COUNT,
    POSTGRES,
    "Tables of this database with more than 10,000 dead row versions that were not vacuumed for ten days.",
)
PG_INDEXES_INVALID = gauge(
    "postgres.indexes.invalid",
    Unit.COUNT,
    POSTGRES,
    "Indexes of this database that no query may use: building them failed, or a partition lacks its part of one.",
)
PG_CERTIFICATE_LEFT = gauge(
    "postgres.certificate.left", Unit.SECONDS, POSTGRES, "Time until the certificate of the server ends, where the connection is encrypted."
)
PG_TABLES_BLOATED = gauge(
    "postgres.tables.bloated",
    Unit.COUNT,
    POSTGRES,
    "Tables of this database from 200 MiB on of which more than four fifths are room that a rewrite would give back, as estimated.",
)
PG_INDEXES_BLOATED = gauge(
    "postgres.indexes.bloated",
    Unit.COUNT,
    POSTGRES,
    "B-tree indexes of this database from 100 MiB on of which more than four fifths are room that a rebuild would give back, as estimated "
    "where the width of their keys is known.",
)
PG_FOREIGN_KEYS_BARE = gauge(
    "postgres.foreign_keys.bare",
    Unit.COUNT,
    POSTGRES,
    "Foreign keys of this database's tables from 10 MB on that no index begins with.",
)
PG_SEQUENCE_USAGE = ratio(
    "postgres.sequence.usage",
    POSTGRES,
    "Used share of the numbers that a sequence, or the column that it fills, can give, by the label `sequence` (the fullest ones).",
)
PG_ROLES_EXPIRING = gauge(
    "postgres.roles.expiring", Unit.COUNT, POSTGRES, "Roles that may log in and whose password expires within 14 days."
)
PG_IO_READ = rate(
    "postgres.io.read.rate",
    Unit.BYTES_PER_SECOND,
    POSTGRES,
    "Bytes that the server read from files, by the labels `backend`, `object` and `context`.",
)
PG_IO_WRITE = rate(
    "postgres.io.write.rate",
    Unit.BYTES_PER_SECOND,
    POSTGRES,
    "Bytes that the server wrote or extended in files, by the labels `backend`, `object` and `context`.",
)
PG_IO_READ_TIME = rate(
    "postgres.io.read.time.rate",
    Unit.MILLISECONDS_PER_SECOND,
    POSTGRES,
    "Time spent reading files, by the same labels; needs track_io_timing.",
)
PG_IO_WRITE_TIME = rate(
    "postgres.io.write.time.rate",
    Unit.MILLISECONDS_PER_SECOND,
    POSTGRES,
    "Time spent writing files, by the same labels; needs track_io_timing.",
)
PG_IO_FSYNCS = rate("postgres.io.fsyncs.rate", Unit.PER_SECOND, POSTGRES, "Files flushed to disk, by the same labels.")
PG_SLRU_HITS = rate(
    "postgres.slru.hits.rate",
    Unit.PER_SECOND,
    POSTGRES,
    "Look-ups in a small cache (transaction status and the like) that found their page, by the label `slru`.",
)
PG_SLRU_READS = rate(
    "postgres.slru.reads.rate", Unit.PER_SECOND, POSTGRES, "Pages that a small cache had to read from disk, by the label `slru`."
)
