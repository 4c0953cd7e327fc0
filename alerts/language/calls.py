"""Calls of functions in a condition: their arguments checked by the declared table, and their plans."""

from __future__ import annotations

from dataclasses import replace

from aishell_core.units import format_duration
from aishell_core.values import Kind, Metric, Unit
from alerts.language import plan, quantities, syntax
from alerts.language.functions import AGGREGATIONS, FUNCTIONS, QUANTILES, Function, Result, Sort
from alerts.language.names import TRAIT_LABELS, find_figure, labels_of, meant_trait, near, raw_name
from alerts.language.plan import Stream
from alerts.language.quantities import COUNT, PLAIN, Quantity
from alerts.language.ranges import ANYTHING, POSITIVE, Range, range_of_metric, range_of_window
from alerts.language.resolver import BROKEN, Resolver, Shape, Typed, both

_COUNTERS = frozenset({"rate", "increase"})
_STREAMS = {"rate": Stream.GAIN, "increase": Stream.GAIN, "changes": Stream.CHANGED, "resets": Stream.FELL}
_DURATION = "a time as in 5m"


def resolve_call(resolver: Resolver, tree: syntax.Call, offset_seconds: float) -> Typed:
    """The plan of a call, or of an aggregation."""
    if tree.name in AGGREGATIONS and (tree.by is not None or len(tree.arguments) == 1):
        return _aggregation(resolver, tree, offset_seconds)
    function = FUNCTIONS.get(tree.name)
    if function is None:
        hint = near(tree.name, {**FUNCTIONS, **AGGREGATIONS}) or "docs/alerts-conditions.md lists all of them"
        return resolver.fault(syntax.Span(tree.span.start, len(tree.name)), f"there is no function {tree.name!r}", hint)
    if tree.by is not None:
        return resolver.fault(tree.span, f"{tree.name} makes no groups", f"write it as {function.usage}")
    least = len(function.arguments) - function.optional
    if not least <= len(tree.arguments) <= len(function.arguments):
        return resolver.fault(tree.span, f"{tree.name} takes {_counted(least, len(function.arguments))}", f"write it as {function.usage}")
    match function.sort:
        case Sort.INSTANT:
            return _instant(resolver, tree, function, offset_seconds)
        case Sort.ABSENCE:
            return _absent(resolver, tree, function, offset_seconds)
        case _:
            return _window(resolver, tree, function, offset_seconds)


def _counted(least: int, most: int) -> str:
    numbers = f"{least}" if least == most else f"{least} or {most}"
    return f"{numbers} argument{'s' if most != 1 else ''}"


# Windows


def _window(resolver: Resolver, tree: syntax.Call, function: Function, offset_seconds: float) -> Typed:
    arguments = list(tree.arguments)
    parameter = QUANTILES.get(function.name, 0.0)
    if function.name == "quantile":
        parameter = _share(resolver, arguments.pop(0))
    if function.name == "predict_linear":
        parameter = _seconds(resolver, arguments.pop(), function)[0]
    figure, shift = _unshifted(arguments[0])
    span, later = _seconds(resolver, arguments[1], function)
    offset = offset_seconds + shift + later
    metric, is_raw = _metric(resolver, figure, function)
    if metric is None or not isinstance(figure, syntax.Figure):
        return BROKEN
    resolver.check_figure(figure, metric.name, metric.engines)
    _check_kept(resolver, tree, function, span, offset)
    stream = _STREAMS.get(function.name, Stream.RATE if metric.kind is Kind.COUNTER else Stream.VALUE)
    name = "p" if function.name == "quantile" or function.name in QUANTILES else function.name
    window = plan.Window("quantile" if name == "p" else name, span, offset, parameter)
    return Typed(
        plan.Figure(metric.name, stream, figure.matchers, window),
        quantity=_quantity(function, metric, is_raw),
        range=range_of_window(window.function, range_of_metric(metric)),
        engines=frozenset(metric.engines),
    )


