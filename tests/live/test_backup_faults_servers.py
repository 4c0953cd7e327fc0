"""One failure in commands on real servers, in a call of the storage or in a program: it is told or harmless, and running it again mends it.

A run takes up to seconds here, because servers take part. So every fourth or fifth call is tried, and each program in one way; all of
them in all ways in `make soak`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.backup_fault_subjects import (
    CutSubject,
    MongodbSubject,
    MysqlSubject,
    PostgresSubject,
    RedisSubject,
    SqliteSubject,
    Subject,
)
from tests.live.backup_servers_faults_kit import Case, Sweep, World, restored, restored_beside, saved_anew, went_well
from tests.live.cut_wire import CutWire
from tests.servers.mongodb_ferretdb import ferretdb
from tests.servers.mysql import mysql
from tests.servers.postgres import own_folder, postgres
from tests.servers.redis import redis_server
from tests.servers.redis_backups import AT_ONCE
from tests.unit.aishell_ops.backups.faulty_starts import Way

_MEMORY = Path("/dev/shm")
_ARCHIVE = Path(__file__).parents[1] / "data" / "mongodb" / "mongodump" / "notes.archive"


@pytest.fixture(scope="module", params=["postgres", "mariadb"])
def server(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """A database of a server with tables."""
    if request.param == "postgres":
        with postgres("15") as pg:
            yield PostgresSubject(pg)
    else:
        with mysql() as my:
            yield MysqlSubject(my)


@pytest.fixture(scope="module")
def keys() -> Iterator[Subject]:
    """The data of a Redis server."""
    with redis_server(**AT_ONCE) as found:
        yield RedisSubject(found)


@pytest.fixture(scope="module")
def documents() -> Iterator[Subject]:
    """A database of a MongoDB server."""
    with ferretdb() as found:
        yield MongodbSubject(found)


@pytest.fixture(scope="module")
def file() -> Iterator[Subject]:
    folder = Path(tempfile.mkdtemp(prefix="file-"))
    yield SqliteSubject(folder / "data")
    shutil.rmtree(folder)


@pytest.fixture
def homes(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Path]]:
    """A home in memory where there is such a place, and a folder for what is needed for a while."""
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir=_MEMORY if _MEMORY.is_dir() else None))
    scratch = own_folder("fs-")
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setenv("AISHELL_HOME", str(folder / "home"))
    yield folder / "home", scratch
    shutil.rmtree(folder)
    shutil.rmtree(scratch, ignore_errors=True)


@pytest.fixture
def dumper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mongodump that gives what one gave of the rows that are saved."""
    program = tmp_path / "mongodump"
    program.write_text(f"#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'mongodump version: 100.9.4'; else cat {_ARCHIVE}; fi\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)


CREATE = ("create", "shop")
OVER = ("restore", "latest", "--drop-existing", "--confirm", "shop")
BESIDE = ("restore", "latest", "--target", "again", "--yes")
CASES = {
    "create": Case(CREATE, CREATE, saved_anew),
    "verify": Case(CREATE, ("verify", "latest", "--deep"), went_well),
    "test": Case(CREATE, ("test", "latest"), went_well),
    "restore": Case(CREATE, OVER, restored),
    "restore-beside": Case(CREATE, BESIDE, restored_beside),
}
ACROSS = Case(CREATE, ("restore", "latest", "--database", "place", "--drop-existing", "--confirm", "place"), restored)
OF_KEYS = ("create", "verify", "test", "restore")
"""A server of Redis has one place for its data: nothing is restored beside it."""


def _of_form(form: str, case: Case) -> Case:
    """The same of rows that are saved in a form."""
    first = (*case.first, "--format", form, "--proof", "full")
    return Case(first, first if case.command == case.first else case.command, case.done)


def _expect(problems: list[str]) -> None:
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(("name", "stride"), [("create", 5), ("verify", 4), ("test", 7), ("restore", 4), ("restore-beside", 5)])
def test_a_call_of_the_storage_that_fails(server: Subject, homes: tuple[Path, Path], name: str, stride: int) -> None:
    _expect(Sweep(World(*homes, server, server), CASES[name]).problems_of_storage(stride))


@pytest.mark.parametrize(
    ("name", "way"),
    [("create", Way.LATE), ("test", Way.IDLE), ("restore", Way.IDLE), ("restore-beside", Way.LATE)],
)
def test_a_program_that_fails(server: Subject, homes: tuple[Path, Path], name: str, way: Way) -> None:
    _expect(Sweep(World(*homes, server, server), CASES[name]).problems_of_programs((way,)))


@pytest.mark.parametrize(("form", "name"), [("json", "create"), ("csv", "restore"), ("sql", "restore")])
def test_a_call_of_the_storage_that_fails_while_rows_are_saved_or_restored(
    server: Subject, homes: tuple[Path, Path], form: str, name: str
) -> None:
    _expect(Sweep(World(*homes, server, server, bare=True), _of_form(form, CASES[name])).problems_of_storage(5))


@pytest.mark.parametrize("comes", [True, False], ids=["from a file", "into a file"])
def test_a_call_of_the_storage_that_fails_while_rows_go_into_another_engine(
    server: Subject, file: Subject, homes: tuple[Path, Path], comes: bool
) -> None:
    source, place = (file, server) if comes else (server, file)
    _expect(Sweep(World(*homes, source, place, bare=True), _of_form("json", ACROSS)).problems_of_storage(5))


@pytest.mark.soak
@pytest.mark.parametrize("name", CASES)
def test_every_call_and_every_program_in_every_way(server: Subject, homes: tuple[Path, Path], name: str) -> None:
    sweep = Sweep(World(*homes, server, server), CASES[name])
    _expect(sweep.problems_of_storage())
    if name != "verify":
        _expect(sweep.problems_of_programs(tuple(Way)))


@pytest.mark.parametrize("name", OF_KEYS)
def test_a_call_of_the_storage_that_fails_with_redis(keys: Subject, homes: tuple[Path, Path], name: str) -> None:
    _expect(Sweep(World(*homes, keys, keys), CASES[name]).problems_of_storage(2))


@pytest.mark.parametrize("way", [Way.MISSING, Way.FAILS, Way.KILLED, Way.IDLE])
def test_a_server_for_a_test_that_fails_with_redis(keys: Subject, homes: tuple[Path, Path], way: Way) -> None:
    """Redis is saved and restored without a program: only a test starts one, the server."""
    _expect(Sweep(World(*homes, keys, keys), CASES["test"]).problems_of_programs((way,)))


@pytest.mark.soak
@pytest.mark.parametrize("name", OF_KEYS)
def test_every_call_with_redis(keys: Subject, homes: tuple[Path, Path], name: str) -> None:
    _expect(Sweep(World(*homes, keys, keys), CASES[name]).problems_of_storage())


@pytest.mark.parametrize(("name", "stride"), [("create", 3), ("verify", 3), ("test", 4), ("restore", 3), ("restore-beside", 3)])
def test_a_call_of_the_storage_that_fails_with_mongodb(documents: Subject, homes: tuple[Path, Path], name: str, stride: int) -> None:
    _expect(Sweep(World(*homes, documents, documents), CASES[name]).problems_of_storage(stride))


@pytest.mark.soak
@pytest.mark.parametrize("name", ["create", "restore"])
@pytest.mark.parametrize("kind", ["mongodb", "redis"])
def test_a_connection_that_breaks_at_every_piece(
    documents: MongodbSubject, keys: RedisSubject, homes: tuple[Path, Path], kind: str, name: str
) -> None:
    """These are saved and restored by commands of ours: each piece that is sent to the server is one at which the way there may end."""
    subject = documents if kind == "mongodb" else keys
    with CutWire(subject.port).running() as wire:
        cut = CutSubject(subject, wire)
        _expect(Sweep(World(*homes, cut, cut), CASES[name]).problems_of_wire(wire))


@pytest.mark.parametrize("way", Way)
def test_a_mongodump_that_fails(documents: Subject, homes: tuple[Path, Path], dumper: None, way: Way) -> None:
    """MongoDB is restored without a program: only a backup starts one, and where it is installed."""
    _expect(Sweep(World(*homes, documents, documents), CASES["create"]).problems_of_programs((way,)))


@pytest.mark.parametrize(("name", "stride"), [("create", 4), ("restore", 3)])
def test_a_call_of_the_storage_that_fails_with_an_archive_of_mongodump(
    documents: Subject, homes: tuple[Path, Path], dumper: None, name: str, stride: int
) -> None:
    _expect(Sweep(World(*homes, documents, documents), CASES[name]).problems_of_storage(stride))


@pytest.mark.soak
@pytest.mark.parametrize("name", CASES)
def test_every_call_with_mongodb(documents: Subject, homes: tuple[Path, Path], name: str) -> None:
    _expect(Sweep(World(*homes, documents, documents), CASES[name]).problems_of_storage())


@pytest.mark.soak
@pytest.mark.parametrize("form", ["json", "csv", "sql"])
def test_every_call_while_rows_are_saved_and_restored(server: Subject, homes: tuple[Path, Path], form: str) -> None:
    for case in CASES.values():
        _expect(Sweep(World(*homes, server, server, bare=True), _of_form(form, case)).problems_of_storage())
