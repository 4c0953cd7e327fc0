"""What Redis and Valkey alone have."""

from __future__ import annotations

from aishell_core.catalogue.declare import REDIS, gauge, rate, ratio
from aishell_core.values import Unit

# Memory.
REDIS_MEMORY_USED = gauge("redis.memory.used", Unit.BYTES, REDIS, "Memory that the server has taken for its data and itself.")
REDIS_MEMORY_MAX = gauge("redis.memory.max", Unit.BYTES, REDIS, "Memory at which the server evicts or refuses (maxmemory).")
REDIS_MEMORY_USAGE = ratio("redis.memory.usage", REDIS, "Used share of maxmemory.", 0.90, 0.97, sustained_seconds=60, highest=10.0)
REDIS_MEMORY_PEAK = gauge("redis.memory.peak", Unit.BYTES, REDIS, "Most memory that it has had since its start.")
REDIS_MEMORY_DATASET = gauge("redis.memory.dataset", Unit.BYTES, REDIS, "Memory of the data alone, without the server's own.")
REDIS_MEMORY_RESIDENT = gauge("redis.memory.resident", Unit.BYTES, REDIS, "Memory that the operating system has given it.")
REDIS_MEMORY_CLIENTS = gauge("redis.memory.clients", Unit.BYTES, REDIS, "Memory of the buffers of ordinary clients.")
REDIS_FRAGMENTATION = gauge(
    "redis.memory.fragmentation",
    Unit.COUNT,
    REDIS,
    "Resident by used memory; told from 100 MB resident on, because it says nothing of a small server.",
    1.5,
    2.0,
    sustained_seconds=60,
)
REDIS_LAZYFREE_PENDING = gauge("redis.lazyfree.pending", Unit.COUNT, REDIS, "Objects that wait to be freed in the background.")

# Keys.
REDIS_KEYS = gauge("redis.keys", Unit.COUNT, REDIS, "Keys by the label `database`.")
REDIS_KEYS_EXPIRING = gauge("redis.keys.expiring", Unit.COUNT, REDIS, "Keys with a time to live, by the label `database`.")
REDIS_HITS = rate("redis.hits.rate", Unit.PER_SECOND, REDIS, "Look-ups of a key that was there.")
REDIS_MISSES = rate("redis.misses.rate", Unit.PER_SECOND, REDIS, "Look-ups of a key that was not there.")
REDIS_EVICTED = rate("redis.evicted.rate", Unit.PER_SECOND, REDIS, "Keys thrown out because maxmemory was reached.", 0.1)
REDIS_EXPIRED = rate("redis.expired.rate", Unit.PER_SECOND, REDIS, "Keys whose time to live was over.")

# Clients and traffic.
REDIS_BLOCKED = gauge("redis.clients.blocked", Unit.COUNT, REDIS, "Clients that wait in a blocking command such as BLPOP.")
REDIS_SUBSCRIBERS = gauge("redis.clients.subscribed", Unit.COUNT, REDIS, "Clients that listen to channels.")
REDIS_CONNECTIONS = rate("redis.connections.rate", Unit.PER_SECOND, REDIS, "Connections that clients opened.")
REDIS_REJECTED = rate(
    "redis.connections.rejected.rate", Unit.PER_SECOND, REDIS, "Connections refused because maxclients was reached.", 0.001, 1.0
)
REDIS_EVICTED_CLIENTS = rate("redis.clients.evicted.rate", Unit.PER_SECOND, REDIS, "Clients thrown out for their memory.", 0.001)
REDIS_ERRORS = rate("redis.errors.rate", Unit.PER_SECOND, REDIS, "Errors that clients were answered, by the label `code`.")
REDIS_DENIED = rate("redis.denied.rate", Unit.PER_SECOND, REDIS, "Log-ins, commands, keys and channels that the access rules refused.")
REDIS_RECEIVED = rate("redis.network.received.rate", Unit.BYTES_PER_SECOND, REDIS, "Bytes that clients sent.")
REDIS_SENT = rate("redis.network.sent.rate", Unit.BYTES_PER_SECOND, REDIS, "Bytes that were sent to clients.")
REDIS_CPU = rate("redis.cpu.rate", Unit.MILLISECONDS_PER_SECOND, REDIS, "CPU time of the server; 1000 is one core.")
REDIS_CPU_MAIN = rate(
    "redis.cpu.main.rate", Unit.MILLISECONDS_PER_SECOND, REDIS, "CPU time of the thread that runs all commands; 1000 is its limit.", 900.0
)
REDIS_SLOW_RATE = rate("redis.slowlog.rate", Unit.PER_SECOND, REDIS, "Commands that took longer than slowlog-log-slower-than.")
REDIS_LATENCY_WORST = gauge(
    "redis.latency.worst",
    Unit.MILLISECONDS,
    REDIS,
    "Latest spike that the latency monitor saw, by the label `event`; it needs latency-monitor-threshold.",
)

