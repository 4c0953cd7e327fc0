"""Backups that are being made, or were begun and never became any: their state, told from who began them and how it ended; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from operator import attrgetter

from aishell_ops.backups.attempts import GONE, Attempt, AttemptOutcome, What
from aishell_ops.backups.ids import begun_at
from aishell_ops.backups.layout import Spot
from aishell_ops.backups.lease import Lives
from aishell_ops.backups.models import BackupId, BackupState, Holder
from aishell_ops.backups.progress import Step

LISTED_SECONDS = 30 * 86_400.0
"""What failed longer ago is not listed any more."""

_ENDED = {
    AttemptOutcome.RUNNING: BackupState.RUNNING,
    AttemptOutcome.FAILED: BackupState.FAILED,
    AttemptOutcome.ABANDONED: BackupState.ABANDONED,
}


@dataclass(frozen=True, slots=True)
class Beginning:
    """What lies in a storage of a backup without a manifest; `is_silent` says that nothing of it was written for long."""

    spot: Spot
    storage: str
    stored_bytes: int
    holder: Holder | None
    is_silent: bool


@dataclass(frozen=True, slots=True)
class Unmade:
    """A backup that runs, failed or was abandoned. `reason` says why, `stored_bytes` what lies of it in the storage now."""

    id: BackupId
    target: str
    database: str
    state: BackupState
    storage: str
    begun_at: float
    ended_at: float | None = None
    engine: str = ""
    job: str = ""
    stored_bytes: int = 0
    reason: str = ""
    holder: Holder | None = None
    step: Step | None = None
    stepped_at: float | None = None


def is_of_others(one: Unmade, targets: Collection[str]) -> bool:
    """Whether it is over, left nothing, and is of none of these targets: the state is that of all configurations of a user."""
    return one.target not in targets and one.state is not BackupState.RUNNING and not one.stored_bytes


def state_of_beginning(alive: bool | None, *, is_silent: bool) -> BackupState:
    """Of what has no manifest: its holder works on it, or is gone. One on another machine counts for as long as it writes."""
    if alive is None:
        return BackupState.ABANDONED if is_silent else BackupState.RUNNING
    return BackupState.RUNNING if alive else BackupState.ABANDONED


def unmade_of(beginnings: Iterable[Beginning], attempts: Iterable[Attempt], made: Collection[BackupId], alive: Lives) -> tuple[Unmade, ...]:
    """All that runs, failed or was abandoned, the newest first, each once.

    `attempts` are those that this machine knows of, in the light of who lives; `made` are the ids of what has become a backup.
    """
    found = {one.id: one for one in _tried(attempts, made)}
    for one in beginnings:
        if one.spot.id not in made:
            found[one.spot.id] = _begun(one, found.get(one.spot.id), alive)
    return tuple(sorted(found.values(), key=attrgetter("begun_at", "id"), reverse=True))


def _tried(attempts: Iterable[Attempt], made: Collection[BackupId]) -> Iterator[Unmade]:
    for one in attempts:
        state = _ENDED.get(one.outcome)
        if one.what is What.SAVE and state is not None and one.backup not in made:
            yield Unmade(
                id=one.backup,
                target=one.target,
                database=one.database,
                state=state,
                storage=one.storage,
                begun_at=one.begun_at,
                ended_at=one.ended_at,
                engine=one.engine,
                job=one.job,
                reason=one.message,
                holder=one.holder,
                step=one.step,
                stepped_at=one.stepped_at,
            )


def _begun(one: Beginning, tried: Unmade | None, alive: Lives) -> Unmade:
    """What lies in a storage, with what is known of the attempt at it; that it failed is known better than who lives."""
    line = one.spot.line
    if tried is not None:
        return replace(tried, database=line.database, storage=one.storage, stored_bytes=one.stored_bytes)
    state = state_of_beginning(None if one.holder is None else alive(one.holder), is_silent=one.is_silent)
    return Unmade(
        id=one.spot.id,
        target=line.target,
        database=line.database,
        state=state,
        storage=one.storage,
        begun_at=begun_at(one.spot.id),
        stored_bytes=one.stored_bytes,
        reason=GONE if state is BackupState.ABANDONED else "",
        holder=one.holder,
    )
