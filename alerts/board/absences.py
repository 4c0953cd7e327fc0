"""Columns that say of each target whether a figure is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aishell_core.catalogue import CATALOGUE
from aishell_core.series.rates import NAN
from aishell_core.values import TargetId
from alerts.board.index import Index, Indexes
from alerts.board.series import Series
from alerts.board.watch import Watch
from alerts.language.plan import Absent
from alerts.models import Traits

PRESENT_SECONDS = 60.0
"""How far back `absent` without a window looks: any target has been read by then."""


@dataclass(slots=True)
class Known:
    """A target on the board: what it is, since when it is known, and when it was last read, or was tried to be."""

    traits: Traits
    since: float
    tried_at: float = -float("inf")


class Absences:
    """1 for a target without the figure, 0 for one with it, NaN for one that has not been known for long enough.

    Only targets of engines that have the metric are asked. Time in which nobody looked does not count; and after it, a target is
    missing when it was tried to be read again, or for the whole span since.
    """

    __slots__ = ("_index", "_indexes", "_known", "_watch", "figure", "series", "values", "version")

    def __init__(self, figure: Absent, indexes: Indexes, known: Mapping[TargetId, Known], watch: Watch) -> None:
        self.figure = figure
        self.series: list[Series] = []
        self.values: list[float] = []
        self.version = 0
        self._known = known
        self._watch = watch
        self._indexes = indexes
        self._index = indexes.of(())

    @property
    def index(self) -> Index:
        """The targets, in the order of the values."""
        return self._index

    def counts(self) -> list[int]:
        """The number of readings is not what this is about: always enough."""
        return [1_000_000] * len(self.values)

    def attach(self, series: Series) -> None:
        """Look at a series from now on."""
        self.series.append(series)

    def detach(self, gone: set[int]) -> None:
        """Let go of some series, by identity."""
        self.series = [series for series in self.series if id(series) not in gone]

    def refresh(self, now: float) -> None:
        """Make the values those of a moment."""
        span = self.figure.span_seconds or PRESENT_SECONDS
        begin = self._watch.back(now, span)
        present = {
            series.key.target
            for series in self.series
            if series.at > (begin if series.hold_seconds <= span else self._watch.back(now, series.hold_seconds))
        }
        engines = CATALOGUE[self.figure.metric].engines
        asked = [(target, known) for target, known in self._known.items() if known.traits.engine in engines]
        values = [0.0 if target in present else 1.0 if self._is_missed(known, begin) else NAN for target, known in asked]
        index = self._indexes.of(self._indexes.key(target) for target, _ in asked)
        if index is not self._index or any(
            one != other and not (one != one and other != other) for one, other in zip(values, self.values, strict=True)
        ):
            self._index, self.values = index, values
            self.version += 1

    def _is_missed(self, known: Known, begin: float) -> bool:
        """Whether what was not seen since the begin of the span would have been seen."""
        woke_at = self._watch.woke_at
        return known.since <= begin and (known.tried_at >= woke_at or begin >= woke_at)
