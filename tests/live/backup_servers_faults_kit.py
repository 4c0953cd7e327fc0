"""Databases on real servers that are saved and restored by commands of which one call or one program fails, and what must be true then."""

from __future__ import annotations

import getpass
import io
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from typer.main import get_command

from aishell_ops.backups.models import BackupState
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.storage.address import StorageAddress
from aishell_ops.backups.storage.contract import Storage
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.starting import started_by
from aishell_tui.cli import boundary
from aishell_tui.cli.arguments import Choice
from aishell_tui.cli.tree import app
from tests.command_line import Ran
from tests.servers.mysql import MysqlServer
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from tests.unit.aishell_ops.backups.faulty_starts import FaultyStarts, Way
from tests.unit.aishell_ops.backups.faulty_storage import Fault, FaultyFolder

Notes = tuple[str, ...]
OLD: Notes = ("old one", "old two")
SAVED: Notes = ("first", "second", "third")
_ID = re.compile(r"\d{8}-\d{6}-\w{4}|\d{18}")
"""The id of a backup, and the time in the name of a record."""
_TREE = get_command(app)


_SERVERS = {"initdb", "postgres", "mariadb-install-db", "mariadbd", "redis-server", "sh"}
_CODE = (
    "CREATE TRIGGER upper_note BEFORE UPDATE ON orders FOR EACH ROW SET NEW.note = UPPER(NEW.note)",
    "CREATE VIEW dear AS SELECT note FROM orders",
)
"""What does not move with tables in MariaDB, and is made anew."""


class Subject(Protocol):
    """A database that is called shop, and another one beside it that a restore may make."""

    def url(self) -> str:
        """Where it is."""

    def fill(self, notes: Notes, *, bare: bool) -> None:
        """Make it hold these rows and no others, and let nothing else be there; code that belongs to them unless it is to be `bare`."""

    def notes(self) -> Notes | None:
        """Its rows."""

    def again(self) -> Notes | None:
        """The rows of what was restored beside it; None while there is nothing."""

    def left(self) -> list[str]:
        """What restores and tests have left, apart from what was wanted of them."""


class PostgresSubject:
    """A database of a PostgreSQL server."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    def url(self) -> str:
        return self._server.url("shop")

    def fill(self, notes: Notes, *, bare: bool) -> None:
        for name in self._databases():
            self._server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._server.execute("CREATE DATABASE shop")
        rows = ", ".join(f"({number}, '{note}')" for number, note in enumerate(notes))
        self._server.execute("CREATE TABLE orders (id int PRIMARY KEY, note text)", f"INSERT INTO orders VALUES {rows}", database="shop")

    def notes(self) -> Notes | None:
        return self._rows("shop")

    def again(self) -> Notes | None:
        return self._rows("again")

    def _rows(self, name: str) -> Notes | None:
        if name not in self._databases():
            return None
        return tuple(str(row[0]) for row in self._server.execute("SELECT note FROM orders ORDER BY id", database=name))

    def left(self) -> list[str]:
        schemas = self._server.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'aishell%'", database="shop")
        return [*(self._databases() - {"shop", "again"}), *(str(row[0]) for row in schemas)]

    def _databases(self) -> set[str]:
        found = self._server.execute("SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'")
        return {str(row[0]) for row in found}


class MysqlSubject:
    """A database of a MariaDB server."""

    def __init__(self, server: MysqlServer) -> None:
        self._server = server
        self._bare = False

    def url(self) -> str:
        return self._server.url("shop")

    def fill(self, notes: Notes, *, bare: bool) -> None:
        self._server.execute(*[f"DROP DATABASE `{name}`" for name in self._databases()], "CREATE DATABASE shop")
        rows = ", ".join(f"({number}, '{note}')" for number, note in enumerate(notes))
        make = "CREATE TABLE orders (id int PRIMARY KEY, note varchar(50))"
        self._server.execute(make, f"INSERT INTO orders VALUES {rows}", *(() if bare else _CODE), database="shop")
        self._bare = bare

    def notes(self) -> Notes | None:
        return self._rows("shop")

    def again(self) -> Notes | None:
        return self._rows("again")

    def _rows(self, name: str) -> Notes | None:
        if name not in self._databases():
            return None
        rows = tuple(str(row[0]) for row in self._server.execute("SELECT note FROM orders ORDER BY id", database=name))
        code = [*self._server.execute("SHOW TRIGGERS", database=name), *self._server.execute("SHOW TABLES LIKE 'dear'", database=name)]
        return rows if len(code) == (0 if self._bare else len(_CODE)) else (*rows, f"and {len(code)} of its trigger and its view")

    def left(self) -> list[str]:
        return sorted(self._databases() - {"shop", "again"})

    def _databases(self) -> set[str]:
        found = {str(row[0]) for row in self._server.execute("SHOW DATABASES")}
        return found - {"mysql", "sys", "information_schema", "performance_schema"}


class RedisSubject:
    """The data of a Redis server, which is one: there is nothing beside it."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server

    def url(self) -> str:
        return self._server.url()

    def fill(self, notes: Notes, *, bare: bool) -> None:
        self._server.execute("FLUSHALL")
        self._server.execute("RPUSH", "orders", *notes)

    def notes(self) -> Notes | None:
        return tuple(note.decode() for note in self._server.execute("LRANGE", "orders", 0, -1))

    def again(self) -> Notes | None:
        return None

    def left(self) -> list[str]:
        return [key.decode(errors="replace") for key in self._server.execute("KEYS", "*") if key != b"orders"]


