"""Areas drawn with braille, blocks or ASCII; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

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
    if not glyphs.unicode:
        return _draw_ascii(shares, columns, rows, glyphs)
    top = rows * _DOTS
    fills = [_level(share, top) for share in shares]
    tips = [_level(peak, top) for peak in peaks]
    lines: list[str] = []
    for row in range(rows - 1, -1, -1):
        base = row * _DOTS
        cells = []
        for column in range(columns):
            left, right = 2 * column, 2 * column + 1
            bits = _pattern(fills[left] - base, tips[left] - base, _LEFT_FILL, _LEFT_BITS)
            bits |= _pattern(fills[right] - base, tips[right] - base, _RIGHT_FILL, _RIGHT_BITS)
            cells.append(chr(_BRAILLE | bits) if bits else " ")
        lines.append("".join(cells))
    return lines


def _filled(bits: Sequence[int]) -> tuple[int, ...]:
    return tuple(sum(bits[:count]) for count in range(_DOTS + 1))


_LEFT_FILL = _filled(_LEFT_BITS)
_RIGHT_FILL = _filled(_RIGHT_BITS)


def _pattern(fill: int, tip: int, filled: Sequence[int], bits: Sequence[int]) -> int:
    pattern = 0 if fill <= 0 else filled[fill] if fill < _DOTS else filled[_DOTS]
    return pattern | bits[tip - 1] if 0 < tip <= _DOTS else pattern


def _level(share: float, top: int) -> int:
    """Dots from the bottom: 0 is a gap, a known value shows at least one dot."""
    if share != share:
        return 0
    return min(max(round(share * top), 1), top)


def _draw_ascii(shares: Sequence[float], columns: int, rows: int, glyphs: Glyphs) -> list[str]:
    steps = len(glyphs.ramp)
    levels = [_level(share, rows * steps) for share in shares[:columns]]
    lines: list[str] = []
    for row in range(rows - 1, -1, -1):
        inside = [level - row * steps for level in levels]
        lines.append("".join([" " if part <= 0 else glyphs.column if part >= steps else glyphs.ramp[part - 1] for part in inside]))
    return lines
