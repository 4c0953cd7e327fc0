"""Every statement for MySQL and MariaDB is run on every server it is made for that is here, as three accounts."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

import collectors.mysql
from aishell_core.clock import SystemClock
from aishell_core.engines.mysql import Lane, MysqlSession
from aishell_core.errors import TargetError
from aishell_core.values import FailureCode
from collectors.mysql.question_files import QUERIES
from collectors.query_files import TAG, QueryFile
from tests.servers.mysql import VERSIONS, MysqlServer, mysql

_FOLDER = Path(collectors.mysql.__file__).parent
_FILES = tuple((family, file) for family, files in QUERIES.items() for file in files.all())
_NUMBERS, _NAMES = (1, 2), (("shop", "orders"), ("shop", "part"))
_PARAMETERS: Mapping[str, tuple[object, ...]] = {
    **dict.fromkeys(("tables", "table_figures", "indexes", "index_fields", "whole_numbers"), (_NUMBERS,)),
    **dict.fromkeys(("index_pages", "index_uses", "table_statistics"), (_NAMES,)),
    "index_parts": ("shop", "orders"),
}
"""What is bound, where it is no number of rows or session."""

_RIGHTS = {
    "mariadb": ("PROCESS, SLAVE MONITOR, BINLOG MONITOR", "REFERENCES"),
    "mysql": ("PROCESS, REPLICATION CLIENT", "REFERENCES"),
}
_ON = ("SELECT ON performance_schema.*", "SELECT ON mysql.innodb_index_stats", "SELECT ON mysql.innodb_table_stats")
_REFUSED_TO_MONITORS = frozenset({"replica_hosts"})
"""It needs a right that also lets change things, so that it is not granted."""

_WITH_A_PLUGIN = frozenset({"galera_members", "metadata_holders"})
"""What they read is there only with the library of clusters, and with the plugin that tells of metadata locks."""


def _id(found: tuple[str, QueryFile]) -> str:
    family, file = found
    return f"{family}/{file.name}/{file.since}"


@pytest.mark.parametrize("found", _FILES, ids=_id)
def test_a_statement_is_tagged_says_what_it_reads_and_is_used(found: tuple[str, QueryFile]) -> None:
    _, file = found
    assert file.text.startswith("-- ")
    assert re.search(r"^(SELECT|SHOW|WITH) " + re.escape(TAG), file.text, re.MULTILINE)
    modules = "".join(module.read_text(encoding="utf-8") for module in _FOLDER.glob("*.py"))
    assert f'"{file.name}"' in modules, "no module asks for it"


@pytest.mark.parametrize("found", [each for each in _FILES if each[1].text.count("%s")], ids=_id)
def test_every_value_is_bound(found: tuple[str, QueryFile]) -> None:
    """Where values are bound, a per cent sign that is none of them would be taken for one."""
    _, file = found
    assert re.sub(r"%s|%%", "", file.text).count("%") == 0


def _fitting(server: MysqlServer, family: str) -> tuple[QueryFile, ...]:
    """The statement of each name that a server of this version is asked."""
    major, minor, patch = (int(each) for each in re.findall(r"\d+", str(server.execute("SELECT VERSION()")[0][0]))[:3])
    number = major * 10_000 + minor * 100 + patch
    return tuple({each.name: each for each in QUERIES[family].all() if each.since <= number}.values())


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_statement_runs_for_every_account(version: str) -> None:
    """An account with nothing may be told that it lacks a privilege, the monitor lacks none; nobody gets any other error."""
    family = "mysql" if version.startswith("mysql") else "mariadb"
    errors: dict[str, str] = {}
    with mysql(version, performance_schema=True, settings={"log-bin": "bin", "server-id": "1"}) as server:
        server.execute(
            "CREATE DATABASE shop",
            "CREATE TABLE shop.orders (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(20), KEY (note(4)))",
            "CREATE USER monitor@'%'",
            "CREATE USER nothing@'%'",
            *(f"GRANT {right} ON *.* TO monitor@'%'" for right in _RIGHTS[family]),
            *(f"GRANT {right} TO monitor@'%'" for right in _ON),
        )
        files = _fitting(server, family)
        for account in ("root", "monitor", "nothing"):
            async with contextlib.aclosing(_Asked(server, account)) as asked:
                for file in files:
                    error = await asked.run(file)
                    if error is not None and error.reason not in _allowed(file, account):
                        errors[f"{file.name}/{file.since} as {account}"] = f"{error.reason}: {error}"
        assert len(files) > 35
    assert errors == {}


def _allowed(file: QueryFile, account: str) -> set[FailureCode]:
    allowed = {FailureCode.MISSING} if file.name in _WITH_A_PLUGIN else set()
    if account == "nothing" or (account == "monitor" and file.name in (_REFUSED_TO_MONITORS | {"galera_members"})):
        allowed.add(FailureCode.PRIVILEGE)
    return allowed


class _Asked:
    """A session of ours as an account."""

    def __init__(self, server: MysqlServer, account: str) -> None:
        self._session = MysqlSession(server.target(user=account), SystemClock())

    async def run(self, file: QueryFile) -> TargetError | None:
        bound = file.text.count("%s")
        parameters = _PARAMETERS.get(file.name, (10,) * bound) if bound else ()
        try:
            await self._session.query(file.text, parameters, lane=Lane.SLOW, deadline_seconds=20)
        except TargetError as error:
            return error
        return None

    async def aclose(self) -> None:
        await self._session.close()
