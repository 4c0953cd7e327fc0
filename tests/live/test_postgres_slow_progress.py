"""Long operations and holders of the horizon as the warm tier reads them: caught in the act on real servers."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Callable, Iterator

import pg8000.native
import pytest

from aishell_core import catalogue
from aishell_core.values import FailureCode, HorizonHolder, Part, Progress
from tests.servers.postgres import SUPERUSER, PostgresServer, postgres, require_postgres, standby_of
from tests.servers.postgres_binaries import server_user
from tests.servers.postgres_tiers import Tiers, figure, tiers_of, until

_VERSIONS = ("14", "15", "17", "18")
_SLOW = """
CREATE FUNCTION slow(value int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_sleep(current_setting('test.nap')::float8); RETURN value; END $$
"""
_QUICK = "SET test.nap = 0"


@contextlib.contextmanager
def _running(server: PostgresServer, *statements: str) -> Iterator[int]:
    """Statements that run in a session of their own until the block ends; gives its process id."""
    session = server.connect()
    ((pid,),) = session.run("SELECT pg_backend_pid()")
    session.run("SET test.nap = 0.1")

    def work() -> None:
        # It is ended in the middle by the end of the block.
        with contextlib.suppress(pg8000.native.DatabaseError, pg8000.native.InterfaceError, OSError):
            for statement in statements:
                session.run(statement)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield pid
    finally:
        server.execute(f"SELECT pg_terminate_backend({pid})")
        thread.join(60)
        assert not thread.is_alive()


async def _progress(tiers: Tiers, fits: Callable[[Progress], object]) -> Progress:
    """The operation that fits, when there is one."""

    async def look() -> Progress | None:
        return next((each for each in (await tiers.warm(Part.PROGRESS)).progress or () if fits(each)), None)

    return await until(look)


@pytest.mark.parametrize("version", _VERSIONS)
async def test_a_vacuum_tells_its_table_and_how_many_blocks_it_has_seen(version: str) -> None:
    with postgres(version, settings={"autovacuum": "off"}) as server:
        server.execute(
            "CREATE SCHEMA shop", "CREATE TABLE shop.orders AS SELECT g AS id, repeat('x', 500) AS note FROM generate_series(1, 20000) g"
        )
        server.execute("DELETE FROM shop.orders WHERE id % 3 = 0")
        slowly = ("SET vacuum_cost_delay = '50ms'", "SET vacuum_cost_limit = 100", "VACUUM shop.orders")
        async with tiers_of(server) as tiers:
            with _running(server, *slowly) as pid:
                seen = await _progress(tiers, lambda each: each.phase == "scanning heap" and (each.done or 0) > 0)
                assert (seen.session, seen.operation, seen.object, seen.database) == (str(pid), "vacuum", "shop.orders", "postgres")
                assert seen.unit == "blocks"
                pages = server.execute("SELECT pg_relation_size('shop.orders') / 8192")[0][0]
                assert seen.total == pages
                assert 0 < (seen.done or 0) < pages
                holders = (await tiers.warm(Part.HORIZON)).horizon or ()
                assert str(pid) not in {holder.name for holder in holders}, "a vacuum holds nothing back"


@pytest.mark.parametrize("version", ["15", "17"])
async def test_a_vacuum_of_the_servers_own_is_told_as_such(version: str) -> None:
    """With a person's one beside it: only the first is work of an autovacuum worker."""
    settings = {"autovacuum_naptime": "1s", "autovacuum_vacuum_cost_delay": "100ms", "autovacuum_vacuum_cost_limit": "1"}
    with postgres(version, settings=settings) as server:
        server.execute(
            "CREATE TABLE worn AS SELECT g AS id, repeat('x', 500) AS note FROM generate_series(1, 20000) g",
            "CREATE TABLE other (LIKE worn) WITH (autovacuum_enabled = off)",
            "INSERT INTO other SELECT * FROM worn",
            "DELETE FROM worn WHERE id % 2 = 0",
        )
        slowly = ("SET vacuum_cost_delay = '100ms'", "SET vacuum_cost_limit = 1", "VACUUM other")
        async with tiers_of(server) as tiers:
            with _running(server, *slowly):
                by_hand = await _progress(tiers, lambda each: each.object == "public.other")
                own = await _progress(tiers, lambda each: each.object == "public.worn" and each.operation.startswith("auto"))
        assert by_hand.operation == "vacuum"
        assert own.operation in {"autovacuum", "autoanalyze"}


@pytest.mark.parametrize("version", ["14", "18"])
async def test_an_operation_in_another_database_is_seen_without_a_wrong_name(version: str) -> None:
    with postgres(version, settings={"autovacuum": "off"}) as server:
        server.execute("CREATE DATABASE other")
        server.execute("CREATE TABLE t AS SELECT g AS id, repeat('x', 500) AS note FROM generate_series(1, 20000) g", database="other")
        ((oid,),) = server.execute("SELECT 't'::regclass::oid::int8", database="other")
        session = server.connect(database="other")
        async with tiers_of(server) as tiers:
            with _blocked_index(server, session):
                seen = await _progress(tiers, lambda each: each.database == "other")
                assert seen.object == str(oid), "the number, because names of another database are not known here"


@contextlib.contextmanager
def _blocked_index(server: PostgresServer, session: pg8000.native.Connection) -> Iterator[None]:
    """CREATE INDEX CONCURRENTLY in a database, waiting for a transaction that has written to the table."""
    writer = server.connect(database="other")
    writer.run("BEGIN")
    writer.run("INSERT INTO t VALUES (0, '')")
    ((pid,),) = session.run("SELECT pg_backend_pid()")

    def work() -> None:
        with contextlib.suppress(pg8000.native.DatabaseError, pg8000.native.InterfaceError, OSError):
            session.run("CREATE INDEX CONCURRENTLY ON t (id)")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        server.execute(f"SELECT pg_terminate_backend({pid})")
        thread.join(60)
        writer.run("ROLLBACK")


@pytest.mark.parametrize("version", _VERSIONS)
async def test_building_an_index_tells_its_phase_and_whom_it_waits_for(version: str) -> None:
    with postgres(version, settings={"max_parallel_maintenance_workers": "0", "autovacuum": "off"}) as server:
        server.execute("CREATE TABLE t AS SELECT g AS id, repeat('x', 200) AS note FROM generate_series(1, 5000) g", _SLOW)
        async with tiers_of(server) as tiers:
            with _running(server, "CREATE INDEX by_slow ON t (slow(id))") as pid:
                scanning = await _progress(tiers, lambda each: "scanning table" in each.phase and (each.done or 0) > 0)
                assert (scanning.session, scanning.operation, scanning.object) == (str(pid), "create index", "public.t")
                assert (scanning.unit, scanning.total) == ("blocks", server.execute("SELECT pg_relation_size('t') / 8192")[0][0])

            writer = server.connect()
            writer.run("BEGIN")
            writer.run("INSERT INTO t VALUES (0, '')")
            ((holder,),) = writer.run("SELECT pg_backend_pid()")
            with _running(server, "CREATE INDEX CONCURRENTLY by_id ON t (id)"):
                told = ("waits for session", str(holder))  # a moment after the phase
                waiting = await _progress(tiers, lambda each: each.phase.startswith("waiting for writers") and told in each.details)
                assert (waiting.operation, waiting.done, waiting.total, waiting.unit) == ("create index concurrently", 0, 1, "sessions")
            writer.run("ROLLBACK")


@pytest.mark.parametrize("version", ["14", "18"])
async def test_copy_analyze_vacuum_full_and_base_backup_are_seen(version: str) -> None:
    with postgres(version, settings={"autovacuum": "off", "wal_level": "replica"}) as server:
        server.execute("CREATE TABLE t AS SELECT g AS id, repeat('x', 500) AS note FROM generate_series(1, 3000) g", _SLOW)
        async with tiers_of(server) as tiers:
            with _running(server, "COPY t TO PROGRAM 'sleep 60'"):
                copying = await _progress(tiers, lambda each: each.operation == "copy to" and (each.done or 0) > 0)
                assert (copying.object, copying.total, copying.unit) == ("public.t", None, "bytes")
            with _running(server, "SET vacuum_cost_delay = '100ms'", "SET vacuum_cost_limit = 1", "ANALYZE t"):
                sampling = await _progress(tiers, lambda each: each.operation == "analyze" and (each.done or 0) > 0)
                assert (sampling.phase, sampling.unit, sampling.object) == ("acquiring sample rows", "blocks", "public.t")
                assert (sampling.total or 0) >= (sampling.done or 0)
            server.execute(
                _QUICK, "CREATE TABLE small AS SELECT g AS id FROM generate_series(1, 300) g", "CREATE INDEX ON small (slow(id))"
            )
            with _running(server, "VACUUM FULL small"):
                rebuilding = await _progress(tiers, lambda each: each.operation == "vacuum full")
                assert rebuilding.object == "public.small"
            with _base_backup(server):
                streaming = await _progress(tiers, lambda each: each.operation == "base backup" and (each.done or 0) > 0)
                assert streaming.unit == "bytes"
                assert (streaming.total or 0) > (streaming.done or 0)
                assert not [peer for peer in (await tiers.warm(Part.REPLICATION)).replication or () if peer.state == "backup"]


@contextlib.contextmanager
def _base_backup(server: PostgresServer) -> Iterator[None]:
    """A backup that is slow enough to be seen."""
    target = server.folder / "backup"
    program = require_postgres("18").folder / "pg_basebackup"
    link = f"host=127.0.0.1 port={server.port} user={SUPERUSER}"
    command: list[object] = [program, "-D", target, "-X", "none", "-c", "fast", "--no-sync", "--max-rate=1M", "-d", link]
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL, user=server_user(), cwd="/")
    try:
        yield
    finally:
        process.kill()
        process.wait()


