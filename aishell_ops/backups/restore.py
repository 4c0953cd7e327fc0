"""Restoring: into a staging place, compared with what was saved, and only then put where it is wanted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial

from aishell_core.clock import Clock
from aishell_core.errors import RefusedError
from aishell_core.targets import Target
from aishell_ops.backups.comparison import Comparison, compare
from aishell_ops.backups.engines.contract import Converts, GoesOn, Loading, LoadPlan, LoadRequest, Loads
from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.layout import Spot
from aishell_ops.backups.models import Backup, ProofLevel, RecordKind
from aishell_ops.backups.progress import Stage, Step, Tell, nobody
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.rows.fidelity import ColumnFidelity
from aishell_ops.backups.streams.contract import Keys, Stride
from aishell_ops.backups.streams.fetch import fetch
from aishell_ops.backups.streams.stopping import in_thread
from aishell_ops.backups.verify import unlock


@dataclass(frozen=True, slots=True)
class RestoreOrder:
    """A restore that is wanted: into which target, how, with which keys. Without `proves` nothing is counted afterwards."""

    target: Target
    request: LoadRequest = field(default_factory=LoadRequest)
    keys: Keys | None = None
    proves: bool = True


@dataclass(frozen=True, slots=True)
class Restored:
    """A restore that was carried out: where it went, what was compared, how long it took, what became of columns elsewhere."""

    database: str
    comparison: Comparison
    seconds: float
    fidelity: tuple[ColumnFidelity, ...] = ()


def expected_seconds(backup: Backup, others: Iterable[Backup]) -> float | None:
    """How long a restore would take, by the newest restore of this database that was measured; None without any. Pure."""
    source = backup.manifest.source
    measured = [
        (record.at, record.seconds / one.manifest.plain_bytes)
        for one in others
        if (one.manifest.source.target, one.manifest.source.database) == (source.target, source.database) and one.manifest.plain_bytes
        for record in one.records
        if record.kind in {RecordKind.TESTED, RecordKind.RESTORED} and record.seconds is not None
    ]
    return max(measured)[1] * backup.manifest.plain_bytes if measured else None


_OWN_FORMAT = "a backup in an engine's own format goes into that engine alone; saved with --format json it goes into any that has tables"


async def plan_restore(engine: Loads, backup: Backup, order: RestoreOrder) -> LoadPlan:
    """What a restore would do; what the backup itself forbids stands among the obstacles too."""
    plan = await engine.plan_load(order.target, backup.manifest, order.request)
    if plan.obstacles and backup.manifest.source.engine != order.target.engine and not plan.fidelity:
        plan = replace(plan, obstacles=(*plan.obstacles, _OWN_FORMAT))
    if backup.state.restorable:
        return plan
    return replace(plan, obstacles=(f"the backup is {backup.state}", *plan.obstacles))


async def restore(
    engine: Loads,
    repository: Repository,
    spot: Spot,
    backup: Backup,
    order: RestoreOrder,
    plan: LoadPlan,
    clock: Clock,
    *,
    tell: Tell = nobody,
) -> Restored:
    """Carry out a planned restore.

    Raises RefusedError for a plan with obstacles, DamagedError for parts that are not what was written and when the restored
    is not what was saved: then what was there before is there still, and the staging place is gone.
    """
    if plan.obstacles:
        raise RefusedError(f"backup {backup.id} is not restored: {plan.obstacles[0]}", "; ".join(plan.obstacles[1:]))
    begun, stop = clock.steady(), threading.Event()
    keys = await asyncio.to_thread(unlock, repository, spot, backup, order.keys)
    async with engine.loading(order.target, backup.manifest, plan) as loading:
        await _load_all(loading, repository, spot, backup, keys, tell, stop)
        tell(Step(Stage.FINISHING))
        await loading.finish(lambda stride: tell(Step(Stage.FINISHING, stride.part, stride.plain_bytes)), stop)
        tell(Step(Stage.PROVING))
        comparison = _with_refused(await _prove(loading, backup, order, plan, stop), loading)
        if comparison.differences and not order.request.go_on:
            raise DamagedError(
                _told(backup, comparison), "what was there before is untouched; --continue-on-error keeps what could be restored"
            )
        tell(Step(Stage.PUBLISHING))
        await loading.publish()
        fidelity = loading.fidelity if isinstance(loading, Converts) else ()
    tell(Step(Stage.DONE))
    return Restored(plan.database, comparison, clock.steady() - begun, fidelity)


async def _load_all(
    loading: Loading, repository: Repository, spot: Spot, backup: Backup, keys: Keys | None, tell: Tell, stop: threading.Event
) -> None:
    plain = stored = 0
    for part in backup.manifest.parts:

        def stride(one: Stride, before: tuple[int, int] = (plain, stored)) -> None:
            tell(Step(Stage.LOADING, one.part, before[0] + one.plain_bytes, before[1] + one.stored_bytes, backup.manifest.plain_bytes))

        key, sink = spot.part_key(part.name), loading.sink(part)
        load = partial(fetch, part, repository.storage, key, sink, stride, stop, compression=backup.manifest.compression, keys=keys)
        await in_thread(stop, load)
        plain, stored = plain + part.plain_bytes, stored + part.stored_bytes


async def _prove(loading: Loading, backup: Backup, order: RestoreOrder, plan: LoadPlan, stop: threading.Event) -> Comparison:
    manifest = backup.manifest
    if not order.proves or manifest.proof is ProofLevel.NONE:
        return Comparison()
    expected = loading.expected(manifest.objects) if isinstance(loading, Converts) else manifest.objects
    return compare(expected, await loading.proofs(manifest.proof, stop), plan.request.tables)


def _with_refused(comparison: Comparison, loading: Loading) -> Comparison:
    """What differs, and what the server did not take: of code and views nothing is compared."""
    refused = loading.refused if isinstance(loading, GoesOn) else ()
    return replace(comparison, differences=(*comparison.differences, *refused))


def _told(backup: Backup, comparison: Comparison) -> str:
    first = "; ".join(map(str, comparison.differences[:3]))
    more = f" and {len(comparison.differences) - 3} more" if len(comparison.differences) > 3 else ""
    return f"what was restored of backup {backup.id} is not what was saved: {first}{more}"
