"""One failure, at each call of a storage, in each command of backups: it is told or harmless, and running it again mends all."""

from __future__ import annotations

import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aishell_ops.backups.models import RecordKind
from tests.command_line import Ran
from tests.live.backup_faults_kit import OLD, SAVED, World
from tests.unit.aishell_ops.backups.faulty_storage import CHANGING, Fault

_MEMORY = Path("/dev/shm")
_ID = re.compile(r"\d{8}-\d{6}-\w{4}|\d{18}")
"""The id of a backup, and the time in the name of a record."""


@dataclass(frozen=True, slots=True)
class Case:
    """A command, and what is right afterwards.

    `done` says whether what it is for has come about, after a run without a fault. Of the backups that were there `kept` must be
    there still, and with them the newest. `last` is how many retention keeps. `elsewhere`: it makes something outside of storages.
    """

    arguments: tuple[str, ...]
    done: Callable[[World, Ran], bool]
    kept: int = 2
    last: int = 7
    elsewhere: bool = False


def _well(world: World, ran: Ran) -> bool:
    return ran.code == 0


def _marked(kind: RecordKind) -> Callable[[World, Ran], bool]:
    """Whether a backup and its copy have a record."""
    return lambda world, ran: ran.code == 0 and all(world.records(kind, place) for place in (world.near, world.far))


CASES = {
    "create": Case(("create", "shop"), lambda world, ran: ran.code == 0 and len(world.ids()) >= 3),
    "create-copied": Case(
        ("create", "shop", "--output", "NEAR", "--cloud"),
        # A copy that failed is made up for by the next run.
        lambda world, ran: ran.code == 0 and set(world.ids()) <= set(world.ids(world.far)) and len(world.ids()) >= 3,
    ),
    "create-retained": Case(("create", "shop"), lambda world, ran: ran.code == 0 and len(world.ids()) == 1, kept=0, last=1),
    "list": Case(("list",), _well),
    "info": Case(("info", "latest", "--verify"), _well),
    "copy": Case(
        ("copy", "latest", "--output", "OTHER", "--new-storage"), lambda world, ran: ran.code == 0 and len(world.ids(world.other)) == 1
    ),
    "verify": Case(("verify", "latest", "--deep"), _well),
    "test": Case(("test", "latest"), _well, elsewhere=True),
    "restore": Case(
        ("restore", "latest", "--drop-existing", "--confirm", "shop"),
        lambda world, ran: ran.code == 0 and world.notes() == SAVED,
        elsewhere=True,
    ),
    "restore-beside": Case(
        # A name that was restored to already is refused, and whole.
        ("restore", "latest", "--target", "beside.db", "--yes"),
        lambda world, ran: ran.code in (0, 77) and world.notes(world.work / "beside.db") == SAVED and world.notes() == OLD,
        elsewhere=True,
    ),
    "export": Case(
        ("export", "latest", "WORK/out.tar", "--include-metadata"),
        lambda world, ran: ran.code in (0, 64) and _is_whole(world.work / "out.tar"),
        elsewhere=True,
    ),
    "import": Case(
        ("import", "WORK/in.tar", "--output", "OTHER", "--verify", "--new-storage"),
        lambda world, ran: len(world.ids(world.other)) == 1 and world.records(RecordKind.PINNED, world.other) == 1,
    ),
    "delete": Case(
        ("delete", "FIRST", "--force", "--cloud"), lambda world, ran: len(world.ids()) == len(world.ids(world.far)) == 1, kept=1
    ),
    "pin": Case(("pin", "latest"), _marked(RecordKind.PINNED)),
    "unpin": Case(("unpin", "latest"), _marked(RecordKind.UNPINNED)),
    "hold": Case(("hold", "latest"), _marked(RecordKind.HELD)),
    "release": Case(("release", "latest"), _marked(RecordKind.RELEASED)),
    "prune": Case(("prune",), lambda world, ran: ran.code == 0 and len(world.ids()) == 1, kept=1, last=1),
    "prune-shown": Case(("prune", "--dry-run"), _well, last=1),
    "run-scheduler": Case(("run-scheduler", "--once"), lambda world, ran: ran.code == 0 and len(world.ids()) >= 3),
}
_LONG = {"create"}
"""What others do too and more, so that it is only swept where all of it is."""


def _is_whole(path: Path) -> bool:
    with tarfile.open(path) as archive:
        return any(member.name.endswith("/manifest.json") for member in archive.getmembers())


@pytest.fixture(scope="module")
def _world() -> Iterator[World]:
    # In memory where there is such a place: thousands of calls bring what they write to the disk.
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir=_MEMORY if _MEMORY.is_dir() else None))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AISHELL_HOME", str(folder / "home"))
            yield _made(World(folder / "home"))
    finally:
        shutil.rmtree(folder)


