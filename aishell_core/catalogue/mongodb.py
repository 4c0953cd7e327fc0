"""What MongoDB alone has."""

from __future__ import annotations

from aishell_core.catalogue.declare import MONGODB, gauge, rate, ratio
from aishell_core.values import Unit

MONGO_OPS = rate(
    "mongodb.ops.rate", Unit.PER_SECOND, MONGODB, "Operations by the label `op`: insert, query, update, delete, getmore, command."
)
MONGO_OPS_REPLICATED = rate(
    "mongodb.ops.replicated.rate", Unit.PER_SECOND, MONGODB, "Operations that a secondary applied from the log, by the label `op`."
)
MONGO_LATENCY = gauge(
    "mongodb.latency",
    Unit.MILLISECONDS,
    MONGODB,
    "Mean time of the operations that ended in the last interval, by the label `class`: reads, writes, commands, transactions.",
)
MONGO_QUEUED = gauge(
    "mongodb.queued",
    Unit.COUNT,
    MONGODB,
    "Operations that wait for a lock or a ticket, by the label `op`: read or write.",
    10,
    100,
    sustained_seconds=5,
)
MONGO_TICKETS_USED = gauge("mongodb.tickets.used", Unit.COUNT, MONGODB, "Tickets of the storage engine in use, by the label `op`.")
MONGO_TICKETS_AVAILABLE = gauge("mongodb.tickets.available", Unit.COUNT, MONGODB, "Tickets of the storage engine left, by the label `op`.")
MONGO_TICKETS_USAGE = ratio(
    "mongodb.tickets.usage",
    MONGODB,
    "Used share of the storage engine's tickets, the scarcer of read and write.",
    0.90,
    0.99,
    sustained_seconds=60,
)
MONGO_CACHE_BYTES = gauge("mongodb.cache.bytes", Unit.BYTES, MONGODB, "Data in the cache of WiredTiger.")
MONGO_CACHE_MAX = gauge("mongodb.cache.max", Unit.BYTES, MONGODB, "How much the cache of WiredTiger may hold.")
MONGO_CACHE_USED = ratio("mongodb.cache.used", MONGODB, "Used share of WiredTiger's cache.", 0.95, 0.99, sustained_seconds=60)
MONGO_CACHE_DIRTY = ratio(
    "mongodb.cache.dirty",
    MONGODB,
    "Share of WiredTiger's cache that is changed and not written yet; from 20 % on clients have to help to write.",
    0.20,
    sustained_seconds=60,
)
MONGO_CACHE_READ = rate("mongodb.cache.read.rate", Unit.BYTES_PER_SECOND, MONGODB, "Bytes read from files into the cache.")
MONGO_CACHE_WRITTEN = rate("mongodb.cache.written.rate", Unit.BYTES_PER_SECOND, MONGODB, "Bytes written from the cache to files.")
MONGO_CACHE_APPLICATION_EVICTIONS = rate(
    "mongodb.cache.evictions.application.rate", Unit.PER_SECOND, MONGODB, "Pages that clients' own threads had to move out of the cache."
)
MONGO_CHECKPOINT_TIME = gauge("mongodb.checkpoint.time", Unit.MILLISECONDS, MONGODB, "How long the last checkpoint took.", 60_000)
MONGO_CONNECTIONS_ACTIVE = gauge("mongodb.connections.active", Unit.COUNT, MONGODB, "Connections on which an operation runs.")
MONGO_CONNECTIONS_CREATED = rate("mongodb.connections.created.rate", Unit.PER_SECOND, MONGODB, "Connections that were opened.")
MONGO_CONNECTIONS_REJECTED = rate(
    "mongodb.connections.rejected.rate", Unit.PER_SECOND, MONGODB, "Connections that the server refused because it had too many.", 0.001
)
MONGO_PAGE_FAULTS = rate("mongodb.page_faults.rate", Unit.PER_SECOND, MONGODB, "Pages of memory that the system had to read from disk.")
MONGO_MEMORY_RESIDENT = gauge("mongodb.memory.resident", Unit.BYTES, MONGODB, "Memory of the server's process.")
MONGO_MEMORY_VIRTUAL = gauge("mongodb.memory.virtual", Unit.BYTES, MONGODB, "Address space of the server's process.")
MONGO_CURSORS_OPEN = gauge("mongodb.cursors.open", Unit.COUNT, MONGODB, "Cursors that are open.", 10_000)
MONGO_CURSORS_PINNED = gauge("mongodb.cursors.pinned", Unit.COUNT, MONGODB, "Cursors that are read from just now.")
MONGO_CURSORS_ENDLESS = gauge("mongodb.cursors.no_timeout", Unit.COUNT, MONGODB, "Open cursors that never end by themselves.")
MONGO_CURSORS_TIMED_OUT = rate(
    "mongodb.cursors.timed_out.rate", Unit.PER_SECOND, MONGODB, "Cursors that ended because nobody read on.", 100 / 60
)
MONGO_ASSERTS = rate(
    "mongodb.asserts.rate",
    Unit.PER_SECOND,
    MONGODB,
    "Assertions of the server by the label `kind`; those of kind user are clients' errors.",
)
MONGO_NETWORK_IN = rate("mongodb.network.in.rate", Unit.BYTES_PER_SECOND, MONGODB, "Bytes received from clients and members.")
MONGO_NETWORK_OUT = rate("mongodb.network.out.rate", Unit.BYTES_PER_SECOND, MONGODB, "Bytes sent to clients and members.")
MONGO_NETWORK_REQUESTS = rate("mongodb.network.requests.rate", Unit.PER_SECOND, MONGODB, "Requests received.")
MONGO_DOCUMENTS_EXAMINED = rate("mongodb.documents.examined.rate", Unit.PER_SECOND, MONGODB, "Documents that were read to answer queries.")
MONGO_KEYS_EXAMINED = rate("mongodb.keys.examined.rate", Unit.PER_SECOND, MONGODB, "Keys of indexes that were read to answer queries.")
MONGO_COLLECTION_SCANS = rate("mongodb.collection_scans.rate", Unit.PER_SECOND, MONGODB, "Queries that read a whole collection.")
MONGO_SORTS = rate("mongodb.sorts.rate", Unit.PER_SECOND, MONGODB, "Queries whose answer had to be sorted because no index has its order.")
MONGO_WRITE_CONFLICTS = rate("mongodb.write_conflicts.rate", Unit.PER_SECOND, MONGODB, "Writes that had to be tried again.")
MONGO_TRANSACTIONS_OPEN = gauge("mongodb.transactions.open", Unit.COUNT, MONGODB, "Transactions of several documents that are open.")
MONGO_TRANSACTIONS_COMMITTED = rate(
    "mongodb.transactions.committed.rate", Unit.PER_SECOND, MONGODB, "Transactions of several documents that committed."
)
MONGO_TRANSACTIONS_ABORTED = rate(
    "mongodb.transactions.aborted.rate", Unit.PER_SECOND, MONGODB, "Transactions of several documents that were given up."
)
MONGO_TTL_DELETED = rate("mongodb.ttl.deleted.rate", Unit.PER_SECOND, MONGODB, "Documents deleted because their time was over.")
MONGO_FLOW_CONTROL_LAGGED = gauge(
    "mongodb.flow_control.lagged",
    Unit.COUNT,
    MONGODB,
    "1 while writes are slowed down because the majority lags behind.",
    1,
    sustained_seconds=30,
)
MONGO_FLOW_CONTROL_TIME = rate(
    "mongodb.flow_control.time.rate", Unit.MILLISECONDS_PER_SECOND, MONGODB, "Time for which writes were held back by flow control."
)
MONGO_ELECTIONS = rate("mongodb.elections.rate", Unit.PER_SECOND, MONGODB, "Elections that this member called, for whatever reason.", 0.001)
MONGO_MEMBERS_UNHEALTHY = gauge(
    "mongodb.members.unhealthy",
    Unit.COUNT,
    MONGODB,
    "Members of the replica set that are down or in a state in which they serve nothing.",
    None,
    1,
)
MONGO_OPLOG_WINDOW = gauge(
    "mongodb.oplog.window",
    Unit.SECONDS,
    MONGODB,
    "Time between the first and the last entry of the log of operations, once it is full: so long may a member be away.",
    86_400,
    3_600,
    falling=True,
)
MONGO_OPLOG_HEADROOM = gauge(
    "mongodb.oplog.headroom",
    Unit.SECONDS,
    MONGODB,
    "The log's window less the lag of the slowest member; at 0 that one must be made anew.",
    3_600,
    0,
    falling=True,
)
MONGO_OPLOG_USED = gauge("mongodb.oplog.size", Unit.BYTES, MONGODB, "Size of the log of operations.")
MONGO_DATABASE_SIZE = gauge(
    "mongodb.database.size", Unit.BYTES, MONGODB, "Size of a database on disk, by the label `database` (largest ones)."
)
MONGO_COLLECTION_READ_TIME = rate(
    "mongodb.collection.read.time.rate",
    Unit.MILLISECONDS_PER_SECOND,
    MONGODB,
    "Time spent reading a collection, by the label `collection` (busiest ones).",
)
MONGO_COLLECTION_WRITE_TIME = rate(
    "mongodb.collection.write.time.rate",
    Unit.MILLISECONDS_PER_SECOND,
    MONGODB,
    "Time spent writing a collection, by the label `collection` (busiest ones).",
)
MONGO_SHARDS_DRAINING = gauge("mongodb.shards.draining", Unit.COUNT, MONGODB, "Shards that are being emptied.")
MONGO_CHUNKS_JUMBO = gauge("mongodb.chunks.jumbo", Unit.COUNT, MONGODB, "Chunks that are too large to be moved.", 1)
