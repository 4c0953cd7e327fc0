"""PostgreSQL: a script on a server that lacks something is refused with what to do, and keeps what goes well where somebody wants that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aishell_core.errors import RefusedError
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
    assert done.comparison.is_proof
    assert server.execute("SELECT count(*) FROM orders", database="again") == [[100]]
    server.execute("CREATE ROLE seller")
    assert (await bench.restore(backup, database="third")).comparison.is_proof
    assert server.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'orders'", database="third") == [["seller"]]
