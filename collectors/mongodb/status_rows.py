"""What serverStatus tells, under the names of MongoDB 5 to 8, as figures. Pure.

https://www.mongodb.com/docs/manual/reference/command/serverStatus/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aishell_core import catalogue
from aishell_core.engines.mongodb_documents import Document
from aishell_core.values import Sample
from collectors.mongodb.figures import at, first, number, part, samples_of

LEFT_OUT = (
    *("locks", "tcmalloc", "sharding", "shardingStatistics", "mirroredReads", "logicalSessionRecordCache", "defaultRWConcern"),
    *("readConcernCounters", "readPreferenceCounters", "hedgingMetrics", "indexBulkBuilder", "indexStats", "scramCache", "security"),
    *("tenantMigrations", "trafficRecording", "transportSecurity", "twoPhaseCommitCoordinator", "batchedDeletes", "catalogStats"),
    *("changeStreamPreImages", "collectionCatalog", "featureCompatibilityVersion", "freeMonitoring", "watchdog", "internalTransactions"),
    *("planCache", "queryAnalyzers", "spillWiredTiger", "oplogTruncation", "latchAnalysis", "ocsp", "encryptionAtRest", "bucketCatalog"),
)
"""Sections that bring no figure here; they would make the answer twice as long."""

COMMAND: Mapping[str, object] = {"serverStatus": 1, **dict.fromkeys(LEFT_OUT, 0)}

_OPS = ("insert", "query", "update", "delete", "getmore", "command")
_BY_COMMAND = {"insert": "insert", "find": "query", "update": "update", "delete": "delete", "getMore": "getmore"}
"""Operations that a server counts as commands where it has no opcounters."""
_GREETINGS = frozenset({"hello", "ismaster", "isMaster", "serverStatus", "buildInfo", "ping", "saslStart", "saslContinue", "<UNKNOWN>"})
_CLASSES = ("reads", "writes", "commands", "transactions")
_CALLS = ("stepUpCmd", "priorityTakeover", "catchUpTakeover", "electionTimeout", "freezeTimeout")
_QUEUES = {"read": "readers", "write": "writers"}
_MEBIBYTE = 2**20


def status_samples(status: Document, before: Document | None) -> tuple[Sample, ...]:
    """All figures of one answer; `before` is the one before it in the same life of the server, for what is a mean or a share."""
    return (
        *_connections(status),
        *_operations(status),
        *_latencies(status, before),
        *_queues(status),
        *_cache(status, before),
        *_resources(status),
        *_queries(status),
        *_members(status),
    )


def _connections(status: Document) -> tuple[Sample, ...]:
    used, left = number(status, "connections", "current"), number(status, "connections", "available")
    most = used + left if used is not None and left is not None else None
    return samples_of(
        (
            (catalogue.CONNECTIONS_USED, used),
            (catalogue.CONNECTIONS_MAX, most),
            (catalogue.POOL_USAGE, min(1.0, used / most) if used is not None and most else None),
            (catalogue.MONGO_CONNECTIONS_ACTIVE, number(status, "connections", "active")),
            (catalogue.MONGO_CONNECTIONS_CREATED, number(status, "connections", "totalCreated")),
            (catalogue.MONGO_CONNECTIONS_REJECTED, number(status, "connections", "rejected")),
        )
    )


def _operations(status: Document) -> Iterator[Sample]:
    ops = operations_of(status)
    for name, count in ops.items():
        yield Sample(catalogue.MONGO_OPS, count, (("op", name),))
    for name in _OPS:
        replicated = number(status, "opcountersRepl", name)
        if replicated is not None:
            yield Sample(catalogue.MONGO_OPS_REPLICATED, replicated, (("op", name),))
    failed = [lost for each in part(status, "metrics", "commands").values() if (lost := number(_document(each), "failed")) is not None]
    failures = sum(failed) if failed else None
    yield from samples_of(
        (
            (catalogue.QUERIES_RATE, sum(ops.values()) if ops else None),
            (catalogue.ERRORS_RATE, failures),
            (catalogue.MONGO_TRANSACTIONS_COMMITTED, number(status, "transactions", "totalCommitted")),
            (catalogue.MONGO_TRANSACTIONS_ABORTED, number(status, "transactions", "totalAborted")),
            (catalogue.MONGO_TRANSACTIONS_OPEN, number(status, "transactions", "currentOpen")),
        )
    )


def operations_of(status: Document) -> dict[str, float]:
    """Operations since the start by sort: the server's opcounters, else what it counts by command."""
    counters = part(status, "opcounters")
    if counters:
        return {name: count for name in _OPS if (count := number(counters, name)) is not None}
    commands = part(status, "metrics", "commands")
    if not commands:
        return {}
    found = dict.fromkeys(_OPS, 0.0)
    for name, each in commands.items():
        if name not in _GREETINGS:
            found[_BY_COMMAND.get(name, "command")] += first(number(_document(each), "total"), 0.0) or 0.0
    return found


