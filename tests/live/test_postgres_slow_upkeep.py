"""Log, checkpoints, archiver, ids, files and settings as the slow tiers read them on real servers."""

from __future__ import annotations

from functools import partial

import pytest

from aishell_core import catalogue
from aishell_core.values import NO_LABELS, Failure, FailureCode, Metric, Part, Reading, Setting
from collectors.postgres.wraparound import USABLE_IDS
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_tiers import AheadClock, SetClock, Tiers, figure, tiers_of, until

_VERSIONS = ("14", "15", "16", "17", "18")
_ALWAYS = (
    *(catalogue.PG_WAL_RECORDS, catalogue.PG_WAL_FULL_PAGES, catalogue.PG_WAL_BUFFERS_FULL, catalogue.PG_WAL_WRITE_TIME),
    *(catalogue.PG_WAL_SYNC_TIME, catalogue.PG_CHECKPOINTS_TIMED, catalogue.PG_CHECKPOINTS_REQUESTED),
    *(
        catalogue.PG_CHECKPOINT_BUFFERS,
        catalogue.PG_BACKEND_BUFFERS,
        catalogue.PG_CLEANER_BUFFERS,
        catalogue.PG_CHECKPOINT_AGE,
        catalogue.PG_SLOTS_INACTIVE,
    ),
    *(catalogue.PG_VACUUM_WORKERS, catalogue.PG_DEAD_ROWS, catalogue.PG_XID_AGE, catalogue.PG_WRAPAROUND),
    *(catalogue.PG_MULTIXACT_WRAPAROUND, catalogue.PG_HORIZON_AGE, catalogue.PG_PREPARED_TRANSACTIONS, catalogue.PG_SETTINGS_PENDING),
    *(catalogue.PG_SETTINGS_AGE, catalogue.PG_LOCKS_USAGE, catalogue.PG_TABLES_BLOATING, catalogue.PG_TABLES_NEGLECTED),
)
_OF_A_CHECKPOINT = (catalogue.PG_WAL_RECORDS, catalogue.PG_CHECKPOINTS_REQUESTED, catalogue.PG_CHECKPOINT_BUFFERS)
_COUNTED = (catalogue.PG_DEAD_ROWS, catalogue.PG_TABLES_BLOATING, catalogue.PG_TABLES_NEGLECTED, catalogue.PG_LOCKS_USAGE)
_IO = (catalogue.PG_IO_READ, catalogue.PG_IO_WRITE, catalogue.PG_IO_FSYNCS)


def _metrics(reading: Reading) -> set[Metric]:
    return {sample.metric for sample in reading.samples}


@pytest.mark.parametrize("version", _VERSIONS)
async def test_every_figure_of_the_warm_tier_is_there_on_every_version(version: str) -> None:
    timed = {"track_wal_io_timing": "on", "track_io_timing": "on"}
    with postgres(version, settings=timed) as server:
        server.execute("CREATE TABLE t AS SELECT generate_series(1, 100) AS id", "CHECKPOINT")
        async with tiers_of(server) as tiers:
            reading = await tiers.warm()
            assert reading.failures == ()
            assert set(_ALWAYS) - _metrics(reading) == set()
            assert (set(_IO) <= _metrics(reading)) == (server.binaries.major >= 16)
            assert 0 <= (figure(reading, catalogue.PG_CHECKPOINT_AGE) or -1) < 600
            assert figure(reading, catalogue.PG_WRAPAROUND) == (figure(reading, catalogue.PG_XID_AGE) or 0) / USABLE_IDS


@pytest.mark.parametrize("version", _VERSIONS)
async def test_counters_follow_what_the_server_does(version: str) -> None:
    with postgres(version) as server:
        async with tiers_of(server) as tiers:
            before = await tiers.warm()
            server.execute("CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 50000) g", "CHECKPOINT")
            counters = [(each, NO_LABELS) for each in _OF_A_CHECKPOINT]
            if server.binaries.major >= 16:
                counters.append((catalogue.PG_IO_WRITE, (("backend", "checkpointer"), ("context", "normal"), ("object", "relation"))))

            async def counted() -> bool:
                reading = await tiers.warm()
                return all((figure(reading, *each) or 0) > (figure(before, *each) or 0) for each in counters)

            assert await until(counted)


