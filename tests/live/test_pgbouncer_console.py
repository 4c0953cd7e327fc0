"""The console of a real PgBouncer: getting in, what is read, and what is said when something is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest
from pg8000.exceptions import DatabaseError, InterfaceError

from aishell_core.clock import SystemClock
from aishell_core.engines.pgbouncer import PgbouncerSession
from aishell_core.errors import TargetError
from aishell_core.targets import Target, TlsPolicy, parse_location
from aishell_core.values import FailureCode, Reading, TargetId, Tier
from collectors.contract import EVERYTHING, NOTHING, Collector
from collectors.pgbouncer.collector import DEADLINE_SECONDS, PgbouncerCollector, open_pgbouncer
from tests.servers.pgbouncer import ADMIN, OUTSIDER, PASSWORD, STATS, Pgbouncer, pgbouncer
from tests.servers.postgres import PostgresServer, postgres, write_as_server
from tests.servers.sqlite_client import eventually

AUTHS = ("trust", "md5", "scram-sha-256", "plain")
PATIENT = dict.fromkeys(Tier, 60.0)
"""Deadlines for tests that are not about them: the machine may be busy with much else."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres() as running:
        yield running


@pytest.fixture
def pooler(server: PostgresServer) -> Iterator[Pgbouncer]:
    with pgbouncer(server, pool_mode="transaction", settings={"default_pool_size": "1"}) as running:
        yield running


@asynccontextmanager
async def opened(
    target: Target, environ: dict[str, str] | None = None, deadline_seconds: Mapping[Tier, float] = PATIENT
) -> AsyncIterator[Collector]:
    collector = PgbouncerCollector(target, SystemClock(), PgbouncerSession(target, SystemClock(), environ or {}), deadline_seconds)
    try:
        yield collector
    finally:
        await collector.close()


async def hot(target: Target, environ: dict[str, str] | None = None) -> Reading:
    async with opened(target, environ) as collector:
        return await collector.collect(Tier.HOT, EVERYTHING)


async def refusal(target: Target, environ: dict[str, str] | None = None) -> TargetError:
    with pytest.raises(TargetError) as caught:
        await hot(target, environ)
    assert PASSWORD not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


async def until(collector: Collector, condition: Callable[[Reading], bool]) -> Reading:
    """Read until a condition holds."""
    reading = None
    end = time.monotonic() + 60
    while time.monotonic() < end:
        reading = await collector.collect(Tier.HOT, EVERYTHING)
        if condition(reading):
            return reading
        await asyncio.sleep(0.05)
    raise AssertionError(f"never came true: {reading}")


def servers_of(reading: Reading, database: str) -> float:
    pools = [pool for pool in reading.pools or () if pool.database == database]
    return sum(pool.servers_active + pool.servers_idle + pool.servers_used for pool in pools)


def figure(reading: Reading, name: str) -> float:
    return sum(sample.value for sample in reading.samples if sample.metric.name == name)


@contextlib.contextmanager
def at_work(client: Any, sql: str = "SELECT 1") -> Iterator[None]:
    """A client that runs a statement, twice if need be, in a thread for as long as that takes or until the pooler ends."""

    def work() -> None:
        for _ in range(2):
            with contextlib.suppress(InterfaceError, DatabaseError, OSError):
                client.run(sql)
                return

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join(60)
    assert not thread.is_alive()


@pytest.mark.parametrize("auth", AUTHS)
async def test_both_kinds_of_users_are_let_in_by_every_way_to_prove_who_one_is(server: PostgresServer, auth: str) -> None:
    with pgbouncer(server, auth=auth) as pooler:
        for user in (ADMIN, STATS):
            facts = (await hot(pooler.console_target(user=user))).facts
            assert facts is not None
            assert (facts.engine, facts.role) == ("pgbouncer", "pooler")
            assert facts.version.split(".")[0] == "1"


@pytest.mark.parametrize("auth", AUTHS)
async def test_a_user_that_may_not_use_the_console_is_told_the_line_that_would_let_it(server: PostgresServer, auth: str) -> None:
    with pgbouncer(server, auth=auth) as pooler:
        error = await refusal(pooler.console_target(user=OUTSIDER))
        assert error.reason is FailureCode.PRIVILEGE
        assert error.message == f"{OUTSIDER} may not use the console of pgbouncer"
        assert f"stats_users = {OUTSIDER}" in error.hint
        pooler.configure(stats_users=f"{STATS}, {OUTSIDER}")
        pooler.console("RELOAD")
        assert (await hot(pooler.console_target(user=OUTSIDER))).samples


