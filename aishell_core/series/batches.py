"""From finished windows to the batches that the state database keeps."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from aishell_core.series.keys import SeriesKey
from aishell_core.series.rates import NAN
from aishell_core.series.roller import Finished
from aishell_core.series.rollup import FIGURES, RollupBatch, RollupRow
from aishell_core.values import TargetId, Tier

_EMPTY = array("f", (NAN,)) * FIGURES


def batches_of(target: TargetId, tier: Tier, step_seconds: float, finished: Sequence[Finished]) -> Iterator[RollupBatch]:
    """The windows of a track in batches in which time rises, each with all series that any of its windows has.

    Where labels come and go each window has other series, and to keep the names of all for each window would cost more
    than the figures.
    """
    begin = 0
    for end in range(1, len(finished) + 1):
        if end == len(finished) or finished[end][1].at <= finished[end - 1][1].at:
            part = finished[begin:end]
            keys = _all_keys([keys for keys, _ in part])
            yield RollupBatch(target, tier, step_seconds, keys, tuple(_fitted(each, row, keys) for each, row in part))
            begin = end


def _all_keys(several: Sequence[tuple[SeriesKey, ...]]) -> tuple[SeriesKey, ...]:
    newest = several[-1]
    if all(keys is newest for keys in several):
        return newest
    return tuple(dict.fromkeys(key for keys in reversed(several) for key in keys))


def _fitted(own: tuple[SeriesKey, ...], row: RollupRow, keys: tuple[SeriesKey, ...]) -> RollupRow:
    """A window with the figures of more series, NaN for those that it does not know."""
    if own is keys:
        return row
    places = {key.name_and_labels: index for index, key in enumerate(own)}
    figures = array("f")
    for key in keys:
        index = places.get(key.name_and_labels)
        figures += _EMPTY if index is None else row.values[index * FIGURES : (index + 1) * FIGURES]
    return RollupRow(row.at, figures)