@pytest.mark.parametrize("version", _VERSIONS)
async def test_a_checkpoint_that_ends_tells_how_long_it_took(version: str) -> None:
    """Its whole time is added at its end, however short the interval is in which that falls; it stays until the next one ends."""
    with postgres(version) as server:
        async with tiers_of(server) as tiers:
            first = figure(await tiers.warm(), catalogue.PG_CHECKPOINT_WRITE_TIME)
            server.execute("CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 300000) g", "CHECKPOINT")

            async def ended() -> float | None:
                took = figure(await tiers.warm(), catalogue.PG_CHECKPOINT_WRITE_TIME)
                return took if took != first else None

            took = await until(ended)
            assert took is not None
            assert 0 < took < 60
            assert figure(await tiers.warm(), catalogue.PG_CHECKPOINT_WRITE_TIME) == took, "it is no rate that falls back to nothing"


async def test_a_time_that_the_server_does_not_take_is_unknown() -> None:
    times = {catalogue.PG_WAL_WRITE_TIME, catalogue.PG_WAL_SYNC_TIME, catalogue.PG_IO_READ_TIME, catalogue.PG_IO_WRITE_TIME}
    for version in ("15", "18"):
        with postgres(version) as server:
            async with tiers_of(server) as tiers:
                assert _metrics(await tiers.warm()) & times == set()


@pytest.mark.parametrize("version", ["14", "18"])
async def test_an_archiver_that_fails_is_seen_with_the_files_that_wait(version: str) -> None:
    with postgres(version, settings={"archive_mode": "on", "archive_command": "false"}) as server:
        server.execute("CREATE TABLE t (id int)", "CREATE ROLE monitor LOGIN IN ROLE pg_monitor", "CREATE ROLE nothing LOGIN")
        server.execute("SELECT pg_switch_wal()")
        async with tiers_of(server, user="monitor") as tiers:

            async def failed() -> Reading | None:
                reading = await tiers.warm()
                return reading if (figure(reading, catalogue.PG_ARCHIVE_FAILED) or 0) > 0 else None

            reading = await until(failed)
            assert (figure(reading, catalogue.PG_ARCHIVE_BACKLOG) or 0) >= 1
            assert figure(reading, catalogue.PG_ARCHIVE_AGE) is None, "nothing was ever archived"
        async with tiers_of(server, user="nothing") as tiers:
            reading = await tiers.warm()
            assert figure(reading, catalogue.PG_ARCHIVE_BACKLOG) is None
            assert (figure(reading, catalogue.PG_ARCHIVE_FAILED) or 0) > 0, "that may be seen by everybody"
            assert figure(reading, catalogue.PG_ARCHIVE_FAILING) == 1
            failure = _failure(reading, "archive_backlog")
            assert (failure.code, failure.hint) == (FailureCode.PRIVILEGE, 'GRANT pg_monitor TO "nothing";')


@pytest.mark.parametrize("version", ["14", "18"])
async def test_an_archiver_fails_from_a_failure_to_the_next_success_also_between_its_tries(version: str) -> None:
    with postgres(version, settings={"archive_mode": "on", "archive_command": "test -e archive_is_there"}) as server:
        async with tiers_of(server) as tiers:

            async def failing(wanted: float) -> Reading | None:
                reading = await tiers.warm()
                return reading if figure(reading, catalogue.PG_ARCHIVE_FAILING) == wanted else None

            assert figure(await until(partial(failing, 0)), catalogue.PG_ARCHIVE_FAILED) == 0, "nothing was tried"
            server.execute("CREATE TABLE t (id int)", "SELECT pg_switch_wal()")
            first = await until(partial(failing, 1))
            counted = figure(first, catalogue.PG_ARCHIVE_FAILED)

            async def resting() -> Reading | None:
                """Two readings in a row that count the same failures: a rate of them is 0 then."""
                nonlocal counted
                before, reading = counted, await tiers.warm()
                counted = figure(reading, catalogue.PG_ARCHIVE_FAILED)
                return reading if counted == before else None

            assert figure(await until(resting), catalogue.PG_ARCHIVE_FAILING) == 1
            server.execute("COPY (SELECT 1) TO PROGRAM 'cat > archive_is_there'")
            server.execute("CREATE TABLE u (id int)", "SELECT pg_switch_wal()")
            assert figure(await until(partial(failing, 0), 90.0), catalogue.PG_ARCHIVE_AGE) is not None


def _failure(reading: Reading, part: str) -> Failure:
    return next(failure for failure in reading.failures if failure.part == part)


