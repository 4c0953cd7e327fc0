"""What is shown: one frozen Frame per tick, made of one TargetView per target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aishell_core.series.snapshot import Snapshot
from aishell_core.targets import Target
from aishell_core.values import (
    Ability,
    Event,
    Facts,
    Failure,
    HorizonHolder,
    LockWait,
    Metric,
    Part,
    Pool,
    Progress,
    Reading,
    Relation,
    ReplicationPeer,
    Session,
    Setting,
    Severity,
    Statement,
    TargetId,
    Thresholds,
    Tier,
    WaitCount,
    newly_refused,
)

if TYPE_CHECKING:
    # Loaded after the first frame.
    from alerts.ports import AlertsView

_NEVER: Mapping[Part, float] = MappingProxyType({})
_DEFAULTS: Mapping[str, Thresholds] = MappingProxyType({})
_WHOLE = "target"
_LEFT_INTERVALS = 3.0
_WITH_SESSIONS = frozenset({Part.SESSIONS, Part.LOCKS})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a target is not well: a sentence with its number, and the screen that leads on ("" when none does)."""

    severity: Severity
    text: str
    metric: str = ""
    leads_to: str = ""


@dataclass(frozen=True, slots=True)
class Assessment:
    """How well a target is, and the reasons, worst first."""

    severity: Severity = Severity.UNKNOWN
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetView:
    """All that is known of one target now.

    `last_ok_at` is the epoch time of the last good hot reading, `part_at` that of the last good reading of each part;
    `failures` are those of the newest reading of each tier.
    """

    target: Target
    snapshot: Snapshot
    interval_seconds: float = 1.0
    abilities: Ability = Ability.NONE
    facts: Facts | None = None
    sessions: tuple[Session, ...] | None = None
    lock_waits: tuple[LockWait, ...] | None = None
    statements: tuple[Statement, ...] | None = None
    relations: tuple[Relation, ...] | None = None
    settings: tuple[Setting, ...] | None = None
    replication: tuple[ReplicationPeer, ...] | None = None
    progress: tuple[Progress, ...] | None = None
    waits: tuple[WaitCount, ...] | None = None
    horizon: tuple[HorizonHolder, ...] | None = None
    pools: tuple[Pool, ...] | None = None
    failures_by_tier: tuple[tuple[Tier, tuple[Failure, ...]], ...] = ()
    part_at: Mapping[Part, float] = field(default_factory=lambda: _NEVER)
    part_seconds: Mapping[Part, float] = field(default_factory=lambda: _NEVER)
    """The cadence of the tier that brought each part last."""
    first_try_at: float | None = None
    last_ok_at: float | None = None
    next_try_at: float | None = None
    assessment: Assessment = Assessment()
    thresholds: Mapping[str, Thresholds] = field(default_factory=lambda: _DEFAULTS)

    def limits(self, metric: Metric) -> Thresholds:
        """The thresholds in force for a metric: the configured ones, else those of the catalogue."""
        return self.thresholds.get(metric.name) or metric.limits_of(self.target.engine)

    @property
    def name(self) -> TargetId:
        """The target's configured name."""
        return self.target.name

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The newest failure of each part in the readings of all tiers, that of the whole target first."""
        if not self.failures_by_tier:
            return ()
        newest: dict[str, Failure] = {}
        for failure in sorted((each for _, failures in self.failures_by_tier for each in failures), key=lambda each: each.at):
            newest[failure.part] = failure
        return tuple(sorted(newest.values(), key=lambda failure: failure.part != _WHOLE))

    @property
    def target_failure(self) -> Failure | None:
        """Why the whole target could not be read at the last try; None when it could."""
        return next((failure for failure in self.failures if failure.part == _WHOLE), None)

    def lacks(self, ability: Ability) -> bool:
        """Whether it is known that the target does not offer this; before it was read once nothing is known of one without any ability."""
        return ability not in self.abilities and (bool(self.abilities) or self.last_ok_at is not None)

    def failure_of(self, part: str) -> Failure | None:
        """Why one part could not be read; None when it could or was not tried."""
        return next((failure for failure in self.failures if failure.part == part), None)

    def age_seconds(self, now: float) -> float | None:
        """How old the newest good hot reading is; None when there never was one."""
        return None if self.last_ok_at is None else max(0.0, now - self.last_ok_at)

    def is_stale(self, now: float) -> bool:
        """Whether the newest good reading is older than two intervals (and a little for the reading itself)."""
        age = self.age_seconds(now)
        return age is None or age > 2 * self.interval_seconds + 0.5


def without_left_sessions(view: TargetView) -> TargetView:
    """The view without sessions and locks that were read before somebody looked away.

    They come with a hot reading while they are looked at. Where newer ones came without them, they tell of long ago:
    their ages are wrong and their ids may be others' by now.
    """
    if _is_left(view, Part.SESSIONS):
        return _without(view, _WITH_SESSIONS)
    # Locks that a server does not tell of any more: that nobody waited is long ago.
    return _without(view, frozenset({Part.LOCKS})) if _is_left(view, Part.LOCKS) else view


def without_earlier(view: TargetView, parts: Iterable[Part], since: float) -> TargetView:
    """The view without the parts that were read for an earlier look than the one that began at `since` (epoch seconds).

    A part that takes the server long to tell comes more seldom than the readings: while it is looked at it stays, with its age.
    """
    return _without(view, frozenset(part for part in parts if view.part_at.get(part, since) < since and _is_left(view, part)))


def _is_left(view: TargetView, part: Part) -> bool:
    """Whether newer readings came without a part that comes with them while it is looked at."""
    read_at, last_at = view.part_at.get(part), view.last_ok_at
    return read_at is not None and last_at is not None and last_at - read_at > _LEFT_INTERVALS * view.interval_seconds + 1.0


def _without(view: TargetView, parts: frozenset[Part]) -> TargetView:
    if not parts:
        return view
    kept = {part: at for part, at in view.part_at.items() if part not in parts}
    unknown: dict[str, Any] = {name: None for part, name in _PART_FIELDS if part in parts}
    return replace(view, part_at=MappingProxyType(kept), **unknown)


@dataclass(frozen=True, slots=True)
class OwnCost:
    """What aishell itself uses: share of one core, resident bytes."""

    cpu_ratio: float = 0.0
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything that one tick shows; `alerts` is None until something is known of them."""

    at: float
    targets: tuple[TargetView, ...] = ()
    host: TargetView | None = None
    events: tuple[Event, ...] = ()
    own: OwnCost = OwnCost()
    notes: tuple[str, ...] = ()
    alerts: AlertsView | None = None
    bells: int = 0
    """How often the bell was to ring since the start."""

    @property
    def names(self) -> frozenset[TargetId]:
        """The targets that are shown, the host among them where there is one."""
        return frozenset(view.name for view in (*self.targets, *filter(None, (self.host,))))

    def view(self, name: TargetId) -> TargetView | None:
        """The view of one target; the host's own counts too."""
        for view in self.targets:
            if view.name == name:
                return view
        return self.host if self.host is not None and self.host.name == name else None