async def test_what_other_roles_do_is_hidden_with_the_grant_that_shows_it() -> None:
    with postgres("15", settings={"autovacuum": "off"}) as server:
        server.execute("CREATE ROLE nothing LOGIN", "CREATE ROLE monitor LOGIN IN ROLE pg_monitor", _SLOW)
        server.execute("CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 5000) g")
        with _running(server, "CREATE INDEX ON t (slow(id))") as pid:
            async with tiers_of(server, user="monitor") as tiers:
                assert (await _progress(tiers, lambda each: each.session == str(pid))).object == "public.t"
                assert (await tiers.warm(Part.PROGRESS, Part.HORIZON)).failures == ()
            async with tiers_of(server, user="nothing") as tiers:
                reading = await tiers.warm(Part.PROGRESS, Part.HORIZON)
                assert reading.progress == ()
                assert [holder.text for holder in reading.horizon or () if holder.name == str(pid)] == [""]
                told = {failure.part: (failure.code, failure.hint) for failure in reading.failures}
                assert told[Part.PROGRESS] == told[Part.HORIZON] == (FailureCode.PRIVILEGE, 'GRANT pg_monitor TO "nothing";')


@pytest.mark.parametrize("version", _VERSIONS)
async def test_whoever_holds_the_horizon_back_is_named_oldest_first(version: str) -> None:
    with postgres(version, settings={"max_prepared_transactions": "2", "wal_level": "logical", "autovacuum": "off"}) as server:
        server.execute("CREATE TABLE t (id int)", "CREATE DATABASE other")
        with contextlib.ExitStack() as held:
            prepared = server.connect()
            for statement in ("BEGIN", "INSERT INTO t VALUES (1)", "PREPARE TRANSACTION 'half done'"):
                prepared.run(statement)
            _spend(server, 20)
            idle = held.enter_context(contextlib.closing(server.connect(database="other", application="billing")))
            ((pid,),) = idle.run("SELECT pg_backend_pid()")
            idle.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
            idle.run("SELECT 42 AS the_last_statement")
            _spend(server, 30)
            async with tiers_of(server) as tiers:
                reading = await tiers.warm(Part.HORIZON)
                gid, session = _holders(reading.horizon)
                assert (gid.kind, gid.name, gid.database) == ("prepared transaction", "half done", "postgres")
                assert gid.transactions >= 50
                assert (session.kind, session.name, session.database) == ("session", str(pid), "other")
                assert session.text == "SELECT 42 AS the_last_statement"
                # A snapshot begins at the oldest transaction that is open when it is taken, so the age alone does not tell who was first.
                assert session.transactions == gid.transactions
                assert 0 <= (session.seconds or -1) <= (gid.seconds or -1) < 600
                assert figure(reading, catalogue.PG_HORIZON_AGE) == gid.transactions
                assert figure(reading, catalogue.PG_PREPARED_TRANSACTIONS) == 1

                server.execute("ROLLBACK PREPARED 'half done'")
                idle.run("ROLLBACK")
                after = await tiers.warm(Part.HORIZON)
                assert _holders(after.horizon) == ()
                assert figure(after, catalogue.PG_HORIZON_AGE) == 0


