"""Every function of the language, declared once: the checker, the hints and the page of the documentation are made from this table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from types import MappingProxyType


class Sort(Enum):
    """What a function works on."""

    WINDOW = "the values of a figure over a time"
    COUNTER = "a counter over a time"
    INSTANT = "values of now"
    ABSENCE = "whether a figure is there"


class Argument(StrEnum):
    """What an argument has to be; the value is the word in the usage."""

    FIGURE = "figure"
    COUNTER = "counter"
    WINDOW = "window"
    AHEAD = "ahead"
    SHARE = "share"
    VALUE = "value"
    CONDITION = "condition"


class Result(Enum):
    """The unit of what a function gives."""

    SAME = "that of the figure"
    COUNT = "count"
    PER_SECOND = "that of the figure, per second"
    NUMBER = "a plain number"
    TRUTH = "true or false"


@dataclass(frozen=True, slots=True)
class Function:
    """One function: its arguments in order, of which the last `optional` may be left out, its result, and a sentence of help."""

    name: str
    sort: Sort
    arguments: tuple[Argument, ...]
    result: Result
    help: str
    optional: int = 0
    is_raw_only: bool = False
    """Whether it needs each reading, so that its window must not be longer than these are kept."""

    @property
    def usage(self) -> str:
        """How it is written: `quantile(share, figure, window)`."""
        least = len(self.arguments) - self.optional
        inner = ", ".join(self.arguments[:least]) + "".join(f"[, {argument}]" for argument in self.arguments[least:])
        return f"{self.name}({inner})"


@dataclass(frozen=True, slots=True)
class Aggregation:
    """One way to make one value of several instances."""

    name: str
    help: str

    @property
    def usage(self) -> str:
        """How it is written."""
        return f"{self.name}(value) by (label, ...)"


_OVER = (Argument.FIGURE, Argument.WINDOW)
_COUNTED = (Argument.COUNTER, Argument.WINDOW)
_VALUE = (Argument.VALUE,)


def _window(name: str, help: str, result: Result = Result.SAME, arguments: tuple[Argument, ...] = _OVER, *, raw: bool = False) -> Function:
    return Function(name, Sort.WINDOW, arguments, result, help, is_raw_only=raw)


_FUNCTIONS = (
    _window("avg", "The mean of the readings in the window."),
    _window("min", "The lowest reading in the window."),
    _window("max", "The highest reading in the window."),
    _window("sum", "The readings in the window added up."),
    _window("count", "How many readings are in the window.", Result.COUNT),
    _window("quantile", "The value below which this share of the readings lies.", arguments=(Argument.SHARE, *_OVER)),
    _window("p50", "The median of the readings."),
    _window("p95", "The value below which 95 % of the readings lie."),
    _window("p99", "The value below which 99 % of the readings lie."),
    _window("stddev", "How far the readings spread around their mean (standard deviation of all of them)."),
    _window("last", "The newest reading in the window, also when it is older than a figure usually stands."),
    _window("delta", "The newest reading less the oldest in the window."),
    _window("deriv", "The slope of the straight line that fits the readings best (least squares).", Result.PER_SECOND),
    _window(
        "predict_linear",
        "Where the straight line that fits the readings of the window best is going to be in the time ahead.",
        arguments=(*_OVER, Argument.AHEAD),
    ),
    _window("changes", "How often a reading in the window differs from the one before it.", Result.COUNT, raw=True),
    _window("resets", "How often a reading in the window is lower than the one before it.", Result.COUNT, raw=True),
    Function("rate", Sort.COUNTER, _COUNTED, Result.PER_SECOND, "The increase of a counter per second, over the window; never negative."),
    Function("increase", Sort.COUNTER, _COUNTED, Result.SAME, "By how much a counter rose in the window; one that fell began again at 0."),
    Function(
        "absent",
        Sort.ABSENCE,
        _OVER,
        Result.TRUTH,
        "True for each target that should have the figure and has had no value of it in the window, by default a minute.",
        optional=1,
        is_raw_only=True,
    ),
    Function(
        "if",
        Sort.INSTANT,
        (Argument.CONDITION, Argument.VALUE, Argument.VALUE),
        Result.SAME,
        "The first value where the condition holds, the second where it does not.",
    ),
    Function("abs", Sort.INSTANT, _VALUE, Result.SAME, "The value without its sign."),
    Function("ceil", Sort.INSTANT, _VALUE, Result.SAME, "The next whole number above."),
    Function("floor", Sort.INSTANT, _VALUE, Result.SAME, "The next whole number below."),
    Function("round", Sort.INSTANT, _VALUE, Result.SAME, "The nearest whole number, the even one of two."),
    Function("sqrt", Sort.INSTANT, _VALUE, Result.NUMBER, "The square root; none of a negative value."),
    Function(
        "clamp",
        Sort.INSTANT,
        (Argument.VALUE, Argument.VALUE, Argument.VALUE),
        Result.SAME,
        "The first value, but no lower than the second and no higher than the third.",
    ),
)
FUNCTIONS: Mapping[str, Function] = MappingProxyType({function.name: function for function in _FUNCTIONS})
"""By name. Where a name is also an aggregation's, a window as the last argument makes it this one."""

AGGREGATIONS: Mapping[str, Aggregation] = MappingProxyType(
    {
        aggregation.name: aggregation
        for aggregation in (
            Aggregation("sum", "The values added up."),
            Aggregation("avg", "The mean of the values."),
            Aggregation("min", "The lowest value."),
            Aggregation("max", "The highest value."),
            Aggregation("count", "How many values there are; of a condition, how often it holds."),
        )
    }
)
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
