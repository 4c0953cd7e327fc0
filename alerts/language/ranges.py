"""Which values an expression can have at all: what finds conditions that always or never hold."""

from __future__ import annotations

import math
from dataclasses import dataclass

from aishell_core.catalogue import UP
from aishell_core.values import Metric, Unit

_NEVER_NEGATIVE = frozenset({Unit.RATIO, Unit.BYTES, Unit.COUNT, Unit.PER_SECOND, Unit.BYTES_PER_SECOND, Unit.MILLISECONDS_PER_SECOND})
_LIKE_THE_FIGURE = frozenset({"avg", "min", "max", "quantile", "p50", "p95", "p99", "last"})


@dataclass(frozen=True, slots=True)
class Range:
    """The lowest and the highest value, both included."""

    low: float = -math.inf
    high: float = math.inf

    @property
    def is_one(self) -> bool:
        """Whether there is one value alone."""
        return self.low == self.high

    def scaled(self, by: float) -> Range:
        """The range of the values multiplied by a factor above zero."""
        return Range(self.low * by, self.high * by)

    def joined(self, other: Range) -> Range:
        """What either may be."""
        return Range(min(self.low, other.low), max(self.high, other.high))

    @property
    def has_zero(self) -> bool:
        """Whether zero is among the values."""
        return self.low <= 0.0 <= self.high


ANYTHING = Range()
POSITIVE = Range(0.0)


def range_of_metric(metric: Metric) -> Range:
    """A ratio is a share, 0 to 1, or more where its limit can be passed; sizes, counts and rates are not negative.

    A time may be: clocks differ. `up` is 1 or not there.
    """
    if metric is UP:
        return Range(1.0, 1.0)
    if metric.unit is Unit.RATIO:
        return Range(0.0, metric.highest)
    return POSITIVE if metric.unit in _NEVER_NEGATIVE else ANYTHING


def range_of_window(function: str, figure: Range) -> Range:
    """What a window's function can give for figures in a range."""
    if function in _LIKE_THE_FIGURE:
        return figure
    if function in {"count", "changes", "resets", "stddev", "rate", "increase"} or (function == "sum" and figure.low >= 0.0):
        return POSITIVE
    return ANYTHING


def decided(operator: str, left: Range, right: Range) -> bool | None:
    """Whether a comparison always (True) or never (False) holds; None when it depends."""
    match operator:
        case ">":
            return True if left.low > right.high else False if left.high <= right.low else None
        case ">=":
            return True if left.low >= right.high else False if left.high < right.low else None
        case "<":
            return decided(">", right, left)
        case "<=":
            return decided(">=", right, left)
        case _:
            apart = left.high < right.low or right.high < left.low
            same = left.is_one and right.is_one and left.low == right.low
            return None if not (apart or same) else same is (operator == "==")


def range_of_arithmetic(operator: str, left: Range, right: Range) -> Range:
    """What a sum, difference, product or quotient of values in two ranges can be; a division by zero has no value at all.

    The ends are computed as the values themselves are, so that rounding leaves none outside.
    """
    match operator:
        case "+":
            return _known(left.low + right.low, left.high + right.high)
        case "-":
            return _known(left.low - right.high, left.high - right.low)
        case "*":
            ends = [_product(one, other) for one in (left.low, left.high) for other in (right.low, right.high)]
            return _known(min(ends), max(ends))
        case "/" if not right.has_zero and math.isfinite(right.low) and math.isfinite(right.high):
            ends = [one / other for one in (left.low, left.high) for other in (right.low, right.high)]
            return _known(min(ends), max(ends))
        case "/" if left.low >= 0.0 and right.low >= 0.0:
            return POSITIVE
        case _:
            return ANYTHING


def _product(one: float, other: float) -> float:
    """Zero times however much is zero: an end that is infinite stands for figures that are not."""
    return 0.0 if not one or not other else one * other


def _known(low: float, high: float) -> Range:
    return ANYTHING if math.isnan(low) or math.isnan(high) else Range(low, high)
