"""Tables and indexes as the slow tiers read them on real servers: sizes, use, findings, bloat, locks."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import pg8000.native
import pytest

from aishell_core.clock import SystemClock
from aishell_core.series.snapshot import Snapshot
from aishell_core.values import FailureCode, Part, Reading, Relation
from aishell_tui.frame import TargetView, absorb
from collectors.postgres.relations import RelationsReader
from tests.servers.postgres import PostgresServer, pids_waiting, postgres
from tests.servers.postgres_tiers import AheadClock, Tiers, tiers_of, until
from tests.servers.sqlite_client import eventually

_VERSIONS = ("14", "15", "16", "17", "18")


def _named(reading: Reading, name: str) -> Relation:
    return next(relation for relation in reading.relations or () if relation.name == name)


async def _read(tiers: Tiers) -> Reading:
    reading = await tiers.warm(Part.RELATIONS)
    assert reading.relations is not None, reading.failures
    return reading


async def _relations(server: PostgresServer, user: str = "postgres") -> Reading:
    async with tiers_of(server, user=user) as tiers:
        return await _read(tiers)


def _counted(server: PostgresServer, table: str) -> int:
    """The rows of a table as the server's statistics have them at this moment."""
    return int(server.execute(f"SELECT coalesce(pg_stat_get_live_tuples('{table}'::regclass), 0)")[0][0])


def _is_vacuumed(server: PostgresServer, table: str) -> bool:
    """Whether the statistics know of a vacuum and of an analyze, which are told one after the other."""
    times = f"pg_stat_get_last_vacuum_time('{table}'::regclass), pg_stat_get_last_analyze_time('{table}'::regclass)"
    return None not in server.execute(f"SELECT {times}")[0]


@pytest.mark.parametrize("version", _VERSIONS)
async def test_sizes_are_those_that_the_server_itself_counts(version: str) -> None:
    with postgres(version) as server:
        server.execute(
            "CREATE SCHEMA shop",
            "CREATE TABLE shop.orders (id int PRIMARY KEY, note text)",
            "INSERT INTO shop.orders SELECT g, repeat(md5(g::text), 10) FROM generate_series(1, 5000) g",
            "INSERT INTO shop.orders SELECT g, string_agg(md5((g * h)::text), '')"
            " FROM generate_series(5001, 5050) g, generate_series(1, 500) h GROUP BY g",
            "CREATE INDEX by_note ON shop.orders (md5(note))",
            "CREATE MATERIALIZED VIEW totals AS SELECT count(*) FROM shop.orders",
            "CREATE TABLE parted (id int, at int) PARTITION BY RANGE (at)",
            "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10)",
            "CREATE UNLOGGED TABLE passing (id int)",
        )
        # What a session has done is counted after it has ended, and before 15 a while later still.
        eventually(lambda: _counted(server, "shop.orders") >= 5050)
        server.execute("VACUUM ANALYZE")
        eventually(lambda: _counted(server, "shop.orders") == 5050 and _is_vacuumed(server, "shop.orders"))
        ((table, index, by_note),) = server.execute(
            "SELECT pg_table_size('shop.orders'), pg_indexes_size('shop.orders'), pg_table_size('shop.by_note')"
        )
        reading = await _relations(server)
        orders = _named(reading, "orders")
        assert (orders.schema, orders.kind, orders.size_bytes, orders.index_bytes) == ("shop", "table", table, index)
        assert (orders.rows, orders.dead_rows) == (5050, 0)
        assert "TOAST and maps" in dict(orders.details)
        assert (orders.last_vacuum_at or 0) > 1_000_000_000
        assert (orders.last_analyze_at or 0) > 1_000_000_000
        found = _named(reading, "by_note")
        assert (found.kind, found.table, found.schema, found.size_bytes) == ("index", "orders", "shop", by_note)
        assert dict(found.details)["columns"] == "(expression)"
        assert found.bloat_bytes is None, "of an expression it is not known"
        assert _named(reading, "totals").kind == "materialized view"
        assert dict(_named(reading, "parted_1").details)["partition"] == "yes"
        assert dict(_named(reading, "passing").details)["kept"] == "unlogged"
        assert (_named(reading, "passing").rows, _named(reading, "passing").size_bytes) == (0, 0)
        assert "parted" not in {relation.name for relation in reading.relations or ()}, "it holds nothing itself"


