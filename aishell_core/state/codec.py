"""Rollups as bytes: times as 64 bit floats, then the windows' figures as 32 bit floats, compressed."""

from __future__ import annotations

import json
import zlib
from array import array
from collections.abc import Iterable

from aishell_core.catalogue import CATALOGUE
from aishell_core.series.keys import SeriesKey
from aishell_core.series.rollup import FIGURES, RollupBatch

_FASTEST = 1


def encode_keys(keys: tuple[SeriesKey, ...]) -> str:
    """The columns of a layout as JSON: a list of [metric name, [[label, value], ...]]."""
    return json.dumps([[key.metric.name, key.labels] for key in keys], separators=(",", ":"), ensure_ascii=False)


def decode_keys(text: str) -> tuple[SeriesKey | None, ...]:
    """The columns of a layout; None stands for a metric that this version does not know."""
    return tuple(
        SeriesKey(CATALOGUE[name], tuple((label, value) for label, value in labels)) if name in CATALOGUE else None
        for name, labels in json.loads(text)
    )


def encode_rows(batch: RollupBatch) -> bytes:
    """The windows of a batch."""
    times = array("d", (row.at for row in batch.rows))
    figures = array("f")
    for row in batch.rows:
        figures.extend(row.values)
    return zlib.compress(times.tobytes() + figures.tobytes(), _FASTEST)


class Columns:
    """Gathers the windows of many bodies of one layout, series by series."""

    def __init__(self, width: int) -> None:
        self.times = array("d")
        self.figures = array("f")
        self._stride = width * FIGURES

    def extend(self, bodies: Iterable[tuple[int, bytes]]) -> None:
        """Add bodies, each with its number of windows; one whose size does not fit is left out as damaged."""
        for windows, body in bodies:
            raw = zlib.decompress(body)
            if len(raw) == windows * (8 + 4 * self._stride):
                self.times.frombytes(raw[: windows * 8])
                self.figures.frombytes(raw[windows * 8 :])

    def figure(self, column: int, figure: int) -> array[float]:
        """One of low, high, mean, last (0 to 3) of one series."""
        return self.figures[column * FIGURES + figure :: self._stride]
