"""MySQL and MariaDB: views whose definers have rights on their own database alone, fewer, or are not there any more."""

from __future__ import annotations

import pytest

from aishell_ops.backups.storage.folder import FolderStorage
from tests.servers.mysql import MysqlServer
from tests.servers.mysql_backups import put_back, save

pytest_plugins = ("tests.live.backup_mysql_fixtures",)

_VIEWS = ("a_items", "b_upon_a", "c_asks", "d_checked")


@pytest.fixture
def viewed(server: MysqlServer) -> MysqlServer:
    """A database whose views belong to an account that has rights on it alone."""
    server.execute(
        "DROP DATABASE IF EXISTS shop",
        "DROP DATABASE IF EXISTS other",
        "CREATE DATABASE shop",
        "DROP USER IF EXISTS zed@'%'",
        "CREATE USER zed@'%'",
        "GRANT SELECT ON shop.* TO zed@'%'",
    )
    server.execute(
        "CREATE TABLE items (id int PRIMARY KEY, note varchar(40))",
        "INSERT INTO items VALUES (1, 'one'), (2, 'two')",
        "CREATE DEFINER=zed@'%' VIEW a_items AS SELECT id, CONCAT(note, ' `shop`.`items`.`id` \\'') AS words FROM items WHERE items.id > 0",
        "CREATE DEFINER=zed@'%' VIEW b_upon_a AS SELECT a_items.id, a_items.words FROM a_items ORDER BY a_items.id",
        "CREATE DEFINER=zed@'%' SQL SECURITY INVOKER VIEW c_asks AS SELECT items.note FROM items WHERE items.id = 2",
        "CREATE DEFINER=zed@'%' VIEW d_checked AS SELECT items.id FROM items WHERE items.id < 9 WITH CHECK OPTION",
        database="shop",
    )
    return server


def _shown(server: MysqlServer, database: str) -> list[object]:
    """Each view as it is defined, with whose rights, and what it shows."""
    kinds = server.execute(
        "SELECT table_name, definer, security_type, check_option FROM information_schema.views"
        f" WHERE table_schema = '{database}' ORDER BY 1"
    )
    defined = [str(server.execute(f"SHOW CREATE VIEW {name}", database=database)[0][1]) for name in _VIEWS]
    rows = [server.execute(f"SELECT * FROM {name}", database=database) for name in _VIEWS]
    return [*kinds, *defined, *rows]


async def test_views_of_an_account_with_rights_on_its_database_alone_come_back(viewed: MysqlServer, storage: FolderStorage) -> None:
    before = _shown(viewed, "shop")
    backup = await save(viewed, storage)
    viewed.execute("DROP VIEW b_upon_a, c_asks", "DELETE FROM items", database="shop")
    await put_back(viewed, storage, backup, replace=True)
    assert _shown(viewed, "shop") == before
    viewed.execute("GRANT SELECT ON other.* TO zed@'%'")
    await put_back(viewed, storage, backup, database="other")
    assert _shown(viewed, "other") == before


@pytest.mark.parametrize("when", ["before it is saved", "before it is restored"])
async def test_views_of_an_account_that_lost_its_rights_come_back(viewed: MysqlServer, storage: FolderStorage, when: str) -> None:
    before = _shown(viewed, "shop")
    viewed.execute("DROP VIEW b_upon_a", database="shop")
    for early in (True, False):
        if early == (when == "before it is saved"):
            viewed.execute("REVOKE SELECT ON shop.* FROM zed@'%'")
        if early:
            backup = await save(viewed, storage)
    await put_back(viewed, storage, backup, replace=True)
    await put_back(viewed, storage, backup, database="other")
    viewed.execute("GRANT SELECT ON shop.* TO zed@'%'", "GRANT SELECT ON other.* TO zed@'%'")
    for database in ("shop", "other"):
        viewed.execute(
            "CREATE DEFINER=zed@'%' VIEW b_upon_a AS SELECT a_items.id, a_items.words FROM a_items ORDER BY a_items.id", database=database
        )
        assert _shown(viewed, database) == before


async def test_views_of_an_account_that_is_gone_come_back(viewed: MysqlServer, storage: FolderStorage) -> None:
    before = _shown(viewed, "shop")
    viewed.execute("DROP VIEW b_upon_a", database="shop")
    backup = await save(viewed, storage)
    viewed.execute("DROP USER zed@'%'")
    await put_back(viewed, storage, backup, database="other")
    viewed.execute("CREATE USER zed@'%'", "GRANT SELECT ON other.* TO zed@'%'")
    viewed.execute(
        "CREATE DEFINER=zed@'%' VIEW b_upon_a AS SELECT a_items.id, a_items.words FROM a_items ORDER BY a_items.id", database="other"
    )
    assert _shown(viewed, "other") == before