async def test_a_server_that_archives_nothing_has_no_figures_of_an_archiver() -> None:
    with postgres("15") as server:
        async with tiers_of(server) as tiers:
            archiver = {catalogue.PG_ARCHIVE_FAILING, catalogue.PG_ARCHIVE_FAILED, catalogue.PG_ARCHIVE_AGE, catalogue.PG_ARCHIVE_BACKLOG}
            assert _metrics(await tiers.warm()) & archiver == set()


async def test_what_was_refused_is_not_asked_again_before_minutes_have_passed() -> None:
    clock = AheadClock()
    with postgres("15", settings={"archive_mode": "on", "archive_command": "true"}) as server:
        server.execute("CREATE ROLE nothing LOGIN")
        async with tiers_of(server, user="nothing", clock=clock) as tiers:
            await tiers.warm()
            clock.ahead = 60
            soon = await tiers.warm()
            assert _failure(soon, "archive_backlog").at >= soon.at, "it is still said, as of now"
            clock.ahead = 600
            later = await tiers.warm()
            assert _failure(later, "archive_backlog").code is FailureCode.PRIVILEGE
            assert later.cost.queries >= soon.cost.queries + 2, "of which one is for the log's size"


@pytest.mark.parametrize("version", ["14", "18"])
async def test_what_was_refused_is_read_as_soon_as_the_role_may_see_it(version: str) -> None:
    with postgres(version, settings={"archive_mode": "on", "archive_command": "true"}) as server:
        server.execute("CREATE ROLE nothing LOGIN", "REVOKE CONNECT ON DATABASE template1 FROM PUBLIC")
        async with tiers_of(server, user="nothing", clock=SetClock()) as tiers:
            refused = await tiers.warm()
            assert {failure.part for failure in refused.failures} >= {"archive_backlog", "databases", "disk", "settings"}
            assert figure(refused, catalogue.DISK_USED) is None
            server.execute("GRANT pg_monitor TO nothing")
            granted = await tiers.warm()
            assert granted.failures == ()
            assert figure(granted, catalogue.PG_ARCHIVE_BACKLOG) is not None
            assert figure(granted, catalogue.DISK_USED) is not None
            assert "shared_preload_libraries" in _by_name(granted), "those that were hidden before"
            server.execute("REVOKE pg_monitor FROM nothing")
            revoked = await tiers.warm()
            assert figure(revoked, catalogue.DISK_USED) is None, "what may not be seen any more is not shown as it was"
            assert "shared_preload_libraries" not in _by_name(revoked)


async def test_sizes_follow_the_databases_as_often_as_that_is_cheap() -> None:
    clock = AheadClock()
    with postgres("15", settings={"autovacuum": "off"}) as server:
        async with tiers_of(server, clock=clock) as tiers:

            def size(reading: Reading) -> float:
                return figure(reading, catalogue.PG_DATABASE_SIZE, (("database", "postgres"),)) or 0.0

            before = await tiers.warm()
            server.execute("CREATE TABLE t AS SELECT repeat('x', 500) FROM generate_series(1, 20000)")
            clock.ahead += 60
            after = await tiers.warm()
            assert size(after) > size(before) + 10e6
            assert (figure(after, catalogue.DISK_USED) or 0) > (figure(before, catalogue.DISK_USED) or 0)


async def test_sizes_that_take_long_to_measure_are_left_to_the_cold_tier() -> None:
    slow = """
        CREATE FUNCTION pg_catalog.pg_database_size(oid) RETURNS bigint LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_sleep(0.7); RETURN 1000; END $$
    """
    with postgres("15", settings={"allow_system_table_mods": "on"}) as server:
        server.execute("ALTER FUNCTION pg_database_size(oid) RENAME TO quick", slow)
        async with tiers_of(server, patient=False) as tiers:
            reading = await tiers.warm()
            assert catalogue.PG_DATABASE_SIZE not in _metrics(reading)
            assert not {"databases", "disk"} & {failure.part for failure in reading.failures}
            cold = await tiers.cold()
            assert figure(cold, catalogue.PG_DATABASE_SIZE, (("database", "postgres"),)) == 1000


async def test_a_warm_reading_that_nobody_looks_at_costs_few_statements() -> None:
    with postgres("18", settings={"archive_mode": "on", "archive_command": "true"}) as server:
        async with tiers_of(server) as tiers:
            await tiers.warm()
            reading = await tiers.warm()
            assert reading.cost.queries <= 14
            assert (reading.relations, reading.progress, reading.horizon, reading.settings, reading.replication) == (None,) * 5