async def test_scans_and_dead_rows_are_counted() -> None:
    with postgres("15", settings={"autovacuum": "off"}) as server:
        server.execute("CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 1000) g", "CREATE INDEX by_id ON t (id)")
        server.execute("ANALYZE t")
        server.execute(
            "SELECT count(*) FROM t", "SET enable_seqscan = off", "SELECT * FROM t WHERE id = 7", "DELETE FROM t WHERE id <= 300"
        )
        async with tiers_of(server, relations=RelationsReader(clock := AheadClock()), clock=clock) as tiers:

            async def counted() -> Reading | None:
                clock.ahead += 60
                reading = await _read(tiers)
                counted = _named(reading, "t").dead_rows == 300 and _named(reading, "by_id").scans
                return reading if counted else None

            reading = await until(counted)
            table, index = _named(reading, "t"), _named(reading, "by_id")
            assert table.rows == 700
            assert (table.scans or 0) >= 1
            assert index.scans == table.index_scans
            assert (index.scans or 0) >= 1
            assert not [remark for remark in index.remarks if remark.startswith("unused")]


@pytest.mark.parametrize("version", _VERSIONS)
async def test_an_index_that_could_go_says_why(version: str) -> None:
    with postgres(version) as server:
        server.execute(
            "CREATE TABLE t (a int PRIMARY KEY, b int, c text, CONSTRAINT only_b UNIQUE (b))",
            "CREATE INDEX b_again ON t (b)",
            "CREATE INDEX c_first ON t (c)",
            "CREATE INDEX c_second ON t (c)",
            "CREATE INDEX c_desc ON t (c DESC)",
            "CREATE INDEX c_pattern ON t (c text_pattern_ops)",
            "CREATE INDEX c_part ON t (c) WHERE b > 0",
            "CREATE INDEX c_part_again ON t (c) WHERE (b) > 0",
            "CREATE INDEX b_c ON t (b, c)",
            "CREATE INDEX lower_c ON t (lower(c))",
            "CREATE INDEX lower_c_again ON t ( lower( c ) )",
            "CREATE INDEX c_hash ON t USING hash (c)",
            "CREATE INDEX b_a_c ON t (b, a, c)",
            "CREATE INDEX b_a ON t (b, a)",
            "CREATE INDEX b_a_with ON t (b, a) INCLUDE (c)",
        )
        reading = await _relations(server)
        said = {relation.name: [each for each in relation.remarks if not each.startswith("unused")] for relation in reading.relations or ()}
        assert {name: remarks for name, remarks in said.items() if remarks} == {
            "b_again": ["duplicate of only_b"],
            "c_second": ["duplicate of c_first"],
            "c_part_again": ["duplicate of c_part"],
            "lower_c_again": ["duplicate of lower_c"],
            "b_a": ["redundant: b_a_c begins with the same columns"],
        }
        unused = {relation.name for relation in reading.relations or () if any(each.startswith("unused here") for each in relation.remarks)}
        assert "c_first" in unused
        assert not {"t", "t_pkey", "only_b"} & unused, "what holds a rule up is needed without any scan"


@pytest.mark.parametrize("version", ["14", "18"])
async def test_an_index_whose_building_failed_is_invalid(version: str) -> None:
    with postgres(version) as server:
        server.execute("CREATE TABLE t AS SELECT 1 AS id FROM generate_series(1, 2)")
        with pytest.raises(pg8000.native.DatabaseError):
            server.execute("CREATE UNIQUE INDEX CONCURRENTLY only_id ON t (id)")
        (remark,) = _named(await _relations(server), "only_id").remarks
        assert remark == "invalid: building it failed, it is neither kept up nor used; drop or rebuild it"


