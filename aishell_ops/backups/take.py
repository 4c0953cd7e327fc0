"""Taking a backup: plan, lease, streams and proofs of one moment, and the manifest last."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256

from aishell_core.clock import Clock
from aishell_core.targets import Target
from aishell_ops.backups.engines.contract import Annotates, SavePlan, SaveRequest, Saves, Saving
from aishell_ops.backups.errors import BackupError, StorageError, StorageFault
from aishell_ops.backups.holder import holding, lives
from aishell_ops.backups.ids import new_id
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.lease import BEAT_SECONDS, Lease, take_lease
from aishell_ops.backups.models import Backup, BackupId, BackupKind, Holder, Manifest, ObjectProof, Part, ProofLevel
from aishell_ops.backups.progress import Stage, Step, Tell, nobody
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.sheet import SHEET_HASH, recovery_sheet
from aishell_ops.backups.streams.contract import Recipe, Stride
from aishell_ops.backups.streams.stopping import in_thread
from aishell_ops.backups.streams.store import part_name, store


@dataclass(frozen=True, slots=True)
class Order:
    """A backup that is wanted. `locked_key` is the content of `key.age` where a passphrase opens the backup.

    `id` is what it will be called; without one it gets a new one when it begins.
    """

    target: Target
    request: SaveRequest = field(default_factory=SaveRequest)
    job: str = ""
    recipe: Recipe = field(default_factory=Recipe)
    proof: ProofLevel = ProofLevel.COUNTS
    annotations: tuple[tuple[str, str], ...] = ()
    locked_key: bytes | None = None
    id: BackupId | None = None


async def take(engine: Saves, repository: Repository, order: Order, clock: Clock, *, tell: Tell = nobody) -> Backup:
    """Take a full backup and commit it.

    When this raises (BackupError and its kin, TargetError, UsageError) or is cancelled, nothing is there that looks like a
    backup; what could not be removed at once is swept by whoever comes next.
    """
    tell(Step(Stage.PLANNING))
    plan = await engine.plan_save(order.target, replace(order.request, secret=order.recipe.encryption is not None))
    line = Line(plan.source.target, plan.source.database)
    stop = threading.Event()
    async with _leased(repository, line, clock, stop) as (lease, holder):
        inventory = await asyncio.to_thread(repository.scan, line)
        await asyncio.to_thread(repository.sweep, inventory.unfinished, _goes_on)
        previous = inventory.backups[-1].sha256 if inventory.backups else ""
        spot = Spot(line, order.id or new_id(clock.now()))
        try:
            await asyncio.to_thread(repository.begin, spot, holder)
            manifest = await _save(engine, repository, order, plan, spot, clock, tell, stop)
            tell(Step(Stage.COMMITTING, "", manifest.plain_bytes, manifest.stored_bytes))
            # A machine that slept may have lost it meanwhile, and has to be told before anything is there.
            await asyncio.to_thread(lease.beat)
            backup = await asyncio.to_thread(_commit, repository, spot, replace(manifest, previous_sha256=previous), order, plan)
        except BaseException:
            stop.set()
            with suppress(BackupError):
                await asyncio.shield(asyncio.to_thread(repository.remove, spot))
            raise
    tell(Step(Stage.DONE, "", backup.manifest.plain_bytes, backup.manifest.stored_bytes))
    return backup


def _goes_on(holder: Holder) -> bool:
    """Whether what was begun may still be ended: whoever holds the lease is the only one who saves, but who imports needs none."""
    return lives(holder) is True


@asynccontextmanager
async def _leased(repository: Repository, line: Line, clock: Clock, stop: threading.Event) -> AsyncIterator[tuple[Lease, Holder]]:
    """Hold the line's lease and give signs of life; who loses it has to stop, and is told that."""
    with holding(f"saving {line.database or line.target}") as holder:
        lease = await asyncio.to_thread(partial(take_lease, repository.storage, line, holder, steady=clock.steady))
        beating = asyncio.create_task(_beat(lease, clock, stop))
        try:
            yield lease, holder
        except BackupError:
            if beating.done() and not beating.cancelled() and (lost := beating.exception()) is not None:
                raise lost from None
            raise
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError, BackupError):
                await beating
            with suppress(BackupError):
                await asyncio.shield(asyncio.to_thread(lease.release))


async def _beat(lease: Lease, clock: Clock, stop: threading.Event) -> None:
    """Give signs of life until this is cancelled; raises BusyError, StorageError when the lease is lost, and stops the work."""
    try:
        while True:
            await clock.sleep(BEAT_SECONDS)
            await _beat_in_time(lease, clock)
    except BackupError:
        stop.set()
        raise


