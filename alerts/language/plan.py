"""What a condition means, with names resolved and units made one: the tree that is evaluated.

Nodes are equal when they mean the same, so that a figure that many rules ask for is computed once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from alerts.models import Matcher

RAW_REACH_SECONDS = 900.0
"""Windows that reach no further back are made of single readings, the others of figures of whole steps."""


class Stream(StrEnum):
    """What of a series is looked at."""

    VALUE = "value"
    RATE = "rate"
    """Of a counter: the increase per second at each reading."""
    GAIN = "gain"
    """Of a counter: by how much it rose at each reading, from 0 after a reset."""
    SECONDS = "seconds"
    """Of a counter: the time in which it rose by that."""
    CHANGED = "changed"
    FELL = "fell"


@dataclass(frozen=True, slots=True)
class Plan:
    """Any node."""

    @property
    def children(self) -> tuple[Plan, ...]:
        """The nodes directly below."""
        return ()


@dataclass(frozen=True, slots=True)
class Constant(Plan):
    """A number."""

    value: float


@dataclass(frozen=True, slots=True)
class Status(Plan):
    """The level at which the alert of the instance stands: 0 clear, 1 info, 2 warning, 3 critical."""


@dataclass(frozen=True, slots=True)
class Window:
    """What is made of the readings of a time: `function` by its name in the language, `parameter` a share, or seconds ahead.

    The readings are those in (now - offset - span, now - offset].
    """

    function: str
    span_seconds: float
    offset_seconds: float = 0.0
    parameter: float = 0.0


@dataclass(frozen=True, slots=True)
class Figure(Plan):
    """A leaf: a metric by its name in the catalogue, its newest value, or what a window makes of it."""

    metric: str
    stream: Stream
    matchers: tuple[Matcher, ...] = ()
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Absent(Plan):
    """True for the targets that could have the metric and had no value of it for so long; 0 is by the newest value."""

    metric: str
    matchers: tuple[Matcher, ...] = ()
    span_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Arithmetic(Plan):
    """`+ - * / %` of two values."""

    operator: str
    left: Plan
    right: Plan

    @property
    def children(self) -> tuple[Plan, ...]:
        """The nodes directly below."""
        return self.left, self.right


@dataclass(frozen=True, slots=True)
class Apply(Plan):
    """A function of values of now, by its name in the language."""

    function: str
    operands: tuple[Plan, ...]

    @property
    def children(self) -> tuple[Plan, ...]:
        """The nodes directly below."""
        return self.operands


@dataclass(frozen=True, slots=True)
class Choice(Plan):
    """One of two values by a condition."""

    condition: Plan
    then: Plan
    otherwise: Plan

    @property
    def children(self) -> tuple[Plan, ...]:
        """The nodes directly below."""
        return self.condition, self.then, self.otherwise


@dataclass(frozen=True, slots=True)
class Aggregate(Plan):
    """One value of all instances that agree in the labels `by`; `of_truth` says that the operand is a condition."""

    function: str
    operand: Plan
    by: tuple[str, ...]
    of_truth: bool = False

    @property
    def children(self) -> tuple[Plan, ...]:
        """The nodes directly below."""
        return (self.operand,)


@dataclass(frozen=True, slots=True)
class Comparison(Plan):
    """Two values compared, in the unit of the left one."""

    operator: str
    left: Plan
    right: Plan
    unit: str = ""

    @property
    def children(self) -> tuple[Plan, ...]:
        """The nodes directly below."""
        return self.left, self.right


@dataclass(frozen=True, slots=True)
class Logic(Plan):
    """`and` or `or` of two conditions; `unless` is `and` with a negation."""

    operator: str
    left: Plan
    right: Plan

    @property
    def children(self) -> tuple[Plan, ...]:
        """The nodes directly below."""
        return self.left, self.right


@dataclass(frozen=True, slots=True)
class Negation(Plan):
    """`not` of a condition."""

    operand: Plan

    @property
    def children(self) -> tuple[Plan, ...]:
        """The nodes directly below."""
        return (self.operand,)


def every_plan(plan: Plan) -> Iterator[Plan]:
    """All nodes, the root first."""
    yield plan
    for child in plan.children:
        yield from every_plan(child)