@pytest.mark.parametrize("version", _VERSIONS)
async def test_an_invalid_index_of_a_partitioned_table_says_what_it_lacks(version: str) -> None:
    with postgres(version) as server:
        server.execute(
            "CREATE TABLE parted (id int, at int) PARTITION BY RANGE (at)",
            *(f"CREATE TABLE parted_{n} PARTITION OF parted FOR VALUES FROM ({n}0) TO ({n}9)" for n in (1, 2)),
            "INSERT INTO parted SELECT 1, 15 FROM generate_series(1, 2)",
            "CREATE INDEX whole ON parted (id)",
            "CREATE INDEX lacking ON ONLY parted (at)",
            "CREATE INDEX lacking_1 ON parted_1 (at)",
            "ALTER INDEX lacking ATTACH PARTITION lacking_1",
        )
        with pytest.raises(pg8000.native.DatabaseError):
            server.execute("CREATE UNIQUE INDEX CONCURRENTLY broken_1 ON parted_1 (id, at)")
        server.execute(
            "CREATE UNIQUE INDEX broken ON ONLY parted (id, at)",
            "CREATE UNIQUE INDEX broken_2 ON parted_2 (id, at)",
            *(f"ALTER INDEX broken ATTACH PARTITION broken_{n}" for n in (1, 2)),
        )
        reading = await _relations(server)
        lacking, broken = _named(reading, "lacking"), _named(reading, "broken")
        assert (lacking.kind, lacking.table, lacking.schema, dict(lacking.details)["columns"]) == ("index", "parted", "public", "at")
        assert lacking.remarks == (
            "invalid: the partition parted_2 has no part of it; create it there, then ALTER INDEX … ATTACH PARTITION",
        )
        assert broken.remarks == ("invalid: its part broken_1 is invalid; rebuild, then ALTER INDEX … ATTACH PARTITION again",)
        assert "whole" not in {relation.name for relation in reading.relations or ()}, "its parts are listed, and nothing is wrong with it"
        server.execute("DELETE FROM parted", "REINDEX INDEX broken_1")
        (remark,) = _named(await _relations(server), "broken").remarks
        assert remark == "invalid though it has all its parts; ALTER INDEX … ATTACH PARTITION again with one of them"
        server.execute("CREATE INDEX lacking_2 ON parted_2 (at)", "ALTER INDEX lacking ATTACH PARTITION lacking_2")
        server.execute("ALTER INDEX broken ATTACH PARTITION broken_1")
        assert not {"lacking", "broken"} & {relation.name for relation in (await _relations(server)).relations or ()}, "what is told helps"


async def test_an_invalid_index_of_a_table_that_is_not_listed_is_there() -> None:
    with postgres("15") as server:
        server.execute("CREATE TABLE large AS SELECT g AS id FROM generate_series(1, 20000) AS g", "CREATE TABLE small AS VALUES (1), (1)")
        with pytest.raises(pg8000.native.DatabaseError):
            server.execute("CREATE UNIQUE INDEX CONCURRENTLY only_small ON small (column1)")
        server.execute("VACUUM large")
        async with tiers_of(server, relations=RelationsReader(SystemClock(), most_tables=1)) as tiers:
            reading = await _read(tiers)
        assert {relation.name for relation in reading.relations or ()} == {"large", "only_small"}
        found = _named(reading, "only_small")
        assert (found.table, found.remarks[0][:8]) == ("small", "invalid:")


@pytest.mark.parametrize("version", ["14", "18"])
async def test_a_table_that_somebody_locked_does_not_hold_up_the_others(version: str) -> None:
    with postgres(version, settings={"autovacuum": "off"}) as server:
        server.execute(
            "CREATE TABLE locked AS SELECT g AS id, repeat('x', 100) AS note FROM generate_series(1, 10000) g",
            "CREATE INDEX locked_id ON locked (id)",
            "CREATE TABLE free AS SELECT g AS id FROM generate_series(1, 1000) g",
            "VACUUM ANALYZE",
        )
        before = await _relations(server)
        unmeasured = {
            "LOCK TABLE locked IN ACCESS EXCLUSIVE MODE": {"locked"},
            "TRUNCATE locked": {"locked", "locked_id"},
            "REINDEX TABLE locked": {"locked", "locked_id"},  # that locks the index of its TOAST table as well
        }
        for statement, expected in unmeasured.items():
            with contextlib.closing(server.connect()) as holder:
                holder.run("BEGIN")
                holder.run(statement)
                reading = await _relations(server)
                holder.run("ROLLBACK")
            assert reading.failures == ()
            assert _named(reading, "free").size_bytes == _named(before, "free").size_bytes, statement
            table = _named(reading, "locked")
            assert abs((table.size_bytes or 0) - (_named(before, "locked").size_bytes or 0)) < 64 * 1024
            names = {relation.name for relation in reading.relations or () if "size" in dict(relation.details)}
            assert names == expected, "a size that was not measured says so"


