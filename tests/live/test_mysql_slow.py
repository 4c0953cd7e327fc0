"""Progress, read views, tables, indexes and sizes as the slow tiers read them on real servers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from aishell_core import catalogue
from aishell_core.values import Failure, FailureCode, HorizonHolder, Part, Progress, Reading, Relation
from collectors.mysql.relations import RelationsReader
from tests.servers.galera import galera
from tests.servers.mysql import MARIADB, VERSIONS, MysqlServer, mysql
from tests.servers.mysql_clients import look, waiters, watching
from tests.servers.mysql_tiers import AheadClock, Tiers, figure, tiers_of, until

_SHOP = (
    "CREATE DATABASE shop",
    "USE shop",
    "CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, customer_id INT, status VARCHAR(10), KEY c (customer_id),"
    " KEY c2 (customer_id), KEY cs (customer_id, status), KEY short (status(3)), KEY whole (status))",
    "CREATE TABLE tiny (id TINYINT AUTO_INCREMENT PRIMARY KEY)",
    "INSERT INTO tiny VALUES (120)",
    "CREATE TABLE part (id BIGINT NOT NULL, d DATE NOT NULL, PRIMARY KEY (id, d)) PARTITION BY HASH (id) PARTITIONS 3",
    "CREATE TABLE `we-ird [b]straße` (a INT PRIMARY KEY, b INT, KEY b (b))",
    "CREATE TABLE child (id INT PRIMARY KEY, o INT, KEY k (o), FOREIGN KEY (o) REFERENCES orders (id))",
    "CREATE TABLE words (id INT PRIMARY KEY, text TEXT, FULLTEXT KEY f (text))",
    "CREATE TABLE old (id INT PRIMARY KEY) ENGINE = MyISAM",
    "INSERT INTO orders (customer_id, status) VALUES (1, 'new'), (2, 'new'), (3, 'old')",
    "SELECT * FROM orders FORCE INDEX (cs) WHERE customer_id = 2",
    "ANALYZE TABLE orders, tiny, words",
)
_READINGS = 20
_FILL = "INSERT INTO many (note) SELECT REPEAT('x', 100) FROM many"


@pytest.fixture(scope="module", params=VERSIONS)
def shop(request: pytest.FixtureRequest) -> Iterator[MysqlServer]:
    """A server with tables of all sorts, which no test changes."""
    with mysql(request.param, performance_schema=True, settings={"log-bin": "bin", "server-id": "1"}) as server:
        server.execute(*_SHOP)
        yield server


def _relation(reading: Reading, name: str, table: str = "") -> Relation:
    return next(each for each in reading.relations or () if (each.name, each.table) == (name, table))


async def test_tables_and_indexes_with_what_may_be_said_against_them(shop: MysqlServer) -> None:
    async with tiers_of(shop) as tiers:
        reading = await tiers.warm(Part.RELATIONS)
        assert reading.failures == ()
        names = {each.name for each in reading.relations or () if each.kind == "table"}
        assert names == {"orders", "tiny", "part", "we-ird [b]straße", "child", "words", "old"}
        orders = _relation(reading, "orders")
        assert (orders.schema, orders.rows) == ("shop", 3)
        assert (orders.size_bytes or 0) > 0
        assert (orders.index_bytes or 0) > 0
        assert orders.last_analyze_at is not None
        assert dict(_relation(reading, "part").details)["partitions"] == "3"
        assert dict(_relation(reading, "old").details)["engine"] == "MyISAM"
        assert _relation(reading, "tiny").remarks == ("94% of the numbers of id are used, 7 are left",)

        used, unused = _relation(reading, "cs", "orders"), _relation(reading, "c", "orders")
        assert (used.scans or 0) > 0
        assert used.remarks == ()
        assert unused.scans == 0
        assert unused.remarks[0].startswith("unused here since ")
        assert unused.remarks[1] == "redundant: cs begins with the same columns"
        assert "duplicate of c" in _relation(reading, "c2", "orders").remarks
        assert dict(_relation(reading, "short", "orders").details)["columns"] == "status(3)"
        assert not [remark for remark in _relation(reading, "short", "orders").remarks if "redundant" in remark or "duplicate" in remark]
        assert _relation(reading, "k", "child").remarks == (), "a foreign key needs it"
        assert _relation(reading, "PRIMARY", "orders").remarks == ()
        assert dict(_relation(reading, "f", "words").details)["method"] == "full text"


async def test_a_new_index_is_of_the_table_s_indexes_and_no_unused_space(shop: MysqlServer) -> None:
    shop.execute(
        "CREATE DATABASE grown",
        "USE grown",
        "CREATE TABLE plain (id INT AUTO_INCREMENT PRIMARY KEY, v CHAR(200), w CHAR(200)) STATS_AUTO_RECALC = 0",
        "INSERT INTO plain (v, w) VALUES ('v', 'w')",
        *(["INSERT INTO plain (v, w) SELECT UUID(), UUID() FROM plain"] * 13),
        "ANALYZE TABLE plain",
        "CREATE INDEX vw ON plain (v, w)",
    )
    try:
        async with tiers_of(shop) as tiers:

            async def grown() -> Relation | None:
                reading = await tiers.warm(Part.RELATIONS)
                index, table = _relation(reading, "vw", "plain"), _relation(reading, "plain")
                return table if index.size_bytes and table.index_bytes == index.size_bytes else None

            table = await until(grown)
            assert (table.index_bytes or 0) > 3_000_000
            # What is unused is what neither rows nor indexes take.
            assert (table.free_bytes or 0) <= (table.size_bytes or 0)
    finally:
        shop.execute("DROP DATABASE grown")


async def test_sizes_settings_and_numbers_of_the_cold_tier(shop: MysqlServer) -> None:
    async with tiers_of(shop) as tiers:
        reading = await tiers.cold()
        assert reading.failures == ()
        assert (figure(reading, catalogue.MYSQL_SCHEMA_SIZE, (("schema", "shop"),)) or 0) > 500_000
        assert (figure(reading, catalogue.DISK_USED) or 0) > 10_000_000
        assert figure(reading, catalogue.MYSQL_BINLOG_FILES) == 1
        assert (figure(reading, catalogue.MYSQL_BINLOG_SIZE) or 0) > 0
        assert figure(reading, catalogue.MYSQL_AUTO_INCREMENT, (("table", "shop.tiny"),)) == 120 / 127
        settings = {setting.name: setting for setting in reading.settings or ()}
        assert len(settings) > 300
        assert (settings["max_connections"].value, settings["max_connections"].source) == ("60", "command line")
        assert {"gtid_executed", "gtid_binlog_pos", "gtid_current_pos", "gtid_slave_pos"} & set(settings) == set()


async def test_an_account_without_rights_is_told_what_would_help_and_may_do_it(shop: MysqlServer) -> None:
    shop.execute("CREATE USER nothing@'%'")
    async with tiers_of(shop, user="nothing") as tiers:
        reading = await tiers.cold(Part.RELATIONS)
        assert reading.relations is None
        assert figure(reading, catalogue.DISK_USED) is None
        hints = {failure.part: failure.hint for failure in reading.failures}
        assert {hints[part] for part in ("sizes", "relations", "auto-increment")} == {"GRANT PROCESS ON *.* TO 'nothing'@'%';"}
        assert {failure.code for failure in reading.failures} == {FailureCode.PRIVILEGE}
        assert reading.settings, "everybody may see those"
    told: set[str] = set()
    for _ in range(5):
        async with tiers_of(shop, user="nothing") as tiers:
            failures = (*(await tiers.cold(Part.RELATIONS)).failures, *(await tiers.warm(Part.HORIZON)).failures)
        told |= {failure.hint for failure in failures}
        shop.execute(*(failure.hint for failure in failures if failure.hint))
    assert failures == ()
    assert "GRANT SELECT ON mysql.innodb_index_stats TO 'nothing'@'%';" in told
    assert "GRANT REFERENCES ON *.* TO 'nothing'@'%';" in told
    with pytest.raises(Exception, match="denied"):
        shop.execute("SELECT * FROM shop.orders", user="nothing")


async def test_with_more_tables_than_are_listed_the_largest_are_with_rows_as_last_analyzed() -> None:
    with mysql(MARIADB) as server:
        server.execute(*_SHOP)
        server.execute("USE shop", f"CREATE TABLE many {_COLUMNS}", "INSERT INTO many (note) VALUES ('x')", *[_FILL] * 12)
        server.execute("ANALYZE TABLE shop.many")
        async with tiers_of(server, relations=RelationsReader(AheadClock(), most_tables=2)) as tiers:
            reading = await tiers.warm(Part.RELATIONS)
            assert "many" in {each.name for each in reading.relations or () if each.kind == "table"}
            assert (_relation(reading, "many").rows or 0) > 1000
            (failure,) = reading.failures
            assert failure.message.startswith("these are the ")
            assert failure.message.endswith("their rows are those of the last time they were analyzed")


async def test_tables_that_are_handed_over_again_are_as_old_as_their_reading(shop: MysqlServer) -> None:
    clock = AheadClock()
    async with tiers_of(shop, relations=RelationsReader(clock), clock=clock) as tiers:
        before = clock.now()
        first = await tiers.warm(Part.RELATIONS)
        clock.ahead = 9
        again = await tiers.cold(Part.RELATIONS)
    ((part, read_at),) = again.earlier
    assert (first.earlier, again.relations, part) == ((), first.relations, Part.RELATIONS)
    assert before <= read_at < clock.now() - 9


_COLUMNS = "(id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(200))"


async def test_uses_are_told_by_userstat_where_the_server_has_no_performance_schema() -> None:
    with mysql(MARIADB, settings={"userstat": "1"}) as server:
        server.execute(*_SHOP)
        async with tiers_of(server) as tiers:
            reading = await tiers.warm(Part.RELATIONS)
            assert (_relation(reading, "cs", "orders").scans or 0) > 0
            assert _relation(reading, "c", "orders").scans is None, "one that is not listed may be of a table that nobody has opened"


def _grown_until_it_takes(server: MysqlServer, change: str, *, seconds: float) -> None:
    """Fill the table until this machine needs so long for the change: one that is over at once is not listed."""
    while True:
        began = time.monotonic()
        server.execute("USE shop", change)
        if time.monotonic() - began > seconds:
            return
        server.execute("USE shop", _FILL)


@contextmanager
def _altering(server: MysqlServer, statement: str) -> Iterator[None]:
    """Change a table again and again, so that a reading meets it in the middle."""
    over = threading.Event()
    client = server.connect("shop")

    def change() -> None:
        while not over.is_set():
            client.run(statement)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize(
    ("version", "how"), [(MARIADB, "COPY"), (MARIADB, "INPLACE"), ("mariadb-11.4", "COPY"), ("mysql-8.0", "INPLACE"), ("mysql-8.0", "COPY")]
)
async def test_a_change_of_a_table_is_seen_with_how_far_it_is(version: str, how: str) -> None:
    with mysql(version, performance_schema=True) as server:
        server.execute("CREATE DATABASE shop", "USE shop", f"CREATE TABLE many {_COLUMNS}", "INSERT INTO many (note) VALUES ('x')")
        server.execute("USE shop", *[_FILL] * 16)
        if not server.mariadb:
            server.execute("UPDATE performance_schema.setup_consumers SET ENABLED = 'YES' WHERE NAME = 'events_stages_current'")
            server.execute("UPDATE performance_schema.setup_instruments SET ENABLED = 'YES' WHERE NAME = 'stage/sql/copy to tmp table'")
        async with tiers_of(server) as tiers:

            async def counted() -> Progress | None:
                found = (await tiers.warm(Part.PROGRESS)).progress or ()
                return next((each for each in found if each.done and each.total), None)

            change = f"ALTER TABLE many FORCE, ALGORITHM = {how}"
            _grown_until_it_takes(server, change, seconds=1.5)
            with _altering(server, change):
                progress = await until(counted, 60)
            assert (progress.operation, progress.object, progress.database) == ("alter table", "many", "shop")
            assert (progress.done or 0) > 0
            assert progress.unit == ("%" if server.mariadb else "units")


async def test_a_server_that_keeps_no_stages_says_how_to_change_that() -> None:
    with mysql("mysql-8.0") as server:
        async with tiers_of(server) as tiers:
            reading = await tiers.warm(Part.PROGRESS)
            assert reading.progress == ()
            (failure,) = reading.failures
            assert failure.code is FailureCode.UNSUPPORTED
            server.execute(failure.hint)
            assert (await tiers.warm(Part.PROGRESS)).failures == ()


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_session_with_an_old_view_holds_back_the_purge(version: str) -> None:
    with mysql(version) as server:
        server.execute("CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY, n INT)", "INSERT INTO shop.t VALUES (1, 0)")
        reader = server.connect("shop")
        reader.run("START TRANSACTION WITH CONSISTENT SNAPSHOT", "SELECT * FROM t")
        committed = server.connect("shop")
        committed.run(*["UPDATE t SET n = n + 1"] * 50)
        async with tiers_of(server) as tiers:

            async def held() -> HorizonHolder | None:
                found = (await tiers.warm(Part.HORIZON)).horizon or ()
                return next((holder for holder in found if holder.name == reader.id), None)

            holder = await until(held)
            assert (holder.kind, holder.database) == ("session", "shop")
            assert holder.transactions >= 50
            assert "repeatable read" in holder.text
            reader.run("ROLLBACK")

            async def let_go() -> bool:
                found = (await tiers.warm(Part.HORIZON)).horizon
                return found is not None and reader.id not in {holder.name for holder in found}

            assert await until(let_go)


async def test_a_cluster_is_seen_from_its_nodes_and_a_node_that_is_cut_off_says_so() -> None:
    with galera() as (one, two):
        async with tiers_of(one) as first, tiers_of(two) as second:
            reading = await until(partial(_members, second, 2))
            assert {peer.name: peer.state for peer in reading.replication or () if peer.role == "member"} == {
                "two": "synced",
                "one": "in cluster",
            }
            values = {metric: figure(reading, metric) for metric in (catalogue.MYSQL_GALERA_OFFLINE, catalogue.MYSQL_GALERA_UNSYNCED)}
            assert set(values.values()) == {0}
            assert figure(reading, catalogue.MYSQL_GALERA_FLOW_CONTROL) is not None
            reading = await until(partial(_members, first, 2))
            assert reading.failures == ()

            two.kill()

            async def cut_off() -> Reading | None:
                reading = await first.warm(Part.REPLICATION)
                return reading if figure(reading, catalogue.MYSQL_GALERA_OFFLINE) == 1 else None

            reading = await until(cut_off, 60)
            (peer,) = (peer for peer in reading.replication or () if peer.role == "member")
            assert (peer.name, peer.state) == ("one", "non-primary")
            assert "takes no statements" in peer.remarks[0]


async def _members(tiers: Tiers, count: int) -> Reading | None:
    reading = await tiers.warm(Part.REPLICATION)
    synced = figure(reading, catalogue.MYSQL_GALERA_UNSYNCED) == 0
    return reading if synced and figure(reading, catalogue.MYSQL_GALERA_MEMBERS) == count else None


async def test_a_setting_that_was_changed_or_persisted_is_told() -> None:
    with mysql("mysql-8.0") as server:
        async with tiers_of(server) as tiers:
            before = {setting.name: setting for setting in (await _with_settings(tiers)).settings or ()}
            server.execute("SET GLOBAL max_connections = 77", "SET PERSIST_ONLY back_log = 99")
            reading = await _with_settings(tiers)
            after = {setting.name: setting for setting in reading.settings or ()}
            changed = {name for name in after if (after[name].value, after[name].pending_restart) != _state(before.get(name))}
            assert changed == {"max_connections", "back_log"}
            assert after["back_log"].pending_restart
            assert figure(reading, catalogue.MYSQL_SETTINGS_PENDING) == 1


async def _with_settings(tiers: Tiers) -> Reading:
    """A reading that has the settings: on a busy machine one may run into its deadline before it comes to them."""
    for _ in range(_READINGS):
        reading = await tiers.cold()
        if reading.settings is not None:
            return reading
    raise AssertionError(reading.failures)


def _state(setting: object) -> tuple[object, object]:
    return getattr(setting, "value", None), getattr(setting, "pending_restart", None)


@pytest.mark.parametrize("version", [MARIADB, "mysql-8.0"])
async def test_two_readings_of_settings_differ_only_in_what_was_set(version: str) -> None:
    """What counts or moves by itself would be told as a change every time."""
    with mysql(version, settings={"log-bin": "bin", "server-id": "1"}) as server:
        async with tiers_of(server) as tiers:
            before = (await _with_settings(tiers)).settings
            server.execute("CREATE DATABASE shop", "CREATE TABLE shop.t (id INT)", "INSERT INTO shop.t VALUES (1)", "FLUSH BINARY LOGS")
            assert (await _with_settings(tiers)).settings == before


@pytest.mark.parametrize("version", VERSIONS)
async def test_limits_that_rules_compare_with_are_told_and_read_only_follows_the_server(version: str) -> None:
    with mysql(version, settings={"max-prepared-stmt-count": "1234"}) as server:
        async with tiers_of(server) as tiers:
            before = await tiers.warm()
            assert before.failures == ()
            assert figure(before, catalogue.MYSQL_PREPARED_MAX) == 1234
            assert (figure(before, catalogue.MYSQL_FILES_MAX) or 0) > 0
            assert figure(before, catalogue.MYSQL_FORCED_RECOVERY) == 0
            assert figure(before, catalogue.MYSQL_READ_ONLY) == 0
            server.execute("SET GLOBAL read_only = ON")
            assert figure(await tiers.warm(), catalogue.MYSQL_READ_ONLY) == 1


async def test_a_transaction_that_is_left_out_is_a_gap_on_mysql() -> None:
    """The account names the identifiers itself, as a replica does that takes them from its source."""
    source = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
    with mysql("mysql-8.0", settings={"gtid-mode": "ON", "enforce-gtid-consistency": "ON"}) as server:
        async with tiers_of(server) as tiers:
            for number, gaps in ((1, 0), (3, 1), (2, 0)):
                server.execute(f"SET GTID_NEXT = '{source}:{number}'", f"CREATE DATABASE d{number}", "SET GTID_NEXT = AUTOMATIC")
                assert figure(await tiers.warm(), catalogue.MYSQL_GTID_GAPS) == gaps


async def test_a_hung_server_does_not_keep_the_tiers_beyond_their_deadline() -> None:
    with mysql() as server:
        async with tiers_of(server) as tiers:
            await tiers.warm()
            with server.frozen():
                async with asyncio.timeout(60):
                    codes = await _codes(tiers)
                assert codes == {FailureCode.TIMEOUT}
            assert await until(partial(_whole, tiers))


async def _codes(tiers: Tiers) -> set[FailureCode]:
    reading = await tiers.warm_tier.read(frozenset({Part.RELATIONS}))
    return {failure.code for failure in reading.failures}


async def _whole(tiers: Tiers) -> Reading | None:
    reading = await tiers.warm()
    return None if reading.failures else reading


async def test_what_was_refused_is_not_asked_again_before_minutes_have_passed() -> None:
    clock = AheadClock()
    with mysql() as server:
        server.execute("CREATE USER nothing@'%'")
        async with tiers_of(server, user="nothing", clock=clock) as tiers:
            await tiers.warm()
            server.execute("GRANT SLAVE MONITOR, PROCESS ON *.* TO nothing@'%'")
            clock.ahead = 60
            soon = await tiers.warm()
            failure: Failure = next(each for each in soon.failures if "SLAVE MONITOR" in each.hint)
            assert failure.at >= soon.at, "it is still said, as of now"
            clock.ahead = 600
            assert (await tiers.warm()).failures == ()


async def test_a_warm_reading_that_nobody_looks_at_costs_few_statements() -> None:
    with mysql(settings={"log-bin": "bin", "server-id": "1"}) as server:
        async with tiers_of(server) as tiers:
            await tiers.warm()
            reading = await tiers.warm()
            assert reading.cost.queries <= 4
            assert (reading.relations, reading.progress, reading.horizon, reading.settings, reading.replication) == (None,) * 5


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_checkpoints_age_is_told_by_every_version(version: str) -> None:
    """MySQL before 8.0.30 has it in InnoDB's report alone, which is not read each second."""
    with mysql(version) as server:
        server.execute("CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY)", "INSERT INTO shop.t VALUES (1)")
        async with tiers_of(server) as tiers, watching(server.target()) as collector:
            slow, quick = await tiers.warm(), await look(collector)
    readings = [each for each in (slow, quick) if figure(each, catalogue.MYSQL_CHECKPOINT_AGE) is not None]
    assert len(readings) == 1, "a series has one cadence"
    assert (figure(readings[0], catalogue.MYSQL_CHECKPOINT_AGE) or 0) >= 0
    usage = figure(readings[0], catalogue.MYSQL_CHECKPOINT_USAGE)
    assert usage is not None
    assert 0 <= usage <= 1


