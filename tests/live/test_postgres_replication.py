"""Replication as the warm tier reads it: real standbys, slots, subscriptions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from aishell_core import catalogue
from aishell_core.values import FailureCode, Part, Reading, ReplicationPeer
from collectors.contract import NOTHING
from collectors.postgres.replication_lag import LagMemory
from tests.servers.postgres import PostgresServer, postgres, standby_of
from tests.servers.postgres_clients import hot_tier
from tests.servers.postgres_tiers import AheadClock, Tiers, figure, tiers_of, until

_LOGICAL = {"wal_level": "logical"}
_PEER = (("peer", "replica"),)
_VERSIONS = ("14", "15", "18")


def _peer(reading: Reading, role: str, name: str = "") -> ReplicationPeer | None:
    return next((peer for peer in reading.replication or () if peer.role == role and name in {"", peer.name}), None)


async def _peer_in(tiers: Tiers, role: str, state: str) -> ReplicationPeer:
    """The peer of this role when it has come into this state."""

    async def look() -> ReplicationPeer | None:
        peer = _peer(await tiers.warm(Part.REPLICATION), role)
        return peer if peer is not None and peer.state == state else None

    return await until(look)


def _write(server: PostgresServer, rows: int = 1000) -> None:
    server.execute(
        "CREATE TABLE IF NOT EXISTS t (id int, note text)", f"INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(1, {rows}) g"
    )


@pytest.mark.parametrize("version", _VERSIONS)
async def test_a_standby_with_its_slot_is_seen_from_both_sides(version: str) -> None:
    with postgres(version) as primary, standby_of(primary, slot="replica_slot") as standby:
        async with tiers_of(primary) as above, tiers_of(standby) as below:
            peer = await _peer_in(above, "standby", "streaming")
            assert peer.name == "replica"
            assert (peer.client, peer.sync, peer.active) == ("127.0.0.1", "async", True)
            assert ("slot", "replica_slot") in peer.details
            slot = _peer(await above.warm(Part.REPLICATION), "slot")
            assert slot is not None
            assert (slot.name, slot.state, slot.wal_status, slot.active) == ("replica_slot", "active", "reserved", True)

            _write(primary)

            async def caught_up() -> Reading | None:
                reading = await above.warm()
                return reading if figure(reading, catalogue.REPLICATION_LAG_BYTES, _PEER) == 0 else None

            reading = await until(caught_up)
            assert figure(reading, catalogue.REPLICATION_LAG, _PEER) == 0
            assert figure(reading, catalogue.PG_SLOTS_INACTIVE) == 0
            assert reading.replication is None, "nobody asked for it"

            async def current() -> ReplicationPeer | None:
                """The primary writes a little by itself at times, which takes a moment."""
                reading = await below.warm(Part.REPLICATION)
                peer = _peer(reading, "upstream")
                whole = figure(reading, catalogue.REPLICATION_LAG_BYTES) == 0 and peer is not None and peer.lag_seconds == 0
                return peer if whole else None

            upstream = await until(current)
            assert (upstream.name, upstream.state) == (f"127.0.0.1:{primary.port}", "streaming")
            assert ("slot", "replica_slot") in upstream.details
        assert await _failing(standby) == {"dead_rows"}, "all of a standby is read but what it does not know"


async def _failing(server: PostgresServer) -> set[str]:
    async with tiers_of(server) as tiers:
        return {each.part for each in (*(await tiers.warm(*Part)).failures, *(await tiers.cold()).failures)}


@pytest.mark.parametrize("version", ["14", "18"])
async def test_what_is_not_replicated_is_unknown_on_a_standby_and_counted_once_it_is_promoted(version: str) -> None:
    unknown = (catalogue.PG_DEAD_ROWS, catalogue.PG_TABLES_BLOATING, catalogue.PG_TABLES_NEGLECTED, catalogue.PG_PREPARED_TRANSACTIONS)
    with postgres(version, settings={**_LOGICAL, "autovacuum": "off", "max_prepared_transactions": "2"}) as primary:
        primary.execute(
            "CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 1000) g", "VACUUM ANALYZE t", "DELETE FROM t WHERE id < 300"
        )
        primary.execute("CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false)")
        primary.execute("ALTER SUBSCRIPTION s ENABLE")
        primary.execute("BEGIN", "INSERT INTO t VALUES (1)", "PREPARE TRANSACTION 'held'")
        with standby_of(primary) as standby:
            async with tiers_of(standby) as tiers:
                reading = await tiers.warm(Part.RELATIONS, Part.REPLICATION)
                assert [figure(reading, metric) for metric in unknown] == [None] * 4
                assert {(each.part, each.code) for each in reading.failures} == {("dead_rows", FailureCode.UNSUPPORTED)}
                (table,) = (each for each in reading.relations or () if each.name == "t")
                assert (table.dead_rows, table.last_vacuum_at, table.last_analyze_at) == (None, None, None)
                assert (table.rows, table.scans) == (1000, 0), "as of the last vacuum, and what was read here"
                assert "dead_rows" in {each.part for each in (await tiers.cold(Part.RELATIONS)).failures}
                assert figure(reading, catalogue.PG_SUBSCRIPTION_DOWN, (("subscription", "s"),)) is None, "the primary's worker applies it"
                assert _peer(reading, "subscription") is None
                standby.execute("SELECT pg_promote()", "DELETE FROM t WHERE id > 900")

                async def counted() -> Reading | None:
                    reading = await tiers.warm()
                    return reading if figure(reading, catalogue.PG_DEAD_ROWS) else None

                reading = await until(counted)
                assert figure(reading, catalogue.PG_PREPARED_TRANSACTIONS) == 1
                assert "dead_rows" not in {each.part for each in reading.failures}


async def test_a_standby_whose_replay_is_paused_falls_behind_in_seconds_too() -> None:
    """The server's own replay_lag stays as it was, because it is measured when something is replayed."""
    clock = AheadClock()
    with postgres("15") as primary, standby_of(primary) as standby:
        async with tiers_of(primary, clock=clock) as above, tiers_of(standby) as below:
            await _peer_in(above, "standby", "streaming")
            standby.execute("SELECT pg_wal_replay_pause()")
            await until(lambda: _paused(below))
            _write(primary)

            async def behind() -> Reading | None:
                reading = await above.warm()
                return reading if (figure(reading, catalogue.REPLICATION_LAG_BYTES, _PEER) or 0) > 10_000 else None

            await until(behind)
            clock.ahead = 90.0
            assert 90 <= (figure(await above.warm(), catalogue.REPLICATION_LAG, _PEER) or 0) < 180
            assert ("replay", "paused") in (await until(lambda: _waiting(below))).details

            standby.execute("SELECT pg_wal_replay_resume()")

            async def caught_up() -> bool:
                return figure(await above.warm(), catalogue.REPLICATION_LAG, _PEER) == 0

            assert await until(caught_up)