async def test_a_lock_that_somebody_waits_for_is_left_alone_too() -> None:
    """A waiting exclusive lock makes everybody wait behind it, also us."""
    with postgres("15") as server:
        server.execute("CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 1000) g", "VACUUM ANALYZE t")
        reader = server.connect()
        reader.run("BEGIN")
        reader.run("SELECT count(*) FROM t")
        with _asking_for_lock(server):
            table = _named(await _relations(server), "t")
            assert "size" in dict(table.details)
            assert (table.size_bytes or 0) > 0
        reader.run("ROLLBACK")


@contextlib.contextmanager
def _asking_for_lock(server: PostgresServer) -> Iterator[None]:
    """A session that waits for an exclusive lock on the table."""
    session = server.connect()
    ((pid,),) = session.run("SELECT pg_backend_pid()")

    def work() -> None:
        with contextlib.suppress(pg8000.native.DatabaseError, pg8000.native.InterfaceError, OSError):
            session.run("ALTER TABLE t ADD COLUMN more int")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        eventually(lambda: pid in pids_waiting(server))
        yield
    finally:
        server.execute(f"SELECT pg_terminate_backend({pid})")
        thread.join(60)


async def test_bloat_is_near_what_is_really_free() -> None:
    """Checked against pgstattuple, which reads every page, and against what a rewrite gives back."""
    with postgres("15", settings={"autovacuum": "off"}) as server:
        server.execute(
            "CREATE EXTENSION pgstattuple",
            "CREATE TABLE mixed"
            " (id bigint PRIMARY KEY, flag boolean, at timestamptz, amount numeric, small smallint, note text, maybe int)",
            "INSERT INTO mixed SELECT g, g % 2 = 0, now(), g / 7.0, g % 100, repeat('x', g % 80), CASE WHEN g % 3 = 0 THEN g END"
            " FROM generate_series(1, 100000) g",
            "CREATE INDEX by_small ON mixed (small)",
            "CREATE INDEX by_note_at ON mixed (note, at)",
            "CREATE TABLE tight AS SELECT g AS id, g % 10 AS kind FROM generate_series(1, 100000) g",
            "VACUUM ANALYZE",
        )
        fresh = await _relations(server)
        for name in ("mixed", "tight", "mixed_pkey", "by_small", "by_note_at"):
            relation = _named(fresh, name)
            assert relation.bloat_bytes is not None
            assert relation.bloat_bytes <= 0.12 * (relation.size_bytes or 0), f"{name} was just written"

        server.execute("DELETE FROM mixed WHERE id % 5 < 3", "DELETE FROM tight WHERE id % 2 = 0", "VACUUM ANALYZE")
        ((mixed_free, tight_free),) = server.execute("SELECT (pgstattuple('mixed')).free_space, (pgstattuple('tight')).free_space")
        bloated = await _relations(server)
        sizes = {name: _named(bloated, name).size_bytes or 0 for name in ("mixed", "tight", "mixed_pkey", "by_note_at")}
        guessed = {name: _named(bloated, name).bloat_bytes or 0 for name in sizes}
        assert abs(guessed["mixed"] - mixed_free) <= 0.12 * sizes["mixed"]
        assert abs(guessed["tight"] - tight_free) <= 0.12 * sizes["tight"]

        server.execute("VACUUM FULL mixed", "VACUUM FULL tight")
        for name, size in sizes.items():
            ((rewritten,),) = server.execute(f"SELECT pg_table_size('{name}')")
            assert abs(guessed[name] - (size - rewritten)) <= 0.15 * size, name


