"""PostgreSQL: a restored database is like the saved one in what no dump holds, by aishell and by hand; what replacing it costs is told."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aishell_core.errors import RefusedError
from aishell_ops.backups.models import ObjectProof, ProofLevel
from aishell_ops.backups.storage.folder import FolderStorage
from tests.servers.postgres import PostgresServer, own_folder, postgres
from tests.servers.postgres_backups import Bench

_COMMENT = 'the shop\'s \\ "words"\nin two lines'
_LIKENESS = """
SELECT pg_get_userbyid(datdba), (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) AS a), datconnlimit, datistemplate,
  shobj_description(d.oid, 'pg_database'), (SELECT spcname::text FROM pg_tablespace t WHERE t.oid = dattablespace),
  pg_encoding_to_char(encoding), to_jsonb(d) - ARRAY['oid', 'datfrozenxid', 'datminmxid', 'datname', 'dattablespace', 'datacl'],
  (SELECT json_agg(json_build_array(setrole::regrole, setconfig) ORDER BY setrole)::text FROM pg_db_role_setting WHERE setdatabase = d.oid)
FROM pg_database d WHERE datname = current_database()
"""


@pytest.fixture(scope="module", params=["15", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param, settings={"wal_level": "logical", "max_prepared_transactions": "4"}) as found:
        space = own_folder("pgsp-")
        found.execute("CREATE ROLE keeper", "CREATE ROLE seller", f"CREATE TABLESPACE fast LOCATION '{space}'")
        yield found
    shutil.rmtree(space)


@pytest.fixture
def bench(server: PostgresServer, tmp_path: Path) -> Bench:
    if server.execute("SELECT count(*) FROM pg_database WHERE datname = 'shop'") == [[1]]:
        server.execute("ALTER DATABASE shop IS_TEMPLATE false", "DROP DATABASE shop WITH (FORCE)")
    server.execute(
        "CREATE DATABASE shop TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' OWNER keeper TABLESPACE fast",
        "REVOKE ALL ON DATABASE shop FROM PUBLIC, keeper",
        "GRANT CONNECT, CREATE ON DATABASE shop TO seller WITH GRANT OPTION",
        "GRANT TEMPORARY ON DATABASE shop TO keeper, postgres",
        "ALTER DATABASE shop CONNECTION LIMIT 33",
        f"COMMENT ON DATABASE shop IS E'{_COMMENT.translate({39: chr(39) * 2, 92: chr(92) * 2})}'",
        "ALTER DATABASE shop SET work_mem = '13MB'",
        'ALTER DATABASE shop SET search_path = "$user", public',
        "ALTER ROLE seller IN DATABASE shop SET default_transaction_read_only = on",
        "ALTER DATABASE shop SET default_transaction_read_only = on",
    )
    writing = "SET default_transaction_read_only = off"
    server.execute(
        writing, "CREATE TABLE users AS SELECT i FROM generate_series(1, 500) AS i", "CREATE TABLE log (t text)", database="shop"
    )
    return Bench(server, FolderStorage(tmp_path / "backups"))


def _likeness(bench: Bench) -> list[Any]:
    return bench.server.execute(_LIKENESS, database="shop")[0]


async def test_a_database_comes_back_with_all_that_a_dump_does_not_hold(bench: Bench) -> None:
    bench.server.execute("ALTER DATABASE shop IS_TEMPLATE true")
    before = _likeness(bench)
    assert before[2:6] == [33, True, _COMMENT, "fast"]
    backup = await bench.take()
    bench.server.execute("ALTER DATABASE shop CONNECTION LIMIT -1", "COMMENT ON DATABASE shop IS NULL")
    restored = await bench.restore(backup, replace=True)
    assert restored.comparison.is_proof
    assert _likeness(bench) == before
    assert {name for name in bench.databases() if name.startswith("aishell")} == set()


async def test_the_recovery_sheet_makes_the_same_database(bench: Bench) -> None:
    before = _likeness(bench)
    backup = await bench.take()
    bench.server.execute("DROP DATABASE shop")
    commands = [command for command in bench.commands(backup) if not command.endswith("-f globals.sql")]
    await asyncio.to_thread(bench.run_all, commands, backup.location)
    assert _likeness(bench) == before
    assert bench.server.execute("SELECT count(*) FROM users", database="shop") == [[500]]


@pytest.mark.parametrize("server", ["15"], indirect=True)
async def test_the_recovery_sheet_keeps_the_locale_of_icu(bench: Bench) -> None:
    bench.server.execute(
        "DROP DATABASE shop",
        "CREATE DATABASE shop TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR' LC_COLLATE 'C' LC_CTYPE 'C' ENCODING 'UTF8'",
    )
    before = _likeness(bench)
    assert bench.server.execute("SELECT upper('i')", database="shop") == [["\u0130"]]
    backup = await bench.take(proof=ProofLevel.NONE)
    bench.server.execute("DROP DATABASE shop")
    commands = [command for command in bench.commands(backup) if not command.endswith("-f globals.sql")]
    await asyncio.to_thread(bench.run_all, commands, backup.location)
    assert _likeness(bench) == before


async def test_what_is_lost_compared_with_now_is_named(bench: Bench) -> None:
    backup, uncounted = await bench.take(), await bench.take(proof=ProofLevel.NONE)
    bench.server.execute("SET default_transaction_read_only = off", "CREATE TABLE newone (i int)", "DROP TABLE users", database="shop")
    _, plan = await bench.plan(backup, replace=True)
    assert 'not in the backup: "public"."newone"' in plan.losses
    assert any(loss.startswith("what was written to shop since 20") for loss in plan.losses)
    assert plan.server_version.startswith(str(bench.server.binaries.major))
    assert plan.free_bytes is not None
    assert plan.free_bytes > 0
    _, plan = await bench.plan(uncounted, replace=True)
    assert any("which these are nobody knows" in loss for loss in plan.losses)
    _, plan = await bench.plan(backup, database="other")
    assert plan.losses == ()


async def test_what_the_server_would_not_drop_is_not_replaced(bench: Bench) -> None:
    backup = await bench.take()
    bench.server.execute("SELECT pg_create_logical_replication_slot('follower', 'pgoutput')", database="shop")
    with closing(bench.server.connect("shop")) as session:
        session.run("SET default_transaction_read_only = off")
        session.run("BEGIN")
        session.run("INSERT INTO log VALUES ('x')")
        session.run("PREPARE TRANSACTION 'open one'")
    try:
        _, plan = await bench.plan(backup, replace=True)
        assert any("the replication slot follower" in loss for loss in plan.losses)
        with pytest.raises(RefusedError, match="has the prepared transactions 'open one'"):
            await bench.restore(backup, replace=True)
    finally:
        bench.server.execute("ROLLBACK PREPARED 'open one'", database="shop")
    await bench.restore(backup, replace=True)
    assert bench.server.execute("SELECT count(*) FROM pg_replication_slots") == [[0]]


async def test_large_objects_are_compared_by_their_content_and_named_only_where_there_are_any(bench: Bench) -> None:
    without = await bench.take()
    assert [one.name for one in without.manifest.objects] == ['"public"."log"', '"public"."users"']
    bench.server.execute(
        "SET default_transaction_read_only = off",
        "SELECT lo_from_bytea(4711, convert_to(repeat('large', 500000), 'UTF8'))",
        "SELECT lo_from_bytea(4712, '')",
        database="shop",
    )
    backup = await bench.take()
    assert backup.manifest.objects[-1].name == "large objects"
    assert backup.manifest.objects[-1].rows == 2
    assert (await bench.restore(backup, replace=True)).comparison.hashed == 3
    bench.server.execute("SET default_transaction_read_only = off", "SELECT lo_put(4711, 2000000, 'L')", database="shop")
    changed = await bench.take()
    assert changed.manifest.objects[-1].rows == 2
    assert changed.manifest.objects[-1].content_hash != backup.manifest.objects[-1].content_hash


async def test_a_manifest_of_before_that_counts_no_large_object_is_no_difference(bench: Bench) -> None:
    from dataclasses import replace

    backup = await bench.take(proof=ProofLevel.COUNTS)
    older = replace(backup.manifest, objects=(*backup.manifest.objects, ObjectProof("large objects", 0)))
    restored = await bench.restore(replace(backup, manifest=older), database="other")
    bench.server.execute("DROP DATABASE other")
    assert restored.comparison.is_proof