def _holders(found: tuple[HorizonHolder, ...] | None) -> tuple[HorizonHolder, ...]:
    """The holders without what the server itself does in passing."""
    assert found is not None
    assert list(found) == sorted(found, key=lambda holder: -holder.transactions)
    return tuple(holder for holder in found if holder.transactions >= 10)


def _spend(server: PostgresServer, count: int) -> None:
    """Use up transaction ids."""
    server.execute(*["SELECT txid_current()"] * count)


@pytest.mark.parametrize("slot", ["", "kept"])
async def test_a_query_on_a_standby_holds_the_horizon_by_its_feedback(slot: str) -> None:
    with postgres("15") as primary, standby_of(primary, slot=slot, settings={"hot_standby_feedback": "on"}) as standby:
        reader = standby.connect()
        reader.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.run("SELECT 1 FROM pg_class LIMIT 1")
        _spend(primary, 50)
        async with tiers_of(primary) as tiers:

            async def held() -> HorizonHolder | None:
                kinds = {"slot"} if slot else {"standby"}
                found = (await tiers.warm(Part.HORIZON)).horizon or ()
                return next((holder for holder in found if holder.kind in kinds and holder.transactions >= 40), None)

            holder = await until(held)
            assert holder.name == (slot or "replica")
        async with tiers_of(standby) as tiers:
            here = (await tiers.warm(Part.HORIZON)).horizon or ()
            assert any(holder.kind == "session" for holder in here), "the standby names the session itself"
        reader.close()
