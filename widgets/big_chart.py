"""The large chart of a zoomed pane and of exports, drawn by plotext."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

from aishell_core.values import Unit
from widgets.chart_scale import axis_label, choose_scale
from widgets.format import clean

Series = tuple[str, Sequence[float], Sequence[float]]
"""Name, times (epoch seconds) and values."""


def reduce_points(times: Sequence[float], values: Sequence[float], width: int) -> tuple[list[float], list[float]]:
    """At most two points per cell: the lowest and the highest of each of `width` equal spans, in their order of time.

    Values that are NaN are left out.
    """
    known = [(at, value) for at, value in zip(times, values, strict=True) if math.isfinite(value)]
    if len(known) <= 2 * width or width < 1:
        return [at for at, _ in known], [value for _, value in known]
    begin, end = known[0][0], known[-1][0]
    spans: dict[int, list[tuple[float, float]]] = {}
    for point in known:
        spans.setdefault(min(width - 1, int((point[0] - begin) / (end - begin) * width)) if end > begin else 0, []).append(point)
    kept: list[tuple[float, float]] = []
    for points in spans.values():
        ends = {min(points, key=lambda point: point[1]), max(points, key=lambda point: point[1])}
        kept += sorted(ends)
    return [at for at, _ in kept], [value for _, value in kept]


def plot_lines(
    title: str,
    unit: Unit,
    series: Sequence[Series],
    width: int,
    height: int,
    *,
    limit: float | None = None,
    window: tuple[float, float] | None = None,
    marks: Sequence[float] = (),
    unicode: bool = True,
) -> list[str]:
    """`height` lines of `width` cells without colour codes; each series is a name, times (epoch seconds) and values.

    NaN is a gap in the line. The time axis covers `window` (epoch seconds), or else the times that there are; `marks`
    are vertical lines at moments in it. Imports plotext, which draws on a figure of its own.
    """
    if width < 20 or height < 5:
        return []
    import plotext  # only a zoomed pane or an export pays for it

    plotext.clear_figure()
    # The size is the pane's; what plotext finds out about the terminal does not count.
    plotext.limit_size(False, False)
    plotext.plot_size(width, height)
    plotext.theme("clear")
    plotext.title(clean(title, ascii_only=not unicode))
    span = window or _span_of(series)
    _value_axis(_draw(series, width, span, unicode=unicode), unit, limit, height)
    if span is not None:
        _time_axis(span, marks, width)
    text = plotext.uncolorize(plotext.build())
    plotext.clear_figure()
    lines = [_dotted(line) for line in text.splitlines()[:height]]
    return lines if unicode else [line.translate(_ASCII_FRAME) for line in lines]


_ASCII_FRAME = str.maketrans("┌┐└┘─┄│┤├┬┴┼", "++++--|||+++")


def _dotted(line: str) -> str:
    """The line of the limit is told from the frame by its dots."""
    label, begin, rest = line.partition("├")
    return label + begin + rest.replace("─", "┄")


def _span_of(series: Sequence[Series]) -> tuple[float, float] | None:
    times = [
        at for _, times, values in series for at, value in zip(times, values, strict=True) if math.isfinite(at) and math.isfinite(value)
    ]
    return (min(times), max(times)) if times else None


def _pieces(times: Sequence[float], values: Sequence[float], span: tuple[float, float]) -> list[list[tuple[float, float]]]:
    """The points in the span, in pieces that end where a value is not known."""
    points = zip(times, values, strict=True)
    seen = [point for point in points if span[0] <= point[0] <= span[1]]
    return [list(piece) for known, piece in groupby(seen, key=lambda point: math.isfinite(point[1])) if known]


def _draw(series: Sequence[Series], width: int, span: tuple[float, float] | None, *, unicode: bool) -> list[float]:
    """Draw all lines; returns the lowest and highest value of each piece."""
    import plotext  # already loaded by the caller

    reach: list[float] = []
    if span is None:
        return reach
    for name, times, values in series:
        label = clean(name, ascii_only=not unicode) if len(series) > 1 else None
        for piece in _pieces(times, values, span):
            share = (piece[-1][0] - piece[0][0]) / (span[1] - span[0]) if span[1] > span[0] else 1.0
            xs, ys = reduce_points([at for at, _ in piece], [value for _, value in piece], max(1, math.ceil(width * share)))
            plotext.plot(xs, ys, label=label, marker="braille" if unicode else "*")
            reach += [min(ys), max(ys)]
            # One entry in the legend is enough for all pieces.
            label = None
    if not reach:
        # Without any point plotext draws no axis at all.
        plotext.scatter(list(span), [0.0, 0.0], marker=" ")
    return reach


def _value_axis(values: list[float], unit: Unit, limit: float | None, height: int) -> None:
    import plotext  # already loaded by the caller

    if limit is not None:
        plotext.hline(limit)
    if not values and limit is None:
        plotext.yticks([])
        return
    # A little above the limit, so that its line is not taken for the frame.
    scale = choose_scale(values if limit is None else [*values, limit, limit * 1.02], unit)
    steps = [scale.low + (scale.high - scale.low) * step / 4 for step in range(5)]
    if limit is not None:
        # No other number stands in the row of the limit or next to it.
        apart = 1.5 * (scale.high - scale.low) / max(1, height - 4)
        steps = sorted([limit, *(step for step in steps if abs(step - limit) >= apart)])
    plotext.ylim(scale.low, scale.high)
    plotext.yticks(steps, [axis_label(step, unit) for step in steps])


def _time_axis(span: tuple[float, float], marks: Sequence[float], width: int) -> None:
    import plotext  # already loaded by the caller

    from widgets.chart_axis import clock_text

    begin, end = span
    if begin >= end:
        plotext.xticks([begin], [clock_text(begin, 0.0)])
        return
    plotext.xlim(begin, end)
    for mark in marks:
        if begin <= mark <= end:
            plotext.vline(mark)
    count = max(2, width // 20)
    moments = [begin + (end - begin) * step / (count - 1) for step in range(count)]
    plotext.xticks(moments, [clock_text(moment, end - begin) for moment in moments])