@pytest.mark.parametrize("version", ["14", "18"])
async def test_a_setting_that_waits_for_a_restart_is_counted_and_marked(version: str) -> None:
    # A server also says so of a setting of its command line that differs from its file: this one is as in the file.
    with postgres(version, settings={"max_connections": "100"}) as server:
        async with tiers_of(server) as tiers:
            assert figure(await tiers.warm(), catalogue.PG_SETTINGS_PENDING) == 0
            server.execute("ALTER SYSTEM SET max_wal_senders = 7", "ALTER SYSTEM SET work_mem = '5MB'", "SELECT pg_reload_conf()")

            async def pending() -> Reading | None:
                reading = await tiers.warm(Part.SETTINGS)
                return reading if figure(reading, catalogue.PG_SETTINGS_PENDING) == 1 else None

            settings = _by_name(await until(pending))
            assert settings["max_wal_senders"].pending_restart
            assert settings["max_wal_senders"].value == "10"
            assert settings["work_mem"] == Setting("work_mem", "5120", "kB", "configuration file")
            assert _by_name(await tiers.cold()) == settings


async def test_settings_that_a_role_may_not_see_are_unknown_and_the_grant_shows_them() -> None:
    with postgres("15", settings={"max_connections": "100"}, statements=False) as server:
        # This one is shown to superusers and pg_read_all_settings only, and waits for a restart.
        server.execute("CREATE ROLE nothing LOGIN", "ALTER SYSTEM SET shared_preload_libraries = 'auto_explain'")
        server.execute("SELECT pg_reload_conf()")
        async with tiers_of(server, user="nothing") as tiers:
            reading = await tiers.warm(Part.SETTINGS)
            failure = _failure(reading, Part.SETTINGS)
            assert (failure.code, failure.hint) == (FailureCode.PRIVILEGE, 'GRANT pg_read_all_settings TO "nothing";')
            assert figure(reading, catalogue.PG_SETTINGS_PENDING) is None
            assert "shared_preload_libraries" not in _by_name(reading)
            assert "max_connections" in _by_name(reading), "what may be seen is shown"
            assert _failure(await tiers.warm(), Part.SETTINGS).hint == failure.hint, "the figure is explained without the pane too"
            server.execute(failure.hint)

            async def seen() -> Reading | None:
                reading = await tiers.warm(Part.SETTINGS)
                return reading if figure(reading, catalogue.PG_SETTINGS_PENDING) else None

            reading = await until(seen)
            assert Part.SETTINGS not in {each.part for each in reading.failures}
            assert _by_name(reading)["shared_preload_libraries"].pending_restart


async def test_settings_of_the_command_line_and_those_that_follow_from_others_are_told_as_such() -> None:
    with postgres("15", settings={"max_connections": "50"}) as server:
        server.execute("ALTER SYSTEM SET max_connections = 60", "SELECT pg_reload_conf()")
        async with tiers_of(server) as tiers:

            async def pending() -> Setting | None:
                setting = _by_name(await tiers.warm(Part.SETTINGS))["max_connections"]
                return setting if setting.pending_restart else None

            setting = await until(pending)
            assert (setting.value, setting.source, setting.derived) == ("50", "command line", False)
            derived = {setting.name for setting in _by_name(await tiers.cold()).values() if setting.derived}
            assert {"shared_memory_size_in_huge_pages", "block_size", "in_hot_standby", "server_version"} <= derived
            assert not {"max_connections", "work_mem"} & derived


def _by_name(reading: Reading) -> dict[str, Setting]:
    return {setting.name: setting for setting in reading.settings or ()}


@pytest.mark.parametrize("version", ["14", "18"])
async def test_what_our_own_connection_sets_is_not_told_as_a_setting_of_the_server(version: str) -> None:
    own = {"statement_timeout", "lock_timeout", "application_name", "default_transaction_read_only"}
    with postgres(version) as server:
        async with tiers_of(server) as tiers:
            found = _by_name(await tiers.cold())
            assert not own & set(found)
            assert (found["search_path"].value, found["jit"].value) == ('"$user", public', "on")