class SqliteSubject:
    """A file, and one beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def url(self) -> str:
        return str(self._folder / "shop.db")

    def fill(self, notes: Notes, *, bare: bool) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        with closing(sqlite3.connect(self.url())) as connection, connection:
            connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT)")
            connection.executemany("INSERT INTO orders (note) VALUES (?)", [(note,) for note in notes])

    def notes(self) -> Notes | None:
        return self._rows(self._folder / "shop.db")

    def again(self) -> Notes | None:
        return self._rows(self._folder / "again")

    def _rows(self, path: Path) -> Notes | None:
        if not path.exists():
            return None
        with closing(sqlite3.connect(path)) as connection:
            return tuple(note for (note,) in connection.execute("SELECT note FROM orders ORDER BY id"))

    def left(self) -> list[str]:
        return [path.name for path in self._folder.iterdir() if path.name not in ("shop.db", "again")]


@dataclass(frozen=True, slots=True)
class Case:
    """How the backup is made, the command that works on it, and whether what the command is for has come about."""

    first: tuple[str, ...]
    command: tuple[str, ...]
    done: Callable[[World, Ran], bool]


class World:
    """A home with backups of a database, and a place that they are restored into; both are as they were after `reset`."""

    def __init__(self, home: Path, scratch: Path, source: Subject, place: Subject, *, bare: bool = False) -> None:
        self.home, self.near, self.scratch = home, home / "near", scratch
        self.source, self.place, self._bare = source, place, bare
        self._kept = home.with_name(f"{home.name}-kept")
        home.mkdir(parents=True, exist_ok=True)
        targets = {"shop": source.url(), "place": place.url()}
        (home / "config.yaml").write_text(
            f"targets: [{', '.join(f'{{name: {name}, url: {url!r}, environment: development}}' for name, url in targets.items())}]\n"
            f"roles: [{{role: admin, users: [{getpass.getuser()}]}}]\n"
            f"backup: {{storage: {self.near}, verify: false}}\n"
        )

    def make(self, first: tuple[str, ...]) -> None:
        """A backup of what is saved, after which other rows are there."""
        shutil.rmtree(self.near, ignore_errors=True)
        self.source.fill(SAVED, bare=self._bare)
        ran = self.run(*first)
        assert ran.code == 0, ran.err
        shutil.rmtree(self._kept, ignore_errors=True)
        shutil.copytree(self.home, self._kept)
        self.place.fill(OLD, bare=self._bare)

    def reset(self) -> None:
        """Everything as it was when the backup was made."""
        shutil.rmtree(self.home)
        shutil.copytree(self._kept, self.home)
        if self.place.notes() != OLD or self.place.again() is not None or self.place.left():
            self.place.fill(OLD, bare=self._bare)

    def run(self, *arguments: str, fault: Fault | None = None, starts: FaultyStarts | None = None) -> Ran:
        """Run a command of backups in which one call of the storage fails, or one program."""

        def opens(address: StorageAddress) -> Storage:
            assert address.path is not None
            return FaultyFolder(FolderStorage(address.path), fault or Fault())

        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), started_by(starts or FaultyStarts()):
            code = boundary.run(partial(_TREE, obj=Choice(opens=opens)), ("backup", *arguments))
        return Ran(code, out.getvalue(), err.getvalue())

    def ids(self) -> list[str]:
        """The backups that lie there, none of which is said to be damaged."""
        found = Repository(FolderStorage(self.near), time.time).scan()
        assert found.damaged == ()
        assert all(one.state is not BackupState.CORRUPT for one in found.backups), [one.records for one in found.backups]
        return [str(one.id) for one in found.backups]


@dataclass(frozen=True, slots=True)
class Failing:
    """Something that fails in a run: a call of the storage or a program."""

    fault: Fault | None = None
    starts: FaultyStarts | None = None

    @property
    def words(self) -> str:
        """What failed; "" where nothing did."""
        return self.fault.words if self.fault is not None else self.starts.failed if self.starts is not None else ""

    def is_told(self, ran: Ran) -> bool:
        """Whether a run that did not go well says what failed; of a server's own programs what they did not do."""
        words = "" if self.words in _SERVERS else self.words
        return bool(ran.err.strip()) and words in ran.err + ran.out