async def _beat_in_time(lease: Lease, clock: Clock) -> None:
    """One sign of life; a storage that gives no answer is not waited for longer than the lease lasts."""
    beating = asyncio.ensure_future(asyncio.to_thread(lease.beat))
    ending = asyncio.ensure_future(clock.sleep(max(lease.left_seconds, BEAT_SECONDS)))
    try:
        await asyncio.wait({beating, ending}, return_when=asyncio.FIRST_COMPLETED)
        if not beating.done():
            raise StorageError(
                StorageFault.UNAVAILABLE,
                "the storage has given no answer for so long that another aishell may take this backup for abandoned",
                "look whether the storage can be reached from here",
            )
        beating.result()
    finally:
        beating.cancel()
        ending.cancel()


async def _save(
    engine: Saves, repository: Repository, order: Order, plan: SavePlan, spot: Spot, clock: Clock, tell: Tell, stop: threading.Event
) -> Manifest:
    """Store all parts of one moment, with its proofs; the manifest to be committed."""
    begun = clock.now()
    async with engine.saving(order.target, plan) as saving, _proving(saving, order.proof, stop) as proving:
        parts = await _store_all(saving, repository, order, plan, spot, tell, stop)
        tell(Step(Stage.PROVING, "", sum(part.plain_bytes for part in parts), sum(part.stored_bytes for part in parts)))
        objects = await proving
        end = await saving.end()
        return _manifest(order, plan, spot, saving, parts, objects, end, begun, clock.now())


@asynccontextmanager
async def _proving(saving: Saving, level: ProofLevel, stop: threading.Event) -> AsyncIterator[asyncio.Task[tuple[ObjectProof, ...]]]:
    """Count and hash beside the streams; where that fails they are stopped, and its fault is the one that is told."""

    async def prove() -> tuple[ObjectProof, ...]:
        try:
            return await saving.proofs(level, stop)
        except BaseException:
            stop.set()
            raise

    proving = asyncio.create_task(prove())
    try:
        yield proving
    except BackupError:
        if proving.done() and not proving.cancelled() and (fault := proving.exception()) is not None:
            raise fault from None
        raise
    finally:
        proving.cancel()
        await asyncio.gather(proving, return_exceptions=True)


async def _store_all(
    saving: Saving, repository: Repository, order: Order, plan: SavePlan, spot: Spot, tell: Tell, stop: threading.Event
) -> tuple[Part, ...]:
    parts: list[Part] = []
    for source in saving.streams:
        before = (sum(part.plain_bytes for part in parts), sum(part.stored_bytes for part in parts))

        def stride(one: Stride, before: tuple[int, int] = before) -> None:
            tell(Step(Stage.SAVING, one.part, before[0] + one.plain_bytes, before[1] + one.stored_bytes, plan.expected_bytes))

        key = spot.part_key(part_name(source.name, order.recipe))
        parts.append(await in_thread(stop, partial(store, source, repository.storage, key, order.recipe, stride, stop)))
    return tuple(parts)


def _manifest(
    order: Order,
    plan: SavePlan,
    spot: Spot,
    saving: Saving,
    parts: tuple[Part, ...],
    objects: tuple[ObjectProof, ...],
    end: tuple[tuple[str, str], ...],
    begun: float,
    ended: float,
) -> Manifest:
    return Manifest(
        id=spot.id,
        job=order.job,
        source=plan.source,
        kind=BackupKind.FULL,
        method=plan.method,
        format=plan.request.format,
        started_at=begun,
        finished_at=ended,
        compression=order.recipe.compression,
        parts=parts,
        proof=order.proof,
        objects=objects,
        tables=plan.request.tables,
        skipped=plan.skipped,
        encryption=order.recipe.encryption,
        tools=plan.tools,
        server_time=saving.server_time,
        start=saving.start,
        end=end,
        annotations=(*plan.properties, *(saving.properties if isinstance(saving, Annotates) else ()), *order.annotations),
    )


def _commit(repository: Repository, spot: Spot, manifest: Manifest, order: Order, plan: SavePlan) -> Backup:
    """Write what belongs to it, and the manifest last."""
    if order.locked_key is not None:
        repository.storage.put_new(spot.key_key, order.locked_key)
    sheet = recovery_sheet(manifest, plan.recovery).encode()
    repository.storage.put_new(spot.recovery_key, sheet)
    return repository.commit(spot, replace(manifest, annotations=(*manifest.annotations, (SHEET_HASH, sha256(sheet).hexdigest()))))