async def _waiting(tiers: Tiers) -> ReplicationPeer | None:
    """The upstream when log has come that was not replayed yet."""
    upstream = _peer(await tiers.warm(Part.REPLICATION), "upstream")
    return upstream if upstream is not None and (upstream.lag_bytes or 0) > 10_000 else None


async def _paused(tiers: Tiers) -> bool:
    upstream = _peer(await tiers.warm(Part.REPLICATION), "upstream")
    return upstream is not None and ("replay", "paused") in upstream.details


async def test_a_standby_without_its_primary_does_not_call_itself_current() -> None:
    with postgres("15") as primary, standby_of(primary) as standby:
        _write(primary)
        async with tiers_of(standby) as tiers:
            assert (await _peer_in(tiers, "upstream", "streaming")).active
            await until(lambda: _replayed(standby))
            primary.stop()
            alone = await _peer_in(tiers, "upstream", "not connected")
            assert alone.active is False
            assert alone.lag_bytes is None
            assert (alone.lag_seconds or 0) > 0
            assert figure(await tiers.warm(), catalogue.REPLICATION_LAG_BYTES) is None


@pytest.mark.parametrize("trouble", ["paused", "alone"])
async def test_a_standby_tells_the_same_lag_everywhere_however_long_its_primary_was_idle(trouble: str) -> None:
    memory = LagMemory()
    with postgres("15") as primary, standby_of(primary) as standby:
        _write(primary)
        async with hot_tier(standby, memory=memory) as tier, tiers_of(standby, memory=memory) as tiers:
            await _peer_in(tiers, "upstream", "streaming")

            async def idle() -> bool:
                age = standby.execute("SELECT extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8")[0][0]
                return age is not None and age >= 5 and figure(await tier.read(NOTHING), catalogue.REPLICATION_LAG) == 0

            await until(idle)
            if trouble == "paused":
                standby.execute("SELECT pg_wal_replay_pause()")
                await until(lambda: _paused(tiers))
                _write(primary)
                peer = await until(lambda: _waiting(tiers))
            else:
                primary.stop()
                peer = await _peer_in(tiers, "upstream", "not connected")
            afterwards = figure(await tier.read(NOTHING), catalogue.REPLICATION_LAG)
            assert peer.lag_seconds is not None
            assert afterwards is not None
            assert 0 < peer.lag_seconds <= afterwards


