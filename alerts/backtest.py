"""How often rules would have fired over kept history, for how long, and at which threshold half as often.

Others call `backtest`; it is pure but for the source of history, and keeps in memory what a few hours take. The rules are judged
by the board, the program and the life cycle of production (`alerts/trials/course.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from aishell_core.values import TargetId
from alerts.board.program import conditions_of
from alerts.halving import Judged, Peaks, Variant, judged_by, stricter
from alerts.language.checker import understood
from alerts.language.plan import Absent, Figure, every_plan
from alerts.models import AlertChange, ChangeKind, InstanceKey, Level, Phase, Traits
from alerts.playback import Moment, Playback, Source
from alerts.rule import Rule
from alerts.trials.course import Course

Progress = Callable[[float], None]
"""Told now and then which share of the work is done."""

_FLIPS = frozenset({ChangeKind.FIRED, ChangeKind.RESOLVED, ChangeKind.LEVEL})
_MOST_INSTANCES = 10_000
_PROGRESS_TICKS = 200


@dataclass(frozen=True, slots=True)
class Tally:
    """What one instance of a rule would have done. `flips` counts firing, ending and every change of level."""

    key: InstanceKey
    fired: int = 0
    firing_seconds: float = 0.0
    flips: int = 0
    worst: Level | None = None
    last_fired_at: float | None = None


@dataclass(frozen=True, slots=True)
class Halved:
    """The threshold, in the unit of the rule's own, at which it would have fired half as often at most, and how often that is."""

    threshold: float
    fired: int


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """What one rule would have done, by its instances that fired; `notes` say what about it is not certain."""

    rule: Rule
    tallies: tuple[Tally, ...] = ()
    has_figures: bool = True
    judged: Judged | None = None
    halved: Halved | None = None
    notes: tuple[str, ...] = ()
    is_tried: bool = True
    """Whether it could be judged at all: a rule for a role cannot where no role is known."""

    @property
    def fired(self) -> int:
        """How often it would have fired, over all instances."""
        return sum(tally.fired for tally in self.tallies)

    @property
    def firing_seconds(self) -> float:
        """For how long, over all instances."""
        return sum(tally.firing_seconds for tally in self.tallies)

    @property
    def flips(self) -> int:
        """How often anything changed, over all instances."""
        return sum(tally.flips for tally in self.tallies)


@dataclass(frozen=True, slots=True)
class Covered:
    """What was really there of the span that was asked for: the first and last figures, and for how long somebody watched."""

    since: float | None = None
    until: float | None = None
    watched_seconds: float = 0.0
    fine_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Backtest:
    """What came of it, rule by rule in the order of the rules."""

    outcomes: tuple[RuleOutcome, ...]
    covered: Covered
    targets: tuple[Traits, ...]


@dataclass(slots=True)
class _Count:
    """A tally as it grows."""

    fired: int = 0
    firing_seconds: float = 0.0
    flips: int = 0
    worst: Level | None = None
    last_fired_at: float | None = None


@dataclass(slots=True)
class _Run:
    """One pass over the history."""

    counts: dict[tuple[str, InstanceKey], _Count] = field(default_factory=dict)
    peaks: dict[str, Peaks] = field(default_factory=dict)
    metrics: set[str] = field(default_factory=set)
    first: float | None = None
    last: float | None = None
    watched_seconds: float = 0.0
    fine_seconds: float = 0.0


def backtest(
    rules: Sequence[Rule],
    targets: Sequence[Traits],
    source: Source,
    since: float,
    until: float,
    progress: Progress = lambda _share: None,
    *,
    any_role: bool = False,
) -> Backtest:
    """Judge the rules over what is kept of the targets from `since` to `until` (epoch seconds); blocking, raises what `source` does.

    Which role a target had is not kept: a rule that is for some role is not tried on targets of which none is given, or with
    `any_role` on all of them, and says so.
    """
    tried = [_for_any_role(rule) if any_role else rule for rule in rules]

    def run(some: Sequence[Rule], begin: float, share: float) -> _Run:
        return _pass(some, targets, _playback(some, targets, source, since, until), lambda done: progress(begin + done * share))

    engines = {traits.engine for traits in targets}
    first = run([rule for rule in tried if _can_be_judged(rule, engines)], 0.0, 0.6)
    fired = _fired(first)
    noisy = [rule for rule in tried if fired.get(rule.name, 0)]
    variants = {rule.name: stricter(rule, first.peaks.get(rule.name, Peaks())) for rule in noisy}
    several = [variant.rule for own in variants.values() for variant in own]
    again = _fired(run(several, 0.6, 0.4)) if several else {}
    progress(1.0)
    has_roles = all(traits.role for traits in targets)
    outcomes = (
        _outcome(
            rule, first, _halved(variants.get(rule.name, ()), fired.get(rule.name, 0), again), "" if has_roles else _on_roles(own, any_role)
        )
        for own, rule in zip(rules, tried, strict=True)
    )
    covered = Covered(first.first, first.last, first.watched_seconds, first.fine_seconds)
    return Backtest(tuple(outcomes), covered, tuple(targets))


def _fired(run: _Run) -> Counter[str]:
    """How often each rule fired."""
    found: Counter[str] = Counter()
    for (name, _key), count in run.counts.items():
        found[name] += count.fired
    return found


def _halved(variants: Iterable[Variant], fired: int, again: Mapping[str, int]) -> Halved | None:
    """The mildest threshold at which it fired half as often at most."""
    for variant in variants:
        left = again.get(variant.rule.name, 0)
        if left * 2 <= fired:
            return Halved(variant.threshold, left)
    return None