def _unshifted(tree: syntax.Expression) -> tuple[syntax.Expression, float]:
    shift = 0.0
    while isinstance(tree, syntax.Shifted):
        shift += tree.seconds
        tree = tree.operand
    return tree, shift


def _seconds(resolver: Resolver, tree: syntax.Expression, function: Function) -> tuple[float, float]:
    """A length of time above zero, and the offset behind it; NaN with a problem otherwise."""
    inner, shift = _unshifted(tree)
    if not isinstance(inner, syntax.Number) or inner.unit is not Unit.SECONDS or inner.value <= 0.0:
        resolver.fault(tree.span, f"this has to be {_DURATION}", f"write it as {function.usage}")
        return float("nan"), shift
    return inner.value, shift


def _share(resolver: Resolver, tree: syntax.Expression) -> float:
    if isinstance(tree, syntax.Number) and tree.unit in {None, Unit.RATIO} and 0.0 <= tree.value <= 1.0:
        return tree.value
    resolver.fault(tree.span, "this has to be a share from 0 to 1, as in 0.95")
    return float("nan")


def _metric(resolver: Resolver, tree: syntax.Expression, function: Function) -> tuple[Metric | None, bool]:
    """The metric that a window is taken over, and whether it is the raw counter; None with a problem for anything else."""
    if not isinstance(tree, syntax.Figure):
        resolver.fault(tree.span, f"{function.name} is taken over a figure, not over a computed value", f"write it as {function.usage}")
        return None, False
    found = find_figure(tree.name)
    if found is None:
        resolver.unknown_figure(tree)
        return None, False
    metric, is_raw = found
    name = raw_name(metric)
    if function.name in _COUNTERS and not is_raw:
        is_rate = metric.kind is Kind.COUNTER
        hint = f"write {function.name}({name}, …), or avg({metric.name}, …)" if is_rate else f"delta({tree.name}, …) is its difference"
        resolver.fault(tree.span, f"{tree.name} is {'a rate already' if is_rate else 'no counter'}", hint)
        return None, False
    if is_raw and function.name not in _STREAMS:
        resolver.fault(tree.span, f"{name} only ever rises", f"write {function.name}({metric.name}, …), or increase({name}, …)")
        return None, False
    if metric.kind is Kind.COUNTER and not is_raw and function.name in _STREAMS:
        resolver.fault(tree.span, f"{function.name} of a rate says little", f"write {function.name}({name}, …) for the counter")
        return None, False
    return metric, is_raw


def _check_kept(resolver: Resolver, tree: syntax.Call, function: Function, span: float, offset: float) -> None:
    kept = resolver.raw_seconds if function.is_raw_only else resolver.stored_seconds
    if span + offset > kept:
        with_offset = " with its offset" if offset else ""
        message = f"a window of {format_duration(span + offset)}{with_offset} is longer than figures are kept"
        hint = f"{function.name} needs each reading, and these are kept for {format_duration(kept)}" if function.is_raw_only else ""
        resolver.fault(tree.span, message, hint or resolver.kept_words(kept))


def _quantity(function: Function, metric: Metric, is_raw: bool) -> Quantity:
    if function.result is Result.COUNT:
        return COUNT
    if function.name == "rate":
        return quantities.quantity_of(metric.unit)
    quantity = quantities.quantity_of(quantities.RAW_UNITS[metric.unit] if is_raw else metric.unit)
    return quantities.per_second(quantity) if function.result is Result.PER_SECOND else quantity


def _absent(resolver: Resolver, tree: syntax.Call, function: Function, offset_seconds: float) -> Typed:
    figure, shift = _unshifted(tree.arguments[0])
    if shift or offset_seconds:
        return resolver.fault(tree.span, "absent knows the present alone", "leave the offset out")
    if not isinstance(figure, syntax.Figure):
        return resolver.fault(figure.span, "absent asks for a figure", f"write it as {function.usage}")
    found = find_figure(figure.name)
    if found is None:
        return resolver.unknown_figure(figure)
    metric, _ = found
    span = _seconds(resolver, tree.arguments[1], function)[0] if len(tree.arguments) > 1 else 0.0
    resolver.check_figure(figure, metric.name, metric.engines)
    _check_kept(resolver, tree, function, span, 0.0)
    return Typed(plan.Absent(metric.name, figure.matchers, span), Shape.CONDITION, engines=frozenset(metric.engines))


