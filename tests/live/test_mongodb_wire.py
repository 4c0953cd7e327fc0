"""The MongoDB collector over the real wire protocol, against documents of MongoDB 5 to 8 and servers in trouble."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from aishell_core.clock import SystemClock
from aishell_core.engines.base import Cancellable, Runnable
from aishell_core.errors import TargetError
from aishell_core.targets import Target, TlsPolicy
from aishell_core.values import Ability, FailureCode, Limits, Part, Session, Tier
from collectors.contract import EVERYTHING, NOTHING, Collector
from collectors.mongodb.collector import MongoCollector, open_mongodb
from tests.servers.certificates import issuer
from tests.servers.mongodb_wire import WireServer, wire_server
from tests.servers.mongodb_wire_world import VERSIONS

SECONDS = 20.0
_FIND = "812001"
_IDLE_TRANSACTION = "00000000-0000-4000-8000-000000000079"


@asynccontextmanager
async def reading(target: Target) -> AsyncIterator[MongoCollector]:
    collector: Collector = open_mongodb(target, SystemClock())
    assert isinstance(collector, MongoCollector)
    try:
        yield collector
    finally:
        await collector.close()


async def sessions_of(collector: Collector) -> dict[str, Session]:
    found = (await collector.collect(Tier.HOT, EVERYTHING)).sessions
    assert found is not None
    return {session.id: session for session in found}


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_part_of_a_replica_set_is_read(version: str) -> None:
    with wire_server(version) as server:
        async with reading(server.target()) as collector:
            hot = await collector.collect(Tier.HOT, EVERYTHING)
            warm = await collector.collect(Tier.WARM, EVERYTHING)
            cold = await collector.collect(Tier.COLD, EVERYTHING)
    assert (hot.failures, warm.failures, cold.failures) == ((), (), ())
    assert hot.facts is not None
    assert hot.facts.version.startswith(f"{version}.0.")
    assert hot.facts.role == "primary"
    assert len(hot.sessions or ()) == 9
    assert len(hot.lock_waits or ()) == 5
    assert [peer.name for peer in warm.replication or ()] == ["db2.shop.example:27017", "db3.shop.example:27017"]
    assert len([each for each in warm.relations or () if each.kind == "index"]) == 10
    assert any(setting.name == "operationProfiling.mode" for setting in cold.settings or ())


async def test_a_router_has_shards_and_what_the_balancer_does() -> None:
    with wire_server("8", "mongos") as server:
        async with reading(server.target()) as collector:
            hot = await collector.collect(Tier.HOT, EVERYTHING)
            warm = await collector.collect(Tier.WARM, EVERYTHING)
    assert hot.facts is not None
    assert hot.facts.role == "router"
    assert [(peer.role, peer.state) for peer in warm.replication or ()] == [("shard", "ready"), ("shard", "draining")]
    samples = {sample.metric.name: sample.value for sample in warm.samples}
    assert samples["mongodb.chunks.jumbo"] == 2
    assert samples["mongodb.shards.draining"] == 1
    assert any(setting.name == "sharding.balancer.mode" and setting.value == "full" for setting in warm.settings or ())


async def test_a_server_of_no_set_has_no_peers_and_that_is_no_failure() -> None:
    with wire_server("7", "standalone") as server:
        async with reading(server.target()) as collector:
            warm = await collector.collect(Tier.WARM, EVERYTHING)
    assert warm.replication == ()
    assert not warm.failures


async def test_three_connections_are_opened_at_most() -> None:
    """Two for questions and the driver's watch: not two of these, and none for the other members of the set."""
    with wire_server("7") as server:
        async with reading(server.target()) as collector:
            for _ in range(2):
                for tier in Tier:
                    await collector.collect(tier, EVERYTHING)
            process = psutil.Process(server.pid)
            found = [each for each in process.net_connections() if each.status == psutil.CONN_ESTABLISHED]
    assert 2 <= len(found) <= 3


async def test_what_is_refused_is_named_with_its_grant_and_not_asked_again() -> None:
    with wire_server("7", user="watcher", password="secret") as server:
        denied = [13, "Unauthorized", "not authorized on admin to execute command { x: 1 }"]
        server.change(refuse=dict.fromkeys(("serverStatus", "inprog", "top", "replSetGetStatus", "getParameter", "getCmdLineOpts"), denied))
        async with reading(server.target(user="watcher", password="secret")) as collector:
            hot = await collector.collect(Tier.HOT, EVERYTHING)
            before = server.counts()
            again = await collector.collect(Tier.HOT, EVERYTHING)
            after = server.counts()
            warm = await collector.collect(Tier.WARM, EVERYTHING)
    assert hot.facts is not None
    assert hot.facts.version == "7.0.15"
    codes = {failure.part: failure for failure in (*hot.failures, *warm.failures)}
    for part in ("server status", "sessions", "top", "replication", "settings"):
        assert codes[part].code is FailureCode.PRIVILEGE, part
        assert 'grantRolesToUser("watcher", [{role: "clusterMonitor", db: "admin"}])' in codes[part].hint
    assert {session.user for session in hot.sessions or ()} == {"shop-web"}
    assert not [sample for sample in hot.samples if sample.metric.name == "sessions.active"], "what is hidden is not counted as none"
    assert after["serverStatus"] == before["serverStatus"] == 1, "what was refused is not asked again"
    assert after["aggregate"] == before["aggregate"] + 1, "the own operations, and no longer those of all"
    assert len(again.failures) == len(hot.failures)


