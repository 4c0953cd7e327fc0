"""Areas drawn with braille, blocks or ASCII; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from widgets.glyphs import Glyphs

_DOTS = 4
# Bits of the braille cell from the lowest dot up; a cell shows two values side by side.
_LEFT_BITS = (0x40, 0x04, 0x02, 0x01)
_RIGHT_BITS = (0x80, 0x20, 0x10, 0x08)
_BRAILLE = 0x2800


def dots_across(columns: int, glyphs: Glyphs) -> int:
    """How many values fit side by side into a number of cells."""
    return columns * 2 if glyphs.unicode else columns


def spread(values: Sequence[float], count: int) -> list[float]:
    """The values on exactly `count` places: several on one place keep the largest, few are repeated. NaN is a gap."""
    total = len(values)
    if total == count or not total:
        return list(values) or [math.nan] * count
    if total < count:
        return [values[place * total // count] for place in range(count)]
    return [_largest(values[place * total // count : (place + 1) * total // count]) for place in range(count)]


def _largest(values: Sequence[float]) -> float:
    return max((value for value in values if value == value), default=math.nan)


def draw_area(shares: Sequence[float], peaks: Sequence[float], columns: int, rows: int, glyphs: Glyphs) -> list[str]:
    """`rows` lines of `columns` cells: the area below the shares (0 bottom, 1 top; NaN blank), a dot at each peak above.

    `shares` and `peaks` have `dots_across(columns)` values.
    """
    steps = _DOTS if glyphs.unicode else len(glyphs.ramp)
    fills = _levels(shares, rows * steps)
    if not glyphs.unicode:
        return _across([_ascii_column(rows, fill, glyphs.ramp, glyphs.column) for fill in fills[:columns]])
    tips = fills if peaks is shares else _levels(peaks, rows * steps)
    return _across([_braille_column(rows, *fills[at : at + 2], *tips[at : at + 2]) for at in range(0, 2 * columns, 2)])


def _levels(shares: Sequence[float], top: int) -> list[int]:
    """Dots from the bottom: 0 is a gap, a known value shows at least one dot."""
    return [0 if share != share else min(max(round(share * top), 1), top) for share in shares]


def _across(columns: list[str]) -> list[str]:
    """Lines from the columns, which are written from top to bottom."""
    return ["".join(cells) for cells in zip(*columns, strict=True)]


@lru_cache(maxsize=8192)
def _braille_column(rows: int, left: int, right: int, left_tip: int, right_tip: int) -> str:
    bits = [0] * rows
    for level, tip, dots in ((left, left_tip, _LEFT_BITS), (right, right_tip, _RIGHT_BITS)):
        for dot in range(level):
            bits[dot // _DOTS] |= dots[dot % _DOTS]
        if tip > level:
            bits[(tip - 1) // _DOTS] |= dots[(tip - 1) % _DOTS]
    return "".join([chr(_BRAILLE | cell) if cell else " " for cell in reversed(bits)])


@lru_cache(maxsize=2048)
def _ascii_column(rows: int, level: int, ramp: str, column: str) -> str:
    steps = len(ramp)
    inside = [level - row * steps for row in range(rows - 1, -1, -1)]
    return "".join([" " if part <= 0 else column if part >= steps else ramp[part - 1] for part in inside])
