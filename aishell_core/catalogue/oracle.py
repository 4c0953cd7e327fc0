"""What Oracle alone has."""

from __future__ import annotations

from aishell_core.catalogue.declare import ORACLE, gauge, rate, ratio
from aishell_core.values import Unit

_LONG = 300.0

# The load, from v$sysstat, v$sys_time_model and v$system_wait_class.
ORACLE_DB_TIME = rate("oracle.db.time.rate", Unit.MILLISECONDS_PER_SECOND, ORACLE, "Time that sessions of clients spent in calls.")
ORACLE_CPU_TIME = rate("oracle.cpu.time.rate", Unit.MILLISECONDS_PER_SECOND, ORACLE, "The part of it that they spent on the CPU.")
ORACLE_WAIT_TIME = rate(
    "oracle.wait.time.rate",
    Unit.MILLISECONDS_PER_SECOND,
    ORACLE,
    "Time spent waiting, by the label `class`; waits that are idle are left out.",
)
ORACLE_USER_CALLS = rate("oracle.calls.rate", Unit.PER_SECOND, ORACLE, "Calls of clients: logins, parses, fetches and executions.")
ORACLE_HARD_PARSES = rate("oracle.parses.hard.rate", Unit.PER_SECOND, ORACLE, "Statements that had to be planned anew.")
ORACLE_PARSE_FAILURES = rate("oracle.parses.failed.rate", Unit.PER_SECOND, ORACLE, "Statements that could not be understood.")
ORACLE_LOGONS = rate("oracle.logons.rate", Unit.PER_SECOND, ORACLE, "Sessions that began.")
ORACLE_LOGICAL_READS = rate("oracle.reads.logical.rate", Unit.PER_SECOND, ORACLE, "Blocks that were looked at, in memory or not.")
ORACLE_READ_BYTES = rate("oracle.io.read.rate", Unit.BYTES_PER_SECOND, ORACLE, "Bytes that the instance read from its files.")
ORACLE_WRITE_BYTES = rate("oracle.io.write.rate", Unit.BYTES_PER_SECOND, ORACLE, "Bytes that the instance wrote to its files.")
ORACLE_RECEIVED = rate("oracle.network.received.rate", Unit.BYTES_PER_SECOND, ORACLE, "Bytes that clients sent.")
ORACLE_SENT = rate("oracle.network.sent.rate", Unit.BYTES_PER_SECOND, ORACLE, "Bytes that were sent to clients.")
ORACLE_REDO_WAITS = rate("oracle.redo.waits.rate", Unit.PER_SECOND, ORACLE, "Requests for room in the redo log that had to wait.", 1, 10)
ORACLE_ENQUEUE_WAITS = rate("oracle.enqueue.waits.rate", Unit.PER_SECOND, ORACLE, "Locks that had to be waited for.")
ORACLE_SPILLS = rate(
    "oracle.workareas.spilled.rate",
    Unit.PER_SECOND,
    ORACLE,
    "Sorts and joins that did not fit into memory and went through temporary files.",
)
ORACLE_CURSORS = gauge("oracle.cursors.open", Unit.COUNT, ORACLE, "Cursors that sessions hold open.")

# Limits of the instance, from v$resource_limit.
ORACLE_RESOURCE_USAGE = ratio(
    "oracle.resource.usage",
    ORACLE,
    "Used share of a limit of the instance, by the label `resource`: sessions, processes.",
    0.85,
    0.95,
    sustained_seconds=_LONG,
)

# Figures that the server averages over a minute, from v$sysmetric.
ORACLE_ACTIVE_SESSIONS = gauge(
    "oracle.sessions.average", Unit.COUNT, ORACLE, "Average number of active sessions in the last minute.", 200, sustained_seconds=60
)
ORACLE_HOST_CPU = ratio(
    "oracle.host.cpu.usage", ORACLE, "CPU of the server's machine in the last minute, whoever uses it.", 0.90, sustained_seconds=_LONG
)
ORACLE_RESPONSE_TIME = gauge("oracle.response.time", Unit.MILLISECONDS, ORACLE, "Mean time of a call in the last minute.")
ORACLE_WAIT_SHARE = ratio("oracle.wait.ratio", ORACLE, "Share of the sessions' time that they spent waiting, in the last minute.")
ORACLE_LIBRARY_HITS = ratio(
    "oracle.library.hit_ratio",
    ORACLE,
    "Share of look-ups for a parsed statement that found it, in the last minute.",
    0.90,
    falling=True,
    sustained_seconds=_LONG,
)
ORACLE_SHARED_POOL_FREE = ratio("oracle.shared_pool.free", ORACLE, "Free share of the shared pool.")
ORACLE_ROLLBACK_SHARE = ratio(
    "oracle.rollbacks.ratio", ORACLE, "Share of the transactions of the last minute that were rolled back.", 0.20, sustained_seconds=_LONG
)
ORACLE_TEMP_USED = gauge("oracle.temp.used", Unit.BYTES, ORACLE, "Bytes of temporary tablespaces in use.")