async def _replayed(standby: PostgresServer) -> bool:
    return bool(standby.execute("SELECT 1 FROM pg_class WHERE relname = 't'"))


async def test_a_promoted_standby_is_read_as_a_primary_at_once() -> None:
    with postgres("18") as primary, standby_of(primary) as standby:
        async with tiers_of(standby) as tiers:
            await _peer_in(tiers, "upstream", "streaming")
            standby.execute("SELECT pg_promote()")
            reading = await tiers.warm(Part.REPLICATION)
            assert reading.replication == ()
            assert reading.failures == ()
            assert figure(reading, catalogue.REPLICATION_LAG_BYTES) is None


@pytest.mark.parametrize("version", ["14", "17"])
async def test_a_slot_that_nobody_uses_keeps_the_log(version: str) -> None:
    with postgres(version, settings=_LOGICAL) as server:
        server.execute("SELECT pg_create_physical_replication_slot('gone', true)")
        server.execute("SELECT pg_create_logical_replication_slot('decoded', 'test_decoding')" if server.binaries.contrib else "SELECT 1")
        _write(server, 20_000)
        async with tiers_of(server) as tiers:

            async def settled() -> tuple[Reading, ReplicationPeer] | None:
                """Slot and figure are read one after the other, and the server itself writes a little at times."""
                reading = await tiers.warm(Part.REPLICATION)
                slot = _peer(reading, "slot", "gone")
                retained = figure(reading, catalogue.REPLICATION_SLOT_RETAINED, (("slot", "gone"),))
                return (reading, slot) if slot is not None and slot.retained_bytes == retained else None

            reading, slot = await until(settled)
            assert (slot.state, slot.active, slot.wal_status) == ("inactive", False, "reserved")
            assert (slot.retained_bytes or 0) > 2_000_000
            assert figure(reading, catalogue.PG_SLOTS_INACTIVE) == len([peer for peer in reading.replication or () if peer.role == "slot"])
            decoded = _peer(reading, "slot", "decoded")
            if server.binaries.contrib:
                assert decoded is not None
                assert {("kind", "logical"), ("plugin", "test_decoding"), ("database", "postgres")} <= set(decoded.details)


async def test_a_logical_slot_tells_what_it_had_to_spill_to_disk() -> None:
    with postgres("15", settings=_LOGICAL | {"logical_decoding_work_mem": "64kB", "synchronous_commit": "on"}) as server:
        server.execute("SELECT pg_create_logical_replication_slot('decoded', 'test_decoding')")
        _write(server, 5000)
        server.execute("SELECT count(*) FROM pg_logical_slot_get_changes('decoded', NULL, NULL)")
        async with tiers_of(server) as tiers:

            async def spilled() -> ReplicationPeer | None:
                peer = _peer(await tiers.warm(Part.REPLICATION), "slot")
                return peer if peer is not None and any(name == "spilled to disk" for name, _ in peer.details) else None

            assert dict((await until(spilled)).details)["spilled to disk"].startswith("1 transaction, ")


