"""Which backups of one database may go, and why each of the others stays; pure.

Ages count from the newest proven backup and not from now: where backups have stopped, nothing grows old, and nothing is removed.
Only proven backups fill a place that a rule keeps; one that nobody has verified takes no place from one that somebody has.
What a kept backup needs is kept, and is removed only after what needs it. Retention makes no loss of size where there was none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from aishell_ops.backups.models import Backup, BackupId, BackupState
from aishell_ops.backups.shrinking import bridges
from aishell_ops.backups.state import is_held, is_pinned

_FUTURE_SECONDS = 300.0
"""How far a backup may lie in the future before the clock is held for wrong: clocks of two machines differ."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What is to be kept; a backup stays when any of the rules keeps it, and with no rule at all everything stays.

    `within_seconds` keeps what is younger; `last` keeps so many of the newest; the others keep the newest of so many days, ISO weeks,
    months and years that have one. `at_most` removes the oldest of those that only these rules keep, beyond so many.
    """

    within_seconds: float | None = None
    last: int | None = None
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    at_most: int | None = None

    @property
    def keeps_all(self) -> bool:
        """Whether no rule says what to keep."""
        return self.within_seconds is None and self.last is None and not any((self.daily, self.weekly, self.monthly, self.yearly))


@dataclass(frozen=True, slots=True)
class Kept:
    """A backup that stays, with every reason."""

    id: BackupId
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """What stays, what goes in the order in which it is removed, and in `refused` why nothing may be removed at all now."""

    kept: tuple[Kept, ...] = ()
    removed: tuple[BackupId, ...] = ()
    refused: str = ""


def plan_retention(backups: Sequence[Backup], policy: Policy, now: float, zone: tzinfo = UTC, anomaly: str = "") -> RetentionPlan:
    """What of the backups of one database may go. `anomaly` says why the newest one is suspicious; then nothing is removed."""
    found = sorted(backups, key=lambda backup: (backup.manifest.started_at, backup.id), reverse=True)
    refused = _refusal(found, now, anomaly)
    reasons = _reasons(found, policy, now, zone)
    if refused:
        return RetentionPlan(tuple(Kept(backup.id, tuple(reasons.get(backup.id, ()))) for backup in found), refused=refused)
    for id_ in bridges(found, reasons):
        reasons[id_] = ["without it a later one would look like a loss"]
    kept = tuple(Kept(backup.id, tuple(reasons[backup.id])) for backup in found if backup.id in reasons)
    return RetentionPlan(kept, _children_first([backup for backup in found if backup.id not in reasons]))


def _refusal(found: Sequence[Backup], now: float, anomaly: str) -> str:
    if anomaly:
        return anomaly
    if not any(backup.state.proven for backup in found):
        return "no backup has been verified, so that none can be spared"
    ahead = max(backup.manifest.started_at for backup in found) - now
    if ahead > _FUTURE_SECONDS:
        return f"the clock has gone back: a backup was begun {ahead:.0f} s in the future"
    return ""


def _reasons(found: Sequence[Backup], policy: Policy, now: float, zone: tzinfo) -> dict[BackupId, list[str]]:
    """Why each backup stays; those that are not in it go. `found` has the newest first."""
    proven = [backup for backup in found if backup.state.proven]
    reasons: dict[BackupId, list[str]] = {}
    for backup in found:
        if is_pinned(backup, now):
            reasons.setdefault(backup.id, []).append("pinned")
        if is_held(backup, now):
            reasons.setdefault(backup.id, []).append("held")
        if proven and backup.manifest.started_at > proven[0].manifest.started_at and backup.state is not BackupState.CORRUPT:
            reasons.setdefault(backup.id, []).append("newer than the last verified one")
    if proven:
        reasons.setdefault(proven[0].id, []).append("the last good one")
    firm = _with_needed(reasons, found)
    chosen = _chosen(found, proven, policy, zone)
    room = len(found) if policy.at_most is None else policy.at_most - len(firm)
    return _with_needed(_joined(firm, _newest(chosen, found, firm, room)), found)


def _chosen(found: Sequence[Backup], proven: Sequence[Backup], policy: Policy, zone: tzinfo) -> dict[BackupId, list[str]]:
    """Why the policy's rules keep each backup."""
    chosen: dict[BackupId, list[str]] = {}
    if policy.keeps_all:
        return {backup.id: ["no rule says that it may go"] for backup in found}
    if policy.within_seconds is not None and proven:
        for backup in found:
            if proven[0].manifest.started_at - backup.manifest.started_at < policy.within_seconds:
                chosen.setdefault(backup.id, []).append("young enough")
    for backup in proven[: policy.last or 0]:
        chosen.setdefault(backup.id, []).append(f"one of the last {policy.last}")
    for word, count, period in _periods(policy, zone):
        for backup in _newest_of_each(proven, period, count):
            chosen.setdefault(backup.id, []).append(word)
    return chosen


