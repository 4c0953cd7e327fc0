"""Servers that replicate from one another, for tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from tests.servers.mysql import MysqlServer, mysql

REPLICATOR, PASSWORD = "replicator", "replicator"
_SOURCE = {"log-bin": "bin", "binlog-format": "ROW"}
_OF_MYSQL = {"gtid-mode": "ON", "enforce-gtid-consistency": "ON"}


@contextmanager
def source(version: str, number: int = 1) -> Iterator[MysqlServer]:
    """A server with a binary log and an account for replicas; its domain of identifiers has its own number."""
    own = {"gtid-domain-id": str(number)} if version.startswith("mariadb") else _OF_MYSQL
    wanted = {**_SOURCE, **own, "server-id": str(number)}
    with mysql(version, settings=wanted, performance_schema=True) as server:
        method = "" if server.mariadb else "WITH mysql_native_password "
        # Not written to its log: a replica of two sources would be told twice to make the account.
        server.execute(
            "SET SESSION sql_log_bin = 0",
            f"CREATE USER {REPLICATOR}@'%' IDENTIFIED {method}BY '{PASSWORD}'",
            f"GRANT REPLICATION SLAVE ON *.* TO {REPLICATOR}@'%'",
        )
        yield server


@contextmanager
def replica_of(
    *sources: MysqlServer, names: tuple[str, ...] = ("",), delays: tuple[int, ...] = (0,), settings: Mapping[str, str] | None = None
) -> Iterator[MysqlServer]:
    """A server that follows others from their beginning, each by a channel of its name and with its delay in seconds."""
    version = sources[0].binaries.version
    own = {} if version.startswith("mariadb") else _OF_MYSQL
    wanted = {"log-bin": "bin", **own, "server-id": "100", "relay-log": "relay", "report-host": "127.0.0.1"}
    wanted |= settings or {}
    if not version.startswith("mariadb"):
        wanted |= {"master-info-repository": "TABLE", "relay-log-info-repository": "TABLE"}
    with mysql(version, settings=wanted, performance_schema=True) as server:
        for each, name, delay in zip(sources, names, delays, strict=True):
            follow(server, each, name, delay_seconds=delay)
        server.execute("START ALL SLAVES" if server.mariadb else "START SLAVE")
        yield server


def follow(server: MysqlServer, upstream: MysqlServer, name: str = "", *, delay_seconds: int = 0) -> None:
    """Tell a server whom to follow by a channel; it does not begin to."""
    place = f"MASTER_HOST = '127.0.0.1', MASTER_PORT = {upstream.port}, MASTER_CONNECT_RETRY = 1"
    account = f"MASTER_USER = '{REPLICATOR}', MASTER_PASSWORD = '{PASSWORD}', MASTER_DELAY = {delay_seconds}"
    channel = f" '{name}'" if server.mariadb else ""
    # MariaDB 11.4 would want TLS of the source unless told otherwise.
    plain = ", MASTER_SSL = 0" + (", MASTER_SSL_VERIFY_SERVER_CERT = 0" if server.mariadb else "")
    way = "MASTER_USE_GTID = slave_pos" if server.mariadb else "MASTER_AUTO_POSITION = 1"
    at = f" FOR CHANNEL '{name}'" if name and not server.mariadb else ""
    server.execute(f"CHANGE MASTER{channel} TO {place}, {account}, {way}{plain}{at}")


@contextmanager
def pair(version: str) -> Iterator[tuple[MysqlServer, MysqlServer]]:
    """A source and a replica of it that applies by two workers."""
    with ExitStack() as stack:
        upstream = stack.enter_context(source(version))
        workers = {"slave_parallel_threads" if upstream.mariadb else "slave_parallel_workers": "2"}
        yield upstream, stack.enter_context(replica_of(upstream, settings=workers))
