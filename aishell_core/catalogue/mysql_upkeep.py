"""What MySQL and MariaDB alone have in replication, clusters, logs and storage."""

from __future__ import annotations

from aishell_core.catalogue.declare import MYSQL, gauge, rate, ratio
from aishell_core.values import Unit

MYSQL_REPLICATION_STOPPED = gauge(
    "mysql.replication.stopped",
    Unit.COUNT,
    MYSQL,
    "Threads of replication that do not run (receiving and applying), by the label `peer` where there are several channels.",
    None,
    1,
    sustained_seconds=5,
)
MYSQL_REPLICATION_WAITING = gauge(
    "mysql.replication.waiting",
    Unit.COUNT,
    MYSQL,
    "Transactions that were received and are not applied yet, by the same label; needs global transaction identifiers.",
)
MYSQL_GTID_GAPS = gauge(
    "mysql.gtid.gaps",
    Unit.COUNT,
    MYSQL,
    "Runs of transactions that are missing within those that were executed (gtid_executed); MySQL alone has them.",
)
MYSQL_REPLICAS = gauge("mysql.replicas", Unit.COUNT, MYSQL, "Replicas that take the binary log from this server now.")
MYSQL_BINLOG_SIZE = gauge("mysql.binlog.size", Unit.BYTES, MYSQL, "Size of all binary logs that are kept.")
MYSQL_BINLOG_FILES = gauge("mysql.binlog.files", Unit.COUNT, MYSQL, "Binary logs that are kept.")
MYSQL_BINLOG_RETENTION = gauge(
    "mysql.binlog.retention", Unit.SECONDS, MYSQL, "For how long binary logs are kept; left out where they are kept for ever."
)
MYSQL_GALERA_MEMBERS = gauge(
    "mysql.galera.members", Unit.COUNT, MYSQL, "Members of the Galera cluster that this node sees, itself included."
)
MYSQL_GALERA_MISSING = gauge(
    "mysql.galera.missing", Unit.COUNT, MYSQL, "Members fewer than wsrep_cluster_address names.", 1, sustained_seconds=30
)
MYSQL_GALERA_OFFLINE = gauge(
    "mysql.galera.offline",
    Unit.COUNT,
    MYSQL,
    "1 while this node takes no statements: it is not in the primary part of its cluster, or not ready.",
    None,
    1,
)
MYSQL_GALERA_UNSYNCED = gauge(
    "mysql.galera.unsynced", Unit.COUNT, MYSQL, "1 while this node is not synced with its cluster.", 1, sustained_seconds=60
)
MYSQL_GALERA_RECEIVE_QUEUE = gauge(
    "mysql.galera.queue.receive", Unit.COUNT, MYSQL, "Write sets that wait to be applied on this node.", 100, sustained_seconds=30
)
MYSQL_GALERA_SEND_QUEUE = gauge(
    "mysql.galera.queue.send", Unit.COUNT, MYSQL, "Write sets that wait to be sent from this node.", 100, sustained_seconds=30
)
MYSQL_GALERA_PAUSED = rate(
    "mysql.galera.paused.time.rate", Unit.MILLISECONDS_PER_SECOND, MYSQL, "Time for which flow control held the cluster's writes.", 100, 500
)
MYSQL_GALERA_FLOW_CONTROL = rate(
    "mysql.galera.flow_control.rate", Unit.PER_SECOND, MYSQL, "Times that this node asked the cluster to wait for it."
)
MYSQL_GALERA_CONFLICTS = rate(
    "mysql.galera.conflicts.rate", Unit.PER_SECOND, MYSQL, "Transactions that failed because another node wrote the same rows."
)
MYSQL_GROUP_MEMBERS = gauge("mysql.group.members", Unit.COUNT, MYSQL, "Members of the replication group that are online.")
MYSQL_GROUP_OFFLINE = gauge(
    "mysql.group.offline", Unit.COUNT, MYSQL, "Members of the replication group that are not online.", 1, sustained_seconds=30
)
MYSQL_GROUP_QUEUE = gauge(
    "mysql.group.queue", Unit.COUNT, MYSQL, "Transactions that wait to be certified or applied at a member, by the label `peer`.", 10_000
)
MYSQL_AUTO_INCREMENT = ratio(
    "mysql.auto_increment.usage",
    MYSQL,
    "Used share of the numbers that an AUTO_INCREMENT column can give, by the label `table` (the fullest ones).",
    0.85,
    0.95,
)
MYSQL_SCHEMA_SIZE = gauge("mysql.schema.size", Unit.BYTES, MYSQL, "Size of the tables of a schema, by the label `schema` (largest ones).")
MYSQL_SETTINGS_PENDING = gauge(
    "mysql.settings.pending_restart", Unit.COUNT, MYSQL, "Settings that were persisted and wait for a restart; MySQL alone has them."
)