async def test_a_slot_whose_log_was_removed_is_lost() -> None:
    with postgres("15", settings={"max_slot_wal_keep_size": "1MB", "max_wal_size": "32MB", "min_wal_size": "32MB"}) as server:
        server.execute("SELECT pg_create_physical_replication_slot('gone', true)")
        async with tiers_of(server) as tiers:
            slot = _peer(await tiers.warm(Part.REPLICATION), "slot")
            assert slot is not None
            assert slot.safe_bytes is not None
            for _ in range(4):
                _write(server, 1000)
                server.execute("SELECT pg_switch_wal()", "CHECKPOINT")
            lost = _peer(await tiers.warm(Part.REPLICATION), "slot")
            assert lost is not None
            assert (lost.state, lost.wal_status, lost.retained_bytes) == ("lost", "lost", None)


@contextlib.contextmanager
def _publisher_and_subscriber(version: str) -> Iterator[tuple[PostgresServer, PostgresServer]]:
    with postgres(version, settings=_LOGICAL) as publisher, postgres(version, settings=_LOGICAL) as subscriber:
        publisher.execute("CREATE TABLE orders (id int PRIMARY KEY)", "CREATE PUBLICATION shop FOR TABLE orders")
        subscriber.execute("CREATE TABLE orders (id int PRIMARY KEY)")
        link = f"host=127.0.0.1 port={publisher.port} user=postgres dbname=postgres"
        subscriber.execute(f"CREATE SUBSCRIPTION mirror CONNECTION '{link}' PUBLICATION shop")
        try:
            yield publisher, subscriber
        finally:
            subscriber.execute("ALTER SUBSCRIPTION mirror DISABLE", "ALTER SUBSCRIPTION mirror SET (slot_name = NONE)")


@pytest.mark.parametrize("version", _VERSIONS)
async def test_a_subscription_is_seen_on_both_sides(version: str) -> None:
    with _publisher_and_subscriber(version) as (publisher, subscriber):
        async with tiers_of(publisher) as above, tiers_of(subscriber) as below:
            mirror = await _peer_in(below, "subscription", "streaming")
            details = dict(mirror.details)
            assert (mirror.name, mirror.active) == ("mirror", True)
            assert (details["publications"], details["slot there"]) == ("shop", "mirror")
            assert "apply" in {kind for name, kind in mirror.details if name.startswith("worker ")}

            reading = await above.warm(Part.REPLICATION)
            shop = _peer(reading, "publication")
            assert shop is not None
            assert dict(shop.details) == {"tables": "1", "operations": "insert, update, delete, truncate"}
            taker = _peer(reading, "subscriber", "mirror")
            assert taker is not None
            assert ("takes", "changes, decoded") in taker.details
            assert _peer(reading, "standby") is None
            assert figure(reading, catalogue.REPLICATION_LAG_BYTES, (("peer", "mirror"),)) is not None

            subscriber.execute("ALTER SUBSCRIPTION mirror DISABLE")  # its worker ends a moment later
            assert (await _peer_in(below, "subscription", "disabled")).active is False


@pytest.mark.parametrize("version", _VERSIONS)
async def test_a_sender_that_has_nothing_to_send_waits_for_nothing(version: str) -> None:
    """Its wait event is of the class Client, unlike that of a physical one at rest."""
    resting = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walsender' AND wait_event ILIKE 'WalSenderWaitForWal'"
    with _publisher_and_subscriber(version) as (publisher, _):

        async def rests() -> bool:
            return bool(publisher.execute(resting))

        for demand in (NOTHING, frozenset({Part.SESSIONS})):
            async with hot_tier(publisher) as tier:
                await until(rests)
                reading = await tier.read(demand)
                assert reading.waits is not None
                assert not [wait for wait in reading.waits if wait.wait.startswith("WalSenderWait")]