def _made(world: World) -> World:
    """Two backups with their copies, an export of one that was pinned, and a schedule; then the database was changed."""
    world.fill(SAVED)
    for arguments in (
        *[("create", "shop", "--output", str(world.near), "--cloud")] * 2,
        ("export", "latest", str(world.work / "unmarked.tar")),
        ("import", str(world.work / "unmarked.tar"), "--output", str(world.other)),
        ("pin", "latest", "--storage", str(world.other)),
        ("export", "latest", str(world.work / "in.tar"), "--include-metadata", "--storage", str(world.other)),
        ("schedule", "0 * * * *", "--name", "hourly", "-d", "shop"),
    ):
        ran = world.run(*arguments)
        assert ran.code == 0, ran.err
    shutil.rmtree(world.other)
    world.fill(OLD)
    world.keep()
    return world


@pytest.fixture
def world(_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("AISHELL_HOME", str(_world.home))
    _world.reset()
    return _world


class Sweep:
    """One command, run again and again from the same beginning, with its next call failing each time."""

    def __init__(self, world: World, case: Case) -> None:
        world.configure(last=case.last)
        world.make_due("hourly", "0 * * * *")
        world.keep()
        self._world, self._case = world, case
        self._before = world.ids()
        places = {"NEAR": str(world.near), "OTHER": str(world.other), "FIRST": self._before[0]}
        self._words = tuple(places.get(word, word.replace("WORK/", f"{world.work}/")) for word in case.arguments)

    def problems(self, *, late: bool, every: bool) -> list[str]:
        """What was wrong after any of the runs.

        Without `every` late faults of reading are left out, which are like early ones, and of calls that are alike the command is
        run again after the first.
        """
        found: list[str] = []
        seen: set[str] = set()
        plain = Fault()
        self._world.reset()
        ran = self._world.run(*self._words, fault=plain)
        if ran.code or not self._case.done(self._world, ran):
            found.append(f"without a fault: {ran.code} {ran.err}")
        number = -1
        while (number := number + 1) < len(plain.calls) + 2:
            if late and not every and number < len(plain.calls) and not plain.calls[number].startswith(CHANGING):
                continue
            self._world.reset()
            fault = Fault(number, late=late)
            ran = self._world.run(*self._words, fault=fault)
            if not fault.words:
                return found
            alike = _ID.sub("ID", fault.words)
            again = every or alike not in seen
            seen.add(alike)
            found += [f"{number} {fault.words} [{ran.code}]: {one}" for one in self._after(ran, fault, late=late, again=again)]
        return [*found, "it makes more and more calls"]

    def _after(self, ran: Ran, fault: Fault, *, late: bool, again: bool) -> Iterator[str]:
        if "Traceback" in ran.err or "this should not have happened" in ran.err:
            yield f"it crashed: {ran.err}"
        if ran.code and fault.words not in ran.err + ran.out:
            yield f"what failed is not told: {ran.err}"
        changed = fault.has_changed or (late and fault.words.startswith(CHANGING))
        if not changed and not (self._case.elsewhere and any(call.startswith("begin to read") for call in fault.calls)):
            # Nothing was changed, so that the next run is the one without a fault.
            return
        yield from self._broken()
        if not again:
            return
        # What fails waits for its next time.
        self._world.make_due("hourly", "0 * * * *")
        second = self._world.run(*self._words)
        if not self._case.done(self._world, second):
            yield f"running it again does not mend it: {second.code} {second.err}"
        yield from (f"left behind: {one}" for one in self._world.leftovers())
        yield from self._broken()

    def _broken(self) -> Iterator[str]:
        """What must be true after every run, and is not."""
        world, case, before = self._world, self._case, self._before
        found = world.ids()
        there = [id_ for id_ in before if id_ in found]
        if len(there) < case.kept or not found or (case.kept and before[-1] not in there) or not world.ids(world.far):
            yield f"of {before} there are {there}"
        if world.notes() not in (OLD, SAVED):
            yield f"the database holds {world.notes()}"
        yield from (f"plain text in {path}" for path in world.plain_files())
        yield from (f"hidden: {path}" for path in world.hidden())


@pytest.mark.parametrize("name", [name for name in CASES if name not in _LONG])
def test_each_call_that_fails_is_told_or_harmless(world: World, name: str) -> None:
    problems = Sweep(world, CASES[name]).problems(late=False, every=False)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("name", ["create-copied", "import", "delete", "pin", "prune"])
def test_each_change_whose_answer_is_lost_is_told_or_harmless(world: World, name: str) -> None:
    problems = Sweep(world, CASES[name]).problems(late=True, every=False)
    assert not problems, "\n".join(problems)


@pytest.mark.soak
@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", CASES)
def test_every_call_of_every_command(world: World, name: str, late: bool) -> None:
    problems = Sweep(world, CASES[name]).problems(late=late, every=True)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    "arguments",
    [("schedule", "0 3 * * *", "-d", "shop"), ("schedules",), ("unschedule", "hourly"), ("config",), ("config", "--set", "level=3")],
    ids=" ".join,
)
def test_what_needs_no_storage_asks_for_none(world: World, arguments: tuple[str, ...]) -> None:
    fault = Fault()
    ran = world.run(*arguments, fault=fault)
    assert ran.code in (0, 1), ran.err
    assert fault.calls == []
