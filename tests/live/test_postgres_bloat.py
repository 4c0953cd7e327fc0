"""Bloat of indexes on real servers: none that was just built or filled counts as mostly empty, one that is mostly empty does."""

from __future__ import annotations

import pytest

from aishell_core.values import Part, Relation
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_tiers import tiers_of

_MOSTLY_EMPTY = 0.8
_WIDE = "(SELECT string_agg(md5(g || ',' || i), '') FROM generate_series(1, {}) i)"
_FRESH = {
    "wide_text": f"SELECT {_WIDE.format(70)} AS k, g FROM generate_series(1, 3000) g",
    "wide_among_short": f"SELECT CASE WHEN g % 3 = 0 THEN {_WIDE.format(70)} ELSE g::text END AS k, g FROM generate_series(1, 4000) g",
    "compressed": "SELECT g || repeat('abc', 3000) AS k, g FROM generate_series(1, 5000) g",
    "document": f"SELECT jsonb_build_object('a', {_WIDE.format(70)}) AS k, g FROM generate_series(1, 3000) g",
    "words": f"SELECT ARRAY[{_WIDE.format(40)}, {_WIDE.format(30)}] AS k, g FROM generate_series(1, 3000) g",
    "beside_document": f"SELECT 'user' || g || '@example.com' AS k, {_WIDE.format(200)} AS g FROM generate_series(1, 3000) g",
    "few_numbers": "SELECT g % 10 AS k, g FROM generate_series(1, 60000) g",
    "few_decimals": "SELECT (g % 10)::numeric AS k, g FROM generate_series(1, 60000) g",
    "few_long_words": "SELECT repeat('x', 200) || (g % 50) AS k, g FROM generate_series(1, 20000) g",
    "few_documents": "SELECT jsonb_build_object(repeat('x', 200), g % 50) AS k, g FROM generate_series(1, 20000) g",
    "guessed_too_few": "SELECT repeat('x', 60) || (CASE WHEN g % 5 < 4 THEN 1 ELSE g / 2 END) AS k, g FROM generate_series(1, 60000) g",
    "ids": "SELECT g AS k, g FROM generate_series(1, 60000) g",
    "uuids": "SELECT md5(g::text)::uuid AS k, g FROM generate_series(1, 60000) g",
    "names": "SELECT ('n' || g)::name AS k, g FROM generate_series(1, 60000) g",
    "nulls": "SELECT CASE WHEN g % 100 = 0 THEN repeat('x', 150) || g END AS k, g FROM generate_series(1, 60000) g",
}
_BUILT = (
    "CREATE INDEX part_of_nulls ON nulls (k) WHERE k IS NOT NULL",
    "CREATE INDEX ids_apart ON ids (k) WITH (fillfactor = 50)",
    "CREATE INDEX ids_text ON ids (repeat(k::text, 30))",
    "CREATE INDEX ids_carry ON few_numbers (k) INCLUDE (g)",
    "CREATE INDEX ids_alone ON few_long_words (k) WITH (deduplicate_items = off)",
    "CREATE INDEX words_hash ON few_long_words USING hash (k)",
    "CREATE INDEX document_gin ON document USING gin (k)",
    "CREATE TABLE filled (k uuid, t text)",
    "CREATE INDEX filled_k ON filled (k)",
    "CREATE INDEX filled_t ON filled (t)",
    *(
        f"INSERT INTO filled SELECT md5(g::text)::uuid, md5(g::text || 'x') FROM generate_series({n * 6000}, {n * 6000 + 5999}) g"
        for n in range(9)
    ),
)


async def _bloat(server: PostgresServer) -> dict[str, float | None]:
    """How much of each index a rebuild would give back, 0 to 1; None where that is not known."""
    async with tiers_of(server) as tiers:
        reading = await tiers.warm(Part.RELATIONS)
    assert reading.relations is not None, reading.failures
    return {each.name: _share(each) for each in reading.relations if each.kind == "index"}


def _share(relation: Relation) -> float | None:
    return None if relation.bloat_bytes is None else relation.bloat_bytes / (relation.size_bytes or 1.0)


@pytest.mark.parametrize("upkeep", ["ANALYZE", "VACUUM ANALYZE"])
@pytest.mark.parametrize("version", ["14", "18"])
async def test_no_index_that_was_just_built_counts_as_mostly_empty(version: str, upkeep: str) -> None:
    with postgres(version, settings={"autovacuum": "off", "fsync": "off"}) as server:
        for name, rows in _FRESH.items():
            server.execute(f"CREATE UNLOGGED TABLE {name} AS {rows}", f"CREATE INDEX {name}_k ON {name} (k)")
        server.execute(*_BUILT, upkeep)
        found = await _bloat(server)
        assert len(found) == len(_FRESH) + 9
        assert {name: share for name, share in found.items() if share is not None and share > _MOSTLY_EMPTY} == {}
        known = {name for name, share in found.items() if share is not None}
        assert {"ids_k", "ids_apart", "uuids_k", "filled_k", "filled_t", "few_numbers_k", "few_long_words_k"} <= known
        assert not {"wide_text_k", "document_k", "names_k", "part_of_nulls", "ids_text", "words_hash", "document_gin"} & known


@pytest.mark.parametrize("version", ["14", "18"])
async def test_an_index_that_is_mostly_empty_counts_as_that(version: str) -> None:
    kinds = ("ids", "uuids", "few_numbers", "beside_document")
    with postgres(version, settings={"autovacuum": "off", "fsync": "off"}) as server:
        for name in kinds:
            server.execute(f"CREATE UNLOGGED TABLE {name} AS {_FRESH[name]}", f"CREATE INDEX {name}_k ON {name} (k)")
        server.execute("CREATE UNLOGGED TABLE mails AS SELECT g, 'user' || g || '@example.com' AS k FROM generate_series(1, 60000) g")
        server.execute("CREATE INDEX mails_k ON mails (k)", "CREATE INDEX ids_apart ON ids (k) WITH (fillfactor = 50)")
        for name in ("ids", "uuids", "mails"):
            server.execute(f"DELETE FROM {name} WHERE g % 40 <> 0")
        server.execute("VACUUM ANALYZE")
        found = await _bloat(server)
        emptied = {"ids_k", "ids_apart", "uuids_k", "mails_k"}
        assert {name for name, share in found.items() if share is not None and share > _MOSTLY_EMPTY} == emptied
        server.execute(*(f"REINDEX INDEX {name}" for name in emptied), "ANALYZE")
        after = await _bloat(server)
        assert {name for name, share in after.items() if share is not None and share > _MOSTLY_EMPTY} == set()
