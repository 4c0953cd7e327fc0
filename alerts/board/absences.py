"""Columns that say of each target whether a figure is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aishell_core.catalogue import CATALOGUE
from aishell_core.series.rates import NAN
from aishell_core.values import TargetId
from alerts.board.index import Index, Indexes
from alerts.board.series import Series
from alerts.language.plan import Absent
from alerts.models import Traits

PRESENT_SECONDS = 60.0
"""How far back `absent` without a window looks: any target has been read by then."""


@dataclass(slots=True)
class Known:
    """A target on the board: what it is, and since when and until when it is known."""

    traits: Traits
    since: float


class Absences:
    """1 for a target without the figure, 0 for one with it, NaN for one that has not been known for long enough.

    Only targets of engines that have the metric are asked.
    """

    __slots__ = ("_index", "_indexes", "_known", "figure", "series", "values", "version")

    def __init__(self, figure: Absent, indexes: Indexes, known: Mapping[TargetId, Known]) -> None:
        self.figure = figure
        self.series: list[Series] = []
        self.values: list[float] = []
        self.version = 0
        self._known = known
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
        present = {series.key.target for series in self.series if series.at > now - max(span, series.hold_seconds)}
        engines = CATALOGUE[self.figure.metric].engines
        asked = [(target, known.since) for target, known in self._known.items() if known.traits.engine in engines]
        values = [0.0 if target in present else 1.0 if now - since >= span else NAN for target, since in asked]
        index = self._indexes.of(self._indexes.key(target) for target, _ in asked)
        if index is not self._index or any(
            one != other and not (one != one and other != other) for one, other in zip(values, self.values, strict=True)
        ):
            self._index, self.values = index, values
            self.version += 1