async def test_without_statistics_there_is_no_bloat_and_the_grant_that_shows_them() -> None:
    with postgres("15", settings={"autovacuum": "off"}) as server:
        server.execute(
            "CREATE TABLE fresh AS SELECT g AS id FROM generate_series(1, 10000) g",
            "CREATE TABLE known AS SELECT g AS id FROM generate_series(1, 10000) g",
            "CREATE ROLE monitor LOGIN IN ROLE pg_monitor",
            "CREATE ROLE reader LOGIN IN ROLE pg_read_all_data",
        )
        server.execute("VACUUM fresh", "ANALYZE known")
        reading = await _relations(server)
        assert _named(reading, "fresh").bloat_bytes is None
        assert _named(reading, "fresh").rows == 10000
        assert _named(reading, "known").bloat_bytes is not None
        # What settings and the log's folder are is told to nobody but monitors; of tables nothing is missing.
        assert {failure.part for failure in (await _relations(server, "reader")).failures} <= {Part.SETTINGS, "disk"}
        reading = await _relations(server, "monitor")
        assert _named(reading, "known").bloat_bytes is None
        assert (_named(reading, "known").size_bytes or 0) > 0
        (failure,) = reading.failures
        assert (failure.part, failure.code) == ("bloat", FailureCode.PRIVILEGE)
        assert failure.hint == 'GRANT pg_read_all_data TO "monitor";'


async def test_of_many_tables_the_largest_are_listed_and_the_reading_says_so() -> None:
    with postgres("15") as server:
        server.execute(
            *[f"CREATE TABLE t{number} AS SELECT g AS id FROM generate_series(1, {number * 500}) g" for number in range(1, 13)],
            "VACUUM ANALYZE",
        )
        server.execute("CREATE TABLE not_vacuumed AS SELECT g AS id FROM generate_series(1, 20000) g")
        async with tiers_of(server, relations=RelationsReader(clock := AheadClock(), most_tables=4), clock=clock) as tiers:

            async def seen() -> Reading | None:
                clock.ahead += 60
                reading = await _read(tiers)
                return reading if any(relation.name == "not_vacuumed" for relation in reading.relations or ()) else None

            reading = await until(seen)
            assert {relation.name for relation in reading.relations or ()} == {"t12", "t11", "t10", "not_vacuumed"}
            (failure,) = reading.failures
            assert (failure.part, failure.code) == (Part.RELATIONS, FailureCode.UNSUPPORTED)
            assert failure.message.startswith("these are the 4 largest of 13 tables")


async def test_tables_are_read_again_only_after_a_rest_and_once_for_both_tiers() -> None:
    clock = AheadClock()
    with postgres("15") as server:
        server.execute("CREATE TABLE t (id int)")
        async with tiers_of(server, relations=RelationsReader(clock), clock=clock) as tiers:
            first = await _read(tiers)
            server.execute("CREATE TABLE later (id int)")
            clock.ahead = 5
            cold = await tiers.cold(Part.RELATIONS)
            assert cold.relations == first.relations
            nothing = Snapshot(cold.target, ())
            view = absorb(TargetView(server.target(), nothing), cold, nothing, 15.0)
            assert 5 <= clock.now() - view.part_at[Part.RELATIONS] < 9, "they are as old as their reading, and not as its being handed over"
            clock.ahead = 60
            later = await tiers.cold(Part.RELATIONS)
            assert _named(later, "later").kind == "table"
            assert (first.earlier, later.earlier) == ((), ())
            assert (await tiers.cold()).relations is None, "nobody asked for them"


@pytest.mark.parametrize("encoding", ["UTF8", "SQL_ASCII"])
async def test_odd_names_are_read_as_they_are(encoding: str) -> None:
    odd = '[bold]o\'dd\n"näme"'
    quoted = '"' + odd.replace('"', '""') + '"'
    with postgres("15", encoding=encoding) as server:
        with contextlib.closing(server.connect()) as session:
            session.run("SET client_encoding = 'UTF8'")
            session.run(f"CREATE SCHEMA {quoted}")
            session.run(f"CREATE TABLE {quoted}.{quoted} ({quoted} int)")
            session.run(f'CREATE INDEX {quoted[:-1]}i" ON {quoted}.{quoted} ({quoted})')
        reading = await _relations(server)
        table = _named(reading, odd)
        assert (table.name, table.schema) == (odd, odd)
        index = _named(reading, odd + "i")
        assert index.table == odd


async def test_an_empty_database_has_no_tables_and_no_failure() -> None:
    with postgres("18") as server:
        reading = await _relations(server)
        assert (reading.relations, reading.failures) == ((), ())