def _on_roles(rule: Rule, any_role: bool) -> str:
    """What is to be said of a rule that is for some role."""
    if not rule.targets.roles:
        return ""
    found = "tried on targets of any" if any_role else "not tried"
    return f"it is for the role {' or '.join(rule.targets.roles)}; which role a target had is not kept, so it was {found}"


def _for_any_role(rule: Rule) -> Rule:
    return replace(rule, targets=replace(rule.targets, roles=())) if rule.targets.roles else rule


def _can_be_judged(rule: Rule, engines: Collection[str]) -> bool:
    """Whether any target of these engines ("" for one that is not known) can have its figures; the others only take time."""
    if "" in engines:
        return True
    selected = not rule.targets.engines or not set(rule.targets.engines).isdisjoint(engines)
    known = understood(rule.triggers[0].condition).engines
    return selected and (known is None or not known.isdisjoint(engines))


def _leaves(rule: Rule) -> Iterator[Figure | Absent]:
    for condition in conditions_of(rule):
        yield from (leaf for leaf in every_plan(understood(condition).plan) if isinstance(leaf, Figure | Absent))


def _playback(rules: Iterable[Rule], targets: Sequence[Traits], source: Source, since: float, until: float) -> Playback:
    metrics = {leaf.metric for rule in rules for leaf in _leaves(rule)}
    return Playback(source, [traits.target for traits in targets], metrics, since, until)


def _pass(rules: Sequence[Rule], targets: Sequence[Traits], playback: Playback, progress: Progress) -> _Run:
    """Judge these rules over all of it once."""
    run, course = _Run(), Course(rules, ())
    known: Mapping[TargetId, Traits] = {traits.target: traits for traits in targets}
    joined: set[TargetId] = set()
    for number, moment in enumerate(playback.moments()):
        if number % _PROGRESS_TICKS == 0:
            progress((moment.at - playback.since) / (playback.until - playback.since))
        if not moment.readings:
            continue
        _bridge(run, course, moment)
        for reading in moment.readings:
            if reading.target not in joined:
                joined.add(reading.target)
                course.join(known[reading.target])
            run.metrics.update(sample.metric.name for sample in reading.samples)
            course.read(reading, moment.tick_seconds)
        _note(run, course, course.evaluate(moment.at).changes, moment)
    return run


def _bridge(run: _Run, course: Course, moment: Moment) -> None:
    """Go on after a time in which nobody watched, which counts towards nothing."""
    if run.last is None:
        run.first = moment.at
    elif (away := moment.at - run.last) > 2.5 * moment.tick_seconds:
        course.skip(away)
    run.last = moment.at
    run.watched_seconds += moment.tick_seconds
    run.fine_seconds += moment.tick_seconds if moment.is_fine else 0.0


def _note(run: _Run, course: Course, changes: Iterable[AlertChange], moment: Moment) -> None:
    """Count what happened at a tick, and how long what fires has fired."""
    for change in changes:
        alert = change.after
        count = run.counts.get((alert.rule, alert.key))
        if change.kind is ChangeKind.FIRED and count is None and len(run.counts) < _MOST_INSTANCES:
            count = run.counts[alert.rule, alert.key] = _Count()
        if count is None or change.kind not in _FLIPS:
            continue
        count.flips += 1
        if change.kind is ChangeKind.FIRED:
            count.fired += 1
            count.last_fired_at = moment.at
    for alert in course.alerts.values():
        if alert.phase in {Phase.PENDING, Phase.FIRING} and alert.value is not None:
            run.peaks.setdefault(alert.rule, Peaks()).add(alert.value)
        count = run.counts.get((alert.rule, alert.key))
        if count is not None and alert.phase.is_active:
            count.firing_seconds += moment.tick_seconds
            count.worst = alert.level if count.worst is None or alert.level.rank > count.worst.rank else count.worst


def _outcome(rule: Rule, run: _Run, halved: Halved | None, on_roles: str) -> RuleOutcome:
    tallies = tuple(
        Tally(key, count.fired, count.firing_seconds, count.flips, count.worst, count.last_fired_at)
        for (name, key), count in sorted(run.counts.items(), key=lambda item: (-item[1].fired, item[0][1].target, item[0][1].labels))
        if name == rule.name
    )
    has_figures = any(leaf.metric in run.metrics for leaf in _leaves(rule))
    notes = (*_notes(rule, run), *([on_roles] if on_roles else []))
    return RuleOutcome(rule, tallies, has_figures, judged_by(rule), halved, notes, is_tried=not on_roles or not rule.targets.roles)


def _notes(rule: Rule, run: _Run) -> Iterator[str]:
    leaves = list(_leaves(rule))
    coarse = run.watched_seconds > run.fine_seconds
    shortest = min((leaf.window.span_seconds for leaf in leaves if isinstance(leaf, Figure) and leaf.window is not None), default=None)
    if coarse and ((shortest is not None and shortest < 900) or rule.for_seconds < 300):
        yield "of what is older than a day only means of five minutes are kept: shorter peaks are not seen"
    if len(rule.triggers) > 1:
        yield "the figures are means of ten seconds at best, so a level may have been worse for a moment"
    if any(isinstance(leaf, Absent) for leaf in leaves):
        yield "a target that nobody watched counts as absent while another one was watched"
    if rule.active_hours:
        yield "it fires at any hour here; people are told within its active hours alone"