@pytest.mark.parametrize("auth", ["md5", "scram-sha-256", "plain"])
async def test_a_wrong_and_a_missing_password_are_told_apart(server: PostgresServer, auth: str) -> None:
    with pgbouncer(server, auth=auth) as pooler:
        wrong = await refusal(pooler.console_target(password="wrong"))
        missing = await refusal(pooler.console_target(password=""))
        assert {wrong.reason, missing.reason} == {FailureCode.AUTHENTICATION}
        assert "does not let" in wrong.message
        assert "none is given" in missing.message
        assert "pgpass" in missing.hint


async def test_a_user_that_the_pooler_does_not_know_is_named(pooler: Pgbouncer) -> None:
    error = await refusal(pooler.console_target(user="nobody_at_all", password=""))
    assert error.reason is FailureCode.AUTHENTICATION
    assert "knows no user nobody_at_all" in error.message


async def test_the_password_comes_from_the_environment_and_from_the_password_file(server: PostgresServer, tmp_path: Path) -> None:
    with pgbouncer(server, auth="scram-sha-256") as pooler:
        target = pooler.console_target(password="")
        assert (await hot(target, {"PGPASSWORD": PASSWORD})).samples
        passwords = tmp_path / ".pgpass"
        passwords.write_text(f"127.0.0.1:{pooler.port}:postgres:*:wrong\n127.0.0.1:{pooler.port}:pgbouncer:{STATS}:{PASSWORD}\n")
        passwords.chmod(0o600)
        assert (await hot(target, {"HOME": str(tmp_path)})).samples
        passwords.chmod(0o644)
        assert "chmod 600" in (await refusal(target, {"HOME": str(tmp_path)})).hint


async def test_the_environment_of_the_usual_server_does_not_move_the_pooler(pooler: Pgbouncer) -> None:
    elsewhere = {"PGHOST": "192.0.2.1", "PGPORT": "1", "PGDATABASE": "shop", "PGSERVICE": "nowhere"}
    assert (await hot(pooler.console_target(), elsewhere)).samples


async def test_a_socket_leads_to_the_console_too(pooler: Pgbouncer) -> None:
    for url in (
        f"pgbouncer://{STATS}@{quote(str(pooler.folder), safe='')}:{pooler.port}/",
        f"pgbouncer://{STATS}@/?host={pooler.folder}&port={pooler.port}",
    ):
        facts = (await hot(Target(TargetId("socket"), parse_location(url)))).facts
        assert facts is not None
        assert facts.started_at == pytest.approx(psutil.Process(pooler.pid).create_time())


async def test_a_socket_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    error = await refusal(Target(TargetId("socket"), parse_location(f"pgbouncer://u@{quote(str(tmp_path), safe='')}:6432/")))
    assert error.reason is FailureCode.REFUSED
    assert "there is no socket" in error.message


