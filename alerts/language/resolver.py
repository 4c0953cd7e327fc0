"""From the syntax tree to the plan: names, units, shapes and ranges, with a problem for everything that does not fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from aishell_core.catalogue import UP
from aishell_core.units import format_duration
from aishell_core.values import Kind
from alerts.language import plan, quantities, syntax
from alerts.language.contradictions import decided_logic
from alerts.language.names import (
    HOW_TO_ASK_WHETHER_UP,
    TRAIT_LABELS,
    VARIABLES,
    find_figure,
    labels_of,
    meant_trait,
    near,
    near_figures,
    raw_name,
)
from alerts.language.parser import COMPARISONS
from alerts.language.patterns import PatternError, compile_pattern
from alerts.language.plan import Constant, Plan
from alerts.language.problems import Problem
from alerts.language.quantities import PLAIN, RATIO, Quantity
from alerts.language.ranges import ANYTHING, Range, decided, range_of_arithmetic, range_of_metric
from alerts.models import Matcher, MatchOperator


class Shape(StrEnum):
    """Whether an expression holds or not, or is a number."""

    CONDITION = "condition"
    VALUE = "value"
    BROKEN = "broken"
    """What it is cannot be told, because something below is wrong."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A plan with what is known of it before any figure is; `engines` are those that can have it, None for any."""

    plan: Plan
    shape: Shape = Shape.VALUE
    quantity: Quantity = PLAIN
    range: Range = ANYTHING
    engines: frozenset[str] | None = None


BROKEN = Typed(Constant(float("nan")), Shape.BROKEN)


def reach_seconds(figure: plan.Figure | plan.Absent) -> float:
    """How far back a leaf looks."""
    if isinstance(figure, plan.Absent):
        return figure.span_seconds
    return figure.window.span_seconds + figure.window.offset_seconds if figure.window else 0.0


def both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """The engines that can have both."""
    return other if one is None else one if other is None else one & other


