"""What a Redis or Valkey server tells of itself, as far as backups need it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from aishell_core.engines.redis_errors import RedisError
from aishell_core.engines.redis_text import info_of, mapping_of, pairs_in, readable
from aishell_core.engines.redis_wire import Refused, Wire
from aishell_core.values import FailureCode

REDIS, VALKEY = "Redis", "Valkey"
_DATABASES = 16
"""How many databases a server has that does not say it: what it has without a configuration."""
_VERSION = re.compile(r"(\d+)\.(\d+)")

Release = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Server:
    """A server: what it is, what it holds, in which role it is. Sizes are in bytes; `maximum_bytes` 0 is without a limit."""

    family: str
    version: str
    info: Mapping[str, str]
    modules: tuple[str, ...] = ()
    libraries: int = 0
    databases: int = _DATABASES

    @property
    def release(self) -> Release:
        """The first two numbers of its version."""
        return release_of(self.version)

    @property
    def keys(self) -> Mapping[int, int]:
        """How many keys each database holds that holds any."""
        fields = {name: value for name, value in self.info.items() if name.startswith("db") and name[2:].isdigit()}
        return {int(name[2:]): int(pairs_in(value).get("keys", "0")) for name, value in fields.items()}

    @property
    def data_bytes(self) -> int:
        """What its data takes in memory."""
        return self.number("used_memory_dataset") or self.number("used_memory")

    @property
    def maximum_bytes(self) -> int:
        """The limit of its memory."""
        return self.number("maxmemory")

    @property
    def is_replica(self) -> bool:
        """Whether it follows a primary."""
        return self.info.get("role") == "slave"

    @property
    def in_cluster(self) -> bool:
        """Whether it is a node of a cluster."""
        return self.info.get("cluster_enabled") == "1"

    @property
    def time(self) -> float | None:
        """What its clock says, in epoch seconds."""
        return self.number("server_time_usec") / 1e6 or None

    def number(self, name: str) -> int:
        """A number of INFO; 0 where it is not told."""
        text = self.info.get(name, "")
        return int(text) if text.lstrip("-").isdecimal() else 0


def release_of(version: str) -> Release:
    """The first two numbers of a version; zeros where it is none."""
    found = _VERSION.match(version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def look_at(wire: Wire) -> Server:
    """Ask a server about itself; raises RedisError."""
    info = info_of(wire.ask("INFO"))
    if "redis_version" not in info and "valkey_version" not in info:
        raise RedisError(FailureCode.UNSUPPORTED, f"{wire.where.address} does not say which server it is", "is it Redis or Valkey?")
    valkey = "valkey_version" in info
    version = info["valkey_version"] if valkey else info["redis_version"]
    server = Server(VALKEY if valkey else REDIS, version, info)
    return Server(server.family, version, info, _modules(wire), _libraries(wire) if server.release >= (7, 0) else 0, _database_count(wire))


def _modules(wire: Wire) -> tuple[str, ...]:
    """The names of its modules; none where it tells nobody."""
    answer = wire.try_ask("MODULE", "LIST")
    if isinstance(answer, Refused) or not isinstance(answer, list):
        return ()
    return tuple(sorted(readable(mapping_of(one).get("name", b"")) for one in answer))


def _libraries(wire: Wire) -> int:
    """How many libraries of functions it has; 0 where it tells nobody."""
    answer = wire.try_ask("FUNCTION", "LIST")
    return len(answer) if isinstance(answer, list) else 0


def _database_count(wire: Wire) -> int:
    answer = wire.try_ask("CONFIG", "GET", "databases")
    text = readable(mapping_of(answer).get("databases", b"")) if isinstance(answer, list) else ""
    return int(text) if text.isdecimal() else _DATABASES


_READS = {REDIS: (((8, 6), 13), ((7, 4), 12), ((7, 2), 11), ((7, 0), 10), ((5, 0), 9)), VALKEY: (((9, 0), 80), ((7, 2), 11))}
"""The newest format that a release surely reads, the newest release first. Valkey refuses those of Redis from 12 on."""
_OF_VALKEY = 80


def reads(family: str, release: Release, form_version: int, *, of_family: str = "", of_release: Release = (0, 0)) -> bool:
    """Whether a server reads a snapshot of this format; pure.

    A release that is not older than the one that wrote it does so in any case. https://valkey.io/topics/migration/
    """
    if family == of_family and release >= of_release > (0, 0):
        return True
    newest = next((version for since, version in _READS.get(family, ()) if release >= since), 0)
    if family == VALKEY and newest == _OF_VALKEY:
        return form_version == _OF_VALKEY or form_version <= _READS[VALKEY][1][1]
    return 0 < form_version <= newest