@pytest.mark.parametrize(("user", "password"), [("watcher", "wrong"), ("somebody", "secret"), ("", "")])
async def test_a_login_that_fails_says_so_and_is_no_failure_of_parts(user: str, password: str) -> None:
    with wire_server("8", user="watcher", password="secret") as server:
        async with reading(server.target(user=user, password=password)) as collector:
            for tier in Tier:
                with pytest.raises(TargetError) as caught:
                    await collector.collect(tier, EVERYTHING)
                assert caught.value.reason is FailureCode.AUTHENTICATION
                assert "secret" not in caught.value.message + caught.value.hint
                assert caught.value.hint


async def test_statements_come_from_the_profile_each_entry_once() -> None:
    with wire_server("8") as server:
        async with reading(server.target()) as collector:
            first = (await collector.collect(Tier.HOT, EVERYTHING)).statements
    assert first is not None
    counted = {one.text.partition(",")[0]: one for one in first if not one.sampled}
    assert counted['{"find": "orders"'].calls == 7
    assert any(one.sampled for one in first), "what runs and was not written down is estimated"


async def test_without_profiling_statements_are_estimated_and_the_command_that_switches_it_on_is_named() -> None:
    with wire_server("7") as server:
        server.change(set={"profile > levels > shop > was": 0})
        async with reading(server.target()) as collector:
            look = await collector.collect(Tier.HOT, EVERYTHING)
    assert look.statements
    assert all(one.sampled for one in look.statements)
    (failure,) = look.failures
    assert failure.part == Part.STATEMENTS
    assert failure.hint == 'db.getSiblingDB("shop").setProfilingLevel(1, {slowms: 100})'


async def test_an_operation_is_cancelled_when_it_is_the_one_that_was_seen() -> None:
    with wire_server("7") as server:
        async with reading(server.target()) as collector:
            assert isinstance(collector, Cancellable)
            found = await sessions_of(collector)
            await collector.cancel(found[_FIND], SECONDS)
            assert server.change()["killed"] == [{"op": int(_FIND)}]
            with pytest.raises(TargetError) as caught:
                await collector.cancel(found[_FIND], SECONDS)
    assert caught.value.reason is FailureCode.GONE


@pytest.mark.parametrize("other", ["started_at", "client"])
async def test_a_number_that_belongs_to_another_operation_now_is_left_alone(other: str) -> None:
    with wire_server("8") as server:
        async with reading(server.target()) as collector:
            seen = (await sessions_of(collector))[_FIND]
            assert seen.started_at is not None
            changed = replace(seen, started_at=seen.started_at - 60) if other == "started_at" else replace(seen, client="10.9.9.9:1")
            for act in (collector.cancel, collector.terminate):
                with pytest.raises(TargetError) as caught:
                    await act(changed, SECONDS)
                assert caught.value.reason is FailureCode.GONE
        assert server.change()["killed"] == []


async def test_an_idle_transaction_is_ended_by_its_session_and_cannot_be_cancelled() -> None:
    with wire_server("7") as server:
        async with reading(server.target()) as collector:
            idle = (await sessions_of(collector))[_IDLE_TRANSACTION]
            with pytest.raises(TargetError) as caught:
                await collector.cancel(idle, SECONDS)
            assert caught.value.reason is FailureCode.GONE
            await collector.terminate(idle, SECONDS)
            assert _IDLE_TRANSACTION not in await sessions_of(collector)
        assert len(server.change()["killed"]) == 1


async def test_an_idle_transaction_is_ended_however_long_the_question_stood_open() -> None:
    with wire_server("7") as server:
        async with reading(server.target()) as collector:
            seen = (await sessions_of(collector))[_IDLE_TRANSACTION]
        async with reading(server.target()) as collector:
            end = time.monotonic() + SECONDS
            while ((later := (await sessions_of(collector))[_IDLE_TRANSACTION]).state_seconds or 0) < (seen.state_seconds or 0) + 1.5:
                assert time.monotonic() < end, "it does not get older"
            assert later.started_at == pytest.approx(seen.started_at, abs=0.1)
            await collector.terminate(seen, SECONDS)
        assert len(server.change()["killed"]) == 1