_PART_FIELDS: tuple[tuple[Part, str], ...] = (
    (Part.SESSIONS, "sessions"),
    (Part.LOCKS, "lock_waits"),
    (Part.STATEMENTS, "statements"),
    (Part.RELATIONS, "relations"),
    (Part.SETTINGS, "settings"),
    (Part.REPLICATION, "replication"),
    (Part.PROGRESS, "progress"),
    (Part.HORIZON, "horizon"),
    (Part.POOLS, "pools"),
)


def _taken_away(view: TargetView, reading: Reading) -> frozenset[Part]:
    """The parts that a reading is newly refused for want of a privilege: what was seen of them may not be seen now."""
    if not reading.failures:
        return frozenset()
    before = dict(view.failures_by_tier).get(reading.tier, ())
    parts: set[str] = {failure.part for failure in newly_refused(before, reading.failures)}
    if Part.SESSIONS in parts:
        parts |= _WITH_SESSIONS
    return frozenset(part for part, name in _PART_FIELDS if part in parts and getattr(reading, name) is None)


def _with_cadence(known: Mapping[Part, float], parts: Iterable[Part], seconds: float) -> Mapping[Part, float]:
    """The same mapping where nothing is new, so that views stay equal."""
    if all(known.get(part) == seconds for part in parts):
        return known
    return MappingProxyType({**known, **dict.fromkeys(parts, seconds)})


def absorb(view: TargetView, reading: Reading, snapshot: Snapshot, interval_seconds: float) -> TargetView:
    """The view after one more reading: parts that it did not bring stay as they were, with their old age, unless they are refused."""
    failed = any(failure.part == _WHOLE for failure in reading.failures)
    by_tier = tuple(pair for pair in view.failures_by_tier if pair[0] is not reading.tier)
    if reading.failures:
        by_tier = (*by_tier, (reading.tier, reading.failures))
    hot = reading.tier is Tier.HOT
    earlier = dict(reading.earlier)
    part_at = {part: earlier.get(part, reading.at) for part, name in _PART_FIELDS if getattr(reading, name) is not None}
    view = _without(view, _taken_away(view, reading))
    return replace(
        view,
        snapshot=snapshot,
        interval_seconds=interval_seconds if hot else view.interval_seconds,
        facts=reading.facts or view.facts,
        sessions=view.sessions if reading.sessions is None else reading.sessions,
        lock_waits=view.lock_waits if reading.lock_waits is None else reading.lock_waits,
        statements=view.statements if reading.statements is None else reading.statements,
        relations=view.relations if reading.relations is None else reading.relations,
        settings=view.settings if reading.settings is None else reading.settings,
        replication=view.replication if reading.replication is None else reading.replication,
        progress=view.progress if reading.progress is None else reading.progress,
        waits=view.waits if reading.waits is None else reading.waits,
        horizon=view.horizon if reading.horizon is None else reading.horizon,
        pools=view.pools if reading.pools is None else reading.pools,
        failures_by_tier=by_tier,
        part_at=MappingProxyType({**view.part_at, **part_at}) if part_at else view.part_at,
        part_seconds=_with_cadence(view.part_seconds, part_at, interval_seconds),
        first_try_at=view.first_try_at if view.first_try_at is not None else reading.at,
        last_ok_at=reading.at if hot and not failed else view.last_ok_at,
    )
