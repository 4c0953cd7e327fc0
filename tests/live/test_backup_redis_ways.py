"""Redis and Valkey saved and restored by the ways that lead to them: replicas, a sentinel, a node of a cluster, TLS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aishell_core.errors import RefusedError, TargetError
from aishell_core.targets import Target, TlsPolicy, parse_location
from aishell_core.values import TargetId
from aishell_ops.backups.engines.contract import LoadRequest, SaveRequest
from aishell_ops.backups.models import ProofLevel
from aishell_ops.backups.restore import RestoreOrder, plan_restore
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.take import Order, take
from tests.servers.certificates import issuer
from tests.servers.ports import free_port
from tests.servers.redis import RedisServer, redis_server
from tests.servers.redis_backups import (
    AT_ONCE,
    CLOCK,
    client_of,
    contents_of,
    damage,
    engine_of,
    filled,
    plan_for,
    put_back,
    repository_in,
    save,
)
from tests.servers.redis_groups import sentinel, with_replicas
from tests.servers.sqlite_client import eventually


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")


async def test_a_replica_is_saved_as_well_as_long_as_it_has_its_primary(storage: FolderStorage) -> None:
    with redis_server(**AT_ONCE) as primary, redis_server(replicaof=f"127.0.0.1 {primary.port}", **AT_ONCE) as server:
        filled(primary)
        key_count = primary.execute("DBSIZE")
        await asyncio.to_thread(eventually, lambda: server.execute("DBSIZE") == key_count)
        plan = await engine_of(server).plan_save(server.target("re"), SaveRequest())
        assert any("this is a replica of 127.0.0.1" in words for words in plan.warnings)
        backup = await save(server, storage)
        assert dict(backup.manifest.start)["replid"] == primary.execute("INFO", "replication")["master_replid"]
        with pytest.raises(RefusedError, match=f"this server is a replica of 127.0.0.1:{primary.port}: restore into that one"):
            await put_back(server, storage, backup, replace=True)
        primary.kill()
        await asyncio.to_thread(eventually, lambda: server.execute("INFO", "replication")["master_link_status"] == "down")
        with pytest.raises(TargetError, match="is a replica that has lost its primary"):
            await save(server, storage)


async def test_a_primary_is_found_by_its_sentinel_which_does_not_take_us_for_a_replica(storage: FolderStorage) -> None:
    with with_replicas(count=1) as (primary, replica), sentinel(primary) as watcher:
        filled(primary)
        before = contents_of(primary)
        target = Target(TargetId("re"), parse_location(f"redis://127.0.0.1:{watcher.port}/0?sentinel=mymaster"))
        backup = await take(engine_of(primary), repository_in(storage), Order(target, proof=ProofLevel.FULL), CLOCK)
        damage(primary)
        plan = await plan_restore(engine_of(primary), backup, RestoreOrder(target, LoadRequest(replace=True)))
        assert plan.warnings == ("1 replicas receive all of it as changes",)
        await put_back(primary, storage, backup, target=target, replace=True)
        assert contents_of(primary) == before
        await asyncio.to_thread(eventually, lambda: contents_of(replica) == before)
        # While a backup waits for its snapshot the server lists it, and a sentinel looks at that list.
        primary.execute("CONFIG", "SET", "repl-diskless-sync-delay", 600)
        work = asyncio.create_task(save(primary, FolderStorage(storage.root / "again")))
        await asyncio.to_thread(eventually, lambda: primary.execute("INFO", "replication")["connected_slaves"] == 2)
        for _ in range(2):
            await asyncio.to_thread(eventually, _looked_again(watcher))
        assert len(watcher.execute("SENTINEL", "REPLICAS", "mymaster")) == 1
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work


def _looked_again(watcher: RedisServer) -> Callable[[], bool]:
    """Whether a sentinel has asked the primary anew what it is: the age of what it knows has become less."""
    ages: list[int] = []

    def looked() -> bool:
        with client_of(watcher) as client:
            ages.append(int(client.execute_command("SENTINEL MASTER", "mymaster")["info-refresh"]))
        return len(ages) > 1 and ages[-1] < ages[-2]

    return looked


async def test_a_node_of_a_cluster_is_saved_and_not_restored_into(storage: FolderStorage) -> None:
    with redis_server(cluster_enabled="yes", **AT_ONCE) as node:
        node.execute("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        await asyncio.to_thread(eventually, lambda: b"cluster_state:ok" in node.execute("CLUSTER", "INFO"))
        node.execute("SET", "a", "1")
        backup = await save(node, storage)
        assert ("the other nodes of the cluster", "each primary is a target of its own") in backup.manifest.skipped
        plan = await plan_for(node, backup, replace=True)
        assert plan.obstacles[0].startswith("this server is a node of a cluster")
        with redis_server(**AT_ONCE) as alone:
            await put_back(alone, storage, backup)
            assert alone.execute("GET", "a") == b"1"


async def test_tls_with_an_authority_and_a_certificate_of_ones_own(storage: FolderStorage, tmp_path: Path) -> None:
    authority = issuer(tmp_path, "authority")
    served = authority.issue("server", names="IP:127.0.0.1,DNS:localhost")
    ours = authority.issue("us")
    files: dict[str, Any] = {
        "tls_cert_file": str(served.certificate),
        "tls_key_file": str(served.key),
        "tls_ca_cert_file": str(authority.own.certificate),
    }
    secure = free_port()
    with redis_server(tls_port=str(secure), **files, **AT_ONCE) as server:
        filled(server)
        options = f"ssl_ca_certs={authority.own.certificate}&ssl_certfile={ours.certificate}&ssl_keyfile={ours.key}"
        target = Target(TargetId("re"), parse_location(f"rediss://127.0.0.1:{secure}/0?{options}"), tls=TlsPolicy.PREFER)
        before = contents_of(server)
        backup = await take(engine_of(server), repository_in(storage), Order(target, proof=ProofLevel.FULL), CLOCK)
        damage(server)
        assert (await put_back(server, storage, backup, target=target, replace=True)).comparison.is_proof
        assert contents_of(server) == before
        stranger = Target(TargetId("re"), parse_location(f"rediss://127.0.0.1:{secure}/0?ssl_ca_certs={ours.certificate}"))
        with pytest.raises(TargetError, match="is not trusted"):
            await engine_of(server).plan_save(stranger, SaveRequest())
