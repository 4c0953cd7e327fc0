"""The vertical scale of a chart: round numbers that do not jump; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from aishell_core.units import format_bytes, format_value
from aishell_core.values import Unit

_SHRINK_BELOW = 0.4
_SMALLEST = 1e-12
_STEPS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """The values at the bottom and at the top of a chart."""

    low: float
    high: float

    def share(self, value: float) -> float:
        """Where a value lies between bottom (0) and top (1), not clipped."""
        return (value - self.low) / (self.high - self.low)


def nice_above(value: float, unit: Unit) -> float:
    """The next round number that is at least `value`: powers of 1024 for bytes, 100 % at most for a ratio."""
    if value < _SMALLEST:
        return 1.0
    if unit is Unit.RATIO and value <= 1.0:
        return next(step for step in (0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0) if value <= step)
    scale = 1.0
    if unit in {Unit.BYTES, Unit.BYTES_PER_SECOND}:
        scale = 1024.0 ** max(0, math.floor(math.log(value, 1024)))
    power = 10.0 ** math.floor(math.log10(value / scale))
    return scale * power * next((step for step in _STEPS if value / scale <= step * power * (1 + 1e-9)), 10.0)


def choose_scale(values: Iterable[float], unit: Unit, limit: float | None = None, previous: Scale | None = None) -> Scale:
    """A scale from 0 (or the lowest value below it) up to a round number above all values.

    The previous scale stays while the values fit into it and fill at least two fifths of it, so that it does not shimmer.
    A limit is kept in view when the values come near it.
    """
    known = [value for value in values if math.isfinite(value)]
    highest, lowest = max(known, default=0.0), min(0.0, min(known, default=0.0))
    if limit is not None and limit > 0 and highest >= limit / 2:
        highest = max(highest, limit)
    if (
        previous is not None
        and lowest >= previous.low
        and (lowest < 0) == (previous.low < 0)
        and previous.high * _SHRINK_BELOW <= highest <= previous.high
    ):
        return previous
    return Scale(-nice_above(-lowest, unit) if lowest < 0 else 0.0, nice_above(highest, unit))


def axis_label(value: float, unit: Unit) -> str:
    """A short number for an axis: no more than seven cells."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return "n/a"
    match unit:
        case Unit.BYTES | Unit.BYTES_PER_SECOND:
            return format_bytes(value).replace(" ", "").removesuffix("iB")
        case Unit.PER_SECOND | Unit.MILLISECONDS_PER_SECOND:
            return format_value(value, Unit.COUNT)
        case _:
            return format_value(value, unit)
