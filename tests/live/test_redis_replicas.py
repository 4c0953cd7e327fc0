"""Who counts as a replica of a real server: one that would serve, and nobody who only takes a copy."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from aishell_core import catalogue
from aishell_core.engines.redis_text import info_of
from collectors.redis.info_rows import info_samples
from tests.servers.redis import VERSIONS, RedisServer, redis_server
from tests.servers.sqlite_client import eventually


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with redis_server(request.param, repl_diskless_sync_delay="0") as found:
        yield found


def _figures(server: RedisServer) -> tuple[float, float]:
    """How many the server calls its replicas, and how many we do."""
    with socket.create_connection(("127.0.0.1", server.port)) as asker, asker.makefile("rb") as answer:
        asker.sendall(b"INFO replication\r\n")
        info = info_of(answer.read(int(answer.readline()[1:])).decode())
    (counted,) = [sample.value for sample in info_samples(info) if sample.metric is catalogue.REDIS_REPLICAS]
    return float(info["connected_slaves"]), counted


def test_who_takes_a_copy_by_replication_is_no_replica_that_can_be_lost(server: RedisServer) -> None:
    with redis_server("7", replicaof=f"127.0.0.1 {server.port}"):
        eventually(lambda: _figures(server) == (1, 1))
        with socket.create_connection(("127.0.0.1", server.port)) as taker:
            taker.sendall(b"PSYNC ? -1\r\n")
            eventually(lambda: _figures(server) == (2, 1))
        eventually(lambda: _figures(server) == (1, 1))