async def test_a_change_of_a_table_that_waits_blinds_no_other_and_makes_no_victim_of_who_looks() -> None:
    """MySQL takes a lock on each table for its lists of them: whoever asks then waits behind the change, and fails."""
    with mysql("mysql-8.0", performance_schema=True) as server:
        server.execute("CREATE DATABASE shop", "CREATE TABLE shop.mdl (id INT PRIMARY KEY)", "CREATE TABLE shop.t (id INT PRIMARY KEY)")
        async with watching(server.target()) as collector, tiers_of(server) as tiers:
            with waiters(server, 2, database="shop") as (head, change):
                head.run("BEGIN", "SELECT * FROM mdl")
                change.wait_for("ALTER TABLE mdl ADD COLUMN more INT")

                async def held() -> bool:
                    return {(one.waiter, one.holder) for one in (await look(collector)).lock_waits or ()} == {(change.id, head.id)}

                await until(held)
                for reading in (await tiers.warm(Part.RELATIONS), await tiers.cold()):
                    codes = [each.code for each in reading.failures if "shop.mdl" in each.message]
                    assert codes == [FailureCode.UNSUPPORTED]
                    if reading.relations is not None:
                        assert {each.name for each in reading.relations} == {"mdl", "t"}
                        assert all(each.size_bytes and each.rows is None for each in reading.relations)
                await until(held)
            failed = "SELECT SUM(SUM_ERRORS) FROM performance_schema.events_statements_summary_by_digest"
            assert server.execute(f"{failed} WHERE DIGEST_TEXT LIKE '%INNODB_TABLES%'")[0][0] in {None, 0}

            async def read_again() -> Reading | None:
                reading = await tiers.warm(Part.RELATIONS)
                return reading if reading.relations and not reading.failures else None

            reading = await until(read_again)
            assert any(each.rows is not None for each in reading.relations or ())
