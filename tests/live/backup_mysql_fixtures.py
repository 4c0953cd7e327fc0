"""The servers on which backups of MySQL and MariaDB are tested; a file of tests names this one among its plugins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aishell_ops.backups.storage.folder import FolderStorage
from tests.servers.mysql import MARIADB, VERSIONS, MysqlServer, mysql
from tests.servers.mysql_backups import LOGGED, shop_on


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[MysqlServer]:
    settings = {"skip-log-bin": "OFF"} if request.param == "mysql-8.0" else {}
    with mysql(request.param, settings={**settings, **LOGGED, "event-scheduler": "ON"}) as found:
        yield found


@pytest.fixture
def shop(server: MysqlServer) -> MysqlServer:
    """A server with a database in which there is something of every kind."""
    return shop_on(server)


@pytest.fixture(scope="module")
def debian() -> Iterator[MysqlServer]:
    with mysql(MARIADB, settings={**LOGGED, "event-scheduler": "ON"}) as found:
        yield found


@pytest.fixture
def one(debian: MysqlServer) -> MysqlServer:
    """The same on one server, for what is of no family or version."""
    return shop_on(debian)


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")
