"""Taking a backup: all of it or nothing, whatever fails on the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aishell_core.clock import SystemClock
from aishell_core.targets import Secret, Target
from aishell_ops.backups.arriving import arriving
from aishell_ops.backups.engines.contract import SavePlan
from aishell_ops.backups.errors import BackupError, BusyError, StorageError
from aishell_ops.backups.holder import own_holder
from aishell_ops.backups.layout import Line
from aishell_ops.backups.lease import BEAT_SECONDS, SILENT_SECONDS, take_lease
from aishell_ops.backups.models import Backup, BackupState, Compression, Encryption, ObjectProof, Position, ProofLevel
from aishell_ops.backups.progress import Stage, Step
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.storage.contract import Storage
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Recipe, Stop
from aishell_ops.backups.streams.encryption import key_behind
from aishell_ops.backups.streams.stopping import expect_wanted
from aishell_ops.backups.take import Order, take
from tests.fake_clock import FakeClock
from tests.unit.aishell_ops.backups.engine import TABLES, TARGET, ToyEngine, failing, toy_proof
from tests.unit.aishell_ops.backups.situation import LINE, FaultyStorage, spot
from tests.unit.aishell_ops.backups.unsteady_storage import Mood, UnsteadyStorage

PLAIN = Recipe(Compression.NONE)


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")


async def _take(storage: Storage, engine: ToyEngine | None = None, order: Order | None = None) -> Backup:
    return await take(engine or ToyEngine(), Repository(storage, time.time), order or Order(TARGET, recipe=PLAIN), SystemClock())


async def test_a_backup_tells_all_of_itself(storage: FolderStorage) -> None:
    backup = await _take(storage)
    manifest = backup.manifest
    assert backup.state is BackupState.COMMITTED
    assert [part.name for part in manifest.parts] == ["globals.sql", "data.dump"]
    assert manifest.objects == tuple(toy_proof(name, rows) for name, rows in TABLES.items())
    assert (manifest.start, manifest.end) == ((("place", "1"),), (("place", "2"),))
    assert manifest.server_time == 1795226400.0
    assert Repository(storage, time.time).scan(LINE).backups == (backup,)
    prefix = f"orders-eu/orders/{backup.id}/"
    assert [one.key for one in storage.list()] == [
        f"{prefix}{name}" for name in ("RECOVERY.txt", "manifest.json", "parts/data.dump", "parts/globals.sql", "started.json")
    ]


async def test_the_recovery_sheet_says_what_to_type(storage: FolderStorage) -> None:
    encryption, shut = key_behind(Secret("correct horse"))
    backup = await _take(storage, order=Order(TARGET, recipe=Recipe(encryption=encryption), locked_key=shut))
    sheet = (Path(backup.location) / "RECOVERY.txt").read_text()
    assert "age -d -i key.age parts/data.dump.zst.age | zstd -dc > data.dump" in sheet
    assert f"echo '{backup.manifest.parts[0].stored_sha256}  parts/globals.sql.zst.age' | sha256sum -c" in sheet
    assert "toy_restore tables.json" in sheet
    assert (Path(backup.location) / "key.age").read_bytes() == shut


async def test_each_backup_names_the_one_before_it(storage: FolderStorage) -> None:
    first, second = await _take(storage), await _take(storage)
    assert first.manifest.previous_sha256 == ""
    assert second.manifest.previous_sha256 == first.sha256


async def test_the_progress_ends_with_what_was_stored(storage: FolderStorage) -> None:
    steps: list[Step] = []
    engine = ToyEngine(padding_bytes=9 << 20)
    backup = await take(engine, Repository(storage, time.time), Order(TARGET, recipe=PLAIN), SystemClock(), tell=steps.append)
    assert [step.stage for step in steps][:2] == [Stage.PLANNING, Stage.SAVING]
    assert steps[-1] == Step(Stage.DONE, "", backup.manifest.plain_bytes, backup.manifest.stored_bytes)
    plain = [step.plain_bytes for step in steps]
    assert plain == sorted(plain)


@pytest.mark.parametrize(
    "engine",
    [
        ToyEngine(stream_fault=failing("the server went away")),
        ToyEngine(proof_fault=failing("the server went away")),
        ToyEngine(end_fault=failing("the server went away")),
    ],
    ids=["stream", "proof", "end"],
)
async def test_a_fault_of_the_engine_leaves_nothing_and_is_told(storage: FolderStorage, engine: ToyEngine) -> None:
    with pytest.raises(BackupError, match="the server went away"):
        await _take(storage, engine)
    assert engine.open_moments == 0
    assert list(storage.list()) == []


async def test_encryption_without_a_key_writes_no_byte(storage: FolderStorage) -> None:
    with pytest.raises(BackupError, match="no key to encrypt to"):
        await _take(storage, order=Order(TARGET, recipe=Recipe(encryption=Encryption())))
    assert list(storage.list()) == []


async def test_every_single_fault_of_the_storage_is_told_and_leaves_a_whole_backup_or_none(tmp_path: Path) -> None:
    count = FaultyStorage(FolderStorage(tmp_path / "count"))
    await _take(count)
    assert count.calls > 15
    for late in (False, True):
        for number in range(count.calls):
            storage = FolderStorage(tmp_path / f"{number}{late}")
            faulty = FaultyStorage(storage, number, late=late)
            try:
                backup = await _take(faulty)
            except StorageError as error:
                assert "call" in error.message  # noqa: PT017 - some faults are harmless: those of the lease's release
            else:
                assert Repository(storage, time.time).scan(LINE).backups == (backup,)
            await _expect_whole(storage)


async def _expect_whole(storage: FolderStorage) -> None:
    """Every backup that is found is whole, and the next one comes right and sweeps what was left."""
    repository = Repository(storage, time.time)
    for backup in repository.scan(LINE).backups:
        for part in backup.manifest.parts:
            assert (Path(backup.location) / "parts" / part.name).stat().st_size == part.stored_bytes
    latest = await _take(storage)
    assert latest in repository.scan(LINE).backups
    assert repository.scan(LINE).unfinished == ()


async def test_a_second_one_of_the_same_database_is_refused_and_one_of_another_is_not(storage: FolderStorage) -> None:
    lease = take_lease(storage, LINE, own_holder("saving orders"))
    with pytest.raises(BusyError, match="being saved"):
        await _take(storage)
    take_lease(storage, Line("orders-eu", "other"), own_holder())
    lease.release()
    await _take(storage)


async def test_what_is_brought_there_meanwhile_stays_and_what_a_dead_one_has_begun_goes(storage: FolderStorage) -> None:
    repository = Repository(storage, time.time)
    repository.begin(spot(1), replace(own_holder("saving orders"), work="over"))
    with arriving(repository, spot(2), "importing it"):
        await _take(storage)
        assert [one.spot for one in repository.scan(LINE).unfinished] == [spot(2)]


async def test_who_cancels_it_leaves_nothing(storage: FolderStorage) -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def tell(step: Step) -> None:
        if step.stage is Stage.SAVING:
            loop.call_soon_threadsafe(begun.set)

    engine = ToyEngine(padding_bytes=200 << 20)
    work = asyncio.create_task(
        take(engine, Repository(storage, time.time), Order(TARGET, recipe=Recipe(level=12)), SystemClock(), tell=tell)
    )
    await begun.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert list(storage.list()) == []
    assert engine.open_moments == 0


async def test_without_proof_nothing_is_counted(storage: FolderStorage) -> None:
    backup = await _take(storage, order=Order(TARGET, recipe=PLAIN, proof=ProofLevel.NONE))
    assert backup.manifest.objects == ()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what it waits for is done by threads
            await asyncio.sleep(0.005)


class BeatingClock(FakeClock):
    """A clock that stands still, and knows how many signs of life are over: each is slept for, and then waited for."""

    def __init__(self) -> None:
        super().__init__(now=time.time())
        self.begun, self.slept = self.steady(), 0

    def has_beaten(self, count: int) -> bool:
        """Whether so many signs of life were given, or failed."""
        return (self.slept - 1) // 2 >= count

    @property
    def passed_seconds(self) -> float:
        """How long it has gone."""
        return self.steady() - self.begun

    async def sleep(self, seconds: float) -> None:
        """Wait until `advance` has gone that far."""
        self.slept += 1
        await super().sleep(seconds)


class Long(ToyEngine):
    """Takes as long over its proofs as `ends` is not set, unless it is stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = asyncio.Event()
        self.is_proving = False

    @asynccontextmanager
    async def saving(self, target: Target, plan: SavePlan) -> AsyncIterator[Any]:
        async with super().saving(target, plan) as moment:
            yield _LongMoment(self, moment)


