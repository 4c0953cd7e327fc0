"""Commands that save and restore databases on real servers, of which one call or one program fails, and what must be true then."""

from __future__ import annotations

import getpass
import io
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path

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
from tests.live.backup_fault_subjects import Notes, Subject
from tests.live.cut_wire import CutWire
from tests.unit.aishell_ops.backups.faulty_starts import FaultyStarts, Way
from tests.unit.aishell_ops.backups.faulty_storage import Fault, FaultyFolder

OLD: Notes = ("old one", "old two")
SAVED: Notes = ("first", "second", "third")
_ID = re.compile(r"\d{8}-\d{6}-\w{4}|\d{18}")
"""The id of a backup, and the time in the name of a record."""
_TREE = get_command(app)


_SERVERS = {"initdb", "postgres", "mariadb-install-db", "mariadbd", "redis-server", "sh"}


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
        # With what is known of earlier backups: a storage that is gone is no new one.
        for path in (self.near, self.home / "state"):
            shutil.rmtree(path, ignore_errors=True)
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

    def problems_of_wire(self, wire: CutWire) -> list[str]:
        """What was wrong after any run in which a connection broke, at each piece that was sent."""
        wire.arm(None)
        found = self._plain(Failing())
        assert wire.count, "it asks nothing of the server"
        for number in range(wire.count):
            self._world.reset()
            wire.arm(number)
            ran = self._world.run(*self._case.command)
            wire.arm(None)
            wrong = [*self._wrong(ran, Failing())]
            if not self._case.done(self._world, again := self._world.run(*self._case.command)):
                wrong.append(f"running it again does not mend it: {again.code} {again.err}")
            wrong += self._broken()
            found += [f"piece {number} [{ran.code}]: {one}" for one in wrong]
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