# Memory.
ORACLE_SGA = gauge("oracle.sga.size", Unit.BYTES, ORACLE, "Memory that all processes of the instance share (SGA).")
ORACLE_PGA = gauge("oracle.pga.used", Unit.BYTES, ORACLE, "Memory that processes have for themselves (PGA).")
ORACLE_PGA_USAGE = ratio(
    "oracle.pga.usage",
    ORACLE,
    "Memory that processes have for themselves as a share of pga_aggregate_limit.",
    0.85,
    0.95,
    sustained_seconds=60,
)

# Storage.
ORACLE_TABLESPACE_USAGE = ratio(
    "oracle.tablespace.usage",
    ORACLE,
    "Used share of what a tablespace may grow to, by the label `tablespace`; 0.6 of undo may well be space to use again.",
    0.85,
    0.95,
)
ORACLE_TABLESPACE_USED = gauge("oracle.tablespace.used", Unit.BYTES, ORACLE, "Bytes in use of a tablespace, by the label `tablespace`.")
ORACLE_RECOVERY_USAGE = ratio(
    "oracle.recovery_area.usage",
    ORACLE,
    "Share of the recovery area that is used and cannot be reclaimed; when it is full, the database stands still.",
    0.85,
    0.95,
)
ORACLE_RECOVERY_USED = gauge(
    "oracle.recovery_area.used", Unit.BYTES, ORACLE, "Bytes of the recovery area in use, reclaimable ones included."
)
ORACLE_UNDO_ACTIVE = gauge("oracle.undo.active", Unit.BYTES, ORACLE, "Undo of transactions that are open.")
ORACLE_UNDO_LONGEST = gauge(
    "oracle.undo.longest_query", Unit.SECONDS, ORACLE, "Longest query of the last ten minutes, for which undo was kept."
)
ORACLE_SNAPSHOT_ERRORS = gauge(
    "oracle.undo.snapshot_errors", Unit.COUNT, ORACLE, "Queries of the last hour that failed because undo was gone (ORA-01555).", 1
)

# Backups, archiving, standbys and upkeep.
ORACLE_BACKUP_AGE = gauge(
    "oracle.backup.age",
    Unit.SECONDS,
    ORACLE,
    "Time since the last backup of a sort that went well, by the label `kind`: full, incremental, archived log.",
    172_800,
    604_800,
)
ORACLE_BACKUPS_FAILED = gauge("oracle.backup.failed", Unit.COUNT, ORACLE, "Backup jobs of the last day that failed.", 1)
ORACLE_ARCHIVE_ERRORS = gauge(
    "oracle.archive.errors", Unit.COUNT, ORACLE, "Destinations of the archived redo log that are in error.", None, 1
)
ORACLE_TRANSPORT_LAG = gauge(
    "oracle.transport.lag", Unit.SECONDS, ORACLE, "How far the redo that a standby has received is behind its primary.", 30, 300
)
ORACLE_APPLY_STOPPED = gauge(
    "oracle.apply.stopped", Unit.COUNT, ORACLE, "1 while no process of a standby applies redo.", 1, sustained_seconds=60
)
ORACLE_BLOCKED = gauge("oracle.sessions.blocked", Unit.COUNT, ORACLE, "Sessions that another one holds up, by locks or otherwise.")
ORACLE_INVALID_OBJECTS = gauge("oracle.objects.invalid", Unit.COUNT, ORACLE, "Objects of users that have to be compiled anew.", 1)
ORACLE_JOBS_FAILED = gauge("oracle.jobs.failed", Unit.COUNT, ORACLE, "Runs of scheduled jobs that failed within a day.", 1)
ORACLE_ACCOUNTS_EXPIRING = gauge(
    "oracle.accounts.expiring", Unit.COUNT, ORACLE, "Open accounts of users whose password expires within 14 days.", 1
)
ORACLE_SETTINGS_PENDING = gauge(
    "oracle.settings.pending_restart", Unit.COUNT, ORACLE, "Settings of the server file that wait for a restart."
)
