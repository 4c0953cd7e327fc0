"""The large chart of a zoomed pane and of exports, drawn by plotext."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aishell_core.values import Unit
from widgets.chart_scale import axis_label, choose_scale
from widgets.format import clean


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
    series: Sequence[tuple[str, Sequence[float], Sequence[float]]],
    width: int,
    height: int,
    *,
    limit: float | None = None,
    unicode: bool = True,
) -> list[str]:
    """`height` lines of `width` cells without colour codes; each series is a name, times (epoch seconds) and values.

    NaN breaks no line in plotext, so it is left out. Imports plotext, which draws on a figure of its own.
    """
    if width < 20 or height < 5:
        return []
    import plotext  # only a zoomed pane or an export pays for it

    plotext.clear_figure()
    plotext.plot_size(width, height)
    plotext.theme("clear")
    plotext.title(clean(title, ascii_only=not unicode))
    _draw(series, width, unit, limit, unicode=unicode)
    text = plotext.uncolorize(plotext.build())
    plotext.clear_figure()
    lines = text.splitlines()[:height]
    return lines if unicode else [line.translate(_ASCII_FRAME) for line in lines]


_ASCII_FRAME = str.maketrans("┌┐└┘─│┤├┬┴┼", "++++-|||+++")


def _draw(
    series: Sequence[tuple[str, Sequence[float], Sequence[float]]], width: int, unit: Unit, limit: float | None, *, unicode: bool
) -> None:
    import plotext  # already loaded by the caller

    all_times: list[float] = []
    all_values: list[float] = [] if limit is None else [limit]
    for name, times, values in series:
        xs, ys = reduce_points(times, values, width)
        if xs:
            plotext.plot(
                xs, ys, label=clean(name, ascii_only=not unicode) if len(series) > 1 else None, marker="braille" if unicode else "*"
            )
            all_times += [xs[0], xs[-1]]
            all_values += [min(ys), max(ys)]
    if limit is not None:
        plotext.hline(limit)
    _ticks(all_times, all_values, unit, width)


def _ticks(times: list[float], values: list[float], unit: Unit, width: int) -> None:
    import plotext  # already loaded by the caller

    from widgets.chart import clock_text

    if not times or not values:
        return
    scale = choose_scale(values, unit)
    marks = [scale.low + (scale.high - scale.low) * step / 4 for step in range(5)]
    plotext.ylim(scale.low, scale.high)
    plotext.yticks(marks, [axis_label(mark, unit) for mark in marks])
    begin, end = min(times), max(times)
    count = max(2, width // 20)
    moments = [begin + (end - begin) * step / (count - 1) for step in range(count)] if end > begin else [begin]
    plotext.xticks(moments, [clock_text(moment, end - begin) for moment in moments])
