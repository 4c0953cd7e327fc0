"""Several servers that belong together: a primary with replicas, a cluster, a sentinel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.servers.ports import free_port
from tests.servers.redis import RedisServer, redis_server
from tests.servers.sqlite_client import eventually

_SLOTS = 16384


@contextmanager
def with_replicas(version: str = "7", count: int = 2, **settings: Any) -> Iterator[tuple[RedisServer, ...]]:
    """A primary and its replicas, which follow it when the block begins."""
    with ExitStack() as stack:
        primary = stack.enter_context(redis_server(version, repl_diskless_sync_delay="0", **settings))
        given: dict[str, Any] = {"replicaof": f"127.0.0.1 {primary.port}"}
        if primary.password:
            given |= {"masterauth": primary.password, "requirepass": primary.password}
        replicas = [stack.enter_context(redis_server(version, **given)) for _ in range(count)]
        eventually(lambda: all(_replication(replica)["master_link_status"] == "up" for replica in replicas))
        eventually(lambda: sum("online" in str(each) for name, each in _replication(primary).items() if name.startswith("slave")) == count)
        yield (primary, *replicas)


def _replication(server: RedisServer) -> dict[str, object]:
    found: dict[str, object] = server.connect().info("replication")
    return found


@contextmanager
def cluster(version: str = "7", count: int = 3) -> Iterator[tuple[RedisServer, ...]]:
    """Nodes of one cluster that serve all slots between them."""
    with ExitStack() as stack:
        ports = [free_port() for _ in range(count)]
        nodes = [
            stack.enter_context(redis_server(version, cluster_enabled="yes", cluster_node_timeout="2000", cluster_port=str(port)))
            for port in ports
        ]
        share = -(-_SLOTS // count)
        for place, node in enumerate(nodes):
            node.execute("CLUSTER", "ADDSLOTS", *range(place * share, min(_SLOTS, (place + 1) * share)))
            node.execute("CLUSTER", "SET-CONFIG-EPOCH", place + 1)
        for node, port in zip(nodes[1:], ports[1:], strict=True):
            nodes[0].execute("CLUSTER", "MEET", "127.0.0.1", node.port, port)
        eventually(lambda: all(_is_whole(node, count) for node in nodes))
        yield tuple(nodes)


def _is_whole(node: RedisServer, count: int) -> bool:
    text = node.execute("CLUSTER", "INFO").decode()
    return "cluster_state:ok" in text and f"cluster_known_nodes:{count}" in text


@contextmanager
def sentinel(primary: RedisServer, version: str = "7", name: str = "mymaster") -> Iterator[RedisServer]:
    """A sentinel that watches a primary and knows its replicas."""
    with redis_server(version, sentinel=True) as watcher:
        client = watcher.connect()
        client.execute_command("SENTINEL", "MONITOR", name, "127.0.0.1", primary.port, 1)
        client.execute_command("SENTINEL", "SET", name, "down-after-milliseconds", 500, "failover-timeout", 2000)
        if primary.password:
            client.execute_command("SENTINEL", "SET", name, "auth-pass", primary.password)
        replicas = primary.connect().info("replication")["connected_slaves"]
        eventually(lambda: _known_replicas(watcher, name) == replicas)
        yield watcher


def _known_replicas(watcher: RedisServer, name: str) -> int:
    return len(watcher.execute("SENTINEL", "REPLICAS", name))
