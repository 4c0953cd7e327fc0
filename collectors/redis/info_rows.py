"""What INFO tells: fields to samples, and what follows from two looks. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from aishell_core import catalogue
from aishell_core.engines.redis_text import Fields, named, number, pairs_in
from aishell_core.values import Metric, Sample

_PLAIN: tuple[tuple[Metric, str], ...] = (
    (catalogue.UPTIME, "uptime_in_seconds"),
    (catalogue.CONNECTIONS_USED, "connected_clients"),
    (catalogue.QUERIES_RATE, "total_commands_processed"),
    (catalogue.ERRORS_RATE, "total_error_replies"),
    (catalogue.REDIS_MEMORY_USED, "used_memory"),
    (catalogue.REDIS_MEMORY_PEAK, "used_memory_peak"),
    (catalogue.REDIS_MEMORY_DATASET, "used_memory_dataset"),
    (catalogue.REDIS_MEMORY_RESIDENT, "used_memory_rss"),
    (catalogue.REDIS_MEMORY_CLIENTS, "mem_clients_normal"),
    (catalogue.REDIS_LAZYFREE_PENDING, "lazyfree_pending_objects"),
    (catalogue.REDIS_HITS, "keyspace_hits"),
    (catalogue.REDIS_MISSES, "keyspace_misses"),
    (catalogue.REDIS_EVICTED, "evicted_keys"),
    (catalogue.REDIS_EXPIRED, "expired_keys"),
    (catalogue.REDIS_BLOCKED, "blocked_clients"),
    (catalogue.REDIS_SUBSCRIBERS, "pubsub_clients"),
    (catalogue.REDIS_CONNECTIONS, "total_connections_received"),
    (catalogue.REDIS_REJECTED, "rejected_connections"),
    (catalogue.REDIS_EVICTED_CLIENTS, "evicted_clients"),
    (catalogue.REDIS_RECEIVED, "total_net_input_bytes"),
    (catalogue.REDIS_SENT, "total_net_output_bytes"),
    (catalogue.REDIS_RDB_CHANGES, "rdb_changes_since_last_save"),
    (catalogue.REDIS_FULL_SYNCS, "sync_full"),
    (catalogue.REDIS_SLOW_RATE, "slowlog_commands_count"),
    (catalogue.REDIS_CERTIFICATE, "tls_server_cert_expires_in_seconds"),
)
_DENIED = ("acl_access_denied_auth", "acl_access_denied_cmd", "acl_access_denied_key", "acl_access_denied_channel")
_CPU = ("used_cpu_sys", "used_cpu_user")
_CPU_MAIN = ("used_cpu_sys_main_thread", "used_cpu_user_main_thread")
_TOLD_BYTES = 100 * 2.0**20
"""Below so much resident memory, fragmentation is that of the program itself."""

_MOST_CODES = 20

Sums = tuple[float, float]
"""Calls and microseconds of all commands."""


def info_samples(info: Fields) -> tuple[Sample, ...]:
    """The figures of one look at INFO; what the server does not tell is left out."""
    found = [Sample(metric, value) for metric, name in _PLAIN if (value := _known(info, name)) is not None]
    found += [Sample(metric, value) for metric, value in _derived(info) if value is not None and value >= 0]
    found += [*keyspace_samples(info), *error_samples(info)]
    return tuple(found)


def _known(info: Fields, name: str) -> float | None:
    value = number(info, name)
    return value if value is not None and value >= 0 else None


def _derived(info: Fields) -> Iterator[tuple[Metric, float | None]]:
    limit = _known(info, "maxclients")
    used = _known(info, "connected_clients")
    yield catalogue.CONNECTIONS_MAX, limit
    yield catalogue.POOL_USAGE, used / limit if used is not None and limit else None
    yield from _memory(info)
    yield catalogue.REDIS_DENIED, _sum(info, _DENIED)
    yield catalogue.REDIS_CPU, _milliseconds(_sum(info, _CPU))
    yield catalogue.REDIS_CPU_MAIN, _milliseconds(_sum(info, _CPU_MAIN))
    yield from _persistence(info)
    yield from _replication(info)


def _memory(info: Fields) -> Iterator[tuple[Metric, float | None]]:
    used, most, resident = (_known(info, name) for name in ("used_memory", "maxmemory", "used_memory_rss"))
    if most:
        yield catalogue.REDIS_MEMORY_MAX, most
        yield catalogue.REDIS_MEMORY_USAGE, used / most if used is not None else None
    if resident is not None and resident >= _TOLD_BYTES:
        yield catalogue.REDIS_FRAGMENTATION, _known(info, "mem_fragmentation_ratio")


def _persistence(info: Fields) -> Iterator[tuple[Metric, float | None]]:
    yield catalogue.REDIS_RDB_FAILED, _flag(info, "rdb_last_bgsave_status", "err")
    yield catalogue.REDIS_RDB_DURATION, _known(info, "rdb_last_bgsave_time_sec")
    forked = _known(info, "latest_fork_usec")
    yield catalogue.REDIS_FORK, forked / 1000 if forked else None
    if info.get("aof_enabled") == "1":
        states = ("aof_last_write_status", "aof_last_bgrewrite_status")
        yield catalogue.REDIS_AOF_FAILED, max((_flag(info, name, "err") or 0.0 for name in states), default=None)
        yield catalogue.REDIS_AOF_SIZE, _known(info, "aof_current_size")
        yield catalogue.REDIS_AOF_DELAYED, _known(info, "aof_delayed_fsync")


def _replication(info: Fields) -> Iterator[tuple[Metric, float | None]]:
    yield catalogue.REDIS_REPLICAS, _replicas(info)
    if info.get("repl_backlog_active") == "1":
        yield catalogue.REDIS_BACKLOG, _known(info, "repl_backlog_histlen")
        if info.get("role") == "master":
            yield catalogue.REDIS_REPLICATED, _known(info, "master_repl_offset")
    if info.get("role") == "slave":
        down = info.get("master_link_status") == "down"
        since = _known(info, "master_link_down_since_seconds")
        # A replica that never had a link tells -1.
        yield catalogue.REDIS_LINK_DOWN, (since if since is not None else _known(info, "uptime_in_seconds")) if down else 0.0


def _replicas(info: Fields) -> float | None:
    """Those that would serve: who takes a copy by replication, as a backup does, names no port at which it listens."""
    connected = _known(info, "connected_slaves")
    if connected is None:
        return None
    return connected - sum(place.isdecimal() and pairs_in(text).get("port") == "0" for place, text in named(info, "slave"))


def rdb_age_samples(info: Fields, save: str | None, now: float) -> tuple[Sample, ...]:
    """How long ago the data was saved; nothing where saving is not configured (or not known to be), or all is saved.

    `save` is the setting of that name; `now` is used where the server does not tell its own clock.
    """
    last, changes = _known(info, "rdb_last_save_time"), _known(info, "rdb_changes_since_last_save")
    if not save or last is None or changes is None:
        return ()
    told = _known(info, "server_time_usec")
    moment = now if told is None else told / 1_000_000
    return (Sample(catalogue.REDIS_RDB_AGE, max(0.0, moment - last) if changes else 0.0),)


def keyspace_samples(info: Fields) -> list[Sample]:
    """Keys of each database by the label `database`."""
    found = []
    for name, text in named(info, "db"):
        if name.isdecimal():
            fields, labels = pairs_in(text), (("database", name),)
            for metric, field in ((catalogue.REDIS_KEYS, "keys"), (catalogue.REDIS_KEYS_EXPIRING, "expires")):
                value = number(fields, field)
                if value is not None:
                    found.append(Sample(metric, value, labels))
    return found


def error_samples(info: Fields) -> list[Sample]:
    """Errors by the label `code`, the most frequent ones: a script may make up codes of its own."""
    counts = {code: count for code, text in named(info, "errorstat_") if (count := number(pairs_in(text), "count")) is not None}
    most = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:_MOST_CODES]
    return [Sample(catalogue.REDIS_ERRORS, count, (("code", code),)) for code, count in most]


def command_sums(info: Fields) -> Sums:
    """Calls and microseconds of all commands together."""
    calls = microseconds = 0.0
    for _, text in named(info, "cmdstat_"):
        fields = pairs_in(text)
        calls += number(fields, "calls") or 0.0
        microseconds += number(fields, "usec") or 0.0
    return calls, microseconds


def mean_milliseconds(now: Sums, before: Sums | None) -> float | None:
    """The mean time of the commands since the look before; None without one, without commands or after a reset."""
    if before is None or now[0] <= before[0] or now[1] < before[1]:
        return None
    return (now[1] - before[1]) / (now[0] - before[0]) / 1000


def hit_ratio(info: Fields, before: Fields | None) -> float | None:
    """The share of look-ups since the look before that found their key; None without look-ups or after a reset."""
    if before is None:
        return None
    hits, misses = (_added(info, before, name) for name in ("keyspace_hits", "keyspace_misses"))
    if hits is None or misses is None or hits + misses <= 0:
        return None
    return hits / (hits + misses)


def _added(info: Fields, before: Fields, name: str) -> float | None:
    now, old = number(info, name), number(before, name)
    return None if now is None or old is None or now < old else now - old


def _sum(info: Fields, names: tuple[str, ...]) -> float | None:
    values = [value for name in names if (value := number(info, name)) is not None]
    return sum(values) if len(values) == len(names) else None


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _flag(info: Fields, name: str, bad: str) -> float | None:
    text = info.get(name)
    return None if text is None else float(text == bad)
