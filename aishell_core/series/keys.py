"""What names one series, and the columns that a block of rows has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from weakref import WeakValueDictionary

from aishell_core.values import NO_LABELS, Kind, Labels, Metric

NameAndLabels = tuple[str, Labels]
"""A series by name: strings keep their hash, so this is the quick key of the write path."""


class SeriesKey(NamedTuple):
    """One series of a target: a metric and the labels that tell its instances apart."""

    metric: Metric
    labels: Labels = NO_LABELS

    @property
    def is_counter(self) -> bool:
        """Whether the raw values only ever rise, so that the rate is what is shown."""
        return self.metric.kind is Kind.COUNTER

    @property
    def name_and_labels(self) -> NameAndLabels:
        """The same identity without the metric's other fields."""
        return self.metric.name, self.labels


class Layout:
    """Which series is in which column, shared by all blocks that have the same ones; column 0 is the time. Never changes."""

    __slots__ = ("__weakref__", "_by_name", "columns", "keys")

    def __init__(self, keys: Iterable[SeriesKey]) -> None:
        self.keys = tuple(keys)
        self.columns = {key.name_and_labels: column for column, key in enumerate(self.keys, start=1)}
        self._by_name: dict[str, tuple[SeriesKey, ...]] | None = None

    def grown(self, keys: tuple[SeriesKey, ...]) -> Layout:
        """A layout with more columns behind these, which keep their places."""
        grown = Layout(())
        # Not made anew from all keys: where labels churn this happens with each reading.
        grown.keys = (*self.keys, *keys)
        new = {key.name_and_labels: column for column, key in enumerate(keys, start=len(self.keys) + 1)}
        grown.columns = {**self.columns, **new}
        return grown

    def find(self, name: str) -> tuple[SeriesKey, ...]:
        """All series of the metric of this name."""
        if self._by_name is None:
            grouped: dict[str, list[SeriesKey]] = {}
            for key in self.keys:
                grouped.setdefault(key.metric.name, []).append(key)
            self._by_name = {metric: tuple(keys) for metric, keys in grouped.items()}
        return self._by_name.get(name, ())


EMPTY_LAYOUT = Layout(())


class Layouts:
    """One layout for all tracks that have the same columns: targets of one engine mostly do."""

    __slots__ = ("_shared",)

    def __init__(self) -> None:
        self._shared: WeakValueDictionary[tuple[SeriesKey, ...], Layout] = WeakValueDictionary()

    def of(self, keys: Iterable[SeriesKey]) -> Layout:
        """The layout with exactly these columns; it is forgotten when nobody holds it any more."""
        wanted = tuple(keys)
        found = self._shared.get(wanted)
        if found is None:
            found = self._shared[wanted] = Layout(wanted)
        return found