async def test_a_connection_that_does_nothing_cannot_be_ended_and_why() -> None:
    with wire_server("7") as server:
        async with reading(server.target()) as collector:
            found = await sessions_of(collector)
            for act, session in (
                (collector.terminate, found["conn77"]),
                (collector.cancel, found["conn77"]),
                (collector.terminate, found["811900"]),
            ):
                with pytest.raises(TargetError) as caught:
                    await act(session, SECONDS)
                assert caught.value.reason is FailureCode.UNSUPPORTED
                assert caught.value.hint


async def test_what_an_act_would_do_is_said_as_mongodb_does_it() -> None:
    with wire_server("7") as server:
        async with reading(server.target()) as collector:
            found = await sessions_of(collector)
    stream, idle, build, silent = found["812006"], found[_IDLE_TRANSACTION], found["811900"], found["conn77"]
    assert stream.if_cancelled == "its operation ends with an error"
    assert stream.if_terminated == "its logical session ends with its operations and cursors; its connection stays"
    assert idle.if_cancelled == "nothing: it runs no operation"
    assert "its transaction is rolled back; its connection stays" in idle.if_terminated
    for words in (build.if_cancelled, build.if_terminated):
        assert words.startswith("nothing: an index build")
        assert '{"dropIndexes": "events", "index": "at_1", "$db": "shop"}' in words
    assert silent.if_terminated == "nothing: it has no logical session, and MongoDB closes no connections"
    assert not [session for session in found.values() if "connection is closed" in session.if_terminated or not session.if_terminated]


async def test_an_operation_in_a_transaction_takes_the_transaction_with_it() -> None:
    with wire_server("7") as server:
        async with reading(server.target()) as collector:
            found = [one for one in (await sessions_of(collector)).values() if one.transaction_seconds and one.statement_seconds]
    assert {one.if_cancelled for one in found} == {"its operation ends with an error, and its transaction with it"}


async def test_an_index_build_is_not_killed_but_its_index_dropped() -> None:
    with wire_server("7") as server:
        async with reading(server.target()) as collector:
            build = (await sessions_of(collector))["811900"]
            for act in (collector.cancel, collector.terminate):
                with pytest.raises(TargetError) as caught:
                    await act(build, SECONDS)
                assert caught.value.reason is FailureCode.UNSUPPORTED
                assert '{"dropIndexes": "events", "index": "at_1", "$db": "shop"}' in caught.value.hint
        assert server.change()["killed"] == []


async def test_a_session_that_goes_on_after_it_was_told_to_end_is_not_called_ended() -> None:
    with wire_server("7") as server:
        server.change(stubborn=True)
        async with reading(server.target()) as collector:
            stream = (await sessions_of(collector))["812006"]
            with pytest.raises(TargetError) as caught:
                await collector.terminate(stream, 1.5)
        assert len(server.change()["killed"]) == 1
    assert caught.value.reason is FailureCode.TIMEOUT
    assert "was told to end and has not yet" in caught.value.message


async def test_who_may_not_kill_is_told_the_role_that_may() -> None:
    with wire_server("7", user="watcher", password="secret") as server:
        server.change(refuse={"killOp": [13, "Unauthorized", "not authorized on admin to execute command"]})
        async with reading(server.target(user="watcher", password="secret")) as collector:
            with pytest.raises(TargetError) as caught:
                await collector.cancel((await sessions_of(collector))[_FIND], SECONDS)
    assert caught.value.reason is FailureCode.PRIVILEGE
    assert 'role: "hostManager"' in caught.value.hint


async def test_a_start_that_was_told_once_never_wanders() -> None:
    with wire_server("7") as server:
        async with reading(server.target()) as collector:
            first = await sessions_of(collector)
            second = await sessions_of(collector)
    assert {name: one.started_at for name, one in first.items()} == {name: one.started_at for name, one in second.items()}


async def test_a_whole_collection_that_is_read_is_marked_in_the_plan() -> None:
    with wire_server("8") as server:
        async with reading(server.target()) as collector:
            (plan,) = await collector.explain('{"find": "orders", "filter": {"status": "?"}, "limit": "?"}', "shop")
    assert plan.text.startswith("SORT")
    assert plan.children[0].costly


async def test_a_run_ends_at_its_limits_and_closes_its_connection() -> None:
    with wire_server("7") as server:
        server.change(store={"shop.many": [{"_id": number, "text": "x" * 100} for number in range(2000)]})
        async with reading(server.target(database="shop")) as collector:
            assert isinstance(collector, Runnable)
            assert Ability.RUN in collector.abilities
            whole = await collector.run('{"find": "many"}', (), Limits(rows=5000))
            rows = await collector.run('{"find": "many"}', (), Limits(rows=700))
            size = await collector.run('{"find": "many"}', (), Limits(bytes=10_000))
    assert (len(whole.rows), whole.cut, whole.columns) == (2000, "", ("_id", "text"))
    assert (len(rows.rows), rows.cut) == (700, "rows")
    assert size.cut == "bytes"
    assert 0 < len(size.rows) < 100


