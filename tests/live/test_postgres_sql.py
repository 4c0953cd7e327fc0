"""Every statement for PostgreSQL is prepared and run on every version it is made for, on a primary and on a standby, as three roles."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

import collectors.postgres
from aishell_core.clock import SystemClock
from aishell_core.engines.postgres import Lane, PostgresSession
from aishell_core.errors import TargetError
from aishell_core.values import FailureCode
from collectors.postgres.slow_questions import QUERIES
from collectors.query_files import TAG, QueryFile
from tests.servers.postgres import SUPERUSER, PostgresServer, postgres, standby_of
from tests.servers.postgres_binaries import VERSIONS
from tests.servers.postgres_tiers import until

_FOLDER = Path(collectors.postgres.__file__).parent
_VALUES = {
    "bigint": 10,
    "integer": 10,
    "boolean": True,
    "text": "",
    "name": "postgres",
    "oid": 1262,
    "double precision": 1.0,
    "oid[]": [1259],
    "bigint[]": [1],
    "integer[]": [1],
    "text[]": ["x"],
}
_NEEDS_EXTENSION = "pg_stat_statements"


@dataclass(frozen=True, slots=True)
class _Pair:
    primary: PostgresServer
    standby: PostgresServer

    @property
    def major(self) -> int:
        return self.primary.binaries.major


@contextlib.contextmanager
def _pair(version: str) -> Iterator[_Pair]:
    with postgres(version, settings={"wal_level": "logical", "max_prepared_transactions": "2"}) as primary:
        primary.execute("CREATE ROLE monitor LOGIN IN ROLE pg_monitor", "CREATE ROLE nothing LOGIN")
        with standby_of(primary, slot="replica") as standby:
            yield _Pair(primary, standby)


_FOR_SUPERUSERS = {"statement_libraries"}
"""What the collector asks only as a role that may."""


def _fitting(major: int) -> tuple[QueryFile, ...]:
    """The statement of each name that a server of this version is asked."""
    newest = {each.name: each for each in QUERIES.all() if each.since <= major * 10_000}
    return tuple(newest.values())


@pytest.mark.parametrize("file", QUERIES.all(), ids=lambda file: f"{file.name}/{file.since}")
def test_a_statement_is_tagged_says_what_it_reads_and_is_used(file: QueryFile) -> None:
    assert file.text.startswith("-- ")
    # Inside the statement, because servers since 18 cut off what stands before it when they keep its text.
    assert re.search(r"^(SELECT|WITH( RECURSIVE)?) " + re.escape(TAG), file.text, re.MULTILINE)
    modules = "".join(module.read_text(encoding="utf-8") for module in _FOLDER.glob("*.py"))
    assert f'"{file.name}"' in modules, "no module asks for it"


def test_every_statement_is_run_on_some_server() -> None:
    majors = {int(version.partition("-")[0]) for version in VERSIONS}
    run = {(each.name, each.since) for major in majors for each in _fitting(major)}
    assert run == {(each.name, each.since) for each in QUERIES.all()}


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_statement_runs_on_primary_and_standby_for_every_role(version: str) -> None:
    """A role with nothing may be told that it lacks a privilege; nobody gets any other error."""
    errors: dict[str, str] = {}
    with _pair(version) as pair:
        questions = [(file, parameters) for file in _fitting(pair.major) if (parameters := _parameters(pair.primary, file)) is not None]
        for server, role in itertools.product((pair.primary, pair.standby), (SUPERUSER, "monitor", "nothing")):
            await until(partial(_connected, server, role))
            async with contextlib.aclosing(_Asked(server, role)) as asked:
                for file, parameters in questions:
                    error = await asked.run(file, parameters)
                    may_lack = role == "nothing" or (role == "monitor" and file.name in _FOR_SUPERUSERS)
                    if error is not None and not (may_lack and error.reason is FailureCode.PRIVILEGE):
                        errors[f"{file.name}/{file.since} as {role} on {server.port}"] = str(error)
        assert len(questions) > 20
    assert errors == {}


async def _connected(server: PostgresServer, role: str) -> bool:
    """Whether a standby has the role by now."""
    return bool(server.execute(f"SELECT FROM pg_roles WHERE rolname = '{role}'"))


def _parameters(server: PostgresServer, file: QueryFile) -> tuple[object, ...] | None:
    """Values of the types that the server wants; None where the statement needs an extension that this version lacks."""
    if _NEEDS_EXTENSION in file.text and not server.binaries.contrib:
        return None
    with contextlib.closing(server.connect()) as session:
        session.run(f"PREPARE probe AS {file.text}")
        ((types,),) = session.run("SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = 'probe'")
    return tuple(_VALUES[each] for each in types)


class _Asked:
    """A session of ours as a role."""

    def __init__(self, server: PostgresServer, role: str) -> None:
        self._session = PostgresSession(server.target(user=role), SystemClock())

    async def run(self, file: QueryFile, parameters: tuple[object, ...]) -> TargetError | None:
        # Our sessions look into the server's own schema only, so the collector names the module's.
        sql = re.sub(r"(?=\bpg_stat_statements(_info)?\()", "public.", file.text)
        try:
            await self._session.query(sql, parameters, lane=Lane.SLOW, deadline_seconds=60)
        except TargetError as error:
            return error
        return None

    async def aclose(self) -> None:
        await self._session.close()
