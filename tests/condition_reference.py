"""A slow and obvious evaluator of conditions, to hold the fast one against: it looks at all readings anew each time.

Values are in base units (seconds, bytes), so plain numbers may only stand beside counts and ratios.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TypeVar

from aishell_core.catalogue import CATALOGUE
from aishell_core.series.rates import gap_seconds
from aishell_core.values import Kind, Reading, TargetId, Unit
from alerts.board.selection import passes
from alerts.language import syntax
from alerts.language.names import SHORT_NAMES
from alerts.models import InstanceKey, Traits

Values = dict[InstanceKey, float | None]
Truths = dict[InstanceKey, bool | None]
A = TypeVar("A")
B = TypeVar("B")
ALL = InstanceKey(TargetId(""))
SCALE = {Unit.MILLISECONDS: 0.001, Unit.MILLISECONDS_PER_SECOND: 0.001}
RAW_SECONDS = 900.0
SEEN = {"avg": 0.9, "min": 0.9, "quantile": 0.9, "stddev": 0.9, "rate": 0.9, "deriv": 0.5, "predict_linear": 0.5}


class TooNearError(Exception):
    """Two numbers are so near each other that rounding decides."""


@dataclass(frozen=True)
class Point:
    at: float
    value: float
    hold: float


@dataclass
class Reference:
    """All readings so far, each with its interval; single tier."""

    readings: list[tuple[Reading, float]]
    traits: dict[TargetId, Traits]
    status: int = 0

    # Figures

    def series(self, name: str, now: float) -> dict[InstanceKey, list[Point]]:
        found: dict[InstanceKey, list[Point]] = {}
        for reading, interval in self.readings:
            for sample in reading.samples:
                if sample.metric.name == name and reading.at <= now:
                    key = InstanceKey(reading.target, sample.labels)
                    found.setdefault(key, []).append(Point(reading.at, sample.value, gap_seconds(interval)))
        return found

    def selected(self, figure: syntax.Figure, now: float) -> tuple[str, bool, dict[InstanceKey, list[Point]]]:
        name = SHORT_NAMES.get(figure.name, figure.name)
        is_raw = name not in CATALOGUE
        name = name + ".rate" if is_raw else name
        kept = {
            key: points for key, points in self.series(name, now).items() if passes(figure.matchers, key.labels, self.traits[key.target])
        }
        return name, is_raw, kept

    def newest(self, figure: syntax.Figure, now: float, offset: float) -> Values:
        name, _, all_series = self.selected(figure, now)
        metric, found = CATALOGUE[name], Values()
        scale = SCALE.get(metric.unit, 1.0)
        for key, points in all_series.items():
            if offset:
                shown = rates(points) if metric.kind is Kind.COUNTER else [(point.at, point.value) for point in points]
                shown = [pair for pair in shown if pair[0] <= now - offset]
                stands = points[-1].hold
                found[key] = shown[-1][1] * scale if shown and now - offset - shown[-1][0] <= stands else None
                continue
            newest = points[-1]
            value: float | None = newest.value
            if metric.kind is Kind.COUNTER:
                own = rates(points)
                value = own[-1][1] if own and own[-1][0] == newest.at else None
            found[key] = value * scale if value is not None and newest.at + newest.hold >= now else None
        return found

    def window(self, name: str, figure: syntax.Figure, span: float, offset: float, parameter: float, now: float) -> Values:
        metric_name, _, all_series = self.selected(figure, now)
        metric, found = CATALOGUE[metric_name], Values()
        scale = SCALE.get(metric.unit, 1.0)
        for key, points in all_series.items():
            pairs = streamed(name, points, metric.kind is Kind.COUNTER)
            if span + offset > RAW_SECONDS:
                pairs = stepped(name, points, metric.kind is Kind.COUNTER, span + offset, now)
            inside = [pair for pair in pairs if now - offset - span < pair[0] <= now - offset]
            value = self.made(name, inside, parameter, now - offset)
            if (
                inside
                and seen_seconds(pairs, inside, now - offset, span, max(points[-1].hold, 2.5 * step_of(span + offset)))
                < SEEN.get(name, 0.0) * span
            ):
                value = None
            if not offset and name != "last" and not self.answers(key.target, now):
                value = None
            plain = name in {"count", "changes", "resets"}
            found[key] = value if value is None or plain else value * scale
        return found

    def answers(self, target: TargetId, now: float) -> bool:
        """Whether the last reading of a target still stands."""
        return any(
            reading.target == target and reading.at <= now <= reading.at + gap_seconds(interval) for reading, interval in self.readings
        )

    def made(self, name: str, inside: list[tuple[float, ...]], parameter: float, then: float) -> float | None:
        values = [pair[1] for pair in inside]
        if not values:
            return None
        match name:
            case "avg":
                return float(statistics.mean(map(Fraction, values)))
            case "min":
                return min(values)
            case "max":
                return max(values)
            case "sum" | "changes" | "resets" | "increase":
                return math.fsum(values)
            case "count":
                return float(len(values))
            case "last":
                return values[-1]
            case "delta":
                return values[-1] - values[0] if len(values) > 1 else None
            case "stddev":
                return float(statistics.pstdev(map(Fraction, values)))
            case "rate":
                return math.fsum(values) / math.fsum(pair[2] for pair in inside)
            case "quantile":
                ordered = sorted(values)
                place = parameter * (len(ordered) - 1)
                low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
                part = place - math.floor(place)
                return low * (1.0 - part) + high * part
            case "deriv" | "predict_linear":
                return line(inside, None if name == "deriv" else then + parameter)
            case _:
                raise AssertionError(name)

    # Expressions

    def values(self, tree: syntax.Expression, now: float, offset: float = 0.0) -> Values:
        match tree:
            case syntax.Number():
                return {ALL: tree.value}
            case syntax.Variable():
                return {ALL: {"status": float(self.status), "warning": 2.0, "critical": 3.0}[tree.name]}
            case syntax.Figure():
                return self.newest(tree, now, offset)
            case syntax.Shifted():
                return self.values(tree.operand, now, offset + tree.seconds)
            case syntax.Unary():
                return {key: None if value is None else -value for key, value in self.values(tree.operand, now, offset).items()}
            case syntax.Binary():
                pairs = self.beside(self.values(tree.left, now, offset), self.values(tree.right, now, offset))
                return {key: computed(tree.operator, one, other) for key, one, other in pairs}
            case syntax.Call():
                return self.called(tree, now, offset)
            case _:
                raise AssertionError(tree)

    def called(self, tree: syntax.Call, now: float, offset: float) -> Values:
        if tree.by is not None or (len(tree.arguments) == 1 and tree.name in {"sum", "avg", "min", "max", "count"}):
            return self.grouped(tree, now, offset)
        if tree.name == "if":
            condition: Values = {
                key: None if holds is None else float(holds) for key, holds in self.truths(tree.arguments[0], now, offset).items()
            }
            branches = [self.values(argument, now, offset) for argument in tree.arguments[1:]]
            return {
                key: None if holds is None else then if holds else otherwise
                for key, (holds, then, otherwise) in self.together(condition, *branches)
            }
        if tree.name in {"abs", "clamp"}:
            columns = [self.values(argument, now, offset) for argument in tree.arguments]
            if tree.name == "abs":
                return {key: None if value is None else abs(value) for key, value in columns[0].items()}
            return {key: clamped(*row) for key, row in self.together(*columns)}
        return self.windowed(tree, now, offset)

    def windowed(self, tree: syntax.Call, now: float, offset: float) -> Values:
        arguments, name, parameter = list(tree.arguments), tree.name, 0.0
        if name == "quantile":
            parameter = number(arguments.pop(0))
        if name == "predict_linear":
            parameter = number(arguments.pop())
        if name in {"p50", "p95", "p99"}:
            name, parameter = "quantile", int(name[1:]) / 100
        figure = arguments[0]
        assert isinstance(figure, syntax.Figure)
        span = arguments[1]
        if isinstance(span, syntax.Shifted):
            offset += span.seconds
            span = span.operand
        return self.window(name, figure, number(span), offset, parameter, now)

    def grouped(self, tree: syntax.Call, now: float, offset: float) -> Values:
        by, operand = tree.by if tree.by is not None else ("target",), tree.arguments[0]
        is_condition = isinstance(operand, syntax.Binary) and operand.operator in {"<", ">", "<=", ">=", "==", "!=", "and", "or", "unless"}
        values: Values
        if is_condition:
            values = {key: None if holds is None else float(holds) for key, holds in self.truths(operand, now, offset).items()}
        else:
            values = self.values(operand, now, offset)
        groups: dict[InstanceKey, list[float]] = {}
        for key, value in values.items():
            words = self.words(key)
            labels = tuple((name, words[name]) for name in sorted(by) if name != "target" and words.get(name))
            group = groups.setdefault(InstanceKey(key.target if "target" in by else TargetId(""), labels), [])
            if value is not None:
                group.append(value)
        name = "sum" if is_condition else tree.name
        made: dict[str, Callable[[list[float]], float]] = {
            "sum": math.fsum,
            "avg": lambda known: math.fsum(known) / len(known),
            "min": min,
            "max": max,
            "count": lambda known: float(len(known)),
        }
        found: Values = {key: made[name](known) if known else None for key, known in groups.items()}
        return found if found or by else {ALL: None}

    def truths(self, tree: syntax.Expression, now: float, offset: float = 0.0) -> Truths:
        match tree:
            case syntax.Unary():
                return {key: None if holds is None else not holds for key, holds in self.truths(tree.operand, now, offset).items()}
            case syntax.Call():
                return self.absent(tree, now)
            case syntax.Binary(_, "and" | "or" | "unless" as word, left, right):
                others = self.truths(right, now, offset)
                if word == "unless":
                    others = {key: None if holds is None else not holds for key, holds in others.items()}
                pairs = self.beside(self.truths(left, now, offset), others)
                return {key: kleene(word, one, other) for key, one, other in pairs}
            case syntax.Binary():
                values = self.beside(self.values(tree.left, now, offset), self.values(tree.right, now, offset))
                return {key: compared(tree.operator, one, other) for key, one, other in values}
            case _:
                raise AssertionError(tree)

    def absent(self, tree: syntax.Call, now: float) -> Truths:
        figure = tree.arguments[0]
        assert isinstance(figure, syntax.Figure)
        span = number(tree.arguments[1]) if len(tree.arguments) > 1 else 60.0
        name, _, all_series = self.selected(figure, now)
        found: Truths = {}
        for target, traits in self.traits.items():
            begins = min((reading.at for reading, _ in self.readings if reading.target == target), default=None)
            if traits.engine in CATALOGUE[name].engines and begins is not None and begins <= now:
                points = [points[-1] for key, points in all_series.items() if key.target == target]
                is_there = any(point.at > now - max(span, point.hold) for point in points)
                found[InstanceKey(target)] = False if is_there else True if now - begins >= span else None
        return found

    # Matching

    def words(self, key: InstanceKey) -> dict[str, str]:
        traits = self.traits.get(key.target)
        of_target = {"engine": traits.engine, "role": traits.role, "environment": traits.environment} if traits else {}
        return of_target | said(key)

    def partner(self, key: InstanceKey, others: Mapping[InstanceKey, object]) -> InstanceKey | None:
        if key in others:
            return key
        words = self.words(key)
        agreeing = [other for other in others if other != key and said(other).items() <= words.items()]
        return min(agreeing, key=lambda other: (-len(said(other)), tuple(sorted(said(other)))), default=None)

    def beside(self, left: Mapping[InstanceKey, A], right: Mapping[InstanceKey, B]) -> Iterator[tuple[InstanceKey, A | None, B | None]]:
        """Each with its partner; a single value for all stands beside all there are."""
        if set(right) == {ALL}:
            yield from ((key, value, right[ALL]) for key, value in left.items())
            return
        if set(left) == {ALL}:
            yield from ((key, left[ALL], value) for key, value in right.items())
            return
        used: set[InstanceKey] = set()
        for key in left:
            partner = self.partner(key, right)
            if partner is not None:
                used |= {partner} - {key}
                yield key, left[key], right[partner]
        consumed: set[InstanceKey] = set()
        for key in right:
            if key not in left:
                partner = self.partner(key, left)
                if partner is not None:
                    consumed.add(partner)
                    yield key, left[partner], right[key]
                elif key not in used:
                    yield key, None, right[key]
        for key in left:
            if self.partner(key, right) is None and key not in consumed:
                yield key, left[key], None

    def together(self, *columns: Values) -> list[tuple[InstanceKey, list[float | None]]]:
        """Several columns beside each other; a single number stands beside all."""
        found: list[tuple[InstanceKey, list[float | None]]] = [(ALL, [])]
        for width, column in enumerate(column for column in columns if set(column) != {ALL}):
            if not width:
                found = [(key, [value]) for key, value in column.items()]
            else:
                found = [(key, [*(before or [None] * width), value]) for key, before, value in self.beside(dict(found), column)]
        for place, column in enumerate(columns):
            if set(column) == {ALL}:
                for _, row in found:
                    row.insert(place, column[ALL])
        return found


def said(key: InstanceKey) -> dict[str, str]:
    """What an instance says of itself."""
    return dict(key.labels) | ({"target": str(key.target)} if key.target else {})


def number(tree: syntax.Expression) -> float:
    assert isinstance(tree, syntax.Number)
    return tree.value


def step_of(reach: float) -> float:
    """The length of the steps that a window is made of, 0 for one of single readings."""
    return 0.0 if reach <= RAW_SECONDS else 10.0 if reach <= 7200.0 else 60.0


def seen_seconds(pairs: list[tuple[float, ...]], inside: list[tuple[float, ...]], until: float, span: float, hold: float) -> float:
    """How much of a window is known: from its first point on, and as far as what led there reaches into it."""
    oldest = inside[0]
    if len(oldest) > 2:
        return until - oldest[0] + oldest[2]
    stood = [min(pair[0] + hold, oldest[0]) - (until - span) for pair in pairs if pair[0] < oldest[0]]
    return until - oldest[0] + max(0.0, stood[-1] if stood else 0.0)


def rates(points: list[Point]) -> list[tuple[float, float]]:
    """The rate at each point that has one."""
    found = []
    for before, after in pairwise(points):
        longest = max(before.hold, after.hold)
        if after.value >= before.value and after.at - before.at <= longest:
            found.append((after.at, (after.value - before.value) / (after.at - before.at)))
    return found


def gains(points: list[Point]) -> list[tuple[float, float, float]]:
    """When a counter rose, by how much, and in how many seconds; from 0 after a fall."""
    found = []
    for before, after in pairwise(points):
        if after.at - before.at <= max(before.hold, after.hold):
            gain = after.value - before.value if after.value >= before.value else after.value
            found.append((after.at, gain, after.at - before.at))
    return found


def streamed(name: str, points: list[Point], is_counter: bool) -> list[tuple[float, ...]]:
    """What a window's function looks at."""
    match name:
        case "rate" | "increase":
            return list(gains(points))
        case "changes":
            return [(after.at, float(after.value != before.value)) for before, after in pairwise(points)]
        case "resets":
            return [(after.at, float(after.value < before.value)) for before, after in pairwise(points)]
        case _:
            return list(rates(points)) if is_counter else [(point.at, point.value) for point in points]