async def test_a_command_that_takes_longer_than_it_may_is_given_up() -> None:
    with wire_server("7") as server:
        server.change(delay={"ping": 600.0})
        async with reading(server.target()) as collector:
            with pytest.raises(TargetError) as caught:
                await collector.run('{"ping": 1}', (), Limits(seconds=0.3))
            assert caught.value.reason is FailureCode.TIMEOUT
            assert (await collector.collect(Tier.HOT, NOTHING)).samples, "the reading goes on beside it"


async def test_the_certificate_is_checked_as_the_policy_says(tmp_path: Path) -> None:
    mine, other = issuer(tmp_path, "mine"), issuer(tmp_path, "other")
    made = mine.issue("db", names="DNS:localhost")
    with wire_server("7", tls=(made.certificate, made.key)) as server:
        plain = server.target()
        trusted = f"tlsCAFile={mine.own.certificate}"
        for target in (
            replace(plain, tls=TlsPolicy.REQUIRE),
            replace(server.target(options=trusted), tls=TlsPolicy.VERIFY_CA),
            replace(server.target(options=trusted), location=replace(server.target(options=trusted).location, host="localhost")),
        ):
            async with reading(target) as collector:
                assert (await collector.collect(Tier.HOT, NOTHING)).samples
        for target, word in (
            (replace(server.target(options=trusted), tls=TlsPolicy.VERIFY_FULL), "another host name"),
            (replace(server.target(options=f"tlsCAFile={other.own.certificate}"), tls=TlsPolicy.VERIFY_CA), "issuer"),
            (replace(server.target(options="tls=true&tlsInsecure=true"), tls=TlsPolicy.VERIFY_FULL), "issuer"),
            (replace(server.target(options=f"{trusted}&tlsAllowInvalidHostnames=true"), tls=TlsPolicy.VERIFY_FULL), "another host name"),
        ):
            async with reading(target) as collector:
                with pytest.raises(TargetError) as caught:
                    await collector.collect(Tier.HOT, NOTHING)
                assert word in caught.value.message
                assert caught.value.hint


async def test_of_several_hosts_the_primary_is_asked_and_without_it_a_secondary() -> None:
    with wire_server("7") as one, wire_server("7", "secondary") as two:
        hosts = [f"127.0.0.1:{one.port}", f"127.0.0.1:{two.port}"]
        for server, own in ((one, hosts[0]), (two, hosts[1])):
            server.change(
                set={f"hello > document > {name}": value for name, value in (("hosts", hosts), ("me", own), ("primary", hosts[0]))}
            )
        url = f"mongodb://{','.join(hosts)}/?replicaSet=rs0"
        async with reading(_target(one, url)) as collector:
            assert await _role_of(collector, "primary") == "primary"
            one.kill()
            assert await _role_of(collector, "replica") == "replica"


async def _role_of(collector: Collector, wanted: str) -> str:
    """The role as soon as it is the wanted one: the driver finds out by itself that a member is gone."""
    role = ""
    for _ in range(20):
        try:
            facts = (await collector.collect(Tier.HOT, NOTHING)).facts
        except TargetError:
            continue
        role = facts.role if facts is not None else ""
        if role == wanted:
            break
    return role


def _target(server: WireServer, url: str) -> Target:
    from aishell_core.targets import parse_location

    return replace(server.target(), location=parse_location(url))


async def test_a_wrong_name_of_a_set_is_said() -> None:
    with wire_server("7") as server:
        async with reading(_target(server, f"mongodb://127.0.0.1:{server.port}/?replicaSet=other")) as collector:
            with pytest.raises(TargetError) as caught:
                await collector.collect(Tier.HOT, NOTHING)
    assert caught.value.message
    assert caught.value.hint


async def test_a_name_behind_which_the_resolver_knows_nothing_is_said() -> None:
    from aishell_core.targets import parse_location
    from aishell_core.values import TargetId

    target = Target(TargetId("srv"), parse_location("mongodb+srv://nothing.invalid/shop"))
    async with reading(target) as collector:
        with pytest.raises(TargetError) as caught:
            await collector.collect(Tier.HOT, NOTHING)
    assert "nothing.invalid" in caught.value.message
    assert caught.value.reason in {FailureCode.REFUSED, FailureCode.TIMEOUT}


def test_the_driver_is_loaded_when_a_server_is_read_and_not_before() -> None:
    program = (
        "import sys; from collectors.mongodb.collector import open_mongodb; import aishell_tui.cli.main; "
        "print([name for name in ('motor', 'pymongo') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