async def test_a_postgresql_server_is_told_from_a_pooler(server: PostgresServer) -> None:
    url = server.url().replace("postgresql://", "pgbouncer://")
    error = await refusal(Target(TargetId("server"), parse_location(url)))
    assert "is a PostgreSQL server" in error.message
    assert "postgresql://" in error.hint


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of its own for 127.0.0.1, which no issuer of this machine has signed; its key lies beside it."""
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=pooler", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", folder / "key", "-out", folder / "crt"], check=True, capture_output=True)
    return folder / "crt"


@contextlib.contextmanager
def encrypted(server: PostgresServer, certificate: Path) -> Iterator[Pgbouncer]:
    with pgbouncer(server, auth="scram-sha-256") as pooler:
        for name in ("crt", "key"):
            write_as_server(pooler.folder / name, certificate.with_name(name).read_text())
        files = {"client_tls_cert_file": str(pooler.folder / "crt"), "client_tls_key_file": str(pooler.folder / "key")}
        pooler.configure(client_tls_sslmode="require", **files)
        pooler.restart()
        yield pooler


async def test_tls_is_used_as_far_as_the_target_says(server: PostgresServer, certificate: Path) -> None:
    with encrypted(server, certificate) as pooler:
        for policy in (TlsPolicy.PREFER, TlsPolicy.REQUIRE):
            assert (await hot(pooler.console_target(tls=policy))).samples
        (row,) = [row for row in pooler.console("SHOW CLIENTS") if row["user"] == ADMIN]
        assert row["tls"].startswith("TLS")
        plain = await refusal(pooler.console_target(tls=TlsPolicy.OFF))
        assert plain.hint == "set tls: require for this target"
        for policy in (TlsPolicy.VERIFY_CA, TlsPolicy.VERIFY_FULL):
            assert (await hot(pooler.console_target(tls=policy, options=f"sslrootcert={certificate}"))).samples
        assert "certificate of the issuer" in (await refusal(pooler.console_target(tls=TlsPolicy.VERIFY_CA))).message
        unknown = await refusal(pooler.console_target(tls=TlsPolicy.VERIFY_FULL))
        assert unknown.reason is FailureCode.AUTHENTICATION
        assert "is not trusted" in unknown.message
        moved = pooler.console_url(options=f"sslrootcert={certificate}&sslmode=verify-full").replace("127.0.0.1", "localhost")
        assert "is not trusted" in (await refusal(Target(TargetId("moved"), parse_location(moved)))).message


async def test_a_pooler_without_tls_is_refused_where_the_target_wants_some(pooler: Pgbouncer) -> None:
    error = await refusal(pooler.console_target(tls=TlsPolicy.REQUIRE))
    assert "does not offer TLS" in error.message
    assert "client_tls_sslmode" in error.hint


async def test_work_shows_in_the_counters_the_latency_and_the_pool(pooler: Pgbouncer) -> None:
    client = pooler.connect()
    client.run("SELECT 1")
    async with opened(pooler.console_target()) as collector:
        before = await collector.collect(Tier.HOT, NOTHING)
        for _ in range(20):
            client.run("SELECT pg_sleep(0.01)")
        after = await collector.collect(Tier.HOT, EVERYTHING)
        assert figure(after, "queries.rate") - figure(before, "queries.rate") == 20
        assert figure(after, "transactions.rate") - figure(before, "transactions.rate") == 20
        assert 10 <= figure(after, "query.latency") < 5000
        assert figure(after, "pool.sent.rate") > figure(before, "pool.sent.rate")
        assert figure(after, "connections.used") == 2
        assert figure(after, "connections.max") == 100
        (pool,) = after.pools or ()
        assert (pool.database, pool.user, pool.mode) == ("postgres", "postgres", "transaction")
        (session,) = after.sessions or ()
        assert (session.application, session.state) == ("test", "idle")
        assert session.started_at == pytest.approx(time.time(), abs=300)
        assert after.failures == ()
        assert before.pools is None
        assert before.sessions is None


async def test_a_client_that_waits_is_seen_with_its_wait_and_the_server_process_of_the_other(pooler: Pgbouncer) -> None:
    holder = pooler.connect(application="holder")
    ((pid,),) = holder.run("SELECT pg_backend_pid()")
    holder.run("BEGIN")
    async with opened(pooler.console_target()) as collector:
        with at_work(pooler.connect(application="worker")):
            reading = await until(collector, lambda reading: figure(reading, "pool.wait") > 0.1)
            (pool,) = reading.pools or ()
            assert (pool.clients_active, pool.clients_waiting, pool.servers_active) == (1, 1, 1)
            sessions = {session.application: session for session in reading.sessions or ()}
            assert sessions["worker"].state == "waiting"
            assert sessions["worker"].wait == "server connection"
            assert dict(sessions["holder"].details)["server process"] == str(pid)
            assert reading.failures == ()
            holder.run("COMMIT")
        await until(collector, lambda reading: figure(reading, "pool.clients.waiting") == 0)


async def test_the_place_of_aishell_itself_in_a_queue_is_told_and_counts_as_nobodys_wait(pooler: Pgbouncer) -> None:
    holder = pooler.connect(application="holder")
    holder.run("BEGIN")
    async with opened(pooler.console_target()) as collector:
        with at_work(pooler.connect(application="aishell")):
            own = ("not counted", "1 connection of aishell itself waits")
            reading = await until(collector, lambda reading: own in (reading.pools or ())[0].details)
            assert (figure(reading, "pool.clients.waiting"), figure(reading, "pool.wait")) == (0, 0)
            unseen = await collector.collect(Tier.HOT, NOTHING)
            assert (figure(unseen, "pool.clients.waiting"), figure(unseen, "pool.wait")) == (0, 0)
            with at_work(pooler.connect(application="worker")):
                reading = await until(collector, lambda reading: figure(reading, "pool.wait") > 0)
                assert figure(reading, "pool.clients.waiting") == 1
                assert own in (reading.pools or ())[0].details
                holder.run("COMMIT")


async def test_a_paused_database_is_told_with_who_waits(server: PostgresServer) -> None:
    with pgbouncer(server, databases={"shop": f"host=127.0.0.1 port={server.port} dbname=postgres"}) as pooler:
        client = pooler.connect("shop")
        client.run("SELECT 1")
        client.close()
        pooler.console("PAUSE shop")
        async with opened(pooler.console_target()) as collector:
            (failure,) = (await collector.collect(Tier.HOT, EVERYTHING)).failures
            assert failure.message == "the database shop is paused"
            assert "RESUME shop" in failure.hint
            pooler.console("RESUME shop")
            assert (await collector.collect(Tier.HOT, EVERYTHING)).failures == ()
            pooler.console("DISABLE shop")
            (failure,) = (await collector.collect(Tier.HOT, EVERYTHING)).failures
            assert "new clients are refused" in failure.message


async def test_a_dead_server_behind_the_pool_is_told_as_the_reason_why_clients_wait(pooler: Pgbouncer) -> None:
    with postgres() as second:
        pooler.databases["other"] = f"host=127.0.0.1 port={second.port} dbname=postgres"
        pooler.configure()
        pooler.console("RELOAD")
        client = pooler.connect("other")
        client.run("SELECT 1")
        second.kill()
        async with opened(pooler.console_target()) as collector:
            # A client that is linked to the dying connection is sent away instead of waiting for another one.
            await until(collector, lambda reading: servers_of(reading, "other") == 0)
            with at_work(client):
                reading = await until(collector, lambda reading: bool(reading.failures))
                pooler.kill()
            (failure,) = reading.failures
            assert failure.code is FailureCode.REFUSED
            assert failure.message.startswith("other/postgres gets no server connection: 1 client waits")
            assert f"127.0.0.1:{second.port}" in failure.hint


async def test_the_console_answers_when_all_connections_are_taken(server: PostgresServer) -> None:
    with pgbouncer(server, settings={"max_client_conn": "3"}) as pooler:
        clients = [pooler.connect() for _ in range(3)]
        reading = await hot(pooler.console_target())
        assert figure(reading, "connections.used") == len(clients) + 1
        assert figure(reading, "connections.max") == 3
        assert figure(reading, "pool.usage") == 1.0


async def test_a_pooler_that_stands_still_costs_the_deadline_and_is_read_on_afterwards(pooler: Pgbouncer) -> None:
    async with opened(pooler.console_target(), deadline_seconds=DEADLINE_SECONDS) as collector:
        await collector.collect(Tier.HOT, NOTHING)
        with pooler.frozen():
            for _ in range(2):
                with pytest.raises(TargetError) as caught:
                    async with asyncio.timeout(20):
                        await collector.collect(Tier.HOT, NOTHING)
                assert caught.value.reason is FailureCode.TIMEOUT
                assert "gave no answer within" in caught.value.message
        assert (await collector.collect(Tier.HOT, NOTHING)).samples


async def test_a_killed_pooler_is_gone_until_it_is_started_again_and_counts_from_zero(pooler: Pgbouncer) -> None:
    pooler.connect().run("SELECT 1")
    async with opened(pooler.console_target()) as collector:
        before = await collector.collect(Tier.HOT, NOTHING)
        pooler.kill()
        with pytest.raises(TargetError) as caught:
            await collector.collect(Tier.HOT, NOTHING)
        assert "refuses connections" in caught.value.message
        pooler.start()
        after = await collector.collect(Tier.HOT, NOTHING)
        assert figure(before, "queries.rate") == 1
        assert figure(after, "queries.rate") == 0
        assert before.facts is not None
        assert after.facts is not None
        assert after.facts.started_at != before.facts.started_at


async def test_a_restart_between_two_readings_costs_none(pooler: Pgbouncer) -> None:
    async with opened(pooler.console_target()) as collector:
        await collector.collect(Tier.HOT, NOTHING)
        pooler.restart()
        assert (await collector.collect(Tier.HOT, NOTHING)).samples


async def test_the_pooler_has_one_connection_of_ours_and_none_after_the_end(pooler: Pgbouncer) -> None:
    def ours() -> list[str]:
        return [row["application_name"] for row in pooler.console("SHOW CLIENTS") if row["user"] == STATS]

    async with opened(pooler.console_target()) as collector:
        await asyncio.gather(*(collector.collect(tier, EVERYTHING) for tier in Tier for _ in range(3)))
        assert ours() == ["aishell"]
    eventually(lambda: not ours())


async def test_a_command_that_the_version_does_not_know_is_left_out(pooler: Pgbouncer) -> None:
    session = PgbouncerSession(pooler.console_target(), SystemClock(), {})
    try:
        answer = await session.ask("SHOW LISTS", "SHOW NOTHING_OF_THE_KIND", "SHOW VERSION", deadline_seconds=20.0)
        assert set(answer.rows) == {"SHOW LISTS", "SHOW VERSION"}
        assert answer.cost.queries == 3
        assert answer.cost.bytes > 0
    finally:
        await session.close()


async def test_settings_are_those_of_the_configuration(pooler: Pgbouncer) -> None:
    collector = open_pgbouncer(pooler.console_target(), SystemClock())
    settings = {setting.name: setting for setting in (await collector.collect(Tier.COLD, NOTHING)).settings or ()}
    await collector.close()
    assert (settings["default_pool_size"].value, settings["default_pool_size"].source) == ("1", "configured")
    assert settings["max_client_conn"].source == "default"


async def test_a_statement_has_no_plan_here(pooler: Pgbouncer) -> None:
    async with opened(pooler.console_target()) as collector:
        with pytest.raises(TargetError) as caught:
            await collector.explain("SELECT 1")
        assert caught.value.reason is FailureCode.UNSUPPORTED