# Values of now


def _instant(resolver: Resolver, tree: syntax.Call, function: Function, offset_seconds: float) -> Typed:
    if function.name == "if":
        return _choice(resolver, tree, offset_seconds)
    first, *others = (resolver.value(argument, offset_seconds) for argument in tree.arguments)
    if BROKEN in (first, *others):
        return BROKEN
    operands, engines = [first], first.engines
    for argument, other in zip(tree.arguments[1:], others, strict=True):
        fitted = resolver.fitting(argument, first, other)
        if fitted is None:
            return BROKEN
        operands.append(fitted)
        engines = both(engines, other.engines)
    quantity = PLAIN if function.result is Result.NUMBER else first.quantity
    node = plan.Apply(function.name, tuple(operand.plan for operand in operands))
    return Typed(node, quantity=quantity, range=_instant_range(function.name, first.range, others), engines=engines)


def _instant_range(name: str, first: Range, others: list[Typed]) -> Range:
    if name == "clamp" and len(others) == 2:
        return Range(others[0].range.low, others[1].range.high)
    return POSITIVE if name in {"abs", "sqrt"} or first.low >= 0.0 else ANYTHING


def _choice(resolver: Resolver, tree: syntax.Call, offset_seconds: float) -> Typed:
    condition = resolver.condition(tree.arguments[0], offset_seconds)
    then, otherwise = (resolver.value(argument, offset_seconds) for argument in tree.arguments[1:])
    if BROKEN in (condition, then, otherwise):
        return BROKEN
    if then.quantity.is_plain:
        then = replace(then, quantity=otherwise.quantity)
    fitted = resolver.fitting(tree, then, otherwise)
    if fitted is None:
        return BROKEN
    engines = both(condition.engines, both(then.engines, otherwise.engines))
    node = plan.Choice(condition.plan, then.plan, fitted.plan)
    return Typed(node, quantity=then.quantity, range=then.range.joined(fitted.range), engines=engines)


# Aggregations


def _aggregation(resolver: Resolver, tree: syntax.Call, offset_seconds: float) -> Typed:
    if len(tree.arguments) != 1:
        usage = AGGREGATIONS[tree.name].usage
        return resolver.fault(tree.span, f"{tree.name} by labels takes one value", f"write it as {usage}; a window belongs inside")
    operand = resolver.resolve(tree.arguments[0], offset_seconds)
    if operand is BROKEN:
        return BROKEN
    of_truth = operand.shape is Shape.CONDITION
    if of_truth and tree.name != "count":
        return resolver.fault(tree.span, f"{tree.name} needs values", "count(condition) by (…) says how often one holds")
    by = tree.by if tree.by is not None else ("target",)
    _check_labels(resolver, tree, operand, by)
    quantity = COUNT if tree.name == "count" else operand.quantity
    spread = range_of_window(tree.name, operand.range)
    engines = operand.engines if "target" in by else None
    return Typed(plan.Aggregate(tree.name, operand.plan, tuple(sorted(by)), of_truth), quantity=quantity, range=spread, engines=engines)


def _check_labels(resolver: Resolver, tree: syntax.Call, operand: Typed, by: tuple[str, ...]) -> None:
    figures = [node for node in plan.every_plan(operand.plan) if isinstance(node, plan.Figure | plan.Absent)]
    named = [labels_of(figure.metric) for figure in figures]
    if not named or not all(named):
        for label in by:
            if meant := meant_trait(label):
                resolver.fault(tree.span, f"no figure here has the label {label!r}", f"did you mean {meant}?")
        return
    known = frozenset().union(*named) | set(TRAIT_LABELS)
    for label in by:
        if label not in known:
            hint = near(label, known) or f"there are {', '.join(sorted(known))}"
            resolver.fault(tree.span, f"no figure here has the label {label!r}", hint)
