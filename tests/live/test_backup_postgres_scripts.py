"""PostgreSQL: what a server cannot take is refused with what to do, and the rest is kept where somebody wants that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from aishell_core.errors import RefusedError
from aishell_ops.backups.errors import ProgramError
from aishell_ops.backups.models import Format
from aishell_ops.backups.storage.folder import FolderStorage
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_backups import Bench


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with postgres("15") as found:
        yield found


async def test_roles_that_are_missing_forbid_a_script_unless_it_goes_on(server: PostgresServer, tmp_path: Path) -> None:
    server.execute("CREATE ROLE seller", "CREATE DATABASE shop")
    server.execute(
        "CREATE TABLE orders AS SELECT i AS id FROM generate_series(1, 100) AS i", "ALTER TABLE orders OWNER TO seller", database="shop"
    )
    bench = Bench(server, FolderStorage(tmp_path / "backups"))
    backup = await bench.take(format=Format.SQL)
    server.execute("ALTER TABLE orders OWNER TO postgres", "DROP ROLE seller", database="shop")
    with pytest.raises(RefusedError, match=r"some of these roles are missing here: make them with globals\.sql"):
        await bench.restore(backup, database="again")
    done = await bench.restore(backup, database="again", go_on=True)
    assert done.comparison.hashed == 1
    (refused,) = map(str, done.comparison.differences)
    assert re.fullmatch(r'shop was not taken whole: psql:<stdin>:\d+: ERROR:  role "seller" does not exist', refused)
    assert server.execute("SELECT count(*) FROM orders", database="again") == [[100]]
    server.execute("CREATE ROLE seller")
    assert (await bench.restore(backup, database="third")).comparison.is_proof
    assert server.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'orders'", database="third") == [["seller"]]


@pytest.mark.parametrize(("form", "jobs"), [(Format.NATIVE, 1), (Format.NATIVE, 2), (Format.SQL, 1)])
async def test_going_on_after_errors_keeps_the_rest_and_tells_each_of_them(
    server: PostgresServer, tmp_path: Path, form: Format, jobs: int
) -> None:
    """A check that looks at another table by its bare name: a restore has no path that would find it."""
    server.execute("CREATE DATABASE shop")
    server.execute(
        "CREATE TABLE customers AS SELECT i AS id FROM generate_series(1, 10) AS i",
        "CREATE FUNCTION known(int) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM customers WHERE id = $1)'",
        "CREATE TABLE orders AS SELECT i AS customer FROM generate_series(1, 10) AS i",
        "ALTER TABLE orders ADD CHECK (known(customer))",
        database="shop",
    )
    bench = Bench(server, FolderStorage(tmp_path / "backups"))
    backup = await bench.take(format=form)
    with pytest.raises(ProgramError, match="customers"):
        await bench.restore(backup, database="again", jobs=jobs)
    assert server.execute("SELECT FROM pg_database WHERE datname LIKE 'again' OR datname LIKE 'aishell%'") == []
    done = await bench.restore(backup, database="again", go_on=True, jobs=jobs)
    counted, refused = map(str, done.comparison.differences)
    assert counted == '"public"."orders" has 0 rows, and 10 were saved'
    assert refused.startswith("shop was not taken whole: ")
    assert 'relation "customers" does not exist' in refused
    assert server.execute("SELECT count(*) FROM customers", database="again") == [[10]]
