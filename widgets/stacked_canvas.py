"""Columns of layers one upon the other in cells; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

_STEPS = 8

Cells = tuple[tuple[str, int], ...]
"""From the top: the symbol of each cell of a column and the number of its layer, -1 for none."""


def stack_levels(values: Sequence[float], high: float, rows: int) -> tuple[int, ...]:
    """Where each layer of a column ends, in eighths of a cell from the bottom; a column that is not empty shows something."""
    top = rows * _STEPS
    total, ends = 0.0, []
    for value in values:
        total += max(0.0, value) if math.isfinite(value) else 0.0
        ends.append(min(top, round(total / high * top)) if high > 0 else 0)
    if total > 0 and ends and not ends[-1]:
        ends[-1] = 1
        largest = max(range(len(values)), key=lambda place: values[place])
        ends = [0 if place < largest else 1 for place in range(len(values))]
    return tuple(ends)


@lru_cache(maxsize=8192)
def stack_column(ends: tuple[int, ...], rows: int, fills: tuple[str, ...], ramp: str) -> Cells:
    """One column from the top down: each cell shows the layer that has most of it.

    `fills` are the layers' symbols. With a `ramp` of eight symbols the highest cell is as full as it should be; without
    one a cell is drawn when at least half of it is filled, and the lowest one always.
    """
    cells: list[tuple[str, int]] = []
    top = ends[-1] if ends else 0
    for row in range(rows - 1, -1, -1):
        floor, ceiling = row * _STEPS, (row + 1) * _STEPS
        filled = min(top, ceiling) - floor
        if filled <= 0 or (not ramp and filled * 2 < _STEPS and row):
            cells.append((" ", -1))
            continue
        layer = _largest_layer(ends, floor, ceiling)
        cells.append((ramp[filled - 1] if ramp and filled < _STEPS else fills[layer], layer))
    return tuple(cells)


def _largest_layer(ends: Sequence[int], floor: int, ceiling: int) -> int:
    best, most, begin = 0, -1, 0
    for layer, end in enumerate(ends):
        inside = min(end, ceiling) - max(begin, floor)
        if inside > most:
            best, most = layer, inside
        begin = end
    return best


def joined(buckets: Sequence[tuple[float, ...] | None], count: int) -> list[tuple[float, ...] | None]:
    """The buckets on `count` places, several on one place as their mean; few stay as they are."""
    total = len(buckets)
    if total <= count:
        return list(buckets)
    return [_mean(buckets[place * total // count : (place + 1) * total // count]) for place in range(count)]


def _mean(buckets: Sequence[tuple[float, ...] | None]) -> tuple[float, ...] | None:
    known = [bucket for bucket in buckets if bucket is not None]
    return tuple([sum(values) / len(known) for values in zip(*known, strict=True)]) if known else None


def stack_lines(columns: Sequence[Cells], rows: int) -> list[list[tuple[str, int]]]:
    """Lines from the top, each in runs of one layer."""
    lines = []
    for row in range(rows):
        cells = [column[row] for column in columns]
        lines.append([("".join([symbol for symbol, _ in run]), layer) for layer, run in groupby(cells, key=lambda cell: cell[1])])
    return lines