def _latencies(status: Document, before: Document | None) -> Iterator[Sample]:
    """Means over the operations of the last interval; none where none ended in it."""
    if before is None:
        return
    spent = ended = 0.0
    for name in _CLASSES:
        latency, ops = _grown(status, before, "opLatencies", name, "latency"), _grown(status, before, "opLatencies", name, "ops")
        if latency is None or ops is None:
            continue
        spent, ended = spent + latency, ended + ops
        if ops > 0:
            yield Sample(catalogue.MONGO_LATENCY, latency / ops / 1000, (("class", name),))
    if ended > 0:
        yield Sample(catalogue.QUERY_LATENCY, spent / ended / 1000)


def _grown(status: Document, before: Document, *path: str) -> float | None:
    """By how much a counter grew; None when it was not there or began anew."""
    now, then = number(status, *path), number(before, *path)
    return now - then if now is not None and then is not None and now >= then else None


def tickets_of(status: Document, op: str) -> tuple[float | None, float | None, float | None]:
    """Tickets of reads or writes: used, left and altogether, as 8.0 (`queues.execution`) and earlier versions call them."""
    place = part(status, "queues", "execution", op) or part(status, "wiredTiger", "concurrentTransactions", op)
    return number(place, "out"), number(place, "available"), number(place, "totalTickets")


def queued_of(status: Document, op: str) -> float | None:
    """Reads or writes that wait: for a ticket where the server counts these, else for a lock."""
    place = part(status, "queues", "execution", op) or part(status, "wiredTiger", "concurrentTransactions", op)
    waiting = [number(place, name, "queueLength") for name in ("normalPriority", "lowPriority")]
    tickets = sum(each for each in waiting if each is not None) if any(each is not None for each in waiting) else None
    # The queue of the global lock counts those that wait for a ticket too.
    return first(number(status, "globalLock", "currentQueue", _QUEUES[op]), tickets)


def _queues(status: Document) -> Iterator[Sample]:
    usages = []
    for op in _QUEUES:
        used, left, total = tickets_of(status, op)
        if total is None and used is not None and left is not None:
            total = used + left
        yield from samples_of(
            (
                (catalogue.MONGO_QUEUED, queued_of(status, op)),
                (catalogue.MONGO_TICKETS_USED, used),
                (catalogue.MONGO_TICKETS_AVAILABLE, left),
            ),
            (("op", op),),
        )
        if used is not None and total:
            usages.append(min(1.0, used / total))
    if usages:
        yield Sample(catalogue.MONGO_TICKETS_USAGE, max(usages))


def _cache(status: Document, before: Document | None) -> tuple[Sample, ...]:
    cache = part(status, "wiredTiger", "cache")
    held, most = number(cache, "bytes currently in the cache"), number(cache, "maximum bytes configured")
    dirty = number(cache, "tracked dirty bytes in the cache")
    checkpoint = first(
        number(status, "wiredTiger", "checkpoint", "most recent time (msecs)"),
        number(status, "wiredTiger", "transaction", "transaction checkpoint most recent time (msecs)"),
    )
    return samples_of(
        (
            (catalogue.MONGO_CACHE_BYTES, held),
            (catalogue.MONGO_CACHE_MAX, most),
            (catalogue.MONGO_CACHE_USED, min(1.0, held / most) if held is not None and most else None),
            (catalogue.MONGO_CACHE_DIRTY, min(1.0, dirty / most) if dirty is not None and most else None),
            (catalogue.MONGO_CACHE_READ, number(cache, "bytes read into cache")),
            (catalogue.MONGO_CACHE_WRITTEN, number(cache, "bytes written from cache")),
            (catalogue.BLOCKS_READ, number(cache, "pages read into cache")),
            (catalogue.MONGO_CACHE_APPLICATION_EVICTIONS, number(cache, "pages evicted by application threads")),
            (catalogue.MONGO_CHECKPOINT_TIME, checkpoint),
            (catalogue.WAL_BYTES, number(status, "wiredTiger", "log", "log bytes written")),
            (catalogue.CACHE_HIT_RATIO, _hit_ratio(status, before)),
        )
    )