async def test_no_secret_of_a_setting_is_read() -> None:
    secrets = {
        "archive_mode": "on",
        "primary_conninfo": "host=a user=b password=hidden1",
        "archive_command": "copy --password=hidden2 s3://key:hidden3@place/%f",
        "restore_command": "AWS_SECRET_ACCESS_KEY=hidden4 fetch %f",
        "ssl_passphrase_command": "echo hidden5",
    }
    with postgres("15", settings=secrets) as server:
        async with tiers_of(server) as tiers:
            settings = _by_name(await tiers.cold())
            assert set(secrets) <= set(settings)
            assert not [setting for setting in settings.values() if "hidden" in setting.value]
            assert settings["archive_command"].value.startswith("copy --password=***")
            assert settings["password_encryption"].value == "scram-sha-256"


@pytest.mark.parametrize("version", _VERSIONS)
async def test_sizes_of_databases_and_log_are_told(version: str) -> None:
    with postgres(version, settings={"autovacuum": "off"}) as server:
        server.execute("CREATE DATABASE shop", "CREATE ROLE nothing LOGIN", "REVOKE CONNECT ON DATABASE shop FROM PUBLIC")
        async with tiers_of(server) as tiers:

            async def measured() -> tuple[Reading, dict[str, float]] | None:
                """A reading before and after which the server itself says the same: it may write something at any moment."""
                before, reading = _sizes(server), await tiers.cold()
                return (reading, before) if before == _sizes(server) else None

            reading, sizes = await until(measured)
            assert {sample.labels[0][1]: sample.value for sample in reading.samples if sample.metric is catalogue.PG_DATABASE_SIZE} == sizes
            assert (figure(reading, catalogue.DISK_USED) or 0) > sum(sizes.values()) + 16 * 2**20, "a file of log is there at least"
            assert reading.failures == ()
        async with tiers_of(server, user="nothing") as tiers:
            reading = await tiers.warm()
            known = {sample.labels[0][1] for sample in reading.samples if sample.metric is catalogue.PG_DATABASE_SIZE}
            assert known == set(sizes) - {"shop"}
            assert figure(reading, catalogue.DISK_USED) is None
            assert {failure.part: failure.hint for failure in reading.failures} == {
                "databases": 'GRANT pg_monitor TO "nothing";',
                "disk": 'GRANT pg_monitor TO "nothing";',
                "settings": 'GRANT pg_read_all_settings TO "nothing";',
            }


@pytest.mark.parametrize("version", ["14", "18"])
async def test_the_schemas_state_is_told_by_the_cold_tier(version: str) -> None:
    with postgres(version, settings={"autovacuum": "off"}) as server:
        server.execute(
            "CREATE TABLE orders (id int PRIMARY KEY, pair int, UNIQUE (pair, id))",
            "INSERT INTO orders SELECT g, 1 FROM generate_series(1, 2) g",
            "CREATE TABLE lines (id int, pair int, bare int REFERENCES orders, held int REFERENCES orders, note text,"
            " FOREIGN KEY (pair, id) REFERENCES orders (pair, id))",
            "CREATE INDEX ON lines (held, note)",
            "CREATE INDEX ON lines (id, pair)",
            "INSERT INTO lines SELECT 1, 1, 1, 1, repeat('x', 500) FROM generate_series(1, 25000)",
            "CREATE TABLE small (bare int REFERENCES orders)",
            "ANALYZE",
            "CREATE TABLE parted (k int) PARTITION BY RANGE (k)",
            "CREATE TABLE part PARTITION OF parted DEFAULT",
            "CREATE INDEX parted_k ON ONLY parted (k)",
            "CREATE ROLE soon LOGIN VALID UNTIL 'tomorrow'",
            "CREATE ROLE later LOGIN VALID UNTIL 'infinity'",
            "CREATE ROLE gone LOGIN VALID UNTIL 'yesterday'",
            "CREATE ROLE nobody NOLOGIN VALID UNTIL 'tomorrow'",
        )
        with pytest.raises(Exception, match="could not create unique index"):
            server.execute("CREATE UNIQUE INDEX CONCURRENTLY twice ON lines (id)")
        async with tiers_of(server) as tiers:
            reading = await tiers.cold()
            assert reading.failures == ()
            assert figure(reading, catalogue.PG_INDEXES_INVALID) == 2, "one that failed, and one that a partition lacks"
            assert figure(reading, catalogue.PG_FOREIGN_KEYS_BARE) == 1
            assert figure(reading, catalogue.PG_ROLES_EXPIRING) == 1


