"""Columns of the newest values, over all targets."""

from __future__ import annotations

from typing import Protocol

from alerts.board.index import EVERYTHING, Index, Indexes
from alerts.board.series import Series
from alerts.language.plan import Figure


class Column(Protocol):
    """Values of instances, NaN where there is none; `version` is another one whenever a value or an instance is."""

    version: int
    values: list[float]

    @property
    def index(self) -> Index:
        """The instances, in the order of the values."""

    def counts(self) -> list[int]:
        """How many readings are in each value."""

    def refresh(self, now: float) -> None:
        """Make the values those of a moment."""


class Newest:
    """The newest value of each series that a figure's selector lets through. The series write into it themselves."""

    __slots__ = ("_index", "_indexes", "figure", "series", "values", "version")

    def __init__(self, figure: Figure, indexes: Indexes) -> None:
        self.figure = figure
        self.series: list[Series] = []
        self.values: list[float] = []
        self.version = 0
        self._indexes = indexes
        self._index: Index | None = EVERYTHING

    @property
    def index(self) -> Index:
        """The instances, in the order of the values."""
        if self._index is None or len(self._index.keys) != len(self.series):
            self._index = self._indexes.of(series.key for series in self.series)
        return self._index

    def counts(self) -> list[int]:
        """One reading is in each."""
        return [1] * len(self.values)

    def attach(self, series: Series) -> None:
        """Take a series in, with the value that stands."""
        series.newest = (*series.newest, (self, len(self.values)))
        self.series.append(series)
        self.values.append(series.value)
        self._changed()

    def detach(self, gone: set[int]) -> None:
        """Let go of some series, by identity."""
        kept = [series for series in self.series if id(series) not in gone]
        for series in self.series:
            series.newest = tuple(pair for pair in series.newest if pair[0] is not self)
        self.series, self.values = [], []
        for series in kept:
            self.attach(series)
        self._changed()

    def _changed(self) -> None:
        self._index = None
        self.version += 1

    def refresh(self, now: float) -> None:
        """Nothing: the series keep it fresh."""
