"""A standby whose primary is gone still says whom it is to follow, and nothing of what it logs in with."""

from __future__ import annotations

import pytest

from aishell_core.values import Part, ReplicationPeer
from tests.servers.postgres import SUPERUSER, postgres, standby_of
from tests.servers.postgres_tiers import Tiers, tiers_of, until

SECRET = "p w host=198.51.100.1 port=1 it"


async def _upstream(tiers: Tiers, *, is_connected: bool) -> ReplicationPeer:
    async def look() -> ReplicationPeer | None:
        peers = (await tiers.warm(Part.REPLICATION)).replication or ()
        return next((peer for peer in peers if peer.role == "upstream" and peer.active is is_connected), None)

    return await until(look, 90.0)


@pytest.mark.parametrize("version", ["14", "15", "18"])
async def test_a_standby_without_its_primary_names_the_address_that_it_is_to_follow(version: str) -> None:
    with postgres(version) as primary:
        address = f"host=127.0.0.1 port={primary.port} user={SUPERUSER} password='{SECRET}'"
        with standby_of(primary, settings={"primary_conninfo": address}) as standby:
            async with tiers_of(standby) as tiers:
                assert (await _upstream(tiers, is_connected=True)).name == f"127.0.0.1:{primary.port}"
                primary.stop()
                lost = await _upstream(tiers, is_connected=False)
                assert (lost.name, lost.state) == (f"127.0.0.1:{primary.port}", "not connected")
                assert "198.51" not in repr(lost)