@pytest.mark.parametrize("version", ["14", "18"])
async def test_large_tables_and_indexes_that_are_mostly_empty_are_counted_although_nobody_looks_at_them(version: str) -> None:
    bloated = (catalogue.PG_TABLES_BLOATED, catalogue.PG_INDEXES_BLOATED)
    with postgres(version, settings={"autovacuum": "off", "fsync": "off"}) as server:
        wide = "lpad(g::text, 2000, md5(g::text))"
        server.execute(
            f"CREATE UNLOGGED TABLE lines AS SELECT g AS id, {wide} AS note FROM generate_series(1, 110000) g",
            "ALTER TABLE lines ALTER note SET STORAGE PLAIN",
            "CREATE INDEX ON lines (id)",
            "CREATE UNLOGGED TABLE keys (id int, note text)",
            # Its own statistics would tell the width of what is kept out of line.
            "ALTER TABLE keys ALTER note SET STORAGE PLAIN",
            "INSERT INTO keys SELECT g, (SELECT string_agg(md5(g || ',' || i), '') FROM generate_series(1, 60) i)"
            " FROM generate_series(1, 45000) g",
            "CREATE INDEX keys_note ON keys (note)",
            "ANALYZE",
        )
        async with tiers_of(server) as tiers:
            assert [figure(await tiers.cold(), metric) for metric in bloated] == [0, 0]
            server.execute("DELETE FROM lines WHERE id % 20 <> 0", "DELETE FROM keys WHERE id % 20 <> 0", "VACUUM ANALYZE")
            reading = await tiers.cold()
            assert [figure(reading, metric) for metric in bloated] == [1, 1]
            assert reading.relations is None
        server.execute("CREATE ROLE blind LOGIN IN ROLE pg_monitor", "VACUUM FULL lines", "REINDEX INDEX keys_note")
        async with tiers_of(server, user="blind") as tiers:
            reading = await tiers.cold()
            assert figure(reading, catalogue.PG_TABLES_BLOATED) == 0, "none is large any more"
            assert reading.failures == ()


@pytest.mark.parametrize("version", ["14", "18"])
async def test_the_fullest_sequences_are_told_by_what_their_columns_hold(version: str) -> None:
    with postgres(version) as server:
        server.execute(
            "CREATE SCHEMA app",
            "CREATE TABLE app.narrow (id smallint DEFAULT 1)",
            "CREATE SEQUENCE app.narrow_id_seq OWNED BY app.narrow.id",
            "SELECT setval('app.narrow_id_seq', 30000)",
            "CREATE TABLE app.half (id int GENERATED ALWAYS AS IDENTITY)",
            "SELECT setval('app.half_id_seq', 1073741825)",
            "CREATE SEQUENCE app.falling INCREMENT -1 MINVALUE -100 MAXVALUE -1",
            "SELECT setval('app.falling', -91)",
            "CREATE SEQUENCE app.round MAXVALUE 10 CYCLE",
            "SELECT setval('app.round', 10)",
            "CREATE SEQUENCE app.empty MAXVALUE 10",
            "CREATE SEQUENCE app.young MAXVALUE 10",
            "SELECT setval('app.young', 3)",
            "CREATE ROLE monitor LOGIN IN ROLE pg_monitor",
        )
        async with tiers_of(server) as tiers:
            found = _sequences(await tiers.cold())
            assert list(found) == ["app.narrow_id_seq", "app.falling", "app.half_id_seq"]
            assert list(found.values()) == pytest.approx([0.9155, 0.909, 0.5], abs=1e-3)
            held = server.connect()
            held.run("BEGIN")
            held.run("ALTER TABLE app.half ALTER id SET GENERATED BY DEFAULT")
            held.run("DROP SEQUENCE app.falling")
            locked = await tiers.cold()
            assert locked.failures == ()
            assert set(_sequences(locked)) == {"app.narrow_id_seq"}
            held.run("ROLLBACK")
            held.close()
        async with tiers_of(server, user="monitor") as tiers:
            reading = await tiers.cold()
            assert _sequences(reading) == {}
            (failure,) = [each for each in reading.failures if each.part == "sequences"]
            assert failure.code is FailureCode.PRIVILEGE
            server.execute(failure.hint)
            after = await tiers.cold()
            assert _sequences(after) == found
            assert after.failures == ()


