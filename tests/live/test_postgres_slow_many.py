"""A database with 20,000 tables on a real server: read within the deadline, again and again."""

from __future__ import annotations

import time

import pytest

from aishell_core.values import FailureCode, Part
from collectors.postgres.relations import MOST_TABLES, RelationsReader
from collectors.postgres.warm import DEADLINE_SECONDS
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_tiers import AheadClock, tiers_of

_TABLES = 20_000
_READINGS = 8
"""A server makes its own plan for a statement that was prepared and run five times."""

_MAKE = """
DO $$ BEGIN
  FOR i IN {first}..{last} LOOP
    EXECUTE format('CREATE TABLE app.t%s (id bigint PRIMARY KEY, customer int, at timestamptz DEFAULT now(), note text)', i);
    EXECUTE format('CREATE INDEX ON app.t%s (customer)', i);
    IF i % 10 = 0 THEN
      EXECUTE format('INSERT INTO app.t%s SELECT g, mod(g, 100), now(), repeat(''x'', 50) FROM generate_series(1, %s) g', i, 50 + i / 20);
    END IF;
    IF i % 200 = 0 THEN COMMIT; END IF;
  END LOOP;
END $$
"""


def _make_tables(server: PostgresServer, count: int) -> None:
    session = server.connect()
    session.run("CREATE SCHEMA app")
    for first in range(1, count, 1000):
        session.run(_MAKE.format(first=first, last=first + 999))
    session.run("ANALYZE")
    session.close()


@pytest.mark.soak
@pytest.mark.parametrize("version", ["14", "15", "18"])
async def test_twenty_thousand_tables_are_read_within_the_deadline(version: str) -> None:
    clock = AheadClock()
    with postgres(version, settings={"autovacuum": "off", "max_locks_per_transaction": "256"}, statements=False) as server:
        _make_tables(server, _TABLES)
        async with tiers_of(server, relations=RelationsReader(clock), clock=clock, patient=False) as tiers:
            for _ in range(_READINGS):
                began = time.monotonic()
                reading = await tiers.warm(Part.RELATIONS)
                assert time.monotonic() - began < DEADLINE_SECONDS
                assert [failure.code for failure in reading.failures] == [FailureCode.UNSUPPORTED], "only that not all are listed"
                tables = [relation for relation in reading.relations or () if relation.kind == "table"]
                assert len(tables) == MOST_TABLES
                assert sum(1 for table in tables if table.bloat_bytes is not None) > 900
                assert sum(1 for relation in reading.relations or () if relation.kind == "index") == 2 * MOST_TABLES
                clock.ahead += 600