def _hit_ratio(status: Document, before: Document | None) -> float | None:
    if before is None:
        return None
    asked = _grown(status, before, "wiredTiger", "cache", "pages requested from the cache")
    read = _grown(status, before, "wiredTiger", "cache", "pages read into cache")
    return max(0.0, 1.0 - read / asked) if asked and read is not None else None


def _resources(status: Document) -> Iterator[Sample]:
    resident, virtual = number(status, "mem", "resident"), number(status, "mem", "virtual")
    uptime = number(status, "uptimeMillis")
    yield from samples_of(
        (
            (catalogue.UPTIME, uptime / 1000 if uptime is not None else number(status, "uptime")),
            (catalogue.MONGO_PAGE_FAULTS, number(status, "extra_info", "page_faults")),
            (catalogue.MONGO_MEMORY_RESIDENT, resident * _MEBIBYTE if resident is not None else None),
            (catalogue.MONGO_MEMORY_VIRTUAL, virtual * _MEBIBYTE if virtual is not None else None),
            (catalogue.MONGO_NETWORK_IN, number(status, "network", "bytesIn")),
            (catalogue.MONGO_NETWORK_OUT, number(status, "network", "bytesOut")),
            (catalogue.MONGO_NETWORK_REQUESTS, number(status, "network", "numRequests")),
        )
    )
    for name in ("regular", "warning", "msg", "user", "tripwire"):
        yield from samples_of(((catalogue.MONGO_ASSERTS, number(status, "asserts", name)),), (("kind", name),))


def _queries(status: Document) -> tuple[Sample, ...]:
    metrics = part(status, "metrics")
    documents = part(metrics, "document")
    touched = [number(documents, name) for name in ("returned", "inserted", "updated", "deleted")]
    return samples_of(
        (
            (catalogue.ROWS_RATE, sum(each for each in touched if each is not None) if documents else None),
            (catalogue.ROWS_INSERTED, number(documents, "inserted")),
            (catalogue.ROWS_UPDATED, number(documents, "updated")),
            (catalogue.ROWS_DELETED, number(documents, "deleted")),
            (catalogue.MONGO_DOCUMENTS_EXAMINED, number(metrics, "queryExecutor", "scannedObjects")),
            (catalogue.MONGO_KEYS_EXAMINED, number(metrics, "queryExecutor", "scanned")),
            (catalogue.MONGO_COLLECTION_SCANS, number(metrics, "queryExecutor", "collectionScans", "total")),
            (catalogue.MONGO_SORTS, number(metrics, "operation", "scanAndOrder")),
            (catalogue.MONGO_WRITE_CONFLICTS, number(metrics, "operation", "writeConflicts")),
            (catalogue.MONGO_TTL_DELETED, number(metrics, "ttl", "deletedDocuments")),
            (catalogue.MONGO_CURSORS_OPEN, number(metrics, "cursor", "open", "total")),
            (catalogue.MONGO_CURSORS_PINNED, number(metrics, "cursor", "open", "pinned")),
            (catalogue.MONGO_CURSORS_ENDLESS, number(metrics, "cursor", "open", "noTimeout")),
            (catalogue.MONGO_CURSORS_TIMED_OUT, number(metrics, "cursor", "timedOut")),
        )
    )


def _members(status: Document) -> tuple[Sample, ...]:
    lagged = at(status, "flowControl", "isLagged")
    held_back = number(status, "flowControl", "timeAcquiringMicros")
    calls = [count for name in _CALLS if (count := number(status, "electionMetrics", name, "called")) is not None]
    return samples_of(
        (
            (catalogue.MONGO_FLOW_CONTROL_LAGGED, float(lagged) if isinstance(lagged, bool) else None),
            (catalogue.MONGO_FLOW_CONTROL_TIME, held_back / 1000 if held_back is not None else None),
            (catalogue.MONGO_ELECTIONS, sum(calls) if calls else None),
        )
    )


def _document(value: object) -> Document:
    return value if isinstance(value, Mapping) else {}


def lacking(status: Document) -> tuple[str, ...]:
    """Which of the usual sections a server does not have, in words; none for a mongod."""
    known: tuple[tuple[str, str], ...] = (
        ("connections", "connections"),
        ("opLatencies", "latencies"),
        ("globalLock", "queues"),
        ("network", "network traffic"),
        ("mem", "memory"),
        ("wiredTiger", "the cache"),
    )
    return tuple(words for section, words in known if section not in status)
