"""Rollups as bytes: the windows' beginnings as 64 bit floats, then their figures as 32 bit floats, compressed."""

from __future__ import annotations

import json
import zlib
from array import array
from collections.abc import Sequence

from aishell_core.catalogue import CATALOGUE
from aishell_core.series.keys import SeriesKey
from aishell_core.series.rollup import FIGURES, RollupRow

_FASTEST = 1
_WINDOW_BYTES = 8
_FIGURE_BYTES = 4


def storable(text: str) -> str:
    """A text that can be written as UTF-8: what came from a file name or a database may hold what cannot."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def encode_keys(keys: tuple[SeriesKey, ...]) -> str:
    """The columns of a layout as JSON: a list of [metric name, [[label, value], ...]]."""
    return json.dumps([[key.metric.name, key.labels] for key in keys], separators=(",", ":"))


def decode_keys(text: str) -> tuple[SeriesKey | None, ...]:
    """The columns of a layout; None stands for a metric that this version does not know. Empty when the text is damaged."""
    try:
        return tuple(
            SeriesKey(CATALOGUE[name], tuple((str(label), str(value)) for label, value in labels)) if name in CATALOGUE else None
            for name, labels in json.loads(text)
        )
    except (ValueError, TypeError):
        return ()


def encode_rows(rows: Sequence[RollupRow]) -> bytes:
    """Windows of one layout, in order of time."""
    figures = array("f")
    for row in rows:
        figures += row.values
    return zlib.compress(array("d", (row.at for row in rows)).tobytes() + figures.tobytes(), _FASTEST)


class Windows:
    """Gathers the windows of bodies of one layout, one after the other."""

    def __init__(self, keys: tuple[SeriesKey | None, ...]) -> None:
        self.keys = keys
        self.times = array("d")
        self._figures = array("f")
        self._stride = len(keys) * FIGURES

    def extend(self, body: bytes) -> None:
        """Add what is in a body; one that is damaged or does not fit the layout is left out."""
        try:
            raw = zlib.decompress(body)
        except zlib.error:
            return
        windows, rest = divmod(len(raw), _WINDOW_BYTES + _FIGURE_BYTES * self._stride)
        if not rest:
            self.times.frombytes(raw[: windows * _WINDOW_BYTES])
            self._figures.frombytes(raw[windows * _WINDOW_BYTES :])

    def figure(self, column: int, figure: int) -> array[float]:
        """One of low, high, mean, last (0 to 3) of one series."""
        return self._figures[column * FIGURES + figure :: self._stride]

    def rows(self) -> list[RollupRow]:
        """Window by window."""
        stride = self._stride
        return [RollupRow(at, self._figures[index * stride : (index + 1) * stride]) for index, at in enumerate(self.times)]
