"""Replication as the slow tiers read it: real sources and replicas of both families."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from aishell_core import catalogue
from aishell_core.values import FailureCode, Part, Reading, ReplicationPeer, Tier
from collectors.contract import NOTHING
from tests.servers.mysql import VERSIONS, MysqlServer
from tests.servers.mysql_clients import look, watching
from tests.servers.mysql_replication import REPLICATOR, pair, replica_of, source
from tests.servers.mysql_tiers import AheadClock, Tiers, figure, tiers_of, until


@dataclass(frozen=True, slots=True)
class Linked:
    """A source and a replica of it."""

    above: MysqlServer
    below: MysqlServer


@pytest.fixture(scope="module", params=VERSIONS)
def linked(request: pytest.FixtureRequest) -> Iterator[Linked]:
    """A source and its replica, which each test leaves in step with one another."""
    with pair(request.param) as (above, below):
        above.execute("CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY, note TEXT)")
        yield Linked(above, below)


def _peer(reading: Reading, role: str, name: str = "") -> ReplicationPeer | None:
    return next((peer for peer in reading.replication or () if peer.role == role and name in {"", peer.name}), None)


async def _peer_in(tiers: Tiers, role: str, state: str, name: str = "") -> ReplicationPeer:
    """The peer of this role when it has come into this state."""

    async def look() -> ReplicationPeer | None:
        peer = _peer(await tiers.warm(Part.REPLICATION), role, name)
        return peer if peer is not None and peer.state == state else None

    return await until(look)


async def _caught_up(tiers: Tiers, linked: Linked) -> Reading:
    """The reading in which all that the source has written is applied."""
    wanted = linked.above.execute("SELECT COUNT(*) FROM shop.t")

    async def look() -> Reading | None:
        reading = await tiers.warm(Part.REPLICATION)
        peer = _peer(reading, "upstream")
        running = peer is not None and peer.state == "running" and peer.lag_bytes == 0
        return reading if running and _has_table(linked.below) and linked.below.execute("SELECT COUNT(*) FROM shop.t") == wanted else None

    return await until(look)


def _has_table(server: MysqlServer) -> bool:
    return bool(server.execute("SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = 't'"))


def _write(server: MysqlServer, *numbers: int) -> None:
    server.execute(*[f"INSERT INTO shop.t VALUES ({number}, 'note')" for number in numbers])


async def test_source_and_replica_are_seen_from_both_sides(linked: Linked) -> None:
    above, below = linked.above, linked.below
    async with tiers_of(above) as upper, tiers_of(below) as lower:
        reading = await _caught_up(lower, linked)
        peer = _peer(reading, "upstream")
        assert peer is not None
        assert (peer.name, peer.state, peer.lag_seconds, peer.lag_bytes) == (f"127.0.0.1:{above.port}", "running", 0, 0)
        assert (peer.active, peer.remarks) == (True, ())
        details = dict(peer.details)
        assert details["IO thread"].startswith("yes: ")
        assert details["identifiers"] == ("slave_pos" if below.mariadb else "auto-position")
        assert details["applied"]
        assert "worker" in " ".join(details), "workers are listed one by one"
        assert reading.failures == ()

        # It is named by what it told of itself when it registered.
        replica = await _peer_in(upper, "standby", "streaming")
        assert replica.name == f"127.0.0.1:{below.port}"
        assert replica.client.startswith("127.0.0.1")
        assert dict(replica.details)["server id"] == "100"
        assert figure(await upper.warm(), catalogue.MYSQL_REPLICAS) == 1
        log = _peer(await upper.warm(Part.REPLICATION), "log")
        assert log is not None
        assert dict(log.details)["ends at"].startswith("bin.00000")
        assert (log.retained_bytes or 0) > 0
        assert (await upper.warm()).replication is None, "nobody asked for it"


async def test_a_replica_in_step_has_no_lag(linked: Linked) -> None:
    async with tiers_of(linked.below) as lower:
        await _caught_up(lower, linked)

        async def in_step() -> Reading | None:
            reading = await lower.warm()
            return reading if figure(reading, catalogue.REPLICATION_LAG) == 0 else None

        reading = await until(in_step)
        assert figure(reading, catalogue.REPLICATION_LAG_BYTES) == 0
        assert figure(reading, catalogue.MYSQL_REPLICATION_STOPPED) == 0
        assert figure(reading, catalogue.MYSQL_REPLICATION_WAITING) == 0


async def test_a_stopped_sql_thread_falls_behind_in_seconds_though_the_server_tells_none(linked: Linked) -> None:
    above, below = linked.above, linked.below
    clock = AheadClock()
    async with tiers_of(below, clock=clock) as lower:
        await _caught_up(lower, linked)
        below.execute("STOP SLAVE SQL_THREAD")
        _write(above, 10, 11)

        async def waiting() -> Reading | None:
            reading = await lower.warm(Part.REPLICATION)
            return reading if figure(reading, catalogue.MYSQL_REPLICATION_WAITING) == 2 else None

        reading = await until(waiting)
        peer = _peer(reading, "upstream")
        assert peer is not None
        assert (peer.state, peer.active) == ("stopped", True)
        start = "START REPLICA" if below.mariadb else "START SLAVE"
        assert peer.remarks == (f"the SQL thread is stopped: {start} lets it go on",)
        assert dict(peer.details)["received, not applied"].startswith("2 transactions (")
        assert figure(reading, catalogue.MYSQL_REPLICATION_STOPPED) == 1
        assert (figure(reading, catalogue.REPLICATION_LAG_BYTES) or 0) > 0

        clock.ahead = 300
        assert (figure(await lower.warm(), catalogue.REPLICATION_LAG) or 0) >= 300, "late by the time since it was received"

        below.execute(start)
        await _caught_up(lower, linked)


async def test_a_replicas_threads_are_no_clients_and_it_stays_a_replica_when_they_stop(linked: Linked) -> None:
    """Also where somebody typed START REPLICA: MySQL then lists the threads under the name of who did."""
    above, below = linked.above, linked.below
    async with tiers_of(below) as lower:
        await _caught_up(lower, linked)
        below.execute("STOP SLAVE", "START SLAVE")
        _write(above, 15)
        await _caught_up(lower, linked)
        async with watching(below.target()) as collector:

            async def at_rest() -> Reading | None:
                reading = await look(collector)
                return None if any(one.state == "active" for one in reading.sessions or ()) else reading

            reading = await until(at_rest)
            assert reading.facts is not None
            assert reading.facts.role == "replica"
            assert figure(reading, catalogue.QUERY_DURATION) == 0
            assert {one.user for one in reading.sessions or () if one.kind.startswith("replication")} <= {"system user"}
        for stopped in ("STOP SLAVE SQL_THREAD", "STOP SLAVE"):
            below.execute(stopped)
            async with watching(below.target()) as collector:
                first = await look(collector)
                assert first.facts is not None
                assert first.facts.role == "replica", stopped
                await collector.collect(Tier.WARM, NOTHING)
                again = await look(collector)
                assert again.facts is not None
                assert again.facts.role == "replica", stopped
        below.execute("START SLAVE")
        await _caught_up(lower, linked)


async def test_a_row_that_is_there_already_breaks_the_replica_and_is_told_in_words(linked: Linked) -> None:
    above, below = linked.above, linked.below
    async with tiers_of(below) as lower:
        await _caught_up(lower, linked)
        below.execute("SET SESSION sql_log_bin = 0", "INSERT INTO shop.t VALUES (20, 'of its own')")
        _write(above, 20, 21)
        peer = await _peer_in(lower, "upstream", "broken")
        assert peer.remarks[0].startswith("applying has failed: ")
        assert "1062" in peer.remarks[0]
        assert figure(await lower.warm(), catalogue.MYSQL_REPLICATION_STOPPED) == 1
        below.execute("SET SESSION sql_log_bin = 0", "DELETE FROM shop.t WHERE id = 20", "START SLAVE SQL_THREAD")
        await _caught_up(lower, linked)


async def test_no_value_of_a_statement_that_failed_is_shown(linked: Linked) -> None:
    """The server puts the whole statement into its error, a password in it too."""
    above, below = linked.above, linked.below
    below.execute("SET SESSION sql_log_bin = 0", "CREATE USER twice@'%'")
    above.execute("CREATE USER twice@'%' IDENTIFIED BY \"hidden1 'hidden2'\"")
    async with tiers_of(below) as lower:
        peer = await _peer_in(lower, "upstream", "broken")
        assert "Query: CREATE USER …" in " ".join(peer.remarks)
        assert "hidden" not in str(peer)
        assert "IDENTIFIED" not in str(peer)
        below.execute("SET SESSION sql_log_bin = 0", "DROP USER twice@'%'", "START SLAVE SQL_THREAD")
        await _caught_up(lower, linked)


async def test_a_source_that_lets_it_in_no_more_leaves_a_lag_that_grows(linked: Linked) -> None:
    above, clock = linked.above, AheadClock()
    quiet, away = "SET SESSION sql_log_bin = 0", f"{REPLICATOR}_away"
    async with tiers_of(linked.below, clock=clock) as lower:
        await _caught_up(lower, linked)
        above.execute(quiet, f"RENAME USER {REPLICATOR}@'%' TO {away}@'%'")
        for (number,) in above.execute("SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'"):
            above.execute(f"KILL {number}")
        peer = await _peer_in(lower, "upstream", "not connected")
        assert "no log comes from the source" in peer.remarks[0]
        assert peer.active is False
        clock.ahead = 500
        reading = await lower.warm()
        assert (figure(reading, catalogue.REPLICATION_LAG) or 0) >= 500, "nobody knows what it misses"
        assert figure(reading, catalogue.MYSQL_REPLICATION_STOPPED) == 1
        above.execute(quiet, f"RENAME USER {away}@'%' TO {REPLICATOR}@'%'")
        await _caught_up(lower, linked)


async def test_an_account_without_rights_is_told_the_grants_that_help(linked: Linked) -> None:
    above, below = linked.above, linked.below
    for server in (above, below):
        server.execute("SET SESSION sql_log_bin = 0", "CREATE USER nothing@'%'")
    async with tiers_of(below, user="nothing") as lower, tiers_of(above, user="nothing") as upper:
        reading = await lower.warm(Part.REPLICATION)
        assert figure(reading, catalogue.REPLICATION_LAG) is None
        assert figure(reading, catalogue.MYSQL_REPLICATION_STOPPED) is None
        failures = {failure.hint: failure.code for failure in reading.failures if failure.part == Part.REPLICATION}
        right = "SLAVE MONITOR" if below.mariadb else "REPLICATION CLIENT"
        assert failures[f"GRANT {right} ON *.* TO 'nothing'@'%';"] is FailureCode.PRIVILEGE
        reading = await upper.warm(Part.REPLICATION)
        assert figure(reading, catalogue.MYSQL_REPLICAS) is None
        needed = "PROCESS ON *.*" if above.mariadb else "SELECT ON performance_schema.*"
        assert f"GRANT {needed} TO 'nothing'@'%';" in {failure.hint for failure in reading.failures}

    # The grants are run as they are told, until nothing is refused any more.
    for server, replicas in ((above, 1), (below, 0)):
        for _ in range(4):
            async with tiers_of(server, user="nothing") as tiers:
                reading = await tiers.warm(Part.REPLICATION)
                server.execute("SET SESSION sql_log_bin = 0", *{failure.hint for failure in reading.failures})
        assert reading.failures == ()
        assert figure(reading, catalogue.MYSQL_REPLICAS) == replicas


@pytest.mark.parametrize("version", VERSIONS)
async def test_two_sources_are_two_channels_and_a_delay_that_is_wanted_is_no_lag(version: str) -> None:
    with source(version, 1) as one, source(version, 2) as two:
        one.execute("CREATE DATABASE orders")
        two.execute("CREATE DATABASE billing")
        with replica_of(one, two, names=("orders", "billing"), delays=(0, 3600)) as below:
            async with tiers_of(below) as lower:
                first = await _peer_in(lower, "upstream", "running", "orders")
                second = await _peer_in(lower, "upstream", "delayed", "billing")
                assert (first.client, second.client) == (f"127.0.0.1:{one.port}", f"127.0.0.1:{two.port}")
                assert second.lag_seconds == 0
                assert (second.lag_bytes or 0) > 0
                assert dict(second.details)["delay wanted"].startswith("1h00m, the next transaction in ")
                assert second.remarks == ()

                below.execute("STOP SLAVE 'billing'" if below.mariadb else "STOP SLAVE FOR CHANNEL 'billing'")
                await _peer_in(lower, "upstream", "stopped", "billing")
                reading = await lower.warm()
                found = [sample for sample in reading.samples if sample.metric is catalogue.MYSQL_REPLICATION_STOPPED]
                assert {sample.labels: sample.value for sample in found} == {(("peer", "billing"),): 2, (("peer", "orders"),): 0}