@dataclass(slots=True)
class Resolver:
    """One walk over one tree; `problems` collects what is wrong."""

    engines: frozenset[str]
    raw_seconds: float
    stored_seconds: float
    call: Callable[[Resolver, syntax.Call, float], Typed]
    """What resolves a call of a function: a module of its own, which needs this one."""
    problems: list[Problem] = field(default_factory=list)

    def resolve(self, tree: syntax.Expression, offset_seconds: float = 0.0) -> Typed:
        """The plan of a node and all below, as it was `offset_seconds` ago."""
        match tree:
            case syntax.Number():
                return Typed(Constant(tree.value), quantity=quantities.quantity_of(tree.unit), range=Range(tree.value, tree.value))
            case syntax.Variable():
                return self._variable(tree)
            case syntax.Figure():
                return self.figure(tree, offset_seconds)
            case syntax.Shifted():
                return self.resolve(tree.operand, offset_seconds + tree.seconds)
            case syntax.Unary():
                return self._unary(tree, offset_seconds)
            case syntax.Binary():
                return self._binary(tree, offset_seconds)
            case syntax.Call():
                return self.call(self, tree, offset_seconds)
            case _:
                raise AssertionError(f"no such node: {tree}")

    def fault(self, span: syntax.Span, message: str, hint: str = "") -> Typed:
        """Note a problem; the result stands for what it was found in."""
        self.problems.append(Problem(span, message, hint))
        return BROKEN

    # Leaves

    def _variable(self, tree: syntax.Variable) -> Typed:
        if tree.name not in VARIABLES:
            hint = near(tree.name, VARIABLES).replace("mean ", "mean $").replace(" or ", " or $")
            return self.fault(tree.span, f"there is no ${tree.name}", hint or "write $status, $clear, $info, $warning or $critical")
        value = VARIABLES[tree.name]
        if value is None:
            return Typed(plan.Status(), quantity=quantities.COUNT, range=Range(0.0, 3.0))
        return Typed(Constant(value), quantity=quantities.COUNT, range=Range(value, value))

    def figure(self, tree: syntax.Figure, offset_seconds: float) -> Typed:
        """The newest value of a metric, or what it was a while ago."""
        found = find_figure(tree.name)
        if found is None:
            return self.unknown_figure(tree)
        metric, is_raw = found
        self.check_figure(tree, metric.name, metric.engines)
        if is_raw:
            name = raw_name(metric)
            return self.fault(tree.span, f"{name} only ever rises", f"write {metric.name}, or increase({name}, 5m), or rate({name}, 5m)")
        stream = plan.Stream.RATE if metric.kind is Kind.COUNTER else plan.Stream.VALUE
        window = plan.Window("last", 0.0, offset_seconds) if offset_seconds else None
        if offset_seconds > self.stored_seconds:
            self.fault(tree.span, f"{format_duration(offset_seconds)} ago is more than is kept", self.kept_words(self.stored_seconds))
        leaf = plan.Figure(metric.name, stream, tree.matchers, window)
        return Typed(leaf, quantity=quantities.quantity_of(metric.unit), range=range_of_metric(metric), engines=frozenset(metric.engines))

    def kept_words(self, seconds: float) -> str:
        """How long figures are known."""
        return f"figures are kept for {format_duration(seconds)}"

    def unknown_figure(self, tree: syntax.Figure) -> Typed:
        """A problem with the nearest names."""
        return self.fault(syntax.Span(tree.span.start, len(tree.name)), f"there is no metric {tree.name!r}", near_figures(tree.name))

    def check_figure(self, tree: syntax.Figure, name: str, engines: tuple[str, ...]) -> None:
        """The selector's labels and patterns, and whether the rule's targets can have the metric."""
        if self.engines and not self.engines & set(engines):
            wanted = ", ".join(sorted(self.engines))
            self.fault(tree.span, f"{tree.name} is no figure of {wanted}", f"it is one of {', '.join(engines)}")
        known = labels_of(name)
        for matcher in tree.matchers:
            if known and matcher.label not in known and matcher.label not in TRAIT_LABELS:
                hint = near(matcher.label, known | set(TRAIT_LABELS)) or f"it has {', '.join(sorted(known))}"
                self.fault(tree.span, f"{tree.name} has no label {matcher.label!r}", hint)
            elif not known and (meant := meant_trait(matcher.label)):
                self.fault(tree.span, f"{tree.name} has no label {matcher.label!r}", f"did you mean {meant}?")
            self._check_pattern(tree, matcher)

    def _check_pattern(self, tree: syntax.Figure, matcher: Matcher) -> None:
        if matcher.operator in {MatchOperator.MATCHES, MatchOperator.NOT_MATCHES}:
            try:
                compile_pattern(matcher.value)
            except PatternError as error:
                self.fault(tree.span, f"{matcher.label}: {error}", "write a short pattern, as in a.*|b")

    # Operators

    def value(self, tree: syntax.Expression, offset_seconds: float) -> Typed:
        """A node that has to be a value."""
        typed = self.resolve(tree, offset_seconds)
        if typed.shape is Shape.CONDITION:
            return self.fault(tree.span, "this is a condition, where a value is needed", "if(condition, 1, 0) makes a number of it")
        return typed

    def condition(self, tree: syntax.Expression, offset_seconds: float) -> Typed:
        """A node that has to be a condition."""
        typed = self.resolve(tree, offset_seconds)
        if typed.shape is Shape.VALUE:
            return self.fault(tree.span, "this is a value, where a condition is needed", "compare it, as in … > 5")
        return typed

    def _unary(self, tree: syntax.Unary, offset_seconds: float) -> Typed:
        if tree.operator == "not":
            inner = self.condition(tree.operand, offset_seconds)
            return inner if inner is BROKEN else Typed(plan.Negation(inner.plan), Shape.CONDITION, engines=inner.engines)
        inner = self.value(tree.operand, offset_seconds)
        if inner is BROKEN:
            return BROKEN
        negative = plan.Constant(-inner.plan.value) if isinstance(inner.plan, Constant) else plan.Arithmetic("-", Constant(0.0), inner.plan)
        return Typed(negative, quantity=inner.quantity, range=Range(-inner.range.high, -inner.range.low), engines=inner.engines)

    def _binary(self, tree: syntax.Binary, offset_seconds: float) -> Typed:
        if tree.operator in {"and", "or", "unless"}:
            return self._logic(tree, offset_seconds)
        is_comparison = tree.operator in COMPARISONS
        left, right = self.value(tree.left, offset_seconds), self.value(tree.right, offset_seconds)
        if left is BROKEN or right is BROKEN:
            return BROKEN
        engines = self.together(tree, left, right)
        return self._compared(tree, left, right, engines) if is_comparison else self._computed(tree, left, right, engines)

    def together(self, tree: syntax.Expression, left: Typed, right: Typed) -> frozenset[str] | None:
        """The engines that can have both sides; a problem when there are none."""
        engines = both(left.engines, right.engines)
        if engines is not None and not engines and left.engines and right.engines:
            one, other = ", ".join(sorted(left.engines)), ", ".join(sorted(right.engines))
            self.fault(
                tree.span,
                "no target has both figures",
                f"one is of {one}, the other of {other}; sum(…) by (environment) goes across targets",
            )
        return engines

    def _logic(self, tree: syntax.Binary, offset_seconds: float) -> Typed:
        left, right = self.condition(tree.left, offset_seconds), self.condition(tree.right, offset_seconds)
        if left is BROKEN or right is BROKEN:
            return BROKEN
        engines = self.together(tree, left, right)
        second = plan.Negation(right.plan) if tree.operator == "unless" else right.plan
        logic = plan.Logic("or" if tree.operator == "or" else "and", left.plan, second)
        always = decided_logic(logic)
        if always is not None:
            hint = "one of its parts holds whatever the figure is" if always else "no figure is within all of its parts"
            return self.fault(tree.span, f"this {'always' if always else 'never'} holds", hint)
        return Typed(logic, Shape.CONDITION, engines=engines)

    def fitting(self, tree: syntax.Expression, left: Typed, right: Typed) -> Typed | None:
        """The right side in the unit of the left; None, with a problem, where they cannot be."""
        if not quantities.fits(left.quantity, right.quantity):
            one, other = quantities.words(left.quantity), quantities.words(right.quantity)
            self.fault(tree.span, f"the left side is {one}, the right side {other}", _mend(left.quantity, right.quantity))
            return None
        by = quantities.factor(right.quantity, left.quantity)
        return (
            right
            if by == 1.0
            else Typed(scaled(right.plan, by), quantity=left.quantity, range=right.range.scaled(by), engines=right.engines)
        )

    def _compared(self, tree: syntax.Binary, left: Typed, right: Typed, engines: frozenset[str] | None) -> Typed:
        fitted = self.fitting(tree, left, right)
        if fitted is None:
            return BROKEN
        if left.plan == fitted.plan and not isinstance(left.plan, Constant):
            return self.fault(tree.span, "both sides are the same", "compare it with a number, or with what it was: offset 1d")
        always = decided(tree.operator, left.range, fitted.range)
        if always is not None:
            self.fault(tree.span, f"this {'always' if always else 'never'} holds", _other_way(left, right))
        unit = str(right.quantity if left.quantity.is_plain else left.quantity)
        return Typed(plan.Comparison(tree.operator, left.plan, fitted.plan, unit), Shape.CONDITION, engines=engines)

    def _computed(self, tree: syntax.Binary, left: Typed, right: Typed, engines: frozenset[str] | None) -> Typed:
        if tree.operator in {"+", "-", "%"} or (quantities.fits(left.quantity, right.quantity) and tree.operator == "/"):
            fitted = self.fitting(tree, left, right)
            if fitted is None:
                return BROKEN
            right = fitted
        match tree.operator:
            case "*":
                quantity = quantities.product(left.quantity, right.quantity)
            case "/":
                quantity = quantities.quotient(left.quantity, right.quantity)
            case _:
                quantity = right.quantity if left.quantity.is_plain else left.quantity
        if tree.operator in {"/", "%"} and right.plan == Constant(0.0):
            return self.fault(tree.span, "a division by zero has no value")
        result = plan.Arithmetic(tree.operator, left.plan, right.plan)
        if quantity.is_bare and quantity.scale != 1.0 and tree.operator in {"*", "/"}:
            quantity, node = Quantity(sort=quantity.sort), scaled(result, quantity.scale)
            return Typed(node, quantity=quantity, engines=engines)
        return Typed(_folded(result), quantity=quantity, range=_range(tree.operator, left.range, right.range), engines=engines)


