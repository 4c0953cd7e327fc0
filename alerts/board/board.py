"""The board: newest values and windows of the series that rules ask for.

Whoever reads targets calls `know`, `add`, `gap` and `forget`; whoever evaluates calls `want` once per set of conditions and
`advance` before each evaluation (`Program` does both); whoever keeps history answers `lacking` by `remember`. There is no
clock inside: every moment is an argument, and readings have their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from aishell_core.series.rates import gap_seconds
from aishell_core.state.history import History
from aishell_core.values import Labels, Metric, Reading, Sample, TargetId, Tier
from alerts.board.absences import Absences, Known
from alerts.board.departures import Course, Departure, all_go_on
from alerts.board.index import Indexes
from alerts.board.moving import Moving
from alerts.board.newest import Column, Newest
from alerts.board.past import Past, PastRequest, fill
from alerts.board.selection import passes
from alerts.board.series import Series
from alerts.board.watch import Watch
from alerts.language.checker import plan_of
from alerts.language.condition import Condition
from alerts.language.names import TRAIT_LABELS
from alerts.language.plan import Absent, Figure, every_plan
from alerts.models import InstanceKey, Traits

_SWEEP_SECONDS = 60.0
_FORGOTTEN_SECONDS = 300.0
"""How long an instance that its target does not report any more is still known at least, as one without a value."""

Leaf = Figure | Absent
_Columns = Newest | Moving | Absences
_SeriesName = tuple[str, Labels]


@dataclass(slots=True)
class _Track:
    """The readings of one tier of one target; `plan` says for each sample of the last one where it went."""

    target: TargetId
    at: float = -float("inf")
    expires_at: float = -float("inf")
    is_stale: bool = True
    plan: list[tuple[Metric, Labels, Series | None]] = field(default_factory=list)
    samples: tuple[Sample, ...] = ()
    hold_seconds: float = 0.0
    course: Course = field(default_factory=Course)


class Board:
    """Values of all targets, as far as some rule asks for them."""

    def __init__(self) -> None:
        self._indexes = Indexes()
        self._known: dict[TargetId, Known] = {}
        self._traits: dict[TargetId, Traits] = {}
        self._gone: set[TargetId] = set()
        self._columns: dict[Leaf, _Columns] = {}
        self._of_metric: dict[str, list[_Columns]] = {}
        self._series: dict[TargetId, dict[_SeriesName, Series]] = {}
        self._tracks: dict[tuple[TargetId, Tier], _Track] = {}
        self._vanished: dict[int, Series] = {}
        self._departures: dict[int, Departure] = {}
        self._silent: dict[TargetId, float] = {}
        self._past = Past()
        self._watch = Watch()
        self._swept_at = self._advanced_at = -float("inf")
        self.traits_version = 0
        """Another one whenever a target comes, goes, or is something else than before."""

    @property
    def traits(self) -> Mapping[TargetId, Traits]:
        """The targets on the board."""
        return self._traits

    def is_gone(self, target: TargetId) -> bool:
        """Whether a target was on the board and is not watched any more."""
        return target in self._gone

    @property
    def silent(self) -> Mapping[TargetId, float]:
        """The targets that do not answer just now, and since when that is known."""
        return self._silent

    @property
    def indexes(self) -> Indexes:
        """Where columns get their instances from."""
        return self._indexes

    # What is asked for

    def want(self, conditions: Iterable[Condition]) -> None:
        """Keep what these conditions need and nothing else; what was kept already stays with all its past.

        Raises ConditionError for a condition with problems.
        """
        leaves: dict[Leaf, None] = {}
        for condition in conditions:
            leaves.update((node, None) for node in every_plan(plan_of(condition)) if isinstance(node, Figure | Absent))
        for leaf in [leaf for leaf in self._columns if leaf not in leaves]:
            column = self._columns.pop(leaf)
            self._of_metric[leaf.metric].remove(column)
            column.detach({id(series) for series in column.series})
        new = [leaf for leaf in leaves if leaf not in self._columns]
        for leaf in new:
            column = self._columns[leaf] = self._made(leaf)
            self._of_metric.setdefault(leaf.metric, []).append(column)
        self._of_metric = {metric: columns for metric, columns in self._of_metric.items() if columns}
        self._drop(series for found in self._series.values() for series in found.values() if series.metric.name not in self._of_metric)
        self._fill(new)
        for track in sorted(self._tracks.values(), key=attrgetter("at")):
            # What nobody wanted before is in the newest readings: a rare one would else be missed for long.
            track.plan = []
            if not track.is_stale:
                self._take(track)

    def _made(self, leaf: Leaf) -> _Columns:
        if isinstance(leaf, Absent):
            return Absences(leaf, self._indexes, self._known, self._watch)
        return Newest(leaf, self._indexes) if leaf.window is None else Moving(leaf, leaf.window, self._indexes, self._silent)

    def _fill(self, leaves: list[Leaf]) -> None:
        """Give new columns the series that are known already."""
        wanted = {leaf.metric for leaf in leaves}
        for target, found in self._series.items():
            for series in found.values():
                if series.metric.name in wanted:
                    for leaf in leaves:
                        if leaf.metric == series.metric.name and passes(leaf.matchers, series.key.labels, self._traits[target]):
                            self._attach(self._columns[leaf], series)

    def _attach(self, column: _Columns, series: Series) -> None:
        column.attach(series)
        if isinstance(column, Moving) and column.is_long:
            self._past.note(series)

    def column(self, leaf: Leaf) -> Column:
        """The column of a leaf that is wanted."""
        return self._columns[leaf]

    # What is read

    def know(self, traits: Traits, at: float) -> None:
        """Say that a target is watched, and what it is now; one that has never been read can be missed from then on."""
        target = traits.target
        before = self._traits.get(target)
        if before == traits:
            return
        self._traits[target] = traits
        self._gone.discard(target)
        self.traits_version += 1
        if before is None:
            self._known[target] = Known(traits, at)
            self._series[target] = {}
            return
        self._known[target].traits = traits
        self._choose_anew(target)

    def _choose_anew(self, target: TargetId) -> None:
        """Let selectors that ask what a target is look at its series again."""
        columns = [column for column in self._columns.values() if any(one.label in TRAIT_LABELS for one in column.figure.matchers)]
        for column in columns:
            own = [series for series in self._series[target].values() if series.metric.name == column.figure.metric]
            held = {id(series) for series in column.series}
            fits = [series for series in own if passes(column.figure.matchers, series.key.labels, self._traits[target])]
            column.detach({id(series) for series in own} - {id(series) for series in fits})
            for series in fits:
                if id(series) not in held:
                    self._attach(column, series)

    def add(self, reading: Reading, interval_seconds: float, traits: Traits) -> None:
        """Take in a reading of a target that is read so often. A second one of the same moment is left out."""
        self.know(traits, reading.at)
        at, target = reading.at, reading.target
        track = self._tracks.get((target, reading.tier))
        if track is None:
            track = self._tracks[target, reading.tier] = _Track(target)
        if at < track.at:
            self._take_back(target, at)
        hold = gap_seconds(interval_seconds)
        track.at, track.expires_at, track.is_stale = at, at + hold, False
        track.samples, track.hold_seconds = reading.samples, hold
        track.course.take(reading, hold)
        known = self._known[target]
        known.tried_at = max(known.tried_at, at)
        self._take(track)

    def _take(self, track: _Track) -> None:
        at, samples, hold = track.at, track.samples, track.hold_seconds
        if not self._as_before(track, samples):
            self._plan(track, samples)
        for sample, (_, _, series) in zip(samples, track.plan, strict=True):
            if series is not None:
                series.add(at, sample.value, hold, track)

    @staticmethod
    def _as_before(track: _Track, samples: tuple[Sample, ...]) -> bool:
        """Whether the samples are those of the last reading in the same order, as they nearly always are."""
        if len(samples) != len(track.plan):
            return False
        for sample, (metric, labels, _) in zip(samples, track.plan, strict=True):
            if sample.metric is not metric or (sample.labels is not labels and sample.labels != labels):
                return False
        return True

    def _plan(self, track: _Track, samples: tuple[Sample, ...]) -> None:
        before = [series for series in self._series[track.target].values() if series.source is track]
        track.plan = [(each.metric, each.labels, self._series_of(track.target, each)) for each in samples]
        brought = {id(series) for _, _, series in track.plan if series is not None}
        departure = Departure(track.course.number, track.course.before)
        for series in before:
            if id(series) not in brought:
                self._vanished[id(series)] = series
                self._departures.setdefault(id(series), departure)
        for number in brought & self._vanished.keys():
            del self._vanished[number], self._departures[number]

    def _series_of(self, target: TargetId, sample: Sample) -> Series | None:
        """The series of a sample that some column wants."""
        columns = self._of_metric.get(sample.metric.name)
        if columns is None:
            return None
        found = self._series[target]
        series = found.get((sample.metric.name, sample.labels))
        if series is None:
            key = self._indexes.key(target, sample.labels)
            series = found[sample.metric.name, sample.labels] = Series(sample.metric, key)
            for column in columns:
                if passes(column.figure.matchers, sample.labels, self._traits[target]):
                    self._attach(column, series)
        return series

    def _take_back(self, target: TargetId, at: float) -> None:
        """The clock of the readings went back: what is later than now is not known any more."""
        for series in self._series[target].values():
            series.take_back(at)
        for (of_target, _), track in self._tracks.items():
            if of_target == target:
                track.at = min(track.at, at)

    def gap(self, target: TargetId) -> None:
        """A target began anew or was away: nothing is counted across."""
        for series in self._series.get(target, {}).values():
            series.tear()

    def end(self, target: TargetId, name: str, labels: Labels) -> None:
        """A target has no such figure any more: what it had stands no longer, and what comes later begins anew."""
        series = self._series.get(target, {}).get((name, labels))
        if series is not None:
            series.expire()
            series.tear()

    def forget(self, target: TargetId) -> None:
        """A target is not watched any more."""
        if target in self._traits:
            self._drop(list(self._series.pop(target).values()))
            self._tracks = {key: track for key, track in self._tracks.items() if key[0] != target}
            del self._traits[target], self._known[target]
            self._gone.add(target)
            self.traits_version += 1

    # Time

    def miss(self, begin: float, end: float) -> None:
        """Nobody looked from `begin` to `end`: what was not read then is not missing for that."""
        self._watch.miss(begin, end)

    def wake(self, at: float) -> None:
        """The clocks were set: nothing is missing before it was tried to be read again."""
        self._watch.wake(at)

    def advance(self, now: float) -> None:
        """Let go of what does not stand any more at a moment, and of instances that have long been gone."""
        self._advanced_at = now
        self._note_silent(now)
        for track in self._tracks.values():
            if track.expires_at < now and not track.is_stale:
                track.is_stale = True
                for series in self._series[track.target].values():
                    if series.source is track:
                        series.expire()
        for series in self._vanished.values():
            if series.at + series.hold_seconds < now:
                series.expire()
        if now - self._swept_at >= _SWEEP_SECONDS or now < self._swept_at:
            self._swept_at = now
            old = [
                series
                for series in self._vanished.values()
                if self._watch.seconds(series.at, now) > max(_FORGOTTEN_SECONDS, series.reach_seconds, 2.0 * series.hold_seconds)
            ]
            self._drop(old)

    def _drop(self, several: Iterable[Series]) -> None:
        gone = {id(series): series for series in several}
        if not gone:
            return
        for column in {id(column): column for series in gone.values() for column in self._of_metric.get(series.metric.name, ())}.values():
            column.detach(set(gone))
        for series in gone.values():
            self._series.get(series.key.target, {}).pop((series.metric.name, series.key.labels), None)
            self._vanished.pop(id(series), None)
            self._departures.pop(id(series), None)
            self._indexes.forget(series.key)
            self._past.forget(series)
        for track in self._tracks.values():
            if any(id(series) in gone for _, _, series in track.plan if series is not None):
                track.plan = []

    def _note_silent(self, now: float) -> None:
        """Which targets do not answer: those whose most frequent readings bring nothing any more."""
        answering: dict[TargetId, bool] = {}
        for (target, tier), track in self._tracks.items():
            if tier is Tier.HOT or (target, Tier.HOT) not in self._tracks:
                answering[target] = answering.get(target, False) or track.course.answers(now, self._watch)
        for target in [known for known in self._silent if answering.get(known, True)]:
            del self._silent[target]
        for target, answers in answering.items():
            if not answers:
                self._silent.setdefault(target, now)

    def is_over(self, figure: Figure, key: InstanceKey) -> bool:
        """Whether the target of an instance answers, and for a while has had no such figure any more (see `departures`)."""
        own = self._series.get(key.target)
        if own is None or key.target in self._silent:
            return False
        said = dict(key.labels)
        alike = [
            series
            for (name, labels), series in own.items()
            if name == figure.metric
            and all(said.get(label, value) == value for label, value in labels)
            and passes(figure.matchers, labels, self._traits[key.target])
        ]
        if alike:
            return all(self._has_left(series) for series in alike)
        courses = (track.course for (target, _), track in self._tracks.items() if target == key.target)
        return all_go_on(courses, self._advanced_at, self._watch)

    def _has_left(self, series: Series) -> bool:
        departure, track = self._departures.get(id(series)), series.source
        if departure is None or not isinstance(track, _Track) or track.is_stale:
            return False
        return track.course.goes_on_without(departure, series.at, self._watch)

    # The past

    def lacking(self) -> tuple[PastRequest, ...]:
        """What windows need of the time before the first readings; each is said once, and `remember` answers it."""
        return self._past.requests()

    def remember(self, request: PastRequest, history: History, ahead_seconds: float = 0.0) -> None:
        """Take in what is kept of the time that a request named, by a clock that is ahead of the readings by so much."""
        fill(self._series.get(request.target, {}), request, history, ahead_seconds)