class Sweep:
    """One command, run again and again from the same beginning, with another one of its steps failing each time."""

    def __init__(self, world: World, case: Case) -> None:
        self._world, self._case = world, case
        world.make(case.first)
        self._before = world.ids()

    def problems_of_storage(self, stride: int = 1) -> list[str]:
        """What was wrong after any run in which a call of the storage failed; of every so many calls one is tried."""
        plain = Fault()
        found = self._plain(Failing(fault=plain))
        seen: set[str] = set()
        for number in range(0, len(plain.calls), stride):
            found += self._one(Failing(fault=Fault(number)), f"call {number}", seen)
        return found

    def problems_of_programs(self, ways: tuple[Way, ...]) -> list[str]:
        """What was wrong after any run in which a program failed in one of the ways."""
        plain = FaultyStarts()
        found = self._plain(Failing(starts=plain))
        assert plain.names, "it starts no program"
        for way in ways:
            for number, name in enumerate(plain.names):
                found += self._one(Failing(starts=FaultyStarts(number, way)), f"{name} {way}", set())
        return found

    def _plain(self, counting: Failing) -> list[str]:
        ran = self._run(counting)
        return [] if self._case.done(self._world, ran) else [f"without a fault: {ran.code} {ran.err}"]

    def _run(self, failing: Failing) -> Ran:
        self._world.reset()
        return self._world.run(*self._case.command, fault=failing.fault, starts=failing.starts)

    def _one(self, failing: Failing, what: str, seen: set[str]) -> list[str]:
        ran = self._run(failing)
        if not failing.words:
            return []
        found = [*self._wrong(ran, failing)]
        alike = _ID.sub("ID", failing.words)
        if alike not in seen:
            seen.add(alike)
            again = self._world.run(*self._case.command)
            if not self._case.done(self._world, again):
                found.append(f"running it again does not mend it: {again.code} {again.err}")
            found += self._broken()
        return [f"{what} ({failing.words}) [{ran.code}]: {one}" for one in found]

    def _wrong(self, ran: Ran, failing: Failing) -> Iterator[str]:
        if "Traceback" in ran.err or "this should not have happened" in ran.err:
            yield f"it crashed: {ran.err}"
        if ran.code and not failing.is_told(ran):
            yield f"what failed is not told: {ran.err}"
        if not ran.code and not self._case.done(self._world, ran):
            yield f"it says that all is well: {ran.out}"
        yield from self._broken()

    def _broken(self) -> Iterator[str]:
        """What must be true after every run, and is not."""
        world = self._world
        try:
            missing = set(self._before) - set(world.ids())
        except AssertionError as error:
            yield f"a backup is not believed: {error}"
        else:
            yield from (f"the backup {one} is gone" for one in missing)
        if world.place.notes() not in (OLD, SAVED):
            yield f"the database holds {world.place.notes()}"
        if world.place.again() not in (None, SAVED):
            yield f"what was restored beside it holds {world.place.again()}"
        left = _settled(world.place.left)
        yield from (f"left behind: {one}" for one in left)
        yield from (f"left behind: {one}" for one in _settled(lambda: [path.name for path in world.scratch.iterdir()]))


def _settled(left: Callable[[], list[str]]) -> list[str]:
    """What is left once whoever tidies had a moment to do it."""
    until = time.monotonic() + 3
    while (found := left()) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def went_well(world: World, ran: Ran) -> bool:
    """A command that changes nothing outside of the storage."""
    return ran.code == 0


def saved_anew(world: World, ran: Ran) -> bool:
    """There is one backup more."""
    return ran.code == 0 and len(world.ids()) >= 2


def restored(world: World, ran: Ran) -> bool:
    """What was saved is there again."""
    return ran.code == 0 and world.place.notes() == SAVED


def restored_beside(world: World, ran: Ran) -> bool:
    """It is there under another name: a name that was restored to already is refused, and whole."""
    return ran.code in (0, 77) and world.place.again() == SAVED and world.place.notes() == OLD