def scaled(node: Plan, by: float) -> Plan:
    """A value in another unit."""
    return Constant(node.value * by) if isinstance(node, Constant) else plan.Arithmetic("*", node, Constant(by))


def _folded(node: plan.Arithmetic) -> Plan:
    match node:
        case plan.Arithmetic(operator, Constant(left), Constant(right)):
            return Constant({"+": left + right, "-": left - right, "*": left * right}.get(operator, _divided(operator, left, right)))
        case _:
            return node


def _divided(operator: str, left: float, right: float) -> float:
    if not right:
        return float("nan")
    return left / right if operator == "/" else left % right


def _range(operator: str, left: Range, right: Range) -> Range:
    """What the result of arithmetic can be, as far as that is simple to say."""
    if left.is_one and right.is_one:
        value = _folded(plan.Arithmetic(operator, Constant(left.low), Constant(right.low)))
        return Range(value.value, value.value) if isinstance(value, Constant) else ANYTHING
    return range_of_arithmetic(operator, left, right)


def _mend(left: Quantity, right: Quantity) -> str:
    """What to write where two units do not fit."""
    pairs = (left, right), (right, left)
    for one, other in pairs:
        if (one.bytes, one.seconds) == (1, -1) and (other.bytes, other.seconds) == (1, 0):
            return "a rate is written as 10MiB/s"
        if one == RATIO and other.is_bare:
            return "a count divided by another is a share, as in connections.used / connections.max > 90%"
    return "both sides have to count the same; a plain number takes the other side's unit"


def _other_way(left: Typed, right: Typed) -> str:
    """What may have been meant by a comparison that always or never holds."""
    figures = [node.metric for side in (left, right) for node in plan.every_plan(side.plan) if isinstance(node, plan.Figure)]
    if UP.name in figures:
        return HOW_TO_ASK_WHETHER_UP
    return "pool.usage > 90% is how a share is written" if RATIO in (left.quantity, right.quantity) else ""
