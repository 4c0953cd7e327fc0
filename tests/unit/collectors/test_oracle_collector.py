"""The collector of Oracle over recorded answers: from the statements' names to the values of a reading."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from aishell_core.engines.oracle_wire import ServerError
from aishell_core.errors import TargetError
from aishell_core.values import Failure, FailureCode, Part, Reading, Tier
from collectors.contract import EVERYTHING, NOTHING
from collectors.oracle.collector import OracleCollector
from tests.fake_clock import FakeClock
from tests.servers.oracle_recorded import URL, RecordedServer, collector_on
from tests.servers.postgres_tiers import until

_NO_VIEW: Callable[[str], bool] = lambda sql: "v$" in sql or "dba_" in sql  # noqa: E731
_DENIED = ServerError(942, "ORA-00942", "ORA-00942: table or view does not exist")


@asynccontextmanager
async def collector(server: RecordedServer, url: str = URL, clock: FakeClock | None = None) -> AsyncIterator[OracleCollector]:
    made = collector_on(server, url, clock or FakeClock())
    try:
        yield made
    finally:
        await made.close()


def values(reading: Reading) -> dict[str, float]:
    return {one.metric.name + "".join(f"|{value}" for _, value in one.labels): one.value for one in reading.samples}


def failures(reading: Reading) -> dict[str, Failure]:
    return {failure.part: failure for failure in reading.failures}


async def watched(made: OracleCollector, part: Part) -> Reading:
    """A hot reading that has the part, which is read beside."""

    async def read() -> Reading | None:
        reading = await made.collect(Tier.HOT, EVERYTHING)
        return reading if getattr(reading, part.value) is not None else None

    return await until(read)


async def test_nobody_looks_closely_and_only_working_sessions_are_read() -> None:
    server = RecordedServer()
    async with collector(server) as made:
        reading = await made.collect(Tier.HOT, NOTHING)
        found = values(reading)
    assert (reading.sessions, reading.lock_waits, reading.statements) == (None, None, None)
    assert (found["connections.used"], found["connections.max"], found["pool.usage"]) == (9, 472, 0.25)
    assert (found["sessions.active"], found["sessions.idle_in_transaction"], found["sessions.state|idle"]) == (5, 1, 1)
    assert (found["locks.waiting"], found["locks.wait"], found["oracle.sessions.blocked"]) == (3, 299.5, 3)
    assert found["transactions.rate"] == 120_400
    assert {wait.wait_class for wait in reading.waits or ()} == {"CPU", "Application", "User I/O", "System I/O"}
    assert "session_counts" in server.asked
    assert reading.failures == ()


async def test_sessions_have_their_texts_and_locks_their_names() -> None:
    server = RecordedServer()
    async with collector(server) as made:
        reading = await made.collect(Tier.HOT, EVERYTHING)
    sessions = {session.id: session for session in reading.sessions or ()}
    assert "900,9000" not in sessions, "ours is left out"
    assert sessions["101,4001"].text.startswith("SELECT o.id")
    assert sessions["102,4002"].text == "UPDATE stock SET n = 0 WHERE id = 7", "what it ran last"
    edges = {edge.waiter: edge for edge in reading.lock_waits or ()}
    assert (edges["103,4003"].holder, edges["103,4003"].object) == ("102,4002", "row of SHOP.STOCK")
    assert edges["105,4005"].object == "table SHOP.ORDERS"


async def test_a_text_and_a_name_are_asked_for_once() -> None:
    server = RecordedServer()
    async with collector(server) as made:
        await made.collect(Tier.HOT, EVERYTHING)
        asked = server.asked.count("sql_text"), server.asked.count("lock_object")
        await made.collect(Tier.HOT, EVERYTHING)
    assert asked == (5, 2)
    assert (server.asked.count("sql_text"), server.asked.count("lock_object")) == asked


async def test_the_second_reading_works_out_what_lies_between() -> None:
    server = RecordedServer()
    async with collector(server) as made:
        first = values(await made.collect(Tier.HOT, NOTHING))
        server.change(
            "counters",
            *({**row, "value": row["value"] + (100 if row["name"] == "execute count" else 50)} for row in server.rows("counters")),
        )
        second = values(await made.collect(Tier.HOT, NOTHING))
    assert "query.latency" not in first
    assert second["query.latency"] == 0.5
    assert second["cache.hit_ratio"] == 0.5


async def test_statements_of_the_shared_pool() -> None:
    async with collector(RecordedServer()) as made:
        reading = await watched(made, Part.STATEMENTS)
    found = {one.digest: one for one in reading.statements or ()}
    one = found["8f21c4aaaaaa1"]
    assert (one.calls, one.total_milliseconds, one.rows, one.sampled) == (120_400, 975_240.5, 2_408_000, False)
    assert one.text.startswith("SELECT o.id")
    assert one.hit_ratio == pytest.approx(1 - 2_900_000 / 9_100_000)
    assert values(reading)["statement.calls.rate|8f21c4aaaaaa1"] == 120_400


async def test_texts_of_statements_come_once_and_again_when_one_is_new() -> None:
    server = RecordedServer()
    async with collector(server) as made:
        reader = made._hot._statements
        await reader._read(made._hot._questions.budget(5))
        await reader._read(made._hot._questions.budget(5))
        assert [bind["texts"] for bind in server.binds if "texts" in bind] == [1, 0]
        server.change(
            "statements", *server.rows("statements"), {**server.rows("statements")[0], "sql_id": "f00dfacefeed1", "sql_text": "SELECT 2"}
        )
        look = await reader._read(made._hot._questions.budget(5))
        assert [bind["texts"] for bind in server.binds if "texts" in bind] == [1, 0, 0, 1]
    assert [one.text for one in look.statements or ()][-1] == "SELECT 2"


async def test_statements_are_estimated_where_the_shared_pool_may_not_be_read() -> None:
    server = RecordedServer()
    server.refused["statements"] = _DENIED
    async with collector(server) as made:
        reading = await watched(made, Part.STATEMENTS)
    assert all(one.sampled for one in reading.statements or ())
    assert {one.digest for one in reading.statements or ()} == {"8f21c4aaaaaa1", "d00d1ecccccc3", "ee55aadddddd4"}
    assert failures(reading)[Part.STATEMENTS].hint == "GRANT SELECT ON SYS.V_$SQLSTATS TO AISHELL;"


async def test_long_operations_open_transactions_and_standbys_are_read_when_demanded() -> None:
    server = RecordedServer()
    async with collector(server) as made:
        reading = await watched(made, Part.PROGRESS)
    assert [one.operation for one in reading.progress or ()] == ["table scan", "rman: aggregate input"]
    assert [one.name for one in reading.horizon or ()] == ["102,4002 SHOP", "103,4003 SHOP"]
    assert [(peer.name, peer.role) for peer in reading.replication or ()] == [("ORCL_B", "standby"), ("ORCL_C", "standby")]
    assert "standby_lag" not in server.asked, "a primary has none"


async def test_a_standby_tells_its_lag() -> None:
    server = RecordedServer()
    server.patch("facts", database_role="PHYSICAL STANDBY")
    async with collector(server) as made:
        facts = (await made.collect(Tier.HOT, NOTHING)).facts
        warm = values(await made.collect(Tier.WARM, NOTHING))
        reading = await watched(made, Part.REPLICATION)
    assert facts is not None
    assert facts.role == "replica"
    assert (warm["replication.lag"], warm["oracle.transport.lag"], warm["oracle.apply.stopped"]) == (72.0, 5.0, 0.0)
    assert next((peer.name, peer.role, peer.state) for peer in reading.replication or ()) == ("ORCL_A", "upstream", "applying")


async def test_the_warm_tier_has_storage_memory_backups_and_averages() -> None:
    async with collector(RecordedServer()) as made:
        reading = await made.collect(Tier.WARM, frozenset({Part.RELATIONS}))
        again = await made.collect(Tier.WARM, frozenset({Part.RELATIONS}))
    assert (reading.earlier, again.relations) == ((), reading.relations)
    assert [(part, at <= reading.at) for part, at in again.earlier] == [(Part.RELATIONS, True)], "they are as old as their reading"
    found = values(reading)
    assert found["oracle.tablespace.usage|USERS"] == pytest.approx(0.8906)
    assert found["oracle.recovery_area.usage"] == pytest.approx(0.88)
    assert found["oracle.backup.age|full"] == 200_000
    assert found["oracle.sessions.average"] == 4.2
    assert found["oracle.archive.errors"] == 1
    assert [relation.name for relation in reading.relations or ()][:2] == ["ORDERS", "ORDERS_PK"]


async def test_what_other_tiers_learn_is_used_by_the_hot_one() -> None:
    async with collector(RecordedServer()) as made:
        assert "temp.bytes.rate" not in values(await made.collect(Tier.HOT, NOTHING))
        await made.collect(Tier.WARM, NOTHING)
        reading = await made.collect(Tier.HOT, NOTHING)
    assert values(reading)["temp.bytes.rate"] == 18_000 * 8192
    assert reading.facts is not None
    assert dict(reading.facts.details)["redo is archived"] == "yes"


async def test_the_cold_tier_has_settings_size_and_upkeep() -> None:
    async with collector(RecordedServer()) as made:
        reading = await made.collect(Tier.COLD, NOTHING)
    found = values(reading)
    assert [each.name for each in reading.settings or () if each.pending_restart] == ["processes"]
    assert (found["disk.used"], found["oracle.objects.invalid"], found["oracle.jobs.failed"]) == (64_424_509_440, 2, 1)


async def test_facts_name_container_release_and_start() -> None:
    async with collector(RecordedServer()) as made:
        facts = (await made.collect(Tier.HOT, NOTHING)).facts
    assert facts is not None
    assert (facts.engine, facts.version, facts.role) == ("oracle", "19.22.0.0.0", "primary")
    assert facts.started_at == 1_790_000_000 - 864_000 - 7_200
    assert dict(facts.details)["container"] == "SHOPPDB"


async def test_a_user_with_nothing_but_a_session_gets_a_dashboard_with_the_grants() -> None:
    server = RecordedServer()
    server.barred = _NO_VIEW
    async with collector(server) as made:
        readings = [await made.collect(tier, EVERYTHING) for tier in Tier]
        hot, warm, cold = readings
        told = [failure for reading in readings for failure in reading.failures]
        assert hot.facts is not None
        assert (hot.facts.version, dict(hot.facts.details)["user"]) == ("19.22.0.0.0", "AISHELL")
        assert (hot.sessions, hot.lock_waits, hot.waits) == (None, None, None)
        assert {failure.code for failure in told} == {FailureCode.PRIVILEGE}
        assert all(failure.hint.startswith("GRANT SELECT") and failure.hint.endswith(" TO AISHELL;") for failure in told)
        assert (
            failures(hot)[Part.SESSIONS].hint == "GRANT SELECT ON SYS.V_$SESSION TO AISHELL; GRANT SELECT ON SYS.V_$TRANSACTION TO AISHELL;"
        )
        assert [relation.name for relation in warm.relations or cold.relations or ()] == ["NOTES"], "its own tables need no grant"
        asked = len(server.asked)
        await made.collect(Tier.HOT, NOTHING)
        assert len(server.asked) == asked, "what was refused is not asked again at once"


async def test_what_was_refused_is_tried_again_after_a_while() -> None:
    server, clock = RecordedServer(), FakeClock()
    server.refused["counters"] = _DENIED
    async with collector(server, clock=clock) as made:
        assert "counters" in failures(await made.collect(Tier.HOT, NOTHING))
        server.refused.clear()
        assert "counters" in failures(await made.collect(Tier.HOT, NOTHING))
        clock._steady += 301
        reading = await made.collect(Tier.HOT, NOTHING)
    assert reading.failures == ()
    assert "queries.rate" in values(reading)


async def test_sessions_of_one_instance_are_read_where_those_of_all_are_not_granted() -> None:
    server = RecordedServer()
    server.barred = lambda sql: "gv$" in sql
    async with collector(server) as made:
        reading = await made.collect(Tier.HOT, EVERYTHING)
    assert len(reading.sessions or ()) == 10
    assert [failure.part for failure in reading.failures] == [Part.LOCKS]
    assert {edge.held_mode for edge in reading.lock_waits or ()} == {""}


@pytest.mark.parametrize("licensed", [False, True])
async def test_the_history_is_read_only_where_the_url_says_that_it_is_licensed(licensed: bool) -> None:
    server = RecordedServer()
    async with collector(server, f"{URL}?diagnostics_pack=licensed" if licensed else URL) as made:
        reading = await made.collect(Tier.HOT, EVERYTHING)
        await made.collect(Tier.WARM, EVERYTHING)
        await made.collect(Tier.COLD, EVERYTHING)
    assert ("licensed_waits" in server.asked) is licensed
    assert ("Commit" in {wait.wait_class for wait in reading.waits or ()}) is licensed


async def test_there_are_never_more_than_two_connections_and_they_say_what_they_are_for() -> None:
    server = RecordedServer()
    async with collector(server) as made:
        await asyncio.gather(*(made.collect(tier, EVERYTHING) for tier in Tier for _ in range(3)))
    assert server.most_open == 2
    assert sorted(server.actions) == ["quick", "slow"]
    assert server.executed == [], "nothing is opened that would have to be ended"


async def test_all_connections_are_let_go_at_the_end() -> None:
    server = RecordedServer()
    async with collector(server) as made:
        await made.collect(Tier.HOT, EVERYTHING)
        await made.collect(Tier.WARM, NOTHING)

    async def gone() -> bool | None:
        return server.open == 0 or None

    assert await until(gone)


async def test_a_server_that_hangs_is_named_and_read_again_when_it_answers() -> None:
    server = RecordedServer()
    async with collector(server) as made:
        await made.collect(Tier.HOT, NOTHING)
        with server.frozen():
            told = await _told(made)
        assert {failure.code for failure in told} & {FailureCode.TIMEOUT, FailureCode.UNSUPPORTED}

        async def well() -> Reading | None:
            try:
                reading = await made.collect(Tier.HOT, NOTHING)
            except TargetError:
                return None
            return reading if "connections.max" in values(reading) else None

        assert await until(well)


async def _told(made: OracleCollector) -> tuple[Failure, ...]:
    try:
        return (await made.collect(Tier.HOT, NOTHING)).failures
    except TargetError as error:
        return (error.failure("target", 0.0),)


async def test_a_connection_that_was_lost_between_two_readings_is_made_anew() -> None:
    server = RecordedServer()
    async with collector(server) as made:
        await made.collect(Tier.HOT, NOTHING)
        server.generation += 1
        reading = await made.collect(Tier.HOT, NOTHING)
    assert reading.failures == ()
    assert server.actions == ["quick", "quick"]


async def test_a_mounted_standby_says_why_the_dictionary_is_closed() -> None:
    server = RecordedServer()
    closed = ServerError(1219, "ORA-01219", "ORA-01219: database or pluggable database not open: queries allowed on fixed tables only")
    server.refused |= dict.fromkeys(("tablespaces", "segments", "invalid_objects"), closed)
    async with collector(server) as made:
        reading = await made.collect(Tier.WARM, NOTHING)
    failure = failures(reading)["tablespaces"]
    assert failure.message == "tablespaces cannot be read while the database is not open"
    assert replace(failure, at=0.0).code is FailureCode.UNSUPPORTED