class _LongMoment:
    def __init__(self, engine: Long, moment: Any) -> None:
        self._engine, self._moment = engine, moment
        self.start, self.server_time, self.streams = moment.start, moment.server_time, moment.streams

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        self._engine.is_proving = True
        while not self._engine.ends.is_set():
            expect_wanted(stop)
            await asyncio.sleep(0.005)
        found: tuple[ObjectProof, ...] = await self._moment.proofs(level, stop)
        return found

    async def end(self) -> Position:
        end: Position = await self._moment.end()
        return end


def _taking(storage: UnsteadyStorage, clock: BeatingClock, engine: Long) -> asyncio.Task[Backup]:
    return asyncio.create_task(take(engine, Repository(storage, clock.now), Order(TARGET, recipe=PLAIN), clock))


@pytest.mark.parametrize("mood", [Mood.REFUSED, Mood.LOST, Mood.REPEATED])
async def test_signs_of_life_that_fail_for_a_while_end_no_backup(tmp_path: Path, mood: Mood) -> None:
    storage, clock, engine = UnsteadyStorage(tmp_path), BeatingClock(), Long()
    work = _taking(storage, clock, engine)
    await _until(lambda: engine.is_proving)
    storage.mood = mood
    for beats in range(10):
        await clock.advance(BEAT_SECONDS)
        await _until(partial(clock.has_beaten, beats + 1))
    assert storage.tried >= 10
    storage.mood = Mood.FINE
    engine.ends.set()
    backup = await work
    assert Repository(storage, clock.now).scan(LINE).backups == (backup,)
    assert storage.head(LINE.lease_key) is None