def stepped(name: str, points: list[Point], is_counter: bool, reach: float, now: float) -> list[tuple[float, ...]]:
    """The same as figures of whole steps, each at its end; the last one is not finished."""
    step = step_of(reach)
    risen = gains(points)
    shown = [(at, gain / seconds) for at, gain, seconds in risen] if is_counter else [(point.at, point.value) for point in points]
    numbers = sorted({at // step for at, _ in shown})
    found: list[tuple[float, ...]] = []
    for place in numbers[:-1]:
        inside = [value for at, value in shown if at // step == place]
        total = [(gain, seconds) for at, gain, seconds in risen if at // step == place] if is_counter else []
        gain, seconds = math.fsum(pair[0] for pair in total), math.fsum(pair[1] for pair in total)
        mean = gain / seconds if is_counter else math.fsum(inside) / len(inside)
        end = (place + 1) * step
        match name:
            case "min":
                found.append((end, min(inside)))
            case "max":
                found.append((end, max(inside)))
            case "last" | "delta":
                found.append((end, inside[-1]))
            case "rate" | "increase":
                found.append((end, gain, seconds))
            case _:
                found.append((end, mean))
    return found


def line(inside: list[tuple[float, ...]], moment: float | None) -> float | None:
    """The slope of the line of least squares, or where it is at a moment; in exact fractions."""
    times, values = [Fraction(pair[0]) for pair in inside], [Fraction(pair[1]) for pair in inside]
    if len(set(times)) < 2:
        return None
    mean_time, mean_value = statistics.mean(times), statistics.mean(values)
    across = sum((time - mean_time) * (value - mean_value) for time, value in zip(times, values, strict=True))
    slope = across / sum((time - mean_time) ** 2 for time in times)
    return float(slope) if moment is None else float(mean_value + slope * (Fraction(moment) - mean_time))


def computed(operator: str, left: float | None, right: float | None) -> float | None:
    if left is None or right is None:
        return None
    if operator in {"/", "%"} and right == 0:
        return None
    value = {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
        "%": lambda: left % right,
    }[operator]()
    return value if math.isfinite(value) else None


def clamped(value: float | None, low: float | None, high: float | None) -> float | None:
    if value is None or low is None or high is None or low > high:
        return None
    return min(max(value, low), high)


def compared(operator: str, left: float | None, right: float | None) -> bool | None:
    if left is None or right is None:
        return None
    if left != right and abs(left - right) <= 1e-9 * max(abs(left), abs(right), 1.0):
        raise TooNearError
    return {
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
        "==": left == right,
        "!=": left != right,
    }[operator]


def kleene(word: str, left: bool | None, right: bool | None) -> bool | None:
    decisive = word == "or"
    if decisive in (left, right):
        return decisive
    return None if None in (left, right) else not decisive