@pytest.mark.parametrize("version", ["15", "18"])
async def test_errors_of_a_subscription_are_counted(version: str) -> None:
    with _publisher_and_subscriber(version) as (publisher, subscriber):
        async with tiers_of(subscriber) as tiers:
            await _peer_in(tiers, "subscription", "streaming")
            subscriber.execute("INSERT INTO orders VALUES (1)")
            publisher.execute("INSERT INTO orders VALUES (1)")

            async def failing() -> ReplicationPeer | None:
                peer = _peer(await tiers.warm(Part.REPLICATION), "subscription")
                return peer if peer is not None and "errors applying" in dict(peer.details) else None

            details = dict((await until(failing)).details)
            assert int(details["errors applying"]) >= 1
            assert ("conflicts" in details) == (version == "18")


async def test_a_role_with_nothing_is_told_which_grant_shows_replication() -> None:
    with postgres("15") as primary, standby_of(primary) as standby:
        primary.execute('CREATE ROLE "odd ""role" LOGIN', "CREATE ROLE monitor LOGIN IN ROLE pg_monitor")
        async with tiers_of(primary) as tiers:
            await _peer_in(tiers, "standby", "streaming")
        async with tiers_of(primary, user="monitor") as tiers:
            assert (await tiers.warm(Part.REPLICATION)).failures == ()
        await until(lambda: _has_role(standby))
        for server in (primary, standby):
            async with tiers_of(server, user="odd%20%22role") as tiers:
                reading = await tiers.warm(Part.REPLICATION)
                told = {(each.code, each.hint) for each in reading.failures if each.part == Part.REPLICATION}
                assert told == {(FailureCode.PRIVILEGE, 'GRANT pg_monitor TO "odd ""role";')}
                assert figure(reading, catalogue.REPLICATION_LAG, _PEER) is None
                assert _peer(reading, "standby" if server is primary else "upstream") is not None, "that there is one may be seen"


async def _has_role(standby: PostgresServer) -> bool:
    return bool(standby.execute("SELECT 1 FROM pg_roles WHERE rolname = 'monitor'"))


@pytest.mark.parametrize("version", ["14", "15", "18-contrib"])
async def test_a_lost_slot_and_one_that_was_never_used_keep_and_hold_nothing(version: str) -> None:
    settings = _LOGICAL | {"max_slot_wal_keep_size": "1MB", "min_wal_size": "32MB", "max_wal_size": "32MB"}
    with postgres(version, settings=settings) as server:
        server.execute(
            "SELECT pg_create_physical_replication_slot('fresh')",
            "SELECT pg_create_logical_replication_slot('gone', 'test_decoding')",
            "CREATE TABLE filled (note text)",
        )
        for _ in range(6):
            server.execute(
                "INSERT INTO filled SELECT repeat('x', 1000) FROM generate_series(1, 3000)", "SELECT pg_switch_wal()", "CHECKPOINT"
            )
        async with tiers_of(server) as tiers:

            async def settled() -> Reading | None:
                reading = await tiers.warm(Part.REPLICATION, Part.HORIZON)
                slot = _peer(reading, "slot", "gone")
                return reading if slot is not None and slot.state == "lost" else None

            reading = await until(settled)
            fresh, gone = _peer(reading, "slot", "fresh"), _peer(reading, "slot", "gone")
            assert fresh is not None
            assert gone is not None
            assert (fresh.state, fresh.retained_bytes) == ("no log yet", None)
            assert not [name for name, _ in gone.details if name.startswith("horizon")]
            assert [holder for holder in reading.horizon or () if holder.kind == "slot"] == []
            assert figure(reading, catalogue.PG_SLOTS_INACTIVE) == 0
            assert figure(reading, catalogue.PG_SLOTS_LOST) == 1