def _periods(policy: Policy, zone: tzinfo) -> Iterable[tuple[str, int, Callable[[Backup], tuple[int, ...]]]]:
    def moment(backup: Backup) -> datetime:
        return datetime.fromtimestamp(backup.manifest.started_at, zone)

    yield "daily", policy.daily, lambda backup: moment(backup).date().timetuple()[:3]
    yield "weekly", policy.weekly, lambda backup: tuple(moment(backup).isocalendar()[:2])
    yield "monthly", policy.monthly, lambda backup: moment(backup).timetuple()[:2]
    yield "yearly", policy.yearly, lambda backup: (moment(backup).year,)


def _newest_of_each(proven: Sequence[Backup], period: Callable[[Backup], tuple[int, ...]], count: int) -> list[Backup]:
    """The newest of each of so many periods. `proven` has the newest first, so that the rest of it need not be looked at."""
    newest: dict[tuple[int, ...], Backup] = {}
    for backup in proven:
        if len(newest) >= count:
            break
        newest.setdefault(period(backup), backup)
    return list(newest.values())


def _newest(
    chosen: Mapping[BackupId, list[str]], found: Sequence[Backup], firm: Mapping[BackupId, list[str]], room: int
) -> dict[BackupId, list[str]]:
    """As many of the newest chosen as there is room for, beside those that stay in any case."""
    kept: dict[BackupId, list[str]] = {}
    for backup in found:
        if backup.id in chosen and (backup.id in firm or room > 0):
            kept[backup.id] = chosen[backup.id]
            room -= backup.id not in firm
    return kept


def _joined(one: Mapping[BackupId, list[str]], other: Mapping[BackupId, list[str]]) -> dict[BackupId, list[str]]:
    return {id_: [*one.get(id_, ()), *other.get(id_, ())] for id_ in (*one, *(id_ for id_ in other if id_ not in one))}


def _with_needed(reasons: Mapping[BackupId, list[str]], found: Sequence[Backup]) -> dict[BackupId, list[str]]:
    """The same with all that the kept ones need."""
    by_id = {backup.id: backup for backup in found}
    complete = {id_: list(words) for id_, words in reasons.items()}
    for id_ in reasons:
        child, parent = by_id[id_], by_id[id_].manifest.parent_id
        while parent is not None and parent in by_id:
            words = complete.setdefault(parent, [])
            if (need := f"needed by {child.id}") in words:
                break
            words.append(need)
            child, parent = by_id[parent], by_id[parent].manifest.parent_id
    return complete


def _children_first(going: Sequence[Backup]) -> tuple[BackupId, ...]:
    """In an order in which no backup is removed before those that need it, whatever their clocks have said."""
    left = {backup.id: backup for backup in going}
    order: list[BackupId] = []
    while left:
        needed = {backup.manifest.parent_id for backup in left.values()}
        free = [id_ for id_ in left if id_ not in needed] or list(left)
        order += free
        for id_ in free:
            del left[id_]
    return tuple(order)