async def test_who_gives_no_sign_of_life_stops_before_another_may_take_it(tmp_path: Path) -> None:
    storage, clock, engine = UnsteadyStorage(tmp_path), BeatingClock(), Long()
    work = _taking(storage, clock, engine)
    await _until(lambda: engine.is_proving)
    storage.mood = Mood.REFUSED
    for beats in range(int(SILENT_SECONDS // BEAT_SECONDS)):
        await clock.advance(BEAT_SECONDS)
        beaten = partial(clock.has_beaten, beats + 1)
        await _until(lambda: beaten() or not engine.open_moments)  # noqa: B023 - it is over before the next round
        if not engine.open_moments:
            break
    assert 8 * 60 < clock.passed_seconds < SILENT_SECONDS
    with pytest.raises(StorageError, match="another aishell may take this for abandoned: nobody answers"):
        await work
    assert list(storage.list()) == []


async def test_a_storage_that_gives_no_answer_is_not_waited_for_longer_than_the_lease_lasts(tmp_path: Path) -> None:
    storage, clock, engine = UnsteadyStorage(tmp_path), BeatingClock(), Long()
    work = _taking(storage, clock, engine)
    await _until(lambda: engine.is_proving)
    storage.mood = Mood.HUNG
    try:
        await clock.advance(BEAT_SECONDS)
        await _until(lambda: storage.tried > 0)
        await clock.advance(8 * 60 - BEAT_SECONDS)
        assert engine.open_moments == 1
        await clock.advance(90)
        await _until(lambda: engine.open_moments == 0)
        assert clock.passed_seconds < SILENT_SECONDS
    finally:
        storage.answers.set()
    with pytest.raises(StorageError, match="no answer for so long that another aishell may take this"):
        await work
    assert list(storage.list()) == []


async def test_who_has_lost_it_while_the_machine_slept_commits_nothing(tmp_path: Path) -> None:
    storage, engine = FolderStorage(tmp_path), Long()
    work = asyncio.create_task(_take(storage, engine))
    await _until(lambda: engine.is_proving)
    other = take_lease(storage, LINE, own_holder("saving orders"), lambda _: False)
    engine.ends.set()
    with pytest.raises(BusyError, match="taken this backup for abandoned"):
        await work
    assert [one.key for one in storage.list()] == [LINE.lease_key]
    other.release()