def _sequences(reading: Reading) -> dict[str, float]:
    return {sample.labels[0][1]: sample.value for sample in reading.samples if sample.metric is catalogue.PG_SEQUENCE_USAGE}


@pytest.mark.parametrize("version", ["14", "18"])
async def test_dead_rows_that_are_many_and_locks_that_are_held_are_counted(version: str) -> None:
    with postgres(version, settings={"autovacuum": "off"}) as server:
        server.execute("CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 30000) g", "CREATE TABLE u (id int)")
        clock = AheadClock()
        async with tiers_of(server, clock=clock) as tiers:
            before = await tiers.warm()
            assert figure(before, catalogue.PG_TABLES_BLOATING) == 0
            server.execute("DELETE FROM t WHERE id <= 11000")
            held = server.connect()
            held.run("BEGIN")
            held.run("LOCK TABLE t, u")

            async def counted() -> bool:
                clock.ahead += 600
                reading = await tiers.warm()
                more = (figure(reading, catalogue.PG_LOCKS_USAGE) or 0) > (figure(before, catalogue.PG_LOCKS_USAGE) or 0)
                return more and figure(reading, catalogue.PG_TABLES_BLOATING) == 1 and figure(reading, catalogue.PG_TABLES_NEGLECTED) == 0

            assert await until(counted)
            held.close()


def _sizes(server: PostgresServer) -> dict[str, float]:
    """What each database takes, in bytes, as the server itself counts it."""
    return dict(server.execute("SELECT datname, pg_database_size(oid)::float8 FROM pg_database"))


async def test_a_statement_that_the_server_does_not_know_costs_only_its_own_figures() -> None:
    """As with a compatible server that lacks a view."""
    with postgres("15") as server:
        server.execute("ALTER FUNCTION pg_control_checkpoint() RENAME TO not_here", "CREATE ROLE monitor LOGIN IN ROLE pg_monitor")
        async with tiers_of(server, user="monitor") as tiers:
            reading = await tiers.warm()
            assert [(failure.part, failure.code) for failure in reading.failures] == [("control_checkpoint", FailureCode.MISSING)]
            assert set(_ALWAYS) - _metrics(reading) == {
                catalogue.PG_CHECKPOINT_AGE,
                catalogue.PG_WAL_WRITE_TIME,
                catalogue.PG_WAL_SYNC_TIME,
            }


async def test_a_hung_server_does_not_keep_the_tier_beyond_its_deadline() -> None:
    with postgres("15") as server:
        async with tiers_of(server, patient=False) as tiers:
            await until(partial(_whole, tiers))
            with server.frozen():
                reading = await tiers.warm(Part.SETTINGS, Part.RELATIONS)
                assert reading.failures
                assert {failure.code for failure in reading.failures} == {FailureCode.TIMEOUT}
                assert {sample.metric for sample in reading.samples} <= set(_COUNTED), "which may be as it was counted before"
            after = await until(partial(_whole, tiers))
            assert set(_ALWAYS) - {catalogue.PG_WAL_WRITE_TIME, catalogue.PG_WAL_SYNC_TIME} <= _metrics(after), "nothing is held against it"


async def _whole(tiers: Tiers) -> Reading | None:
    reading = await tiers.warm()
    return None if reading.failures else reading


async def test_a_slow_statement_is_given_up_and_left_alone_for_a_while() -> None:
    clock = AheadClock()
    slow = """
        CREATE FUNCTION pg_catalog.pg_control_checkpoint(OUT checkpoint_time timestamptz) LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_sleep(20); END $$
    """
    with postgres("15", settings={"allow_system_table_mods": "on"}) as server:
        server.execute("ALTER FUNCTION pg_control_checkpoint() RENAME TO quick", slow)
        async with tiers_of(server, clock=clock, patient=False) as tiers:
            first = await tiers.warm()
            assert _failure(first, "control_checkpoint").code is FailureCode.TIMEOUT
            assert figure(first, catalogue.PG_DEAD_ROWS) is not None, "what comes after it is read"
            second = await tiers.warm()
            failure = _failure(second, "control_checkpoint")
            assert (failure.code, failure.message) == (
                FailureCode.UNSUPPORTED,
                "reading control_checkpoint took too long; it is tried again every 1m00s",
            )
            server.execute("DROP FUNCTION pg_control_checkpoint()", "ALTER FUNCTION quick() RENAME TO pg_control_checkpoint")
            clock.ahead = 120
            assert (await until(partial(_whole, tiers))).failures == ()
