"""The syntax tree of a condition: frozen nodes, each with its place in the text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aishell_core.values import Unit
from alerts.models import Matcher


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the text: offset of its first character, and its length."""

    start: int
    length: int

    @property
    def end(self) -> int:
        """The offset behind its last character."""
        return self.start + self.length

    def to(self, other: Span) -> Span:
        """From the beginning of this one to the end of another."""
        return Span(self.start, max(other.end - self.start, 0))


@dataclass(frozen=True, slots=True)
class Expression:
    """Any node of the tree."""

    span: Span

    @property
    def children(self) -> tuple[Expression, ...]:
        """The nodes directly below, in the order of the text."""
        return ()


@dataclass(frozen=True, slots=True)
class Number(Expression):
    """A number as written; `unit` is None for a plain one, which takes the unit of what it stands beside.

    Times are in seconds, sizes in bytes, shares 0 to 1, whatever the unit in the text was.
    """

    value: float
    unit: Unit | None = None


@dataclass(frozen=True, slots=True)
class Figure(Expression):
    """A metric by the name as written, with the matchers of its selector."""

    name: str
    matchers: tuple[Matcher, ...] = ()


@dataclass(frozen=True, slots=True)
class Variable(Expression):
    """`$status` and its constants, by the name without the dollar sign, in small letters."""

    name: str


@dataclass(frozen=True, slots=True)
class Shifted(Expression):
    """`operand offset 1d`: what it was so many seconds ago."""

    operand: Expression
    seconds: float

    @property
    def children(self) -> tuple[Expression, ...]:
        """The nodes directly below."""
        return (self.operand,)


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """A function with its arguments; `by` holds the labels of an aggregation, None where none were written."""

    name: str
    arguments: tuple[Expression, ...]
    by: tuple[str, ...] | None = None

    @property
    def children(self) -> tuple[Expression, ...]:
        """The nodes directly below."""
        return self.arguments


@dataclass(frozen=True, slots=True)
class Unary(Expression):
    """`-x` or `not x`."""

    operator: str
    operand: Expression

    @property
    def children(self) -> tuple[Expression, ...]:
        """The nodes directly below."""
        return (self.operand,)


@dataclass(frozen=True, slots=True)
class Binary(Expression):
    """Two operands with `+ - * / %`, a comparison, `and`, `or` or `unless` between them."""

    operator: str
    left: Expression
    right: Expression

    @property
    def children(self) -> tuple[Expression, ...]:
        """The nodes directly below."""
        return self.left, self.right


def every_node(tree: Expression) -> Iterator[Expression]:
    """All nodes of a tree, the root first."""
    yield tree
    for child in tree.children:
        yield from every_node(child)