# What is kept on disk.
REDIS_RDB_AGE = gauge(
    "redis.rdb.age",
    Unit.SECONDS,
    REDIS,
    "Time since the data was last saved, where saving is configured and something has changed.",
    26 * 3600.0,
    48 * 3600.0,
)
REDIS_RDB_FAILED = gauge("redis.rdb.failed", Unit.COUNT, REDIS, "1 when the last save failed; most servers then refuse writes.", None, 1)
REDIS_RDB_DURATION = gauge("redis.rdb.duration", Unit.SECONDS, REDIS, "How long the last save took.", 600.0, 1200.0)
REDIS_RDB_CHANGES = gauge("redis.rdb.changes", Unit.COUNT, REDIS, "Changes since the data was last saved.")
REDIS_AOF_FAILED = gauge("redis.aof.failed", Unit.COUNT, REDIS, "1 when the last write or rewrite of the append-only file failed.", None, 1)
REDIS_AOF_SIZE = gauge("redis.aof.size", Unit.BYTES, REDIS, "Size of the append-only file.")
REDIS_AOF_DELAYED = rate(
    "redis.aof.delayed.rate",
    Unit.PER_SECOND,
    REDIS,
    "Flushes of the append-only file that held up clients, because the disk was busy.",
    0.1,
)
REDIS_FORK = gauge(
    "redis.fork.duration",
    Unit.MILLISECONDS,
    REDIS,
    "How long the last fork, for a save or a replica, kept all clients waiting.",
    500.0,
    2000.0,
)

# Replication and cluster.
REDIS_LINK_DOWN = gauge(
    "redis.replication.link.down",
    Unit.SECONDS,
    REDIS,
    "How long this replica has had no link to its primary; 0 with one.",
    None,
    1.0,
    sustained_seconds=5,
)
REDIS_REPLICAS = gauge("redis.replicas", Unit.COUNT, REDIS, "Replicas that follow this server; not who only takes a copy.")
REDIS_REPLICATED = rate("redis.replication.rate", Unit.BYTES_PER_SECOND, REDIS, "Bytes of writes for replicas that the server produced.")
REDIS_FULL_SYNCS = rate("redis.replication.full.rate", Unit.PER_SECOND, REDIS, "Full copies that replicas asked for.")
REDIS_BACKLOG = gauge("redis.replication.backlog", Unit.BYTES, REDIS, "Writes that are kept for replicas that come back.")
REDIS_SLOTS_UNSERVED = gauge("redis.cluster.slots.unserved", Unit.COUNT, REDIS, "Slots of the cluster that no node serves.", None, 1)
REDIS_CLUSTER_DOWN = gauge("redis.cluster.down", Unit.COUNT, REDIS, "1 when this node takes the cluster for down.", None, 1)
REDIS_NODES_FAILED = gauge("redis.cluster.nodes.failed", Unit.COUNT, REDIS, "Nodes of the cluster that are or seem to be down.", 1)
REDIS_SENTINEL_DOWN = gauge("redis.sentinel.primaries.down", Unit.COUNT, REDIS, "Watched primaries that are or seem to be down.", None, 1)
REDIS_CERTIFICATE = gauge(
    "redis.certificate.left", Unit.SECONDS, REDIS, "Time until the server's certificate ends, where it tells that (Valkey)."
)
